//! A [`Tree`] as a mounted file system: pins, quota, clock.

use super::file::File;
use super::inode::{Body, Inode, Links};
use super::{ROOT, Tree, edit::Removed};
use crate::base::{Errno, Limits, Sys};
use crate::vfs::types::{Attr, DirEntry, NewNode, NodeId, ProgramId, SetAttr, SetTime, StatFs, Usage};
use crate::vfs::{Clock, FileSystem};
use bytes::Bytes;
use std::collections::HashMap;
use std::sync::Arc;

/// Largest size of a file, in bytes.
const SIZE_MAX: u64 = i64::MAX as u64;

/// A [`Tree`] as a mounted file system, with a quota.
pub struct TreeFs {
    pub(super) tree: Tree,
    clock: Arc<dyn Clock>,
    quota: Usage,
    /// How often each open node is open.
    pins: HashMap<u64, u32>,
    /// Open nodes without a name: not in the tree, so never in a snapshot.
    orphans: HashMap<u64, Orphan>,
    orphan_usage: Usage,
}

/// An open node without a name.
struct Orphan {
    inode: Arc<Inode>,
    /// The directory that last held it: where `..` of a removed working directory still leads.
    parent: u64,
}

impl std::fmt::Debug for TreeFs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TreeFs").field("tree", &self.tree).field("quota", &self.quota).finish_non_exhaustive()
    }
}

impl TreeFs {
    /// A tree whose growth beyond its base `limits.tree_bytes` and `limits.tree_files` bound.
    pub fn new(tree: Tree, limits: &Limits, clock: Arc<dyn Clock>) -> TreeFs {
        let quota = Usage { bytes: limits.tree_bytes, files: limits.tree_files };
        TreeFs { tree, clock, quota, pins: HashMap::new(), orphans: HashMap::new(), orphan_usage: Usage::default() }
    }

    /// Bounds growth anew. What already is beyond stays.
    pub fn set_limits(&mut self, limits: &Limits) {
        self.quota = Usage { bytes: limits.tree_bytes, files: limits.tree_files };
    }

    /// The tree as it now is, in constant time; open files without a name are not in it.
    pub fn snapshot(&self) -> Tree {
        self.tree.clone()
    }

    /// The tree itself.
    pub fn into_tree(self) -> Tree {
        self.tree
    }

    /// What is held beyond the tree's base, open files without a name included.
    pub fn usage(&self) -> Usage {
        let (tree, open, base) = (self.tree.used, self.orphan_usage, self.tree.base);
        Usage {
            bytes: (tree.bytes + open.bytes).saturating_sub(base.bytes),
            files: (tree.files + open.files).saturating_sub(base.files),
        }
    }

    /// Puts a later version of this tree in its place: one that was made by changing it. What is open stays open, also what has no name in it.
    pub(crate) fn advance(&mut self, later: Tree) {
        let before = std::mem::replace(&mut self.tree, later);
        let open: Vec<u64> = self.pins.keys().copied().filter(|ino| !self.orphans.contains_key(ino)).collect();
        for ino in open {
            if !matches!(self.tree.inode(ino), Err(Errno::NoEnt)) {
                continue;
            }
            let parent = before.parent(ino).unwrap_or(ROOT);
            if let Ok(Some(inode)) = before.inodes.get(ino) {
                let inode = Inode { links: Links::None, ..Inode::clone(inode) };
                self.keep(Some((ino, Arc::new(inode))), NodeId(parent));
            }
        }
    }

    /// The directory below that `dir` adds to (see `Overlay`).
    pub(crate) fn origin(&self, dir: NodeId) -> Option<&[u8]> {
        self.inode(dir).ok()?.dir().ok()?.origin.as_deref()
    }

    pub(crate) fn set_origin(&mut self, dir: NodeId, origin: Option<&[u8]>) -> Sys<()> {
        self.tree.dir_mut(dir.0)?.origin = origin.map(Arc::from);
        Ok(())
    }

    /// Sets all three times, as a copy keeps them.
    pub(crate) fn set_times(&mut self, node: NodeId, attr: &Attr) -> Sys<()> {
        let meta = &mut self.inode_mut(node)?.meta;
        (meta.atime, meta.mtime, meta.ctime) = (attr.atime, attr.mtime, attr.ctime);
        Ok(())
    }

    /// Does something to a directory's entries without a trace in its times.
    pub(crate) fn keep_times<R>(&mut self, dir: NodeId, f: impl FnOnce(&mut TreeFs) -> R) -> R {
        let before = self.attr(dir);
        let result = f(self);
        if let Ok(attr) = before {
            self.set_times(dir, &attr).ok();
        }
        result
    }

    /// Makes a node; with `is_free` even if the quota does not allow it.
    pub(crate) fn create_unless_full(
        &mut self,
        dir: NodeId,
        name: &[u8],
        new: NewNode<'_>,
        is_free: bool,
    ) -> Sys<NodeId> {
        if self.tree.find(dir.0, name)?.is_some() {
            return Err(Errno::Exist);
        }
        if !is_free {
            self.charge(new.target.len() as u64)?;
        }
        let now = self.clock.now();
        self.tree.create(dir.0, name, &new, now).map(NodeId)
    }

