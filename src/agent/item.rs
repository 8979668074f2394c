//! Items: what a conversation consists of, exactly as on the wire (OpenAI's Responses API).
//!
//! Reading is lenient: a message needs no `type` and its content may be one string, unknown keys are ignored, a null is an absent key.
//! An error names the place inside the item (`content[0].text: …`). What is written is always the strict form.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value, json};

/// An element of a response's input or output. On input ids are optional, in what Coquina stores and sends they are always there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(remote = "Self", tag = "type", rename_all = "snake_case")]
pub enum Item {
    /// Somebody says something.
    Message(Message),
    /// The model calls a function of the client's.
    FunctionCall(FunctionCall),
    /// What that function answered.
    FunctionCallOutput(CallOutput),
    /// The model calls a tool of the client's that takes text.
    CustomToolCall(CustomToolCall),
    /// What that tool answered.
    CustomToolCallOutput(CallOutput),
    /// The model proposes shell commands.
    ShellCall(ShellCall),
    /// What the commands printed and how they ended.
    ShellCallOutput(ShellCallOutput),
    /// The model proposes a change to a file.
    ApplyPatchCall(ApplyPatchCall),
    /// Whether the change could be made.
    ApplyPatchCallOutput(ApplyPatchCallOutput),
    /// What the model thought.
    Reasoning(Reasoning),
    /// A sealed summary in the place of the items before it.
    Compaction(Compaction),
    /// A step that waits for a person.
    McpApprovalRequest(McpApprovalRequest),
    /// What the person said.
    McpApprovalResponse(McpApprovalResponse),
    /// A stored item, by its id. Input only.
    ItemReference(ItemReference),
    /// Asks for compaction of all that came before. Input only, the last item.
    CompactionTrigger {},
}

/// Who speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Whoever runs the service; like `Developer`.
    System,
    /// Whoever wrote the client.
    Developer,
    /// Whoever uses the client.
    User,
    /// The model.
    Assistant,
}

/// How far an item is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Being made.
    InProgress,
    /// All there.
    Completed,
    /// Cut off.
    Incomplete,
    /// It did not work; outputs of `apply_patch` only.
    Failed,
}

/// A message. Content may be given as one string.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Message {
    /// `msg_…`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Who speaks.
    pub role: Role,
    /// How far it is; input may leave it out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<Status>,
    /// Parts in order.
    pub content: Vec<Part>,
    /// `commentary` or `final_answer`, of the model's messages.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phase: Option<String>,
}

/// A piece of content.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Part {
    /// Text to the model.
    #[serde(alias = "text")]
    InputText {
        /// The text.
        text: String,
    },
    /// A picture to the model: one of `image_url` (perhaps a data URL) and `file_id`.
    InputImage {
        /// `low`, `high`, `auto` or `original`.
        #[serde(default = "auto")]
        detail: String,
        /// Where it is, or the picture itself as a data URL.
        #[serde(skip_serializing_if = "Option::is_none")]
        image_url: Option<String>,
        /// An uploaded file.
        #[serde(skip_serializing_if = "Option::is_none")]
        file_id: Option<String>,
    },
    /// A file to the model: one of `file_id`, `file_data` and `file_url`.
    InputFile {
        /// An uploaded file.
        #[serde(skip_serializing_if = "Option::is_none")]
        file_id: Option<String>,
        /// The file itself, as a data URL or in base64.
        #[serde(skip_serializing_if = "Option::is_none")]
        file_data: Option<String>,
        /// Where it is.
        #[serde(skip_serializing_if = "Option::is_none")]
        file_url: Option<String>,
        /// What to call it.
        #[serde(skip_serializing_if = "Option::is_none")]
        filename: Option<String>,
        /// `auto`, `low` or `high`.
        #[serde(skip_serializing_if = "Option::is_none")]
        detail: Option<String>,
    },
    /// Text of the model's.
    OutputText {
        /// The text.
        text: String,
        /// What the text refers to.
        #[serde(default)]
        annotations: Vec<Annotation>,
        /// Probabilities of its tokens; passed through.
        #[serde(default)]
        logprobs: Vec<Value>,
    },
    /// The model will not.
    Refusal {
        /// Why.
        refusal: String,
    },
    /// A summary of what the model thought; in reasoning items.
    SummaryText {
        /// The text.
        text: String,
    },
    /// What the model thought; in reasoning items.
    ReasoningText {
        /// The text.
        text: String,
    },
}

