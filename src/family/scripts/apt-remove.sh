# Removes the packages, then their configuration, and sees to it that nothing of them stays.
set --
for package in "$farm_packages"/*.deb; do set -- "$@" "$(dpkg-deb -f "$package" Package)"; done
# What the base itself needs, the library that apt is linked with for one, cannot go: it stays, upgraded.
needed=" $(LC_ALL=C dpkg --simulate --remove "$@" 2>&1 |
    sed '1,/^Errors were encountered/d; s/^ *\([^: ]*\).*/\1/' | tr '\n' ' ')"
all=$*
set --
for package in $all; do
    case $needed in
        *" $package "*) echo "farm: $package is needed by the base and stays" ;;
        *) set -- "$@" "$package" ;;
    esac
done
[ $# -gt 0 ] || exit 0
files=$(mktemp)
dpkg-query -L "$@" | sort -u >"$files"
dangling=$(mktemp)
find /etc -xtype l | sort >"$dangling"
dpkg --remove "$@"
dpkg --purge "$@"
left=0
for package; do
    if dpkg-query -W -f '${db:Status-Status}\n' "$package" 2>/dev/null | grep -qv not-installed; then
        echo "farm: $package is still there after its removal" >&2
        left=1
    fi
done
while IFS= read -r path; do
    case $path in /*) ;; *) continue ;; esac
    if [ -d "$path" ] && [ ! -L "$path" ]; then continue; fi
    if [ -e "$path" ] || [ -L "$path" ]; then
        dpkg-query -S "$path" >/dev/null 2>&1 && continue
        echo "farm: $path is left behind by the removal" >&2
        left=1
    fi
done <"$files"
# Links that scripts made: of alternatives, of units that were enabled.
find /etc -xtype l | sort | comm -13 "$dangling" - >"$files"
while IFS= read -r path; do
    echo "farm: $path is left behind by the removal: a link to $(readlink "$path"), which is gone" >&2
    left=1
done <"$files"
rm -f "$files" "$dangling"
exit "$left"
