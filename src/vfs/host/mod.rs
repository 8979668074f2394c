//! A host directory as a mounted file system.
//!
//! The directory is held as a capability (`cap-std`) and every call on the host is one *name* in an open directory, so nothing
//! outside it can be reached: symlinks are only read here, and followed by the resolver in the guest's own name space. What
//! the host does to the directory meanwhile can make a call fail, not escape: see `nodes.rs`.
//!
//! The guest sees the host's modes and times; everything belongs to user and group 1000. It cannot make devices, FIFOs or
//! set-id programs, nor give files away.

mod convert;
mod listing;
mod nodes;

use super::types::{Attr, DirEntry, Kind, NewNode, NodeId, SetAttr, SetTime, StatFs};
use super::{Clock as _, FileSystem, SystemClock};
use crate::base::{Errno, Sys};
use cap_std::fs::{Dir, DirBuilder, DirBuilderExt as _, OpenOptions, OpenOptionsExt as _};
use cap_std::fs::{Permissions, PermissionsExt as _};
use convert::{MODE_MASK, OWNER, attr, errno, kind, system_time, timespec};
use listing::{Listed, Listing};
use nodes::{Handle, Nodes, ROOT};
use rustix::fs::{AtFlags, Timestamps, utimensat};
use std::ffi::OsStr;
use std::fs::{File, FileTimes};
use std::io;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::fs::{DirEntryExt as _, FileExt as _};
use std::path::Path;
use std::sync::Arc;

/// A host directory as a mounted file system.
pub struct HostDir {
    nodes: Nodes,
    writable: bool,
    /// The unpinned directory whose listing is kept.
    listed: NodeId,
    /// The file last made, held open until it is pinned: its mode may not let it be opened again.
    made: NodeId,
}

impl std::fmt::Debug for HostDir {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HostDir").field("writable", &self.writable).finish_non_exhaustive()
    }
}

fn as_path(name: &[u8]) -> &Path {
    Path::new(OsStr::from_bytes(name))
}

impl HostDir {
    /// `writable` false refuses every change with `RoFs`, whatever the mount's rights.
    pub fn new(dir: Dir, writable: bool) -> io::Result<HostDir> {
        let metadata = dir.dir_metadata()?;
        let attr = attr(&metadata);
        Ok(HostDir { nodes: Nodes::new(dir, &metadata, attr), writable, listed: ROOT, made: ROOT })
    }

    /// Gives up the right to change anything.
    #[must_use]
    pub fn read_only(mut self) -> HostDir {
        self.writable = false;
        self
    }

    /// Whether the node is still remembered.
    pub(super) fn knows(&self, node: NodeId) -> bool {
        self.nodes.knows(node)
    }

    /// The directory to change something in.
    fn dir_to_change(&mut self, dir: NodeId) -> Sys<Arc<Dir>> {
        if !self.writable {
            return Err(Errno::RoFs);
        }
        self.nodes.dir(dir)
    }

    /// Opens a file by its last known name, if that still is this file. Never waits: what is no file is not opened.
    fn open(&mut self, node: NodeId, read: bool, write: bool) -> Sys<File> {
        let (parent, name) = self.entry_of(node)?;
        let dir = self.nodes.dir(parent)?;
        let mut options = OpenOptions::new();
        // The front door to `nonblock` is another crate. It keeps a FIFO, put there this moment, from hanging us.
        options.read(read).write(write)._cap_fs_ext_nonblock(true);
        let file = dir.open_with(as_path(&name), &options).map_err(errno)?;
        let metadata = file.metadata().map_err(errno)?;
        self.nodes.is_it(node, &metadata)?;
        if metadata.is_file() { Ok(file.into_std()) } else { Err(Errno::NoEnt) }
    }

    /// Where a file was last found.
    fn entry_of(&mut self, node: NodeId) -> Sys<(NodeId, Vec<u8>)> {
        let node = self.nodes.get(node)?;
        match node.attr.kind {
            _ if node.removed => Err(Errno::NoEnt),
            Kind::Dir => Err(Errno::IsDir),
            _ => Ok((node.parent, node.name.clone())),
        }
    }

    /// The file, open for what is wanted: as it was pinned, or just now.
    fn file(&mut self, node: NodeId, read: bool, write: bool) -> Sys<Arc<File>> {
        if write && !self.writable {
            return Err(Errno::RoFs);
        }
        let kept = self.nodes.get(node)?;
        match (&kept.handle, kept.attr.kind) {
            (Handle::File { file, readable, writable }, _) => {
                if (read && !readable) || (write && !writable) {
                    return Err(Errno::Acces);
                }
                Ok(file.clone())
            }
            (_, Kind::File) => self.open(node, read, write).map(Arc::new),
            (_, Kind::Dir) => Err(Errno::IsDir),
            _ => Err(Errno::Inval),
        }
    }

