# Sees to it that nothing of the removed packages ("$names") stays; $files has the paths that were theirs.
left=0
farm_lost_data "by the removal"
farm_lost_homes "by the removal"
farm_clean
farm_left_users
for package in $names; do
    if rpm -q "$package" >/dev/null 2>&1; then
        echo "farm: $package is still there after its removal" >&2
        left=1
    fi
done
while IFS= read -r path; do
    case $path in /*) ;; *) continue ;; esac
    if [ -d "$path" ] && [ ! -L "$path" ]; then continue; fi
    # A changed configuration file is kept under this name on purpose.
    if [ -e "$path" ] || [ -L "$path" ]; then
        rpm -qf "$path" >/dev/null 2>&1 && continue
        echo "farm: $path is left behind by the removal" >&2
        left=1
    fi
done <"$files"
farm_left "$files" "$dangling"
rm -f "$files" "$dangling"
exit "$left"
