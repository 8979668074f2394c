//! What an exec did and used, as JSON for programs and as a table for people.

use std::fmt::Write as _;
use std::io::Write as _;

use anyhow::Result;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::Serialize;

use crate::sandbox::{Finished, Metering, Outcome};

/// The document of `coquina exec --json`.
#[derive(Serialize)]
struct Report<'a> {
    outcome: &'a Outcome,
    /// `base64` when either stream is not UTF-8; both are encoded then.
    #[serde(skip_serializing_if = "Option::is_none")]
    encoding: Option<&'static str>,
    stdout: String,
    stderr: String,
    stdout_truncated_bytes: u64,
    stderr_truncated_bytes: u64,
    metering: &'a Metering,
}

/// Prints a finished exec as one JSON document.
pub fn json(finished: &Finished) -> Result<()> {
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
    };
    let mut document = serde_json::to_vec(&report)?;
    document.push(b'\n');
    Ok(std::io::stdout().write_all(&document)?)
}

/// What each process used, a line each, and the sum.
pub fn table(metering: &Metering) -> String {
    let mut text = format!(
        "{:<16} {:>6} {:>14} {:>10} {:>10} {:>10} {:>9}\n",
        "process", "status", "fuel", "memory", "read", "written", "seconds"
    );
    let mut line = |name: &str, status: &str, fuel, memory, read, written, seconds| {
        let name: String = name.chars().take(16).collect();
        let (memory, read, written) = (bytes(memory), bytes(read), bytes(written));
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

/// A number of bytes for people.
fn bytes(n: u64) -> String {
    let mut value = n as f64;
    for unit in ["B", "KiB", "MiB", "GiB"] {
        if value < 1024.0 || unit == "GiB" {
            let digits = usize::from(unit != "B" && value < 100.0);
            return format!("{value:.digits$} {unit}");
        }
        value /= 1024.0;
    }
    unreachable!("the last unit returns")
}
