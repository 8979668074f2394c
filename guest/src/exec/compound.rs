//! Compound commands.

use crate::expand::subscript_from_text;
use crate::names::{Sym, is_name};
use crate::options::{Opt, Shopt};
use crate::pattern::{Flags, Pattern};
use crate::shell::{MAX_RECURSION, Run, Shell, Unwind};
use crate::syntax::ast::{ArithText, CaseEnd, CaseItem, Compound, Kind, List, Word};
use crate::syntax::print;

/// How deep compound commands and calls may be nested in all: what the stack has room for.
pub const MAX_STACK: u32 = 5000;

impl Shell {
    pub(super) fn compound(&mut self, c: &Compound) -> Run {
        let line = c.line + self.line_base;
        self.line = line;
        if c.redirs.is_empty() {
            return self.kind(&c.kind, line);
        }
        self.redirected(c)
    }

    #[inline(never)]
    fn redirected(&mut self, c: &Compound) -> Run {
        if let Kind::Subshell(list) = &c.kind {
            return self.subshell(list, &c.redirs, || print::command_of(c));
        }
        let process_fds = self.process_fds.len();
        let Some(undos) = self.redirect(&c.redirs)? else { return self.check_failure() };
        let result = self.kind(&c.kind, c.line + self.line_base);
        self.undo(undos);
        if self.process_fds.len() > process_fds {
            self.close_process_fds(process_fds);
        }
        result
    }

    fn kind(&mut self, kind: &Kind, line: u32) -> Run {
        self.stack += 1;
        if self.stack > MAX_STACK {
            return Err(self.recursion_limit());
        }
        let result = match kind {
            Kind::Brace(list) => self.run_list(list),
            Kind::Subshell(list) => self.subshell(list, &[], || print::subshell(list)),
            Kind::If { cond, then, otherwise } => self.if_command(cond, then, otherwise.as_ref()),
            Kind::While { cond, body, until } => self.while_loop(cond, body, *until),
            Kind::For { name, words, body } => self.for_loop(name, words.as_deref(), body, line),
            Kind::ArithFor { init, cond, step, body } => self.arith_for([init, cond, step], body, line),
            Kind::Select { name, words, body } => self.select(name, words.as_deref(), body, line),
            Kind::Case { word, items } => self.case(word, items),
            Kind::Arith(text) => self.arith_command(text),
            Kind::Cond(cond) => self.cond_command(cond, line),
        };
        self.stack -= 1;
        result
    }

    /// Functions call each other too deeply. Ends the shell.
    #[cold]
    pub(super) fn recursion_limit(&mut self) -> Unwind {
        self.sys.limit_recursion(u64::from(MAX_RECURSION) + 1);
        self.complain(b"maximum function nesting level exceeded");
        self.status = 1;
        Unwind::Exit
    }

    #[inline(never)]
    fn if_command(&mut self, cond: &List, then: &List, otherwise: Option<&List>) -> Run {
        self.tolerating(|shell| shell.run_list(cond))?;
        if self.status == 0 {
            self.run_list(then)
        } else if let Some(list) = otherwise {
            self.run_list(list)
        } else {
            self.status = 0;
            Ok(())
        }
    }

    /// Runs a loop's body; true when the loop ends here.
    #[inline]
    fn loop_body(&mut self, body: &List) -> Run<bool> {
        match self.run_list(body) {
            Ok(()) => Ok(false),
            Err(unwind) => after_loop(unwind),
        }
    }

    fn while_loop(&mut self, cond: &List, body: &List, until: bool) -> Run {
        self.loops += 1;
        let result = self.while_body(cond, body, until);
        self.loops -= 1;
        result
    }

    #[inline(never)]
    fn while_body(&mut self, cond: &List, body: &List, until: bool) -> Run {
        let mut status = 0;
        loop {
            self.errexit_ignored += 1;
            let result = self.run_list(cond);
            self.errexit_ignored -= 1;
            if let Err(unwind) = result {
                if after_loop(unwind)? {
                    break;
                }
                status = self.status;
                continue;
            }
            if (self.status == 0) == until {
                break;
            }
            let done = self.loop_body(body)?;
            status = self.status;
            if done {
                break;
            }
        }
        self.status = status;
        Ok(())
    }

