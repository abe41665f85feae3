#!/bin/sh
# Runs one of debhelper's helpers so that libraries that are the packages' own stay so: private HELPER LIBDIR PACKAGE...
#
# By themselves, dh_makeshlibs offers every library to other packages, wherever it lies, and dh_shlibdeps takes one for
# missing that only LD_LIBRARY_PATH leads to.
set -eu
export LC_ALL=C
helper=$1 libdir=$2
shift 2
here=${0%/*} work=debian/farm_staged

find debian/*/etc/ld.so.conf.d -type f -name '*.conf' -exec awk 1 {} + >"$work/searched" 2>/dev/null || true
for package; do
    find "debian/$package" \( -type f -o -type l \) \( -name '*.so' -o -name '*.so.*' -o -name '*.node' -o -name '*.cmxs' \) \
        -printf '/%P\n' | sort >"$work/libraries"
    awk -v what=private -v libdir="$libdir" -f "$here/staged.awk" "$here/packages" "$work/searched" "$work/libraries" \
        >"$work/private.$package"
done

packages=$*
set --
for package in $packages; do
    [ -s "$work/private.$package" ] || continue
    if [ "$helper" = dh_makeshlibs ]; then
        while IFS= read -r path; do set -- "$@" "-Xdebian/$package$path"; done <"$work/private.$package"
        continue
    fi
    # dpkg-shlibdeps looks into other packages that offer libraries, and wants to be told which package to depend on. A
    # dependency of a package on itself is left out by dpkg-gencontrol.
    shlibs=debian/$package/DEBIAN/shlibs
    mkdir -p "${shlibs%/*}"
    rm -f "$work/shlibs.$package"
    [ ! -e "$shlibs" ] || cp -p "$shlibs" "$work/shlibs.$package"
    sed -n -e 's|^.*/\([^/ ]*\)\.so\.\([^/ ]*\)$|\1 \2|p' -e 's|^.*/\([^/ ]*\)-\([0-9][^/ ]*\)\.so$|\1 \2|p' "$work/private.$package" \
        | sort -u | while read -r library; do echo "$library $package (= \${binary:Version})"; done >>"$shlibs"
    sed 's|/[^/]*$||' "$work/private.$package" | sort -u >"$work/folders"
    while IFS= read -r folder; do set -- "$@" "-l$folder"; done <"$work/folders"
done
case $helper in
dh_shlibdeps) dh_shlibdeps -- "$@" ;;
*) "$helper" "$@" ;;
esac
[ "$helper" = dh_shlibdeps ] || exit 0
for package in $packages; do
    [ -s "$work/private.$package" ] || continue
    if [ -e "$work/shlibs.$package" ]; then cp -p "$work/shlibs.$package" "debian/$package/DEBIAN/shlibs"; else rm "debian/$package/DEBIAN/shlibs"; fi
done
