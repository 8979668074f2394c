//! A response as clients see it: every field of the reference, always there.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::item::Item;
use super::model::Usage;

/// What of a response does not change while it is made: mostly the request's fields, with their defaults filled in. The types say what may
/// not be null.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ResponseHead {
    /// `resp_` and 48 digits.
    pub id: String,
    /// When it was asked for, in seconds since 1970.
    pub created_at: i64,
    /// Whether it was asked for in the background.
    pub background: bool,
    /// Text or items, as asked.
    pub instructions: Option<Value>,
    /// Tokens that all steps together may write.
    pub max_output_tokens: Option<u64>,
    /// Calls of the tools that run here.
    pub max_tool_calls: Option<u64>,
    /// The model as it was named.
    pub model: String,
    /// Whether one step may call several tools.
    pub parallel_tool_calls: bool,
    /// The response it goes on from.
    pub previous_response_id: Option<String>,
    /// `{"id": "conv_…"}`.
    #[schema(value_type = Option<Object>)]
    pub conversation: Option<Value>,
    /// As asked.
    pub prompt_cache_key: Option<String>,
    /// As asked.
    pub prompt_cache_retention: Option<String>,
    /// `{"effort", "summary"}`.
    #[schema(value_type = Object)]
    pub reasoning: Value,
    /// As asked.
    pub safety_identifier: Option<String>,
    /// `default`.
    pub service_tier: String,
    /// Whether it can be retrieved later.
    pub store: bool,
    /// 0 to 2.
    pub temperature: f64,
    /// 0 to 1.
    pub top_p: f64,
    /// 0 to 20.
    pub top_logprobs: u32,
    /// As asked.
    pub presence_penalty: f64,
    /// As asked.
    pub frequency_penalty: f64,
    /// `{"format", "verbosity"}`.
    #[schema(value_type = Object)]
    pub text: Value,
    /// As asked.
    pub tool_choice: Value,
    /// As asked, with defaults filled in and without secrets.
    #[schema(value_type = Vec<Object>)]
    pub tools: Vec<Value>,
    /// `auto` or `disabled`.
    pub truncation: String,
    /// As asked.
    pub user: Option<String>,
    /// At most 16 pairs of text.
    #[schema(value_type = std::collections::BTreeMap<String, String>)]
    pub metadata: serde_json::Map<String, Value>,
}

/// A response: its head, and how far it has come.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = Response)]
pub struct ResponseObject {
    /// Always `response`.
    pub object: String,
    /// What does not change.
    #[serde(flatten)]
    pub head: ResponseHead,
    /// How far it has come.
    pub status: Status,
    /// When it was completed, in seconds since 1970; only then.
    pub completed_at: Option<i64>,
    /// Why it failed; only then.
    pub error: Option<Failure>,
    /// Why it is incomplete; only then.
    pub incomplete_details: Option<Incomplete>,
    /// What was made, in order.
    pub output: Vec<Item>,
    /// What all calls of the model used together; only when it has ended.
    pub usage: Option<UsageObject>,
}

/// How far a response has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = ResponseStatus)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It waits for its turn.
    Queued,
    /// It is being made.
    InProgress,
    /// It is done.
    Completed,
    /// A limit of its request ended it.
    Incomplete,
    /// It could not be made.
    Failed,
    /// Its client cancelled it.
    Cancelled,
}

impl Status {
    /// Whether nothing more happens to it.
    pub fn is_final(self) -> bool {
        !matches!(self, Status::Queued | Status::InProgress)
    }

    /// As the reference writes it.
    pub fn name(self) -> &'static str {
        match self {
            Status::Queued => "queued",
            Status::InProgress => "in_progress",
            Status::Completed => "completed",
            Status::Incomplete => "incomplete",
            Status::Failed => "failed",
            Status::Cancelled => "cancelled",
        }
    }
}

