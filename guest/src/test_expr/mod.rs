//! `test` and `[`: their grammar by number of arguments, and the primaries that `[[ ]]` shares.

mod grammar;
mod primary;
#[cfg(test)]
mod tests;

pub use grammar::{bracket, test};
pub use primary::{FileOp, IntOp, parse_integer, unary};

/// What `stat` tells, as far as tests ask.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Stat {
    /// File type and permission bits as in Unix (`0o100644`).
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Bytes.
    pub size: u64,
    /// Device, for `-ef`.
    pub dev: u64,
    /// Inode, for `-ef`.
    pub ino: u64,
    /// Last access, ns since 1970.
    pub atime: i64,
    /// Last modification, ns since 1970.
    pub mtime: i64,
}

/// What `access` is asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Access {
    /// `-r`
    Read,
    /// `-w`
    Write,
    /// `-x`
    Exec,
}

/// The world that tests look at.
pub trait TestEnv {
    /// The file, links followed. `/dev/fd/N` and `/dev/stdin` are the shell's to resolve.
    fn stat(&mut self, path: &[u8]) -> Option<Stat>;
    /// The file or the link itself.
    fn lstat(&mut self, path: &[u8]) -> Option<Stat>;
    /// May the process do this?
    fn access(&mut self, path: &[u8], access: Access) -> bool;
    /// Is the descriptor a terminal?
    fn isatty(&mut self, fd: i32) -> bool;
    /// `-v NAME`, `-v NAME[SUBSCRIPT]`.
    fn var_is_set(&mut self, name: &[u8]) -> bool;
    /// `-R NAME`.
    fn var_is_nameref(&mut self, name: &[u8]) -> bool;
    /// `-o OPTION`.
    fn option_is_set(&mut self, name: &[u8]) -> bool;
    /// Effective user and group.
    fn ids(&mut self) -> (u32, u32);
}

/// A malformed test: status 2, the text is what follows `bash: line N: test: ` (or `[: `).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TestError(pub Vec<u8>);

impl TestError {
    fn new(parts: &[&[u8]]) -> TestError {
        TestError(parts.concat())
    }
}
