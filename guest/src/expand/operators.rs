//! What `${name…}` does with a value.

use super::params::{Got, parameter_name};
use super::{Place, ReplacementSink, Sink, StringSink};
use crate::names::Sym;
use crate::options::Shopt;
use crate::pattern::{Extent, Flags, Pattern};
use crate::shell::{Run, Shell, Unwind};
use crate::syntax::ast::{ArithText, Index, Op, Param, ParamName, Subscript, Word};
use crate::text::case_conv::{self, Case};
use crate::text::utf8;
use crate::vars::{Key, Place as VarPlace, Value};

impl Shell {
    /// Applies the operator. `None`: the sink has been given everything.
    pub(super) fn apply(
        &mut self,
        p: &Param,
        name: ParamName,
        index: Option<&Index>,
        got: Got,
        place: Place,
        sink: &mut dyn Sink,
    ) -> Run<Option<Got>> {
        match &p.op {
            Op::None => {
                self.check_set(name, index, &got)?;
                Ok(Some(got))
            }
            Op::Test { op, colon, word } => self.test(name, index, (*op, *colon, word), got, place, sink),
            Op::Length => self.length(name, index).map(Some),
            Op::Keys { star } => {
                let ParamName::Var(var) = name else { return Err(self.refuse()) };
                let var = self.place(var)?.name;
                let items = self.var(var).map(|v| v.value.keys()).unwrap_or_default();
                Ok(Some(Got::List { items, star: *star }))
            }
            Op::Trim { suffix, longest, pattern } => {
                self.check_set(name, index, &got)?;
                let pattern = self.compile(pattern)?;
                let extent = if *longest { Extent::Longest } else { Extent::Shortest };
                Ok(Some(map(got, |t| trim(t, &pattern, *suffix, extent))))
            }
            Op::Replace { anchor, pattern, with } => {
                self.check_set(name, index, &got)?;
                let pattern = self.compile_nocase(pattern)?;
                let mut replacement =
                    ReplacementSink { enabled: self.shopt(Shopt::PatSubReplacement), ..ReplacementSink::default() };
                self.walk(&with.parts, Place::PLAIN, &mut replacement)?;
                Ok(Some(map(got, |t| replace(t, &pattern, *anchor, &replacement))))
            }
            Op::Substring { offset, length } => {
                self.check_set(name, index, &got)?;
                self.substring(name, index, offset, length.as_ref(), got).map(Some)
            }
            Op::Case { op, all, pattern } => {
                self.check_set(name, index, &got)?;
                let only = if pattern.is_empty() { None } else { Some(self.compile(pattern)?) };
                let case = match op {
                    b'^' => Case::Upper,
                    b',' => Case::Lower,
                    _ => Case::Toggle,
                };
                Ok(Some(map(got, |t| case_conv::convert(&t, case, *all, only.as_ref()))))
            }
            Op::Transform(0) => {
                self.refuse();
                self.status = self.unbound_status();
                Err(Unwind::Exit)
            }
            Op::Transform(op) => self.transform(*op, name, index, got).map(Some),
            Op::Names { .. } | Op::Bad => Err(self.refuse()),
        }
    }

    fn compile(&mut self, word: &Word) -> Run<Pattern> {
        let source = self.expand_pattern(word)?;
        Ok(Pattern::new(&source, Flags { extglob: self.shopt(Shopt::ExtGlob), nocase: false }))
    }

    fn compile_nocase(&mut self, word: &Word) -> Run<Pattern> {
        let source = self.expand_pattern(word)?;
        let nocase = self.shopt(Shopt::NoCaseMatch);
        Ok(Pattern::new(&source, Flags { extglob: self.shopt(Shopt::ExtGlob), nocase }))
    }

