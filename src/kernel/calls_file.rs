//! Calls on open files: read, write, seek, attributes.

use super::file::{Object, OpenFile};
use super::pipe::{ATOMIC, Pipe};
use super::process::Pid;
use super::signal::Signal;
use super::slab::Key;
use super::stream::Stream;
use super::{AT_FDCWD, Fd, Kernel, add_waiting, settle};
use crate::base::{Errno, Exceeded, Limit, Sys};
use crate::vfs::{Attr, Cred, DirEntry, Kind, Loc, SetAttr, SetTime};
use std::task::{Poll, Waker};

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

/// Preview 1's rights of a descriptor, as bits. They are kept for who asks; what counts is how a file was opened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FdRights {
    /// For the descriptor itself.
    pub base: u64,
    /// For what is opened through it.
    pub inheriting: u64,
}

impl FdRights {
    /// Every right that preview 1 knows.
    pub const ALL: FdRights = FdRights { base: (1 << 30) - 1, inheriting: (1 << 30) - 1 };
}

/// What `fd_fdstat_get` tells.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FdStat {
    /// What it refers to. A pipe is a `Fifo`, a terminal a `CharDevice`, another host stream a `Fifo`.
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

/// File system numbers of what has no node, as `stat` tells them.
const DEV_PIPES: u64 = 12;
const DEV_STREAMS: u64 = 13;

/// `stat` of something without a node. Its times are not kept.
fn attr_without_node(kind: Kind, dev: u64, number: u32, cred: Cred) -> Attr {
    Attr {
        kind,
        mode: 0o600,
        uid: cred.uid,
        gid: cred.gid,
        nlink: 1,
        size: 0,
        blocks: 0,
        atime: 0,
        mtime: 0,
        ctime: 0,
        ino: u64::from(number),
        dev,
    }
}

/// `stat` of a pipe without a name.
pub(super) fn pipe_attr(pipe: Key<Pipe>, cred: Cred) -> Attr {
    attr_without_node(Kind::Fifo, DEV_PIPES, pipe.raw(), cred)
}

/// `stat` of a stream of the host.
pub(super) fn stream_attr(stream: Option<(Key<Stream>, &Stream)>, cred: Cred) -> Attr {
    let terminal = stream.is_some_and(|(_, stream)| stream.is_terminal());
    let kind = if terminal { Kind::CharDevice { major: 136, minor: 0 } } else { Kind::Fifo };
    // All ends of a terminal are one file.
    let number = if terminal { 0 } else { stream.map_or(0, |(key, _)| key.raw()) };
    attr_without_node(kind, DEV_STREAMS, number, cred)
}

impl Kernel {
    /// The open file of a descriptor.
    pub(super) fn file(&mut self, pid: Pid, fd: Fd) -> Sys<&mut OpenFile> {
        let key = self.procs.get(pid)?.fds.get(fd)?.file;
        Ok(&mut self.files[key])
    }

    /// Reads at the offset, or from a pipe or stream: at least one byte, or 0 at the end. `Intr` if a caught signal is pending and it would wait.
    pub fn poll_read(&mut self, pid: Pid, fd: Fd, into: &mut [u8], waker: &Waker) -> Poll<Sys<usize>> {
        let result = settle(self.try_read(pid, fd, into, waker));
        if let (Poll::Ready(Ok(count)), Ok(process)) = (&result, self.procs.get_mut(pid)) {
            process.read_bytes += *count as u64;
        }
        result
    }

    fn try_read(&mut self, pid: Pid, fd: Fd, into: &mut [u8], waker: &Waker) -> Sys<Poll<usize>> {
        let key = self.procs.get(pid)?.fds.get(fd)?.file;
        let file = &mut self.files[key];
        if !file.read {
            return Err(if matches!(file.object, Object::Dir(_)) { Errno::IsDir } else { Errno::BadF });
        }
        match file.object {
            Object::File(loc) => {
                let offset = file.offset;
                let count = self.read_node(pid, loc, offset, into)?;
                self.files[key].offset += count as u64;
                Ok(Poll::Ready(count))
            }
            Object::Dir(_) => Err(Errno::IsDir),
            Object::Pipe(pipe, _) => {
                let nonblock = file.flags.nonblock;
                self.read_pipe(pid, pipe, nonblock, into, waker)
            }
            Object::Stream { input, .. } => {
                let nonblock = file.flags.nonblock;
                let Some(input) = input else {
                    return Err(Errno::BadF);
                };
                match self.streams[input].poll_read(into, waker) {
                    Poll::Ready(result) => result.map(Poll::Ready),
                    Poll::Pending => self.wait(pid, nonblock, waker),
                }
            }
            Object::Device(device, _) => Ok(Poll::Ready(device.read(into, &mut self.entropy))),
        }
    }

