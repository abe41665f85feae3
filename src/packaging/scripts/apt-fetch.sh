# With FARM_FETCH in the environment, scripts download what they would install, and install nothing: in a container with
# network, in which no script of a package runs. What came goes to another container, without network, as a repository
# in farm_fetched that apt takes instead of all others.

# Downloads what apt-get would install for "$@". Its status is apt's.
apt_fetch() {
    apt-get -q --download-only "$@" || return
    rm -rf "$farm_fetched"
    mkdir -p "$farm_fetched"
    apt_number=0
    for package in "$apt_archives"/*.deb; do
        [ -e "$package" ] || continue
        # apt would take the %3a of an epoch in a file's name for a colon.
        apt_number=$((apt_number + 1))
        cp -l "$package" "$farm_fetched/$apt_number.deb" 2>/dev/null || cp "$package" "$farm_fetched/$apt_number.deb"
        dpkg-deb -f "$package"
        printf 'Filename: ./%s.deb\nSize: %s\nSHA256: %s\n\n' "$apt_number" "$(stat -c %s "$package")" \
            "$(sha256sum "$package" | cut -d ' ' -f 1)"
    done >"$farm_fetched/.Packages"
    mv "$farm_fetched/.Packages" "$farm_fetched/Packages"
}

# What is in this container is all that there is: what was fetched, the set, and for an upgrade the packages under test.
apt_only_here() {
    for folder in "$farm_fetched" ${farm_upgrade:+"$farm_packages"}; do
        [ ! -e "$folder/Packages" ] || echo "deb [trusted=yes] file:$folder ./"
    done >"$apt_home/sources/farm-here.list"
    echo "Dir::Etc::sourcelist \"/dev/null\"; Dir::Etc::sourceparts \"$apt_home/sources\";" >>"$apt_home/apt.conf"
}