    /// `-`, `=`, `?`, `+`.
    fn test(
        &mut self,
        name: ParamName,
        index: Option<&Index>,
        (op, colon, word): (u8, bool, &Word),
        got: Got,
        place: Place,
        sink: &mut dyn Sink,
    ) -> Run<Option<Got>> {
        let missing = match &got {
            Got::Unset => true,
            Got::Text(t) => colon && t.is_empty(),
            Got::List { items, .. } => items.is_empty() || (colon && items.len() == 1 && items[0].is_empty()),
        };
        match (op, missing) {
            // Like "$@", a list that is not there is no word at all.
            (b'+', true) if matches!(got, Got::List { star: false, .. }) => Ok(Some(got)),
            (b'+', true) => Ok(Some(Got::Text(Vec::new()))),
            (b'+', false) | (b'-', true) => {
                let inner = Place { quoted: place.quoted, operand: true };
                if word.is_empty() {
                    return Ok(Some(Got::Text(Vec::new())));
                }
                self.walk(&word.parts, inner, sink)?;
                Ok(None)
            }
            (b'=', true) => {
                let mut text = Vec::new();
                let ifs = self.ifs();
                let mut string = StringSink { out: &mut text, joiner: ifs.joiner(), made: b" " };
                self.walk(&word.parts, Place { quoted: place.quoted, operand: false }, &mut string)?;
                self.assign_default(name, index, text.clone())?;
                Ok(Some(Got::Text(text)))
            }
            (b'?', true) => Err(self.report_missing(name, index, colon, word, place)?),
            _ => Ok(Some(got)),
        }
    }

    fn assign_default(&mut self, name: ParamName, index: Option<&Index>, text: Vec<u8>) -> Run {
        let ParamName::Var(name) = name else {
            let shown = parameter_name(name, index);
            self.complain_parts(&[b"$", &shown, b": cannot assign in this way"]);
            return Err(self.discard(1));
        };
        let place = match index {
            None => self.place(name)?,
            Some(Index::Sub(sub)) => {
                let name = self.place(name)?.name;
                VarPlace { name, key: Some(self.key_for(name, sub)?) }
            }
            Some(_) => {
                let shown = parameter_name(ParamName::Var(name), index);
                self.complain_parts(&[&shown, b": bad array subscript"]);
                return Err(self.discard(1));
            }
        };
        self.assign_place(&place, text, false).map_err(|_| self.discard(1))
    }

    fn report_missing(
        &mut self,
        name: ParamName,
        index: Option<&Index>,
        colon: bool,
        word: &Word,
        place: Place,
    ) -> Run<Unwind> {
        let shown = parameter_name(name, index);
        let mut text = Vec::new();
        let mut sink = StringSink { out: &mut text, joiner: b" ", made: b" " };
        self.walk(&word.parts, Place { quoted: place.quoted, operand: false }, &mut sink)?;
        if text.is_empty() && word.is_empty() {
            text = if colon { b"parameter null or not set".to_vec() } else { b"parameter not set".to_vec() };
        }
        self.complain_parts(&[&shown, b": ", &text]);
        self.status = self.unbound_status();
        Ok(Unwind::Exit)
    }

    /// `${#name}`.
    fn length(&mut self, name: ParamName, index: Option<&Index>) -> Run<Got> {
        let n = match (name, index) {
            (ParamName::Special(b'@' | b'*'), _) => self.params.len(),
            (ParamName::Var(var), Some(Index::At | Index::Star)) => {
                let base = self.place(var)?.name;
                if self.opt(crate::options::Opt::NoUnset) && self.var(base).is_none() {
                    self.complain_parts(&[base.name(), b": unbound variable"]);
                    self.status = 1;
                    return Err(Unwind::Exit);
                }
                match self.var(base).map(|v| &v.value) {
                    None | Some(Value::None) => 0,
                    Some(Value::Text(_)) => 1,
                    Some(Value::Indexed(a)) => a.len(),
                    Some(Value::Assoc(a)) => a.len(),
                }
            }
            _ => {
                if let (ParamName::Var(var), Some(Index::Sub(sub))) = (name, index) {
                    self.check_length_index(var, sub)?;
                }
                let got = self.fetch(name, index)?;
                self.check_set(name, index, &got)?;
                match got {
                    Got::Text(t) => self.count(&t),
                    _ => 0,
                }
            }
        };
        Ok(Got::Text(n.to_string().into_bytes()))
    }

