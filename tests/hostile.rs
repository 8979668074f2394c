//! Bad input: every limit is tripped, every way out tried. Each attack ends in an outcome that names the limit and its value, and
//! leaves its own sandbox, its neighbour and the host as they were.

mod common;

use common::{bash, output, sandbox, sandbox_with};
use coquina::base::{Limit, Limits};
use coquina::sandbox::{
    Engine, EngineConfig, Exec, Image, Outcome, Output, Running, Sandbox, SandboxConfig, Stdin, Streams,
};

/// A script that wants more than it may have.
struct Attack {
    name: &'static str,
    script: &'static str,
    /// Narrows the limits.
    limits: fn(&mut Limits),
    /// The limit that ends it and its value.
    ends: (Limit, u64),
}

const MIB: u64 = 1 << 20;
const FUEL: u64 = 3_000_000_000;

fn fuel(l: &mut Limits) {
    l.fuel = FUEL;
}

fn half_a_second(l: &mut Limits) {
    l.wall_time_ms = 500;
}

fn little_memory(l: &mut Limits) {
    l.memory_bytes = 128 * MIB;
}

fn few_processes(l: &mut Limits) {
    l.processes = 32;
}

const ATTACKS: &[Attack] = &[
    Attack { name: "endless loop", script: "while :; do :; done", limits: fuel, ends: (Limit::Fuel, FUEL) },
    Attack {
        name: "endless loop of a tool",
        script: "awk 'BEGIN { while (1) x++ }'",
        limits: fuel,
        ends: (Limit::Fuel, FUEL),
    },
    Attack {
        name: "endless loop ignoring signals",
        script: "trap '' TERM INT HUP; while :; do :; done",
        limits: fuel,
        ends: (Limit::Fuel, FUEL),
    },
    Attack { name: "endless pipeline", script: "yes | cat > /dev/null", limits: fuel, ends: (Limit::Fuel, FUEL) },
    Attack { name: "endless children", script: "while :; do /bin/true; done", limits: fuel, ends: (Limit::Fuel, FUEL) },
    Attack { name: "endless zeroes", script: "cat /dev/zero > /dev/null", limits: fuel, ends: (Limit::Fuel, FUEL) },
    Attack {
        name: "regular expression blow-up",
        script: "printf 'a%.0s' {1..40} | sed -E 's/(a*)*(a*)*(a*)*(a*)*b/x/'; while :; do :; done",
        limits: fuel,
        ends: (Limit::Fuel, FUEL),
    },
    Attack { name: "endless sleep", script: "sleep 1000", limits: half_a_second, ends: (Limit::WallTime, 500) },
    Attack {
        name: "endless sleep ignoring signals",
        script: "trap '' TERM INT HUP; while :; do sleep 1000; done",
        limits: half_a_second,
        ends: (Limit::WallTime, 500),
    },
    Attack { name: "endless wait", script: "sleep 1000 & wait", limits: half_a_second, ends: (Limit::WallTime, 500) },
    Attack {
        name: "endless read of a fifo",
        script: "mkfifo p; cat p",
        limits: half_a_second,
        ends: (Limit::WallTime, 500),
    },
    Attack {
        name: "pipe flood that nobody reads",
        script: "yes | sleep 1000",
        limits: half_a_second,
        ends: (Limit::WallTime, 500),
    },
    Attack {
        name: "memory bomb in the shell",
        script: "x=xxxxxxxx; while :; do x=$x$x; done",
        limits: little_memory,
        ends: (Limit::Memory, 128 * MIB),
    },
    Attack {
        name: "memory bomb in a tool",
        script: "awk 'BEGIN { s = \"xxxxxxxx\"; while (1) s = s s }'",
        limits: little_memory,
        ends: (Limit::Memory, 128 * MIB),
    },
    Attack {
        name: "memory bomb of many processes",
        script: "for i in {1..100}; do (x=$(head -c 4000000 /dev/zero | tr '\\0' x); sleep 1000) & done; wait",
        limits: little_memory,
        ends: (Limit::Memory, 128 * MIB),
    },
    Attack {
        name: "fork bomb",
        script: "f() { f | f & }; f; sleep 1000",
        limits: few_processes,
        ends: (Limit::Processes, 32),
    },
    Attack {
        name: "fork bomb of sleepers",
        script: "while :; do sleep 1000 & done",
        limits: few_processes,
        ends: (Limit::Processes, 32),
    },
    Attack {
        name: "pipeline of a thousand stages",
        script: "eval \"yes $(printf '| cat %.0s' {1..1000})\"",
        limits: few_processes,
        ends: (Limit::Processes, 32),
    },
    Attack {
        name: "descriptor flood",
        script: "while :; do exec {fd}> /dev/null; done",
        limits: |_| {},
        ends: (Limit::OpenFiles, 1024),
    },
    Attack {
        name: "pipe flood of descriptors",
        script: "mkfifo p; while :; do exec {fd}<> p; done",
        limits: |_| {},
        ends: (Limit::OpenFiles, 1024),
    },
    Attack {
        name: "deep recursion of a function",
        script: "f() { f; }; f",
        limits: |_| {},
        ends: (Limit::ShellRecursion, 1000),
    },
    Attack {
        name: "deep recursion of eval",
        script: "x='eval \"$x\"'; eval \"$x\"",
        limits: |_| {},
        ends: (Limit::ShellRecursion, 1000),
    },
    Attack {
        name: "deep recursion of source",
        script: "echo '. ./s' > s; . ./s",
        limits: |_| {},
        ends: (Limit::ShellRecursion, 1000),
    },
];

