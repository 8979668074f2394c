#!/bin/bash
# build.sh DEST: the guest toolchain.
#
#   DEST/bin/rustc         rustc that knows wasm32-wasip1, with Coquina's std; for cargo: RUSTC=DEST/bin/rustc
#   DEST/bin/coquina-cc    C compiler, for configure and make: CC=DEST/bin/coquina-cc
#   DEST/bin/coquina-ar …  its ar, ranlib, nm and strip
#   DEST/cc                C sysroot: any clang with --target=wasm32-wasip1 --sysroot=DEST/cc
#
# Each part is made again only when what it is made from has changed. Where the tools are: see tools.sh.
set -euo pipefail
dest=${1:?usage: build.sh DEST}
here=$(cd "$(dirname "$0")" && pwd)
. "$here/tools.sh"
detect_tools
"$here/check.sh" >/dev/null || exit 1
mkdir -p "$dest" && dest=$(cd "$dest" && pwd)
work=$dest/.build
jobs=${JOBS:-$(nproc 2>/dev/null || echo 2)}
mkdir -p "$work" "$dest/bin"

say() { echo "sysroot: $*" >&2; }
# hash FILE-OR-FOLDER...: of their names and contents, and of what standard input says.
hash() { { cat; find "$@" -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum; } | sha256sum | cut -d' ' -f1; }
# stale PART HASH: whether the part was made from something else.
stale() { [ "$(cat "$work/$1.stamp" 2>/dev/null)" != "$2" ]; }
done_with() { echo "$2" >"$work/$1.stamp"; }
# script NAME: an executable in DEST/bin from standard input.
script() { cat >"$dest/bin/$1.new" && chmod +x "$dest/bin/$1.new" && mv -f "$dest/bin/$1.new" "$dest/bin/$1"; }

target=wasm32-wasip1
machine="-mbulk-memory -mnontrapping-fptoint -msign-ext -msimd128"
sjlj="-mexception-handling -mllvm -wasm-enable-sjlj -mllvm -wasm-use-legacy-eh=false"

# --- C -------------------------------------------------------------------------------------------------------------

# The headers of wasi-libc, with ours before them: clang looks in include/TARGET and then in include, which is what makes
# their #include_next work with nothing but --sysroot.
make_headers() {
    rm -rf "$work/include"
    mkdir -p "$work/include"
    cp -r "$WASI_LIBC_INCLUDE/." "$work/include/"
    cp -r "$here/libc/include" "$work/include/$target"
    ln -s $target "$work/include/wasm32-wasi"
    rm -rf "$dest/cc/include.old"
    mkdir -p "$dest/cc"
    [ ! -e "$dest/cc/include" ] || mv "$dest/cc/include" "$dest/cc/include.old"
    mv "$work/include" "$dest/cc/include"
    rm -rf "$dest/cc/include.old"
}

compile_libc() {
    local flags="--target=$target --sysroot=$dest/cc -O2 $machine -std=gnu23 -ffunction-sections -fdata-sections"
    flags+=" -fno-strict-aliasing -Wall -Wextra -Wno-unused-parameter -Werror"
    rm -rf "$work/libc" && mkdir -p "$work/libc/obj"
    (cd "$here/libc" && printf '%s\n' *.c | xargs -P "$jobs" -I{} sh -c '
        case $1 in simd.c) own=-fno-builtin;; sjlj.c) own="'"$sjlj"'";; *) own=;; esac
        exec '"$CLANG $flags"' $own -c "$1" -o "'"$work/libc/obj"'/coquina_${1%.c}.o"' sh {})
    mv "$work/libc/obj/coquina_crt1.o" "$work/libc/crt1-command.o"
    "$CLANG" --target=$target -mexception-handling -c "$here/libc/sjlj_tag.s" -o "$work/libc/obj/coquina_sjlj_tag.o"
}

# symbols ARCHIVE-OR-OBJECTS...: "member symbol" for each that is defined.
symbols() { "$LLVM_NM" -A --defined-only --extern-only "$@" 2>/dev/null | awk '{ sub(/:$/, "", $1); n = split($1, part, ":"); print part[n], $NF }'; }