    fn read_node(&mut self, pid: Pid, loc: Loc, offset: u64, into: &mut [u8]) -> Sys<usize> {
        if self.proc.is_mounted_at(loc) {
            return self.tree(pid, |vfs| vfs.read_at(loc, offset, into));
        }
        self.vfs.read_at(loc, offset, into)
    }

    /// Nothing can be done now: waits, or `Again`.
    fn wait<T>(&mut self, pid: Pid, nonblock: bool, waker: &Waker) -> Sys<Poll<T>> {
        if nonblock {
            return Err(Errno::Again);
        }
        self.procs.get_mut(pid)?.block(waker)?;
        Ok(Poll::Pending)
    }

    fn read_pipe(
        &mut self,
        pid: Pid,
        key: Key<Pipe>,
        nonblock: bool,
        into: &mut [u8],
        waker: &Waker,
    ) -> Sys<Poll<usize>> {
        let pipe = &mut self.pipes[key];
        if pipe.len() == 0 {
            if pipe.writers == 0 || into.is_empty() {
                return Ok(Poll::Ready(0));
            }
            let waits = self.wait(pid, nonblock, waker)?;
            add_waiting(&mut self.pipes[key].waiting_readers, pid);
            return Ok(waits);
        }
        let count = pipe.read(into);
        if pipe.half_free() {
            self.procs.wake_all(&mut pipe.waiting_writers);
        }
        Ok(Poll::Ready(count))
    }

    /// Writes at the offset (or the end), or to a pipe or stream. A pipe takes what fits (up to 4096 bytes: all or nothing), so a caller that means
    /// all of it calls again with the rest; `Pending` means that nothing was taken. A `Pipe` error has sent SIGPIPE: ask `killed`.
    pub fn poll_write(&mut self, pid: Pid, fd: Fd, from: &[u8], waker: &Waker) -> Poll<Sys<usize>> {
        let result = settle(self.try_write(pid, fd, from, waker));
        match &result {
            Poll::Ready(Ok(count)) => {
                if let Ok(process) = self.procs.get_mut(pid) {
                    process.written_bytes += *count as u64;
                }
            }
            Poll::Ready(Err(Errno::Pipe)) => self.post(pid, Signal::PIPE),
            _ => {}
        }
        result
    }

    fn try_write(&mut self, pid: Pid, fd: Fd, from: &[u8], waker: &Waker) -> Sys<Poll<usize>> {
        let key = self.procs.get(pid)?.fds.get(fd)?.file;
        let file = &mut self.files[key];
        if !file.write {
            return Err(Errno::BadF);
        }
        match file.object {
            Object::File(loc) => {
                let count = if from.is_empty() {
                    0
                } else if file.flags.append {
                    let (end, count) = self.vfs.append(loc, from)?;
                    file.offset = end;
                    count
                } else {
                    let count = self.vfs.write_at(loc, file.offset, from)?;
                    file.offset += count as u64;
                    count
                };
                Ok(Poll::Ready(count))
            }
            Object::Dir(_) => Err(Errno::BadF),
            Object::Pipe(pipe, _) => {
                let nonblock = file.flags.nonblock;
                self.write_pipe(pid, pipe, nonblock, from, waker)
            }
            Object::Stream { output, .. } => {
                let nonblock = file.flags.nonblock;
                let Some(output) = output else {
                    return Err(Errno::BadF);
                };
                match self.streams[output].poll_write(from, waker) {
                    Poll::Ready(result) => result.map(Poll::Ready),
                    Poll::Pending => self.wait(pid, nonblock, waker),
                }
            }
            Object::Device(device, _) => device.write(from).map(Poll::Ready),
        }
    }

