//! Waiting for several descriptors and the clock at once.

use super::process::Pid;
use super::{Fd, Kernel};
use crate::base::{Errno, Sys};
use std::task::{Poll, Waker};

/// One thing to wait for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Subscription {
    /// Handed back in the [`Event`].
    pub userdata: u64,
    /// What for.
    pub what: What,
}

/// What to wait for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum What {
    /// A descriptor can be read from, or is at its end.
    Read(Fd),
    /// A descriptor can be written to, or nobody reads.
    Write(Fd),
    /// [`Kernel::now`] has reached this.
    Clock(i64),
}

/// One thing that happened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Event {
    /// Of the subscription.
    pub userdata: u64,
    /// Of the subscription.
    pub what: What,
    /// `BadF` and the like.
    pub error: Option<Errno>,
    /// Bytes that can be read or written at least, as far as known.
    pub nbytes: u64,
    /// The other side is closed.
    pub hangup: bool,
}

impl Kernel {
    /// Waits until at least one subscription has happened and appends all that have to `events`.
    ///
    /// The caller sees to it that `waker` is woken at the earliest [`What::Clock`]. `Intr` if a caught signal is pending and nothing else has happened.
    pub fn poll(
        &mut self,
        _pid: Pid,
        _subscriptions: &[Subscription],
        _events: &mut Vec<Event>,
        _waker: &Waker,
    ) -> Poll<Sys<()>> {
        todo!()
    }
}
