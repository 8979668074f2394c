//! Execs: command lines that the host runs in the kernel.

use super::fd::{Descriptor, FdTable};
use super::file::{Object, OpenFile};
use super::process::{ExitStatus, NewProcess, Pid, State};
use super::program::Search;
use super::signal::{Signal, Signals};
use super::slab::Key;
use super::spawn::check_arguments;
use super::stream::{End, Sink, Source, Stream};
use super::{Kernel, Usage};
use crate::base::{Exceeded, Limits, Sys};
use crate::vfs::Cred;
use std::sync::Arc;
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
    /// The first process is the shell of the kernel's session: it has the same id each time, and the children the last one left.
    pub session: bool,
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
    /// Some of its processes go on in the background, see [`Kernel::background`]. There will be another outcome, of these alone.
    pub goes_on: bool,
}

/// Input and output of a terminal.
pub(super) type Terminal = (Key<Stream>, Key<Stream>);

/// An exec as the kernel keeps it.
pub(super) struct Exec {
    pub(super) init: Pid,
    pub(super) limits: Limits,
    /// Processes that have not ended.
    pub(super) live: u32,
    /// Processes, zombies among them.
    pub(super) processes: u32,
    /// How it ended: the first reason there was.
    pub(super) end: Option<ExecEnd>,
    pub(super) metering: Metering,
    pub(super) keep: Option<Vec<u8>>,
    /// The terminal, if it has one; held for `/dev/tty`.
    pub(super) terminal: Option<Terminal>,
    /// Its first process is the session's shell.
    pub(super) session: bool,
    /// Its first process has exited, the others go on.
    pub(super) background: bool,
    /// What it came to up to then.
    pub(super) outcome: Option<ExecOutcome>,
    pub(super) started: i64,
    pub(super) waiter: Option<Waker>,
}

impl Kernel {
    /// Starts a command line: the first process of a new session.
    pub fn start_exec(&mut self, start: ExecStart<'_>) -> Sys<ExecId> {
        check_arguments(start.limits.argument_bytes, start.argv, start.env)?;
        let (cred, root) = (start.cred, self.vfs.root());
        let nobody = Pid::KERNEL;
        let cwd = self.directory_at(nobody, cred, root, start.cwd)?;
        let found = self.find_program(Search {
            pid: nobody,
            cred,
            cwd,
            program: start.program,
            search_path: true,
            argv: start.argv,
            env: start.env,
        })?;
        self.last_exec += 1;
        let id = ExecId(self.last_exec);
        let (fds, terminal) = self.standard_files(id, start.stdin, start.stdout, start.stderr);
        let now = self.now();
        let open_files = start.limits.open_files;
        let exec = Exec {
            init: nobody,
            limits: start.limits,
            live: 0,
            processes: 0,
            end: None,
            metering: Metering::default(),
            keep: None,
            terminal,
            session: start.session,
            background: false,
            outcome: None,
            started: now,
            waiter: None,
        };
        self.execs.insert(id, exec);
        let launched = self.launch_new(
            NewProcess {
                pid: self.background.shell.filter(|_| start.session),
                parent: nobody,
                group: None,
                session: None,
                exec: id,
                state: State::Running,
                cred,
                umask: start.umask & 0o777,
                cwd,
                fds,
                open_files,
                signals: Signals::default(),
                argv: Arc::clone(&found.argv),
                env: Arc::from(start.env),
                program: found.loc,
                program_path: Arc::clone(&found.path),
                blob: start.blob.map(Arc::from),
                started: now,
            },
            &found,
        );
        match launched {
            Ok(pid) => {
                if let Some(exec) = self.execs.get_mut(&id) {
                    exec.init = pid;
                }
                if start.session {
                    self.take_over_background(pid);
                }
                Ok(id)
            }
            Err(errno) => {
                self.forget_exec(id);
                Err(errno)
            }
        }
    }

    /// Descriptors 0, 1 and 2, and the terminal if standard input is one.
    fn standard_files(
        &mut self,
        exec: ExecId,
        stdin: Box<dyn Source>,
        stdout: Box<dyn Sink>,
        stderr: Option<Box<dyn Sink>>,
    ) -> (FdTable, Option<Terminal>) {
        let input = self.streams.insert(Stream::new(exec, End::Source(stdin)));
        let output = self.streams.insert(Stream::new(exec, End::Sink(stdout)));
        let terminal = self.streams[input].is_terminal().then_some((input, output));
        if terminal.is_some() {
            self.streams[input].holders += 1;
            self.streams[output].holders += 1;
        }
        let reads = Object::Stream { input: Some(input), output: None };
        let writes = |output| Object::Stream { input: None, output: Some(output) };
        let first = self.new_file(OpenFile::new(reads, true, false));
        let second = self.new_file(OpenFile::new(writes(output), false, true));
        let third = match stderr {
            Some(sink) => {
                let errors = self.streams.insert(Stream::new(exec, End::Sink(sink)));
                self.new_file(OpenFile::new(writes(errors), false, true))
            }
            None => {
                self.files[second].holders += 1;
                second
            }
        };
        let mut fds = FdTable::default();
        for (fd, file) in (0..).zip([first, second, third]) {
            fds.set(fd, Descriptor { file, cloexec: false });
        }
        (fds, terminal)
    }

