//! Copying up: making in the upper tree what so far is only below.

use super::{Overlay, Place};
use crate::base::{Errno, Sys};
use crate::vfs::FileSystem as _;
use crate::vfs::types::{Attr, Kind, NewNode, NodeId, SetAttr};

/// Bytes copied at a time.
const PIECE: usize = 64 * 1024;

/// Directories that may lead to a node: only a host that moves them into one another has more.
const DEPTH_MAX: usize = 10_000;

impl Overlay {
    /// The node in the upper tree, copied there if need be.
    pub(super) fn raise(&mut self, node: NodeId) -> Sys<NodeId> {
        self.raise_part(node, u64::MAX)
    }

    /// The same for a node of whose content only the first `keep` bytes will be wanted.
    pub(super) fn raise_part(&mut self, node: NodeId, keep: u64) -> Sys<NodeId> {
        let node = match self.place(node) {
            Place::Upper(node) => return Ok(node),
            Place::Lower(node) => node,
        };
        if self.removed.contains(&node) {
            return self.raise_removed(node, keep);
        }
        // Up to what is copied already, then down again.
        let (mut down, mut at) = (Vec::new(), node);
        let mut copy = loop {
            if let Some(copy) = self.copied.get(&at) {
                break *copy;
            }
            if self.removed.contains(&at) || down.len() > DEPTH_MAX {
                return Err(Errno::NoEnt);
            }
            down.push(at);
            at = self.lower.parent(at)?;
        };
        while let Some(node) = down.pop() {
            let name = self.lower.name(node)?;
            copy = self.copy(node, copy, &name, keep)?;
        }
        Ok(copy)
    }

    /// Copies an open file that no longer has a name.
    fn raise_removed(&mut self, node: NodeId, keep: u64) -> Sys<NodeId> {
        if self.lower.kind(node)? == Kind::Dir {
            return Err(Errno::NoEnt); // nothing can be made in it
        }
        let root = self.upper.root();
        // Nothing looks this name up before it is gone again.
        let name = format!(".removed-{}", node.0).into_bytes();
        let copy = self.copy(node, root, &name, keep)?;
        self.upper.keep_times(root, |upper| upper.unlink(root, &name))?;
        Ok(copy)
    }

    /// Copies one node, whose directory is copied, as `name` into `dir`.
    fn copy(&mut self, node: NodeId, dir: NodeId, name: &[u8], keep: u64) -> Sys<NodeId> {
        let attr = self.lower.attr(node)?;
        let target = if attr.kind == Kind::Symlink { self.lower.readlink(node)? } else { Vec::new() };
        let new = NewNode { kind: attr.kind, mode: attr.mode, uid: attr.uid, gid: attr.gid, target: &target };
        // Room for a directory is not asked for: a full tree must still allow to remove.
        let is_free = attr.kind == Kind::Dir;
        let copy = self.upper.keep_times(dir, |upper| {
            match upper.create_unless_full(dir, name, new, is_free) {
                // Hidden or replaced above: the node has no place any more.
                Err(Errno::Exist) => Err(Errno::NoEnt),
                other => other,
            }
        })?;
        if let Err(errno) = self.fill(node, copy, dir, name, &attr, keep) {
            self.upper.keep_times(dir, |upper| upper.unlink(dir, name))?;
            return Err(errno);
        }
        self.copied.insert(node, copy);
        self.inos.insert(copy, attr.ino);
        for _ in 0..self.pins.get(&node).copied().unwrap_or(0) {
            self.upper.pin(copy)?;
            self.lower.unpin(node);
        }
        Ok(copy)
    }

    /// Gives a copy what the node below has besides its mode and owner.
    fn fill(&mut self, node: NodeId, copy: NodeId, dir: NodeId, name: &[u8], attr: &Attr, keep: u64) -> Sys<()> {
        match attr.kind {
            Kind::File => self.copy_content(node, copy, attr.size.min(keep))?,
            Kind::Dir => {
                let parent = self.upper.origin(dir).ok_or(Errno::NoEnt)?;
                let origin = if parent.is_empty() { name.to_vec() } else { [parent, b"/", name].concat() };
                self.upper.set_origin(copy, Some(&origin))?;
                self.below.insert(copy, node);
            }
            _ => {}
        }
        self.upper.set_times(copy, attr)
    }

    /// Copies the first `size` bytes; what is all zero becomes a hole.
    fn copy_content(&mut self, node: NodeId, copy: NodeId, size: u64) -> Sys<()> {
        let mut piece = vec![0; PIECE];
        let mut at = 0;
        while at < size {
            let wanted = usize::try_from(size - at).map_or(PIECE, |left| left.min(PIECE));
            let count = self.lower.read_at(node, at, &mut piece[..wanted])?;
            if count == 0 {
                break;
            }
            let data = &piece[..count];
            if data.iter().any(|byte| *byte != 0) && self.upper.write_at(copy, at, data)? < count {
                return Err(Errno::NoSpc);
            }
            at += count as u64;
        }
        self.upper.set_attr(copy, SetAttr { size: Some(at), ..SetAttr::default() })
    }
}
