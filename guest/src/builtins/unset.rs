//! `unset`.

use super::OptionParser;
use crate::names::{Sym, is_name};
use crate::shell::{Run, Shell};
use crate::vars::{Attrs, Key, Value};

pub fn unset(sh: &mut Shell, args: &[Vec<u8>]) -> Run<i32> {
    let (mut functions, mut variables, mut reference) = (false, false, false);
    let mut parser = OptionParser::new(args, b"fvn");
    while let Some(option) = parser.next() {
        match option {
            Ok((b'f', _)) => functions = true,
            Ok((b'v', _)) => variables = true,
            Ok(_) => reference = true,
            Err(bad) => return Ok(sh.bad_option(bad)),
        }
    }
    if functions && variables {
        sh.builtin_error(&[b"cannot simultaneously unset a function and a variable"]);
        return Ok(1);
    }
    let mut status = 0;
    for name in parser.rest() {
        let ok = if functions { function(sh, name) } else { variable(sh, name, variables, reference)? };
        if !ok {
            status = 1;
        }
    }
    Ok(status)
}

fn function(sh: &mut Shell, name: &[u8]) -> bool {
    if sh.funcs.get(name).is_some_and(|f| f.readonly) {
        sh.builtin_error(&[name, b": cannot unset: readonly function"]);
        return false;
    }
    if sh.funcs.remove(name).is_some_and(|f| f.exported) {
        sh.vars.env_changed = true;
    }
    true
}

fn variable(sh: &mut Shell, text: &[u8], only_variable: bool, reference: bool) -> Run<bool> {
    let (base, subscript) = match text.iter().position(|b| *b == b'[') {
        Some(open) if text.ends_with(b"]") => (&text[..open], Some(&text[open + 1..text.len() - 1])),
        _ => (text, None),
    };
    if !is_name(base) {
        if !only_variable && subscript.is_none() && sh.funcs.contains_key(text) {
            return Ok(function(sh, text));
        }
        return Ok(true);
    }
    let mut name = Sym::new(base);
    let mut key = None;
    if !reference && sh.vars.get(name).is_some_and(|v| v.attrs.has(Attrs::NAMEREF)) {
        let place = sh.follow(name)?;
        (name, key) = (place.name, place.key);
    }
    if name.is_dynamic() {
        sh.refresh_dynamic(name);
    }
    let Some(var) = sh.vars.get(name) else {
        if !only_variable && subscript.is_none() && sh.funcs.contains_key(base) {
            return Ok(function(sh, base));
        }
        return Ok(true);
    };
    if var.attrs.has(Attrs::READONLY) {
        sh.builtin_error(&[name.name(), b": cannot unset: readonly variable"]);
        return Ok(false);
    }
    match (subscript, key) {
        (Some(sub), _) => element(sh, name, sub),
        (None, Some(key)) => Ok(remove(sh, name, &key, b"")),
        (None, None) => {
            if name.is_dynamic() {
                sh.dynamic_unset |= 1 << (name.place() - Sym::RANDOM.place());
            }
            sh.vars.unset(name);
            Ok(true)
        }
    }
}

fn element(sh: &mut Shell, name: Sym, sub: &[u8]) -> Run<bool> {
    let assoc = sh.is_assoc(name);
    if (sub == b"@" || sub == b"*") && !(assoc && has_key(sh, name, sub)) {
        let is_text = matches!(sh.vars.get(name).map(|v| &v.value), Some(Value::Text(_)));
        if is_text {
            sh.vars.unset(name);
            return Ok(true);
        }
        sh.vars.unset(name);
        return Ok(true);
    }
    let key = sh.key_from_text(name, sub)?;
    Ok(remove(sh, name, &key, sub))
}

fn has_key(sh: &Shell, name: Sym, key: &[u8]) -> bool {
    matches!(sh.vars.get(name).map(|v| &v.value), Some(Value::Assoc(a)) if a.get(key).is_some())
}

fn remove(sh: &mut Shell, name: Sym, key: &Key, shown: &[u8]) -> bool {
    let var = sh.vars.entry(name);
    match (&mut var.value, key) {
        (Value::Indexed(a), Key::Index(n)) => match a.resolve(*n) {
            Some(index) => {
                a.remove(index);
                true
            }
            None => {
                sh.builtin_error(&[b"[", shown, b"]: bad array subscript"]);
                false
            }
        },
        (Value::Assoc(a), Key::Name(k)) => {
            a.remove(k);
            true
        }
        (Value::Text(_), Key::Index(0)) => {
            sh.vars.unset(name);
            true
        }
        (Value::Text(_), _) => {
            sh.builtin_error(&[name.name(), b": not an array variable"]);
            false
        }
        _ => true,
    }
}
