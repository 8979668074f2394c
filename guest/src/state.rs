//! The shell's state as bytes: what a child shell starts from, and what a session keeps between commands.
//!
//! Only what differs from a fresh shell is written; exported variables travel in the environment.

use crate::exec::jobs::{Job, Process};
use crate::exec::subshell::Task;
use crate::exec::traps;
use crate::names::Sym;
use crate::options::Opt;
use crate::shell::{Frame, Function, Getopts, Mode, Shell};
use crate::syntax::ast::{AndOr, Command, Item, List, Pipeline};
use crate::syntax::codec;
use crate::system::WaitStatus;
use crate::vars::{Assoc, Attrs, Indexed, Value, Var};
use crate::wire::{Reader, Writer};
use std::cell::OnceCell;
use std::rc::Rc;

/// The first byte of a state.
const CHILD: u8 = 0xC1;
const SESSION: u8 = 0xC2;

/// Added to the number of the signal that ended a process, to tell it from an exit status.
const SIGNALED: i64 = 1000;

/// Variables every shell has from its start, unless they were unset.
const DEFAULTS: [Sym; 4] = [Sym::IFS, Sym::PS4, Sym::OPTIND, Sym::OPTERR];

/// What a child was started for.
pub enum Work {
    Command(Command),
    List(List),
    Call(Vec<Vec<u8>>),
}

/// Is this the state of a session?
#[must_use]
pub fn is_session(blob: &[u8]) -> bool {
    blob.first() == Some(&SESSION)
}

/// Is this what a child shell is started with?
#[must_use]
pub fn is_child(blob: &[u8]) -> bool {
    blob.first() == Some(&CHILD)
}

impl Shell {
    /// What a child shell starts from.
    #[must_use]
    pub fn encode_child(&mut self, task: Task, redirected: bool) -> Vec<u8> {
        let mut w = Writer::default();
        w.byte(CHILD);
        let substitution = matches!(task, Task::Substitution(_));
        w.flag(substitution);
        let base = if substitution || matches!(task, Task::Process(_)) { self.line } else { self.line_base };
        w.number(base.into());
        w.flag(redirected || self.input_redirected);
        w.flag(self.traps.has_debug());
        self.encode_common(&mut w);
        self.encode_vars(&mut w, false);
        w.number(u64::from(self.subshell) + 1);
        let plain = matches!(task, Task::Command(Command::Simple(_)) | Task::Call(_));
        w.number(u64::from(self.subshell_level) + u64::from(!plain));
        w.number(u64::from(self.trace_level) + u64::from(substitution));
        w.flag(self.errexit_ignored > 0);
        w.flag(self.in_substitution || substitution);
        w.signed(self.pid.into());
        let parent = if self.subshell == 0 { self.sys.getppid() } else { self.parent };
        w.signed(parent.into());
        self.encode_jobs(&mut w, false);
        match task {
            Task::Command(c) => {
                w.byte(0);
                codec::command(&mut w, c);
            }
            Task::List(l) | Task::Substitution(l) | Task::Process(l) => {
                w.byte(1);
                codec::list(&mut w, l);
            }
            Task::Chain(c) => {
                w.byte(2);
                codec::and_or(&mut w, c);
            }
            Task::Call(words) => {
                w.byte(3);
                w.each(words, |w, t| w.bytes(t));
            }
        }
        w.buf
    }

    /// What a session goes on from.
    #[must_use]
    pub fn encode_session(&mut self) -> Vec<u8> {
        let mut w = Writer::default();
        w.byte(SESSION);
        self.encode_common(&mut w);
        self.encode_vars(&mut w, true);
        w.bytes(&self.sys.getcwd().unwrap_or_default());
        let mask = self.sys.umask(0o22);
        self.sys.umask(mask);
        w.number(mask.into());
        self.encode_jobs(&mut w, true);
        let ended: Vec<_> = self.jobs.all_ended().collect();
        w.each(&ended, |w, (pid, status)| {
            w.signed((*pid).into());
            w.signed((*status).into());
        });
        w.buf
    }

