//! Writing an archive: ustar members, with pax records where ustar's fields do not suffice.

use crate::base::Errno;
use crate::vfs::Tree;
use std::io::{self, Write};

/// What was written.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Exported {
    /// Members written.
    pub members: u64,
    /// Bytes of file content written.
    pub bytes: u64,
    /// Paths of devices, which are left out.
    pub skipped: Vec<Vec<u8>>,
}

/// Why an archive was not written, or not wholly.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the fields are named in the messages")]
pub enum ExportError {
    /// Nothing is there, or it cannot be read.
    #[error("export: {}: {errno}", String::from_utf8_lossy(.path))]
    Path { path: Vec<u8>, errno: Errno },
    /// The writer failed.
    #[error("export: {0}")]
    Write(#[from] io::Error),
}

/// Writes what is at `path` (a directory with all below it) as a tar archive that GNU tar reads.
///
/// Names in it are relative to `path` (`./…`), or for anything but a directory its last name. Modes, owners, times to the nanosecond,
/// hard links, symlinks, FIFOs and holes are kept; devices are left out and listed.
pub fn export(tree: &Tree, path: &[u8], writer: &mut dyn Write) -> Result<Exported, ExportError> {
    let _ = (tree, writer);
    Err(ExportError::Path { path: path.to_vec(), errno: Errno::NoSys })
}
