# Runs one test of debian/tests as autopkgtest does, in the source tree $farm_tree: the file $farm_file of it, or what is in
# $farm_command. What it writes to its standard error is looked at unless $farm_stderr says that it may; then the exit code is
# 253, which stands for itself in no other way.
umask 022
exec </dev/null
cd "$farm_tree" || { echo "farm: the source tree is gone"; exit 1; }
farm_own=$(mktemp -d /tmp/farm-test.XXXXXX) || exit 1
mkdir -m 755 "$farm_own/tmp"
mkdir -m 1777 "$farm_own/artifacts"
export AUTOPKGTEST_TMP="$farm_own/tmp" ADTTMP="$farm_own/tmp"
export AUTOPKGTEST_ARTIFACTS="$farm_own/artifacts" ADT_ARTIFACTS="$farm_own/artifacts"
if [ -n "$farm_file" ]; then
    [ -f "$farm_file" ] || { echo "farm: the source tree has no $farm_file"; exit 1; }
    [ -x "$farm_file" ] || chmod a+x "$farm_file" || exit 1
    set -- "$farm_tree/$farm_file"
else
    set -- bash -ec "$farm_command"
fi
mkfifo "$farm_own/stderr"
{ tee "$farm_own/said" <"$farm_own/stderr"; : >"$farm_own/done"; } &
farm_status=0
"$@" 2>"$farm_own/stderr" || farm_status=$?
# A service that the test has left running may hold it open for ever.
farm_waited=0
while [ ! -e "$farm_own/done" ] && [ "$farm_waited" -lt 50 ]; do
    sleep 0.1
    farm_waited=$((farm_waited + 1))
done
if [ "$farm_status" -eq 0 ] && [ -z "$farm_stderr" ] && [ -s "$farm_own/said" ]; then
    echo
    echo "farm: it wrote to its standard error, and does not say allow-stderr: $(head -n 1 "$farm_own/said" | cut -c 1-200)"
    farm_status=253
fi
rm -rf "$farm_own"
exit "$farm_status"
