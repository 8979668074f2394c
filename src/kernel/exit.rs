//! The end of processes: what they held, their children, their parent, their exec.

use super::process::{ExitStatus, Pid, State};
use super::signal::Signal;
use super::{ExecEnd, ExecId, Kernel, Metering, ProcessRecord, Usage};
use std::sync::Arc;

/// What is left of a reaped child.
pub(super) struct EndedChild {
    /// What it and the children it had waited for have used.
    pub(super) usage: Usage,
}

impl Kernel {
    /// The launcher's report that a process's program has ended and is gone. A killed process's status is its signal, whatever `status` says.
    /// For a `vfork` child, its lender ends too: they are one instance.
    pub fn exited(&mut self, pid: Pid, status: ExitStatus, usage: Usage) {
        let mut instance = vec![pid];
        while let Some(&last) = instance.last()
            && let Ok(process) = self.procs.get(last)
            && let State::Borrowing(lender) = process.state
        {
            instance.push(lender);
        }
        // The usage is the instance's owner's.
        let owner = instance.len() - 1;
        for (at, pid) in instance.into_iter().enumerate() {
            self.finish(pid, status, if at == owner { usage } else { Usage::default() });
        }
    }

    /// The launcher's report of what a replaced program (see [`Execed::Replaced`](super::Execed::Replaced)) had used.
    pub fn add_usage(&mut self, pid: Pid, usage: Usage) {
        if let Ok(process) = self.procs.get_mut(pid) {
            process.usage.add(usage);
        }
    }

    /// Ends one process.
    pub(super) fn finish(&mut self, pid: Pid, status: ExitStatus, usage: Usage) {
        let Ok(process) = self.procs.get(pid) else {
            return;
        };
        if process.is_zombie() {
            return;
        }
        if let Some(borrower) = process.borrower {
            let signal = process.killed.unwrap_or(Signal::KILL);
            self.finish(borrower, ExitStatus::Signal(signal), Usage::default());
        }
        let status = self.record_end(pid, status, usage);
        let goes_on = self.leaves_background(pid, status);
        self.give_back(pid);
        self.orphan_children(pid, goes_on);
        let Ok(process) = self.procs.get_mut(pid) else {
            return;
        };
        process.state = State::Zombie(status);
        let (parent, exec) = (process.parent, process.exec);
        self.tell_parent(parent, pid);
        self.leave_exec(exec, pid, status, goes_on);
    }

    /// Writes the process's record. The status it ends with.
    fn record_end(&mut self, pid: Pid, status: ExitStatus, usage: Usage) -> ExitStatus {
        let now = self.now();
        let Ok(process) = self.procs.get_mut(pid) else {
            return status;
        };
        let status = process.killed.map_or(status, ExitStatus::Signal);
        process.usage.add(usage);
        let Some(exec) = self.execs.get_mut(&process.exec) else {
            return status;
        };
        let metering = &mut exec.metering;
        metering.fuel = metering.fuel.saturating_add(process.usage.fuel);
        metering.memory_peak_bytes = metering.memory_peak_bytes.max(process.usage.memory_peak_bytes);
        metering.read_bytes += process.read_bytes;
        metering.written_bytes += process.written_bytes;
        if metering.processes.len() < Metering::RECORDS_MAX {
            metering.processes.push(ProcessRecord {
                pid,
                argv0: process.argv0().to_vec(),
                status,
                usage: process.usage,
                read_bytes: process.read_bytes,
                written_bytes: process.written_bytes,
                wall_ns: u64::try_from(now - process.started).unwrap_or(0),
            });
        }
        status
    }

