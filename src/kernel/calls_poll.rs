//! Waiting for several descriptors and the clock at once.

use super::file::Object;
use super::process::Pid;
use super::slab::Key;
use super::stream::Stream;
use super::{Fd, Kernel, add_waiting};
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

/// Bytes that a call would not have to wait for, and whether the other side is closed.
type Readiness = (u64, bool);

impl Kernel {
    /// Waits until at least one subscription has happened and appends all that have to `events`.
    ///
    /// The caller sees to it that `waker` is woken at the earliest [`What::Clock`]. `Intr` if a caught signal is pending and nothing else has happened.
    pub fn poll(
        &mut self,
        pid: Pid,
        subscriptions: &[Subscription],
        events: &mut Vec<Event>,
        waker: &Waker,
    ) -> Poll<Sys<()>> {
        let before = events.len();
        for subscription in subscriptions {
            let Subscription { userdata, what } = *subscription;
            let ready = match what {
                What::Clock(at) => Ok((self.now() >= at).then_some((0, false))),
                What::Read(fd) => self.readiness(pid, fd, false, waker),
                What::Write(fd) => self.readiness(pid, fd, true, waker),
            };
            let (error, (nbytes, hangup)) = match ready {
                Ok(None) => continue,
                Ok(Some(readiness)) => (None, readiness),
                Err(errno) => (Some(errno), (0, false)),
            };
            events.push(Event { userdata, what, error, nbytes, hangup });
        }
        if events.len() > before {
            return Poll::Ready(Ok(()));
        }
        match self.procs.get_mut(pid).and_then(|process| process.block(waker)) {
            Ok(()) => Poll::Pending,
            Err(errno) => Poll::Ready(Err(errno)),
        }
    }

    /// Whether a read or write would not have to wait. If it would, the process is on the list of those to wake.
    fn readiness(&mut self, pid: Pid, fd: Fd, write: bool, waker: &Waker) -> Sys<Option<Readiness>> {
        let file = &self.files[self.procs.get(pid)?.fds.get(fd)?.file];
        if !(if write { file.write } else { file.read }) {
            return Err(Errno::BadF);
        }
        let offset = file.offset;
        Ok(match file.object {
            Object::Pipe(key, _) => {
                let pipe = &mut self.pipes[key];
                let (bytes, others, waiting) = if write {
                    let room = pipe.room_for(super::pipe::ATOMIC).map_or(0, |_| pipe.free());
                    (room, pipe.readers, &mut pipe.waiting_writers)
                } else {
                    (pipe.len(), pipe.writers, &mut pipe.waiting_readers)
                };
                if bytes == 0 && others > 0 {
                    add_waiting(waiting, pid);
                    return Ok(None);
                }
                Some((bytes as u64, others == 0))
            }
            Object::Stream { output, .. } if write => self.stream_readiness(output, waker),
            Object::Stream { input, .. } => self.stream_readiness(input, waker),
            Object::File(loc) if !write => {
                let size = self.tree(pid, |vfs| vfs.attr(loc))?.size;
                Some((size.saturating_sub(offset), false))
            }
            Object::File(_) | Object::Dir(_) | Object::Device(..) => Some((1, false)),
        })
    }

    fn stream_readiness(&mut self, stream: Option<Key<Stream>>, waker: &Waker) -> Option<Readiness> {
        match stream.map(|key| self.streams[key].poll_ready(waker)) {
            Some(Poll::Pending) => None,
            _ => Some((1, false)),
        }
    }
}
