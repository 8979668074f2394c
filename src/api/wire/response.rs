//! Requests for responses, as the reference has them. What lies in JSON here is looked at in `responses/request.rs`.
//!
//! A field of an optional type may be `null`, which says the same as leaving it out.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::openapi::schema::AnyOfBuilder;
use utoipa::openapi::{Ref, RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use super::conversation::Metadata;
use crate::agent::item::{Content, Item, Role};
use crate::agent::response::UsageObject;
use crate::agent::{Compacted, PolicyConfig};

/// A response to be made, or whose context's tokens are to be counted.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "the reference's fields; not all are of account here")]
pub(in crate::api) struct CreateResponse {
    /// One of `/v1/models`.
    pub model: Option<String>,
    /// A text, or a list of items.
    #[schema(value_type = Option<Input>)]
    pub input: Option<Value>,
    /// What the model is told before everything else; not inherited.
    pub instructions: Option<String>,
    /// The response that this one goes on from.
    pub previous_response_id: Option<String>,
    /// The conversation that it belongs to.
    pub conversation: Option<ConversationParam>,
    /// What the model may use.
    #[schema(value_type = Option<Vec<Tool>>, max_items = 512)]
    pub tools: Option<Vec<Value>>,
    /// `auto`, `none`, `required`, or a tool that must be used.
    #[schema(value_type = Option<Choice>)]
    pub tool_choice: Option<Value>,
    /// Whether the model may ask for several calls in one step.
    pub parallel_tool_calls: Option<bool>,
    /// Calls of built-in tools in all; further ones are ignored.
    pub max_tool_calls: Option<u64>,
    /// Tokens that the model may write in all, at least 16.
    #[schema(minimum = 16)]
    pub max_output_tokens: Option<u64>,
    /// Whether the answer is a stream of events.
    pub stream: Option<bool>,
    /// Of no account here.
    pub stream_options: Option<StreamOptions>,
    /// Whether the response is kept, so that it can be asked for and gone on from.
    pub store: Option<bool>,
    /// Whether it is made while nobody waits.
    pub background: Option<bool>,
    /// Whether the model is asked; if not, what is given is only there to be gone on from. WebSockets alone can say so.
    #[serde(skip)]
    #[schema(ignore)]
    pub generate: Option<bool>,
    /// When the context is made shorter.
    pub context_management: Option<Vec<ContextManagement>>,
    /// What is to be in the answer beside the usual.
    pub include: Option<Vec<String>>,
    /// At most 16 pairs.
    pub metadata: Option<Metadata>,
    /// 0 to 2.
    #[schema(minimum = 0, maximum = 2)]
    pub temperature: Option<f64>,
    /// 0 to 1.
    #[schema(minimum = 0, maximum = 1)]
    pub top_p: Option<f64>,
    /// 0 to 20.
    #[schema(minimum = 0, maximum = 20)]
    pub top_logprobs: Option<u64>,
    /// -2 to 2.
    #[schema(minimum = -2, maximum = 2)]
    pub presence_penalty: Option<f64>,
    /// -2 to 2.
    #[schema(minimum = -2, maximum = 2)]
    pub frequency_penalty: Option<f64>,
    /// What the model's text is to be.
    pub text: Option<TextParam>,
    /// How the model is to think.
    pub reasoning: Option<ReasoningParam>,
    /// What becomes of input that is too long.
    pub truncation: Option<Truncation>,
    /// Of no account here.
    pub service_tier: Option<String>,
    /// Not supported.
    #[schema(value_type = Option<Object>)]
    pub prompt: Option<Value>,
    /// For the upstream's cache.
    pub prompt_cache_key: Option<String>,
    /// For the upstream's cache.
    pub prompt_cache_retention: Option<String>,
    /// Of no account here.
    #[schema(value_type = Option<Object>)]
    pub prompt_cache_options: Option<Value>,
    /// Who the client acts for.
    pub safety_identifier: Option<String>,
    /// Who the client acts for, as it used to be called.
    pub user: Option<String>,
    /// Of no account here.
    #[schema(value_type = Option<Object>)]
    pub moderation: Option<Value>,
    /// Of no account here.
    #[schema(value_type = Option<Object>)]
    pub access_programs: Option<Value>,
    /// Of no account here.
    #[schema(value_type = Option<Object>)]
    pub image: Option<Value>,
    /// Of no account here.
    pub personality: Option<String>,
    /// Coquina's own: what this response may do and use, within what its key may (docs/agent.md).
    pub policy: Option<PolicyConfig>,
}

/// What is asked, for the document alone.
#[derive(ToSchema)]
#[schema(as = Input)]
#[serde(untagged)]
#[allow(dead_code, reason = "it is looked at as JSON")]
pub(in crate::api) enum Input {
    /// What the user says.
    Text(String),
    /// Items, as the reference has them.
    Items(Vec<InputItem>),
}

/// An item, or a message in short, for the document alone. Many a message is both, hence no derived `oneOf`.
pub(in crate::api) struct InputItem;

impl PartialSchema for InputItem {
    fn schema() -> RefOr<Schema> {
        AnyOfBuilder::new().item(Ref::from_schema_name("Item")).item(ShortMessage::schema()).into()
    }
}

impl ToSchema for InputItem {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((Item::name().into(), Item::schema()));
        Item::schemas(schemas);
        ShortMessage::schemas(schemas);
    }
}

