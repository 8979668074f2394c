//! The file that a scripted model reads: turns, each with what it waits for and what it says. docs/models.md describes it for those who write one.

use std::num::NonZeroUsize;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};

use super::pattern::Pattern;
use crate::agent::item::PatchOperation;
use crate::agent::model::{CallKind, ModelError, Usage};

/// Turns, in the order in which they are tried.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Script {
    /// Tokens that fit, for compaction.
    #[serde(default = "window")]
    pub(super) context_window: u64,
    /// Milliseconds before each piece, for people who watch.
    #[serde(default)]
    pace_ms: u64,
    #[serde(rename = "turn", default)]
    pub(super) turns: Vec<Turn>,
}

/// Why a text is no script: it is not TOML or JSON of this form.
#[derive(Debug, thiserror::Error)]
#[error("it is not as docs/models.md describes: {0}")]
pub struct BadScript(String);

/// What the model says once, and when.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Turn {
    #[serde(default)]
    pub when: When,
    pub reasoning: Option<String>,
    pub text: Option<String>,
    pub refusal: Option<String>,
    #[serde(default)]
    shell: Vec<Shell>,
    #[serde(default)]
    patch: Vec<PatchOperation>,
    #[serde(default)]
    function: Vec<Function>,
    #[serde(default)]
    custom: Vec<Custom>,
    #[serde(default, deserialize_with = "usage")]
    pub usage: Option<Usage>,
    pub error: Option<Failure>,
    #[serde(default)]
    pub ends: Ends,
    /// Characters of a piece.
    #[serde(default = "piece")]
    pub piece: NonZeroUsize,
}

/// What must hold for a turn to answer; all of it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct When {
    /// 1 answers what the user said, 2 the first outputs, …
    pub step: Option<u64>,
    /// In what the user said last.
    pub user: Option<Pattern>,
    /// In the last output of a tool since.
    pub output: Option<Pattern>,
    /// In the instructions.
    pub instructions: Option<Pattern>,
    /// Anywhere.
    pub seen: Option<Pattern>,
}

/// How a turn ends.
#[derive(Debug, Clone, Copy, Default, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Ends {
    #[default]
    Stop,
    /// Its calls are cut off, as by `max_output_tokens`.
    Length,
    ContentFilter,
    /// With an error in the middle.
    Cut,
    /// Never.
    Hang,
}

/// A shell call: one command, several, or one with limits. `arguments` is sent as it is, for tests of what is wrong.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
enum Shell {
    Command(String),
    Commands(Vec<String>),
    Action { commands: Vec<String>, timeout_ms: Option<u64>, max_output_length: Option<u64> },
    Raw { arguments: String },
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Function {
    name: String,
    /// A table is written as JSON, a string as it is.
    #[serde(default)]
    arguments: Value,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Custom {
    name: String,
    input: String,
}

/// What goes wrong in the place of an answer.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Failure {
    kind: FailureKind,
    #[serde(default)]
    message: String,
    status: Option<u16>,
    retry_after_ms: Option<u64>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum FailureKind {
    Unreachable,
    Status,
    RateLimited,
    ContextLength,
    Cut,
    Nonsense,
    TimedOut,
}

/// A call as it is sent.
pub(super) struct Call {
    pub kind: CallKind,
    pub arguments: String,
    /// Whether the arguments are JSON.
    pub json: bool,
}

impl Script {
    /// Reads a script: JSON if it begins with a brace, else TOML.
    pub fn parse(text: &str) -> Result<Script, BadScript> {
        match text.trim_start().starts_with('{') {
            true => serde_json::from_str(text).map_err(|error| BadScript(error.to_string())),
            false => toml::from_str(text).map_err(|error| BadScript(error.to_string().trim_end().to_owned())),
        }
    }

    pub(super) fn pause(&self) -> Duration {
        Duration::from_millis(self.pace_ms)
    }
}

impl Turn {
    /// Its calls in the order of the form: shell, patches, functions, custom tools.
    pub fn calls(&self) -> impl Iterator<Item = Call> {
        let shell = self.shell.iter().map(|call| Call::json(CallKind::Shell, call.arguments()));
        let patch = self
            .patch
            .iter()
            .map(|operation| Call::json(CallKind::ApplyPatch, json!({"operation": operation}).to_string()));
        let function = self.function.iter().map(|call| {
            let arguments = match &call.arguments {
                Value::String(text) => text.clone(),
                Value::Null => "{}".into(),
                other => other.to_string(),
            };
            Call::json(CallKind::Function(call.name.clone()), arguments)
        });
        let custom = self.custom.iter().map(|call| Call {
            kind: CallKind::Custom(call.name.clone()),
            arguments: call.input.clone(),
            json: false,
        });
        shell.chain(patch).chain(function).chain(custom)
    }
}

impl Call {
    fn json(kind: CallKind, arguments: String) -> Call {
        Call { kind, arguments, json: true }
    }
}

impl Shell {
    fn arguments(&self) -> String {
        match self {
            Shell::Command(command) => json!({"commands": [command]}).to_string(),
            Shell::Commands(commands) => json!({"commands": commands}).to_string(),
            Shell::Action { commands, timeout_ms, max_output_length } => {
                json!({"commands": commands, "timeout_ms": timeout_ms, "max_output_length": max_output_length})
                    .to_string()
            }
            Shell::Raw { arguments } => arguments.clone(),
        }
    }
}

impl Failure {
    pub fn to_error(&self, model: &str, window: u64) -> ModelError {
        let (model, message) = (model.to_owned(), self.message.clone());
        let retry_after = self.retry_after_ms.map(Duration::from_millis);
        match self.kind {
            FailureKind::Unreachable => ModelError::Unreachable { model, reason: message },
            FailureKind::Status => {
                ModelError::Status { model, status: self.status.unwrap_or(500), code: None, message, retry_after }
            }
            FailureKind::RateLimited => ModelError::RateLimited { model, message, retry_after },
            FailureKind::ContextLength => ModelError::ContextLength { model, window, message },
            FailureKind::Cut => ModelError::Cut { model },
            FailureKind::Nonsense => ModelError::Nonsense { model, what: message },
            FailureKind::TimedOut => {
                ModelError::TimedOut { model, what: "answer", after: retry_after.unwrap_or_default() }
            }
        }
    }
}

fn window() -> u64 {
    128_000
}

fn piece() -> NonZeroUsize {
    NonZeroUsize::new(24).expect("it is not 0")
}

fn usage<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Usage>, D::Error> {
    #[derive(Default, Deserialize)]
    #[serde(deny_unknown_fields, default)]
    struct Tokens {
        input: u64,
        cached: u64,
        output: u64,
        reasoning: u64,
    }
    let Tokens { input, cached, output, reasoning } = Tokens::deserialize(deserializer)?;
    let usage =
        Usage { input_tokens: input, cached_tokens: cached, output_tokens: output, reasoning_tokens: reasoning };
    Ok(Some(usage))
}
