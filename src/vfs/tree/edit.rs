//! The edits of a tree's names: each leaves names, links, counts and usage in step, or changes nothing.

use super::dir::Entry;
use super::inode::{Inode, LINKS_MAX};
use super::{ROOT, Tree};
use crate::base::{Errno, Sys};
use crate::vfs::types::{Kind, NewNode};
use std::sync::Arc;

/// What an edit took the last name of: no longer in the tree.
pub(super) type Removed = Option<(u64, Arc<Inode>)>;

impl Tree {
    /// Makes a node under a new name; its number.
    pub(super) fn create(&mut self, dir: u64, name: &[u8], new: &NewNode<'_>, now: i64) -> Sys<u64> {
        if self.find(dir, name)?.is_some() {
            return Err(Errno::Exist);
        }
        let ino = self.last_ino + 1;
        let mut inode = Inode::new(new, now);
        let cookie = self.insert_entry(dir, name.into(), ino, new.kind)?;
        inode.links.add((dir, cookie));
        self.used.files += 1;
        self.used.bytes += inode.bytes();
        let inserted = self.inodes.insert(ino, Arc::new(inode));
        self.read(inserted)?;
        self.last_ino = ino;
        self.touch(dir, now);
        Ok(ino)
    }

    /// Gives a file one more name.
    pub(super) fn link(&mut self, ino: u64, dir: u64, name: &[u8], now: i64) -> Sys<()> {
        let inode = self.inode(ino)?;
        let (kind, links) = (inode.kind(), inode.links.count());
        if self.find(dir, name)?.is_some() {
            return Err(Errno::Exist);
        }
        match kind {
            Kind::Dir => return Err(Errno::Perm),
            _ if links >= LINKS_MAX => return Err(Errno::MLink),
            _ => {}
        }
        let cookie = self.insert_entry(dir, name.into(), ino, kind)?;
        let inode = self.inode_mut(ino)?;
        inode.links.add((dir, cookie));
        inode.meta.ctime = now;
        self.used.files += 1;
        self.touch(dir, now);
        Ok(())
    }

    /// Removes the name of anything but a directory.
    pub(super) fn unlink(&mut self, dir: u64, name: &[u8], now: i64) -> Sys<Removed> {
        let (cookie, entry) = self.find(dir, name)?.ok_or(Errno::NoEnt)?;
        let (ino, kind) = (entry.ino, entry.kind);
        if kind == Kind::Dir {
            return Err(Errno::IsDir);
        }
        self.remove_entry(dir, cookie)?;
        self.touch(dir, now);
        self.drop_link(ino, (dir, cookie), now)
    }

    /// Removes an empty directory.
    pub(super) fn rmdir(&mut self, dir: u64, name: &[u8], now: i64) -> Sys<Removed> {
        let (cookie, entry) = self.find(dir, name)?.ok_or(Errno::NoEnt)?;
        let ino = entry.ino;
        if !self.dir(ino)?.is_empty() {
            return Err(Errno::NotEmpty);
        }
        self.remove_entry(dir, cookie)?;
        self.touch(dir, now);
        self.drop_link(ino, (dir, cookie), now)
    }

    /// Renames, replacing what has the new name.
    pub(super) fn rename(&mut self, from: u64, from_name: &[u8], to: u64, to_name: &[u8], now: i64) -> Sys<Removed> {
        let (from_cookie, entry) = self.find(from, from_name)?.ok_or(Errno::NoEnt)?;
        let (ino, kind) = (entry.ino, entry.kind);
        let target = self.find(to, to_name)?.map(|(cookie, entry)| (cookie, entry.ino, entry.kind));
        if target.is_some_and(|(_, other, _)| other == ino) {
            return Ok(None);
        }
        if kind == Kind::Dir && self.is_within(to, ino) {
            return Err(Errno::Inval);
        }
        if let Some((_, other, other_kind)) = target {
            if other_kind == Kind::Dir && self.is_within(from, other) {
                return Err(Errno::NotEmpty);
            }
            match (kind == Kind::Dir, other_kind == Kind::Dir) {
                (true, false) => return Err(Errno::NotDir),
                (false, true) => return Err(Errno::IsDir),
                (true, true) if !self.dir(other)?.is_empty() => return Err(Errno::NotEmpty),
                _ => {}
            }
        }
        let entry = self.remove_entry(from, from_cookie)?;
        let mut removed = None;
        let cookie = match target {
            Some((cookie, other, _)) => {
                let replaced = self.dir_mut(to)?.replace(cookie, ino, kind);
                self.read(replaced)?;
                removed = self.drop_link(other, (to, cookie), now)?;
                cookie
            }
            None => {
                let name = if *entry.name == *to_name { entry.name } else { to_name.into() };
                self.insert_entry(to, name, ino, kind)?
            }
        };
        let inode = self.inode_mut(ino)?;
        inode.links.remove((from, from_cookie));
        inode.links.add((to, cookie));
        inode.meta.ctime = now;
        self.touch(from, now);
        self.touch(to, now);
        Ok(removed)
    }

    /// The directory that a node is in, or one of them; the root is in itself.
    pub(super) fn parent(&self, ino: u64) -> Sys<u64> {
        if ino == ROOT {
            return Ok(ROOT);
        }
        let link = self.inode(ino)?.links.iter().next();
        Ok(link.ok_or(Errno::NoEnt)?.0)
    }

    /// Whether `dir` is `ancestor` or below it.
    fn is_within(&self, mut dir: u64, ancestor: u64) -> bool {
        while dir != ancestor {
            match self.parent(dir) {
                Ok(parent) if dir != ROOT => dir = parent,
                _ => return false,
            }
        }
        true
    }

    fn insert_entry(&mut self, dir: u64, name: Arc<[u8]>, ino: u64, kind: Kind) -> Sys<u64> {
        let inserted = self.dir_mut(dir)?.insert(name, ino, kind);
        self.read(inserted)
    }

    fn remove_entry(&mut self, dir: u64, cookie: u64) -> Sys<Entry> {
        let removed = self.dir_mut(dir)?.remove(cookie);
        self.read(removed)?.ok_or(Errno::NoEnt)
    }

    /// Takes one name from an inode; with the last the inode leaves the tree.
    fn drop_link(&mut self, ino: u64, link: (u64, u64), now: i64) -> Sys<Removed> {
        let inode = self.inode_mut(ino)?;
        inode.links.remove(link);
        inode.meta.ctime = now;
        let (left, bytes) = (inode.links.count(), inode.bytes());
        self.used.files = self.used.files.saturating_sub(1);
        if left > 0 {
            return Ok(None);
        }
        self.used.bytes = self.used.bytes.saturating_sub(bytes);
        let removed = self.inodes.remove(ino);
        Ok(self.read(removed)?.map(|inode| (ino, inode)))
    }

    /// Notes that a directory has changed.
    fn touch(&mut self, dir: u64, now: i64) {
        if let Ok(inode) = self.inode_mut(dir) {
            (inode.meta.mtime, inode.meta.ctime) = (now, now);
        }
    }
}
