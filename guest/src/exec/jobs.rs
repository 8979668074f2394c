//! Children: waiting for them, and the table of background jobs.

use crate::options::Opt;
use crate::shell::{Run, Shell};
use crate::system::{Errno, Pid, WaitStatus, signal};
use std::collections::BTreeMap;

/// One process of a job.
#[derive(Debug, Clone)]
pub struct Process {
    pub pid: Pid,
    pub status: Option<WaitStatus>,
}

/// A background job.
#[derive(Debug, Clone)]
pub struct Job {
    pub id: u32,
    pub processes: Vec<Process>,
    pub text: Vec<u8>,
    /// Not listed: a process substitution.
    pub hidden: bool,
    /// `disown -h`.
    pub no_hangup: bool,
    /// Its end has been reported.
    pub notified: bool,
}

impl Job {
    /// Its status, once all of it has ended.
    #[must_use]
    pub fn status(&self) -> Option<WaitStatus> {
        if self.processes.iter().any(|p| p.status.is_none()) {
            return None;
        }
        self.processes.last().and_then(|p| p.status)
    }

    #[must_use]
    pub fn last_pid(&self) -> Pid {
        self.processes.last().map_or(0, |p| p.pid)
    }
}

/// All jobs, and what is known of children that are no longer in one.
#[derive(Debug, Default)]
pub struct Jobs {
    pub list: Vec<Job>,
    /// Ended children that `wait` may still ask for.
    ended: BTreeMap<Pid, i32>,
    /// Children that ended since the CHLD trap was last looked at.
    pub exits: u32,
    failed: Pid,
    /// The listed jobs are a parent shell's.
    pub foreign: bool,
    next_id: u32,
}

/// How many ended children are remembered.
const REMEMBERED: usize = 4096;

impl Jobs {
    /// Adds a job and gives its number.
    pub fn add(&mut self, pids: Vec<Pid>, text: Vec<u8>) -> u32 {
        self.list.retain(|j| j.status().is_none() || !j.notified);
        let id = self.list.iter().filter(|j| !j.hidden).map(|j| j.id).max().unwrap_or(0) + 1;
        let processes = pids.into_iter().map(|pid| Process { pid, status: None }).collect();
        self.list.push(Job { id, processes, text, hidden: false, no_hangup: false, notified: false });
        id
    }

    pub(super) fn add_hidden(&mut self, pid: Pid) {
        self.next_id += 1;
        let processes = vec![Process { pid, status: None }];
        self.list.push(Job { id: 0, processes, text: Vec::new(), hidden: true, no_hangup: false, notified: true });
    }

    /// Remembers a job that never ran under a process id nothing has.
    pub(super) fn add_failed(&mut self, status: i32, _text: Vec<u8>) -> Pid {
        self.failed -= 1;
        let pid = 4_000_000 - self.failed;
        self.ended.insert(pid, status);
        pid
    }

    /// The number of listed jobs.
    #[must_use]
    pub fn count(&self) -> usize {
        self.list.iter().filter(|j| !j.hidden && j.status().is_none()).count()
    }

    /// Notes how a child ended.
    fn note(&mut self, pid: Pid, status: WaitStatus) {
        self.exits += 1;
        for job in &mut self.list {
            for process in &mut job.processes {
                if process.pid == pid && process.status.is_none() {
                    process.status = Some(status);
                }
            }
        }
        self.list.retain(|j| !j.hidden || j.status().is_none());
        if self.ended.len() >= REMEMBERED {
            self.ended.pop_first();
        }
        self.ended.insert(pid, status.code());
    }

    /// What an ended child's status was.
    #[must_use]
    pub fn ended(&self, pid: Pid) -> Option<i32> {
        self.ended.get(&pid).copied()
    }

    /// Is this a child that runs, or whose end is known?
    #[must_use]
    pub fn knows(&self, pid: Pid) -> bool {
        self.ended.contains_key(&pid) || self.list.iter().any(|j| j.processes.iter().any(|p| p.pid == pid))
    }

    pub fn forget(&mut self, pid: Pid) {
        self.ended.remove(&pid);
    }