    fn encode_common(&mut self, w: &mut Writer) {
        w.bytes(&self.name);
        w.bytes(&self.zero);
        w.signed(self.status.into());
        w.signed(self.last_background.unwrap_or(0).into());
        w.number(self.line.into());
        w.number(self.opts.set);
        w.number(self.opts.shopt);
        w.byte(u8::from(self.opts.command) | u8::from(self.opts.stdin) << 1 | (self.mode as u8) << 2);
        w.each(&self.params, |w, p| w.bytes(p));
        w.each(&self.frames, |w, f| {
            w.bytes(&f.name);
            w.bytes(&f.source);
            w.number(f.line.into());
            w.flag(f.is_function);
        });
        w.each(&self.pipe_status, |w, n| w.signed((*n).into()));
        w.signed(self.getopts.index);
        w.number(self.getopts.offset as u64);
        w.signed(self.seconds_base);
        w.signed(self.started);
        w.each(&self.dirs, |w, d| w.bytes(d));
        w.bytes(&self.cwd);
        let hashed: Vec<_> = self.hashed.iter().collect();
        w.each(&hashed, |w, (name, (path, uses))| {
            w.bytes(name);
            w.bytes(path);
            w.number((*uses).into());
        });
        w.bytes(&self.last_argument);
        w.bytes(&self.current_command);
        w.each(&self.disabled, |w, name| w.bytes(name.as_bytes()));
        let mut aliases: Vec<_> = self.aliases.iter().collect();
        aliases.sort();
        w.each(&aliases, |w, (name, text)| {
            w.bytes(name);
            w.bytes(text);
        });
        let own: Vec<_> = self.traps.iter().collect();
        let listed = if own.is_empty() { self.traps.inherited.iter().map(|(k, v)| (*k, v)).collect() } else { own };
        w.each(&listed, |w, (condition, text)| {
            w.signed((*condition).into());
            w.bytes(text);
        });
        let funcs: Vec<_> = self.funcs.iter().collect();
        w.each(&funcs, |w, (name, f)| {
            w.bytes(name);
            w.bytes(&f.encoded());
            w.bytes(&f.source);
            w.number(f.line_base.into());
            w.byte(u8::from(f.exported) | u8::from(f.traced) << 1 | u8::from(f.readonly) << 2);
        });
        w.option(self.execution_string.as_ref(), |w, t| w.bytes(t));
        w.bytes(&self.dynamic_unset.to_le_bytes());
    }

    fn encode_vars(&mut self, w: &mut Writer, everything: bool) {
        w.number(self.vars.depth().into());
        let missing = DEFAULTS.iter().enumerate().filter(|(_, n)| self.vars.get(**n).is_none());
        w.byte(missing.fold(0, |bits, (i, _)| bits | 1 << i));
        let wanted: Vec<(Sym, &Var)> = self.vars.all().filter(|(name, v)| everything || travels(*name, v)).collect();
        w.each(&wanted, |w, (name, v)| {
            w.bytes(name.name());
            w.number(v.attrs.0.into());
            w.number(v.scope.into());
            value(w, &v.value);
        });
    }

    fn encode_jobs(&self, w: &mut Writer, hidden: bool) {
        let jobs: Vec<&Job> = self.jobs.list.iter().filter(|j| hidden || !j.hidden).collect();
        w.each(&jobs, |w, j| {
            w.number(j.id.into());
            w.bytes(&j.text);
            w.byte(u8::from(j.hidden) | u8::from(j.no_hangup) << 1 | u8::from(j.notified) << 2);
            w.each(&j.processes, |w, p| {
                w.signed(p.pid.into());
                w.signed(match p.status {
                    None => -1,
                    Some(WaitStatus::Exited(n)) => n.into(),
                    Some(WaitStatus::Signaled(n)) => i64::from(n) + SIGNALED,
                });
            });
        });
    }

    /// Becomes the child that a parent encoded; gives what to do. `None`: the bytes are no such thing.
    pub fn restore_child(&mut self, blob: &[u8]) -> Option<Work> {
        let mut r = Reader::new(blob.get(1..)?);
        let substitution = r.flag()?;
        self.line_base = r.u32()?;
        self.input_redirected = r.flag()?;
        let watching = r.flag()?;
        self.restore_common(&mut r)?;
        self.traps.watch(watching);
        self.restore_vars(&mut r)?;
        self.subshell = r.u32()?;
        self.subshell_level = r.u32()?;
        self.trace_level = r.u32()?;
        self.errexit_ignored = u32::from(r.flag()?);
        self.in_substitution = r.flag()?;
        self.pid = r.i32()?;
        self.parent = r.i32()?;
        self.restore_jobs(&mut r)?;
        self.jobs.foreign = !self.jobs.list.is_empty();
        if substitution && !self.shopt(crate::options::Shopt::InheritErrExit) && !self.opt(Opt::Posix) {
            self.opts.put(Opt::ErrExit, false);
        }
        Some(match r.byte()? {
            0 => Work::Command(codec::read_command(&mut r)?),
            1 => Work::List(codec::read_list(&mut r)?),
            2 => {
                let chain = codec::read_and_or(&mut r)?;
                Work::List(List { items: vec![Item { chain, background: false, newline: false }] })
            }
            3 => Work::Call(r.each(|r| r.bytes().map(<[u8]>::to_vec))?),
            _ => return None,
        })
    }

