//! What changed between two trees, at a cost proportional to the change.
//!
//! The inode maps are compared, which skips what is shared, in memory or by hash. Each inode that differs leads back, through its links, to
//! the entries on its paths in either tree; those entries, and the ones that differ in a directory themselves, are the only ones the two
//! trees are then walked along, by path. So the trees may also be two forks that gave one inode number to different files.

use super::dir::{Dir, Entry};
use super::inode::{Body, Inode};
use super::{ROOT, Tree};
use crate::base::BlobError;
use crate::vfs::map::Read;
use crate::vfs::types::{Change, ChangeKind, Kind};
use std::collections::{HashMap, HashSet};

/// Length from which on a path is not reported: the depth of a tree is not bounded, that of a path is.
const PATH_MAX: usize = 4096;

/// For each directory, the cookies of the entries in it that lead to a difference.
type Trail = HashMap<u64, HashSet<u64>>;

impl Tree {
    /// What `newer`, a later version of this tree or any other tree, has otherwise; sorted by path.
    ///
    /// An added or removed directory is listed with all in it; a rename is both. Times of directories do not count.
    ///
    /// # Errors
    /// A stored part that may differ cannot be read.
    pub fn diff(&self, newer: &Tree) -> Result<Vec<Change>, BlobError> {
        Ok(self.diff_and_rest(newer)?.0)
    }

    /// The same, and the directories in which there may be differences whose paths are too long to be told.
    pub(crate) fn diff_and_rest(&self, newer: &Tree) -> Result<(Vec<Change>, Vec<Vec<u8>>), BlobError> {
        if let Some(fault) = self.fault().or_else(|| newer.fault()) {
            return Err(fault);
        }
        self.changes(newer).map_err(|error| {
            self.fail((*error).clone());
            newer.fail((*error).clone());
            *error
        })
    }

    fn changes(&self, newer: &Tree) -> Read<(Vec<Change>, Vec<Vec<u8>>)> {
        let (mut old_trail, mut new_trail) = (Trail::new(), Trail::new());
        self.inodes.diff(&newer.inodes, &Inode::is_same, &mut |(ino, old, new)| {
            if let Some(inode) = old {
                self.lead_to(ino, inode, &mut old_trail)?;
            }
            if let Some(inode) = new {
                newer.lead_to(ino, inode, &mut new_trail)?;
            }
            Ok(())
        })?;
        let todo = vec![(Vec::new(), Task::Compare(ROOT, ROOT))];
        let mut walk =
            Walk { old: self, new: newer, old_trail, new_trail, todo, changes: Vec::new(), rest: Vec::new() };
        walk.run()?;
        walk.changes.sort();
        Ok((walk.changes, walk.rest))
    }

    /// Marks all entries on the paths to an inode.
    fn lead_to(&self, ino: u64, inode: &Inode, trail: &mut Trail) -> Read<()> {
        let mut todo: Vec<(u64, u64)> = inode.links.iter().collect();
        if ino == ROOT {
            trail.entry(ROOT).or_default();
        }
        while let Some((dir, cookie)) = todo.pop() {
            let Some(parent) = self.inodes.get(dir)? else { continue };
            let Ok(names) = parent.dir() else { continue };
            if names.entry(cookie)?.is_none() {
                continue;
            }
            let seen = trail.contains_key(&dir);
            trail.entry(dir).or_default().insert(cookie);
            if !seen {
                todo.extend(parent.links.iter());
            }
        }
        Ok(())
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
    /// Directories in which paths are too long.
    rest: Vec<Vec<u8>>,
}

impl Walk<'_> {
    fn run(&mut self) -> Read<()> {
        while let Some((path, task)) = self.todo.pop() {
            match task {
                Task::Compare(old, new) => self.compare(path, old, new)?,
                Task::Removed(ino) => self.one_sided(path, self.old, ino, ChangeKind::Removed, Task::Removed)?,
                Task::Added(ino) => self.one_sided(path, self.new, ino, ChangeKind::Added, Task::Added)?,
            }
        }
        Ok(())
    }

