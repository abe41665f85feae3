# Installs the .deb files in farm_packages with what they depend on; "$@" are packages that the test needs beside. There is
# no network: where more is needed than there is, it exits 13 before anything is installed, and is run again when
# that was fetched, by this same script (see apt-fetch.sh).
# Minimal images tell dpkg to leave out documentation: a test must see all that is in the packages.
farm_keep=yes
apt_begin
printf 'Dpkg::Options { "--path-include=/*"; };\n' >>"$APT_CONFIG"
if [ -n "${FARM_FETCH:-}" ] || [ -e "$farm_fetched/Packages" ]; then
    apt_update
elif apt_has_local; then
    apt_local_update
fi
if [ -e "$farm_set/Packages" ]; then
    while read -r name version; do set -- "$@" "$name=$version"; done <"$farm_set/direct"
fi
set -- "$@" "$farm_packages"/*.deb
if [ -n "${FARM_FETCH:-}" ]; then
    apt-get -q -s install "$@" >"$apt_home/install.log" 2>&1 || apt_test_explain
    apt_fetch install "$@" || { echo "farm: packages cannot be fetched" >&2; exit 12; }
    # What the last good version needs beside; where that cannot be had any more, no upgrade is tried.
    [ ! -d "$farm_former" ] || apt_fetch install "$farm_former"/*.deb || true
    exit 0
fi
if ! apt-get -q -s --no-download install "$@" >"$apt_home/install.log" 2>&1; then
    [ -e "$farm_fetched/Packages" ] || { echo "farm: more packages are needed than there are"; exit 13; }
    apt_test_explain
fi
if [ -d "$farm_former" ] && [ ! -e "$farm_fetched/Packages" ] \
    && ! apt-get -q -s --no-download install "$farm_former"/*.deb >/dev/null 2>&1; then
    echo "farm: more packages are needed for the last good version than there are"
    exit 13
fi
apt-get -q install "$@"
# What the packages wait for happens once, as it does when others change files there.
for package in "$farm_packages"/*.deb; do
    name=$(dpkg-deb -f "$package" Package)
    for triggers in "/var/lib/dpkg/info/$name.triggers" "/var/lib/dpkg/info/$name":*.triggers; do
        [ -e "$triggers" ] || continue
        sed -n 's/^[ ]*interest[a-z-]*[ ][ ]*//p' "$triggers" | while read -r trigger; do
            dpkg-trigger --by-package=farm --no-await "$trigger"
        done
        dpkg --triggers-only --pending
    done
done
for package in "$farm_packages"/*.deb; do dpkg-query -L "$(dpkg-deb -f "$package" Package)"; done \
    | farm_state >"$farm_life/fresh"
