//! One exec, as values: what to run, how it ended, what it used.

use bytes::Bytes;
use serde::Serialize;

use super::output::{Captured, InputStream, OutputStream};
use crate::base::{BlobError, Exceeded, Limit, Limits};
use crate::kernel;
use crate::wasi::Preopen;

/// One command to run in a sandbox. Start from [`Exec::bash`] or [`Exec::program`] and change what differs.
#[derive(Clone, Debug)]
pub struct Exec {
    /// The program and its arguments; the first is its path, or a name to look up in `PATH`.
    pub argv: Vec<Vec<u8>>,
    /// The whole environment.
    pub env: Vec<(Vec<u8>, Vec<u8>)>,
    /// Working directory.
    pub cwd: Vec<u8>,
    /// Standard input.
    pub stdin: Stdin,
    /// Capture standard output and error (to the sandbox's `output_bytes` each) or stream them.
    pub output: Output,
    /// Columns and rows of the terminal that streamed standard output goes to, if it does: then it is one for the guest too.
    pub stdout_terminal: Option<(u32, u32)>,
    /// The same of standard error.
    pub stderr_terminal: Option<(u32, u32)>,
    /// Continue the sandbox's shell session: start with its variables, functions, options and working directory, and leave them for
    /// the next one. The program must be the image's bash.
    pub session: bool,
    /// Directories that programs which know only preview 1 find opened, and cannot leave; `None`: what docs/abi.md says.
    pub preopens: Option<Vec<Preopen>>,
    /// Narrower limits for this exec: fuel, wall time and output; a wider one than the sandbox's is cut down to it.
    pub limits: Option<Limits>,
}

/// Where an exec's standard input comes from.
#[derive(Clone, Debug, Default)]
pub enum Stdin {
    /// End of file at once.
    #[default]
    Empty,
    /// These bytes.
    Bytes(Bytes),
    /// Written by the host while it runs, through [`Running::stdin`](super::Running::stdin).
    Stream {
        /// Whether `isatty` says yes to the guest.
        terminal: bool,
    },
}

/// What happens to an exec's output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Output {
    /// Kept, head and tail, and returned with the outcome.
    #[default]
    Capture,
    /// Read by the host while it runs; the guest waits when the host does not keep up.
    Stream,
    /// The same, with standard error in the stream of standard output, in the order they are written: as on a terminal.
    Together,
}

impl Exec {
    /// `bash -c script`, with the standard environment.
    pub fn bash(script: impl Into<Vec<u8>>) -> Exec {
        Exec::program([b"bash".to_vec(), b"-c".to_vec(), script.into()])
    }

    /// What a script file holds, run by bash as if it were the file `name` in the sandbox: so `$0` and messages call it. With the standard
    /// environment. NUL bytes are left out, as bash does.
    pub fn script(name: impl Into<Vec<u8>>, text: impl Into<Vec<u8>>, args: impl IntoIterator<Item = Vec<u8>>) -> Exec {
        let mut text = text.into();
        text.retain(|byte| *byte != 0);
        let start = [b"bash".to_vec(), b"--script".to_vec(), b"-c".to_vec(), text, name.into()];
        Exec::program(start.into_iter().chain(args))
    }

    /// A program with its arguments, with the standard environment: home and working directory `/home/user`.
    pub fn program(argv: impl IntoIterator<Item = Vec<u8>>) -> Exec {
        let env = [
            ("HOME", "/home/user"),
            ("USER", "user"),
            ("SHELL", "/bin/bash"),
            ("PATH", "/usr/local/bin:/usr/bin:/bin"),
            ("LANG", "C.UTF-8"),
            ("TZ", "UTC"),
        ];
        Exec {
            argv: argv.into_iter().collect(),
            env: env.map(|(k, v)| (k.into(), v.into())).into(),
            cwd: b"/home/user".to_vec(),
            stdin: Stdin::Empty,
            output: Output::Capture,
            stdout_terminal: None,
            stderr_terminal: None,
            session: false,
            preopens: None,
            limits: None,
        }
    }

    /// Sets an environment variable, replacing an earlier value.
    #[must_use]
    pub fn with_env(mut self, key: impl Into<Vec<u8>>, value: impl Into<Vec<u8>>) -> Exec {
        let key = key.into();
        self.env.retain(|(k, _)| *k != key);
        self.env.push((key, value.into()));
        self
    }
}

