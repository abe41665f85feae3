# Looks at the installed packages as their users will meet them. What runs a command has to come with the package, with
# what it depends on, or with what every system has: what [test] requires installs does not count. And where /bin is a
# link, no file may be that of another package under its other name: dpkg does not see that.
#
# $farm_packages/wanted has lines PACKAGE INTERPRETER PATH; an interpreter without a slash is a command.
farm_info=/var/lib/dpkg/info
farm_left=0
farm_tell() { echo "farm: $*" >&2; farm_left=1; }
farm_temp=$(mktemp -d)
trap 'rm -rf "$farm_temp"' EXIT

dpkg-query -W -f '${db:Status-Status}\t${Package}\t${Essential}\t${Pre-Depends}, ${Depends}\t${Provides}\n' \
    | sed -n 's/^installed\t//p' >"$farm_temp/status"

# farm_closure FILE: the packages that those named in FILE, one a line, and essential ones bring.
farm_closure() {
    awk -F '\t' '
        function add(name) { if (name in known && !(name in seen)) { seen[name] = 1; queue[++last] = name } }
        NR == FNR { root[++roots] = $1; next }
        {
            known[$1] = 1
            depends[$1] = $3
            if ($2 == "yes") essential[$1] = 1
            count = split($4, all, ",")
            for (i = 1; i <= count; i++) {
                gsub(/\(.*\)|[ \n]/, "", all[i])
                if (all[i] != "") provided[all[i]] = provided[all[i]] " " $1
            }
        }
        END {
            for (i = 1; i <= roots; i++) add(root[i])
            for (name in essential) add(name)
            for (first = 1; first <= last; first++) {
                count = split(depends[queue[first]], all, /[,|]/)
                for (i = 1; i <= count; i++) {
                    gsub(/\(.*\)|[ \n]|:.*/, "", all[i])
                    add(all[i])
                    providers = split(provided[all[i]], some, " ")
                    for (n = 1; n <= providers; n++) add(some[n])
                }
            }
            for (name in seen) print name
        }' "$1" "$farm_temp/status"
}

# farm_owners PATH...: the packages that have them, below /usr or not.
farm_owners() {
    for farm_name; do
        farm_short=${farm_name#/usr}
        grep -lxF -e "$farm_short" -e "/usr$farm_short" "$farm_info"/*.list || true
    done | sed 's|.*/||; s/\.list$//; s/:.*//' | sort -u
}

# What an RPM requires, as far as it is the business of Debian packages here.
farm_roots() {
    if [ "$farm_format" = deb ]; then
        echo "$1"
        return
    fi
    rpm -q --qf '[%{REQUIRENAME}\n]' "$1" | while read -r farm_need; do
        case $farm_need in
            /*) [ ! -e "$farm_need" ] || farm_owners "$farm_need" "$(readlink -f "$farm_need")" ;;
            'python(abi)') echo python3 ;;
            perl'('*) echo perl ;;
            *) echo "$farm_need" ;;
        esac
    done
}

[ ! -e "$farm_packages/wanted" ] || while read -r package interpreter path; do
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
    owners=$(farm_owners "$found" "$(readlink -f "$found")")
    [ -n "$owners" ] || continue
    if [ ! -e "$farm_temp/closure-$package" ]; then
        farm_roots "$package" >"$farm_temp/roots"
        farm_closure "$farm_temp/roots" >"$farm_temp/closure-$package"
    fi
    brought=
    for owner in $owners; do
        if grep -qxF "$owner" "$farm_temp/closure-$package"; then brought=yes; fi
    done
    # A part of an interpreter is the interpreter.
    first=$(echo $owners)
    first=${first%% *}
    [ -n "$brought" ] || farm_tell "$path of $package is run by $interpreter, and nothing that $package depends on brings it:" \
        "add ${first%-minimal} to its requires"
done <"$farm_packages/wanted"

# Files of the packages under test by their path below /usr, then those of others.
if [ "$farm_format" = deb ] && [ -L /bin ]; then
    own=
    for deb in "$farm_packages"/*.deb; do
        name=$(dpkg-deb -f "$deb" Package)
        for list in "$farm_info/$name.list" "$farm_info/$name":*.list; do
            [ ! -e "$list" ] || own="$own $list"
        done
    done
    others=$(for list in "$farm_info"/*.list; do
        case " $own " in *" $list "*) ;; *) echo "$list" ;; esac
    done)
    # shellcheck disable=SC2086 # names of packages have no blanks
    awk -v own="$own" '
        BEGIN { count = split(own, all, " "); for (i = 1; i <= count; i++) is_own[all[i]] = 1 }
        {
            path = $0
            if (path ~ /^\/(bin|sbin|lib|lib32|lib64|libx32)\//) path = "/usr" path
            if (FILENAME in is_own) { mine[path] = $0; next }
            if (path in mine && mine[path] != $0) print FILENAME "\t" $0 "\t" mine[path]
        }' $own $others >"$farm_temp/twice"
    while IFS='	' read -r list theirs ours; do
        if [ -d "$theirs" ] || grep -qxF -e "$theirs" -e "$ours" /var/lib/dpkg/diversions; then continue; fi
        list=${list##*/}
        list=${list%.list}
        farm_tell "$ours is the same file as $theirs of package ${list%%:*}, which it has overwritten"
    done <"$farm_temp/twice"
fi
# rpm knows of no file that Debian has: commands of essential packages are there on RPM's systems, too.
if [ "$farm_format" = rpm ]; then
    awk -F '\t' '$2 == "yes" { print $1 }' "$farm_temp/status" >"$farm_temp/essential"
    # shellcheck disable=SC2046 # names of packages have no blanks
    rpm -ql $(rpm -qp --nosignature --qf '%{NAME}\n' "$farm_packages"/*.rpm) \
        | grep -E '^(/usr)?/s?bin/[^/]+$' >"$farm_temp/commands" || true
    while read -r path; do
        for owner in $(farm_owners "$path"); do
            if grep -qxF "$owner" "$farm_temp/essential"; then
                farm_tell "$path is a command of every system, which it has overwritten: here it is that of $owner"
            fi
        done
    done <"$farm_temp/commands"
fi
exit "$farm_left"
