# Installs the packages of the last good version, in farm_former, as a user has them who is about to upgrade; an
# administrator then changes their configuration files.
names=$(rpm -qp --nosignature --qf '%{NAME}\n' "$farm_former"/*.rpm)
# shellcheck disable=SC2086 # a program and its options, names
$farm_rpm -Uv --nosignature "$farm_former"/*.rpm
# shellcheck disable=SC2086 # names
rpm -ql $names | farm_state >"$farm_life/was"
# shellcheck disable=SC2086 # names
rpm -qc $names | { grep '^/' || true; } | sort -u | farm_edit >"$farm_life/edited"
farm_dangling >"$farm_life/dangling"
# shellcheck disable=SC2086 # names
farm_write $names
