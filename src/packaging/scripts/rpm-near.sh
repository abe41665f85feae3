# Names that are near to one that nothing has: what a slip of the finger makes of it, and what distributions add to names. Which of
# them is meant is farm's to say.

near_literal() {
    printf '%s' "$1" | sed 's/[^A-Za-z0-9_-]/[&]/g; s/\[\^\]/./g'
}

# An extended regular expression of the names near to "$1", without anchors.
near_pattern() {
    near_rest=$1 near_before='' near_slips=''
    while [ -n "$near_rest" ]; do
        near_next=${near_rest#?}
        # A letter too few, too many or wrong here, or two that are swapped.
        near_slips="$near_slips|$near_before.?.?$(near_literal "$near_next")|$near_before..$(near_literal "${near_next#?}")"
        near_before=$near_before$(near_literal "${near_rest%"$near_next"}")
        near_rest=$near_next
    done
    # Without what says that it is a library, for builds, and of which interface.
    near_stem=$(printf '%s\n' "$1" | sed 's/-devel$//; s/-dev$//; s/-headers$//; s/^lib\(..\)/\1/; s/^\([^0-9][^0-9]*[^-.0-9]\)[-.]*[0-9][-.0-9]*[a-z]\{0,1\}$/\1/')
    printf '(lib)?%s[-.0-9]*[a-z]?(-devel|-headers)?%s\n' "$(near_literal "$near_stem")" "$near_slips"
}

# Says what is near to "$1", of lines with names and versions on the standard input.
near_tell() {
    near_name=${1%% *}
    case $near_name in
    *"("*")")
        near_inner=${near_name#*"("}
        near_match="$(near_literal "${near_name%%"("*}(")($(near_pattern "${near_inner%")"}"))[)]"
        ;;
    *) near_match="($(near_pattern "$near_name"))" ;;
    esac
    grep -E "^$near_match " | sort -uV | tail -n 40 | sed 's/^/farm: near: /'
}
