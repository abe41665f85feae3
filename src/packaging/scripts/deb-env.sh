# What buildflags.mk would set: make would ask for each flag anew before every command.
eval "$(dpkg-buildflags --export=sh)"
parallel=1
for option in ${DEB_BUILD_OPTIONS:-}; do
    case $option in
    parallel=*) parallel=${option#parallel=} ;;
    esac
done
export FARM_PARALLEL="$parallel" MAKEFLAGS="-j$parallel" CARGO_BUILD_JOBS="$parallel"
export CMAKE_BUILD_PARALLEL_LEVEL="$parallel"
# farm says it; whoever builds the source package elsewhere need not.
export FARM_ARCH="${FARM_ARCH:-${DEB_HOST_ARCH:-$(dpkg-architecture -qDEB_HOST_ARCH)}}"
unset MAKELEVEL MFLAGS option parallel