    fn write_pipe(&mut self, pid: Pid, key: Key<Pipe>, nonblock: bool, from: &[u8], waker: &Waker) -> Sys<Poll<usize>> {
        let pipe = &mut self.pipes[key];
        if from.is_empty() {
            return Ok(Poll::Ready(0));
        }
        if pipe.readers == 0 {
            return Err(Errno::Pipe);
        }
        let mut room = pipe.room_for(from.len());
        if room.is_none() && !nonblock && pipe.found_full() {
            room = pipe.room_for(from.len());
        }
        let Some(room) = room else {
            let waits = self.wait(pid, nonblock, waker)?;
            add_waiting(&mut self.pipes[key].waiting_writers, pid);
            return Ok(waits);
        };
        let count = self.pipe_memory(pid, key, room)?;
        let pipe = &mut self.pipes[key];
        pipe.write(&from[..count]);
        self.procs.wake_all(&mut pipe.waiting_readers);
        Ok(Poll::Ready(count))
    }

    /// Gets memory for `room` more bytes in a pipe, or at least for as many as must not be torn. If there is none, the limit is tripped.
    fn pipe_memory(&mut self, pid: Pid, key: Key<Pipe>, room: usize) -> Sys<usize> {
        let pipe = &self.pipes[key];
        let (before, needed, length) = (pipe.allocated(), pipe.allocation_for(room), pipe.len());
        if needed == before {
            return Ok(room);
        }
        if self.charge(pipe.charged, needed) {
            let pipe = &mut self.pipes[key];
            pipe.charged = needed;
            pipe.allocate(needed);
            return Ok(room);
        }
        let there = before - length;
        if there > ATOMIC {
            return Ok(there.min(room));
        }
        self.trip_memory(pid, needed - before);
        Err(Errno::NoMem)
    }

    /// The sandbox's memory cannot take `more` bytes.
    pub(super) fn trip_memory(&mut self, pid: Pid, more: usize) {
        let Ok(process) = self.procs.get(pid) else {
            return;
        };
        let value = self.limits.memory_bytes;
        let used = value.max(self.launcher.memory_used()) + more as u64;
        self.trip(process.exec, Exceeded { limit: Limit::Memory, value, used });
    }

    /// Reads at `offset`; `SPipe` for what has none.
    pub fn pread(&mut self, pid: Pid, fd: Fd, into: &mut [u8], offset: u64) -> Sys<usize> {
        let file = self.file(pid, fd)?;
        let readable = file.read;
        let count = match file.object {
            Object::Pipe(..) | Object::Stream { .. } => return Err(Errno::SPipe),
            Object::Dir(_) => return Err(Errno::IsDir),
            _ if !readable => return Err(Errno::BadF),
            Object::File(loc) => self.read_node(pid, loc, offset, into)?,
            Object::Device(device, _) => device.read(into, &mut self.entropy),
        };
        self.procs.get_mut(pid)?.read_bytes += count as u64;
        Ok(count)
    }

    /// Writes at `offset`; as on Linux, at the end if the file was opened to append.
    pub fn pwrite(&mut self, pid: Pid, fd: Fd, from: &[u8], offset: u64) -> Sys<usize> {
        let file = self.file(pid, fd)?;
        let (writable, append) = (file.write, file.flags.append);
        let count = match file.object {
            Object::Pipe(..) | Object::Stream { .. } => return Err(Errno::SPipe),
            _ if !writable => return Err(Errno::BadF),
            Object::Dir(_) => return Err(Errno::BadF),
            Object::File(loc) if append => self.vfs.append(loc, from)?.1,
            Object::File(loc) => self.vfs.write_at(loc, offset, from)?,
            Object::Device(device, _) => device.write(from)?,
        };
        self.procs.get_mut(pid)?.written_bytes += count as u64;
        Ok(count)
    }

