# Installs the .rpm files in farm_packages with what they depend on; "$@" are packages that the test needs beside. There is
# no network: where more is needed than there is, it exits 13 before anything is installed, and is run again when
# that was fetched, by this same script.
farm_keep=yes
zypper_begin
of_set=
[ ! -d "$farm_set" ] || of_set=$(find "$farm_set" -name '*.rpm')
# What of them is needed is zypper's to say, without network.
of_extra=
[ ! -d "$farm_extra" ] || of_extra=yes
if [ -n "${FARM_FETCH:-}" ]; then
    zypper_update
    [ $# -eq 0 ] || zypper_install "$@"
    # shellcheck disable=SC2046 # names have no blanks
    zypper_fetch --allow-unsigned-rpm "$farm_packages"/*.rpm $(zypper_set) >"$zypper_home/install.log" 2>&1 || {
        cat "$zypper_home/install.log"
        zypper_test_explain
    }
    exit 0
fi
if [ -d "$farm_fetched" ]; then
    zypper_update
    [ $# -eq 0 ] || zypper_install "$@"
# shellcheck disable=SC2086 # names have no blanks
elif [ $# -eq 0 ] && rpm -U --test --nosignature $of_set "$farm_packages"/*.rpm >/dev/null 2>&1; then
    # All that they need is there.
    zypper_repositories=$zypper_home/none
    [ -z "$of_set$of_extra" ] || zypper_update
elif [ -n "$of_extra" ] && zypper_local_is_enough "$@"; then
    :
else
    echo "farm: more packages are needed than there are"
    exit 13
fi
# shellcheck disable=SC2046 # names have no blanks
{ zypper_run --no-refresh install --no-recommends --allow-unsigned-rpm "$farm_packages"/*.rpm $(zypper_set) || true; } 2>&1 \
    | tee "$zypper_home/install.log"
# shellcheck disable=SC2046 # names have no blanks
if ! rpm -q $(rpm -qp --nosignature --qf '%{NAME}\n' "$farm_packages"/*.rpm) >/dev/null; then zypper_test_explain; fi
