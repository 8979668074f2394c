//! A small Unix in memory: processes, descriptors, pipes, signals, waiting, `/dev` and `/proc`.
//!
//! **What this is.** One [`Kernel`] is one sandbox's operating system. It owns the [`Vfs`], the process table and everything
//! that a process holds. The host starts command lines in it ([`Kernel::start_exec`]); the guests' calls arrive as methods
//! that take the caller's [`Pid`] first. `docs/abi.md` says what each call means to a guest.
//!
//! **What is not here.** WebAssembly, threads, timers, async: a [`Launcher`] runs programs, and a call that may have to wait is
//! named `poll_*`: it tries at once, else keeps the [`Waker`](std::task::Waker) and answers `Pending`. It is called again with the
//! same arguments after the wake-up. Wake-ups may be spurious.
//!
//! **Dying.** A fatal signal or a tripped limit marks a process ([`Kernel::killed`]) and wakes its task waker
//! ([`Kernel::set_task_waker`]); the launcher then drops the program and reports [`Kernel::exited`]. Whoever runs a program must also ask
//! `killed` after a call *of that process* came back with an error, and after `kill`, `sigmask`, `limit`: it may have killed itself.
//!
//! **Lock order.** The kernel lives in one `Mutex`; wakers are woken with it held, so a waker must not call back into it.
//! Sources and sinks are called with it held too.

mod calls_fd;
mod calls_file;
mod calls_path;
mod calls_poll;
mod calls_process;
mod calls_signal;
mod device;
mod exec;
mod file;
mod launch;
mod process;
mod signal;
mod stream;

pub use calls_fd::FlockOp;
pub use calls_file::{FdFlags, FdRights, FdStat, OpenHow, Whence};
pub use calls_poll::{Event, Subscription, What};
pub use calls_process::{Execed, FileAction, SpawnRequest, Usage, WaitTarget, Waited};
pub use calls_signal::{Caught, MaskHow};
pub use device::Entropy;
pub use exec::{ExecEnd, ExecId, ExecOutcome, ExecStart, Metering, ProcessRecord};
pub use launch::{LaunchRequest, Launcher, Program};
pub use process::{ExitStatus, Pid};
pub use signal::{Disposition, Signal};
pub use stream::{Empty, Sink, Source};

use crate::base::Limits;
use crate::vfs::{Clock, Vfs};
use std::sync::Arc;

/// A file descriptor of a process.
pub type Fd = i32;

/// As a `dirfd`: the working directory.
pub const AT_FDCWD: Fd = -2;

/// What a kernel is made of.
pub struct KernelParts {
    /// The file tree. `/proc` is mounted by [`Kernel::new`] if the directory exists.
    pub vfs: Vfs,
    /// The sandbox's limits.
    pub limits: Limits,
    /// Who runs programs.
    pub launcher: Box<dyn Launcher>,
    /// Monotonic time in nanoseconds: alarms, wall times, uptime.
    pub clock: Arc<dyn Clock>,
    /// What `/dev/urandom` gives.
    pub entropy: Entropy,
    /// The host name.
    pub hostname: String,
}

/// One sandbox's operating system.
pub struct Kernel {
    _todo: (),
}

impl Kernel {
    /// An operating system without processes.
    pub fn new(_parts: KernelParts) -> Kernel {
        todo!()
    }

    /// The file tree.
    pub fn vfs(&mut self) -> &mut Vfs {
        todo!()
    }

    /// The sandbox's limits.
    pub fn limits(&self) -> &Limits {
        todo!()
    }

    /// Monotonic time, in nanoseconds.
    pub fn now(&self) -> i64 {
        todo!()
    }

    /// The host name.
    pub fn hostname(&self) -> &str {
        todo!()
    }

    /// Fills `into` with random bytes.
    pub fn random(&mut self, _into: &mut [u8]) {
        todo!()
    }
}
