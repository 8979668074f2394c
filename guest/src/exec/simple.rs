//! Simple commands: assignments, functions, builtins, programs.

use super::external::Start;
use crate::builtins::{self, DeclArg};
use crate::names::Sym;
use crate::options::Opt;
use crate::shell::{Run, Shell, Unwind};
use crate::syntax::ast::{Arg, Assign, AssignValue, Simple, Word};
use crate::vars::{Attrs, Key, Place, Refused, ScopeKind};

/// `Simple::resolved`: the first word is no builtin.
const NO_BUILTIN: u16 = u16::MAX;

impl Shell {
    #[inline(never)]
    pub(super) fn simple(&mut self, s: &Simple) -> Run {
        self.line = s.line + self.line_base;
        if self.traps.has_debug() && self.before_simple(s)? {
            return Ok(());
        }
        self.substitution_status = None;
        let tail = std::mem::take(&mut self.tail);
        if s.args.is_empty() {
            return self.assignments_only(s);
        }
        let process_fds = self.process_fds.len();
        let result = self.command_words(s, tail);
        if self.process_fds.len() > process_fds {
            self.close_process_fds(process_fds);
        }
        result
    }

    fn command_words(&mut self, s: &Simple, tail: bool) -> Run {
        let index = self.literal_builtin(s);
        if let Some(builtin) = builtins::by_index(index)
            && builtin.declares
            && !self.has_function(builtin.name.as_bytes())
        {
            return self.declaration(s, builtin);
        }
        let mut args = Vec::with_capacity(s.args.len());
        for arg in &s.args {
            match arg {
                Arg::Word(w) => self.expand_word(w, &mut args)?,
                Arg::Assign(a) => args.push(self.assignment_text(a)?),
            }
        }
        if args.is_empty() {
            return self.assignments_only(s);
        }
        self.run_words(s, args, index, tail)
    }

    /// The builtin a literal first word names, by index plus one.
    fn literal_builtin(&self, s: &Simple) -> u16 {
        let known = s.resolved.get();
        if known != 0 {
            return known;
        }
        let Some(Arg::Word(w)) = s.args.first() else { return NO_BUILTIN };
        let index = match w.as_literal() {
            Some(name) => builtins::find(name).map_or(NO_BUILTIN, |i| i as u16 + 1),
            None => return NO_BUILTIN,
        };
        s.resolved.set(index);
        index
    }

    fn has_function(&self, name: &[u8]) -> bool {
        !self.funcs.is_empty() && self.funcs.contains_key(name)
    }

    fn run_words(&mut self, s: &Simple, args: Vec<Vec<u8>>, index: u16, tail: bool) -> Run {
        if !self.funcs.is_empty()
            && let Some(function) = self.funcs.get(&args[0]).cloned()
        {
            return self.function_command(s, &function, args);
        }
        let builtin = match builtins::by_index(index) {
            Some(b) if b.name.as_bytes() == args[0] => Some(b),
            _ => builtins::find(&args[0]).and_then(builtins::get),
        };
        if let Some(builtin) = builtin
            && !self.disabled.contains(&builtin.name)
        {
            return self.builtin_command(s, builtin, args);
        }
        self.program_command(s, args, tail)
    }

    // ---- assignments ----

    /// A command without words: its assignments stay.
    #[inline(never)]
    fn assignments_only(&mut self, s: &Simple) -> Run {
        self.last_argument.clear();
        let undos = if s.redirs.is_empty() {
            None
        } else {
            match self.redirect(&s.redirs)? {
                Some(undos) => Some(undos),
                None => return Ok(()),
            }
        };
        let mut result = Ok(());
        for a in &s.assigns {
            result = self.assign_statement(a);
            if result.is_err() {
                break;
            }
        }
        if let Some(undos) = undos {
            self.undo(undos);
        }
        result?;
        self.status = self.substitution_status.unwrap_or(0);
        Ok(())
    }

    fn assign_statement(&mut self, a: &Assign) -> Run {
        match &a.value {
            AssignValue::Array(elements) => {
                let name = self.place(a.name)?.name;
                if self.opt(Opt::XTrace) {
                    let text = crate::syntax::print::assignment(a);
                    self.trace(&text);
                }
                if a.index.is_some() {
                    let shown = crate::syntax::print::assignment(a);
                    let end = shown.iter().position(|b| *b == b'=').unwrap_or(shown.len());
                    let text = [&shown[..end], b": cannot assign list to array member"].concat();
                    self.complain(&text);
                    return Err(self.discard(1));
                }
                self.assign_elements(name, elements, a.append).map_err(|e| e.unwrap_or_else(|| self.discard(1)))
            }
            AssignValue::Scalar(w) => {
                let place = self.assign_target(a)?;
                let value = self.assigned(w)?;
                if self.opt(Opt::XTrace) {
                    self.trace_assignment(a, &value);
                }
                self.assign_place(&place, value, a.append).map_err(|Refused| self.discard(1))
            }
        }
    }

