//! Calls on paths: stat, chmod, mkdir, rename …, and the working directory.

use super::process::Pid;
use super::{Fd, Kernel};
use crate::base::Sys;
use crate::vfs::{Attr, Cred, Follow, Loc, SetAttr, SetTime, StatFs};

impl Kernel {
    /// Where a path starts, and as whom it is walked.
    fn start(&self, pid: Pid, dirfd: Fd, path: &[u8]) -> Sys<(Loc, Cred)> {
        Ok((self.base(pid, dirfd, path)?, self.procs.get(pid)?.cred))
    }

    fn umasked(&self, pid: Pid, mode: u16) -> Sys<u16> {
        Ok(mode & 0o7777 & !self.procs.get(pid)?.umask)
    }

    /// `fstatat`.
    pub fn stat(&mut self, pid: Pid, dirfd: Fd, path: &[u8], follow: Follow) -> Sys<Attr> {
        let (base, cred) = self.start(pid, dirfd, path)?;
        self.tree(pid, |vfs| vfs.stat(&cred, base, path, follow)).map(|(_, attr)| attr)
    }

    fn set_attr_at(&mut self, pid: Pid, dirfd: Fd, path: &[u8], follow: Follow, set: SetAttr) -> Sys<()> {
        let (base, cred) = self.start(pid, dirfd, path)?;
        self.tree(pid, |vfs| {
            let loc = vfs.resolve(&cred, base, path, follow)?;
            vfs.set_attr(&cred, loc, set)
        })
    }

    /// `fchmodat`.
    pub fn chmod(&mut self, pid: Pid, dirfd: Fd, path: &[u8], mode: u16, follow: Follow) -> Sys<()> {
        let set = SetAttr { mode: Some(mode & 0o7777), ..SetAttr::default() };
        self.set_attr_at(pid, dirfd, path, follow, set)
    }

    /// `fchownat`; `None` leaves one unchanged.
    pub fn chown(
        &mut self,
        pid: Pid,
        dirfd: Fd,
        path: &[u8],
        uid: Option<u32>,
        gid: Option<u32>,
        follow: Follow,
    ) -> Sys<()> {
        self.set_attr_at(pid, dirfd, path, follow, SetAttr { uid, gid, ..SetAttr::default() })
    }

    /// `utimensat`; `None` leaves one unchanged.
    pub fn set_times_at(
        &mut self,
        pid: Pid,
        dirfd: Fd,
        path: &[u8],
        follow: Follow,
        atime: Option<SetTime>,
        mtime: Option<SetTime>,
    ) -> Sys<()> {
        self.set_attr_at(pid, dirfd, path, follow, SetAttr { atime, mtime, ..SetAttr::default() })
    }

    /// `mkdirat`, narrowed by the umask.
    pub fn mkdir(&mut self, pid: Pid, dirfd: Fd, path: &[u8], mode: u16) -> Sys<()> {
        let (base, cred) = self.start(pid, dirfd, path)?;
        let mode = self.umasked(pid, mode)?;
        self.tree(pid, |vfs| vfs.mkdir(&cred, base, path, mode))
    }

    /// `mkfifoat`, narrowed by the umask.
    pub fn mkfifo(&mut self, pid: Pid, dirfd: Fd, path: &[u8], mode: u16) -> Sys<()> {
        let (base, cred) = self.start(pid, dirfd, path)?;
        let mode = self.umasked(pid, mode)?;
        self.tree(pid, |vfs| vfs.mkfifo(&cred, base, path, mode))
    }

    /// `symlinkat`.
    pub fn symlink(&mut self, pid: Pid, target: &[u8], dirfd: Fd, path: &[u8]) -> Sys<()> {
        let (base, cred) = self.start(pid, dirfd, path)?;
        self.tree(pid, |vfs| vfs.symlink(&cred, target, base, path))
    }

    /// `linkat`.
    pub fn link(&mut self, pid: Pid, from: (Fd, &[u8]), follow: Follow, to: (Fd, &[u8])) -> Sys<()> {
        let (base, cred) = self.start(pid, from.0, from.1)?;
        let to_base = self.base(pid, to.0, to.1)?;
        self.tree(pid, |vfs| vfs.link(&cred, base, from.1, follow, to_base, to.1))
    }

    /// `renameat`.
    pub fn rename(&mut self, pid: Pid, from: (Fd, &[u8]), to: (Fd, &[u8])) -> Sys<()> {
        let (base, cred) = self.start(pid, from.0, from.1)?;
        let to_base = self.base(pid, to.0, to.1)?;
        self.tree(pid, |vfs| vfs.rename(&cred, base, from.1, to_base, to.1))
    }

