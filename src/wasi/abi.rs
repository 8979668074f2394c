//! The numbers and structures of WASI preview 1 and `coquina_v1`, as they lie in guest memory.
//!
//! Only shapes: what a flag means is decided where it is used.

use super::memory::Record;
use crate::base::{Errno, Sys};
use crate::vfs::{Attr, Kind, SetAttr, SetTime, StatFs};

/// The import module of WASI preview 1.
pub(super) const PREVIEW1: &str = "wasi_snapshot_preview1";
/// Coquina's own import module.
pub(super) const COQUINA: &str = "coquina_v1";

/// `rights`: what a descriptor may be used for. Told to the guest; what is enforced is reading and writing.
pub(super) mod rights {
    pub(crate) const FD_DATASYNC: u64 = 1;
    pub(crate) const FD_READ: u64 = 1 << 1;
    pub(crate) const FD_SEEK: u64 = 1 << 2;
    pub(crate) const FD_FDSTAT_SET_FLAGS: u64 = 1 << 3;
    pub(crate) const FD_SYNC: u64 = 1 << 4;
    pub(crate) const FD_TELL: u64 = 1 << 5;
    pub(crate) const FD_WRITE: u64 = 1 << 6;
    pub(crate) const FD_ADVISE: u64 = 1 << 7;
    pub(crate) const FD_ALLOCATE: u64 = 1 << 8;
    pub(crate) const PATH_CREATE_DIRECTORY: u64 = 1 << 9;
    pub(crate) const PATH_CREATE_FILE: u64 = 1 << 10;
    pub(crate) const PATH_LINK_SOURCE: u64 = 1 << 11;
    pub(crate) const PATH_LINK_TARGET: u64 = 1 << 12;
    pub(crate) const PATH_OPEN: u64 = 1 << 13;
    pub(crate) const FD_READDIR: u64 = 1 << 14;
    pub(crate) const PATH_READLINK: u64 = 1 << 15;
    pub(crate) const PATH_RENAME_SOURCE: u64 = 1 << 16;
    pub(crate) const PATH_RENAME_TARGET: u64 = 1 << 17;
    pub(crate) const PATH_FILESTAT_GET: u64 = 1 << 18;
    pub(crate) const PATH_FILESTAT_SET_SIZE: u64 = 1 << 19;
    pub(crate) const PATH_FILESTAT_SET_TIMES: u64 = 1 << 20;
    pub(crate) const FD_FILESTAT_GET: u64 = 1 << 21;
    pub(crate) const FD_FILESTAT_SET_SIZE: u64 = 1 << 22;
    pub(crate) const FD_FILESTAT_SET_TIMES: u64 = 1 << 23;
    pub(crate) const PATH_SYMLINK: u64 = 1 << 24;
    pub(crate) const PATH_REMOVE_DIRECTORY: u64 = 1 << 25;
    pub(crate) const PATH_UNLINK_FILE: u64 = 1 << 26;
    pub(crate) const POLL_FD_READWRITE: u64 = 1 << 27;

    /// Every right there is.
    pub(crate) const ALL: u64 = (1 << 30) - 1;

    /// Of a preopened directory: C libraries refuse to use one with fewer.
    pub(crate) const PREOPEN_BASE: u64 = PATH_CREATE_DIRECTORY
        | PATH_CREATE_FILE
        | PATH_LINK_SOURCE
        | PATH_LINK_TARGET
        | PATH_OPEN
        | FD_READDIR
        | PATH_READLINK
        | PATH_RENAME_SOURCE
        | PATH_RENAME_TARGET
        | PATH_SYMLINK
        | PATH_REMOVE_DIRECTORY
        | PATH_UNLINK_FILE
        | PATH_FILESTAT_GET
        | PATH_FILESTAT_SET_TIMES
        | FD_FILESTAT_GET
        | FD_FILESTAT_SET_TIMES;

