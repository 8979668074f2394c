//! What a model meant by a call of a tool that runs here: its arguments read, generously, or what is wrong with them.

use serde_json::Value;

use super::item::{PatchOperation, ShellAction};
use super::model::CallKind;
use super::request::Tool;
use super::shell::{COMMAND_BYTES, COMMANDS};
use super::step::OwnCall;

/// A call that can be carried out.
#[derive(Debug, PartialEq)]
pub(super) enum Meant {
    Shell(ShellAction),
    Patch(PatchOperation),
}

/// What a call means.
///
/// # Errors
/// What is wrong with it; for the model.
pub(super) fn understand(call: &OwnCall, tools: &[Tool]) -> Result<Meant, String> {
    match &call.kind {
        CallKind::Shell if tools.iter().any(|tool| matches!(tool, Tool::Shell(_))) => {
            action(&call.arguments).map(Meant::Shell)
        }
        CallKind::ApplyPatch if tools.contains(&Tool::ApplyPatch) => operation(&call.arguments).map(Meant::Patch),
        CallKind::Shell => Err(unknown("shell", tools)),
        CallKind::ApplyPatch => Err(unknown("apply_patch", tools)),
        CallKind::Function(name) | CallKind::Custom(name) => Err(unknown(name, tools)),
    }
}

/// The name a tool is called by.
pub(super) fn name(kind: &CallKind) -> &str {
    match kind {
        CallKind::Shell => "shell",
        CallKind::ApplyPatch => "apply_patch",
        CallKind::Function(name) | CallKind::Custom(name) => name,
    }
}

fn unknown(name: &str, tools: &[Tool]) -> String {
    use super::model::ToolSpec::{ApplyPatch, Custom, Function, Shell};
    let names = tools.iter().map(|tool| match tool {
        Tool::Shell(_) | Tool::Client(Shell) => "shell",
        Tool::ApplyPatch | Tool::Client(ApplyPatch) => "apply_patch",
        Tool::Client(Function { name, .. } | Custom { name, .. }) => name,
    });
    let names: Vec<_> = names.collect();
    let there = if names.is_empty() { "there are no tools".into() } else { format!("there are: {}", names.join(", ")) };
    let name: String = name.chars().take(128).collect();
    format!("There is no tool {name:?}; {there}.")
}

fn action(arguments: &str) -> Result<ShellAction, String> {
    let expected = r#"expected {"commands": ["…"], "timeout_ms": null, "max_output_length": null}"#;
    let value: Value =
        serde_json::from_str(arguments).map_err(|e| format!("The arguments are not JSON: {e}; {expected}."))?;
    let named = ["commands", "command", "cmd"].iter().find_map(|name| value.get(name));
    let commands = match named.or(Some(&value).filter(|value| value.is_string())) {
        Some(Value::String(command)) => vec![command.clone()],
        Some(Value::Array(commands)) => {
            let commands: Option<Vec<_>> = commands.iter().map(|c| c.as_str().map(str::to_owned)).collect();
            commands.ok_or_else(|| format!("A command is not text; {expected}."))?
        }
        _ => return Err(format!("`commands` is missing; {expected}.")),
    };
    if commands.is_empty() || commands.len() > COMMANDS {
        return Err(format!("A call has 1 to {COMMANDS} commands, this one has {}.", commands.len()));
    }
    if let Some(command) = commands.iter().find(|c| c.len() > COMMAND_BYTES || c.contains('\0')) {
        return Err(format!(
            "A command has at most {COMMAND_BYTES} bytes and no NUL; one has {} bytes.",
            command.len()
        ));
    }
    let number = |name: &str| match value.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => {
            let number = value.as_u64().or_else(|| value.as_f64().filter(|n| *n >= 0.0).map(|n| n as u64));
            number.map(Some).ok_or_else(|| format!("`{name}` is no number from 0 on; {expected}."))
        }
    };
    let timeout_ms = number("timeout_ms")?;
    Ok(ShellAction { commands, timeout_ms, max_output_length: number("max_output_length")? })
}

