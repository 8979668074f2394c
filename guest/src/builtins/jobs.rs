//! `jobs`, `fg`, `bg`, `disown`, `suspend`, and what `%1` means.

use super::OptionParser;
use crate::exec::jobs::{Job, describe};
use crate::expand::to_int;
use crate::shell::{Run, Shell};
use crate::system::Pid;

/// The place in the table of the job a specification means.
pub(super) fn find(sh: &Shell, spec: &[u8]) -> Option<usize> {
    let (current, previous) = sh.jobs.current();
    let by_id = |id: u32| sh.jobs.list.iter().position(|j| j.id == id && !j.hidden);
    let text = spec.strip_prefix(b"%").unwrap_or(spec);
    match text {
        b"" | b"%" | b"+" => by_id(current?),
        b"-" => by_id(previous.or(current)?),
        _ => {
            if let Some(n) = to_int(text) {
                return by_id(u32::try_from(n).ok()?);
            }
            let matches = |j: &Job| match text.strip_prefix(b"?") {
                Some(part) => j.text.windows(part.len().max(1)).any(|w| w == part),
                None => j.text.starts_with(text),
            };
            sh.jobs.list.iter().position(|j| !j.hidden && matches(j))
        }
    }
}

fn state(job: &Job) -> String {
    job.status().map_or_else(|| "Running".into(), describe)
}

pub(super) fn line(sh: &Shell, job: &Job, long: bool) -> Vec<u8> {
    let (current, previous) = sh.jobs.current();
    let mark = match job.id {
        id if Some(id) == current => '+',
        id if Some(id) == previous => '-',
        _ => ' ',
    };
    let tail = if job.status().is_none() { " &" } else { "" };
    let pid = if long { format!("{:5} ", job.last_pid()) } else { " ".into() };
    let mut out = format!("[{}]{mark} {pid}{:<23} ", job.id, state(job)).into_bytes();
    out.extend_from_slice(&job.text);
    out.extend_from_slice(tail.as_bytes());
    out.push(b'\n');
    out
}

pub fn jobs(sh: &mut Shell, args: &[Vec<u8>]) -> Run<i32> {
    let (mut long, mut pids, mut running, mut stopped) = (false, false, false, false);
    let mut parser = OptionParser::new(args, b"lnprsx");
    while let Some(option) = parser.next() {
        match option {
            Ok((b'l', _)) => long = true,
            Ok((b'p', _)) => pids = true,
            Ok((b'r', _)) => running = true,
            Ok((b's', _)) => stopped = true,
            Ok((b'x', _)) => {
                let rest = parser.rest().to_vec();
                return super::command::command(sh, &[vec![b"command".to_vec()], rest].concat());
            }
            Ok(_) => {}
            Err(bad) => return Ok(sh.bad_option(bad)),
        }
    }
    if !sh.jobs.foreign {
        sh.reap();
    }
    let mut status = 0;
    let mut wanted: Vec<usize> = Vec::new();
    if parser.rest().is_empty() {
        wanted.extend((0..sh.jobs.list.len()).filter(|i| !sh.jobs.list[*i].hidden));
    }
    for spec in parser.rest() {
        match find(sh, spec) {
            Some(i) => wanted.push(i),
            None => {
                sh.builtin_error(&[spec, b": no such job"]);
                status = 1;
            }
        }
    }
    let mut out = Vec::new();
    for i in &wanted {
        let job = &sh.jobs.list[*i];
        if stopped || running && job.status().is_some() {
            continue;
        }
        if pids {
            out.extend(format!("{}\n", job.processes.first().map_or(0, |p| p.pid)).bytes());
        } else {
            out.extend(line(sh, job, long));
        }
    }
    for i in wanted {
        if sh.jobs.list[i].status().is_some() && !pids {
            sh.jobs.list[i].notified = true;
        }
    }
    sh.jobs.list.retain(|j| !(j.notified && j.status().is_some()));
    Ok(sh.out(&out).max(status))
}

pub fn fg(sh: &mut Shell, args: &[Vec<u8>]) -> Run<i32> {
    if !sh.has_job_control() {
        sh.builtin_error(&[b"no job control"]);
        return Ok(1);
    }
    let spec = args.get(1).cloned().unwrap_or_else(|| b"%+".to_vec());
    let Some(i) = find(sh, &spec) else {
        sh.builtin_error(&[args.get(1).map_or(&b"current"[..], |a| a), b": no such job"]);
        return Ok(1);
    };
    let job = sh.jobs.list[i].clone();
    sh.out(&[&job.text[..], b"\n"].concat());
    let mut status = 0;
    let pids: Vec<Pid> = job.processes.iter().map(|p| p.pid).collect();
    for pid in pids {
        status = sh.wait_interruptibly(pid).unwrap_or_else(|sig| 128 + sig);
    }
    Ok(status)
}

pub fn bg(sh: &mut Shell, _args: &[Vec<u8>]) -> Run<i32> {
    if !sh.has_job_control() {
        sh.builtin_error(&[b"no job control"]);
        return Ok(1);
    }
    Ok(0)
}

pub fn disown(sh: &mut Shell, args: &[Vec<u8>]) -> Run<i32> {
    let (mut all, mut keep, mut running) = (false, false, false);
    let mut parser = OptionParser::new(args, b"ahr");
    while let Some(option) = parser.next() {
        match option {
            Ok((b'a', _)) => all = true,
            Ok((b'h', _)) => keep = true,
            Ok(_) => running = true,
            Err(bad) => return Ok(sh.bad_option(bad)),
        }
    }
    let mut status = 0;
    let mut chosen: Vec<u32> = Vec::new();
    if parser.rest().is_empty() {
        if all || running {
            chosen.extend(sh.jobs.list.iter().filter(|j| !j.hidden).map(|j| j.id));
        } else if let (Some(current), _) = sh.jobs.current() {
            chosen.push(current);
        } else {
            sh.builtin_error(&[b"current: no such job"]);
            status = 1;
        }
    }
    for spec in parser.rest() {
        let by_pid = to_int(spec).and_then(|pid| sh.jobs.list.iter().position(|j| i64::from(j.last_pid()) == pid));
        match by_pid.or_else(|| if spec.starts_with(b"%") { find(sh, spec) } else { None }) {
            Some(i) => chosen.push(sh.jobs.list[i].id),
            None => {
                sh.builtin_error(&[spec, b": no such job"]);
                status = 1;
            }
        }
    }
    if keep {
        for job in sh.jobs.list.iter_mut().filter(|j| chosen.contains(&j.id)) {
            job.no_hangup = true;
        }
    } else {
        sh.jobs.list.retain(|j| j.hidden || !chosen.contains(&j.id));
    }
    Ok(status)
}

pub fn suspend(sh: &mut Shell, _args: &[Vec<u8>]) -> Run<i32> {
    sh.builtin_error(&[b"cannot suspend: no job control"]);
    Ok(1)
}
