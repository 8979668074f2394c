//! Files, directories, descriptors: `open` to `ttysize`.

use std::task::{Poll, Waker};

use super::super::abi::{self, fdflags, o, oflags};
use super::super::call::{Answer, Call};
use super::super::memory::Record;
use super::super::preview1::flags_from_raw;
use super::follow;
use crate::base::{Errno, Sys};
use crate::kernel::{FlockOp, OpenHow};
use crate::vfs::OpenFlags;

/// The permission bits of a mode; what lies above them (a file type from `st_mode`) is not the guest's to set.
fn mode_bits(mode: u32) -> u16 {
    (mode & 0o7777) as u16
}

pub(super) fn open(
    dirfd: i32,
    ptr: u32,
    len: u32,
    flags: u32,
    mode: u32,
) -> impl FnMut(&mut Call<'_>, &Waker) -> Poll<Answer> + Send {
    let how = how(flags, mode);
    move |call, waker| {
        let how = how?;
        let path = call.guest.path(&call.memory, dirfd, ptr, len)?;
        call.guest.lock().poll_open(call.guest.pid, dirfd, path, how, waker)
    }
}

/// How wasi-libc's `O_*` say to open. With `O_EXEC` or `O_SEARCH` alone the descriptor is only a handle.
fn how(flags: u32, mode: u32) -> Sys<OpenHow> {
    const ACCESS: u32 = o::RDONLY | o::WRONLY | o::EXEC | o::SEARCH;
    const KNOWN: u32 = fdflags::ALL | oflags::ALL << o::OFLAGS_SHIFT | ACCESS | o::NOFOLLOW | o::CLOEXEC;
    if flags & !KNOWN != 0 || flags & ACCESS == 0 {
        return Err(Errno::Inval);
    }
    let oflags = flags >> o::OFLAGS_SHIFT;
    let sync = flags_from_raw(flags & fdflags::ALL);
    Ok(OpenHow {
        flags: OpenFlags {
            read: flags & o::RDONLY != 0,
            write: flags & o::WRONLY != 0,
            create: oflags & oflags::CREAT != 0,
            excl: oflags & oflags::EXCL != 0,
            trunc: oflags & oflags::TRUNC != 0,
            directory: oflags & oflags::DIRECTORY != 0,
            nofollow: flags & o::NOFOLLOW != 0,
            append: sync.append,
        },
        nonblock: sync.nonblock,
        sync,
        cloexec: flags & o::CLOEXEC != 0,
        mode: mode_bits(mode),
        rights: None,
    })
}

pub(super) fn stat(call: &mut Call<'_>, dirfd: i32, ptr: u32, len: u32, flags: u32, out: u32) -> Answer {
    let follow = follow(flags)?;
    let attr = if len == 0 {
        call.guest.lock().fstat(call.guest.pid, dirfd)?
    } else {
        let path = call.guest.path(&call.memory, dirfd, ptr, len)?;
        call.guest.lock().stat(call.guest.pid, dirfd, path, follow)?
    };
    call.memory.write(out, &abi::stat(&attr).0)?;
    Ok(0)
}

pub(super) fn chmod(call: &mut Call<'_>, dirfd: i32, ptr: u32, len: u32, mode: u32, flags: u32) -> Answer {
    let (follow, mode) = (follow(flags)?, mode_bits(mode));
    if len == 0 {
        call.guest.lock().fchmod(call.guest.pid, dirfd, mode)?;
    } else {
        let path = call.guest.path(&call.memory, dirfd, ptr, len)?;
        call.guest.lock().chmod(call.guest.pid, dirfd, path, mode, follow)?;
    }
    Ok(0)
}

pub(super) fn chown(call: &mut Call<'_>, dirfd: i32, ptr: u32, len: u32, uid: u32, gid: u32, flags: u32) -> Answer {
    let id = |id: u32| (id != u32::MAX).then_some(id);
    let (follow, uid, gid) = (follow(flags)?, id(uid), id(gid));
    if len == 0 {
        call.guest.lock().fchown(call.guest.pid, dirfd, uid, gid)?;
    } else {
        let path = call.guest.path(&call.memory, dirfd, ptr, len)?;
        call.guest.lock().chown(call.guest.pid, dirfd, path, uid, gid, follow)?;
    }
    Ok(0)
}

pub(super) fn mkdir(call: &mut Call<'_>, dirfd: i32, ptr: u32, len: u32, mode: u32) -> Answer {
    let path = call.guest.path(&call.memory, dirfd, ptr, len)?;
    call.guest.lock().mkdir(call.guest.pid, dirfd, path, mode_bits(mode))?;
    Ok(0)
}

pub(super) fn mkfifo(call: &mut Call<'_>, dirfd: i32, ptr: u32, len: u32, mode: u32) -> Answer {
    let path = call.guest.path(&call.memory, dirfd, ptr, len)?;
    call.guest.lock().mkfifo(call.guest.pid, dirfd, path, mode_bits(mode))?;
    Ok(0)
}

