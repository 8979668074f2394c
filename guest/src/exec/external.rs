//! Programs: finding them on PATH, starting them, becoming them.

use super::redirect::Plan;
use crate::names::Sym;
use crate::options::{Opt, Shopt};
use crate::shell::{Run, Shell, Unwind};
use crate::system::{Errno, FileKind, OpenHow, Pid, Spawn};
use std::rc::Rc;

/// Status of a command that is not there, and of one that cannot be run.
pub const NOT_FOUND: i32 = 127;
pub const NOT_EXECUTABLE: i32 = 126;

/// How a program is started.
#[derive(Default)]
pub struct Start {
    pub plan: Plan,
    pub sig_ignore: u64,
    /// Puts the child in a process group: 0 for one of its own.
    pub pgroup: Option<Pid>,
}

/// Strings, each with a NUL behind it.
#[must_use]
pub fn block(args: &[Vec<u8>]) -> Vec<u8> {
    let mut out = Vec::with_capacity(args.iter().map(|a| a.len() + 1).sum());
    for arg in args {
        out.extend_from_slice(arg);
        out.push(0);
    }
    out
}

impl Shell {
    /// The file a command name stands for. A name with a slash stands for itself.
    pub fn find_program(&mut self, name: &[u8]) -> Option<Rc<[u8]>> {
        if name.contains(&b'/') {
            return Some(name.into());
        }
        self.refresh();
        if let Some((path, uses)) = self.hashed.get_mut(name) {
            *uses += 1;
            return Some(path.clone());
        }
        let path = self.search_path(name)?;
        if self.opt(Opt::HashAll) && path.contains(&b'/') {
            self.hashed.insert(name.to_vec(), (path.clone(), 1));
        }
        Some(path)
    }

    /// The first executable of that name in a directory of PATH.
    pub fn search_path(&mut self, name: &[u8]) -> Option<Rc<[u8]>> {
        let path = self.text(Sym::PATH).unwrap_or_default();
        self.search_in(&path, name, 1).into_iter().next()
    }

    /// The executables of that name in the directories of `path`, at most `max`; if there is none, a file that is
    /// not executable.
    pub fn search_in(&mut self, path: &[u8], name: &[u8], max: usize) -> Vec<Rc<[u8]>> {
        let mut found = Vec::new();
        let mut poor = None;
        if name.is_empty() {
            return found;
        }
        for dir in path.split(|b| *b == b':') {
            let candidate = if dir.is_empty() { [b"./", name].concat() } else { join(dir, name) };
            let Ok(st) = self.sys.stat(&candidate, true) else { continue };
            if st.kind == FileKind::Dir {
                continue;
            }
            if self.sys.access(&candidate, 1).is_ok() {
                found.push(candidate.into());
                if found.len() >= max {
                    break;
                }
            } else if poor.is_none() {
                poor = Some(candidate.into());
            }
        }
        if found.is_empty() {
            found.extend(poor);
        }
        found
    }

    /// The environment of a program: the exported variables, and its own path as `_`.
    fn program_env(&mut self, path: &[u8]) -> Vec<u8> {
        let base = self.environment();
        let mut env = Vec::with_capacity(base.len() + path.len() + 3);
        env.extend_from_slice(&base);
        env.extend_from_slice(b"_=");
        env.extend_from_slice(path);
        env.push(0);
        env
    }

    /// Starts a program as a child. `Err`: the status of the command, with its message written where the child's standard
    /// error goes.
    pub fn start_program(&mut self, args: &[Vec<u8>], start: &Start) -> Run<Result<Pid, i32>> {
        if let Some(hook) = self.not_found_hook(&args[0]) {
            return self.start_hook(hook, args, start).map(Ok);
        }
        let Some(path) = self.find_program(&args[0]) else {
            let no_path = self.text(Sym::PATH).is_none_or(|p| p.is_empty());
            let text: &[u8] = if no_path { b": No such file or directory" } else { b": command not found" };
            self.complain_at(&start.plan, &[&args[0], text]);
            return Ok(Err(NOT_FOUND));
        };
        let env = self.program_env(&path);
        match self.spawn(&path, &block(args), &env, &[], start) {
            Ok(pid) => Ok(Ok(pid)),
            Err(Errno::NOEXEC) => self.start_script(&path, args, &env, start),
            Err(Errno::AGAIN | Errno::NOMEM) => Err(self.cannot_fork()),
            Err(e) => Ok(Err(self.cannot_execute(&path, &args[0], e, &start.plan))),
        }
    }

