# Installs the packages of the last good version, in farm_former, as a user has them who is about to upgrade; an
# administrator then changes their configuration files.
names=$(for package in "$farm_former"/*.deb; do dpkg-deb -f "$package" Package; done)
apt-get -q install "$farm_former"/*.deb
# shellcheck disable=SC2086 # names
dpkg-query -L $names | farm_state >"$farm_life/was"
# shellcheck disable=SC2086 # names
dpkg-query -W -f '${Conffiles}\n' $names | sed -n 's/^ \(\/.*\) [0-9a-f]*$/\1/p' | sort -u | farm_edit >"$farm_life/edited"
farm_dangling >"$farm_life/dangling"
# shellcheck disable=SC2086 # names
farm_write $names