    /// Gives back what a process holds.
    fn give_back(&mut self, pid: Pid) {
        self.close_all(pid);
        self.cancel_alarm(pid);
        let Ok(process) = self.procs.get_mut(pid) else {
            return;
        };
        let (cwd, program, parent) = (process.cwd, process.program, process.parent);
        let charged = std::mem::take(&mut process.charged);
        process.argv = Arc::default();
        process.env = Arc::default();
        process.blob = None;
        process.task = None;
        process.forget_waiter();
        if let State::Borrowing(_) = process.state
            && let Ok(lender) = self.procs.get_mut(parent)
        {
            lender.borrower = None;
        }
        self.charge(charged, 0);
        self.vfs.unpin(cwd);
        self.vfs.unpin(program);
    }

    /// The children's parent is the kernel from now on, which does not want to know how they end; but those of execs that are over,
    /// and of one that goes on, wait for the session's next shell.
    fn orphan_children(&mut self, pid: Pid, goes_on: bool) {
        let Ok(process) = self.procs.get_mut(pid) else {
            return;
        };
        let exec = process.exec;
        let is_shell = self.execs.get(&exec).is_some_and(|exec| exec.session && exec.init == pid);
        for pid in std::mem::take(&mut process.children) {
            let Ok(child) = self.procs.get_mut(pid) else {
                continue;
            };
            child.parent = Pid::KERNEL;
            if is_shell && (goes_on || child.exec != exec) {
                self.background.children.push(pid);
            } else if child.is_zombie() {
                self.remove_zombie(pid);
            }
        }
    }

    /// The parent learns of a child's end, unless it does not want to.
    fn tell_parent(&mut self, parent: Pid, child: Pid) {
        match self.procs.get_mut(parent) {
            Ok(process) => {
                let ignores = process.signals.ignores(Signal::CHLD);
                process.wake();
                if ignores {
                    process.children.retain(|&other| other != child);
                    self.remove_zombie(child);
                } else {
                    self.post(parent, Signal::CHLD);
                }
            }
            Err(_) if self.background.children.contains(&child) => {}
            Err(_) => {
                self.remove_zombie(child);
            }
        }
    }

    /// Forgets a process that has ended.
    pub(super) fn remove_zombie(&mut self, pid: Pid) -> Option<EndedChild> {
        let process = self.procs.remove(pid)?;
        if let Some(exec) = self.execs.get_mut(&process.exec) {
            exec.processes -= 1;
        }
        let mut usage = process.usage;
        usage.add(process.children_usage);
        Some(EndedChild { usage })
    }

    /// Forgets a process whose program was never started.
    pub(super) fn discard(&mut self, pid: Pid) {
        self.give_back(pid);
        let Ok(process) = self.procs.get(pid) else {
            return;
        };
        let (parent, exec) = (process.parent, process.exec);
        if let Ok(parent) = self.procs.get_mut(parent) {
            parent.children.retain(|&other| other != pid);
        }
        self.remove_zombie(pid);
        if let Some(exec) = self.execs.get_mut(&exec) {
            exec.live -= 1;
            exec.metering.processes_total -= 1;
        }
    }

    /// One live process of an exec less. The first process takes the others with it, unless they go on in the background.
    fn leave_exec(&mut self, id: ExecId, pid: Pid, status: ExitStatus, goes_on: bool) {
        let Some(exec) = self.execs.get_mut(&id) else {
            return;
        };
        exec.live -= 1;
        if let ExitStatus::Code(code) = status
            && goes_on
            && exec.live > 0
        {
            self.go_on_in_background(id, code);
        } else if exec.init == pid {
            exec.end.get_or_insert(match status {
                ExitStatus::Code(code) => ExecEnd::Exit(code),
                ExitStatus::Signal(signal) => ExecEnd::Signal(signal),
            });
            self.kill_all_of(id, Signal::HUP);
        }
        self.finish_exec_if_over(id);
    }

    /// Kills what lives of an exec, whatever it does with signals.
    pub(super) fn kill_all_of(&mut self, id: ExecId, signal: Signal) {
        for pid in self.procs.pids(|process| process.exec == id) {
            self.terminate(pid, signal);
        }
    }
}
