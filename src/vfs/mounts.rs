//! What one sandbox sees: the mounts, and the calls on nodes. The calls on paths are in `paths.rs`.

use super::perm::{self, WRITE};
use super::types::{
    Attr, Cred, DirEntry, Follow, Kind, Loc, MountId, NodeId, ProgramId, Rights, SetAttr, StatFs, Usage,
};
use super::{Clock, FileSystem, SystemClock, Tree, TreeFs};
use crate::base::{Errno, Limits, Sys};
use bytes::Bytes;
use std::sync::Arc;

/// Largest file that [`Vfs::bytes`] gives, in bytes: it is one piece of host memory.
const BYTES_MAX: u64 = 1 << 30;

/// Number of the root's file system; those mounted follow.
const DEV_BASE: u64 = 0x20;

/// The file tree of one sandbox: its root [`Tree`] and what is mounted over it.
pub struct Vfs {
    tree: TreeFs,
    tree_rights: Rights,
    /// Mount `n` is at index `n - 1`.
    mounts: Vec<Mount>,
    pub(super) path_max: usize,
    pub(super) name_max: usize,
    pub(super) symlinks_max: u32,
}

struct Mount {
    /// What is mounted; `None` for a bind: the directory it covers, which is the root tree's.
    fs: Option<Box<dyn FileSystem>>,
    rights: Rights,
    /// The directory it covers, pinned, by the number of the file system that holds it (never a bind's).
    at: Loc,
}

impl Mount {
    fn root(&self) -> NodeId {
        self.fs.as_ref().map_or(self.at.node, |fs| fs.root())
    }
}

impl std::fmt::Debug for Vfs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Vfs").field("tree", &self.tree).field("mounts", &self.mounts.len()).finish_non_exhaustive()
    }
}

impl Vfs {
    /// A sandbox's files: `tree` as its root, bounded by `limits`, stamped by the host's clock.
    pub fn new(tree: Tree, limits: &Limits) -> Vfs {
        Vfs::with_clock(tree, limits, Arc::new(SystemClock))
    }

    /// The same with another clock.
    pub fn with_clock(tree: Tree, limits: &Limits, clock: Arc<dyn Clock>) -> Vfs {
        Vfs {
            tree: TreeFs::new(tree, limits, clock),
            tree_rights: Rights::READ_WRITE,
            mounts: Vec::new(),
            path_max: limits.path_bytes as usize,
            name_max: limits.name_bytes as usize,
            symlinks_max: limits.symlinks,
        }
    }

    /// Bounds the root tree and paths anew. What already is beyond stays.
    pub fn set_limits(&mut self, limits: &Limits) {
        self.tree.set_limits(limits);
        self.path_max = limits.path_bytes as usize;
        self.name_max = limits.name_bytes as usize;
        self.symlinks_max = limits.symlinks;
    }

    /// Mounts over the directory at the absolute path `at` (looked up as user 0).
    pub fn mount(&mut self, at: &[u8], fs: Box<dyn FileSystem>, rights: Rights) -> Sys<MountId> {
        let at = self.directory(at)?;
        self.push(Some(fs), self.home(at), rights)
    }

    /// Narrows the rights below the directory at the absolute path `at` (looked up as user 0): a bind mount of it onto itself.
    ///
    /// Of nested binds the innermost holds, whatever the order they are made in: a bind can also give back what the one around it
    /// takes. One more at the same place narrows, as does one at the root of a mount; `NotSup` elsewhere in a mount. The directories that
    /// lead to a bind cannot be renamed. Bind before anything is open: what is open below `at` keeps its rights. A file below that
    /// has another name elsewhere can still be changed by that name.
    pub fn bind(&mut self, at: &[u8], rights: Rights) -> Sys<MountId> {
        let at = self.directory(at)?;
        let home = self.home(at);
        if at == self.root_of(at.mount) && at.mount != MountId(0) {
            self.narrow(at.mount, rights)?;
            return Ok(at.mount);
        }
        if home.mount != MountId(0) {
            return Err(Errno::NotSup);
        }
        self.push(None, home, rights)
    }

    fn directory(&mut self, path: &[u8]) -> Sys<Loc> {
        let (loc, attr) = self.stat(&Cred::ROOT, self.root(), path, Follow::Last)?;
        if attr.kind == Kind::Dir { Ok(loc) } else { Err(Errno::NotDir) }
    }

    fn push(&mut self, fs: Option<Box<dyn FileSystem>>, at: Loc, rights: Rights) -> Sys<MountId> {
        let id = u32::try_from(self.mounts.len() + 1).map_err(|_| Errno::NoMem)?;
        self.pin(at)?;
        self.mounts.push(Mount { fs, rights, at });
        Ok(MountId(id))
    }

