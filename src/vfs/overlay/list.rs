//! Listing a directory that has entries above and below.
//!
//! First what is only in the upper tree, then what is below, each downwards by its own cookies; the lowest bit of a cookie
//! tells which. A name below that has a copy above counts as below: copying it up while a program reads must
//! neither lose nor repeat it.

use super::{Overlay, Place, WHITEOUT, shown_ino};
use crate::base::Sys;
use crate::vfs::FileSystem as _;
use crate::vfs::types::{DirEntry, NodeId};

impl Overlay {
    pub(super) fn list(&mut self, dir: NodeId, cookie: u64, sink: &mut dyn FnMut(DirEntry) -> bool) -> Sys<()> {
        let (upper, lower) = match self.place(dir) {
            Place::Lower(lower) => (None, Some(lower)),
            Place::Upper(upper) => (Some(upper), self.below(upper)),
        };
        let is_above = cookie == 0 || cookie & 1 == 1;
        if is_above
            && let Some(upper) = upper
            && !self.list_upper(upper, lower, cookie >> 1, sink)?
        {
            return Ok(());
        }
        match lower {
            Some(lower) => self.list_lower(upper, lower, if is_above { 0 } else { cookie >> 1 }, sink),
            None => Ok(()),
        }
    }

    /// Lists what is in the upper tree only; whether the reader wants more.
    fn list_upper(
        &mut self,
        upper: NodeId,
        lower: Option<NodeId>,
        cookie: u64,
        sink: &mut dyn FnMut(DirEntry) -> bool,
    ) -> Sys<bool> {
        let mut goes_on = true;
        let Overlay { lower: below, upper: above, inos, .. } = self;
        above.read_dir(upper, cookie, &mut |entry| {
            let is_elsewhere = lower.is_some_and(|lower| below.lookup(lower, &entry.name).is_ok());
            if entry.kind == WHITEOUT || is_elsewhere {
                return true;
            }
            let (node, ino) = (Place::Upper(entry.node).id(), shown_ino(inos, entry.node));
            goes_on = sink(DirEntry { node, ino, next: entry.next << 1 | 1, ..entry });
            goes_on
        })?;
        Ok(goes_on)
    }

    /// Lists what is below and not hidden.
    fn list_lower(
        &mut self,
        upper: Option<NodeId>,
        lower: NodeId,
        cookie: u64,
        sink: &mut dyn FnMut(DirEntry) -> bool,
    ) -> Sys<()> {
        let Overlay { lower: below, upper: above, inos, .. } = self;
        below.read_dir(lower, cookie, &mut |entry| {
            let next = entry.next << 1;
            match upper.map(|upper| above.lookup(upper, &entry.name)) {
                Some(Ok((_, attr))) if attr.kind == WHITEOUT => true,
                Some(Ok((node, attr))) => {
                    let (id, ino) = (Place::Upper(node).id(), shown_ino(inos, node));
                    sink(DirEntry { node: id, ino, kind: attr.kind, next, ..entry })
                }
                _ => sink(DirEntry { node: NodeId(0), next, ..entry }),
            }
        })
    }
}
