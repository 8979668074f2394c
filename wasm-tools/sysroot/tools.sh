# Sourced: where the tools are. Every path can be set from outside; the defaults are Debian's, then whatever PATH has.
#
#   GUEST_RUSTC   a rustc whose library sources are at hand     RUST_LIBRARY  those sources (a folder `library`)
#   GUEST_CARGO   any cargo                                     WASI_LIBC     the prefix that wasi-libc is in,
#   CLANG LLVM_AR LLVM_NM LLVM_RANLIB LLVM_STRIP WASM_LD        or WASI_LIBC_INCLUDE and WASI_LIBC_LIB
#   LLD           the lld that rustc runs as rust-lld

# first NAME...: the first that is a program, as a path.
first() { local name; for name; do command -v "$name" && return; done; return 1; }
# newest STEM: STEM-22, STEM-21 ... STEM: the newest of Debian's versioned programs.
newest() { local v; for v in 30 29 28 27 26 25 24 23 22 21 20; do command -v "$1-$v" && return; done; command -v "$1"; }
first_dir() { local dir; for dir; do [ -d "$dir" ] && { echo "$dir"; return; }; done; return 1; }

detect_tools() {
    CLANG=${CLANG:-$(newest clang || true)}
    LLVM_AR=${LLVM_AR:-$(newest llvm-ar || true)}
    LLVM_NM=${LLVM_NM:-$(newest llvm-nm || true)}
    LLVM_RANLIB=${LLVM_RANLIB:-$(newest llvm-ranlib || true)}
    LLVM_STRIP=${LLVM_STRIP:-$(newest llvm-strip || true)}
    WASM_LD=${WASM_LD:-$(newest wasm-ld || true)}
    LLD=${LLD:-$([ -z "$WASM_LD" ] || dirname "$(readlink -f "$WASM_LD")")}
    [ -d "$LLD" ] && LLD=$LLD/lld
    GUEST_CARGO=${GUEST_CARGO:-$(first cargo "$HOME/.cargo/bin/cargo" || true)}

    local prefix=${WASI_LIBC:-/usr}
    WASI_LIBC_INCLUDE=${WASI_LIBC_INCLUDE:-$(first_dir "$prefix"/include/wasm32-wasi{p1,} || true)}
    WASI_LIBC_LIB=${WASI_LIBC_LIB:-$(first_dir "$prefix"/lib/wasm32-wasi{p1,} || true)}

    # Of the rustcs there are, the first with sources beside it; a rustup rustc has them with `rustup component add rust-src`.
    local rustc
    for rustc in ${GUEST_RUSTC:-/usr/bin/rustc $(command -v rustc || true)}; do
        [ -x "$rustc" ] || continue
        local version sysroot
        version=$("$rustc" -V | cut -d' ' -f2)
        sysroot=$("$rustc" --print sysroot)
        GUEST_RUSTC=$rustc RUST_SYSROOT=$sysroot
        RUST_HOST=$("$rustc" -vV | sed -n 's/^host: //p')
        RUST_LIBRARY=${RUST_LIBRARY:-$(first_dir "$sysroot/lib/rustlib/src/rust/library" "/usr/src/rustc-$version/library" || true)}
        [ -n "$RUST_LIBRARY" ] && break
    done
}
