# Installs Debian's packages of the shared libraries that the packages in "$@" need and this base does not have. There is no
# network: what is needed is fetched by this same script in another container (see apt-fetch.sh). A library is looked for
# where the build had it from: in what the development packages in farm_development depend on (Debian Policy, 8.4), and in
# farm_runtimes, which compilers link with by themselves.
farm_missing() {
    rpm --force-debian -U --test --nosignature "$@" 2>&1 \
        | sed -n 's/^[[:space:]]*\(lib[^ (]*\.so[^ (]*\)(.* is needed by .*/\1/p' | sort -u
}

# The packages of libraries that "$@", or development packages that these depend on, depend on.
farm_candidates() {
    for farm_round in 1 2 3; do
        [ $# -gt 0 ] || break
        farm_depends=$(apt-cache depends --no-recommends --no-suggests --no-conflicts --no-breaks --no-replaces \
            --no-enhances "$@" 2>/dev/null | sed -n 's/^ [ |]*\(Pre\)\{0,1\}Depends: \([a-z0-9][^ ]*\)$/\2/p' | sort -u)
        set --
        for farm_name in $farm_depends; do
            case $farm_name in
            *-dev) set -- "$@" "$farm_name" ;;
            *) echo "$farm_name" ;;
            esac
        done
    done
}

# fetch_libraries SONAMES: downloads the packages that have them, and what these depend on; their names are beside.
farm_fetch_libraries() {
    apt_begin
    apt_update
    farm_libraries=
    # shellcheck disable=SC2086 # names
    for farm_package in $farm_runtimes $(farm_candidates $farm_development | sort -u); do
        [ "$(dpkg-query -W -f '${db:Status-Status}' "$farm_package" 2>/dev/null)" != installed ] || continue
        rm -rf "$apt_home/library"
        mkdir "$apt_home/library"
        (cd "$apt_home/library" && apt-get -q download "$farm_package") >/dev/null 2>&1 || continue
        dpkg-deb --fsys-tarfile "$apt_home/library"/*.deb | tar -tf - | sed 's|.*/||' | sort -u >"$apt_home/files"
        echo "$1" | grep -qxFf - "$apt_home/files" || continue
        farm_libraries="$farm_libraries $farm_package"
    done
    # shellcheck disable=SC2086 # names
    [ -z "$farm_libraries" ] || apt_fetch install $farm_libraries || { echo "farm: packages cannot be fetched" >&2; exit 12; }
    mkdir -p "$farm_fetched"
    : >>"$farm_fetched/Packages"
    echo "$farm_libraries" >"$farm_fetched/libraries"
}

farm_install_libraries() {
    farm_libraries=$(cat "$farm_fetched/libraries")
    [ -n "$farm_libraries" ] || return 0
    farm_keep=yes
    apt_begin
    apt_update
    dpkg-query -W -f '${Package}\n' | sort >/tmp/farm-before
    # shellcheck disable=SC2086 # names
    apt-get -q install $farm_libraries
    dpkg-query -W -f '${Package}\n' | sort | comm -13 /tmp/farm-before - >/tmp/farm-added
    while read -r farm_package; do
        dpkg-query -L "$farm_package" | while read -r farm_file; do
            case $farm_file in *.so*) [ ! -f "$farm_file" ] || [ -L "$farm_file" ] || echo "$farm_file" ;; esac
        done
    done </tmp/farm-added | farm_sonames | farm_provide farm-debian-libraries 'Shared libraries of Debian'
    rm -f /tmp/farm-before /tmp/farm-added
}

if [ -e "$farm_fetched/libraries" ]; then
    farm_install_libraries
else
    farm_needed=$(farm_missing "$@")
    if [ -n "$farm_needed" ] && [ -n "${FARM_FETCH:-}" ]; then
        farm_fetch_libraries "$farm_needed"
        exit 0
    elif [ -n "$farm_needed" ]; then
        echo "farm: shared libraries are needed that the base does not have: $(echo "$farm_needed" | tr '\n' ' ')"
        exit 13
    fi
fi