    /// Opens a file for all that the host allows, to be kept.
    fn open_to_keep(&mut self, node: NodeId) -> Sys<Handle> {
        let ways = [(true, true), (true, false), (false, true)];
        let (may_write, mut result) = (self.writable, Err(Errno::Acces));
        for (readable, writable) in ways.into_iter().filter(|(_, write)| may_write || !write) {
            match self.open(node, readable, writable) {
                Ok(file) => {
                    return Ok(Handle::File { file: Arc::new(file), readable, writable });
                }
                Err(errno @ (Errno::Acces | Errno::Perm | Errno::RoFs | Errno::TxtBsy)) => result = Err(errno),
                Err(errno) => return Err(errno),
            }
        }
        result
    }

    /// The node of a file just made, held open.
    fn keep_made(&mut self, file: cap_std::fs::File, dir: NodeId, name: &[u8], mode: u16) -> Sys<NodeId> {
        let metadata = file.metadata().map_err(errno)?;
        let node = self.nodes.found(dir, name, &metadata, attr(&metadata));
        let file = Arc::new(file.into_std());
        self.nodes.get(node)?.handle = Handle::File { file, readable: true, writable: true };
        let previous = std::mem::replace(&mut self.made, node);
        if previous != node {
            self.nodes.close_unpinned(previous);
        }
        // The host's umask has had its say; the guest's is the one that counts.
        self.set_mode(node, mode)?;
        Ok(node)
    }

    /// Attributes as they are on the host now.
    fn fresh_attr(&mut self, id: NodeId) -> Sys<Attr> {
        let node = self.nodes.get(id)?;
        let handle = node.handle.clone();
        let metadata = match handle {
            Handle::Dir(dir) => dir.dir_metadata().map_err(errno)?,
            Handle::File { file, .. } => {
                let metadata = file.metadata().map_err(errno)?;
                cap_std::fs::Metadata::from_just_metadata(metadata)
            }
            Handle::None if node.attr.kind == Kind::Dir => self.nodes.dir(id)?.dir_metadata().map_err(errno)?,
            Handle::None => {
                let (parent, name) = self.entry_of(id)?;
                self.nodes.dir(parent)?.symlink_metadata(as_path(&name)).map_err(errno)?
            }
        };
        self.nodes.is_it(id, &metadata)?;
        let attr = attr(&metadata);
        self.nodes.get(id)?.attr = attr;
        Ok(attr)
    }

    fn set_mode(&mut self, node: NodeId, mode: u16) -> Sys<()> {
        let mode = u32::from(mode & MODE_MASK);
        let (handle, node_kind) = {
            let node = self.nodes.get(node)?;
            (node.handle.clone(), node.attr.kind)
        };
        let permissions = Permissions::from_mode(mode);
        match (handle, node_kind) {
            (Handle::File { file, .. }, _) => {
                use std::os::unix::fs::PermissionsExt as _;
                file.set_permissions(std::fs::Permissions::from_mode(mode)).map_err(errno)
            }
            (_, Kind::Dir) => self.nodes.dir(node)?.set_permissions(".", permissions).map_err(errno),
            (_, Kind::File) => {
                self.fresh_attr(node)?;
                let (parent, name) = self.entry_of(node)?;
                self.nodes.dir(parent)?.set_permissions(as_path(&name), permissions).map_err(errno)
            }
            _ => Err(Errno::Perm),
        }
    }

    fn set_times(&mut self, node: NodeId, set: SetAttr) -> Sys<()> {
        let time = |set: SetTime| match set {
            SetTime::Now => system_time(SystemClock.now()),
            SetTime::At(time) => system_time(time),
        };
        let mut times = FileTimes::new();
        if let Some(set) = set.atime {
            times = times.set_accessed(time(set).ok_or(Errno::Inval)?);
        }
        if let Some(set) = set.mtime {
            times = times.set_modified(time(set).ok_or(Errno::Inval)?);
        }
        let file = match self.nodes.get(node)?.attr.kind {
            Kind::Dir => {
                let dir = self.nodes.dir(node)?.open(".").map_err(errno)?;
                Arc::new(dir.into_std())
            }
            Kind::File => self.file(node, true, false).or_else(|_| self.file(node, false, true))?,
            _ => return self.set_link_times(node, set),
        };
        file.set_times(times).map_err(errno)
    }

    /// Sets the times of what cannot be opened: a symlink's own, not those of what it leads to.
    fn set_link_times(&mut self, node: NodeId, set: SetAttr) -> Sys<()> {
        self.fresh_attr(node)?;
        let (parent, name) = self.entry_of(node)?;
        let dir = self.nodes.dir(parent)?;
        let times = Timestamps { last_access: timespec(set.atime), last_modification: timespec(set.mtime) };
        utimensat(&*dir, as_path(&name), &times, AtFlags::SYMLINK_NOFOLLOW).map_err(|e| errno(e.into()))
    }

