# Functions for dnf 4 and dnf 5. Expects the variables farm_fetched, farm_set, farm_extra, farm_repositories and
# farm_recipe_repositories.

dnf_begin() {
    umask 022
    export LC_ALL=C
    # Of certificates they read only the system's.
    dnf_authorities=
    [ ! -s "${SSL_CERT_FILE:-}" ] || dnf_authorities=--setopt=sslcacert=$SSL_CERT_FILE
    if ! command -v dnf >/dev/null; then
        # Minimal images have a smaller relative that can fetch the real one.
        for small in microdnf tdnf yum; do
            command -v "$small" >/dev/null || continue
            "$small" -y ${dnf_authorities:+"$dnf_authorities"} install dnf || { echo "farm: $small cannot install dnf" >&2; exit 12; }
            break
        done
    fi
    command -v dnf >/dev/null || { echo "farm: the base image has no dnf, microdnf, tdnf or yum" >&2; exit 1; }
    dnf_home=$(mktemp -d /tmp/farm-dnf.XXXXXX)
    trap dnf_end EXIT
    trap 'exit 130' INT TERM
    dnf_options="--setopt=cachedir=$dnf_home/cache"
    case $(dnf --version 2>/dev/null | head -n 1) in
    dnf5*) dnf_options="$dnf_options --setopt=system_cachedir=$dnf_home/cache" ;;
    # The plugin would keep every package once more, in a repository of its own that no key is known for.
    *) dnf_options="$dnf_options --disableplugin=local" ;;
    esac
    [ -z "$dnf_authorities" ] || dnf_options="$dnf_options $dnf_authorities"
    for repository in $farm_repositories; do dnf_options="$dnf_options --enablerepo=$repository"; done
    # Those that a recipe turns on come after the others, whose priority is 99.
    for repository in $farm_recipe_repositories; do
        dnf_options="$dnf_options --enablerepo=$repository --setopt=$repository.priority=200"
    done
    if [ -d "$farm_fetched" ]; then
        # Their signatures were checked when they were fetched.
        dnf_options="$dnf_options --disablerepo=* --setopt=localpkg_gpgcheck=False"
    fi
    # Packages of the set go before all others.
    if [ -d "$farm_set" ]; then
        dnf_options="$dnf_options --repofrompath=farm-set,file://$farm_set --setopt=farm-set.gpgcheck=False"
        dnf_options="$dnf_options --setopt=farm-set.priority=1 --setopt=farm-set.metadata_expire=0"
    fi
    # Packages of repositories of the recipe: before the distribution's, and where that has none.
    for folder in first:50 last:200; do
        priority=${folder#*:} folder=${folder%:*}
        [ -d "$farm_extra/$folder" ] || continue
        dnf_options="$dnf_options --repofrompath=farm-$folder,file://$farm_extra/$folder"
        dnf_options="$dnf_options --setopt=farm-$folder.gpgcheck=False --setopt=farm-$folder.metadata_expire=0"
        dnf_options="$dnf_options --setopt=farm-$folder.priority=$priority"
    done
}

# Downloads what dnf would install for "$@" into farm_fetched, and installs nothing: with FARM_FETCH in the environment, in a
# container with network in which no script of a package runs. Another one, without network, takes it from there.
dnf_fetch() {
    mkdir -p "$farm_fetched"
    dnf_run --downloadonly "--setopt=destdir=$farm_fetched" install "$@"
}

# The packages that were fetched, a line each.
dnf_fetched() {
    [ ! -d "$farm_fetched" ] || find "$farm_fetched" -name '*.rpm'
}

# What is wanted of the set, as `name-version`, a line each.
dnf_set() {
    [ ! -d "$farm_set" ] || sed 's/ /-/' "$farm_set/direct"
}

# Images set tsflags=nodocs; a build may need what that leaves out.
dnf_run() {
    # shellcheck disable=SC2086 # options without blanks in them
    dnf -y --setopt=install_weak_deps=False --setopt=tsflags= $dnf_options "$@"
}

