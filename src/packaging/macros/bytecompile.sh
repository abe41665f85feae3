# What the Fedora family does with Python modules at the end of %install: their specs list the compiled ones. Compiled by
# the content of the sources and not by their times, so the same each time.
[ -x /usr/bin/python3 ] || exit 0
for folder in "$1"/usr/lib/python3*/*-packages "$1"/usr/lib64/python3*/*-packages; do
    [ -d "$folder" ] || continue
    find "$folder" -name __pycache__ -type d -exec rm -rf {} +
    python3 -m compileall -q -f -s "$1" -p / -o 0 -o 1 --invalidation-mode checked-hash "$folder" ||
        echo "farm: a Python module cannot be compiled" >&2
done
