//! `kill`.

use crate::expand::to_int;
use crate::shell::{Run, Shell};
use crate::system::{Errno, signal};

pub fn kill(sh: &mut Shell, args: &[Vec<u8>]) -> Run<i32> {
    let mut rest = &args[1..];
    let mut sig = signal::TERM;
    let Some(first) = rest.first() else { return Ok(sh.show_usage()) };
    match &first[..] {
        b"-l" | b"-L" => return Ok(list(sh, &rest[1..])),
        b"-s" | b"-n" => {
            let Some(name) = rest.get(1) else {
                sh.builtin_error(&[first, b": option requires an argument"]);
                return Ok(1);
            };
            let Some(n) = number(sh, name) else { return Ok(1) };
            sig = n;
            rest = &rest[2..];
        }
        b"--" => rest = &rest[1..],
        a if a.len() > 1 && a[0] == b'-' => {
            let Some(n) = number(sh, &a[1..]) else { return Ok(1) };
            sig = n;
            rest = &rest[1..];
        }
        _ => {}
    }
    if rest.first().is_some_and(|a| a == b"--") {
        rest = &rest[1..];
    }
    if rest.is_empty() {
        return Ok(sh.show_usage());
    }
    sh.reap();
    let mut status = 1;
    for target in rest {
        if send(sh, target, sig) {
            status = 0;
        }
    }
    sh.run_pending_traps()?;
    Ok(status)
}

fn number(sh: &Shell, name: &[u8]) -> Option<i32> {
    let found = signal::number(name);
    if found.is_none() {
        sh.builtin_error(&[name, b": invalid signal specification"]);
    }
    found
}

fn send(sh: &mut Shell, target: &[u8], sig: i32) -> bool {
    let pids = if target.starts_with(b"%") {
        match super::jobs::find(sh, target) {
            Some(i) => sh.jobs.list[i].processes.iter().filter(|p| p.status.is_none()).map(|p| p.pid).collect(),
            None => {
                sh.builtin_error(&[target, b": no such job"]);
                return false;
            }
        }
    } else {
        match to_int(target).and_then(|n| i32::try_from(n).ok()) {
            Some(pid) => vec![pid],
            None => {
                sh.builtin_error(&[target, b": arguments must be process or job IDs"]);
                return false;
            }
        }
    };
    let mut ok = true;
    for pid in pids {
        if let Err(e) = sh.sys.kill(pid, sig) {
            let text = if e == Errno::SRCH { "No such process" } else { e.message() };
            sh.builtin_error(&[b"(", pid.to_string().as_bytes(), b") - ", text.as_bytes()]);
            ok = false;
        }
    }
    ok
}

/// `kill -l`.
fn list(sh: &mut Shell, args: &[Vec<u8>]) -> i32 {
    if args.is_empty() {
        return sh.out(&table());
    }
    let mut out = Vec::new();
    let mut status = 0;
    for arg in args {
        let found = match to_int(arg) {
            Some(n) => {
                let n = if n > 128 { n - 128 } else { n };
                i32::try_from(n).ok().and_then(signal::name)
            }
            None => signal::number(arg).map(|n| n.to_string()),
        };
        match found {
            Some(text) => out.extend([text.as_bytes(), b"\n"].concat()),
            None => {
                sh.builtin_error(&[arg, b": invalid signal specification"]);
                status = 1;
            }
        }
    }
    sh.out(&out).max(status)
}

/// All signals, five on a line.
pub(super) fn table() -> Vec<u8> {
    let mut out = Vec::new();
    let mut column = 0;
    for n in 1..signal::COUNT {
        let Some(name) = signal::name(n) else { continue };
        out.extend(format!("{n:2}) SIG{name}").bytes());
        column += 1;
        out.push(if column % 5 == 0 { b'\n' } else { b'\t' });
    }
    if column % 5 != 0 {
        out.push(b'\n');
    }
    out
}
