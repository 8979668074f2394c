//! Arguments, environment, ending, yielding, random bytes.

use std::task::{Poll, Waker};

use wasmtime::Caller;

use super::super::call::{AfterSignal, Answer, Call, Returned, Tongue, may_wait};
use super::super::guest::{ExitRequest, Guest};
use super::super::memory::Buffer;
use crate::base::{Errno, Sys};
use crate::kernel::Signal;

/// Random bytes made at a time.
const RANDOM_PIECE: u32 = 64 * 1024;

/// Pieces of random bytes made before the processes that share this thread get their turn.
const RANDOM_PIECES_PER_TURN: u32 = 16;

fn sizes(call: &mut Call<'_>, strings: &[u8], count: u32, size: u32) -> Answer {
    call.charge(strings.len());
    let strings_count = strings.iter().filter(|&&b| b == 0).count();
    call.memory.write_u32(count, strings_count as u32)?;
    call.memory.write_u32(size, strings.len() as u32)?;
    Ok(0)
}

/// Writes strings one after the other at `buf`, and the address of each into the list.
fn lay_out(call: &mut Call<'_>, strings: &[u8], list: u32, buf: u32) -> Answer {
    call.charge(strings.len() * 2);
    call.memory.write(buf, strings)?;
    let mut at = buf;
    let mut entry = list;
    for string in strings.split_inclusive(|&b| b == 0) {
        call.memory.write_u32(entry, at)?;
        at = at.wrapping_add(string.len() as u32);
        entry = entry.checked_add(4).ok_or(Errno::Fault)?;
    }
    Ok(0)
}

pub(super) fn args_sizes_get(call: &mut Call<'_>, count: u32, size: u32) -> Answer {
    let argv = call.guest.argv.clone();
    sizes(call, &argv, count, size)
}

pub(super) fn args_get(call: &mut Call<'_>, list: u32, buf: u32) -> Answer {
    let argv = call.guest.argv.clone();
    lay_out(call, &argv, list, buf)
}

pub(super) fn environ_sizes_get(call: &mut Call<'_>, count: u32, size: u32) -> Answer {
    let env = call.guest.env.clone();
    sizes(call, &env, count, size)
}

pub(super) fn environ_get(call: &mut Call<'_>, list: u32, buf: u32) -> Answer {
    let env = call.guest.env.clone();
    lay_out(call, &env, list, buf)
}

/// Ends the program. In a `vfork` child it ends the child, and with it the instance that child has borrowed.
pub(super) fn exit(caller: Caller<'_, Guest>, status: i32) -> wasmtime::Result<()> {
    let guest = caller.data();
    super::super::call::still_alive(guest)?;
    Err(wasmtime::Error::new(ExitRequest(status)))
}

/// A preview 1 signal as Linux's: preview 1 has no number 16 (`STKFLT`).
fn signal(raw: u32) -> Sys<Signal> {
    let linux = match raw {
        1..=15 => raw,
        16..=30 => raw + 1,
        _ => return Err(Errno::Inval),
    };
    Signal::from_raw(linux as i32).ok_or(Errno::Inval)
}

pub(super) fn raise(call: &mut Call<'_>, sig: u32) -> Answer {
    let signal = if sig == 0 { None } else { Some(signal(sig)?) };
    let pid = call.guest.pid;
    call.guest.lock().kill(pid, pid.0, signal)?;
    Ok(0)
}

/// Fuel for each step of a switch to other processes and back.
const SWITCH_FUEL: u64 = 1000;

/// Lets the others go first. Signals are handled as in any call that waits, but it is never said to be interrupted.
pub(super) fn sched_yield<'a>(caller: Caller<'a, Guest>, (): ()) -> Box<dyn Future<Output = Returned> + Send + 'a> {
    // The first attempt has no waker yet, the second lets the others go, the third goes on.
    let mut attempts = 0;
    let yielding = may_wait(caller, Tongue::Preview1, AfterSignal::AsHandlersSay, move |call, waker| {
        attempts += 1;
        call.guest.host_fuel += SWITCH_FUEL;
        if attempts > 2 { Poll::Ready(Ok(0)) } else { call.let_others_go_first(waker) }
    });
    Box::new(async move { Box::into_pin(yielding).await.map(|_| 0) })
}

pub(super) fn random_get(ptr: u32, len: u32) -> impl FnMut(&mut Call<'_>, &Waker) -> Poll<Answer> + Send {
    let mut rest = Buffer { ptr, len };
    move |call, waker| {
        call.memory.check(ptr, len)?;
        for _ in 0..RANDOM_PIECES_PER_TURN {
            let (piece, after) = rest.split(RANDOM_PIECE);
            let into = call.memory.bytes_mut(piece.ptr, piece.len)?;
            call.guest.lock().random(into);
            // Making random bytes costs more than copying.
            call.charge(piece.len as usize * 16);
            rest = after;
            if rest.len == 0 {
                return Poll::Ready(Ok(0));
            }
        }
        call.let_others_go_first(waker)
    }
}

#[cfg(test)]
mod tests {
    use super::signal;

    #[test]
    fn signals_have_linux_numbers() {
        let linux = |raw| signal(raw).map(|s| s.raw());
        assert_eq!((linux(6), linux(9), linux(15)), (Ok(6), Ok(9), Ok(15)));
        // chld, stop, sys
        assert_eq!((linux(16), linux(18), linux(30)), (Ok(17), Ok(19), Ok(31)));
        assert!(linux(31).is_err() && linux(u32::MAX).is_err());
    }
}
