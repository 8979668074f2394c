//! The values of parameters.

use super::{Between, Place, Sink, decimal};
use crate::names::{Sym, is_name};
use crate::options::Opt;
use crate::shell::{Mode, Run, Shell, Unwind};
use crate::syntax::ast::{Index, Op, Param, ParamName};
use crate::vars::{Attrs, Key, Value};

/// What a parameter gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Got {
    Unset,
    Text(Vec<u8>),
    /// `$@`, `$*`, `${a[@]}`; `star` for those that join.
    List {
        items: Vec<Vec<u8>>,
        star: bool,
    },
}

/// How a list came about, where that matters.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Made {
    No,
    /// In a string its elements are joined as `$*`'s are.
    Joined,
    /// The same, and with an empty IFS it is one word even outside quotes.
    OneWord,
    /// The same, and the words of a declaration are cut where it is not one quoted text.
    Declaration,
}

impl Shell {
    /// Expands a parameter into a sink.
    pub(super) fn param(&mut self, p: &Param, place: Place, sink: &mut dyn Sink) -> Run {
        if matches!(p.op, Op::None) && p.index.is_none() && !p.indirect {
            match p.name {
                ParamName::Var(name) if !name.is_dynamic() => {
                    if let Some(var) = self.vars.get(name)
                        && let Value::Text(text) = &var.value
                        && !var.attrs.has(Attrs::NAMEREF)
                    {
                        sink.value(text, place.quoted);
                        return Ok(());
                    }
                }
                ParamName::Positional(n) if n > 0 => {
                    if let Some(text) = self.params.get(n as usize - 1) {
                        sink.value(text, place.quoted);
                        return Ok(());
                    }
                }
                ParamName::Special(b'?') => {
                    let mut digits = [0; 20];
                    sink.value(decimal(self.status.into(), &mut digits), place.quoted);
                    return Ok(());
                }
                _ => {}
            }
        }
        self.param_slow(p, place, sink)
    }

    #[inline(never)]
    fn param_slow(&mut self, p: &Param, place: Place, sink: &mut dyn Sink) -> Run {
        if matches!(p.op, Op::Bad) {
            return Err(self.refuse());
        }
        if let Op::Names { star } = p.op {
            let ParamName::Var(prefix) = p.name else { return Err(self.refuse()) };
            let items = self.names_with_prefix(prefix.name());
            if star && !place.quoted && self.ifs().joiner().is_empty() {
                sink.expanded(&items.concat());
                return Ok(());
            }
            let made = self.made(p, None, place.quoted);
            self.emit_made(Got::List { items, star }, made, place, sink);
            return Ok(());
        }
        if p.indirect {
            return self.indirect(p, place, sink);
        }
        self.operate(p, p.name, p.index.as_ref(), place, sink)
    }

    /// `${!x…}`: the parameter whose name is the value of `x`.
    fn indirect(&mut self, p: &Param, place: Place, sink: &mut dyn Sink) -> Run {
        if let (ParamName::Var(name), None) = (p.name, &p.index)
            && let Some(var) = self.vars.get(name)
            && var.attrs.has(Attrs::NAMEREF)
        {
            let target = var.value.scalar().cloned().unwrap_or_default();
            let got = self.apply(p, p.name, None, Got::Text(target), place, sink)?;
            if let Some(got) = got {
                self.emit(got, place, sink);
            }
            return Ok(());
        }
        let shown = parameter_name(p.name, p.index.as_ref());
        let target = match self.fetch(p.name, p.index.as_ref())? {
            Got::Text(t) => t,
            Got::List { items, .. } => items.join(&b' '),
            Got::Unset if !matches!(p.name, ParamName::Var(_)) => return self.operate_unset(p, place, sink),
            Got::Unset => {
                self.complain_parts(&[&shown, b": invalid indirect expansion"]);
                return Err(self.discard(1));
            }
        };
        if let Some((name, index)) = reference(&target) {
            self.operate(p, name, index.as_ref(), place, sink)
        } else {
            self.complain_parts(&[&target, b": invalid variable name"]);
            Err(self.discard(1))
        }
    }

    /// Fetches a parameter and does what the operator says.
    fn operate(&mut self, p: &Param, name: ParamName, index: Option<&Index>, place: Place, sink: &mut dyn Sink) -> Run {
        let got = match (&p.op, index) {
            (Op::Length | Op::Keys { .. } | Op::Transform(b'a' | b'A'), _) => Got::Unset,
            _ => self.fetch(name, index)?,
        };
        if let Some(got) = self.apply(p, name, index, got, place, sink)? {
            let made = self.made(p, index, place.quoted);
            self.emit_made(got, made, place, sink);
        }
        Ok(())
    }

