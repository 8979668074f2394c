//! The seam: one mounted file system.

use super::Tree;
use super::types::{Attr, DirEntry, Kind, NewNode, NodeId, ProgramId, SetAttr, StatFs};
use crate::base::{Errno, Sys};
use bytes::Bytes;

/// A mounted file system: plain inode operations on nodes and single names, no paths, no permission checks, no symlink
/// is ever followed.
///
/// A name never is empty, `.` or `..`, holds no `/` and no NUL, and is no longer than 255 bytes: `Vfs` checks. A file
/// system must check that a node is of the right kind (`NotDir`, `IsDir`, `Inval`) and that it still exists (`NoEnt`).
/// A node stays readable and writable after its last name is gone for as long as it is pinned.
///
/// The changing calls default to `RoFs`, so that a read-only file system such as `/proc` implements the first part only.
pub trait FileSystem: Send {
    /// The root directory.
    fn root(&self) -> NodeId;
    /// The node that `name` in `dir` names, with its attributes.
    fn lookup(&mut self, dir: NodeId, name: &[u8]) -> Sys<(NodeId, Attr)>;
    /// The node's attributes. `dev` is overwritten by `Vfs`.
    fn attr(&mut self, node: NodeId) -> Sys<Attr>;
    /// The text of a symlink; `Inval` for others.
    fn readlink(&mut self, node: NodeId) -> Sys<Vec<u8>>;
    /// Where a symlink leads directly, if that cannot be said as text (`/proc/self/fd/3`). `Vfs` follows it unless told not to.
    fn jump(&mut self, _node: NodeId) -> Option<super::Loc> {
        None
    }
    /// Reads content from `offset`; 0 at the end of the file.
    fn read_at(&mut self, node: NodeId, offset: u64, into: &mut [u8]) -> Sys<usize>;
    /// Lists a directory: from its start with `cookie` 0, else after the entry whose `next` it was. Ends when `sink` answers `false` (that
    /// entry counts as not taken) or at the end. Entries made or removed meanwhile may or may not be seen; any other is seen exactly once.
    fn read_dir(&mut self, dir: NodeId, cookie: u64, sink: &mut dyn FnMut(DirEntry) -> bool) -> Sys<()>;
    /// The directory that `dir` is in; the root's is the root. `NoEnt` if it was removed.
    fn parent(&mut self, dir: NodeId) -> Sys<NodeId>;
    /// The name of directory `dir` in its parent.
    fn name(&mut self, dir: NodeId) -> Sys<Vec<u8>> {
        let parent = self.parent(dir)?;
        let mut names = Vec::new();
        self.read_dir(parent, 0, &mut |entry| {
            names.push(entry.name);
            true
        })?;
        let is_it = |name: &Vec<u8>| self.lookup(parent, name).is_ok_and(|(node, _)| node == dir);
        names.into_iter().find(is_it).ok_or(Errno::NoEnt)
    }
    /// Whether a file can be opened so: asked after the permission bits, for a file system that has a say of its own.
    fn may_open(&mut self, _node: NodeId, _read: bool, _write: bool) -> Sys<()> {
        Ok(())
    }
    /// Keeps a node alive: one more user. Fails if the host will not let it be opened.
    fn pin(&mut self, _node: NodeId) -> Sys<()> {
        Ok(())
    }
    /// One user less.
    fn unpin(&mut self, _node: NodeId) {}
    /// The compiled module the file's content stands for, unless it was written to.
    fn program(&mut self, _node: NodeId) -> Option<ProgramId> {
        None
    }
    /// The whole content without copying it, where that can be had.
    fn bytes(&mut self, _node: NodeId) -> Option<Bytes> {
        None
    }
    /// Size and space.
    fn statfs(&mut self) -> StatFs;
    /// The tree that holds what was changed, where the file system keeps it in one.
    fn changes(&self) -> Option<Tree> {
        None
    }

    /// Changes attributes.
    fn set_attr(&mut self, _node: NodeId, _set: SetAttr) -> Sys<()> {
        Err(Errno::RoFs)
    }
    /// Writes content at `offset`; a gap before it becomes a hole. Writes less only when space runs out midway.
    fn write_at(&mut self, _node: NodeId, _offset: u64, _from: &[u8]) -> Sys<usize> {
        Err(Errno::RoFs)
    }
    /// Makes a node; `Exist` if the name is taken.
    fn create(&mut self, _dir: NodeId, _name: &[u8], _new: NewNode<'_>) -> Sys<NodeId> {
        Err(Errno::RoFs)
    }
    /// Gives a node (no directory: `Perm`) one more name.
    fn link(&mut self, _node: NodeId, _dir: NodeId, _name: &[u8]) -> Sys<()> {
        Err(Errno::RoFs)
    }
    /// Removes a name that is not a directory's (`IsDir`).
    fn unlink(&mut self, _dir: NodeId, _name: &[u8]) -> Sys<()> {
        Err(Errno::RoFs)
    }
    /// Removes an empty directory.
    fn rmdir(&mut self, _dir: NodeId, _name: &[u8]) -> Sys<()> {
        Err(Errno::RoFs)
    }
    /// Renames as rename(2), replacing what `to_name` names. Both names of one node: nothing happens.
    fn rename(&mut self, _from: NodeId, _from_name: &[u8], _to: NodeId, _to_name: &[u8]) -> Sys<()> {
        Err(Errno::RoFs)
    }
    /// Makes content durable, where that means something.
    fn sync(&mut self, _node: NodeId) -> Sys<()> {
        Ok(())
    }
    /// First offset >= `offset` with data; `NxIo` past the end.
    fn seek_data(&mut self, node: NodeId, offset: u64) -> Sys<u64> {
        let size = self.attr(node)?.size;
        if offset < size { Ok(offset) } else { Err(Errno::NxIo) }
    }
    /// First offset >= `offset` in a hole; the end is one. `NxIo` past the end.
    fn seek_hole(&mut self, node: NodeId, offset: u64) -> Sys<u64> {
        let size = self.attr(node)?.size;
        if offset < size { Ok(size) } else { Err(Errno::NxIo) }
    }
    /// What the node is.
    fn kind(&mut self, node: NodeId) -> Sys<Kind> {
        Ok(self.attr(node)?.kind)
    }
}
