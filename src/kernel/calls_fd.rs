//! Calls on descriptors: dup, pipe, close-on-exec, locks.

use super::process::Pid;
use super::{Fd, Kernel};
use crate::base::Sys;
use std::task::{Poll, Waker};

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
    /// A pipe: its read end and its write end.
    pub fn pipe(&mut self, _pid: Pid, _cloexec: bool, _nonblock: bool) -> Sys<(Fd, Fd)> {
        todo!()
    }

    /// The lowest free descriptor >= `min` for the same open file.
    pub fn dup(&mut self, _pid: Pid, _fd: Fd, _min: Fd, _cloexec: bool) -> Sys<Fd> {
        todo!()
    }

    /// Makes `to` a descriptor of the same open file, closing what it was. `fd == to` only sets the flag.
    pub fn dup2(&mut self, _pid: Pid, _fd: Fd, _to: Fd, _cloexec: bool) -> Sys<Fd> {
        todo!()
    }

    /// Preview 1's `fd_renumber`: `to` must be open; `fd` is moved onto it.
    pub fn renumber(&mut self, _pid: Pid, _fd: Fd, _to: Fd) -> Sys<()> {
        todo!()
    }

    /// Sets close-on-exec (`None` only asks) and tells what it was.
    pub fn cloexec(&mut self, _pid: Pid, _fd: Fd, _on: Option<bool>) -> Sys<bool> {
        todo!()
    }

    /// `flock`; with `nonblock`, `Again` instead of waiting.
    pub fn poll_flock(
        &mut self,
        _pid: Pid,
        _fd: Fd,
        _op: FlockOp,
        _nonblock: bool,
        _waker: &Waker,
    ) -> Poll<Sys<()>> {
        todo!()
    }

    /// Columns and rows of a terminal; `NoTty` for others.
    pub fn ttysize(&mut self, _pid: Pid, _fd: Fd) -> Sys<(u32, u32)> {
        todo!()
    }
}
