//! What can go wrong with a store, each with what it means for what was asked.

use crate::base::{BlobError, Hash};
use std::path::PathBuf;

/// Why a store did not do what was asked. Unless it says otherwise, the store is as it was before.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say it")]
pub enum StoreError {
    #[error("store {}: {what}", path.display())]
    Place { path: PathBuf, what: String },
    #[error("store {}: its format is {found}, this program knows up to {known}; use the program that wrote it, or a newer one", path.display())]
    Newer { path: PathBuf, found: i64, known: i64 },
    #[error(
        "the disk is full; nothing was changed: free some space (`coquina store gc` collects garbage) and try again"
    )]
    Full,
    #[error(
        "the store holds {used} bytes and may hold {limit}; nothing was changed: remove containers or snapshots, or raise its quota"
    )]
    Quota { limit: u64, used: u64 },
    #[error("container {container} was taken over by another process; nothing was changed")]
    LeaseLost { container: String },
    #[error("container {container} is in use by another process ({holder}) that did not give it up in time")]
    Held { container: String, holder: String },
    #[error("there is already a {what} called {name:?}")]
    Taken { what: &'static str, name: String },
    #[error("container {container} has a log record {seq} already; nothing was changed")]
    LogTaken { container: String, seq: u64 },
    #[error("what this commit takes to be stored may have been collected; save all of it again for epoch {0}")]
    Epoch(u64),
    #[error(transparent)]
    Blob(#[from] BlobError),
    #[error("the record for {what} is damaged: {why}; `coquina store check` says more")]
    Record { what: String, why: String },
    #[error("a commit refers to blob {0}, which it does not bring and the store does not have; nothing was changed")]
    Dangling(Hash),
    #[error("the store's records: {0}")]
    Records(String),
    #[error("the store's objects: {0}")]
    Objects(String),
    #[error("the store is closed")]
    Closed,
    #[error("a store in memory cannot be backed up")]
    InMemory,
}
