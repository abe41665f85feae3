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
farm_dangling >"$dangling"
farm_write "$@"
dpkg --remove "$@"
left=0
farm_lost_data "by the removal, before any purge"
farm_lost_homes "by the removal"
if [ -e "$farm_life/edited" ]; then
    # What was the administrator's goes by a purge alone.
    while read -r sum path; do
        ! grep -qxF -e "$path" "$farm_life/config" || [ -e "$path" ] || {
            echo "farm: $path, which an administrator had changed, is gone with the removal, before any purge"
            left=1
        }
    done <"$farm_life/edited"
fi
dpkg --purge "$@"
farm_lost_homes "by the purge"
farm_clean
farm_left_users
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
farm_left "$files" "$dangling"
rm -f "$files" "$dangling"
exit "$left"
