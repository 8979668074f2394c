//! What changed between two trees, told for people and as JSON: paths with what was and what is there.

use super::{Attr, Change, ChangeKind, FileSystem as _, Kind, Tree, TreeFs};
use crate::base::{BlobError, Sys};

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
    ///
    /// # Errors
    /// A stored part that may differ cannot be read.
    pub fn describe(&self, newer: &Tree) -> Result<Vec<FileChange>, BlobError> {
        let changes = self.diff(newer)?;
        let (mut old, mut new) = (TreeFs::unbounded(self), TreeFs::unbounded(newer));
        let mut described = Vec::with_capacity(changes.len());
        for Change { path, kind, .. } in changes {
            let (before, after) = (state(&mut old, &path), state(&mut new, &path));
            if let Some(fault) = old.fault().or_else(|| new.fault()) {
                return Err(fault);
            }
            described.push(FileChange { path, kind, before: before.ok().flatten(), after: after.ok().flatten() });
        }
        Ok(described)
    }
}

fn state(tree: &mut TreeFs, path: &[u8]) -> Sys<Option<FileState>> {
    let Some((node, attr)) = tree.at(path)? else {
        return Ok(None);
    };
    let target = if attr.kind == Kind::Symlink { Some(tree.readlink(node)?) } else { None };
    let Attr { kind, mode, uid, gid, size, mtime, .. } = attr;
    Ok(Some(FileState { kind, mode, uid, gid, size, mtime, target }))
}
