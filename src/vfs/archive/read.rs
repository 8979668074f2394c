//! Reading an archive into a tree: all of it or nothing.

use crate::base::{Errno, Limits};
use crate::vfs::Tree;
use std::io::{self, Read};

/// How an archive is imported.
#[derive(Clone, Debug)]
pub struct ImportOptions {
    /// What the tree may hold afterwards (`tree_bytes`, `tree_files`) and how long paths and names may be.
    pub limits: Limits,
    /// User and group of everything made; the archive's if `None`.
    pub owner: Option<(u32, u32)>,
    /// The time it is, in nanoseconds since 1970: when what is made was last changed (`ctime`).
    pub now: i64,
}

/// What was imported.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Imported {
    /// Members of the archive.
    pub members: u64,
    /// Bytes of file content.
    pub bytes: u64,
}

/// Why an archive was refused: the tree is as it was.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the fields are named in the messages")]
pub enum ImportError {
    /// `at` is no directory.
    #[error("import: {}: {errno}", String::from_utf8_lossy(.at))]
    At { at: Vec<u8>, errno: Errno },
    /// The reader failed.
    #[error("import: {0}")]
    Read(#[from] io::Error),
}

/// Unpacks a tar archive (ustar, pax or GNU; not compressed) below the directory `at`: all of it or nothing.
pub fn import(
    tree: &mut Tree,
    at: &[u8],
    reader: &mut dyn Read,
    options: &ImportOptions,
) -> Result<Imported, ImportError> {
    let _ = (tree, reader, options);
    Err(ImportError::At { at: at.to_vec(), errno: Errno::NoSys })
}
