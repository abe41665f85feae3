# Assigns every installed file to a package.
#
# awk -v format=deb|rpm -v main=NAME -v libdir=DIR -v out=PREFIX -f assign.awk PACKAGES LISTING
#
# PACKAGES has lines "PACKAGE files PATTERN" and "PACKAGE config PATH"; LISTING is "TYPE PATH" as `find -printf
# '%y /%P\n'` writes it. In a pattern ** stands for any path, * and ? stay within one path component, and a pattern
# that names a directory takes all below it. What no pattern takes belongs to the package NAME.
#
# deb: PREFIX<package> lists paths relative to the staged tree, for every package but NAME, which keeps the rest.
# rpm: PREFIX<package> is a list for %files -f.

function pattern_to_regex(glob,    i, c, regex) {
    regex = "^"
    for (i = 1; i <= length(glob); i++) {
        c = substr(glob, i, 1)
        if (substr(glob, i, 4) == "/**/") { regex = regex "/(.*/)?"; i += 3 }
        else if (substr(glob, i, 2) == "**") { regex = regex ".*"; i++ }
        else if (c == "*") regex = regex "[^/]*"
        else if (c == "?") regex = regex "[^/]"
        else if (c ~ /[A-Za-z0-9\/_-]/) regex = regex c
        else if (c == "^" || c == "\\") regex = regex "\\" c
        else regex = regex "[" c "]"
    }
    return regex "(/.*)?$"
}

function fail(message) {
    print "farm: " message > "/dev/stderr"
    failed = 1
}

# Directories that belong to the system: no package owns them. Every other directory is owned by all packages with
# files in it, as it may have to exist with any one of them alone.
function is_shared(path) {
    if (path ~ /^\/(usr|usr\/local|usr\/share|var|var\/lib|usr\/lib|usr\/lib64|usr\/libexec|etc|run|opt|srv)?$/) return 1
    if (path ~ /^(\/usr)?\/(bin|sbin|games|include|src|lib\/debug|lib\/pkgconfig|lib64\/pkgconfig|lib64\/cmake|lib\/cmake)$/) return 1
    if (path ~ /^\/(bin|sbin|lib|lib64|boot|dev|home|media|mnt|proc|root|sys|tmp)$/) return 1
    if (path == libdir || path == libdir "/pkgconfig" || path == libdir "/cmake" || path ~ /^\/usr\/lib\/[^\/]+-linux-gnu[^\/]*(\/(pkgconfig|cmake))?$/) return 1
    if (path ~ /^\/usr\/share\/(man|man\/[^\/]+|man\/[^\/]+\/man[^\/]+|doc|licenses|info|locale|locale\/[^\/]+|locale\/[^\/]+\/LC_[^\/]+|misc|pkgconfig|aclocal|applications|pixmaps|metainfo|appdata|mime|mime\/packages|mime-info|sounds|themes|fonts|xml|sgml|dict|empty|backgrounds|desktop-directories|autostart|games|help|omf|idl|wayland-sessions|xsessions|vala|vala\/vapi|gir-1.0|glib-2.0|glib-2.0\/schemas|dbus-1|dbus-1\/[^\/]+|polkit-1|polkit-1\/[^\/]+|zsh|zsh\/site-functions|zsh\/vendor-completions|fish|fish\/vendor_[^\/]+|bash-completion|bash-completion\/completions|emacs|emacs\/site-lisp|vim|vim\/vimfiles|perl5|perl5\/vendor_perl|gtk-doc|gtk-doc\/html|icons|icons\/hicolor|icons\/hicolor\/[^\/]+|icons\/hicolor\/[^\/]+\/[^\/]+|cmake)$/) return 1
    if (path ~ /^\/usr\/lib\/(systemd|systemd\/[^\/]+|tmpfiles.d|sysusers.d|sysctl.d|modules|modules-load.d|modprobe.d|environment.d|binfmt.d|udev|udev\/(rules.d|hwdb.d)|firmware|locale|rpm|rpm\/macros.d|girepository-1.0|games|locale|python[0-9.]+|python[0-9.]+\/(site|dist)-packages|python3\/dist-packages|python3)$/) return 1
    if (path ~ /^\/usr\/lib64\/(girepository-1.0|perl5|perl5\/vendor_perl|python[0-9.]+|python[0-9.]+\/site-packages)$/) return 1
    if (path ~ /^\/etc\/(default|sysconfig|opt|skel|ld.so.conf.d|profile.d|cron.d|cron.hourly|cron.daily|cron.weekly|cron.monthly|logrotate.d|init.d|pam.d|rc.d|rc.d\/init.d|security|security\/limits.d|ssl|sudoers.d|sysctl.d|tmpfiles.d|udev|udev\/rules.d|X11|xdg|xdg\/autostart|xinetd.d|yum.repos.d|apt|apt\/[^\/]+|bash_completion.d|systemd|systemd\/system|modprobe.d|modules-load.d|binfmt.d|dbus-1|dbus-1\/[^\/]+)$/) return 1
    if (path ~ /^\/var\/(adm|cache|db|empty|games|lib\/games|lib\/misc|local|lock|log|mail|nis|opt|preserve|run|spool|spool\/(cron|mail|lpd)|tmp|yp)$/) return 1
    return 0
}

