//! A conversation's items as chat messages: calls of one turn in one message, each answered right after it, whatever order the items have.

use std::collections::HashMap;

use serde_json::{Map, Value, json};

use crate::agent::item::{Detail, Item, Message, Part, Reasoning, Role};
use crate::agent::model::names::Names;
use crate::agent::model::profile::{Profile, ReasoningBack};
use crate::agent::model::tool::{custom_arguments, patch_output, shell_output, short_id};
use crate::agent::model::{CallKind, Prompt};

/// Said in the place of an output that there is not: services refuse a call without one.
const UNANSWERED: &str = "(this call was not carried out)";

/// Said before what outputs have beside text.
const OF_OUTPUTS: &str = "What the tools above have answered beside text:";

/// The prompt's instructions and items as messages.
pub(super) fn messages(prompt: &Prompt, names: &Names, profile: &Profile) -> Value {
    let items = &prompt.items;
    let outputs = items.iter().filter(|item| !item.is_call());
    let outputs = outputs.filter_map(|item| Some((item.call_id()?, item))).collect();
    let mut chat = Messages { names, profile, outputs, messages: Vec::new(), assistant: None };
    if !prompt.instructions.is_empty() {
        chat.system("system", &prompt.instructions);
    }
    for item in items {
        chat.item(item);
    }
    chat.flush();
    Value::Array(chat.messages)
}

struct Messages<'a> {
    names: &'a Names,
    profile: &'a Profile,
    /// By the id of their call; taken when it is answered.
    outputs: HashMap<&'a str, &'a Item>,
    messages: Vec<Value>,
    /// The model's message that is being put together.
    assistant: Option<Assistant<'a>>,
}

/// A message of the model's: its reasoning, text and calls.
#[derive(Default)]
struct Assistant<'a> {
    reasoning: String,
    text: String,
    /// Ids of the calls, and the calls as the service wants them.
    calls: Vec<(&'a str, Value)>,
}

