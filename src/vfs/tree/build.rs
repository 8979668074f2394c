//! Building and reading a tree by path, without a sandbox: for images and library users.
//!
//! Each call borrows the tree into a throw-away [`Vfs`], which costs nothing to speak of, so that paths are walked by the one resolver.

use super::Tree;
use crate::base::{Errno, Limits, Sys};
use crate::vfs::types::{Attr, Cred, Follow, Kind, Loc, NewNode, NodeId, OpenFlags, ProgramId, SetAttr, SetTime};
use crate::vfs::{FileSystem as _, ManualClock, Vfs};
use bytes::Bytes;
use std::sync::{Arc, LazyLock};

/// What is made without a time of its own is stamped 0: the same image builds the same.
static EPOCH: LazyLock<Arc<ManualClock>> = LazyLock::new(Arc::default);

impl Tree {
    fn with_vfs<R>(&mut self, f: impl FnOnce(&mut Vfs) -> R) -> R {
        let limits = Limits { tree_bytes: u64::MAX, tree_files: u64::MAX, ..Limits::default() };
        let mut vfs = Vfs::with_clock(std::mem::take(self), &limits, EPOCH.clone());
        let result = f(&mut vfs);
        *self = vfs.into_tree();
        result
    }

    fn with_clone<R>(&self, f: impl FnOnce(&mut Vfs) -> R) -> R {
        let mut clone = self.clone();
        let result = clone.with_vfs(f);
        if let Some(fault) = clone.fault() {
            self.fail(fault);
        }
        result
    }

    /// Makes a directory, or sets the attributes of the one that is there. Missing parents are made 0755, user 0.
    ///
    /// `mtime` here and below is in nanoseconds since 1970. Symlinks before the last name are followed.
    pub fn put_dir(&mut self, path: &[u8], mode: u16, uid: u32, gid: u32, mtime: i64) -> Sys<()> {
        self.with_vfs(|vfs| {
            make_parents(vfs, path)?;
            match vfs.mkdir(&Cred::ROOT, vfs.root(), path, mode) {
                Ok(()) | Err(Errno::Exist) => {}
                Err(errno) => return Err(errno),
            }
            let (loc, attr) = vfs.stat(&Cred::ROOT, vfs.root(), path, Follow::Last)?;
            if attr.kind != Kind::Dir {
                return Err(Errno::NotDir);
            }
            stamp(vfs, loc, mode, uid, gid, mtime)
        })
    }

    /// Makes or replaces a file, whose content is shared, not copied.
    #[expect(clippy::too_many_arguments, reason = "a file's attributes, once each")]
    pub fn put_file(
        &mut self,
        path: &[u8],
        content: Bytes,
        mode: u16,
        uid: u32,
        gid: u32,
        mtime: i64,
        program: Option<ProgramId>,
    ) -> Sys<()> {
        self.with_vfs(|vfs| {
            make_parents(vfs, path)?;
            let flags = OpenFlags { write: true, create: true, trunc: true, ..OpenFlags::default() };
            let loc = vfs.open(&Cred::ROOT, vfs.root(), path, flags, mode)?;
            vfs.tree_mut().set_content(loc.node, &content, program)?;
            stamp(vfs, loc, mode, uid, gid, mtime)
        })
    }

    /// One more name `new` for the file at `existing`.
    pub fn put_link(&mut self, existing: &[u8], new: &[u8]) -> Sys<()> {
        self.with_vfs(|vfs| {
            make_parents(vfs, new)?;
            let root = vfs.root();
            vfs.link(&Cred::ROOT, root, existing, Follow::NoLast, root, new)
        })
    }

    /// Makes a symlink, owned by user 0.
    pub fn put_symlink(&mut self, path: &[u8], target: &[u8], mtime: i64) -> Sys<()> {
        self.with_vfs(|vfs| {
            make_parents(vfs, path)?;
            vfs.symlink(&Cred::ROOT, target, vfs.root(), path)?;
            let loc = vfs.resolve(&Cred::ROOT, vfs.root(), path, Follow::NoLast)?;
            stamp(vfs, loc, 0o777, 0, 0, mtime)
        })
    }

    /// Makes a character device, owned by user 0.
    pub fn put_device(&mut self, path: &[u8], major: u32, minor: u32, mode: u16) -> Sys<()> {
        let (dir, name) = split(path)?;
        self.with_vfs(|vfs| {
            make_parents(vfs, path)?;
            let dir = vfs.resolve(&Cred::ROOT, vfs.root(), dir, Follow::Last)?;
            let kind = Kind::CharDevice { major, minor };
            let new = NewNode { kind, mode, uid: 0, gid: 0, target: b"" };
            vfs.tree_mut().create(dir.node, name, new).map(drop)
        })
    }

