# Which packages have the files that were opened, and what each is for others, as lines with tabs. /build/opened has the
# paths, and "/" first. Where /bin and its like are links into /usr, packages may still have the old names.
set -eu
export LC_ALL=C
cd /var/lib/dpkg/info
awk '
    { path = $0; sub(/^\/(bin|sbin|lib(32|64|x32)?)\//, "/usr&", path) }
    NR == FNR { opened[path]; next }
    FNR == 1 { name = FILENAME; sub(/(:[^:]*)?\.list$/, "", name); told = 0 }
    !told && path != "/" && (path in opened) { print "opened\t" name; told = 1 }
' /build/opened *.list
dpkg-query -W -f '${db:Status-Abbrev}\t${Package}\t${Provides}\t${Pre-Depends}, ${Depends}\n' |
    sed -n 's/^.i *\t/installed\t/p'
echo end