# Exits 12 when repositories cannot be read; 1 when there are none, and something is wanted that is not there. "$@" is what
# they are for.
dnf_update() {
    [ ! -d "$farm_fetched" ] || return 0
    if [ ! -d "$farm_set" ] && [ ! -d "$farm_extra" ] && [ -z "$(dnf -q repolist --enabled 2>/dev/null)" ]; then
        for requirement; do
            shift
            rpm -q --whatprovides "$requirement" >/dev/null 2>&1 || set -- "$@" "$requirement"
        done
        [ $# -gt 0 ] || return 0
        echo "farm: no package repository is enabled in the base image, which lacks: $*" >&2
        echo "farm: use an image with repositories (/etc/yum.repos.d), or one that has these packages" >&2
        exit 1
    fi
    dnf_run makecache || { echo "farm: the package repositories cannot be read${*:+, of which are wanted: $*}" >&2; exit 12; }
}

# Installs packages, files or capabilities (`pkgconfig(foo) >= 1.2`), one per argument, and what is wanted of the set.
dnf_install() {
    for package in $(dnf_set); do set -- "$@" "$package"; done
    [ $# -gt 0 ] || return 0
    if [ -n "${FARM_FETCH:-}" ]; then
        dnf_fetch --allowerasing "$@" >"$dnf_home/install.log" 2>&1 || { cat "$dnf_home/install.log"; dnf_explain "$@"; }
        cat "$dnf_home/install.log"
        return 0
    fi
    for package in $(dnf_fetched); do set -- "$@" "$package"; done
    { dnf_run install --allowerasing "$@" && echo 0 >"$dnf_home/status" || echo $? >"$dnf_home/status"; } 2>&1 \
        | tee "$dnf_home/install.log"
    [ "$(cat "$dnf_home/status")" -eq 0 ] || dnf_explain "$@"
}

# Says why installing failed: what cannot be had (exit 11), or that fetching failed (exit 12).
dnf_explain() {
    missing=0
    for requirement; do
        # A package under test: what it lacks is in dnf's own words below.
        [ ! -f "$requirement" ] || continue
        rpm -q --whatprovides "$requirement" >/dev/null 2>&1 && continue
        [ -z "$(dnf_run -q repoquery --whatprovides "$requirement" 2>/dev/null)" ] || continue
        [ -z "$(dnf_run -q repoquery "$requirement" 2>/dev/null)" ] || continue
        echo "farm: unsatisfiable: $requirement"
        dnf_offers "$requirement" | near_tell "$requirement"
        missing=1
    done
    [ "$missing" -eq 0 ] || exit 11
    if grep -qE 'nothing provides|conflicting requests|Problem( 1)?:|[Uu]nable to (find|resolve)|Failed to resolve' \
        "$dnf_home/install.log"; then
        sed -n 's/^.*nothing provides \(.*\) needed by .*$/farm: unsatisfiable: \1/p' "$dnf_home/install.log" | sort -u
        grep -q 'nothing provides' "$dnf_home/install.log" || echo "farm: unsatisfiable: $*"
        exit 11
    fi
    if grep -qE 'Curl error|[Ee]rror downloading|Cannot download|No more mirrors|Failed to download' \
        "$dnf_home/install.log"; then
        echo "farm: packages cannot be fetched" >&2
        exit 12
    fi
    echo "farm: dnf could not install what is required: see above" >&2
    exit 1
}

# What repositories have of the kind of "$1", names of packages or capabilities, each with its version.
dnf_offers() {
    case ${1%% *} in
    /*) ;;
    *"("*")") dnf_run -q repoquery --provides --whatprovides "${1%%"("*}(*)" 2>/dev/null | sed 's/ = / /; s/^[^ ]*$/& /' ;;
    *) dnf_run -q repoquery --latest-limit=1 --qf '%{name} %{version}-%{release}\n' 2>/dev/null ;;
    esac
}

dnf_end() {
    rm -rf "$dnf_home"
    [ -n "${FARM_FETCH:-}${farm_keep:-}" ] || rm -rf "$farm_set" "$farm_fetched" "$farm_extra"
}
