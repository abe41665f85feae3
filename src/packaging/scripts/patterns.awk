# What assign.awk and staged.awk share; it is put in front of each.

# In a pattern ** stands for any path, * and ? stay within one path component, and a pattern that names a directory
# takes all below it.
function pattern_to_regex(glob,    i, c, regex) {
    regex = "^"
    for (i = 1; i <= length(glob); i++) {
        c = substr(glob, i, 1)
        if (substr(glob, i, 4) == "/**/") { regex = regex "/(.*/)?"; i += 3 }
        else if (substr(glob, i, 2) == "**") { regex = regex ".*"; i++ }
        else if (c == "*") regex = regex "[^/]*"
        # One character, of however many bytes: awk reads bytes.
        else if (c == "?") regex = regex "[^/\200-\277][\200-\277]*"
        # Before the class below, of which busybox takes the backslash for a member.
        else if (c == "^" || c == "\\") regex = regex "\\" c
        else if (c ~ /[A-Za-z0-9\/_-]/) regex = regex c
        else regex = regex "[" c "]"
    }
    return regex "(/.*)?$"
}

# The same for what matches as a whole.
function exact_regex(glob,    regex) {
    regex = pattern_to_regex(glob)
    return substr(regex, 1, length(regex) - 7) "$"
}

# A pattern or path of a recipe, with the target's library folder in it.
function in_libdir(text,    at) {
    at = index(text, "${libdir}")
    while (at) {
        text = substr(text, 1, at - 1) libdir substr(text, at + 9)
        at = index(text, "${libdir}")
    }
    return text
}

function tell(rule, message) {
    if (ENVIRON["FARM_PHASE_TOKEN"] != "") message = ENVIRON["FARM_PHASE_TOKEN"] " finding " rule " " message
    else message = "farm: " message
    print message > "/dev/stderr"
}

