//! The calls on paths, each as its manual page in section 2 says.

use super::mounts::Vfs;
use super::perm::{self, EXEC, READ, WRITE};
use super::resolve::{End, Last, Walk};
use super::types::{Attr, Cred, Follow, Kind, Loc, NewNode, OpenFlags, SetAttr};
use crate::base::{Errno, Sys};

/// Longest text of a symlink, in bytes.
const TARGET_MAX: usize = 4095;

impl Vfs {
    /// What a path leads to. `base` is where a relative one starts.
    pub fn resolve(&mut self, cred: &Cred, base: Loc, path: &[u8], follow: Follow) -> Sys<Loc> {
        Ok(self.stat(cred, base, path, follow)?.0)
    }

    /// What a path leads to, and its attributes.
    pub fn stat(&mut self, cred: &Cred, base: Loc, path: &[u8], follow: Follow) -> Sys<(Loc, Attr)> {
        self.walk(cred, base, path, follow.into())?.found.ok_or(Errno::NoEnt)
    }

    /// Opens (creates, truncates) with the permission checks of open(2); also directories, devices and FIFOs. With neither `read`
    /// nor `write` it only finds the node. The result is not pinned. `mode` (umask applied) is for a new file.
    pub fn open(&mut self, cred: &Cred, base: Loc, path: &[u8], flags: OpenFlags, mode: u16) -> Sys<Loc> {
        let is_new_only = flags.create && flags.excl;
        let end = End { follow: !is_new_only && !flags.nofollow, follow_slash: !is_new_only, is_file: flags.create };
        let walk = self.walk(cred, base, path, end)?;
        let Some((loc, attr)) = walk.found else {
            return match flags.create {
                // A directory cannot be made by opening.
                true if flags.directory => Err(Errno::Inval),
                true => self.make(cred, &walk, Kind::File, mode, b""),
                false => Err(Errno::NoEnt),
            };
        };
        if is_new_only {
            return Err(Errno::Exist);
        }
        match attr.kind {
            Kind::Symlink if flags.directory => return Err(Errno::NotDir),
            Kind::Symlink => return Err(Errno::Loop),
            Kind::Dir if flags.write || flags.create || flags.trunc => return Err(Errno::IsDir),
            Kind::Dir => {}
            _ if flags.directory => return Err(Errno::NotDir),
            _ => {}
        }
        let wanted = if flags.read { READ } else { 0 } | if flags.write || flags.trunc { WRITE } else { 0 };
        perm::check(cred, &attr, wanted)?;
        self.check_rights(loc, &attr, wanted)?;
        if attr.kind == Kind::File && wanted != 0 {
            self.fs(loc.mount)?.may_open(loc.node, flags.read, wanted & WRITE != 0)?;
        }
        if flags.trunc && attr.kind == Kind::File {
            self.truncate(loc, 0)?;
        }
        Ok(loc)
    }

    /// What the mount lets be opened: devices and FIFOs are not its content.
    fn check_rights(&self, loc: Loc, attr: &Attr, wanted: u8) -> Sys<()> {
        let rights = self.rights(loc.mount);
        match attr.kind {
            Kind::File | Kind::Dir if wanted & WRITE != 0 && !rights.write => Err(Errno::RoFs),
            Kind::File | Kind::Dir if wanted & READ != 0 && !rights.read => Err(Errno::Acces),
            _ => Ok(()),
        }
    }

    /// Makes a directory; `mode` has the umask applied.
    pub fn mkdir(&mut self, cred: &Cred, base: Loc, path: &[u8], mode: u16) -> Sys<()> {
        let walk = self.walk(cred, base, path, End::ENTRY)?;
        self.make(cred, &walk, Kind::Dir, mode, b"").map(drop)
    }

    /// Makes a FIFO; `mode` has the umask applied.
    pub fn mkfifo(&mut self, cred: &Cred, base: Loc, path: &[u8], mode: u16) -> Sys<()> {
        let walk = self.walk(cred, base, path, End::ENTRY)?;
        self.make(cred, &walk, Kind::Fifo, mode, b"").map(drop)
    }

    /// Makes a symlink with the text `target`.
    pub fn symlink(&mut self, cred: &Cred, target: &[u8], base: Loc, path: &[u8]) -> Sys<()> {
        if target.is_empty() {
            return Err(Errno::NoEnt);
        }
        if target.len() > TARGET_MAX {
            return Err(Errno::NameTooLong);
        }
        if target.contains(&0) {
            return Err(Errno::Inval);
        }
        let walk = self.walk(cred, base, path, End::ENTRY)?;
        self.make(cred, &walk, Kind::Symlink, 0o777, target).map(drop)
    }

    /// Makes a node where a walk ended with nothing.
    fn make(&mut self, cred: &Cred, walk: &Walk, kind: Kind, mode: u16, target: &[u8]) -> Sys<Loc> {
        let name = new_name(walk, kind == Kind::Dir)?;
        let fs = self.fs_to_change(walk.dir.mount)?;
        perm::check(cred, &walk.dir_attr, WRITE | EXEC)?;
        let (mode, gid) = perm::inherit(cred, &walk.dir_attr, kind, mode);
        let new = NewNode { kind, mode, uid: cred.uid, gid, target };
        let node = fs.create(walk.dir.node, name, new)?;
        Ok(Vfs::beside(walk.dir, node))
    }

