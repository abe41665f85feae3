#!/bin/sh
# Gives files the modes that were installed, where debhelper would have others: modes WORK ROOT...
set -eu
work=$1
shift
grep '^kept ' "$work/modes" >"$work/kept-modes" || exit 0
for root; do
    # From the inside out: what a folder's own mode forbids is done before it has it.
    LC_ALL=C sort -r -k 3 "$work/kept-modes" | while IFS= read -r line; do
        line=${line#* }
        path=${line#* }
        # Where debhelper has compressed it, or farm moved it.
        case $path in
        /usr/share/doc/* | /usr/share/man/* | /usr/share/info/*) other=$path.gz ;;
        /lib/systemd/*) other=/usr$path ;;
        /usr/lib/systemd/*) other=${path#/usr} ;;
        *) other=$path ;;
        esac
        for place in "$root$path" "$root$other"; do
            if [ -e "$place" ] && [ ! -L "$place" ]; then
                chmod -- "${line%% *}" "$place"
                break
            fi
        done
    done
done
