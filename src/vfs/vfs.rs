//! What one sandbox sees: mounts, and the calls on paths and nodes with their permission checks.

use super::types::*;
use super::{Clock, FileSystem, Tree};
use crate::base::{Limits, Sys};
use bytes::Bytes;
use std::sync::Arc;

/// The file tree of one sandbox: its root [`Tree`] and what is mounted over it.
pub struct Vfs {}

#[allow(unused_variables, reason = "signatures published ahead of the bodies")]
impl Vfs {
    pub fn new(tree: Tree, limits: &Limits) -> Vfs {
        todo!()
    }
    /// The same with another clock.
    pub fn with_clock(tree: Tree, limits: &Limits, clock: Arc<dyn Clock>) -> Vfs {
        todo!()
    }
    /// Mounts over the directory at the absolute path `at` (as user 0).
    pub fn mount(&mut self, at: &[u8], fs: Box<dyn FileSystem>, rights: Rights) -> Sys<MountId> {
        todo!()
    }
    pub fn root(&self) -> Loc {
        todo!()
    }
    pub fn snapshot(&self) -> Tree {
        todo!()
    }
    pub fn usage(&self) -> Usage {
        todo!()
    }
    pub fn resolve(&mut self, cred: &Cred, base: Loc, path: &[u8], follow: Follow) -> Sys<Loc> {
        todo!()
    }
    /// `resolve` and `attr` in one.
    pub fn stat(
        &mut self,
        cred: &Cred,
        base: Loc,
        path: &[u8],
        follow: Follow,
    ) -> Sys<(Loc, Attr)> {
        todo!()
    }
    /// Opens (creates, truncates) with the permission checks of open(2); also directories, devices and FIFOs. The result is not pinned.
    pub fn open(
        &mut self,
        cred: &Cred,
        base: Loc,
        path: &[u8],
        flags: OpenFlags,
        mode: u16,
    ) -> Sys<Loc> {
        todo!()
    }
    pub fn mkdir(&mut self, cred: &Cred, base: Loc, path: &[u8], mode: u16) -> Sys<()> {
        todo!()
    }
    pub fn mkfifo(&mut self, cred: &Cred, base: Loc, path: &[u8], mode: u16) -> Sys<()> {
        todo!()
    }
    pub fn symlink(&mut self, cred: &Cred, target: &[u8], base: Loc, path: &[u8]) -> Sys<()> {
        todo!()
    }
    /// `follow`: whether a symlink as `path1` is followed (link(2) does not).
    pub fn link(
        &mut self,
        cred: &Cred,
        base1: Loc,
        path1: &[u8],
        follow: Follow,
        base2: Loc,
        path2: &[u8],
    ) -> Sys<()> {
        todo!()
    }
    pub fn unlink(&mut self, cred: &Cred, base: Loc, path: &[u8]) -> Sys<()> {
        todo!()
    }
    pub fn rmdir(&mut self, cred: &Cred, base: Loc, path: &[u8]) -> Sys<()> {
        todo!()
    }
    pub fn rename(
        &mut self,
        cred: &Cred,
        base1: Loc,
        path1: &[u8],
        base2: Loc,
        path2: &[u8],
    ) -> Sys<()> {
        todo!()
    }
    pub fn readlink(&mut self, cred: &Cred, base: Loc, path: &[u8]) -> Sys<Vec<u8>> {
        todo!()
    }
    pub fn attr(&mut self, loc: Loc) -> Sys<Attr> {
        todo!()
    }
    /// chmod, chown, utimensat, truncate by path: with all permission checks.
    pub fn set_attr(&mut self, cred: &Cred, loc: Loc, set: SetAttr) -> Sys<()> {
        todo!()
    }
    /// ftruncate: the descriptor's write right was checked at open, so only the mount's is.
    pub fn truncate(&mut self, loc: Loc, size: u64) -> Sys<()> {
        todo!()
    }
    /// access(2): `mask` 4 read, 2 write, 1 execute, 0 exists.
    pub fn access(&mut self, cred: &Cred, loc: Loc, mask: u8) -> Sys<()> {
        todo!()
    }
    /// The absolute path of a directory; `NoEnt` if it was removed.
    pub fn path_of(&mut self, dir: Loc) -> Sys<Vec<u8>> {
        todo!()
    }
    pub fn read_at(&mut self, loc: Loc, offset: u64, into: &mut [u8]) -> Sys<usize> {
        todo!()
    }
    pub fn write_at(&mut self, loc: Loc, offset: u64, from: &[u8]) -> Sys<usize> {
        todo!()
    }
    /// Writes at the end; the offset after what was written, and how much that was.
    pub fn append(&mut self, loc: Loc, from: &[u8]) -> Sys<(u64, usize)> {
        todo!()
    }
    /// See [`FileSystem::read_dir`]. Cookies are >= 1 and come newest entry first, so a program that creates names while it reads ends.
    pub fn read_dir(
        &mut self,
        dir: Loc,
        cookie: u64,
        sink: &mut dyn FnMut(DirEntry) -> bool,
    ) -> Sys<()> {
        todo!()
    }
    /// One more user (open file, working directory) of a node.
    pub fn pin(&mut self, loc: Loc) -> Sys<()> {
        todo!()
    }
    pub fn unpin(&mut self, loc: Loc) {
        todo!()
    }
    pub fn blob(&mut self, loc: Loc) -> Option<BlobId> {
        todo!()
    }
    /// The whole content of a file; not copied if it is an untouched image file.
    pub fn bytes(&mut self, loc: Loc) -> Sys<Bytes> {
        todo!()
    }
    pub fn statfs(&mut self, loc: Loc) -> Sys<StatFs> {
        todo!()
    }
    pub fn sync(&mut self, loc: Loc) -> Sys<()> {
        todo!()
    }
    pub fn seek_data(&mut self, loc: Loc, offset: u64) -> Sys<u64> {
        todo!()
    }
    pub fn seek_hole(&mut self, loc: Loc, offset: u64) -> Sys<u64> {
        todo!()
    }
    pub fn rights(&self, mount: MountId) -> Rights {
        todo!()
    }
}
