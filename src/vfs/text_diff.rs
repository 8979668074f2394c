//! The unified text diff of one path between two trees, bounded in size and time.

use super::Tree;
use crate::base::Sys;

/// How much [`unified`] looks at and answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TextLimits {
    /// Largest file compared, in bytes.
    pub file_bytes: u64,
    /// Most lines of a file compared.
    pub lines: usize,
    /// Largest diff, in bytes.
    pub output_bytes: usize,
    /// Unchanged lines shown around a change.
    pub context: usize,
}

impl Default for TextLimits {
    fn default() -> Self {
        TextLimits { file_bytes: 1 << 20, lines: 20_000, output_bytes: 1 << 20, context: 3 }
    }
}

/// How the text at a path differs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum TextDiff {
    /// A unified diff with git's headers; empty if the text is the same, or neither tree has a file or symlink there.
    Text(Vec<u8>),
    /// One of the files is not text.
    Binary,
    /// A file, or the diff, is beyond [`TextLimits`].
    TooLarge,
}

/// How the file at `path` differs between two trees. A symlink's text is its target; it is not followed.
pub fn unified(old: &Tree, new: &Tree, path: &[u8], limits: &TextLimits) -> Sys<TextDiff> {
    let _ = (old, new, path, limits);
    Err(crate::base::Errno::NoSys)
}
