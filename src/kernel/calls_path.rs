//! Calls on paths: stat, chmod, mkdir, rename …, and the working directory.

use super::process::Pid;
use super::{Fd, Kernel};
use crate::base::Sys;
use crate::vfs::{Attr, Cred, Follow, SetTime, StatFs};

impl Kernel {
    /// `fstatat`.
    pub fn stat(&mut self, _pid: Pid, _dirfd: Fd, _path: &[u8], _follow: Follow) -> Sys<Attr> {
        todo!()
    }

    /// `fchmodat`.
    pub fn chmod(
        &mut self,
        _pid: Pid,
        _dirfd: Fd,
        _path: &[u8],
        _mode: u16,
        _follow: Follow,
    ) -> Sys<()> {
        todo!()
    }

    /// `fchownat`; `None` leaves one unchanged.
    pub fn chown(
        &mut self,
        _pid: Pid,
        _dirfd: Fd,
        _path: &[u8],
        _uid: Option<u32>,
        _gid: Option<u32>,
        _follow: Follow,
    ) -> Sys<()> {
        todo!()
    }

    /// `utimensat`; `None` leaves one unchanged.
    pub fn set_times_at(
        &mut self,
        _pid: Pid,
        _dirfd: Fd,
        _path: &[u8],
        _follow: Follow,
        _atime: Option<SetTime>,
        _mtime: Option<SetTime>,
    ) -> Sys<()> {
        todo!()
    }

    /// `mkdirat`, narrowed by the umask.
    pub fn mkdir(&mut self, _pid: Pid, _dirfd: Fd, _path: &[u8], _mode: u16) -> Sys<()> {
        todo!()
    }

    /// `mkfifoat`, narrowed by the umask.
    pub fn mkfifo(&mut self, _pid: Pid, _dirfd: Fd, _path: &[u8], _mode: u16) -> Sys<()> {
        todo!()
    }

    /// `symlinkat`.
    pub fn symlink(&mut self, _pid: Pid, _target: &[u8], _dirfd: Fd, _path: &[u8]) -> Sys<()> {
        todo!()
    }

    /// `linkat`.
    pub fn link(
        &mut self,
        _pid: Pid,
        _from: (Fd, &[u8]),
        _follow: Follow,
        _to: (Fd, &[u8]),
    ) -> Sys<()> {
        todo!()
    }

    /// `renameat`.
    pub fn rename(&mut self, _pid: Pid, _from: (Fd, &[u8]), _to: (Fd, &[u8])) -> Sys<()> {
        todo!()
    }

    /// `unlinkat` of anything but a directory.
    pub fn unlink(&mut self, _pid: Pid, _dirfd: Fd, _path: &[u8]) -> Sys<()> {
        todo!()
    }

    /// `rmdir`.
    pub fn rmdir(&mut self, _pid: Pid, _dirfd: Fd, _path: &[u8]) -> Sys<()> {
        todo!()
    }

    /// `readlinkat`.
    pub fn readlink(&mut self, _pid: Pid, _dirfd: Fd, _path: &[u8]) -> Sys<Vec<u8>> {
        todo!()
    }

    /// `faccessat`: `mask` 4 read, 2 write, 1 execute, 0 exists.
    pub fn access(
        &mut self,
        _pid: Pid,
        _dirfd: Fd,
        _path: &[u8],
        _mask: u8,
        _follow: Follow,
    ) -> Sys<()> {
        todo!()
    }

    /// `statfs` of the file system a path is on; an empty path means `dirfd` itself.
    pub fn statfs(&mut self, _pid: Pid, _dirfd: Fd, _path: &[u8]) -> Sys<StatFs> {
        todo!()
    }

    /// Sets the file mode creation mask and tells the old one.
    pub fn umask(&mut self, _pid: Pid, _mask: u16) -> u16 {
        todo!()
    }

    /// `chdir`.
    pub fn chdir(&mut self, _pid: Pid, _path: &[u8]) -> Sys<()> {
        todo!()
    }

    /// `fchdir`.
    pub fn fchdir(&mut self, _pid: Pid, _fd: Fd) -> Sys<()> {
        todo!()
    }

    /// The working directory's path; `NoEnt` if it was removed.
    pub fn getcwd(&mut self, _pid: Pid) -> Sys<Vec<u8>> {
        todo!()
    }

    /// User and group of a process.
    pub fn cred(&self, _pid: Pid) -> Cred {
        todo!()
    }
}
