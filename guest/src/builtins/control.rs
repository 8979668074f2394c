//! `:`, `true`, `false`, `break`, `continue`, `return`, `exit`, `logout`, `shift`.

use crate::expand::to_int;
use crate::options::{Opt, Shopt};
use crate::shell::{Run, Shell, Unwind};
use std::rc::Rc;

pub fn success(_sh: &mut Shell, _args: &[Vec<u8>]) -> Run<i32> {
    Ok(0)
}

pub fn failure(_sh: &mut Shell, _args: &[Vec<u8>]) -> Run<i32> {
    Ok(1)
}

/// The operands, a leading `--` removed.
fn operands(args: &[Vec<u8>]) -> &[Vec<u8>] {
    match args.get(1) {
        Some(a) if a == b"--" => &args[2..],
        _ => &args[1..],
    }
}

/// The levels of `break` and `continue`.
fn levels(sh: &mut Shell, args: &[Vec<u8>]) -> Run<Option<u32>> {
    let rest = operands(args);
    if sh.loops == 0 {
        sh.builtin_error(&[b"only meaningful in a `for', `while', or `until' loop"]);
        return Ok(None);
    }
    let Some(arg) = rest.first() else { return Ok(Some(1)) };
    let Some(n) = to_int(arg) else {
        sh.builtin_error(&[arg, b": numeric argument required"]);
        sh.status = 128;
        return Err(Unwind::Exit);
    };
    if rest.len() > 1 {
        sh.builtin_error(&[b"too many arguments"]);
        return Err(sh.discard(1));
    }
    if n <= 0 {
        sh.builtin_error(&[arg, b": loop count out of range"]);
        sh.status = 1;
        return Err(Unwind::Break(sh.loops));
    }
    Ok(Some((n.min(i64::from(sh.loops))) as u32))
}

pub fn r#break(sh: &mut Shell, args: &[Vec<u8>]) -> Run<i32> {
    match levels(sh, args)? {
        Some(n) => {
            sh.status = 0;
            Err(Unwind::Break(n))
        }
        None => Ok(0),
    }
}

pub fn r#continue(sh: &mut Shell, args: &[Vec<u8>]) -> Run<i32> {
    match levels(sh, args)? {
        Some(n) => {
            sh.status = 0;
            Err(Unwind::Continue(n))
        }
        None => Ok(0),
    }
}

/// The status `exit` and `return` are given; `Err` when it is no number.
fn status_argument(sh: &mut Shell, args: &[Vec<u8>]) -> Result<i32, i32> {
    let rest = operands(args);
    let Some(arg) = rest.first() else { return Ok(sh.status) };
    match to_int(arg) {
        Some(_) if rest.len() > 1 => {
            sh.builtin_error(&[b"too many arguments"]);
            Err(1)
        }
        Some(n) => Ok((n & 0xff) as i32),
        None => {
            sh.builtin_error(&[arg, b": numeric argument required"]);
            Err(2)
        }
    }
}

pub fn exit(sh: &mut Shell, args: &[Vec<u8>]) -> Run<i32> {
    match status_argument(sh, args) {
        Err(1) => return Err(sh.discard(1)),
        Ok(status) | Err(status) => sh.status = status,
    }
    Err(Unwind::Exit)
}

pub fn logout(sh: &mut Shell, args: &[Vec<u8>]) -> Run<i32> {
    if !sh.shopt(Shopt::LoginShell) {
        sh.builtin_error(&[b"not login shell: use `exit'"]);
        return Ok(1);
    }
    exit(sh, args)
}

pub fn r#return(sh: &mut Shell, args: &[Vec<u8>]) -> Run<i32> {
    let before = sh.status;
    let status = match status_argument(sh, args) {
        Err(1) => return Err(sh.discard(1)),
        Ok(status) | Err(status) => status,
    };
    let can = sh.frames.iter().any(|f| f.is_function || &*f.name == b"source");
    if !can {
        sh.builtin_error(&[b"can only `return' from a function or sourced script"]);
        return Ok(if sh.opt(Opt::Posix) { 1 } else { 2 });
    }
    sh.status = status;
    sh.before_return = before;
    Err(Unwind::Return)
}

pub fn shift(sh: &mut Shell, args: &[Vec<u8>]) -> Run<i32> {
    let rest = operands(args);
    let n = match rest.first() {
        None => 1,
        Some(arg) => match to_int(arg) {
            Some(_) if rest.len() > 1 => {
                sh.builtin_error(&[b"too many arguments"]);
                return Err(sh.discard(1));
            }
            Some(n) if n < 0 => {
                sh.builtin_error(&[arg, b": shift count out of range"]);
                return Ok(1);
            }
            Some(n) => n as usize,
            None => {
                sh.builtin_error(&[arg, b": numeric argument required"]);
                return Ok(1);
            }
        },
    };
    if n > sh.params.len() {
        if sh.shopt(Shopt::ShiftVerbose) || sh.opt(Opt::Posix) {
            sh.builtin_error(&[n.to_string().as_bytes(), b": shift count out of range"]);
        }
        return Ok(1);
    }
    Rc::make_mut(&mut sh.params).drain(..n);
    Ok(0)
}