/// What a stretch of the model's text refers to. Indices count characters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Annotation {
    /// A file of a container.
    ContainerFileCitation {
        /// `cntr_…`
        container_id: String,
        /// `cfile_…`
        file_id: String,
        /// Its name.
        filename: String,
        /// Where the stretch begins.
        start_index: u64,
        /// Where it ends.
        end_index: u64,
    },
    /// An uploaded file.
    FileCitation {
        /// `file-…`
        file_id: String,
        /// Its name.
        filename: String,
        /// Which of the files.
        index: u64,
    },
    /// A page.
    UrlCitation {
        /// Where it is.
        url: String,
        /// Its title.
        title: String,
        /// Where the stretch begins.
        start_index: u64,
        /// Where it ends.
        end_index: u64,
    },
    /// A file the model made.
    FilePath {
        /// Its id.
        file_id: String,
        /// Which of the files.
        index: u64,
    },
}

/// A call of a function that the client carries out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FunctionCall {
    /// `fc_…`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Pairs it with its output.
    pub call_id: String,
    /// The function.
    pub name: String,
    /// JSON, as the model wrote it.
    pub arguments: String,
    /// How far it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<Status>,
}

/// A call of a tool that takes any text and that the client carries out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CustomToolCall {
    /// `ctc_…`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Pairs it with its output.
    pub call_id: String,
    /// The tool.
    pub name: String,
    /// The text.
    pub input: String,
    /// How far it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<Status>,
}

/// What the client's function or custom tool answered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CallOutput {
    /// `fco_…` or `ctco_…`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The call that is answered.
    pub call_id: String,
    /// The answer.
    pub output: Content,
    /// How far it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<Status>,
}

/// Text, or parts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Content {
    /// Only text.
    Text(String),
    /// Text, images and files.
    Parts(Vec<Part>),
}

/// Shell commands the model proposes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ShellCall {
    /// `sh_…`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Pairs it with its output.
    pub call_id: String,
    /// How far it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<Status>,
    /// What to run.
    pub action: ShellAction,
    /// Where: here, or in the client's own shell.
    #[serde(default)]
    pub environment: Option<CallEnvironment>,
}

/// What a shell call asks for.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ShellAction {
    /// Command lines, each for a shell of its own, side by side.
    pub commands: Vec<String>,
    /// How long they may run, in milliseconds of wall time; none and 0 mean no limit of the model's.
    #[serde(default)]
    pub timeout_ms: Option<u64>,
    /// Characters of output to return for each command.
    #[serde(default)]
    pub max_output_length: Option<u64>,
}

/// Where a call runs, as items tell it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum CallEnvironment {
    /// In the client's own shell.
    Local {},
    /// In a container here.
    ContainerReference {
        /// `cntr_…`
        container_id: String,
    },
}

/// What the commands of a shell call printed and how they ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ShellCallOutput {
    /// `sho_…`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The call that is answered.
    pub call_id: String,
    /// How far it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<Status>,
    /// That of the call.
    #[serde(default)]
    pub max_output_length: Option<u64>,
    /// One for each command, in their order. Clients may send fewer.
    pub output: Vec<CommandOutput>,
}

/// What one command printed and how it ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CommandOutput {
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
    /// How it ended.
    pub outcome: CommandOutcome,
}

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum CommandOutcome {
    /// By itself, or by a signal (128 and its number).
    Exit {
        /// As a shell shows it.
        exit_code: i64,
    },
    /// It took longer than it might.
    Timeout,
}

/// A change to a file that the model proposes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ApplyPatchCall {
    /// `apc_…`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Pairs it with its output.
    pub call_id: String,
    /// How far it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<Status>,
    /// The change.
    pub operation: PatchOperation,
}

/// A change to one file. Diffs are V4A: lines that begin with ` `, `+` or `-`, in hunks after `@@`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum PatchOperation {
    /// A new file; every line of the diff begins with `+`.
    CreateFile {
        /// Where.
        path: String,
        /// What is in it.
        diff: String,
    },
    /// Other lines in a file.
    UpdateFile {
        /// Which.
        path: String,
        /// What changes.
        diff: String,
    },
    /// A file less.
    DeleteFile {
        /// Which.
        path: String,
    },
}

