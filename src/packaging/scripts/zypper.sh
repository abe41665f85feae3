# Functions for zypper. Expects the variables farm_fetched, farm_set, farm_extra, farm_repositories and
# farm_recipe_repositories.

zypper_begin() {
    umask 022
    export LC_ALL=C
    command -v zypper >/dev/null || { echo "farm: the base image has no zypper" >&2; exit 1; }
    zypper_home=$(mktemp -d /tmp/farm-zypper.XXXXXX)
    trap zypper_end EXIT
    trap 'exit 130' INT TERM
    # Which repositories are asked is changed in a copy, not in the image.
    zypper_repositories=$zypper_home/repos
    mkdir -p "$zypper_repositories" "$zypper_home/none" "$zypper_home/cache"
    for repository in /etc/zypp/repos.d/*.repo; do
        [ -e "$repository" ] || continue
        cp "$repository" "$zypper_repositories/"
    done
    for repository in $farm_repositories; do zypper_run modifyrepo --enable "$repository"; done
    # Those that a recipe turns on come after the others, whose priority is 99.
    for repository in $farm_recipe_repositories; do zypper_run modifyrepo --enable --priority 200 "$repository"; done
    if [ -d "$farm_fetched" ]; then
        # What is in the image, and what was fetched: nothing else can be reached.
        for repository in "$zypper_repositories"/*.repo; do
            grep -qE '^baseurl *= *(file|dir):' "$repository" 2>/dev/null || rm -f "$repository"
        done
        printf '[farm-fetched]\nname=farm-fetched\nbaseurl=dir:%s\ntype=plaindir\nenabled=1\ngpgcheck=0\nrepo_gpgcheck=0\n' \
            "$farm_fetched" >"$zypper_repositories/farm-fetched.repo"
    fi
    # Packages of the set go before all others.
    for folder in "$zypper_repositories" "$zypper_home/none"; do
        [ -d "$farm_set" ] || break
        printf '[farm-set]\nname=farm-set\nbaseurl=dir:%s\nenabled=1\ngpgcheck=0\nrepo_gpgcheck=0\npriority=1\n' \
            "$farm_set" >"$folder/farm-set.repo"
    done
    # Packages of repositories of the recipe: before the distribution's, and where that has none.
    for part in first:50 last:200; do
        [ -d "$farm_extra/${part%:*}" ] || continue
        for folder in "$zypper_repositories" "$zypper_home/none"; do
            printf '[farm-%s]\nname=farm-%s\nbaseurl=dir:%s\nenabled=1\ngpgcheck=0\nrepo_gpgcheck=0\npriority=%s\n' \
                "${part%:*}" "${part%:*}" "$farm_extra/${part%:*}" "${part#*:}" >"$folder/farm-${part%:*}.repo"
        done
    done
}

# What is wanted of the set, as arguments of `install`: `name=version`, a line each.
zypper_set() {
    [ ! -d "$farm_set" ] || sed 's/ /=/' "$farm_set/direct"
}

# Downloads what zypper would install for "$@" into farm_fetched, and installs nothing: with FARM_FETCH in the environment,
# in a container with network in which no script of a package runs. Another one, without network, takes it from there.
zypper_fetch() {
    mkdir -p "$farm_fetched"
    status=0
    zypper_run install --download-only --no-recommends "$@" || status=$?
    find "$zypper_home/packages" -name '*.rpm' -exec cp -t "$farm_fetched" {} +
    case $status in 0 | 100 | 101 | 102 | 103) return 0 ;; *) return "$status" ;; esac
}

# Whether the packages under test, and "$@", can be installed with what is in this container alone; then that is all that
# is asked from here on.
zypper_local_is_enough() {
    zypper_all=$zypper_repositories
    zypper_repositories=$zypper_home/none
    # shellcheck disable=SC2046 # names have no blanks
    if zypper_run refresh >/dev/null 2>&1 && zypper_run --no-refresh install --dry-run --no-recommends \
        --allow-unsigned-rpm "$@" "$farm_packages"/*.rpm $(zypper_set) >/dev/null 2>&1; then
        [ $# -eq 0 ] || zypper_install "$@"
        return 0
    fi
    zypper_repositories=$zypper_all
    return 1
}

zypper_run() {
    zypper --non-interactive --reposd-dir "$zypper_repositories" --cache-dir "$zypper_home/cache" \
        --pkg-cache-dir "$zypper_home/packages" "$@"
}

# Exits 12 when repositories cannot be read; 1 when there are none, and something is wanted that is not there. "$@" is what
# they are for.
zypper_update() {
    status=0
    zypper_run refresh || status=$?
    case $status in
    0) ;;
    # zypper's word for: none is enabled.
    6)
        for requirement; do
            shift
            rpm -q --whatprovides "$requirement" >/dev/null 2>&1 || set -- "$@" "$requirement"
        done
        [ $# -gt 0 ] || return 0
        echo "farm: no package repository is enabled in the base image, which lacks: $*" >&2
        echo "farm: use an image with repositories (/etc/zypp/repos.d), or one that has these packages" >&2
        exit 1
        ;;
    *)
        echo "farm: the package repositories cannot be read${*:+, of which are wanted: $*}" >&2
        exit 12
        ;;
    esac
}

# Installs capabilities (`foo`, `pkgconfig(foo) >= 1.2`), one per argument, and what is wanted of the set. 100 to 103 are zypper's ways to say that
# something else is to be done, too.
zypper_install() {
    for package in $(zypper_set); do set -- "$@" "$package"; done
    [ $# -gt 0 ] || return 0
    status=0
    if [ -n "${FARM_FETCH:-}" ]; then
        zypper_fetch --capability -- "$@" || zypper_explain "$@"
        return 0
    fi
    zypper_run install --no-recommends --capability -- "$@" || status=$?
    case $status in
    0 | 100 | 101 | 102 | 103) ;;
    *) zypper_explain "$@" ;;
    esac
}

# Says why installing failed: what cannot be had (exit 11), or that fetching failed (exit 12).
zypper_explain() {
    missing=0
    for requirement; do
        if ! zypper_run --no-refresh install --dry-run --no-recommends --capability -- "$requirement" >/dev/null 2>&1; then
            echo "farm: unsatisfiable: $requirement"
            zypper_offers "$requirement" | near_tell "$requirement"
            missing=1
        fi
    done
    [ "$missing" -eq 0 ] || exit 11
    if ! zypper_run --no-refresh install --dry-run --no-recommends --capability -- "$@" >/dev/null 2>&1; then
        echo "farm: unsatisfiable: $*"
        echo "farm: each of these can be had, but not all of them together" >&2
        exit 11
    fi
    if ! zypper_run --no-refresh install --download-only --no-recommends --capability -- "$@"; then
        echo "farm: packages cannot be fetched" >&2
        exit 12
    fi
    echo "farm: zypper could not install what is required: see above" >&2
    exit 1
}

# What repositories have of the kind of "$1", names of packages or capabilities, each with its version.
zypper_offers() {
    case ${1%% *} in
    /*) ;;
    *"("*")") zypper_run -q --no-refresh search -v --provides "${1%%"("*}(*" 2>/dev/null | sed -n 's/^ *provides: //p' | sed 's/ = / /; s/^[^ ]*$/& /' ;;
    *) zypper_run -q --no-refresh search -s -t package 2>/dev/null | sed -n 's/^[^|]*| *\([^ |]*\) *| *package *| *\([^ |]*\) *|.*$/\1 \2/p' ;;
    esac
}

zypper_end() {
    rm -rf "$zypper_home"
    [ -n "${FARM_FETCH:-}${farm_keep:-}" ] || rm -rf "$farm_set" "$farm_fetched" "$farm_extra"
}

# Says what the packages under test lack, from zypper's words on them, and exits 11.
zypper_test_explain() {
    sed -n "s/^.*nothing provides '*\([^']*\)'* needed by .*$/farm: unsatisfiable: \1/p" "$zypper_home/install.log" | sort -u
    echo "farm: the packages cannot be installed: see above" >&2
    exit 11
}
