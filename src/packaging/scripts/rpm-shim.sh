# An RPM that provides what this Debian base really has: rpm then resolves dependencies against it in earnest.
for requirement in $farm_wanted; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$requirement" 2>/dev/null)" != installed ] || continue
    # What the package asks for in RPM's words may be a Debian package of that name; if not, rpm will say so.
    apt_update
    apt-get -q install "$requirement" >/dev/null 2>&1 || true
done
# Where the loader of every 64-bit RPM distribution looks, and Debian's does not.
printf '/lib64\n/usr/lib64\n' >/etc/ld.so.conf.d/farm-lib64.conf
shim=$(mktemp -d)
{
    # It fails when one of the files is no ELF file, a linker script, after it has written of all others.
    find /lib /usr/lib /lib64 /usr/lib64 -name '*.so*' -type f 2>/dev/null | sort -u | /usr/lib/rpm/elfdeps --provides || true
    echo 'rtld(GNU_HASH)'
    find /bin/ /usr/bin/ /sbin/ /usr/sbin/ -maxdepth 1 ! -type d | sed 's|//*|/|g'
    # Debian has it in another folder of the path.
    echo /usr/sbin/update-alternatives
    if [ -x /usr/bin/python3 ]; then
        python3 -c 'import sys; print("python(abi) = %d.%d" % sys.version_info[:2])'
    fi
    if command -v perl >/dev/null && [ -x /usr/lib/rpm/perl.prov ]; then
        perl -e 'print map { "$_\n" } grep { m{^/} && -d } @INC' | xargs -I@ find -H @ -name '*.pm' | sort -u \
            | /usr/lib/rpm/perl.prov 2>/dev/null || true
    fi
    farm_capabilities ''
    # Debian's revision says nothing to an RPM: what is left is the upstream version, with its epoch.
    dpkg-query -W -f '${db:Status-Status} ${Package} ${Version}\n' \
        | sed -n 's/^installed \([^ ]*\) \([^ ]*\)$/\1 \2/p' | sed 's/-[^- ]*$//' \
        | while read -r name version; do
            echo "$name = $(printf %s "$version" | tr -c 'A-Za-z0-9.+~^_:' .)"
        done
} | sed -n 's/^\([A-Za-z0-9_\/][A-Za-z0-9_\/.+()=~^:<> \[-]*\)$/Provides: \1/p' | LC_ALL=C sort -u >"$shim/provides"
{
    printf 'Name: farm-debian-base\nVersion: 1\nRelease: 1\nSummary: What the Debian base has\nLicense: none\n'
    printf 'BuildArch: noarch\nAutoReqProv: no\n'
    cat "$shim/provides"
    printf '%%description\nProvides what is installed as Debian packages.\n%%files\n'
} >"$shim/shim.spec"
rpmbuild -bb --quiet --define "_topdir $shim" "$shim/shim.spec"
rpm --force-debian -i --nosignature "$shim"/RPMS/noarch/*.rpm
rm -rf "$shim"