    /// Reads the whole directory from the host.
    fn list(dir: &Dir) -> io::Result<Vec<Listed>> {
        let mut listed = Vec::new();
        for entry in dir.entries()? {
            let entry = entry?;
            // An entry that is gone this moment is left out.
            let Ok(file_type) = entry.file_type() else {
                continue;
            };
            let name = entry.file_name().into_vec();
            listed.push(Listed { name, ino: entry.ino(), kind: kind(file_type) });
        }
        Ok(listed)
    }

    /// The node at `name`, for an edit that is about to change it.
    fn found_at(&mut self, dir: NodeId, name: &[u8]) -> Option<NodeId> {
        self.lookup(dir, name).ok().map(|(node, _)| node)
    }
}

impl FileSystem for HostDir {
    fn root(&self) -> NodeId {
        ROOT
    }

    fn lookup(&mut self, dir: NodeId, name: &[u8]) -> Sys<(NodeId, Attr)> {
        let metadata = self.nodes.dir(dir)?.symlink_metadata(as_path(name)).map_err(errno)?;
        let attr = attr(&metadata);
        Ok((self.nodes.found(dir, name, &metadata, attr), attr))
    }

    fn attr(&mut self, node: NodeId) -> Sys<Attr> {
        match self.fresh_attr(node) {
            // A pinned FIFO or symlink without a name has nothing but what was seen of it.
            Err(Errno::NoEnt) => {
                let node = self.nodes.get(node)?;
                let is_kept = node.removed && node.pins > 0;
                if is_kept { Ok(node.attr) } else { Err(Errno::NoEnt) }
            }
            other => other,
        }
    }

    fn readlink(&mut self, node: NodeId) -> Sys<Vec<u8>> {
        if self.nodes.get(node)?.attr.kind != Kind::Symlink {
            return Err(Errno::Inval);
        }
        let (parent, name) = self.entry_of(node)?;
        let text = self.nodes.dir(parent)?.read_link_contents(as_path(&name)).map_err(errno)?;
        Ok(text.into_os_string().into_vec())
    }

    fn read_at(&mut self, node: NodeId, offset: u64, into: &mut [u8]) -> Sys<usize> {
        if offset > i64::MAX as u64 {
            return Ok(0);
        }
        self.file(node, true, false)?.read_at(into, offset).map_err(errno)
    }

    fn read_dir(&mut self, dir: NodeId, cookie: u64, sink: &mut dyn FnMut(DirEntry) -> bool) -> Sys<()> {
        let previous = std::mem::replace(&mut self.listed, dir);
        if previous != dir {
            self.nodes.close_unpinned(previous);
        }
        if self.nodes.get(dir)?.attr.kind != Kind::Dir {
            return Err(Errno::NotDir);
        }
        if self.nodes.get(dir)?.removed {
            return Ok(());
        }
        if cookie == 0 || self.nodes.get(dir)?.listing.is_none() {
            let listed = HostDir::list(&*self.nodes.dir(dir)?).map_err(errno)?;
            let listing = &mut self.nodes.get(dir)?.listing;
            listing.get_or_insert_with(|| Box::new(Listing::default())).refresh(listed);
        }
        if let Some(listing) = &self.nodes.get(dir)?.listing {
            listing.read(cookie, sink);
        }
        Ok(())
    }

    fn parent(&mut self, dir: NodeId) -> Sys<NodeId> {
        // Of a removed directory too: `..` of a removed working directory still leads out of it.
        Ok(self.nodes.get(dir)?.parent)
    }

    fn name(&mut self, dir: NodeId) -> Sys<Vec<u8>> {
        let node = self.nodes.get(dir)?;
        if node.removed { Err(Errno::NoEnt) } else { Ok(node.name.clone()) }
    }

    fn may_open(&mut self, node: NodeId, read: bool, write: bool) -> Sys<()> {
        self.file(node, read, write).map(drop)
    }

    fn pin(&mut self, node: NodeId) -> Sys<()> {
        let (kind, is_open) = {
            let node = self.nodes.get(node)?;
            (node.attr.kind, node.pins > 0 || matches!(node.handle, Handle::File { .. }))
        };
        if !is_open {
            let handle = match kind {
                Kind::File => self.open_to_keep(node)?,
                Kind::Dir => Handle::Dir(self.nodes.dir(node)?),
                _ => Handle::None,
            };
            self.nodes.get(node)?.handle = handle;
        }
        self.nodes.get(node)?.pins += 1;
        Ok(())
    }

    fn unpin(&mut self, node: NodeId) {
        self.nodes.unpin(node);
    }

