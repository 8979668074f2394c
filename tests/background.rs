//! A session's background: what its shell leaves running goes on between execs, is the next shell's child, and stays bounded.

mod common;

use common::{bash, block_on, output, run, sandbox_with, status};
use coquina::base::Limits;
use coquina::sandbox::{Exec, Finished, Outcome, Sandbox, SandboxConfig};

fn sandbox(limits: Limits) -> Sandbox {
    sandbox_with(SandboxConfig { limits, background: true, ..SandboxConfig::default() })
}

fn exec(script: &str) -> Exec {
    Exec { session: true, ..Exec::bash(script) }
}

/// Runs a script in the session, which must say nothing on standard error, and returns what it printed.
#[track_caller]
fn session(sandbox: &Sandbox, script: &str) -> String {
    let Finished { outcome, stdout, stderr, .. } = run(sandbox, exec(script));
    let stderr = String::from_utf8_lossy(&stderr.bytes).into_owned();
    assert!(matches!(outcome, Outcome::Exit { .. }) && stderr.is_empty(), "{script}: {outcome:?} {stderr}");
    String::from_utf8(stdout.bytes).expect("the output is text")
}

fn names(sandbox: &Sandbox) -> Vec<String> {
    sandbox.background().into_iter().map(|(_, argv0)| argv0).collect()
}

#[test]
fn jobs_go_on_and_the_next_shell_knows_them() {
    let box_ = sandbox(Limits::default());
    let first = session(&box_, "sleep 1000 & echo $! $$");
    let (job, shell) = first.trim().split_once(' ').expect("two numbers");
    assert_eq!(names(&box_), ["sleep"]);
    assert!(!box_.is_idle());
    assert_eq!(session(&box_, "echo $! $$"), first);
    assert_eq!(session(&box_, "jobs"), "[1]+  Running                 sleep 1000 &\n");
    assert_eq!(
        session(&box_, &format!("grep PPid /proc/{job}/status; kill -0 {job}; echo $?")),
        format!("PPid:\t{shell}\n0\n")
    );
    assert_eq!(session(&box_, "kill %1; wait %1; echo $?"), "143\n");
    assert_eq!(session(&box_, "jobs; wait; echo $?"), "0\n");
    assert!(box_.is_idle());
    assert_eq!(box_.background(), []);
}

#[test]
fn how_they_ended_is_known_afterwards() {
    let box_ = sandbox(Limits::default());
    session(&box_, "mkfifo go; { read < go; exit 7; } & p=$!; (exit 3) & q=$!; { cat go; } > seen 2>&1 &");
    // Not of the session, and yet it can talk to them; what they read comes from here.
    assert_eq!(output(&box_, "echo > go; echo text > go"), "");
    assert_eq!(session(&box_, "wait $p; echo $?; wait $q; echo $?; wait %3; echo $?; cat seen"), "7\n3\n0\ntext\n");
}

#[test]
fn what_they_write_to_an_exec_that_is_over_is_lost() {
    let box_ = sandbox(Limits::default());
    let script = "mkfifo go; { read < go; echo lost; echo lost >&2; read x || echo eof > seen; } &";
    assert_eq!(session(&box_, script), "");
    assert_eq!(session(&box_, "echo > go; wait; cat seen"), "eof\n");
    assert_eq!(session(&box_, "yes & true"), "", "its output was read by nobody, then by nobody any more");
    assert_eq!(names(&box_), ["yes"]);
    assert_eq!(block_on(box_.kill_background()).len(), 1);
    assert!(box_.is_idle());
}

#[test]
fn killing_the_background_is_seen_by_the_session() {
    let box_ = sandbox(Limits::default());
    session(&box_, "sleep 1000 & (sleep 1000 & sleep 1000) & x=5");
    let killed = block_on(box_.kill_background());
    assert_eq!(killed.iter().map(|(_, name)| name.as_str()).collect::<Vec<_>>(), ["sleep"; 3]);
    assert_eq!(
        session(&box_, "wait %1 2> said; echo $? $x; jobs; grep -c Killed said"),
        "137 5\n[2]+  Killed                  ( sleep 1000 & sleep 1000 )\n1\n"
    );
}

#[test]
fn a_session_without_its_sandbox_has_lost_its_jobs() {
    let box_ = sandbox(Limits::default());
    let before = session(&box_, "x=5; sleep 1000 & echo $! $$");
    let fork = box_.fork().expect("it can be forked");
    assert_eq!(session(&fork, "echo $! $$; echo $x"), format!("{before}5\n"));
    let lost = run(&fork, exec("jobs; wait %1; echo $?; /bin/true & echo $(( $! > $$ ))"));
    assert_eq!(String::from_utf8_lossy(&lost.stdout.bytes), "[1]+  Hangup                  sleep 1000\n127\n1\n");
    assert_eq!(session(&box_, "kill $!; wait $!; echo $?"), "143\n", "the original has it");
}

