//! A whole file system as a value.
//!
//! The tree is one persistent map from inode number to inode; directories map names to numbers, and every inode knows the
//! entries that name it. So a clone is a snapshot or a fork in constant time, what two trees share is found by pointer,
//! and a changed inode leads back to its paths without a search.
//!
//! A [`Tree`] alone is only read and built ([`Tree::put_file`] …); [`super::TreeFs`] changes one as a file system.

mod build;
mod diff;
mod dir;
mod edit;
mod file;
mod fs;
mod inode;
mod load;
mod save;

pub use fs::TreeFs;
pub use load::TreeLoader;
pub use save::Save;

use super::map::Map;
use super::types::Usage;
use crate::base::{Errno, Sys};
use dir::Dir;
use file::File;
use inode::{Body, Inode, Links, Meta};
use std::sync::Arc;

/// The root directory's inode number.
const ROOT: u64 = 1;

/// A whole file system as a value: `Clone` is a snapshot or a fork, in constant time.
#[derive(Clone)]
pub struct Tree {
    inodes: Map<Arc<Inode>>,
    last_ino: u64,
    used: Usage,
    base: Usage,
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
        let mut inodes = Map::default();
        inodes.insert(ROOT, Arc::new(root));
        Tree { inodes, last_ino: ROOT, used: Usage::default(), base: Usage::default() }
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

    fn inode(&self, ino: u64) -> Sys<&Inode> {
        self.inodes.get(ino).map(|inode| &**inode).ok_or(Errno::NoEnt)
    }

    fn inode_mut(&mut self, ino: u64) -> Sys<&mut Inode> {
        self.inodes.get_mut(ino).map(Arc::make_mut).ok_or(Errno::NoEnt)
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
        for (ino, inode) in self.inodes.iter() {
            assert!(ino <= self.last_ino);
            used.bytes += inode.bytes();
            used.files += inode.links.count();
            links.extend(inode.links.iter().map(|(dir, cookie)| (dir, cookie, ino)));
            assert_eq!(inode.links.count() == 0, ino == ROOT, "only the root has no name");
        }
        assert_eq!(used, self.used);
        let mut entries = BTreeSet::new();
        for (ino, inode) in self.inodes.iter() {
            let Body::Dir(dir) = &inode.body else {
                continue;
            };
            let mut subdirs = 0;
            for (cookie, entry) in dir.iter() {
                entries.insert((ino, cookie, entry.ino));
                let child = self.inode(entry.ino).unwrap();
                assert_eq!(child.kind(), entry.kind);
                assert_eq!(dir.find(&entry.name).unwrap().0, cookie);
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
