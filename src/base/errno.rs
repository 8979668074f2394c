//! Error numbers a guest can get: WASI preview 1's, the only numbering in the host.

/// An error number of WASI preview 1 (`errno` in its witx).
///
/// A guest's mistake is a value of this type; a fault of the host is a Rust error.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u16)]
#[rustfmt::skip]
#[allow(missing_docs, reason = "the names are POSIX's")]
pub enum Errno {
    TooBig = 1, Acces = 2, AddrInUse = 3, AddrNotAvail = 4, AfNoSupport = 5, Again = 6, Already = 7, BadF = 8,
    BadMsg = 9, Busy = 10, Canceled = 11, Child = 12, ConnAborted = 13, ConnRefused = 14, ConnReset = 15, Deadlk = 16,
    DestAddrReq = 17, Dom = 18, DQuot = 19, Exist = 20, Fault = 21, FBig = 22, HostUnreach = 23, IdRm = 24,
    IlSeq = 25, InProgress = 26, Intr = 27, Inval = 28, Io = 29, IsConn = 30, IsDir = 31, Loop = 32,
    MFile = 33, MLink = 34, MsgSize = 35, MultiHop = 36, NameTooLong = 37, NetDown = 38, NetReset = 39, NetUnreach = 40,
    NFile = 41, NoBufs = 42, NoDev = 43, NoEnt = 44, NoExec = 45, NoLck = 46, NoLink = 47, NoMem = 48,
    NoMsg = 49, NoProtoOpt = 50, NoSpc = 51, NoSys = 52, NotConn = 53, NotDir = 54, NotEmpty = 55, NotRecoverable = 56,
    NotSock = 57, NotSup = 58, NoTty = 59, NxIo = 60, Overflow = 61, OwnerDead = 62, Perm = 63, Pipe = 64,
    Proto = 65, ProtoNoSupport = 66, ProtoType = 67, Range = 68, RoFs = 69, SPipe = 70, Srch = 71, Stale = 72,
    TimedOut = 73, TxtBsy = 74, XDev = 75, NotCapable = 76,
}

impl Errno {
    /// The number on the wire.
    pub fn raw(self) -> u16 {
        self as u16
    }
}

impl std::fmt::Display for Errno {
    /// In the words of `strerror`; those that files never give by their names.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Errno::Acces => "Permission denied",
            Errno::Busy => "Device or resource busy",
            Errno::DQuot => "Disk quota exceeded",
            Errno::Exist => "File exists",
            Errno::FBig => "File too large",
            Errno::Inval => "Invalid argument",
            Errno::Io => "Input/output error",
            Errno::IsDir => "Is a directory",
            Errno::Loop => "Too many levels of symbolic links",
            Errno::MLink => "Too many links",
            Errno::NameTooLong => "File name too long",
            Errno::NoEnt => "No such file or directory",
            Errno::NoMem => "Cannot allocate memory",
            Errno::NoSpc => "No space left on device",
            Errno::NotDir => "Not a directory",
            Errno::NotEmpty => "Directory not empty",
            Errno::NotSup => "Operation not supported",
            Errno::Perm => "Operation not permitted",
            Errno::RoFs => "Read-only file system",
            Errno::TxtBsy => "Text file busy",
            Errno::XDev => "Invalid cross-device link",
            other => return write!(f, "error {other:?}"),
        })
    }
}

/// The result of a system call.
pub type Sys<T> = Result<T, Errno>;
