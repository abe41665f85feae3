# Gives a project's own .spec the sources that it names, before rpmbuild names the first that is missing and nothing else.
# $beside is the folder of the source tree where the .spec lies. $source is what Source0 is: `prepared`, what the tree has
# become; `tree`, made of the tree when no source has its name; `fetched`.
wanted=$(farm_spec '[%{SOURCE}\n][%{PATCH}\n]' "$@") || wanted=
parsed=$(farm_spec parsed "$@") || parsed=
first=$(printf '%s\n' "$parsed" |
    sed -n 's/^[Ss][Oo][Uu][Rr][Cc][Ee]0*[[:space:]]*:[[:space:]]*//p' | sed -n '1{s/[[:space:]]*$//;s,.*/,,;p;}')
top=$(printf '%s\n' "$parsed" | sed -n "s/^rm -rf '\([^/']*\)'\$/\1/p" | sed -n 1p)
[ -n "$top" ] || top=$(farm_spec '%{NAME}-%{VERSION}' "$@") || top=
missing=
while IFS= read -r file; do
    case $file in '' | '(none)') continue ;; esac
    if [ "$source" = prepared ] && [ "$file" = "$first" ]; then
        if [ -f "$tree/$file" ]; then
            cp "$tree/$file" "$sources/"
            continue
        fi
        if farm_pack "$file" "$top"; then continue; fi
    fi
    [ ! -e "$sources/$file" ] || continue
    for place in "$beside" "$beside/../SOURCES"; do
        if [ -f "$place/$file" ]; then
            cp "$place/$file" "$sources/"
            continue 2
        fi
    done
    if [ "$source" = tree ] && [ "$file" = "$first" ] && farm_pack "$file" "$top"; then continue; fi
    missing="$missing$file
"
done <<END
$wanted
END
if [ -n "$missing" ]; then
    list() { ls "$1" | awk '{ text = text (NR > 1 ? ", " : "") $0 } END { print NR ? text : "none at all" }'; }
    printf '%s' "$missing" | while IFS= read -r file; do
        echo "farm: ${spec##*/} wants $file, and no source of the recipe has this name" >&2
    done
    echo "farm: the sources are: $(list "$sources")" >&2
    echo "farm: beside the .spec are: $(list "$beside")" >&2
    echo "farm: add what is missing to [[sources]], put it beside the .spec, or name in the .spec what is there" >&2
    exit 1
fi
find "$sources" -type f -exec touch -d "@$epoch" {} +
