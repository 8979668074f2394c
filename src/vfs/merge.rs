//! Three-way merge of trees, path by path.
//!
//! [`merge`] starts from `ours` and applies what `theirs` changed since `base`. Where both changed a path to the same thing they
//! agree; where they differ it is a [`Conflict`], all are named, and nothing is applied. Times never conflict: a file that one
//! side only touched is as the other side has it, and a directory in which something was applied has the later of both times.
//!
//! Names that are linked to one file in `theirs` are so in the result if they were applied together, or if the names that were not are the same
//! file in `ours`.

use super::types::{Attr, Change, ChangeKind, Kind, NodeId, SetAttr};
use super::{FileSystem as _, Tree, TreeFs};
use crate::base::{BlobError, Errno, Sys};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// A path that both sides changed, differently.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Conflict {
    /// Absolute path.
    pub path: Vec<u8>,
    /// What our side did to it, or to a directory it is in.
    pub ours: ChangeKind,
    /// The same of their side.
    pub theirs: ChangeKind,
}

/// Why two trees could not be merged. Neither was changed.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum MergeError {
    /// Both sides changed these paths differently: all of them, sorted. Where that is about a directory being there at all, nothing
    /// below it is named.
    #[error("changed differently on both sides: {}", list(.0))]
    Conflicts(Vec<Conflict>),
    /// A change could not be applied at this path.
    #[error("merge: {}: {errno}", String::from_utf8_lossy(.path))]
    #[allow(missing_docs, reason = "named above")]
    Failed { path: Vec<u8>, errno: Errno },
    /// A stored part of one of the trees cannot be read.
    #[error("merge: {0}")]
    Damaged(#[from] BlobError),
}

/// The first few paths.
fn list(conflicts: &[Conflict]) -> String {
    let paths = conflicts.iter().take(5).map(|conflict| String::from_utf8_lossy(&conflict.path)).collect::<Vec<_>>();
    let more = conflicts.len() - paths.len();
    if more > 0 { format!("{} and {more} more", paths.join(", ")) } else { paths.join(", ") }
}

/// `ours` with what `theirs` changed since `base`. Contents are shared, not copied; the cost is that of the changes.
///
/// # Errors
/// Conflicts; a directory too deep for its path to be told (`NameTooLong`); a stored part of a tree that cannot be read.
pub fn merge(base: &Tree, ours: &Tree, theirs: &Tree) -> Result<Tree, MergeError> {
    let (here, (there, rest)) = (base.diff(ours)?, base.diff_and_rest(theirs)?);
    if let Some(path) = rest.into_iter().next() {
        return Err(MergeError::Failed { path, errno: Errno::NameTooLong });
    }
    let mut merge = Merge {
        base: TreeFs::unbounded(base),
        ours: TreeFs::unbounded(ours),
        theirs: TreeFs::unbounded(theirs),
        made: HashMap::new(),
    };
    let result = merge.run(&here, &there);
    // A part that cannot be read is why anything else went wrong.
    if let Some(fault) = [&merge.base, &merge.ours, &merge.theirs].into_iter().find_map(TreeFs::fault) {
        return Err(fault.into());
    }
    result?;
    Ok(merge.ours.into_tree())
}

/// The directory that holds the last name of a path, and that name.
fn entry<'a>(tree: &TreeFs, path: &'a [u8]) -> Sys<(NodeId, &'a [u8])> {
    let (dir, name) = split(path);
    Ok((tree.at(dir)?.ok_or(Errno::NoEnt)?.0, name))
}

/// The directory's path and the last name.
fn split(path: &[u8]) -> (&[u8], &[u8]) {
    let slash = path.iter().rposition(|byte| *byte == b'/').unwrap_or(0);
    (&path[..slash.max(1)], &path[(slash + 1).min(path.len())..])
}

/// The directories that lead to a path, the outermost first; not the root, which always is one.
fn leading(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    path.iter().enumerate().skip(1).filter(|(_, byte)| **byte == b'/').map(|(at, _)| &path[..at])
}

