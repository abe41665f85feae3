# $1: the client
export LC_ALL=C
root=$PWD/root
repos=$root/etc/yum.repos.d
[ "$1" != zypper ] || repos=$root/etc/zypp/repos.d
client() {
    case $1 in
        dnf | dnf5) shift; $tool --assumeyes --installroot="$root" --releasever=44 --setopt=reposdir="$repos" --setopt=cachedir="$root/cache" --setopt=logdir="$root/log" "$@" ;;
        zypper) shift; zypper --root "$root" --non-interactive --gpg-auto-import-keys "$@" ;;
    esac
}
tool=$1
installs() {
    rm -rf "$root"; mkdir -p "$repos" "$root/log" "$root/cache"
    sed "s|https://packages.example.org|file://$PWD/www|" www/setup/rpm-generic.repo >"$repos/site.repo"
    client "$tool" install reed && grep -q rustle "$root/usr/share/reed/rustle"
}
grep -q '^gpgkey=https://packages.example.org/key.asc$' www/setup/rpm-generic.repo
installs >said 2>&1 || { cat said; fail "does not install"; }
say "$($tool --version | head -n 1) installs $(rpm --root "$root" -q reed)"
tree=www/rpm/rpm-generic
package() { for file in "$tree"/Packages/r/*1.1*; do flip "$file"; done; }
primary() { for file in "$tree"/repodata/*-primary.xml.gz; do flip "$file"; done; }
index() { flip "$tree"/repodata/repomd.xml; }
signature() { flip "$tree"/repodata/repomd.xml.asc; }
unsigned() { rm "$tree"/repodata/repomd.xml.asc; }
why='checksum|digest|signature|corrupt|integrity' refuses package
why='checksum|digest|corrupt' refuses primary
why='signature|GPG|verif|parse' refuses index
why='signature|GPG|verif' refuses signature
why='signature|GPG|repomd.xml.asc|unsigned' refuses unsigned
