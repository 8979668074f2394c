//! Copy on write over a host directory: the host is only read, every change lives in a [`Tree`].
//!
//! A name is looked up in the upper tree first, then in the host directory below. What is changed is copied up first,
//! with the directories that lead to it. Two marks in the upper tree say what lies below: a *whiteout* (a device that nobody
//! else can make) hides a name, and a directory's *origin* is the path of the directory below whose entries show through it.
//! A directory without an origin hides what is below; one that was renamed keeps its origin, so that a rename copies nothing.
//! The upper tree thus holds the whole change: give it to another overlay over the same directory to fork.
//!
//! A node is a node of one of the two, told apart by the lowest bit of its number. A node below that is copied up
//! later goes on under its old number too, so an open file sees what is written to its copy.

mod copy_up;
mod edit;
mod list;

use super::types::{Attr, DirEntry, Kind, NewNode, NodeId, SetAttr, StatFs};
use super::{Clock, FileSystem, HostDir, SystemClock, Tree, TreeFs};
use crate::base::{Errno, Limits, Sys};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// Marks a name below as removed. Nothing but an overlay makes such a node.
const WHITEOUT: Kind = Kind::CharDevice { major: u32::MAX, minor: u32::MAX };

/// Added to the upper tree's inode numbers, so that they are not those of files below.
const INO_BASE: u64 = 1 << 40;

/// A host directory that is only read, under a [`Tree`] that takes every change.
pub struct Overlay {
    lower: HostDir,
    upper: TreeFs,
    /// Nodes below that have a copy above.
    copied: HashMap<NodeId, NodeId>,
    /// Directories above and the directory below that shows through; may have been forgotten by `lower`.
    below: HashMap<NodeId, NodeId>,
    /// Inode numbers of copies: those of what they are copies of.
    inos: HashMap<NodeId, u64>,
    /// How often nodes below are open.
    pins: HashMap<NodeId, u32>,
    /// Open nodes below whose name was removed before they were copied.
    removed: HashSet<NodeId>,
}

/// Where a node is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Upper(NodeId),
    Lower(NodeId),
}

/// What the upper tree says of a name.
enum Above {
    Found(NodeId, Attr),
    /// It is removed, whatever is below.
    Hidden,
    /// What is below shows.
    Nothing,
}

impl Place {
    fn of(id: NodeId) -> Place {
        if id.0 & 1 == 1 { Place::Upper(NodeId(id.0 >> 1)) } else { Place::Lower(NodeId(id.0 >> 1)) }
    }

    fn id(self) -> NodeId {
        match self {
            Place::Upper(node) => NodeId(node.0 << 1 | 1),
            Place::Lower(node) => NodeId(node.0 << 1),
        }
    }
}

impl std::fmt::Debug for Overlay {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Overlay").field("lower", &self.lower).field("upper", &self.upper).finish_non_exhaustive()
    }
}

impl Overlay {
    /// `upper` is the changes so far ([`Tree::new`] for none), bounded by `limits` on its own.
    pub fn new(lower: HostDir, upper: Tree, limits: &Limits) -> Sys<Overlay> {
        Overlay::with_clock(lower, upper, limits, Arc::new(SystemClock))
    }

    /// The same with another clock.
    pub fn with_clock(lower: HostDir, upper: Tree, limits: &Limits, clock: Arc<dyn Clock>) -> Sys<Overlay> {
        let (mut lower, mut upper) = (lower.read_only(), TreeFs::new(upper, limits, clock));
        let (top, bottom) = (upper.root(), lower.root());
        if upper.origin(top).is_none() {
            let attr = lower.attr(bottom)?;
            let (mode, uid, gid) = (Some(attr.mode), Some(attr.uid), Some(attr.gid));
            upper.set_attr(top, SetAttr { mode, uid, gid, ..SetAttr::default() })?;
            upper.set_times(top, &attr)?;
            upper.set_origin(top, Some(b""))?;
        }
        Ok(Overlay {
            lower,
            upper,
            copied: HashMap::from([(bottom, top)]),
            below: HashMap::from([(top, bottom)]),
            inos: HashMap::new(),
            pins: HashMap::new(),
            removed: HashSet::new(),
        })
    }

    /// Where the node is now.
    fn place(&self, id: NodeId) -> Place {
        match Place::of(id) {
            Place::Lower(node) => self.copied.get(&node).map_or(Place::Lower(node), |copy| Place::Upper(*copy)),
            upper @ Place::Upper(_) => upper,
        }
    }

