#!/bin/sh
# Completes the installed copyright files (Policy 12.5): the licence as upstream words it, with its notices, ends them.
set -eu
for package; do
    installed=debian/$package/usr/share/doc/$package/copyright
    [ -f "$installed" ] || continue
    for text in LICENSE LICENSE.* LICENCE LICENCE.* COPYING COPYING.* COPYRIGHT COPYRIGHT.*; do
        [ -f "$text" ] || continue
        printf ' .\n %s says:\n .\n' "$text" >>"$installed"
        sed -e 's/[[:space:]]*$//' -e 's/^$/./' -e 's/^/ /' "$text" >>"$installed"
    done
done