    /// Gives a file one more name. `follow`: whether a symlink as `path1` is followed (link(2) does not).
    pub fn link(&mut self, cred: &Cred, base1: Loc, path1: &[u8], follow: Follow, base2: Loc, path2: &[u8]) -> Sys<()> {
        let (loc, attr) = self.stat(cred, base1, path1, follow)?;
        let walk = self.walk(cred, base2, path2, End::ENTRY)?;
        let name = new_name(&walk, false)?;
        if loc.mount != walk.dir.mount {
            return Err(Errno::XDev);
        }
        let fs = self.fs_to_change(walk.dir.mount)?;
        perm::check(cred, &walk.dir_attr, WRITE | EXEC)?;
        if attr.kind == Kind::Dir {
            return Err(Errno::Perm);
        }
        fs.link(loc.node, walk.dir.node, name)
    }

    /// Removes a name that is not a directory's.
    pub fn unlink(&mut self, cred: &Cred, base: Loc, path: &[u8]) -> Sys<()> {
        let walk = self.walk(cred, base, path, End::ENTRY)?;
        let Last::Name(name) = &walk.last else {
            return Err(Errno::IsDir);
        };
        let fs = self.fs_to_change(walk.dir.mount)?;
        let (node, attr) = fs.lookup(walk.dir.node, name)?;
        if walk.slash && attr.kind != Kind::Dir {
            return Err(Errno::NotDir);
        }
        perm::check_remove(cred, &walk.dir_attr, &attr)?;
        if attr.kind == Kind::Dir || self.is_mount_point(Vfs::beside(walk.dir, node)) {
            return Err(Errno::IsDir);
        }
        self.fs(walk.dir.mount)?.unlink(walk.dir.node, name)
    }

    /// Removes an empty directory.
    pub fn rmdir(&mut self, cred: &Cred, base: Loc, path: &[u8]) -> Sys<()> {
        let walk = self.walk(cred, base, path, End::ENTRY)?;
        let name = match &walk.last {
            Last::Name(name) => name,
            Last::Dot => return Err(Errno::Inval),
            Last::DotDot => return Err(Errno::NotEmpty),
            Last::Root => return Err(Errno::Busy),
        };
        let fs = self.fs_to_change(walk.dir.mount)?;
        let (node, attr) = fs.lookup(walk.dir.node, name)?;
        perm::check_remove(cred, &walk.dir_attr, &attr)?;
        if attr.kind != Kind::Dir {
            return Err(Errno::NotDir);
        }
        if self.is_mount_point(Vfs::beside(walk.dir, node)) {
            return Err(Errno::Busy);
        }
        self.fs(walk.dir.mount)?.rmdir(walk.dir.node, name)
    }

    /// Renames, replacing what has the new name.
    pub fn rename(&mut self, cred: &Cred, base1: Loc, path1: &[u8], base2: Loc, path2: &[u8]) -> Sys<()> {
        let from = self.walk(cred, base1, path1, End::ENTRY)?;
        let to = self.walk(cred, base2, path2, End::ENTRY)?;
        if from.dir.mount != to.dir.mount {
            return Err(Errno::XDev);
        }
        let (Last::Name(from_name), Last::Name(to_name)) = (&from.last, &to.last) else {
            return Err(Errno::Busy);
        };
        let fs = self.fs_to_change(from.dir.mount)?;
        let (node, attr) = fs.lookup(from.dir.node, from_name)?;
        let target = match fs.lookup(to.dir.node, to_name) {
            Err(Errno::NoEnt) => None,
            other => Some(other?),
        };
        if attr.kind != Kind::Dir && (from.slash || to.slash) {
            return Err(Errno::NotDir);
        }
        let is_busy = |node| self.is_mount_point(Vfs::beside(from.dir, node));
        if is_busy(node) || target.is_some_and(|(node, _)| is_busy(node)) {
            return Err(Errno::Busy);
        }
        if attr.kind == Kind::Dir && self.leads_to_bind(Vfs::beside(from.dir, node))? {
            return Err(Errno::Busy);
        }
        perm::check_remove(cred, &from.dir_attr, &attr)?;
        match &target {
            Some((_, target)) => perm::check_remove(cred, &to.dir_attr, target)?,
            None => perm::check(cred, &to.dir_attr, WRITE | EXEC)?,
        }
        if attr.kind == Kind::Dir && from.dir != to.dir {
            // Its `..` changes.
            perm::check(cred, &attr, WRITE)?;
        }
        self.fs(from.dir.mount)?.rename(from.dir.node, from_name, to.dir.node, to_name)
    }

    /// The text of a symlink; `Inval` if it is none.
    pub fn readlink(&mut self, cred: &Cred, base: Loc, path: &[u8]) -> Sys<Vec<u8>> {
        let (loc, attr) = self.stat(cred, base, path, Follow::NoLast)?;
        if attr.kind == Kind::Symlink { self.read_link(loc) } else { Err(Errno::Inval) }
    }

    /// truncate(2), in bytes.
    pub fn truncate_path(&mut self, cred: &Cred, base: Loc, path: &[u8], size: u64) -> Sys<()> {
        let loc = self.resolve(cred, base, path, Follow::Last)?;
        self.set_attr(cred, loc, SetAttr { size: Some(size), ..SetAttr::default() })
    }
}

/// The name a walk ended with, if nothing is there and it may be made.
fn new_name(walk: &Walk, is_dir: bool) -> Sys<&[u8]> {
    match &walk.last {
        Last::Name(name) if walk.found.is_none() => {
            // "new/" can only be a directory.
            if walk.slash && !is_dir { Err(Errno::NoEnt) } else { Ok(name) }
        }
        _ => Err(Errno::Exist),
    }
}
