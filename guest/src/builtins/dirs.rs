//! `pushd`, `popd`, `dirs`: the directory stack, whose top is the working directory.

use super::OptionParser;
use super::cd::go;
use crate::expand::to_int;
use crate::names::Sym;
use crate::shell::{Run, Shell};

impl Shell {
    /// The directory stack, the working directory first.
    #[must_use]
    pub fn directory_stack(&self) -> Vec<Vec<u8>> {
        let here = self.cwd.clone();
        std::iter::once(here).chain(self.dirs.iter().cloned()).collect()
    }
}

/// `+N` counts from the top, `-N` from the bottom.
fn index(arg: &[u8], len: usize) -> Option<usize> {
    let n = usize::try_from(to_int(&arg[1..])?).ok()?;
    match arg.first() {
        Some(b'+') => Some(n),
        _ => len.checked_sub(n + 1),
    }
}

fn is_index(arg: &[u8]) -> bool {
    arg.len() > 1 && matches!(arg[0], b'+' | b'-') && arg[1..].iter().all(u8::is_ascii_digit)
}

/// A directory with `~` for the home directory.
fn short(sh: &Shell, dir: &[u8]) -> Vec<u8> {
    match sh.vars.text(Sym::HOME) {
        Some(home) if !home.is_empty() => match dir.strip_prefix(home) {
            Some(rest) if rest.is_empty() || rest[0] == b'/' => [b"~", rest].concat(),
            _ => dir.to_vec(),
        },
        _ => dir.to_vec(),
    }
}

fn show(sh: &mut Shell) -> i32 {
    let stack = sh.directory_stack();
    let text = stack.iter().map(|d| short(sh, d)).collect::<Vec<_>>().join(&b' ');
    sh.out(&[&text[..], b"\n"].concat())
}

fn out_of_range(sh: &Shell, arg: &[u8]) -> i32 {
    if sh.dirs.is_empty() {
        sh.builtin_error(&[b"directory stack empty"]);
    } else {
        sh.builtin_error(&[arg, b": directory stack index out of range"]);
    }
    1
}

fn change(sh: &mut Shell, dir: &[u8]) -> bool {
    match go(sh, dir) {
        Ok(()) => true,
        Err(e) => {
            sh.builtin_error(&[dir, b": ", e.message().as_bytes()]);
            false
        }
    }
}

pub fn pushd(sh: &mut Shell, args: &[Vec<u8>]) -> Run<i32> {
    let mut rest = &args[1..];
    let mut stay = false;
    while let Some(arg) = rest.first() {
        match &arg[..] {
            b"-n" => stay = true,
            b"--" => {
                rest = &rest[1..];
                break;
            }
            a if a.len() > 1 && a[0] == b'-' && !is_index(a) => return Ok(sh.invalid_option(a[1])),
            _ => break,
        }
        rest = &rest[1..];
    }
    let Some(arg) = rest.first() else {
        if sh.dirs.is_empty() {
            sh.builtin_error(&[b"no other directory"]);
            return Ok(1);
        }
        let old = sh.directory_stack().swap_remove(0);
        let new = sh.dirs[0].clone();
        if !change(sh, &new) {
            return Ok(1);
        }
        sh.dirs[0] = old;
        return Ok(show(sh));
    };
    if is_index(arg) {
        let mut stack = sh.directory_stack();
        let Some(n) = index(arg, stack.len()).filter(|n| *n < stack.len()) else { return Ok(out_of_range(sh, arg)) };
        stack.rotate_left(n);
        let new = stack.remove(0);
        if !stay && !change(sh, &new) {
            return Ok(1);
        }
        sh.dirs = stack;
        return Ok(show(sh));
    }
    let old = sh.directory_stack().swap_remove(0);
    if stay {
        sh.dirs.insert(0, arg.clone());
    } else {
        if !change(sh, arg) {
            return Ok(1);
        }
        sh.dirs.insert(0, old);
    }
    Ok(show(sh))
}

pub fn popd(sh: &mut Shell, args: &[Vec<u8>]) -> Run<i32> {
    let mut stay = false;
    let mut which = None;
    for arg in &args[1..] {
        match &arg[..] {
            b"-n" => stay = true,
            b"--" => {}
            a if is_index(a) => which = Some(arg.clone()),
            a if a.len() > 1 && a[0] == b'-' => return Ok(sh.invalid_option(a[1])),
            a => {
                sh.builtin_error(&[a, b": invalid argument"]);
                return Ok(sh.show_usage());
            }
        }
    }
    let stack = sh.directory_stack();
    let n = match &which {
        None => 0,
        Some(arg) => match index(arg, stack.len()).filter(|n| *n < stack.len()) {
            Some(n) => n,
            None => return Ok(out_of_range(sh, arg)),
        },
    };
    if sh.dirs.is_empty() {
        return Ok(out_of_range(sh, b""));
    }
    if n == 0 {
        if stay {
            sh.dirs.remove(0);
        } else {
            let new = sh.dirs[0].clone();
            if !change(sh, &new) {
                return Ok(1);
            }
            sh.dirs.remove(0);
        }
    } else {
        sh.dirs.remove(n - 1);
    }
    Ok(show(sh))
}

pub fn dirs(sh: &mut Shell, args: &[Vec<u8>]) -> Run<i32> {
    let (mut long, mut lines, mut numbered, mut which) = (false, false, false, None);
    for arg in &args[1..] {
        if is_index(arg) {
            which = Some(arg.clone());
            continue;
        }
        let one = [b"dirs".to_vec(), arg.clone()];
        let mut parser = OptionParser::new(&one, b"clpv");
        while let Some(option) = parser.next() {
            match option {
                Ok((b'c', _)) => sh.dirs.clear(),
                Ok((b'l', _)) => long = true,
                Ok((b'p', _)) => lines = true,
                Ok(_) => (lines, numbered) = (true, true),
                Err(bad) => return Ok(sh.bad_option(bad)),
            }
        }
        if !parser.rest().is_empty() {
            sh.builtin_error(&[arg, b": invalid option"]);
            return Ok(sh.show_usage());
        }
        if arg.contains(&b'c') {
            return Ok(0);
        }
    }
    let stack = sh.directory_stack();
    let shown = |sh: &Shell, d: &[u8]| if long { d.to_vec() } else { short(sh, d) };
    if let Some(arg) = which {
        let Some(dir) = index(&arg, stack.len()).and_then(|n| stack.get(n)) else { return Ok(out_of_range(sh, &arg)) };
        let text = [&shown(sh, dir)[..], b"\n"].concat();
        return Ok(sh.out(&text));
    }
    let mut out = Vec::new();
    for (i, dir) in stack.iter().enumerate() {
        if numbered {
            out.extend(format!("{i:2}  ").bytes());
        } else if i > 0 && !lines {
            out.push(b' ');
        }
        out.extend(shown(sh, dir));
        if lines {
            out.push(b'\n');
        }
    }
    if !lines {
        out.push(b'\n');
    }
    Ok(sh.out(&out))
}
