//! `flock`: locks on nodes (and pipes and streams), held by open files.

use super::calls_fd::FlockOp;
use super::file::OpenFile;
use super::process::Pid;
use super::slab::Key;
use super::{Fd, Kernel, add_waiting, settle};
use crate::base::{Errno, Sys};
use crate::vfs::Loc;
use std::task::{Poll, Waker};

/// The locks on one node, pipe or stream.
#[derive(Default)]
pub(super) struct FileLock {
    shared: Vec<Key<OpenFile>>,
    exclusive: Option<Key<OpenFile>>,
    waiting: Vec<Pid>,
}

impl FileLock {
    fn drop_holder(&mut self, file: Key<OpenFile>) {
        self.shared.retain(|&holder| holder != file);
        self.exclusive = self.exclusive.filter(|&holder| holder != file);
    }

    /// Takes the lock, if nobody else's is in the way.
    fn take(&mut self, file: Key<OpenFile>, op: FlockOp) -> bool {
        match op {
            FlockOp::Unlock => true,
            _ if self.exclusive.is_some() => false,
            FlockOp::Shared => {
                self.shared.push(file);
                true
            }
            FlockOp::Exclusive => {
                let free = self.shared.is_empty();
                self.exclusive = free.then_some(file);
                free
            }
        }
    }
}

impl Kernel {
    /// `flock`; with `nonblock`, `Again` instead of waiting. As on Linux, a lock that is held is given up before another kind is waited for.
    pub fn poll_flock(&mut self, pid: Pid, fd: Fd, op: FlockOp, nonblock: bool, waker: &Waker) -> Poll<Sys<()>> {
        settle(self.try_flock(pid, fd, op, nonblock, waker))
    }

    fn try_flock(&mut self, pid: Pid, fd: Fd, op: FlockOp, nonblock: bool, waker: &Waker) -> Sys<Poll<()>> {
        let process = self.procs.get(pid)?;
        let key = process.fds.get(fd)?.file;
        let file = &mut self.files[key];
        let loc = file.lock_place();
        file.locks = true;
        let lock = self.locks.entry(loc).or_default();
        let held = lock.exclusive == Some(key) || lock.shared.contains(&key);
        lock.drop_holder(key);
        let taken = lock.take(key, op);
        if held && op != FlockOp::Exclusive {
            let mut waiting = std::mem::take(&mut lock.waiting);
            self.procs.wake_all(&mut waiting);
        }
        if taken {
            self.forget_lock(loc);
            return Ok(Poll::Ready(()));
        }
        if nonblock {
            return Err(Errno::Again);
        }
        self.procs.get_mut(pid)?.block(waker)?;
        if let Some(lock) = self.locks.get_mut(&loc) {
            add_waiting(&mut lock.waiting, pid);
        }
        Ok(Poll::Pending)
    }

    /// An open file that may have had a lock is closed.
    pub(super) fn unlock_closed(&mut self, file: Key<OpenFile>, loc: Loc) {
        let Some(lock) = self.locks.get_mut(&loc) else {
            return;
        };
        lock.drop_holder(file);
        self.procs.wake_all(&mut lock.waiting);
        self.forget_lock(loc);
    }

    fn forget_lock(&mut self, loc: Loc) {
        let unused = |lock: &FileLock| lock.shared.is_empty() && lock.exclusive.is_none() && lock.waiting.is_empty();
        if self.locks.get(&loc).is_some_and(unused) {
            self.locks.remove(&loc);
        }
    }
}
