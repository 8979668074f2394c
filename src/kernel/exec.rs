//! Execs: command lines that the host runs in the kernel.

use super::process::{ExitStatus, Pid};
use super::signal::Signal;
use super::stream::{Sink, Source};
use super::{Kernel, Usage};
use crate::base::{Exceeded, Limits, Sys};
use crate::vfs::Cred;
use std::task::{Poll, Waker};

/// One command line run by the host.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct ExecId(pub u64);

/// How to start an exec.
pub struct ExecStart<'a> {
    /// Path of the program; without a `/` it is searched in `env`'s `PATH`.
    pub program: &'a [u8],
    /// Arguments, each followed by a NUL byte.
    pub argv: &'a [u8],
    /// Environment, each `NAME=value` followed by a NUL byte.
    pub env: &'a [u8],
    /// Working directory.
    pub cwd: &'a [u8],
    /// Standard input.
    pub stdin: Box<dyn Source>,
    /// Standard output.
    pub stdout: Box<dyn Sink>,
    /// Standard error; `None`: the same open file as standard output.
    pub stderr: Option<Box<dyn Sink>>,
    /// What the program gets with the `blob` call.
    pub blob: Option<&'a [u8]>,
    /// User and group.
    pub cred: Cred,
    /// File mode creation mask.
    pub umask: u16,
    /// The exec's limits; none may be above the sandbox's.
    pub limits: Limits,
}

/// How an exec ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ExecEnd {
    /// Its first process exited.
    Exit(u8),
    /// A signal killed its first process.
    Signal(Signal),
    /// A limit was reached: the first that was.
    Limit(Exceeded),
    /// The host ended it with [`Kernel::kill_exec`].
    Killed,
}

/// What one process used.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ProcessRecord {
    /// Its id.
    pub pid: Pid,
    /// Its program's name, as it last was.
    pub argv0: Vec<u8>,
    /// How it ended.
    pub status: ExitStatus,
    /// What it used.
    pub usage: Usage,
    /// Bytes it read from files, pipes and streams.
    pub read_bytes: u64,
    /// Bytes it wrote.
    pub written_bytes: u64,
    /// From start to end, in nanoseconds.
    pub wall_ns: u64,
}

/// What a whole exec used.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Metering {
    /// Fuel of all processes.
    pub fuel: u64,
    /// The largest process's peak of linear memory, in bytes.
    pub memory_peak_bytes: u64,
    /// Bytes read by all processes.
    pub read_bytes: u64,
    /// Bytes written by all processes.
    pub written_bytes: u64,
    /// Processes there were.
    pub processes_total: u64,
    /// The first of them to end, at most [`Metering::RECORDS_MAX`].
    pub processes: Vec<ProcessRecord>,
    /// From start to end, in nanoseconds.
    pub wall_ns: u64,
}

impl Metering {
    /// Records kept: enough for any script a person reads about, little for one that starts a million processes.
    pub const RECORDS_MAX: usize = 1000;
}

/// What an exec came to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ExecOutcome {
    /// How it ended.
    pub end: ExecEnd,
    /// What it used.
    pub metering: Metering,
    /// What its first process left with the `keep` call.
    pub keep: Option<Vec<u8>>,
}

impl Kernel {
    /// Starts a command line: the first process of a new session.
    pub fn start_exec(&mut self, _start: ExecStart<'_>) -> Sys<ExecId> {
        todo!()
    }

    /// The first process of an exec.
    pub fn exec_init(&self, _exec: ExecId) -> Option<Pid> {
        todo!()
    }

    /// The exec a process belongs to.
    pub fn exec_of(&self, _pid: Pid) -> Option<ExecId> {
        todo!()
    }

    /// Ready once every process of the exec is gone; forgets the exec then.
    ///
    /// When the first process ends, what still runs of the exec is hung up: killed with SIGHUP.
    pub fn poll_outcome(&mut self, _exec: ExecId, _waker: &Waker) -> Poll<ExecOutcome> {
        todo!()
    }

    /// Kills every process of an exec; the outcome is [`ExecEnd::Killed`] unless a limit was reached before.
    pub fn kill_exec(&mut self, _exec: ExecId) {
        todo!()
    }

    /// Sends a signal to the first process of an exec and its group, as a terminal's Ctrl-C does.
    pub fn signal_exec(&mut self, _exec: ExecId, _signal: Signal) {
        todo!()
    }

    /// A limit was reached: kills every process of the exec. The first limit is the outcome.
    pub fn trip(&mut self, _exec: ExecId, _exceeded: Exceeded) {
        todo!()
    }

    /// Fires the alarms that are due, and tells when the next is (as [`Kernel::now`]). `waker` is woken when an earlier one is set.
    pub fn fire_timers(&mut self, _waker: Option<&Waker>) -> Option<i64> {
        todo!()
    }
}
