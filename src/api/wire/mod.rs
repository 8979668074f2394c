//! The JSON of requests and answers, a file for each resource. Types only, and how they come from the rooms below.

mod approval;
mod container;
mod content;
mod conversation;
mod exec;
mod file;
mod history;
mod list;
mod response;
mod run;
mod skill;
mod tty;

pub(super) use approval::{ApprovalObject, DecideApproval};
pub(super) use container::{
    ContainerFile, ContainerObject, CopyFile, CreateContainer, MemoryLimit, NetworkPolicyParam, SkillParam,
    SkillSource, display_name, rename,
};
pub(super) use content::Content;
pub(super) use conversation::{
    ConversationObject, CreateConversation, CreateItems, Metadata, UpdateConversation, check_metadata,
};
pub(super) use exec::{Answer, Event, LimitsParam, ServerSentEvent};
pub(super) use file::{FileObject, Purpose};
pub(super) use history::{
    Changes, ExecRequest, ForkRequest, LandedObject, LogEntry, ProposalObject, SnapshotObject, SnapshotRequest,
    StateRequest, change,
};
pub(super) use list::{Deleted, Identified, List, Page};
pub(super) use response::{
    CompactContext, CompactedObject, ContextManagement, CreateResponse, CustomTool, FunctionTool, ReasoningParam,
    ShellTool, TextParam, TokenCount, Truncation, Verbosity,
};
pub(super) use run::RunRequest;
pub(super) use skill::{SetDefault, SkillObject, VersionDeleted, VersionObject};
pub(super) use tty::{FromClient, ToClient};

use super::error::ApiError;

/// An environment variable of a request, if it can be one.
pub(super) fn variable(name: &str, value: &str) -> Result<(Vec<u8>, Vec<u8>), ApiError> {
    let shown = || format!("env.{}", name.chars().take(64).collect::<String>());
    if name.is_empty() || name.contains(['=', '\0']) {
        return Err(ApiError::invalid_value(
            shown(),
            "an environment variable's name is not empty and has no '=' or NUL",
        ));
    }
    if value.contains('\0') {
        return Err(ApiError::invalid_value(shown(), "it contains a NUL"));
    }
    Ok((name.into(), value.into()))
}

/// A path of a request that must be absolute.
pub(super) fn absolute(param: &str, path: &str) -> Result<Vec<u8>, ApiError> {
    if !path.starts_with('/') || path.contains('\0') {
        return Err(ApiError::invalid_value(param, "expected an absolute path without NUL"));
    }
    Ok(path.into())
}
