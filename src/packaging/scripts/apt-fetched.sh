# apt with the packages that were fetched for the test, and nothing else, for all files that are in packages.
farm_keep=yes
apt_begin
printf 'Dpkg::Options { "--path-include=/*"; };\n' >>"$APT_CONFIG"
if [ -e "$farm_fetched/Packages" ]; then
    apt_update
elif apt_has_local; then
    apt_local_update
fi