    /// `${#a[-9]}` before the array's beginning gives the command up.
    fn check_length_index(&mut self, name: Sym, sub: &Subscript) -> Run {
        let name = self.place(name)?.name;
        if !sub.arith.source.starts_with(b"-") || self.is_assoc(name) {
            return Ok(());
        }
        if let Key::Index(n) = self.key_for(name, sub)?
            && n < 0
            && self.index_too_low(name, n)
        {
            self.complain_parts(&[&sub.arith.source, b"]: bad array subscript"]);
            return Err(self.discard(1));
        }
        Ok(())
    }

    /// The number of characters.
    pub fn count(&mut self, text: &[u8]) -> usize {
        if self.utf8() { utf8::char_count(text) } else { text.len() }
    }

    fn substring(
        &mut self,
        name: ParamName,
        index: Option<&Index>,
        offset: &ArithText,
        length: Option<&ArithText>,
        got: Got,
    ) -> Run<Got> {
        if got == Got::Unset || matches!((&got, name), (Got::List { items, .. }, ParamName::Var(_)) if items.is_empty())
        {
            return Ok(got);
        }
        let mut shown = parameter_name(name, index);
        shown.extend_from_slice(b": ");
        let start = self.arithmetic_for(&shown, offset)?;
        let got = match (got, name) {
            (Got::List { mut items, star }, ParamName::Var(var)) => {
                let var = self.place(var)?.name;
                match self.vars.get(var).map(|v| &v.value) {
                    // A text under `[@]` is still a text.
                    Some(Value::Text(_)) => Got::Text(items.pop().unwrap_or_default()),
                    _ => Got::List { items, star },
                }
            }
            (got, _) => got,
        };
        match got {
            Got::List { items, star } => self.slice(name, items, star, start, length, &shown),
            Got::Unset => Ok(Got::Unset),
            Got::Text(text) => {
                let utf8 = self.utf8();
                let count = self.count(&text) as i64;
                let start = if start < 0 { start.saturating_add(count) } else { start };
                if start < 0 || start > count {
                    return Ok(Got::Text(Vec::new()));
                }
                let end = match length {
                    None => count,
                    Some(length) => {
                        let n = self.arithmetic_for(&shown, length)?;
                        let end = if n < 0 { count.saturating_add(n) } else { start.saturating_add(n).min(count) };
                        if end < start {
                            return Err(self.negative_length(length)?);
                        }
                        end
                    }
                };
                let at = |n: i64| if utf8 { utf8::char_offset(&text, n as usize) } else { n as usize };
                let text = text[at(start)..at(end)].to_vec();
                // Beside "$@", an empty part of a text counts as a word.
                Ok(if text.is_empty() { Got::List { items: vec![text], star: false } } else { Got::Text(text) })
            }
        }
    }

    /// The value of an expression; errors name the parameter.
    fn arithmetic_for(&mut self, shown: &[u8], text: &ArithText) -> Run<i64> {
        let result = self.try_arithmetic(text)?;
        result.map_err(|e| self.arithmetic_error(shown, &e))
    }

    fn negative_length(&mut self, length: &ArithText) -> Run<Unwind> {
        let text = self.expand_string(&length.word)?;
        self.complain_parts(&[&text, b": substring expression < 0"]);
        Ok(self.discard(1))
    }

