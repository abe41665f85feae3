# What is to become of the modes of installed files, and which files no tool may strip.
#
# awk -v what=modes|attributes|objects|whole|private -f patterns.awk -f staged.awk FILE...
#
# modes:   of lines "TYPE MODE INODE /PATH", sorted by path, those whose mode is not what the distribution's tools or a
#          plain umask make of it: "kept MODE /PATH" in packages of both formats, "rest MODE /PATH" where modes are what was
#          installed (rpm). All names of one file have the mode that the first of them gets.
# attributes: of PACKAGES (its lines "PACKAGE attributes MODE …") and lines as for `modes`: "kept MODE /PATH" where the recipe
#          says the mode.
# objects: of a list of paths, and lines "INODE SIZE /PATH" of all files that strip would look at: "SIZE /PATH" of the first.
# whole:   of PACKAGES (its lines "PACKAGE whole PATTERN"), lines "BYTES /PATH" of files with something behind their
#          image, the list of paths and the lines of `objects`: "BYTES /PATH" of what is not stripped, "-" for BYTES where
#          the recipe says so. All names of one file share its fate.
# private: of PACKAGES (its lines "PACKAGE private PATTERN" and "PACKAGE public"), the lines of files of ld.so.conf.d and a
#          list of libraries: those that are the packages' own, as the loader does not find them by itself, or as the
#          recipe says so. assemble/private.rs has the same rule.
#
# artifact/manifest/modes.rs has the same rules for modes, and a test that holds the two together.

function has(digit, bit) { return int(digit / bit) % 2 }
function without(digit, bit) { return has(digit, bit) ? digit - bit : digit }
function with_bit(digit, bit) { return has(digit, bit) ? digit : digit + bit }

function mode_line(type, mode, path,    special, u, g, o, su, sg, so, is_folder, is_open, is_kept, on_disk, wanted) {
    while (length(mode) < 4) mode = "0" mode
    special = substr(mode, 1, 1); u = substr(mode, 2, 1); g = substr(mode, 3, 1); o = substr(mode, 4, 1)
    is_folder = type == "d"
    # What make_workable() in manifest.sh leaves on the disk.
    su = with_bit(with_bit(u, 4), 2); sg = without(g, 2); so = without(o, 2)
    if (is_folder) su = with_bit(su, 1)
    on_disk = special su sg so
    # Nobody but root writes to what a package has, but for folders that are made for that.
    if (!(is_folder && (has(special, 1) || has(special, 2)))) { g = sg; o = so }
    is_open = path ~ /^\/usr\/(share\/(doc|man|info)|include)(\/|$)/
    if (is_open) {
        u = with_bit(with_bit(u, 4), 2); g = with_bit(g, 4); o = with_bit(o, 4)
        if (is_folder) { u = 7; g = with_bit(g, 1); o = with_bit(o, 1) }
    }
    is_kept = special != 0
    if (!is_open && (!has(g, 4) || !has(o, 4))) is_kept = 1
    if (!is_open && is_folder && (!has(g, 1) || !has(o, 1))) is_kept = 1
    wanted = special u g o
    # sudo reads nothing else in Debian's packages.
    if (!is_folder && path ~ /^\/etc\/sudoers\.d\//) { wanted = "0440"; is_kept = 1 }
    if (is_kept) return "kept " wanted " "
    return wanted != on_disk ? "rest " wanted " " : ""
}

function rest_after(count,    text, n) {
    text = $0
    for (n = 0; n < count; n++) sub(/^[^ ]* /, "", text)
    return text
}

what == "modes" {
    path = rest_after(3)
    if ($1 != "f") line = mode_line($1, $2, path)
    else {
        if (!($3 in decided)) decided[$3] = mode_line($1, $2, path)
        line = decided[$3]
    }
    if (line != "") print line path
    next
}

what == "attributes" && FILENAME == ARGV[1] {
    if ($2 != "attributes" || $3 == "-") next
    wanted_mode[++pattern_count] = $3
    regex[pattern_count] = exact_regex(in_libdir(rest_after(6)))
    next
}
what == "attributes" {
    path = rest_after(3)
    for (p = 1; p <= pattern_count; p++) if (path ~ regex[p]) { print "kept " wanted_mode[p] " " path; break }
    next
}

what == "objects" && FILENAME == ARGV[1] { object[$0] = 1; next }
what == "objects" { if (rest_after(2) in object) print $2 " " rest_after(2); next }

what == "whole" && FILENAME == ARGV[1] {
    if ($2 == "whole") regex[++pattern_count] = pattern_to_regex(in_libdir(rest_after(2)))
    next
}
what == "whole" && FILENAME == ARGV[2] { behind[rest_after(1)] = $1; next }
what == "whole" && FILENAME == ARGV[3] { object[$0] = 1; next }
what == "whole" {
    path = rest_after(2)
    if (!(path in object)) next
    inode[path] = $1
    name[++count] = path
    if (path in behind) reason[$1] = behind[path]
    for (p = 1; p <= pattern_count; p++) if (path ~ regex[p]) reason[$1] = "-"
}

what == "private" && FILENAME == ARGV[1] {
    if ($2 == "public") all_are_public = 1
    if ($2 != "private") next
    path = in_libdir(rest_after(2))
    sub(/\/$/, "", path)
    regex[++pattern_count] = pattern_to_regex(path)
    next
}
what == "private" && FILENAME == ARGV[2] {
    sub(/[#=].*/, "")
    sub(/^[ \t]+/, "")
    sub(/[ \t]+$/, "")
    sub(/\/+$/, "")
    if ($0 ~ /^\//) searched[$0] = 1
    next
}
what == "private" {
    path = $0
    sub(/\/[^\/]*$/, "", path)
    is_private = !all_are_public && !(path in searched) \
        && path !~ /^(\/usr)?\/lib(32|64|x32)?(\/[^\/]+-linux-gnu[^\/]*)?(\/glibc-hwcaps\/[^\/]+)?$/
    for (p = 1; p <= pattern_count; p++) if ($0 ~ regex[p]) is_private = 1
    if (is_private) print
}

END {
    for (i = 1; i <= count; i++) if (inode[name[i]] in reason) print reason[inode[name[i]]] " " name[i]
}
