# Installs the .rpm files in farm_packages with what they depend on; "$@" are packages that the test needs beside.
zypper_begin
of_set=
[ ! -d "$farm_set" ] || of_set=$(find "$farm_set" -name '*.rpm')
# shellcheck disable=SC2086 # names have no blanks
if [ $# -eq 0 ] && rpm -U --test --nosignature $of_set "$farm_packages"/*.rpm >/dev/null 2>&1; then
    # All that they need is there: no network is asked for.
    zypper_repositories=$zypper_home/none
    [ -z "$of_set" ] || zypper_update
else
    zypper_update
    zypper_install "$@"
fi
# shellcheck disable=SC2046 # names have no blanks
{ zypper_run --no-refresh install --no-recommends --allow-unsigned-rpm "$farm_packages"/*.rpm $(zypper_set) || true; } 2>&1 \
    | tee "$zypper_home/install.log"
# shellcheck disable=SC2046 # names have no blanks
if ! rpm -q $(rpm -qp --nosignature --qf '%{NAME}\n' "$farm_packages"/*.rpm) >/dev/null; then
    sed -n "s/^.*nothing provides '*\([^']*\)'* needed by .*$/farm: unsatisfiable: \1/p" "$zypper_home/install.log" | sort -u
    echo "farm: the packages cannot be installed: see above" >&2
    exit 11
fi
