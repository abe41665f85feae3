#!/bin/sh
# dh_dwz for the package trees that are named, but for files whose debug sections are compressed, as Go's linker leaves
# them: dwz takes none of them, and fails for one.
set -euf
found=$(find "$@" -type f \( -perm -0100 -o -name '*.so' -o -name '*.so.*' \))
set -- --no-dwz-multifile
IFS='
'
for path in $found; do
    sections=$(LC_ALL=C readelf -SW "$path" 2>/dev/null) || continue
    if printf '%s\n' "$sections" | grep -qE ' \.zdebug_| \.debug_[a-z_]+ +PROGBITS( +[0-9a-f]+){4} +[A-Z]*C'; then
        set -- "$@" "-X$path"
    fi
done
dh_dwz "$@"
