//! Error numbers (preview 1's) and what the C library says about them.

/// An error number as in WASI preview 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Errno(pub u16);

impl Errno {
    pub const TOOBIG: Self = Self(1);
    pub const ACCES: Self = Self(2);
    pub const AGAIN: Self = Self(6);
    pub const BADF: Self = Self(8);
    pub const BUSY: Self = Self(10);
    pub const CHILD: Self = Self(12);
    pub const EXIST: Self = Self(20);
    pub const FAULT: Self = Self(21);
    pub const FBIG: Self = Self(22);
    pub const INTR: Self = Self(27);
    pub const INVAL: Self = Self(28);
    pub const IO: Self = Self(29);
    pub const ISDIR: Self = Self(31);
    pub const LOOP: Self = Self(32);
    pub const MFILE: Self = Self(33);
    pub const NAMETOOLONG: Self = Self(37);
    pub const NFILE: Self = Self(41);
    pub const NOENT: Self = Self(44);
    pub const NOEXEC: Self = Self(45);
    pub const NOMEM: Self = Self(48);
    pub const NOSPC: Self = Self(51);
    pub const NOSYS: Self = Self(52);
    pub const NOTDIR: Self = Self(54);
    pub const NOTSUP: Self = Self(58);
    pub const NOTTY: Self = Self(59);
    pub const NXIO: Self = Self(60);
    pub const PERM: Self = Self(63);
    pub const PIPE: Self = Self(64);
    pub const RANGE: Self = Self(68);
    pub const ROFS: Self = Self(69);
    pub const SPIPE: Self = Self(70);
    pub const SRCH: Self = Self(71);
    pub const TXTBSY: Self = Self(74);

    /// The text `strerror` gives.
    #[must_use]
    pub fn message(self) -> &'static str {
        TABLE.get(usize::from(self.0)).map_or("Unknown error", |entry| entry.1)
    }

    /// From Linux's number.
    #[must_use]
    pub fn from_linux(n: i32) -> Self {
        (0u16..).zip(TABLE.iter()).find(|(_, entry)| entry.0 == n).map_or(Self::IO, |(i, _)| Self(i))
    }
}

/// Linux's number and the message, by preview 1's number.
static TABLE: [(i32, &str); 76] = [
    (0, "Success"),
    (7, "Argument list too long"),
    (13, "Permission denied"),
    (98, "Address already in use"),
    (99, "Cannot assign requested address"),
    (97, "Address family not supported by protocol"),
    (11, "Resource temporarily unavailable"),
    (114, "Operation already in progress"),
    (9, "Bad file descriptor"),
    (74, "Bad message"),
    (16, "Device or resource busy"),
    (125, "Operation canceled"),
    (10, "No child processes"),
    (103, "Software caused connection abort"),
    (111, "Connection refused"),
    (104, "Connection reset by peer"),
    (35, "Resource deadlock avoided"),
    (89, "Destination address required"),
    (33, "Numerical argument out of domain"),
    (122, "Disk quota exceeded"),
    (17, "File exists"),
    (14, "Bad address"),
    (27, "File too large"),
    (113, "No route to host"),
    (43, "Identifier removed"),
    (84, "Invalid or incomplete multibyte or wide character"),
    (115, "Operation now in progress"),
    (4, "Interrupted system call"),
    (22, "Invalid argument"),
    (5, "Input/output error"),
    (106, "Transport endpoint is already connected"),
    (21, "Is a directory"),
    (40, "Too many levels of symbolic links"),
    (24, "Too many open files"),
    (31, "Too many links"),
    (90, "Message too long"),
    (72, "Multihop attempted"),
    (36, "File name too long"),
    (100, "Network is down"),
    (102, "Network dropped connection on reset"),
    (101, "Network is unreachable"),
    (23, "Too many open files in system"),
    (105, "No buffer space available"),
    (19, "No such device"),
    (2, "No such file or directory"),
    (8, "Exec format error"),
    (37, "No locks available"),
    (67, "Link has been severed"),
    (12, "Cannot allocate memory"),
    (42, "No message of desired type"),
    (92, "Protocol not available"),
    (28, "No space left on device"),
    (38, "Function not implemented"),
    (107, "Transport endpoint is not connected"),
    (20, "Not a directory"),
    (39, "Directory not empty"),
    (131, "State not recoverable"),
    (88, "Socket operation on non-socket"),
    (95, "Operation not supported"),
    (25, "Inappropriate ioctl for device"),
    (6, "No such device or address"),
    (75, "Value too large for defined data type"),
    (130, "Owner died"),
    (1, "Operation not permitted"),
    (32, "Broken pipe"),
    (71, "Protocol error"),
    (93, "Protocol not supported"),
    (91, "Protocol wrong type for socket"),
    (34, "Numerical result out of range"),
    (30, "Read-only file system"),
    (29, "Illegal seek"),
    (3, "No such process"),
    (116, "Stale file handle"),
    (110, "Connection timed out"),
    (26, "Text file busy"),
    (18, "Invalid cross-device link"),
];
