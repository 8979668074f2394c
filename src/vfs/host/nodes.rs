//! The nodes of a host directory: which file each stands for, how it is reached, and what is held open of it.
//!
//! A node is a file's device and inode number, and the name it was last found under in the directory it was last found in.
//! Reaching it means opening that directory, name by name from the root, each one checked to be still the one that was
//! found: a directory that the host has meanwhile replaced by a symlink or by another directory is not entered.

use super::convert::{errno, key, kind};
use super::listing::Listing;
use crate::base::{Errno, Sys};
use crate::vfs::types::{Attr, Kind, NodeId};
use cap_std::fs::{Dir, Metadata};
use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::sync::Arc;

/// Directories held open that nobody pinned: enough for a walk, few enough for a thousand sandboxes.
const DIRS_OPEN_MAX: usize = 16;

/// Nodes remembered; when there are more, those not used for longest go, unless pinned or leading to one that stays.
const NODES_MAX: usize = if cfg!(test) { 500 } else { 100_000 };

/// What is held open of a node.
#[derive(Clone)]
pub(super) enum Handle {
    None,
    Dir(Arc<Dir>),
    File { file: Arc<File>, readable: bool, writable: bool },
}

pub(super) struct Node {
    key: (u64, u64),
    pub(super) parent: NodeId,
    pub(super) name: Vec<u8>,
    /// As they last were seen.
    pub(super) attr: Attr,
    pub(super) pins: u32,
    pub(super) handle: Handle,
    pub(super) listing: Option<Box<Listing>>,
    /// Whether its last known name was removed by us.
    pub(super) removed: bool,
    used: u64,
}

pub(super) struct Nodes {
    nodes: HashMap<NodeId, Node>,
    keys: HashMap<(u64, u64), NodeId>,
    last_id: u64,
    tick: u64,
    /// Unpinned directories held open, oldest first.
    open_dirs: Vec<NodeId>,
}

/// The root's node.
pub(super) const ROOT: NodeId = NodeId(1);

impl Nodes {
    pub(super) fn new(root: Dir, metadata: &Metadata, attr: Attr) -> Nodes {
        let node = Node {
            key: key(metadata),
            parent: ROOT,
            name: Vec::new(),
            attr,
            pins: 1, // the mount itself
            handle: Handle::Dir(Arc::new(root)),
            listing: None,
            removed: false,
            used: 0,
        };
        let keys = HashMap::from([(node.key, ROOT)]);
        Nodes { nodes: HashMap::from([(ROOT, node)]), keys, last_id: ROOT.0, tick: 0, open_dirs: Vec::new() }
    }

    pub(super) fn knows(&self, id: NodeId) -> bool {
        self.nodes.contains_key(&id)
    }

    pub(super) fn get(&mut self, id: NodeId) -> Sys<&mut Node> {
        self.tick += 1;
        let node = self.nodes.get_mut(&id).ok_or(Errno::NoEnt)?;
        node.used = self.tick;
        Ok(node)
    }

    /// The node of what was found as `name` in `parent`.
    pub(super) fn found(&mut self, parent: NodeId, name: &[u8], metadata: &Metadata, attr: Attr) -> NodeId {
        self.tick += 1;
        let key = key(metadata);
        if let Some(id) = self.keys.get(&key)
            && let Some(node) = self.nodes.get_mut(id)
            && node.attr.kind == attr.kind
        {
            if *id != ROOT {
                node.parent = parent;
                name.clone_into(&mut node.name);
            }
            (node.attr, node.used, node.removed) = (attr, self.tick, false);
            return *id;
        }
        if self.nodes.len() >= NODES_MAX {
            self.forget_old();
        }
        self.last_id += 1;
        let id = NodeId(self.last_id);
        let (name, used) = (name.to_vec(), self.tick);
        let node = Node { key, parent, name, attr, pins: 0, handle: Handle::None, listing: None, removed: false, used };
        self.nodes.insert(id, node);
        self.keys.insert(key, id);
        id
    }

