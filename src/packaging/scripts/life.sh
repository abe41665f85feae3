# Functions for what a test looks at before and after an upgrade; $farm_life is where it keeps that.
farm_life=/tmp/farm-life
mkdir -p "$farm_life"

# Users and groups with their numbers: `user x 1000`.
farm_users() {
    sed -n 's/^\([^:]*\):[^:]*:\([0-9]*\):.*/user \1 \2/p' /etc/passwd
    sed -n 's/^\([^:]*\):[^:]*:\([0-9]*\):.*/group \1 \2/p' /etc/group
}

# Folders where services keep what their users give them; not those of package managers and of systemd.
farm_folders() {
    find /var/lib /var/opt /var/spool /var/www /srv -xdev \( -path '/var/lib/apt' -o -path '/var/lib/dpkg' -o -path '/var/lib/dnf' \
        -o -path '/var/lib/rpm*' -o -path '/var/lib/zypp' -o -path '/var/lib/systemd' -o -path '/var/lib/alternatives' \
        -o -path '/var/spool/cron' \) -prune -o -type d -print 2>/dev/null | LC_ALL=C sort
}

# As it was before anything of the packages came.
if [ ! -e "$farm_life/users" ]; then
    farm_folders >"$farm_life/folders"
    farm_users >"$farm_life/users"
fi

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

