//! Calls on one descriptor, but for reading and writing.

use super::super::abi::{self, fdflags, rights};
use super::super::call::{Answer, Call};
use super::super::memory::Record;
use crate::base::Errno;
use crate::kernel::{FdFlags, FdStat, Whence};
use crate::vfs::Kind;

/// Linux's major number of terminals.
const TTY_MAJOR: u32 = 5;

pub(super) fn advise(call: &mut Call<'_>, fd: i32, offset: u64, len: u64, advice: u32) -> Answer {
    if advice > 5 || offset.checked_add(len).is_none() {
        return Err(Errno::Inval);
    }
    match call.guest.lock().fdstat(call.guest.pid, fd)?.kind {
        Kind::File => Ok(0),
        Kind::Fifo | Kind::CharDevice { .. } => Err(Errno::SPipe),
        Kind::Dir | Kind::Symlink => Err(Errno::BadF),
    }
}

pub(super) fn allocate(call: &mut Call<'_>, fd: i32, offset: u64, len: u64) -> Answer {
    call.guest.lock().allocate(call.guest.pid, fd, offset, len)?;
    Ok(0)
}

pub(super) fn close(call: &mut Call<'_>, fd: i32) -> Answer {
    call.guest.lock().close(call.guest.pid, fd)?;
    call.guest.forget_preopen(fd);
    Ok(0)
}

pub(super) fn renumber(call: &mut Call<'_>, fd: i32, to: i32) -> Answer {
    call.guest.lock().renumber(call.guest.pid, fd, to)?;
    call.guest.move_preopen(fd, to);
    Ok(0)
}

pub(super) fn sync(call: &mut Call<'_>, fd: i32) -> Answer {
    call.guest.lock().sync(call.guest.pid, fd)?;
    Ok(0)
}

pub(super) fn fdstat_get(call: &mut Call<'_>, fd: i32, out: u32) -> Answer {
    let stat = call.guest.lock().fdstat(call.guest.pid, fd)?;
    let (base, inheriting) = match call.guest.preopen_name(fd) {
        Some(_) => (rights::PREOPEN_BASE, rights::PREOPEN_INHERITING),
        None => rights_of(&stat),
    };
    let flags = flags_to_raw(stat.flags);
    call.memory.write(out, &abi::fdstat(abi::filetype(stat.kind), flags, base, inheriting).0)?;
    Ok(0)
}

/// The rights a descriptor has by what it is.
///
/// C libraries take a character device that cannot seek for a terminal, and nothing else.
fn rights_of(stat: &FdStat) -> (u64, u64) {
    let mut base = rights::ALL;
    if !stat.read {
        base &= !rights::FD_READ;
    }
    if !stat.write {
        base &= !rights::FD_WRITE;
    }
    match stat.kind {
        // What is opened below a directory may have any right.
        Kind::Dir => {
            return (base & !(rights::NOT_OF_DIRECTORIES | rights::FD_READ), rights::ALL);
        }
        Kind::CharDevice { major: TTY_MAJOR, .. } | Kind::Fifo => base &= !(rights::FD_SEEK | rights::FD_TELL),
        _ => {}
    }
    (base, base)
}

fn flags_to_raw(flags: FdFlags) -> u32 {
    let bit = |on: bool, bit: u32| if on { bit } else { 0 };
    bit(flags.append, fdflags::APPEND)
        | bit(flags.dsync, fdflags::DSYNC)
        | bit(flags.nonblock, fdflags::NONBLOCK)
        | bit(flags.rsync, fdflags::RSYNC)
        | bit(flags.sync, fdflags::SYNC)
}

/// Preview 1's `fdflags` (other bits are the caller's to refuse).
pub(in crate::wasi) fn flags_from_raw(flags: u32) -> FdFlags {
    FdFlags {
        append: flags & fdflags::APPEND != 0,
        dsync: flags & fdflags::DSYNC != 0,
        nonblock: flags & fdflags::NONBLOCK != 0,
        rsync: flags & fdflags::RSYNC != 0,
        sync: flags & fdflags::SYNC != 0,
    }
}

pub(super) fn fdstat_set_flags(call: &mut Call<'_>, fd: i32, flags: u32) -> Answer {
    if flags & !fdflags::ALL != 0 {
        return Err(Errno::Inval);
    }
    call.guest.lock().set_fdflags(call.guest.pid, fd, flags_from_raw(flags))?;
    Ok(0)
}

pub(super) fn fdstat_set_rights(call: &mut Call<'_>, fd: i32, _base: u64, _inheriting: u64) -> Answer {
    call.guest.lock().fdstat(call.guest.pid, fd)?;
    Err(Errno::NotSup)
}