/// A message that may do without its type, and whose content may be one text, for the document alone.
#[derive(ToSchema)]
#[allow(dead_code, reason = "it is looked at as JSON")]
struct ShortMessage {
    /// Always `message`.
    r#type: Option<String>,
    /// Who speaks.
    role: Role,
    /// What is said.
    content: Content,
}

/// What the model may use, for the document alone.
#[derive(ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
#[allow(dead_code, reason = "it is looked at as JSON")]
pub(in crate::api) enum Tool {
    /// A function that the client carries out.
    Function(FunctionTool),
    /// A tool that the client carries out and that takes text.
    Custom(CustomTool),
    /// Commands, in a container here or where the client is.
    Shell(ShellTool),
    /// Changes to files.
    ApplyPatch {},
    /// That the client understands requests for approval.
    Mcp {
        /// Always `coquina`.
        server_label: String,
    },
}

/// Which tool is to be used, for the document alone.
#[derive(ToSchema)]
#[serde(untagged)]
#[allow(dead_code, reason = "it is looked at as JSON")]
pub(in crate::api) enum Choice {
    /// Whether it must use one.
    Mode(ChoiceMode),
    /// A tool.
    #[schema(value_type = Object)]
    Tool(Value),
}

/// Whether a tool is to be used, for the document alone.
#[derive(ToSchema)]
#[serde(rename_all = "snake_case")]
#[allow(dead_code, missing_docs, reason = "it is looked at as JSON; the names say it")]
pub(in crate::api) enum ChoiceMode {
    Auto,
    None,
    Required,
}

/// The conversation that a response belongs to.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(untagged, expecting = "expected a conversation's id, or an object with its id")]
pub(in crate::api) enum ConversationParam {
    /// Its id.
    Id(String),
    /// An object with its id.
    Object(ConversationId),
}

/// An object with a conversation's id.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct ConversationId {
    id: String,
}

impl ConversationParam {
    /// Its id.
    pub fn id(&self) -> &str {
        match self {
            ConversationParam::Id(id) | ConversationParam::Object(ConversationId { id }) => id,
        }
    }
}

/// How a stream is to be. Nothing of it changes what is sent.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct StreamOptions {
    #[allow(dead_code, reason = "the reference's field; events are not padded")]
    pub include_obfuscation: Option<bool>,
}

/// When the context is made shorter.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "there is one type only")]
pub(in crate::api) struct ContextManagement {
    /// Always `compaction`.
    pub r#type: CompactionType,
    /// Tokens beyond which the context is compacted, at least 1000.
    #[schema(minimum = 1000)]
    pub compact_threshold: Option<u64>,
}

