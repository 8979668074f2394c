//! Copy on write over a host directory.

use super::{HostDir, Tree};
use crate::base::Limits;

/// A host directory that is only read, under a [`Tree`] that takes every change.
pub struct Overlay {}

#[allow(unused_variables, reason = "signatures published ahead of the bodies")]
impl Overlay {
    /// `upper` is the changes so far ([`Tree::new`] for none); its quota is that of `limits`.
    pub fn new(lower: HostDir, upper: Tree, limits: &Limits) -> Overlay {
        todo!()
    }
    /// The changes so far: give them to another overlay over the same directory.
    pub fn upper(&self) -> Tree {
        todo!()
    }
}

#[allow(unused_variables, reason = "signatures published ahead of the bodies")]
impl super::FileSystem for Overlay {
    fn root(&self) -> super::NodeId {
        todo!()
    }
    fn lookup(
        &mut self,
        dir: super::NodeId,
        name: &[u8],
    ) -> crate::base::Sys<(super::NodeId, super::Attr)> {
        todo!()
    }
    fn attr(&mut self, node: super::NodeId) -> crate::base::Sys<super::Attr> {
        todo!()
    }
    fn readlink(&mut self, node: super::NodeId) -> crate::base::Sys<Vec<u8>> {
        todo!()
    }
    fn read_at(
        &mut self,
        node: super::NodeId,
        offset: u64,
        into: &mut [u8],
    ) -> crate::base::Sys<usize> {
        todo!()
    }
    fn read_dir(
        &mut self,
        dir: super::NodeId,
        cookie: u64,
        sink: &mut dyn FnMut(super::DirEntry) -> bool,
    ) -> crate::base::Sys<()> {
        todo!()
    }
    fn parent(&mut self, dir: super::NodeId) -> crate::base::Sys<super::NodeId> {
        todo!()
    }
    fn statfs(&mut self) -> super::StatFs {
        todo!()
    }
}