    /// Replaces a file's content by shared bytes.
    pub(crate) fn set_content(&mut self, node: NodeId, content: &Bytes, program: Option<ProgramId>) -> Sys<()> {
        let file = self.inode_mut(node)?.file_mut()?;
        let old = std::mem::replace(file, File::from_bytes(content, program)).allocated();
        let new = file.allocated();
        self.charged(node, old, new);
        Ok(())
    }

    fn orphan(&self, node: NodeId) -> Option<&Orphan> {
        if self.orphans.is_empty() { None } else { self.orphans.get(&node.0) }
    }

    fn inode(&self, node: NodeId) -> Sys<&Inode> {
        match self.orphan(node) {
            Some(orphan) => self.tree.read(Ok(&*orphan.inode)),
            None => self.tree.inode(node.0),
        }
    }

    fn inode_mut(&mut self, node: NodeId) -> Sys<&mut Inode> {
        if self.orphan(node).is_none() {
            return self.tree.inode_mut(node.0);
        }
        let orphan = self.orphans.get_mut(&node.0).ok_or(Errno::NoEnt)?;
        self.tree.read(Ok(Arc::make_mut(&mut orphan.inode)))
    }

    /// Bytes that may still be allocated.
    fn room(&self) -> u64 {
        self.quota.bytes.saturating_sub(self.usage().bytes)
    }

    /// Whether one more name with `bytes` may be made.
    fn charge(&self, bytes: u64) -> Sys<()> {
        let within = self.usage().files < self.quota.files && bytes <= self.room();
        if within { Ok(()) } else { Err(Errno::NoSpc) }
    }

    /// Notes that `node` went from `old` to `new` bytes.
    fn charged(&mut self, node: NodeId, old: u64, new: u64) {
        let used = if self.orphan(node).is_some() { &mut self.orphan_usage } else { &mut self.tree.used };
        used.bytes = (used.bytes + new).saturating_sub(old);
    }

    /// Keeps what lost its last name, in `parent`, while it is open.
    fn keep(&mut self, removed: Removed, parent: NodeId) {
        if let Some((ino, inode)) = removed
            && self.pins.contains_key(&ino)
        {
            self.orphan_usage.bytes += inode.bytes();
            self.orphan_usage.files += 1;
            self.orphans.insert(ino, Orphan { inode, parent: parent.0 });
        }
    }

    fn set_size(&mut self, node: NodeId, size: u64) -> Sys<()> {
        if size > SIZE_MAX {
            return Err(Errno::FBig);
        }
        let now = self.clock.now();
        let inode = self.inode_mut(node)?;
        let file = inode.file_mut()?;
        let old = file.allocated();
        let done = file.truncate(size);
        let new = file.allocated();
        (inode.meta.mtime, inode.meta.ctime) = (now, now);
        self.tree.read(done)?;
        self.charged(node, old, new);
        Ok(())
    }
}

impl FileSystem for TreeFs {
    fn root(&self) -> NodeId {
        NodeId(ROOT)
    }

    fn lookup(&mut self, dir: NodeId, name: &[u8]) -> Sys<(NodeId, Attr)> {
        let (_, entry) = self.tree.read(self.inode(dir)?.dir()?.find(name))?.ok_or(Errno::NoEnt)?;
        Ok((NodeId(entry.ino), self.tree.inode(entry.ino)?.attr(entry.ino)))
    }

    fn attr(&mut self, node: NodeId) -> Sys<Attr> {
        Ok(self.inode(node)?.attr(node.0))
    }

    fn readlink(&mut self, node: NodeId) -> Sys<Vec<u8>> {
        match &self.inode(node)?.body {
            Body::Symlink(target) => Ok(target.to_vec()),
            _ => Err(Errno::Inval),
        }
    }

    fn read_at(&mut self, node: NodeId, offset: u64, into: &mut [u8]) -> Sys<usize> {
        self.tree.read(self.inode(node)?.file()?.read_at(offset, into))
    }

    fn read_dir(&mut self, dir: NodeId, cookie: u64, sink: &mut dyn FnMut(DirEntry) -> bool) -> Sys<()> {
        let dir = self.inode(dir)?.dir()?;
        let mut at = cookie;
        // Cookie 1 is the oldest entry: nothing comes after it.
        while at != 1
            && let Some((cookie, entry)) = self.tree.read(dir.next_after(at))?
        {
            let node = NodeId(entry.ino);
            let name = entry.name.to_vec();
            if !sink(DirEntry { name, node, ino: entry.ino, kind: entry.kind, next: cookie }) {
                break;
            }
            at = cookie;
        }
        Ok(())
    }

    fn parent(&mut self, node: NodeId) -> Sys<NodeId> {
        match self.orphans.get(&node.0) {
            Some(orphan) => {
                let parent = NodeId(orphan.parent);
                self.inode(parent).map(|_| parent)
            }
            None => self.tree.parent(node.0).map(NodeId),
        }
    }

