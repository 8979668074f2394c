//! Three-way merge of trees, path by path.
//!
//! [`merge`] starts from `ours` and applies what `theirs` changed since `base`. Where both changed a path to the same thing they
//! agree; where they differ it is a [`Conflict`], all are named, and nothing is applied. Times never conflict: a file that one
//! side only touched is as the other side has it.

use super::{ChangeKind, Tree};
use crate::base::Errno;

/// A path that both sides changed, differently.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Conflict {
    /// Absolute path.
    pub path: Vec<u8>,
    /// What our side did to it, or to a directory it is in; `None` if nothing.
    pub ours: Option<ChangeKind>,
    /// The same of their side.
    pub theirs: Option<ChangeKind>,
}

/// Why two trees could not be merged. Neither was changed.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum MergeError {
    /// Both sides changed these paths differently: all of them, sorted.
    #[error("{} paths were changed differently on both sides", .0.len())]
    Conflicts(Vec<Conflict>),
    /// A change could not be applied at this path; `Errno::Io` if a stored node could not be read ([`Tree::fault`] says which).
    #[error("merge: {}: {errno:?}", String::from_utf8_lossy(.path))]
    #[allow(missing_docs, reason = "named above")]
    Failed { path: Vec<u8>, errno: Errno },
}

/// `ours` with what `theirs` changed since `base`. Contents are shared, not copied; the cost is that of the changes.
pub fn merge(base: &Tree, ours: &Tree, theirs: &Tree) -> Result<Tree, MergeError> {
    let _ = (base, ours, theirs);
    Err(MergeError::Failed { path: b"/".to_vec(), errno: Errno::NoSys })
}
