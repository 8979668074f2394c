//! Items: what a conversation consists of, exactly as on the wire (OpenAI's Responses API).
//!
//! Reading is lenient: a message needs no `type` and its content may be one string, unknown keys are ignored, a null is an absent key.
//! An error names the place inside the item (`content[0].text: …`). What is written is always the strict form.

mod call;
mod message;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

pub use call::{
    ApplyPatchCall, ApplyPatchCallOutput, CallEnvironment, CallOutput, CommandOutcome, CommandOutput, CustomToolCall,
    FunctionCall, McpApprovalRequest, McpApprovalResponse, PatchOperation, ShellAction, ShellCall, ShellCallOutput,
};
pub use message::{Annotation, Content, Detail, Message, Part, Reasoning, Role};

/// An element of a response's input or output. On input ids are optional, in what Coquina stores and sends they are always there.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
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

/// How far an item is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = ItemStatus)]
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

/// A sealed summary of a conversation so far.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Compaction {
    /// `cmp_…`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Opaque; only a server with the same key reads it.
    pub encrypted_content: String,
}

/// A stored item, by its id.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
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

    /// What a message, or the output of a client's tool, is made of; empty if that is only text.
    pub fn parts(&self) -> &[Part] {
        match self {
            Item::Message(message) => &message.content,
            Item::FunctionCallOutput(CallOutput { output: Content::Parts(parts), .. })
            | Item::CustomToolCallOutput(CallOutput { output: Content::Parts(parts), .. }) => parts,
            _ => &[],
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

impl<'de> Deserialize<'de> for Item {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut fields = Map::deserialize(deserializer)?;
        without_nulls(&mut fields);
        let kind = match fields.remove("type") {
            Some(Value::String(kind)) => kind,
            Some(other) => return Err(D::Error::custom(format_args!("type: {other} is not the name of a type"))),
            None if fields.contains_key("role") => "message".into(),
            None if fields.contains_key("id") => "item_reference".into(),
            None => return Err(D::Error::custom("an item needs a `type`, a message at least a `role`")),
        };
        if kind == "message" {
            content_as_parts(&mut fields);
        }
        let item = match kind.as_str() {
            "message" => read(fields).map(Item::Message),
            "function_call" => read(fields).map(Item::FunctionCall),
            "function_call_output" => read(fields).map(Item::FunctionCallOutput),
            "custom_tool_call" => read(fields).map(Item::CustomToolCall),
            "custom_tool_call_output" => read(fields).map(Item::CustomToolCallOutput),
            "shell_call" => read(fields).map(Item::ShellCall),
            "shell_call_output" => read(fields).map(Item::ShellCallOutput),
            "apply_patch_call" => read(fields).map(Item::ApplyPatchCall),
            "apply_patch_call_output" => read(fields).map(Item::ApplyPatchCallOutput),
            "reasoning" => read(fields).map(Item::Reasoning),
            "compaction" => read(fields).map(Item::Compaction),
            "mcp_approval_request" => read(fields).map(Item::McpApprovalRequest),
            "mcp_approval_response" => read(fields).map(Item::McpApprovalResponse),
            "item_reference" => read(fields).map(Item::ItemReference),
            "compaction_trigger" => Ok(Item::CompactionTrigger {}),
            other => Err(format!("type: items of type `{other}` are not supported")),
        };
        item.map_err(D::Error::custom)
    }
}

/// Reads an item's fields; an error begins with the place.
fn read<T: serde::de::DeserializeOwned>(fields: Map<String, Value>) -> Result<T, String> {
    serde_path_to_error::deserialize(Value::Object(fields)).map_err(|error| match error.path().to_string() {
        path if path == "." => error.into_inner().to_string(),
        path => format!("{path}: {}", error.into_inner()),
    })
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

    fn item(value: Value) -> Item {
        serde_json::from_value(value).expect("it is an item")
    }

    fn error(value: Value) -> String {
        serde_json::from_value::<Item>(value).expect_err("it is no item").to_string()
    }

    #[test]
    fn easy_messages_are_messages() {
        let user = item(json!({"role": "user", "content": "hi", "type": null, "name": "unknown key"}));
        assert_eq!(user, Item::Message(Message::user("hi")));
        assert!(user.is_from_user());
        let Item::Message(assistant) = item(json!({"role": "assistant", "content": "yes", "phase": "final_answer"}))
        else {
            panic!("not a message")
        };
        assert_eq!(assistant.content, [Part::output_text("yes")]);
        assert_eq!(assistant.phase.as_deref(), Some("final_answer"));
        assert_eq!(item(json!({"id": "msg_1"})).kind(), "item_reference");
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
        let Item::ShellCall(call) = item(local) else { panic!("not a shell call") };
        assert_eq!((call.id, call.status, call.environment), (None, None, Some(CallEnvironment::Local {})));
        let output = json!({"type": "shell_call_output", "call_id": "c", "output":
            [{"stdout": "", "stderr": "", "outcome": {"type": "exit", "exit_code": 0}, "provider_data": 1}]});
        assert_eq!(item(output).call_id(), Some("c"));
        let text = item(json!({"role": "user", "content": [{"type": "text", "text": "a", "annotations": null}]}));
        assert_eq!(text, Item::Message(Message::user("a")));
    }

    #[test]
    fn errors_name_the_place() {
        let wrong = error(json!({"role": "user", "content": [{"type": "input_text"}]}));
        assert_eq!(wrong, "content[0]: missing field `text`");
        let wrong = error(json!({"type": "shell_call", "call_id": "c", "action": {"commands": ["ls", 1]}}));
        assert!(wrong.starts_with("action.commands[1]: "), "{wrong}");
        assert!(error(json!({"role": "robot", "content": ""})).contains("robot"));
        assert!(error(json!({"type": "web_search_call"})).contains("web_search_call"));
        assert!(error(json!({"content": "x"})).contains("`type`"));
        assert!(
            error(json!({"type": "shell_call", "call_id": "c", "action": {"commands": "ls"}})).contains("commands")
        );
        assert!(error(json!("text")).contains("map"));
    }
}