    /// The first process of an exec.
    pub fn exec_init(&self, exec: ExecId) -> Option<Pid> {
        self.execs.get(&exec).map(|exec| exec.init)
    }

    /// The exec a process belongs to.
    pub fn exec_of(&self, pid: Pid) -> Option<ExecId> {
        self.procs.get(pid).ok().map(|process| process.exec)
    }

    /// Ready once every process of the exec is gone; forgets the exec then. An exec that is not there was killed.
    ///
    /// When the first process ends, what still runs of the exec is hung up: killed with SIGHUP, even if it ignores that. But if it was
    /// the shell of a session with a background and has exited by itself, this is ready at once, and once more when the others are gone.
    pub fn poll_outcome(&mut self, id: ExecId, waker: &Waker) -> Poll<ExecOutcome> {
        if let Some(exec) = self.execs.get_mut(&id) {
            if let Some(outcome) = exec.outcome.take() {
                return Poll::Ready(outcome);
            }
            if exec.live > 0 {
                exec.waiter = Some(waker.clone());
                return Poll::Pending;
            }
        }
        let end = ExecEnd::Killed;
        Poll::Ready(match self.forget_exec(id) {
            Some(Exec { metering, keep, end: ended, .. }) => {
                ExecOutcome { end: ended.unwrap_or(end), metering, keep, goes_on: false }
            }
            None => ExecOutcome { end, metering: Metering::default(), keep: None, goes_on: false },
        })
    }

    fn forget_exec(&mut self, id: ExecId) -> Option<Exec> {
        let exec = self.execs.remove(&id)?;
        if let Some((input, output)) = exec.terminal {
            self.release_stream(input);
            self.release_stream(output);
        }
        self.charge(exec.keep.as_ref().map_or(0, Vec::len), 0);
        if self.execs.is_empty() {
            // An idle kernel is small, whatever has gone on in it.
            self.fifos.shrink_to_fit();
            self.locks.shrink_to_fit();
            self.timers = Vec::new();
        } else {
            // Whoever is still there comes again.
            self.timers.drain(..).for_each(Waker::wake);
        }
        Some(exec)
    }

    /// Tells the host once no process of an exec is left.
    pub(super) fn finish_exec_if_over(&mut self, id: ExecId) {
        let now = self.now();
        if let Some(exec) = self.execs.get_mut(&id)
            && exec.live == 0
        {
            exec.metering.wall_ns = u64::try_from(now - exec.started).unwrap_or(0);
            if let Some(waiter) = exec.waiter.take() {
                waiter.wake();
            }
        }
    }

    /// Ends an exec for a reason: the first one there was is the outcome.
    pub(super) fn end_exec(&mut self, id: ExecId, end: ExecEnd) {
        if let Some(exec) = self.execs.get_mut(&id) {
            exec.end.get_or_insert(end);
            self.kill_all_of(id, Signal::KILL);
        }
    }

    /// Kills every process of an exec; the outcome is [`ExecEnd::Killed`] unless it had ended or reached a limit before. What goes on
    /// in the background after the exec is over is left alone.
    pub fn kill_exec(&mut self, exec: ExecId) {
        if self.execs.get(&exec).is_some_and(|exec| !exec.background) {
            self.end_exec(exec, ExecEnd::Killed);
        }
    }

    /// A limit was reached: kills every process of the exec. The first limit is the outcome, unless the first process had ended before.
    pub fn trip(&mut self, exec: ExecId, exceeded: Exceeded) {
        self.end_exec(exec, ExecEnd::Limit(exceeded));
    }

    /// Sends a signal to the group of an exec's first process, as a terminal's Ctrl-C does.
    pub fn signal_exec(&mut self, exec: ExecId, signal: Signal) {
        let Some(init) = self.exec_init(exec) else {
            return;
        };
        let Ok(group) = self.procs.get(init).map(|process| process.group) else {
            return;
        };
        for pid in self.procs.pids(|process| process.exec == exec && process.group == group) {
            self.post(pid, signal);
        }
    }
}
