//! `wait`.

use super::OptionParser;
use crate::expand::to_int;
use crate::names::{Sym, is_name};
use crate::shell::{Run, Shell};
use crate::system::Pid;

pub fn wait(sh: &mut Shell, args: &[Vec<u8>]) -> Run<i32> {
    let (mut next, mut variable) = (false, None);
    let mut parser = OptionParser::new(args, b"fnp:");
    while let Some(option) = parser.next() {
        match option {
            Ok((b'n', _)) => next = true,
            Ok((b'p', name)) => variable = name.map(<[u8]>::to_vec),
            Ok(_) => {}
            Err(bad) => return Ok(sh.bad_option(bad)),
        }
    }
    if let Some(name) = &variable {
        if !is_name(name) {
            sh.builtin_error(&[b"`", name, b"': not a valid identifier"]);
            return Ok(1);
        }
        sh.vars.unset(Sym::new(name));
    }
    let specs = parser.rest();
    let result = if next { wait_next(sh, specs) } else { wait_each(sh, specs) };
    match result {
        Ok((pid, status)) => {
            if let (Some(name), Some(pid)) = (variable, pid) {
                let _ = sh.assign(Sym::new(&name), pid.to_string().into_bytes(), false);
            }
            sh.run_pending_traps()?;
            Ok(status)
        }
        Err(sig) => {
            let status = 128 + sig;
            sh.status = status;
            sh.run_pending_traps()?;
            Ok(status)
        }
    }
}

/// The processes a specification means. `Err`: it means none, and the message has been written.
fn pids(sh: &Shell, spec: &[u8]) -> Result<Vec<Pid>, i32> {
    if spec.starts_with(b"%") {
        return match super::jobs::find(sh, spec) {
            Some(i) => Ok(sh.jobs.list[i].processes.iter().map(|p| p.pid).collect()),
            None => {
                sh.builtin_error(&[spec, b": no such job"]);
                Err(127)
            }
        };
    }
    match to_int(spec).and_then(|n| Pid::try_from(n).ok()) {
        Some(pid) if sh.jobs.knows(pid) && !sh.jobs.foreign => Ok(vec![pid]),
        Some(_) => {
            sh.builtin_error(&[b"pid ", spec, b" is not a child of this shell"]);
            Err(127)
        }
        None => {
            sh.builtin_error(&[b"`", spec, b"': not a pid or valid job spec"]);
            Err(1)
        }
    }
}

fn wait_each(sh: &mut Shell, specs: &[Vec<u8>]) -> Result<(Option<Pid>, i32), i32> {
    if specs.is_empty() {
        let all: Vec<Pid> =
            sh.jobs.list.iter().filter(|j| !j.hidden).flat_map(|j| j.processes.iter().map(|p| p.pid)).collect();
        if !sh.jobs.foreign {
            for pid in all {
                sh.wait_interruptibly(pid)?;
                sh.jobs.forget(pid);
            }
        }
        return Ok((None, 0));
    }
    let mut last = (None, 0);
    for spec in specs {
        last = match pids(sh, spec) {
            Ok(list) => {
                let mut status = 0;
                for pid in &list {
                    status = sh.wait_interruptibly(*pid)?;
                }
                (list.last().copied(), status)
            }
            Err(status) => (None, status),
        };
    }
    Ok(last)
}

fn wait_next(sh: &mut Shell, specs: &[Vec<u8>]) -> Result<(Option<Pid>, i32), i32> {
    let mut among = Vec::new();
    for spec in specs {
        match pids(sh, spec) {
            Ok(list) => among.extend(list.last()),
            Err(status) if specs.len() == 1 => return Ok((None, status)),
            Err(_) => {}
        }
    }
    let among = if specs.is_empty() { None } else { Some(&among[..]) };
    match sh.wait_any(among)? {
        Some((pid, status)) => Ok((Some(pid), status)),
        None => Ok((None, 127)),
    }
}
