//! `open`: from a path to a descriptor. Device nodes, FIFOs and `/proc/<pid>/fd` turn into what they stand for here.

use super::calls_file::{FdFlags, FdRights};
use super::device::{Device, TTY};
use super::file::{Object, OpenFile, Opening};
use super::pipe::Pipe;
use super::process::Pid;
use super::slab::Key;
use super::{AT_FDCWD, Fd, Kernel, add_waiting, settle};
use crate::base::{Errno, Exceeded, Limit, Sys};
use crate::vfs::{Kind, Loc, OpenFlags};
use std::task::{Poll, Waker};

/// Longest path remembered for `/proc/<pid>/fd`, in bytes: a bound on what a flood of open files costs the host.
const OPENED_AS_MAX: usize = 255;

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

impl Kernel {
    /// `openat`. Waits only for the other side of a FIFO. The lowest free descriptor.
    pub fn poll_open(&mut self, pid: Pid, dirfd: Fd, path: &[u8], how: OpenHow, waker: &Waker) -> Poll<Sys<Fd>> {
        settle(self.try_open(pid, dirfd, path, how, waker))
    }

    fn try_open(&mut self, pid: Pid, dirfd: Fd, path: &[u8], how: OpenHow, waker: &Waker) -> Sys<Poll<Fd>> {
        if self.procs.get(pid)?.opening.is_some() {
            return self.go_on_opening(pid, waker);
        }
        if how.flags.create && how.flags.directory {
            return Err(Errno::Inval);
        }
        let base = self.base(pid, dirfd, path)?;
        let process = self.procs.get_mut(pid)?;
        let (cred, mode) = (process.cred, how.mode & !process.umask & 0o7777);
        let open_files = process.open_files;
        if process.fds.lowest_free(0) as u32 >= open_files {
            return Err(self.trip_open_files(pid));
        }
        self.proc.take_followed();
        let loc = self.tree(pid, |vfs| vfs.open(&cred, base, path, how.flags, mode))?;
        let object = self.object_at(pid, loc, how)?;
        let opened_as = self.opened_as(loc, base, path);
        let file = self.new_file(OpenFile {
            flags: FdFlags { append: how.flags.append, nonblock: how.nonblock, ..how.sync },
            rights: how.rights.unwrap_or(FdRights::ALL),
            opened_as,
            ..OpenFile::new(object, how.flags.read, how.flags.write)
        });
        if let Object::Pipe(pipe, Some(_)) = object
            && let Some(others) = self.fifo_wait(pipe, how)
        {
            self.procs.get_mut(pid)?.opening = Some(Opening { file, cloexec: how.cloexec, others });
            return self.go_on_opening(pid, waker);
        }
        self.add_fd(pid, file, 0, how.cloexec).map(Poll::Ready)
    }

    /// What to remember of how a file was opened. Through `/proc/<pid>/fd`: what is known there.
    fn opened_as(&mut self, loc: Loc, base: Loc, path: &[u8]) -> Option<(Loc, Box<[u8]>)> {
        let is_object = self.proc.as_fd(loc).is_some();
        if let Some((pid, fd)) = self.proc.take_followed()
            && let Ok(other) = self.file(pid, fd)
            && (is_object || other.loc() == Some(loc))
        {
            return other.opened_as.clone();
        }
        (path.len() <= OPENED_AS_MAX).then(|| (base, path.into()))
    }

    /// What an open of a node refers to; the node is pinned.
    fn object_at(&mut self, pid: Pid, loc: Loc, how: OpenHow) -> Sys<Object> {
        if let Some((of, fd)) = self.proc.as_fd(loc) {
            return self.reopened(of, fd, how);
        }
        let object = match self.tree(pid, |vfs| vfs.attr(loc))?.kind {
            Kind::File => Object::File(loc),
            Kind::Dir => Object::Dir(loc),
            Kind::Symlink => return Err(Errno::Loop),
            Kind::Fifo => {
                let pipe = self.fifos.get(&loc).copied();
                let readers = pipe.map_or(0, |pipe| self.pipes[pipe].readers);
                if how.nonblock && how.flags.write && !how.flags.read && readers == 0 {
                    return Err(Errno::NxIo);
                }
                self.vfs.pin(loc)?;
                let pipe = pipe.unwrap_or_else(|| self.new_fifo(loc));
                return Ok(Object::Pipe(pipe, Some(loc)));
            }
            Kind::CharDevice { major, minor } if (major, minor) == TTY => {
                return self.terminal(pid);
            }
            Kind::CharDevice { major, minor } => {
                Object::Device(Device::from_numbers(major, minor).ok_or(Errno::NxIo)?, loc)
            }
        };
        self.vfs.pin(loc)?;
        Ok(object)
    }