    /// Takes away rights of a mount (0 is the root tree) for good.
    pub fn narrow(&mut self, mount: MountId, to: Rights) -> Sys<()> {
        let rights = match mount.0 {
            0 => &mut self.tree_rights,
            n => &mut self.mounts.get_mut(n as usize - 1).ok_or(Errno::Inval)?.rights,
        };
        *rights = rights.narrow(to);
        Ok(())
    }

    /// What a mount allows.
    pub fn rights(&self, mount: MountId) -> Rights {
        match self.mounted(mount) {
            None if mount == MountId(0) => self.tree_rights,
            None => Rights { read: false, write: false },
            Some(Mount { fs: None, rights, .. }) => rights.narrow(self.tree_rights),
            Some(mount) => mount.rights,
        }
    }

    /// The root directory.
    pub fn root(&self) -> Loc {
        self.covering(Loc { mount: MountId(0), node: self.tree.root() })
    }

    /// The root tree as it now is, in constant time. Open files without a name and mounts are not in it.
    pub fn snapshot(&self) -> Tree {
        self.tree.snapshot()
    }

    /// The tree of a mount in memory, or with the changes of a copy-on-write mount: give those to another
    /// [`super::Overlay`] over the same directory to fork it.
    pub fn changes(&self, mount: MountId) -> Option<Tree> {
        self.mounted(mount)?.fs.as_ref()?.changes()
    }

    /// Puts a later version of the root tree in its place: one that was made by changing [`Vfs::snapshot`]'s, which must still be as it is now.
    /// What is open stays open, also what has no name in it.
    pub fn advance(&mut self, later: Tree) {
        self.tree.advance(later);
    }

    /// The root tree itself.
    pub fn into_tree(self) -> Tree {
        self.tree.into_tree()
    }

    /// The root tree as a file system.
    pub(crate) fn tree_mut(&mut self) -> &mut TreeFs {
        &mut self.tree
    }

    /// What the root tree holds beyond the image's base, open files without a name included.
    pub fn usage(&self) -> Usage {
        self.tree.usage()
    }

    pub(super) fn fs(&mut self, mount: MountId) -> Sys<&mut dyn FileSystem> {
        match mount.0 {
            0 => Ok(&mut self.tree),
            n => match &mut self.mounts.get_mut(n as usize - 1).ok_or(Errno::BadF)?.fs {
                Some(fs) => Ok(&mut **fs),
                None => Ok(&mut self.tree),
            },
        }
    }

    /// The file system to change; `RoFs` if the mount does not allow it.
    pub(super) fn fs_to_change(&mut self, mount: MountId) -> Sys<&mut dyn FileSystem> {
        if !self.rights(mount).write {
            return Err(Errno::RoFs);
        }
        self.fs(mount)
    }

    fn fs_to_read(&mut self, mount: MountId) -> Sys<&mut dyn FileSystem> {
        if !self.rights(mount).read {
            return Err(Errno::Acces);
        }
        self.fs(mount)
    }

    /// A mount other than the root tree.
    fn mounted(&self, mount: MountId) -> Option<&Mount> {
        (mount.0 as usize).checked_sub(1).and_then(|n| self.mounts.get(n))
    }

    fn root_of(&self, mount: MountId) -> Loc {
        Loc { mount, node: self.mounted(mount).map_or(self.tree.root(), Mount::root) }
    }

    /// A node by the number of the file system that holds it: a bind shows the root tree's.
    fn home(&self, loc: Loc) -> Loc {
        match self.mounted(loc.mount) {
            Some(Mount { fs: None, .. }) => Loc { mount: MountId(0), node: loc.node },
            _ => loc,
        }
    }

    /// The root of what is mounted over `loc`, or `loc`.
    fn covering(&self, mut loc: Loc) -> Loc {
        let mut home = self.home(loc);
        for (index, mount) in self.mounts.iter().enumerate() {
            // A mount can only be covered by a later one.
            if mount.at == home {
                loc = Loc { mount: MountId(index as u32 + 1), node: mount.root() };
                home = self.home(loc);
            }
        }
        loc
    }

    /// Whether something is mounted over `loc` or over a directory that `loc` names.
    pub(super) fn is_mount_point(&self, loc: Loc) -> bool {
        let home = self.home(loc);
        self.mounts.iter().any(|mount| mount.at == home)
    }

    /// The bind over `dir`, a directory of the root tree, or else the innermost over a directory it is in.
    fn bind_around(&mut self, dir: NodeId) -> Sys<Option<MountId>> {
        let mut at = dir;
        while self.mounts.iter().any(|mount| mount.fs.is_none()) {
            let is_over = |mount: &Mount| mount.fs.is_none() && mount.at.node == at;
            if let Some(index) = self.mounts.iter().position(is_over) {
                return Ok(Some(MountId(index as u32 + 1)));
            }
            let parent = self.tree.parent(at)?;
            if parent == at {
                break;
            }
            at = parent;
        }
        Ok(None)
    }

