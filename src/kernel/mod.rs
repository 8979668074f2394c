//! A small Unix in memory: processes, descriptors, pipes, signals, waiting, `/dev` and `/proc`.
//!
//! **What this is.** One [`Kernel`] is one sandbox's operating system. It owns the [`Vfs`], the process table and everything
//! that a process holds. The host starts command lines in it ([`Kernel::start_exec`]); the guests' calls arrive as methods
//! that take the caller's [`Pid`] first. `docs/abi.md` says what each call means to a guest.
//!
//! **What is not here.** WebAssembly, threads, timers, async: a [`Launcher`] runs programs, and a call that may have to wait is
//! named `poll_*`: it tries at once, else keeps the [`Waker`](std::task::Waker) and answers `Pending`. It is called again with the
//! same arguments after the wake-up. Wake-ups may be spurious. Stopping processes (SIGSTOP and its kin are ignored), threads, sockets.
//!
//! **Dying.** A fatal signal or a tripped limit marks a process ([`Kernel::killed`]) and wakes its task waker
//! ([`Kernel::set_task_waker`]); the launcher then drops the program and reports [`Kernel::exited`]. Whoever runs a program must also ask
//! `killed` after a call *of that process* came back with an error, and after `kill`, `sigmask`, `sigaction`, `limit`: it may have killed itself.
//!
//! **Invariants.** Descriptor → open file → object: a descriptor holds its open file, an open file its end of a pipe, its stream or the pin
//! on its node; `release` in `file.rs` undoes all of that. A process that is not a zombie counts in its exec's `live`.
//!
//! **Lock order.** The kernel lives in one `Mutex`; wakers are woken with it held, so a waker must not call back into it.
//! Sources and sinks are called with it held too.

mod background;
mod calls_fd;
mod calls_file;
mod calls_open;
mod calls_path;
mod calls_poll;
mod calls_process;
mod calls_signal;
mod device;
mod exec;
mod exit;
mod fd;
mod file;
mod launch;
mod lock;
mod pipe;
mod proc;
mod proc_link;
mod proc_text;
mod process;
mod program;
mod replace;
mod signal;
mod slab;
mod spawn;
mod stream;
#[cfg(test)]
mod tests;

pub use background::SessionIds;
pub use calls_fd::FlockOp;
pub use calls_file::{FdFlags, FdRights, FdStat, Whence};
pub use calls_open::OpenHow;
pub use calls_poll::{Event, Subscription, What};
pub use calls_process::{Usage, WaitTarget, Waited};
pub use calls_signal::{Caught, MaskHow};
pub use device::{Entropy, install_devices};
pub use exec::{ExecEnd, ExecId, ExecOutcome, ExecStart, Metering, ProcessRecord};
pub use launch::{LaunchRequest, Launcher, Program};
pub use process::{ExitStatus, Pid};
pub use replace::Execed;
pub use signal::{Disposition, Signal};
pub use spawn::{FileAction, SpawnRequest};
pub use stream::{Empty, Sink, Source};

use crate::base::{Errno, Limits, Sys};
use crate::vfs::{Clock, Loc, Rights, Vfs};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::task::{Poll, Waker};

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
    /// What the shell of a session leaves running goes on when its exec is over.
    pub background: bool,
}

/// One sandbox's operating system.
pub struct Kernel {
    vfs: Vfs,
    limits: Limits,
    launcher: Box<dyn Launcher>,
    clock: Arc<dyn Clock>,
    entropy: Entropy,
    hostname: String,
    started: i64,
    procs: process::Processes,
    execs: BTreeMap<ExecId, exec::Exec>,
    last_exec: u64,
    files: slab::Slab<file::OpenFile>,
    pipes: slab::Slab<pipe::Pipe>,
    /// Bytes of memory that pipes, arguments and blobs have of the sandbox's budget.
    charged_bytes: usize,
    /// Pipes with a name that somebody has open.
    fifos: HashMap<Loc, slab::Key<pipe::Pipe>>,
    streams: slab::Slab<stream::Stream>,
    locks: HashMap<Loc, lock::FileLock>,
    /// Alarms that are set, soonest first.
    alarms: BTreeSet<(i64, Pid)>,
    /// Woken when an alarm is set that is sooner than all others.
    timers: Vec<Waker>,
    proc: proc_link::ProcLink,
    background: background::Background,
}

