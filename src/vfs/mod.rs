//! The file tree: names, inodes, contents, mounts, rights, quotas, snapshots.
//!
//! **What this is.** [`Tree`] is a whole file system as a value: `Clone` is a snapshot or a fork in constant time, and
//! [`Tree::diff`] costs what has changed; so does [`Tree::save`], which gives a store the blobs it lacks, from which [`Tree::load`]
//! reads what is looked at. [`Vfs`] is what one sandbox sees: its root tree and the file systems mounted over it,
//! every call with the permission checks of Unix. [`FileSystem`] is the seam: [`TreeFs`], [`HostDir`], [`Overlay`] here,
//! `/proc` in the kernel.
//!
//! **What is not here.** Processes, file descriptors, offsets, locks, umask, blocking: the kernel's. Devices and FIFOs are
//! only nodes here; what reading them means is the kernel's too.
//!
//! **How it is used.** `let loc = vfs.open(&cred, vfs.root(), b"/tmp/x", flags, 0o644)?; vfs.pin(loc)?;
//! vfs.write_at(loc, 0, b"hi")?; vfs.unpin(loc);`
//!
//! **Where.** `resolve` walks paths, `perm` decides, `paths` and `mounts` are the calls; `tree/` the tree, made of `map`s;
//! `host/` and `overlay/` the other two file systems. `describe`, `text_diff` and `merge` compare and join trees, `archive/` packs them.
//!
//! **Invariants.** Paths are walked in `resolve.rs` and nowhere else (those of a diff are names alone and lead where they say); a
//! [`FileSystem`] sees single names. A [`Loc`] that nobody has pinned is good until the next call that changes the tree. Rights of a
//! mount only narrow.

mod archive;
mod clock;
mod describe;
mod fs;
mod host;
mod map;
mod merge;
mod mounts;
mod overlay;
mod paths;
mod perm;
mod resolve;
#[cfg(test)]
mod tests;
mod text_diff;
mod tree;
mod types;

pub use archive::{ExportError, Exported, ImportError, ImportOptions, Imported, Problem, export, import};
pub use clock::{Clock, ManualClock, SystemClock};
pub use describe::{FileChange, FileState};
pub use fs::FileSystem;
pub use host::HostDir;
pub use merge::{Conflict, MergeError, merge};
pub use mounts::Vfs;
pub use overlay::Overlay;
pub use text_diff::{TextDiff, TextLimits, unified};
pub use tree::{Save, Tree, TreeFs, TreeLoader};
pub use types::{
    Attr, Change, ChangeKind, Cred, DirEntry, Follow, Kind, Loc, MountId, NewNode, NodeId, OpenFlags, ProgramId,
    Rights, SetAttr, SetTime, StatFs, Usage,
};
