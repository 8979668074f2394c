//! `trap`.

use super::OptionParser;
use crate::exec::traps::{name, number};
use crate::shell::{Run, Shell};
use crate::text::quote;

fn show(sh: &Shell, condition: i32, out: &mut Vec<u8>) {
    let text = sh.traps.get(condition).or_else(|| sh.traps.inherited.get(&condition));
    if let Some(text) = text {
        out.extend_from_slice(b"trap -- ");
        out.extend(quote::single(text));
        out.extend(format!(" {}\n", name(condition)).bytes());
    }
}

pub fn trap(sh: &mut Shell, args: &[Vec<u8>]) -> Run<i32> {
    let mut print = false;
    let mut parser = OptionParser::new(args, b"lp");
    while let Some(option) = parser.next() {
        match option {
            Ok((b'l', _)) => return Ok(sh.out(&super::kill::table())),
            Ok(_) => print = true,
            Err(bad) => return Ok(sh.bad_option(bad)),
        }
    }
    let rest = parser.rest();
    let mut out = Vec::new();
    if rest.is_empty() {
        let mut all: Vec<i32> = sh.traps.iter().map(|(c, _)| c).collect();
        all.extend(sh.traps.inherited.keys().copied());
        all.sort_unstable();
        all.dedup();
        for condition in all {
            show(sh, condition, &mut out);
        }
        return Ok(sh.out(&out));
    }
    let mut status = 0;
    if print {
        for spec in rest {
            match number(spec) {
                Some(condition) => show(sh, condition, &mut out),
                None => status = invalid(sh, spec),
            }
        }
        return Ok(sh.out(&out).max(status));
    }
    let (text, specs): (Option<&[u8]>, &[Vec<u8>]) = match &rest[0][..] {
        b"-" if rest.len() > 1 => (None, &rest[1..]),
        // A lone condition, or a number first, means a reset.
        first if rest.len() == 1 && number(first).is_some() => (None, rest),
        first if first.iter().all(u8::is_ascii_digit) && !first.is_empty() => (None, rest),
        _ if rest.len() == 1 => return Ok(sh.show_usage()),
        first => (Some(first), &rest[1..]),
    };
    for spec in specs {
        match number(spec) {
            Some(condition) => sh.set_trap(condition, text),
            None => status = invalid(sh, spec),
        }
    }
    Ok(status)
}

fn invalid(sh: &Shell, spec: &[u8]) -> i32 {
    sh.builtin_error(&[spec, b": invalid signal specification"]);
    1
}
