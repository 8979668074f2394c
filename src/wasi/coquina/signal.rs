//! Signals.

use std::task::{Poll, Waker};

use super::super::call::{Answer, Call};
use crate::base::{Errno, Sys};
use crate::kernel::{Disposition, MaskHow, Signal};

fn signal(sig: i32) -> Sys<Signal> {
    Signal::from_raw(sig).ok_or(Errno::Inval)
}

pub(super) fn sigaction(call: &mut Call<'_>, sig: i32, how: i32) -> Answer {
    let set = match how {
        -1 => None,
        0 => Some(Disposition::Default),
        1 => Some(Disposition::Ignore),
        2 => Some(Disposition::Catch { restart: false }),
        3 => Some(Disposition::Catch { restart: true }),
        _ => return Err(Errno::Inval),
    };
    let old = call.guest.lock().sigaction(call.guest.pid, signal(sig)?, set)?;
    Ok(match old {
        Disposition::Default => 0,
        Disposition::Ignore => 1,
        Disposition::Catch { restart: false } => 2,
        Disposition::Catch { restart: true } => 3,
    })
}

pub(super) fn sigmask(call: &mut Call<'_>, how: i32, set: u64, old: u32) -> Answer {
    let change = match how {
        -1 => None,
        0 => Some((MaskHow::Block, set)),
        1 => Some((MaskHow::Unblock, set)),
        2 => Some((MaskHow::Set, set)),
        _ => return Err(Errno::Inval),
    };
    if old != 0 {
        call.memory.check(old, 8)?;
    }
    let before = call.guest.lock().sigmask(call.guest.pid, change)?;
    if old != 0 {
        call.memory.write_u64(old, before)?;
    }
    Ok(0)
}

pub(super) fn sigtake(call: &mut Call<'_>) -> Answer {
    Ok(call.guest.lock().take_caught(call.guest.pid).map_or(0, |caught| caught.signal.raw()))
}

/// `sigsuspend`.
pub(super) fn pause(mask: u64) -> impl FnMut(&mut Call<'_>, &Waker) -> Poll<Answer> + Send {
    move |call, waker| {
        let polled = call.guest.lock().poll_pause(call.guest.pid, mask, waker);
        polled.map_ok(|()| 0)
    }
}

pub(super) fn alarm(call: &mut Call<'_>, first: i64, every: i64) -> Answer {
    if first < 0 || every < 0 {
        return Err(Errno::Inval);
    }
    call.guest.lock().alarm(call.guest.pid, first, every)?;
    Ok(0)
}
