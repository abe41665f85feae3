# Functions for apt that leave nothing behind in the image: lists, packages and configuration live in a folder of
# their own. Expects the variables farm_archive, farm_suites, farm_components, farm_security_archive,
# farm_security_suite, farm_tolerate_expired, farm_offered, farm_fetched, farm_set and farm_extra; the mirrors are in the
# environment.

apt_begin() {
    umask 022
    export LC_ALL=C DEBIAN_FRONTEND=noninteractive
    command -v apt-get >/dev/null || { echo "farm: the base image has no apt-get" >&2; exit 1; }
    apt_home=$(mktemp -d /tmp/farm-apt.XXXXXX)
    # Packages that farm has put there, copies of what it has verified, of this container alone: apt takes a file of the
    # right name and size for the package. Nothing that another container could write to may ever be in this place.
    apt_archives=$farm_offered
    trap apt_end EXIT
    trap 'exit 130' INT TERM
    mkdir -p "$apt_home/lists/partial" "$apt_home/sources" "$apt_archives/partial" "$apt_home/preferences"
    cat >"$apt_home/apt.conf" <<END
Dir::State::lists "$apt_home/lists";
Dir::Cache "$apt_home";
Dir::Cache::archives "$apt_archives";
APT::Keep-Downloaded-Packages "true";
APT::Get::Assume-Yes "true";
APT::Install-Recommends "false";
APT::Install-Suggests "false";
APT::Sandbox::User "root";
APT::Update::Error-Mode "any";
Acquire::Languages "none";
Acquire::Retries "3";
Acquire::http::Timeout "60";
Acquire::https::Timeout "60";
Dpkg::Use-Pty "0";
Dpkg::Options { "--force-unsafe-io"; "--force-confdef"; "--force-confold"; };
END
    # apt reads the variables of proxies, and of certificates only the system's.
    [ ! -s "${SSL_CERT_FILE:-}" ] || echo "Acquire::https::CaInfo \"$SSL_CERT_FILE\";" >>"$apt_home/apt.conf"
    if [ "$farm_tolerate_expired" = yes ] || [ -n "${FARM_HELD:-}" ]; then
        echo 'Acquire::Check-Valid-Until "false";' >>"$apt_home/apt.conf"
    fi
    mirror=$(apt_mirror "$farm_archive")
    if [ -e "$farm_fetched/Packages" ] || [ -n "${farm_upgrade:-}" ]; then
        mirror=none
        apt_only_here
    elif [ -n "$mirror" ]; then
        apt_source "$farm_archive" "$mirror" "$farm_suites"
        security=$(apt_mirror "$farm_security_archive")
        [ -z "$security" ] || apt_source "$farm_security_archive" "$security" "$farm_security_suite"
        echo "Dir::Etc::sourcelist \"/dev/null\"; Dir::Etc::sourceparts \"$apt_home/sources\";" >>"$apt_home/apt.conf"
    fi
    ! apt_has_local || apt_local
    export APT_CONFIG="$apt_home/apt.conf"
}

# Whether there are packages of the set, or of repositories of the recipe.
apt_has_local() {
    [ -e "$farm_set/Packages" ] || [ -e "$farm_extra/first/Packages" ] || [ -e "$farm_extra/last/Packages" ]
}

# Packages of the set in farm_set go before all others, whatever their version. Of repositories of the recipe, those in
# farm_extra/first go before the distribution's, but replace nothing that is installed in a later version, and those in
# farm_extra/last are taken only where there is no other.
apt_local() {
    mkdir -p "$apt_home/local"
    [ ! -f /etc/apt/preferences ] || cat /etc/apt/preferences >"$apt_home/preferences/farm"
    apt_local_folder farm-set "$farm_set" 1001
    apt_local_folder farm-first "$farm_extra/first" 990
    apt_local_folder farm-last "$farm_extra/last" 100
    if [ -z "$mirror" ]; then
        cp -R /etc/apt/sources.list.d/. "$apt_home/sources/" 2>/dev/null || true
        echo "Dir::Etc::sourceparts \"$apt_home/sources\";" >>"$apt_home/apt.conf"
    fi
    cp "$apt_home/local/"*.list "$apt_home/sources/"
    echo "Dir::Etc::preferences \"$apt_home/preferences/farm\";" >>"$apt_home/apt.conf"
    [ ! -e "$farm_set/Packages" ] || echo 'APT::Get::allow-downgrades "true";' >>"$apt_home/apt.conf"
}