    /// Moves the offset and tells it.
    pub fn seek(&mut self, pid: Pid, fd: Fd, offset: i64, whence: Whence) -> Sys<u64> {
        let file = self.file(pid, fd)?;
        let loc = match file.object {
            Object::File(loc) => loc,
            Object::Device(..) => return Ok(0),
            Object::Dir(_) => return Err(Errno::BadF),
            Object::Pipe(..) | Object::Stream { .. } => return Err(Errno::SPipe),
        };
        let current = file.offset;
        let from = match whence {
            Whence::Set => 0,
            Whence::Cur => current,
            Whence::End => self.tree(pid, |vfs| vfs.attr(loc))?.size,
            Whence::Data | Whence::Hole => {
                let from = u64::try_from(offset).map_err(|_| Errno::NxIo)?;
                let found = self.tree(pid, |vfs| match whence {
                    Whence::Data => vfs.seek_data(loc, from),
                    _ => vfs.seek_hole(loc, from),
                })?;
                self.file(pid, fd)?.offset = found;
                return Ok(found);
            }
        };
        let to = from.checked_add_signed(offset).filter(|&to| i64::try_from(to).is_ok()).ok_or(Errno::Inval)?;
        self.file(pid, fd)?.offset = to;
        Ok(to)
    }

    /// The offset.
    pub fn tell(&mut self, pid: Pid, fd: Fd) -> Sys<u64> {
        self.seek(pid, fd, 0, Whence::Cur)
    }

    /// `fsync`.
    pub fn sync(&mut self, pid: Pid, fd: Fd) -> Sys<()> {
        match self.file(pid, fd)?.object {
            Object::File(loc) | Object::Dir(loc) => self.vfs.sync(loc),
            _ => Err(Errno::Inval),
        }
    }

    /// The file of a descriptor that is open for writing.
    fn writable_file(&mut self, pid: Pid, fd: Fd) -> Sys<Loc> {
        let file = self.file(pid, fd)?;
        match file.object {
            Object::File(loc) if file.write => Ok(loc),
            Object::File(_) => Err(Errno::BadF),
            Object::Dir(_) => Err(Errno::IsDir),
            Object::Pipe(..) | Object::Stream { .. } => Err(Errno::SPipe),
            Object::Device(..) => Err(Errno::NoDev),
        }
    }

    /// `posix_fallocate`: the file is at least `offset + len` long afterwards.
    pub fn allocate(&mut self, pid: Pid, fd: Fd, offset: u64, len: u64) -> Sys<()> {
        let loc = self.writable_file(pid, fd)?;
        let end = offset.checked_add(len).ok_or(Errno::FBig)?;
        if len == 0 {
            return Err(Errno::Inval);
        }
        if end > self.vfs.attr(loc)?.size {
            self.vfs.truncate(loc, end)?;
        }
        Ok(())
    }

    /// `ftruncate`. As on Linux, `Inval` if it is not open for writing.
    pub fn ftruncate(&mut self, pid: Pid, fd: Fd, size: u64) -> Sys<()> {
        let loc = self.writable_file(pid, fd).map_err(|errno| {
            let closed = self.procs.get(pid).is_ok_and(|process| process.fds.get(fd).is_err());
            if closed { errno } else { Errno::Inval }
        })?;
        self.vfs.truncate(loc, size)
    }

    /// `fstat`; `AT_FDCWD` is the working directory, here and in `fchmod` and `fchown`.
    pub fn fstat(&mut self, pid: Pid, fd: Fd) -> Sys<Attr> {
        let process = self.procs.get(pid)?;
        let cred = process.cred;
        let loc = if fd == AT_FDCWD {
            process.cwd
        } else {
            let file = &self.files[process.fds.get(fd)?.file];
            match (file.loc(), file.object) {
                (Some(loc), _) => loc,
                (None, Object::Pipe(pipe, _)) => return Ok(pipe_attr(pipe, cred)),
                (None, Object::Stream { input, output }) => {
                    return Ok(stream_attr(input.or(output).map(|key| (key, &self.streams[key])), cred));
                }
                (None, _) => return Err(Errno::BadF),
            }
        };
        self.tree(pid, |vfs| vfs.attr(loc))
    }

