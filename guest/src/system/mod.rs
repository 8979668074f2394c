//! Everything the shell asks of the outside world, behind six small traits that together are a [`System`].
//!
//! * [`Files`]: names in the file tree: open, stat, access, directories, the working directory, umask.
//! * [`Descriptors`]: open files: read, write, dup, pipe, close-on-exec, seek.
//! * [`Processes`]: children: spawn, exec, wait, kill, ids, and the state blob a subshell starts from.
//! * [`Signals`]: dispositions and taking what arrived.
//! * [`Clock`]: time and random bytes.
//! * [`Environment`]: arguments and environment this process started with.
//!
//! Implementations: `wasi` (the product: coquina_v1 + preview 1), `native` (real Unix calls, to compare the shell with bash on
//! the same files) and `fake` (in memory, for unit tests). Methods take `&self`: like system calls, they act on
//! state that is not ours.

mod errno;
#[cfg(test)]
pub mod fake;
#[cfg(unix)]
pub mod native;
pub mod signal;
#[cfg(target_family = "wasm")]
pub mod wasi;

pub use errno::Errno;

/// A file descriptor number.
pub type Fd = i32;
/// A process id.
pub type Pid = i32;
/// What a system call gives.
pub type Sys<T> = Result<T, Errno>;

/// How to open a file. Exactly one of `read` and `write` may be missing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OpenHow {
    pub read: bool,
    pub write: bool,
    pub create: bool,
    pub exclusive: bool,
    pub truncate: bool,
    pub append: bool,
    pub cloexec: bool,
    /// Do not wait for the other end of a fifo.
    pub nonblock: bool,
}

/// What kind of thing a name or a descriptor refers to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    File,
    Dir,
    Symlink,
    CharDevice,
    BlockDevice,
    Fifo,
    Socket,
    Unknown,
}

/// What `stat` tells; times in nanoseconds since 1970, size in bytes.
#[derive(Clone, Copy, Debug)]
pub struct Stat {
    pub dev: u64,
    pub ino: u64,
    pub kind: FileKind,
    /// The twelve permission bits.
    pub mode: u32,
    pub uid: u32,
    pub gid: u32,
    pub size: u64,
    pub atime: i64,
    pub mtime: i64,
}

/// One name in a directory.
#[derive(Clone, Debug)]
pub struct DirEntry {
    pub name: Vec<u8>,
    pub kind: FileKind,
}

/// Names in the file tree. Relative paths start at the working directory.
pub trait Files {
    fn open(&self, path: &[u8], how: OpenHow, mode: u32) -> Sys<Fd>;
    fn stat(&self, path: &[u8], follow: bool) -> Sys<Stat>;
    fn fstat(&self, fd: Fd) -> Sys<Stat>;
    /// `mode`: 4 read, 2 write, 1 execute, 0 exists; as the effective user.
    fn access(&self, path: &[u8], mode: u32) -> Sys<()>;
    /// The names in a directory, without `.` and `..`, in the order the system gives them.
    fn read_dir(&self, path: &[u8]) -> Sys<Vec<DirEntry>>;
    fn unlink(&self, path: &[u8]) -> Sys<()>;
    fn umask(&self, mask: u32) -> u32;
    fn chdir(&self, path: &[u8]) -> Sys<()>;
    fn getcwd(&self) -> Sys<Vec<u8>>;
}

/// Where a seek starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whence {
    Start,
    Current,
    End,
}

/// Open files.
pub trait Descriptors {
    fn read(&self, fd: Fd, buf: &mut [u8]) -> Sys<usize>;
    fn write(&self, fd: Fd, buf: &[u8]) -> Sys<usize>;
    fn close(&self, fd: Fd) -> Sys<()>;
    /// The lowest free descriptor not below `min`.
    fn dup(&self, fd: Fd, min: Fd, cloexec: bool) -> Sys<Fd>;
    fn dup2(&self, fd: Fd, to: Fd, cloexec: bool) -> Sys<()>;
    /// `(read end, write end)`, both close-on-exec.
    fn pipe(&self) -> Sys<(Fd, Fd)>;
    /// Sets close-on-exec if told, and gives what it was.
    fn cloexec(&self, fd: Fd, set: Option<bool>) -> Sys<bool>;
    fn is_terminal(&self, fd: Fd) -> bool;
    fn seek(&self, fd: Fd, offset: i64, whence: Whence) -> Sys<u64>;
    /// Waits until `fd` is readable, at most `timeout_ns`; false when the time is up.
    fn poll_read(&self, fd: Fd, timeout_ns: u64) -> Sys<bool>;

