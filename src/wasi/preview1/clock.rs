//! Clocks.

use super::super::call::{Answer, Call};
use crate::base::{Errno, Sys};
use crate::vfs::{Clock as _, SystemClock};

/// Nanoseconds between two values of a clock.
const RESOLUTION_NS: u64 = 1;

/// A preview 1 `clockid`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Clock {
    Realtime,
    Monotonic,
    /// Of the process or its only thread.
    CpuTime,
}

impl Clock {
    pub(super) fn from_raw(id: u32) -> Sys<Clock> {
        match id {
            0 => Ok(Clock::Realtime),
            1 => Ok(Clock::Monotonic),
            2 | 3 => Ok(Clock::CpuTime),
            _ => Err(Errno::Inval),
        }
    }

    /// What it shows, in nanoseconds.
    pub(super) fn now(self, call: &mut Call<'_>) -> u64 {
        match self {
            Clock::Realtime => u64::try_from(SystemClock.now()).unwrap_or(0),
            Clock::Monotonic => {
                // Later than at the last asking, as programs expect of a clock of this resolution.
                let now = u64::try_from(call.guest.lock().now()).unwrap_or(0);
                call.guest.last_monotonic = now.max(call.guest.last_monotonic + 1);
                call.guest.last_monotonic
            }
            Clock::CpuTime => call.guest.pace.cpu_ns(),
        }
    }
}

pub(super) fn res_get(call: &mut Call<'_>, id: u32, out: u32) -> Answer {
    Clock::from_raw(id)?;
    call.memory.write_u64(out, RESOLUTION_NS)?;
    Ok(0)
}

pub(super) fn time_get(call: &mut Call<'_>, id: u32, _precision: u64, out: u32) -> Answer {
    let now = Clock::from_raw(id)?.now(call);
    call.memory.write_u64(out, now)?;
    Ok(0)
}
