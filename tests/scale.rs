//! Many sandboxes and many execs at a time: they finish, cost little while idle, and leave nothing behind.
//!
//! One test, because it measures the memory of its whole process.

mod common;

use common::{bash, block_on, image, sandbox};
use coquina::sandbox::{Exec, Outcome, Sandbox, SandboxConfig};

/// Sandboxes, and execs at a time.
const MANY: usize = 1000;

/// What an idle sandbox may cost, in bytes.
const IDLE_BYTES: u64 = 32 << 10;

/// What two further equal rounds may add, in bytes: the allocator's whims, not a leak of a kibibyte an exec.
const ROUNDS_BYTES: u64 = 1 << 20;

/// Memory of this process that is in RAM, in bytes; `None` where there is no /proc.
fn resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kib| kib * 1024)
}

/// Runs [`MANY`] execs at a time, each a pipeline in a sandbox of its own.
fn round() {
    block_on(async {
        let mut execs = tokio::task::JoinSet::new();
        for i in 0..MANY {
            let sandbox = Sandbox::new(image(), SandboxConfig::default()).expect("the sandbox can be made");
            execs.spawn(async move { (i, sandbox.exec(Exec::bash(format!("echo {i} | cat; exit 3"))).await) });
        }
        let mut done = 0;
        while let Some(result) = execs.join_next().await {
            let (i, finished) = result.expect("no panic");
            let finished = finished.expect("the host runs it");
            assert_eq!(finished.outcome, Outcome::Exit { exit_code: 3 });
            assert_eq!(finished.stdout.bytes, format!("{i}\n").into_bytes());
            done += 1;
        }
        assert_eq!(done, MANY);
    });
}

/// A sandbox that has run a command and kept a file.
fn idle() -> Sandbox {
    let sandbox = sandbox();
    assert_eq!(bash(&sandbox, "echo kept > file").outcome, Outcome::Exit { exit_code: 0 });
    sandbox
}

#[test]
fn many_sandboxes_and_many_execs() {
    // The first ones fill the pool.
    drop((0..64).map(|_| idle()).collect::<Vec<_>>());
    let Some(before) = resident_bytes() else { return };
    let sandboxes: Vec<Sandbox> = (0..MANY).map(|_| idle()).collect();
    let each = resident_bytes().unwrap_or(0).saturating_sub(before) / MANY as u64;
    assert!(each <= IDLE_BYTES, "an idle sandbox costs {each} bytes, more than {IDLE_BYTES}");
    assert_eq!(bash(&sandboxes[MANY / 2], "cat file").stdout.bytes, b"kept\n");
    drop(sandboxes);

    round();
    round();
    let before = resident_bytes().unwrap_or(0);
    round();
    round();
    let grown = resident_bytes().unwrap_or(0).saturating_sub(before);
    println!("an idle sandbox: {each} bytes; two rounds of {MANY} execs: {grown} bytes");
    assert!(grown <= ROUNDS_BYTES, "two rounds of {MANY} execs left {grown} bytes behind");
}
