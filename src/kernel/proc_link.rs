//! The kernel's end of `/proc`: lending it the tables, and the links whose targets only the kernel knows.

use super::file::{Object, OpenFile};
use super::proc::{Lent, Node, ProcFs, Shared, What, lock, may_follow};
use super::proc_text::Facts;
use super::process::Pid;
use super::slab::Key;
use super::{Fd, Kernel};
use crate::base::{Errno, Sys};
use crate::vfs::{Cred, Follow, Loc, MountId, Vfs};
use std::sync::{Arc, Mutex};

/// The kernel's end of `/proc`.
#[derive(Default)]
pub(super) struct ProcLink {
    shared: Arc<Mutex<Shared>>,
    mount: Option<MountId>,
    /// The descriptor whose link the last call that came here has followed.
    followed: Option<(Pid, Fd)>,
}

impl ProcLink {
    pub(super) fn file_system(&self) -> ProcFs {
        ProcFs { shared: Arc::clone(&self.shared) }
    }

    pub(super) fn mounted(&mut self, mount: MountId) {
        self.mount = Some(mount);
        lock(&self.shared).mount = Some(mount);
    }

    pub(super) fn is_mounted_at(&self, loc: Loc) -> bool {
        self.mount == Some(loc.mount)
    }

    fn node(&self, loc: Loc) -> Option<Node> {
        if self.is_mounted_at(loc) { Node::from_id(loc.node).ok() } else { None }
    }

    /// The descriptor whose link has been followed since this was last asked.
    pub(super) fn take_followed(&mut self) -> Option<(Pid, Fd)> {
        self.followed.take()
    }

    /// The descriptor that a node stands for, where it is a pipe's or stream's.
    pub(super) fn as_fd(&self, loc: Loc) -> Option<(Pid, Fd)> {
        self.node(loc).filter(|node| node.what == What::FdObject).map(|node| (node.pid, node.fd))
    }
}

impl Kernel {
    /// Calls the file tree on behalf of a process. If that ends in `/proc` and fails for want of the kernel's tables, they are lent to it for
    /// another try; so `call` must have no effect when it fails.
    pub(super) fn tree<T>(&mut self, pid: Pid, mut call: impl FnMut(&mut Vfs) -> Sys<T>) -> Sys<T> {
        let result = call(&mut self.vfs);
        if result.is_ok() || !std::mem::take(&mut lock(&self.proc.shared).wanted) {
            return result;
        }
        let lent = Lent {
            facts: self.facts(),
            procs: std::mem::take(&mut self.procs),
            files: std::mem::take(&mut self.files),
            streams: std::mem::take(&mut self.streams),
            caller: pid,
        };
        lock(&self.proc.shared).lent = Some(lent);
        let result = call(&mut self.vfs);
        let mut shared = lock(&self.proc.shared);
        shared.wanted = false;
        self.proc.followed = shared.followed.take();
        if let Some(lent) = shared.lent.take() {
            (self.procs, self.files, self.streams) = (lent.procs, lent.files, lent.streams);
        }
        result
    }

    fn facts(&self) -> Facts {
        Facts {
            up_ns: u64::try_from(self.now() - self.started).unwrap_or(0),
            started: self.started,
            memory_bytes: self.limits.memory_bytes,
            memory_used: self.launcher.memory_used(),
            hostname: self.hostname.clone(),
            root: self.vfs.root(),
        }
    }

    /// The text of a link whose target is not a matter of text.
    pub(super) fn magic_link_text(&mut self, pid: Pid, loc: Loc) -> Option<Sys<Vec<u8>>> {
        let node = self.proc.node(loc)?;
        let process = self.procs.get(node.pid).ok()?;
        if !may_follow(self.procs.get(pid).ok(), process) {
            return Some(Err(Errno::Acces));
        }
        let (cwd, program) = (process.cwd, process.program);
        Some(match node.what {
            What::Cwd => self.tree(pid, |vfs| vfs.path_of(cwd)),
            What::RootLink => Ok(b"/".to_vec()),
            What::Exe => {
                let path = Arc::clone(&process.program_path);
                Ok(self.path_as_opened(pid, program, cwd, &path))
            }
            What::FdLink => {
                let file = process.fds.get(node.fd).ok()?.file;
                Ok(self.object_text(pid, file))
            }
            _ => return None,
        })
    }

    fn object_text(&mut self, pid: Pid, key: Key<OpenFile>) -> Vec<u8> {
        let file = &self.files[key];
        let opened_as = file.opened_as.clone();
        match file.object {
            Object::Dir(loc) => self.tree(pid, |vfs| vfs.path_of(loc)).unwrap_or_else(|_| b"/ (deleted)".to_vec()),
            Object::Pipe(pipe, None) => format!("pipe:[{}]", pipe.raw()).into(),
            Object::Stream { input, output } => match input.or(output) {
                Some(key) if !self.streams[key].is_terminal() => format!("socket:[{}]", key.raw()).into(),
                _ => b"/dev/tty".to_vec(),
            },
            Object::File(loc) | Object::Device(_, loc) | Object::Pipe(_, Some(loc)) => match opened_as {
                Some((base, path)) => self.path_as_opened(pid, loc, base, &path),
                None => b"/ (deleted)".to_vec(),
            },
        }
    }

    /// The absolute path of a file that was opened by `path` from `base`; marked if it is no longer there.
    fn path_as_opened(&mut self, pid: Pid, loc: Loc, base: Loc, path: &[u8]) -> Vec<u8> {
        let at = path.iter().rposition(|&b| b == b'/').map_or(0, |slash| slash + 1);
        let (dir, name) = path.split_at(at);
        let dir = if dir.is_empty() { b"." } else { dir };
        let found = self.tree(pid, |vfs| {
            let dir = vfs.resolve(&Cred::ROOT, base, dir, Follow::Last)?;
            let mut text = vfs.path_of(dir)?;
            if text != b"/" {
                text.push(b'/');
            }
            text.extend_from_slice(name);
            Ok(text)
        });
        let mut text = found.unwrap_or_else(|_| path.to_vec());
        let there = self.tree(pid, |vfs| vfs.resolve(&Cred::ROOT, base, path, Follow::Last));
        if there != Ok(loc) {
            text.extend_from_slice(b" (deleted)");
        }
        text
    }
}
