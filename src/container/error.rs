//! Why something could not be done with a container. What a guest does is never an error.

use super::reference::RefError;
use crate::base::{BlobError, Errno};
use crate::sandbox::{ExecError, Finished, SandboxError};
use crate::storage::StoreError;
use crate::vfs::{Conflict, ExportError, ImportError, MergeError};

/// Why something could not be done. Unless it says otherwise, nothing has changed.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say it")]
pub enum ContainerError {
    /// Nothing has that name or id.
    #[error("there is no {what} {name}")]
    NotFound { what: &'static str, name: String },
    /// It was not used for longer than its settings allow: its files and log are gone, its snapshots are not.
    #[error("container {id} has expired: its files are gone; its snapshots can still be forked")]
    Expired { id: String },
    /// Not a name that can be given.
    #[error("{name:?} cannot be a name: {why}")]
    Name { name: String, why: String },
    /// Another container or snapshot has it.
    #[error("the name {name} is taken; remove what has it, or choose another")]
    NameTaken { name: String },
    /// The text names no state.
    #[error(transparent)]
    Ref(#[from] RefError),
    /// Settings that cannot be.
    #[error("settings: {0}")]
    Settings(String),
    /// The state belongs to another container: a fork can start from it.
    #[error("{state} is not a state of container {container}; create a new one from it instead")]
    NotItsOwn { state: String, container: String },
    /// Neither was forked from the other.
    #[error("{from} and container {container} have no state in common that a merge could start from")]
    NothingInCommon { from: String, container: String },
    /// Both sides changed these paths differently: all of them, sorted.
    #[error("{count} paths were changed differently on both sides: {first}{more}", count = .0.len(), first = first(.0), more = more(.0.len()))]
    Conflicts(Vec<Conflict>),
    /// The profile lets nothing change these paths: all that were, sorted. The exec is undone.
    #[error("the container's profile is read-only at {count} changed paths: {first}{more}; nothing was kept", count = .0.len(),
        first = lossy(.0.first()), more = more(.0.len()))]
    ReadOnly(Vec<Vec<u8>>),
    /// Somebody decided before.
    #[error("proposal {id} was {state} already")]
    Decided { id: String, state: &'static str },
    /// A path in a container's files.
    #[error("{}: {errno}", String::from_utf8_lossy(path))]
    Path { path: Vec<u8>, errno: Errno },
    /// The exec ran, but what it did could not be kept: the container is as it was when last committed.
    #[error("the exec ran, but what it did could not be kept: {why}; the container is as it was before")]
    NotKept { finished: Box<Finished>, why: Box<ContainerError> },
    /// With batched durability: what was done and reported could not be stored.
    #[error(
        "log records {first} to {last} of container {id} were lost: {why}; the container is as record {kept} left it"
    )]
    Lost { id: String, first: u64, last: u64, kept: u64, why: String },
    /// Another change that this one was built on could not be kept.
    #[error("container {id} went back to its last stored state meanwhile, because another change could not be kept")]
    Undone { id: String },
    /// A state beyond the container's limits.
    #[error("the files would take {used} {unit} and may take {value} (limit `{limit}`)")]
    TooLarge { limit: &'static str, unit: &'static str, value: u64, used: u64 },
    /// The service is being shut down.
    #[error("the service is shutting down")]
    ShuttingDown,
    /// The task that did it is gone, with the runtime it ran on.
    #[error("the runtime stopped before it was done")]
    Abandoned,
    #[error(transparent)]
    Exec(#[from] ExecError),
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Blob(#[from] BlobError),
    #[error(transparent)]
    Import(#[from] ImportError),
    #[error(transparent)]
    Export(#[from] ExportError),
}

impl From<MergeError> for ContainerError {
    fn from(error: MergeError) -> ContainerError {
        match error {
            MergeError::Conflicts(conflicts) => ContainerError::Conflicts(conflicts),
            MergeError::Failed { path, errno } => ContainerError::Path { path, errno },
            MergeError::Damaged(error) => ContainerError::Blob(error),
        }
    }
}

fn first(conflicts: &[Conflict]) -> String {
    lossy(conflicts.first().map(|c| &c.path))
}

fn lossy(path: Option<&Vec<u8>>) -> String {
    path.map_or_else(String::new, |path| String::from_utf8_lossy(path).into_owned())
}

fn more(count: usize) -> &'static str {
    if count > 1 { " …" } else { "" }
}
