//! The words of the file tree: plain data, no behaviour to speak of.

/// A node of one file system. Good while the node is pinned, or until the next change of the file system.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct NodeId(pub u64);

/// A mounted file system; 0 is the root tree.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct MountId(pub u32);

/// A node of a mounted file system: what a path resolves to.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Loc {
    /// The mount.
    pub mount: MountId,
    /// The node in it.
    pub node: NodeId,
}

/// Content hash of a compiled-module blob of the image that a file stands for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct ProgramId(pub [u8; 32]);

/// Who asks. User 0 passes the permission checks (not those of a mount's [`Rights`]).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Cred {
    /// Effective user.
    pub uid: u32,
    /// Effective group.
    pub gid: u32,
}

impl Cred {
    /// User and group 0.
    pub const ROOT: Cred = Cred { uid: 0, gid: 0 };
}

/// What a node is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[allow(missing_docs, reason = "named as in stat(2)")]
pub enum Kind {
    File,
    Dir,
    Symlink,
    CharDevice { major: u32, minor: u32 },
    Fifo,
}

/// What `stat` tells. Times are nanoseconds since 1970.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Attr {
    /// What the node is.
    pub kind: Kind,
    /// The 12 permission bits.
    pub mode: u16,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Names of a file; 2 + subdirectories of a directory.
    pub nlink: u64,
    /// Bytes of content; of a symlink, of its target.
    pub size: u64,
    /// Allocated units of 512 bytes.
    pub blocks: u64,
    /// Last access: set at creation and by [`SetAttr`], not by reads (as with `noatime`).
    pub atime: i64,
    /// Last change of the content.
    pub mtime: i64,
    /// Last change of the node.
    pub ctime: i64,
    /// Inode number.
    pub ino: u64,
    /// File system number; differs between mounts.
    pub dev: u64,
}

/// A time to set.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SetTime {
    /// The clock's time.
    Now,
    /// Nanoseconds since 1970.
    At(i64),
}

/// What to change of a node; `None` leaves it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[allow(missing_docs, reason = "named as in Attr")]
pub struct SetAttr {
    pub mode: Option<u16>,
    pub uid: Option<u32>,
    pub gid: Option<u32>,
    pub size: Option<u64>,
    pub atime: Option<SetTime>,
    pub mtime: Option<SetTime>,
}

/// One entry of a directory. `.` and `..` are not among them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DirEntry {
    /// The name.
    pub name: Vec<u8>,
    /// The node it names; 0 where only a lookup tells.
    pub node: NodeId,
    /// That node's inode number.
    pub ino: u64,
    /// That node's kind.
    pub kind: Kind,
    /// Cookie to go on after this entry with; never 0.
    pub next: u64,
}

/// What a mount allows. Only ever narrowed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rights {
    /// Contents, names and attributes may be read.
    pub read: bool,
    /// Anything may be changed.
    pub write: bool,
}

impl Rights {
    /// Everything.
    pub const READ_WRITE: Rights = Rights { read: true, write: true };
    /// No changes.
    pub const READ_ONLY: Rights = Rights { read: true, write: false };

    /// What both allow.
    #[must_use]
    pub fn narrow(self, other: Rights) -> Rights {
        Rights { read: self.read && other.read, write: self.write && other.write }
    }
}

/// A node to be created. `mode` is final: the umask is the kernel's.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NewNode<'a> {
    /// What to create.
    pub kind: Kind,
    /// The 12 permission bits.
    pub mode: u16,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Text of a symlink; empty for others.
    pub target: &'a [u8],
}

/// How a file is opened.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[allow(clippy::struct_excessive_bools, reason = "they are open(2)'s flags")]
pub struct OpenFlags {
    /// For reading.
    pub read: bool,
    /// For writing.
    pub write: bool,
    /// `O_CREAT`.
    pub create: bool,
    /// `O_EXCL`: with `create`, the name must be new.
    pub excl: bool,
    /// `O_TRUNC`.
    pub trunc: bool,
    /// `O_DIRECTORY`.
    pub directory: bool,
    /// `O_NOFOLLOW`: a symlink as the last name is `ELOOP`.
    pub nofollow: bool,
    /// `O_APPEND`: only noted; the kernel appends.
    pub append: bool,
}

/// Whether a symlink in the last place of a path is followed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Follow {
    /// It is.
    Last,
    /// It is the result itself.
    NoLast,
}

/// What `statfs` tells. Sizes in blocks of `block_size` bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs, reason = "named as in statfs(2)")]
pub struct StatFs {
    pub block_size: u64,
    pub blocks: u64,
    pub free: u64,
    pub files: u64,
    pub files_free: u64,
    pub name_max: u64,
    /// Linux's magic number of the type.
    pub fs_type: u64,
}

/// What a tree holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Usage {
    /// Allocated content in pages of 4 KiB (holes are free), plus the texts of symlinks, in bytes.
    pub bytes: u64,
    /// Names, plus files without a name that are still open.
    pub files: u64,
}

/// One difference between two trees.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Change {
    /// Absolute path.
    pub path: Vec<u8>,
    /// What happened to it.
    pub kind: ChangeKind,
    /// Whether a directory was there (for `Removed`) or is there.
    pub is_dir: bool,
}

/// What happened to a path.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum ChangeKind {
    /// Only the newer tree has it.
    Added,
    /// Only the older tree has it.
    Removed,
    /// Other content, target, or kind of node.
    Modified,
    /// The same content; another mode or owner, or another modification time of a file.
    Attributes,
}
