//! `test` and `[`: their grammar by number of arguments, and the primaries that `[[ ]]` shares.

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
    /// Device and inode, for `-ef`.
    pub dev: u64,
    /// Inode.
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

/// A malformed test: status 2, the text is what follows `bash: line N: test: ` (or `[: `, `[[: `).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TestError(pub Vec<u8>);

/// `test ARGS`.
pub fn test<A: AsRef<[u8]>>(args: &[A], env: &mut dyn TestEnv) -> Result<bool, TestError> {
    let _ = (args, env);
    todo!()
}

/// `[ ARGS`, whose last one must be `]`.
pub fn bracket<A: AsRef<[u8]>>(args: &[A], env: &mut dyn TestEnv) -> Result<bool, TestError> {
    let _ = (args, env);
    todo!()
}

/// A unary primary by its letter (`b'f'` for `-f`); `None` when there is no such primary. `-t` takes a number's text.
pub fn unary(letter: u8, operand: &[u8], env: &mut dyn TestEnv) -> Option<Result<bool, TestError>> {
    let _ = (letter, operand, env);
    todo!()
}

/// A comparison of two numbers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs, reason = "the names are test's")]
pub enum IntOp {
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
}

impl IntOp {
    /// `-eq` and kin.
    pub fn parse(operator: &[u8]) -> Option<IntOp> {
        let _ = operator;
        todo!()
    }
    /// Compares.
    pub fn apply(self, a: i64, b: i64) -> bool {
        let _ = (a, b);
        todo!()
    }
}

/// A comparison of two files.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FileOp {
    /// `-nt`
    Newer,
    /// `-ot`
    Older,
    /// `-ef`
    Same,
}

impl FileOp {
    /// `-nt`, `-ot`, `-ef`.
    pub fn parse(operator: &[u8]) -> Option<FileOp> {
        let _ = operator;
        todo!()
    }
    /// Compares.
    pub fn apply(self, a: &[u8], b: &[u8], env: &mut dyn TestEnv) -> bool {
        let _ = (a, b, env);
        todo!()
    }
}
