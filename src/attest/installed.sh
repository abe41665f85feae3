# What is installed here, for the bill of materials: lines with tabs, which attest::installed reads.
LC_ALL=C
export LC_ALL
tab=$(printf '\t')
for key in ID VERSION_ID; do
    sed -n "s/^$key=[\"']\{0,1\}\([^\"']*\)[\"']\{0,1\}\$/os$tab$key$tab\1/p" /etc/os-release 2>/dev/null
done
if [ -s /var/lib/dpkg/status ] && command -v dpkg-query >/dev/null 2>&1; then
    echo "format${tab}deb"
    dpkg-query -W -f 'package\t${Package}\t${Version}\t${Architecture}\t${Status}\n' || exit 1
    # The folders in which the loader looks; a library elsewhere is found by nobody who is not told.
    grep -EH '^(/usr)?/lib(32|64|x32)?(/[a-z0-9_]+-linux-[a-z0-9]+)?/[^/]+\.so(\.[^/]*)?$' /var/lib/dpkg/info/*.list |
        sed -n "s|^/var/lib/dpkg/info/\([^/]*\)\.list:.*/\([^/]*\)\$|library$tab\1$tab\2|p"
elif command -v rpm >/dev/null 2>&1 && [ -n "$(rpm -q --whatprovides /bin/sh 2>/dev/null)" ]; then
    echo "format${tab}rpm"
    rpm -qa --qf 'package\t%{NAME}\t%|EPOCH?{%{EPOCH}:}:{}|%{VERSION}-%{RELEASE}\t%{ARCH}\t%{LICENSE}\n' || exit 1
    rpm -qa --qf '[library\t%{=NAME}\t%{PROVIDENAME}\n]' |
        grep -E '\.so[^(]*(\(\)(\(64bit\))?)?$'
fi
echo end