fn operation(arguments: &str) -> Result<PatchOperation, String> {
    let expected = r#"expected {"operation": {"type": "update_file", "path": "…", "diff": "…"}}"#;
    let value: Value =
        serde_json::from_str(arguments).map_err(|e| format!("The arguments are not JSON: {e}; {expected}."))?;
    let operation = value.get("operation").unwrap_or(&value).clone();
    let operation: PatchOperation = serde_json::from_value(operation).map_err(|e| format!("{e}; {expected}."))?;
    let (PatchOperation::CreateFile { path, .. }
    | PatchOperation::UpdateFile { path, .. }
    | PatchOperation::DeleteFile { path }) = &operation;
    if path.is_empty() || path.contains('\0') || path.split('/').any(|part| part == "..") {
        return Err(format!("{path:?} cannot be the path of a file: it is empty, or has a part `..`."));
    }
    Ok(operation)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::request::Environment;

    fn read(kind: CallKind, arguments: &str) -> Result<Meant, String> {
        let tools = [Tool::Shell(Environment::Auto { skills: Vec::new() }), Tool::ApplyPatch];
        understand(&OwnCall { call_id: "c".into(), kind, arguments: arguments.into(), shown: None }, &tools)
    }

    #[test]
    fn arguments_are_read_generously() {
        let action = |commands: &[&str], timeout_ms| {
            let commands = commands.iter().map(|c| (*c).to_owned()).collect();
            Ok(Meant::Shell(ShellAction { commands, timeout_ms, max_output_length: None }))
        };
        assert_eq!(read(CallKind::Shell, r#"{"commands":["a","b"],"timeout_ms":5.0}"#), action(&["a", "b"], Some(5)));
        assert_eq!(read(CallKind::Shell, r#"{"command":"a","timeout_ms":null,"x":1}"#), action(&["a"], None));
        for arguments in [r#"{"cmd":"a"}"#, r#"{"cmd":["a"]}"#, r#""a""#, r#"{"commands":"a"}"#] {
            assert_eq!(read(CallKind::Shell, arguments), action(&["a"], None), "{arguments}");
        }
        let operation = PatchOperation::DeleteFile { path: "a".into() };
        let expected = Ok(Meant::Patch(operation));
        assert_eq!(read(CallKind::ApplyPatch, r#"{"type":"delete_file","path":"a"}"#), expected);
        assert_eq!(read(CallKind::ApplyPatch, r#"{"operation":{"type":"delete_file","path":"a"}}"#), expected);
    }

    #[test]
    fn what_is_wrong_is_said() {
        let many = format!(r#"{{"commands":[{}"x"]}}"#, r#""x","#.repeat(COMMANDS));
        for (kind, arguments, says) in [
            (CallKind::Shell, "ls", "not JSON"),
            (CallKind::Shell, "{}", "`commands` is missing"),
            (CallKind::Shell, r#"{"commands":[]}"#, "has 0"),
            (CallKind::Shell, &many, "has 17"),
            (CallKind::Shell, r#"{"commands":[1]}"#, "not text"),
            (CallKind::Shell, r#"{"commands":["a\u0000"]}"#, "no NUL"),
            (CallKind::Shell, r#"{"commands":["a"],"timeout_ms":-1}"#, "`timeout_ms`"),
            (CallKind::ApplyPatch, r#"{"operation":{"type":"delete_file","path":"../a"}}"#, "`..`"),
            (CallKind::ApplyPatch, r#"{"operation":{"type":"move"}}"#, "expected"),
            (CallKind::Function("f".into()), "{}", "There is no tool \"f\"; there are: shell, apply_patch."),
        ] {
            let why = read(kind, arguments).expect_err(arguments);
            assert!(why.contains(says), "{arguments}: {why}");
        }
    }
}
