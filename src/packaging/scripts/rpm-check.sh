# Looks at the installed packages as their users will meet them: what runs a command has to come with the package, with what it
# requires, or with what every system has. What [test] requires installs does not count. rpm's own generator finds
# interpreters by their path, not the commands that env is told to run.
#
# $farm_packages/wanted has lines PACKAGE INTERPRETER PATH; an interpreter without a slash is a command.
farm_left=0
farm_tell() { echo "farm: $*" >&2; farm_left=1; }
[ -e "$farm_packages/wanted" ] || exit 0
farm_temp=$(mktemp -d)
trap 'rm -rf "$farm_temp"' EXIT

# farm_closure PACKAGE: what it brings, and what is on every system.
farm_closure() {
    [ -e "$farm_temp/requires" ] || {
        rpm -qa --qf '[%{=NAME}\t%{REQUIRENAME}\n]' >"$farm_temp/requires"
        rpm -qa --qf '[%{=NAME}\t%{PROVIDENAME}\n]' >"$farm_temp/provides"
        rpm -qa --qf '[%{=NAME}\t%{FILENAMES}\n]' >"$farm_temp/files"
    }
    awk -F '\t' -v root="$1" '
        function add(name) { if (!(name in seen)) { seen[name] = 1; queue[++last] = name } }
        FILENAME == ARGV[1] {
            needs[$1] = needs[$1] "\t" $2
            if ($2 ~ /^\//) path[$2] = 1
            next
        }
        FILENAME == ARGV[3] && !($2 in path) { next }
        { has[$2] = has[$2] "\t" $1 }
        END {
            add(root); add("bash"); add("coreutils"); add("filesystem")
            for (first = 1; first <= last; first++) {
                count = split(needs[queue[first]], all, "\t")
                for (i = 1; i <= count; i++) {
                    # Of rich dependencies, (a or b), any word may be a package.
                    is_rich = all[i] ~ /^\(/
                    words = split(all[i], word, " ")
                    for (w = 1; w <= words; w++) {
                        if (is_rich) sub(/^\(+/, "", word[w])
                        if (is_rich && word[w] !~ /\(/) sub(/\)+$/, "", word[w])
                        providers = split(has[word[w]], some, "\t")
                        for (n = 1; n <= providers; n++) if (some[n] != "") add(some[n])
                    }
                }
            }
            for (name in seen) print name
        }' "$farm_temp/requires" "$farm_temp/provides" "$farm_temp/files"
}

while read -r package interpreter path; do
    case $interpreter in
        /*) found=$interpreter ;;
        *) found=$(command -v "$interpreter" || true) ;;
    esac
    # Neither a builtin nor a function of the shell.
    case $found in
        '' | /*) ;;
        *) continue ;;
    esac
    if [ ! -e "$found" ]; then
        farm_tell "$path of $package is run by $interpreter, which nothing that is installed has: add what has it to requires of the package"
        continue
    fi
    owners=$({ rpm -qf --qf '%{NAME}\n' "$found" || rpm -qf --qf '%{NAME}\n' "$(readlink -f "$found")"; } 2>/dev/null) || continue
    farm_closure "$package" >"$farm_temp/closure"
    brought=
    for owner in $owners; do
        if grep -qxF "$owner" "$farm_temp/closure"; then brought=yes; fi
    done
    first=${owners%%
*}
    [ -n "$brought" ] || farm_tell "$path of $package is run by $interpreter, and nothing that $package requires brings it:" \
        "add $first to its requires"
done <"$farm_packages/wanted"
exit "$farm_left"
