#!/bin/bash
# run.sh SYSROOT COQUINA [TEST...]: builds the test programs with the toolchain in SYSROOT, runs each natively and in a
# sandbox, and compares what they print: standard output, standard error and exit status. A program that both make, of one
# source, needs no other oracle. Where COQUINA finds its root image, so that there is a /bin/sh, what needs one is tested too.
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
if "$coquina" exec -c : >/dev/null 2>&1; then
    export WITH_SHELL=1
    guest() { "$coquina" exec --dir "$work/guest::/guest:ro" --env LANG=C.UTF-8 --env WITH_SHELL=1 -c "exec /guest/$1"; }
else
    unset WITH_SHELL
    guest() { "$coquina" wasi run --env LANG=C.UTF-8 --env PATH=/usr/bin:/bin "$work/guest/$1"; }
fi

build() { # build TEST
    case $1 in
        std) "$sysroot/bin/rustc" --edition 2024 -O --target wasm32-wasip1 std.rs -o "$work/guest/std" &&
            "$GUEST_RUSTC" --edition 2024 -O std.rs -o "$work/native/std" ;;
        *)
            local sjlj=
            case $1 in fork | signals | jump) sjlj=-fcoquina-sjlj ;; esac
            "$sysroot/bin/coquina-cc" $sjlj -O2 -Wall -fno-builtin "$1.c" -o "$work/guest/$1" &&
                "$CLANG" -O2 -w "$1.c" -o "$work/native/$1" -lm ;;
    esac
}

for test in ${*:-$(ls ./*.c ./*.rs | sed 's|^\./||; s|\.[a-z]*$||')}; do
    build "$test" || { failed=1; continue; }
    (exec "$work/native/$test" </dev/null >"$work/want" 2>"$work/want2")
    echo "status $?" | cat - "$work/want2" >>"$work/want"
    guest "$test" </dev/null >"$work/got" 2>"$work/got2"
    echo "status $?" | cat - "$work/got2" >>"$work/got"
    if diff -u "$work/want" "$work/got" >"$work/diff"; then
        echo "ok   $test ($(wc -l <"$work/got") lines)"
    else
        echo "FAIL $test: native, then guest"
        cat "$work/diff"
        failed=1
    fi
done
exit $failed
