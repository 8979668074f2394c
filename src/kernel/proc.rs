//! `/proc` as a file system. Its nodes are computed from their numbers; nothing is stored.
//!
//! A file system is asked by the [`Vfs`], which belongs to the kernel, so it cannot look into the kernel. Instead the kernel lends it the
//! tables it needs for the length of one call, and only when asked: without them every answer is an error and a note that they were
//! wanted. A path that does not lead through `/proc` costs nothing for it; one that does is walked twice.

use super::Fd;
use super::calls_file::{pipe_attr, stream_attr};
use super::file::{Object, OpenFile};
use super::proc_text::{self, Facts};
use super::process::{Pid, Process, Processes};
use super::slab::Slab;
use super::stream::Stream;
use crate::base::{Errno, Sys};
use crate::vfs::{Attr, Cred, DirEntry, FileSystem, Kind, Loc, MountId, NewNode, NodeId, SetAttr, StatFs};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What a node of `/proc` is. The number is the lowest byte of its id.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum What {
    Root = 1,
    SelfLink,
    Sys,
    SysKernel,
    CpuInfo,
    LoadAvg,
    MemInfo,
    Mounts,
    Stat,
    Uptime,
    Version,
    FileSystems,
    HostName,
    OsRelease,
    OsType,
    PidMax,
    Process,
    CmdLine,
    Comm,
    Environ,
    ProcessMounts,
    ProcessStat,
    ProcessStatM,
    Status,
    Cwd,
    Exe,
    RootLink,
    FdDir,
    /// The link `fd/<n>`.
    FdLink,
    /// What that link leads to if it is no node of the file tree: a pipe, a stream.
    FdObject,
}

type Entry = (&'static [u8], What);

const ROOT: &[Entry] = &[
    (b"self", What::SelfLink),
    (b"sys", What::Sys),
    (b"cpuinfo", What::CpuInfo),
    (b"filesystems", What::FileSystems),
    (b"loadavg", What::LoadAvg),
    (b"meminfo", What::MemInfo),
    (b"mounts", What::Mounts),
    (b"stat", What::Stat),
    (b"uptime", What::Uptime),
    (b"version", What::Version),
];
const SYS: &[Entry] = &[(b"kernel", What::SysKernel)];
const SYS_KERNEL: &[Entry] = &[
    (b"hostname", What::HostName),
    (b"osrelease", What::OsRelease),
    (b"ostype", What::OsType),
    (b"pid_max", What::PidMax),
];
const PROCESS: &[Entry] = &[
    (b"cmdline", What::CmdLine),
    (b"comm", What::Comm),
    (b"cwd", What::Cwd),
    (b"environ", What::Environ),
    (b"exe", What::Exe),
    (b"fd", What::FdDir),
    (b"mounts", What::ProcessMounts),
    (b"root", What::RootLink),
    (b"stat", What::ProcessStat),
    (b"statm", What::ProcessStatM),
    (b"status", What::Status),
];

/// Every kind of node, for decoding. In the order of their numbers.
const ALL: [What; 30] = [
    What::Root,
    What::SelfLink,
    What::Sys,
    What::SysKernel,
    What::CpuInfo,
    What::LoadAvg,
    What::MemInfo,
    What::Mounts,
    What::Stat,
    What::Uptime,
    What::Version,
    What::FileSystems,
    What::HostName,
    What::OsRelease,
    What::OsType,
    What::PidMax,
    What::Process,
    What::CmdLine,
    What::Comm,
    What::Environ,
    What::ProcessMounts,
    What::ProcessStat,
    What::ProcessStatM,
    What::Status,
    What::Cwd,
    What::Exe,
    What::RootLink,
    What::FdDir,
    What::FdLink,
    What::FdObject,
];

/// A node: what, of which process, which descriptor.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Node {
    pub(super) what: What,
    pub(super) pid: Pid,
    pub(super) fd: Fd,
}

impl Node {
    fn of(what: What, pid: Pid) -> Node {
        Node { what, pid, fd: 0 }
    }

    /// The kind in the lowest byte, the descriptor in the next three, the process in the upper half.
    fn id(self) -> NodeId {
        NodeId(self.what as u64 | (self.fd as u64 & 0xff_ffff) << 8 | (self.pid.0 as u64) << 32)
    }

