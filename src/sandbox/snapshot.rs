//! Snapshots: a sandbox's state as a value.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::vfs::Tree;

/// An immutable state of a sandbox: its tree and its shell session. Taking one costs the same whatever is in it.
#[derive(Clone)]
pub struct Snapshot {
    pub(super) tree: Tree,
    /// What copy-on-write mounts hold, by the directory they are at.
    pub(super) changes: BTreeMap<String, Tree>,
    pub(super) session: Option<Bytes>,
}

impl Snapshot {
    /// A state put together from what [`Snapshot::tree`] and [`Snapshot::session`] once gave. Copy-on-write mounts start without changes.
    pub fn new(tree: Tree, session: Option<Bytes>) -> Snapshot {
        Snapshot { tree, changes: BTreeMap::new(), session }
    }

    /// The files.
    pub fn tree(&self) -> &Tree {
        &self.tree
    }

    /// The shell session, as bytes that only mean something to a sandbox; `None` if there was none yet.
    pub fn session(&self) -> Option<&Bytes> {
        self.session.as_ref()
    }
}
