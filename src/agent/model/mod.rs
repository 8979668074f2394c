//! Models: whatever answers a prompt. One trait; behind it a Chat Completions endpoint, a Responses endpoint, or a script.

mod answer;
mod chat;
mod config;
mod names;
mod pieces;
mod profile;
mod refusal;
mod remote;
mod responses;
mod scripted;
mod sse;
mod tool;

use std::collections::BTreeMap;
use std::ops::AddAssign;
use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::BoxStream;
use serde::Deserialize;
use serde_json::Value;

use super::item::{Item, Part};

pub use config::{BadModels, Host};
pub use profile::{Format, InlineReasoning, MaxTokens, PRESETS, Profile, ReasoningBack};
pub use remote::{BadPlace, Patience};
pub use scripted::{BadScript, Script, Scripted};

/// A model: answers a prompt in pieces. Dropping the stream ends the upstream's work.
pub trait Model: Send + Sync {
    /// One step. The stream ends after [`Delta::Finished`] or an error; what can be tried again has been, before the first piece.
    fn generate(&self, prompt: Prompt) -> BoxStream<'static, Result<Delta, ModelError>>;

    /// Tokens that fit, prompt and answer together.
    fn context_window(&self) -> u64;
}

/// What a model is asked.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Prompt {
    /// What it is to be and do; before everything else.
    pub instructions: String,
    /// The conversation, oldest first. Compaction items and item references have been replaced by what they stand for.
    pub items: Vec<Item>,
    /// What it may call.
    pub tools: Vec<ToolSpec>,
    /// Whether it must.
    pub choice: ToolChoice,
    /// Whether it may call several at once.
    pub parallel_tool_calls: bool,
    /// Tokens of this step, reasoning included.
    pub max_output_tokens: Option<u64>,
    /// 0 to 2; none is the model's own.
    pub temperature: Option<f64>,
    /// 0 to 1; none is the model's own.
    pub top_p: Option<f64>,
    /// -2 to 2; none is the model's own. Only chat services have one.
    pub presence_penalty: Option<f64>,
    /// -2 to 2; none is the model's own. Only chat services have one.
    pub frequency_penalty: Option<f64>,
    /// The form of its text.
    pub format: TextFormat,
    /// `low`, `medium` or `high`.
    pub verbosity: Option<String>,
    /// How hard to think: `none`, `minimal`, `low`, `medium`, `high`, `xhigh`, `max`.
    pub effort: Option<String>,
    /// The same for prompts that begin alike (`prompt_cache_key`).
    pub cache_key: Option<String>,
}

/// A tool, as the model is told of it. Each client renders `Shell` and `ApplyPatch` as what its upstream knows.
#[derive(Debug, Clone, PartialEq)]
pub enum ToolSpec {
    /// A function of the client's.
    Function {
        /// `[a-zA-Z0-9_-]`, up to 128.
        name: String,
        /// What it is for.
        description: Option<String>,
        /// JSON schema of an object; null takes none.
        parameters: Value,
        /// Whether arguments are to match the schema exactly.
        strict: Option<bool>,
    },
    /// A tool of the client's that takes text.
    Custom {
        /// As a function's.
        name: String,
        /// What it is for.
        description: Option<String>,
        /// `{"type":"text"}` or a grammar.
        format: Value,
    },
    /// Coquina's shell.
    Shell,
    /// Coquina's way to edit a file.
    ApplyPatch,
}

/// Whether a tool must be called.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum ToolChoice {
    /// As the model likes.
    #[default]
    Auto,
    /// None may.
    None,
    /// At least one, any.
    Required,
    /// This one.
    Named(CallKind),
}

/// The form of the model's text.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum TextFormat {
    /// Any.
    #[default]
    Text,
    /// A JSON object.
    JsonObject,
    /// JSON that matches a schema.
    JsonSchema {
        /// What the schema is called.
        name: String,
        /// What it is for.
        description: Option<String>,
        /// JSON schema.
        schema: Value,
        /// Whether it is to match exactly.
        strict: Option<bool>,
    },
}

/// A piece of one model step, in order.
#[derive(Debug, Clone, PartialEq)]
pub enum Delta {
    /// More text of the message. Text after a call belongs to a new message.
    Text(String),
    /// More of a refusal.
    Refusal(String),
    /// More of what the model thinks, in words.
    Reasoning(String),
    /// The upstream's own reasoning item, to be passed back as it is.
    ReasoningItem(Item),
    /// A call begins. Calls may overlap.
    CallBegun {
        /// Numbers the calls of this step, from 0.
        index: usize,
        /// Pairs it with its output; 1 to 64 characters, no two alike in a step.
        call_id: String,
        /// What is called.
        kind: CallKind,
    },
    /// More of a call's arguments, as the model writes them.
    CallArguments {
        /// Which call.
        index: usize,
        /// The next piece.
        text: String,
    },
    /// A call is whole. One without this was cut off and must not be carried out.
    CallDone {
        /// Which call.
        index: usize,
        /// All of it: what the pieces make together. JSON, if the model wrote JSON; for a custom tool its plain input.
        arguments: String,
    },
    /// What the step used. At most once.
    Usage(Usage),
    /// The step is over.
    Finished(Finish),
}