    /// Goes on from a session's state.
    pub fn restore_session(&mut self, blob: &[u8]) -> Option<()> {
        let mut r = Reader::new(blob.get(1..)?);
        let mode = self.mode;
        self.restore_common(&mut r)?;
        self.mode = mode;
        self.restore_vars(&mut r)?;
        for (condition, text) in std::mem::take(&mut self.traps.inherited) {
            self.set_trap(condition, Some(&text));
        }
        let _ = self.sys.chdir(r.bytes()?);
        self.sys.umask(r.u32()?);
        self.restore_jobs(&mut r)?;
        let ended = r.each(|r| Some((r.i32()?, r.i32()?)))?;
        self.jobs.restore_ended(ended);
        self.find_lost_jobs();
        Some(())
    }

    fn restore_common(&mut self, r: &mut Reader) -> Option<()> {
        self.name = r.bytes()?.into();
        self.zero = r.bytes()?.into();
        self.status = r.i32()?;
        self.last_background = Some(r.i32()?).filter(|n| *n != 0);
        self.line = r.u32()?;
        self.opts.set = r.number()?;
        self.opts.shopt = r.number()?;
        let flags = r.byte()?;
        self.opts.command = flags & 1 != 0;
        self.opts.stdin = flags & 2 != 0;
        self.mode = match flags >> 2 {
            0 => Mode::Command,
            1 => Mode::Script,
            _ => Mode::Stdin,
        };
        self.params = Rc::new(r.each(|r| r.bytes().map(<[u8]>::to_vec))?);
        self.frames = r.each(|r| {
            Some(Frame {
                name: r.bytes()?.into(),
                source: r.bytes()?.into(),
                line: r.u32()?,
                is_function: r.flag()?,
                options: None,
            })
        })?;
        self.pipe_status = r.each(Reader::i32)?;
        self.getopts = Getopts { index: r.signed()?, offset: r.number()? as usize };
        self.seconds_base = r.signed()?;
        self.started = r.signed()?;
        self.dirs = r.each(|r| r.bytes().map(<[u8]>::to_vec))?;
        self.cwd = r.bytes()?.to_vec();
        let hashed = r.each(|r| Some((r.bytes()?.to_vec(), (Rc::from(r.bytes()?), r.u32()?))))?;
        self.last_argument = r.bytes()?.to_vec();
        self.current_command = r.bytes()?.to_vec();
        let disabled = r.each(|r| r.bytes())?;
        self.disabled =
            disabled.into_iter().filter_map(crate::builtins::find).filter_map(crate::builtins::name_of).collect();
        let aliases = r.each(|r| Some((r.bytes()?.to_vec(), r.bytes()?.to_vec())))?;
        if !aliases.is_empty() {
            self.aliases = Rc::new(aliases.into_iter().collect());
        }
        for (condition, text) in r.each(|r| Some((r.i32()?, r.bytes()?)))? {
            if text.is_empty() && (1..traps::DEBUG).contains(&condition) {
                self.traps.restore(condition, text.into());
            } else {
                self.keep_trap(condition, text);
            }
        }
        self.restore_functions(r)?;
        self.execution_string = r.option(|r| r.bytes().map(Rc::from))?;
        self.dynamic_unset = u128::from_le_bytes(r.bytes()?.try_into().ok()?);
        self.vars.changed = 0;
        self.refresh();
        self.hashed.extend(hashed);
        Some(())
    }

    /// A subshell resets its parent's traps, but lists them; ERR, DEBUG and RETURN stay when functions inherit them.
    fn keep_trap(&mut self, condition: i32, text: &[u8]) {
        let stays = match condition {
            traps::ERR => self.opt(Opt::ErrTrace),
            traps::DEBUG | traps::RETURN => self.opt(Opt::FuncTrace),
            _ => false,
        };
        if stays {
            self.traps.restore(condition, text.into());
        }
        self.traps.inherited.insert(condition, text.into());
    }

