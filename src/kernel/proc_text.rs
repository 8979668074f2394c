//! What the files of `/proc` say: the formats of Linux, with what is known here.

use super::proc::{Lent, What};
use super::process::{Process, State};
use crate::vfs::Loc;
use std::fmt::Write as _;

/// What the kernel knows beside its tables.
pub(super) struct Facts {
    /// Since the sandbox's kernel was made, in nanoseconds.
    pub(super) up_ns: u64,
    /// When that was, as `Kernel::now`.
    pub(super) started: i64,
    pub(super) memory_bytes: u64,
    pub(super) memory_used: u64,
    pub(super) hostname: String,
    pub(super) root: Loc,
}

/// What programs are told they run on: a Linux of this version, since that is whose calls and formats they get.
const OS_RELEASE: &str = "6.1.0-coquina";

/// Clock ticks in a second, as everywhere on Linux.
const TICKS: u64 = 100;
const NS: u64 = 1_000_000_000;

/// A file that is the system's.
pub(super) fn of_system(what: What, lent: &Lent) -> Vec<u8> {
    let facts = &lent.facts;
    let running = lent.procs.iter().filter(|process| !process.is_dying()).count();
    match what {
        What::CpuInfo => "processor\t: 0\nvendor_id\t: coquina\nmodel name\t: WebAssembly\ncpu MHz\t\t: 1000.000\n\
                          cpu cores\t: 1\nbogomips\t: 2000.00\n\n"
            .into(),
        What::LoadAvg => format!("0.00 0.00 0.00 {running}/{} {}\n", lent.procs.len(), lent.procs.last_pid()).into(),
        What::MemInfo => meminfo(facts).into(),
        What::Stat => format!("cpu  0 0 0 0 0 0 0 0 0 0\ncpu0 0 0 0 0 0 0 0 0 0 0\nprocs_running {running}\n").into(),
        What::Uptime => format!("{0}.{1:02} {0}.{1:02}\n", facts.up_ns / NS, facts.up_ns % NS / (NS / 100)).into(),
        What::Version => format!("Linux version {OS_RELEASE} (coquina) #1 WebAssembly\n").into(),
        What::FileSystems => "nodev\tproc\n\ttree\n".into(),
        What::HostName => format!("{}\n", facts.hostname).into(),
        What::OsRelease => format!("{OS_RELEASE}\n").into(),
        What::OsType => "Linux\n".into(),
        What::PidMax => "4194304\n".into(),
        _ => Vec::new(),
    }
}

fn meminfo(facts: &Facts) -> String {
    let total = facts.memory_bytes / 1024;
    let free = facts.memory_bytes.saturating_sub(facts.memory_used) / 1024;
    let mut text = String::new();
    for (name, kib) in [
        ("MemTotal", total),
        ("MemFree", free),
        ("MemAvailable", free),
        ("Buffers", 0),
        ("Cached", 0),
        ("SwapTotal", 0),
        ("SwapFree", 0),
    ] {
        let label = format!("{name}:");
        let _ = writeln!(text, "{label:<16}{kib:>8} kB");
    }
    text
}

/// A file that is a process's.
pub(super) fn of_process(what: What, process: &Process, lent: &Lent) -> Vec<u8> {
    match what {
        What::CmdLine => process.argv.to_vec(),
        What::Environ => process.env.to_vec(),
        What::Comm => [process.comm(), b"\n"].concat(),
        What::Status => status(process),
        What::ProcessStat => stat(process, lent),
        What::ProcessStatM => "0 0 0 0 0 0 0\n".into(),
        What::ProcessMounts => "root / tree rw 0 0\nproc /proc proc ro 0 0\n".into(),
        _ => Vec::new(),
    }
}

/// State letter and word.
fn state(process: &Process) -> (char, &'static str) {
    match process.state {
        State::Zombie(_) => ('Z', "zombie"),
        State::Running | State::Borrowing(_) if process.is_blocked() => ('S', "sleeping"),
        State::Running | State::Borrowing(_) => ('R', "running"),
    }
}

fn status(process: &Process) -> Vec<u8> {
    let (letter, word) = state(process);
    let (uid, gid) = (process.cred.uid, process.cred.gid);
    let [pending, blocked, ignored, caught] = process.signals.sets();
    let mut text = b"Name:\t".to_vec();
    text.extend_from_slice(process.comm());
    let rest = format!(
        "\nUmask:\t{:04o}\nState:\t{letter} ({word})\nTgid:\t{pid}\nPid:\t{pid}\nPPid:\t{}\nTracerPid:\t0\n\
         Uid:\t{uid}\t{uid}\t{uid}\t{uid}\nGid:\t{gid}\t{gid}\t{gid}\t{gid}\nFDSize:\t{}\nVmPeak:\t{:>8} kB\nThreads:\t1\n\
         SigPnd:\t{pending:016x}\nSigBlk:\t{blocked:016x}\nSigIgn:\t{ignored:016x}\nSigCgt:\t{caught:016x}\n",
        process.umask,
        process.parent.0,
        process.open_files,
        process.usage.memory_peak_bytes / 1024,
        pid = process.pid.0,
    );
    text.extend_from_slice(rest.as_bytes());
    text
}

fn stat(process: &Process, lent: &Lent) -> Vec<u8> {
    let (letter, _) = state(process);
    let began = u64::try_from(process.started.saturating_sub(lent.facts.started)).unwrap_or(0);
    let mut text = format!("{} (", process.pid.0).into_bytes();
    text.extend_from_slice(process.comm());
    let user = process.usage.cpu_ns / (NS / TICKS);
    let children = process.children_usage.cpu_ns / (NS / TICKS);
    let start = began / (NS / TICKS);
    let rest = format!(
        ") {letter} {} {} {} 0 -1 0 0 0 0 0 {user} 0 {children} 0 20 0 1 0 {start} 0 0 \
         18446744073709551615 0 0 0 0 0 0 0 0 0 0 0 0 17 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n",
        process.parent.0, process.group.0, process.session.0,
    );
    text.extend_from_slice(rest.as_bytes());
    text
}
