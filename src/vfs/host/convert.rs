//! The host's errors, kinds, times and attributes in the words of the guest.

use crate::base::Errno;
use crate::vfs::types::{Attr, Kind, SetTime};
use cap_std::fs::{FileType, FileTypeExt as _, Metadata, MetadataExt as _};
use rustix::fs::{Timespec, UTIME_NOW, UTIME_OMIT};
use std::io::{self, ErrorKind};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Who owns everything in a host directory, as the guest sees it: its own user and group.
pub(super) const OWNER: u32 = 1000;

/// The bits of a mode that cross the border. Set-id bits do not: the host's programs must not gain from a guest's chmod.
pub(super) const MODE_MASK: u16 = 0o1777;

pub(super) fn errno(error: io::Error) -> Errno {
    // The few numbers without a kind are the same on every Unix.
    match error.raw_os_error() {
        Some(1) => return Errno::Perm,
        Some(6) => return Errno::NxIo,
        Some(23) => return Errno::NFile,
        Some(24) => return Errno::MFile,
        _ => {}
    }
    match error.kind() {
        ErrorKind::NotFound => Errno::NoEnt,
        ErrorKind::PermissionDenied => Errno::Acces,
        ErrorKind::AlreadyExists => Errno::Exist,
        ErrorKind::NotADirectory => Errno::NotDir,
        ErrorKind::IsADirectory => Errno::IsDir,
        ErrorKind::DirectoryNotEmpty => Errno::NotEmpty,
        ErrorKind::ReadOnlyFilesystem => Errno::RoFs,
        ErrorKind::StorageFull => Errno::NoSpc,
        ErrorKind::QuotaExceeded => Errno::DQuot,
        ErrorKind::FileTooLarge => Errno::FBig,
        ErrorKind::ResourceBusy => Errno::Busy,
        ErrorKind::ExecutableFileBusy => Errno::TxtBsy,
        ErrorKind::CrossesDevices => Errno::XDev,
        ErrorKind::TooManyLinks => Errno::MLink,
        ErrorKind::InvalidFilename => Errno::NameTooLong,
        ErrorKind::InvalidInput => Errno::Inval,
        ErrorKind::OutOfMemory => Errno::NoMem,
        ErrorKind::Interrupted => Errno::Intr,
        ErrorKind::StaleNetworkFileHandle => Errno::Stale,
        ErrorKind::Unsupported => Errno::NotSup,
        _ => Errno::Io,
    }
}

/// Sockets and devices show as a device that nothing can open.
pub(super) fn kind(file_type: FileType) -> Kind {
    if file_type.is_file() {
        Kind::File
    } else if file_type.is_dir() {
        Kind::Dir
    } else if file_type.is_symlink() {
        Kind::Symlink
    } else if file_type.is_fifo() {
        Kind::Fifo
    } else {
        Kind::CharDevice { major: 0, minor: 0 }
    }
}

fn nanoseconds(seconds: i64, nanoseconds: i64) -> i64 {
    seconds.saturating_mul(1_000_000_000).saturating_add(nanoseconds)
}

pub(super) fn attr(metadata: &Metadata) -> Attr {
    Attr {
        kind: kind(metadata.file_type()),
        mode: (metadata.mode() & 0o7777) as u16,
        uid: OWNER,
        gid: OWNER,
        nlink: metadata.nlink(),
        size: metadata.size(),
        blocks: metadata.blocks(),
        atime: nanoseconds(metadata.atime(), metadata.atime_nsec()),
        mtime: nanoseconds(metadata.mtime(), metadata.mtime_nsec()),
        ctime: nanoseconds(metadata.ctime(), metadata.ctime_nsec()),
        ino: metadata.ino(),
        dev: 0,
    }
}

/// What tells one file from another.
pub(super) fn key(metadata: &Metadata) -> (u64, u64) {
    (metadata.dev(), metadata.ino())
}

/// A time in nanoseconds since 1970 as the host has it; `None` if it cannot.
pub(super) fn system_time(time: i64) -> Option<SystemTime> {
    let distance = Duration::from_nanos(time.unsigned_abs());
    if time < 0 { UNIX_EPOCH.checked_sub(distance) } else { UNIX_EPOCH.checked_add(distance) }
}

/// A time to set as utimensat(2) takes it.
pub(super) fn timespec(set: Option<SetTime>) -> Timespec {
    let special = |tv_nsec| Timespec { tv_sec: 0, tv_nsec };
    match set {
        None => special(UTIME_OMIT),
        Some(SetTime::Now) => special(UTIME_NOW),
        Some(SetTime::At(time)) => {
            Timespec { tv_sec: time.div_euclid(1_000_000_000), tv_nsec: time.rem_euclid(1_000_000_000) }
        }
    }
}