/// Why a response failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = ResponseError)]
pub struct Failure {
    /// One of the reference's codes: `server_error`, `rate_limit_exceeded`, `invalid_prompt` …
    pub code: String,
    /// For people.
    pub message: String,
}

impl Failure {
    /// A failure that is not the request's fault.
    pub fn server(message: impl Into<String>) -> Failure {
        Failure { code: "server_error".into(), message: message.into() }
    }

    /// A failure that is the request's fault.
    pub fn prompt(message: impl Into<String>) -> Failure {
        Failure { code: "invalid_prompt".into(), message: message.into() }
    }

    /// Something was used up.
    pub fn used_up(message: impl Into<String>) -> Failure {
        Failure { code: "rate_limit_exceeded".into(), message: message.into() }
    }
}

/// Why a response is incomplete.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = IncompleteDetails)]
pub struct Incomplete {
    /// Which of the reference's reasons.
    pub reason: Reason,
}

/// The reference's reasons for which a response is incomplete.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = IncompleteReason)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// `max_output_tokens` were written.
    MaxOutputTokens,
    /// The model was called as often as it may be.
    MaxMessages,
    /// The model's provider held something back.
    ContentFilter,
}

/// Tokens, as clients see them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = Usage)]
pub struct UsageObject {
    /// Of all prompts.
    pub input_tokens: u64,
    /// Of these, what came from where.
    pub input_tokens_details: InputDetails,
    /// Of all answers.
    pub output_tokens: u64,
    /// Of these, what they were for.
    pub output_tokens_details: OutputDetails,
    /// The sum.
    pub total_tokens: u64,
}

/// Where tokens of prompts came from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = InputTokensDetails)]
pub struct InputDetails {
    /// The provider's cache.
    pub cached_tokens: u64,
    /// Always 0: no provider that is spoken to says.
    #[serde(default)]
    pub cache_write_tokens: u64,
}

/// What tokens of answers were for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = OutputTokensDetails)]
pub struct OutputDetails {
    /// Reasoning.
    pub reasoning_tokens: u64,
}

impl From<Usage> for UsageObject {
    fn from(usage: Usage) -> UsageObject {
        UsageObject {
            input_tokens: usage.input_tokens,
            input_tokens_details: InputDetails { cached_tokens: usage.cached_tokens, cache_write_tokens: 0 },
            output_tokens: usage.output_tokens,
            output_tokens_details: OutputDetails { reasoning_tokens: usage.reasoning_tokens },
            total_tokens: usage.input_tokens.saturating_add(usage.output_tokens),
        }
    }
}

impl ResponseHead {
    /// What a request says that names nothing but a model: the reference's defaults.
    pub fn new(id: impl Into<String>, created_at: i64, model: impl Into<String>) -> ResponseHead {
        ResponseHead {
            id: id.into(),
            created_at,
            background: false,
            instructions: None,
            max_output_tokens: None,
            max_tool_calls: None,
            model: model.into(),
            parallel_tool_calls: true,
            previous_response_id: None,
            conversation: None,
            prompt_cache_key: None,
            prompt_cache_retention: None,
            reasoning: json!({ "effort": null, "summary": null }),
            safety_identifier: None,
            service_tier: "default".into(),
            store: true,
            temperature: 1.0,
            top_p: 1.0,
            top_logprobs: 0,
            presence_penalty: 0.0,
            frequency_penalty: 0.0,
            text: json!({ "format": { "type": "text" }, "verbosity": "medium" }),
            tool_choice: "auto".into(),
            tools: Vec::new(),
            truncation: "disabled".into(),
            user: None,
            metadata: serde_json::Map::new(),
        }
    }
}

impl ResponseObject {
    /// A response of which nothing is made yet.
    pub fn begun(head: ResponseHead, status: Status) -> ResponseObject {
        ResponseObject {
            object: "response".into(),
            head,
            status,
            completed_at: None,
            error: None,
            incomplete_details: None,
            output: Vec::new(),
            usage: None,
        }
    }
}
