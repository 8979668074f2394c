//! What the model is asked: the conversation's items as it is to see them.

use std::collections::HashSet;

use super::item::{
    ApplyPatchCallOutput, CallOutput, CommandOutcome, CommandOutput, Content, Item, McpApprovalResponse, Message,
    ShellCallOutput, Status,
};
use super::request::{Environment, Skill, Tool};

/// What a call's output says when there is none.
const NOT_RUN: &str = "This call was not carried out.";

/// The items of a conversation as the model sees them. Every call has its output; approvals are told in words; nothing is left that only
/// means something to clients.
pub(super) fn render(items: &[Item]) -> Vec<Item> {
    let answered: HashSet<&str> = items.iter().filter(|item| !item.is_call()).filter_map(Item::call_id).collect();
    let mut rendered = Vec::with_capacity(items.len());
    for item in items {
        match item {
            Item::ItemReference(_) | Item::CompactionTrigger {} | Item::McpApprovalRequest(_) | Item::Compaction(_) => {
            }
            Item::McpApprovalResponse(response) => rendered.push(told(response)),
            item => {
                rendered.push(item.clone());
                if item.is_call() && item.call_id().is_some_and(|id| !answered.contains(id)) {
                    rendered.extend(not_run(item));
                }
            }
        }
    }
    rendered
}

/// A person's decision, in words. Of those whose outcome is known `resume.rs` tells that in their place.
fn told(response: &McpApprovalResponse) -> Item {
    let reason = response.reason.as_deref().filter(|reason| !reason.is_empty());
    let reason = reason.map_or_else(String::new, |reason| format!(": {reason}"));
    let decided = if response.approve { "approved" } else { "refused" };
    Item::Message(Message::user(format!("[The call that waited for approval was {decided}{reason}]")))
}

/// An output for a call that has none.
fn not_run(call: &Item) -> Option<Item> {
    let (id, call_id, text) = (None, call.call_id()?.to_owned(), NOT_RUN.to_owned());
    let status = Some(Status::Incomplete);
    Some(match call {
        Item::FunctionCall(_) => {
            Item::FunctionCallOutput(CallOutput { id, call_id, output: Content::Text(text), status })
        }
        Item::CustomToolCall(_) => {
            Item::CustomToolCallOutput(CallOutput { id, call_id, output: Content::Text(text), status })
        }
        Item::ShellCall(call) => {
            let outcome = CommandOutcome::Exit { exit_code: 126 };
            let each = CommandOutput { stdout: String::new(), stderr: text, outcome };
            let output = vec![each; call.action.commands.len()];
            let max_output_length = call.action.max_output_length;
            Item::ShellCallOutput(ShellCallOutput { id, call_id, status, max_output_length, output })
        }
        Item::ApplyPatchCall(_) => {
            Item::ApplyPatchCallOutput(ApplyPatchCallOutput { id, call_id, status: Status::Failed, output: Some(text) })
        }
        _ => return None,
    })
}

/// A message that announces skills; none if there are none.
pub(super) fn announce(tools: &[Tool]) -> Option<Item> {
    let skills = tools.iter().find_map(|tool| match tool {
        Tool::Shell(environment) => Some(environment.skills()),
        _ => None,
    });
    let skills = skills.filter(|skills| !skills.is_empty())?;
    let line = |skill: &Skill| format!("- {} ({}): {}", skill.name, skill.path, skill.description);
    let lines: Vec<_> = skills.iter().map(line).collect();
    Some(Item::Message(Message::user(format!(
        "Skills are folders with instructions and files for a kind of task. Before you do such a task, read the folder's SKILL.md \
         with the shell. There are:\n{}",
        lines.join("\n")
    ))))
}

/// The environment of the shell that runs here, if there is one.
pub(super) fn hosted(tools: &[Tool]) -> Option<&Environment> {
    tools.iter().find_map(|tool| match tool {
        Tool::Shell(environment) if !environment.is_local() => Some(environment),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn items(value: serde_json::Value) -> Vec<Item> {
        serde_json::from_value(value).expect("they are items")
    }

    #[test]
    fn every_call_has_an_output_and_approvals_are_told() {
        let rendered = render(&items(json!([
            {"role": "user", "content": "go"},
            {"type": "shell_call", "call_id": "c1", "action": {"commands": ["a", "b"], "max_output_length": 9}},
            {"type": "mcp_approval_request", "id": "mcpr_1", "server_label": "coquina", "name": "shell", "arguments": "{}"},
            {"type": "mcp_approval_response", "approval_request_id": "mcpr_1", "approve": false, "reason": "no"},
            {"type": "function_call", "call_id": "c2", "name": "f", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "c2", "output": "x"},
            {"type": "compaction_trigger"}
        ])));
        let kinds: Vec<_> = rendered.iter().map(Item::kind).collect();
        let expected =
            ["message", "shell_call", "shell_call_output", "message", "function_call", "function_call_output"];
        assert_eq!(kinds, expected);
        let Item::ShellCallOutput(output) = &rendered[2] else { panic!("{:?}", rendered[2]) };
        assert_eq!((output.output.len(), output.max_output_length, output.call_id.as_str()), (2, Some(9), "c1"));
        let Item::Message(told) = &rendered[3] else { panic!("{:?}", rendered[3]) };
        assert_eq!(told.text(), "[The call that waited for approval was refused: no]");
    }

    #[test]
    fn skills_are_announced() {
        let skill = Skill { name: "csv".into(), description: "Reads tables.".into(), path: "/mnt/skills/csv".into() };
        let tools = [Tool::ApplyPatch, Tool::Shell(Environment::Local { skills: vec![skill] })];
        let Some(Item::Message(message)) = announce(&tools) else { panic!("nothing is announced") };
        assert!(message.text().ends_with("- csv (/mnt/skills/csv): Reads tables."), "{}", message.text());
        assert!(announce(&[Tool::ApplyPatch]).is_none());
        assert!(hosted(&tools).is_none());
    }
}