    /// What a preopened directory passes on to what is opened in it.
    pub(crate) const PREOPEN_INHERITING: u64 = PREOPEN_BASE
        | FD_DATASYNC
        | FD_READ
        | FD_SEEK
        | FD_FDSTAT_SET_FLAGS
        | FD_SYNC
        | FD_TELL
        | FD_WRITE
        | FD_ADVISE
        | FD_ALLOCATE
        | FD_FILESTAT_SET_SIZE
        | POLL_FD_READWRITE;

    /// What a directory never has.
    pub(crate) const NOT_OF_DIRECTORIES: u64 = FD_SEEK | FD_TELL | FD_FILESTAT_SET_SIZE | PATH_FILESTAT_SET_SIZE;
}

/// `fdflags`.
pub(super) mod fdflags {
    pub(crate) const APPEND: u32 = 1;
    pub(crate) const DSYNC: u32 = 2;
    pub(crate) const NONBLOCK: u32 = 4;
    pub(crate) const RSYNC: u32 = 8;
    pub(crate) const SYNC: u32 = 16;
    pub(crate) const ALL: u32 = 31;
}

/// `oflags` of `path_open`.
pub(super) mod oflags {
    pub(crate) const CREAT: u32 = 1;
    pub(crate) const DIRECTORY: u32 = 2;
    pub(crate) const EXCL: u32 = 4;
    pub(crate) const TRUNC: u32 = 8;
    pub(crate) const ALL: u32 = 15;
}

/// `flags` of `coquina_v1.open`: wasi-libc's `O_*`. The low bits are `fdflags`, those from bit 12 `oflags`.
pub(super) mod o {
    pub(crate) const OFLAGS_SHIFT: u32 = 12;
    pub(crate) const NOFOLLOW: u32 = 0x0100_0000;
    pub(crate) const EXEC: u32 = 0x0200_0000;
    pub(crate) const RDONLY: u32 = 0x0400_0000;
    pub(crate) const SEARCH: u32 = 0x0800_0000;
    pub(crate) const WRONLY: u32 = 0x1000_0000;
    pub(crate) const CLOEXEC: u32 = 0x2000_0000;
}

/// Whether a symlink in the last place is followed, from preview 1's `lookupflags`.
pub(super) fn follows(lookupflags: u32) -> Sys<bool> {
    match lookupflags {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(Errno::Inval),
    }
}

/// `filetype`. Preview 1 has no code for a FIFO: `unknown`, as wasmtime says.
pub(super) fn filetype(kind: Kind) -> u8 {
    match kind {
        Kind::CharDevice { .. } => 2,
        Kind::Dir => 3,
        Kind::File => 4,
        Kind::Symlink => 7,
        Kind::Fifo => 0,
    }
}

/// The type bits of `st_mode`.
fn mode_type(kind: Kind) -> u32 {
    match kind {
        Kind::Fifo => 0o010_000,
        Kind::CharDevice { .. } => 0o020_000,
        Kind::Dir => 0o040_000,
        Kind::File => 0o100_000,
        Kind::Symlink => 0o120_000,
    }
}

/// `fdstat`: 24 bytes.
pub(super) fn fdstat(filetype: u8, flags: u32, base: u64, inheriting: u64) -> Record<24> {
    Record::zeroed()
        .with(0, [filetype])
        .with(2, (flags as u16).to_le_bytes())
        .with(8, base.to_le_bytes())
        .with(16, inheriting.to_le_bytes())
}

/// `filestat`: 64 bytes.
pub(super) fn filestat(attr: &Attr) -> Record<64> {
    Record::zeroed()
        .with(0, attr.dev.to_le_bytes())
        .with(8, attr.ino.to_le_bytes())
        .with(16, [filetype(attr.kind)])
        .with(24, attr.nlink.to_le_bytes())
        .with(32, attr.size.to_le_bytes())
        .with(40, attr.atime.to_le_bytes())
        .with(48, attr.mtime.to_le_bytes())
        .with(56, attr.ctime.to_le_bytes())
}