    /// Removes a file, or a directory with all in it.
    pub fn remove(&mut self, path: &[u8]) -> Sys<()> {
        let (dir, name) = split(path)?;
        self.with_vfs(|vfs| {
            let dir = vfs.resolve(&Cred::ROOT, vfs.root(), dir, Follow::Last)?;
            remove_all(vfs, dir.node, name)
        })
    }

    /// The attributes at a path; symlinks are followed.
    pub fn stat(&self, path: &[u8]) -> Sys<Attr> {
        self.with_clone(|vfs| Ok(vfs.stat(&Cred::ROOT, vfs.root(), path, Follow::Last)?.1))
    }

    /// The whole content of a file of at most 1 GiB (`FBig`).
    pub fn read_path(&self, path: &[u8]) -> Sys<Bytes> {
        self.with_clone(|vfs| {
            let loc = vfs.resolve(&Cred::ROOT, vfs.root(), path, Follow::Last)?;
            vfs.bytes(loc)
        })
    }

    /// The text of a symlink.
    pub fn read_link(&self, path: &[u8]) -> Sys<Vec<u8>> {
        self.with_clone(|vfs| vfs.readlink(&Cred::ROOT, vfs.root(), path))
    }

    /// The compiled module a file stands for.
    pub fn program(&self, path: &[u8]) -> Option<ProgramId> {
        self.with_clone(|vfs| {
            let loc = vfs.resolve(&Cred::ROOT, vfs.root(), path, Follow::Last).ok()?;
            vfs.program(loc)
        })
    }

    /// Names and attributes in a directory, sorted by name.
    pub fn list(&self, path: &[u8]) -> Sys<Vec<(Vec<u8>, Attr)>> {
        self.with_clone(|vfs| {
            let loc = vfs.resolve(&Cred::ROOT, vfs.root(), path, Follow::Last)?;
            let mut found = Vec::new();
            vfs.read_dir(loc, 0, &mut |entry| {
                found.push((entry.name, entry.node));
                true
            })?;
            found.sort();
            found.into_iter().map(|(name, node)| Ok((name, vfs.attr(Loc { node, ..loc })?))).collect()
        })
    }
}

/// Sets owner, mode and times. Owner first: a change of it clears mode bits.
fn stamp(vfs: &mut Vfs, loc: Loc, mode: u16, uid: u32, gid: u32, mtime: i64) -> Sys<()> {
    let time = Some(SetTime::At(mtime));
    let set = SetAttr { mode: Some(mode), uid: Some(uid), gid: Some(gid), size: None, atime: time, mtime: time };
    vfs.tree_mut().set_attr(loc.node, set)
}

/// The directory's path and the last name of `path`.
fn split(path: &[u8]) -> Sys<(&[u8], &[u8])> {
    let slash = path.iter().rposition(|byte| *byte == b'/').ok_or(Errno::Inval)?;
    let (dir, name) = (&path[..=slash], &path[slash + 1..]);
    if name.is_empty() || name == b"." || name == b".." { Err(Errno::Inval) } else { Ok((dir, name)) }
}

/// Makes the directories before the last name that are missing.
fn make_parents(vfs: &mut Vfs, path: &[u8]) -> Sys<()> {
    let Ok((dir, _)) = split(path) else {
        return Ok(());
    };
    if vfs.resolve(&Cred::ROOT, vfs.root(), dir, Follow::Last).is_ok() {
        return Ok(());
    }
    let ends = dir.iter().enumerate().filter(|(index, byte)| **byte == b'/' && *index > 0);
    for (end, _) in ends {
        match vfs.mkdir(&Cred::ROOT, vfs.root(), &dir[..end], 0o755) {
            Ok(()) | Err(Errno::Exist) => {}
            Err(errno) => return Err(errno),
        }
    }
    Ok(())
}

/// Removes `name` in `dir` and all below it, without recursion: a tree can be deep.
fn remove_all(vfs: &mut Vfs, dir: NodeId, name: &[u8]) -> Sys<()> {
    let tree = vfs.tree_mut();
    let mut todo = vec![(dir, name.to_vec())];
    while let Some((dir, name)) = todo.last().cloned() {
        let (node, attr) = tree.lookup(dir, &name)?;
        if attr.kind != Kind::Dir {
            tree.unlink(dir, &name)?;
            todo.pop();
            continue;
        }
        match tree.rmdir(dir, &name) {
            Ok(()) => drop(todo.pop()),
            Err(Errno::NotEmpty) => tree.read_dir(node, 0, &mut |entry| {
                todo.push((node, entry.name));
                true
            })?,
            Err(errno) => return Err(errno),
        }
    }
    Ok(())
}
