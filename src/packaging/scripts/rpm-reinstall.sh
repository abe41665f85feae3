# Installs the packages in farm_packages once more, in the version that is there, and sees to it that nothing changes.
left=0
names=$(rpm -qp --nosignature --qf '%{NAME}\n' "$farm_packages"/*.rpm)
# shellcheck disable=SC2086 # names
rpm -ql $names | sort -u >"$farm_life/list"
# shellcheck disable=SC2086 # names
rpm -qc $names | { grep '^/' || true; } | sort -u >"$farm_life/conffiles"
# shellcheck disable=SC2086 # names
farm_before_again $names
# shellcheck disable=SC2086 # a program and its options
farm_logged $farm_rpm --reinstall -v --nosignature "$farm_packages"/*.rpm
[ "$status" -eq 0 ] || exit "$status"
farm_after_again
exit "$left"
