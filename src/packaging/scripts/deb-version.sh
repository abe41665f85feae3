# The version of a project's own debian/changelog: it is the recipe's, or gets an entry of its own, as dch(1) writes one.
# $replace is the version of a tree between two releases, $suffix what goes behind all of it; $what, $who and $when are of
# the entry, which is no older than the one before it.
version=$(dpkg-parsechangelog -S Version)
plain=${version#*:}
upstream=${plain%-*}
new=$version
if [ -n "$replace" ]; then
    case $version in *:*) new=${version%%:*}:$replace ;; *) new=$replace ;; esac
    case $plain in *-*) new=$new-${plain##*-} ;; esac
else
    case $upstream in
    "$FARM_VERSION" | "$FARM_VERSION"[+~]*) ;;
    *)
        echo "farm: debian/changelog says $version, which is not of version $FARM_VERSION of the recipe" >&2
        exit 1
        ;;
    esac
fi
new=$new$suffix
if [ "$new" != "$version" ]; then
    echo "farm: debian/changelog says $version, the packages have $new"
    before=$(dpkg-parsechangelog -S Timestamp)
    [ "$when" -ge "${before:-0}" ] || when=$before
    {
        printf '%s (%s) %s; urgency=medium\n\n' "$(dpkg-parsechangelog -S Source)" "$new" \
            "$(dpkg-parsechangelog -S Distribution)"
        printf '  * %s\n\n -- %s  %s\n\n' "$what" "$who" \
            "$(LC_ALL=C date -u -d "@$when" '+%a, %d %b %Y %H:%M:%S +0000')"
        cat debian/changelog
    } >debian/changelog.farm
    mv debian/changelog.farm debian/changelog
fi