pub(super) fn access(call: &mut Call<'_>, dirfd: i32, ptr: u32, len: u32, mode: u32, flags: u32) -> Answer {
    if mode > 7 {
        return Err(Errno::Inval);
    }
    let follow = follow(flags)?;
    let path = call.guest.path(&call.memory, dirfd, ptr, len)?;
    call.guest.lock().access(call.guest.pid, dirfd, path, mode as u8, follow)?;
    Ok(0)
}

pub(super) fn umask(call: &mut Call<'_>, mask: u32) -> Answer {
    Ok(i32::from(call.guest.lock().umask(call.guest.pid, (mask & 0o777) as u16)))
}

pub(super) fn chdir(call: &mut Call<'_>, ptr: u32, len: u32) -> Answer {
    let path = call.guest.path(&call.memory, 0, ptr, len)?;
    call.guest.lock().chdir(call.guest.pid, path)?;
    Ok(0)
}

pub(super) fn fchdir(call: &mut Call<'_>, fd: i32) -> Answer {
    call.guest.lock().fchdir(call.guest.pid, fd)?;
    Ok(0)
}

pub(super) fn getcwd(call: &mut Call<'_>, buf: u32, len: u32) -> Answer {
    let path = call.guest.lock().getcwd(call.guest.pid)?;
    if path.len() > len as usize {
        return Err(Errno::Range);
    }
    call.charge(path.len() * 64);
    call.memory.write(buf, &path)?;
    Ok(path.len() as i32)
}

pub(super) fn statfs(call: &mut Call<'_>, dirfd: i32, ptr: u32, len: u32, out: u32) -> Answer {
    let path = call.guest.path(&call.memory, dirfd, ptr, len)?;
    let fs = call.guest.lock().statfs(call.guest.pid, dirfd, path)?;
    call.memory.write(out, &abi::statfs(&fs).0)?;
    Ok(0)
}

pub(super) fn pipe(call: &mut Call<'_>, out: u32, flags: u32) -> Answer {
    if flags > 3 {
        return Err(Errno::Inval);
    }
    call.memory.check(out, 8)?;
    let (read, write) = call.guest.lock().pipe(call.guest.pid, flags & 1 != 0, flags & 2 != 0)?;
    call.memory.write(out, &Record::<8>::zeroed().with(0, read.to_le_bytes()).with(4, write.to_le_bytes()).0)?;
    Ok(0)
}

pub(super) fn dup(call: &mut Call<'_>, fd: i32, min: i32, cloexec: u32) -> Answer {
    call.guest.lock().dup(call.guest.pid, fd, min, cloexec != 0)
}

pub(super) fn dup2(call: &mut Call<'_>, fd: i32, to: i32, cloexec: u32) -> Answer {
    call.guest.lock().dup2(call.guest.pid, fd, to, cloexec != 0)
}

pub(super) fn cloexec(call: &mut Call<'_>, fd: i32, on: i32) -> Answer {
    let on = match on {
        -1 => None,
        0 => Some(false),
        1 => Some(true),
        _ => return Err(Errno::Inval),
    };
    call.guest.lock().cloexec(call.guest.pid, fd, on).map(i32::from)
}

pub(super) fn flock(fd: i32, op: u32) -> impl FnMut(&mut Call<'_>, &Waker) -> Poll<Answer> + Send {
    const NONBLOCK: u32 = 4;
    move |call, waker| {
        let what = match op & !NONBLOCK {
            1 => FlockOp::Shared,
            2 => FlockOp::Exclusive,
            8 => FlockOp::Unlock,
            _ => return Poll::Ready(Err(Errno::Inval)),
        };
        let nonblock = op & NONBLOCK != 0;
        let polled = call.guest.lock().poll_flock(call.guest.pid, fd, what, nonblock, waker);
        polled.map_ok(|()| 0)
    }
}

pub(super) fn ttysize(call: &mut Call<'_>, fd: i32, out: u32) -> Answer {
    let (columns, rows) = call.guest.lock().ttysize(call.guest.pid, fd)?;
    call.memory.write(out, &Record::<8>::zeroed().with(0, columns.to_le_bytes()).with(4, rows.to_le_bytes()).0)?;
    Ok(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn open_needs_an_access_mode_and_no_unknown_flag() {
        assert_eq!(how(0, 0).unwrap_err(), Errno::Inval);
        assert_eq!(how(o::RDONLY | 1 << 31, 0).unwrap_err(), Errno::Inval);
        let how = how(o::RDONLY | o::WRONLY | o::CLOEXEC | (1 | 8) << 12 | 1 | 4, 0o100_644).unwrap();
        assert!(how.flags.read && how.flags.write && how.flags.create && how.flags.trunc && how.flags.append);
        assert!(how.cloexec && how.nonblock && !how.flags.excl && !how.flags.nofollow);
        assert_eq!(how.mode, 0o644);
    }
}
