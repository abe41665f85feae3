# What is done with a tree that was installed into $staged/root, with whatever tools there are. farm reads it next.
# Every package would own this index of info pages: it is made on the user's machine.
rm -f "$staged/root/usr/share/info/dir"
# Debug symbols are of no use in the package: as dh_strip(1) has it.
can_strip=yes
for tool in strip find dd tr; do
    command -v "$tool" >/dev/null 2>&1 || can_strip=no
done
if [ "$can_strip" = yes ]; then
    find "$staged/root" -type f \( -perm -100 -o -name '*.so' -o -name '*.so.*' -o -name '*.a' \) -exec sh -c '
        for file; do
            case $(dd if="$file" bs=4 count=1 2>/dev/null | tr -d "\000"):$file in
            *ELF:*.so | *ELF:*.so.*) strip --strip-unneeded --remove-section=.comment --remove-section=.note "$file" ;;
            *ELF:*) strip --remove-section=.comment --remove-section=.note "$file" ;;
            "!<ar:"*.a) strip --strip-debug --enable-deterministic-archives "$file" ;;
            esac || exit
        done' sh {} +
fi
for text in LICENSE LICENSE.* LICENCE LICENCE.* COPYING COPYING.* COPYRIGHT COPYRIGHT.*; do
    [ ! -f "$text" ] || cp "$text" "$staged/licences/"
done
