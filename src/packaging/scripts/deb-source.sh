# A Debian source package of the tree that is the working directory and has its debian/: the .dsc, what it lists, and the
# .changes that it is uploaded with. $is_download: all of the tree was unpacked from the archive in $originals; $is_own: the
# packaging is the project's own; $patches: those in $originals that the recipe has, which farm_patches applies; $series: the
# same, where dpkg-source may apply them itself.
export SOURCE_DATE_EPOCH="$(dpkg-parsechangelog -S Timestamp)"
name=$(dpkg-parsechangelog -S Source)
version=$(dpkg-parsechangelog -S Version)
version=${version#*:}
format=1.0
[ ! -f debian/source/format ] || read -r format <debian/source/format || true
case $format in
*native*) native=yes ;;
1.0) case $version in *-*) native= ;; *) native=yes ;; esac ;;
*) native= ;;
esac
upstream=$version
[ -n "$native" ] || upstream=${version%-*}
top=$name-$upstream
if [ "$PWD" != "$root/$top" ]; then
    tree=$PWD
    cd "$root"
    mv "$tree" "$top"
    cd "$top"
fi

if [ -z "$native" ]; then
    download=
    [ -z "$is_download" ] || for file in "$originals"/*; do
        case " $patches " in *" ${file##*/} "*) ;; *) download=${file##*/} ;; esac
    done
    case $download in
    *.tar.gz | *.tgz) suffix=gz ;;
    *.tar.bz2 | *.tbz | *.tbz2) suffix=bz2 ;;
    *.tar.xz | *.txz) suffix=xz ;;
    *) suffix= ;;
    esac
    if [ "$format" = 1.0 ] && [ "$suffix" != gz ]; then suffix=; fi
    # dpkg-source takes one folder at the top away, and no more.
    if [ -n "$suffix" ]; then
        tops=$(tar -tf "$originals/$download" | sed -e 's|^\(\./\)*||' -e 's|/.*||' | LC_ALL=C sort -u | grep -c .) || tops=
        [ "$tops" = 1 ] || suffix=
    fi
    if [ -n "$suffix" ]; then
        cp "$originals/$download" "../${name}_$upstream.orig.tar.$suffix"
        echo "farm: the orig tarball is $download"
    else
        # The same bytes on every distribution, which gzip makes of all of them.
        find "../$top" -path "../$top/debian" -prune -o -print0 | sed -z 's|^\.\./||' | LC_ALL=C sort -z |
            tar -C .. -c --format=gnu --no-recursion --null --owner=0 --group=0 --numeric-owner --mtime="@$epoch" -T - \
                >../.farm.tar
        gzip -9n <../.farm.tar >"../${name}_$upstream.orig.tar.gz"
        rm ../.farm.tar
        echo "farm: the orig tarball is the source tree, without debian/"
    fi
fi

options=
if [ -z "$is_own" ]; then options=-Zgzip; fi
if [ -n "$series" ]; then
    mkdir -p debian/patches
    for patch in $series; do
        cp "$originals/$patch" debian/patches/
        echo "$patch" >>debian/patches/series
    done
    rm -rf ../.farm-try
    cp -a . ../.farm-try
    if ! dpkg-source --before-build ../.farm-try >../.farm-said 2>&1; then
        echo "farm: dpkg-source does not take the patches as they are, so they become one:"
        cat ../.farm-said
        rm -rf debian/patches
        series=
    fi
    rm -rf ../.farm-try ../.farm-said
fi
if [ -n "$patches" ] && [ -z "$series" ]; then
    farm_patches
    case $format:$is_own in
    1.0:* | *native*) ;;
    *:yes) options=--auto-commit ;;
    *)
        mkdir -p debian/source
        echo single-debian-patch >debian/source/options
        printf 'Description: What the recipe patches\n %s\nForwarded: not-needed\n\n' "$patches" >debian/source/patch-header
        ;;
    esac
fi
find debian -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
cd "$root"
# shellcheck disable=SC2086 # words
dpkg-source $options -b "$top"
cd "$top"
dpkg-genchanges -S -sa >"../${name}_${version}_source.changes"
mkdir -p "$results"
for file in "../${name}_"*; do mv "$file" "$results/"; done
