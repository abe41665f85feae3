# The version of a project's own .spec: it is the recipe's, or is changed, with an entry in the changelog, as
# rpmdev-bumpspec(1) does it. $replace is the version of a tree between two releases, $suffix a macro that Release shall
# have; $what, $who and $when are of the entry, which rpm wants no older than the one before it.
version=$(farm_spec '%{VERSION}' "$@") || version=
case $version in
'' | "$FARM_VERSION" | "$FARM_VERSION"[+~]*) ;;
*)
    if [ -z "$replace" ]; then
        echo "farm: ${spec##*/} says $version, which is not of version $FARM_VERSION of the recipe" >&2
        exit 1
    fi
    ;;
esac
if [ -n "$replace$suffix" ]; then
    # farm_edit ENTRY: the .spec with what is changed, and an entry, if there is one.
    farm_edit() {
        entry=$1 replace=$replace suffix=$suffix awk '
            function is(tag) { return tolower($0) ~ "^" tag "[ \t]*:" && !(tag in seen) }
            is("version") { seen["version"]; if (ENVIRON["replace"] != "") $0 = "Version: " ENVIRON["replace"] }
            is("release") {
                seen["release"]
                if (ENVIRON["suffix"] != "" && $0 !~ /%\{?\??dist\}?/) { sub(/[ \t\r]*$/, ""); $0 = $0 ENVIRON["suffix"] }
            }
            { print }
            /^%changelog/ && ENVIRON["entry"] != "" { print ENVIRON["entry"] "\n" }' "$spec" >"$spec.farm"
    }
    farm_edit ''
    if ! cmp -s "$spec" "$spec.farm"; then
        mv "$spec" "$spec.before"
        mv "$spec.farm" "$spec"
        new=$(farm_spec '%|EPOCH?{%{EPOCH}:}|%{VERSION}-%{RELEASE}' "$@") || new=
        echo "farm: ${spec##*/} says $version, the packages have ${new:-$replace}"
        # Changelogs name no distribution.
        entered=$(farm_spec '%|EPOCH?{%{EPOCH}:}|%{VERSION}-%{RELEASE}' "$@" -D 'dist %{nil}') || entered=$new
        mv "$spec.before" "$spec"
        before=$(farm_spec '[%{CHANGELOGTIME}\n]' "$@" | sed -n 1p)
        [ "$when" -ge "${before:-0}" ] || when=$before
        farm_edit "* $(LC_ALL=C date -u -d "@$when" '+%a %b %d %Y') $who - $entered
- $what"
        mv "$spec.farm" "$spec"
    fi
    rm -f "$spec.farm"
fi