# apt_local_folder ORIGIN FOLDER PRIORITY: packages of this container.
apt_local_folder() {
    [ -e "$2/Packages" ] || return 0
    echo "deb [trusted=yes] file:$2 ./" >"$apt_home/local/$1.list"
    printf '\nPackage: *\nPin: release o=%s\nPin-Priority: %s\n' "$1" "$3" >>"$apt_home/preferences/farm"
}

# The indexes of these alone: needs no network.
apt_local_update() {
    apt-get -q -o Dir::Etc::sourcelist=/dev/null -o "Dir::Etc::sourceparts=$apt_home/local" update \
        || { echo "farm: apt cannot read the packages of the set, or of repositories" >&2; exit 1; }
}

# The mirror of an archive, from FARM_MIRROR_<ARCHIVE>; nothing when the image's own sources are to be used.
apt_mirror() {
    [ -n "$1" ] || return 0
    variable=FARM_MIRROR_$(printf %s "$1" | tr 'a-z.-' 'A-Z__')
    eval "printf %s \"\${$variable:-}\""
}

apt_source() {
    signed_by=
    for keyring in "/usr/share/keyrings/${1%-security}-archive-keyring.pgp" \
        "/usr/share/keyrings/${1%-security}-archive-keyring.gpg"; do
        [ ! -e "$keyring" ] || signed_by="Signed-By: $keyring"
    done
    printf 'Types: deb\nURIs: %s\nSuites: %s\nComponents: %s\n%s\n' "$2" "$3" "$farm_components" "$signed_by" \
        >"$apt_home/sources/$1.sources"
}

# No build searches manual pages; their index would be made anew whenever packages bring some.
apt_no_man_index() {
    command -v debconf-set-selections >/dev/null || return 0
    echo 'man-db man-db/auto-update boolean false' | debconf-set-selections
}

# Tells debconf what unpacked packages could ask, as apt does before it unpacks them (dpkg-preconfigure(8)) where it has
# apt-extracttemplates. The scripts of most packages tell it, too, when they run; those of the others here do not.
apt_templates() {
    [ -x /usr/lib/apt/apt-extracttemplates ] || command -v apt-extracttemplates >/dev/null || return 0
    command -v debconf-communicate >/dev/null || return 0
    for apt_templates in /var/lib/dpkg/info/*.templates; do
        apt_scripts=${apt_templates%.templates}
        ! cat "$apt_scripts.config" "$apt_scripts.postinst" 2>/dev/null | grep -qi confmodule || continue
        apt_package=${apt_scripts##*/}
        [ "$(dpkg-query -W -f '${db:Status-Status}' "$apt_package" 2>/dev/null)" = unpacked ] || continue
        apt_package=${apt_package%:*}
        echo "X_LOADTEMPLATEFILE $apt_templates $apt_package" | debconf-communicate "$apt_package" >/dev/null
    done
}

# Sees to it that relations in Debian's syntax hold, one per argument, and what is wanted of the set. farm may have
# unpacked packages for them, which are then configured. The network is asked only when apt would have more. Of farm_exact, which
# lists NAME=VERSION, all are installed.
apt_require() {
    apt_relations_hold "$@"
    # shellcheck disable=SC2086 # names and versions
    apt_exact ${farm_exact:-}
}

