//! What happens to a response, as clients are told it: each event with its number, and where events go.

use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::item::{Item, Part};
use super::response::ResponseObject;

/// Something that happened to a response. It serialises itself to exactly the wire's JSON.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = ResponseStreamEvent)]
pub struct Event {
    /// From 0, without gaps.
    pub sequence_number: u64,
    /// What.
    #[serde(flatten)]
    pub what: What,
}

/// What happened. `output_index` counts items, `content_index` parts of a message, `command_index` commands of a call.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = ResponseStreamEventKind)]
#[serde(tag = "type")]
#[allow(missing_docs, reason = "the reference's names and fields")]
pub enum What {
    #[serde(rename = "response.created")]
    Created { response: Box<ResponseObject> },
    #[serde(rename = "response.queued")]
    Queued { response: Box<ResponseObject> },
    #[serde(rename = "response.in_progress")]
    InProgress { response: Box<ResponseObject> },
    #[serde(rename = "response.completed")]
    Completed { response: Box<ResponseObject> },
    #[serde(rename = "response.failed")]
    Failed { response: Box<ResponseObject> },
    #[serde(rename = "response.incomplete")]
    Incomplete { response: Box<ResponseObject> },
    #[serde(rename = "response.output_item.added")]
    ItemAdded { output_index: usize, item: Item },
    #[serde(rename = "response.output_item.done")]
    ItemDone { output_index: usize, item: Item },
    #[serde(rename = "response.content_part.added")]
    PartAdded { item_id: String, output_index: usize, content_index: usize, part: Part },
    #[serde(rename = "response.content_part.done")]
    PartDone { item_id: String, output_index: usize, content_index: usize, part: Part },
    #[serde(rename = "response.output_text.delta")]
    TextDelta {
        item_id: String,
        output_index: usize,
        content_index: usize,
        delta: String,
        #[schema(value_type = Vec<Object>)]
        logprobs: [(); 0],
    },
    #[serde(rename = "response.output_text.done")]
    TextDone {
        item_id: String,
        output_index: usize,
        content_index: usize,
        text: String,
        #[schema(value_type = Vec<Object>)]
        logprobs: [(); 0],
    },
    #[serde(rename = "response.output_text.annotation.added")]
    AnnotationAdded {
        item_id: String,
        output_index: usize,
        content_index: usize,
        annotation_index: usize,
        annotation: super::item::Annotation,
    },
    #[serde(rename = "response.refusal.delta")]
    RefusalDelta { item_id: String, output_index: usize, content_index: usize, delta: String },
    #[serde(rename = "response.refusal.done")]
    RefusalDone { item_id: String, output_index: usize, content_index: usize, refusal: String },
    #[serde(rename = "response.reasoning_text.delta")]
    ReasoningDelta { item_id: String, output_index: usize, content_index: usize, delta: String },
    #[serde(rename = "response.reasoning_text.done")]
    ReasoningDone { item_id: String, output_index: usize, content_index: usize, text: String },
    #[serde(rename = "response.function_call_arguments.delta")]
    ArgumentsDelta { item_id: String, output_index: usize, delta: String },
    #[serde(rename = "response.function_call_arguments.done")]
    ArgumentsDone { item_id: String, output_index: usize, name: String, arguments: String },
    #[serde(rename = "response.custom_tool_call_input.delta")]
    InputDelta { item_id: String, output_index: usize, delta: String },
    #[serde(rename = "response.custom_tool_call_input.done")]
    InputDone { item_id: String, output_index: usize, input: String },
    #[serde(rename = "response.shell_call_command.added")]
    CommandAdded { output_index: usize, command_index: usize, command: String },
    #[serde(rename = "response.shell_call_command.delta")]
    CommandDelta { output_index: usize, command_index: usize, delta: String },
    #[serde(rename = "response.shell_call_command.done")]
    CommandDone { output_index: usize, command_index: usize, command: String },
    #[serde(rename = "response.shell_call_output_content.delta")]
    OutputDelta { item_id: String, output_index: usize, command_index: usize, delta: Written },
    #[serde(rename = "response.shell_call_output_content.done")]
    OutputDone { item_id: String, output_index: usize, command_index: usize, output: Vec<super::item::CommandOutput> },
    #[serde(rename = "response.compaction.compacting")]
    Compacting { item_id: String, output_index: usize },
}

/// What a command wrote meanwhile: whole characters.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Written {
    /// To standard output.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stdout: Option<String>,
    /// To standard error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stderr: Option<String>,
}

impl What {
    /// The event's `type`, for the frame.
    pub fn name(&self) -> &'static str {
        match self {
            What::Created { .. } => "response.created",
            What::Queued { .. } => "response.queued",
            What::InProgress { .. } => "response.in_progress",
            What::Completed { .. } => "response.completed",
            What::Failed { .. } => "response.failed",
            What::Incomplete { .. } => "response.incomplete",
            What::ItemAdded { .. } => "response.output_item.added",
            What::ItemDone { .. } => "response.output_item.done",
            What::PartAdded { .. } => "response.content_part.added",
            What::PartDone { .. } => "response.content_part.done",
            What::TextDelta { .. } => "response.output_text.delta",
            What::TextDone { .. } => "response.output_text.done",
            What::AnnotationAdded { .. } => "response.output_text.annotation.added",
            What::RefusalDelta { .. } => "response.refusal.delta",
            What::RefusalDone { .. } => "response.refusal.done",
            What::ReasoningDelta { .. } => "response.reasoning_text.delta",
            What::ReasoningDone { .. } => "response.reasoning_text.done",
            What::ArgumentsDelta { .. } => "response.function_call_arguments.delta",
            What::ArgumentsDone { .. } => "response.function_call_arguments.done",
            What::InputDelta { .. } => "response.custom_tool_call_input.delta",
            What::InputDone { .. } => "response.custom_tool_call_input.done",
            What::CommandAdded { .. } => "response.shell_call_command.added",
            What::CommandDelta { .. } => "response.shell_call_command.delta",
            What::CommandDone { .. } => "response.shell_call_command.done",
            What::OutputDelta { .. } => "response.shell_call_output_content.delta",
            What::OutputDone { .. } => "response.shell_call_output_content.done",
            What::Compacting { .. } => "response.compaction.compacting",
        }
    }

    /// Whether it is a response's last.
    pub fn is_last(&self) -> bool {
        matches!(self, What::Completed { .. } | What::Failed { .. } | What::Incomplete { .. })
    }
}

/// Where a run tells what happens: a connection, a log that is replayed.
pub trait Events: Send + Sync {
    /// Takes the next event. What takes its time makes the run wait. Who listens no more cancels the run; events are taken all the same.
    fn send(&self, event: Event) -> BoxFuture<'_, ()>;
}

/// Nobody listens.
impl Events for () {
    fn send(&self, _: Event) -> BoxFuture<'_, ()> {
        Box::pin(std::future::ready(()))
    }
}
