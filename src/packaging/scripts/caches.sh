# What is installed decides what compilers make: a cache that was filled with other packages is emptied.
farm_installed=$({ dpkg-query -W -f '${Package} ${Version} ${Architecture}\n' || :; rpm -qa || :; } 2>/dev/null | LC_ALL=C sort)
if [ "$farm_installed" != "$(cat /build/caches/installed 2>/dev/null || :)" ]; then
    rm -rf /build/caches
    mkdir -p /build/caches
    printf '%s\n' "$farm_installed" >/build/caches/installed
fi
unset farm_installed