/// What a call calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallKind {
    /// A function of the client's, or one that was never offered.
    Function(String),
    /// A custom tool of the client's.
    Custom(String),
    /// The shell: arguments are a JSON [`ShellAction`](super::item::ShellAction), if the model kept to it.
    Shell,
    /// The editor: arguments are JSON with a [`PatchOperation`](super::item::PatchOperation) under `operation`.
    ApplyPatch,
}

/// Why a step is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finish {
    /// The model has said what it wanted, calls included.
    Stop,
    /// It ran into `max_output_tokens` or the window.
    Length,
    /// The upstream held it back.
    ContentFilter,
}

/// Tokens that a step or several used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Read.
    pub input_tokens: u64,
    /// Of these, from the upstream's cache.
    pub cached_tokens: u64,
    /// Written.
    pub output_tokens: u64,
    /// Of these, thought.
    pub reasoning_tokens: u64,
}

impl AddAssign for Usage {
    fn add_assign(&mut self, other: Usage) {
        self.input_tokens = self.input_tokens.saturating_add(other.input_tokens);
        self.cached_tokens = self.cached_tokens.saturating_add(other.cached_tokens);
        self.output_tokens = self.output_tokens.saturating_add(other.output_tokens);
        self.reasoning_tokens = self.reasoning_tokens.saturating_add(other.reasoning_tokens);
    }
}

/// Why a model gave no answer, or not all of it. Messages are for the client: they name no address and no secret.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ModelError {
    /// Nobody answers there.
    #[error("model {model}: cannot be reached: {reason}")]
    Unreachable {
        /// As the configuration names it.
        model: String,
        /// What went wrong.
        reason: String,
    },
    /// It refused.
    #[error("model {model}: answered {status}: {message}")]
    Status {
        /// As the configuration names it.
        model: String,
        /// HTTP status.
        status: u16,
        /// The upstream's code, if it gave one.
        code: Option<String>,
        /// What the upstream said, shortened.
        message: String,
        /// When it wants to be asked again.
        retry_after: Option<Duration>,
    },
    /// Too many requests, or too many tokens of them.
    #[error("model {model}: too many requests: {message}")]
    RateLimited {
        /// As the configuration names it.
        model: String,
        /// What the upstream said, shortened.
        message: String,
        /// When it wants to be asked again.
        retry_after: Option<Duration>,
    },
    /// The prompt does not fit.
    #[error("model {model}: the prompt does not fit its context window of {window} tokens: {message}")]
    ContextLength {
        /// As the configuration names it.
        model: String,
        /// Tokens that fit, as configured.
        window: u64,
        /// What the upstream said, shortened.
        message: String,
    },
    /// The answer ended in the middle.
    #[error("model {model}: the answer was cut off")]
    Cut {
        /// As the configuration names it.
        model: String,
    },
    /// The answer is not what such a service sends.
    #[error("model {model}: sent what cannot be understood: {what}")]
    Nonsense {
        /// As the configuration names it.
        model: String,
        /// What, shortened.
        what: String,
    },
    /// It took too long.
    #[error("model {model}: no {what} within {after:?}")]
    TimedOut {
        /// As the configuration names it.
        model: String,
        /// What was waited for.
        what: &'static str,
        /// How long.
        after: Duration,
    },
}

impl ModelError {
    /// Whether the same request may well work later.
    pub fn is_retryable(&self) -> bool {
        match self {
            ModelError::Unreachable { .. }
            | ModelError::RateLimited { .. }
            | ModelError::Cut { .. }
            | ModelError::TimedOut { .. } => true,
            ModelError::Status { status, .. } => matches!(status, 408 | 409 | 425 | 500..),
            ModelError::ContextLength { .. } | ModelError::Nonsense { .. } => false,
        }
    }
}

/// What a model costs, in any currency, for a million tokens.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Price {
    /// Read.
    pub input: f64,
    /// Read from the upstream's cache; as `input` if it is not said.
    pub cached_input: Option<f64>,
    /// Written, reasoning included.
    pub output: f64,
}

impl Price {
    /// What this use costs.
    pub fn of(&self, usage: &Usage) -> f64 {
        let cached = usage.cached_tokens.min(usage.input_tokens);
        let million = (usage.input_tokens - cached) as f64 * self.input
            + cached as f64 * self.cached_input.unwrap_or(self.input)
            + usage.output_tokens as f64 * self.output;
        million / 1e6
    }
}

