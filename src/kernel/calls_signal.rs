//! Signal calls.

use super::Kernel;
use super::process::Pid;
use super::signal::{Disposition, Signal};
use crate::base::Sys;
use std::task::{Poll, Waker};

/// A caught signal, taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Caught {
    /// Which.
    pub signal: Signal,
    /// Whether the blocked call goes on after the handler.
    pub restart: bool,
}

/// How `sigmask` changes the mask.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MaskHow {
    /// Add.
    Block,
    /// Remove.
    Unblock,
    /// Replace.
    Set,
}

impl Kernel {
    /// `kill`: `target` > 0 a process, 0 the caller's group, -1 all but the caller, < -1 a group. `None` only checks.
    /// The caller may have killed itself: ask `killed`.
    pub fn kill(&mut self, _pid: Pid, _target: i32, _signal: Option<Signal>) -> Sys<()> {
        todo!()
    }

    /// Sets what the process does with a signal (`None` only asks) and tells what it did.
    pub fn sigaction(
        &mut self,
        _pid: Pid,
        _signal: Signal,
        _set: Option<Disposition>,
    ) -> Sys<Disposition> {
        todo!()
    }

    /// Changes the mask of blocked signals (bit `sig - 1`; `None` only asks) and tells the old one.
    pub fn sigmask(&mut self, _pid: Pid, _change: Option<(MaskHow, u64)>) -> Sys<u64> {
        todo!()
    }

    /// Takes the lowest pending caught signal that is not blocked. Cheap.
    ///
    /// A blocking call answers `Intr` as long as one is pending, if it would have to wait.
    pub fn take_caught(&mut self, _pid: Pid) -> Option<Caught> {
        todo!()
    }

    /// `sigsuspend`: waits, with `mask` blocked meanwhile, until a signal is caught; then `Intr`.
    pub fn poll_pause(&mut self, _pid: Pid, _mask: u64, _waker: &Waker) -> Poll<Sys<()>> {
        todo!()
    }

    /// SIGALRM after `first` nanoseconds (0 cancels), then every `every`.
    pub fn alarm(&mut self, _pid: Pid, _first: i64, _every: i64) -> Sys<()> {
        todo!()
    }
}
