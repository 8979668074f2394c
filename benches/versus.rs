//! Coquina side by side with the native programs, in the same run: medians, a table, `versus.json` in the build folder.
//!
//! `cargo bench --bench versus [-- ROW …]`. The native command of each row runs right beside ours, so that a busy machine slows both.
//! A row is `{"name", "unit", "ours", "reference", "theirs", "ratio"}` with ratio = ours / theirs; rows without a reference have null.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use coquina::sandbox::{Engine, EngineConfig, Exec, Finished, Image, Outcome, Sandbox, SandboxConfig};
use serde::Serialize;
use tokio::runtime::Runtime;

/// A row of the result.
#[derive(Serialize)]
struct Row {
    name: &'static str,
    unit: &'static str,
    ours: f64,
    reference: Option<String>,
    theirs: Option<f64>,
    ratio: Option<f64>,
}

/// A row as the table shows it: also the ratio it must reach.
struct Line {
    row: Row,
    goal: Option<f64>,
}

/// What every row needs.
struct Bench {
    image: Image,
    runtime: Runtime,
    wanted: Vec<String>,
    lines: Vec<Line>,
}

/// Bytes of a GiB.
const GIB: u64 = 1 << 30;

/// Idle sandboxes, and execs at a time, of the rows about many.
const MANY: usize = 1000;

fn main() {
    // Cargo passes `--bench`.
    let wanted = std::env::args().skip(1).filter(|a| !a.starts_with('-')).collect();
    let engine = Engine::new(&EngineConfig { processes: 4096, ..EngineConfig::default() }).expect("the engine starts");
    let image = Image::open(&engine, image_dir()).expect("`make image` has built the root image");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime starts");
    let mut bench = Bench { image, runtime, wanted, lines: Vec::new() };
    println!("{:<18} {:>6} {:>14} {:>14} {:>9} {:>7}   reference", "row", "unit", "ours", "native", "ratio", "goal");
    bench.starts();
    bench.scripts();
    bench.streams();
    bench.whole_process();
    bench.snapshots();
    bench.many();
    bench.write();
}

/// Where everything is built: what cargo and the Makefile call the target directory.
fn build_dir() -> PathBuf {
    let default = concat!(env!("CARGO_MANIFEST_DIR"), "/target");
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| default.into(), Into::into)
}

fn image_dir() -> PathBuf {
    std::env::var_os("COQUINA_IMAGE").map_or_else(|| build_dir().join("release/image"), Into::into)
}

impl Bench {
    /// Whether a row was asked for.
    fn wants(&self, name: &str) -> bool {
        self.wanted.is_empty() || self.wanted.iter().any(|w| name.contains(w.as_str()))
    }

    fn sandbox(&self) -> Sandbox {
        Sandbox::new(&self.image, SandboxConfig::default()).expect("the sandbox can be made")
    }

    fn run(&self, sandbox: &Sandbox, script: &str) -> Finished {
        let done = self.runtime.block_on(sandbox.exec(Exec::bash(script))).expect("the host runs it");
        let stderr = String::from_utf8_lossy(&done.stderr.bytes);
        assert_eq!(done.outcome, Outcome::Exit { exit_code: 0 }, "{script}: {stderr}");
        done
    }

    /// Adds a row that has a native reference.
    fn versus(&mut self, name: &'static str, unit: &'static str, goal: f64, reference: &str, ours: f64, theirs: f64) {
        let (reference, ratio) = (Some(reference.to_owned()), Some(ours / theirs));
        let row = Row { name, unit, ours, reference, theirs: Some(theirs), ratio };
        self.add(Line { row, goal: Some(goal) });
    }

    /// Adds a row that stands alone.
    fn alone(&mut self, name: &'static str, unit: &'static str, ours: f64) {
        self.add(Line { row: Row { name, unit, ours, reference: None, theirs: None, ratio: None }, goal: None });
    }

    fn add(&mut self, line: Line) {
        let Row { name, unit, ours, reference, theirs, ratio } = &line.row;
        let cell = |v: Option<f64>, digits| v.map_or("-".into(), |v| format!("{v:.digits$}"));
        let verdict = match (ratio, line.goal) {
            (Some(ratio), Some(goal)) if *ratio > goal => "  MISSED",
            _ => "",
        };
        println!(
            "{name:<18} {unit:>6} {ours:>14.2} {:>14} {:>9} {:>7}   {}{verdict}",
            cell(*theirs, 2),
            cell(*ratio, 4),
            line.goal.map_or("-".into(), |g| g.to_string()),
            reference.as_deref().unwrap_or("-"),
        );
        self.lines.push(line);
    }

