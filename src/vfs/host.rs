//! A host directory as a mounted file system.

/// A host directory as a mounted file system, held as a capability: nothing outside it can be reached.
pub struct HostDir {}

#[allow(unused_variables, reason = "signatures published ahead of the bodies")]
impl HostDir {
    /// `writable` false refuses every change with `RoFs`, whatever the mount's rights.
    pub fn new(dir: cap_std::fs::Dir, writable: bool) -> HostDir {
        todo!()
    }
}

#[allow(unused_variables, reason = "signatures published ahead of the bodies")]
impl super::FileSystem for HostDir {
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