    /// `${@:offset:length}`, `${a[@]:offset:length}`.
    fn slice(
        &mut self,
        name: ParamName,
        items: Vec<Vec<u8>>,
        star: bool,
        start: i64,
        length: Option<&ArithText>,
        shown: &[u8],
    ) -> Run<Got> {
        let mut at_least = 0;
        let mut keyed: Vec<(i64, Vec<u8>)> = match name {
            ParamName::Special(_) => {
                let all = std::iter::once(self.name.to_vec()).chain(items);
                (0..).zip(all).collect()
            }
            ParamName::Var(var) => {
                let var = self.place(var)?.name;
                match self.var(var).map(|v| &v.value) {
                    Some(Value::Indexed(a)) => a.iter().map(|(k, v)| (k as i64, v.clone())).collect(),
                    // Bash numbers the elements of an associative array from 1 here, and gives one at least.
                    Some(Value::Assoc(_)) => {
                        at_least = 1;
                        (1..).zip(items).collect()
                    }
                    _ => (0..).zip(items).collect(),
                }
            }
            ParamName::Positional(_) => (0..).zip(items).collect(),
        };
        let end = keyed.last().map_or(0, |(k, _)| k + 1);
        let start = if start < 0 { start.saturating_add(end) } else { start };
        let beside = i64::from(matches!(name, ParamName::Special(_)));
        if start < 0 || start >= end + beside {
            return Ok(Got::List { items: Vec::new(), star });
        }
        if let Some(text) = length {
            let n = self.arithmetic_for(shown, text)?;
            if n < 0 {
                return Err(self.negative_length(text)?);
            }
            keyed.retain(|(k, _)| *k >= start);
            keyed.truncate((n as usize).max(at_least));
        } else {
            keyed.retain(|(k, _)| *k >= start);
        }
        Ok(Got::List { items: keyed.into_iter().map(|(_, v)| v).collect(), star })
    }
}

/// Changes every text of a value.
pub(super) fn map(got: Got, mut f: impl FnMut(Vec<u8>) -> Vec<u8>) -> Got {
    match got {
        Got::Unset => Got::Unset,
        Got::Text(t) => Got::Text(f(t)),
        Got::List { items, star } => Got::List { items: items.into_iter().map(f).collect(), star },
    }
}

fn trim(mut text: Vec<u8>, pattern: &Pattern, suffix: bool, extent: Extent) -> Vec<u8> {
    if suffix {
        if let Some(start) = pattern.match_suffix(&text, extent) {
            text.truncate(start);
        }
    } else if let Some(end) = pattern.match_prefix(&text, extent) {
        text.drain(..end);
    }
    text
}

/// Bash lets nothing but a pattern that begins with `*` match nothing at the end of a text.
fn matches_nothing(pattern: &Pattern) -> bool {
    matches!(pattern.source().first(), None | Some(b'*'))
}

fn replace(text: Vec<u8>, pattern: &Pattern, anchor: u8, with: &ReplacementSink) -> Vec<u8> {
    match anchor {
        b'#' => match pattern.match_prefix(&text, Extent::Longest) {
            Some(end) if !text.is_empty() || matches_nothing(pattern) => {
                let mut out = Vec::with_capacity(text.len());
                with.apply(&text[..end], &mut out);
                out.extend_from_slice(&text[end..]);
                out
            }
            _ => text,
        },
        b'%' => match pattern.match_suffix(&text, Extent::Longest) {
            Some(start) => {
                let mut out = Vec::with_capacity(text.len());
                out.extend_from_slice(&text[..start]);
                with.apply(&text[start..], &mut out);
                out
            }
            None => text,
        },
        _ if pattern.source().is_empty() => text,
        _ => replace_anywhere(&text, pattern, anchor != 0, with),
    }
}

fn replace_anywhere(text: &[u8], pattern: &Pattern, all: bool, with: &ReplacementSink) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut from = 0;
    while from < text.len() || from == 0 {
        let Some((start, end)) = pattern.find(text, from) else { break };
        if start == text.len() && !matches_nothing(pattern) {
            break;
        }
        out.extend_from_slice(&text[from..start]);
        with.apply(&text[start..end], &mut out);
        from = end;
        if !all {
            break;
        }
        if start == end {
            out.extend(text.get(end));
            from += 1;
        }
    }
    out.extend_from_slice(text.get(from..).unwrap_or_default());
    out
}