/// How an exec ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Outcome {
    /// Its first process exited.
    Exit {
        /// The exit status, 0 to 255.
        exit_code: u8,
    },
    /// A signal ended its first process.
    Signal {
        /// Its name without `SIG`.
        signal: String,
        /// Its number.
        #[serde(skip)]
        number: u8,
    },
    /// A limit ended it.
    Limit(Exceeded),
    /// The host cancelled it.
    Cancelled,
}

impl Outcome {
    /// The exit status that a shell would tell of it.
    pub fn status(&self) -> u8 {
        match *self {
            Outcome::Exit { exit_code } => exit_code,
            Outcome::Signal { number, .. } => 128 + number,
            Outcome::Limit(exceeded) if exceeded.limit == Limit::WallTime => 124,
            Outcome::Limit(_) => 137,
            Outcome::Cancelled => 130,
        }
    }
}

/// What an exec used.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Metering {
    /// WebAssembly instructions, and host work charged like them. Of processes that go on in the background, up to the exec's end.
    pub fuel: u64,
    /// Most linear memory of all its processes at one time.
    pub memory_peak_bytes: u64,
    /// Bytes read from files, pipes and streams.
    pub read_bytes: u64,
    /// Bytes written to files, pipes and streams.
    pub written_bytes: u64,
    /// Processes there were.
    pub processes_total: u64,
    /// The first of them to end, at most 1,000, in that order.
    pub processes: Vec<ProcessMetering>,
    /// From start to end.
    pub wall_seconds: f64,
}

/// What one process used.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ProcessMetering {
    /// Its first argument (text; other bytes are replaced).
    pub argv0: String,
    /// Its exit status, or 128 and the signal's number.
    pub exit_code: u8,
    /// As for the exec.
    pub fuel: u64,
    /// Its linear memory.
    pub memory_peak_bytes: u64,
    /// As for the exec.
    pub read_bytes: u64,
    /// As for the exec.
    pub written_bytes: u64,
    /// From start to end.
    pub wall_seconds: f64,
}

impl From<kernel::Metering> for Metering {
    fn from(m: kernel::Metering) -> Metering {
        Metering {
            fuel: m.fuel,
            memory_peak_bytes: m.memory_peak_bytes,
            read_bytes: m.read_bytes,
            written_bytes: m.written_bytes,
            processes_total: m.processes_total,
            processes: m.processes.into_iter().map(ProcessMetering::from).collect(),
            wall_seconds: seconds(m.wall_ns),
        }
    }
}

impl From<kernel::ProcessRecord> for ProcessMetering {
    fn from(p: kernel::ProcessRecord) -> ProcessMetering {
        ProcessMetering {
            argv0: String::from_utf8_lossy(&p.argv0).into_owned(),
            exit_code: match p.status {
                kernel::ExitStatus::Code(code) => code,
                kernel::ExitStatus::Signal(signal) => 128 + signal.raw() as u8,
            },
            fuel: p.usage.fuel,
            memory_peak_bytes: p.usage.memory_peak_bytes,
            read_bytes: p.read_bytes,
            written_bytes: p.written_bytes,
            wall_seconds: seconds(p.wall_ns),
        }
    }
}

fn seconds(ns: u64) -> f64 {
    ns as f64 / 1e9
}

/// A finished exec.
#[derive(Clone, Debug)]
pub struct Finished {
    /// How it ended.
    pub outcome: Outcome,
    /// Captured standard output; empty if streamed.
    pub stdout: Captured,
    /// Captured standard error; empty if streamed.
    pub stderr: Captured,
    /// What it used.
    pub metering: Metering,
}

/// The host's ends of a running exec's streams.
#[derive(Default)]
pub struct Streams {
    /// With [`Stdin::Stream`].
    pub stdin: Option<InputStream>,
    /// With [`Output::Stream`] and [`Output::Together`].
    pub stdout: Option<OutputStream>,
    /// With [`Output::Stream`].
    pub stderr: Option<OutputStream>,
}

/// Why an exec could not be started or finished: the host's fault or the caller's, never the guest's.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say it")]
pub enum ExecError {
    #[error("{program} in {cwd}: {why}")]
    NotStarted { program: String, cwd: String, why: &'static str },
    #[error("the engine failed: {0}")]
    Engine(String),
    #[error("the sandbox's files cannot be read: {0}")]
    Damaged(BlobError),
}
