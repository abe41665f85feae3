# farm_capabilities ROOT: what the files below ROOT prove, in the words of rpm's own generators, a line each. They need
# nothing but awk: what rpm's own scripts run, such as pkg-config, is not there only because a package is.
farm_capabilities() {
    find "$1/usr/lib" "$1/usr/share" -path '*/pkgconfig/*.pc' 2>/dev/null | sort | while IFS= read -r file; do
        name=${file##*/}
        awk -v name="${name%.pc}" '
            function expanded(text,    at, count) {
                while (match(text, /[$][{][A-Za-z0-9_.]+[}]/) && count++ < 20) {
                    at = substr(text, RSTART + 2, RLENGTH - 3)
                    text = substr(text, 1, RSTART - 1) value[at] substr(text, RSTART + RLENGTH)
                }
                return text
            }
            { sub(/[ \t\r]+$/, "") }
            /^[A-Za-z0-9_.]+[ \t]*=/ {
                key = $0
                sub(/[ \t]*=.*/, "", key)
                sub(/^[^=]*=[ \t]*/, "")
                value[key] = $0
            }
            /^Version:/ { sub(/^Version:[ \t]*/, ""); version = expanded($0) }
            END { print "pkgconfig(" name ")" (version == "" ? "" : " = " version) }
        ' "$file"
    done
    # Python: names are normalised (PEP 503), versions are without zeros at their end, and pre-releases sort first.
    abi=$(ls "$1/usr/bin" 2>/dev/null | sed -n 's/^python\(3\.[0-9]*\)$/\1/p' | sort -t . -k 2 -n | tail -n 1)
    find "$1/usr/lib" -path '*/dist-packages/*' \( -path '*.dist-info/METADATA' -o -path '*.egg-info/PKG-INFO' \
        -o -type f -name '*.egg-info' \) 2>/dev/null | sort | while IFS= read -r file; do
        awk -v abi="$abi" '
            /^[ \t\r]*$/ { exit }
            /^Name:/ && name == "" { name = tolower($2); gsub(/[-_.]+/, "-", name) }
            /^Version:/ && version == "" {
                version = $2
                if (match(version, /(a|b|rc)[0-9]+/)) {
                    before = substr(version, 1, RSTART - 1)
                    version = before "~" substr(version, RSTART)
                }
                if (version ~ /^[0-9.]+$/) while (version ~ /[.]0$/) version = substr(version, 1, length(version) - 2)
            }
            END {
                if (name == "" || version == "") exit
                print "python3dist(" name ") = " version
                if (abi != "") print "python" abi "dist(" name ") = " version
            }
        ' "$file"
    done
    find "$1/usr/lib" "$1/usr/share" -path '*/cmake/*' \( -name '?*Config.cmake' -o -name '?*-config.cmake' \) \
        2>/dev/null | sort | while IFS= read -r file; do
        name=${file##*/} version=
        name=${name%Config.cmake}
        name=${name%-config.cmake}
        for beside in "${file%.cmake}Version.cmake" "${file%.cmake}-version.cmake"; do
            [ ! -f "$beside" ] || version=$(sed -n \
                's/^[ \t]*[Ss][Ee][Tt] *( *PACKAGE_VERSION *"\{0,1\}\([0-9][0-9A-Za-z.]*\).*/\1/p' "$beside" | head -n 1)
        done
        echo "cmake($name)${version:+ = $version}"
    done
    find "$1/usr/share" "$1/var/lib" -path '*/specifications/*-*.gemspec' 2>/dev/null | sort | while IFS= read -r file; do
        name=${file##*/}
        name=${name%.gemspec}
        echo "rubygem(${name%-*}) = ${name##*-}"
    done
}
