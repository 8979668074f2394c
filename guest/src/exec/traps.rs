//! Traps: commands run at exit, on signals, before commands, after failures and returns.

use super::function::Origin;
use crate::names::Sym;
use crate::options::{Opt, Shopt};
use crate::shell::{Run, Shell, Unwind};
use crate::syntax::ast::Simple;
use crate::syntax::print;
use crate::system::{Disposition, signal};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

/// The conditions that are no signals, numbered behind them.
pub const EXIT: i32 = 0;
pub const DEBUG: i32 = signal::COUNT;
pub const ERR: i32 = DEBUG + 1;
pub const RETURN: i32 = DEBUG + 2;

/// All traps.
#[derive(Default)]
pub struct Traps {
    /// What is run; an empty text ignores.
    handlers: BTreeMap<i32, Rc<[u8]>>,
    /// A parent's traps, which a subshell lists until it sets its own.
    pub inherited: BTreeMap<i32, Rc<[u8]>>,
    /// Signals that were ignored when the shell started.
    pub ignored_at_start: BTreeSet<i32>,
    /// Signals taken from the system whose traps have not run yet.
    pending: Vec<i32>,
    /// Conditions whose trap is running.
    running: BTreeSet<i32>,
    /// DEBUG, ERR and RETURN are switched off inside functions that do not inherit them.
    masked: u8,
    /// Some signal has a handler, so one may arrive.
    catching: bool,
    /// Something may ask which command is being run: DEBUG, ERR, EXIT and RETURN traps.
    watching: bool,
}

impl Traps {
    #[must_use]
    pub fn get(&self, condition: i32) -> Option<&Rc<[u8]>> {
        self.handlers.get(&condition)
    }

    #[must_use]
    pub fn is_set(&self, condition: i32) -> bool {
        self.handlers.contains_key(&condition)
    }

    /// All of them, in the order of listings.
    pub fn iter(&self) -> impl Iterator<Item = (i32, &Rc<[u8]>)> {
        self.handlers.iter().map(|(k, v)| (*k, v))
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.handlers.is_empty()
    }

    #[inline]
    #[must_use]
    pub fn may_be_pending(&self) -> bool {
        self.catching
    }

    #[inline]
    #[must_use]
    pub fn has_debug(&self) -> bool {
        self.watching
    }

    fn active(&self, condition: i32) -> bool {
        self.is_set(condition) && self.masked & mask(condition) == 0 && !self.running.contains(&condition)
    }

    pub(super) fn pending_except_child(&self) -> Option<i32> {
        self.pending.iter().copied().find(|s| *s != signal::CHLD)
    }

    /// Signals a child must find at their default: what is caught here is so by itself; nothing else is changed.
    pub(super) fn reset_for_child(&self) -> u64 {
        0
    }

    /// Puts a trap received from a parent shell.
    pub fn restore(&mut self, condition: i32, text: Rc<[u8]>) {
        self.handlers.insert(condition, text);
        self.update();
    }

    /// Keeps `BASH_COMMAND` from now on.
    pub fn watch(&mut self, on: bool) {
        self.watching |= on;
    }

    fn update(&mut self) {
        self.watching = !self.handlers.is_empty() || crate::names::command_asked();
        self.catching = self.handlers.iter().any(|(k, v)| (1..DEBUG).contains(k) && !v.is_empty());
    }
}

fn mask(condition: i32) -> u8 {
    match condition {
        DEBUG => 1,
        ERR => 2,
        RETURN => 4,
        _ => 0,
    }
}

/// A condition's name, as `trap` lists it.
#[must_use]
pub fn name(condition: i32) -> String {
    match condition {
        EXIT => "EXIT".into(),
        DEBUG => "DEBUG".into(),
        ERR => "ERR".into(),
        RETURN => "RETURN".into(),
        n => format!("SIG{}", signal::name(n).unwrap_or_default()),
    }
}

/// The condition a name or number means.
#[must_use]
pub fn number(spec: &[u8]) -> Option<i32> {
    match &spec.to_ascii_uppercase()[..] {
        b"DEBUG" => Some(DEBUG),
        b"ERR" => Some(ERR),
        b"RETURN" => Some(RETURN),
        _ => signal::number(spec),
    }
}

impl Shell {
    /// Sets, ignores (empty text) or resets (`None`) a trap.
    pub fn set_trap(&mut self, condition: i32, text: Option<&[u8]>) {
        self.traps.inherited.clear();
        if self.traps.ignored_at_start.contains(&condition) && self.subshell == 0 {
            return;
        }
        if (1..DEBUG).contains(&condition) {
            let disposition = match text {
                None => Disposition::Default,
                Some(b"") => Disposition::Ignore,
                Some(_) => Disposition::Catch,
            };
            let _ = self.sys.disposition(condition, Some(disposition));
        }
        match text {
            Some(text) => {
                self.traps.handlers.insert(condition, text.into());
            }
            None => {
                self.traps.handlers.remove(&condition);
            }
        }
        self.traps.masked &= !mask(condition);
        self.traps.update();
    }

    /// Takes signals that arrived from the system.
    pub fn note_signals(&mut self) {
        while let Some(sig) = self.sys.take() {
            if sig == signal::CHLD {
                self.reap();
            }
            if !self.traps.pending.contains(&sig) {
                self.traps.pending.push(sig);
            }
        }
    }