/// The one way to make the context shorter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "the names say it")]
pub(in crate::api) enum CompactionType {
    Compaction,
}

/// What the model's text is to be.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct TextParam {
    /// `text`, `json_object` or `json_schema`.
    #[schema(value_type = Option<Object>)]
    pub format: Option<Value>,
    /// How much of it.
    pub verbosity: Option<Verbosity>,
}

/// How much text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "the names say it")]
pub(in crate::api) enum Verbosity {
    Low,
    Medium,
    High,
}

impl Verbosity {
    /// As on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Verbosity::Low => "low",
            Verbosity::Medium => "medium",
            Verbosity::High => "high",
        }
    }
}

/// How the model is to think.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "the reference's fields; upstreams take the effort alone")]
pub(in crate::api) struct ReasoningParam {
    /// `none` to `max`.
    pub effort: Option<String>,
    /// `auto`, `concise` or `detailed`.
    pub summary: Option<String>,
    /// As `summary` used to be called.
    pub generate_summary: Option<String>,
    /// Of no account here.
    pub context: Option<String>,
    /// Of no account here.
    pub mode: Option<String>,
}

/// What becomes of input that is too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "the names say it")]
pub(in crate::api) enum Truncation {
    Auto,
    Disabled,
}

/// A context that is to be made shorter. Nothing of it is kept.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "the reference's fields; not all are of account here")]
pub(in crate::api) struct CompactContext {
    pub model: Option<String>,
    #[schema(value_type = Option<Input>)]
    pub input: Option<Value>,
    pub instructions: Option<String>,
    pub previous_response_id: Option<String>,
    pub prompt_cache_key: Option<String>,
    pub prompt_cache_retention: Option<String>,
    #[schema(value_type = Option<Object>)]
    pub prompt_cache_options: Option<Value>,
    pub service_tier: Option<String>,
    #[schema(value_type = Option<Object>)]
    pub image: Option<Value>,
}

/// A function of the client's.
#[derive(Debug, Deserialize, ToSchema)]
#[allow(dead_code, reason = "the reference's fields; not all are of account here")]
pub(in crate::api) struct FunctionTool {
    pub name: String,
    pub description: Option<String>,
    #[schema(value_type = Option<Object>)]
    pub parameters: Option<Value>,
    pub strict: Option<bool>,
}

/// A tool of the client's that takes text.
#[derive(Debug, Deserialize, ToSchema)]
pub(in crate::api) struct CustomTool {
    pub name: String,
    pub description: Option<String>,
    #[schema(value_type = Option<Object>)]
    pub format: Option<Value>,
}

/// The shell.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "the reference's fields; not all are of account here")]
pub(in crate::api) struct ShellTool {
    pub r#type: String,
    #[schema(value_type = Option<Object>)]
    pub environment: Option<Value>,
    pub allowed_callers: Option<Vec<String>>,
}

/// How many tokens a context has.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct TokenCount {
    /// Always `response.input_tokens`.
    object: &'static str,
    /// About so many.
    input_tokens: u64,
}

impl TokenCount {
    pub fn new(input_tokens: u64) -> TokenCount {
        TokenCount { object: "response.input_tokens", input_tokens }
    }
}

/// A context that was made shorter.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct CompactedObject {
    /// `resp_…`, though nothing is kept under it.
    id: String,
    /// Always `response.compaction`.
    object: &'static str,
    /// In seconds since 1970.
    created_at: i64,
    /// What to go on from.
    output: Vec<Item>,
    /// What it took.
    usage: UsageObject,
}

impl CompactedObject {
    pub fn new(id: String, created_at: i64, compacted: Compacted) -> CompactedObject {
        let Compacted { output, usage } = compacted;
        CompactedObject { id, object: "response.compaction", created_at, output, usage: usage.into() }
    }
}
