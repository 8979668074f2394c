//! Calls of tools, their outputs, and what a person says to them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Content, Status};

/// A call of a function that the client carries out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
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
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
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
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
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

/// Shell commands the model proposes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
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
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
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
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
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
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
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
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CommandOutput {
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
    /// How it ended.
    pub outcome: CommandOutcome,
}

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
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
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
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
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
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
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
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

/// A step that waits for a person.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
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
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
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