#[test]
fn every_limit_ends_what_trips_it() {
    let neighbour = sandbox();
    output(&neighbour, "echo kept > file");
    let mut wrong = Vec::new();
    for attack in ATTACKS {
        let mut limits = Limits::default();
        (attack.limits)(&mut limits);
        let attacked = sandbox_with(SandboxConfig { limits, ..SandboxConfig::default() });
        output(&attacked, "echo before > file");
        let script = format!("echo started; {}", attack.script);
        let done = bash(&attacked, &script);
        match &done.outcome {
            Outcome::Limit(e) if (e.limit, e.value) == attack.ends && e.used >= e.value => {}
            other => wrong.push(format!("{}: {other:?}, want {:?}", attack.name, attack.ends)),
        }
        // What was written before it stays readable, and both sandboxes go on.
        assert!(done.stdout.bytes.starts_with(b"started\n"), "{}: its output is lost", attack.name);
        assert_eq!(output(&attacked, "cat file; echo again"), "before\nagain\n", "{}", attack.name);
        assert_eq!(output(&neighbour, "cat file"), "kept\n", "{}", attack.name);
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn errors_of_the_guest_are_statuses() {
    let sandbox = sandbox();
    let table = [
        ("nosuchcommand", 127, "bash: line 1: nosuchcommand: command not found\n"),
        ("touch f; ./f", 126, "bash: line 1: ./f: Permission denied\n"),
        ("mkdir d; ./d", 126, "bash: line 1: ./d: Is a directory\n"),
        ("if", 2, "bash: -c: line 2: syntax error: unexpected end of file\n"),
        ("exit 7", 7, ""),
    ];
    for (script, status, stderr) in table {
        let done = bash(&sandbox, script);
        assert_eq!(done.outcome, Outcome::Exit { exit_code: status }, "{script}");
        assert_eq!(String::from_utf8_lossy(&done.stderr.bytes), stderr, "{script}");
    }
    let killed = bash(&sandbox, "kill -TERM $$");
    assert_eq!(killed.outcome, Outcome::Signal { signal: "TERM".into(), number: 15 });
}

#[test]
fn an_output_flood_keeps_head_and_tail() {
    let sandbox = sandbox();
    let done = bash(&sandbox, "seq 3000000; seq 3000000 >&2");
    assert_eq!(done.outcome, Outcome::Exit { exit_code: 0 });
    let whole: u64 = 22_888_896;
    for stream in [&done.stdout, &done.stderr] {
        assert_eq!(stream.bytes.len() as u64, 8 * MIB);
        assert_eq!(stream.truncated_bytes, whole - 8 * MIB);
        assert!(stream.bytes.starts_with(b"1\n2\n3\n") && stream.bytes.ends_with(b"2999999\n3000000\n"));
    }
}

#[test]
fn a_huge_line_passes_through() {
    let sandbox = sandbox();
    let line = "head -c 50000000 /dev/zero | tr '\\0' x";
    assert_eq!(output(&sandbox, &format!("{line} | wc -c")), "50000000\n");
    assert_eq!(output(&sandbox, &format!("{line} | awk '{{ print length($0) }}'")), "50000000\n");
    assert_eq!(output(&sandbox, &format!("{line} | grep -c x; {line} | sed 's/^x/y/' | cut -c1-3")), "1\nyxx\n");
    assert_eq!(output(&sandbox, "read -r x < <(head -c 5000000 /dev/zero | tr '\\0' x); echo ${#x}"), "5000000\n");
}

#[test]
fn a_gibibyte_streams_in_constant_memory() {
    let done = bash(&sandbox(), "cat /dev/zero | head -c 1G | wc -c");
    assert_eq!(done.stdout.bytes, b"1073741824\n");
    assert!(done.metering.memory_peak_bytes < 64 * MIB, "{} bytes", done.metering.memory_peak_bytes);
}

#[test]
fn quotas_are_errors_to_the_guest() {
    let limits = Limits { tree_bytes: 8 * MIB, tree_files: 100, ..Limits::default() };
    let sandbox = sandbox_with(SandboxConfig { limits, ..SandboxConfig::default() });
    let full = bash(&sandbox, "head -c 20M /dev/zero > f; echo $?; rm f; head -c 1M /dev/zero > g && wc -c < g");
    assert_eq!(String::from_utf8_lossy(&full.stdout.bytes), "1\n1048576\n");
    assert!(String::from_utf8_lossy(&full.stderr.bytes).contains("No space left on device"), "{full:?}");
    let files = bash(
        &sandbox,
        "for ((i = 0; i < 200; i++)); do : > x$i || break; done 2> err; cut -d: -f4 err; rm -f x*; echo ok > y; cat y",
    );
    assert_eq!(String::from_utf8_lossy(&files.stdout.bytes), " No space left on device\nok\n");
    let long = bash(&sandbox, "touch $(printf 'n%.0s' {1..256}); echo $?; : > $(printf 'd/%.0s' {1..2500})f; echo $?");
    assert_eq!(String::from_utf8_lossy(&long.stdout.bytes), "1\n1\n");
    let arguments = bash(&sandbox, "x=$(head -c 3000000 /dev/zero | tr '\\0' x); /bin/true $x; echo $?");
    assert_eq!(String::from_utf8_lossy(&arguments.stdout.bytes), "126\n");
}

/// Starts a script that says it is there and waits until it has.
async fn started(sandbox: &Sandbox, script: &str) -> (Streams, Running) {
    let mut exec = Exec::bash(format!("echo ready; {script}"));
    exec.stdin = Stdin::Stream { terminal: false };
    exec.output = Output::Stream;
    let (mut streams, running) = sandbox.start(exec).await.expect("it starts");
    let first = streams.stdout.as_mut().expect("it streams").next().await;
    assert_eq!(first.as_deref(), Some(&b"ready\n"[..]), "{script}");
    (streams, running)
}

#[test]
fn cancelling_ends_what_sleeps_and_what_spins() {
    for script in ["sleep 1000", "while :; do :; done", "yes | sleep 1000", "cat", "trap '' TERM; sleep 1000 & wait"] {
        let sandbox = sandbox();
        let done = common::block_on(async {
            let (_streams, running) = started(&sandbox, script).await;
            running.cancel();
            running.finish().await.expect("the host runs it")
        });
        assert_eq!(done.outcome, Outcome::Cancelled, "{script}");
        assert_eq!(output(&sandbox, "echo on"), "on\n");
    }
}

#[test]
fn dropping_a_sandbox_ends_its_execs() {
    // Room for two execs: were one left running, the third would wait for ever.
    let config = EngineConfig { processes: 8, ..EngineConfig::default() };
    let engine = Engine::new(&config).expect("the engine starts");
    let image = Image::open(&engine, common::image_dir()).expect("the image opens");
    for _ in 0..20 {
        let sandbox = Sandbox::new(&image, SandboxConfig::default()).expect("the sandbox can be made");
        common::block_on(started(&sandbox, "while :; do :; done & sleep 1000 & wait"));
    }
}
