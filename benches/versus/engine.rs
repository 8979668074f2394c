//! The engine's rows: starting things, work in the shell, pipes, the whole program, many at a time.

use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use coquina::sandbox::{Exec, Sandbox, SandboxConfig};

use crate::harness::{Bench, beside, image_dir, median, micros, millis, native, resident_bytes};

/// Bytes of a GiB.
const GIB: u64 = 1 << 30;

/// Idle sandboxes, and execs at a time, of the rows about many.
const MANY: usize = 1000;

impl Bench {
    pub fn engine(&mut self) {
        self.starts();
        self.scripts();
        self.streams();
        self.whole_process();
        self.many();
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
