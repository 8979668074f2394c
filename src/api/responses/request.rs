//! Understanding a request for a response: every field checked, defaults filled in, nothing looked up that is not in the request itself.

use serde_json::{Map, Value, json};

use super::tools::{self, Asked as AskedTools};
use crate::agent::item::Item;
use crate::agent::model::{TextFormat, ToolChoice};
use crate::agent::{Policy, ResponseHead, Sampling};
use crate::api::error::ApiError;
use crate::api::items;
use crate::api::json::part;
use crate::api::wire::{
    ContextManagement, CreateResponse, ReasoningParam, TextParam, Truncation, Verbosity, check_metadata,
};
use crate::base::id;

/// Least tokens that an answer may be cut to, and a context compacted at.
const LEAST_OUTPUT_TOKENS: u64 = 16;
const LEAST_THRESHOLD: u64 = 1000;

/// Longest identifiers that clients give, in characters.
const KEY_CHARS: usize = 64;
const USER_CHARS: usize = 512;

/// What can be asked for beside the usual. What there is of it is always there, but for sealed reasoning.
const INCLUDE: [&str; 8] = [
    "file_search_call.results",
    "web_search_call.results",
    "web_search_call.action.sources",
    "message.input_image.image_url",
    "computer_call_output.output.image_url",
    "code_interpreter_call.outputs",
    "reasoning.encrypted_content",
    "message.output_text.logprobs",
];

/// How hard a model may be asked to think.
const EFFORTS: [&str; 7] = ["none", "minimal", "low", "medium", "high", "xhigh", "max"];

/// A request, understood.
pub(super) struct Asked {
    /// What the response's object says from the beginning.
    pub head: ResponseHead,
    /// Whether the answer is a stream.
    pub stream: bool,
    /// What is new. References are not resolved.
    pub input: Vec<Item>,
    /// For the model; empty if there are none.
    pub instructions: String,
    /// The conversation that it belongs to.
    pub conversation: Option<String>,
    /// What the model may use.
    pub tools: AskedTools,
    /// What it must use first.
    pub choice: ToolChoice,
    /// What alone it may use.
    pub allowed: Option<Vec<String>>,
    /// What its text is to be.
    pub format: TextFormat,
    /// What was asked of sampling.
    pub sampling: Sampling,
    /// Tokens from which on the context is compacted; if an entry names none, as many as the window has.
    pub compact_threshold: Option<u64>,
    /// Whether reasoning is returned sealed.
    pub seal_reasoning: bool,
    /// Whether the model is asked.
    pub generate: bool,
    /// What it may do.
    pub policy: Policy,
}

