//! WASI preview 1: `wasi_snapshot_preview1`, all 46 functions.
//!
//! Rights are told as wasmtime tells them and, as there, only reading and writing are enforced; descriptors cannot be narrowed.

mod clock;
mod fd;
mod io;
mod path;
mod poll;
mod process;
mod readdir;

use super::abi::PREVIEW1;
use super::call::{AfterSignal, Call, Tongue, at_once, imports, large, may_end, may_wait};
use super::guest::Guest;

pub(super) use fd::flags_from_raw;

pub(super) fn add_to_linker(linker: &mut wasmtime::Linker<Guest>) -> wasmtime::Result<()> {
    descriptors(linker)?;
    paths(linker)?;
    the_rest(linker)
}

fn descriptors(linker: &mut wasmtime::Linker<Guest>) -> wasmtime::Result<()> {
    imports!(linker, PREVIEW1, Tongue::Preview1,
        fd_advise(fd: i32, offset: u64, len: u64, advice: u32) => at_once fd::advise;
        fd_allocate(fd: i32, offset: u64, len: u64) => large fd::allocate;
        fd_close(fd: i32) => at_once fd::close;
        fd_datasync(fd: i32) => at_once fd::sync;
        fd_fdstat_get(fd: i32, out: u32) => at_once fd::fdstat_get;
        fd_fdstat_set_flags(fd: i32, flags: u32) => at_once fd::fdstat_set_flags;
        fd_fdstat_set_rights(fd: i32, base: u64, inheriting: u64) => at_once fd::fdstat_set_rights;
        fd_filestat_get(fd: i32, out: u32) => at_once fd::filestat_get;
        fd_filestat_set_size(fd: i32, size: u64) => large fd::filestat_set_size;
        fd_filestat_set_times(fd: i32, atime: u64, mtime: u64, flags: u32) => at_once fd::filestat_set_times;
        fd_pread(fd: i32, iovs: u32, count: u32, offset: u64, out: u32) => may_wait io::pread;
        fd_prestat_get(fd: i32, out: u32) => at_once fd::prestat_get;
        fd_prestat_dir_name(fd: i32, ptr: u32, len: u32) => at_once fd::prestat_dir_name;
        fd_pwrite(fd: i32, iovs: u32, count: u32, offset: u64, out: u32) => may_wait io::pwrite;
        fd_read(fd: i32, iovs: u32, count: u32, out: u32) => may_wait io::read;
        fd_readdir(fd: i32, ptr: u32, len: u32, cookie: u64, out: u32) => large readdir::readdir;
        fd_renumber(fd: i32, to: i32) => at_once fd::renumber;
        fd_seek(fd: i32, delta: i64, whence: u32, out: u32) => at_once fd::seek;
        fd_sync(fd: i32) => at_once fd::sync;
        fd_tell(fd: i32, out: u32) => at_once fd::tell;
        fd_write(fd: i32, iovs: u32, count: u32, out: u32) => may_wait io::write;
    );
    Ok(())
}

fn paths(linker: &mut wasmtime::Linker<Guest>) -> wasmtime::Result<()> {
    imports!(linker, PREVIEW1, Tongue::Preview1,
        path_create_directory(fd: i32, ptr: u32, len: u32) => large path::create_directory;
        path_filestat_get(fd: i32, flags: u32, ptr: u32, len: u32, out: u32) => large path::filestat_get;
        path_filestat_set_times(fd: i32, flags: u32, ptr: u32, len: u32, atime: u64, mtime: u64, fst: u32)
            => large path::filestat_set_times;
        path_link(fd: i32, flags: u32, ptr: u32, len: u32, to_fd: i32, to_ptr: u32, to_len: u32) => large path::link;
        path_open(fd: i32, lookup: u32, ptr: u32, len: u32, oflags: u32, base: u64, inheriting: u64, fdflags: u32, out: u32)
            => may_wait path::open;
        path_readlink(fd: i32, ptr: u32, len: u32, buf: u32, buf_len: u32, out: u32) => large path::readlink;
        path_remove_directory(fd: i32, ptr: u32, len: u32) => large path::remove_directory;
        path_rename(fd: i32, ptr: u32, len: u32, to_fd: i32, to_ptr: u32, to_len: u32) => large path::rename;
        path_symlink(target: u32, target_len: u32, fd: i32, ptr: u32, len: u32) => large path::symlink;
        path_unlink_file(fd: i32, ptr: u32, len: u32) => large path::unlink_file;
    );
    Ok(())
}

fn the_rest(linker: &mut wasmtime::Linker<Guest>) -> wasmtime::Result<()> {
    imports!(linker, PREVIEW1, Tongue::Preview1,
        args_get(list: u32, buf: u32) => large process::args_get;
        args_sizes_get(count: u32, size: u32) => large process::args_sizes_get;
        environ_get(list: u32, buf: u32) => large process::environ_get;
        environ_sizes_get(count: u32, size: u32) => large process::environ_sizes_get;
        clock_res_get(id: u32, out: u32) => at_once clock::res_get;
        clock_time_get(id: u32, precision: u64, out: u32) => at_once clock::time_get;
        poll_oneoff(subs: u32, events: u32, count: u32, out: u32) => may_sleep poll::oneoff;
        proc_raise(sig: u32) => may_end process::raise;
        random_get(ptr: u32, len: u32) => may_wait process::random_get;
        sock_accept(fd: i32, flags: u32, out: u32) => at_once sock_accept;
        sock_recv(fd: i32, iovs: u32, count: u32, flags: u32, size: u32, oflags: u32) => at_once sock_recv;
        sock_send(fd: i32, iovs: u32, count: u32, flags: u32, size: u32) => at_once sock_send;
        sock_shutdown(fd: i32, how: u32) => at_once sock_shutdown;
    );
    linker.func_wrap_async(PREVIEW1, "sched_yield", process::sched_yield)?;
    linker.func_wrap(PREVIEW1, "proc_exit", process::exit)?;
    Ok(())
}

/// Nothing in a sandbox is a socket: an open descriptor is `NotSock`.
fn no_socket(call: &mut Call<'_>, fd: i32) -> super::call::Answer {
    call.guest.lock().fdstat(call.guest.pid, fd)?;
    Err(crate::base::Errno::NotSock)
}

fn sock_accept(call: &mut Call<'_>, fd: i32, _flags: u32, _out: u32) -> super::call::Answer {
    no_socket(call, fd)
}

fn sock_recv(call: &mut Call<'_>, fd: i32, _: u32, _: u32, _: u32, _: u32, _: u32) -> super::call::Answer {
    no_socket(call, fd)
}

fn sock_send(call: &mut Call<'_>, fd: i32, _: u32, _: u32, _: u32, _: u32) -> super::call::Answer {
    no_socket(call, fd)
}

fn sock_shutdown(call: &mut Call<'_>, fd: i32, _how: u32) -> super::call::Answer {
    no_socket(call, fd)
}
