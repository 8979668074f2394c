//! `poll_oneoff`: waiting for descriptors and clocks. Timers run on the worker's tokio runtime.

use std::future::Future as _;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::time::Sleep;

use super::super::call::{Answer, Call};
use super::super::memory::Record;
use super::clock::Clock;
use crate::base::{Errno, Sys};
use crate::kernel::{Event, Subscription, What};

/// Most subscriptions of one call: more than a process may have descriptors, to read, to write, and clocks.
const SUBSCRIPTIONS_MAX: u32 = 4096;

const SUBSCRIPTION_BYTES: u32 = 48;
const EVENT_BYTES: u32 = 32;

/// The clock flag: the timeout is a time of the clock, not a span from now.
const ABSTIME: u16 = 1;

/// Longest single sleep of the runtime's timer, which then looks at the clock again.
const NAP: Duration = Duration::from_secs(3600);

/// One wait: what for, and the timer once there is something to wait for.
#[derive(Default)]
struct Wait {
    subscriptions: Option<Vec<Subscription>>,
    timer: Option<Pin<Box<Sleep>>>,
}

pub(super) fn oneoff(
    subs: u32,
    events: u32,
    count: u32,
    out: u32,
) -> impl FnMut(&mut Call<'_>, &Waker) -> Poll<Answer> + Send {
    let mut wait = Wait::default();
    move |call, waker| {
        if wait.subscriptions.is_none() {
            // Read once, so that a span counts from the call.
            wait.subscriptions = Some(subscriptions(call, subs, events, count, out)?);
        }
        let mut happened = Vec::new();
        match wait.poll(call, &mut happened, waker) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Err(errno)) => Poll::Ready(Err(errno)),
            Poll::Ready(Ok(())) => Poll::Ready(tell(call, &happened, events, count, out)),
        }
    }
}

impl Wait {
    fn poll(&mut self, call: &mut Call<'_>, happened: &mut Vec<Event>, waker: &Waker) -> Poll<Sys<()>> {
        let subscriptions = self.subscriptions.as_deref().unwrap_or_default();
        let deadline =
            subscriptions.iter().filter_map(|s| if let What::Clock(at) = s.what { Some(at) } else { None }).min();
        call.charge(subscriptions.len() * 64);
        loop {
            let now = {
                let mut kernel = call.guest.lock();
                match kernel.poll(call.guest.pid, subscriptions, happened, waker) {
                    Poll::Ready(done) => return Poll::Ready(done),
                    Poll::Pending => kernel.now(),
                }
            };
            let Some(deadline) = deadline else {
                return Poll::Pending;
            };
            let left = u64::try_from(deadline.saturating_sub(now)).unwrap_or(0);
            let timer = self.timer.get_or_insert_with(|| Box::pin(nap(left)));
            if timer.as_mut().poll(&mut Context::from_waker(waker)).is_pending() {
                return Poll::Pending;
            }
            // The timer has fired; should the kernel's clock not be there yet, it is set anew.
            self.timer = None;
        }
    }
}

fn nap(ns: u64) -> Sleep {
    tokio::time::sleep(Duration::from_nanos(ns).min(NAP))
}

fn subscriptions(call: &mut Call<'_>, subs: u32, events: u32, count: u32, out: u32) -> Sys<Vec<Subscription>> {
    if count == 0 || count > SUBSCRIPTIONS_MAX {
        return Err(Errno::Inval);
    }
    call.memory.check(out, 4)?;
    call.memory.check(events, count * EVENT_BYTES)?;
    call.memory.check(subs, count * SUBSCRIPTION_BYTES)?;
    (0..count).map(|n| subscription(call, subs + n * SUBSCRIPTION_BYTES)).collect()
}

fn subscription(call: &mut Call<'_>, ptr: u32) -> Sys<Subscription> {
    let raw: Record<48> = call.memory.read_record(ptr)?;
    let fd = raw.u32_at(16) as i32;
    let what = match raw.u8_at(8) {
        0 => What::Clock(deadline(call, raw.u32_at(16), raw.u64_at(24), raw.u16_at(40))?),
        1 => What::Read(fd),
        2 => What::Write(fd),
        _ => return Err(Errno::Inval),
    };
    Ok(Subscription { userdata: raw.u64_at(0), what })
}

/// When a clock subscription is due, in the kernel's time.
fn deadline(call: &mut Call<'_>, id: u32, timeout: u64, flags: u16) -> Sys<i64> {
    let clock = Clock::from_raw(id)?;
    if clock == Clock::CpuTime || flags & !ABSTIME != 0 {
        return Err(Errno::Inval);
    }
    let span = match flags {
        ABSTIME => timeout.saturating_sub(clock.now(call)),
        _ => timeout,
    };
    let now = call.guest.lock().now();
    Ok(now.saturating_add(i64::try_from(span).unwrap_or(i64::MAX)))
}

/// Writes the events. There are no more than there were subscriptions.
fn tell(call: &mut Call<'_>, happened: &[Event], events: u32, count: u32, out: u32) -> Answer {
    let mut told = 0;
    for (n, event) in (0..count).zip(happened) {
        call.memory.write(events + n * EVENT_BYTES, &event_record(event).0)?;
        told += 1;
    }
    call.memory.write_u32(out, told)?;
    Ok(0)
}

fn event_record(event: &Event) -> Record<32> {
    let kind: u8 = match event.what {
        What::Clock(_) => 0,
        What::Read(_) => 1,
        What::Write(_) => 2,
    };
    Record::zeroed()
        .with(0, event.userdata.to_le_bytes())
        .with(8, event.error.map_or(0, Errno::raw).to_le_bytes())
        .with(10, [kind])
        .with(16, event.nbytes.to_le_bytes())
        .with(24, u16::from(event.hangup).to_le_bytes())
}
