//! Processes and the table of them.

use super::calls_process::Usage;
use super::exec::ExecId;
use super::fd::FdTable;
use super::file::Opening;
use super::signal::{Signal, Signals};
use crate::base::{Errno, Sys};
use crate::vfs::{Cred, Loc};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::task::Waker;

/// A process id. 1 is the kernel itself: the parent of every exec's first process and of orphans.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Pid(pub i32);

impl Pid {
    /// The kernel.
    pub const KERNEL: Pid = Pid(1);
}

/// Ids go up to this before they are used again, as on 64-bit Linux.
const PID_MAX: i32 = 4_194_303;

/// How a process ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ExitStatus {
    /// It exited with this code.
    Code(u8),
    /// A signal killed it.
    Signal(Signal),
}

impl ExitStatus {
    /// Linux's wait status.
    pub fn to_wait_status(self) -> i32 {
        match self {
            ExitStatus::Code(code) => i32::from(code) << 8,
            ExitStatus::Signal(signal) => signal.raw(),
        }
    }
}

/// What a process is doing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum State {
    /// It has a program of its own.
    Running,
    /// A vfork child: it runs in the memory of this process, which meanwhile does nothing.
    Borrowing(Pid),
    /// It has ended; its parent has not asked yet.
    Zombie(ExitStatus),
}

/// An alarm that was set.
#[derive(Clone, Copy, Debug)]
pub(super) struct Alarm {
    /// When it fires, as `Kernel::now`.
    pub(super) at: i64,
    /// Nanoseconds until it fires again; 0: never.
    pub(super) every: i64,
}

/// One process.
pub(super) struct Process {
    pub(super) pid: Pid,
    pub(super) parent: Pid,
    pub(super) children: Vec<Pid>,
    pub(super) group: Pid,
    pub(super) session: Pid,
    pub(super) exec: ExecId,
    pub(super) state: State,
    /// The vfork child that runs in this one's memory.
    pub(super) borrower: Option<Pid>,
    pub(super) cred: Cred,
    pub(super) umask: u16,
    /// The working directory; pinned.
    pub(super) cwd: Loc,
    pub(super) fds: FdTable,
    /// Descriptors it may have.
    pub(super) open_files: u32,
    /// A FIFO it is waiting to open.
    pub(super) opening: Option<Opening>,
    pub(super) signals: Signals,
    /// While it is in `pause`: the mask to go back to.
    pub(super) pausing: Option<u64>,
    pub(super) alarm: Option<Alarm>,
    pub(super) argv: Arc<[u8]>,
    pub(super) env: Arc<[u8]>,
    /// The program's file, pinned, and the path it was started by.
    pub(super) program: Loc,
    pub(super) program_path: Arc<[u8]>,
    pub(super) blob: Option<Arc<[u8]>>,
    /// Bytes of memory charged for arguments, environment and blob.
    pub(super) charged: usize,
    /// Set once it is to die.
    pub(super) killed: Option<Signal>,
    /// Wakes whoever runs it.
    pub(super) task: Option<Waker>,
    /// Wakes the call it is blocked in.
    waiter: Option<Waker>,
    blocked: bool,
    /// What its replaced programs have used; at the end, all it has used.
    pub(super) usage: Usage,
    /// What the children it has waited for have used.
    pub(super) children_usage: Usage,
    pub(super) read_bytes: u64,
    pub(super) written_bytes: u64,
    pub(super) started: i64,
}

/// What a new process starts as.
pub(super) struct NewProcess {
    /// The id it is to have, unless another has it.
    pub(super) pid: Option<Pid>,
    pub(super) parent: Pid,
    pub(super) group: Option<Pid>,
    pub(super) session: Option<Pid>,
    pub(super) exec: ExecId,
    pub(super) state: State,
    pub(super) cred: Cred,
    pub(super) umask: u16,
    pub(super) cwd: Loc,
    pub(super) fds: FdTable,
    pub(super) open_files: u32,
    pub(super) signals: Signals,
    pub(super) argv: Arc<[u8]>,
    pub(super) env: Arc<[u8]>,
    pub(super) program: Loc,
    pub(super) program_path: Arc<[u8]>,
    pub(super) blob: Option<Arc<[u8]>>,
    pub(super) started: i64,
}

impl Process {
    fn new(pid: Pid, new: NewProcess) -> Process {
        Process {
            pid,
            parent: new.parent,
            children: Vec::new(),
            group: new.group.unwrap_or(pid),
            session: new.session.unwrap_or(pid),
            exec: new.exec,
            state: new.state,
            borrower: None,
            cred: new.cred,
            umask: new.umask,
            cwd: new.cwd,
            fds: new.fds,
            open_files: new.open_files,
            opening: None,
            signals: new.signals,
            pausing: None,
            alarm: None,
            argv: new.argv,
            env: new.env,
            program: new.program,
            program_path: new.program_path,
            blob: new.blob,
            charged: 0,
            killed: None,
            task: None,
            waiter: None,
            blocked: false,
            usage: Usage::default(),
            children_usage: Usage::default(),
            read_bytes: 0,
            written_bytes: 0,
            started: new.started,
        }
    }

