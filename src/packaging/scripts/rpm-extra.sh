# Adds to "$@" packages of repositories of the recipe, in farm_extra, as long as rpm says that something is needed that one of
# them provides.
cat "$farm_extra"/first/provides "$farm_extra"/last/provides >/tmp/farm-provides 2>/dev/null || true
while [ -s /tmp/farm-provides ] && ! rpm --force-debian -U --test --nosignature "$@" >/tmp/farm-needed 2>&1; do
    more=
    for file in $(sed -n 's/^[[:space:]]*\([^[:space:]]*\).* is needed by .*/\1/p' /tmp/farm-needed \
        | awk -F '\t' 'NR == FNR { file[$1] = file[$1] ? file[$1] : $2; next } $0 in file { print file[$0] }' /tmp/farm-provides - \
        | sort -u); do
        for folder in first last; do
            case " $* " in *" $farm_extra/$folder/$file "*) continue ;; esac
            [ -e "$farm_extra/$folder/$file" ] || continue
            set -- "$@" "$farm_extra/$folder/$file"
            more=yes
        done
    done
    [ -n "$more" ] || break
done
rm -f /tmp/farm-provides /tmp/farm-needed
