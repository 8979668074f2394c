//! Snapshots: a sandbox's state as a value.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::kernel::{Pid, SessionIds};
use crate::vfs::Tree;

/// An immutable state of a sandbox: its tree and its shell session. Taking one costs the same whatever is in it.
#[derive(Clone)]
pub struct Snapshot {
    pub(super) tree: Tree,
    /// What copy-on-write mounts hold, by the directory they are at.
    pub(super) changes: BTreeMap<String, Tree>,
    pub(super) session: Option<Session>,
}

/// What the shell of a session left for the next one: a version, the ids to go on with, the shell's own state.
#[derive(Clone)]
pub(super) struct Session(Bytes);

/// The first byte.
const VERSION: u8 = 1;
/// Bytes before the shell's state: version and ids.
const HEAD: usize = 9;

impl Snapshot {
    /// A state put together from what [`Snapshot::tree`] and [`Snapshot::session`] once gave. A session that was not given by this version is
    /// none; copy-on-write mounts start without changes.
    pub fn new(tree: Tree, session: Option<Bytes>) -> Snapshot {
        Snapshot { tree, changes: BTreeMap::new(), session: session.and_then(Session::decode) }
    }

    /// The files.
    pub fn tree(&self) -> &Tree {
        &self.tree
    }

    /// The shell session, as bytes that only mean something to [`Snapshot::new`]; `None` if there has not been one.
    pub fn session(&self) -> Option<&Bytes> {
        self.session.as_ref().map(|session| &session.0)
    }
}

impl Session {
    pub fn new(ids: SessionIds, state: &[u8]) -> Session {
        let [shell, last] = [ids.shell, ids.last].map(|pid| pid.0.to_le_bytes());
        Session([&[VERSION][..], &shell, &last, state].concat().into())
    }

    fn decode(bytes: Bytes) -> Option<Session> {
        (bytes.len() >= HEAD && bytes[0] == VERSION).then_some(Session(bytes))
    }

    pub fn ids(&self) -> SessionIds {
        let pid = |at: usize| Pid(i32::from_le_bytes([0, 1, 2, 3].map(|i| self.0[at + i])));
        SessionIds { shell: pid(1), last: pid(5) }
    }

    /// The shell's own state.
    pub fn state(&self) -> Bytes {
        self.0.slice(HEAD..)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sessions_survive_as_bytes() {
        let ids = SessionIds { shell: Pid(2), last: Pid(70_000) };
        let bytes = Session::new(ids, b"state").0;
        let session = Snapshot::new(Tree::new(), Some(bytes.clone())).session;
        assert!(session.is_some_and(|s| s.ids() == ids && s.state() == b"state"[..]));
        assert_eq!(Snapshot::new(Tree::new(), Some(bytes.clone())).session(), Some(&bytes));
        for bad in [Bytes::new(), bytes.slice(..8), Bytes::from_static(b"\x02\0\0\0\0\0\0\0\0state")] {
            assert!(Snapshot::new(Tree::new(), Some(bad)).session.is_none());
        }
    }
}
