//! Modes, owners and fifos: what `std::os::unix::fs` has and `std::os::wasi::fs` lacks.
#![stable(feature = "rust1", since = "1.0.0")]
use crate::fs::{self, DirBuilder, FileType, Metadata, OpenOptions, Permissions};
use crate::io;
use crate::os::wasi::coquina::{check, host};
use crate::path::Path;
use crate::sys::{AsInner, AsInnerMut, FromInner};

const AT_FDCWD: i32 = -2;

/// What `stat` says of a file, as `std::os::unix::fs::MetadataExt` names it.
#[stable(feature = "rust1", since = "1.0.0")]
pub trait MetadataExt {
    /// The device that holds the file.
    #[stable(feature = "rust1", since = "1.0.0")]
    fn dev(&self) -> u64;
    /// The file's serial number.
    #[stable(feature = "rust1", since = "1.0.0")]
    fn ino(&self) -> u64;
    /// Type and permission bits.
    #[stable(feature = "rust1", since = "1.0.0")]
    fn mode(&self) -> u32;
    /// The number of hard links.
    #[stable(feature = "rust1", since = "1.0.0")]
    fn nlink(&self) -> u64;
    /// The owner.
    #[stable(feature = "rust1", since = "1.0.0")]
    fn uid(&self) -> u32;
    /// The owning group.
    #[stable(feature = "rust1", since = "1.0.0")]
    fn gid(&self) -> u32;
    /// The device this is, if it is one.
    #[stable(feature = "rust1", since = "1.0.0")]
    fn rdev(&self) -> u64;
    /// The size in bytes.
    #[stable(feature = "rust1", since = "1.0.0")]
    fn size(&self) -> u64;
    /// The block size in bytes that suits the file.
    #[stable(feature = "rust1", since = "1.0.0")]
    fn blksize(&self) -> u64;
    /// The blocks of 512 bytes that it takes.
    #[stable(feature = "rust1", since = "1.0.0")]
    fn blocks(&self) -> u64;
    /// Last access, whole seconds.
    #[stable(feature = "rust1", since = "1.0.0")]
    fn atime(&self) -> i64;
    /// Last access, nanoseconds of the second.
    #[stable(feature = "rust1", since = "1.0.0")]
    fn atime_nsec(&self) -> i64;
    /// Last change of the content, whole seconds.
    #[stable(feature = "rust1", since = "1.0.0")]
    fn mtime(&self) -> i64;
    /// Last change of the content, nanoseconds of the second.
    #[stable(feature = "rust1", since = "1.0.0")]
    fn mtime_nsec(&self) -> i64;
    /// Last change of the file's entry, whole seconds.
    #[stable(feature = "rust1", since = "1.0.0")]
    fn ctime(&self) -> i64;
    /// Last change of the file's entry, nanoseconds of the second.
    #[stable(feature = "rust1", since = "1.0.0")]
    fn ctime_nsec(&self) -> i64;
}

macro_rules! fields {
    ($($name:ident: $type:ty = $($field:ident).+;)*) => {
        #[stable(feature = "rust1", since = "1.0.0")]
        impl MetadataExt for Metadata {
            $(fn $name(&self) -> $type { self.as_inner().as_inner().$($field).+ as $type })*
        }
    };
}
fields! {
    dev: u64 = st_dev;
    ino: u64 = st_ino;
    mode: u32 = st_mode;
    nlink: u64 = st_nlink;
    uid: u32 = st_uid;
    gid: u32 = st_gid;
    rdev: u64 = st_rdev;
    size: u64 = st_size;
    blksize: u64 = st_blksize;
    blocks: u64 = st_blocks;
    atime: i64 = st_atim.tv_sec;
    atime_nsec: i64 = st_atim.tv_nsec;
    mtime: i64 = st_mtim.tv_sec;
    mtime_nsec: i64 = st_mtim.tv_nsec;
    ctime: i64 = st_ctim.tv_sec;
    ctime_nsec: i64 = st_ctim.tv_nsec;
}

/// Permission bits.
#[stable(feature = "rust1", since = "1.0.0")]
pub trait PermissionsExt {
    /// The mode.
    #[stable(feature = "rust1", since = "1.0.0")]
    fn mode(&self) -> u32;
    /// Sets the mode, which `set_permissions` then gives to a file.
    #[stable(feature = "rust1", since = "1.0.0")]
    fn set_mode(&mut self, mode: u32);
    /// Permissions with this mode.
    #[stable(feature = "rust1", since = "1.0.0")]
    fn from_mode(mode: u32) -> Self;
}
#[stable(feature = "rust1", since = "1.0.0")]
impl PermissionsExt for Permissions {
    fn mode(&self) -> u32 {
        self.as_inner().mode()
    }
    fn set_mode(&mut self, mode: u32) {
        *self = Permissions::from_inner(FromInner::from_inner(mode));
    }
    fn from_mode(mode: u32) -> Permissions {
        Permissions::from_inner(FromInner::from_inner(mode))
    }
}

