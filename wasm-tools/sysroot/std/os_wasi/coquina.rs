//! Coquina's imports, as far as std needs them (`docs/abi.md` describes them all).
use crate::io;
use crate::os::fd::{FromRawFd, OwnedFd, RawFd};

/// The `open` flag that the libc crate thinks WASI lacks.
pub(crate) const O_CLOEXEC: i32 = 0x2000_0000;

/// `flags` bit of `spawn` and `exec`: look the program up in `PATH`.
pub(crate) const SEARCH: i32 = 1;

/// What `spawn` reads besides the program, its arguments and its environment.
#[repr(C)]
pub(crate) struct SpawnAttr {
    pub flags: i32,
    pub pgroup: i32,
    pub cwd: *const u8,
    pub cwd_len: usize,
    pub blob: *const u8,
    pub blob_len: usize,
    pub sigdefault: u64,
    pub sigignore: u64,
    pub reserved: u64,
}

pub(crate) mod host {
    use super::SpawnAttr;

    #[link(wasm_import_module = "coquina_v1")]
    unsafe extern "C" {
        pub fn pipe(ends: *mut [i32; 2], flags: i32) -> i32;
        pub fn dup(fd: i32, min: i32, cloexec: i32) -> i32;
        pub fn dup2(fd: i32, to: i32, cloexec: i32) -> i32;
        pub fn spawn(
            path: *const u8,
            path_len: usize,
            argv: *const u8,
            argv_len: usize,
            env: *const u8,
            env_len: usize,
            actions: *const [i32; 3],
            n: usize,
            attr: *const SpawnAttr,
        ) -> i32;
        pub fn exec(
            path: *const u8,
            path_len: usize,
            argv: *const u8,
            argv_len: usize,
            env: *const u8,
            env_len: usize,
            flags: i32,
        ) -> i32;
        pub fn vfork() -> i32;
        pub fn vfork_exit(status: i32) -> i32;
        pub fn wait(pid: i32, flags: i32, status: *mut i32) -> i32;
        pub fn kill(pid: i32, sig: i32) -> i32;
        pub fn setpgid(pid: i32, pgid: i32) -> i32;
        pub fn getpid() -> i32;
        pub fn getppid() -> i32;
        pub fn chdir(path: *const u8, len: usize) -> i32;
        pub fn chown(dir: i32, path: *const u8, len: usize, uid: i32, gid: i32, flags: i32) -> i32;
        pub fn mkfifo(dir: i32, path: *const u8, len: usize, mode: i32) -> i32;
        pub fn umask(mask: i32) -> i32;
    }
}

/// A call's result: a value, or minus an errno.
pub(crate) fn check(result: i32) -> io::Result<i32> {
    if result < 0 { Err(io::Error::from_raw_os_error(-result)) } else { Ok(result) }
}

/// Duplicates `fd` above standard input, output and error.
pub(crate) fn dup(fd: RawFd) -> io::Result<OwnedFd> {
    let fd = check(unsafe { host::dup(fd, 3, 1) })?;
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}
