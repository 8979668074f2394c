//! What an exec did and used, as JSON for programs and as a table for people.

use std::fmt::Write as _;

use anyhow::Result;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::Serialize;

use super::format::size;
use super::output;
use crate::sandbox::{Finished, Metering, Outcome};

/// The document of `coquina exec --json`.
#[derive(Serialize)]
struct Report<'a, M> {
    outcome: &'a Outcome,
    /// `base64` when either stream is not UTF-8; both are encoded then.
    #[serde(skip_serializing_if = "Option::is_none")]
    encoding: Option<&'static str>,
    stdout: String,
    stderr: String,
    stdout_truncated_bytes: u64,
    stderr_truncated_bytes: u64,
    metering: &'a Metering,
    /// What `coquina box exec` adds.
    #[serde(flatten)]
    more: &'a M,
}

/// Prints a finished exec, and more about it, as one JSON document.
pub fn json(finished: &Finished, more: &impl Serialize) -> Result<()> {
    let (out, err) = (&finished.stdout, &finished.stderr);
    let texts = (std::str::from_utf8(&out.bytes), std::str::from_utf8(&err.bytes));
    let (encoding, stdout, stderr) = match texts {
        (Ok(out), Ok(err)) => (None, out.to_owned(), err.to_owned()),
        _ => (Some("base64"), BASE64.encode(&out.bytes), BASE64.encode(&err.bytes)),
    };
    let report = Report {
        outcome: &finished.outcome,
        encoding,
        stdout,
        stderr,
        stdout_truncated_bytes: out.truncated_bytes,
        stderr_truncated_bytes: err.truncated_bytes,
        metering: &finished.metering,
        more,
    };
    output::json(&report)
}

/// Says which limit ended an exec, if one did.
pub fn limit(outcome: &Outcome) {
    if let Outcome::Limit(exceeded) = outcome {
        eprintln!("coquina: {exceeded}");
    }
}

/// What each process used, a line each, and the sum.
pub fn table(metering: &Metering) -> String {
    let mut text = format!(
        "{:<16} {:>6} {:>14} {:>10} {:>10} {:>10} {:>9}\n",
        "process", "status", "fuel", "memory", "read", "written", "seconds"
    );
    let mut line = |name: &str, status: &str, fuel, memory, read, written, seconds| {
        let name: String = name.chars().take(16).collect();
        let (memory, read, written) = (size(memory), size(read), size(written));
        let _ =
            writeln!(text, "{name:<16} {status:>6} {fuel:>14} {memory:>10} {read:>10} {written:>10} {seconds:>9.4}");
    };
    for p in &metering.processes {
        let status = p.exit_code.to_string();
        line(&p.argv0, &status, p.fuel, p.memory_peak_bytes, p.read_bytes, p.written_bytes, p.wall_seconds);
    }
    let m = metering;
    let name = format!("{} in all", m.processes_total);
    line(&name, "", m.fuel, m.memory_peak_bytes, m.read_bytes, m.written_bytes, m.wall_seconds);
    text
}
