# Installs the .deb files in farm_packages with what they depend on; "$@" are packages that the test needs beside.
# Minimal images tell dpkg to leave out documentation: a test must see all that is in the packages.
apt_begin
printf 'Dpkg::Options { "--path-include=/*"; };\n' >>"$APT_CONFIG"
if [ -e "$farm_set/Packages" ]; then
    apt_set_update
    while read -r name version; do set -- "$@" "$name=$version"; done <"$farm_set/direct"
fi
set -- "$@" "$farm_packages"/*.deb
if ! apt-get -qq -s --no-download install "$@" >/dev/null 2>&1; then
    apt_update
    if ! apt-get -qq -s install "$@" >"$apt_home/install.log" 2>&1; then
        cat "$apt_home/install.log"
        sed -n 's/^.*Depends: \(.*\) but .*$/farm: unsatisfiable: \1/p; s/^E: Unable to locate package /farm: unsatisfiable: /p' \
            "$apt_home/install.log" | sort -u
        echo "farm: the packages cannot be installed: see above" >&2
        exit 11
    fi
    apt-get -q --download-only install "$@" || { echo "farm: packages cannot be fetched" >&2; exit 12; }
fi
apt-get -q install "$@"
