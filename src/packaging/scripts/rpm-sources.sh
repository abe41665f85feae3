# What a project's own .spec wants of its sources, before rpmbuild names the first that is missing and nothing else.
sources=${spec%/SPECS/*}/SOURCES
wanted=$(
    shift
    [ "$1" != --nodeps ] || shift
    LC_ALL=C rpmspec -q --srpm --qf '[%{SOURCE}\n][%{PATCH}\n]' "$@" "$spec" 2>/dev/null
) || wanted=
missing=$(printf '%s\n' "$wanted" | while IFS= read -r file; do
    case $file in '' | '(none)') continue ;; esac
    [ -e "$sources/$file" ] || printf '%s\n' "$file"
done)
if [ -n "$missing" ]; then
    there=$(ls "$sources" | awk '{ text = text (NR > 1 ? ", " : "") $0 } END { print NR ? text : "none at all" }')
    printf '%s\n' "$missing" | while IFS= read -r file; do
        echo "farm: ${spec##*/} wants $file, and no source of the recipe has this name" >&2
    done
    echo "farm: the sources are: $there" >&2
    echo "farm: add what is missing to [[sources]], or name in the .spec what is there" >&2
    exit 1
fi
