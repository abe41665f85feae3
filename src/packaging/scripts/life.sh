# Functions for what a test looks at before and after an upgrade; $farm_life is where it keeps that.
farm_life=/tmp/farm-life
mkdir -p "$farm_life"

# What lies at the paths on the standard input: kind, mode and owner, name, and what a link points to.
farm_state() {
    { grep '^/' || true; } | LC_ALL=C sort -u | tr '\n' '\0' \
        | { LC_ALL=C QUOTING_STYLE=literal xargs -0 -r stat -c '%F	%a %U:%G	%N' 2>/dev/null || true; } \
        | sed 's/^regular empty file/regular file/'
}

# An administrator adds an empty line to each of the files on the standard input.
farm_edit() {
    while IFS= read -r path; do
        [ -f "$path" ] && [ ! -L "$path" ] || continue
        echo >>"$path"
        sha256sum "$path"
    done
}

# farm_kept LIST: what was edited and is a configuration file in LIST still has the administrator's text.
farm_kept() {
    while read -r sum path; do
        grep -qxF -e "$path" "$1" || continue
        [ "$(sha256sum "$path" 2>/dev/null | cut -d ' ' -f 1)" != "$sum" ] || continue
        echo "farm: $path: what an administrator had changed in it is lost by the upgrade: name it in config-files of the package that has it"
        left=1
    done <"$farm_life/edited"
}

# farm_changes LIST VERSION: how the paths of LIST differ from what they are in a new installation, and how they came to.
farm_changes() {
    farm_state <"$1" >"$farm_life/now"
    awk -F '\t' -v list="$1" -v was_file="$farm_life/was" -v now_file="$farm_life/now" -v edited="$farm_life/edited" -v version="$2" '
        function name(n) { sub(/ -> .*/, "", n); return n }
        function what(kind, n) {
            if (kind == "symbolic link") { sub(/^.* -> /, "", n); return "a link to " n }
            return kind == "directory" ? "a folder" : kind == "regular file" ? "a file" : kind
        }
        FILENAME == list { wanted[$0] = 1; next }
        FILENAME == edited { sub(/^[0-9a-f]* *[ *]/, ""); changed[$0] = 1; next }
        FILENAME == was_file { was[name($3)] = what($1, $3); next }
        FILENAME == now_file { now[name($3)] = what($1, $3); mode[name($3)] = $2; next }
        {
            path = name($3); fresh = what($1, $3)
            if (!(path in wanted)) next
            before = path in was ? " was " was[path] " in " version " and" : ""
            if (before ~ / was a link/ && fresh == "a folder" && now[path] != fresh)
                text = path before " is a folder now, but after an upgrade it is " (path in now ? now[path] : "gone") ": let pre-install take the link away ([ ! -L " path " ] || rm " path "), which is early enough in a .deb, or give the folder another name"
            else if (before ~ / was a folder/ && fresh ~ /^a link/ && now[path] != fresh)
                text = path before " is " fresh " now, but after an upgrade it is " (path in now ? now[path] : "gone") ": keep it a folder, or give the link another name"
            else if (!(path in now)) text = path before " is gone after an upgrade, where a new installation has " fresh
            else if (now[path] != fresh) text = path before " is " now[path] " after an upgrade, where a new installation has " fresh
            else if (fresh == "a file" && mode[path] != $2 && !(path in changed)) text = path " has mode and owner " mode[path] " after an upgrade, and " $2 " in a new installation"
            else next
            print "farm: " text
            found = 1
        }
        END { exit found }' "$1" "$farm_life/edited" "$farm_life/was" "$farm_life/now" "$farm_life/fresh" || left=1
}

# What was a link and is a folder, or the reverse: said where an upgrade has failed.
farm_kinds() {
    cut -f 3 "$farm_life/fresh" | sed 's/ -> .*//' >"$farm_life/all"
    farm_changes "$farm_life/all" "$1" | { grep -E ' was (a link|a folder)' || true; }
}

# Links in the places where scripts make them that point at nothing: alternatives, units that were enabled.
farm_dangling() {
    find /etc /usr/bin /usr/sbin /usr/lib /usr/share /usr/local /var/lib -xdev -xtype l 2>/dev/null | LC_ALL=C sort
}

# farm_left FILES DANGLING: what scripts of the package made and did not take away: links that point at nothing now and did
# not before, alternatives that name a file of FILES that is gone.
farm_left() {
    farm_dangling | LC_ALL=C comm -13 "$2" - >"$2.now"
    while IFS= read -r path; do
        case $path in
        /etc/systemd/*) why="the unit stays enabled: name it in services, or disable it in pre-remove" ;;
        *) why="what a script makes, pre-remove or post-remove has to take away" ;;
        esac
        echo "farm: $path is left behind by the removal: a link to $(readlink "$path"), which is gone; $why" >&2
        left=1
    done <"$2.now"
    for file in /var/lib/alternatives/* /var/lib/dpkg/alternatives/*; do
        [ -f "$file" ] || continue
        # Lines without a path part the alternatives from each other.
        grep -xFf "$1" "$file" | grep "^/" >"$2.now" || continue
        while IFS= read -r path; do
            [ ! -e "$path" ] || continue
            echo "farm: the alternative ${file##*/} still names $path, which is gone: name it in alternatives, or run update-alternatives --remove ${file##*/} $path in pre-remove" >&2
            left=1
        done <"$2.now"
    done
    rm -f "$2.now"
}
