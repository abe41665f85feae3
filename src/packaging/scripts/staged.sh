# What is done with a tree that was installed into $staged/root, with whatever tools there are. farm reads it next.
# Every package would own this index of info pages: it is made on the user's machine.
rm -f "$staged/root/usr/share/info/dir"
# Debug symbols are of no use in the package: as dh_strip(1) has it.
can_strip=yes
for tool in strip find dd tr od stat wc; do
    command -v "$tool" >/dev/null 2>&1 || can_strip=no
done
[ -z "$whole" ] || command -v awk >/dev/null 2>&1 || can_strip=no
# strip_file FILE OPTION...: a file or a folder that is not for writing is made so meanwhile; setuid bits come back.
strip_file() {
    file=$1
    shift
    mode=$(stat -c %a "$file")
    folder=$(stat -c %a "${file%/*}")
    chmod u+rwx "${file%/*}"
    chmod u+rw "$file"
    strip "$@" "$file"
    chmod "$mode" "$file"
    chmod "$folder" "${file%/*}"
}
if [ "$can_strip" = yes ]; then
    find "$staged/root" -type f \( -perm -100 -o -name '*.so' -o -name '*.so.*' -o -name '*.a' \) | while IFS= read -r file; do
        case $(dd if="$file" bs=4 count=1 2>/dev/null | tr -d "\000") in
        *ELF) elf_behind "$file" "$(wc -c <"$file")" ;;
        '!<ar') elf_behind=0 ;;
        *) continue ;;
        esac
        path=${file#"$staged/root"}
        if [ -n "$whole" ] && [ -n "$(printf '%s\n' "$path" | awk -v whole="$whole" -v libdir="$LIBDIR" "$patterns")" ]; then
            continue
        fi
        if [ "$elf_behind" -gt 0 ]; then
            echo "farm: note: $path carries $elf_behind bytes behind its ELF image, and is not stripped"
            continue
        fi
        case $(dd if="$file" bs=4 count=1 2>/dev/null | tr -d "\000"):$file in
        *ELF:*.so | *ELF:*.so.*) strip_file "$file" --strip-unneeded --remove-section=.comment --remove-section=.note ;;
        *ELF:*) strip_file "$file" --remove-section=.comment --remove-section=.note ;;
        "!<ar:"*.a) strip_file "$file" --strip-debug --enable-deterministic-archives ;;
        esac
    done
fi
for text in LICENSE LICENSE.* LICENCE LICENCE.* COPYING COPYING.* COPYRIGHT COPYRIGHT.*; do
    [ ! -f "$text" ] || cp "$text" "$staged/licences/"
done
