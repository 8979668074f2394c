//! Pathname expansion over a directory reader that the shell provides.

/// What kind of thing an entry is, as far as the directory tells.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum EntryKind {
    /// A directory.
    Dir,
    /// A symbolic link, whose target is asked for when it matters.
    Symlink,
    /// Not known: the file itself is asked when it matters.
    Unknown,
    /// Anything else.
    Other,
}

/// One name of a directory.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DirEntry {
    /// The name.
    pub name: Vec<u8>,
    /// Its kind.
    pub kind: EntryKind,
}

/// The files that pathname expansion sees.
pub trait DirReader {
    /// The names in a directory, `.` and `..` included or not; `path` is as the pattern spells it, `.` for the current one.
    /// `None` when it cannot be read.
    fn read_dir(&mut self, path: &[u8]) -> Option<Vec<DirEntry>>;
    /// Does the path exist (a dangling link does)?
    fn exists(&mut self, path: &[u8]) -> bool;
    /// Is it a directory, links followed?
    fn is_dir(&mut self, path: &[u8]) -> bool;
}

/// The shell options that bear on pathname expansion.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct GlobOptions {
    /// `*` matches a leading dot too.
    pub dotglob: bool,
    /// `**` matches through directories.
    pub globstar: bool,
    /// Case does not matter.
    pub nocaseglob: bool,
    /// Extended globs.
    pub extglob: bool,
    /// `.` and `..` never match (`globskipdots`, on by default in bash 5.2).
    pub skipdots: bool,
}

/// The paths that match, sorted as bash does in the C.UTF-8 locale; empty when none does.
pub fn glob(source: &[u8], options: GlobOptions, files: &mut dyn DirReader) -> Vec<Vec<u8>> {
    let _ = (source, options, files);
    todo!()
}
