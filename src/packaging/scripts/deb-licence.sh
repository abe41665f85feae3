#!/bin/sh
# Completes the installed copyright files (Policy 12.5): the licence as upstream words it, with its notices, ends them. Of
# what Debian has a copy of, there is where.
set -eu
for package; do
    installed=debian/$package/usr/share/doc/$package/copyright
    [ -f "$installed" ] || continue
    for text in LICENSE LICENSE.* LICENCE LICENCE.* COPYING COPYING.* COPYRIGHT COPYRIGHT.*; do
        [ -f "$text" ] || continue
        common=$(awk -f "${0%/*}/common-licence.awk" "$text")
        if [ -n "$common" ]; then
            printf ' .\n %s is on Debian systems in /usr/share/common-licenses/%s.\n' "$text" "$common" >>"$installed"
            continue
        fi
        printf ' .\n %s says:\n .\n' "$text" >>"$installed"
        # Control files are UTF-8 (Policy 5.1); what is not was Latin-1 when such files were written.
        encoding=UTF-8
        iconv -f UTF-8 -t UTF-8 "$text" >/dev/null 2>&1 || encoding=ISO-8859-1
        iconv -f "$encoding" -t UTF-8 "$text" | tr -d '\f\r' \
            | sed -e 's/[[:space:]]*$//' -e 's/^$/./' -e 's/^/ /' >>"$installed"
    done
done