/// Whether the change could be made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ApplyPatchCallOutput {
    /// `apco_…`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The call that is answered.
    pub call_id: String,
    /// `completed` or `failed`.
    pub status: Status,
    /// What to tell the model.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output: Option<String>,
}

/// What the model thought.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Reasoning {
    /// `rs_…`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// For people: [`Part::SummaryText`].
    #[serde(default)]
    pub summary: Vec<Part>,
    /// The whole: [`Part::ReasoningText`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub content: Vec<Part>,
    /// The whole, readable only by the model that thought it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encrypted_content: Option<String>,
    /// How far it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<Status>,
}

/// A sealed summary of a conversation so far.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Compaction {
    /// `cmp_…`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Opaque; only a server with the same key reads it.
    pub encrypted_content: String,
}

/// A step that waits for a person.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct McpApprovalRequest {
    /// `mcpr_…`
    pub id: String,
    /// Whose tool: `coquina`.
    pub server_label: String,
    /// Which: `shell` or `apply_patch`.
    pub name: String,
    /// JSON: what would be done.
    pub arguments: String,
}

/// What a person said to an approval request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct McpApprovalResponse {
    /// `mcpa_…`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The request: `mcpr_…`
    pub approval_request_id: String,
    /// Yes or no.
    pub approve: bool,
    /// Why, for the model.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// A stored item, by its id.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ItemReference {
    /// Whatever id the item has.
    pub id: String,
}

