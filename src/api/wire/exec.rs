//! What running a command takes and gives: the same for a run, a container's exec and `coquina exec --json`.

use std::borrow::Cow;
use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa::openapi::Ref;
use utoipa::openapi::schema::{AnyOfBuilder, Object, Schema};

use super::content::Content;
use super::history::{Changes, LandedObject};
use crate::api::error::ApiError;
use crate::base::Limits;
use crate::sandbox::{Finished, Metering, Outcome};

/// Narrower limits for a command; a wider one than the service's is cut down to it.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct LimitsParam {
    /// WebAssembly instructions.
    #[schema(minimum = 1)]
    pub fuel: Option<u64>,
    /// Memory of all its processes together, in bytes.
    #[schema(minimum = 1)]
    pub memory_bytes: Option<u64>,
    /// Live processes.
    #[schema(minimum = 1)]
    pub processes: Option<u32>,
    /// Open files of a process.
    #[schema(minimum = 1)]
    pub open_files: Option<u32>,
    /// File contents beyond the image's, in bytes.
    #[schema(minimum = 1)]
    pub tree_bytes: Option<u64>,
    /// Files beyond the image's.
    #[schema(minimum = 1)]
    pub tree_files: Option<u64>,
    /// Output kept of each of stdout and stderr, in bytes.
    #[schema(minimum = 1)]
    pub output_bytes: Option<u64>,
}

impl LimitsParam {
    /// `most`, narrowed.
    pub fn narrow(&self, most: &Limits, timeout_ms: Option<u64>) -> Result<Limits, ApiError> {
        fn lower<T: Copy + Ord + Default>(limit: &mut T, asked: Option<T>, name: &str) -> Result<(), ApiError> {
            match asked {
                Some(asked) if asked == T::default() => Err(ApiError::invalid_value(name, "expected at least 1")),
                Some(asked) => {
                    *limit = asked.min(*limit);
                    Ok(())
                }
                None => Ok(()),
            }
        }
        let mut limits = most.clone();
        lower(&mut limits.wall_time_ms, timeout_ms, "timeout_ms")?;
        lower(&mut limits.fuel, self.fuel, "limits.fuel")?;
        lower(&mut limits.memory_bytes, self.memory_bytes, "limits.memory_bytes")?;
        lower(&mut limits.processes, self.processes, "limits.processes")?;
        lower(&mut limits.open_files, self.open_files, "limits.open_files")?;
        lower(&mut limits.tree_bytes, self.tree_bytes, "limits.tree_bytes")?;
        lower(&mut limits.tree_files, self.tree_files, "limits.tree_files")?;
        lower(&mut limits.output_bytes, self.output_bytes, "limits.output_bytes")?;
        Ok(limits)
    }
}

/// How a command ended, what it printed and used.
#[derive(Debug, Default, Serialize, ToSchema)]
pub(in crate::api) struct Answer {
    /// `{"type": "exit", "exit_code"}`, `{"type": "signal", "signal"}`, `{"type": "limit", "limit", "value", "used"}` or `{"type": "cancelled"}`.
    #[schema(value_type = Object)]
    pub outcome: Option<Outcome>,
    /// `base64` when `stdout` or `stderr` is not UTF-8: both are encoded then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encoding: Option<&'static str>,
    /// Standard output; not in `exec.completed`, whose events have told it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stdout: Option<String>,
    /// Standard error, likewise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stderr: Option<String>,
    /// Bytes left out between the kept head and tail of standard output.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stdout_truncated_bytes: Option<u64>,
    /// The same of standard error.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stderr_truncated_bytes: Option<u64>,
    /// What it used, in all and by process.
    #[schema(value_type = Object)]
    pub metering: Metering,
    /// Of a run: the files that `outputs` asked for, by path: relative where the pattern was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub files: Option<BTreeMap<String, Content>>,
    /// Files that `outputs` asked for but that were too many or too large together.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub files_omitted: Vec<String>,
    /// Of a container's command: the log record or the proposal that it left.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub landed: Option<LandedObject>,
    /// Of a container's command: what it changed.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = some_changes)]
    pub changes: Option<Changes>,
}

/// The fields of [`Changes`], or none of them.
fn some_changes() -> Schema {
    AnyOfBuilder::new().item(Ref::from_schema_name("Changes")).item(Object::default()).build().into()
}

impl Answer {
    /// The answer for a command whose output was captured.
    pub fn captured(finished: Finished) -> Answer {
        let (out, err) = (finished.stdout, finished.stderr);
        let text = str::from_utf8(&out.bytes).is_ok() && str::from_utf8(&err.bytes).is_ok();
        let encode = |bytes: Vec<u8>| match text {
            true => String::from_utf8(bytes).unwrap_or_default(),
            false => BASE64.encode(bytes),
        };
        Answer {
            encoding: (!text).then_some("base64"),
            stdout: Some(encode(out.bytes)),
            stderr: Some(encode(err.bytes)),
            stdout_truncated_bytes: Some(out.truncated_bytes),
            stderr_truncated_bytes: Some(err.truncated_bytes),
            ..Answer::streamed(finished.outcome, finished.metering)
        }
    }

    /// The answer for a command whose output was streamed.
    pub fn streamed(outcome: Outcome, metering: Metering) -> Answer {
        Answer { outcome: Some(outcome), metering, ..Answer::default() }
    }
}

/// An event of a stream as it is sent.
#[derive(ToSchema)]
#[allow(dead_code, reason = "for the OpenAPI document")]
pub(in crate::api) struct ServerSentEvent {
    /// The `type` of what is in `data`.
    event: String,
    /// As JSON: an `Event` of a command, or a `ResponseStreamEvent`.
    data: String,
}

/// An event of a stream.
#[derive(Serialize, ToSchema)]
#[serde(tag = "type")]
pub(in crate::api) enum Event<'a> {
    /// More output, of one of the two.
    #[serde(rename = "exec.output.delta")]
    Delta {
        sequence_number: u64,
        #[serde(skip_serializing_if = "Option::is_none")]
        stdout: Option<Content>,
        #[serde(skip_serializing_if = "Option::is_none")]
        stderr: Option<Content>,
    },
    /// The command has ended; the last event.
    #[serde(rename = "exec.completed")]
    Completed {
        sequence_number: u64,
        #[serde(flatten)]
        answer: &'a Answer,
    },
    /// The host has failed the command; the last event.
    #[serde(rename = "error")]
    Error { sequence_number: u64, code: &'a str, message: Cow<'a, str>, param: Option<&'a str> },
}

impl Event<'_> {
    /// What the event is called.
    pub fn name(&self) -> &'static str {
        match self {
            Event::Delta { .. } => "exec.output.delta",
            Event::Completed { .. } => "exec.completed",
            Event::Error { .. } => "error",
        }
    }
}
