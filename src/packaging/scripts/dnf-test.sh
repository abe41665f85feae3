# Installs the .rpm files in farm_packages with what they depend on; "$@" are packages that the test needs beside. There is
# no network: where more is needed than there is, it exits 13, and is run again when that was fetched, by this same
# script.
farm_keep=yes
dnf_begin
dnf_options="$dnf_options --setopt=localpkg_gpgcheck=False"
set -- "$@" "$farm_packages"/*.rpm
if [ -n "${FARM_FETCH:-}" ]; then
    dnf_update
    dnf_install "$@"
    # What is under test, and the set, are in the other container already.
    for package in "$farm_packages"/*.rpm "$farm_set"/*.rpm "$farm_extra"/*/*.rpm; do rm -f "$farm_fetched/${package##*/}"; done
    exit 0
fi
offline="--disablerepo=*"
[ ! -d "$farm_set" ] || offline="$offline --enablerepo=farm-set"
for folder in first last; do
    [ ! -d "$farm_extra/$folder" ] || offline="$offline --enablerepo=farm-$folder"
done
# shellcheck disable=SC2046,SC2086 # names and options without blanks
if [ -d "$farm_fetched" ]; then
    dnf_install "$@"
elif dnf_run $offline install "$@" $(dnf_set) >"$dnf_home/offline.log" 2>&1; then
    cat "$dnf_home/offline.log"
elif grep -qE 'nothing provides|[Nn]o match for argument|[Uu]nable to (find|resolve)|[Ff]ailed to resolve|conflicting requests|^ ?Problem|no enabled repositories' \
    "$dnf_home/offline.log"; then
    echo "farm: more packages are needed than there are"
    exit 13
else
    cat "$dnf_home/offline.log"
    exit 1
fi