apt_relations_hold() {
    apt_templates
    dpkg --force-unsafe-io --force-confdef --force-confold --configure -a
    if [ $# -gt 0 ] && ! apt_has_local; then
        apt_join "$@"
        apt-get -qq -s satisfy "$apt_all" >"$apt_home/plan" 2>/dev/null && ! grep -q '^Inst ' "$apt_home/plan" && return
    fi
    apt_update
    apt_install "$@"
}

apt_join() {
    apt_all=
    for requirement; do apt_all="$apt_all${apt_all:+, }$requirement"; done
}

# Exits 12 when an index cannot be had. apt before 2.1.16 calls that a warning and exits 0.
apt_update() {
    [ -z "${apt_updated:-}" ] || return 0
    if [ "$mirror" = none ]; then
        # Files of this container: what apt says of looking for others beside them helps nobody.
        apt-get -qq update >"$apt_home/update.log" 2>&1 || { cat "$apt_home/update.log"; exit 1; }
        apt_updated=yes
        return 0
    fi
    status=0
    apt-get -q update >"$apt_home/update.log" 2>&1 || status=$?
    cat "$apt_home/update.log"
    if [ "$status" -ne 0 ] || grep -q '^[WE]: Failed to fetch' "$apt_home/update.log"; then
        echo "farm: the package indexes cannot be fetched" >&2
        exit 12
    fi
    apt_updated=yes
}

# Installs relations in Debian's syntax, one per argument, and what is wanted of the set.
apt_install() {
    if [ -e "$farm_set/Packages" ]; then
        while read -r name version; do set -- "$@" "$name (= $version)"; done <"$farm_set/direct"
    fi
    [ $# -gt 0 ] || return 0
    apt_join "$@"
    if [ -n "${FARM_FETCH:-}" ]; then
        apt_fetch satisfy "$apt_all" || apt_explain "$@"
        return 0
    fi
    apt-get -q satisfy "$apt_all" || apt_explain "$@"
}

# Sees to it that these very packages are installed. A relation holds for whoever provides the name, too.
apt_exact() {
    for apt_package; do
        shift
        apt_state=$(dpkg-query -W -f '${db:Status-Status} ${Version}\n' "${apt_package%%=*}" 2>/dev/null || true)
        [ "$apt_state" = "installed ${apt_package#*=}" ] || set -- "$@" "$apt_package"
    done
    [ $# -gt 0 ] || return 0
    apt_update
    if [ -n "${FARM_FETCH:-}" ]; then
        apt_fetch install "$@" || { echo "farm: packages cannot be fetched" >&2; exit 12; }
        return 0
    fi
    apt-get -q install "$@" || { echo "farm: these packages cannot be installed together: see above" >&2; exit 1; }
}

# Says why installing failed: which requirements cannot be had (exit 11), or that fetching failed (exit 12). Asking
# apt again in simulation needs no network, and does not depend on the wording of its messages.
apt_explain() {
    missing=0
    for requirement; do
        if ! apt-get -qq -s satisfy "$requirement" >/dev/null 2>&1; then
            echo "farm: unsatisfiable: $requirement"
            missing=1
        fi
    done
    [ "$missing" -eq 0 ] || exit 11
    if ! apt-get -qq -s satisfy "$apt_all" >/dev/null 2>&1; then
        echo "farm: unsatisfiable: $apt_all"
        echo "farm: each of these can be had, but not all of them together" >&2
        exit 11
    fi
    if ! apt-get -q --download-only satisfy "$apt_all"; then
        echo "farm: packages cannot be fetched" >&2
        exit 12
    fi
    echo "farm: apt could not install what the build requires: see above" >&2
    exit 1
}

# Installs what a debian/control asks for.
apt_build_dep() {
    apt_update
    mkdir -p "$apt_home/source/debian"
    cp "$1" "$apt_home/source/debian/control"
    if [ -n "${FARM_FETCH:-}" ]; then
        apt_fetch build-dep "$apt_home/source/" && return
    elif apt-get -q build-dep "$apt_home/source/"; then
        return
    fi
    apt_relations "$1" >"$apt_home/relations"
    set --
    apt_all=
    while IFS= read -r requirement; do
        set -- "$@" "$requirement"
        apt_all="$apt_all${apt_all:+, }$requirement"
    done <"$apt_home/relations"
    apt_explain "$@"
}

# Build-Depends, -Arch and -Indep of a control file's first paragraph, one relation per line (deb-src-control(5)).
apt_relations() {
    awk '
        /^#/ { next }
        /^[ \t]*$/ { if (begun) exit; next }
        /^[^ \t]/ {
            begun = 1
            wanted = tolower($0) ~ /^build-depends(-arch|-indep)?[ \t]*:/
            sub(/^[^:]*:/, "")
            if (wanted) text = text ","
        }
        wanted { text = text " " $0 }
        END {
            count = split(text, relation, ",")
            for (i = 1; i <= count; i++) {
                gsub(/[ \t]+/, " ", relation[i])
                gsub(/^ | $/, "", relation[i])
                if (relation[i] != "") print relation[i]
            }
        }' "$1"
}

apt_end() {
    rm -rf "$apt_home" "$apt_archives"
    # Images keep nothing of this; what was fetched is yet to be taken, and a test needs both again.
    [ -n "${FARM_FETCH:-}${farm_keep:-}" ] || rm -rf "$farm_set" "$farm_fetched" "$farm_extra"
}

# Installs the RPMs of the set where rpm is a Debian package. rpm knows nothing of Debian's packages, so nothing is
# resolved: all that is needed of the set is there. pkg-config and the loader are told where RPMs have their libraries.
apt_set_rpms() {
    [ -d "$farm_set" ] && [ -z "${FARM_FETCH:-}" ] || return 0
    rpm --force-debian -U --nosignature --nodeps "$farm_set"/*.rpm
    printf '/lib64\n/usr/lib64\n' >/etc/ld.so.conf.d/farm-lib64.conf
    ldconfig
    mkdir -p /usr/local/lib
    [ -e /usr/local/lib/pkgconfig ] || ln -s /usr/lib64/pkgconfig /usr/local/lib/pkgconfig
}

# Names the dependencies of the packages under test that nothing meets. apt tells of them in some releases only.
apt_unmet() {
    apt-get -qq -s satisfy dpkg >/dev/null 2>&1 || return 0
    apt_own=" "
    for package in "$farm_packages"/*.deb; do
        apt_own="$apt_own$(dpkg-deb -f "$package" Package) "
        apt_own="$apt_own$(dpkg-deb -f "$package" Provides | sed 's/([^)]*)//g' | tr ',\n' '  ') "
    done
    for package in "$farm_packages"/*.deb; do
        for field in Pre-Depends Depends; do
            dpkg-deb -f "$package" "$field" | tr ',\n' '\n ' | sed 's/^ *//; s/ *$//'
            echo
        done | while read -r relation; do
            [ -n "$relation" ] || continue
            for name in $(echo "$relation" | sed 's/([^)]*)//g; s/\[[^]]*\]//g; s/|/ /g; s/:[a-z0-9-]*//g'); do
                case $apt_own in *" $name "*) continue 2 ;; esac
            done
            apt-get -qq -s satisfy "$relation" >/dev/null 2>&1 \
                || echo "farm: unsatisfiable: $relation, which $(dpkg-deb -f "$package" Package) depends on"
        done
    done
}

# Says what the packages under test lack, from apt's words on them, and exits 11.
apt_test_explain() {
    cat "$apt_home/install.log"
    apt_unmet >"$apt_home/unmet"
    if [ -s "$apt_home/unmet" ]; then
        cat "$apt_home/unmet"
    else
        sed -n 's/^.*Depends: \(.*\) but .*$/farm: unsatisfiable: \1/p; s/^E: Unable to locate package /farm: unsatisfiable: /p' \
            "$apt_home/install.log" | sort -u
    fi
    echo "farm: the packages cannot be installed: see above" >&2
    exit 11
}
