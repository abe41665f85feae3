#!/bin/sh
# Takes files that must stay as they are out of the way of strip and its like, or puts them back: whole out|in WORK ROOT...
set -eu
action=$1 work=$2
shift 2
[ -s "$work/whole" ] || exit 0
mkdir -p "$work/kept"
for root; do
    number=0
    while IFS= read -r line; do
        path=${line#* }
        number=$((number + 1))
        kept=$work/kept/$number.$(printf %s "$root" | tr / _)
        case $action in
        out) [ ! -f "$root$path" ] || mv "$root$path" "$kept" ;;
        in) [ ! -f "$kept" ] || mv "$kept" "$root$path" ;;
        esac
    done <"$work/whole"
done
