# Functions for a project's own .spec, $spec. $tree is the source tree, $epoch the time of what is made here.
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
