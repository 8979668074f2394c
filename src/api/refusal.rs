//! What the rooms below refuse, in the reference's statuses and words.

use serde_json::{Value, json};

use super::error::ApiError;
use super::wire;
use crate::base::Errno;
use crate::container::ContainerError;
use crate::sandbox::Finished;
use crate::storage::StoreError;
use crate::vfs::{Conflict, ExportError, ImportError};

impl From<ContainerError> for ApiError {
    fn from(error: ContainerError) -> ApiError {
        let text = error.to_string();
        match error {
            ContainerError::NotFound { what, name } => ApiError::not_found(what, &name),
            ContainerError::Expired { .. } => ApiError::bad_request("Container is expired."),
            ContainerError::Name { .. } | ContainerError::NameTaken { .. } => ApiError::invalid_value("name", text),
            ContainerError::Ref(_)
            | ContainerError::Settings(_)
            | ContainerError::NotItsOwn { .. }
            | ContainerError::NothingInCommon { .. }
            | ContainerError::Decided { .. } => ApiError::bad_request(sentence(&text)),
            ContainerError::Import(ImportError::Read(_)) => {
                ApiError::bad_request("The archive ended early, or is none.")
            }
            ContainerError::Import(_) => ApiError::bad_request(sentence(&text)),
            ContainerError::Export(ExportError::Path { errno, .. }) | ContainerError::Path { errno, .. } => {
                at_path(errno, &text)
            }
            ContainerError::Conflicts(all) => {
                ApiError::merge_conflict(sentence(&text), all.iter().map(conflict).collect())
            }
            ContainerError::ReadOnly(_) => ApiError::forbidden("read_only", sentence(&text)),
            ContainerError::Exec(error) => super::exec::failed(&error),
            ContainerError::Store(error) => error.into(),
            ContainerError::ShuttingDown => ApiError::stopping(),
            // What it did can be undone by nobody but the client: it must decide itself whether to run it again.
            ContainerError::NotKept { why, finished } => not_kept(*why, &finished),
            other => fault(&other),
        }
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> ApiError {
        match &error {
            StoreError::Full | StoreError::Quota { .. } => ApiError::storage_full(),
            StoreError::Held { .. } | StoreError::LeaseLost { .. } => {
                ApiError::conflict("container_busy", "The container is in use elsewhere; try again.")
            }
            StoreError::Closed => ApiError::stopping(),
            _ => fault(&error),
        }
    }
}

fn not_kept(why: ContainerError, finished: &Finished) -> ApiError {
    tracing::warn!(%why, outcome = ?finished.outcome, "a command ran, but what it did could not be kept");
    ApiError::from(why).not_again()
}

/// A conflict, for programs.
fn conflict(conflict: &Conflict) -> Value {
    let (ours, theirs) = (wire::change(conflict.ours), wire::change(conflict.theirs));
    json!({ "path": String::from_utf8_lossy(&conflict.path), "ours": ours, "theirs": theirs })
}

/// A fault of ours: the log has it, the client does not.
fn fault(error: &dyn std::error::Error) -> ApiError {
    tracing::error!(%error, "a request failed on the host's side");
    ApiError::internal()
}

fn at_path(errno: Errno, text: &str) -> ApiError {
    match errno {
        Errno::NoEnt => ApiError::not_found("file", text),
        Errno::NoSpc | Errno::DQuot => ApiError::storage_full(),
        _ => ApiError::bad_request(sentence(text)),
    }
}

/// A message as a sentence.
fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().into_iter().flat_map(char::to_uppercase);
    format!("{}{}.", first.collect::<String>(), letters.as_str().trim_end_matches('.'))
}
