//! `echo`.

use crate::options::{Opt, Shopt};
use crate::shell::{Run, Shell};
use crate::text::ansi_c;

pub fn echo(sh: &mut Shell, args: &[Vec<u8>]) -> Run<i32> {
    let mut newline = true;
    let mut escapes = sh.shopt(Shopt::XpgEcho);
    let mut first = 1;
    let takes_options = !(sh.opt(Opt::Posix) && escapes);
    while let Some(arg) = args.get(first) {
        let is_option = arg.len() > 1 && arg[0] == b'-' && arg[1..].iter().all(|b| matches!(b, b'n' | b'e' | b'E'));
        if !is_option || !takes_options {
            break;
        }
        for letter in &arg[1..] {
            match letter {
                b'n' => newline = false,
                b'e' => escapes = true,
                _ => escapes = false,
            }
        }
        first += 1;
    }
    let mut out = Vec::with_capacity(64);
    for (i, arg) in args[first..].iter().enumerate() {
        if i > 0 {
            out.push(b' ');
        }
        if !escapes {
            out.extend_from_slice(arg);
        } else if ansi_c::echo(arg, &mut out) {
            newline = false;
            break;
        }
    }
    if newline {
        out.push(b'\n');
    }
    Ok(sh.out(&out))
}
