//! What changed between two trees, at a cost proportional to the change.
//!
//! The inode maps are compared, which skips what is shared. Each inode that differs leads back, through its links, to the
//! entries on its paths in either tree; those entries are the only ones the two trees are then walked along, by
//! path. So the trees may also be two forks that gave one inode number to different files.

use super::dir::Dir;
use super::inode::{Body, Inode};
use super::{ROOT, Tree};
use crate::base::BlobError;
use crate::vfs::types::{Change, ChangeKind, Kind};
use std::collections::{HashMap, HashSet};

/// Length from which on a path is not reported: the depth of a tree is not bounded, that of a path is.
const PATH_MAX: usize = 4096;

/// For each directory, the names in it that lead to a difference.
type Trail = HashMap<u64, HashSet<Box<[u8]>>>;

impl Tree {
    /// What `newer`, a later version of this tree or any other tree, has otherwise; sorted by path.
    ///
    /// An added or removed directory is listed with all in it; a rename is both. Times of directories do not count.
    ///
    /// # Errors
    /// A stored part that may differ cannot be read.
    pub fn diff(&self, newer: &Tree) -> Result<Vec<Change>, BlobError> {
        let (mut old_trail, mut new_trail) = (Trail::new(), Trail::new());
        self.inodes.diff(&newer.inodes, &std::sync::Arc::ptr_eq, &mut |(ino, old, new)| {
            if let Some(inode) = old {
                self.lead_to(ino, inode, &mut old_trail);
            }
            if let Some(inode) = new {
                newer.lead_to(ino, inode, &mut new_trail);
            }
        });
        let todo = vec![(Vec::new(), Task::Compare(ROOT, ROOT))];
        let mut walk = Walk { old: self, new: newer, old_trail, new_trail, todo, changes: Vec::new() };
        walk.run();
        walk.changes.sort();
        Ok(walk.changes)
    }

    /// Marks all entries on the paths to an inode.
    fn lead_to(&self, ino: u64, inode: &Inode, trail: &mut Trail) {
        let mut todo: Vec<(u64, u64)> = inode.links.iter().collect();
        if ino == ROOT {
            trail.entry(ROOT).or_default();
        }
        while let Some((dir, cookie)) = todo.pop() {
            let Ok(parent) = self.inode(dir) else {
                continue;
            };
            let Some(entry) = parent.dir().ok().and_then(|dir| dir.entry(cookie)) else {
                continue;
            };
            let seen = trail.contains_key(&dir);
            trail.entry(dir).or_default().insert((*entry.name).into());
            if !seen {
                todo.extend(parent.links.iter());
            }
        }
    }
}

/// What is to be looked at under a path.
enum Task {
    /// Something is there in both trees.
    Compare(u64, u64),
    /// Something is there in the old tree only, with all below it.
    Removed(u64),
    /// Something is there in the new tree only, with all below it.
    Added(u64),
}

struct Walk<'a> {
    old: &'a Tree,
    new: &'a Tree,
    old_trail: Trail,
    new_trail: Trail,
    /// Paths without a trailing slash, so that the root's is empty.
    todo: Vec<(Vec<u8>, Task)>,
    changes: Vec<Change>,
}

impl Walk<'_> {
    fn run(&mut self) {
        while let Some((path, task)) = self.todo.pop() {
            match task {
                Task::Compare(old, new) => self.compare(path, old, new),
                Task::Removed(ino) => self.one_sided(path, self.old, ino, ChangeKind::Removed, Task::Removed),
                Task::Added(ino) => self.one_sided(path, self.new, ino, ChangeKind::Added, Task::Added),
            }
        }
    }

    fn compare(&mut self, path: Vec<u8>, old: u64, new: u64) {
        let (Ok(a), Ok(b)) = (self.old.inode(old), self.new.inode(new)) else {
            return;
        };
        match (&a.body, &b.body) {
            (Body::Dir(dir), Body::Dir(newer)) => self.compare_dirs(&path, (old, dir), (new, newer)),
            (Body::Dir(dir), _) => self.all(&path, dir, Task::Removed),
            (_, Body::Dir(newer)) => self.all(&path, newer, Task::Added),
            _ => {}
        }
        if let Some(kind) = difference(a, b) {
            self.note(path, kind, b.kind());
        }
    }

    fn compare_dirs(&mut self, path: &[u8], (old, a): (u64, &Dir), (new, b): (u64, &Dir)) {
        let mut names: HashSet<Box<[u8]>> = HashSet::new();
        if old == new {
            // What no trail names is the same inode under the same entry in both.
            names.extend(self.old_trail.remove(&old).unwrap_or_default());
            names.extend(self.new_trail.remove(&new).unwrap_or_default());
        } else {
            names.extend(a.iter().chain(b.iter()).map(|(_, entry)| Box::from(&*entry.name)));
        }
        for name in names {
            let task = match (a.find(&name), b.find(&name)) {
                (Some((_, old)), Some((_, new))) => Task::Compare(old.ino, new.ino),
                (Some((_, old)), None) => Task::Removed(old.ino),
                (None, Some((_, new))) => Task::Added(new.ino),
                (None, None) => continue,
            };
            self.push(path, &name, task);
        }
    }

    fn one_sided(&mut self, path: Vec<u8>, tree: &Tree, ino: u64, kind: ChangeKind, task: fn(u64) -> Task) {
        let Ok(inode) = tree.inode(ino) else { return };
        if let Body::Dir(dir) = &inode.body {
            self.all(&path, dir, task);
        }
        self.note(path, kind, inode.kind());
    }

    /// Goes on with all in a directory.
    fn all(&mut self, path: &[u8], dir: &Dir, task: fn(u64) -> Task) {
        for (_, entry) in dir.iter() {
            self.push(path, &entry.name, task(entry.ino));
        }
    }

    /// Goes on with `name` under `path`, unless no path can lead there.
    fn push(&mut self, path: &[u8], name: &[u8], task: Task) {
        if path.len() + name.len() < PATH_MAX {
            self.todo.push(([path, b"/", name].concat(), task));
        }
    }

    fn note(&mut self, path: Vec<u8>, kind: ChangeKind, node: Kind) {
        let path = if path.is_empty() { b"/".to_vec() } else { path };
        self.changes.push(Change { path, kind, is_dir: node == Kind::Dir });
    }
}

/// How two nodes at one path differ, names aside.
fn difference(a: &Inode, b: &Inode) -> Option<ChangeKind> {
    if std::ptr::eq(a, b) {
        return None;
    }
    let (is_same, is_file) = match (&a.body, &b.body) {
        (Body::File(a), Body::File(b)) => (a.same(b), true),
        (Body::Symlink(a), Body::Symlink(b)) => (a == b, false),
        _ => (a.kind() == b.kind(), false),
    };
    let attributes = |inode: &Inode| (inode.meta.mode, inode.meta.uid, inode.meta.gid);
    if !is_same {
        Some(ChangeKind::Modified)
    } else if attributes(a) != attributes(b) || (is_file && a.meta.mtime != b.meta.mtime) {
        Some(ChangeKind::Attributes)
    } else {
        None
    }
}