    fn assign_target(&mut self, a: &Assign) -> Run<Place> {
        match &a.index {
            None => self.place(a.name),
            Some(sub) => {
                let name = self.place(a.name)?.name;
                let key = self.key_for(name, sub)?;
                if matches!(&key, Key::Name(k) if k.is_empty()) || sub.arith.source.is_empty() {
                    let shown = [a.name.name(), b"[", &sub.arith.source, b"]: bad array subscript"].concat();
                    self.complain(&shown);
                    return Err(self.discard(1));
                }
                Ok(Place { name, key: Some(key) })
            }
        }
    }

    /// The text an assignment's right side gives.
    fn assigned(&mut self, w: &Word) -> Run<Vec<u8>> {
        let mut out = Vec::new();
        self.expand_assigned(w, &mut out)?;
        Ok(out)
    }

    /// `name=text`, for commands that take assignments as words.
    fn assignment_text(&mut self, a: &Assign) -> Run<Vec<u8>> {
        match &a.value {
            AssignValue::Array(_) => Ok(crate::syntax::print::assignment(a)),
            AssignValue::Scalar(w) => {
                let mut out = a.name.name().to_vec();
                if let Some(sub) = &a.index {
                    out.push(b'[');
                    out.extend(self.expand_string(sub.key())?);
                    out.push(b']');
                }
                out.extend_from_slice(if a.append { b"+=" } else { b"=" });
                self.expand_assigned(w, &mut out)?;
                Ok(out)
            }
        }
    }

    fn trace_assignment(&mut self, a: &Assign, value: &[u8]) {
        let mut text = a.name.name().to_vec();
        if let Some(sub) = &a.index {
            text.push(b'[');
            text.extend_from_slice(&sub.arith.source);
            text.push(b']');
        }
        text.extend_from_slice(if a.append { b"+=" } else { b"=" });
        if !value.is_empty() {
            text.extend(crate::text::quote::xtrace(value));
        }
        self.trace(&text);
    }

    /// Makes the assignments before a command, in a scope of their own, exported.
    #[inline(never)]
    pub(super) fn assign_temporarily(&mut self, assigns: &[Assign]) -> Run {
        self.vars.push_scope(ScopeKind::Temporary);
        let scope = self.vars.depth();
        for a in assigns {
            if let Err(e) = self.assign_temporary(a, scope) {
                self.vars.pop_scope();
                return Err(e);
            }
        }
        Ok(())
    }

    fn assign_temporary(&mut self, a: &Assign, scope: u32) -> Run {
        let AssignValue::Scalar(w) = &a.value else {
            let value = crate::syntax::print::assignment(a);
            let eq = value.iter().position(|b| *b == b'=').map_or(0, |i| i + 1);
            self.put_temporary(a.name, value[eq..].to_vec(), scope);
            return Ok(());
        };
        let value = self.assigned(w)?;
        if self.opt(Opt::XTrace) {
            self.trace_assignment(a, &value);
        }
        if a.index.is_some() {
            let place = self.assign_target(a)?;
            return self.assign_place(&place, value, a.append).map_err(|Refused| self.discard(1));
        }
        let name = self.place(a.name)?.name;
        if self.check_writable(name).is_err() {
            self.temporary_failed = true;
            return Ok(());
        }
        let value = self.temporary_value(name, value, a.append).map_err(|Refused| self.discard(1))?;
        self.put_temporary(name, value, scope);
        Ok(())
    }

    fn put_temporary(&mut self, name: Sym, value: Vec<u8>, scope: u32) {
        let var = self.vars.make_local(name, scope);
        var.value = crate::vars::Value::Text(value);
        var.attrs.add(Attrs::EXPORT);
    }

    // ---- kinds of commands ----

    #[inline(never)]
    fn function_command(
        &mut self,
        s: &Simple,
        function: &std::rc::Rc<crate::shell::Function>,
        args: Vec<Vec<u8>>,
    ) -> Run {
        self.with_surroundings(s, &args, |shell, args| shell.call_function(function, args))
    }

    #[inline(never)]
    fn builtin_command(&mut self, s: &Simple, builtin: &'static builtins::Builtin, args: Vec<Vec<u8>>) -> Run {
        if builtin.name == "exec" {
            return self.exec_command(s, args);
        }
        if s.assigns.is_empty() && s.redirs.is_empty() && !self.opt(Opt::XTrace) {
            self.remember_last(&args);
            return self.call_builtin(builtin, &args);
        }
        if self.opt(Opt::Posix) && builtin.special && !s.assigns.is_empty() {
            for a in &s.assigns {
                self.assign_statement(a)?;
            }
            return self.with_redirections(s, &args, |shell, args| shell.call_builtin(builtin, args));
        }
        self.with_surroundings(s, &args, |shell, args| shell.call_builtin(builtin, args))
    }

