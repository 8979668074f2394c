//! `coquina_v1`: what preview 1 lacks (docs/abi.md).

mod files;
mod process;
mod signal;

use super::abi::COQUINA;
use super::call::{AfterSignal, Tongue, at_once, imports, large, may_end, may_wait};
use super::guest::Guest;
use crate::base::{Errno, Sys};
use crate::vfs::Follow;

pub(super) fn add_to_linker(linker: &mut wasmtime::Linker<Guest>) -> wasmtime::Result<()> {
    file_calls(linker)?;
    process_calls(linker)?;
    signal_calls(linker)
}

fn file_calls(linker: &mut wasmtime::Linker<Guest>) -> wasmtime::Result<()> {
    imports!(linker, COQUINA, Tongue::Coquina,
        open(dirfd: i32, ptr: u32, len: u32, flags: u32, mode: u32) => may_wait files::open;
        stat(dirfd: i32, ptr: u32, len: u32, flags: u32, out: u32) => large files::stat;
        chmod(dirfd: i32, ptr: u32, len: u32, mode: u32, flags: u32) => large files::chmod;
        chown(dirfd: i32, ptr: u32, len: u32, uid: u32, gid: u32, flags: u32) => large files::chown;
        mkdir(dirfd: i32, ptr: u32, len: u32, mode: u32) => large files::mkdir;
        mkfifo(dirfd: i32, ptr: u32, len: u32, mode: u32) => large files::mkfifo;
        access(dirfd: i32, ptr: u32, len: u32, mode: u32, flags: u32) => large files::access;
        umask(mask: u32) => at_once files::umask;
        chdir(ptr: u32, len: u32) => large files::chdir;
        fchdir(fd: i32) => at_once files::fchdir;
        getcwd(buf: u32, len: u32) => large files::getcwd;
        statfs(dirfd: i32, ptr: u32, len: u32, out: u32) => large files::statfs;
        pipe(out: u32, flags: u32) => at_once files::pipe;
        dup(fd: i32, min: i32, cloexec: u32) => at_once files::dup;
        dup2(fd: i32, to: i32, cloexec: u32) => at_once files::dup2;
        cloexec(fd: i32, on: i32) => at_once files::cloexec;
        flock(fd: i32, op: u32) => may_wait files::flock;
        ttysize(fd: i32, out: u32) => at_once files::ttysize;
    );
    Ok(())
}

fn process_calls(linker: &mut wasmtime::Linker<Guest>) -> wasmtime::Result<()> {
    imports!(linker, COQUINA, Tongue::Coquina,
        spawn(path: u32, len: u32, argv: u32, argv_len: u32, env: u32, env_len: u32, actions: u32, n: u32, attr: u32)
            => large process::spawn;
        vfork() => at_once process::vfork;
        vfork_exit(status: i32) => at_once process::vfork_exit;
        wait(pid: i32, flags: u32, status: u32) => may_wait process::wait;
        kill(pid: i32, sig: i32) => may_end process::kill;
        getpid() => at_once process::getpid;
        getppid() => at_once process::getppid;
        getpgid(pid: i32) => at_once process::getpgid;
        setpgid(pid: i32, pgid: i32) => at_once process::setpgid;
        setsid() => at_once process::setsid;
        getids(out: u32) => at_once process::getids;
        hostname(buf: u32, len: u32) => at_once process::hostname;
        blob(buf: u32, len: u32) => large process::blob;
        keep(ptr: u32, len: u32) => large process::keep;
        limit(which: i32, used: u64) => may_end process::limit;
        usage(who: i32, out: u32) => at_once process::usage;
    );
    linker.func_wrap(COQUINA, "exec", process::exec)?;
    Ok(())
}

fn signal_calls(linker: &mut wasmtime::Linker<Guest>) -> wasmtime::Result<()> {
    imports!(linker, COQUINA, Tongue::Coquina,
        sigaction(sig: i32, how: i32) => may_end signal::sigaction;
        sigmask(how: i32, set: u64, old: u32) => may_end signal::sigmask;
        sigtake() => at_once signal::sigtake;
        // Not `may_wait`: the kernel must see what is pending, under the call's own mask.
        pause(mask: u64) => may_pause signal::pause;
        alarm(first: i64, every: i64) => at_once signal::alarm;
    );
    Ok(())
}

/// The `flags` of calls on paths: bit 0 keeps a last symlink from being followed.
fn follow(flags: u32) -> Sys<Follow> {
    match flags {
        0 => Ok(Follow::Last),
        1 => Ok(Follow::NoLast),
        _ => Err(Errno::Inval),
    }
}
