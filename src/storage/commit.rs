//! Commits: blobs and changes of records that become durable together.

use super::Change;
use crate::base::{Blob, Hash};

/// The proof that a lease is still held when the commit happens.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fence {
    /// The container's id.
    pub container: String,
    /// The lease's number.
    pub number: u64,
}

/// Blobs and changes that become durable together, or not at all.
#[derive(Clone, Debug, Default)]
pub struct Commit {
    /// Blobs with their ids, children before parents. Those the store has already are not stored again.
    pub blobs: Vec<(Hash, Blob)>,
    /// Changes, in order.
    pub changes: Vec<Change>,
    /// The lease it is made under.
    pub fence: Option<Fence>,
    /// The epoch in which what it takes to be stored was marked as stored. If another is current, the answer is
    /// [`super::StoreError::Epoch`]: save everything again and commit under that one.
    pub epoch: u64,
}
