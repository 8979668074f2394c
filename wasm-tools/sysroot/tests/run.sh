#!/bin/bash
# run.sh SYSROOT COQUINA [TEST...]: builds the test programs with the toolchain in SYSROOT, runs each natively and in a
# sandbox, and compares what they print. A program that both make, of one source, needs no other oracle.
set -u
sysroot=${1:?usage: run.sh SYSROOT COQUINA [TEST...]} coquina=${2:?usage: run.sh SYSROOT COQUINA [TEST...]}
shift 2
cd "$(dirname "$0")" || exit
. ../tools.sh
detect_tools
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/guest" "$work/native"
export LANG=C.UTF-8 LC_ALL=C.UTF-8
failed=0

build() { # build TEST
    case $1 in
        std) "$sysroot/bin/rustc" --edition 2024 -O --target wasm32-wasip1 std.rs -o "$work/guest/std" &&
            "$GUEST_RUSTC" --edition 2024 -O std.rs -o "$work/native/std" ;;
        *)
            local sjlj=
            case $1 in fork | signals | jump) sjlj=-fcoquina-sjlj ;; esac
            "$sysroot/bin/coquina-cc" $sjlj -O2 -Wall "$1.c" -o "$work/guest/$1" &&
                "$CLANG" -O2 -w "$1.c" -o "$work/native/$1" -lm ;;
    esac
}

for test in ${*:-$(ls ./*.c ./*.rs | sed 's|^\./||; s|\.[a-z]*$||')}; do
    build "$test" || { failed=1; continue; }
    "$work/native/$test" </dev/null >"$work/want" 2>"$work/want2"
    echo "status $?" >>"$work/want"
    "$coquina" wasi run --env LANG=C.UTF-8 --env PATH=/usr/bin:/bin "$work/guest/$test" </dev/null >"$work/got" 2>"$work/got2"
    echo "status $?" >>"$work/got"
    if diff -u "$work/want" "$work/got" >"$work/diff"; then
        echo "ok   $test ($(wc -l <"$work/got") lines)"
    else
        echo "FAIL $test: native, then guest"
        cat "$work/diff" "$work/got2"
        failed=1
    fi
done
exit $failed
