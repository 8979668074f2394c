//! What the shell of a session leaves running: it goes on when its exec is over, and the session's next shell takes it over.
//!
//! Such an exec has two outcomes. The first is there as soon as the shell has exited; the second, of what went on, once the last of its
//! processes has ended. In between its processes run as before, under the exec's limits, but without its streams.

use super::exec::{ExecId, ExecOutcome};
use super::process::{ExitStatus, Pid};
use super::{ExecEnd, Kernel};

/// The process ids a session goes on with, also in another kernel: a number that a script has kept is not soon somebody else's.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SessionIds {
    /// Of the session's shell, each time it is started.
    pub shell: Pid,
    /// The one that was given last.
    pub last: Pid,
}

/// What a session's shell leaves for its next one.
#[derive(Default)]
pub(super) struct Background {
    /// Whether anything goes on at all.
    pub(super) enabled: bool,
    /// The id the shell had.
    pub(super) shell: Option<Pid>,
    /// Its children, zombies among them; the kernel is their parent.
    pub(super) children: Vec<Pid>,
}

impl Kernel {
    /// The ids of the session that this kernel has, if there was a shell of one.
    pub fn session_ids(&self) -> Option<SessionIds> {
        let shell = self.background.shell?;
        Some(SessionIds { shell, last: Pid(self.procs.last_pid()) })
    }

    /// Goes on with the ids of a session that another kernel had.
    pub fn resume_session(&mut self, ids: SessionIds) {
        if ids.shell > Pid::KERNEL {
            self.background.shell = Some(ids.shell);
            self.procs.skip_to(ids.last.max(ids.shell));
        }
    }

    /// The processes whose execs are over, with their first arguments.
    pub fn background(&self) -> Vec<(Pid, Vec<u8>)> {
        let goes_on = |exec: ExecId| self.execs.get(&exec).is_some_and(|exec| exec.background);
        let processes = self.procs.iter().filter(|process| !process.is_zombie() && goes_on(process.exec));
        processes.map(|process| (process.pid, process.argv0().to_vec())).collect()
    }

    /// Kills all that [`Kernel::background`] lists.
    pub fn kill_background(&mut self) {
        let ids: Vec<ExecId> = self.execs.iter().filter(|(_, exec)| exec.background).map(|(id, _)| *id).collect();
        for id in ids {
            self.end_exec(id, ExecEnd::Killed);
        }
    }

    /// Whether what else runs of an exec goes on when this process, which ends with `status`, was its first.
    pub(super) fn leaves_background(&self, pid: Pid, status: ExitStatus) -> bool {
        let exec = self.procs.get(pid).ok().and_then(|process| self.execs.get(&process.exec));
        let is_shell = exec.is_some_and(|exec| exec.session && exec.init == pid && exec.end.is_none());
        self.background.enabled && is_shell && matches!(status, ExitStatus::Code(_))
    }

    /// Zombies that nobody can wait for yet. They do not count as processes.
    pub(super) fn parked(&self) -> usize {
        let zombie = |pid: &&Pid| self.procs.get(**pid).is_ok_and(|process| process.is_zombie());
        self.background.children.iter().filter(zombie).count()
    }

    /// A new shell of the session: what the last one left are its children.
    pub(super) fn take_over_background(&mut self, shell: Pid) {
        self.background.shell = Some(shell);
        let children = std::mem::take(&mut self.background.children);
        for &child in &children {
            if let Ok(child) = self.procs.get_mut(child) {
                child.parent = shell;
            }
        }
        if let Ok(shell) = self.procs.get_mut(shell) {
            shell.children.extend(children);
        }
    }

    /// The shell of a session has exited and others of its exec have not: the exec's outcome is there, and they go on.
    pub(super) fn go_on_in_background(&mut self, id: ExecId, code: u8) {
        let now = self.now();
        let Some(exec) = self.execs.get_mut(&id) else {
            return;
        };
        exec.background = true;
        exec.init = Pid::KERNEL;
        let mut metering = std::mem::take(&mut exec.metering);
        metering.wall_ns = u64::try_from(now - exec.started).unwrap_or(0);
        exec.started = now;
        let (keep, terminal) = (exec.keep.take(), exec.terminal.take());
        let waiter = exec.waiter.take();
        let kept = keep.as_ref().map_or(0, Vec::len);
        exec.outcome = Some(ExecOutcome { end: ExecEnd::Exit(code), metering, keep, goes_on: true });
        self.charge(kept, 0);
        for stream in self.streams.values_mut().filter(|stream| stream.exec == id) {
            stream.disconnect();
        }
        if let Some((input, output)) = terminal {
            self.release_stream(input);
            self.release_stream(output);
        }
        if let Some(waiter) = waiter {
            waiter.wake();
        }
    }
}