/// The mode of a file that `open` makes.
#[stable(feature = "rust1", since = "1.0.0")]
pub trait OpenOptionsExt {
    /// Sets the mode, which the umask narrows.
    #[stable(feature = "rust1", since = "1.0.0")]
    fn mode(&mut self, mode: u32) -> &mut Self;
    /// Sets more flags for `open`.
    #[stable(feature = "rust1", since = "1.0.0")]
    fn custom_flags(&mut self, flags: i32) -> &mut Self;
}
#[stable(feature = "rust1", since = "1.0.0")]
impl OpenOptionsExt for OpenOptions {
    fn mode(&mut self, mode: u32) -> &mut OpenOptions {
        self.as_inner_mut().mode(mode);
        self
    }
    fn custom_flags(&mut self, flags: i32) -> &mut OpenOptions {
        self.as_inner_mut().custom_flags(flags);
        self
    }
}

/// The mode of a new directory.
#[stable(feature = "rust1", since = "1.0.0")]
pub trait DirBuilderExt {
    /// Sets the mode, which the umask narrows.
    #[stable(feature = "rust1", since = "1.0.0")]
    fn mode(&mut self, mode: u32) -> &mut Self;
}
#[stable(feature = "rust1", since = "1.0.0")]
impl DirBuilderExt for DirBuilder {
    fn mode(&mut self, mode: u32) -> &mut DirBuilder {
        self.as_inner_mut().set_mode(mode);
        self
    }
}

/// The types of file that only Unix has.
#[stable(feature = "rust1", since = "1.0.0")]
pub trait FileTypeExt {
    /// A block device.
    #[stable(feature = "rust1", since = "1.0.0")]
    fn is_block_device(&self) -> bool;
    /// A character device.
    #[stable(feature = "rust1", since = "1.0.0")]
    fn is_char_device(&self) -> bool;
    /// A fifo or a pipe.
    #[stable(feature = "rust1", since = "1.0.0")]
    fn is_fifo(&self) -> bool;
    /// A socket.
    #[stable(feature = "rust1", since = "1.0.0")]
    fn is_socket(&self) -> bool;
}
#[stable(feature = "rust1", since = "1.0.0")]
impl FileTypeExt for FileType {
    fn is_block_device(&self) -> bool {
        self.as_inner().is(libc::S_IFBLK)
    }
    fn is_char_device(&self) -> bool {
        self.as_inner().is(libc::S_IFCHR)
    }
    fn is_fifo(&self) -> bool {
        self.as_inner().is(libc::S_IFIFO)
    }
    fn is_socket(&self) -> bool {
        self.as_inner().is(libc::S_IFSOCK)
    }
}

/// Makes the symbolic link `link`, which says `original`.
#[stable(feature = "rust1", since = "1.0.0")]
pub fn symlink<P: AsRef<Path>, Q: AsRef<Path>>(original: P, link: Q) -> io::Result<()> {
    crate::sys::fs::symlink(original.as_ref(), link.as_ref())
}

/// Changes owner and group; `None` leaves one as it is.
#[stable(feature = "rust1", since = "1.0.0")]
pub fn chown<P: AsRef<Path>>(path: P, uid: Option<u32>, gid: Option<u32>) -> io::Result<()> {
    chown_at(path.as_ref(), uid, gid, 0)
}

/// As `chown`, of a symbolic link itself.
#[stable(feature = "rust1", since = "1.0.0")]
pub fn lchown<P: AsRef<Path>>(path: P, uid: Option<u32>, gid: Option<u32>) -> io::Result<()> {
    chown_at(path.as_ref(), uid, gid, 1)
}

fn chown_at(path: &Path, uid: Option<u32>, gid: Option<u32>, flags: i32) -> io::Result<()> {
    let path = path.as_os_str().as_encoded_bytes();
    if path.is_empty() {
        return Err(io::Error::from_raw_os_error(libc::ENOENT));
    }
    let id = |id: Option<u32>| id.map_or(-1, |id| id as i32);
    check(unsafe { host::chown(AT_FDCWD, path.as_ptr(), path.len(), id(uid), id(gid), flags) })?;
    Ok(())
}

/// Makes a fifo.
#[stable(feature = "rust1", since = "1.0.0")]
pub fn mkfifo<P: AsRef<Path>>(path: P, permissions: fs::Permissions) -> io::Result<()> {
    let path = path.as_ref().as_os_str().as_encoded_bytes();
    check(unsafe { host::mkfifo(AT_FDCWD, path.as_ptr(), path.len(), permissions.mode() as i32) })?;
    Ok(())
}

/// Sets the umask; the old one comes back.
#[stable(feature = "rust1", since = "1.0.0")]
pub fn umask(mask: u32) -> u32 {
    unsafe { host::umask(mask as i32) as u32 }
}
