# number OFFSET WIDTH BYTE...: a number of an ELF header, whose bytes are given in decimal; `order` is little or big.
elf_number() {
    elf_width=$2
    elf_value=0
    elf_unit=1
    shift $(($1 + 2))
    while [ "$elf_width" -gt 0 ]; do
        if [ "$elf_order" = 1 ]; then
            elf_value=$((elf_value + $1 * elf_unit)) elf_unit=$((elf_unit * 256))
        else
            elf_value=$((elf_value * 256 + $1))
        fi
        elf_width=$((elf_width - 1))
        shift
    done
}

# elf_bytes FILE OFFSET COUNT
elf_bytes() {
    od -An -v -tu1 -j "$2" -N "$3" "$1" | tr '\n' ' '
}

# elf_reaches OFFSET SIZE: the image goes at least so far.
elf_reaches() {
    if [ $(($1 + $2)) -gt "$elf_end" ]; then elf_end=$(($1 + $2)); fi
}

# elf_behind FILE SIZE: sets elf_behind to the number of bytes that lie behind all that an ELF file's headers name: the
# header tables, sections and segments. Programs find a script, an archive or a signature there; strip would cut it off.
# What cannot be read is no reason to leave a file alone: 0.
elf_behind() {
    elf_file=$1 elf_size=$2 elf_behind=0
    elf_head=$(elf_bytes "$elf_file" 0 64)
    # shellcheck disable=SC2086 # numbers
    set -- $elf_head
    [ $# -eq 64 ] || return 0
    elf_order=$6
    case $5 in
    1) elf_wide=4 elf_tables=28 elf_counts=42 elf_section=16 elf_segment="4 16" ;;
    2) elf_wide=8 elf_tables=32 elf_counts=54 elf_section=24 elf_segment="8 32" ;;
    *) return 0 ;;
    esac
    elf_number "$elf_tables" "$elf_wide" "$@"; elf_phoff=$elf_value
    elf_number $((elf_tables + elf_wide)) "$elf_wide" "$@"; elf_shoff=$elf_value
    elf_number "$elf_counts" 2 "$@"; elf_phsize=$elf_value
    elf_number $((elf_counts + 2)) 2 "$@"; elf_phnum=$elf_value
    elf_number $((elf_counts + 4)) 2 "$@"; elf_shsize=$elf_value
    elf_number $((elf_counts + 6)) 2 "$@"; elf_shnum=$elf_value
    # A file without any segment and section has no image; counts that do not fit are in the first section.
    [ $((elf_phnum + elf_shnum)) -gt 0 ] && [ "$elf_phnum" -lt 65535 ] && [ "$elf_shnum" -le 4096 ] || return 0
    elf_end=64
    elf_reaches "$elf_shoff" $((elf_shnum * elf_shsize))
    # Nearly always the table of sections is what a file ends with.
    [ "$elf_end" -lt "$elf_size" ] || return 0
    elf_reaches "$elf_phoff" $((elf_phnum * elf_phsize))
    if [ "$elf_shnum" -gt 0 ]; then
        # shellcheck disable=SC2046 # numbers
        set -- $(elf_bytes "$elf_file" "$elf_shoff" $((elf_shnum * elf_shsize)))
        while [ $# -ge "$elf_shsize" ] && [ "$elf_shsize" -ge 40 ]; do
            elf_number 4 4 "$@"
            # SHT_NOBITS has a size, and nothing in the file.
            if [ "$elf_value" -ne 8 ]; then
                elf_number "$elf_section" "$elf_wide" "$@"; elf_at=$elf_value
                elf_number $((elf_section + elf_wide)) "$elf_wide" "$@"
                elf_reaches "$elf_at" "$elf_value"
            fi
            shift "$elf_shsize"
        done
    fi
    if [ "$elf_phnum" -gt 0 ]; then
        # shellcheck disable=SC2046 # numbers
        set -- $(elf_bytes "$elf_file" "$elf_phoff" $((elf_phnum * elf_phsize)))
        while [ $# -ge "$elf_phsize" ] && [ "$elf_phsize" -ge 32 ]; do
            elf_number "${elf_segment% *}" "$elf_wide" "$@"; elf_at=$elf_value
            elf_number "${elf_segment#* }" "$elf_wide" "$@"
            elf_reaches "$elf_at" "$elf_value"
            shift "$elf_phsize"
        done
    fi
    [ "$elf_end" -ge "$elf_size" ] || elf_behind=$((elf_size - elf_end))
}