/// What one side changed, by path.
type Changes<'a> = HashMap<&'a [u8], &'a Change>;

/// The first directory on the way to `path` that a side made something else of, or removed.
fn barrier<'a>(changes: &Changes<'a>, path: &[u8]) -> Option<&'a Change> {
    let is_none = |change: &&Change| change.kind == ChangeKind::Removed || !change.is_dir;
    leading(path).find_map(|dir| changes.get(dir).copied().filter(is_none))
}

struct Merge {
    base: TreeFs,
    ours: TreeFs,
    theirs: TreeFs,
    /// Nodes of `theirs` with several names, and what was made of them in `ours`.
    made: HashMap<NodeId, NodeId>,
}

impl Merge {
    fn run(&mut self, here: &[Change], there: &[Change]) -> Result<(), MergeError> {
        let todo = self.judge(here, there)?;
        let failed = |path: &[u8]| {
            let path = path.to_vec();
            move |errno| MergeError::Failed { path, errno }
        };
        // What goes, goes before the directory it is in; what comes, comes after.
        for change in todo.iter().rev() {
            self.clear(&change.path).map_err(failed(&change.path))?;
        }
        for change in &todo {
            self.make(&change.path).map_err(failed(&change.path))?;
        }
        let dirs: BTreeSet<&[u8]> = todo.iter().map(|change| split(&change.path).0).collect();
        for dir in dirs {
            self.stamp(dir).map_err(failed(dir))?;
        }
        Ok(())
    }

    /// Which of their changes are to be applied; all conflicts if there is one.
    fn judge<'a>(&self, here: &'a [Change], there: &'a [Change]) -> Result<Vec<&'a Change>, MergeError> {
        let by_path = |changes: &'a [Change]| -> Changes<'a> { changes.iter().map(|c| (&*c.path, c)).collect() };
        let (mine, other) = (by_path(here), by_path(there));
        let (mut todo, mut conflicts) = (Vec::new(), BTreeMap::new());
        for change in there {
            let path = &*change.path;
            let failed = |errno| MergeError::Failed { path: path.to_vec(), errno };
            let is_touch = || self.is_touch(&self.theirs, change).map_err(failed);
            let wall = barrier(&mine, path).filter(|_| change.kind != ChangeKind::Removed);
            match (mine.get(path).copied(), wall) {
                (None, None) => todo.push(change),
                (own, Some(wall)) if !is_touch()? => {
                    conflicts.insert(path, (own.unwrap_or(wall).kind, change.kind));
                }
                (Some(own), None) if !is_touch()? && !self.agree(path).map_err(failed)? => {
                    if self.is_touch(&self.ours, own).map_err(failed)? {
                        todo.push(change);
                    } else {
                        conflicts.insert(path, (own.kind, change.kind));
                    }
                }
                _ => {}
            }
        }
        for own in here.iter().filter(|own| own.kind != ChangeKind::Removed && !other.contains_key(&*own.path)) {
            if let Some(wall) = barrier(&other, &own.path) {
                conflicts.insert(&own.path, (own.kind, wall.kind));
            }
        }
        if conflicts.is_empty() { Ok(todo) } else { Err(MergeError::Conflicts(self.outermost(&conflicts))) }
    }

    /// The conflicts, but for those below one that is about whether there is a directory.
    fn outermost(&self, all: &BTreeMap<&[u8], (ChangeKind, ChangeKind)>) -> Vec<Conflict> {
        let is_dir = |tree: &TreeFs, path: &[u8]| {
            tree.at(path).is_ok_and(|found| found.is_some_and(|(_, attr)| attr.kind == Kind::Dir))
        };
        let is_wall = |dir: &[u8]| all.contains_key(dir) && !(is_dir(&self.ours, dir) && is_dir(&self.theirs, dir));
        let is_outer = |path: &[u8]| !leading(path).any(is_wall);
        let conflict = |(path, (ours, theirs)): (&&[u8], &(ChangeKind, ChangeKind))| {
            is_outer(path).then(|| Conflict { path: path.to_vec(), ours: *ours, theirs: *theirs })
        };
        all.iter().filter_map(conflict).collect()
    }

