//! `shopt`.

use super::OptionParser;
use crate::options::{self, OPTS, SHOPTS};
use crate::shell::{Run, Shell};

pub fn shopt(sh: &mut Shell, args: &[Vec<u8>]) -> Run<i32> {
    let (mut on, mut off, mut quiet, mut print, mut set) = (false, false, false, false, false);
    let mut parser = OptionParser::new(args, b"opqsu");
    while let Some(option) = parser.next() {
        match option {
            Ok((b's', _)) => on = true,
            Ok((b'u', _)) => off = true,
            Ok((b'q', _)) => quiet = true,
            Ok((b'p', _)) => print = true,
            Ok(_) => set = true,
            Err(bad) => return Ok(sh.bad_option(bad)),
        }
    }
    if on && off {
        sh.builtin_error(&[b"cannot set and unset shell options simultaneously"]);
        return Ok(1);
    }
    let names = parser.rest();
    if (on || off) && !names.is_empty() {
        return Ok(change(sh, names, on, set));
    }
    Ok(show(sh, names, set, quiet, print, on, off))
}

fn change(sh: &mut Shell, names: &[Vec<u8>], on: bool, set: bool) -> i32 {
    let mut status = 0;
    for name in names {
        let found = if set {
            options::by_name(name).map(|o| sh.opts.put(o, on))
        } else {
            options::shopt_by_name(name).map(|o| sh.opts.put_shopt(o, on))
        };
        if found.is_none() {
            unknown(sh, name, set);
            status = 1;
        }
    }
    status
}

fn unknown(sh: &Shell, name: &[u8], set: bool) {
    let text: &[u8] = if set { b": invalid option name" } else { b": invalid shell option name" };
    sh.builtin_error(&[name, text]);
}

/// The name and state of options.
fn states(sh: &Shell, set: bool) -> Vec<(&'static str, bool)> {
    if set {
        OPTS.iter().map(|(o, n, ..)| (*n, sh.opt(*o))).collect()
    } else {
        SHOPTS.iter().map(|(o, n, ..)| (*n, sh.shopt(*o))).collect()
    }
}

fn show(sh: &mut Shell, names: &[Vec<u8>], set: bool, quiet: bool, print: bool, only_on: bool, only_off: bool) -> i32 {
    let all = states(sh, set);
    let mut out = Vec::new();
    let mut status = 0;
    let mut add = |name: &str, on: bool| {
        let line = match (print, set) {
            (true, true) => format!("set {}o {name}\n", if on { '-' } else { '+' }),
            (true, false) => format!("shopt {} {name}\n", if on { "-s" } else { "-u" }),
            (false, _) => format!("{name:<15}\t{}\n", if on { "on" } else { "off" }),
        };
        out.extend(line.bytes());
    };
    if names.is_empty() {
        for (name, on) in all {
            if (only_on && !on) || (only_off && on) {
                continue;
            }
            add(name, on);
        }
        return if quiet { 0 } else { sh.out(&out) };
    }
    for name in names {
        match all.iter().find(|(n, _)| n.as_bytes() == &name[..]) {
            Some((n, on)) => {
                add(n, *on);
                if !on {
                    status = 1;
                }
            }
            None => {
                unknown(sh, name, set);
                status = 1;
            }
        }
    }
    if quiet { status } else { sh.out(&out).max(status) }
}
