//! A [`Tree`] as a mounted file system.

use super::{Clock, Tree};
use crate::base::Limits;
use std::sync::Arc;

/// A [`Tree`] as a mounted file system, with a quota.
pub struct TreeFs {}

#[allow(unused_variables, reason = "signatures published ahead of the bodies")]
impl TreeFs {
    /// A tree whose growth beyond its base `limits` bounds.
    pub fn new(tree: Tree, limits: &Limits, clock: Arc<dyn Clock>) -> TreeFs {
        todo!()
    }
    /// The tree as it now is, in constant time.
    pub fn snapshot(&self) -> Tree {
        todo!()
    }
}

#[allow(unused_variables, reason = "signatures published ahead of the bodies")]
impl super::FileSystem for TreeFs {
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
