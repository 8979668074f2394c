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

pub use fs::TreeFs;

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
        f.debug_struct("Tree")
            .field("used", &self.used)
            .field("base", &self.base)
            .finish_non_exhaustive()
    }
}

impl Tree {
    /// An empty root directory: 0755, user 0, all times 0.
    pub fn new() -> Tree {
        let meta = Meta {
            mode: 0o755,
            uid: 0,
            gid: 0,
            atime: 0,
            mtime: 0,
            ctime: 0,
        };
        let root = Inode {
            meta,
            links: Links::None,
            body: Body::Dir(Box::new(Dir::new(ROOT))),
        };
        let mut inodes = Map::default();
        inodes.insert(ROOT, Arc::new(root));
        Tree {
            inodes,
            last_ino: ROOT,
            used: Usage::default(),
            base: Usage::default(),
        }
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
        self.inodes
            .get(ino)
            .map(|inode| &**inode)
            .ok_or(Errno::NoEnt)
    }

    fn inode_mut(&mut self, ino: u64) -> Sys<&mut Inode> {
        self.inodes
            .get_mut(ino)
            .map(Arc::make_mut)
            .ok_or(Errno::NoEnt)
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
