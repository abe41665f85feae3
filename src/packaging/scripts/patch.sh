# farm_line_ends STRIP <PATCH: the patch with the line ends of the files that it changes: those of DOS where they have them.
farm_line_ends() {
    awk -v strip="$1" '
        function length_of(range, parts) { return split(range, parts, ",") > 1 ? parts[2] + 0 : 1 }
        function place(line, parts, count, at, name) {
            sub(/^... /, "", line); sub(/\t.*/, "", line)
            count = split(line, parts, "/")
            for (at = strip + 1; at <= count; at++) name = name (name == "" ? "" : "/") parts[at]
            return name
        }
        function ends(name, line, found) {
            if (name != "" && (getline line < name) > 0 && line ~ /\r$/) found = "\r"
            close(name)
            return found
        }
        { sub(/\r$/, "") }
        old > 0 || new > 0 {
            sign = substr($0, 1, 1)
            if (sign == "\\") { print; next }
            if (sign != "+") old--
            if (sign != "-") new--
            print $0 end
            next
        }
        /^--- / { before = place($0) }
        /^\+\+\+ / { end = ends(place($0)); if (end == "") end = ends(before) }
        /^@@ -[0-9,]+ \+[0-9,]+ @@/ { old = length_of(substr($2, 2)); new = length_of(substr($3, 2)) }
        { print }'
}
# farm_patch FOLDER STRIP FUZZ NAME -i FILE: applies a patch, and says which of its hunks did not lie where it says, or
# do not fit at all.
farm_patch() (
    { set +x; } 2>/dev/null
    echo "farm: applying $4"
    cd "$1"
    status=0
    file=$6
    binary=
    # A patch may have lost the line ends of DOS on its way, or got them, while the files that it changes have them or not.
    if ! LC_ALL=C patch "-p$2" "--fuzz=$3" --forward --batch --dry-run -i "$6" >/dev/null 2>&1 </dev/null &&
        farm_line_ends "$2" <"$6" >.farm-patch &&
        LC_ALL=C patch "-p$2" "--fuzz=$3" --forward --batch --dry-run --binary -i .farm-patch >/dev/null 2>&1 </dev/null
    then
        echo "farm: $4: its line ends are made those of the files"
        file=.farm-patch
        binary=--binary
    fi
    said=$(LC_ALL=C patch "-p$2" "--fuzz=$3" --forward --batch --no-backup-if-mismatch -r .farm-rejects $binary \
        "$5" "$file" 2>&1 </dev/null) || status=$?
    printf '%s\n' "$said"
    if [ "$status" -ne 0 ] && [ -f .farm-rejects ]; then
        echo "farm: $4: what does not fit:"
        cat .farm-rejects
    fi
    rm -f .farm-rejects .farm-patch
    printf '%s\n' "$said" | awk -v name="$4" -v token="${FARM_PHASE_TOKEN:-}" '
        /^patching / { file = $0; sub(/^patching (file|symbolic link) /, "", file) }
        /^Hunk #/ { hunk = $0; sub(/^H/, "h", hunk); sub(/\.$/, "", hunk); hunk = name ": " file ": " hunk }
        /^Hunk #.* succeeded .*(offset|fuzz)/ && token != "" { print token " warning patch-moved " hunk }
        /^Hunk #.* FAILED/ { print "farm: " hunk }
        /^Reversed / { print "farm: " name ": " file ": it is applied already, or made the other way round" }
        /^can.t find file to patch/ { print "farm: " name ": a file that it changes is not there" }'
    [ "$status" -eq 0 ] || { echo "farm: $4 does not apply to the sources (in $1)"; exit 1; }
)
