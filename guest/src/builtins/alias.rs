//! `alias`, `unalias`.

use super::OptionParser;
use crate::shell::{Run, Shell};
use crate::text::quote;
use std::rc::Rc;

fn show(name: &[u8], text: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(b"alias ");
    if name.starts_with(b"-") {
        out.extend_from_slice(b"-- ");
    }
    out.extend_from_slice(name);
    out.push(b'=');
    out.extend(quote::single(text));
    out.push(b'\n');
}

/// May an alias have this name?
fn is_valid(name: &[u8]) -> bool {
    !name.is_empty()
        && !name.iter().any(|b| {
            matches!(
                b,
                b'/' | b'$'
                    | b'`'
                    | b'='
                    | b'\\'
                    | b'"'
                    | b'\''
                    | b' '
                    | b'\t'
                    | b'\n'
                    | b'|'
                    | b'&'
                    | b';'
                    | b'('
                    | b')'
                    | b'<'
                    | b'>'
            )
        })
}

pub fn alias(sh: &mut Shell, args: &[Vec<u8>]) -> Run<i32> {
    let mut parser = OptionParser::new(args, b"p");
    let mut list = false;
    while let Some(option) = parser.next() {
        match option {
            Ok(_) => list = true,
            Err(bad) => return Ok(sh.bad_option(bad)),
        }
    }
    let rest = parser.rest();
    let mut out = Vec::new();
    if rest.is_empty() || list {
        let mut all: Vec<_> = sh.aliases.iter().collect();
        all.sort();
        for (name, text) in all {
            show(name, text, &mut out);
        }
    }
    let mut status = 0;
    for arg in rest {
        if let Some(eq) = arg.iter().position(|b| *b == b'=').filter(|i| *i > 0) {
            let (name, text) = (&arg[..eq], &arg[eq + 1..]);
            if is_valid(name) {
                Rc::make_mut(&mut sh.aliases).insert(name.to_vec(), text.to_vec());
            } else {
                sh.builtin_error(&[b"`", name, b"': invalid alias name"]);
                status = 1;
            }
        } else if let Some(text) = sh.aliases.get(arg) {
            show(arg, text, &mut out);
        } else {
            sh.builtin_error(&[arg, b": not found"]);
            status = 1;
        }
    }
    Ok(sh.out(&out).max(status))
}

pub fn unalias(sh: &mut Shell, args: &[Vec<u8>]) -> Run<i32> {
    let mut parser = OptionParser::new(args, b"a");
    match parser.next() {
        Some(Ok(_)) => {
            sh.aliases = Rc::default();
            return Ok(0);
        }
        Some(Err(bad)) => return Ok(sh.bad_option(bad)),
        None => {}
    }
    if parser.rest().is_empty() {
        return Ok(sh.show_usage());
    }
    let mut status = 0;
    for name in parser.rest() {
        if Rc::make_mut(&mut sh.aliases).remove(name).is_none() {
            sh.builtin_error(&[name, b": not found"]);
            status = 1;
        }
    }
    Ok(status)
}