    fn name(&mut self, node: NodeId) -> Sys<Vec<u8>> {
        let link = self.tree.inode(node.0)?.links.iter().next();
        let (dir, cookie) = link.ok_or(Errno::NoEnt)?;
        let entry = self.tree.read(self.tree.dir(dir)?.entry(cookie))?;
        Ok(entry.ok_or(Errno::NoEnt)?.name.to_vec())
    }

    fn pin(&mut self, node: NodeId) -> Sys<()> {
        self.inode(node)?;
        *self.pins.entry(node.0).or_default() += 1;
        Ok(())
    }

    fn unpin(&mut self, node: NodeId) {
        let Some(pins) = self.pins.get_mut(&node.0) else {
            return;
        };
        *pins -= 1;
        if *pins > 0 {
            return;
        }
        self.pins.remove(&node.0);
        if let Some(orphan) = self.orphans.remove(&node.0) {
            self.orphan_usage.bytes -= orphan.inode.bytes();
            self.orphan_usage.files -= 1;
        }
    }

    fn program(&mut self, node: NodeId) -> Option<ProgramId> {
        self.inode(node).ok()?.file().ok()?.program()
    }

    fn bytes(&mut self, node: NodeId) -> Option<Bytes> {
        self.tree.read(self.inode(node).ok()?.file().ok()?.shared_bytes()).ok()?
    }

    fn statfs(&mut self) -> StatFs {
        let (usage, block_size) = (self.usage(), 4096);
        StatFs {
            block_size,
            blocks: self.quota.bytes / block_size,
            free: self.room() / block_size,
            files: self.quota.files,
            files_free: self.quota.files.saturating_sub(usage.files),
            name_max: 255,
            fs_type: 0x0102_1994, // TMPFS_MAGIC
        }
    }

    fn changes(&self) -> Option<Tree> {
        Some(self.snapshot())
    }

    fn set_attr(&mut self, node: NodeId, set: SetAttr) -> Sys<()> {
        if let Some(size) = set.size {
            self.set_size(node, size)?;
        }
        let now = self.clock.now();
        let time = |set: SetTime| match set {
            SetTime::Now => now,
            SetTime::At(time) => time,
        };
        let meta = &mut self.inode_mut(node)?.meta;
        meta.mode = set.mode.map_or(meta.mode, |mode| mode & 0o7777);
        meta.uid = set.uid.unwrap_or(meta.uid);
        meta.gid = set.gid.unwrap_or(meta.gid);
        meta.atime = set.atime.map_or(meta.atime, time);
        meta.mtime = set.mtime.map_or(meta.mtime, time);
        meta.ctime = now;
        Ok(())
    }

    fn write_at(&mut self, node: NodeId, offset: u64, from: &[u8]) -> Sys<usize> {
        if offset.checked_add(from.len() as u64).is_none_or(|end| end > SIZE_MAX) {
            return Err(Errno::FBig);
        }
        if from.is_empty() {
            return self.inode(node)?.file().map(|_| 0);
        }
        let (room, now) = (self.room(), self.clock.now());
        let inode = self.inode_mut(node)?;
        let file = inode.file_mut()?;
        let old = file.allocated();
        let done = file.write_at(offset, from, room);
        let new = file.allocated();
        if done.as_ref().is_ok_and(|done| *done > 0) {
            (inode.meta.mtime, inode.meta.ctime) = (now, now);
        }
        self.charged(node, old, new);
        match self.tree.read(done)? {
            0 => Err(Errno::NoSpc),
            done => Ok(done),
        }
    }

    fn create(&mut self, dir: NodeId, name: &[u8], new: NewNode<'_>) -> Sys<NodeId> {
        self.create_unless_full(dir, name, new, false)
    }

    fn link(&mut self, node: NodeId, dir: NodeId, name: &[u8]) -> Sys<()> {
        if self.tree.find(dir.0, name)?.is_some() {
            return Err(Errno::Exist);
        }
        self.charge(0)?;
        self.tree.link(node.0, dir.0, name, self.clock.now())
    }

    fn unlink(&mut self, dir: NodeId, name: &[u8]) -> Sys<()> {
        let removed = self.tree.unlink(dir.0, name, self.clock.now())?;
        self.keep(removed, dir);
        Ok(())
    }

    fn rmdir(&mut self, dir: NodeId, name: &[u8]) -> Sys<()> {
        let removed = self.tree.rmdir(dir.0, name, self.clock.now())?;
        self.keep(removed, dir);
        Ok(())
    }

    fn rename(&mut self, from: NodeId, from_name: &[u8], to: NodeId, to_name: &[u8]) -> Sys<()> {
        let removed = self.tree.rename(from.0, from_name, to.0, to_name, self.clock.now())?;
        self.keep(removed, to);
        Ok(())
    }

    fn seek_data(&mut self, node: NodeId, offset: u64) -> Sys<u64> {
        self.tree.read(self.inode(node)?.file()?.seek_data(offset))?.ok_or(Errno::NxIo)
    }

    fn seek_hole(&mut self, node: NodeId, offset: u64) -> Sys<u64> {
        self.tree.read(self.inode(node)?.file()?.seek_hole(offset))?.ok_or(Errno::NxIo)
    }
}
