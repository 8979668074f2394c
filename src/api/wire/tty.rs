//! The text frames of a terminal: what is not typed and not printed.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// What a client says beside what is typed.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub(in crate::api) enum FromClient {
    /// The terminal's size has changed.
    Resize { cols: u32, rows: u32 },
    /// The command that runs is to be sent this signal (`INT`, `TERM`, …).
    Signal { signal: String },
}

/// What the service says beside what is printed.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(in crate::api) enum ToClient<'a> {
    /// What is typed from now on is heard.
    Ready { container_id: &'a str },
    /// A text frame made no sense; nothing was done.
    Error { message: Cow<'a, str> },
    /// The shell has ended, and the connection with it.
    Exit { code: u8 },
}