impl Item {
    /// The item's `type` on the wire.
    pub fn kind(&self) -> &'static str {
        match self {
            Item::Message(_) => "message",
            Item::FunctionCall(_) => "function_call",
            Item::FunctionCallOutput(_) => "function_call_output",
            Item::CustomToolCall(_) => "custom_tool_call",
            Item::CustomToolCallOutput(_) => "custom_tool_call_output",
            Item::ShellCall(_) => "shell_call",
            Item::ShellCallOutput(_) => "shell_call_output",
            Item::ApplyPatchCall(_) => "apply_patch_call",
            Item::ApplyPatchCallOutput(_) => "apply_patch_call_output",
            Item::Reasoning(_) => "reasoning",
            Item::Compaction(_) => "compaction",
            Item::McpApprovalRequest(_) => "mcp_approval_request",
            Item::McpApprovalResponse(_) => "mcp_approval_response",
            Item::ItemReference(_) => "item_reference",
            Item::CompactionTrigger {} => "compaction_trigger",
        }
    }

    /// What new ids of such items begin with, for [`crate::base::id::new`].
    pub fn id_prefix(&self) -> &'static str {
        match self {
            Item::Message(_) => "msg_",
            Item::FunctionCall(_) => "fc_",
            Item::FunctionCallOutput(_) => "fco_",
            Item::CustomToolCall(_) => "ctc_",
            Item::CustomToolCallOutput(_) => "ctco_",
            Item::ShellCall(_) => "sh_",
            Item::ShellCallOutput(_) => "sho_",
            Item::ApplyPatchCall(_) => "apc_",
            Item::ApplyPatchCallOutput(_) => "apco_",
            Item::Reasoning(_) => "rs_",
            Item::Compaction(_) => "cmp_",
            Item::McpApprovalRequest(_) => "mcpr_",
            Item::McpApprovalResponse(_) => "mcpa_",
            Item::ItemReference(_) | Item::CompactionTrigger {} => "item_",
        }
    }

    /// The item's id, if it has one yet.
    pub fn id(&self) -> Option<&str> {
        match self {
            Item::McpApprovalRequest(request) => Some(&request.id),
            Item::ItemReference(reference) => Some(&reference.id),
            Item::Message(Message { id, .. })
            | Item::FunctionCall(FunctionCall { id, .. })
            | Item::FunctionCallOutput(CallOutput { id, .. })
            | Item::CustomToolCall(CustomToolCall { id, .. })
            | Item::CustomToolCallOutput(CallOutput { id, .. })
            | Item::ShellCall(ShellCall { id, .. })
            | Item::ShellCallOutput(ShellCallOutput { id, .. })
            | Item::ApplyPatchCall(ApplyPatchCall { id, .. })
            | Item::ApplyPatchCallOutput(ApplyPatchCallOutput { id, .. })
            | Item::Reasoning(Reasoning { id, .. })
            | Item::Compaction(Compaction { id, .. })
            | Item::McpApprovalResponse(McpApprovalResponse { id, .. }) => id.as_deref(),
            Item::CompactionTrigger {} => None,
        }
    }

    /// Gives the item this id in the place of the one it has. A compaction trigger has none.
    pub fn set_id(&mut self, new: String) {
        match self {
            Item::McpApprovalRequest(request) => request.id = new,
            Item::ItemReference(reference) => reference.id = new,
            Item::Message(Message { id, .. })
            | Item::FunctionCall(FunctionCall { id, .. })
            | Item::FunctionCallOutput(CallOutput { id, .. })
            | Item::CustomToolCall(CustomToolCall { id, .. })
            | Item::CustomToolCallOutput(CallOutput { id, .. })
            | Item::ShellCall(ShellCall { id, .. })
            | Item::ShellCallOutput(ShellCallOutput { id, .. })
            | Item::ApplyPatchCall(ApplyPatchCall { id, .. })
            | Item::ApplyPatchCallOutput(ApplyPatchCallOutput { id, .. })
            | Item::Reasoning(Reasoning { id, .. })
            | Item::Compaction(Compaction { id, .. })
            | Item::McpApprovalResponse(McpApprovalResponse { id, .. }) => *id = Some(new),
            Item::CompactionTrigger {} => {}
        }
    }

    /// What pairs a call with its output; only calls and outputs have it.
    pub fn call_id(&self) -> Option<&str> {
        match self {
            Item::FunctionCall(FunctionCall { call_id, .. })
            | Item::FunctionCallOutput(CallOutput { call_id, .. })
            | Item::CustomToolCall(CustomToolCall { call_id, .. })
            | Item::CustomToolCallOutput(CallOutput { call_id, .. })
            | Item::ShellCall(ShellCall { call_id, .. })
            | Item::ShellCallOutput(ShellCallOutput { call_id, .. })
            | Item::ApplyPatchCall(ApplyPatchCall { call_id, .. })
            | Item::ApplyPatchCallOutput(ApplyPatchCallOutput { call_id, .. }) => Some(call_id),
            _ => None,
        }
    }

    /// Whether it asks for something that an output item answers.
    pub fn is_call(&self) -> bool {
        matches!(self, Item::FunctionCall(_) | Item::CustomToolCall(_) | Item::ShellCall(_) | Item::ApplyPatchCall(_))
    }

    /// Whether it is what the user said.
    pub fn is_from_user(&self) -> bool {
        matches!(self, Item::Message(Message { role: Role::User, .. }))
    }
}

impl Message {
    /// A message of the user's, without an id.
    pub fn user(text: impl Into<String>) -> Message {
        Message::input(Role::User, text)
    }

    /// A message to the model, without an id.
    pub fn input(role: Role, text: impl Into<String>) -> Message {
        Message { id: None, role, status: None, content: vec![Part::InputText { text: text.into() }], phase: None }
    }

    /// A whole message of the model's, without an id.
    pub fn assistant(text: impl Into<String>) -> Message {
        let content = vec![Part::output_text(text)];
        Message { id: None, role: Role::Assistant, status: Some(Status::Completed), content, phase: None }
    }

    /// The texts of its parts, refusals too, one after another.
    pub fn text(&self) -> String {
        self.content.iter().filter_map(Part::text).collect()
    }
}

impl Part {
    /// Text of the model's that refers to nothing.
    pub fn output_text(text: impl Into<String>) -> Part {
        Part::OutputText { text: text.into(), annotations: Vec::new(), logprobs: Vec::new() }
    }

    /// Its text, if it is text.
    pub fn text(&self) -> Option<&str> {
        match self {
            Part::InputText { text }
            | Part::OutputText { text, .. }
            | Part::Refusal { refusal: text }
            | Part::SummaryText { text }
            | Part::ReasoningText { text } => Some(text),
            Part::InputImage { .. } | Part::InputFile { .. } => None,
        }
    }
}

