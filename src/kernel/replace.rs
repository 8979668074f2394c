//! A process that changes its program (`exec`), and one that runs in its parent's memory until it does (`vfork`).

use super::launch::LaunchRequest;
use super::process::{ExitStatus, NewProcess, Pid, State};
use super::program::{Found, Search};
use super::signal::Signal;
use super::spawn::{check_arguments, inherit};
use super::{Kernel, Usage};
use crate::base::{Errno, Sys};
use std::sync::Arc;

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

impl Kernel {
    /// Replaces the caller's program; inside `vfork`, starts the child.
    pub fn exec(&mut self, pid: Pid, program: &[u8], search_path: bool, argv: &[u8], env: &[u8]) -> Sys<Execed> {
        let process = self.procs.get(pid)?;
        let lender = match process.state {
            State::Borrowing(lender) => Some(lender),
            _ => None,
        };
        if process.killed.is_some() {
            // A vfork child that was killed ends here, as if just after its exec; the lender lives on.
            let parent = lender.ok_or(Errno::Intr)?;
            self.finish(pid, ExitStatus::Signal(Signal::KILL), Usage::default());
            return Ok(Execed::Child { parent });
        }
        let (cred, cwd) = (process.cred, process.cwd);
        check_arguments(self.argument_limit(process.exec), argv, env)?;
        let found = self.find_program(Search { pid, cred, cwd, program, search_path, argv, env })?;
        self.relaunch(pid, found, Arc::from(env))?;
        match lender {
            None => Ok(Execed::Replaced),
            Some(parent) => {
                if let Ok(process) = self.procs.get_mut(parent) {
                    process.borrower = None;
                }
                Ok(Execed::Child { parent })
            }
        }
    }

    /// Has another program started for a process, and makes the process ready for it. On error nothing has changed.
    fn relaunch(&mut self, pid: Pid, found: Found, env: Arc<[u8]>) -> Sys<()> {
        let process = self.procs.get(pid)?;
        let request = LaunchRequest {
            pid,
            exec: process.exec,
            program: found.program,
            file: found.loc,
            argv: Arc::clone(&found.argv),
            env: Arc::clone(&env),
        };
        let (before, after) = (process.charged, found.argv.len() + env.len());
        let meanwhile = before.max(after);
        if !self.charge(before, meanwhile) {
            self.trip_memory(pid, after);
            return Err(Errno::NoMem);
        }
        let launched = self.vfs.pin(found.loc).and_then(|()| {
            let launched = self.launcher.launch(request);
            launched.inspect_err(|_| self.vfs.unpin(found.loc))
        });
        if let Err(errno) = launched {
            self.charge(meanwhile, before);
            return Err(errno);
        }
        self.charge(meanwhile, after);
        let process = self.procs.get_mut(pid)?;
        process.charged = after;
        process.signals = process.signals.for_program();
        process.argv = found.argv;
        process.env = env;
        process.program_path = found.path;
        process.blob = None;
        process.state = State::Running;
        process.task = None;
        let old = std::mem::replace(&mut process.program, found.loc);
        let closed = process.fds.remove_cloexec();
        let fatal = process.signals.settle();
        self.vfs.unpin(old);
        if let Some(fatal) = fatal {
            self.terminate(pid, fatal);
        }
        for descriptor in closed {
            self.release(descriptor.file);
        }
        Ok(())
    }

    /// A child that borrows the caller's memory: the caller acts as the child until `exec` or `vfork_exit`.
    pub fn vfork(&mut self, pid: Pid) -> Sys<Pid> {
        let exec = self.admit(pid)?;
        let parent = self.procs.get(pid)?;
        let new = NewProcess {
            pid: None,
            parent: pid,
            group: Some(parent.group),
            session: Some(parent.session),
            exec,
            state: State::Borrowing(pid),
            cred: parent.cred,
            umask: parent.umask,
            cwd: parent.cwd,
            fds: inherit(&parent.fds, &mut self.files),
            open_files: parent.open_files,
            signals: parent.signals.for_child(),
            argv: Arc::clone(&parent.argv),
            env: Arc::clone(&parent.env),
            program: parent.program,
            program_path: Arc::clone(&parent.program_path),
            blob: None,
            started: self.now(),
        };
        let child = self.add_process(new)?;
        self.procs.get_mut(pid)?.borrower = Some(child);
        Ok(child)
    }

    /// Ends a `vfork` child and tells whose memory it was. `Inval` if it is none.
    pub fn vfork_exit(&mut self, pid: Pid, status: u8) -> Sys<Pid> {
        let State::Borrowing(parent) = self.procs.get(pid)?.state else {
            return Err(Errno::Inval);
        };
        self.finish(pid, ExitStatus::Code(status), Usage::default());
        Ok(parent)
    }
}
