//! What every row needs: taking times side by side, the table, the file.

use std::path::PathBuf;
use std::process::{Command, Stdio};
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

/// What a row must not be above.
#[derive(Clone, Copy)]
enum Goal {
    None,
    Ratio(f64),
    Value(f64),
}

/// The rows so far, and what is needed to make more.
pub struct Bench {
    pub image: Image,
    pub runtime: Runtime,
    wanted: Vec<String>,
    rows: Vec<Row>,
    missed: u32,
}

/// Where everything is built: what cargo and the Makefile call the target directory.
pub fn build_dir() -> PathBuf {
    let default = concat!(env!("CARGO_MANIFEST_DIR"), "/target");
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| default.into(), Into::into)
}

pub fn image_dir() -> PathBuf {
    std::env::var_os("COQUINA_IMAGE").map_or_else(|| build_dir().join("release/image"), Into::into)
}

impl Bench {
    /// Reads the command line, opens the image, prints the table's head.
    pub fn start() -> Bench {
        // Cargo passes `--bench`.
        let wanted = std::env::args().skip(1).filter(|a| !a.starts_with('-')).collect();
        let engine =
            Engine::new(&EngineConfig { processes: 4096, ..EngineConfig::default() }).expect("the engine starts");
        let image = Image::open(&engine, image_dir()).expect("`make image` has built the root image");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime starts");
        println!(
            "{:<18} {:>6} {:>14} {:>14} {:>9} {:>7}   reference",
            "row", "unit", "ours", "theirs", "ratio", "goal"
        );
        Bench { image, runtime, wanted, rows: Vec::new(), missed: 0 }
    }

    /// Whether a row was asked for.
    pub fn wants(&self, name: &str) -> bool {
        self.wanted.is_empty() || self.wanted.iter().any(|w| name.contains(w.as_str()))
    }

    pub fn sandbox(&self) -> Sandbox {
        Sandbox::new(&self.image, SandboxConfig::default()).expect("the sandbox can be made")
    }

    pub fn run(&self, sandbox: &Sandbox, script: &str) -> Finished {
        let done = self.runtime.block_on(sandbox.exec(Exec::bash(script))).expect("the host runs it");
        let stderr = String::from_utf8_lossy(&done.stderr.bytes);
        assert_eq!(done.outcome, Outcome::Exit { exit_code: 0 }, "{script}: {stderr}");
        done
    }

    /// Adds a row that has a reference.
    pub fn versus(
        &mut self,
        name: &'static str,
        unit: &'static str,
        goal: f64,
        reference: &str,
        ours: f64,
        theirs: f64,
    ) {
        let (reference, ratio) = (Some(reference.to_owned()), Some(ours / theirs));
        self.add(Row { name, unit, ours, reference, theirs: Some(theirs), ratio }, Goal::Ratio(goal));
    }

    /// Adds a row that stands alone, and must not be above `goal`.
    pub fn at_most(&mut self, name: &'static str, unit: &'static str, goal: f64, ours: f64) {
        self.add(Row { name, unit, ours, reference: None, theirs: None, ratio: None }, Goal::Value(goal));
    }

    /// Adds a row that stands alone.
    pub fn alone(&mut self, name: &'static str, unit: &'static str, ours: f64) {
        self.add(Row { name, unit, ours, reference: None, theirs: None, ratio: None }, Goal::None);
    }

    fn add(&mut self, row: Row, goal: Goal) {
        let Row { name, unit, ours, reference, theirs, ratio } = &row;
        let cell = |v: Option<f64>, digits| v.map_or("-".into(), |v| format!("{v:.digits$}"));
        let (limit, is_missed) = match goal {
            Goal::None => (None, false),
            Goal::Ratio(goal) => (Some(goal), ratio.is_some_and(|ratio| ratio > goal)),
            Goal::Value(goal) => (Some(goal), *ours > goal),
        };
        println!(
            "{name:<18} {unit:>6} {ours:>14.2} {:>14} {:>9} {:>7}   {}{}",
            cell(*theirs, 2),
            cell(*ratio, 4),
            limit.map_or("-".into(), |g| g.to_string()),
            reference.as_deref().unwrap_or("-"),
            if is_missed { "  MISSED" } else { "" },
        );
        self.missed += u32::from(is_missed);
        self.rows.push(row);
    }

    /// Writes the file and the table's last line.
    pub fn finish(self) {
        let path = build_dir().join("versus.json");
        let text = serde_json::to_string_pretty(&self.rows).expect("rows are plain") + "\n";
        std::fs::write(&path, text).expect("the build folder can be written");
        println!("\n{} rows, {} over their goal; written to {}", self.rows.len(), self.missed, path.display());
    }
}

/// Runs ours `each` times and theirs once, `rounds` times over, after a warm-up; the median of each.
pub fn beside(rounds: u32, each: u32, ours: impl Fn(), theirs: impl Fn()) -> (Duration, Duration) {
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

pub fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

/// Runs a script in native bash, in the environment that a sandbox gives.
pub fn native(script: &str) {
    let mut bash = Command::new("/bin/bash");
    bash.arg("-c").arg(script).env_clear().env("PATH", "/usr/local/bin:/usr/bin:/bin").env("LANG", "C.UTF-8");
    let done = bash.stdin(Stdio::null()).output().expect("bash starts");
    assert!(done.status.success(), "native: {script}");
}

/// Memory of this process that is in RAM, in bytes; 0 where there is no /proc.
pub fn resident_bytes() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = statm.lines().find_map(|l| l.strip_prefix("VmRSS:")).unwrap_or_default();
    line.trim().trim_end_matches("kB").trim().parse::<u64>().unwrap_or(0) * 1024
}

pub fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

pub fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
