#!/bin/sh
# Writes ${pkgconfig:Depends}, what development files need and no helper of debhelper's looks for: the packages with the
# libraries that links lead to, and with the modules that .pc files require. depends PACKAGE...
set -eu

# Prints the package among those of this build that has a file, if it is another one; fails when none has it:
# sibling PACKAGE PATH PACKAGE...
sibling() (
    own=$1 path=$2
    shift 2
    [ ! -e "debian/$own$path" ] || exit 0
    for other; do
        [ ! -e "debian/$other$path" ] || { echo "$other (= \${binary:Version})"; exit 0; }
    done
    exit 1
)

# Links that the linker follows, to libraries of another package.
behind_links() {
    package=$1
    shift
    find "debian/$package" -type l -name '*.so' -printf '/%P %l\n' | while read -r link target; do
        case $target in
        /*) ;;
        *) target=${link%/*}/$target ;;
        esac
        sibling "$package" "$(realpath -m -s "$target")" "$@" || true
    done
}

# The modules that a .pc file requires, one a line, without their versions, which are not those of packages.
modules() {
    sed -n 's/^Requires\(\.private\)\{0,1\}[[:space:]]*:\(.*\)/\2/p' "$1" | tr ',\t' '  ' | awk '{
        for (i = 1; i <= NF; i++) {
            if ($i ~ /^[<>=!]+$/) i++
            else { sub(/[<>=!].*/, "", $i); if ($i != "") print $i }
        }
    }'
}

# module_package PACKAGE MODULE PACKAGE...
module_package() {
    package=$1 module=$2
    shift 2
    for folder in /usr/lib/*/pkgconfig /usr/lib/pkgconfig /usr/share/pkgconfig; do
        ! sibling "$package" "$folder/$module.pc" "$@" || return 0
        if [ -e "$folder/$module.pc" ]; then
            dpkg -S "$folder/$module.pc" | sed 's/[:,].*//; q'
            return
        fi
    done
    echo "farm: warning: a .pc file of $package requires $module, which is not installed here: the package depends on nothing that has it" >&2
}

for package; do
    list=$({
        behind_links "$package" "$@"
        find "debian/$package" -type f -name '*.pc' -path '*/pkgconfig/*' | while read -r file; do
            modules "$file" | while read -r module; do module_package "$package" "$module" "$@"; done
        done
    } | LC_ALL=C sort -u | paste -s -d, | sed 's/,/, /g')
    echo "pkgconfig:Depends=$list" >>"debian/$package.substvars"
    # What no helper found is nothing to warn of.
    for variable in shlibs perl; do
        grep -q "^$variable:Depends=" "debian/$package.substvars" || echo "$variable:Depends=" >>"debian/$package.substvars"
    done
done