    pub(super) fn from_id(id: NodeId) -> Sys<Node> {
        let what = ALL.get(((id.0 & 0xff) as usize).wrapping_sub(1)).ok_or(Errno::NoEnt)?;
        Ok(Node { what: *what, pid: Pid((id.0 >> 32) as i32), fd: (id.0 >> 8 & 0xff_ffff) as Fd })
    }

    /// The fixed entries, if it is a directory.
    fn entries(self) -> Option<&'static [Entry]> {
        match self.what {
            What::Root => Some(ROOT),
            What::Sys => Some(SYS),
            What::SysKernel => Some(SYS_KERNEL),
            What::Process => Some(PROCESS),
            What::FdDir => Some(&[]),
            _ => None,
        }
    }

    fn parent(self) -> Node {
        match self.what {
            What::Root | What::Sys | What::Process => Node::of(What::Root, Pid(0)),
            What::SysKernel => Node::of(What::Sys, Pid(0)),
            _ => Node::of(What::Process, self.pid),
        }
    }

    /// Kind and permission bits, for all but [`What::FdObject`].
    fn kind(self) -> (Kind, u16) {
        match self.what {
            What::FdDir => (Kind::Dir, 0o500),
            _ if self.entries().is_some() => (Kind::Dir, 0o555),
            What::SelfLink | What::Mounts | What::Cwd | What::Exe | What::RootLink | What::FdLink => {
                (Kind::Symlink, 0o777)
            }
            What::Environ => (Kind::File, 0o400),
            _ => (Kind::File, 0o444),
        }
    }
}

/// What the kernel lends.
pub(super) struct Lent {
    pub(super) procs: Processes,
    pub(super) files: Slab<OpenFile>,
    pub(super) streams: Slab<Stream>,
    pub(super) caller: Pid,
    pub(super) facts: Facts,
}

impl Lent {
    /// The object of a descriptor.
    fn object(&self, pid: Pid, fd: Fd) -> Sys<Object> {
        let file = self.procs.get(pid).and_then(|process| process.fds.get(fd)).map_err(|_| Errno::NoEnt)?.file;
        Ok(self.files[file].object)
    }

    fn owner(&self, pid: Pid) -> Sys<Cred> {
        if pid == Pid(0) {
            return Ok(Cred::ROOT);
        }
        self.process(pid).map(|process| process.cred)
    }

    fn process(&self, pid: Pid) -> Sys<&Process> {
        self.procs.get(pid).map_err(|_| Errno::NoEnt)
    }

    /// Where a link of a process leads, if the caller may know.
    fn target(&self, node: Node, mount: MountId) -> Option<Loc> {
        let process = self.procs.get(node.pid).ok()?;
        if process.is_zombie() || !may_follow(self.procs.get(self.caller).ok(), process) {
            return None;
        }
        Some(match node.what {
            What::Cwd => process.cwd,
            What::Exe => process.program,
            What::RootLink => self.facts.root,
            _ => match self.object(node.pid, node.fd).ok()? {
                Object::File(loc) | Object::Dir(loc) | Object::Device(_, loc) => loc,
                Object::Pipe(..) | Object::Stream { .. } => {
                    let what = What::FdObject;
                    Loc { mount, node: Node { what, ..node }.id() }
                }
            },
        })
    }

    fn attr(&self, node: Node) -> Sys<Attr> {
        let owner = self.owner(node.pid)?;
        if node.what == What::FdObject {
            return Ok(match self.object(node.pid, node.fd)? {
                Object::Pipe(pipe, _) => pipe_attr(pipe, owner),
                Object::Stream { input, output } => {
                    stream_attr(input.or(output).map(|key| (key, &self.streams[key])), owner)
                }
                _ => return Err(Errno::NoEnt),
            });
        }
        if node.what == What::FdLink {
            self.object(node.pid, node.fd)?;
        }
        Ok(plain_attr(node, owner))
    }
}

/// Whether a process may use the links to what another has: its own user's, or it is user 0's. The kernel may, too.
pub(super) fn may_follow(caller: Option<&Process>, process: &Process) -> bool {
    caller.is_none_or(|caller| caller.cred.uid == 0 || caller.cred.uid == process.cred.uid)
}