/// Models by name.
#[derive(Default)]
pub struct Models {
    models: BTreeMap<String, Arc<dyn Model>>,
    aliases: BTreeMap<String, String>,
    prices: BTreeMap<String, Price>,
}

impl Models {
    /// None yet.
    pub fn new() -> Models {
        Models::default()
    }

    /// Adds a model, or puts it in the place of the one of that name.
    pub fn insert(&mut self, name: impl Into<String>, model: Arc<dyn Model>) {
        self.models.insert(name.into(), model);
    }

    /// Lets a model have another name too; a model's own name comes first. `*` is every name that no model has.
    pub fn alias(&mut self, alias: impl Into<String>, name: impl Into<String>) {
        self.aliases.insert(alias.into(), name.into());
    }

    /// Says what a model costs.
    pub fn set_price(&mut self, name: impl Into<String>, price: Price) {
        self.prices.insert(name.into(), price);
    }

    /// The model of this name or alias.
    pub fn get(&self, name: &str) -> Option<Arc<dyn Model>> {
        self.models.get(self.own_name(name)?).cloned()
    }

    /// What the model of this name or alias costs, if it is known.
    pub fn price(&self, name: &str) -> Option<Price> {
        self.prices.get(self.own_name(name)?).copied()
    }

    /// All names, without aliases, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.models.keys().map(String::as_str)
    }

    /// The name behind a name or an alias.
    pub fn own_name(&self, name: &str) -> Option<&str> {
        let alias = || self.aliases.get(name).or_else(|| self.aliases.get("*"));
        self.models.get_key_value(name).map(|(name, _)| name).or_else(alias).map(String::as_str)
    }
}

/// About how many tokens these items are: a quarter of their bytes as JSON, and a few for each. Real tokenizers differ by a third either way. Images count
/// alike, however many bytes they have; files count as their bytes, which is more than upstreams count.
pub fn estimate_tokens(items: &[Item]) -> u64 {
    /// What an item costs beside its text: role, name, separators.
    const EACH: u64 = 4;
    /// What upstreams count for a large picture, looked at closely.
    const IMAGE: u64 = 1500;
    let of = |item: &Item| {
        let (mut bytes, mut images) = (bytes_of(item), 0);
        for url in item.parts().iter().filter_map(Part::inline_image) {
            bytes = bytes.saturating_sub(url.len() as u64);
            images += 1;
        }
        bytes / 4 + images * IMAGE + EACH
    };
    items.iter().map(of).sum()
}

/// The length of something as JSON, without keeping it.
fn bytes_of(item: &Item) -> u64 {
    struct Count(u64);
    impl std::io::Write for Count {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0 += bytes.len() as u64;
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut count = Count(0);
    serde_json::to_writer(&mut count, item).expect("items are JSON, and counting does not fail");
    count.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::item::Message;

    #[test]
    fn an_estimate_grows_with_the_text() {
        let of = |text: &str| estimate_tokens(&[Item::Message(Message::user(text))]);
        assert_eq!(estimate_tokens(&[]), 0);
        assert_eq!(of(&"word ".repeat(800)) - of(""), 1000);
    }

    #[test]
    fn an_image_counts_as_one_whatever_its_bytes() {
        let of = |bytes: usize| {
            let image = serde_json::json!({"type": "input_image", "image_url": format!("data:image/png;base64,{}", "A".repeat(bytes))});
            let message = serde_json::json!({"type": "message", "role": "user", "content": [image.clone()]});
            let output = serde_json::json!({"type": "function_call_output", "call_id": "c", "output": [image]});
            [message, output].map(|item| estimate_tokens(&[serde_json::from_value(item).expect("an item")]))
        };
        assert_eq!(of(10), of(1_000_000));
        assert!(of(10).iter().all(|tokens| (1500..1600).contains(tokens)), "{:?}", of(10));
    }

    #[test]
    fn a_price_tells_cached_tokens_from_others() {
        let usage =
            Usage { input_tokens: 1_000_000, cached_tokens: 500_000, output_tokens: 250_000, reasoning_tokens: 9 };
        assert_eq!(Price { input: 2.0, cached_input: Some(1.0), output: 8.0 }.of(&usage), 3.5);
        assert_eq!(Price { input: 2.0, cached_input: None, output: 8.0 }.of(&usage), 4.0);
    }

    #[test]
    fn sums_do_not_overflow() {
        let mut usage = Usage { input_tokens: u64::MAX, ..Usage::default() };
        usage += Usage { input_tokens: 1, output_tokens: 2, ..Usage::default() };
        assert_eq!(usage, Usage { input_tokens: u64::MAX, output_tokens: 2, ..Usage::default() });
    }
}