    fn statfs(&mut self) -> StatFs {
        // cap-std does not tell; a large, roomy disk is what programs take best.
        let block_size = 4096;
        let blocks = (1 << 40) / block_size;
        let (files, fs_type) = (1 << 24, 0x0102_1994);
        StatFs { block_size, blocks, free: blocks, files, files_free: files, name_max: 255, fs_type }
    }

    fn set_attr(&mut self, node: NodeId, set: SetAttr) -> Sys<()> {
        if !self.writable {
            return Err(Errno::RoFs);
        }
        if set.uid.is_some_and(|uid| uid != OWNER) || set.gid.is_some_and(|gid| gid != OWNER) {
            return Err(Errno::Perm);
        }
        if let Some(size) = set.size {
            if size > i64::MAX as u64 {
                return Err(Errno::FBig);
            }
            self.file(node, false, true)?.set_len(size).map_err(errno)?;
        }
        if let Some(mode) = set.mode {
            self.set_mode(node, mode)?;
        }
        if set.atime.is_some() || set.mtime.is_some() {
            self.set_times(node, set)?;
        }
        Ok(())
    }

    fn write_at(&mut self, node: NodeId, offset: u64, from: &[u8]) -> Sys<usize> {
        if !self.writable {
            return Err(Errno::RoFs);
        }
        if offset.checked_add(from.len() as u64).is_none_or(|end| end > i64::MAX as u64) {
            return Err(Errno::FBig);
        }
        self.file(node, false, true)?.write_at(from, offset).map_err(errno)
    }

    fn create(&mut self, dir: NodeId, name: &[u8], new: NewNode<'_>) -> Sys<NodeId> {
        let parent = self.dir_to_change(dir)?;
        let (path, mode) = (as_path(name), u32::from(new.mode & MODE_MASK));
        match new.kind {
            Kind::File => {
                let mut options = OpenOptions::new();
                options.read(true).write(true).create_new(true).mode(mode);
                let file = parent.open_with(path, &options).map_err(errno)?;
                return self.keep_made(file, dir, name, new.mode);
            }
            Kind::Dir => {
                let mut builder = DirBuilder::new();
                builder.mode(mode);
                parent.create_dir_with(path, &builder).map_err(errno)?;
            }
            Kind::Symlink => {
                parent.symlink_contents(OsStr::from_bytes(new.target), path).map_err(errno)?;
            }
            Kind::CharDevice { .. } | Kind::Fifo => return Err(Errno::Perm),
        }
        let (node, attr) = self.lookup(dir, name)?;
        if new.kind != Kind::Symlink && u32::from(attr.mode) != mode {
            self.set_mode(node, new.mode)?;
        }
        Ok(node)
    }

    fn link(&mut self, node: NodeId, dir: NodeId, name: &[u8]) -> Sys<()> {
        let to = self.dir_to_change(dir)?;
        self.fresh_attr(node)?;
        let (parent, old) = self.entry_of(node).map_err(|e| if e == Errno::IsDir { Errno::Perm } else { e })?;
        let from = self.nodes.dir(parent)?;
        from.hard_link(as_path(&old), &to, as_path(name)).map_err(errno)
    }

    fn unlink(&mut self, dir: NodeId, name: &[u8]) -> Sys<()> {
        let parent = self.dir_to_change(dir)?;
        let (node, attr) = self.lookup(dir, name)?;
        if attr.kind == Kind::Dir {
            return Err(Errno::IsDir);
        }
        parent.remove_file(as_path(name)).map_err(errno)?;
        self.nodes.removed(node, dir, name);
        Ok(())
    }

    fn rmdir(&mut self, dir: NodeId, name: &[u8]) -> Sys<()> {
        let parent = self.dir_to_change(dir)?;
        let node = self.lookup(dir, name)?.0;
        parent.remove_dir(as_path(name)).map_err(errno)?;
        self.nodes.removed(node, dir, name);
        Ok(())
    }

    fn rename(&mut self, from: NodeId, from_name: &[u8], to: NodeId, to_name: &[u8]) -> Sys<()> {
        let (source, target) = (self.dir_to_change(from)?, self.dir_to_change(to)?);
        let moved = self.lookup(from, from_name)?.0;
        let replaced = self.found_at(to, to_name).filter(|node| *node != moved);
        source.rename(as_path(from_name), &target, as_path(to_name)).map_err(errno)?;
        if let Some(node) = replaced {
            self.nodes.removed(node, to, to_name);
        }
        // Finds it under its new name; when both names were one file, nothing has moved and both are right.
        self.found_at(to, to_name);
        Ok(())
    }

    fn sync(&mut self, node: NodeId) -> Sys<()> {
        match &self.nodes.get(node)?.handle {
            Handle::File { file, .. } => file.sync_all().map_err(errno),
            _ => Ok(()),
        }
    }
}
