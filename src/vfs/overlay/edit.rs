//! Changes of names: made in the upper tree, with whiteouts for what they uncover below.

use super::{Above, Overlay, Place, WHITEOUT};
use crate::base::{Errno, Sys};
use crate::vfs::types::{Attr, Kind, NewNode, NodeId};
use crate::vfs::{FileSystem as _, TreeFs};

impl Overlay {
    /// Makes something under a new name, in the place of a whiteout if one is there.
    pub(super) fn make_in<R>(
        &mut self,
        dir: NodeId,
        name: &[u8],
        make: impl FnOnce(&mut TreeFs, NodeId) -> Sys<R>,
    ) -> Sys<R> {
        match self.lookup(dir, name) {
            Ok(_) => return Err(Errno::Exist),
            Err(Errno::NoEnt) => {}
            Err(errno) => return Err(errno),
        }
        let dir = self.raise(dir)?;
        let was_hidden = self.uncover(dir, name)?;
        let result = make(&mut self.upper, dir);
        if result.is_err() && was_hidden {
            self.cover(dir, name)?;
        }
        result
    }

    /// Puts a whiteout, whether or not there is room: removing must always be possible.
    fn cover(&mut self, dir: NodeId, name: &[u8]) -> Sys<()> {
        let new = NewNode { kind: WHITEOUT, mode: 0, uid: 0, gid: 0, target: b"" };
        self.upper.create_unless_full(dir, name, new, true).map(drop)
    }

    /// Takes a whiteout away; whether there was one.
    fn uncover(&mut self, dir: NodeId, name: &[u8]) -> Sys<bool> {
        let is_hidden = matches!(self.in_upper(dir, name)?, Above::Hidden);
        if is_hidden {
            self.upper.keep_times(dir, |upper| upper.unlink(dir, name))?;
        }
        Ok(is_hidden)
    }

    /// Removes a name: a directory's, or another's.
    pub(super) fn remove(&mut self, dir: NodeId, name: &[u8], is_dir: bool) -> Sys<()> {
        let (node, attr) = self.lookup(dir, name)?;
        match (is_dir, attr.kind == Kind::Dir) {
            (true, false) => return Err(Errno::NotDir),
            (false, true) => return Err(Errno::IsDir),
            (true, true) => self.check_empty(node)?,
            (false, false) => {}
        }
        let dir = self.raise(dir)?;
        let shows_below = self.lookup_below(dir, name).is_ok();
        if let Above::Found(node, _) = self.in_upper(dir, name)? {
            if is_dir {
                self.clear_whiteouts(node)?;
                self.upper.rmdir(dir, name)?;
            } else {
                self.upper.unlink(dir, name)?;
            }
        } else {
            self.note_removed(node);
        }
        if shows_below { self.cover(dir, name) } else { Ok(()) }
    }

    /// Remembers that an open node below has lost its name.
    fn note_removed(&mut self, node: NodeId) {
        if let Place::Lower(node) = self.place(node)
            && self.pins.contains_key(&node)
        {
            self.removed.insert(node);
        }
    }

    fn check_empty(&mut self, dir: NodeId) -> Sys<()> {
        let mut is_empty = true;
        self.list(dir, 0, &mut |_| {
            is_empty = false;
            false
        })?;
        if is_empty { Ok(()) } else { Err(Errno::NotEmpty) }
    }

    /// Takes the whiteouts out of a directory in which nothing shows, and lets nothing show through.
    fn clear_whiteouts(&mut self, dir: NodeId) -> Sys<()> {
        self.upper.set_origin(dir, None)?;
        self.below.remove(&dir);
        let mut names = Vec::new();
        self.upper.read_dir(dir, 0, &mut |entry| {
            names.push(entry.name);
            true
        })?;
        names.iter().try_for_each(|name| self.upper.unlink(dir, name))
    }

    /// Whether `dir` is `ancestor` or below it.
    fn is_within(&mut self, dir: NodeId, ancestor: NodeId) -> bool {
        let root = self.root();
        let mut at = self.place(dir).id();
        while at != ancestor {
            match self.parent(at) {
                Ok(parent) if at != root => at = parent,
                _ => return false,
            }
        }
        true
    }

    /// rename(2).
    pub(super) fn move_entry(&mut self, from: NodeId, from_name: &[u8], to: NodeId, to_name: &[u8]) -> Sys<()> {
        let (source, attr) = self.lookup(from, from_name)?;
        let target = match self.lookup(to, to_name) {
            Err(Errno::NoEnt) => None,
            other => Some(other?),
        };
        if target.is_some_and(|(target, _)| target == source) {
            return Ok(());
        }
        if attr.kind == Kind::Dir && self.is_within(to, source) {
            return Err(Errno::Inval);
        }
        if let Some(target) = target {
            self.check_replace(from, &attr, target)?;
        }
        self.raise(source)?;
        let (from, to) = (self.raise(from)?, self.raise(to)?);
        let shows_below = self.lookup_below(from, from_name).is_ok();
        match (self.in_upper(to, to_name)?, target) {
            (Above::Found(node, attr), _) if attr.kind == Kind::Dir => self.clear_whiteouts(node)?,
            (Above::Nothing, Some((target, _))) => self.note_removed(target),
            _ => {}
        }
        let was_hidden = self.uncover(to, to_name)?;
        let result = self.upper.rename(from, from_name, to, to_name);
        if result.is_err() && was_hidden {
            self.cover(to, to_name)?;
        }
        result?;
        if shows_below { self.cover(from, from_name) } else { Ok(()) }
    }

    /// Whether a rename may replace `target`.
    fn check_replace(&mut self, from: NodeId, source: &Attr, (target, attr): (NodeId, Attr)) -> Sys<()> {
        if attr.kind == Kind::Dir && self.is_within(from, target) {
            return Err(Errno::NotEmpty);
        }
        match (source.kind == Kind::Dir, attr.kind == Kind::Dir) {
            (true, false) => Err(Errno::NotDir),
            (false, true) => Err(Errno::IsDir),
            (true, true) => self.check_empty(target),
            (false, false) => Ok(()),
        }
    }
}