pub(super) fn filestat_get(call: &mut Call<'_>, fd: i32, out: u32) -> Answer {
    let attr = call.guest.lock().fstat(call.guest.pid, open_fd(fd)?)?;
    call.memory.write(out, &abi::filestat(&attr).0)?;
    Ok(0)
}

/// A descriptor, where the kernel would also take `AT_FDCWD`.
fn open_fd(fd: i32) -> crate::base::Sys<i32> {
    if fd < 0 { Err(Errno::BadF) } else { Ok(fd) }
}

pub(super) fn filestat_set_size(call: &mut Call<'_>, fd: i32, size: u64) -> Answer {
    call.guest.lock().ftruncate(call.guest.pid, fd, size)?;
    Ok(0)
}

pub(super) fn filestat_set_times(call: &mut Call<'_>, fd: i32, atime: u64, mtime: u64, flags: u32) -> Answer {
    let times = abi::times(atime, mtime, flags)?;
    call.guest.lock().set_times(call.guest.pid, open_fd(fd)?, times.atime, times.mtime)?;
    Ok(0)
}

pub(super) fn prestat_get(call: &mut Call<'_>, fd: i32, out: u32) -> Answer {
    let len = call.guest.preopen_name(fd).ok_or(Errno::BadF)?.len() as u32;
    // Tag 0: a directory.
    call.memory.write(out, &Record::<8>::zeroed().with(4, len.to_le_bytes()).0)?;
    Ok(0)
}

pub(super) fn prestat_dir_name(call: &mut Call<'_>, fd: i32, ptr: u32, len: u32) -> Answer {
    let name = call.guest.preopen_name(fd).ok_or(Errno::BadF)?;
    if name.len() > len as usize {
        return Err(Errno::NameTooLong);
    }
    call.memory.write(ptr, name)?;
    Ok(0)
}

pub(super) fn seek(call: &mut Call<'_>, fd: i32, delta: i64, whence: u32, out: u32) -> Answer {
    let whence = match whence {
        0 => Whence::Set,
        1 => Whence::Cur,
        2 => Whence::End,
        _ => return Err(Errno::Inval),
    };
    call.memory.check(out, 8)?;
    let offset = {
        let mut kernel = call.guest.lock();
        not_a_directory(&kernel.fdstat(call.guest.pid, fd)?)?;
        kernel.seek(call.guest.pid, fd, delta, whence)?
    };
    call.memory.write_u64(out, offset)?;
    Ok(0)
}

pub(super) fn tell(call: &mut Call<'_>, fd: i32, out: u32) -> Answer {
    let offset = {
        let mut kernel = call.guest.lock();
        not_a_directory(&kernel.fdstat(call.guest.pid, fd)?)?;
        kernel.tell(call.guest.pid, fd)?
    };
    call.memory.write_u64(out, offset)?;
    Ok(0)
}

/// Preview 1 directories have no offset: `fd_readdir` is told where to go on.
fn not_a_directory(stat: &FdStat) -> crate::base::Sys<()> {
    if stat.kind == Kind::Dir { Err(Errno::BadF) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::FdRights;

    fn stat(kind: Kind, read: bool, write: bool) -> FdStat {
        FdStat { kind, read, write, flags: FdFlags::default(), rights: FdRights { base: 0, inheriting: 0 } }
    }

    #[test]
    fn only_terminals_look_like_terminals() {
        let seekable = |kind| rights_of(&stat(kind, true, true)).0 & (rights::FD_SEEK | rights::FD_TELL) != 0;
        assert!(!seekable(Kind::CharDevice { major: 5, minor: 0 }));
        assert!(seekable(Kind::CharDevice { major: 1, minor: 3 }));
        assert!(seekable(Kind::File));
        assert_ne!(abi::filetype(Kind::Fifo), abi::filetype(Kind::CharDevice { major: 5, minor: 0 }));
    }

    #[test]
    fn rights_follow_the_open_mode() {
        let (base, _) = rights_of(&stat(Kind::File, true, false));
        assert_eq!(base & (rights::FD_READ | rights::FD_WRITE), rights::FD_READ);
        let (base, inheriting) = rights_of(&stat(Kind::Dir, true, false));
        assert_eq!(base & (rights::FD_SEEK | rights::FD_WRITE | rights::FD_FILESTAT_SET_SIZE), 0);
        assert_ne!(base & rights::FD_READDIR, 0);
        assert_eq!(inheriting, rights::ALL);
    }

    #[test]
    fn flags_go_both_ways() {
        for raw in 0..=fdflags::ALL {
            assert_eq!(flags_to_raw(flags_from_raw(raw)), raw);
        }
    }
}
