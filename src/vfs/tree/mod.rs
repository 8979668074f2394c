//! A whole file system as a value.
//!
//! The tree is one persistent map from inode number to inode; directories map names to numbers, and every inode knows the
//! entries that name it. So a clone is a snapshot or a fork in constant time, what two trees share is found by pointer,
//! and a changed inode leads back to its paths without a search.
//!
//! A [`Tree`] alone is only read and built ([`Tree::put_file`] …); [`super::TreeFs`] changes one as a file system.
//!
//! A tree can be [saved](Tree::save) as blobs and [loaded](Tree::load) from them, a part at a time (`format`: how they are spelled). So
//! whatever walks a tree may have to read, and that may fail; then the tree has a [`Tree::fault`] and answers nothing any more.

mod build;
mod code;
mod diff;
mod dir;
mod edit;
mod file;
mod format;
mod fs;
mod graft;
mod inode;
mod load;
mod save;

pub use fs::TreeFs;
pub use load::TreeLoader;
pub use save::Save;

use super::map::{Map, Read, Slot};
use super::types::Usage;
use crate::base::{BlobError, Errno, Sys};
use dir::{Dir, Entry};
use file::File;
use inode::{Body, Inode, Links, Meta};
use save::SavedRoot;
use std::sync::{Arc, OnceLock};

/// The root directory's inode number.
const ROOT: u64 = 1;

/// A whole file system as a value: `Clone` is a snapshot or a fork, in constant time.
#[derive(Clone)]
pub struct Tree {
    inodes: Map<Arc<Inode>>,
    last_ino: u64,
    used: Usage,
    base: Usage,
    /// Why something stored could not be read: nothing is answered since.
    fault: OnceLock<Arc<BlobError>>,
    /// The root blob that a store has.
    saved: SavedRoot,
}

impl Default for Tree {
    fn default() -> Self {
        Tree::new()
    }
}

impl std::fmt::Debug for Tree {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tree").field("used", &self.used).field("base", &self.base).finish_non_exhaustive()
    }
}

impl Tree {
    /// An empty root directory: 0755, user 0, all times 0.
    pub fn new() -> Tree {
        let meta = Meta { mode: 0o755, uid: 0, gid: 0, atime: 0, mtime: 0, ctime: 0 };
        let root = Inode { meta, links: Links::None, body: Body::Dir(Box::default()) };
        let inodes = Map::of(Some(Slot::Leaf(ROOT, Arc::new(root))));
        Tree::of(inodes, ROOT, Usage::default(), Usage::default())
    }

    fn of(inodes: Map<Arc<Inode>>, last_ino: u64, used: Usage, base: Usage) -> Tree {
        Tree { inodes, last_ino, used, base, fault: OnceLock::new(), saved: SavedRoot::default() }
    }

    /// Declares all that is in the tree now to be the image's: quotas and [`Tree::usage`] count from here, in this tree and its clones.
    pub fn seal_base(&mut self) {
        self.base = self.used;
    }

    /// What the tree holds beyond its base.
    pub fn usage(&self) -> Usage {
        Usage {
            bytes: self.used.bytes.saturating_sub(self.base.bytes),
            files: self.used.files.saturating_sub(self.base.files),
        }
    }

    /// What the tree holds in all.
    pub fn total_usage(&self) -> Usage {
        self.used
    }

    /// Whether nothing was changed between the two: what one of them is changed to, the other can be taken for.
    pub(crate) fn is_unchanged(&self, other: &Tree) -> bool {
        self.last_ino == other.last_ino && self.inodes.is_same(&other.inodes, &Arc::ptr_eq)
    }

    /// Why a stored part of this tree could not be read, if so: everything in it answers `EIO` since, and [`Tree::save`] refuses.
    pub fn fault(&self) -> Option<BlobError> {
        self.fault.get().map(|fault| BlobError::clone(fault))
    }

