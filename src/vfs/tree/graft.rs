//! Trees as those see them who compare and join them: by literal path, node by node.

use super::inode::{Body, Link};
use super::{ROOT, Tree, TreeFs};
use crate::base::{BlobError, Errno, Limits, Sys};
use crate::vfs::ManualClock;
use crate::vfs::types::{Attr, Kind, NewNode, NodeId};
use std::sync::Arc;

impl TreeFs {
    /// A tree to be read or edited by somebody who minds quotas otherwise; what is made in it is stamped 0.
    pub(crate) fn unbounded(tree: &Tree) -> TreeFs {
        let limits = Limits { tree_bytes: u64::MAX, tree_files: u64::MAX, ..Limits::default() };
        TreeFs::new(tree.clone(), &limits, Arc::<ManualClock>::default())
    }

    /// Why something could not be read ([`Tree::fault`]).
    pub(crate) fn fault(&self) -> Option<BlobError> {
        self.tree.fault()
    }

    /// Makes what `node` is in another tree under a new name, sharing its content; of a directory, an empty one. Takes no notice of the quota.
    pub(crate) fn graft(&mut self, dir: NodeId, name: &[u8], from: &TreeFs, node: NodeId) -> Sys<NodeId> {
        let model = from.tree.inode(node.0)?;
        let meta = model.meta;
        let new = NewNode { kind: model.kind(), mode: meta.mode, uid: meta.uid, gid: meta.gid, target: b"" };
        let made = self.create_unless_full(dir, name, new, true)?;
        let inode = self.tree.inode_mut(made.0)?;
        inode.meta = meta;
        if new.kind != Kind::Dir {
            inode.body = model.body.clone();
            self.tree.used.bytes += model.bytes();
        }
        Ok(made)
    }

    /// Whether two nodes are the same but for their names and times; of directories, what is in them does not count.
    pub(crate) fn same(&self, node: NodeId, other: &TreeFs, theirs: NodeId) -> Sys<bool> {
        let (a, b) = (self.tree.inode(node.0)?, other.tree.inode(theirs.0)?);
        let is_same = match (&a.body, &b.body) {
            (Body::File(ours), Body::File(theirs)) => self.tree.read(ours.same(theirs))?,
            (Body::Symlink(ours), Body::Symlink(theirs)) => ours == theirs,
            _ => a.kind() == b.kind(),
        };
        Ok(is_same && (a.meta.mode, a.meta.uid, a.meta.gid) == (b.meta.mode, b.meta.uid, b.meta.gid))
    }

    /// What is at an absolute path of names alone, as a diff tells them: no symlink is followed, not even on the way.
    pub(crate) fn at(&self, path: &[u8]) -> Sys<Option<(NodeId, Attr)>> {
        let mut ino = ROOT;
        for name in path.split(|byte| *byte == b'/').filter(|name| !name.is_empty()) {
            let Body::Dir(dir) = &self.tree.inode(ino)?.body else {
                return Ok(None);
            };
            match self.tree.read(dir.find(name))? {
                Some((_, entry)) => ino = entry.ino,
                None => return Ok(None),
            }
        }
        Ok(Some((NodeId(ino), self.tree.inode(ino)?.attr(ino))))
    }

    /// All paths of a node.
    pub(crate) fn paths(&self, node: NodeId) -> Sys<Vec<Vec<u8>>> {
        self.tree.inode(node.0)?.links.iter().map(|link| self.path(link)).collect()
    }

    /// The path of a directory entry.
    fn path(&self, mut link: Link) -> Sys<Vec<u8>> {
        let mut names = Vec::new();
        loop {
            let (dir, cookie) = link;
            names.push(&*self.tree.read(self.tree.dir(dir)?.entry(cookie))?.ok_or(Errno::NoEnt)?.name);
            if dir == ROOT {
                break;
            }
            link = self.tree.inode(dir)?.links.iter().next().ok_or(Errno::NoEnt)?;
        }
        Ok(names.iter().rev().flat_map(|name| [b"/", *name].concat()).collect())
    }
}