    /// The directory below that shows through `dir` of the upper tree.
    fn below(&mut self, dir: NodeId) -> Option<NodeId> {
        if let Some(known) = self.below.get(&dir)
            && self.lower.knows(*known)
        {
            return Some(*known);
        }
        let origin = self.upper.origin(dir)?.to_vec();
        let mut at = self.lower.root();
        for name in origin.split(|byte| *byte == b'/').filter(|name| !name.is_empty()) {
            let (next, attr) = self.lower.lookup(at, name).ok()?;
            at = (attr.kind == Kind::Dir).then_some(next)?;
        }
        self.below.insert(dir, at);
        self.copied.insert(at, dir);
        Some(at)
    }

    /// What `name` in `dir` of the upper tree has in the directory below it.
    fn lookup_below(&mut self, dir: NodeId, name: &[u8]) -> Sys<(NodeId, Attr)> {
        let below = self.below(dir).ok_or(Errno::NoEnt)?;
        self.lower.lookup(below, name)
    }

    /// A node found below: its copy if it has one that still is there.
    fn risen(&mut self, node: NodeId, attr: Attr) -> (NodeId, Attr) {
        let Some(copy) = self.copied.get(&node).copied() else {
            return (Place::Lower(node).id(), attr);
        };
        if let Ok(attr) = self.upper_attr(copy) {
            return (Place::Upper(copy).id(), attr);
        }
        self.copied.remove(&node);
        (Place::Lower(node).id(), attr)
    }

    fn upper_attr(&mut self, node: NodeId) -> Sys<Attr> {
        let attr = self.upper.attr(node)?;
        Ok(self.shown(node, attr))
    }

    /// Attributes of the upper tree as they are to be seen.
    fn shown(&self, node: NodeId, attr: Attr) -> Attr {
        let ino = shown_ino(&self.inos, node);
        // How many subdirectories show through is not known without reading both: 1 says so.
        let is_merged = attr.kind == Kind::Dir && self.upper.origin(node).is_some();
        Attr { ino, nlink: if is_merged { 1 } else { attr.nlink }, ..attr }
    }

    /// What the upper tree alone says of a name.
    fn in_upper(&mut self, dir: NodeId, name: &[u8]) -> Sys<Above> {
        match self.upper.lookup(dir, name) {
            Ok((_, attr)) if attr.kind == WHITEOUT => Ok(Above::Hidden),
            Ok((node, attr)) => Ok(Above::Found(node, attr)),
            Err(Errno::NoEnt) => Ok(Above::Nothing),
            Err(errno) => Err(errno),
        }
    }
}

fn shown_ino(inos: &HashMap<NodeId, u64>, node: NodeId) -> u64 {
    inos.get(&node).copied().unwrap_or(INO_BASE + node.0)
}

impl FileSystem for Overlay {
    fn root(&self) -> NodeId {
        Place::Upper(self.upper.root()).id()
    }

    fn lookup(&mut self, dir: NodeId, name: &[u8]) -> Sys<(NodeId, Attr)> {
        let (node, attr) = match self.place(dir) {
            Place::Lower(dir) => self.lower.lookup(dir, name)?,
            Place::Upper(dir) => match self.in_upper(dir, name)? {
                Above::Found(node, attr) => {
                    return Ok((Place::Upper(node).id(), self.shown(node, attr)));
                }
                Above::Hidden => return Err(Errno::NoEnt),
                Above::Nothing => self.lookup_below(dir, name)?,
            },
        };
        Ok(self.risen(node, attr))
    }

    fn attr(&mut self, node: NodeId) -> Sys<Attr> {
        match self.place(node) {
            Place::Upper(node) => self.upper_attr(node),
            Place::Lower(node) => {
                let attr = self.lower.attr(node)?;
                let nlink = if self.removed.contains(&node) { 0 } else { attr.nlink };
                Ok(Attr { nlink, ..attr })
            }
        }
    }

    fn readlink(&mut self, node: NodeId) -> Sys<Vec<u8>> {
        match self.place(node) {
            Place::Upper(node) => self.upper.readlink(node),
            Place::Lower(node) => self.lower.readlink(node),
        }
    }

    fn read_at(&mut self, node: NodeId, offset: u64, into: &mut [u8]) -> Sys<usize> {
        match self.place(node) {
            Place::Upper(node) => self.upper.read_at(node, offset, into),
            Place::Lower(node) => self.lower.read_at(node, offset, into),
        }
    }