    /// Whether a side changed no more than the time of a file.
    fn is_touch(&self, side: &TreeFs, change: &Change) -> Sys<bool> {
        if change.kind != ChangeKind::Attributes {
            return Ok(false);
        }
        let attributes = |(_, attr): (NodeId, Attr)| (attr.mode, attr.uid, attr.gid);
        Ok(self.base.at(&change.path)?.map(attributes) == side.at(&change.path)?.map(attributes))
    }

    /// Whether both sides have the same at a path.
    fn agree(&self, path: &[u8]) -> Sys<bool> {
        match (self.ours.at(path)?, self.theirs.at(path)?) {
            (Some((ours, _)), Some((theirs, _))) => self.ours.same(ours, &self.theirs, theirs),
            (ours, theirs) => Ok(ours.is_none() && theirs.is_none()),
        }
    }

    /// Removes what is at a path, unless it is a directory in both.
    fn clear(&mut self, path: &[u8]) -> Sys<()> {
        let Some((node, attr)) = self.ours.at(path)? else {
            return Ok(());
        };
        let is_dir = attr.kind == Kind::Dir;
        if is_dir && self.theirs.at(path)?.is_some_and(|(_, attr)| attr.kind == Kind::Dir) {
            return Ok(());
        }
        let (dir, name) = entry(&self.ours, path)?;
        let tree = &mut self.ours;
        tree.keep_times(dir, |tree| if is_dir { tree.rmdir(dir, name) } else { tree.unlink(dir, name) })?;
        if attr.nlink > 1 && !is_dir {
            tree.set_times(node, &attr)?;
        }
        Ok(())
    }

    /// Makes what they have at a path, where [`Merge::clear`] left nothing or a directory.
    fn make(&mut self, path: &[u8]) -> Sys<()> {
        let Some((node, attr)) = self.theirs.at(path)? else {
            return Ok(());
        };
        if let Some((dir, before)) = self.ours.at(path)? {
            let (mode, uid, gid) = (Some(attr.mode), Some(attr.uid), Some(attr.gid));
            let tree = &mut self.ours;
            tree.set_attr(dir, SetAttr { mode, uid, gid, ..SetAttr::default() })?;
            return tree.set_times(dir, &before);
        }
        let (dir, name) = entry(&self.ours, path)?;
        let has_names = attr.kind != Kind::Dir && attr.nlink > 1;
        let twin = if has_names { self.twin(node)? } else { None };
        let tree = &mut self.ours;
        match twin {
            Some(twin) => tree.keep_times(twin, |tree| tree.keep_times(dir, |tree| tree.link(twin, dir, name))),
            None => {
                let made = tree.keep_times(dir, |tree| tree.graft(dir, name, &self.theirs, node))?;
                if has_names {
                    self.made.insert(node, made);
                }
                Ok(())
            }
        }
    }

    /// What `node` of theirs, a file with several names, already is in ours under one of them.
    fn twin(&mut self, node: NodeId) -> Sys<Option<NodeId>> {
        if let Some(made) = self.made.get(&node) {
            return Ok(Some(*made));
        }
        for path in self.theirs.paths(node)? {
            if let Some((ours, _)) = self.ours.at(&path)?
                && self.ours.same(ours, &self.theirs, node)?
            {
                self.made.insert(node, ours);
                return Ok(Some(ours));
            }
        }
        Ok(None)
    }

    /// Gives a directory the later of both sides' times.
    fn stamp(&mut self, dir: &[u8]) -> Sys<()> {
        if let (Some((node, mut attr)), Some((_, theirs))) = (self.ours.at(dir)?, self.theirs.at(dir)?) {
            attr.atime = attr.atime.max(theirs.atime);
            attr.mtime = attr.mtime.max(theirs.mtime);
            attr.ctime = attr.ctime.max(theirs.ctime);
            self.ours.set_times(node, &attr)?;
        }
        Ok(())
    }
}