impl Content {
    /// The text, or the texts of the parts one after another.
    pub fn text(&self) -> String {
        match self {
            Content::Text(text) => text.clone(),
            Content::Parts(parts) => parts.iter().filter_map(Part::text).collect(),
        }
    }
}

impl Serialize for Item {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Item::serialize(self, serializer)
    }
}

impl<'de> Deserialize<'de> for Item {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut fields = Map::deserialize(deserializer)?;
        without_nulls(&mut fields);
        if !fields.contains_key("type") {
            let kind = if fields.contains_key("role") { "message" } else { "item_reference" };
            if kind == "item_reference" && !fields.contains_key("id") {
                return Err(D::Error::custom("an item needs a `type`, a message at least a `role`"));
            }
            fields.insert("type".into(), kind.into());
        }
        if fields["type"] == "message" {
            content_as_parts(&mut fields);
        }
        let value = Value::Object(fields);
        let mut track = serde_path_to_error::Track::new();
        let tracked = serde_path_to_error::Deserializer::new(value, &mut track);
        Item::deserialize(tracked).map_err(|error| match track.path().to_string() {
            path if path == "." => D::Error::custom(error),
            path => D::Error::custom(format_args!("{path}: {error}")),
        })
    }
}

fn auto() -> String {
    "auto".into()
}

/// Takes out what is null, at every depth (`serde_json` bounds it): a null means what an absent key means.
fn without_nulls(fields: &mut Map<String, Value>) {
    fn inside(value: &mut Value) {
        match value {
            Value::Object(fields) => without_nulls(fields),
            Value::Array(values) => values.iter_mut().for_each(inside),
            _ => {}
        }
    }
    fields.retain(|_, value| !value.is_null());
    fields.values_mut().for_each(inside);
}

