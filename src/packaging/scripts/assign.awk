# Assigns every installed file to a package.
#
# LC_ALL=C awk -v format=deb|rpm -v main=NAME -v libdir=DIR -v out=PREFIX -v modes=FILE -v manifest=FILE \
#     -f patterns.awk -f assign.awk PACKAGES LISTING
#
# LISTING is "TYPE PATH" as `find -printf '%y /%P\n'` writes it; PACKAGES has lines
#
#   PACKAGE files PATTERN      takes what matches
#   PACKAGE config PATTERN     configuration files, of which the package must have one
#   PACKAGE whole PATTERN      files that are not stripped: staged.awk's business
#   PACKAGE private PATTERN    libraries that are the packages' own; "PACKAGE public": none is: likewise
#   PACKAGE has PATH           a file that the recipe names elsewhere, which must be in the package
#   PACKAGE own PATH SOURCE    a file that farm adds to the package, and nobody else installs
#   PACKAGE link PATH NAME     a link that update-alternatives makes, and nobody installs
#   PACKAGE attributes MODE OWNER GROUP CAPABILITIES PATTERN
#                              what files have that match as a whole; "-" for what is as it was installed
#   PACKAGE ghost MODE OWNER GROUP PATH
#                              a file of an .rpm that nobody installs
#   PACKAGE behind NAME PATH   what the alternative leads to when the package is installed: rpm-files.sh's business
#
# What no pattern takes belongs to the package NAME, unless that has patterns itself: then it is a mistake. Files below
# /etc are configuration files in any case, as debhelper has it.
#
# deb: PREFIX<package> lists paths relative to the staged tree, for every package but NAME, which keeps the rest;
#      PREFIX.conffiles.<package> the configuration files outside of /etc, which debhelper has to be told of;
#      PREFIX.attributes.<package> calls of the shell function farm_attribute, for a maintainer script.
# rpm: PREFIX<package> is a list for %files -f. Modes that the files do not have on the disk are in `modes` (staged.awk).
#
# `manifest` gets a line "in PACKAGE PATH" for every file, "config PACKAGE PATH" for configuration files, and "own" and
# "link" with package and path for what farm adds itself. "mode MODE PATH" and, of an .rpm, "owner OWNER:GROUP PATH" are what
# the recipe says of a file.
#
# Mistakes go to the standard error: as findings to whoever set FARM_PHASE_TOKEN, as sentences to others.

# Many files are often wrong for one reason: some of each kind are named, the others counted.
function mistake(rule, message) {
    if (!(rule in mistakes)) rules[++rule_count] = rule
    if (++mistakes[rule] <= 20) tell(rule, message)
}