    fn set_attr(&mut self, pid: Pid, fd: Fd, set: SetAttr) -> Sys<()> {
        let process = self.procs.get(pid)?;
        let cred = process.cred;
        let loc = if fd == AT_FDCWD { Some(process.cwd) } else { self.files[process.fds.get(fd)?.file].loc() };
        match loc {
            Some(loc) => self.tree(pid, |vfs| vfs.set_attr(&cred, loc, set)),
            // Pipes and streams: as on Linux that works, but nobody sees it.
            None => Ok(()),
        }
    }

    /// `fchmod`.
    pub fn fchmod(&mut self, pid: Pid, fd: Fd, mode: u16) -> Sys<()> {
        self.set_attr(pid, fd, SetAttr { mode: Some(mode & 0o7777), ..SetAttr::default() })
    }

    /// `fchown`; `None` leaves one unchanged.
    pub fn fchown(&mut self, pid: Pid, fd: Fd, uid: Option<u32>, gid: Option<u32>) -> Sys<()> {
        self.set_attr(pid, fd, SetAttr { uid, gid, ..SetAttr::default() })
    }

    /// `futimens`; `None` leaves one unchanged.
    pub fn set_times(&mut self, pid: Pid, fd: Fd, atime: Option<SetTime>, mtime: Option<SetTime>) -> Sys<()> {
        self.set_attr(pid, fd, SetAttr { atime, mtime, ..SetAttr::default() })
    }

    /// What a descriptor is, and its flags.
    pub fn fdstat(&mut self, pid: Pid, fd: Fd) -> Sys<FdStat> {
        let file = self.file(pid, fd)?;
        let (read, write, flags, rights) = (file.read, file.write, file.flags, file.rights);
        let kind = match file.object {
            Object::File(_) => Kind::File,
            Object::Dir(_) => Kind::Dir,
            Object::Pipe(..) => Kind::Fifo,
            Object::Stream { .. } | Object::Device(..) => self.fstat(pid, fd)?.kind,
        };
        Ok(FdStat { kind, read, write, flags, rights })
    }

    /// Sets `append`, `nonblock` and the sync flags of the open file.
    pub fn set_fdflags(&mut self, pid: Pid, fd: Fd, flags: FdFlags) -> Sys<()> {
        self.file(pid, fd)?.flags = flags;
        Ok(())
    }

    /// Narrows preview 1 rights; `NotCapable` if any is added.
    pub fn set_rights(&mut self, pid: Pid, fd: Fd, rights: FdRights) -> Sys<()> {
        let file = self.file(pid, fd)?;
        if rights.base & !file.rights.base != 0 || rights.inheriting & !file.rights.inheriting != 0 {
            return Err(Errno::NotCapable);
        }
        file.rights = rights;
        Ok(())
    }

    /// Lists a directory, `.` and `..` first: from the start with `cookie` 0, else after the entry whose `next` it was.
    /// Ends when `sink` answers `false` (that entry counts as not taken) or at the end.
    pub fn readdir(&mut self, pid: Pid, fd: Fd, cookie: u64, sink: &mut dyn FnMut(DirEntry) -> bool) -> Sys<()> {
        let file = self.file(pid, fd)?;
        let Object::Dir(loc) = file.object else {
            return Err(Errno::NotDir);
        };
        let dots: [(&[u8], &[u8]); 2] = [(b".", b"."), (b"..", b"..")];
        for (at, (name, path)) in (0u64..).zip(dots).skip(usize::try_from(cookie).unwrap_or(usize::MAX)) {
            let (at_loc, attr) =
                self.tree(pid, |vfs| vfs.stat(&Cred::ROOT, loc, path, crate::vfs::Follow::Last)).or_else(|_| {
                    // A directory that was removed has no parent any more.
                    self.tree(pid, |vfs| vfs.attr(loc)).map(|attr| (loc, attr))
                })?;
            let entry =
                DirEntry { name: name.to_vec(), node: at_loc.node, ino: attr.ino, kind: Kind::Dir, next: at + 1 };
            if !sink(entry) {
                return Ok(());
            }
        }
        let cookie = cookie.saturating_sub(2);
        self.tree(pid, |vfs| {
            vfs.read_dir(loc, cookie, &mut |entry| {
                let next = entry.next.wrapping_add(2);
                sink(DirEntry { next, ..entry })
            })
        })
    }
}
