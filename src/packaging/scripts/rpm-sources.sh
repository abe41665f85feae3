# Gives a project's own .spec the sources that it names, before rpmbuild names the first that is missing and nothing else.
# $tree is the source tree, $beside the folder in it where the .spec lies, $epoch the time of what is made here. $source is
# what Source0 is: `prepared`, what the tree has become; `tree`, made of the tree when no source has its name; `fetched`.
sources=${spec%/SPECS/*}/SOURCES
# farm_spec HOW ARGUMENT...: the .spec as rpm reads it, `parsed`, or what it says to a query.
farm_spec() (
    how=$1
    shift 2
    [ "$1" != --nodeps ] || shift
    case $how in
    parsed) LC_ALL=C rpmspec -P "$@" "$spec" 2>/dev/null ;;
    *) LC_ALL=C rpmspec -q --srpm --qf "$how" "$@" "$spec" 2>/dev/null ;;
    esac
)
# farm_pack FILE TOP: the source tree below the folder TOP, packed as the end of FILE's name says: the same bytes each time.
farm_pack() {
    case $1 in
    *.tar) pack=cat ;;
    *.tar.gz | *.tgz) pack='gzip -n' ;;
    *.tar.xz | *.txz) pack='xz -T1' ;;
    *.tar.bz2 | *.tbz | *.tbz2) pack=bzip2 ;;
    *.tar.zst) pack='zstd -q -T1' ;;
    *.zip) pack=zip ;;
    *) return 1 ;;
    esac
    command -v "${pack%% *}" >/dev/null || {
        echo "farm: ${spec##*/} wants $1, and the builder image has no ${pack%% *} to make it with: add it to [build] requires" >&2
        exit 127
    }
    [ "${tree##*/}" = "$2" ] || mv "$tree" "${tree%/*}/$2"
    # Whoever asks with `if` takes `set -e` away.
    (
        cd "${tree%/*}" && find "$2" -exec touch -h -d "@$epoch" {} + || exit 1
        if [ "$pack" = zip ]; then
            find "$2" | LC_ALL=C sort | TZ=UTC zip -q -X -y "$sources/$1" -@
            exit
        fi
        find "$2" -print0 | LC_ALL=C sort -z |
            tar -c --format=gnu --no-recursion --null --owner=0 --group=0 --numeric-owner -T - >"$sources/.farm.tar" &&
            $pack <"$sources/.farm.tar" >"$sources/$1" && rm "$sources/.farm.tar"
    ) || { echo "farm: $1 cannot be made of the source tree" >&2; exit 1; }
    [ "${tree##*/}" = "$2" ] || mv "${tree%/*}/$2" "$tree"
    echo "farm: $1 is the source tree, below $2"
}
wanted=$(farm_spec '[%{SOURCE}\n][%{PATCH}\n]' "$@") || wanted=
parsed=$(farm_spec parsed "$@") || parsed=
first=$(printf '%s\n' "$parsed" |
    sed -n 's/^[Ss][Oo][Uu][Rr][Cc][Ee]0*[[:space:]]*:[[:space:]]*//p' | sed -n '1{s/[[:space:]]*$//;s,.*/,,;p;}')
top=$(printf '%s\n' "$parsed" | sed -n "s/^rm -rf '\([^/']*\)'\$/\1/p" | sed -n 1p)
[ -n "$top" ] || top=$(farm_spec '%{NAME}-%{VERSION}' "$@") || top=
missing=
while IFS= read -r file; do
    case $file in '' | '(none)') continue ;; esac
    if [ "$source" = prepared ] && [ "$file" = "$first" ]; then
        if [ -f "$tree/$file" ]; then
            cp "$tree/$file" "$sources/"
            continue
        fi
        if farm_pack "$file" "$top"; then continue; fi
    fi
    [ ! -e "$sources/$file" ] || continue
    for place in "$beside" "$beside/../SOURCES"; do
        if [ -f "$place/$file" ]; then
            cp "$place/$file" "$sources/"
            continue 2
        fi
    done
    if [ "$source" = tree ] && [ "$file" = "$first" ] && farm_pack "$file" "$top"; then continue; fi
    missing="$missing$file
"
done <<END
$wanted
END
if [ -n "$missing" ]; then
    list() { ls "$1" | awk '{ text = text (NR > 1 ? ", " : "") $0 } END { print NR ? text : "none at all" }'; }
    printf '%s' "$missing" | while IFS= read -r file; do
        echo "farm: ${spec##*/} wants $file, and no source of the recipe has this name" >&2
    done
    echo "farm: the sources are: $(list "$sources")" >&2
    echo "farm: beside the .spec are: $(list "$beside")" >&2
    echo "farm: add what is missing to [[sources]], put it beside the .spec, or name in the .spec what is there" >&2
    exit 1
fi
find "$sources" -type f -exec touch -d "@$epoch" {} +
