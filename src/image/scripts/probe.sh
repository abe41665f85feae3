# Prints what dpkg says of the system, if packages may come to it past its own apt; else exits with 3 and says why not.
set -eu
no() { echo "$1" >&2; exit 3; }
[ -s /var/lib/dpkg/status ] || no "its dpkg knows of no packages"
for file in /etc/apt/preferences /etc/apt/preferences.d/*; do
    [ ! -s "$file" ] || no "$file says which versions apt is to take"
done
! grep -qs 'APT::Default-Release' /etc/apt/apt.conf /etc/apt/apt.conf.d/* || no "its apt is told which release to take"
! grep -Eqs '^[[:space:]]*path-(exclude|include)' /etc/dpkg/dpkg.cfg /etc/dpkg/dpkg.cfg.d/* \
    || no "its dpkg leaves files out"
[ -z "$(dpkg --print-foreign-architectures)" ] || no "it has packages of several architectures"
cat /var/lib/dpkg/status