# farm_kept LIST [WHEN]: what was edited and is a configuration file in LIST still has the administrator's text.
farm_kept() {
    while read -r sum path; do
        grep -qxF -e "$path" "$1" || continue
        [ "$(sha256sum "$path" 2>/dev/null | cut -d ' ' -f 1)" != "$sum" ] || continue
        echo "farm: $path: what an administrator had changed in it is lost ${2:-by the upgrade}: no script of the package may write to it, and a .spec says %config(noreplace) of it, as config-files does"
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

# farm_logged COMMAND...: runs it; $farm_life/log has what it prints, too, and $status how it ended. Of a script that prints without
# end, or what it reads there itself, the beginning is kept, and it ends by that.
farm_logged() {
    status=0
    rm -f "$farm_life/pipe"
    mkfifo "$farm_life/pipe"
    head -c 16777216 <"$farm_life/pipe" >"$farm_life/log" &
    farm_reader=$!
    "$@" >"$farm_life/pipe" 2>&1 || status=$?
    # A service that a script has started may hold it open: nobody waits for that.
    for _ in 1 2 3 4 5 6 7 8 9 10; do
        kill -0 "$farm_reader" 2>/dev/null || break
        sleep 0.1
    done
    kill "$farm_reader" 2>/dev/null || true
    wait "$farm_reader" 2>/dev/null || true
    cat "$farm_life/log"
}

# Whether dpkg has passed over a script of the installed version that failed, and tried the other version's in its place.
farm_dpkg_went_on() {
    grep -q '^dpkg: warning: old .* script subprocess returned error' "$farm_life/log" || return 1
    [ "$status" -ne 0 ] || status=1
}

# farm_before_again NAME...: notes how the paths of $farm_life/list are, before the same version is installed once more. An administrator
# changes the configuration files of $farm_life/conffiles, and users write.
farm_before_again() {
    farm_state <"$farm_life/list" >"$farm_life/was"
    farm_number=0
    while IFS= read -r path; do
        farm_number=$((farm_number + 1))
        cp -p "$path" "$farm_life/original.$farm_number" 2>/dev/null || true
    done <"$farm_life/conffiles"
    # After an upgrade there is one already, which is asked for once more.
    [ ! -e "$farm_life/edited" ] || mv "$farm_life/edited" "$farm_life/edited-before"
    farm_edit <"$farm_life/conffiles" >"$farm_life/edited"
    farm_write "$@"
}

# What the reinstallation has changed: of what users and an administrator wrote, and of the paths that are neither as they were
# nor as in a new installation. The configuration files are as before then.
farm_after_again() {
    farm_again="by a reinstallation of the same version"
    farm_lost_data "$farm_again" "take that out of post-install and post-upgrade, and out of what an upgrade runs of the earlier version"
    farm_lost_homes "$farm_again"
    farm_clean installed
    farm_kept "$farm_life/conffiles" "$farm_again"
    farm_state <"$farm_life/list" >"$farm_life/now"
    awk -F '\t' -v was_file="$farm_life/was" -v fresh_file="$farm_life/fresh" '
        function name(n) { sub(/ -> .*/, "", n); return n }
        function what(n) { n = $3; return $1 (sub(/^.* -> /, "", n) ? " to " n : "") " with mode and owner " $2 }
        FILENAME == was_file { was[name($3)] = $0; is[name($3)] = what(); next }
        FILENAME == fresh_file { fresh[$0] = 1; next }
        { path = name($3); now[path] = 1; if (path in was && was[path] != $0 && !($0 in fresh)) other[path] = what() }
        END {
            mend = "post-install and post-upgrade are called then, too: let them leave as it is what is right already"
            for (path in other) print "farm: " path " was a " is[path] " and is a " other[path] " after a reinstallation: " mend
            for (path in was) if (!(path in now)) print "farm: " path " is gone after a reinstallation of the same version: " mend
        }' "$farm_life/was" "$farm_life/fresh" "$farm_life/now" >"$farm_life/told"
    [ ! -s "$farm_life/told" ] || left=1
    cat "$farm_life/told"
    farm_number=0
    while IFS= read -r path; do
        farm_number=$((farm_number + 1))
        cp -p "$farm_life/original.$farm_number" "$path" 2>/dev/null || true
        rm -f "$farm_life/original.$farm_number"
    done <"$farm_life/conffiles"
    rm -f "$farm_life/edited"
    [ ! -e "$farm_life/edited-before" ] || mv "$farm_life/edited-before" "$farm_life/edited"
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

# farm_write NAME...: writes as users of the packages do: to their homes, and to the folders of the packages.
farm_write() {
    rm -f "$farm_life/homes"
    for farm_place in /home/farm-user /root /srv /usr/local/share; do echo "$farm_place/farm-data" >>"$farm_life/homes"; done
    for farm_name; do
        for farm_place in /home/farm-user/ /home/farm-user/. /home/farm-user/.config/ /home/farm-user/.local/share/ /root/. /root/.config/; do
            echo "$farm_place$farm_name/farm-data" >>"$farm_life/homes"
        done
    done
    farm_folders | LC_ALL=C comm -23 - "$farm_life/folders" | head -n 100 | sed 's|$|/farm-data|' >"$farm_life/data"
    cat "$farm_life/homes" "$farm_life/data" | while IFS= read -r farm_place; do
        mkdir -p "${farm_place%/*}" && echo "of a user" >"$farm_place" || true
    done 2>/dev/null
}

# farm_lost LIST WHEN MEND: what farm_write has written and is gone.
farm_lost() {
    while IFS= read -r farm_place; do
        [ ! -e "$farm_place" ] || continue
        echo "farm: ${farm_place%/*}: what a user has written there is deleted $2: $3" >&2
        left=1
        # There again for whoever deletes next.
        { mkdir -p "${farm_place%/*}" && echo "of a user" >"$farm_place"; } 2>/dev/null || true
    done <"$1"
}

# farm_lost_homes WHEN, farm_lost_data WHEN [MEND]
farm_lost_homes() {
    farm_lost "$farm_life/homes" "$1" "it is no file of the package, so no script of it may delete it, not even at a purge"
}
farm_lost_data() {
    farm_lost "$farm_life/data" "$1" "${2:-take that out of pre-remove and post-remove; a .deb may do it in purge}"
}

# farm_clean [installed]: takes away what farm_write wrote, and the folders that are there for that alone: of installed packages,
# that of a service may be empty by right.
farm_clean() {
    cat "$farm_life/homes" "$farm_life/data" | while IFS= read -r farm_place; do
        rm -f "$farm_place"
        case ${1:-}$farm_place in
        /root/*/* | installed/root/*/* | /var/* | /srv/*/*) rmdir "${farm_place%/*}" 2>/dev/null || true ;;
        esac
    done
    rm -rf /home/farm-user
}

# Users and groups that are there since the packages are. Those of the system stay by convention: a file that was theirs must
# not become that of whoever gets the number next.
farm_left_users() {
    farm_users | grep -vxFf "$farm_life/users" >"$farm_life/new-users" || true
    while read -r kind name number; do
        # That of a user of the same name is told with it.
        if [ "$kind" = group ] && grep -q "^user $name " "$farm_life/new-users"; then
            continue
        elif [ "$number" -ge 1000 ] && [ "$number" -lt 65534 ]; then
            echo "farm: the $kind $name ($number) is left behind by the removal, and is none of the system: name it in users, which makes one of the system, and those stay by convention (useradd --system in a script)" >&2
            left=1
        else
            echo "the $kind $name ($number) of the system stays, as is the convention"
        fi
    done <"$farm_life/new-users"
}

# Links that the upgrade has left pointing at nothing.
farm_left_by_upgrade() {
    farm_dangling | LC_ALL=C comm -13 "$farm_life/dangling" - >"$farm_life/new-dangling"
    while IFS= read -r path; do
        case $path in
        /etc/systemd/*) why="the unit stays enabled, and is no more: let post-upgrade take the link away (rm -f $path), or keep the unit" ;;
        *) why="what a script of an earlier version made, post-upgrade has to take away" ;;
        esac
        echo "farm: $path is a link to $(readlink "$path"), which is gone since the upgrade; $why" >&2
        left=1
    done <"$farm_life/new-dangling"
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
