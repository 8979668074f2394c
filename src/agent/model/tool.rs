//! Coquina's own tools, as models without a notion of them are told: functions, and their outputs as text.

use serde_json::{Value, json};

use crate::agent::item::{ApplyPatchCallOutput, CommandOutcome, ShellCallOutput, Status};

/// What the shell is called.
pub(super) const SHELL: &str = "shell";

/// What the editor is called.
pub(super) const APPLY_PATCH: &str = "apply_patch";

/// What the shell is for.
pub(super) const SHELL_DESCRIPTION: &str = "Runs bash command lines in a sandboxed Linux computer. The working directory is /mnt/data; \
    files to hand over belong there. Each command line gets a shell of its own, and several run at the same time. Answers with the exit \
    code, standard output and standard error of each.";

/// What the editor is for.
pub(super) const APPLY_PATCH_DESCRIPTION: &str = "Creates, changes or deletes one file. `diff` is a V4A diff: of a new file every line \
    begins with `+`; of a changed one each hunk begins with `@@`, context lines with a space, removed lines with `-`, added lines with `+`.";

/// The shell's arguments.
pub(super) fn shell_parameters() -> Value {
    json!({
        "type": "object", "additionalProperties": false, "required": ["commands"],
        "properties": {
            "commands": {"type": "array", "items": {"type": "string"}, "description": "Command lines to run."},
            "timeout_ms": {"type": "integer", "minimum": 1, "description": "Stop them after so many milliseconds."},
            "max_output_length": {"type": "integer", "minimum": 1,
                "description": "Characters of output to return for each command; the beginning and the end are kept."},
        },
    })
}

/// The editor's arguments.
pub(super) fn apply_patch_parameters() -> Value {
    json!({
        "type": "object", "additionalProperties": false, "required": ["operation"],
        "properties": {"operation": {
            "type": "object", "additionalProperties": false, "required": ["type", "path"],
            "properties": {
                "type": {"type": "string", "enum": ["create_file", "update_file", "delete_file"]},
                "path": {"type": "string", "description": "The file; relative paths begin at /mnt/data."},
                "diff": {"type": "string", "description": "What changes; not for delete_file."},
            },
        }},
    })
}

/// A custom tool's arguments: functions take JSON, custom tools text.
pub(super) fn custom_parameters() -> Value {
    json!({"type": "object", "additionalProperties": false, "required": ["input"],
        "properties": {"input": {"type": "string", "description": "The tool's whole input."}}})
}

/// What a custom tool is for, with the grammar its input is to follow.
pub(super) fn custom_description(description: Option<&str>, format: &Value) -> Option<String> {
    let grammar = format["definition"].as_str().map(|definition| {
        format!("`input` must follow this {} grammar:\n{definition}", format["syntax"].as_str().unwrap_or_default())
    });
    let parts: Vec<&str> = description.into_iter().chain(grammar.as_deref()).collect();
    (!parts.is_empty()).then(|| parts.join("\n\n"))
}

/// A custom tool's input as a function's arguments.
pub(super) fn custom_arguments(input: &str) -> String {
    json!({"input": input}).to_string()
}

/// A custom tool's input out of a function's arguments; all of them, if the model kept to no form.
pub(super) fn custom_input(arguments: &str) -> String {
    match serde_json::from_str::<Value>(arguments) {
        Ok(Value::Object(mut fields)) if fields.get("input").is_some_and(Value::is_string) => {
            fields["input"].take().as_str().unwrap_or_default().to_owned()
        }
        Ok(Value::String(input)) => input,
        _ => arguments.to_owned(),
    }
}

/// An id of nine letters and digits in the place of any other, always the same.
pub(super) fn short_id(id: &str) -> String {
    if id.len() == 9 && id.bytes().all(|b| b.is_ascii_alphanumeric()) {
        return id.to_owned();
    }
    blake3::hash(id.as_bytes()).to_hex()[..9].to_owned()
}

/// What the commands of a call printed and how they ended. Numbers stand before them if there are several.
pub(super) fn shell_output(output: &ShellCallOutput) -> String {
    let several = output.output.len() > 1;
    let mut text = String::new();
    for (number, command) in output.output.iter().enumerate() {
        if several {
            text.push_str(&format!("[{number}] "));
        }
        match command.outcome {
            CommandOutcome::Exit { exit_code } => text.push_str(&format!("exit_code={exit_code}\n")),
            CommandOutcome::Timeout => text.push_str("timed out; this is what there was by then\n"),
        }
        for (name, stream) in [("stdout", &command.stdout), ("stderr", &command.stderr)] {
            if !stream.is_empty() {
                let end = if stream.ends_with('\n') { "" } else { "\n" };
                text.push_str(&format!("{name}:\n{stream}{end}"));
            }
        }
    }
    text
}

/// Whether a change could be made.
pub(super) fn patch_output(output: &ApplyPatchCallOutput) -> String {
    let done = if output.status == Status::Failed { "failed" } else { "done" };
    match &output.output {
        Some(said) if !said.is_empty() => format!("{done}: {said}"),
        _ => done.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::item::CommandOutput;

    #[test]
    fn outputs_are_text() {
        let command = |stdout: &str, stderr: &str, outcome| CommandOutput {
            stdout: stdout.into(),
            stderr: stderr.into(),
            outcome,
        };
        let one = command("a\n", "", CommandOutcome::Exit { exit_code: 0 });
        let two = command("", "b", CommandOutcome::Timeout);
        let output =
            |output| ShellCallOutput { id: None, call_id: "c".into(), status: None, max_output_length: None, output };
        assert_eq!(shell_output(&output(vec![one.clone()])), "exit_code=0\nstdout:\na\n");
        assert_eq!(
            shell_output(&output(vec![one, two])),
            "[0] exit_code=0\nstdout:\na\n[1] timed out; this is what there was by then\nstderr:\nb\n"
        );
        let patch = ApplyPatchCallOutput {
            id: None,
            call_id: "c".into(),
            status: Status::Failed,
            output: Some("no such file".into()),
        };
        assert_eq!(patch_output(&patch), "failed: no such file");
        assert_eq!(patch_output(&ApplyPatchCallOutput { status: Status::Completed, output: None, ..patch }), "done");
    }
}
