# What both kinds of clients are tried with. The tree lies in $PWD/www, an older state of it in $PWD/old.
say() { echo "client: $*"; }
fail() { echo "client: $*" >&2; exit 1; }
# Changes one bit in the middle of a file, under all its names.
flip() {
    at=$(($(stat -c %s "$1") / 2))
    byte=$(dd if="$1" bs=1 skip=$at count=1 2>/dev/null | od -An -tu1)
    printf "\\$(printf %03o $((byte ^ 1)))" | dd of="$1" bs=1 seek=$at conv=notrunc 2>/dev/null
}
# $1: what is done to the tree, a function; then nobody may install from it, and afterwards all may again.
refuses() {
    rm -rf kept; cp -a www kept
    "$@"
    if installs >said 2>&1; then cat said; fail "takes it: $*"; fi
    say "refuses $*: $(grep -iE "$why" said | head -n 1)"
    grep -qiE "$why" said || { cat said; fail "says something else than $why"; }
    rm -rf www; mv kept www
    clock=
    installs >said 2>&1 || { cat said; fail "does not take it any more after $*"; }
}
