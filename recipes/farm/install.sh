program=target/release/farm
install -D -m 755 "$program" "$DESTDIR$PREFIX/bin/farm"
"$program" man "$DESTDIR$PREFIX/share/man/man1"
for shell in bash/bash-completion/completions/farm zsh/zsh/site-functions/_farm fish/fish/vendor_completions.d/farm.fish; do
    file="$DESTDIR$PREFIX/share/${shell#*/}"
    mkdir -p "${file%/*}"
    "$program" completions "${shell%%/*}" > "$file"
done
install -D -m 644 -t "$DESTDIR$PREFIX/share/doc/farm" README.md CHANGELOG.md THIRD-PARTY-NOTICES docs/*.md
