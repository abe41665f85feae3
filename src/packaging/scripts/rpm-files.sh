#!/bin/sh
# Writes what %files -f reads, from the installed tree, and adds what farm itself puts there: rpm-files.sh MAIN LIBDIR
# In the current folder, farm-staged is what manifest.sh has left.
set -eu
main=$1 libdir=$2
here=${0%/*}
rm -rf farm-files farm-listing
mkdir farm-files

sh "$here/farm-whole.sh" in farm-staged "$RPM_BUILD_ROOT"
# Units have one place, whatever the project's own build thinks.
if [ -d "$RPM_BUILD_ROOT/lib/systemd" ] && [ ! -L "$RPM_BUILD_ROOT/lib" ]; then
    mkdir -p "$RPM_BUILD_ROOT/usr/lib"
    cp -a "$RPM_BUILD_ROOT/lib/systemd" "$RPM_BUILD_ROOT/usr/lib/"
    rm -rf "$RPM_BUILD_ROOT/lib/systemd"
    rmdir --ignore-fail-on-non-empty "$RPM_BUILD_ROOT/lib"
fi
find "$RPM_BUILD_ROOT" -printf '%y /%P\n' | LC_ALL=C sort -k 2 >farm-listing
LC_ALL=C awk -v format=rpm -v main="$main" -v libdir="$libdir" -v out=farm-files/ \
    -v modes=farm-staged/modes -v manifest="${FARM_MANIFEST:-farm-staged/manifest}.packages" \
    -f "$here/farm-files.awk" "$here/farm-packages" farm-listing

while IFS= read -r line; do
    # PACKAGE KIND PATH WHAT: a path may have blanks.
    rest=${line#* }
    kind=${rest%% *} rest=${rest#* }
    path=${rest% *} what=${rest##* }
    case $line in '#'*) continue ;; esac
    case $kind in
    own) install -D -p -m 0644 "$here/$what" "$RPM_BUILD_ROOT$path" ;;
    link)
        # rpm wants to see what it is told of: links as update-alternatives makes them.
        mkdir -p "$RPM_BUILD_ROOT${path%/*}"
        ln -s "/etc/alternatives/$what" "$RPM_BUILD_ROOT$path"
        ;;
    ghost)
        # MODE OWNER GROUP PATH
        path=${rest#* } path=${path#* } path=${path#* }
        mkdir -p "$RPM_BUILD_ROOT${path%/*}"
        : >"$RPM_BUILD_ROOT$path"
        ;;
    behind)
        mkdir -p "$RPM_BUILD_ROOT/etc/alternatives"
        ln -s "$what" "$RPM_BUILD_ROOT/etc/alternatives/$path"
        ;;
    esac
done <"$here/farm-packages"

# Libraries that are the packages' own: regular expressions for rpm's dependency generators, which offer every library to
# other packages, wherever it lies. Of the names, a character that could mean something in one is any.
find "$RPM_BUILD_ROOT/etc/ld.so.conf.d" -type f -name '*.conf' -exec awk 1 {} + >farm-staged/searched 2>/dev/null || true
find "$RPM_BUILD_ROOT" \( -type f -o -type l \) \( -name '*.so' -o -name '*.so.*' -o -name '*.node' -o -name '*.cmxs' \) -printf '/%P\n' \
    | LC_ALL=C sort >farm-staged/libraries
LC_ALL=C awk -v what=private -v libdir="$libdir" -f "$here/farm-staged.awk" "$here/farm-packages" farm-staged/searched \
    farm-staged/libraries >farm-staged/private
expression() {
    LC_ALL=C sort -u | LC_ALL=C awk -v end="$1" '
        { gsub(/[^A-Za-z0-9\/_.+-]+/, "*"); gsub(/[.+]/, "[&]"); gsub(/\*/, ".*"); all = all (NR > 1 ? "|" : "") $0 }
        END { print NR ? "^(" all ")" end : "^$" }'
}
expression '$' <farm-staged/private >farm-staged/private-paths
sed 's|.*/||' farm-staged/private | expression '([(].*)?$' >farm-staged/private-names
