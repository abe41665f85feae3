# apt of this release. $1: its suite
export DEBIAN_FRONTEND=noninteractive LC_ALL=C
rm -rf /etc/apt/sources.list /etc/apt/sources.list.d/*
grep -q '^URIs: https://packages.example.org$' www/setup/"$1".sources
sed "s|https://packages.example.org|file:$PWD/www|" www/setup/"$1".sources >/etc/apt/sources.list.d/site.sources
# What the file says of the key, done by hand.
key=$(sed -n 's|^Signed-By: \(/.*\)|\1|p' www/setup/"$1".sources)
[ -z "$key" ] || install -D -m 644 www/key.asc "$key"

clock=
update() { $clock apt-get update --error-on=any; }
installs() {
    apt-get purge -y reed >/dev/null 2>&1 || :
    rm -rf /var/lib/apt/lists/*
    update && apt-get install -y reed && grep -q rustle /usr/share/reed/rustle
}
installs >said 2>&1 || { cat said; fail "does not install"; }
version=$(dpkg-query -W -f '${Version}' reed)
case $version in 1.1-*) say "$(apt-get --version | head -n 1) installs reed $version" ;; *) fail "has $version" ;; esac

indexes() { find www/dists/"$suite"/main -name 'Packages*' -o -path '*binary-amd64/by-hash/*' -type f >all; while read -r file; do flip "$file"; done <all; }
package() { for file in www/pool/"$suite"/main/r/reed/*; do flip "$file"; done; }
signature() { flip www/dists/"$suite"/InRelease; flip www/dists/"$suite"/Release; }
unsigned() { rm www/dists/"$suite"/InRelease www/dists/"$suite"/Release.gpg; }
late() { clock="faketime -f +20d"; }
suite=$1
why='Hash Sum mismatch|File has unexpected size' refuses package
why='Hash Sum mismatch|File has unexpected size|decompress|corrupt' refuses indexes
why='BADSIG|BAD signature|not signed|invalid|Malformed' refuses signature
why='is not signed' refuses unsigned
why='is expired' refuses late

# Who has a state does not go back to an older one.
mv www new
cp -a old www
update >said 2>&1 || :
apt-cache policy reed | grep -q "Candidate: $version\$" || fail "goes back to an older state"
say "does not go back to an older state"