/// Understands a request.
pub(super) fn understand(asked: CreateResponse, created_at: i64) -> Result<Asked, ApiError> {
    check(&asked)?;
    let model = asked.model.filter(|model| !model.is_empty()).ok_or_else(|| ApiError::missing_parameter("model"))?;
    let conversation = asked.conversation.as_ref().map(|param| param.id().to_owned());
    let has_context = conversation.is_some() || asked.previous_response_id.is_some();
    let generate = asked.generate.unwrap_or(true);
    let input = input(asked.input, has_context || !generate)?;
    let is_to_be_done = |item: &Item| matches!(item, Item::McpApprovalResponse(_) | Item::CompactionTrigger {});
    if !generate && input.iter().any(is_to_be_done) {
        let why = "expected no approvals and no 'compaction_trigger' where 'generate' is false: nothing is done then";
        return Err(ApiError::invalid_value("input", why));
    }
    let (tools, echoed) = tools::understand(asked.tools.unwrap_or_default())?;
    let (choice, allowed, tool_choice) = tools::choice(asked.tool_choice, &tools)?;
    let text = asked.text.unwrap_or_default();
    // Shown with its default, and left to the model all the same.
    let verbosity = text.verbosity.map(|verbosity| verbosity.name().to_owned());
    let (format, text) = text_format(text)?;
    let reasoning = asked.reasoning.unwrap_or_default();
    let include = asked.include.unwrap_or_default();
    let policy = Policy::new(asked.policy.unwrap_or_default());
    let policy = policy.map_err(|error| ApiError::invalid_value("policy", error.to_string()))?;
    let compact_threshold = threshold(asked.context_management)?;
    let metadata = asked.metadata.unwrap_or_default();
    let sampling = Sampling {
        temperature: asked.temperature,
        top_p: asked.top_p,
        presence_penalty: asked.presence_penalty,
        frequency_penalty: asked.frequency_penalty,
        verbosity,
        effort: reasoning.effort.clone(),
    };
    let truncation = asked.truncation.unwrap_or(Truncation::Disabled);
    let head = ResponseHead {
        id: id::new("resp_"),
        created_at,
        background: asked.background.unwrap_or(false),
        instructions: asked.instructions.clone().map(Value::String),
        max_output_tokens: asked.max_output_tokens,
        max_tool_calls: asked.max_tool_calls,
        model,
        parallel_tool_calls: asked.parallel_tool_calls.unwrap_or(true),
        previous_response_id: asked.previous_response_id,
        conversation: conversation.as_ref().map(|id| json!({ "id": id })),
        prompt_cache_key: asked.prompt_cache_key,
        prompt_cache_retention: asked.prompt_cache_retention,
        reasoning: json!({ "effort": reasoning.effort, "summary": reasoning.summary.or(reasoning.generate_summary) }),
        safety_identifier: asked.safety_identifier,
        service_tier: "default".into(),
        store: asked.store.unwrap_or(true),
        temperature: asked.temperature.unwrap_or(1.0),
        top_p: asked.top_p.unwrap_or(1.0),
        top_logprobs: u32::try_from(asked.top_logprobs.unwrap_or(0)).unwrap_or(0),
        presence_penalty: asked.presence_penalty.unwrap_or(0.0),
        frequency_penalty: asked.frequency_penalty.unwrap_or(0.0),
        text,
        tool_choice,
        tools: echoed,
        truncation: if truncation == Truncation::Auto { "auto" } else { "disabled" }.into(),
        user: asked.user,
        metadata: metadata.into_iter().map(|(key, value)| (key, Value::String(value))).collect(),
    };
    Ok(Asked {
        head,
        stream: asked.stream.unwrap_or(false),
        input,
        instructions: asked.instructions.unwrap_or_default(),
        conversation,
        tools,
        choice,
        allowed,
        format,
        sampling,
        compact_threshold,
        seal_reasoning: include.iter().any(|name| name == "reasoning.encrypted_content"),
        generate,
        policy,
    })
}

/// Checks what can be wrong in a request by itself.
fn check(asked: &CreateResponse) -> Result<(), ApiError> {
    if asked.prompt.is_some() {
        let why = "stored prompts are not supported; send 'input' and 'instructions'";
        return Err(ApiError::invalid_value("prompt", why));
    }
    if asked.background == Some(true) && asked.store == Some(false) {
        return Err(ApiError::invalid_value("background", "a response in the background must be stored"));
    }
    if asked.conversation.is_some() && asked.previous_response_id.is_some() {
        let message = "Give either 'previous_response_id' or 'conversation', not both.";
        return Err(ApiError::bad_request(message).with_code("mutually_exclusive_parameters"));
    }
    asked.reasoning.as_ref().map_or(Ok(()), check_effort)?;
    asked.metadata.as_ref().map_or(Ok(()), check_metadata)?;
    let include = asked.include.as_deref().unwrap_or_default();
    if let Some(at) = include.iter().position(|name| !INCLUDE.contains(&name.as_str())) {
        let why = format!("expected one of {}", INCLUDE.join(", "));
        return Err(ApiError::invalid_value(format!("include[{at}]"), why));
    }
    within("max_output_tokens", asked.max_output_tokens, LEAST_OUTPUT_TOKENS, u64::MAX)?;
    within("top_logprobs", asked.top_logprobs, 0, 20)?;
    within("temperature", asked.temperature, 0.0, 2.0)?;
    within("top_p", asked.top_p, 0.0, 1.0)?;
    within("presence_penalty", asked.presence_penalty, -2.0, 2.0)?;
    within("frequency_penalty", asked.frequency_penalty, -2.0, 2.0)?;
    for (name, text, most) in [
        ("prompt_cache_key", &asked.prompt_cache_key, KEY_CHARS),
        ("safety_identifier", &asked.safety_identifier, KEY_CHARS * 2),
        ("user", &asked.user, USER_CHARS),
    ] {
        let chars = text.as_ref().map_or(0, |text| text.chars().count());
        if chars > most {
            return Err(ApiError::invalid_value(name, format!("expected at most {most} characters, got {chars}")));
        }
    }
    Ok(())
}

