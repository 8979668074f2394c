//! A conversation's items as another server may see them: without the ids it does not know, each call with an output and each output with a call.

use std::collections::HashSet;

use serde_json::{Value, json};

use crate::agent::item::{Item, Message, Part, Reasoning};
use crate::agent::model::names::Names;
use crate::agent::model::tool::{patch_output, shell_output};
use crate::agent::model::{CallKind, Prompt};

/// The prompt's items. `native` says whether the upstream knows our own tools as such.
pub(super) fn input(prompt: &Prompt, names: &Names, native: bool) -> Value {
    let items = &prompt.items;
    let ids = |calls: bool| -> HashSet<&str> {
        items.iter().filter(|item| item.is_call() == calls).filter_map(Item::call_id).collect()
    };
    let (called, answered) = (ids(true), ids(false));
    let mut input = Vec::new();
    for item in items {
        let call_id = item.call_id().unwrap_or_default();
        if !item.is_call() && item.call_id().is_some() && !called.contains(call_id) {
            let output = output(item, false).map(|output| output["output"].clone()).unwrap_or_default();
            let text = output.as_str().map_or_else(|| output.to_string(), str::to_owned);
            input.push(json!({"type": "message", "role": "user", "content": format!("Output of an earlier tool call:\n{text}")}));
            continue;
        }
        input.extend(rendered(item, names, native));
        if item.is_call() && !answered.contains(call_id) {
            input.push(unanswered(item, native));
        }
    }
    Value::Array(input)
}

fn rendered(item: &Item, names: &Names, native: bool) -> Option<Value> {
    Some(match item {
        Item::Message(message) => self::message(message, native),
        Item::Reasoning(reasoning) => self::reasoning(reasoning)?,
        Item::FunctionCall(call) => {
            let kind = CallKind::Function(call.name.clone());
            function_call(&call.call_id, names.name(&kind), call.arguments.clone())
        }
        Item::CustomToolCall(call) => {
            let kind = CallKind::Custom(call.name.clone());
            json!({"type": "custom_tool_call", "call_id": call.call_id, "name": names.name(&kind), "input": call.input})
        }
        Item::ShellCall(call) if native => {
            json!({"type": "shell_call", "call_id": call.call_id, "action": call.action, "status": "completed",
                "environment": {"type": "local"}})
        }
        Item::ShellCall(call) => {
            function_call(&call.call_id, names.name(&CallKind::Shell), json!(call.action).to_string())
        }
        Item::ApplyPatchCall(call) if native => {
            json!({"type": "apply_patch_call", "call_id": call.call_id, "operation": call.operation,
                "status": "completed"})
        }
        Item::ApplyPatchCall(call) => {
            let arguments = json!({"operation": call.operation}).to_string();
            function_call(&call.call_id, names.name(&CallKind::ApplyPatch), arguments)
        }
        item => output(item, native)?,
    })
}

/// An output; none if the item is none.
fn output(item: &Item, native: bool) -> Option<Value> {
    let function =
        |call_id: &str, output: Value| json!({"type": "function_call_output", "call_id": call_id, "output": output});
    Some(match item {
        Item::FunctionCallOutput(output) => function(&output.call_id, json!(output.output)),
        Item::CustomToolCallOutput(output) => {
            json!({"type": "custom_tool_call_output", "call_id": output.call_id, "output": output.output})
        }
        Item::ShellCallOutput(output) if native => {
            json!({"type": "shell_call_output", "call_id": output.call_id, "output": output.output,
                "max_output_length": output.max_output_length})
        }
        Item::ShellCallOutput(output) => function(&output.call_id, shell_output(output).into()),
        Item::ApplyPatchCallOutput(output) if native => {
            json!({"type": "apply_patch_call_output", "call_id": output.call_id, "status": output.status,
                "output": output.output})
        }
        Item::ApplyPatchCallOutput(output) => function(&output.call_id, patch_output(output).into()),
        _ => return None,
    })
}

/// An output for a call that has none: without, the whole conversation is refused.
fn unanswered(call: &Item, native: bool) -> Value {
    const WHY: &str = "(this call was not carried out)";
    let call_id = call.call_id();
    match call {
        Item::CustomToolCall(_) => json!({"type": "custom_tool_call_output", "call_id": call_id, "output": WHY}),
        Item::ShellCall(_) if native => {
            let output = json!({"stdout": "", "stderr": WHY, "outcome": {"type": "exit", "exit_code": 126}});
            json!({"type": "shell_call_output", "call_id": call_id, "output": [output]})
        }
        Item::ApplyPatchCall(_) if native => {
            json!({"type": "apply_patch_call_output", "call_id": call_id, "status": "failed", "output": WHY})
        }
        _ => json!({"type": "function_call_output", "call_id": call_id, "output": WHY}),
    }
}

fn function_call(call_id: &str, name: &str, arguments: String) -> Value {
    json!({"type": "function_call", "call_id": call_id, "name": name, "arguments": arguments})
}

fn message(message: &Message, native: bool) -> Value {
    let part = |part: &Part| match part {
        // What the text refers to is here, not there.
        Part::OutputText { text, .. } => json!({"type": "output_text", "text": text}),
        part => json!(part),
    };
    let content: Vec<Value> = message.content.iter().map(part).collect();
    let mut rendered = json!({"type": "message", "role": message.role, "content": content});
    if let Some(phase) = message.phase.as_deref().filter(|_| native) {
        rendered["phase"] = phase.into();
    }
    rendered
}

/// The upstream's own reasoning goes back as it came; another's is of no use to it.
fn reasoning(reasoning: &Reasoning) -> Option<Value> {
    reasoning.encrypted_content.as_ref()?;
    let mut rendered = json!(Item::Reasoning(reasoning.clone()));
    if let Some(fields) = rendered.as_object_mut() {
        fields.remove("status");
    }
    Some(rendered)
}