    /// The words a `for` or `select` runs over.
    fn loop_words(&mut self, words: Option<&[Word]>) -> Run<Vec<Vec<u8>>> {
        match words {
            Some(words) => self.expand_words(words),
            None => Ok(self.params.to_vec()),
        }
    }

    fn loop_variable(&mut self, name: &[u8]) -> Run<Option<Sym>> {
        if is_name(name) {
            return Ok(Some(Sym::new(name)));
        }
        self.complain_parts(&[b"`", name, b"': not a valid identifier"]);
        self.status = 1;
        if self.opt(Opt::Posix) { Err(Unwind::Exit) } else { Ok(None) }
    }

    #[inline(never)]
    fn for_loop(&mut self, name: &[u8], words: Option<&[Word]>, body: &List, line: u32) -> Run {
        let Some(var) = self.loop_variable(name)? else { return Ok(()) };
        let items = self.loop_words(words)?;
        self.loops += 1;
        let result = self.for_body(var, items, words, body, line);
        self.loops -= 1;
        result
    }

    #[inline(never)]
    fn for_body(&mut self, var: Sym, items: Vec<Vec<u8>>, words: Option<&[Word]>, body: &List, line: u32) -> Run {
        let mut status = 0;
        for item in items {
            self.line = line;
            if self.traps.has_debug() || self.opt(Opt::XTrace) {
                self.trace_for(var, words)?;
            }
            let reference = self.vars.get(var).is_some_and(|v| v.attrs.has(crate::vars::Attrs::NAMEREF));
            if reference {
                self.vars.entry(var).value = crate::vars::Value::Text(item);
            } else if self.assign(var, item, false).is_err() {
                self.check_numbers()?;
                self.status = 1;
                return Ok(());
            }
            let done = self.loop_body(body)?;
            status = self.status;
            if done {
                break;
            }
        }
        self.status = status;
        Ok(())
    }

    #[inline(never)]
    fn trace_for(&mut self, var: Sym, words: Option<&[Word]>) -> Run {
        let mut text = [b"for ", var.name(), b" in"].concat();
        match words {
            None => text.extend_from_slice(b" \"$@\""),
            Some(words) => {
                for w in words {
                    text.push(b' ');
                    text.extend(print::word(w));
                }
            }
        }
        if self.traps.has_debug() {
            self.before_command(&text)?;
        }
        if self.opt(Opt::XTrace) {
            self.trace(&text);
        }
        Ok(())
    }

    #[inline(never)]
    fn arith_for(&mut self, [init, cond, step]: [&ArithText; 3], body: &List, line: u32) -> Run {
        if self.for_expression(init, line)?.is_none() {
            return Ok(());
        }
        self.loops += 1;
        let mut status = 0;
        let result = loop {
            match self.for_expression(cond, line) {
                Ok(Some(n)) if n != 0 => {}
                Ok(Some(_)) => break Ok(()),
                Ok(None) => {
                    status = 1;
                    break Ok(());
                }
                Err(e) => break Err(e),
            }
            match self.loop_body(body) {
                Ok(done) => {
                    status = self.status;
                    if done {
                        break Ok(());
                    }
                }
                Err(e) => break Err(e),
            }
            match self.for_expression(step, line) {
                Ok(Some(_)) => {}
                Ok(None) => {
                    status = 1;
                    break Ok(());
                }
                Err(e) => break Err(e),
            }
        };
        self.loops -= 1;
        result?;
        self.status = status;
        Ok(())
    }

