#!/bin/bash
# check.sh: says what the guest toolchain lacks. Standard output: the Debian packages to install, on one line (nothing if
# all is there), so that `apt-get install -y $(wasm-tools/sysroot/check.sh)` serves. Standard error: what each is for.
# Exit status 0 if nothing is missing.
set -u
cd "$(dirname "$0")" || exit
. ./tools.sh
detect_tools 2>/dev/null

missing=()
need() { # need WHAT PACKAGE VALUE: VALUE empty means missing
    [ -n "$3" ] && return
    echo "missing: $1 (Debian: $2)" >&2
    missing+=("$2")
}
llvm=$(apt-cache search --names-only '^clang-[0-9]+$' 2>/dev/null | sed -n 's/^clang-\([0-9]*\) .*/\1/p' | sort -n | tail -1)
llvm=${llvm:-22}
# setjmp needs the exceptions of a recent clang.
can_jump() {
    echo | "$1" --target=wasm32-wasip1 -mexception-handling -mllvm -wasm-enable-sjlj -mllvm -wasm-use-legacy-eh=false \
        -xc -c - -o /dev/null 2>/dev/null
}
[ -z "$CLANG" ] || can_jump "$CLANG" || CLANG=
# Clang and its runtime must be of one version.
[ -n "$CLANG" ] && llvm=$("$CLANG" -dumpversion | cut -d. -f1)
builtins=$([ -n "$CLANG" ] && "$CLANG" --target=wasm32-wasip1 --rtlib=compiler-rt -print-libgcc-file-name)
need "a C compiler for wasm32" "clang-$llvm" "$CLANG"
need "llvm-ar, llvm-nm" "llvm-$llvm" "${LLVM_AR:+$LLVM_NM}"
need "wasm-ld" "lld-$llvm" "$WASM_LD"
need "compiler-rt for wasm32" "libclang-rt-$llvm-dev-wasm32" "$([ -f "${builtins:-/}" ] && echo yes)"
need "wasi-libc" wasi-libc "${WASI_LIBC_INCLUDE:+$WASI_LIBC_LIB}"
need "a rustc with its library sources" rustc-web "${RUST_LIBRARY:-}"
need "Rust's library sources" rust-web-src "${RUST_LIBRARY:-}"
[ -n "$GUEST_CARGO" ] || { echo "missing: cargo (https://rustup.rs)" >&2; missing+=(cargo); }

[ ${#missing[@]} = 0 ] && exit 0
echo "${missing[*]}"
exit 1