    /// How the list an operator makes differs from `$@`.
    fn made(&self, p: &Param, index: Option<&Index>, quoted: bool) -> Made {
        match &p.op {
            Op::Trim { .. } if index.is_some() && !quoted => Made::OneWord,
            Op::Transform(b'A') => Made::Declaration,
            Op::Trim { .. } | Op::Transform(_) | Op::Names { .. } => Made::Joined,
            Op::Keys { star: true } if !quoted => Made::OneWord,
            Op::Replace { .. } | Op::Case { .. } | Op::Substring { .. } | Op::Keys { .. } if quoted => Made::Joined,
            _ => Made::No,
        }
    }

    fn operate_unset(&mut self, p: &Param, place: Place, sink: &mut dyn Sink) -> Run {
        if let Some(got) = self.apply(p, p.name, p.index.as_ref(), Got::Unset, place, sink)? {
            self.emit(got, place, sink);
        }
        Ok(())
    }

    /// Gives a value to the sink.
    pub(super) fn emit(&mut self, got: Got, place: Place, sink: &mut dyn Sink) {
        self.emit_made(got, Made::No, place, sink);
    }

    /// The same for what an operator gave.
    fn emit_made(&mut self, got: Got, made: Made, place: Place, sink: &mut dyn Sink) {
        match got {
            Got::List { items, .. }
                if made == Made::OneWord && !place.quoted && sink.splits() && self.ifs().joiner().is_empty() =>
            {
                sink.expanded(&items.join(&b' '));
            }
            Got::Unset => sink.value(b"", place.quoted),
            Got::Text(t) => sink.value(&t, place.quoted),
            Got::List { items, star: true }
                if place.quoted && (made == Made::No || !sink.splits_stars() || self.ifs().joiner().is_empty()) =>
            {
                let ifs = self.ifs();
                sink.quoted(&items.join(ifs.joiner()));
            }
            Got::List { items, .. } if items.is_empty() => sink.nothing(),
            Got::List { items, star: false } if place.operand && !place.quoted && self.keeps_operands_whole() => {
                sink.quoted(&items.join(&b' '));
            }
            Got::List { mut items, star } => {
                let between = match (made, star) {
                    (_, true) if place.operand && self.ifs().joiner().is_empty() => Between::At,
                    (_, true) => Between::Star,
                    (Made::No, false) => Between::At,
                    _ => Between::Made,
                };
                if made == Made::Declaration && (sink.splits() || sink.splits_stars() || !star) {
                    self.cut_declaration(&mut items);
                }
                for (i, item) in items.iter().enumerate() {
                    if i > 0 {
                        sink.boundary(between);
                    }
                    sink.item(item, place.quoted);
                }
            }
        }
    }

    /// With an IFS that does not cut at blanks, `${x:-$@}` is one word.
    fn keeps_operands_whole(&mut self) -> bool {
        let ifs = self.text(Sym::IFS);
        ifs.is_some_and(|t| !t.is_empty() && !t.contains(&b' '))
    }

    /// The value of a parameter.
    pub(super) fn fetch(&mut self, name: ParamName, index: Option<&Index>) -> Run<Got> {
        match name {
            ParamName::Positional(0) => Ok(Got::Text(self.name.to_vec())),
            ParamName::Positional(n) => Ok(match self.params.get(n as usize - 1) {
                Some(t) => Got::Text(t.clone()),
                None => Got::Unset,
            }),
            ParamName::Special(c) => Ok(self.special(c)),
            ParamName::Var(name) => self.variable(name, index),
        }
    }

    fn special(&mut self, c: u8) -> Got {
        Got::Text(match c {
            b'@' | b'*' => return Got::List { items: self.params.to_vec(), star: c == b'*' },
            b'#' => self.params.len().to_string().into_bytes(),
            b'?' => self.status.to_string().into_bytes(),
            b'-' => self.opts.letters(),
            b'$' => self.pid.to_string().into_bytes(),
            _ => match self.last_background {
                Some(pid) => pid.to_string().into_bytes(),
                None => return Got::Unset,
            },
        })
    }

