//! Making processes: spawn, and what every new process goes through.

use super::exec::ExecId;
use super::fd::{Descriptor, FdTable};
use super::file::OpenFile;
use super::launch::LaunchRequest;
use super::process::{NewProcess, Pid, State};
use super::program::{Found, Search};
use super::slab::Slab;
use super::{Fd, Kernel};
use crate::base::{Errno, Exceeded, Limit, Sys};
use std::sync::Arc;

/// What a spawned child does with its descriptors, in order.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FileAction {
    /// dup2 of the child's `src` to `fd`, which then has no close-on-exec.
    Dup2 {
        /// The new descriptor.
        fd: Fd,
        /// The child's descriptor to copy. It may be one with close-on-exec.
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

/// The strings of a list, each followed by a NUL byte.
pub(super) fn strings(list: &[u8]) -> impl Iterator<Item = &[u8]> {
    list.split_inclusive(|&b| b == 0).map(|string| string.strip_suffix(b"\0").unwrap_or(string))
}

/// Checks that string lists are well formed and not too long.
pub(super) fn check_arguments(limit: u32, argv: &[u8], env: &[u8]) -> Sys<()> {
    if argv.len().saturating_add(env.len()) > limit as usize {
        return Err(Errno::TooBig);
    }
    let terminated = |list: &[u8]| matches!(list.last(), None | Some(0));
    if terminated(argv) && terminated(env) { Ok(()) } else { Err(Errno::Inval) }
}

/// A copy of a descriptor table; what its open files are held by counts.
pub(super) fn inherit(fds: &FdTable, files: &mut Slab<OpenFile>) -> FdTable {
    for (_, descriptor) in fds.iter() {
        files[descriptor.file].holders += 1;
    }
    fds.clone()
}

impl Kernel {
    /// Whether a process may have one more child, or the limit is tripped.
    pub(super) fn admit(&mut self, pid: Pid) -> Sys<ExecId> {
        let process = self.procs.get(pid)?;
        let id = process.exec;
        let exec = self.execs.get(&id).ok_or(Errno::Again)?;
        if process.killed.is_some() || exec.end.is_some() {
            return Err(Errno::Again);
        }
        let (own, limit) = (exec.processes, exec.limits.processes);
        let (all, limit_of_all) =
            (self.procs.len().saturating_sub(self.parked()) as u64, u64::from(self.limits.processes));
        let (used, value) = if own >= limit { (u64::from(own), u64::from(limit)) } else { (all, limit_of_all) };
        if used >= value {
            self.trip(id, Exceeded { limit: Limit::Processes, value, used: used + 1 });
            return Err(Errno::Again);
        }
        Ok(id)
    }

    pub(super) fn argument_limit(&self, exec: ExecId) -> u32 {
        self.execs.get(&exec).map_or(self.limits.argument_bytes, |exec| exec.limits.argument_bytes)
    }

    /// Starts a child. Over the limit of processes, trips it and answers `Again`.
    pub fn spawn(&mut self, pid: Pid, request: &SpawnRequest<'_>) -> Sys<Pid> {
        let exec = self.admit(pid)?;
        check_arguments(self.argument_limit(exec), request.argv, request.env)?;
        let parent = self.procs.get(pid)?;
        let (cred, parent_cwd) = (parent.cred, parent.cwd);
        let (group, session, umask, open_files) = (parent.group, parent.session, parent.umask, parent.open_files);
        let mut signals = parent.signals.for_child().for_program();
        signals.set_all(request.sigdefault, request.sigignore);
        let env = if *parent.env == *request.env { Arc::clone(&parent.env) } else { Arc::from(request.env) };
        let group = match request.pgroup {
            None => Some(group),
            Some(0) => None,
            Some(group) => Some(self.joinable_group(group, session)?),
        };
        let cwd = match request.cwd {
            None => parent_cwd,
            Some(path) => self.directory_at(pid, cred, parent_cwd, path)?,
        };
        let found = self.find_program(Search {
            pid,
            cred,
            cwd,
            program: request.program,
            search_path: request.search_path,
            argv: request.argv,
            env: request.env,
        })?;
        let fds = self.child_fds(pid, request.actions)?;
        self.launch_new(
            NewProcess {
                pid: None,
                parent: pid,
                group,
                session: Some(session),
                exec,
                state: State::Running,
                cred,
                umask,
                cwd,
                fds,
                open_files,
                signals,
                argv: Arc::clone(&found.argv),
                env,
                program: found.loc,
                program_path: Arc::clone(&found.path),
                blob: request.blob.map(Arc::from),
                started: self.now(),
            },
            &found,
        )
    }

    fn joinable_group(&self, group: i32, session: Pid) -> Sys<Pid> {
        let group = Pid(group);
        let there = self.procs.iter().any(|other| other.group == group && other.session == session);
        if there { Ok(group) } else { Err(Errno::Perm) }
    }

    /// Adds a process and has its program started. On error everything it held is given back.
    pub(super) fn launch_new(&mut self, new: NewProcess, found: &Found) -> Sys<Pid> {
        let (argv, env) = (Arc::clone(&new.argv), Arc::clone(&new.env));
        let (exec, program, file) = (new.exec, found.program, found.loc);
        let pid = self.add_process(new)?;
        let launched = self.launcher.launch(LaunchRequest { pid, exec, program, file, argv, env });
        if let Err(errno) = launched {
            self.discard(pid);
            return Err(errno);
        }
        Ok(pid)
    }

    /// Adds a process to the tables: pins, memory, its parent's children, its exec's counts.
    pub(super) fn add_process(&mut self, new: NewProcess) -> Sys<Pid> {
        let (cwd, program, parent, exec) = (new.cwd, new.program, new.parent, new.exec);
        let bytes = new.argv.len() + new.env.len() + new.blob.as_ref().map_or(0, |blob| blob.len());
        let pinned = self.vfs.pin(cwd).and_then(|()| self.vfs.pin(program).inspect_err(|_| self.vfs.unpin(cwd)));
        let charged = pinned.is_ok() && self.charge(0, bytes);
        let pid = self.procs.insert(new);
        if let Err(errno) = pinned {
            self.close_all(pid);
            self.procs.remove(pid);
            return Err(errno);
        }
        if let Ok(parent) = self.procs.get_mut(parent) {
            parent.children.push(pid);
        }
        if let Some(exec) = self.execs.get_mut(&exec) {
            exec.processes += 1;
            exec.live += 1;
            exec.metering.processes_total += 1;
        }
        if !charged {
            self.trip_memory(pid, bytes);
            self.discard(pid);
            return Err(Errno::NoMem);
        }
        self.procs.get_mut(pid)?.charged = bytes;
        Ok(pid)
    }

    /// The descriptors of a child: all of the parent's, the actions carried out, close-on-exec ones closed.
    fn child_fds(&mut self, pid: Pid, actions: &[FileAction]) -> Sys<FdTable> {
        let parent = self.procs.get(pid)?;
        let open_files = parent.open_files;
        let mut fds = inherit(&parent.fds, &mut self.files);
        let mut result = Ok(());
        for action in actions {
            result = self.carry_out(&mut fds, open_files, *action);
            if result.is_err() {
                break;
            }
        }
        for closed in fds.remove_cloexec() {
            self.release(closed.file);
        }
        if let Err(errno) = result {
            for (_, descriptor) in fds.iter() {
                self.release(descriptor.file);
            }
            return Err(errno);
        }
        Ok(fds)
    }

    fn carry_out(&mut self, fds: &mut FdTable, open_files: u32, action: FileAction) -> Sys<()> {
        let closed = match action {
            FileAction::Close(fd) => fds.remove(fd).ok(),
            FileAction::Dup2 { fd, src } => {
                let file = fds.get(src)?.file;
                if fd < 0 || fd as u32 >= open_files {
                    return Err(Errno::BadF);
                }
                self.files[file].holders += 1;
                fds.set(fd, Descriptor { file, cloexec: false })
            }
        };
        if let Some(closed) = closed {
            self.release(closed.file);
        }
        Ok(())
    }
}