    /// The ended children that are remembered.
    pub fn all_ended(&self) -> impl Iterator<Item = (Pid, i32)> {
        self.ended.iter().map(|(pid, status)| (*pid, *status))
    }

    pub fn restore_ended(&mut self, ended: Vec<(Pid, i32)>) {
        self.ended = ended.into_iter().collect();
    }

    /// The listed job at the end that still runs, and the one before it: `%+` and `%-`.
    #[must_use]
    pub fn current(&self) -> (Option<u32>, Option<u32>) {
        let mut ids = self.list.iter().rev().filter(|j| !j.hidden).map(|j| j.id);
        (ids.next(), ids.next())
    }
}

/// A status as listings of jobs show it.
#[must_use]
pub fn describe(status: WaitStatus) -> String {
    match status {
        WaitStatus::Exited(0) => "Done".into(),
        WaitStatus::Exited(n) => format!("Exit {n}"),
        WaitStatus::Signaled(s) => signal::description(s),
    }
}

impl Shell {
    /// Waits for one child of this shell, whatever signals arrive.
    pub fn wait_child(&mut self, pid: Pid) -> WaitStatus {
        loop {
            match self.sys.wait(pid, true) {
                Ok(Some((pid, status))) => {
                    self.jobs.note(pid, status);
                    self.jobs.forget(pid);
                    return status;
                }
                Ok(None) | Err(Errno::INTR) => self.note_signals(),
                Err(_) => return WaitStatus::Exited(self.jobs.ended(pid).unwrap_or(127)),
            }
        }
    }

    /// Waits for the command in the foreground; `text` is what to call it if a signal killed it.
    pub fn wait_foreground(&mut self, pid: Pid, text: impl FnOnce() -> Vec<u8>) -> Run {
        let status = self.wait_child(pid);
        self.status = status.code();
        if let WaitStatus::Signaled(sig) = status {
            self.report_foreground(pid, sig, &text());
        }
        self.notify_jobs();
        Ok(())
    }

    /// Says that the command in the foreground was killed.
    pub(super) fn report_foreground(&mut self, pid: Pid, sig: i32, text: &[u8]) {
        if self.in_substitution || matches!(sig, signal::INT | signal::PIPE) {
            return;
        }
        if self.is_quiet(sig) {
            self.write_error(format!("{}\n", signal::description(sig)).as_bytes());
        } else {
            self.report_killed(pid, sig, text);
        }
    }

    /// Signals that are part of ordinary life, or that the script looks after.
    fn is_quiet(&self, sig: i32) -> bool {
        matches!(sig, signal::INT | signal::PIPE | signal::TERM) || self.traps.is_set(sig)
    }

    /// Says that a child was killed.
    pub fn report_killed(&mut self, pid: Pid, sig: i32, text: &[u8]) {
        if self.is_quiet(sig) || self.in_substitution {
            return;
        }
        let what = signal::description(sig);
        self.complain(&[format!("{pid:5} {what:<23} ").as_bytes(), text].concat());
    }

    /// Says that the last process of a pipeline was killed, with what became of the others.
    pub(super) fn report_pipeline(&mut self, processes: &[(Pid, WaitStatus)], texts: &[Vec<u8>]) {
        let Some((pid, WaitStatus::Signaled(sig))) = processes.last().copied() else { return };
        if self.is_quiet(sig) || self.in_substitution || processes.len() != texts.len() {
            return self.report_foreground(pid, sig, &texts.join(&b" | "[..]));
        }
        let mut out = Vec::new();
        for (i, ((pid, status), text)) in processes.iter().zip(texts).enumerate() {
            let what = if i > 0 && *status == processes[0].1 { String::new() } else { describe(*status) };
            if i > 0 {
                out.extend_from_slice(b"\n     ");
            }
            out.extend(format!("{pid:5} {what:<23} ").bytes());
            if i > 0 {
                out.extend_from_slice(b"| ");
            }
            out.extend_from_slice(text);
        }
        self.complain(&out);
    }

