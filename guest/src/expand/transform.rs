//! `${name@Q}` and kin.

use super::operators::map;
use super::params::Got;
use crate::names::Sym;
use crate::shell::{Run, Shell};
use crate::syntax::ast::{Index, ParamName};
use crate::text::case_conv::{self, Case};
use crate::text::{ansi_c, quote};
use crate::vars::{Attrs, Value, Var};

/// The letters of a variable's attributes, as `${x@a}` and `declare -p` show them.
#[must_use]
pub fn attribute_letters(var: &Var) -> Vec<u8> {
    let assoc = var.attrs.has(Attrs::ASSOC);
    let array = var.attrs.has(Attrs::ARRAY) && !assoc;
    let table = [
        (array, b'a'),
        (assoc, b'A'),
        (var.attrs.has(Attrs::INTEGER), b'i'),
        (var.attrs.has(Attrs::NAMEREF), b'n'),
        (var.attrs.has(Attrs::READONLY), b'r'),
        (var.attrs.has(Attrs::TRACE), b't'),
        (var.attrs.has(Attrs::EXPORT), b'x'),
        (var.attrs.has(Attrs::CAPITAL), b'c'),
        (var.attrs.has(Attrs::LOWER), b'l'),
        (var.attrs.has(Attrs::UPPER), b'u'),
    ];
    table.into_iter().filter(|(on, _)| *on).map(|(_, letter)| letter).collect()
}

/// `([0]="a" [1]="b")`, as `declare -p` shows an array's value.
#[must_use]
pub fn array_value(value: &Value) -> Vec<u8> {
    let mut out = vec![b'('];
    let mut first = true;
    let mut add = |key: &[u8], text: &[u8], out: &mut Vec<u8>| {
        if !std::mem::take(&mut first) {
            out.push(b' ');
        }
        out.push(b'[');
        out.extend_from_slice(key);
        out.extend_from_slice(b"]=");
        out.extend_from_slice(&quote::declare(text));
    };
    match value {
        Value::Indexed(a) => a.iter().for_each(|(k, v)| add(k.to_string().as_bytes(), v, &mut out)),
        Value::Assoc(a) => {
            a.iter().for_each(|(k, v)| add(&quote::assoc_key(k), v, &mut out));
            if !a.is_empty() {
                out.push(b' ');
            }
        }
        Value::None | Value::Text(_) => {}
    }
    out.push(b')');
    out
}

impl Shell {
    pub(super) fn transform(&mut self, op: u8, name: ParamName, index: Option<&Index>, got: Got) -> Run<Got> {
        let all = matches!(index, Some(Index::At | Index::Star));
        match op {
            b'Q' => {
                self.check_set(name, index, &got)?;
                Ok(map(got, |t| quote::at_q(&t)))
            }
            b'E' => Ok(map(got, |t| ansi_c::dollar_single(&t))),
            b'U' => Ok(map(got, |t| case_conv::convert(&t, Case::Upper, true, None))),
            b'u' => Ok(map(got, |t| case_conv::convert(&t, Case::Upper, false, None))),
            b'L' => Ok(map(got, |t| case_conv::convert(&t, Case::Lower, true, None))),
            b'P' => Ok(map(got, |t| self.prompt(&t))),
            b'K' | b'k' if all => Ok(self.keyed(name, op == b'k', matches!(index, Some(Index::Star)))),
            b'K' | b'k' => Ok(map(got, |t| quote::at_q(&t))),
            b'a' => Ok(self.attributes_of(name, index)),
            b'A' => self.assignment_of(name, index, all),
            _ => Ok(Got::Unset),
        }
    }

    fn keyed(&mut self, name: ParamName, separate: bool, star: bool) -> Got {
        let ParamName::Var(var) = name else { return Got::Unset };
        let value = self.var(var).map(|v| v.value.clone()).unwrap_or_default();
        let pairs = value.keys().into_iter().zip(value.elements());
        if separate {
            return Got::List { items: pairs.flat_map(|(k, v)| [k, v]).collect(), star };
        }
        let assoc = matches!(value, Value::Assoc(_));
        let shown = |k: Vec<u8>| if assoc { quote::assoc_key(&k) } else { k };
        let items: Vec<Vec<u8>> = pairs.map(|(k, v)| [&shown(k)[..], b" ", &quote::declare(&v)].concat()).collect();
        let mut text = items.join(&b' ');
        if assoc && !text.is_empty() {
            text.push(b' ');
        }
        Got::Text(text)
    }

    fn attributes_of(&mut self, name: ParamName, index: Option<&Index>) -> Got {
        let ParamName::Var(var) = name else {
            return match name {
                ParamName::Special(c @ (b'@' | b'*')) => {
                    Got::List { items: vec![Vec::new(); self.params.len()], star: c == b'*' }
                }
                _ => Got::Text(Vec::new()),
            };
        };
        let Some(v) = self.var(var) else { return Got::Text(Vec::new()) };
        let letters = attribute_letters(v);
        match (index, v.value.elements().len()) {
            (Some(Index::At), n) => Got::List { items: vec![letters; n], star: false },
            (Some(Index::Star), n) => Got::List { items: vec![letters; n], star: true },
            _ => Got::Text(letters),
        }
    }

    fn assignment_of(&mut self, name: ParamName, index: Option<&Index>, all: bool) -> Run<Got> {
        let ParamName::Var(var) = name else { return self.positional_assignment(name) };
        let got = self.fetch(name, index)?;
        let Some(v) = self.vars.get(var) else { return Ok(Got::Unset) };
        let letters = attribute_letters(v);
        if v.value.is_array() && all {
            let value = [var.name(), b"=", &array_value(&v.value)].concat();
            let head = [b"declare -", &letters[..]].concat();
            let items = vec![[&head[..], b" ", &value].concat()];
            return Ok(Got::List { items, star: matches!(index, Some(Index::Star)) });
        }
        let Got::Text(text) = got else { return Ok(declaration(var, &letters)) };
        let value = [var.name(), b"=", &quote::at_q(&text)].concat();
        Ok(Got::Text(if letters.is_empty() { value } else { [b"declare -", &letters[..], b" ", &value].concat() }))
    }

    /// What `@A` gave is cut at blanks where IFS would cut, even inside quotes; two cuts, before the value.
    pub(super) fn cut_declaration(&mut self, items: &mut Vec<Vec<u8>>) {
        let ifs = self.text(Sym::IFS);
        if ifs.is_none_or(|t| t.is_empty() || t.contains(&b' ')) && !items.is_empty() {
            let first = items.remove(0);
            items.splice(0..0, first.splitn(3, |b| *b == b' ').map(<[u8]>::to_vec));
        }
    }

    fn positional_assignment(&mut self, name: ParamName) -> Run<Got> {
        match self.fetch(name, None)? {
            Got::List { items, star } if items.is_empty() => Ok(Got::List { items, star }),
            Got::List { items, star } => {
                let mut items: Vec<Vec<u8>> = items.iter().map(|i| quote::at_q(i)).collect();
                items[0] = [b"set -- ", &items[0][..]].concat();
                Ok(Got::List { items, star })
            }
            _ => Ok(Got::Unset),
        }
    }
}

fn declaration(var: Sym, letters: &[u8]) -> Got {
    if letters.is_empty() { Got::Unset } else { Got::Text([b"declare -", letters, b" ", var.name()].concat()) }
}
