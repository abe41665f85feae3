# Installs what a test of the project's own depends on: $farm_tests/depends, a value of Depends. The packages that were built
# lie in farm_packages, a repository, and go before all others. As apt-test.sh, it exits 13 where more has to be fetched, and 11
# where something cannot be had.
farm_keep=yes
[ -s "$farm_tests/depends" ] || exit 0
apt_begin
printf 'Dpkg::Options { "--path-include=/*"; };\n' >>"$APT_CONFIG"
mkdir -p "$apt_home/local"
echo "deb [trusted=yes] file:$farm_packages ./" >"$apt_home/local/farm-built.list"
apt_has_local || apt_local
cp "$apt_home/local/farm-built.list" "$apt_home/sources/"
printf '\nPackage: *\nPin: release o=farm-built\nPin-Priority: 1001\n' >>"$apt_home/preferences/farm"
if [ -n "${FARM_FETCH:-}" ] || [ -e "$farm_fetched/Packages" ]; then
    apt_update
else
    apt_local_update
fi
# apt knows alternatives, versions and conflicts of packages, so there is one.
mkdir -p "$apt_home/depends/DEBIAN"
{
    printf 'Package: farm-test-depends\nVersion: 1\nArchitecture: all\nMaintainer: farm <farm@localhost.localdomain>\n'
    printf 'Description: what a test of the project depends on\nDepends: '
    cat "$farm_tests/depends"
    echo
} >"$apt_home/depends/DEBIAN/control"
dpkg-deb --build "$apt_home/depends" "$apt_home/depends.deb" >/dev/null
set -- "$apt_home/depends.deb"
if [ -n "${FARM_FETCH:-}" ]; then
    apt-get -q -s install "$@" >"$apt_home/install.log" 2>&1 || apt_test_explain
    apt_fetch install "$@" || { echo "farm: packages cannot be fetched" >&2; exit 12; }
    exit 0
fi
if ! apt-get -q -s --no-download install "$@" >"$apt_home/install.log" 2>&1; then
    [ -e "$farm_fetched/Packages" ] || { echo "farm: more packages are needed than there are"; exit 13; }
    apt_test_explain
fi
apt-get -q install "$@"