/// What `coquina_v1.stat` writes: 112 bytes.
pub(super) fn stat(attr: &Attr) -> Record<112> {
    let mode = mode_type(attr.kind) | u32::from(attr.mode & 0o7777);
    let rdev = match attr.kind {
        Kind::CharDevice { major, minor } => u64::from(major) << 8 | u64::from(minor),
        _ => 0,
    };
    Record::zeroed()
        .with(0, attr.dev.to_le_bytes())
        .with(8, attr.ino.to_le_bytes())
        .with(16, attr.nlink.to_le_bytes())
        .with(24, mode.to_le_bytes())
        .with(28, attr.uid.to_le_bytes())
        .with(32, attr.gid.to_le_bytes())
        .with(40, rdev.to_le_bytes())
        .with(48, attr.size.to_le_bytes())
        .with(56, attr.blocks.to_le_bytes())
        .with(64, attr.atime.to_le_bytes())
        .with(72, attr.mtime.to_le_bytes())
        .with(80, attr.ctime.to_le_bytes())
        // The tree keeps no birth time: the earliest that is known.
        .with(88, attr.mtime.min(attr.ctime).to_le_bytes())
}

/// What `coquina_v1.statfs` writes: 64 bytes.
pub(super) fn statfs(fs: &StatFs) -> Record<64> {
    [fs.block_size, fs.blocks, fs.free, fs.free, fs.files, fs.files_free, fs.name_max, fs.fs_type]
        .into_iter()
        .enumerate()
        .fold(Record::zeroed(), |record, (n, value)| record.with(n * 8, value.to_le_bytes()))
}

/// `dirent`: 24 bytes, before the name.
pub(super) fn dirent(next: u64, ino: u64, name_len: usize, kind: Kind) -> Record<24> {
    Record::zeroed()
        .with(0, next.to_le_bytes())
        .with(8, ino.to_le_bytes())
        .with(16, (name_len as u32).to_le_bytes())
        .with(20, [filetype(kind)])
}

/// The times of `*_set_times`: preview 1's `fstflags` with its two timestamps.
pub(super) fn times(atime: u64, mtime: u64, fstflags: u32) -> Sys<SetAttr> {
    let time = |flags: u32, at: u64| match flags & 3 {
        0 => Ok(None),
        1 => i64::try_from(at).map(|at| Some(SetTime::At(at))).map_err(|_| Errno::Inval),
        2 => Ok(Some(SetTime::Now)),
        _ => Err(Errno::Inval),
    };
    if fstflags > 15 {
        return Err(Errno::Inval);
    }
    Ok(SetAttr { atime: time(fstflags, atime)?, mtime: time(fstflags >> 2, mtime)?, ..SetAttr::default() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_validated() {
        assert_eq!(times(5, 6, 0).unwrap(), SetAttr::default());
        assert_eq!(times(5, 6, 1 | 8).unwrap().atime, Some(SetTime::At(5)));
        assert_eq!(times(5, 6, 1 | 8).unwrap().mtime, Some(SetTime::Now));
        for bad in [3, 12, 16, u32::MAX] {
            assert_eq!(times(5, 6, bad), Err(Errno::Inval));
        }
        assert_eq!(times(u64::MAX, 0, 1), Err(Errno::Inval));
    }

    #[test]
    fn modes_have_their_type() {
        let attr = Attr {
            kind: Kind::CharDevice { major: 1, minor: 3 },
            mode: 0o666,
            uid: 7,
            gid: 8,
            nlink: 1,
            size: 9,
            blocks: 8,
            atime: 1,
            mtime: 2,
            ctime: 3,
            ino: 4,
            dev: 5,
        };
        let record = stat(&attr);
        assert_eq!((record.u32_at(24), record.u64_at(40), record.u64_at(88)), (0o020_666, 0x103, 2));
        assert_eq!((record.u32_at(28), record.u32_at(32), record.u64_at(48)), (7, 8, 9));
        assert_eq!(filestat(&attr).u8_at(16), 2);
    }
}