    /// Runs a builtin; its status becomes the shell's.
    pub fn call_builtin(&mut self, builtin: &'static builtins::Builtin, args: &[Vec<u8>]) -> Run {
        let outer = std::mem::replace(&mut self.builtin, builtin.name);
        self.not_a_number = false;
        let result = (builtin.run)(self, args);
        self.builtin = outer;
        self.status = result?;
        self.check_numbers()
    }

    /// A builtin that assigned what is no number to an integer gives the command up.
    pub(super) fn check_numbers(&mut self) -> Run {
        if std::mem::take(&mut self.not_a_number) { Err(self.discard(1)) } else { Ok(()) }
    }

    fn remember_last(&mut self, args: &[Vec<u8>]) {
        if let Some(last) = args.last() {
            self.last_argument.clear();
            self.last_argument.extend_from_slice(last);
        }
    }

    /// Runs `inner` with the command's assignments and redirections in effect.
    fn with_surroundings(
        &mut self,
        s: &Simple,
        args: &[Vec<u8>],
        inner: impl FnOnce(&mut Self, &[Vec<u8>]) -> Run,
    ) -> Run {
        if s.assigns.is_empty() {
            return self.with_redirections(s, args, inner);
        }
        self.assign_temporarily(&s.assigns)?;
        if std::mem::take(&mut self.temporary_failed) && self.opt(Opt::Posix) {
            self.vars.pop_scope();
            return Err(self.discard(1));
        }
        let result = self.with_redirections(s, args, inner);
        self.vars.pop_scope();
        result
    }

    fn with_redirections(
        &mut self,
        s: &Simple,
        args: &[Vec<u8>],
        inner: impl FnOnce(&mut Self, &[Vec<u8>]) -> Run,
    ) -> Run {
        if self.opt(Opt::XTrace) {
            self.trace_words(args);
        }
        self.remember_last(args);
        if s.redirs.is_empty() {
            return inner(self, args);
        }
        let Some(undos) = self.redirect(&s.redirs)? else { return Ok(()) };
        let result = inner(self, args);
        self.undo(undos);
        result
    }

    /// `exec`: the redirections stay.
    #[inline(never)]
    fn exec_command(&mut self, s: &Simple, args: Vec<Vec<u8>>) -> Run {
        if self.opt(Opt::XTrace) {
            self.trace_words(&args);
        }
        if !self.redirect_permanently(&s.redirs)? {
            return if self.opt(Opt::Posix) { Err(Unwind::Exit) } else { Ok(()) };
        }
        for a in &s.assigns {
            self.assign_statement(a)?;
            if args.len() > 1 {
                self.vars.entry(a.name).attrs.add(Attrs::EXPORT);
                self.vars.env_changed = true;
            }
        }
        let Some(builtin) = builtins::find(b"exec").and_then(builtins::get) else { return Ok(()) };
        self.call_builtin(builtin, &args)
    }

    #[inline(never)]
    fn program_command(&mut self, s: &Simple, args: Vec<Vec<u8>>, tail: bool) -> Run {
        let replace = tail && self.traps.is_empty() && !self.session && self.process_fds.is_empty();
        let scoped = !s.assigns.is_empty();
        if scoped {
            self.assign_temporarily(&s.assigns)?;
            self.temporary_failed = false;
        }
        if self.opt(Opt::XTrace) {
            self.trace_words(&args);
        }
        self.remember_last(&args);
        let result = if replace { self.become_program(s, &args) } else { self.run_program(s, &args) };
        if scoped {
            self.vars.pop_scope();
        }
        result
    }

    fn become_program(&mut self, s: &Simple, args: &[Vec<u8>]) -> Run {
        if self.funcs.contains_key(&b"command_not_found_handle"[..]) {
            return self.run_program(s, args);
        }
        if !self.redirect_permanently(&s.redirs)? {
            return Ok(());
        }
        self.status = self.exec_program(args, None, false);
        Err(Unwind::Exit)
    }

