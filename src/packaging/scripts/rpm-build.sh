# Runs rpmbuild on $spec with "$@"; what it says with 11 (requirements are missing) is said in farm's words too.
status=0
rpmbuild "$@" "$spec" || status=$?
if [ "$status" -eq 11 ]; then
    if grep -q '^%generate_buildrequires' "$spec"; then
        echo "farm: requirements that %generate_buildrequires finds are not installed by themselves: list them in [build] requires" >&2
    fi
    # Asked again, it stops at the same place, this time with its words in a pipe.
    LC_ALL=C rpmbuild "$@" "$spec" 2>&1 | sed -n 's/^[[:space:]]*\(.*\) is needed by .*/farm: unsatisfiable: \1/p'
fi
[ "$status" -eq 0 ] || exit "$status"