    /// `unlinkat` of anything but a directory.
    pub fn unlink(&mut self, pid: Pid, dirfd: Fd, path: &[u8]) -> Sys<()> {
        let (base, cred) = self.start(pid, dirfd, path)?;
        self.tree(pid, |vfs| vfs.unlink(&cred, base, path))
    }

    /// `rmdir`.
    pub fn rmdir(&mut self, pid: Pid, dirfd: Fd, path: &[u8]) -> Sys<()> {
        let (base, cred) = self.start(pid, dirfd, path)?;
        self.tree(pid, |vfs| vfs.rmdir(&cred, base, path))
    }

    /// `readlinkat`.
    pub fn readlink(&mut self, pid: Pid, dirfd: Fd, path: &[u8]) -> Sys<Vec<u8>> {
        let (base, cred) = self.start(pid, dirfd, path)?;
        let text = self.tree(pid, |vfs| vfs.readlink(&cred, base, path));
        if text != Err(crate::base::Errno::Stale) {
            return text;
        }
        let loc = self.tree(pid, |vfs| vfs.resolve(&cred, base, path, Follow::NoLast))?;
        self.magic_link_text(pid, loc).unwrap_or(text)
    }

    /// `faccessat`: `mask` 4 read, 2 write, 1 execute, 0 exists.
    pub fn access(&mut self, pid: Pid, dirfd: Fd, path: &[u8], mask: u8, follow: Follow) -> Sys<()> {
        let (base, cred) = self.start(pid, dirfd, path)?;
        self.tree(pid, |vfs| {
            let loc = vfs.resolve(&cred, base, path, follow)?;
            vfs.access(&cred, loc, mask)
        })
    }

    /// `statfs` of the file system a path is on; an empty path means `dirfd` itself.
    pub fn statfs(&mut self, pid: Pid, dirfd: Fd, path: &[u8]) -> Sys<StatFs> {
        if path.is_empty() && dirfd != super::AT_FDCWD {
            let loc = match self.file(pid, dirfd)?.loc() {
                Some(loc) => loc,
                None => self.vfs.root(),
            };
            return self.tree(pid, |vfs| vfs.statfs(loc));
        }
        let (base, cred) = self.start(pid, dirfd, path)?;
        let path = if path.is_empty() { b"." } else { path };
        self.tree(pid, |vfs| {
            let loc = vfs.resolve(&cred, base, path, Follow::Last)?;
            vfs.statfs(loc)
        })
    }

    /// Sets the file mode creation mask and tells the old one.
    pub fn umask(&mut self, pid: Pid, mask: u16) -> u16 {
        let Ok(process) = self.procs.get_mut(pid) else {
            return 0;
        };
        std::mem::replace(&mut process.umask, mask & 0o777)
    }

    /// `chdir`.
    pub fn chdir(&mut self, pid: Pid, path: &[u8]) -> Sys<()> {
        let (base, cred) = self.start(pid, super::AT_FDCWD, path)?;
        let loc = self.directory_at(pid, cred, base, path)?;
        self.set_cwd(pid, loc)
    }

    /// A directory that may be a working directory.
    pub(super) fn directory_at(&mut self, pid: Pid, cred: Cred, base: Loc, path: &[u8]) -> Sys<Loc> {
        self.tree(pid, |vfs| {
            let (loc, attr) = vfs.stat(&cred, base, path, Follow::Last)?;
            if attr.kind != crate::vfs::Kind::Dir {
                return Err(crate::base::Errno::NotDir);
            }
            vfs.access(&cred, loc, 1)?;
            Ok(loc)
        })
    }

    fn set_cwd(&mut self, pid: Pid, loc: Loc) -> Sys<()> {
        self.vfs.pin(loc)?;
        let old = std::mem::replace(&mut self.procs.get_mut(pid)?.cwd, loc);
        self.vfs.unpin(old);
        Ok(())
    }

    /// `fchdir`.
    pub fn fchdir(&mut self, pid: Pid, fd: Fd) -> Sys<()> {
        let cred = self.procs.get(pid)?.cred;
        let super::file::Object::Dir(loc) = self.file(pid, fd)?.object else {
            return Err(crate::base::Errno::NotDir);
        };
        self.tree(pid, |vfs| vfs.access(&cred, loc, 1))?;
        self.set_cwd(pid, loc)
    }

    /// The working directory's path; `NoEnt` if it was removed.
    pub fn getcwd(&mut self, pid: Pid) -> Sys<Vec<u8>> {
        let cwd = self.procs.get(pid)?.cwd;
        self.tree(pid, |vfs| vfs.path_of(cwd))
    }

    /// User and group of a process.
    pub fn cred(&self, pid: Pid) -> Cred {
        // A caller always exists; one that does not gets the least.
        self.procs.get(pid).map_or(Cred { uid: u32::MAX, gid: u32::MAX }, |process| process.cred)
    }
}
