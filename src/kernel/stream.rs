//! Standard input and output of an exec: the host's side.

use super::exec::ExecId;
use crate::base::Sys;
use std::sync::{Arc, Mutex};
use std::task::{Poll, Wake, Waker};

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

/// Output that nobody reads any more.
struct Lost;

impl Sink for Lost {
    fn poll_write(&mut self, from: &[u8], _waker: &Waker) -> Poll<Sys<usize>> {
        Poll::Ready(Ok(from.len()))
    }
}

/// One side of the host.
pub(super) enum End {
    Source(Box<dyn Source>),
    Sink(Box<dyn Sink>),
}

/// A stream of the host as the kernel holds it. Dropped with its last open file.
pub(super) struct Stream {
    /// Whose standard input, output or error it is.
    pub(super) exec: ExecId,
    pub(super) end: End,
    pub(super) holders: u32,
    waiters: Arc<Waiters>,
    /// Wakes all of `waiters`.
    waker: Waker,
}

/// Who waits for a stream. The host may wake it from another thread and without the kernel's lock.
#[derive(Default)]
struct Waiters(Mutex<WaitersInner>);

#[derive(Default)]
struct WaitersInner {
    wakers: Vec<Waker>,
    /// A wake-up came when nobody was on the list.
    missed: bool,
}

impl Wake for Waiters {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let mut inner = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        inner.missed = inner.wakers.is_empty();
        let wakers = std::mem::take(&mut inner.wakers);
        drop(inner);
        for waker in wakers {
            waker.wake();
        }
    }
}

impl Waiters {
    /// Adds a waiter, after the stream has said `Pending`. A wake-up in between counts for it.
    fn add(&self, waker: &Waker) {
        let mut inner = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if std::mem::take(&mut inner.missed) {
            waker.wake_by_ref();
        } else if !inner.wakers.iter().any(|other| other.will_wake(waker)) {
            inner.wakers.push(waker.clone());
        }
    }
}

impl Stream {
    /// A stream that nobody holds yet.
    pub(super) fn new(exec: ExecId, end: End) -> Stream {
        let waiters = Arc::new(Waiters::default());
        let waker = Waker::from(Arc::clone(&waiters));
        Stream { exec, end, holders: 0, waiters, waker }
    }

    /// Lets go of the host's side: input is at its end, output is lost.
    pub(super) fn disconnect(&mut self) {
        self.end = match self.end {
            End::Source(_) => End::Source(Box::new(Empty)),
            End::Sink(_) => End::Sink(Box::new(Lost)),
        };
        self.waker.wake_by_ref();
    }

    /// Calls the host's side. On `Pending`, `waker` will be woken.
    fn call<T>(&mut self, waker: &Waker, call: impl FnOnce(&mut End, &Waker) -> Poll<T>) -> Poll<T> {
        let result = call(&mut self.end, &self.waker);
        if result.is_pending() {
            self.waiters.add(waker);
        }
        result
    }

    pub(super) fn poll_read(&mut self, into: &mut [u8], waker: &Waker) -> Poll<Sys<usize>> {
        self.call(waker, |end, waker| match end {
            End::Source(source) => source.poll_read(into, waker),
            End::Sink(_) => Poll::Ready(Ok(0)),
        })
    }

    pub(super) fn poll_write(&mut self, from: &[u8], waker: &Waker) -> Poll<Sys<usize>> {
        self.call(waker, |end, waker| match end {
            End::Source(_) => Poll::Ready(Ok(from.len())),
            End::Sink(sink) => sink.poll_write(from, waker),
        })
    }

    pub(super) fn poll_ready(&mut self, waker: &Waker) -> Poll<()> {
        self.call(waker, |end, waker| match end {
            End::Source(source) => source.poll_ready(waker),
            End::Sink(sink) => sink.poll_ready(waker),
        })
    }

    pub(super) fn terminal_size(&self) -> Option<(u32, u32)> {
        match &self.end {
            End::Source(_) => None,
            End::Sink(sink) => sink.terminal_size(),
        }
    }

    pub(super) fn is_terminal(&self) -> bool {
        match &self.end {
            End::Source(source) => source.is_terminal(),
            End::Sink(sink) => sink.terminal_size().is_some(),
        }
    }
}