# A path for %files -f. How a glob character is escaped differs between versions of rpm, and between quotes none is a
# glob; but `?` stands for it in all of them. Blanks alone are quoted.
function rpm_path(path) {
    gsub(/%/, "%%", path)
    if (gsub(/[][*?{}\\"]/, "?", path)) gsub(/[ \t]/, "?", path)
    return path ~ /[ \t]/ ? "\"" path "\"" : path
}

function rpm_line(package, path, type,    attribute) {
    attribute = ""
    if ((package, path) in config) { attribute = "%config(noreplace) "; found_config[package, path] = 1 }
    else if (type == "d") attribute = "%dir "
    else if (path ~ /^\/usr\/share\/licenses\//) attribute = "%license "
    else if (path ~ /^\/usr\/share\/(doc|info|gtk-doc)\//) attribute = "%doc "
    else if (path ~ /^\/usr\/share\/locale\/[A-Za-z_@.]+\//) {
        attribute = path
        sub(/^\/usr\/share\/locale\//, "", attribute)
        sub(/\/.*/, "", attribute)
        attribute = "%lang(" attribute ") "
    }
    print attribute rpm_path(path) > (out package)
}

FILENAME == ARGV[1] {
    if ($0 ~ /^#/ || $0 == "") next
    split($0, word, " ")
    rest = substr($0, length(word[1]) + length(word[2]) + 3)
    at = index(rest, "${libdir}")
    while (at) {
        rest = substr(rest, 1, at - 1) libdir substr(rest, at + 9)
        at = index(rest, "${libdir}")
    }
    if (!(word[1] in known)) { known[word[1]] = 1; package_name[++package_count] = word[1] }
    if (word[2] == "config") config[word[1], rest] = 1
    else if (word[2] == "files") {
        pattern_count++
        sub(/\/$/, "", rest)
        pattern[pattern_count] = rest
        regex[pattern_count] = pattern_to_regex(rest)
        owner[pattern_count] = word[1]
    }
    next
}

{
    type[++count] = substr($0, 1, 1)
    name[count] = substr($0, 3)
    parent = name[count]
    sub(/\/[^\/]*$/, "", parent)
    has_children[parent] = 1
}

END {
    if (!(main in known)) { known[main] = 1; package_name[++package_count] = main }
    for (p = 1; p <= package_count; p++) printf "" > (out package_name[p])
    for (i = 1; i <= count; i++) {
        path = name[i]
        if (path == "/") continue
        # rpm splits these off by itself.
        if (format == "rpm" && path ~ /^\/usr\/(lib\/debug|src\/debug)(\/|$)/) continue
        if (format == "rpm" && path ~ /^\/usr\/(lib|src)$/) continue
        if (type[i] == "d" && path in has_children) continue
        package = ""
        for (p = 1; p <= pattern_count; p++) {
            if (path !~ regex[p]) continue
            matched[p] = 1
            if (package == "") package = owner[p]
            else if (package != owner[p]) fail(path " belongs to two packages, " package " and " owner[p] ": change their patterns")
        }
        if (package == "") package = main
        if (format == "deb") {
            if (package != main) print "." path > (out package)
            continue
        }
        if (type[i] != "d") rpm_line(package, path, type[i])
        else if (!is_shared(path)) directory[package, path] = 1
        parent = path
        while (sub(/\/[^\/]*$/, "", parent) && parent != "") {
            if ((package, parent) in seen) break
            seen[package, parent] = 1
            if (!is_shared(parent)) directory[package, parent] = 1
        }
    }
    # The listing is sorted, and so are the directories in it: the lists do not depend on awk's hash order.
    if (format == "rpm")
        for (i = 1; i <= count; i++)
            for (p = 1; p <= package_count; p++)
                if ((package_name[p], name[i]) in directory) rpm_line(package_name[p], name[i], "d")
    for (p = 1; p <= pattern_count; p++)
        if (!(p in matched)) fail("nothing that was installed matches " pattern[p] " of package " owner[p])
    if (format == "rpm")
        for (key in config)
            if (!(key in found_config)) {
                split(key, part, SUBSEP)
                fail("configuration file " part[2] " of package " part[1] " was not installed")
            }
    if (failed) exit 1
}
