# An RPM that provides what this Debian base really has: rpm then resolves dependencies against it in earnest.
for requirement in $farm_wanted; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$requirement" 2>/dev/null)" != installed ] || continue
    # What the package asks for in RPM's words may be a Debian package of that name; if not, rpm will say so.
    apt_update
    apt-get -q install "$requirement" >/dev/null 2>&1 || true
done
# Where the loader of every 64-bit RPM distribution looks, and Debian's does not.
printf '/lib64\n/usr/lib64\n' >/etc/ld.so.conf.d/farm-lib64.conf
{
    find /lib /usr/lib /lib64 /usr/lib64 -name '*.so*' -type f 2>/dev/null | farm_sonames
    echo 'rtld(GNU_HASH)'
    find /bin/ /usr/bin/ /sbin/ /usr/sbin/ -maxdepth 1 ! -type d | sed 's|//*|/|g'
    # Debian has it in another folder of the path.
    echo /usr/sbin/update-alternatives
    if [ -x /usr/bin/python3 ]; then
        python3 -c 'import sys; print("python(abi) = %d.%d" % sys.version_info[:2])'
    fi
    if command -v perl >/dev/null && [ -x /usr/lib/rpm/perl.prov ]; then
        # `use 5.010` becomes a requirement with an epoch, which Perl has in every RPM distribution.
        perl -e 'printf "perl = 4:%vd\nperl(:VERSION) = %vd\n", $^V, $^V'
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
} | farm_provide farm-debian-base 'What the Debian base has'
