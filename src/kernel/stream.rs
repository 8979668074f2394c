//! Standard input and output of an exec: the host's side.

use crate::base::Sys;
use std::task::{Poll, Waker};

/// What an exec reads as its standard input.
///
/// `poll_*` are called with the kernel's lock held and must not block. On `Pending` the latest waker is to be kept and woken
/// once there is news; one is enough, the kernel spreads the wake-up.
pub trait Source: Send {
    /// Reads some bytes; 0 is the end.
    fn poll_read(&mut self, into: &mut [u8], waker: &Waker) -> Poll<Sys<usize>>;

    /// Whether a read would not have to wait.
    fn poll_ready(&mut self, _waker: &Waker) -> Poll<()> {
        Poll::Ready(())
    }

    /// Whether this is a terminal. Then `/dev/tty` is this and standard output.
    fn is_terminal(&self) -> bool {
        false
    }
}

/// What an exec writes as its standard output or error. Dropped when no process can write to it any more.
///
/// As with [`Source`], `Pending` keeps the latest waker; a slow sink makes its writers wait.
pub trait Sink: Send {
    /// Takes some bytes. `Pipe`: nobody wants them any more (the writer gets SIGPIPE).
    fn poll_write(&mut self, from: &[u8], waker: &Waker) -> Poll<Sys<usize>>;

    /// Whether a write would not have to wait.
    fn poll_ready(&mut self, _waker: &Waker) -> Poll<()> {
        Poll::Ready(())
    }

    /// Columns and rows, if this is a terminal.
    fn terminal_size(&self) -> Option<(u32, u32)> {
        None
    }
}

/// No input: always at its end.
#[derive(Clone, Copy, Debug, Default)]
pub struct Empty;

impl Source for Empty {
    fn poll_read(&mut self, _into: &mut [u8], _waker: &Waker) -> Poll<Sys<usize>> {
        Poll::Ready(Ok(0))
    }
}