impl std::fmt::Debug for Kernel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Kernel").field("processes", &self.procs.len()).finish_non_exhaustive()
    }
}

impl Kernel {
    /// An operating system without processes.
    pub fn new(parts: KernelParts) -> Kernel {
        let mut kernel = Kernel {
            vfs: parts.vfs,
            limits: parts.limits,
            launcher: parts.launcher,
            started: parts.clock.now(),
            clock: parts.clock,
            entropy: parts.entropy,
            hostname: parts.hostname,
            procs: process::Processes::default(),
            execs: BTreeMap::new(),
            last_exec: 0,
            files: slab::Slab::default(),
            pipes: slab::Slab::default(),
            charged_bytes: 0,
            fifos: HashMap::new(),
            streams: slab::Slab::default(),
            locks: HashMap::new(),
            alarms: BTreeSet::new(),
            timers: Vec::new(),
            proc: proc_link::ProcLink::default(),
            background: background::Background { enabled: parts.background, ..Default::default() },
        };
        kernel.mount_proc();
        kernel
    }

    /// The file tree.
    pub fn vfs(&mut self) -> &mut Vfs {
        &mut self.vfs
    }

    /// The sandbox's limits.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Monotonic time, in nanoseconds.
    pub fn now(&self) -> i64 {
        self.clock.now()
    }

    /// The host name.
    pub fn hostname(&self) -> &str {
        &self.hostname
    }

    /// Fills `into` with random bytes.
    pub fn random(&mut self, into: &mut [u8]) {
        self.entropy.fill(into);
    }

    /// Puts another file tree in the place of this one, with `/proc` mounted in it, and gives the old one back: to drop it takes time.
    /// `Busy` while a process uses it.
    pub fn replace_vfs(&mut self, vfs: Vfs) -> Sys<Vfs> {
        if self.procs.iter().any(|process| !process.is_zombie()) {
            return Err(Errno::Busy);
        }
        let old = std::mem::replace(&mut self.vfs, vfs);
        self.mount_proc();
        Ok(old)
    }

    fn mount_proc(&mut self) {
        if let Ok(mount) = self.vfs.mount(b"/proc", Box::new(self.proc.file_system()), Rights::READ_WRITE) {
            self.proc.mounted(mount);
        }
    }

    /// Processes there are, zombies among them.
    pub fn process_count(&self) -> usize {
        self.procs.len()
    }

    /// Bytes of the sandbox's memory budget that pipes, arguments and blobs have.
    pub fn charged_bytes(&self) -> usize {
        self.charged_bytes
    }

    /// Takes memory from the sandbox's budget (or gives it back): `after` instead of `before` bytes. `false`: there is none left.
    fn charge(&mut self, before: usize, after: usize) -> bool {
        let difference = after as i64 - before as i64;
        if difference != 0 && !self.launcher.charge_memory(difference) {
            return false;
        }
        self.charged_bytes = (self.charged_bytes + after).saturating_sub(before);
        true
    }
}

/// Turns what reads well inside (`?` for errors) into what a caller polls.
fn settle<T>(result: Sys<Poll<T>>) -> Poll<Sys<T>> {
    match result {
        Ok(poll) => poll.map(Ok),
        Err(errno) => Poll::Ready(Err(errno)),
    }
}

/// Puts a process on a list of those who wait, once.
fn add_waiting(waiting: &mut Vec<Pid>, pid: Pid) {
    if !waiting.contains(&pid) {
        waiting.push(pid);
    }
}
