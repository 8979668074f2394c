#!/bin/bash
# apply.sh LIBRARY: turns LIBRARY, a *copy* of Rust's library/ folder, into the std of Coquina's guests.
#
# Three files are replaced whole, three are new, and a few lines elsewhere change. Every edit must hit exactly as often as
# it says, so that a new Rust release which moved something stops here and not in a strange program.
set -euo pipefail
lib=${1:?usage: apply.sh LIBRARY}/std/src
here=$(cd "$(dirname "$0")" && pwd)

put() { cp "$here/$1" "$lib/$2"; }

# edit FILE COUNT PERL-SUBSTITUTION: applies it to the whole file as one string.
edit() {
    local file=$lib/$1 want=$2 got
    got=$(EDIT=$3 perl -0777 -i -pe 'BEGIN { $n = 0 } $n += eval "$ENV{EDIT}g"; die $@ if $@; END { print STDERR $n }' \
        "$file" 2>&1 >/dev/null)
    [ "$got" = "$want" ] || { echo "apply.sh: $1: '$3' hit $got times, wanted $want" >&2; exit 1; }
}

put pipe.rs sys/pipe/unsupported.rs       # what the `_ =>` arms of sys/pipe and sys/process choose
put process.rs sys/process/unsupported.rs
put paths.rs sys/paths/wasi.rs
put os_wasi/coquina.rs os/wasi/coquina.rs
put os_wasi/process.rs os/wasi/process.rs
put os_wasi/mode.rs os/wasi/mode.rs

edit os/wasi/mod.rs 1 's/pub mod io;/pub mod io;\npub(crate) mod coquina;\npub mod mode;\npub mod process;/'
edit sys/paths/mod.rs 1 's/pub use super::wasi::\{getcwd, chdir, temp_dir\};/pub use super::wasi::*;/'
edit sys/paths/mod.rs 1 's/(super::wasi::\*;\s+)pub use super::unsupported::\{[^}]*\};/$1/'
# Duplicating a descriptor.
edit os/fd/owned.rs 1 's/Err\(io::Error::UNSUPPORTED_PLATFORM\)/crate::os::wasi::coquina::dup(self.as_raw_fd())/'
# What std opens is close-on-exec; the libc crate still says that WASI has no such flag.
edit sys/fs/unix.rs 2 's/libc::O_CLOEXEC/crate::os::wasi::coquina::O_CLOEXEC/'
edit sys/fs/unix/dir.rs 2 's/libc::O_CLOEXEC/crate::os::wasi::coquina::O_CLOEXEC/'
# What Unix knows about errors and WASI's table left out.
edit sys/io/error/wasi.rs 1 's/(        libc::ENOTDIR => NotADirectory,\n)/$1        libc::ENOTEMPTY => DirectoryNotEmpty,\n/'
# Modes: what Unix has is there, only not offered to WASI.
edit sys/fs/unix.rs 3 's/#\[cfg\(not\(target_os = "wasi"\)\)\]\n(    pub fn (?:set_)?mode\()/$1/'
edit sys/fs/unix.rs 1 's/_(reader_metadata: [^{]*\{[^;]*;\s*let writer = [^;]*;)/$1\n    writer.set_permissions(reader_metadata.permissions())?;/'

# Only what the sysroot needs: the tests' own dependencies are not among the vendored crates.
manifest() { perl -0777 -i -pe "$2" "$lib/../../$1"; }
manifest Cargo.toml 's/\s*"(?:coretests|alloctests)",//g'
manifest std/Cargo.toml 's/\[dev-dependencies\]\n(?:[^\[\n].*\n)*//'
manifest compiler-builtins/compiler-builtins/Cargo.toml 's/^cc = .*\n//m; s/"dep:cc"//'
manifest sysroot/Cargo.toml 's/^profiler.*\n//mg'
