# farm_patch FOLDER STRIP FUZZ NAME -i FILE: applies a patch, and says which of its hunks did not lie where it says, or
# do not fit at all.
farm_patch() (
    { set +x; } 2>/dev/null
    echo "farm: applying $4"
    cd "$1"
    status=0
    said=$(LC_ALL=C patch "-p$2" "--fuzz=$3" --forward --batch --no-backup-if-mismatch -r .farm-rejects "$5" "$6" \
        2>&1 </dev/null) || status=$?
    printf '%s\n' "$said"
    if [ "$status" -ne 0 ] && [ -f .farm-rejects ]; then
        echo "farm: $4: what does not fit:"
        cat .farm-rejects
    fi
    rm -f .farm-rejects
    printf '%s\n' "$said" | awk -v name="$4" -v token="${FARM_PHASE_TOKEN:-}" '
        /^patching / { file = $0; sub(/^patching (file|symbolic link) /, "", file) }
        /^Hunk #/ { hunk = $0; sub(/^H/, "h", hunk); sub(/\.$/, "", hunk); hunk = name ": " file ": " hunk }
        /^Hunk #.* succeeded .*(offset|fuzz)/ && token != "" { print token " warning patch-moved " hunk }
        /^Hunk #.* FAILED/ { print "farm: " hunk }
        /^Reversed / { print "farm: " name ": " file ": it is applied already, or made the other way round" }
        /^can.t find file to patch/ { print "farm: " name ": a file that it changes is not there" }'
    [ "$status" -eq 0 ] || { echo "farm: $4 does not apply to the sources (in $1)"; exit 1; }
)
