#!/bin/sh
# Writes what %files -f reads, from the installed tree: rpm-files.sh MAIN LIBDIR
set -eu
main=$1 libdir=$2
here=${0%/*}
rm -rf farm-files farm-listing
mkdir farm-files

if [ -n "$(find "$RPM_BUILD_ROOT" -name '*
*' -print -quit)" ]; then
    echo "farm: a file name with a line feed was installed" >&2
    exit 1
fi
find "$RPM_BUILD_ROOT" -printf '%y /%P\n' | LC_ALL=C sort -k 2 >farm-listing
awk -v format=rpm -v main="$main" -v libdir="$libdir" -v out=farm-files/ \
    -f "$here/farm-files.awk" "$here/farm-packages" farm-listing
