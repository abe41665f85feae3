#!/bin/sh
# Writes down what was installed before any tool of the distribution changes it, and makes of the tree one that those
# tools can work on: manifest ROOT PACKAGES AWK LIBDIR WORK
#
# To $FARM_MANIFEST, if that is set, for farm to compare the packages with:
#   .tree   TYPE MODE UID GID SIZE DEVICE:INODE LINKS TARGET /PATH of every file, each ended by a NUL
#   .sums   sha256 of the regular files, in the order of their names
#   .whole  BYTES /PATH of files that are not stripped (staged.awk)
# To the folder WORK, for the scripts that come later:
#   modes   modes that are set when all else is done (staged.awk)
#   whole   files that are not stripped, and why (staged.awk)
set -eu
export LC_ALL=C
root=$1 packages=$2 awk=$3 libdir=$4 work=$5
out=${FARM_MANIFEST:-$work/manifest}
mkdir -p "$work"

mistakes=
mistake() {
    mistakes=yes
    if [ -n "${FARM_PHASE_TOKEN:-}" ]; then printf '%s finding %s %s\n' "$FARM_PHASE_TOKEN" "$1" "$2"; else printf 'farm: %s\n' "$2"; fi >&2
}

# What no package can have, in words of our own: the tools would stumble later, each in its own way.
find "$root" -type f ! -perm -400 -printf '/%P\n' -o -type d ! -perm -500 -printf '/%P\n' -prune | head -n 20 >"$work/closed"
while IFS= read -r path; do
    mistake unreadable-file "$path cannot be read by the user that builds: install it with a mode that its owner can read, and say another one in [package.attributes]"
done <"$work/closed"
[ -z "$mistakes" ] || exit 1
find "$root" -name '*[[:cntrl:]]*' -printf '/%P\0' | tr '\n\0' '?\n' | tr -c '\n -~\200-\377' '?' | head -n 20 >"$work/names"
while IFS= read -r path; do
    mistake path-not-safe "$path has a line feed or another control character in its name (shown as ?): no package can have it"
done <"$work/names"
find "$root" -type l \( -lname '/build/*' -o -lname /build \) -printf '/%P -> %l\n' | head -n 20 >"$work/links"
while IFS= read -r link; do
    mistake link-into-build-tree "${link%% -> *} is a link to ${link#* -> }, which is nothing once the package is installed: make it without \$DESTDIR, or relative (ln -sr)"
done <"$work/links"
if command -v getcap >/dev/null; then
    getcap -r "$root" 2>/dev/null | head -n 20 >"$work/capabilities"
    while IFS= read -r line; do
        mistake capabilities-lost "${line#"$root"} was given file capabilities, which neither format takes from a tree: say them in [package.attributes]"
    done <"$work/capabilities"
fi
[ -z "$mistakes" ] || exit 1

find "$root" -printf '%y\0%m\0%U\0%G\0%s\0%D:%i\0%n\0%l\0/%P\0' >"$out.tree"
(cd "$root" && find . -type f -print0 | sort -z | xargs -0 -r sha256sum) | sed -e 's/^\\//' -e 's/ .*//' >"$out.sums"
find "$root" ! -type l -printf '%y %m %i /%P\n' | sort -k 4 >"$work/listing"
awk -v what=modes -f "$awk" "$work/listing" >"$work/modes-installed"
# What the recipe says of a file comes before what was installed.
awk -v what=attributes -v libdir="$libdir" -f "$awk" "$packages" "$work/listing" >"$work/modes-said"
awk '{ path = $0; sub(/^[^ ]* [^ ]* /, "", path) }
    FILENAME == ARGV[1] { said[path] = 1 }
    FILENAME == ARGV[1] || !(path in said)' "$work/modes-said" "$work/modes-installed" >"$work/modes"

# make_workable: the tools write in folders and rewrite files that are not for writing. Modes are put right at the end.
find "$root" -type d \( ! -perm -700 -o -perm /022 \) -print0 | xargs -0 -r chmod u+rwx,go-w --
find "$root" -type f \( ! -perm -600 -o -perm /022 \) -print0 | xargs -0 -r chmod u+rw,go-w --

# ELF files with something behind them, and what the recipe wants to be left alone.
find "$root" -type f \( -perm /111 -o -name '*.so' -o -name '*.so.*' -o -name '*.a' -o -name '*.o' -o -name '*.ko' \
    -o -name '*.node' -o -name '*.cmxs' \) -printf '%i %s /%P\n' >"$work/candidates"
: >"$work/behind"
awk -v root="$root" '{ sub(/^[^ ]* [^ ]* /, ""); print root $0 }' "$work/candidates" | tr '\n' '\0' \
    | xargs -0 -r grep -l -a -m 1 -E '^(.ELF|!<arch>)' -- >"$work/found" || true
awk -v skip="${#root}" '{ print substr($0, skip + 1) }' "$work/found" >"$work/objects"
awk -v what=objects -f "$awk" "$work/objects" "$work/candidates" >"$work/sizes"
while IFS= read -r line; do
    path=${line#* }
    elf_behind "$root$path" "${line%% *}"
    [ "$elf_behind" -eq 0 ] || printf '%s %s\n' "$elf_behind" "$path" >>"$work/behind"
done <"$work/sizes"
awk -v what=whole -v libdir="$libdir" -f "$awk" "$packages" "$work/behind" "$work/objects" "$work/candidates" >"$work/whole"
while IFS= read -r line; do
    printf '%s\n' "$line"
    [ "${line%% *}" = - ] \
        || printf '%s\n' "farm: note: ${line#* } carries ${line%% *} bytes behind its ELF image, and is not stripped" >&2
done <"$work/whole" >"$out.whole"
