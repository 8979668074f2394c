//! Calls of processes about processes: waiting, groups and sessions, what parent and host leave for each other.

use super::exit::EndedChild;
use super::process::{ExitStatus, Pid, State};
use super::signal::Signal;
use super::{Kernel, settle};
use crate::base::{Errno, Exceeded, Limit, Sys};
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

impl Usage {
    /// Both together, one after the other.
    pub(super) fn add(&mut self, other: Usage) {
        self.fuel = self.fuel.saturating_add(other.fuel);
        self.cpu_ns = self.cpu_ns.saturating_add(other.cpu_ns);
        self.memory_peak_bytes = self.memory_peak_bytes.max(other.memory_peak_bytes);
    }
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
    /// Waits for a child; `None` with `nohang` if none has ended yet. `Child` if there is none.
    pub fn poll_wait(
        &mut self,
        pid: Pid,
        target: WaitTarget,
        nohang: bool,
        waker: &Waker,
    ) -> Poll<Sys<Option<Waited>>> {
        settle(self.try_wait(pid, target, nohang, waker))
    }

    fn try_wait(&mut self, pid: Pid, target: WaitTarget, nohang: bool, waker: &Waker) -> Sys<Poll<Option<Waited>>> {
        let process = self.procs.get(pid)?;
        let mut any = false;
        let mut ended = None;
        for &child in &process.children {
            let Ok(child) = self.procs.get(child) else {
                continue;
            };
            let wanted = match target {
                WaitTarget::Any => true,
                WaitTarget::Pid(target) => child.pid == target,
                WaitTarget::Group(0) => child.group == process.group,
                WaitTarget::Group(group) => child.group == Pid(group),
            };
            any |= wanted;
            if wanted && let State::Zombie(status) = child.state {
                ended = Some(Waited { pid: child.pid, status });
                break;
            }
        }
        if let Some(waited) = ended {
            self.reap(pid, waited.pid);
            return Ok(Poll::Ready(Some(waited)));
        }
        if !any {
            return Err(Errno::Child);
        }
        if nohang {
            return Ok(Poll::Ready(None));
        }
        self.procs.get_mut(pid)?.block(waker)?;
        Ok(Poll::Pending)
    }

    /// Forgets a zombie; its parent has asked.
    fn reap(&mut self, parent: Pid, child: Pid) {
        let Some(EndedChild { usage }) = self.remove_zombie(child) else {
            return;
        };
        if let Ok(parent) = self.procs.get_mut(parent) {
            parent.children.retain(|&other| other != child);
            parent.children_usage.add(usage);
        }
    }

    /// Which waker to wake when the process is killed.
    pub fn set_task_waker(&mut self, pid: Pid, waker: Waker) {
        if let Ok(process) = self.procs.get_mut(pid) {
            process.task = Some(waker);
        }
    }

    /// The signal that has killed a process which has not ended yet: its program is to be dropped. KILL for a process that is not there. Cheap.
    pub fn killed(&self, pid: Pid) -> Option<Signal> {
        match self.procs.get(pid) {
            Ok(process) => process.killed,
            Err(_) => Some(Signal::KILL),
        }
    }

    /// The parent's id; 1 if it has ended.
    pub fn getppid(&self, pid: Pid) -> Pid {
        self.procs.get(pid).map_or(Pid::KERNEL, |process| process.parent)
    }

    fn or_self(pid: Pid, of: i32) -> Sys<Pid> {
        match of {
            0 => Ok(pid),
            1.. => Ok(Pid(of)),
            _ => Err(Errno::Inval),
        }
    }

    /// `getpgid`; `of` 0 is the caller.
    pub fn getpgid(&self, pid: Pid, of: i32) -> Sys<Pid> {
        Ok(self.procs.get(Self::or_self(pid, of)?)?.group)
    }

    /// `getsid`; `of` 0 is the caller.
    pub fn getsid(&self, pid: Pid, of: i32) -> Sys<Pid> {
        Ok(self.procs.get(Self::or_self(pid, of)?)?.session)
    }

    /// `setpgid`; 0 is the caller, and its own id.
    pub fn setpgid(&mut self, pid: Pid, of: i32, group: i32) -> Sys<()> {
        let of = Self::or_self(pid, of)?;
        let group = Self::or_self(of, group)?;
        let session = self.procs.get(pid)?.session;
        let process = self.procs.get(of)?;
        if of != pid && process.parent != pid {
            return Err(Errno::Srch);
        }
        if process.session != session || process.session == of {
            return Err(Errno::Perm);
        }
        if group != of && !self.procs.iter().any(|other| other.group == group && other.session == session) {
            return Err(Errno::Perm);
        }
        self.procs.get_mut(of)?.group = group;
        Ok(())
    }

    /// `setsid`.
    pub fn setsid(&mut self, pid: Pid) -> Sys<Pid> {
        if self.procs.iter().any(|process| process.group == pid) {
            return Err(Errno::Perm);
        }
        let process = self.procs.get_mut(pid)?;
        process.session = pid;
        process.group = pid;
        Ok(pid)
    }

    /// The bytes the parent gave at `spawn`.
    pub fn blob(&self, pid: Pid) -> &[u8] {
        self.procs.get(pid).ok().and_then(|process| process.blob.as_deref()).unwrap_or_default()
    }

    /// Leaves bytes for the host, if the caller is its exec's first process (`Perm` if not). Replaces what was left before.
    pub fn keep(&mut self, pid: Pid, bytes: &[u8]) -> Sys<()> {
        let id = self.procs.get(pid)?.exec;
        let exec = self.execs.get(&id).filter(|exec| exec.init == pid).ok_or(Errno::Perm)?;
        let before = exec.keep.as_ref().map_or(0, Vec::len);
        if !self.charge(before, bytes.len()) {
            self.trip_memory(pid, bytes.len());
            return Err(Errno::NoMem);
        }
        if let Some(exec) = self.execs.get_mut(&id) {
            exec.keep = Some(bytes.to_vec());
        }
        Ok(())
    }

    /// A limit that a guest enforces itself was reached: ends the exec. `which` 0 = shell recursion; others are `Inval`.
    pub fn limit(&mut self, pid: Pid, which: i32, used: u64) -> Sys<()> {
        let id = self.procs.get(pid)?.exec;
        let exec = self.execs.get(&id).ok_or(Errno::Srch)?;
        if which != 0 {
            return Err(Errno::Inval);
        }
        let value = u64::from(exec.limits.shell_recursion);
        self.trip(id, Exceeded { limit: Limit::ShellRecursion, value, used });
        Ok(())
    }

    /// What the caller's waited-for children have used. (The caller's own use is known to its launcher.)
    pub fn usage_children(&self, pid: Pid) -> Usage {
        self.procs.get(pid).map_or(Usage::default(), |process| process.children_usage)
    }
}
