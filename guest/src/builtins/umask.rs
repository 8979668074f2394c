//! `umask`.

use super::OptionParser;
use crate::shell::{Run, Shell};

pub fn umask(sh: &mut Shell, args: &[Vec<u8>]) -> Run<i32> {
    let (mut symbolic, mut print) = (false, false);
    let mut parser = OptionParser::new(args, b"pS");
    while let Some(option) = parser.next() {
        match option {
            Ok((b'S', _)) => symbolic = true,
            Ok(_) => print = true,
            Err(bad) => return Ok(sh.bad_option(bad)),
        }
    }
    let old = sh.sys.umask(0);
    sh.sys.umask(old);
    let Some(mode) = parser.rest().first() else {
        let text = match (symbolic, print) {
            (true, true) => format!("umask -S {}\n", letters(old)),
            (true, false) => format!("{}\n", letters(old)),
            (false, true) => format!("umask {old:04o}\n"),
            (false, false) => format!("{old:04o}\n"),
        };
        return Ok(sh.out(text.as_bytes()));
    };
    if mode.first().is_some_and(u8::is_ascii_digit) {
        let octal = std::str::from_utf8(mode).ok().and_then(|t| u32::from_str_radix(t, 8).ok()).filter(|n| *n <= 0o777);
        let Some(mask) = octal else {
            sh.builtin_error(&[mode, b": octal number out of range"]);
            return Ok(1);
        };
        sh.sys.umask(mask);
        return Ok(0);
    }
    match parse(mode, !old & 0o777) {
        Ok(allowed) => {
            sh.sys.umask(!allowed & 0o777);
            if symbolic {
                return Ok(sh.out(format!("{}\n", letters(!allowed & 0o777)).as_bytes()));
            }
            Ok(0)
        }
        Err((c, what)) => {
            let what = [b"': invalid symbolic mode ", what.as_bytes()].concat();
            sh.builtin_error(&[b"`", &[c], &what]);
            Ok(1)
        }
    }
}

fn letters(mask: u32) -> String {
    let part = |shift: u32| {
        let bits = !mask >> shift & 7;
        [(4, 'r'), (2, 'w'), (1, 'x')].iter().filter(|(b, _)| bits & b != 0).map(|(_, c)| *c).collect::<String>()
    };
    format!("u={},g={},o={}", part(6), part(3), part(0))
}

/// Applies a symbolic mode to the permissions that are allowed.
fn parse(mode: &[u8], mut allowed: u32) -> Result<u32, (u8, &'static str)> {
    for clause in mode.split(|b| *b == b',') {
        let mut i = 0;
        let mut who = 0u32;
        while let Some(c) = clause.get(i) {
            match c {
                b'u' => who |= 0o700,
                b'g' => who |= 0o070,
                b'o' => who |= 0o007,
                b'a' => who |= 0o777,
                _ => break,
            }
            i += 1;
        }
        if who == 0 {
            who = 0o777;
        }
        while i < clause.len() {
            let op = clause[i];
            if !matches!(op, b'+' | b'-' | b'=') {
                return Err((op, "operator"));
            }
            i += 1;
            let mut bits = 0u32;
            while let Some(c) = clause.get(i) {
                bits |= match c {
                    b'r' => 0o444,
                    b'w' => 0o222,
                    b'x' | b'X' => 0o111,
                    b'u' => (allowed >> 6 & 7) * 0o111,
                    b'g' => (allowed >> 3 & 7) * 0o111,
                    b'o' => (allowed & 7) * 0o111,
                    b's' | b't' => 0,
                    b'+' | b'-' | b'=' => break,
                    c => return Err((*c, "character")),
                };
                i += 1;
            }
            match op {
                b'+' => allowed |= bits & who,
                b'-' => allowed &= !(bits & who),
                _ => allowed = allowed & !who | bits & who,
            }
        }
        if clause.is_empty() {
            return Err((0, "operator"));
        }
    }
    Ok(allowed)
}