# wasi-libc's members, but for those that define what ours define: one must not be pulled in for its other symbols.
merge_libc() {
    local lib=$work/libc/libc.a long=$WASI_LIBC_LIB/libc-printscan-long-double.a
    cp "$WASI_LIBC_LIB/libc.a" "$lib"
    # printf and scanf know long double, as everywhere else.
    [ ! -f "$long" ] || (cd "$work/libc/obj" && "$LLVM_AR" x "$long")
    symbols "$work"/libc/obj/*.o | awk '{ print $2 }' | LC_ALL=C sort -u >"$work/libc/ours"
    symbols "$lib" >"$work/libc/theirs"
    awk 'NR == FNR { ours[$1]; next } $2 in ours { print $1 }' "$work/libc/ours" "$work/libc/theirs" | sort -u >"$work/libc/drop"
    # What goes with a dropped member and nothing replaces: to be looked at when something does not link.
    awk 'FILENAME ~ /ours$/ { ours[$1]; next } FILENAME ~ /drop$/ { drop[$1]; next } $1 in drop && !($2 in ours)' \
        "$work/libc/ours" "$work/libc/drop" "$work/libc/theirs" >"$work/libc/lost"
    xargs "$LLVM_AR" d "$lib" <"$work/libc/drop"
    "$LLVM_AR" r "$lib" "$work"/libc/obj/*.o
    "$LLVM_RANLIB" "$lib"
}

install_libc() {
    local to=$dest/cc/lib/$target file
    mkdir -p "$to"
    ln -sfn $target "$dest/cc/lib/wasm32-wasi"
    cp "$WASI_LIBC_LIB"/crt1*.o "$to/"
    cp "$work/libc/crt1-command.o" "$to/crt1-command.o"
    cp "$work/libc/crt1-command.o" "$to/crt1.o"
    for file in "$WASI_LIBC_LIB"/lib*.a; do # libm and so on are empty there; what they emulate is real in ours
        case $file in */libc.a | */libc-printscan*) ;; *) rm -f "$to/${file##*/}"; "$LLVM_AR" rc "$to/${file##*/}" ;; esac
    done
    mv -f "$work/libc/libc.a" "$to/libc.a"
}

make_c() {
    local inputs
    inputs=$( (echo "$machine $sjlj" && "$CLANG" --version && declare -f make_headers compile_libc merge_libc install_libc) |
        hash "$here/libc" "$WASI_LIBC_LIB/libc.a" "$WASI_LIBC_INCLUDE/unistd.h")
    stale c "$inputs" || return 0
    say "C library"
    make_headers
    compile_libc
    merge_libc 2>&1 
    install_libc
    done_with c "$inputs"
}

make_cc() {
    sed "s|@DEST@|$dest|g; s|@CLANG@|$CLANG|g; s|@MACHINE@|$machine|g; s|@SJLJ@|$sjlj|g" "$here/coquina-cc.in" | script coquina-cc
    local tool
    for tool in ar:$LLVM_AR ranlib:$LLVM_RANLIB nm:$LLVM_NM strip:$LLVM_STRIP ld:$WASM_LD; do
        ln -sfn "${tool#*:}" "$dest/bin/coquina-${tool%%:*}"
    done
}

# --- Rust ----------------------------------------------------------------------------------------------------------

make_rustc() {
    local rustlib=$dest/lib/rustlib
    mkdir -p "$rustlib/$RUST_HOST/bin" "$rustlib/$target/lib/self-contained"
    ln -sfn "$RUST_SYSROOT/lib/rustlib/$RUST_HOST/lib" "$rustlib/$RUST_HOST/lib" # for build scripts and proc macros
    local lld=$RUST_SYSROOT/lib/rustlib/$RUST_HOST/bin/rust-lld
    ln -sfn "$([ -x "$lld" ] && echo "$lld" || echo "$LLD")" "$rustlib/$RUST_HOST/bin/rust-lld"
    cp -u "$dest/cc/lib/$target"/{crt1-command.o,crt1-reactor.o,libc.a} "$rustlib/$target/lib/self-contained/"
    sed "s|@DEST@|$dest|g; s|@RUSTC@|$GUEST_RUSTC|g" "$here/rustc.in" | script rustc
}

build_std() {
    local lib=$work/library offline=()
    rm -rf "$lib"
    cp -a "$RUST_LIBRARY" "$lib"
    "$here/std/apply.sh" "$lib"
    if [ -d "$lib/vendor" ]; then
        offline=(--offline --config 'source.crates-io.replace-with="vendored"' --config "source.vendored.directory=\"$lib/vendor\"")
    fi
    env -u CARGO_ENCODED_RUSTFLAGS RUSTC="$GUEST_RUSTC" RUSTC_BOOTSTRAP=1 CARGO_TARGET_DIR="$work/std" __CARGO_DEFAULT_LIB_METADATA=coquina \
        CARGO_PROFILE_RELEASE_DEBUG=0 CARGO_PROFILE_RELEASE_PANIC=unwind \
        RUSTFLAGS="-Cembed-bitcode=yes -Zforce-unstable-if-unmarked -Ctarget-feature=+simd128" \
        "$GUEST_CARGO" build "${offline[@]}" -q -j "$jobs" --release --manifest-path "$lib/sysroot/Cargo.toml" \
        --target $target --features backtrace 2>"$work/std.log" || { cat "$work/std.log" >&2; exit 1; }
}

make_std() {
    local inputs to=$dest/lib/rustlib/$target/lib
    inputs=$( ("$GUEST_RUSTC" -vV && declare -f build_std) | hash "$here/std" "$RUST_LIBRARY/std/src/lib.rs" "$RUST_LIBRARY/Cargo.lock")
    stale std "$inputs" || return 0
    say "Rust std (about a minute)"
    rm -rf "$work/std/$target/release/deps"/*.rlib
    build_std
    rm -f "$to"/*.rlib
    cp "$work/std/$target/release/deps"/*.rlib "$to/"
    done_with std "$inputs"
}

make_c
make_cc
make_rustc
make_std
say "ready in $dest"