/// Attributes that depend on nothing but the owner.
fn plain_attr(node: Node, owner: Cred) -> Attr {
    let (kind, mode) = node.kind();
    Attr {
        kind,
        mode,
        uid: owner.uid,
        gid: owner.gid,
        nlink: if kind == Kind::Dir { 2 } else { 1 },
        size: 0,
        blocks: 0,
        atime: 0,
        mtime: 0,
        ctime: 0,
        ino: node.id().0,
        dev: 0,
    }
}

/// What the two ends share: the tables while they are lent.
#[derive(Default)]
pub(super) struct Shared {
    pub(super) lent: Option<Lent>,
    /// The descriptor whose link was followed last.
    pub(super) followed: Option<(Pid, Fd)>,
    /// Somebody asked for what was not lent.
    pub(super) wanted: bool,
    pub(super) mount: Option<MountId>,
}

impl Shared {
    fn lent(&mut self) -> Sys<&Lent> {
        self.wanted |= self.lent.is_none();
        // Not `NoEnt`: that is an answer.
        self.lent.as_ref().ok_or(Errno::Stale)
    }
}

pub(super) fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// `/proc`, as the file tree sees it.
pub(super) struct ProcFs {
    pub(super) shared: Arc<Mutex<Shared>>,
}

impl ProcFs {
    fn with<T>(&self, answer: impl FnOnce(&Lent) -> Sys<T>) -> Sys<T> {
        answer(lock(&self.shared).lent()?)
    }

    fn lookup_number(&self, dir: Node, name: &[u8]) -> Sys<Node> {
        let digits = !name.is_empty() && name.iter().all(u8::is_ascii_digit) && (name[0] != b'0' || name.len() == 1);
        let number = std::str::from_utf8(name).ok().filter(|_| digits).and_then(|text| text.parse::<i32>().ok());
        match (dir.what, number) {
            (What::Root, Some(number)) => Ok(Node::of(What::Process, Pid(number))),
            (What::FdDir, Some(fd)) if fd <= 0xff_ffff => Ok(Node { what: What::FdLink, pid: dir.pid, fd }),
            _ => Err(Errno::NoEnt),
        }
    }
}

impl FileSystem for ProcFs {
    fn root(&self) -> NodeId {
        Node::of(What::Root, Pid(0)).id()
    }

    fn lookup(&mut self, dir: NodeId, name: &[u8]) -> Sys<(NodeId, Attr)> {
        let dir = Node::from_id(dir)?;
        let fixed = dir.entries().ok_or(Errno::NotDir)?.iter().find(|(entry, _)| *entry == name);
        let node = match fixed {
            Some((_, what)) => Node::of(*what, dir.pid),
            None => self.lookup_number(dir, name)?,
        };
        Ok((node.id(), self.attr(node.id())?))
    }

    fn attr(&mut self, node: NodeId) -> Sys<Attr> {
        let node = Node::from_id(node)?;
        if node.pid == Pid(0) {
            return Ok(plain_attr(node, Cred::ROOT));
        }
        self.with(|lent| lent.attr(node))
    }

    fn readlink(&mut self, node: NodeId) -> Sys<Vec<u8>> {
        match Node::from_id(node)?.what {
            What::SelfLink => self.with(|lent| Ok(lent.caller.0.to_string().into())),
            What::Mounts => Ok(b"self/mounts".to_vec()),
            // The kernel knows their texts; see `Kernel::readlink`.
            What::Cwd | What::Exe | What::RootLink | What::FdLink => Err(Errno::Stale),
            _ => Err(Errno::Inval),
        }
    }

    fn jump(&mut self, node: NodeId) -> Option<Loc> {
        let node = Node::from_id(node).ok()?;
        let mut shared = lock(&self.shared);
        let mount = shared.mount?;
        if !matches!(node.what, What::Cwd | What::Exe | What::RootLink | What::FdLink) {
            return None;
        }
        let target = shared.lent().ok()?.target(node, mount)?;
        if node.what == What::FdLink {
            shared.followed = Some((node.pid, node.fd));
        }
        Some(target)
    }