    fn read_dir(&mut self, dir: NodeId, cookie: u64, sink: &mut dyn FnMut(DirEntry) -> bool) -> Sys<()> {
        self.list(dir, cookie, sink)
    }

    fn parent(&mut self, dir: NodeId) -> Sys<NodeId> {
        match self.place(dir) {
            Place::Upper(dir) => Ok(Place::Upper(self.upper.parent(dir)?).id()),
            Place::Lower(dir) => {
                let parent = self.lower.parent(dir)?;
                if self.removed.contains(&parent) {
                    return Err(Errno::NoEnt);
                }
                Ok(self.place(Place::Lower(parent).id()).id())
            }
        }
    }

    fn name(&mut self, dir: NodeId) -> Sys<Vec<u8>> {
        match self.place(dir) {
            Place::Upper(dir) => self.upper.name(dir),
            Place::Lower(dir) if self.removed.contains(&dir) => Err(Errno::NoEnt),
            Place::Lower(dir) => self.lower.name(dir),
        }
    }

    fn may_open(&mut self, node: NodeId, read: bool, write: bool) -> Sys<()> {
        match self.place(node) {
            Place::Upper(_) => Ok(()),
            // To be written it is copied, which reads it.
            Place::Lower(node) => self.lower.may_open(node, read || write, false),
        }
    }

    fn pin(&mut self, node: NodeId) -> Sys<()> {
        match Place::of(node) {
            Place::Upper(node) => self.upper.pin(node),
            Place::Lower(node) => {
                if let Some(copy) = self.copied.get(&node) {
                    self.upper.pin(*copy)?;
                } else {
                    self.lower.pin(node)?;
                }
                *self.pins.entry(node).or_default() += 1;
                Ok(())
            }
        }
    }

    fn unpin(&mut self, node: NodeId) {
        match Place::of(node) {
            Place::Upper(node) => self.upper.unpin(node),
            Place::Lower(node) => {
                let Some(pins) = self.pins.get_mut(&node) else {
                    return;
                };
                *pins -= 1;
                if *pins == 0 {
                    self.pins.remove(&node);
                    self.removed.remove(&node);
                }
                match self.copied.get(&node) {
                    Some(copy) => self.upper.unpin(*copy),
                    None => self.lower.unpin(node),
                }
            }
        }
    }

    fn statfs(&mut self) -> StatFs {
        self.upper.statfs()
    }

    fn changes(&self) -> Option<Tree> {
        Some(self.upper.snapshot())
    }

    fn set_attr(&mut self, node: NodeId, set: SetAttr) -> Sys<()> {
        let node = self.raise_part(node, set.size.unwrap_or(u64::MAX))?;
        self.upper.set_attr(node, set)
    }

    fn write_at(&mut self, node: NodeId, offset: u64, from: &[u8]) -> Sys<usize> {
        let node = self.raise(node)?;
        self.upper.write_at(node, offset, from)
    }

    fn create(&mut self, dir: NodeId, name: &[u8], new: NewNode<'_>) -> Sys<NodeId> {
        let make = |upper: &mut TreeFs, dir| upper.create(dir, name, new);
        Ok(Place::Upper(self.make_in(dir, name, make)?).id())
    }

    fn link(&mut self, node: NodeId, dir: NodeId, name: &[u8]) -> Sys<()> {
        if self.attr(node)?.kind == Kind::Dir {
            return Err(Errno::Perm);
        }
        let node = self.raise(node)?;
        self.make_in(dir, name, |upper, dir| upper.link(node, dir, name))
    }

    fn unlink(&mut self, dir: NodeId, name: &[u8]) -> Sys<()> {
        self.remove(dir, name, false)
    }

    fn rmdir(&mut self, dir: NodeId, name: &[u8]) -> Sys<()> {
        self.remove(dir, name, true)
    }

    fn rename(&mut self, from: NodeId, from_name: &[u8], to: NodeId, to_name: &[u8]) -> Sys<()> {
        self.move_entry(from, from_name, to, to_name)
    }

    fn seek_data(&mut self, node: NodeId, offset: u64) -> Sys<u64> {
        match self.place(node) {
            Place::Upper(node) => self.upper.seek_data(node, offset),
            Place::Lower(node) => self.lower.seek_data(node, offset),
        }
    }

    fn seek_hole(&mut self, node: NodeId, offset: u64) -> Sys<u64> {
        match self.place(node) {
            Place::Upper(node) => self.upper.seek_hole(node, offset),
            Place::Lower(node) => self.lower.seek_hole(node, offset),
        }
    }
}