    /// `EIO` if something could not be read, now or earlier: what cannot be read must never look like what is not there.
    fn read<T>(&self, result: Read<T>) -> Sys<T> {
        match result {
            Ok(value) if self.fault.get().is_none() => Ok(value),
            Ok(_) => Err(Errno::Io),
            Err(error) => {
                self.fail(*error);
                Err(Errno::Io)
            }
        }
    }

    /// Remembers the first fault.
    fn fail(&self, error: BlobError) {
        self.fault.get_or_init(|| Arc::new(error));
    }

    fn inode(&self, ino: u64) -> Sys<&Inode> {
        self.read(self.inodes.get(ino))?.map(|inode| &**inode).ok_or(Errno::NoEnt)
    }

    fn inode_mut(&mut self, ino: u64) -> Sys<&mut Inode> {
        let fault = &self.fault;
        match self.inodes.get_mut(ino) {
            _ if fault.get().is_some() => Err(Errno::Io),
            Ok(inode) => inode.map(Arc::make_mut).ok_or(Errno::NoEnt),
            Err(error) => {
                fault.get_or_init(|| Arc::new(*error));
                Err(Errno::Io)
            }
        }
    }

    fn dir(&self, ino: u64) -> Sys<&Dir> {
        self.inode(ino)?.dir()
    }

    fn dir_mut(&mut self, ino: u64) -> Sys<&mut Dir> {
        match &mut self.inode_mut(ino)?.body {
            Body::Dir(dir) => Ok(dir),
            _ => Err(Errno::NotDir),
        }
    }

    /// The entry called `name` in a directory, and its cookie.
    fn find(&self, dir: u64, name: &[u8]) -> Sys<Option<(u64, &Entry)>> {
        self.read(self.dir(dir)?.find(name))
    }
}

impl Inode {
    fn dir(&self) -> Sys<&Dir> {
        match &self.body {
            Body::Dir(dir) => Ok(dir),
            _ => Err(Errno::NotDir),
        }
    }

    fn file(&self) -> Sys<&File> {
        match &self.body {
            Body::File(file) => Ok(file),
            Body::Dir(_) => Err(Errno::IsDir),
            _ => Err(Errno::Inval),
        }
    }

    fn file_mut(&mut self) -> Sys<&mut File> {
        match &mut self.body {
            Body::File(file) => Ok(file),
            Body::Dir(_) => Err(Errno::IsDir),
            _ => Err(Errno::Inval),
        }
    }
}

#[cfg(test)]
impl Tree {
    /// Panics unless names, links, counts and usage agree.
    pub(crate) fn check(&self) {
        use std::collections::BTreeSet;
        let (mut links, mut used) = (BTreeSet::new(), Usage::default());
        for (ino, inode) in self.inodes.iter().map(Result::unwrap) {
            assert!(ino <= self.last_ino);
            used.bytes += inode.bytes();
            used.files += inode.links.count();
            links.extend(inode.links.iter().map(|(dir, cookie)| (dir, cookie, ino)));
            assert_eq!(inode.links.count() == 0, ino == ROOT, "only the root has no name");
        }
        assert_eq!(used, self.used);
        let mut entries = BTreeSet::new();
        for (ino, inode) in self.inodes.iter().map(Result::unwrap) {
            let Body::Dir(dir) = &inode.body else {
                continue;
            };
            let mut subdirs = 0;
            for (cookie, entry) in dir.iter().map(Result::unwrap) {
                entries.insert((ino, cookie, entry.ino));
                let child = self.inode(entry.ino).unwrap();
                assert_eq!(child.kind(), entry.kind);
                assert_eq!(dir.find(&entry.name).unwrap().unwrap().0, cookie);
                if let Body::Dir(_) = &child.body {
                    subdirs += 1;
                    assert_eq!(self.parent(entry.ino), Ok(ino));
                }
            }
            assert_eq!(dir.subdirs(), subdirs);
        }
        assert_eq!(entries, links);
    }
}