    fn read_at(&mut self, node: NodeId, offset: u64, into: &mut [u8]) -> Sys<usize> {
        let node = Node::from_id(node)?;
        if node.entries().is_some() {
            return Err(Errno::IsDir);
        }
        let text = self.with(|lent| match node.pid {
            Pid(0) => Ok(proc_text::of_system(node.what, lent)),
            pid => Ok(proc_text::of_process(node.what, lent.process(pid)?, lent)),
        })?;
        let rest = usize::try_from(offset).ok().and_then(|at| text.get(at..)).unwrap_or_default();
        let count = rest.len().min(into.len());
        into[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    }

    fn read_dir(&mut self, dir: NodeId, cookie: u64, sink: &mut dyn FnMut(DirEntry) -> bool) -> Sys<()> {
        /// Cookies of numbered entries start here.
        const NUMBERED: u64 = 1 << 32;
        let dir = Node::from_id(dir)?;
        let entries = dir.entries().ok_or(Errno::NotDir)?;
        self.with(|lent| {
            let entry = |name: &[u8], node: Node, next: u64| DirEntry {
                name: name.to_vec(),
                node: node.id(),
                ino: node.id().0,
                kind: node.kind().0,
                next,
            };
            lent.owner(dir.pid)?;
            let skip = usize::try_from(cookie).unwrap_or(usize::MAX);
            for (next, (name, what)) in (1..).zip(entries).skip(skip) {
                if !sink(entry(name, Node::of(*what, dir.pid), next)) {
                    return Ok(());
                }
            }
            let numbers: Vec<(i32, Node)> = match dir.what {
                What::Root => lent.procs.iter().map(|p| (p.pid.0, Node::of(What::Process, p.pid))).collect(),
                What::FdDir => {
                    let fds = &lent.process(dir.pid)?.fds;
                    fds.iter().map(|(fd, _)| (fd, Node { what: What::FdLink, pid: dir.pid, fd })).collect()
                }
                _ => Vec::new(),
            };
            for (number, node) in numbers {
                let next = NUMBERED + number as u64 + 1;
                if next > cookie && !sink(entry(number.to_string().as_bytes(), node, next)) {
                    return Ok(());
                }
            }
            Ok(())
        })
    }

    fn parent(&mut self, dir: NodeId) -> Sys<NodeId> {
        Ok(Node::from_id(dir)?.parent().id())
    }

    fn name(&mut self, dir: NodeId) -> Sys<Vec<u8>> {
        let node = Node::from_id(dir)?;
        if node.what == What::Process {
            return Ok(node.pid.0.to_string().into());
        }
        let entry = node.parent().entries().and_then(|all| all.iter().find(|(_, what)| *what == node.what));
        entry.map(|(name, _)| name.to_vec()).ok_or(Errno::NoEnt)
    }

    fn create(&mut self, _: NodeId, _: &[u8], _: NewNode<'_>) -> Sys<NodeId> {
        // As on Linux: what is not there cannot be.
        Err(Errno::NoEnt)
    }

    fn unlink(&mut self, _: NodeId, _: &[u8]) -> Sys<()> {
        Err(Errno::Perm)
    }

    fn rmdir(&mut self, _: NodeId, _: &[u8]) -> Sys<()> {
        Err(Errno::Perm)
    }

    fn rename(&mut self, _: NodeId, _: &[u8], _: NodeId, _: &[u8]) -> Sys<()> {
        Err(Errno::Perm)
    }

    fn set_attr(&mut self, _: NodeId, _: SetAttr) -> Sys<()> {
        Err(Errno::Perm)
    }

    fn statfs(&mut self) -> StatFs {
        StatFs { block_size: 4096, blocks: 0, free: 0, files: 0, files_free: 0, name_max: 255, fs_type: 0x9fa0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn node_numbers_go_both_ways() {
        for (number, what) in (1..).zip(ALL) {
            assert_eq!(what as u64, number);
            let node = Node { what, pid: Pid(4_194_303), fd: 1023 };
            assert_eq!(Node::from_id(node.id()), Ok(node));
        }
        assert_eq!(Node::from_id(NodeId(0)), Err(Errno::NoEnt));
        assert_eq!(Node::from_id(NodeId(255)), Err(Errno::NoEnt));
    }
}