# Other names under which patterns may know a path: rpmbuild lists compressed man pages and compiled Python, which a
# .deb gets later. Sets other[1] to other[N] and returns N.
function other_names(path,    n) {
    n = 0
    if (path ~ /^\/usr\/share\/(man|info)\//) {
        if (sub(/\.(gz|bz2|xz|zst)$/, "", path)) other[++n] = path
        other[++n] = path ".gz"
    } else if (path ~ /\/__pycache__\/[^\/.]+\.[^\/]*pyc$/) {
        sub(/\/__pycache__\//, "/", path)
        sub(/\.[^\/]*$/, ".py", path)
        other[++n] = path
    }
    return n
}

function matches(path, count, regex,    n) {
    if (path ~ regex) return 1
    for (n = 1; n <= count; n++) if (other[n] ~ regex) return 1
    return 0
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
    if (path ~ /^\/etc\/(default|sysconfig|opt|skel|ld.so.conf.d|profile.d|cron.d|cron.hourly|cron.daily|cron.weekly|cron.monthly|logrotate.d|init.d|pam.d|rc.d|rc.d\/init.d|security|security\/limits.d|ssl|alternatives|sudoers.d|sysctl.d|tmpfiles.d|udev|udev\/rules.d|X11|xdg|xdg\/autostart|xinetd.d|yum.repos.d|apt|apt\/[^\/]+|bash_completion.d|systemd|systemd\/system|modprobe.d|modules-load.d|binfmt.d|dbus-1|dbus-1\/[^\/]+)$/) return 1
    if (path ~ /^\/var\/(adm|cache|db|empty|games|lib\/games|lib\/misc|local|lock|log|mail|nis|opt|preserve|run|spool|spool\/(cron|mail|lpd)|tmp|yp)$/) return 1
    return 0
}

# A path for %files -f, for rpm 4.11 to 6. Up to 4.18 rpm expands macros twice, splits what it takes for a glob as a
# shell would, and knows no escapes between quotes; later ones expand once, split nothing, and globs between quotes are
# none. Bracket expressions mean the same to all of them: [%%%%] is a percent sign after any number of expansions, and
# [\"], [\'] and [\\\\] are what they are whether or not a backslash has been taken away. Braces are looked for before
# brackets, so an opening one stays alone: a range of three stands for the closing one, and of a blank beside brackets,
# where quotes are no help. Paths that this takes for each other are told by alike().
function rpm_path(path,    out, i, c) {
    if (path !~ /[][*?}"'\\%]/) return path ~ / / ? "\"" path "\"" : path
    out = ""
    for (i = 1; i <= length(path); i++) {
        c = substr(path, i, 1)
        if (c == "%") c = "[%%%%]"
        else if (c ~ /[[*?]/) c = "[" c "]"
        else if (c == "\"" || c == "'") c = "[\\" c "]"
        else if (c == "\\") c = "[\\\\\\\\]"
        else if (c == "}") c = "[|-~]"
        else if (c == " ") c = "[\037-!]"
        out = out c
    }
    return out
}

# What rpm_path() cannot tell apart is the same here.
function alike(path) {
    gsub(/[|~]/, "}", path)
    gsub(/!/, " ", path)
    return path
}

function is_config(package, path, type) {
    return type == "f" && (path ~ /^\/etc\// || (package, path) in config)
}

# The number of what the recipe says of a file, 0 where that is nothing.
function attributes_of(package, path,    a, found) {
    found = 0
    for (a = 1; a <= attributes_count; a++) {
        if (attributes_owner[a] != package || path !~ attributes_regex[a]) continue
        attributes_matched[a] = 1
        if (found) mistake("attributes-twice", path " has attributes by " attributes_pattern[found] " and by " attributes_pattern[a] ": only one of them can be meant")
        found = a
    }
    return found
}

function quoted(text) {
    gsub(/'/, "'\\''", text)
    return "'" text "'"
}

# What the packages are held against, and what a maintainer script has to do.
function said(package, path, a) {
    if (manifest != "" && attributes_mode[a] != "-") print "mode", attributes_mode[a], path > manifest
    if (manifest != "" && format == "rpm" && attributes_user[a] != "-") print "owner", attributes_user[a] ":" attributes_group[a], path > manifest
    if (format == "deb" && attributes_user[a] attributes_caps[a] != "--")
        print "    farm_attribute " (attributes_user[a] == "-" ? "-" : attributes_user[a] ":" attributes_group[a]) " " quoted(attributes_caps[a]) " " quoted(path) > (out ".attributes." package)
}

function rpm_line(package, path, type,    attribute, line, n, a) {
    attribute = ""
    if (is_config(package, path, type)) attribute = "%config(noreplace) "
    else if (type == "d") attribute = "%dir "
    else if (path ~ /^\/usr\/share\/licenses\//) attribute = "%license "
    else if (path ~ /^\/usr\/share\/(doc|info|gtk-doc)\//) attribute = "%doc "
    else if (path ~ /^\/usr\/share\/locale\/[A-Za-z_@.]+\//) {
        attribute = path
        sub(/^\/usr\/share\/locale\//, "", attribute)
        sub(/\/.*/, "", attribute)
        attribute = "%lang(" attribute ") "
    }
    if (type != "l") {
        other_count = other_names(path)
        if (a = attributes_of(package, path)) {
            attribute = "%attr(" (path in mode ? mode[path] : "-") ", " attributes_user[a] ", " attributes_group[a] ") " (attributes_caps[a] == "-" ? "" : "%caps(" attributes_caps[a] ") ") attribute
            said(package, path, a)
        } else if (path in mode) attribute = "%attr(" mode[path] ", -, -) " attribute
        else for (n = 1; n <= other_count; n++)
            if (other[n] in mode) { attribute = "%attr(" mode[other[n]] ", -, -) " attribute; break }
    }
    line = rpm_path(path)
    if (line ~ /\[[|\037]-/) ranged[++ranged_count] = path
    marked_as[path] = marked_as[path] SUBSEP package SUBSEP attribute
    print attribute line > (out package)
}

BEGIN {
    # It is there even where nothing was installed.
    if (manifest != "") printf "" > manifest
    while (modes != "" && (getline line < modes) > 0) {
        path = line
        sub(/^[^ ]* [^ ]* /, "", path)
        split(line, word, " ")
        sub(/^\/lib\/systemd\//, "/usr/lib/systemd/", path)
        mode[path] = word[2]
    }
}

FILENAME == ARGV[1] {
    if ($0 ~ /^#/ || $0 == "") next
    split($0, word, " ")
    rest = in_libdir(substr($0, length(word[1]) + length(word[2]) + 3))
    if (!(word[1] in known)) { known[word[1]] = 1; package_name[++package_count] = word[1] }
    if (word[2] == "config") {
        sub(/\/$/, "", rest)
        config_pattern[++config_count] = rest
        config_regex[config_count] = pattern_to_regex(rest)
        config_owner[config_count] = word[1]
    } else if (word[2] == "has") { wanted[++wanted_count] = word[1] SUBSEP rest; declared[rest] = 1 }
    else if (word[2] == "own" || word[2] == "link") {
        what = rest
        sub(/^.* /, "", what)
        sub(/ [^ ]*$/, "", rest)
        added[rest] = word[2]
        if (manifest != "") print word[2], word[1], rest > manifest
        if (format == "deb") next
        if (word[2] == "own") added_line[++added_count] = word[1] SUBSEP rpm_path(rest)
        else {
            added_line[++added_count] = word[1] SUBSEP "%ghost " rpm_path(rest)
            added_line[++added_count] = word[1] SUBSEP "%ghost /etc/alternatives/" what
        }
    } else if (word[2] == "ghost") {
        split(rest, field, " ")
        sub(/^[^ ]+ [^ ]+ [^ ]+ /, "", rest)
        added[rest] = "ghost"
        if (manifest != "") print "own", word[1], rest > manifest
        if (format == "rpm") added_line[++added_count] = word[1] SUBSEP "%ghost %attr(" field[1] ", " field[2] ", " field[3] ") " rpm_path(rest)
    } else if (word[2] == "attributes") {
        split(rest, field, " ")
        sub(/^[^ ]+ [^ ]+ [^ ]+ [^ ]+ /, "", rest)
        a = ++attributes_count
        attributes_owner[a] = word[1]
        attributes_mode[a] = field[1]; attributes_user[a] = field[2]; attributes_group[a] = field[3]
        gsub(/[|]/, " ", field[4])
        attributes_caps[a] = field[4]
        attributes_pattern[a] = rest
        attributes_regex[a] = exact_regex(rest)
    } else if (word[2] == "files") {
        pattern_count++
        if (word[1] == main) strict = 1
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
    for (i = 1; i <= added_count; i++) {
        split(added_line[i], part, SUBSEP)
        print part[2] > (out part[1])
    }
    for (i = 1; i <= count; i++) {
        path = name[i]
        if (path == "/") continue
        if (path ~ /[\001-\037\177]/) {
            gsub(/[\001-\037\177]/, "?", path)
            mistake("name-with-control-character", path " has a control character in its name (? here), which no package can have: rename it")
            continue
        }
        # rpm splits these off by itself.
        if (format == "rpm" && path ~ /^\/usr\/(lib\/debug|src\/debug)(\/|$)/) continue
        if (format == "rpm" && path ~ /^\/usr\/(lib|src)$/) continue
        if (type[i] == "d" && path in has_children) continue
        if (path in added) {
            if (added[path] == "ghost") mistake("file-at-ghost", path " was installed, and is to be a ghost, which no package holds: leave it out")
            else if (added[path] == "link") mistake("file-at-link", path " was installed, and is the link of an alternative: install the file under another name")
            else mistake("file-written-twice", path " was installed, and is where farm writes what the recipe declares: leave out one of the two")
            continue
        }
        package = ""
        other_count = other_names(path)
        for (p = 1; p <= pattern_count; p++) {
            if (!matches(path, other_count, regex[p])) continue
            matched[p] = 1
            if (package == "") { package = owner[p]; by = pattern[p] }
            else if (package != owner[p]) mistake("file-in-two-packages", path " is in two packages: " package " takes it by " by ", " owner[p] " by " pattern[p])
        }
        if (package == "") {
            package = main
            if (strict && !(type[i] == "d" && is_shared(path))) mistake("file-in-no-package", path " is in no package: no pattern takes it")
        }
        for (p = 1; p <= config_count; p++) {
            if (!matches(path, 0, config_regex[p])) continue
            if (package != config_owner[p]) config_elsewhere[p] = package
            else if (type[i] == "f") { config[package, path] = 1; config_matched[p] = 1 }
            else config_other[p] = 1
        }
        holder[path] = package
        for (p = 1; p <= other_count; p++) holder[other[p]] = package
        if (path ~ /^\/usr\/lib\/systemd\/system\/[^\/]+\.(service|socket|timer|path)$/ && !(path in declared))
            print "farm: note: " path " is in no table of services: it is neither enabled nor started" > "/dev/stderr"
        if (manifest != "") {
            print (format == "rpm" && type[i] == "d" && is_shared(path) ? "shared" : "in"), package, path > manifest
            if (is_config(package, path, type[i])) print "config", package, path > manifest
        }
        if (format == "deb") {
            # Folders that lie above files of a package are its own, too.
            parent = path
            while (attributes_count && sub(/\/[^\/]*$/, "", parent) && parent != "" && !((package, parent) in directory)) directory[package, parent] = 1
            if (type[i] != "l" && (a = attributes_of(package, path))) said(package, path, a)
            if (package != main) print "." path > (out package)
            if ((package, path) in config && path !~ /^\/etc\//) print path > (out ".conffiles." package)
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
    if (format == "deb")
        for (i = count; i >= 1 && attributes_count; i--)
            for (p = 1; p <= package_count; p++)
                if (((package_name[p], name[i]) in directory) && (a = attributes_of(package_name[p], name[i]))) said(package_name[p], name[i], a)
    # The listing is sorted, and so are the directories in it: the lists do not depend on awk's hash order.
    if (format == "rpm")
        for (i = 1; i <= count; i++)
            for (p = 1; p <= package_count; p++)
                if ((package_name[p], name[i]) in directory) rpm_line(package_name[p], name[i], "d")
    if (ranged_count) {
        for (i = 1; i <= count; i++) kin[alike(name[i])] = kin[alike(name[i])] SUBSEP i
        for (r = 1; r <= ranged_count; r++) {
            kin_count = split(kin[alike(ranged[r])], number, SUBSEP)
            for (k = 2; k <= kin_count; k++) {
                other_path = name[number[k]]
                if (other_path != ranged[r] && (other_path in marked_as) && marked_as[other_path] != marked_as[ranged[r]])
                    mistake("names-too-alike", ranged[r] " and " other_path " are not the same kind of file of one package, and no list of rpm can tell their names apart: rename one of them")
            }
        }
    }
    for (p = 1; p <= pattern_count; p++)
        if (!(p in matched)) mistake("pattern-without-files", "nothing that was installed matches " pattern[p] " of package " owner[p])
    for (p = 1; p <= config_count; p++) {
        if (p in config_matched) continue
        what = "configuration file " config_pattern[p] " of package " config_owner[p]
        if (p in config_elsewhere) mistake("file-in-other-package", what " is in package " config_elsewhere[p] ": change their patterns")
        else if (p in config_other) mistake("file-not-installed", what " is no file: links and empty folders cannot be configuration files")
        else mistake("file-not-installed", what " was not installed")
    }
    for (a = 1; a <= attributes_count; a++)
        if (!(a in attributes_matched)) mistake("attributes-without-files", "no file of package " attributes_owner[a] " matches " attributes_pattern[a] ", for which the recipe has attributes")
    for (i = 1; i <= wanted_count; i++) {
        split(wanted[i], part, SUBSEP)
        if (!(part[2] in holder)) mistake("file-not-installed", part[2] " of package " part[1] " was not installed")
        else if (holder[part[2]] != part[1]) mistake("file-in-other-package", part[2] " of package " part[1] " is in package " holder[part[2]] ": change their patterns")
    }
    for (i = 1; i <= rule_count; i++)
        if (mistakes[rules[i]] > 20) tell(rules[i], "and " (mistakes[rules[i]] - 20) " more of this kind")
    if (rule_count) exit 1
}
