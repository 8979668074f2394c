//! `[[ … ]]`.

use crate::names::Sym;
use crate::options::{Opt, Shopt};
use crate::pattern::{Flags, Pattern};
use crate::shell::{Run, Shell};
use crate::syntax::ast::{Cond, Word};
use crate::syntax::print;
use crate::test_expr::{self, FileOp, IntOp};
use crate::text::ere::Regex;
use crate::vars::{Indexed, Value};

/// A failed `[[`: its status, with the message written.
struct Failed(i32);

impl Shell {
    #[inline(never)]
    pub(super) fn cond_command(&mut self, cond: &Cond, line: u32) -> Run {
        self.line = line;
        if self.traps.has_debug() {
            let text = [b"[[ ", &print::cond(cond)[..], b" ]]"].concat();
            self.before_command(&text)?;
        }
        self.not_a_number = false;
        self.status = match self.cond(cond)? {
            Ok(true) => 0,
            Ok(false) => 1,
            Err(Failed(status)) => status,
        };
        self.check_numbers()
    }

    fn cond(&mut self, cond: &Cond) -> Run<Result<bool, Failed>> {
        match cond {
            Cond::And(a, b) => match self.cond(a)? {
                Ok(true) => self.cond(b),
                other => Ok(other),
            },
            Cond::Or(a, b) => match self.cond(a)? {
                Ok(false) => self.cond(b),
                other => Ok(other),
            },
            Cond::Not(a) => Ok(self.cond(a)?.map(|v| !v)),
            Cond::Group(a) => self.cond(a),
            Cond::Word(w) => {
                let text = self.expand_string(w)?;
                self.trace_cond(&[b"-n", shown(&text)]);
                Ok(Ok(!text.is_empty()))
            }
            Cond::Unary(letter, w) => self.unary(*letter, w),
            Cond::Binary(a, op, b) => self.binary(a, op, b),
        }
    }

    fn trace_cond(&mut self, parts: &[&[u8]]) {
        if self.opt(Opt::XTrace) {
            let text = [b"[[ ", &parts.join(&b' ')[..], b" ]]"].concat();
            self.trace(&text);
        }
    }

    fn unary(&mut self, letter: u8, w: &Word) -> Run<Result<bool, Failed>> {
        let text = self.expand_string(w)?;
        self.trace_cond(&[&[b'-', letter], shown(&text)]);
        match letter {
            b'z' => return Ok(Ok(text.is_empty())),
            b'n' => return Ok(Ok(!text.is_empty())),
            _ => {}
        }
        match test_expr::unary(letter, &text, self) {
            Some(value) => Ok(Ok(value)),
            None => Ok(Ok(false)),
        }
    }

    #[inline(never)]
    fn binary(&mut self, a: &Word, op: &[u8], b: &Word) -> Run<Result<bool, Failed>> {
        let left = self.expand_string(a)?;
        match op {
            b"=" | b"==" | b"!=" => {
                let source = self.expand_pattern(b)?;
                self.trace_cond(&[shown(&left), op, shown(&source)]);
                let nocase = self.shopt(Shopt::NoCaseMatch);
                let matches = Pattern::new(&source, Flags { extglob: true, nocase }).matches(&left);
                return Ok(Ok(matches == (op != b"!=")));
            }
            b"=~" => return self.regex(&left, b),
            _ => {}
        }
        let right = self.expand_string(b)?;
        self.trace_cond(&[shown(&left), op, shown(&right)]);
        if let Some(op) = IntOp::parse(op) {
            let pair = self.cond_number(&left)?.map(|l| (l, self.cond_number(&right)));
            return Ok(match pair {
                Ok((l, r)) => match r? {
                    Ok(r) => Ok(op.apply(l, r)),
                    Err(e) => Err(e),
                },
                Err(e) => Err(e),
            });
        }
        if let Some(op) = FileOp::parse(op) {
            return Ok(Ok(op.apply(&left, &right, self)));
        }
        Ok(Ok(if op == b"<" { left < right } else { left > right }))
    }

    /// An operand of `-eq` and kin is an expression.
    fn cond_number(&mut self, text: &[u8]) -> Run<Result<i64, Failed>> {
        match crate::arith::eval(text, self) {
            Ok(n) => Ok(Ok(n)),
            Err(e) => {
                self.arithmetic_failure(b"[[: ", &e)?;
                Ok(Err(Failed(1)))
            }
        }
    }

    #[inline(never)]
    fn regex(&mut self, left: &[u8], w: &Word) -> Run<Result<bool, Failed>> {
        let source = self.expand_regex(w)?;
        self.trace_cond(&[shown(left), b"=~", shown(&source)]);
        let nocase = self.shopt(Shopt::NoCaseMatch);
        let Ok(regex) = Regex::new(&source, nocase) else { return Ok(Err(Failed(2))) };
        let found = regex.captures(left);
        let items = match &found {
            Some(spans) => spans.iter().map(|s| s.map_or_else(Vec::new, |(a, b)| left[a..b].to_vec())).collect(),
            None => Vec::new(),
        };
        let var = self.vars.entry(Sym::BASH_REMATCH);
        var.value = Value::Indexed(Box::new(Indexed::from_items(items)));
        var.attrs.add(crate::vars::Attrs::ARRAY);
        Ok(Ok(found.is_some()))
    }
}

/// A word of a trace; an empty one is shown as quotes.
fn shown(text: &[u8]) -> &[u8] {
    if text.is_empty() { b"''" } else { text }
}
