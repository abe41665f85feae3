# Upgrades the packages of farm_former to those in farm_packages, a repository, by farm_resolve, and looks whether all is as
# it is after a new installation, and what the administrator wrote still there.
left=0
status=0
farm_resolve || status=$?
: >"$farm_life/list"
: >"$farm_life/config"
from=$(rpm -qp --nosignature --qf '%{VERSION}-%{RELEASE}\n' "$farm_former"/*.rpm | head -n 1)
rpm -qp --nosignature --qf '%{NAME} %{VERSION}-%{RELEASE}\n' "$farm_packages"/*.rpm >"$farm_life/new"
for name in $(rpm -qp --nosignature --qf '%{NAME}\n' "$farm_former"/*.rpm); do
    version=$(sed -n "s/^$name //p" "$farm_life/new")
    [ -n "$version" ] || continue
    has=$(rpm -q --qf '%{VERSION}-%{RELEASE}\n' "$name" 2>/dev/null) || has=
    [ "$has" != "$version" ] || continue
    if [ -z "$has" ]; then
        echo "farm: $name is gone after the upgrade from $from: a package of $version obsoletes it"
    else
        echo "farm: $name is $has after the upgrade from $from to $version"
    fi
    left=1
done
while read -r name version; do
    [ "$(rpm -q --qf '%{VERSION}-%{RELEASE}\n' "$name" 2>/dev/null)" = "$version" ] || continue
    rpm -ql "$name" >>"$farm_life/list"
    rpm -qc "$name" >>"$farm_life/config"
done <"$farm_life/new"
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