    /// Runs the traps of signals that have arrived.
    #[inline(never)]
    pub fn run_pending_traps(&mut self) -> Run {
        self.note_signals();
        while !self.traps.pending.is_empty() {
            let sig = self.traps.pending.remove(0);
            let times = if sig == signal::CHLD { std::mem::take(&mut self.jobs.exits).max(1) } else { 1 };
            for _ in 0..times {
                self.run_trap(sig)?;
            }
        }
        Ok(())
    }

    /// The same where an early end cannot be passed on.
    pub(super) fn run_pending_traps_quietly(&mut self) {
        let _ = self.run_pending_traps();
    }

    /// Runs a condition's trap, if there is one; the status stays what it was.
    #[inline(never)]
    pub fn run_trap(&mut self, condition: i32) -> Run {
        let Some(text) = self.traps.get(condition).cloned() else { return Ok(()) };
        if text.is_empty() || self.traps.running.contains(&condition) && condition >= DEBUG {
            return Ok(());
        }
        let (status, pipe_status, line) = (self.status, self.pipe_status.clone(), self.line);
        let builtin = self.builtin;
        let substitution = self.substitution_status;
        let added = self.traps.running.insert(condition);
        self.trace_level += 1;
        let tail = std::mem::take(&mut self.tail);
        let start = if condition >= DEBUG { line.max(1) } else { 1 };
        let result = self.run_text(&text, start, Origin::Inner("trap"));
        self.tail = tail;
        self.trace_level -= 1;
        if added {
            self.traps.running.remove(&condition);
        }
        self.builtin = builtin;
        self.line = line;
        self.substitution_status = substitution;
        self.trap_status = self.status;
        match result {
            Ok(()) => {
                self.status = status;
                self.pipe_status = pipe_status;
                Ok(())
            }
            Err(unwind) => Err(unwind),
        }
    }

    /// Before a simple command: the DEBUG trap.
    ///
    /// True: under `extdebug` the trap said not to run it.
    pub(super) fn before_simple(&mut self, s: &Simple) -> Run<bool> {
        if !self.in_trap() {
            self.current_command = print::simple(s);
        }
        if !self.traps.active(DEBUG) {
            return Ok(false);
        }
        self.run_trap(DEBUG)?;
        match self.trap_status {
            0 => Ok(false),
            _ if !self.shopt(Shopt::ExtDebug) => Ok(false),
            2 if self.in_function() => Err(Unwind::Return),
            _ => Ok(true),
        }
    }

    /// Notes a command in `BASH_COMMAND` without the DEBUG trap.
    pub(super) fn note_command(&mut self, text: Vec<u8>) {
        if !self.in_trap() {
            self.current_command = text;
        }
    }

    /// Is a trap's own command being run?
    fn in_trap(&self) -> bool {
        !self.traps.running.is_empty()
    }

    /// Before any command: BASH_COMMAND and the DEBUG trap.
    pub(super) fn before_command(&mut self, text: &[u8]) -> Run {
        if !self.in_trap() {
            self.current_command = text.to_vec();
        }
        if !self.traps.active(DEBUG) {
            return Ok(());
        }
        self.run_trap(DEBUG)
    }

    /// After a failure: the ERR trap.
    pub(super) fn run_err_trap(&mut self) -> Run {
        if self.traps.is_empty() || !self.traps.active(ERR) {
            return Ok(());
        }
        self.run_trap(ERR)
    }

    pub(super) fn run_return_trap(&mut self) -> Run {
        if self.traps.is_empty() || !self.traps.active(RETURN) {
            return Ok(());
        }
        let status = std::mem::replace(&mut self.status, self.before_return);
        self.run_trap(RETURN)?;
        self.status = status;
        Ok(())
    }

    /// Functions do not inherit DEBUG, RETURN (`set -T`) and ERR (`set -E`) traps unless told.
    pub(super) fn enter_function(&mut self, traced: bool) -> u8 {
        let outer = self.traps.masked;
        if self.traps.is_empty() {
            return outer;
        }
        let trace = traced || self.opt(Opt::FuncTrace) || self.shopt(Shopt::ExtDebug);
        if !trace {
            self.traps.masked |= mask(DEBUG) | mask(RETURN);
        }
        if !self.opt(Opt::ErrTrace) {
            self.traps.masked |= mask(ERR);
        }
        outer
    }

    pub(super) fn leave_function(&mut self, outer: u8, result: Run) -> Run {
        let result = match result {
            Ok(()) | Err(Unwind::Return) => self.run_return_trap(),
            other => other,
        };
        self.traps.masked = outer;
        result
    }

    /// Ends the shell: the EXIT trap, the state for the host, the status.
    pub fn finish(&mut self) -> i32 {
        if self.traps.is_set(EXIT) {
            let text = self.traps.handlers.remove(&EXIT);
            if let Some(text) = text
                && !text.is_empty()
            {
                let status = self.status;
                self.trace_level += 1;
                let line = self.line;
                match self.run_text(&text, 1, Origin::Inner("exit trap")) {
                    Err(Unwind::Exit) => {}
                    _ => self.status = status,
                }
                self.line = line;
                self.trace_level -= 1;
            }
        }
        let _ = Sym::PATH;
        self.status & 0xff
    }
}
