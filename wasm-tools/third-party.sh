#!/bin/bash
# third-party.sh: prints THIRD-PARTY.md from sources.lock. Run it after changing the lock: ./third-party.sh >THIRD-PARTY.md
set -euo pipefail
cd "$(dirname "$0")"
cat <<'END'
# Third-party software in the root image

The programs in the root image are built from these source packages of Debian 12, as Debian publishes them (upstream's
release with Debian's patches) and unmodified. This page is made from `sources.lock` by `third-party.sh`. The licence texts
are in the source packages; what each package's recipe builds is in `recipes/`.

| source package | version | licence | upstream | SHA-256 of the upstream archive |
| --- | --- | --- | --- | --- |
END
awk '$1 == "package" { package = $2; version = $3; licence = $4; home = $5 }
  $1 == "sha256" && $3 ~ /\.tar\.[a-z0-9]+$/ && $3 !~ /\.debian\.tar/ {
    printf "| %s | %s | %s | <https://%s> | `%s` |\n", package, version, licence, home, $2 }' sources.lock
cat <<'END'

Linked into each of them: Debian's `wasi-libc` 0.0~git20220510.9886d3d (Apache-2.0 with LLVM exception, Apache-2.0 or MIT; it
contains parts of musl, MIT, and of CloudABI's libc, BSD-2-Clause), LLVM 22's compiler-rt builtins (Apache-2.0 with LLVM
exception), and Coquina's own C library additions in `sysroot/`.

The programs under the GPL are separate programs: each runs in a WebAssembly process of its own, and none is linked with
Coquina. Whoever passes the image on passes on these programs and owes what their licences ask; the source packages above,
`sources.lock` and the recipes are what they are built from.
END