#[test]
fn only_sessions_leave_something() {
    let box_ = sandbox(Limits::default());
    output(&box_, "sleep 1000 &");
    assert!(box_.is_idle());
    let without = sandbox_with(SandboxConfig::default());
    session(&without, "sleep 1000 & x=5");
    assert!(without.is_idle());
    assert_eq!(session(&without, "jobs; echo $x").lines().last(), Some("5"));
    // A shell that is killed leaves what others left, and nothing of its own.
    session(&box_, "sleep 1000 &");
    let killed = run(&box_, exec("cat /dev/zero > /dev/null & kill -9 $$"));
    assert_eq!(status(&killed.outcome), 137);
    assert_eq!(names(&box_), ["sleep"]);
}

#[test]
fn cancelling_what_is_over_leaves_the_background_alone() {
    let box_ = sandbox(Limits::default());
    block_on(async {
        let (_streams, running) = box_.start(exec("sleep 1000 &")).await.expect("it starts");
        let cancel = running.canceller();
        running.finish().await.expect("the host runs it");
        cancel();
    });
    assert_eq!(session(&box_, "kill -0 $!; echo $?"), "0\n");
}

#[test]
fn its_fuel_is_what_its_exec_had_left() {
    let fuel = 2_000_000_000;
    let box_ = sandbox(Limits { fuel, ..Limits::default() });
    let first = run(&box_, exec("sleep 1000 & while :; do :; done &"));
    assert!(first.metering.fuel < fuel);
    // Each exec has its own: this one only waits, and does so until the other has used up what it had.
    assert_eq!(session(&box_, "wait %2 2> said; echo $?"), "137\n");
    let metering = box_.background_metering();
    assert!(first.metering.fuel + metering.fuel >= fuel, "{} {}", first.metering.fuel, metering.fuel);
    assert!(first.metering.fuel + metering.fuel < fuel + fuel / 10);
    assert_eq!(metering.processes.len(), 2, "the limit ended what that exec left: {metering:?}");
    assert_eq!(box_.background_metering().fuel, 0);
    assert!(box_.is_idle());
}

#[test]
fn it_is_bounded_as_an_exec_is() {
    const MIB: u64 = 1 << 20;
    let attacks = [
        ("fork bomb", "f() { f | f & }; f", Limits { processes: 32, ..Limits::default() }),
        ("sleepers", "(while :; do sleep 1000 & done) &", Limits { processes: 32, ..Limits::default() }),
        ("memory", "(x=xxxxxxxx; while :; do x=$x$x; done) &", Limits { memory_bytes: 128 * MIB, ..Limits::default() }),
        ("loop", "trap '' HUP TERM; while :; do :; done &", Limits { fuel: 1_000_000_000, ..Limits::default() }),
        ("children", "while :; do /bin/true; done &", Limits { fuel: 1_000_000_000, ..Limits::default() }),
    ];
    for (name, script, limits) in attacks {
        let box_ = sandbox(limits);
        // It may trip the limit at once, as part of the exec; or later, and then alone. Either way it ends.
        run(&box_, exec(script));
        let after = run(&box_, exec("wait; echo over"));
        assert!(after.stdout.bytes == b"over\n" || matches!(after.outcome, Outcome::Limit(_)), "{name}: {after:?}");
        block_on(box_.kill_background());
        assert!(box_.is_idle(), "{name}");
        assert_eq!(String::from_utf8_lossy(&bash(&box_, "echo again").stdout.bytes), "again\n", "{name}");
        assert_eq!(session(&box_, "jobs > /dev/null; echo again"), "again\n", "{name}");
    }
}

#[test]
fn alarms_and_sleeps_end_while_no_exec_runs() {
    let box_ = sandbox(Limits::default());
    session(&box_, "timeout 0.05 sleep 1000 & { sleep 0.05; echo slept > seen; } &");
    while !box_.is_idle() {
        std::thread::yield_now();
    }
    assert_eq!(session(&box_, "wait %1; echo $?; wait %2; cat seen; jobs"), "124\nslept\n");
}

#[test]
fn a_dropped_exec_still_leaves_its_session() {
    let box_ = sandbox(Limits::default());
    block_on(async { drop(box_.start(exec("x=7; sleep 0.01; y=8")).await.expect("it starts")) });
    while !box_.is_idle() {
        std::thread::yield_now();
    }
    assert_eq!(session(&box_, "echo $x $y"), "7 8\n");
}

#[test]
fn a_tree_is_replaced_when_nothing_runs() {
    let box_ = sandbox(Limits::default());
    session(&box_, "x=5; echo old > file");
    let old = box_.snapshot();
    session(&box_, "echo new > file; sleep 1000 &");
    assert!(box_.replace_tree(old.tree().clone()).is_err());
    block_on(box_.kill_background());
    box_.replace_tree(old.tree().clone()).expect("nothing runs");
    assert_eq!(session(&box_, "wait 2> said; cat file; echo $x; cat /proc/self/comm"), "old\n5\ncat\n");
}
