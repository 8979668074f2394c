//! Arithmetic with the shell's variables.

use super::{Place, StringSink};
use crate::arith::{ArithEnv, ArithError, Element, Expr, Key as ArithKey, Value as Number};
use crate::names::Sym;
use crate::options::Opt;
use crate::shell::{Run, Shell, Unwind};
use crate::syntax::ast::{ArithText, Part};
use crate::vars::{Attrs, Key, Value};
use std::rc::Rc;

impl Shell {
    /// The value of arithmetic text. An error gives up the current command.
    pub fn arithmetic(&mut self, text: &ArithText) -> Run<i64> {
        let result = self.try_arithmetic(text)?;
        result.map_err(|e| self.arithmetic_error(b"", &e))
    }

    /// The value, or the error itself for commands that go on after one.
    pub fn try_arithmetic(&mut self, text: &ArithText) -> Run<Result<i64, ArithError>> {
        match &*text.word.parts {
            [] => Ok(Ok(0)),
            [Part::Lit(source)] => {
                let expr = text.expr.get_or_init(|| Rc::new(Expr::parse(source))).clone();
                Ok(expr.eval(self))
            }
            parts => {
                let mut source = Vec::new();
                let mut sink = StringSink { out: &mut source, joiner: b" ", made: b" " };
                self.walk(parts, Place::QUOTED, &mut sink)?;
                Ok(crate::arith::eval(&source, self))
            }
        }
    }

    /// The value of an expression given as text.
    pub fn evaluate_text(&mut self, text: &[u8]) -> Run<i64> {
        self.evaluate_for(b"", text)
    }

    /// The same; `prefix` is the command's name with its colon.
    pub fn evaluate_for(&mut self, prefix: &[u8], text: &[u8]) -> Run<i64> {
        if let Some(n) = plain_number(text) {
            return Ok(n);
        }
        crate::arith::eval(text, self).map_err(|e| self.arithmetic_error(prefix, &e))
    }

    /// An error in a command that merely fails because of one (`((`, `let`); some give up more than that.
    pub fn arithmetic_failure(&mut self, prefix: &[u8], error: &ArithError) -> Run {
        let fatal = matches!(error, ArithError::Subscript(_)) || matches!(error, ArithError::Env(t) if t == UNBOUND);
        let unwind = self.arithmetic_error(prefix, error);
        if fatal {
            return Err(unwind);
        }
        self.status = 1;
        Ok(())
    }

    /// Reports an error; `prefix` is the command's name with its colon.
    pub fn arithmetic_error(&mut self, prefix: &[u8], error: &ArithError) -> Unwind {
        match error {
            ArithError::Expr(text) => self.complain_parts(&[prefix, text]),
            ArithError::Subscript(text) => {
                self.complain(text);
            }
            ArithError::Env(text) if text == UNBOUND => {
                self.status = self.unbound_status();
                return Unwind::Exit;
            }
            ArithError::Env(text) if text.is_empty() => {}
            ArithError::Env(text) => self.complain(text),
        }
        self.discard(1)
    }

    /// The variable a name in an expression means.
    fn arith_unset(&mut self, name: &[u8]) -> Result<Number<'_>, ArithError> {
        if self.opt(Opt::NoUnset) {
            self.complain_parts(&[name, b": unbound variable"]);
            return Err(ArithError::Env(UNBOUND.to_vec()));
        }
        Ok(Number::Unset)
    }
}

/// Marks the error of an unset variable under `set -u`, which ends the shell.
const UNBOUND: &[u8] = b"\0unbound";

/// A number that means the same in arithmetic: no leading zero.
fn plain_number(text: &[u8]) -> Option<i64> {
    if text.is_empty() || text.len() > 18 || (text[0] == b'0' && text.len() > 1) || !text.iter().all(u8::is_ascii_digit)
    {
        return None;
    }
    super::to_int(text)
}

