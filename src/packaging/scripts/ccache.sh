# Compilers are found as links to ccache first, under every name that they have here.
command -v ccache >/dev/null || {
    echo 'farm: the image has no ccache, which [build] cache of the recipe asks for' >&2
    exit 127
}
mkdir -p /build/cache-tools
(
    ccache=$(command -v ccache)
    IFS=:
    for folder in $PATH; do
        for tool in "$folder"/cc "$folder"/c++ "$folder"/gcc "$folder"/g++ "$folder"/clang "$folder"/clang++ \
            "$folder"/gcc-[0-9]* "$folder"/g++-[0-9]* "$folder"/clang-[0-9]* "$folder"/clang++-[0-9]* \
            "$folder"/*-linux*-gcc "$folder"/*-linux*-g++ "$folder"/*-linux*-gcc-[0-9]* "$folder"/*-linux*-g++-[0-9]*; do
            [ ! -x "$tool" ] || ln -sf "$ccache" "/build/cache-tools/${tool##*/}"
        done
    done
)
export PATH="/build/cache-tools:$PATH"
ccache --zero-stats >/dev/null
