# Installs the packages in farm_packages anew and goes back to those in farm_former by farm_back, as who regrets an upgrade.
# Whether that is possible is for rpm and the resolver to say; where it is, no script may break. Exits 14 where one of
# farm_former's own does.
# shellcheck disable=SC2086 # a program and its options
$farm_rpm -Uv --nosignature "$farm_packages"/*.rpm
set --
for package in "$farm_former"/*.rpm; do
    name=$(rpm -qp --nosignature --qf '%{NAME}\n' "$package")
    if rpm -q "$name" >/dev/null 2>&1; then set -- "$@" "$package"; fi
done
[ $# -gt 0 ] || exit 0
# shellcheck disable=SC2086 # a program and its options
if ! $farm_rpm -U --oldpackage --test --nosignature "$@" >"$farm_life/log" 2>&1; then
    cat "$farm_life/log"
    echo "rpm refuses to go back, as it may"
    exit 0
fi
farm_logged farm_back "$@"
# These are called of what goes, the others of what comes.
if grep -qE '%(preun|postun)\(.*\) scriptlet failed, exit status ' "$farm_life/log"; then
    [ "$status" -ne 0 ] || status=1
    exit "$status"
fi
! grep -q ' scriptlet failed, exit status ' "$farm_life/log" || exit 14
[ "$status" -eq 0 ] || echo "the resolver refuses to go back, as it may"
