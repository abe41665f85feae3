test "$(farm --version)" = "farm $FARM_VERSION"
cd "$(mktemp -d)"
printf 'pond:\n\techo pond > pond\n' > Makefile
farm init
farm distros | grep debian-12
test -s /usr/share/man/man1/farm.1.gz || test -s /usr/share/man/man1/farm.1