    /// Takes note of children that ended, without waiting.
    pub fn reap(&mut self) {
        while let Ok(Some((pid, status))) = self.sys.wait(-1, false) {
            self.jobs.note(pid, status);
        }
    }

    /// In a session that goes on: finds out which jobs ended meanwhile. Those that are nowhere went with their sandbox.
    pub fn find_lost_jobs(&mut self) {
        self.reap();
        let running = self.jobs.list.iter().flat_map(|j| &j.processes).filter(|p| p.status.is_none());
        let running: Vec<Pid> = running.map(|p| p.pid).collect();
        for pid in running {
            match self.sys.wait(pid, false) {
                Ok(None) => {}
                Ok(Some((pid, status))) => self.jobs.note(pid, status),
                Err(_) => self.jobs.note(pid, WaitStatus::Signaled(signal::HUP)),
            }
        }
        self.jobs.exits = 0;
    }

    /// Waits for a child for `wait`: its status, or the signal that interrupted.
    pub fn wait_interruptibly(&mut self, pid: Pid) -> Result<i32, i32> {
        loop {
            if let Some(status) = self.jobs.ended(pid) {
                self.report_background(pid);
                return Ok(status);
            }
            match self.sys.wait(pid, true) {
                Ok(Some((pid, status))) => self.jobs.note(pid, status),
                Ok(None) | Err(Errno::INTR) => {
                    self.note_signals();
                    if let Some(sig) = self.traps.pending_except_child() {
                        return Err(sig);
                    }
                }
                Err(_) => return Ok(127),
            }
        }
    }

    /// Reports a job that ended, and drops it.
    fn report_background(&mut self, pid: Pid) {
        let Some(i) = self.jobs.list.iter().position(|j| j.processes.iter().any(|p| p.pid == pid)) else { return };
        if self.jobs.list[i].status().is_none() {
            return;
        }
        self.notify(i);
        self.jobs.list.remove(i);
    }

    /// Reports one ended job, once.
    fn notify(&mut self, i: usize) {
        let job = &mut self.jobs.list[i];
        let Some(status) = job.status() else { return };
        if std::mem::replace(&mut job.notified, true) || job.hidden {
            return;
        }
        if self.opt(Opt::Monitor) && self.subshell == 0 {
            let line = crate::builtins::job_line(self, i);
            self.write_error(&line);
        } else if let WaitStatus::Signaled(sig) = status {
            let (pid, text) = (self.jobs.list[i].last_pid(), self.jobs.list[i].text.clone());
            self.report_killed(pid, sig, &text);
        }
    }

    /// After a command in the foreground: says what happened to background jobs.
    pub fn notify_jobs(&mut self) {
        if self.jobs.list.is_empty() || self.jobs.foreign {
            return;
        }
        self.reap();
        for i in 0..self.jobs.list.len() {
            self.notify(i);
        }
    }

    /// Waits for any child for `wait -n`: its pid and status.
    pub fn wait_any(&mut self, among: Option<&[Pid]>) -> Result<Option<(Pid, i32)>, i32> {
        loop {
            let wanted = |pid: Pid| among.is_none_or(|list| list.contains(&pid));
            let done = self
                .jobs
                .list
                .iter()
                .filter(|j| !j.hidden)
                .find_map(|j| j.status().filter(|_| wanted(j.last_pid())).map(|s| (j.last_pid(), s.code())));
            if let Some((pid, status)) = done {
                self.report_background(pid);
                self.jobs.forget(pid);
                return Ok(Some((pid, status)));
            }
            if !self.jobs.list.iter().any(|j| !j.hidden && j.status().is_none() && wanted(j.last_pid())) {
                return Ok(None);
            }
            match self.sys.wait(-1, true) {
                Ok(Some((pid, status))) => self.jobs.note(pid, status),
                Ok(None) | Err(Errno::INTR) => {
                    self.note_signals();
                    if let Some(sig) = self.traps.pending_except_child() {
                        return Err(sig);
                    }
                }
                Err(_) => return Ok(None),
            }
        }
    }

    /// Is job control on?
    #[must_use]
    pub fn has_job_control(&self) -> bool {
        self.opt(Opt::Monitor)
    }
}
