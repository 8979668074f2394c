//! Reading and writing: straight between guest memory and the kernel, under its lock.

use std::task::{Poll, Waker};

use super::super::call::{Answer, Call};
use super::super::memory::{Buffer, Buffers};
use crate::base::{Errno, Sys};
use crate::kernel::{Fd, Kernel};

/// Bytes moved by one kernel call: bounds how long the lock is held.
const PIECE: u32 = 1 << 20;

/// Pieces moved before the processes that share this thread get their turn.
const PIECES_PER_TURN: u32 = 32;

/// Bytes up to which several buffers are gathered into one write, since a pipe takes that many as a whole or not at all.
const GATHER: usize = 4096;

/// A transfer over the buffers of one call, which may take several kernel calls and several waits.
struct Transfer {
    fd: Fd,
    iovs: u32,
    count: u32,
    out: u32,
    done: u32,
}

/// What comes after one piece was moved.
enum Moved {
    /// All of the piece.
    Whole,
    /// Less.
    Short,
    /// Nothing: the end.
    None,
}

impl Transfer {
    /// The buffers, and a check that the count can be told: asked before anything is moved.
    fn start(&self, call: &Call<'_>) -> Sys<Buffers> {
        let buffers = call.memory.buffers(self.iovs, self.count)?;
        call.memory.check(self.out, 4)?;
        Ok(buffers)
    }

