# Installs the .rpm files in farm_packages with what they depend on; "$@" are packages that the test needs beside.
dnf_begin
dnf_options="$dnf_options --setopt=localpkg_gpgcheck=False"
set -- "$@" "$farm_packages"/*.rpm
# Without network, if what is in the base and in the set is enough.
offline="--disablerepo=*"
[ ! -d "$farm_set" ] || offline="$offline --enablerepo=farm-set"
# shellcheck disable=SC2046,SC2086 # names and options without blanks
if dnf_run $offline install "$@" $(dnf_set) >"$dnf_home/offline.log" 2>&1; then
    cat "$dnf_home/offline.log"
else
    dnf_update
    dnf_install "$@"
fi
