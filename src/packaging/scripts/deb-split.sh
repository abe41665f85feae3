#!/bin/sh
# Writes down what was installed, and moves files out of the main package's tree into those of the packages that ask for
# them: split MAIN LIBDIR UNITDIR
set -eu
main=$1 libdir=$2 units=$3
here=${0%/*}
lists=$(mktemp -d)
trap 'rm -rf "$lists"' EXIT

# Every package would have this index of info pages: it is made on the user's machine.
rm -f "debian/$main"/usr/share/info/dir "debian/$main"/usr/share/info/dir.*
"$here/manifest" "debian/$main" "$here/packages" "$here/staged.awk" "$libdir" debian/farm_staged
# move_units PACKAGE FROM TO: what lies in FROM/systemd, relative to the package's tree, goes to TO/systemd.
move_units() {
    [ -d "debian/$1/$2/systemd" ] || return 0
    mkdir -p "debian/$1/$3"
    cp -a "debian/$1/$2/systemd" "debian/$1/$3/"
    rm -rf "debian/$1/$2/systemd"
    rmdir --ignore-fail-on-non-empty -p "debian/$1/$2"
}
# Units have one place while patterns are matched, whatever the project's own build thinks.
move_units "$main" lib usr/lib
find "debian/$main" -printf '%y /%P\n' | LC_ALL=C sort -k 2 >"$lists/.listing"
LC_ALL=C awk -v format=deb -v main="$main" -v libdir="$libdir" -v out="$lists/" \
    -v manifest="${FARM_MANIFEST:-debian/farm_staged/manifest}.packages" -f "$here/assign.awk" "$here/packages" "$lists/.listing"

for list in "$lists"/.conffiles.*; do
    [ ! -s "$list" ] || cat "$list" >>"debian/${list##*/.conffiles.}.conffiles"
done
for list in "$lists"/.attributes.*; do
    [ ! -s "$list" ] || cp "$list" "debian/farm_staged/${list##*/.}"
done
for list in "$lists"/*; do
    package=${list##*/}
    [ "$package" != "$main" ] && [ -s "$list" ] || continue
    install -d "debian/$package"
    tar -C "debian/$main" --no-recursion --verbatim-files-from --no-unquote -T "$list" -cf "$lists/.tar"
    tar -C "debian/$package" --delay-directory-restore -xpf "$lists/.tar"
    # What is moved goes, and so do the folders that it leaves empty.
    while IFS= read -r path; do
        if [ -d "debian/$main/$path" ] && [ ! -L "debian/$main/$path" ]; then
            rmdir "debian/$main/$path"
        else
            rm -f "debian/$main/$path"
        fi
    done <"$list"
    LC_ALL=C sed 's|/[^/]*$||' "$list" | LC_ALL=C sort -ru | while IFS= read -r folder; do
        (cd "debian/$main" && [ "$folder" = . ] || rmdir -p --ignore-fail-on-non-empty "$folder" 2>/dev/null) || true
    done
done

# In the end they lie where the release's helpers look for them.
if [ "$units" = lib/systemd/system ]; then
    for tree in "debian/$main" "$lists"/*; do move_units "${tree##*/}" usr/lib lib; done
fi
