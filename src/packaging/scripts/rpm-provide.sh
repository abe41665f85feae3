# farm_provide NAME WHAT: installs an RPM of this name that provides what stands on the standard input, a line each.
farm_provide() {
    shim=$(mktemp -d)
    sed -n 's/^\([A-Za-z0-9_\/][A-Za-z0-9_\/.+()=~^:<> \[-]*\)$/Provides: \1/p' | LC_ALL=C sort -u >"$shim/provides"
    {
        printf 'Name: %s\nVersion: 1\nRelease: 1\nSummary: %s\nLicense: none\nBuildArch: noarch\nAutoReqProv: no\n' "$1" "$2"
        cat "$shim/provides"
        printf '%%description\nProvides what is installed as Debian packages.\n%%files\n'
    } >"$shim/shim.spec"
    rpmbuild -bb --quiet --define "_topdir $shim" "$shim/shim.spec"
    rpm --force-debian -i --nosignature "$shim"/RPMS/noarch/*.rpm
    rm -rf "$shim"
}

# What the shared libraries on the standard input, a path each, provide. elfdeps fails when one of the files is no ELF file,
# a linker script, after it has written of all others.
farm_sonames() {
    LC_ALL=C sort -u | /usr/lib/rpm/elfdeps --provides || true
}