    pub(super) fn is_zombie(&self) -> bool {
        matches!(self.state, State::Zombie(_))
    }

    /// Whether it will make no more calls.
    pub(super) fn is_dying(&self) -> bool {
        self.killed.is_some() || self.is_zombie()
    }

    /// Before a call waits: `Intr` if it must not, else notes whom to wake.
    pub(super) fn block(&mut self, waker: &Waker) -> Sys<()> {
        if self.signals.interrupts() || self.killed.is_some() {
            return Err(Errno::Intr);
        }
        match &mut self.waiter {
            Some(waiter) => waiter.clone_from(waker),
            None => self.waiter = Some(waker.clone()),
        }
        self.blocked = true;
        Ok(())
    }

    pub(super) fn is_blocked(&self) -> bool {
        self.blocked
    }

    /// Wakes the call it is blocked in.
    pub(super) fn wake(&mut self) {
        if std::mem::take(&mut self.blocked)
            && let Some(waiter) = &self.waiter
        {
            waiter.wake_by_ref();
        }
    }

    /// It will not be woken again.
    pub(super) fn forget_waiter(&mut self) {
        self.blocked = false;
        self.waiter = None;
    }

    /// Its name: the first argument.
    pub(super) fn argv0(&self) -> &[u8] {
        self.argv.split(|&b| b == 0).next().unwrap_or_default()
    }

    /// The last part of its program's path, at most 15 bytes, as Linux does.
    pub(super) fn comm(&self) -> &[u8] {
        let name = self.program_path.rsplit(|&b| b == b'/').next().unwrap_or_default();
        &name[..name.len().min(15)]
    }
}

/// All processes, zombies among them.
#[derive(Default)]
pub(super) struct Processes {
    table: BTreeMap<Pid, Box<Process>>,
    last: i32,
    /// Ids have been used up once.
    again: bool,
}

impl Processes {
    pub(super) fn len(&self) -> usize {
        self.table.len()
    }

    /// The id given last.
    pub(super) fn last_pid(&self) -> i32 {
        self.last
    }

    /// The ids up to this count as given.
    pub(super) fn skip_to(&mut self, last: Pid) {
        self.last = self.last.max(last.0.clamp(0, PID_MAX));
    }

    pub(super) fn insert(&mut self, new: NewProcess) -> Pid {
        let pid = new.pid.filter(|pid| !self.table.contains_key(pid)).unwrap_or_else(|| self.free_pid());
        self.table.insert(pid, Box::new(Process::new(pid, new)));
        pid
    }

    /// The next id that is neither a process nor a group or session that still has members.
    fn free_pid(&mut self) -> Pid {
        loop {
            self.again |= self.last >= PID_MAX;
            self.last = if self.last >= PID_MAX { 2 } else { self.last.max(1) + 1 };
            let pid = Pid(self.last);
            if !self.again || !self.iter().any(|p| p.pid == pid || p.group == pid || p.session == pid) {
                return pid;
            }
        }
    }

    pub(super) fn remove(&mut self, pid: Pid) -> Option<Box<Process>> {
        self.table.remove(&pid)
    }

    /// A process; `Srch` if there is none.
    pub(super) fn get(&self, pid: Pid) -> Sys<&Process> {
        self.table.get(&pid).map(|process| &**process).ok_or(Errno::Srch)
    }

    /// A process; `Srch` if there is none.
    pub(super) fn get_mut(&mut self, pid: Pid) -> Sys<&mut Process> {
        self.table.get_mut(&pid).map(|process| &mut **process).ok_or(Errno::Srch)
    }

    /// In the order of their ids.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Process> {
        self.table.values().map(|process| &**process)
    }

    /// Those that `which` answers true for.
    pub(super) fn pids(&self, which: impl Fn(&Process) -> bool) -> Vec<Pid> {
        self.iter().filter(|process| which(process)).map(|process| process.pid).collect()
    }

    /// Wakes the blocked calls of processes, and forgets that they wait.
    pub(super) fn wake_all(&mut self, waiting: &mut Vec<Pid>) {
        for pid in waiting.drain(..) {
            if let Ok(process) = self.get_mut(pid) {
                process.wake();
            }
        }
    }

    #[cfg(test)]
    pub(super) fn set_last_pid(&mut self, last: i32) {
        self.last = last;
    }
}