    /// Writes everything, going on after signals and short writes.
    ///
    /// # Errors
    /// The first error that is not an interruption.
    fn write_all(&self, fd: Fd, mut buf: &[u8]) -> Sys<()> {
        while !buf.is_empty() {
            match self.write(fd, buf) {
                Ok(0) => return Err(Errno::IO),
                Ok(n) => buf = &buf[n..],
                Err(Errno::INTR) => {}
                Err(e) => return Err(e),
            }
        }
        Ok(())
    }
}

/// What happens to the descriptors of a child before it starts, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FdAction {
    /// `dup2` of the child's `src` to `to`; `to` survives the exec.
    Dup {
        src: Fd,
        to: Fd,
    },
    Close(Fd),
}

/// A request to start a program. `argv` and `env` are NUL-terminated strings one after the other.
#[derive(Clone, Debug, Default)]
pub struct Spawn<'a> {
    pub path: &'a [u8],
    pub argv: &'a [u8],
    pub env: &'a [u8],
    pub actions: &'a [FdAction],
    /// Put the child in this process group (0: one of its own).
    pub pgroup: Option<Pid>,
    /// Bytes the child can ask for with [`Processes::blob`].
    pub blob: &'a [u8],
    /// Signals (bit `n - 1`) set to their default in the child.
    pub sig_default: u64,
    /// Signals set to ignored in the child.
    pub sig_ignore: u64,
}

/// How a child ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WaitStatus {
    Exited(i32),
    Signaled(i32),
}

impl WaitStatus {
    /// The value of `$?` for it.
    #[must_use]
    pub fn code(self) -> i32 {
        match self {
            Self::Exited(n) => n,
            Self::Signaled(s) => 128 + s,
        }
    }
}

/// CPU times in nanoseconds.
#[derive(Clone, Copy, Debug, Default)]
pub struct Times {
    pub user: u64,
    pub system: u64,
    pub child_user: u64,
    pub child_system: u64,
}

/// Real and effective ids.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ids {
    pub uid: u32,
    pub euid: u32,
    pub gid: u32,
    pub egid: u32,
}

/// Children and this process itself.
pub trait Processes {
    fn spawn(&self, request: &Spawn) -> Sys<Pid>;
    /// Replaces this program; returns only if that fails.
    fn exec(&self, path: &[u8], argv: &[u8], env: &[u8]) -> Errno;
    /// The program to spawn, with a blob, for a copy of this shell.
    fn self_path(&self) -> &[u8];
    /// Waits for a child (`-1`: any). `None` if `block` is false and none has ended.
    fn wait(&self, pid: Pid, block: bool) -> Sys<Option<(Pid, WaitStatus)>>;
    fn kill(&self, pid: Pid, sig: i32) -> Sys<()>;
    fn getpid(&self) -> Pid;
    fn getppid(&self) -> Pid;
    fn ids(&self) -> Ids;
    fn hostname(&self) -> Vec<u8>;
    fn times(&self) -> Times;
    /// The bytes given by whoever started this process.
    fn blob(&self) -> Vec<u8>;
    /// Leaves bytes for the host, which starts a later shell of the same session with them.
    fn keep(&self, state: &[u8]);
    /// Reports that the shell's own recursion limit was reached; ends the process if the host cares.
    fn limit_recursion(&self, used: u64);
    /// Ends this process.
    fn exit(&self, status: i32) -> !;
}

/// What a signal does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disposition {
    Default,
    Ignore,
    Catch,
}

/// Signals: what is caught waits until it is taken.
pub trait Signals {
    /// Sets what `sig` does, if told, and gives what it did.
    fn disposition(&self, sig: i32, set: Option<Disposition>) -> Sys<Disposition>;
    /// The lowest caught signal that has arrived and was not taken yet.
    fn take(&self) -> Option<i32>;
}

/// Time and chance.
pub trait Clock {
    /// Nanoseconds since 1970.
    fn realtime(&self) -> i64;
    /// Nanoseconds since some fixed moment.
    fn monotonic(&self) -> i64;
    fn random(&self, buf: &mut [u8]);
}

/// What this process was started with.
pub trait Environment {
    fn args(&self) -> Vec<Vec<u8>>;
    /// `NAME=value` strings.
    fn env(&self) -> Vec<Vec<u8>>;
}

/// The whole outside world of the shell.
pub trait System: Files + Descriptors + Processes + Signals + Clock + Environment {}

impl<T: Files + Descriptors + Processes + Signals + Clock + Environment> System for T {}
