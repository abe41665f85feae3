# How the packages are in a new installation, for whoever compares with an upgrade, or with a reinstallation.
# shellcheck disable=SC2046 # names
rpm -ql $(rpm -qp --nosignature --qf '%{NAME}\n' "$farm_packages"/*.rpm) | farm_state >"$farm_life/fresh"
