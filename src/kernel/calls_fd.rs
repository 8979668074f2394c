//! Calls on descriptors: close, dup, pipe, close-on-exec, terminals.

use super::calls_file::FdFlags;
use super::fd::Descriptor;
use super::file::{Object, OpenFile};
use super::pipe::Pipe;
use super::process::Pid;
use super::{Fd, Kernel};
use crate::base::{Errno, Sys};

/// What `flock` is to do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FlockOp {
    /// Take a shared lock.
    Shared,
    /// Take an exclusive lock.
    Exclusive,
    /// Give it back.
    Unlock,
}

impl Kernel {
    /// `close`.
    pub fn close(&mut self, pid: Pid, fd: Fd) -> Sys<()> {
        let old = self.procs.get_mut(pid)?.fds.remove(fd)?;
        self.release(old.file);
        Ok(())
    }

    /// A pipe: its read end and its write end.
    pub fn pipe(&mut self, pid: Pid, cloexec: bool, nonblock: bool) -> Sys<(Fd, Fd)> {
        let pipe = self.pipes.insert(Pipe::new(None));
        let object = Object::Pipe(pipe, None);
        let flags = FdFlags { nonblock, ..FdFlags::default() };
        let read = self.new_file(OpenFile { flags, ..OpenFile::new(object, true, false) });
        let write = self.new_file(OpenFile { flags, ..OpenFile::new(object, false, true) });
        let read_fd = match self.add_fd(pid, read, 0, cloexec) {
            Ok(fd) => fd,
            Err(errno) => {
                self.release(write);
                return Err(errno);
            }
        };
        match self.add_fd(pid, write, 0, cloexec) {
            Ok(write_fd) => Ok((read_fd, write_fd)),
            Err(errno) => {
                self.close(pid, read_fd)?;
                Err(errno)
            }
        }
    }

    /// The lowest free descriptor >= `min` for the same open file. `Inval` if `min` is out of range.
    pub fn dup(&mut self, pid: Pid, fd: Fd, min: Fd, cloexec: bool) -> Sys<Fd> {
        let process = self.procs.get(pid)?;
        let file = process.fds.get(fd)?.file;
        if min < 0 || min as u32 >= process.open_files {
            return Err(Errno::Inval);
        }
        self.files[file].holders += 1;
        self.add_fd(pid, file, min, cloexec)
    }

    /// Makes `to` a descriptor of the same open file, closing what it was. `fd == to` only sets the flag.
    pub fn dup2(&mut self, pid: Pid, fd: Fd, to: Fd, cloexec: bool) -> Sys<Fd> {
        let process = self.procs.get_mut(pid)?;
        let file = process.fds.get(fd)?.file;
        if fd == to {
            process.fds.get_mut(fd)?.cloexec = cloexec;
            return Ok(to);
        }
        if to < 0 || to as u32 >= process.open_files {
            return Err(Errno::BadF);
        }
        self.files[file].holders += 1;
        if let Some(old) = process.fds.set(to, Descriptor { file, cloexec }) {
            self.release(old.file);
        }
        Ok(to)
    }

    /// Preview 1's `fd_renumber`: `to` must be open; `fd` is moved onto it.
    pub fn renumber(&mut self, pid: Pid, fd: Fd, to: Fd) -> Sys<()> {
        let process = self.procs.get_mut(pid)?;
        process.fds.get(to)?;
        process.fds.get(fd)?;
        if fd == to {
            return Ok(());
        }
        let moved = process.fds.remove(fd)?;
        if let Some(old) = process.fds.set(to, moved) {
            self.release(old.file);
        }
        Ok(())
    }

    /// Sets close-on-exec (`None` only asks) and tells what it was.
    pub fn cloexec(&mut self, pid: Pid, fd: Fd, on: Option<bool>) -> Sys<bool> {
        let descriptor = self.procs.get_mut(pid)?.fds.get_mut(fd)?;
        let old = descriptor.cloexec;
        descriptor.cloexec = on.unwrap_or(old);
        Ok(old)
    }

    /// Columns and rows of a terminal; `NoTty` for others.
    pub fn ttysize(&mut self, pid: Pid, fd: Fd) -> Sys<(u32, u32)> {
        let Object::Stream { input, output } = self.file(pid, fd)?.object else {
            return Err(Errno::NoTty);
        };
        let exec = self.procs.get(pid)?.exec;
        let terminal = self.execs.get(&exec).and_then(|exec| exec.terminal);
        // Standard input knows no size: its terminal's output does.
        let output = match (output, input, terminal) {
            (None, Some(input), Some((terminal_input, terminal_output))) if input == terminal_input => {
                Some(terminal_output)
            }
            _ => output,
        };
        output.and_then(|key| self.streams[key].terminal_size()).ok_or(Errno::NoTty)
    }
}