    /// Moves piece after piece until the end, a short piece, a wait, or an error. What was moved before an error or a wait is the result,
    /// unless nothing was or the caller wants `all`.
    fn run(
        &mut self,
        call: &mut Call<'_>,
        waker: &Waker,
        buffers: &Buffers,
        all: bool,
        mut piece: impl FnMut(&mut Call<'_>, Buffer, u32) -> Poll<Sys<usize>>,
    ) -> Poll<Answer> {
        for _ in 0..PIECES_PER_TURN {
            let Some(rest) = buffers.after(self.done) else {
                return self.end(call);
            };
            let (buffer, _) = rest.split(PIECE);
            let moved = piece(call, buffer, self.done);
            match self.step(call, buffer, moved) {
                Poll::Ready(Ok(Moved::Whole)) => {}
                Poll::Ready(Ok(Moved::Short)) if all => {}
                Poll::Pending if all || self.done == 0 => return Poll::Pending,
                Poll::Ready(Err(errno)) if self.done == 0 => return Poll::Ready(Err(errno)),
                Poll::Ready(Ok(_) | Err(_)) | Poll::Pending => return self.end(call),
            }
        }
        call.let_others_go_first(waker)
    }

    fn step(&mut self, call: &mut Call<'_>, buffer: Buffer, moved: Poll<Sys<usize>>) -> Poll<Sys<Moved>> {
        moved.map_ok(|n| {
            let n = u32::try_from(n).unwrap_or(buffer.len).min(buffer.len);
            call.charge(n as usize);
            self.done += n;
            match n {
                0 => Moved::None,
                n if n == buffer.len => Moved::Whole,
                _ => Moved::Short,
            }
        })
    }

    fn end(&self, call: &mut Call<'_>) -> Poll<Answer> {
        Poll::Ready(call.memory.write_u32(self.out, self.done).map(|()| 0))
    }
}

/// An empty transfer still finds out whether the descriptor is good for it.
fn nothing_to_move(call: &mut Call<'_>, out: u32, ask: impl FnOnce(&mut Kernel) -> Sys<bool>) -> Poll<Answer> {
    let good = ask(&mut call.guest.lock());
    Poll::Ready(match good {
        Ok(true) => call.memory.write_u32(out, 0).map(|()| 0),
        Ok(false) => Err(Errno::BadF),
        Err(errno) => Err(errno),
    })
}

pub(super) fn read(
    fd: i32,
    iovs: u32,
    count: u32,
    out: u32,
) -> impl FnMut(&mut Call<'_>, &Waker) -> Poll<Answer> + Send {
    let mut transfer = Transfer { fd, iovs, count, out, done: 0 };
    move |call, waker| {
        let buffers = transfer.start(call)?;
        if buffers.total() == 0 {
            let pid = call.guest.pid;
            return nothing_to_move(call, out, |kernel| kernel.fdstat(pid, fd).map(|stat| stat.read));
        }
        // A read that has something does not wait for more.
        transfer.run(call, waker, &buffers, false, |call, buffer, done| {
            let into = call.memory.bytes_mut(buffer.ptr, buffer.len)?;
            let polled = call.guest.lock().poll_read(call.guest.pid, fd, into, waker);
            // Only at the start may it wait; a second buffer is filled with what is there already.
            if done > 0 && polled.is_pending() { Poll::Ready(Ok(0)) } else { polled }
        })
    }
}

pub(super) fn write(
    fd: i32,
    iovs: u32,
    count: u32,
    out: u32,
) -> impl FnMut(&mut Call<'_>, &Waker) -> Poll<Answer> + Send {
    let mut transfer = Transfer { fd, iovs, count, out, done: 0 };
    move |call, waker| {
        let buffers = transfer.start(call)?;
        if buffers.total() == 0 {
            let pid = call.guest.pid;
            return nothing_to_move(call, out, |kernel| kernel.fdstat(pid, fd).map(|stat| stat.write));
        }
        if buffers.count() > 1 && buffers.total() as usize <= GATHER {
            return write_gathered(&mut transfer, call, &buffers, waker);
        }
        // A blocking write takes all, as on Unix; a non-blocking one what there is room for: the kernel then says `Again`.
        transfer.run(call, waker, &buffers, true, |call, buffer, _| {
            let from = call.memory.bytes(buffer.ptr, buffer.len)?;
            call.guest.lock().poll_write(call.guest.pid, fd, from, waker)
        })
    }
}

/// Writes a few small buffers as one.
fn write_gathered(transfer: &mut Transfer, call: &mut Call<'_>, buffers: &Buffers, waker: &Waker) -> Poll<Answer> {
    let mut gathered = [0; GATHER];
    let mut len = 0;
    for buffer in buffers.iter() {
        let from = call.memory.bytes(buffer.ptr, buffer.len)?;
        let room = gathered.get_mut(len..len + from.len()).ok_or(Errno::Inval)?;
        room.copy_from_slice(from);
        len += from.len();
    }
    // One buffer as far as the transfer is concerned; its address is not used.
    while transfer.done < buffers.total() {
        let rest = Buffer { ptr: 0, len: buffers.total() - transfer.done };
        let from = &gathered[transfer.done as usize..len];
        let polled = call.guest.lock().poll_write(call.guest.pid, transfer.fd, from, waker);
        match transfer.step(call, rest, polled) {
            Poll::Ready(Ok(Moved::Whole | Moved::Short)) => {}
            Poll::Pending => return Poll::Pending,
            Poll::Ready(Err(errno)) if transfer.done == 0 => return Poll::Ready(Err(errno)),
            Poll::Ready(Ok(Moved::None) | Err(_)) => break,
        }
    }
    transfer.end(call)
}

/// The offset `done` bytes after `offset`: as for `off_t`, none is above `i64::MAX`.
fn offset_after(offset: u64, done: u32) -> Sys<u64> {
    offset.checked_add(u64::from(done)).filter(|&at| i64::try_from(at).is_ok()).ok_or(Errno::Inval)
}

pub(super) fn pread(
    fd: i32,
    iovs: u32,
    count: u32,
    offset: u64,
    out: u32,
) -> impl FnMut(&mut Call<'_>, &Waker) -> Poll<Answer> + Send {
    let mut transfer = Transfer { fd, iovs, count, out, done: 0 };
    move |call, waker| {
        let buffers = transfer.start(call)?;
        if buffers.total() == 0 {
            let pid = call.guest.pid;
            return nothing_to_move(call, out, |kernel| kernel.pread(pid, fd, &mut [], offset).map(|_| true));
        }
        transfer.run(call, waker, &buffers, false, |call, buffer, done| {
            let at = offset_after(offset, done)?;
            let into = call.memory.bytes_mut(buffer.ptr, buffer.len)?;
            Poll::Ready(call.guest.lock().pread(call.guest.pid, fd, into, at))
        })
    }
}

pub(super) fn pwrite(
    fd: i32,
    iovs: u32,
    count: u32,
    offset: u64,
    out: u32,
) -> impl FnMut(&mut Call<'_>, &Waker) -> Poll<Answer> + Send {
    let mut transfer = Transfer { fd, iovs, count, out, done: 0 };
    move |call, waker| {
        let buffers = transfer.start(call)?;
        if buffers.total() == 0 {
            let pid = call.guest.pid;
            return nothing_to_move(call, out, |kernel| kernel.pwrite(pid, fd, &[], offset).map(|_| true));
        }
        transfer.run(call, waker, &buffers, false, |call, buffer, done| {
            let at = offset_after(offset, done)?;
            let from = call.memory.bytes(buffer.ptr, buffer.len)?;
            Poll::Ready(call.guest.lock().pwrite(call.guest.pid, fd, from, at))
        })
    }
}
