//! What commands answer with: JSON for programs, tables for people, on standard output.

use std::io::Write as _;

use anyhow::Result;
use serde::Serialize;

use super::format::{Table, colour};
use crate::vfs::{Clock as _, SystemClock};

/// Writes bytes to standard output. That nobody reads them is an error too, which `main` keeps quiet about.
pub fn write(bytes: impl AsRef<[u8]>) -> Result<()> {
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(bytes.as_ref())?;
    Ok(stdout.flush()?)
}

/// Writes a line.
pub fn line(text: &str) -> Result<()> {
    write(format!("{text}\n"))
}

/// Writes one JSON document and a line's end.
pub fn json(value: &impl Serialize) -> Result<()> {
    let mut document = serde_json::to_vec(value)?;
    document.push(b'\n');
    write(document)
}

/// Writes a table, no wider than the terminal if standard output is one.
pub fn table(table: Table) -> Result<()> {
    let width = rustix::termios::tcgetwinsize(std::io::stdout()).ok().map(|size| usize::from(size.ws_col));
    write(table.text(width.filter(|columns| *columns > 0), colour()))
}

/// The time now, in milliseconds since 1970.
pub fn now_ms() -> i64 {
    SystemClock.now() / 1_000_000
}