    fn write(&self) {
        let rows: Vec<&Row> = self.lines.iter().map(|line| &line.row).collect();
        let path = build_dir().join("versus.json");
        let text = serde_json::to_string_pretty(&rows).expect("rows are plain") + "\n";
        std::fs::write(&path, text).expect("the build folder can be written");
        let missed = self.lines.iter().filter(|l| matches!((l.row.ratio, l.goal), (Some(r), Some(g)) if r > g)).count();
        println!("\n{} rows, {missed} over their goal; written to {}", rows.len(), path.display());
    }

    /// Starting things: a sandbox, an exec in a live one, an external command, a short pipeline.
    fn starts(&mut self) {
        const ECHO: &str = "echo hi";
        if self.wants("fresh_echo") {
            let (ours, theirs) = beside(40, 20, || drop(self.run(&self.sandbox(), ECHO)), || native(ECHO));
            self.versus("fresh_echo", "us", 0.05, "bash -c 'echo hi'", micros(ours), micros(theirs));
        }
        if self.wants("warm_echo") {
            let live = self.sandbox();
            let (ours, theirs) = beside(40, 20, || drop(self.run(&live, ECHO)), || native(ECHO));
            self.versus("warm_echo", "us", 0.04, "bash -c 'echo hi'", micros(ours), micros(theirs));
        }
        if self.wants("external") {
            // One command's cost: that of a loop of them less that of the loop.
            const TIMES: u32 = 200;
            let with = format!("for ((i = 0; i < {TIMES}; i++)); do /bin/true; done");
            let without = format!("for ((i = 0; i < {TIMES}; i++)); do :; done");
            let live = self.sandbox();
            let (ours, theirs) = beside(15, 1, || drop(self.run(&live, &with)), || native(&with));
            let (our_loop, their_loop) = beside(15, 1, || drop(self.run(&live, &without)), || native(&without));
            let one = |all: Duration, empty: Duration| micros(all.saturating_sub(empty)) / f64::from(TIMES);
            self.versus("external", "us", 0.05, "/bin/true from bash", one(ours, our_loop), one(theirs, their_loop));
        }
        if self.wants("pipeline3") {
            let script = r"printf 'b\na\n' | sort | head -n 1";
            let (ours, theirs) = beside(40, 10, || drop(self.run(&self.sandbox(), script)), || native(script));
            self.versus("pipeline3", "us", 0.05, "the same in bash", micros(ours), micros(theirs));
        }
    }

    /// Work inside the shell.
    fn scripts(&mut self) {
        if self.wants("subst") {
            let script = "for ((i = 0; i < 1000; i++)); do x=$(echo hi); done; echo $x";
            let live = self.sandbox();
            let (ours, theirs) = beside(9, 1, || drop(self.run(&live, script)), || native(script));
            self.versus("subst", "ms", 0.10, "the same in bash", millis(ours), millis(theirs));
        }
        if self.wants("loop20k") {
            let script = "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; echo $i";
            let live = self.sandbox();
            let (ours, theirs) = beside(15, 1, || drop(self.run(&live, script)), || native(script));
            self.versus("loop20k", "ms", 1.0, "the same in bash", millis(ours), millis(theirs));
        }
    }

    /// Bytes through pipes.
    fn streams(&mut self) {
        if self.wants("pipe_gb") {
            let script = format!("head -c {GIB} /dev/zero | cat | cat | wc -c");
            let live = self.sandbox();
            let (ours, theirs) = beside(5, 1, || drop(self.run(&live, &script)), || native(&script));
            self.versus("pipe_gb", "ms", 1.0, "the same in bash", millis(ours), millis(theirs));
        }
    }

    /// The program as a person starts it.
    fn whole_process(&mut self) {
        if self.wants("whole_process") {
            let program = env!("CARGO_BIN_EXE_coquina");
            let dir = image_dir();
            let ours = || {
                let words = ["exec", "-c", "echo hi"];
                let done = Command::new(program).args(words).env("COQUINA_IMAGE", &dir).stdin(Stdio::null()).output();
                assert_eq!(done.expect("coquina starts").stdout, b"hi\n");
            };
            let (ours, theirs) = beside(40, 1, ours, || native("echo hi"));
            self.versus("whole_process", "us", 5.0, "bash -c 'echo hi'", micros(ours), micros(theirs));
        }
    }

