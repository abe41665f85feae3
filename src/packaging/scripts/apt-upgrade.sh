# Upgrades the packages of farm_former to those in farm_packages, a repository, and looks whether all is as it is after a
# new installation, and what the administrator wrote still there.
farm_keep=yes
farm_upgrade=yes
apt_begin
printf 'Dpkg::Options { "--path-include=/*"; };\n' >>"$APT_CONFIG"
apt_update
left=0
status=0
apt-get -q dist-upgrade || status=$?
: >"$farm_life/list"
: >"$farm_life/config"
from=
for package in "$farm_former"/*.deb; do
    name=$(dpkg-deb -f "$package" Package)
    from=$(dpkg-deb -f "$package" Version)
    for new in "$farm_packages"/*.deb; do
        [ "$(dpkg-deb -f "$new" Package)" = "$name" ] || continue
        version=$(dpkg-deb -f "$new" Version)
        has=$(dpkg-query -W -f '${db:Status-Status} ${Version}' "$name" 2>/dev/null || true)
        [ "$has" != "installed $version" ] || continue
        case $has in
        "installed $from") echo "farm: $name is still $from after the upgrade to $version" ;;
        installed*) echo "farm: $name is ${has#installed } after the upgrade from $from to $version" ;;
        *) echo "farm: $name is gone after the upgrade from $from: a package of $version conflicts with it or replaces it" ;;
        esac
        left=1
    done
done
for new in "$farm_packages"/*.deb; do
    name=$(dpkg-deb -f "$new" Package)
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$name" 2>/dev/null || true)" = installed ] || continue
    dpkg-query -L "$name" >>"$farm_life/list"
    dpkg-query -W -f '${Conffiles}\n' "$name" | sed -n 's/^ \(\/.*\) [0-9a-f]*$/\1/p' >>"$farm_life/config"
done
if [ "$status" -ne 0 ]; then
    farm_kinds "$from"
    exit "$status"
fi
farm_lost_data "by the upgrade" "take that out of post-install and post-upgrade, and of what an upgrade runs of the earlier version"
farm_lost_homes "by the upgrade"
farm_clean installed
farm_left_by_upgrade
farm_kept "$farm_life/config"
farm_changes "$farm_life/list" "$from"
exit "$left"
