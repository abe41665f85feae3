# Installs the packages in farm_packages anew and goes back to those in farm_former, as who regrets an upgrade. Whether that is
# possible is apt's to say; where it is, no script may break. Exits 14 where one of farm_former's own does.
apt-get -q install "$farm_packages"/*.deb
if ! apt-get -q -s --allow-downgrades install "$farm_former"/*.deb >"$farm_life/log" 2>&1; then
    cat "$farm_life/log"
    echo "apt refuses to go back, as it may"
    exit 0
fi
farm_logged apt-get -q --allow-downgrades install "$farm_former"/*.deb
if farm_dpkg_went_on; then exit "$status"; fi
[ "$status" -eq 0 ] || exit 14
