//! Calls on open files: open, close, read, write, seek, attributes.

use super::process::Pid;
use super::{Fd, Kernel};
use crate::base::Sys;
use crate::vfs::{Attr, DirEntry, Kind, OpenFlags, SetTime};
use std::task::{Poll, Waker};

/// How to open a file.
#[derive(Clone, Copy, Debug, Default)]
pub struct OpenHow {
    /// What `open` of the file tree is told. Neither `read` nor `write`: only a handle, for directories and attributes.
    pub flags: OpenFlags,
    /// `O_NONBLOCK`.
    pub nonblock: bool,
    /// `O_SYNC` and its kin: only remembered.
    pub sync: FdFlags,
    /// `O_CLOEXEC`.
    pub cloexec: bool,
    /// Permission bits of a new file, before the umask.
    pub mode: u16,
    /// Preview 1 rights; `None`: all.
    pub rights: Option<FdRights>,
}

/// Preview 1's descriptor flags.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[allow(missing_docs, reason = "named as in preview 1")]
#[allow(clippy::struct_excessive_bools, reason = "they are preview 1's flags")]
pub struct FdFlags {
    pub append: bool,
    pub dsync: bool,
    pub nonblock: bool,
    pub rsync: bool,
    pub sync: bool,
}

/// Preview 1's rights of a descriptor, as bits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FdRights {
    /// For the descriptor itself.
    pub base: u64,
    /// For what is opened through it.
    pub inheriting: u64,
}

/// What `fd_fdstat_get` tells.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FdStat {
    /// What it refers to. A pipe is a `Fifo`, a terminal a `CharDevice` 5,0, another host stream a `Fifo`.
    pub kind: Kind,
    /// Open for reading.
    pub read: bool,
    /// Open for writing.
    pub write: bool,
    /// Flags.
    pub flags: FdFlags,
    /// Rights, as set.
    pub rights: FdRights,
}

/// Where a seek starts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Whence {
    /// The start.
    Set,
    /// The current offset.
    Cur,
    /// The end.
    End,
    /// `SEEK_DATA`.
    Data,
    /// `SEEK_HOLE`.
    Hole,
}

impl Kernel {
    /// `openat`. Waits only for the other side of a FIFO. The lowest free descriptor.
    pub fn poll_open(
        &mut self,
        _pid: Pid,
        _dirfd: Fd,
        _path: &[u8],
        _how: OpenHow,
        _waker: &Waker,
    ) -> Poll<Sys<Fd>> {
        todo!()
    }

    /// `close`.
    pub fn close(&mut self, _pid: Pid, _fd: Fd) -> Sys<()> {
        todo!()
    }

    /// Reads at the offset, or from a pipe or stream: at least one byte, or 0 at the end. `Intr` if a caught signal is pending and it would wait.
    pub fn poll_read(
        &mut self,
        _pid: Pid,
        _fd: Fd,
        _into: &mut [u8],
        _waker: &Waker,
    ) -> Poll<Sys<usize>> {
        todo!()
    }

    /// Writes at the offset (or the end), or to a pipe or stream. A pipe takes what fits (up to 4096 bytes: all or nothing), so a caller that means
    /// all of it calls again with the rest; `Pending` means that nothing was taken. A `Pipe` error has sent SIGPIPE: ask `killed`.
    pub fn poll_write(
        &mut self,
        _pid: Pid,
        _fd: Fd,
        _from: &[u8],
        _waker: &Waker,
    ) -> Poll<Sys<usize>> {
        todo!()
    }

    /// Reads at `offset`; `SPipe` for what has none.
    pub fn pread(&mut self, _pid: Pid, _fd: Fd, _into: &mut [u8], _offset: u64) -> Sys<usize> {
        todo!()
    }

    /// Writes at `offset`.
    pub fn pwrite(&mut self, _pid: Pid, _fd: Fd, _from: &[u8], _offset: u64) -> Sys<usize> {
        todo!()
    }

    /// Moves the offset and tells it.
    pub fn seek(&mut self, _pid: Pid, _fd: Fd, _offset: i64, _whence: Whence) -> Sys<u64> {
        todo!()
    }

    /// The offset.
    pub fn tell(&mut self, _pid: Pid, _fd: Fd) -> Sys<u64> {
        todo!()
    }

    /// `fsync`.
    pub fn sync(&mut self, _pid: Pid, _fd: Fd) -> Sys<()> {
        todo!()
    }

    /// `posix_fallocate`: the file is at least `offset + len` long afterwards.
    pub fn allocate(&mut self, _pid: Pid, _fd: Fd, _offset: u64, _len: u64) -> Sys<()> {
        todo!()
    }

    /// `ftruncate`.
    pub fn ftruncate(&mut self, _pid: Pid, _fd: Fd, _size: u64) -> Sys<()> {
        todo!()
    }

    /// `fstat`; `AT_FDCWD` is the working directory, here and in `fchmod` and `fchown`.
    pub fn fstat(&mut self, _pid: Pid, _fd: Fd) -> Sys<Attr> {
        todo!()
    }

    /// `fchmod`.
    pub fn fchmod(&mut self, _pid: Pid, _fd: Fd, _mode: u16) -> Sys<()> {
        todo!()
    }

    /// `fchown`; `None` leaves one unchanged.
    pub fn fchown(&mut self, _pid: Pid, _fd: Fd, _uid: Option<u32>, _gid: Option<u32>) -> Sys<()> {
        todo!()
    }

    /// `futimens`; `None` leaves one unchanged.
    pub fn set_times(
        &mut self,
        _pid: Pid,
        _fd: Fd,
        _atime: Option<SetTime>,
        _mtime: Option<SetTime>,
    ) -> Sys<()> {
        todo!()
    }

    /// What a descriptor is, and its flags.
    pub fn fdstat(&mut self, _pid: Pid, _fd: Fd) -> Sys<FdStat> {
        todo!()
    }

    /// Sets `append`, `nonblock` and the sync flags of the open file.
    pub fn set_fdflags(&mut self, _pid: Pid, _fd: Fd, _flags: FdFlags) -> Sys<()> {
        todo!()
    }

    /// Narrows preview 1 rights; `NotCapable` if any is added.
    pub fn set_rights(&mut self, _pid: Pid, _fd: Fd, _rights: FdRights) -> Sys<()> {
        todo!()
    }

    /// Lists a directory, `.` and `..` first: from the start with `cookie` 0, else after the entry whose `next` it was.
    /// Ends when `sink` answers `false` (that entry counts as not taken) or at the end.
    pub fn readdir(
        &mut self,
        _pid: Pid,
        _fd: Fd,
        _cookie: u64,
        _sink: &mut dyn FnMut(DirEntry) -> bool,
    ) -> Sys<()> {
        todo!()
    }
}