/// Understands `input`: a text, or a list of items. It may be missing if there is something to go on from.
pub(super) fn input(input: Option<Value>, has_context: bool) -> Result<Vec<Item>, ApiError> {
    let items = match input {
        None if has_context => return Ok(Vec::new()),
        None => return Err(ApiError::missing_parameter("input")),
        Some(Value::String(text)) => items::text(text),
        Some(Value::Array(values)) => items::parse("input", values)?,
        Some(_) => return Err(ApiError::invalid_type("input", "expected a string or a list of items")),
    };
    if items.is_empty() && !has_context {
        return Err(ApiError::invalid_value("input", "expected at least one item"));
    }
    let trigger = items.iter().position(|item| matches!(item, Item::CompactionTrigger {}));
    if trigger.is_some_and(|at| at + 1 < items.len()) {
        return Err(ApiError::invalid_value("input", "a 'compaction_trigger' must be the last item"));
    }
    Ok(items)
}

/// What the model's text is to be, and how the response shows that.
fn text_format(param: TextParam) -> Result<(TextFormat, Value), ApiError> {
    let given = param.format.unwrap_or_else(|| json!({ "type": "text" }));
    let (format, shown) = match given["type"].as_str() {
        Some("text") => (TextFormat::Text, json!({ "type": "text" })),
        Some("json_object") => (TextFormat::JsonObject, json!({ "type": "json_object" })),
        Some("json_schema") => json_schema(given)?,
        _ => {
            let why = "expected 'text', 'json_object' or 'json_schema'";
            return Err(ApiError::invalid_value("text.format.type", why));
        }
    };
    Ok((format, json!({ "format": shown, "verbosity": param.verbosity.map_or("medium", Verbosity::name) })))
}

fn json_schema(mut given: Value) -> Result<(TextFormat, Value), ApiError> {
    #[derive(serde::Deserialize)]
    struct Schema {
        name: String,
        description: Option<String>,
        schema: Map<String, Value>,
        strict: Option<bool>,
    }
    let Schema { name, description, schema, strict } = part("text.format", given.clone())?;
    tools::check_name("text.format.name", &name, 64)?;
    if let Some(fields) = given.as_object_mut() {
        fields.entry("description").or_insert(Value::Null);
        fields.insert("strict".into(), strict.unwrap_or(false).into());
    }
    Ok((TextFormat::JsonSchema { name, description, schema: Value::Object(schema), strict }, given))
}

fn check_effort(reasoning: &ReasoningParam) -> Result<(), ApiError> {
    for (name, value, known) in [
        ("reasoning.effort", &reasoning.effort, &EFFORTS[..]),
        ("reasoning.summary", &reasoning.summary, &["auto", "concise", "detailed"]),
    ] {
        if value.as_ref().is_some_and(|value| !known.contains(&value.as_str())) {
            return Err(ApiError::invalid_value(name, format!("expected one of {}", known.join(", "))));
        }
    }
    Ok(())
}

/// Tokens from which on the context is compacted; if an entry names none, as many as the window has.
fn threshold(management: Option<Vec<ContextManagement>>) -> Result<Option<u64>, ApiError> {
    let Some(entries) = management else { return Ok(None) };
    let Some(first) = entries.first() else {
        return Err(ApiError::invalid_value("context_management", "expected at least one entry"));
    };
    within("context_management[0].compact_threshold", first.compact_threshold, LEAST_THRESHOLD, u64::MAX)?;
    Ok(first.compact_threshold.or(Some(u64::MAX)))
}

/// Checks that a number, if it is given, is one of those that may be.
fn within<T: PartialOrd + std::fmt::Display + Copy>(
    name: &str,
    value: Option<T>,
    least: T,
    most: T,
) -> Result<(), ApiError> {
    match value {
        Some(value) if value < least => {
            Err(ApiError::invalid_value(name, format!("expected a number of at least {least}, got {value}")))
        }
        Some(value) if value > most => {
            Err(ApiError::invalid_value(name, format!("expected a number of at most {most}, got {value}")))
        }
        _ => Ok(()),
    }
}