    fn run_program(&mut self, s: &Simple, args: &[Vec<u8>]) -> Run {
        let mut start = Start::default();
        // The program's process expands its redirections: assignments in them are not ours.
        let pure = s.redirs.iter().all(super::subshell::is_pure_redirection);
        let vars = if pure { None } else { Some(self.vars.clone()) };
        let planned = self.plan(&s.redirs, &mut start.plan);
        if let Some(vars) = vars
            && s.redirs.iter().all(|r| !matches!(r.fd, crate::syntax::ast::RedirFd::Variable(_)))
        {
            self.vars = vars;
        }
        if !planned? {
            self.close_plan(&start.plan);
            self.status = 1;
            return Ok(());
        }
        let started = self.start_program(args, &start);
        self.close_plan(&start.plan);
        match started? {
            Ok(pid) => self.wait_foreground(pid, || crate::syntax::print::simple(s)),
            Err(status) => {
                self.status = status;
                Ok(())
            }
        }
    }

    /// `declare`, `export`, `local`, `readonly`, `typeset`: their arguments may be assignments.
    #[inline(never)]
    fn declaration(&mut self, s: &Simple, builtin: &'static builtins::Builtin) -> Run {
        let mut args: Vec<DeclArg> = Vec::new();
        let mut shown = Vec::new();
        let tracing = self.opt(Opt::XTrace);
        for arg in &s.args {
            match arg {
                Arg::Word(w) => {
                    let mut fields = Vec::new();
                    self.expand_word(w, &mut fields)?;
                    shown.extend(fields.iter().cloned());
                    args.extend(fields.into_iter().map(DeclArg::Text));
                }
                Arg::Assign(a) => {
                    if let AssignValue::Scalar(w) = &a.value
                        && w.brace
                    {
                        let word = [crate::syntax::print::assignment(a)].concat();
                        let mut fields = Vec::new();
                        self.expand_source(&word, &mut fields)?;
                        shown.extend(fields.iter().cloned());
                        args.extend(fields.into_iter().map(DeclArg::Text));
                        continue;
                    }
                    match &a.value {
                        AssignValue::Scalar(_) => {
                            let text = self.assignment_text(a)?;
                            shown.push(text.clone());
                            args.push(DeclArg::Text(text));
                        }
                        AssignValue::Array(_) => {
                            shown.push(a.name.name().to_vec());
                            args.push(DeclArg::Array(a));
                        }
                    }
                }
            }
        }
        let stays = builtin.special && self.opt(Opt::Posix);
        if stays {
            for a in &s.assigns {
                self.assign_statement(a)?;
            }
        } else if !s.assigns.is_empty() {
            self.assign_temporarily(&s.assigns)?;
        }
        if tracing {
            self.trace_words(&shown);
            if matches!(builtin.name, "export" | "readonly") {
                for text in shown.iter().skip(1).filter(|t| t.contains(&b'=')) {
                    let text = text.clone();
                    self.trace(&text);
                }
            }
        }
        self.remember_last(&shown);
        let result = self.declare_redirected(s, builtin, args);
        if !s.assigns.is_empty() && !stays {
            self.vars.pop_scope();
        }
        result
    }

    fn declare_redirected(&mut self, s: &Simple, builtin: &'static builtins::Builtin, args: Vec<DeclArg>) -> Run {
        let undos = if s.redirs.is_empty() {
            None
        } else {
            match self.redirect(&s.redirs)? {
                Some(undos) => Some(undos),
                None => return Ok(()),
            }
        };
        let outer = std::mem::replace(&mut self.builtin, builtin.name);
        let result = builtins::declare::run(self, builtin.name, args);
        self.builtin = outer;
        if let Some(undos) = undos {
            self.undo(undos);
        }
        self.status = result?;
        self.check_numbers()
    }

    // ---- tracing ----

    /// `set -x` of a command's words.
    pub fn trace_words(&mut self, args: &[Vec<u8>]) {
        let mut text = Vec::new();
        for (i, arg) in args.iter().enumerate() {
            if i > 0 {
                text.push(b' ');
            }
            text.extend(crate::text::quote::xtrace(arg));
        }
        self.trace(&text);
    }

    /// Writes one line of a trace.
    pub fn trace(&mut self, text: &[u8]) {
        let ps4 = self.text(Sym::PS4).unwrap_or_default();
        let tracing = self.opt(Opt::XTrace);
        self.opts.put(Opt::XTrace, false);
        let mut prefix = self.prompt(&ps4);
        self.opts.put(Opt::XTrace, tracing);
        if let Some(first) = prefix.first().copied() {
            let repeats = self.trace_level as usize;
            prefix.splice(0..0, std::iter::repeat_n(first, repeats));
        }
        prefix.extend_from_slice(text);
        prefix.push(b'\n');
        let fd = match self.text(Sym::BASH_XTRACEFD) {
            Some(t) => crate::expand::to_int(&t).and_then(|n| i32::try_from(n).ok()).unwrap_or(2),
            None => 2,
        };
        let _ = self.sys.write_all(fd, &prefix);
    }
}