    /// Snapshot and fork of a big tree against a small one.
    fn snapshots(&mut self) {
        if !self.wants("snapshot") {
            return;
        }
        let (big, small) = (self.sandbox(), self.sandbox());
        self.run(&small, "for ((i = 0; i < 10; i++)); do : > f$i; done");
        // 100 directories of 1,000 files; 1,000 of the files have a MiB each, all different.
        self.run(
            &big,
            "for ((d = 0; d < 100; d++)); do mkdir d$d; for ((i = 0; i < 1000; i++)); do : > d$d/f$i; done; done",
        );
        self.run(
            &big,
            "for ((i = 0; i < 1000; i++)); do { echo $i; head -c 1048576 /dev/zero; } > d$((i % 100))/f$i; done",
        );
        let (many, bytes) = (big.snapshot().tree().usage(), GIB - (24 << 20));
        assert!(many.files >= 100_000 && many.bytes >= bytes, "the big tree is not big: {many:?}");
        let fork = |sandbox: &Sandbox| drop(sandbox.fork().expect("it forks"));
        let (ours, theirs) = beside(200, 1, || fork(&big), || fork(&small));
        let reference = "the same of a tree with 10 files";
        self.versus("snapshot", "us", 2.0, reference, micros(ours), micros(theirs));
    }

    /// Many sandboxes and many execs at a time, and whether rounds of them leave anything behind.
    fn many(&mut self) {
        if self.wants("idle_sandbox") {
            // Each has run a command and kept a file.
            let warm: Vec<Sandbox> = (0..64).map(|_| self.idle()).collect();
            drop(warm);
            let before = resident_bytes();
            let idle: Vec<Sandbox> = (0..MANY).map(|_| self.idle()).collect();
            let each = resident_bytes().saturating_sub(before) as f64 / MANY as f64;
            self.alone("idle_sandbox", "KiB", each / 1024.0);
            drop(idle);
        }
        if self.wants("concurrent_execs") {
            let (mut seconds, mut resident) = (Vec::new(), Vec::new());
            for _ in 0..4 {
                let started = Instant::now();
                self.round();
                seconds.push(started.elapsed());
                resident.push(resident_bytes());
            }
            self.alone("concurrent_execs", "ms", millis(median(seconds)));
            // The first round fills the pool; what the others add would be lost for good.
            let growth = resident[3].saturating_sub(resident[1]) as f64 / 2.0;
            self.alone("round_growth", "KiB", growth / 1024.0);
        }
    }

    fn idle(&self) -> Sandbox {
        let sandbox = self.sandbox();
        self.run(&sandbox, "echo kept > file");
        sandbox
    }

    /// [`MANY`] execs at a time, each a pipeline in a sandbox of its own.
    fn round(&self) {
        let image = &self.image;
        self.runtime.block_on(async {
            let mut execs = tokio::task::JoinSet::new();
            for i in 0..MANY {
                let sandbox = Arc::new(Sandbox::new(image, SandboxConfig::default()).expect("the sandbox can be made"));
                execs.spawn(async move {
                    let done = sandbox.exec(Exec::bash(format!("echo {i} | cat"))).await.expect("the host runs it");
                    assert_eq!(done.stdout.bytes, format!("{i}\n").into_bytes());
                });
            }
            while let Some(done) = execs.join_next().await {
                done.expect("the exec finishes");
            }
        });
    }
}

/// Runs ours `each` times and theirs once, `rounds` times over, after a warm-up; the median of each.
fn beside(rounds: u32, each: u32, ours: impl Fn(), theirs: impl Fn()) -> (Duration, Duration) {
    let time = |f: &dyn Fn()| {
        let started = Instant::now();
        f();
        started.elapsed()
    };
    ours();
    theirs();
    let (mut our_times, mut their_times) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        our_times.extend((0..each).map(|_| time(&ours)));
        their_times.push(time(&theirs));
    }
    (median(our_times), median(their_times))
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

/// Runs a script in native bash, in the environment that a sandbox gives.
fn native(script: &str) {
    let mut bash = Command::new("/bin/bash");
    bash.arg("-c").arg(script).env_clear().env("PATH", "/usr/local/bin:/usr/bin:/bin").env("LANG", "C.UTF-8");
    let done = bash.stdin(Stdio::null()).output().expect("bash starts");
    assert!(done.status.success(), "native: {script}");
}

/// Memory of this process that is in RAM, in bytes; 0 where there is no /proc.
fn resident_bytes() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = statm.lines().find_map(|l| l.strip_prefix("VmRSS:")).unwrap_or_default();
    line.trim().trim_end_matches("kB").trim().parse::<u64>().unwrap_or(0) * 1024
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