    fn variable(&mut self, name: Sym, index: Option<&Index>) -> Run<Got> {
        let place = self.place(name)?;
        if place.key.is_some() && index.is_none() {
            return Ok(self.read_place(&place).map_or(Got::Unset, Got::Text));
        }
        let name = place.name;
        match index {
            None => Ok(self.var(name).and_then(|v| v.value.scalar().cloned()).map_or(Got::Unset, Got::Text)),
            Some(Index::At | Index::Star) => {
                let items = self.var(name).map(|v| v.value.elements()).unwrap_or_default();
                Ok(Got::List { items, star: matches!(index, Some(Index::Star)) })
            }
            Some(Index::Sub(sub)) => {
                let key = self.key_for(name, sub)?;
                if let Key::Index(n) = key
                    && n < 0
                    && self.index_too_low(name, n)
                {
                    self.complain_parts(&[name.name(), b": bad array subscript"]);
                    return Ok(Got::Unset);
                }
                Ok(self.element(name, &key).cloned().map_or(Got::Unset, Got::Text))
            }
        }
    }

    /// Is the index before the beginning of the array?
    pub(crate) fn index_too_low(&mut self, name: Sym, n: i64) -> bool {
        if n >= 0 {
            return false;
        }
        match self.vars.get(name).map(|v| &v.value) {
            Some(Value::Indexed(a)) => a.resolve(n).is_none(),
            Some(Value::Text(_)) => n < -1,
            _ => true,
        }
    }

    fn names_with_prefix(&mut self, prefix: &[u8]) -> Vec<Vec<u8>> {
        self.refresh_all();
        let list = self.vars.sorted().into_iter();
        list.filter(|(n, v)| n.name().starts_with(prefix) && v.value != Value::None)
            .map(|(n, _)| n.name().to_vec())
            .collect()
    }

    /// Refuses an unset parameter under `set -u`.
    pub(super) fn check_set(&mut self, name: ParamName, index: Option<&Index>, got: &Got) -> Run {
        if *got != Got::Unset || !self.opt(Opt::NoUnset) {
            return Ok(());
        }
        let shown = match name {
            ParamName::Var(_) => parameter_name(name, index),
            ParamName::Positional(n) => format!("${n}").into_bytes(),
            ParamName::Special(c) => vec![b'$', c],
        };
        self.complain_parts(&[&shown, b": unbound variable"]);
        self.status = self.unbound_status();
        Err(Unwind::Exit)
    }

    /// The status of a shell that ends because of an unset variable.
    pub(super) fn unbound_status(&self) -> i32 {
        if self.mode == Mode::Command && self.subshell == 0 && !self.opt(Opt::ErrExit) { 127 } else { 1 }
    }

    /// The message is written by whoever knows the word around the parameter.
    pub(super) fn refuse(&mut self) -> Unwind {
        self.bad_substitution = true;
        self.discard(1)
    }
}

/// A parameter as messages name it.
pub(super) fn parameter_name(name: ParamName, index: Option<&Index>) -> Vec<u8> {
    let mut out = match name {
        ParamName::Var(name) => name.name().to_vec(),
        ParamName::Positional(n) => n.to_string().into_bytes(),
        ParamName::Special(c) => vec![c],
    };
    match index {
        None => {}
        Some(Index::At) => out.extend_from_slice(b"[@]"),
        Some(Index::Star) => out.extend_from_slice(b"[*]"),
        Some(Index::Sub(sub)) => {
            out.push(b'[');
            out.extend_from_slice(&sub.arith.source);
            out.push(b']');
        }
    }
    out
}

/// What a text that names a parameter refers to.
pub(super) fn reference(text: &[u8]) -> Option<(ParamName, Option<Index>)> {
    if let [c @ (b'@' | b'*' | b'#' | b'?' | b'-' | b'$' | b'!')] = text {
        return Some((ParamName::Special(*c), None));
    }
    if !text.is_empty() && text.iter().all(u8::is_ascii_digit) {
        return Some((ParamName::Positional(super::to_int(text)?.try_into().ok()?), None));
    }
    if is_name(text) {
        return Some((ParamName::Var(Sym::new(text)), None));
    }
    let open = text.iter().position(|b| *b == b'[')?;
    let inner = text[open + 1..].strip_suffix(b"]")?;
    if !is_name(&text[..open]) || inner.is_empty() {
        return None;
    }
    let index = match inner {
        b"@" => Index::At,
        b"*" => Index::Star,
        _ => Index::Sub(super::subscript_from_text(inner)),
    };
    Some((ParamName::Var(Sym::new(&text[..open])), Some(index)))
}
