//! Shell patterns (`*`, `?`, `[…]`, extended globs) and pathname expansion.
//!
//! A pattern's source is bytes in which a backslash makes the next character ordinary: the shell escapes what was quoted.

mod glob;
pub use glob::{DirEntry, DirReader, EntryKind, GlobOptions, glob};

/// How a pattern is read.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Flags {
    /// `?( *( +( @( !(` are operators (`shopt -s extglob`; always in `[[ == ]]`).
    pub extglob: bool,
    /// Case does not matter (`nocasematch`, `nocaseglob`).
    pub nocase: bool,
}

/// Which of several matches is wanted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Extent {
    /// The longest.
    Longest,
    /// The shortest.
    Shortest,
}

/// A compiled pattern.
#[derive(Clone, Debug)]
pub struct Pattern {}

#[allow(unused_variables)]
impl Pattern {
    /// Compiles `source`. Every text is a pattern: what is malformed stands for itself.
    pub fn new(source: &[u8], flags: Flags) -> Pattern {
        Pattern {}
    }
    /// Does it match the whole text?
    pub fn matches(&self, text: &[u8]) -> bool {
        todo!()
    }
    /// The end of a match that begins at 0 (`${v#p}`).
    pub fn match_prefix(&self, text: &[u8], extent: Extent) -> Option<usize> {
        todo!()
    }
    /// The start of a match that ends at the end (`${v%p}`).
    pub fn match_suffix(&self, text: &[u8], extent: Extent) -> Option<usize> {
        todo!()
    }
    /// The leftmost longest match that begins at `from` or later (`${v/p/r}`); it may be empty.
    pub fn find(&self, text: &[u8], from: usize) -> Option<(usize, usize)> {
        todo!()
    }
}

/// Does `source` have an unescaped special character, so that it may match anything but itself?
pub fn has_magic(source: &[u8], flags: Flags) -> bool {
    let _ = (source, flags);
    todo!()
}

/// Removes the escaping backslashes: what the word is when it is no pattern.
pub fn unescape(source: &[u8]) -> Vec<u8> {
    let _ = source;
    todo!()
}

/// Appends `text` to a pattern's source so that it matches itself.
pub fn escape_into(text: &[u8], source: &mut Vec<u8>) {
    let _ = (text, source);
    todo!()
}
