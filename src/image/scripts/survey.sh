# Prints what is on the system: names and contents, a zero byte after each. First files of dpkg's database; then, after
# an empty name, every path with its type before it, and where it leads if it is a link.
rm -rf /tmp/farm-preinst
cd /var/lib/dpkg
for file in diversions statoverride triggers/*; do
    [ -f "$file" ] && [ "$file" != triggers/Lock ] || continue
    printf '%s\0' "$file"
    cat "$file"
    printf '\0'
done
printf '\0'
find / -xdev -printf '%y%p\0%l\0'