    /// Whether `metadata` is of the very file that the node stands for. (The host gives numbers anew: the kind counts too.)
    pub(super) fn is_it(&mut self, id: NodeId, metadata: &Metadata) -> Sys<()> {
        let node = self.get(id)?;
        let is_it = node.key == key(metadata) && node.attr.kind == kind(metadata.file_type());
        if is_it { Ok(()) } else { Err(Errno::NoEnt) }
    }

    /// The directory, open.
    pub(super) fn dir(&mut self, id: NodeId) -> Sys<Arc<Dir>> {
        // Up to the nearest directory that is open, then down again.
        let (mut down, mut at) = (Vec::new(), id);
        let mut dir = loop {
            let node = self.get(at)?;
            match &node.handle {
                Handle::Dir(dir) => break dir.clone(),
                _ if node.attr.kind != Kind::Dir => return Err(Errno::NotDir),
                _ if node.removed => return Err(Errno::NoEnt),
                // The host moved directories into one another behind our back.
                _ if down.len() > NODES_MAX => return Err(Errno::NoEnt),
                _ => {
                    down.push(at);
                    at = node.parent;
                }
            }
        };
        while let Some(id) = down.pop() {
            let node = self.get(id)?;
            let next = dir.open_dir(super::as_path(&node.name)).map_err(errno)?;
            self.is_it(id, &next.dir_metadata().map_err(errno)?)?;
            dir = Arc::new(next);
            self.get(id)?.handle = Handle::Dir(dir.clone());
            self.note_open(id);
        }
        Ok(dir)
    }

    /// Remembers that an unpinned directory is held open; closes the oldest if there are too many.
    fn note_open(&mut self, id: NodeId) {
        self.open_dirs.push(id);
        if self.open_dirs.len() > DIRS_OPEN_MAX {
            let oldest = self.open_dirs.remove(0);
            self.close_unpinned(oldest);
        }
    }

    pub(super) fn close_unpinned(&mut self, id: NodeId) {
        if let Some(node) = self.nodes.get_mut(&id)
            && node.pins == 0
        {
            node.handle = Handle::None;
            node.listing = None;
        }
    }

    /// One pin less; with the last what is held open is closed.
    pub(super) fn unpin(&mut self, id: NodeId) {
        let Some(node) = self.nodes.get_mut(&id) else {
            return;
        };
        node.pins = node.pins.saturating_sub(1);
        if node.pins == 0 {
            let is_removed = node.removed;
            self.close_unpinned(id);
            if is_removed {
                self.forget(id);
            }
        }
    }

    /// Notes that we removed `name` from `parent`, which named the node; its number may soon be another file's.
    pub(super) fn removed(&mut self, id: NodeId, parent: NodeId, name: &[u8]) {
        let Some(node) = self.nodes.get_mut(&id) else {
            return;
        };
        let is_last = node.attr.nlink <= 1 || node.attr.kind == Kind::Dir;
        node.attr.nlink = if is_last { 0 } else { node.attr.nlink - 1 };
        node.removed |= is_last || (node.parent == parent && node.name == name);
        if is_last {
            self.keys.remove(&node.key);
            if node.pins == 0 {
                self.forget(id);
            }
        }
    }

    fn forget(&mut self, id: NodeId) {
        if let Some(node) = self.nodes.remove(&id)
            && self.keys.get(&node.key) == Some(&id)
        {
            self.keys.remove(&node.key);
        }
    }

    /// Forgets the half not used for longest.
    fn forget_old(&mut self) {
        let mut ticks: Vec<u64> = self.nodes.values().map(|node| node.used).collect();
        let middle = ticks.len() / 2;
        let (_, limit, _) = ticks.select_nth_unstable(middle);
        let mut keep = HashSet::new();
        for (id, node) in &self.nodes {
            if node.pins == 0 && node.used < *limit {
                continue;
            }
            let mut at = *id;
            while keep.insert(at)
                && let Some(node) = self.nodes.get(&at)
            {
                at = node.parent;
            }
        }
        self.nodes.retain(|id, _| keep.contains(id));
        self.keys.retain(|_, id| keep.contains(id));
        self.open_dirs.retain(|id| keep.contains(id));
    }
}