    /// Whether a bind is below `dir`.
    pub(super) fn leads_to_bind(&mut self, dir: Loc) -> Sys<bool> {
        if self.home(dir).mount != MountId(0) {
            return Ok(false);
        }
        for index in 0..self.mounts.len() {
            let Mount { fs: None, at, .. } = self.mounts[index] else {
                continue;
            };
            let mut at = at.node;
            while at != self.tree.root() {
                if at == dir.node {
                    return Ok(true);
                }
                at = self.tree.parent(at)?;
            }
        }
        Ok(false)
    }

    /// What `name` in `dir` names, as the file system has it: not what is mounted there.
    pub(super) fn lookup_below(&mut self, dir: Loc, name: &[u8]) -> Sys<(Loc, Attr)> {
        let (node, mut attr) = self.fs_to_read(dir.mount)?.lookup(dir.node, name)?;
        attr.dev = self.dev(dir);
        Ok((Loc { mount: dir.mount, node }, attr))
    }

    /// What `name` in `dir` names.
    pub(super) fn lookup(&mut self, dir: Loc, name: &[u8]) -> Sys<(Loc, Attr)> {
        let (loc, attr) = self.lookup_below(dir, name)?;
        let over = if attr.kind == Kind::Dir { self.covering(loc) } else { loc };
        if over == loc { Ok((loc, attr)) } else { Ok((over, self.attr(over)?)) }
    }

    /// The directory that `dir` is in, across mounts; the root's is the root.
    pub(super) fn parent(&mut self, dir: Loc) -> Sys<Loc> {
        let outer = self.uncovered(dir);
        let node = self.fs(outer.mount)?.parent(outer.node)?;
        let mut mount = outer.mount;
        if outer != dir && mount == MountId(0) {
            // Out of a mount, perhaps into a bind around it.
            mount = self.bind_around(node)?.unwrap_or(mount);
        }
        Ok(self.covering(Loc { mount, node }))
    }

    /// The directory that the root of a mount covers, as far down as it goes; else `dir`.
    fn uncovered(&self, mut dir: Loc) -> Loc {
        while let Some(mount) = self.mounted(dir.mount)
            && mount.root() == dir.node
        {
            dir = mount.at;
        }
        dir
    }

    /// The absolute path of a directory, or one of those of a file; `NoEnt` if it was removed, `NameTooLong` if no path
    /// can be that long.
    pub fn path_of(&mut self, loc: Loc) -> Sys<Vec<u8>> {
        let (mut names, mut length) = (Vec::new(), 0);
        let mut at = loc;
        loop {
            let outer = self.uncovered(at);
            let root = self.fs(outer.mount)?.root();
            if outer.node == root {
                break;
            }
            let fs = self.fs(outer.mount)?;
            let name = fs.name(outer.node)?;
            length += name.len() + 1;
            if length >= self.path_max {
                return Err(Errno::NameTooLong);
            }
            names.push(name);
            at = Loc { mount: outer.mount, node: self.fs(outer.mount)?.parent(outer.node)? };
        }
        let path = names.iter().rev().flat_map(|name| std::iter::once(b'/').chain(name.iter().copied()));
        let path: Vec<u8> = path.collect();
        Ok(if path.is_empty() { b"/".to_vec() } else { path })
    }

    /// The node's attributes.
    pub fn attr(&mut self, loc: Loc) -> Sys<Attr> {
        let mut attr = self.fs(loc.mount)?.attr(loc.node)?;
        attr.dev = self.dev(loc);
        Ok(attr)
    }

    fn dev(&self, loc: Loc) -> u64 {
        DEV_BASE + u64::from(self.home(loc).mount.0)
    }

    /// chmod, chown, utimensat, truncate by path: with all permission checks.
    pub fn set_attr(&mut self, cred: &Cred, loc: Loc, set: SetAttr) -> Sys<()> {
        let attr = self.attr(loc)?;
        let fs = self.fs_to_change(loc.mount)?;
        let set = perm::check_set(cred, &attr, set)?;
        fs.set_attr(loc.node, set)
    }

    /// ftruncate: the descriptor's right to write was checked at open, so only the mount's is. Size in bytes.
    pub fn truncate(&mut self, loc: Loc, size: u64) -> Sys<()> {
        self.fs_to_change(loc.mount)?.set_attr(loc.node, SetAttr { size: Some(size), ..SetAttr::default() })
    }

