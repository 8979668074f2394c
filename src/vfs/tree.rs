//! A whole file system as a value.

use super::types::*;
use crate::base::Sys;
use bytes::Bytes;

/// A whole file system as a value: `Clone` is a snapshot or a fork, in constant time.
#[derive(Clone, Default)]
pub struct Tree {}

#[allow(unused_variables, reason = "signatures published ahead of the bodies")]
impl Tree {
    /// An empty root directory (0755, user 0).
    pub fn new() -> Tree {
        Tree {}
    }
    /// What a newer version of this tree (or any other) has otherwise, sorted by path. Costs what has changed.
    pub fn diff(&self, newer: &Tree) -> Vec<Change> {
        todo!()
    }
    /// All that is in the tree now is the image's: quotas count from here.
    pub fn seal_base(&mut self) {
        todo!()
    }
    pub fn usage(&self) -> Usage {
        todo!()
    }
    /// Makes a directory, or sets the attributes of the one that is there. Missing parents are made 0755, user 0.
    pub fn put_dir(&mut self, path: &[u8], mode: u16, uid: u32, gid: u32, mtime: i64) -> Sys<()> {
        todo!()
    }
    /// Makes or replaces a file, whose content is shared, not copied.
    #[allow(clippy::too_many_arguments)]
    pub fn put_file(
        &mut self,
        path: &[u8],
        content: Bytes,
        mode: u16,
        uid: u32,
        gid: u32,
        mtime: i64,
        blob: Option<BlobId>,
    ) -> Sys<()> {
        todo!()
    }
    /// One more name `new` for the file at `existing`.
    pub fn put_link(&mut self, existing: &[u8], new: &[u8]) -> Sys<()> {
        todo!()
    }
    pub fn put_symlink(&mut self, path: &[u8], target: &[u8], mtime: i64) -> Sys<()> {
        todo!()
    }
    pub fn put_device(&mut self, path: &[u8], major: u32, minor: u32, mode: u16) -> Sys<()> {
        todo!()
    }
    /// The attributes at an absolute path; symlinks are followed.
    pub fn stat(&self, path: &[u8]) -> Sys<Attr> {
        todo!()
    }
    /// The whole content of a file.
    pub fn read_path(&self, path: &[u8]) -> Sys<Bytes> {
        todo!()
    }
    /// Names and attributes in a directory, sorted by name.
    pub fn list(&self, path: &[u8]) -> Sys<Vec<(Vec<u8>, Attr)>> {
        todo!()
    }
    /// Removes a file, or a directory with all in it.
    pub fn remove(&mut self, path: &[u8]) -> Sys<()> {
        todo!()
    }
}