    /// Starts a child; see [`Spawn`].
    pub fn spawn(&mut self, path: &[u8], argv: &[u8], env: &[u8], blob: &[u8], start: &Start) -> Result<Pid, Errno> {
        let pid = self.sys.spawn(&Spawn {
            path,
            argv,
            env,
            actions: &start.plan.actions,
            pgroup: start.pgroup,
            blob,
            sig_default: self.traps.reset_for_child(),
            sig_ignore: start.sig_ignore,
        })?;
        // The number may have been another's, in another sandbox where this session once was.
        self.jobs.forget(pid);
        Ok(pid)
    }

    /// There is no process left for a child.
    pub fn cannot_fork(&mut self) -> Unwind {
        self.complain(b"fork: retry: Resource temporarily unavailable");
        self.complain(b"fork: Resource temporarily unavailable");
        self.discard(254)
    }

    /// `command_not_found_handle`, if it is defined and needed.
    fn not_found_hook(&mut self, name: &[u8]) -> Option<&'static [u8]> {
        const HOOK: &[u8] = b"command_not_found_handle";
        if self.funcs.contains_key(HOOK) && !name.contains(&b'/') && self.find_program(name).is_none() {
            return Some(HOOK);
        }
        None
    }

    fn start_hook(&mut self, hook: &[u8], args: &[Vec<u8>], start: &Start) -> Run<Pid> {
        let mut call = vec![hook.to_vec()];
        call.extend_from_slice(args);
        self.spawn_call(&call, start)
    }

    /// A file that is no program is a script of ours, unless it is binary.
    fn start_script(&mut self, path: &[u8], args: &[Vec<u8>], env: &[u8], start: &Start) -> Run<Result<Pid, i32>> {
        if self.is_binary(path) {
            self.complain_at(&start.plan, &[path, b": cannot execute binary file: Exec format error"]);
            return Ok(Err(NOT_EXECUTABLE));
        }
        let argv = self.script_argv(path, args);
        let program = self.sys.self_path().to_vec();
        match self.spawn(&program, &argv, env, &[], start) {
            Ok(pid) => Ok(Ok(pid)),
            Err(e) => Ok(Err(self.cannot_execute(path, &args[0], e, &start.plan))),
        }
    }

    fn script_argv(&self, path: &[u8], args: &[Vec<u8>]) -> Vec<u8> {
        let mut argv = vec![b"bash".to_vec(), path.to_vec()];
        argv.extend_from_slice(&args[1..]);
        block(&argv)
    }

    /// Is there a NUL in the first line, or at the beginning of it?
    fn is_binary(&self, path: &[u8]) -> bool {
        let how = OpenHow { read: true, cloexec: true, ..OpenHow::default() };
        let Ok(fd) = self.sys.open(path, how, 0) else { return false };
        let mut head = [0; 80];
        let n = self.sys.read(fd, &mut head).unwrap_or(0);
        let _ = self.sys.close(fd);
        let line = head[..n].iter().position(|b| *b == b'\n').unwrap_or(n);
        head[..line].contains(&0)
    }

    /// Writes why a program cannot be run; gives the status.
    fn cannot_execute(&mut self, path: &[u8], name: &[u8], error: Errno, plan: &Plan) -> i32 {
        match error {
            Errno::NOENT if !name.contains(&b'/') && self.sys.stat(path, true).is_err() => {
                // A remembered command that is gone.
                self.hashed.remove(name);
                self.complain_at(plan, &[path, b": No such file or directory"]);
                NOT_FOUND
            }
            Errno::NOENT => match self.interpreter(path) {
                Some(_) => {
                    self.complain_at(plan, &[path, b": cannot execute: required file not found"]);
                    NOT_FOUND
                }
                None => {
                    self.complain_at(plan, &[path, b": No such file or directory"]);
                    NOT_FOUND
                }
            },
            _ => {
                let dir = self.sys.stat(path, true).is_ok_and(|s| s.kind == FileKind::Dir);
                let error = if dir { Errno::ISDIR } else { error };
                self.complain_at(plan, &[path, b": ", error.message().as_bytes()]);
                if self.builtin == "exec" {
                    self.complain_at(plan, &[b"exec: ", path, b": cannot execute: ", error.message().as_bytes()]);
                }
                NOT_EXECUTABLE
            }
        }
    }

    /// The interpreter a script asks for.
    fn interpreter(&self, path: &[u8]) -> Option<Vec<u8>> {
        let how = OpenHow { read: true, cloexec: true, ..OpenHow::default() };
        let fd = self.sys.open(path, how, 0).ok()?;
        let mut head = [0; 128];
        let n = self.sys.read(fd, &mut head).unwrap_or(0);
        let _ = self.sys.close(fd);
        let line = head[..n].split(|b| *b == b'\n').next()?;
        let rest = line.strip_prefix(b"#!")?.trim_ascii();
        rest.split(u8::is_ascii_whitespace).next().map(<[u8]>::to_vec)
    }

    /// A message on what will be the child's standard error.
    fn complain_at(&self, plan: &Plan, parts: &[&[u8]]) {
        let Some(fd) = plan.source_of(2) else { return };
        let mut out = self.message_name().to_vec();
        out.extend_from_slice(format!(": line {}: ", self.line).as_bytes());
        out.extend_from_slice(&parts.concat());
        out.push(b'\n');
        let _ = self.sys.write_all(fd, &out);
    }

    /// Becomes a program. Returns only if that fails, with the status.
    pub fn exec_program(&mut self, args: &[Vec<u8>], argv0: Option<&[u8]>, clean: bool) -> i32 {
        let Some(path) = self.find_program(&args[0]) else {
            self.complain_parts(&[self.exec_prefix(), &args[0], b": ", self.exec_missing()]);
            return NOT_FOUND;
        };
        let env = if clean { Vec::new() } else { self.program_env(&path) };
        let mut argv = args.to_vec();
        if let Some(name) = argv0 {
            argv[0] = name.to_vec();
        }
        let error = self.sys.exec(&path, &block(&argv), &env);
        if error == Errno::NOEXEC && !self.is_binary(&path) {
            let argv = self.script_argv(&path, &argv);
            let program = self.sys.self_path().to_vec();
            self.sys.exec(&program, &argv, &env);
        }
        if error == Errno::NOEXEC {
            self.complain_parts(&[&path, b": cannot execute binary file: Exec format error"]);
            return NOT_EXECUTABLE;
        }
        self.cannot_execute(&path, &args[0], error, &Plan::default())
    }

    /// The `exec` builtin names itself in messages; a shell that merely becomes its last command does not.
    fn exec_prefix(&self) -> &'static [u8] {
        if self.builtin == "exec" { b"exec: " } else { b"" }
    }

    fn exec_missing(&self) -> &'static [u8] {
        if self.builtin == "exec" { b"not found" } else { b"command not found" }
    }

    /// Should a failed `exec` leave the shell running?
    #[must_use]
    pub fn exec_may_fail(&self) -> bool {
        self.shopt(Shopt::ExecFail) && self.subshell == 0
    }
}

/// `dir/name`.
#[must_use]
pub fn join(dir: &[u8], name: &[u8]) -> Vec<u8> {
    let mut out = dir.to_vec();
    if out.last() != Some(&b'/') {
        out.push(b'/');
    }
    out.extend_from_slice(name);
    out
}