    fn restore_functions(&mut self, r: &mut Reader) -> Option<()> {
        let functions = r.each(|r| {
            let name = r.bytes()?.to_vec();
            let wire: Rc<[u8]> = r.bytes()?.into();
            let source = r.bytes()?.into();
            let line_base = r.u32()?;
            let flags = r.byte()?;
            let function = Function {
                def: OnceCell::new(),
                wire: OnceCell::from(wire),
                source,
                line_base,
                exported: flags & 1 != 0,
                traced: flags & 2 != 0,
                readonly: flags & 4 != 0,
            };
            Some((name, Rc::new(function)))
        })?;
        self.funcs.extend(functions);
        Some(())
    }

    fn restore_vars(&mut self, r: &mut Reader) -> Option<()> {
        let depth = r.u32()?;
        self.vars.restore_depth(depth);
        let missing = r.byte()?;
        for (i, name) in DEFAULTS.iter().enumerate() {
            if missing & 1 << i != 0 {
                self.vars.unset(*name);
            }
        }
        let vars = r.each(|r| {
            let name = Sym::new(r.bytes()?);
            let attrs = Attrs(r.number()? as u16);
            let scope = r.u32()?.min(depth);
            Some((name, Var { attrs, scope, value: read_value(r)? }))
        })?;
        for (name, var) in vars {
            self.vars.restore(name, var);
        }
        Some(())
    }

    fn restore_jobs(&mut self, r: &mut Reader) -> Option<()> {
        self.jobs.list = r.each(|r| {
            let id = r.u32()?;
            let text = r.bytes()?.to_vec();
            let flags = r.byte()?;
            let processes = r.each(|r| {
                let pid = r.i32()?;
                let status = match r.signed()? {
                    ..0 => None,
                    n @ 0..SIGNALED => Some(WaitStatus::Exited(n as i32)),
                    n => Some(WaitStatus::Signaled(i32::try_from(n - SIGNALED).ok()?)),
                };
                Some(Process { pid, status })
            })?;
            let (hidden, no_hangup, notified) = (flags & 1 != 0, flags & 2 != 0, flags & 4 != 0);
            Some(Job { id, processes, text, hidden, no_hangup, notified })
        })?;
        Some(())
    }
}

/// Must a child be sent this variable?
fn travels(name: Sym, v: &Var) -> bool {
    if v.attrs.has(Attrs::INITIAL) || (name.is_dynamic() && v.attrs.has(Attrs::INITIAL)) {
        return false;
    }
    !(v.attrs == Attrs::EXPORT && v.scope == 0 && matches!(v.value, Value::Text(_)))
}

fn value(w: &mut Writer, v: &Value) {
    match v {
        Value::None => w.byte(0),
        Value::Text(t) => {
            w.byte(1);
            w.bytes(t);
        }
        Value::Indexed(a) => {
            w.byte(2);
            w.number(a.len() as u64);
            for (k, v) in a.iter() {
                w.number(k);
                w.bytes(v);
            }
        }
        Value::Assoc(a) => {
            w.byte(3);
            w.number(a.len() as u64);
            // Last first: the receiver puts new entries before old ones.
            let pairs: Vec<_> = a.iter().collect();
            for (k, v) in pairs.into_iter().rev() {
                w.bytes(k);
                w.bytes(v);
            }
        }
    }
}

fn read_value(r: &mut Reader) -> Option<Value> {
    Some(match r.byte()? {
        0 => Value::None,
        1 => Value::Text(r.bytes()?.to_vec()),
        2 => {
            let mut a = Indexed::default();
            for (k, v) in r.each(|r| Some((r.number()?, r.bytes()?)))? {
                a.set(k, v.to_vec());
            }
            Value::Indexed(Box::new(a))
        }
        3 => {
            let mut a = Assoc::default();
            for (k, v) in r.each(|r| Some((r.bytes()?, r.bytes()?)))? {
                a.set(k, v.to_vec());
            }
            Value::Assoc(Box::new(a))
        }
        _ => return None,
    })
}

/// A list of one pipeline of one command.
#[must_use]
pub fn list_of(command: Command) -> List {
    let first = Pipeline { negate: false, timed: None, stages: vec![command] };
    List { items: vec![Item { chain: AndOr { first, rest: Vec::new() }, background: false, newline: false }] }
}