/// Makes a message's content, if it is one string, the part that a message of its role has.
fn content_as_parts(message: &mut Map<String, Value>) {
    let part = if message.get("role").is_some_and(|role| role == "assistant") { "output_text" } else { "input_text" };
    if let Some(content) = message.get_mut("content")
        && content.is_string()
    {
        *content = json!([{"type": part, "text": content.take()}]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: Value) -> Item {
        serde_json::from_value(value).expect("it is an item")
    }

    fn error(value: Value) -> String {
        serde_json::from_value::<Item>(value).expect_err("it is no item").to_string()
    }

    #[test]
    fn easy_messages_are_messages() {
        let user = read(json!({"role": "user", "content": "hi", "type": null, "name": "unknown key"}));
        assert_eq!(user, Item::Message(Message::user("hi")));
        assert!(user.is_from_user());
        let Item::Message(assistant) = read(json!({"role": "assistant", "content": "yes", "phase": "final_answer"}))
        else {
            panic!("not a message")
        };
        assert_eq!(assistant.content, [Part::output_text("yes")]);
        assert_eq!(assistant.phase.as_deref(), Some("final_answer"));
        assert_eq!(read(json!({"id": "msg_1"})).kind(), "item_reference");
    }

    #[test]
    fn what_was_written_is_read_back() {
        let items = json!([
            {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": [
                {"type": "output_text", "text": "see a.csv", "annotations": [{"type": "container_file_citation",
                    "container_id": "cntr_1", "file_id": "cfile_1", "filename": "a.csv", "start_index": 4, "end_index": 9}],
                 "logprobs": []},
                {"type": "refusal", "refusal": "no"}]},
            {"type": "message", "id": "msg_2", "role": "user", "content": [
                {"type": "input_image", "detail": "low", "image_url": "data:image/png;base64,AA"},
                {"type": "input_file", "file_id": "file-1"}]},
            {"type": "function_call", "id": "fc_1", "call_id": "c1", "name": "f", "arguments": "{}", "status": "completed"},
            {"type": "function_call_output", "id": "fco_1", "call_id": "c1", "output": "ok"},
            {"type": "function_call_output", "id": "fco_2", "call_id": "c1", "output": [{"type": "input_text", "text": "ok"}]},
            {"type": "custom_tool_call", "id": "ctc_1", "call_id": "c2", "name": "g", "input": "x"},
            {"type": "custom_tool_call_output", "id": "ctco_1", "call_id": "c2", "output": "y"},
            {"type": "shell_call", "id": "sh_1", "call_id": "c3", "status": "completed",
             "action": {"commands": ["ls"], "timeout_ms": null, "max_output_length": 10},
             "environment": {"type": "container_reference", "container_id": "cntr_1"}},
            {"type": "shell_call", "id": "sh_2", "call_id": "c4", "status": "in_progress",
             "action": {"commands": [], "timeout_ms": 5, "max_output_length": null}, "environment": {"type": "local"}},
            {"type": "shell_call_output", "id": "sho_1", "call_id": "c3", "status": "completed", "max_output_length": null,
             "output": [{"stdout": "a", "stderr": "", "outcome": {"type": "exit", "exit_code": 1}},
                        {"stdout": "", "stderr": "b", "outcome": {"type": "timeout"}}]},
            {"type": "apply_patch_call", "id": "apc_1", "call_id": "c5", "status": "completed",
             "operation": {"type": "create_file", "path": "a", "diff": "+x"}},
            {"type": "apply_patch_call_output", "id": "apco_1", "call_id": "c5", "status": "failed", "output": "no"},
            {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "s"}],
             "content": [{"type": "reasoning_text", "text": "t"}], "encrypted_content": "e"},
            {"type": "compaction", "id": "cmp_1", "encrypted_content": "e"},
            {"type": "mcp_approval_request", "id": "mcpr_1", "server_label": "coquina", "name": "shell", "arguments": "{}"},
            {"type": "mcp_approval_response", "id": "mcpa_1", "approval_request_id": "mcpr_1", "approve": true},
            {"type": "item_reference", "id": "msg_1"},
            {"type": "compaction_trigger"}
        ]);
        let read: Vec<Item> = serde_json::from_value(items.clone()).expect("they are items");
        assert_eq!(serde_json::to_value(&read).expect("items are JSON"), items);
        for (item, value) in read.iter().zip(items.as_array().expect("a list")) {
            assert_eq!(item.kind(), value["type"]);
            assert_eq!(item.id(), value["id"].as_str());
            assert_eq!(item.call_id(), value["call_id"].as_str());
            let mut renamed = item.clone();
            renamed.set_id("other".into());
            assert_eq!(renamed.id(), item.id().map(|_| "other"));
            assert!(item.kind() == "item_reference" || item.id().is_none_or(|id| id.starts_with(item.id_prefix())));
        }
    }

    #[test]
    fn what_clients_send_again_is_read() {
        let local = json!({"type": "shell_call", "id": null, "call_id": "c", "created_by": "x", "caller": {"type": "direct"},
            "action": {"commands": ["ls"], "env": null}, "status": null,
            "environment": {"type": "local", "skills": [{"name": "s", "description": "d", "path": "/p"}]}});
        let Item::ShellCall(call) = read(local) else { panic!("not a shell call") };
        assert_eq!((call.id, call.status, call.environment), (None, None, Some(CallEnvironment::Local {})));
        let output = json!({"type": "shell_call_output", "call_id": "c", "output":
            [{"stdout": "", "stderr": "", "outcome": {"type": "exit", "exit_code": 0}, "provider_data": 1}]});
        assert_eq!(read(output).call_id(), Some("c"));
        let text = read(json!({"role": "user", "content": [{"type": "text", "text": "a", "annotations": null}]}));
        assert_eq!(text, Item::Message(Message::user("a")));
    }

    #[test]
    fn errors_name_the_place() {
        let wrong = error(json!({"role": "user", "content": [{"type": "input_text"}]}));
        assert!(wrong.contains("content") && wrong.contains("text"), "{wrong}");
        assert!(error(json!({"role": "robot", "content": ""})).contains("robot"));
        assert!(error(json!({"type": "web_search_call"})).contains("web_search_call"));
        assert!(error(json!({"content": "x"})).contains("`type`"));
        assert!(
            error(json!({"type": "shell_call", "call_id": "c", "action": {"commands": "ls"}})).contains("commands")
        );
        assert!(error(json!("text")).contains("map"));
    }
}