    /// One of the three expressions; an empty one counts as 1. `None`: it was wrong, and the message has been written.
    #[inline(never)]
    fn for_expression(&mut self, text: &ArithText, line: u32) -> Run<Option<i64>> {
        self.line = line;
        if self.traps.has_debug() || self.opt(Opt::XTrace) {
            let source: &[u8] = if text.source.is_empty() { b"1" } else { &text.source };
            let shown = [b"((", source, b"))"].concat();
            if self.traps.has_debug() {
                self.before_command(&shown)?;
            }
            if self.opt(Opt::XTrace) {
                self.trace(&[b"(( ", source, b" ))"].concat());
            }
        }
        if text.word.is_empty() {
            return Ok(Some(1));
        }
        match self.try_arithmetic(text)? {
            Ok(n) => Ok(Some(n)),
            Err(e) => {
                self.arithmetic_failure(b"((: ", &e)?;
                Ok(None)
            }
        }
    }

    #[inline(never)]
    fn case(&mut self, word: &Word, items: &[CaseItem]) -> Run {
        if self.traps.has_debug() || self.opt(Opt::XTrace) {
            let text = [b"case ", &print::word(word)[..], b" in "].concat();
            if self.traps.has_debug() {
                self.before_command(&text)?;
            }
            if self.opt(Opt::XTrace) {
                self.trace(text.trim_ascii_end());
            }
        }
        let subject = self.expand_string(word)?;
        let (mut fall, mut matched) = (false, false);
        for item in items {
            if !fall && !self.case_matches(&item.patterns, &subject)? {
                continue;
            }
            // The commands see the status from before; none at all have succeeded.
            matched = !item.body.items.is_empty();
            self.run_list(&item.body)?;
            match item.end {
                CaseEnd::Break => break,
                CaseEnd::FallThrough => fall = true,
                CaseEnd::Continue => fall = false,
            }
        }
        if !matched {
            self.status = 0;
        }
        Ok(())
    }

