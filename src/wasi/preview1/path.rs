//! Calls on paths.

use std::task::{Poll, Waker};

use super::super::abi::{self, fdflags, oflags, rights};
use super::super::call::{Answer, Call};
use super::fd::flags_from_raw;
use crate::base::{Errno, Sys};
use crate::kernel::OpenHow;
use crate::vfs::{Follow, OpenFlags};

/// Permission bits of new files and directories, before the umask: preview 1 has none.
const FILE_MODE: u16 = 0o666;
const DIR_MODE: u16 = 0o777;

fn follow(lookupflags: u32) -> Sys<Follow> {
    Ok(if abi::follows(lookupflags)? { Follow::Last } else { Follow::NoLast })
}

pub(super) fn create_directory(call: &mut Call<'_>, fd: i32, ptr: u32, len: u32) -> Answer {
    let path = call.guest.path(&call.memory, fd, ptr, len)?;
    call.guest.lock().mkdir(call.guest.pid, fd, path, DIR_MODE)?;
    Ok(0)
}

pub(super) fn filestat_get(call: &mut Call<'_>, fd: i32, flags: u32, ptr: u32, len: u32, out: u32) -> Answer {
    let follow = follow(flags)?;
    let path = call.guest.path(&call.memory, fd, ptr, len)?;
    let attr = call.guest.lock().stat(call.guest.pid, fd, path, follow)?;
    call.memory.write(out, &abi::filestat(&attr).0)?;
    Ok(0)
}

#[expect(clippy::too_many_arguments, reason = "they are the import's")]
pub(super) fn filestat_set_times(
    call: &mut Call<'_>,
    fd: i32,
    flags: u32,
    ptr: u32,
    len: u32,
    atime: u64,
    mtime: u64,
    fst_flags: u32,
) -> Answer {
    let follow = follow(flags)?;
    let times = abi::times(atime, mtime, fst_flags)?;
    let path = call.guest.path(&call.memory, fd, ptr, len)?;
    call.guest.lock().set_times_at(call.guest.pid, fd, path, follow, times.atime, times.mtime)?;
    Ok(0)
}

#[expect(clippy::too_many_arguments, reason = "they are the import's")]
pub(super) fn link(
    call: &mut Call<'_>,
    fd: i32,
    flags: u32,
    ptr: u32,
    len: u32,
    to_fd: i32,
    to_ptr: u32,
    to_len: u32,
) -> Answer {
    let follow = follow(flags)?;
    let from = call.guest.path(&call.memory, fd, ptr, len)?;
    let path = call.guest.path(&call.memory, to_fd, to_ptr, to_len)?;
    call.guest.lock().link(call.guest.pid, (fd, from), follow, (to_fd, path))?;
    Ok(0)
}

pub(super) fn rename(call: &mut Call<'_>, fd: i32, ptr: u32, len: u32, to_fd: i32, to_ptr: u32, to_len: u32) -> Answer {
    let from = call.guest.path(&call.memory, fd, ptr, len)?;
    let path = call.guest.path(&call.memory, to_fd, to_ptr, to_len)?;
    call.guest.lock().rename(call.guest.pid, (fd, from), (to_fd, path))?;
    Ok(0)
}

pub(super) fn symlink(call: &mut Call<'_>, target: u32, target_len: u32, fd: i32, ptr: u32, len: u32) -> Answer {
    let target = call.memory.path(target, target_len)?;
    if call.guest.confined() && target.starts_with(b"/") {
        return Err(Errno::Perm);
    }
    let path = call.guest.path(&call.memory, fd, ptr, len)?;
    call.guest.lock().symlink(call.guest.pid, target, fd, path)?;
    Ok(0)
}

pub(super) fn unlink_file(call: &mut Call<'_>, fd: i32, ptr: u32, len: u32) -> Answer {
    let path = call.guest.path(&call.memory, fd, ptr, len)?;
    call.guest.lock().unlink(call.guest.pid, fd, path)?;
    Ok(0)
}

pub(super) fn remove_directory(call: &mut Call<'_>, fd: i32, ptr: u32, len: u32) -> Answer {
    let path = call.guest.path(&call.memory, fd, ptr, len)?;
    call.guest.lock().rmdir(call.guest.pid, fd, path)?;
    Ok(0)
}

pub(super) fn readlink(call: &mut Call<'_>, fd: i32, ptr: u32, len: u32, buf: u32, buf_len: u32, out: u32) -> Answer {
    let path = call.guest.path(&call.memory, fd, ptr, len)?;
    let target = call.guest.lock().readlink(call.guest.pid, fd, path)?;
    let fits = &target[..target.len().min(buf_len as usize)];
    call.memory.write(buf, fits)?;
    call.memory.write_u32(out, fits.len() as u32)?;
    Ok(0)
}

#[expect(clippy::too_many_arguments, reason = "they are the import's")]
pub(super) fn open(
    fd: i32,
    lookup: u32,
    ptr: u32,
    len: u32,
    oflags: u32,
    base: u64,
    _inheriting: u64,
    fdflags: u32,
    out: u32,
) -> impl FnMut(&mut Call<'_>, &Waker) -> Poll<Answer> + Send {
    let how = how(lookup, oflags, base, fdflags);
    move |call, waker| {
        let how = how?;
        call.memory.check(out, 4)?;
        let path = call.guest.path(&call.memory, fd, ptr, len)?;
        let polled = call.guest.lock().poll_open(call.guest.pid, fd, path, how, waker);
        polled.map(|opened| {
            call.memory.write_u32(out, opened? as u32)?;
            Ok(0)
        })
    }
}

/// How `path_open`'s flags and rights say to open. Descriptors are closed on `exec`: preview 1 cannot mean to pass one on.
fn how(lookup: u32, oflags: u32, base: u64, fdflags: u32) -> Sys<OpenHow> {
    if oflags & !oflags::ALL != 0 || fdflags & !fdflags::ALL != 0 {
        return Err(Errno::Inval);
    }
    let sync = flags_from_raw(fdflags);
    Ok(OpenHow {
        flags: OpenFlags {
            read: base & (rights::FD_READ | rights::FD_READDIR) != 0,
            write: base & rights::FD_WRITE != 0,
            create: oflags & oflags::CREAT != 0,
            excl: oflags & oflags::EXCL != 0,
            trunc: oflags & oflags::TRUNC != 0,
            directory: oflags & oflags::DIRECTORY != 0,
            nofollow: !abi::follows(lookup)?,
            append: sync.append,
        },
        nonblock: sync.nonblock,
        sync,
        cloexec: true,
        mode: FILE_MODE,
        rights: None,
    })
}
