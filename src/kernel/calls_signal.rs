//! Signal calls, and what sending a signal does.

use super::Kernel;
use super::process::{Alarm, Pid, Process};
use super::settle;
use super::signal::{Disposition, Posted, Signal};
use crate::base::{Errno, Sys};
use std::task::{Poll, Waker};

/// A caught signal, taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Caught {
    /// Which.
    pub signal: Signal,
    /// Whether the blocked call goes on after the handler.
    pub restart: bool,
}

/// How `sigmask` changes the mask.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MaskHow {
    /// Add.
    Block,
    /// Remove.
    Unblock,
    /// Replace.
    Set,
}

impl Kernel {
    /// Sends a signal to one process.
    pub(super) fn post(&mut self, pid: Pid, signal: Signal) {
        let Ok(process) = self.procs.get_mut(pid) else {
            return;
        };
        if process.is_dying() {
            return;
        }
        match process.signals.post(signal) {
            Posted::Quiet => {}
            Posted::Interrupts => process.wake(),
            Posted::Kills => self.terminate(pid, signal),
        }
    }

    /// Marks a process as killed and tells whoever runs it.
    pub(super) fn terminate(&mut self, pid: Pid, signal: Signal) {
        let Ok(process) = self.procs.get_mut(pid) else {
            return;
        };
        if process.is_dying() {
            return;
        }
        process.killed = Some(signal);
        process.wake();
        if let Some(task) = &process.task {
            task.wake_by_ref();
        }
    }

    /// `kill`: `target` > 0 a process, 0 the caller's group, -1 all but the caller, < -1 a group. `None` only checks.
    /// The caller may have killed itself: ask `killed`.
    pub fn kill(&mut self, pid: Pid, target: i32, signal: Option<Signal>) -> Sys<()> {
        let caller = self.procs.get(pid)?;
        let (cred, own_group) = (caller.cred, caller.group);
        let targets = match target {
            1.. => self.procs.get(Pid(target)).map(|process| vec![process.pid])?,
            0 => self.procs.pids(|process| process.group == own_group),
            -1 => self.procs.pids(|process| process.pid != pid),
            _ => {
                let group = Pid(target.checked_neg().ok_or(Errno::Srch)?);
                self.procs.pids(|process| process.group == group)
            }
        };
        let may = |process: &Process| cred.uid == 0 || cred.uid == process.cred.uid;
        let allowed: Vec<Pid> =
            targets.iter().copied().filter(|&target| self.procs.get(target).is_ok_and(may)).collect();
        match (targets.is_empty(), allowed.is_empty()) {
            (true, _) => return Err(Errno::Srch),
            (false, true) => return Err(Errno::Perm),
            (false, false) => {}
        }
        if let Some(signal) = signal {
            for target in allowed {
                self.post(target, signal);
            }
        }
        Ok(())
    }

    /// Sets what the process does with a signal (`None` only asks) and tells what it did. One that was caught, is pending and has its default
    /// action back may kill the caller: ask `killed`.
    pub fn sigaction(&mut self, pid: Pid, signal: Signal, set: Option<Disposition>) -> Sys<Disposition> {
        let signals = &mut self.procs.get_mut(pid)?.signals;
        let old = signals.disposition(signal);
        if let Some(to) = set {
            if !signal.can_be_handled() {
                return Err(Errno::Inval);
            }
            signals.set_disposition(signal, to);
            if let Some(fatal) = signals.settle() {
                self.terminate(pid, fatal);
            }
        }
        Ok(old)
    }

    /// Changes the mask of blocked signals (bit `sig - 1`; `None` only asks) and tells the old one.
    /// What had been pending may kill the caller: ask `killed`.
    pub fn sigmask(&mut self, pid: Pid, change: Option<(MaskHow, u64)>) -> Sys<u64> {
        let signals = &mut self.procs.get_mut(pid)?.signals;
        let old = signals.mask();
        let new = match change {
            None => return Ok(old),
            Some((MaskHow::Block, set)) => old | set,
            Some((MaskHow::Unblock, set)) => old & !set,
            Some((MaskHow::Set, set)) => set,
        };
        if let Some(fatal) = signals.set_mask(new) {
            self.terminate(pid, fatal);
        }
        Ok(old)
    }

