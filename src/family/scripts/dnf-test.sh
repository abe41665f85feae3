# Installs the .rpm files in farm_packages with what they depend on; "$@" are packages that the test needs beside.
dnf_begin
dnf_options="$dnf_options --setopt=localpkg_gpgcheck=False"
set -- "$@" "$farm_packages"/*.rpm
# Without network, if what is in the base is enough.
if dnf_run --disablerepo='*' install "$@" >"$dnf_home/offline.log" 2>&1; then
    cat "$dnf_home/offline.log"
else
    dnf_update
    dnf_install "$@"
fi
