# Installs the packages in farm_packages once more, in the version that is there, as `apt-get install --reinstall` has dpkg do it,
# and sees to it that nothing changes.
left=0
names=$(for package in "$farm_packages"/*.deb; do dpkg-deb -f "$package" Package; done)
# shellcheck disable=SC2086 # names
dpkg-query -L $names | sort -u >"$farm_life/list"
# shellcheck disable=SC2086 # names
dpkg-query -W -f '${Conffiles}\n' $names | sed -n 's/^ \(\/.*\) [0-9a-f]*$/\1/p' | sort -u >"$farm_life/conffiles"
# shellcheck disable=SC2086 # names
farm_before_again $names
farm_logged dpkg --force-unsafe-io --force-confdef --force-confold --path-include='/*' --install "$farm_packages"/*.deb
farm_dpkg_went_on || true
[ "$status" -eq 0 ] || exit "$status"
farm_after_again
exit "$left"
