//! Calls that make and end processes: spawn, exec, vfork, exit, wait, groups and sessions.

use super::process::{ExitStatus, Pid};
use super::signal::Signal;
use super::{Fd, Kernel};
use crate::base::Sys;
use std::task::{Poll, Waker};

/// What a program run used, as its launcher measured it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Usage {
    /// Fuel.
    pub fuel: u64,
    /// Processor time, in nanoseconds.
    pub cpu_ns: u64,
    /// Peak of linear memory, in bytes.
    pub memory_peak_bytes: u64,
}

/// What a spawned child does with its descriptors, in order.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FileAction {
    /// dup2 of the child's `src` to `fd`; `fd == src` clears close-on-exec.
    Dup2 {
        /// The new descriptor.
        fd: Fd,
        /// The child's descriptor to copy.
        src: Fd,
    },
    /// Close; nothing happens if it is not open.
    Close(Fd),
}

/// How to start a child, as `spawn` in docs/abi.md.
#[derive(Clone, Copy, Debug, Default)]
pub struct SpawnRequest<'a> {
    /// Path of the program, relative to the child's working directory.
    pub program: &'a [u8],
    /// Search `program` in the `PATH` of `env` if it has no `/`.
    pub search_path: bool,
    /// Arguments, each followed by a NUL byte.
    pub argv: &'a [u8],
    /// Environment, each followed by a NUL byte.
    pub env: &'a [u8],
    /// What to do with descriptors.
    pub actions: &'a [FileAction],
    /// Process group; 0: one of its own; `None`: the parent's.
    pub pgroup: Option<i32>,
    /// Working directory; `None`: the parent's.
    pub cwd: Option<&'a [u8]>,
    /// What the child gets with the `blob` call.
    pub blob: Option<&'a [u8]>,
    /// Signals set to their default action: bit `sig - 1`.
    pub sigdefault: u64,
    /// Signals set to ignored.
    pub sigignore: u64,
}

/// What `exec` did.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Execed {
    /// The caller's program is replaced: it must end without `exited`, with [`Kernel::add_usage`]. A new launch for its pid is under way.
    Replaced,
    /// The caller was a `vfork` child: it has been launched, and the caller is `parent` again.
    Child {
        /// Whom the borrowed memory belongs to.
        parent: Pid,
    },
}

/// Which children to wait for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WaitTarget {
    /// This one.
    Pid(Pid),
    /// Any.
    Any,
    /// Those of this process group (0: the caller's).
    Group(i32),
}

/// A child that has ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Waited {
    /// Which.
    pub pid: Pid,
    /// How.
    pub status: ExitStatus,
}

impl Kernel {
    /// Starts a child. Over the limit of processes, trips it and answers `Again`.
    pub fn spawn(&mut self, _pid: Pid, _request: &SpawnRequest<'_>) -> Sys<Pid> {
        todo!()
    }

    /// Replaces the caller's program; inside `vfork`, starts the child.
    pub fn exec(
        &mut self,
        _pid: Pid,
        _program: &[u8],
        _search_path: bool,
        _argv: &[u8],
        _env: &[u8],
    ) -> Sys<Execed> {
        todo!()
    }

    /// A child that borrows the caller's memory: the caller acts as the child until `exec` or `vfork_exit`.
    pub fn vfork(&mut self, _pid: Pid) -> Sys<Pid> {
        todo!()
    }

    /// Ends a `vfork` child and tells whose memory it was. `Inval` if it is none.
    pub fn vfork_exit(&mut self, _pid: Pid, _status: u8) -> Sys<Pid> {
        todo!()
    }

    /// Waits for a child; `None` with `nohang` if none has ended yet. `Child` if there is none.
    pub fn poll_wait(
        &mut self,
        _pid: Pid,
        _target: WaitTarget,
        _nohang: bool,
        _waker: &Waker,
    ) -> Poll<Sys<Option<Waited>>> {
        todo!()
    }

    /// The launcher's report that a process's program has ended and is gone. A killed process's status is its signal, whatever `status` says.
    /// For a `vfork` child, its lender ends too: they are one instance.
    pub fn exited(&mut self, _pid: Pid, _status: ExitStatus, _usage: Usage) {
        todo!()
    }

    /// The launcher's report of what a replaced program (see [`Execed::Replaced`]) had used.
    pub fn add_usage(&mut self, _pid: Pid, _usage: Usage) {
        todo!()
    }

    /// Which waker to wake when the process is killed.
    pub fn set_task_waker(&mut self, _pid: Pid, _waker: Waker) {
        todo!()
    }

    /// The signal that has killed a process which has not ended yet: its program is to be dropped. Also for a process that is not there. Cheap.
    pub fn killed(&self, _pid: Pid) -> Option<Signal> {
        todo!()
    }

    /// The parent's id; 1 if it has ended.
    pub fn getppid(&self, _pid: Pid) -> Pid {
        todo!()
    }

    /// `getpgid`; `of` 0 is the caller.
    pub fn getpgid(&self, _pid: Pid, _of: i32) -> Sys<Pid> {
        todo!()
    }

    /// `getsid`; `of` 0 is the caller.
    pub fn getsid(&self, _pid: Pid, _of: i32) -> Sys<Pid> {
        todo!()
    }

    /// `setpgid`; 0 is the caller, and its own id.
    pub fn setpgid(&mut self, _pid: Pid, _of: i32, _pgid: i32) -> Sys<()> {
        todo!()
    }

    /// `setsid`.
    pub fn setsid(&mut self, _pid: Pid) -> Sys<Pid> {
        todo!()
    }

    /// The bytes the parent gave at `spawn`.
    pub fn blob(&self, _pid: Pid) -> &[u8] {
        todo!()
    }

    /// Leaves bytes for the host, if the caller is its exec's first process (`Perm` if not). Replaces what was left before.
    pub fn keep(&mut self, _pid: Pid, _bytes: &[u8]) -> Sys<()> {
        todo!()
    }

    /// A limit that a guest enforces itself was reached. `which` 0 = shell recursion.
    pub fn limit(&mut self, _pid: Pid, _which: i32, _used: u64) -> Sys<()> {
        todo!()
    }

    /// What the caller's waited-for children have used. (The caller's own use is known to its launcher.)
    pub fn usage_children(&self, _pid: Pid) -> Usage {
        todo!()
    }
}