    fn compare(&mut self, path: Vec<u8>, old: u64, new: u64) -> Read<()> {
        let (Some(a), Some(b)) = (self.old.inodes.get(old)?, self.new.inodes.get(new)?) else { return Ok(()) };
        match (&a.body, &b.body) {
            (Body::Dir(dir), Body::Dir(newer)) => self.compare_dirs(&path, (old, dir), (new, newer))?,
            (Body::Dir(dir), _) => self.all(&path, dir, Task::Removed)?,
            (_, Body::Dir(newer)) => self.all(&path, newer, Task::Added)?,
            _ => {}
        }
        if let Some(kind) = difference(a, b)? {
            self.note(path, kind, b.kind());
        }
        Ok(())
    }

    fn compare_dirs(&mut self, path: &[u8], (old, a): (u64, &Dir), (new, b): (u64, &Dir)) -> Read<()> {
        // For each name that may lead to a difference, what has it.
        let mut names: HashMap<&[u8], (Option<u64>, Option<u64>)> = HashMap::new();
        if old == new {
            // What no trail tells of and is the same entry in both is the same inode in both.
            a.entries.diff(&b.entries, &Entry::eq, &mut |(_, was, is)| {
                was.inspect(|was| names.entry(&was.name).or_default().0 = Some(was.ino));
                is.inspect(|is| names.entry(&is.name).or_default().1 = Some(is.ino));
                Ok(())
            })?;
            let (was, is) = (self.old_trail.remove(&old), self.new_trail.remove(&new));
            for cookie in was.into_iter().chain(is).flatten() {
                if let (Some(was), Some(is)) = (a.entry(cookie)?, b.entry(cookie)?)
                    && was == is
                {
                    names.insert(&was.name, (Some(was.ino), Some(is.ino)));
                }
            }
        } else {
            for entry in a.iter() {
                let (_, entry) = entry?;
                names.entry(&entry.name).or_default().0 = Some(entry.ino);
            }
            for entry in b.iter() {
                let (_, entry) = entry?;
                names.entry(&entry.name).or_default().1 = Some(entry.ino);
            }
        }
        for (name, inos) in names {
            let task = match inos {
                (Some(old), Some(new)) => Task::Compare(old, new),
                (Some(old), None) => Task::Removed(old),
                (None, Some(new)) => Task::Added(new),
                (None, None) => continue,
            };
            self.push(path, name, task);
        }
        Ok(())
    }

    fn one_sided(&mut self, path: Vec<u8>, tree: &Tree, ino: u64, kind: ChangeKind, task: fn(u64) -> Task) -> Read<()> {
        let Some(inode) = tree.inodes.get(ino)? else { return Ok(()) };
        if let Body::Dir(dir) = &inode.body {
            self.all(&path, dir, task)?;
        }
        self.note(path, kind, inode.kind());
        Ok(())
    }

    /// Goes on with all in a directory.
    fn all(&mut self, path: &[u8], dir: &Dir, task: fn(u64) -> Task) -> Read<()> {
        for entry in dir.iter() {
            let (_, entry) = entry?;
            self.push(path, &entry.name, task(entry.ino));
        }
        Ok(())
    }

    /// Goes on with `name` under `path`, unless no path can lead there.
    fn push(&mut self, path: &[u8], name: &[u8], task: Task) {
        if path.len() + name.len() < PATH_MAX {
            self.todo.push(([path, b"/", name].concat(), task));
        } else if self.rest.last().is_none_or(|last| last != path) {
            self.rest.push(path.to_vec());
        }
    }

    fn note(&mut self, path: Vec<u8>, kind: ChangeKind, node: Kind) {
        let path = if path.is_empty() { b"/".to_vec() } else { path };
        self.changes.push(Change { path, kind, is_dir: node == Kind::Dir });
    }
}

/// How two nodes at one path differ, names aside.
fn difference(a: &Inode, b: &Inode) -> Read<Option<ChangeKind>> {
    if std::ptr::eq(a, b) {
        return Ok(None);
    }
    let (is_same, is_file) = match (&a.body, &b.body) {
        (Body::File(a), Body::File(b)) => (a.same(b)?, true),
        (Body::Symlink(a), Body::Symlink(b)) => (a == b, false),
        _ => (a.kind() == b.kind(), false),
    };
    let attributes = |inode: &Inode| (inode.meta.mode, inode.meta.uid, inode.meta.gid);
    Ok(if !is_same {
        Some(ChangeKind::Modified)
    } else if attributes(a) != attributes(b) || (is_file && a.meta.mtime != b.meta.mtime) {
        Some(ChangeKind::Attributes)
    } else {
        None
    })
}
