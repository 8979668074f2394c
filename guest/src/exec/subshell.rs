//! Child shells: `( )`, `$( )`, `<( )`, `coproc` and the stages of pipelines.
//!
//! A child is a fresh process of this program that is given the shell's state and what to run (`state`). A simple command
//! whose words can be expanded without side effects is started directly, without a shell between.

use super::external::{Start, block};
use crate::builtins;
use crate::names::Sym;
use crate::options::Opt;
use crate::shell::{Run, Shell};
use crate::syntax::ast::{
    AndOr, Arg, AssignValue, Backquote, Command, Coproc, List, Op, Param, ParamName, Part, ProcSub, Redir, RedirFd,
    RedirOp, Simple, Target, Word,
};
use crate::syntax::{Lines, Parser, print};
use crate::system::{Fd, FdAction, OpenHow, Pid};
use std::rc::Rc;

/// What a child shell runs.
#[derive(Clone, Copy)]
pub enum Task<'a> {
    Command(&'a Command),
    List(&'a List),
    /// `$( )`.
    Substitution(&'a List),
    /// `<( )`, `>( )`.
    Process(&'a List),
    Chain(&'a AndOr),
    /// A function or builtin call with its words.
    Call(&'a [Vec<u8>]),
}

/// A started stage.
#[derive(Clone, Copy, Debug)]
pub enum Spawned {
    Pid(Pid),
    /// It could not be started; this is its status.
    Status(i32),
}

impl Spawned {
    #[must_use]
    pub fn pid(&self) -> Option<Pid> {
        match self {
            Self::Pid(pid) => Some(*pid),
            Self::Status(_) => None,
        }
    }
}

/// The highest descriptor process substitutions use; they go downwards from it, as in bash.
const PROCESS_FD: Fd = 63;

impl Shell {
    /// Starts a child shell.
    pub fn spawn_task(&mut self, task: Task, start: &Start) -> Run<Pid> {
        let redirected = start.plan.actions.iter().any(|a| matches!(a, FdAction::Dup { to: 0, .. }));
        let blob = self.encode_child(task, redirected);
        let program = self.sys.self_path().to_vec();
        let argv = block(&[self.name.to_vec()]);
        let env = self.environment();
        match self.spawn(&program, &argv, &env, &blob, start) {
            Ok(pid) => Ok(pid),
            Err(_) => Err(self.cannot_fork()),
        }
    }

    /// Starts a child that calls a function.
    pub(super) fn spawn_call(&mut self, call: &[Vec<u8>], start: &Start) -> Run<Pid> {
        self.spawn_task(Task::Call(call), start)
    }

    /// Starts one stage of a pipeline or a background command.
    pub fn spawn_command(&mut self, c: &Command, mut start: Start) -> Run<Spawned> {
        if let Command::Simple(s) = c
            && self.is_direct(s)
        {
            let result = self.spawn_simple(s, &mut start, self.line_base);
            self.close_plan(&start.plan);
            return result;
        }
        let result = self.spawn_task(Task::Command(c), &start);
        self.close_plan(&start.plan);
        result.map(Spawned::Pid)
    }

    /// Can this command be started without a shell of its own?
    fn is_direct(&mut self, s: &Simple) -> bool {
        let Some(Arg::Word(first)) = s.args.first() else { return false };
        let Some(name) = first.as_literal() else { return false };
        if self.opt(Opt::XTrace) || self.opt(Opt::NoUnset) || self.traps.has_debug() || self.funcs.contains_key(name) {
            return false;
        }
        if builtins::find(name).and_then(builtins::get).is_some_and(|b| !self.disabled.contains(&b.name)) {
            return false;
        }
        let pure_args = s.args.iter().all(|a| matches!(a, Arg::Word(w) if is_pure(&w.parts)));
        let pure_assigns = s
            .assigns
            .iter()
            .all(|a| a.index.is_none() && !a.append && matches!(&a.value, AssignValue::Scalar(w) if is_pure(&w.parts)));
        let name = name.to_vec();
        pure_args && pure_assigns && s.redirs.iter().all(is_pure_redirection) && self.find_program(&name).is_some()
    }

    fn spawn_simple(&mut self, s: &Simple, start: &mut Start, base: u32) -> Run<Spawned> {
        self.line = s.line + base;
        let mut args = Vec::with_capacity(s.args.len());
        for arg in &s.args {
            if let Arg::Word(w) = arg {
                self.expand_word(w, &mut args)?;
            }
        }
        if !self.plan(&s.redirs, &mut start.plan)? {
            return Ok(Spawned::Status(1));
        }
        if s.assigns.is_empty() {
            return self.spawn_args(&args, start);
        }
        self.assign_for_child(&s.assigns)?;
        let result = self.spawn_args(&args, start);
        self.vars.pop_scope();
        result
    }

    fn spawn_args(&mut self, args: &[Vec<u8>], start: &Start) -> Run<Spawned> {
        Ok(match self.start_program(args, start)? {
            Ok(pid) => Spawned::Pid(pid),
            Err(status) => Spawned::Status(status),
        })
    }

    /// `( … )`.
    #[inline(never)]
    pub(super) fn subshell(&mut self, list: &Rc<List>, redirs: &[Redir], text: impl Fn() -> Vec<u8>) -> Run {
        if self.traps.has_debug() {
            let shown = text();
            self.note_command(shown);
        }
        let mut start = Start::default();
        let process_fds = self.process_fds.len();
        if !self.plan(redirs, &mut start.plan)? {
            self.close_plan(&start.plan);
            self.status = 1;
            return Ok(());
        }
        let result = self.spawn_task(Task::List(list), &start);
        self.close_plan(&start.plan);
        let result = self.wait_foreground(result?, text);
        self.close_process_fds(process_fds);
        result
    }

    /// The output of commands, without the newlines at its end.
    #[inline(never)]
    pub fn command_substitution(&mut self, list: &Rc<List>) -> Run<Vec<u8>> {
        if let Some(redir) = read_of_file(list) {
            return self.file_contents(redir);
        }
        let (read, write) = match self.sys.pipe() {
            Ok(ends) => ends,
            Err(e) => {
                self.complain_errno(b"cannot make pipe for command substitution", e);
                return Err(self.discard(1));
            }
        };
        let mut start = Start::default();
        start.plan.actions.push(FdAction::Dup { src: write, to: 1 });
        let line = self.line;
        let spawned = match single(list) {
            Some(s) if self.is_direct(s) => {
                let result = self.spawn_simple(s, &mut start, line);
                self.close_plan(&start.plan);
                result
            }
            _ => self.spawn_task(Task::Substitution(list), &start).map(Spawned::Pid),
        };
        self.line = line;
        let _ = self.sys.close(write);
        let spawned = match spawned {
            Ok(s) => s,
            Err(unwind) => {
                let _ = self.sys.close(read);
                return Err(unwind);
            }
        };
        let output = self.read_all(read);
        let _ = self.sys.close(read);
        let status = match spawned {
            Spawned::Status(status) => status,
            Spawned::Pid(pid) => self.wait_child(pid).code(),
        };
        self.substitution_status = Some(status);
        self.status = status;
        Ok(self.trimmed(output))
    }

    fn trimmed(&mut self, mut output: Vec<u8>) -> Vec<u8> {
        if output.contains(&0) {
            self.complain(b"warning: command substitution: ignored null byte in input");
            output.retain(|b| *b != 0);
        }
        while output.last() == Some(&b'\n') {
            output.pop();
        }
        output
    }

    /// `$(<file)`.
    fn file_contents(&mut self, redir: &Redir) -> Run<Vec<u8>> {
        let mut plan = super::redirect::Plan::default();
        if !self.plan(std::slice::from_ref(redir), &mut plan)? {
            self.substitution_status = Some(1);
            self.status = 1;
            return Ok(Vec::new());
        }
        let output = plan.source_of(0).map(|fd| self.read_all(fd)).unwrap_or_default();
        self.close_plan(&plan);
        self.substitution_status = Some(0);
        self.status = 0;
        Ok(self.trimmed(output))
    }

    /// A backquoted command, which is parsed only now.
    #[inline(never)]
    pub fn backquoted(&mut self, b: &Backquote) -> Run<Vec<u8>> {
        if b.list.get().is_none() {
            let mut parser = Parser::new(Box::new(Lines::new(b.command.to_vec())), 0, self.settings());
            let mut list = List::default();
            loop {
                match parser.next_command() {
                    Ok(Some(more)) => list.items.extend(more.items),
                    Ok(None) => break,
                    Err(mut e) => {
                        e.line += self.line;
                        let prefix = [&self.message_name()[..], b": command substitution: "].concat();
                        self.write_error(&e.render(&prefix));
                        self.substitution_status = Some(2);
                        return Ok(Vec::new());
                    }
                }
            }
            let _ = b.list.set(Rc::new(list));
        }
        match b.list.get() {
            Some(list) if list.items.is_empty() => {
                self.substitution_status = Some(0);
                Ok(Vec::new())
            }
            Some(list) => self.command_substitution(&list.clone()),
            None => Ok(Vec::new()),
        }
    }

    /// Starts `<( )` or `>( )` and gives the path of its descriptor.
    #[inline(never)]
    pub fn process_substitution(&mut self, p: &ProcSub) -> Run<Vec<u8>> {
        let (read, write) = match self.sys.pipe() {
            Ok(ends) => ends,
            Err(e) => {
                self.complain_errno(b"cannot make pipe for process substitution", e);
                return Err(self.discard(1));
            }
        };
        let (ours, theirs, to) = if p.read { (read, write, 1) } else { (write, read, 0) };
        let mut start = Start::default();
        start.plan.actions.push(FdAction::Dup { src: theirs, to });
        let result = self.spawn_task(Task::Process(&p.list), &start);
        let _ = self.sys.close(theirs);
        let pid = match result {
            Ok(pid) => pid,
            Err(unwind) => {
                let _ = self.sys.close(ours);
                return Err(unwind);
            }
        };
        let fd = self.move_up(ours);
        self.process_fds.push((fd, pid));
        self.last_background = Some(pid);
        self.jobs.add_hidden(pid);
        Ok(format!("/dev/fd/{fd}").into_bytes())
    }

    /// Moves a descriptor to the highest free one below [`PROCESS_FD`], for children to inherit.
    fn move_up(&self, fd: Fd) -> Fd {
        for to in (crate::shell::PRIVATE_FD..=PROCESS_FD).rev() {
            if self.sys.cloexec(to, None).is_err() && self.sys.dup2(fd, to, false).is_ok() {
                let _ = self.sys.close(fd);
                return to;
            }
        }
        let _ = self.sys.cloexec(fd, Some(false));
        fd
    }

    /// Closes the descriptors of process substitutions made since there were `keep` of them.
    pub fn close_process_fds(&mut self, keep: usize) {
        for (fd, _) in self.process_fds.drain(keep.min(self.process_fds.len())..) {
            let _ = self.sys.close(fd);
        }
    }

    /// `coproc NAME command`.
    #[inline(never)]
    pub(super) fn coproc(&mut self, c: &Coproc) -> Run {
        self.line = c.line + self.line_base;
        let (Ok(input), Ok(output)) = (self.sys.pipe(), self.sys.pipe()) else {
            self.complain(b"cannot make pipe for coprocess");
            return Err(self.discard(1));
        };
        let mut start = Start::default();
        start.plan.actions.push(FdAction::Dup { src: input.0, to: 0 });
        start.plan.actions.push(FdAction::Dup { src: output.1, to: 1 });
        let result = self.spawn_task(Task::Command(&c.body), &start);
        let _ = self.sys.close(input.0);
        let _ = self.sys.close(output.1);
        let pid = result?;
        let read = self.sys.dup(output.0, PROCESS_FD - 3, true).unwrap_or(output.0);
        let write = self.sys.dup(input.1, PROCESS_FD - 3, true).unwrap_or(input.1);
        for (old, new) in [(output.0, read), (input.1, write)] {
            if old != new {
                let _ = self.sys.close(old);
            }
        }
        let name = Sym::new(&c.name);
        let fds = vec![read.to_string().into_bytes(), write.to_string().into_bytes()];
        let _ = self.assign_array(name, fds);
        self.set_quietly(Sym::new(&[&c.name, &b"_PID"[..]].concat()), pid.to_string().as_bytes());
        self.last_background = Some(pid);
        let text = [b"coproc ", &c.name[..], b" ", &print::command(&c.body)].concat();
        self.jobs.add(vec![pid], text);
        self.status = 0;
        Ok(())
    }
}

/// The one simple command a list consists of.
fn single(list: &List) -> Option<&Simple> {
    match &list.items[..] {
        [item] if !item.background && item.chain.rest.is_empty() => match &item.chain.first {
            p if p.negate || p.timed.is_some() => None,
            p => match &p.stages[..] {
                [Command::Simple(s)] => Some(s),
                _ => None,
            },
        },
        _ => None,
    }
}

/// The redirection of `$(<file)`.
fn read_of_file(list: &List) -> Option<&Redir> {
    let s = single(list)?;
    match &s.redirs[..] {
        [r] if s.args.is_empty()
            && s.assigns.is_empty()
            && r.op == RedirOp::Read
            && matches!(r.fd, RedirFd::Default | RedirFd::Number(0)) =>
        {
            Some(r)
        }
        _ => None,
    }
}

pub(super) fn is_pure_redirection(r: &Redir) -> bool {
    !matches!(r.fd, RedirFd::Variable(_))
        && match &r.target {
            Target::Word(w) => is_pure(&w.parts) && !may_have_many_fields(w),
            Target::Here(doc) => doc.body.get().is_some_and(|w| is_pure(&w.parts)),
        }
}

/// Could this redirection turn out ambiguous?
fn may_have_many_fields(w: &Word) -> bool {
    w.brace
        || w.parts.iter().any(|p| match p {
            Part::Param(_) => true,
            Part::Lit(t) => t.iter().any(|b| matches!(b, b'*' | b'?' | b'[')),
            _ => false,
        })
}

/// Does expanding this change nothing and never fail?
fn is_pure(parts: &[Part]) -> bool {
    parts.iter().all(|p| match p {
        Part::Lit(_) | Part::Escaped(_) | Part::Single(_) | Part::Tilde(_) => true,
        Part::Double(inner) => is_pure(inner),
        Part::Param(p) => is_pure_param(p),
        Part::Command(_) | Part::Backquote(_) | Part::Arith(_) | Part::Process(_) => false,
    })
}

fn is_pure_param(p: &Param) -> bool {
    let plain_name = match p.name {
        ParamName::Var(name) => !name.is_dynamic() && name != Sym::UNDERSCORE,
        ParamName::Positional(_) => true,
        ParamName::Special(c) => c != b'!',
    };
    plain_name && p.index.is_none() && !p.indirect && matches!(p.op, Op::None)
}

impl Shell {
    /// The assignments before a program that is started directly.
    fn assign_for_child(&mut self, assigns: &[crate::syntax::ast::Assign]) -> Run {
        self.assign_temporarily(assigns)?;
        self.temporary_failed = false;
        Ok(())
    }

    /// Reads a file of commands.
    pub fn open_script(&self, path: &[u8]) -> Result<Fd, crate::system::Errno> {
        self.sys.open(path, OpenHow { read: true, cloexec: true, ..OpenHow::default() }, 0)
    }
}