    /// Takes the lowest pending caught signal that is not blocked. Cheap.
    ///
    /// A blocking call answers `Intr` as long as one is pending, if it would have to wait.
    pub fn take_caught(&mut self, pid: Pid) -> Option<Caught> {
        let (signal, restart) = self.procs.get_mut(pid).ok()?.signals.take()?;
        Some(Caught { signal, restart })
    }

    /// `sigsuspend`: waits, with `mask` blocked meanwhile, until a signal is caught; then `Intr`. What it let in can be taken afterwards,
    /// though the mask is the old one again.
    pub fn poll_pause(&mut self, pid: Pid, mask: u64, waker: &Waker) -> Poll<Sys<()>> {
        settle(self.try_pause(pid, mask, waker))
    }

    fn try_pause(&mut self, pid: Pid, mask: u64, waker: &Waker) -> Sys<Poll<()>> {
        let process = self.procs.get_mut(pid)?;
        let fatal = match process.pausing {
            Some(_) => None,
            None => {
                process.pausing = Some(process.signals.mask());
                process.signals.set_mask(mask)
            }
        };
        if let Some(fatal) = fatal {
            self.terminate(pid, fatal);
        }
        let process = self.procs.get_mut(pid)?;
        let Err(errno) = process.block(waker) else {
            return Ok(Poll::Pending);
        };
        if let Some(old_mask) = process.pausing.take()
            && let Some(fatal) = process.signals.end_pause(old_mask)
        {
            self.terminate(pid, fatal);
        }
        Err(errno)
    }

    /// SIGALRM after `first` nanoseconds (0 cancels), then every `every`.
    pub fn alarm(&mut self, pid: Pid, first: i64, every: i64) -> Sys<()> {
        if first < 0 || every < 0 {
            return Err(Errno::Inval);
        }
        self.cancel_alarm(pid);
        if first > 0 {
            let at = self.now().saturating_add(first);
            self.procs.get_mut(pid)?.alarm = Some(Alarm { at, every });
            self.alarms.insert((at, pid));
            if self.alarms.first() == Some(&(at, pid)) {
                self.timers.drain(..).for_each(Waker::wake);
            }
        }
        Ok(())
    }

    pub(super) fn cancel_alarm(&mut self, pid: Pid) {
        if let Ok(process) = self.procs.get_mut(pid)
            && let Some(alarm) = process.alarm.take()
        {
            self.alarms.remove(&(alarm.at, pid));
        }
    }

    /// Fires the alarms that are due, and tells when the next is (as [`Kernel::now`]). Every `waker` given is
    /// woken when an earlier one is set; any one caller fires the alarms of all.
    pub fn fire_timers(&mut self, waker: Option<&Waker>) -> Option<i64> {
        let now = self.now();
        while let Some(&(at, pid)) = self.alarms.first()
            && at <= now
        {
            self.alarms.pop_first();
            if let Ok(process) = self.procs.get_mut(pid) {
                let every = process.alarm.map_or(0, |alarm| alarm.every);
                // Those missed are not made up for.
                let next = at.saturating_add(every).max(now.saturating_add(1));
                process.alarm = (every > 0).then_some(Alarm { at: next, every });
                if every > 0 {
                    self.alarms.insert((next, pid));
                }
            }
            self.post(pid, Signal::ALRM);
        }
        if let Some(waker) = waker
            && !self.timers.iter().any(|other| other.will_wake(waker))
        {
            self.timers.push(waker.clone());
        }
        self.alarms.first().map(|&(at, _)| at)
    }
}