    #[inline(never)]
    fn case_matches(&mut self, patterns: &[Word], subject: &[u8]) -> Run<bool> {
        let nocase = self.shopt(Shopt::NoCaseMatch);
        for pattern in patterns {
            if let Some(text) = pattern.as_literal()
                && !nocase
                && !text.iter().any(|b| matches!(b, b'*' | b'?' | b'[' | b'\\' | b'('))
            {
                if text == subject {
                    return Ok(true);
                }
                continue;
            }
            let source = self.expand_pattern(pattern)?;
            let flags = Flags { extglob: self.shopt(Shopt::ExtGlob), nocase };
            if Pattern::new(&source, flags).matches(subject) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    #[inline(never)]
    fn arith_command(&mut self, text: &ArithText) -> Run {
        if self.traps.has_debug() {
            let shown = [b"((", &text.source[..], b"))"].concat();
            self.before_command(&shown)?;
        }
        if self.opt(Opt::XTrace) {
            let source = self.expand_arith_source(text)?;
            self.trace(&[b"(( ", &source[..], b" ))"].concat());
        }
        match self.try_arithmetic(text)? {
            Ok(n) => self.status = i32::from(n == 0),
            Err(e) => self.arithmetic_failure(b"((: ", &e)?,
        }
        Ok(())
    }

    fn expand_arith_source(&mut self, text: &ArithText) -> Run<Vec<u8>> {
        self.expand_string(&text.word)
    }

    #[inline(never)]
    fn select(&mut self, name: &[u8], words: Option<&[Word]>, body: &List, line: u32) -> Run {
        let Some(var) = self.loop_variable(name)? else { return Ok(()) };
        if self.traps.has_debug() {
            let mut text = [b"select ", var.name(), b" in"].concat();
            for w in words.unwrap_or(&[]) {
                text.push(b' ');
                text.extend(print::word(w));
            }
            self.before_command(&text)?;
        }
        let items = self.loop_words(words)?;
        if items.is_empty() {
            self.status = 0;
            return Ok(());
        }
        self.loops += 1;
        let result = self.select_body(var, &items, body, line);
        self.loops -= 1;
        result
    }

    fn select_body(&mut self, var: Sym, items: &[Vec<u8>], body: &List, line: u32) -> Run {
        let mut show = true;
        let mut status = 0;
        loop {
            self.line = line;
            if show {
                let menu = self.menu(items);
                self.write_error(&menu);
            }
            let ps3 = self.text(Sym::PS3).unwrap_or_else(|| b"#? ".to_vec());
            let prompt = self.expand_prompt_text(&ps3);
            self.write_error(&prompt);
            let Some(reply) = self.read_reply() else {
                self.out(b"\n");
                self.status = 1;
                return Ok(());
            };
            self.set_quietly(Sym::REPLY, &reply);
            show = reply.is_empty();
            if show {
                continue;
            }
            let choice = crate::expand::to_int(&reply).and_then(|n| usize::try_from(n).ok());
            let value = choice.and_then(|n| items.get(n.checked_sub(1)?)).cloned().unwrap_or_default();
            if self.assign(var, value, false).is_err() {
                return Err(self.discard(1));
            }
            let done = self.loop_body(body)?;
            status = if done { self.status } else { status };
            if done {
                self.status = status;
                return Ok(());
            }
        }
    }

    /// A numbered list in columns, as bash lays it out.
    fn menu(&mut self, items: &[Vec<u8>]) -> Vec<u8> {
        const RESERVED: usize = 6;
        let columns =
            self.text(Sym::new(b"COLUMNS")).and_then(|t| crate::expand::to_int(&t)).unwrap_or(80).max(1) as usize;
        let digits = |n: usize| n.to_string().len();
        let widest = items.iter().map(|i| self.count(i)).max().unwrap_or(0);
        let number_width = digits(items.len());
        let width = widest + number_width + 2 + 2;
        let mut cols = (columns / width).max(1);
        let mut rows = items.len().div_ceil(cols).max(1);
        cols = items.len().div_ceil(rows);
        if rows == 1 {
            rows = cols;
        }
        let first_width = digits(rows);
        let mut out = Vec::new();
        for row in 0..rows {
            let mut position = 0;
            let mut i = row;
            while i < items.len() {
                let width_here = if i < rows { first_width } else { number_width };
                let text = format!("{:>width_here$}) ", i + 1);
                out.extend_from_slice(text.as_bytes());
                out.extend_from_slice(&items[i]);
                let used = self.count(&items[i]) + text.len();
                i += rows;
                if i >= items.len() {
                    break;
                }
                let (mut from, to) = (position + used, position + width);
                while from < to {
                    if to / 8 > from / 8 {
                        out.push(b'\t');
                        from += 8 - from % 8;
                    } else {
                        out.push(b' ');
                        from += 1;
                    }
                }
                position += width;
            }
            out.push(b'\n');
        }
        let _ = RESERVED;
        out
    }

    fn read_reply(&mut self) -> Option<Vec<u8>> {
        let mut line = Vec::new();
        let mut byte = [0];
        loop {
            match self.sys.read(0, &mut byte) {
                Ok(0) => return if line.is_empty() { None } else { Some(line) },
                Ok(_) if byte[0] == b'\n' => return Some(line),
                Ok(_) => line.push(byte[0]),
                Err(crate::system::Errno::INTR) => {}
                Err(_) => return None,
            }
        }
    }

    /// Evaluates text as a subscript would be.
    pub fn evaluate_source(&mut self, text: &[u8]) -> Run<i64> {
        let sub = subscript_from_text(text);
        self.arithmetic(&sub.arith)
    }
}

/// What an early end means to the loop it reaches: true to end the loop, false for its next round.
fn after_loop(unwind: Unwind) -> Run<bool> {
    match unwind {
        Unwind::Break(n) if n <= 1 => Ok(true),
        Unwind::Break(n) => Err(Unwind::Break(n - 1)),
        Unwind::Continue(n) if n <= 1 => Ok(false),
        Unwind::Continue(n) => Err(Unwind::Continue(n - 1)),
        other => Err(other),
    }
}