impl<'a> Messages<'a> {
    fn item(&mut self, item: &'a Item) {
        match item {
            Item::Message(message) => self.message(message),
            Item::Reasoning(reasoning) => self.reasoning(reasoning),
            Item::FunctionCall(call) => {
                self.call(&call.call_id, CallKind::Function(call.name.clone()), call.arguments.clone());
            }
            Item::CustomToolCall(call) => {
                self.call(&call.call_id, CallKind::Custom(call.name.clone()), custom_arguments(&call.input));
            }
            Item::ShellCall(call) => {
                let mut action = Map::from_iter([("commands".to_owned(), json!(call.action.commands))]);
                let limits =
                    [("timeout_ms", call.action.timeout_ms), ("max_output_length", call.action.max_output_length)];
                action.extend(limits.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?.into()))));
                self.call(&call.call_id, CallKind::Shell, Value::Object(action).to_string());
            }
            Item::ApplyPatchCall(call) => {
                let arguments = json!({"operation": call.operation}).to_string();
                self.call(&call.call_id, CallKind::ApplyPatch, arguments);
            }
            // They follow their calls. One whose call is gone is told as what somebody reports.
            Item::FunctionCallOutput(_)
            | Item::CustomToolCallOutput(_)
            | Item::ShellCallOutput(_)
            | Item::ApplyPatchCallOutput(_) => {
                self.flush();
                if let Some(output) = item.call_id().and_then(|call_id| self.outputs.remove(call_id)) {
                    let text = format!("Output of an earlier tool call:\n{}", output_text(output));
                    self.messages.push(json!({"role": "user", "content": text}));
                }
            }
            Item::Compaction(_)
            | Item::McpApprovalRequest(_)
            | Item::McpApprovalResponse(_)
            | Item::ItemReference(_)
            | Item::CompactionTrigger {} => {}
        }
    }

    fn message(&mut self, message: &Message) {
        match message.role {
            Role::Assistant => {
                if self.assistant.as_ref().is_some_and(|assistant| !assistant.calls.is_empty()) {
                    self.flush();
                }
                self.assistant.get_or_insert_default().text += &message.text();
            }
            Role::User => {
                self.flush();
                let content = self.content(&message.content);
                self.messages.push(json!({"role": "user", "content": content}));
            }
            Role::System => self.system("system", &message.text()),
            Role::Developer if self.profile.developer_role => self.system("developer", &message.text()),
            Role::Developer => self.system("system", &message.text()),
        }
    }

    fn system(&mut self, role: &str, text: &str) {
        self.flush();
        let first = self.messages.first_mut().filter(|first| first["role"] == "system");
        match first.filter(|_| self.profile.one_system_message) {
            Some(first) => {
                first["content"] = format!("{}\n\n{text}", first["content"].as_str().unwrap_or_default()).into();
            }
            None => {
                let at = if self.profile.one_system_message { 0 } else { self.messages.len() };
                self.messages.insert(at, json!({"role": role, "content": text}));
            }
        }
    }

    fn reasoning(&mut self, reasoning: &Reasoning) {
        if self.profile.reasoning_back != ReasoningBack::None {
            let text: String = reasoning.content.iter().filter_map(Part::text).collect();
            if self.assistant.as_ref().is_some_and(|assistant| !assistant.calls.is_empty()) {
                self.flush();
            }
            self.assistant.get_or_insert_default().reasoning += &text;
        }
    }

    fn call(&mut self, call_id: &'a str, kind: CallKind, arguments: String) {
        let call = json!({"id": self.id(call_id), "type": "function",
            "function": {"name": self.names.name(&kind), "arguments": arguments}});
        self.assistant.get_or_insert_default().calls.push((call_id, call));
    }

    /// Ends the model's message, if there is one: it, and the outputs of its calls.
    fn flush(&mut self) {
        let Some(Assistant { reasoning, text, calls }) = self.assistant.take() else { return };
        if text.is_empty() && calls.is_empty() {
            return;
        }
        let content = match text.is_empty() && self.profile.null_content {
            true => Value::Null,
            false => text.into(),
        };
        let mut message = json!({"role": "assistant", "content": content});
        match self.profile.reasoning_back {
            ReasoningBack::ReasoningContent if !reasoning.is_empty() => message["reasoning_content"] = reasoning.into(),
            ReasoningBack::Reasoning if !reasoning.is_empty() => message["reasoning"] = reasoning.into(),
            _ => {}
        }
        let (ids, calls): (Vec<&str>, Vec<Value>) = calls.into_iter().unzip();
        if !calls.is_empty() {
            message["tool_calls"] = calls.into();
        }
        self.messages.push(message);
        let mut pictures = Vec::new();
        for id in ids {
            let output = self.outputs.remove(id);
            let text = output.map_or_else(|| UNANSWERED.into(), output_text);
            let text = if text.is_empty() { "(no output)".into() } else { text };
            self.messages.push(json!({"role": "tool", "tool_call_id": self.id(id), "content": text}));
            let parts = output.into_iter().flat_map(Item::parts).filter(|part| part.text().is_none());
            pictures.extend(parts.map(|part| self.part(part)));
        }
        // Services take nothing but text as a tool's answer.
        if !pictures.is_empty() {
            pictures.insert(0, json!({"type": "text", "text": OF_OUTPUTS}));
            self.messages.push(json!({"role": "user", "content": pictures}));
        }
    }

    fn id(&self, call_id: &str) -> String {
        if self.profile.nine_character_ids { short_id(call_id) } else { call_id.to_owned() }
    }

    /// A user's content: text, or parts if there are images.
    fn content(&self, parts: &[Part]) -> Value {
        let rendered: Vec<Value> = parts.iter().map(|part| self.part(part)).collect();
        let texts: Option<Vec<&str>> = rendered.iter().map(|part| part["text"].as_str()).collect();
        match texts {
            Some(texts) => texts.join("\n").into(),
            None => rendered.into(),
        }
    }

    fn part(&self, part: &Part) -> Value {
        let text = |text: &str| json!({"type": "text", "text": text});
        match part {
            Part::InputImage { detail, image_url: Some(url), .. } if self.profile.images => {
                let detail = if *detail == Detail::Original { Detail::High } else { *detail };
                json!({"type": "image_url", "image_url": {"url": url, "detail": detail}})
            }
            Part::InputImage { .. } => text("[an image that cannot be shown to this model]"),
            Part::InputFile { filename, file_data: Some(data), .. } if self.profile.files => {
                json!({"type": "file", "file": {"filename": filename.as_deref().unwrap_or("file"), "file_data": data}})
            }
            Part::InputFile { filename, file_id, file_url, .. } => {
                let name = filename.as_ref().or(file_id.as_ref()).or(file_url.as_ref());
                let name = name.map_or("without a name", String::as_str);
                text(&format!("[a file that cannot be shown to this model: {name}]"))
            }
            part => text(part.text().unwrap_or_default()),
        }
    }
}

/// What an output says, in text.
fn output_text(item: &Item) -> String {
    match item {
        Item::FunctionCallOutput(output) | Item::CustomToolCallOutput(output) => output.output.text(),
        Item::ShellCallOutput(output) => shell_output(output),
        Item::ApplyPatchCallOutput(output) => patch_output(output),
        _ => String::new(),
    }
}
