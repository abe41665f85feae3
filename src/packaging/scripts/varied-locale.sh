# A locale that sorts names as people do, a A b B, and is in no package: UTF-8 as the system has it, with an order of its own.
farm_locale() {
    command -v localedef >/dev/null && [ -d /usr/lib/locale/C.utf8 ] || return 1
    work=$(mktemp -d) || return 1
    {
        printf '<code_set_name> UTF-8\n<mb_cur_min> 1\n<mb_cur_max> 6\n<comment_char> %%\n<escape_char> /\nCHARMAP\n'
        n=0
        while [ "$n" -lt 128 ]; do
            printf '<U%04X> /x%02x x\n' "$n" "$n"
            n=$((n + 1))
        done
        echo 'END CHARMAP'
    } >"$work/charmap"
    {
        printf 'comment_char %%\nescape_char /\nLC_COLLATE\norder_start forward\n'
        n=32
        while [ "$n" -lt 65 ]; do
            printf '<U%04X>\n' "$n"
            n=$((n + 1))
        done
        for n in 91 92 93 94 95 96 123 124 125 126; do
            printf '<U%04X>\n' "$n"
        done
        n=65
        while [ "$n" -lt 91 ]; do
            printf '<U%04X>\n<U%04X>\n' $((n + 32)) "$n"
            n=$((n + 1))
        done
        printf 'order_end\nEND LC_COLLATE\n'
    } >"$work/order"
    # It complains of all that is not in it, and writes what is.
    I18NPATH=/nonexistent localedef -c -f "$work/charmap" -i "$work/order" "$work/made" >/dev/null 2>&1 || :
    [ -s "$work/made/LC_COLLATE" ] || return 1
    rm -rf "/usr/lib/locale/$1.utf8"
    cp -R /usr/lib/locale/C.utf8 "/usr/lib/locale/$1.utf8"
    cp "$work/made/LC_COLLATE" "/usr/lib/locale/$1.utf8/LC_COLLATE"
    rm -rf "$work"
    [ "$(printf 'B\na\n' | LC_ALL=$1.UTF-8 sort | head -n 1)" = a ]
}