    fn new_fifo(&mut self, loc: Loc) -> Key<Pipe> {
        let pipe = self.pipes.insert(Pipe::new(Some(loc)));
        self.fifos.insert(loc, pipe);
        pipe
    }

    /// `/proc/<pid>/fd/<fd>` of a pipe or stream: the same object. (For others the link leads to the node.)
    fn reopened(&mut self, of: Pid, fd: Fd, how: OpenHow) -> Sys<Object> {
        let file = self.procs.get(of)?.fds.get(fd).map_err(|_| Errno::NoEnt)?.file;
        let object = self.files[file].object;
        match object {
            Object::Pipe(_, fifo) => {
                if let Some(loc) = fifo {
                    self.vfs.pin(loc)?;
                }
            }
            Object::Stream { input, output } => {
                if (how.flags.read && input.is_none()) || (how.flags.write && output.is_none()) {
                    return Err(Errno::Acces);
                }
            }
            Object::File(loc) | Object::Dir(loc) | Object::Device(_, loc) => self.vfs.pin(loc)?,
        }
        Ok(object)
    }

    /// `/dev/tty`.
    fn terminal(&self, pid: Pid) -> Sys<Object> {
        let exec = self.procs.get(pid)?.exec;
        let (input, output) = self.execs.get(&exec).and_then(|exec| exec.terminal).ok_or(Errno::NxIo)?;
        Ok(Object::Stream { input: Some(input), output: Some(output) })
    }

    /// Whether an open of a FIFO has to wait for the other side: then how often that has been opened so far.
    fn fifo_wait(&self, pipe: Key<Pipe>, how: OpenHow) -> Option<u32> {
        let pipe = &self.pipes[pipe];
        match (how.flags.read, how.flags.write) {
            _ if how.nonblock => None,
            (true, false) if pipe.writers == 0 => Some(pipe.writers_ever),
            (false, true) if pipe.readers == 0 => Some(pipe.readers_ever),
            _ => None,
        }
    }

    /// Waits on for the other side of the FIFO that the process is opening.
    fn go_on_opening(&mut self, pid: Pid, waker: &Waker) -> Sys<Poll<Fd>> {
        let process = self.procs.get_mut(pid)?;
        let Some(opening) = process.opening else {
            return Err(Errno::Inval);
        };
        let file = &self.files[opening.file];
        let Object::Pipe(pipe, _) = file.object else {
            return Err(Errno::Inval);
        };
        let pipe = &mut self.pipes[pipe];
        let (there, others, waiting) = if file.read {
            (pipe.writers, pipe.writers_ever, &mut pipe.waiting_readers)
        } else {
            (pipe.readers, pipe.readers_ever, &mut pipe.waiting_writers)
        };
        if there > 0 || others != opening.others {
            process.opening = None;
            return self.add_fd(pid, opening.file, 0, opening.cloexec).map(Poll::Ready);
        }
        if let Err(errno) = process.block(waker) {
            process.opening = None;
            self.release(opening.file);
            return Err(errno);
        }
        add_waiting(waiting, pid);
        Ok(Poll::Pending)
    }

    /// Where a path starts.
    pub(super) fn base(&self, pid: Pid, dirfd: Fd, path: &[u8]) -> Sys<Loc> {
        let process = self.procs.get(pid)?;
        if dirfd == AT_FDCWD || path.first() == Some(&b'/') {
            return Ok(process.cwd);
        }
        match self.files[process.fds.get(dirfd)?.file].object {
            Object::Dir(loc) => Ok(loc),
            _ => Err(Errno::NotDir),
        }
    }

    /// Gives an open file its first descriptor, the lowest free one >= `min`. On error the file is released.
    pub(super) fn add_fd(&mut self, pid: Pid, file: Key<OpenFile>, min: Fd, cloexec: bool) -> Sys<Fd> {
        let process = self.procs.get_mut(pid)?;
        let fd = process.fds.lowest_free(min);
        if fd as u32 >= process.open_files {
            self.release(file);
            return Err(self.trip_open_files(pid));
        }
        process.fds.set(fd, super::fd::Descriptor { file, cloexec });
        Ok(fd)
    }

    /// The process has as many descriptors as it may.
    pub(super) fn trip_open_files(&mut self, pid: Pid) -> Errno {
        if let Ok(process) = self.procs.get(pid) {
            let value = u64::from(process.open_files);
            let exec = process.exec;
            self.trip(exec, Exceeded { limit: Limit::OpenFiles, value, used: value + 1 });
        }
        Errno::MFile
    }
}
