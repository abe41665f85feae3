# All that was put into $1 is in $2, written in another order; $1 leads there.
farm_move() {
    mkdir -p "$2"
    (cd "$1" && find . -mindepth 1 -print0 | LC_ALL=C sort -rz | tar -c --no-recursion --null -T -) 2>/dev/null |
        tar -xp -C "$2" -f - 2>/dev/null || :
    # Without GNU's tools: in the order that it has.
    [ "$(find "$1" | wc -l)" = "$(find "$2" | wc -l)" ] || cp -a "$1/." "$2/"
    chown "$(stat -c %u:%g "$1")" "$2"
    rm -rf "$1"
    ln -s "$2" "$1"
}