    /// access(2): `mask` 4 read, 2 write, 1 execute, 0 exists.
    pub fn access(&mut self, cred: &Cred, loc: Loc, mask: u8) -> Sys<()> {
        let attr = self.attr(loc)?;
        let is_data = matches!(attr.kind, Kind::File | Kind::Dir | Kind::Symlink);
        if mask & WRITE != 0 && is_data && !self.rights(loc.mount).write {
            return Err(Errno::RoFs);
        }
        perm::check(cred, &attr, mask & 7)
    }

    /// Reads content from `offset`; 0 at the end of the file.
    pub fn read_at(&mut self, loc: Loc, offset: u64, into: &mut [u8]) -> Sys<usize> {
        self.fs_to_read(loc.mount)?.read_at(loc.node, offset, into)
    }

    /// Writes content at `offset`; a gap before it becomes a hole. Less than asked only when space ran out midway.
    pub fn write_at(&mut self, loc: Loc, offset: u64, from: &[u8]) -> Sys<usize> {
        self.fs_to_change(loc.mount)?.write_at(loc.node, offset, from)
    }

    /// Writes at the end; the offset after what was written, and how much that was.
    pub fn append(&mut self, loc: Loc, from: &[u8]) -> Sys<(u64, usize)> {
        let fs = self.fs_to_change(loc.mount)?;
        let end = fs.attr(loc.node)?.size;
        let done = fs.write_at(loc.node, end, from)?;
        Ok((end + done as u64, done))
    }

    /// Lists a directory, see [`FileSystem::read_dir`]. Cookies are >= 1; entries made after the reading began are not met, so
    /// a program that makes names while it reads ends. What is mounted over an entry does not show in it.
    pub fn read_dir(&mut self, dir: Loc, cookie: u64, sink: &mut dyn FnMut(DirEntry) -> bool) -> Sys<()> {
        self.fs_to_read(dir.mount)?.read_dir(dir.node, cookie, sink)
    }

    /// One more user (open file, working directory) of a node, which lives until the last is gone.
    pub fn pin(&mut self, loc: Loc) -> Sys<()> {
        self.fs(loc.mount)?.pin(loc.node)
    }

    /// One user less.
    pub fn unpin(&mut self, loc: Loc) {
        if let Ok(fs) = self.fs(loc.mount) {
            fs.unpin(loc.node);
        }
    }

    /// The compiled module the file's content stands for, unless it was written to.
    pub fn program(&mut self, loc: Loc) -> Option<ProgramId> {
        self.fs_to_read(loc.mount).ok()?.program(loc.node)
    }

    /// The whole content of a file, at most 1 GiB (`FBig`); small untouched image files are not copied.
    pub fn bytes(&mut self, loc: Loc) -> Sys<Bytes> {
        let attr = self.attr(loc)?;
        let fs = self.fs_to_read(loc.mount)?;
        if let Some(bytes) = fs.bytes(loc.node) {
            return Ok(bytes);
        }
        if attr.size > BYTES_MAX {
            return Err(Errno::FBig);
        }
        let mut all = vec![0; attr.size as usize];
        let mut done = 0;
        while done < all.len() {
            match fs.read_at(loc.node, done as u64, &mut all[done..])? {
                0 => break,
                count => done += count,
            }
        }
        all.truncate(done);
        Ok(all.into())
    }

    /// Size and space of the file system.
    pub fn statfs(&mut self, loc: Loc) -> Sys<StatFs> {
        Ok(self.fs(loc.mount)?.statfs())
    }

    /// Makes content durable, where that means something.
    pub fn sync(&mut self, loc: Loc) -> Sys<()> {
        self.fs(loc.mount)?.sync(loc.node)
    }

    /// First offset >= `offset` with data; `NxIo` past the end.
    pub fn seek_data(&mut self, loc: Loc, offset: u64) -> Sys<u64> {
        self.fs(loc.mount)?.seek_data(loc.node, offset)
    }

    /// First offset >= `offset` in a hole; the end is one. `NxIo` past the end.
    pub fn seek_hole(&mut self, loc: Loc, offset: u64) -> Sys<u64> {
        self.fs(loc.mount)?.seek_hole(loc.node, offset)
    }

    /// Where a symlink leads directly, if it does.
    pub(super) fn jump(&mut self, link: Loc) -> Option<Loc> {
        self.fs(link.mount).ok()?.jump(link.node)
    }

    /// The text of a symlink.
    pub(super) fn read_link(&mut self, link: Loc) -> Sys<Vec<u8>> {
        self.fs_to_read(link.mount)?.readlink(link.node)
    }

    /// A node's Loc in the same mount.
    pub(super) fn beside(dir: Loc, node: NodeId) -> Loc {
        Loc { mount: dir.mount, node }
    }
}
