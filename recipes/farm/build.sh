cargo build --release --locked --bin farm
# What is linked into the program, with what its authors want to be told to those who have it.
folder=$(sed -n 's/^directory = "\(.*\)"$/\1/p' "$CARGO_HOME/config.toml" | head -n 1)
cargo tree --locked --edges normal --prefix none --format '{p}|{l}' | sed 's/ (.*)//; s/ v/ /' | sort -u > crates.txt
while IFS='|' read -r crate licence; do
    set -- $crate
    [ "$1" != farm ] || continue
    printf '%s\n%s %s: %s\n' ---------------------------------------- "$1" "$2" "$licence"
    for place in "$folder/$1-$2" "$folder/$1"; do
        [ -d "$place" ] || continue
        find "$place" -maxdepth 1 -type f \( -iname 'licen[sc]e*' -o -iname 'copying*' -o -iname 'notice*' \) | sort |
            while IFS= read -r file; do
                printf '\n'
                cat "$file"
            done
        break
    done
done < crates.txt > THIRD-PARTY-NOTICES