/// The message has been written.
fn refused<E>(_: E) -> ArithError {
    ArithError::Env(Vec::new())
}

impl Shell {
    fn arith_key(&mut self, key: ArithKey<'_>) -> Key {
        match key {
            ArithKey::Index(n) => Key::Index(n),
            ArithKey::Name(k) => Key::Name(k.to_vec()),
        }
    }
}

impl ArithEnv for Shell {
    fn get(&mut self, name: &[u8]) -> Result<Number<'_>, ArithError> {
        let Some(sym) = Sym::lookup(name) else { return self.arith_unset(name) };
        if sym.is_dynamic() {
            self.refresh_dynamic(sym);
        }
        let plain = matches!(self.vars.get(sym), Some(v) if !v.attrs.has(Attrs::NAMEREF));
        if plain {
            // Looked up again: the borrow of the answer must not reach into the other branch.
            if let Some(v) = self.vars.get(sym)
                && v.value.scalar().is_none()
            {
                return self.arith_unset(name);
            }
            return Ok(self.vars.text(sym).map_or(Number::Unset, Number::Text));
        }
        match self.text(sym) {
            Some(text) => {
                self.scratch = text;
                Ok(Number::Text(&self.scratch))
            }
            None => self.arith_unset(name),
        }
    }

    fn set(&mut self, name: &[u8], value: i64) -> Result<(), ArithError> {
        let sym = Sym::new(name);
        let mut digits = [0; 20];
        let text = super::decimal(value, &mut digits);
        if !sym.is_dynamic() && !self.opt(Opt::AllExport) {
            let var = self.vars.entry(sym);
            if var.attrs.is_plain()
                && let Value::Text(old) = &mut var.value
            {
                old.clear();
                old.extend_from_slice(text);
                return Ok(());
            }
        }
        self.assign(sym, text.to_vec(), false).map_err(refused)
    }

    fn get_element(&mut self, element: Element<'_>) -> Result<Number<'_>, ArithError> {
        let name = element.name;
        let sym = Sym::new(name);
        let key = self.arith_key(element.key);
        let base = self.place(sym).map_err(refused)?.name;
        if let Key::Index(n) = key
            && n < 0
            && let Some(Value::Indexed(a)) = self.vars.get(base).map(|v| &v.value)
            && a.resolve(n).is_none()
        {
            let text = [name, b": bad array subscript"].concat();
            self.complain(&text);
            return Ok(Number::Unset);
        }
        match self.element(base, &key).cloned() {
            Some(text) => {
                self.scratch = text;
                Ok(Number::Text(&self.scratch))
            }
            None => self.arith_unset(name),
        }
    }

    fn set_element(&mut self, element: Element<'_>, value: i64) -> Result<(), ArithError> {
        let key = self.arith_key(element.key);
        let base = self.place(Sym::new(element.name)).map_err(refused)?.name;
        self.assign_element(base, &key, value.to_string().into_bytes(), false).map_err(refused)
    }

    fn is_assoc(&mut self, name: &[u8]) -> bool {
        let Some(sym) = Sym::lookup(name) else { return false };
        match self.place(sym) {
            Ok(place) => Shell::is_assoc(self, place.name),
            Err(_) => false,
        }
    }

    fn bad_subscript(&mut self, name: &[u8], subscript: &[u8], assigning: bool) -> Result<(), ArithError> {
        let shown = [name, b"[", subscript, b"]: bad array subscript"].concat();
        let text = if assigning { shown } else { [name, b": bad array subscript"].concat() };
        self.complain(&text);
        if assigning { Err(ArithError::Env(Vec::new())) } else { Ok(()) }
    }

    fn expand_subscript(&mut self, name: &[u8], subscript: &[u8]) -> Result<Vec<u8>, ArithError> {
        let _ = name;
        let sub = super::subscript_from_text(subscript);
        self.expand_string(sub.key()).map_err(refused)
    }
}
