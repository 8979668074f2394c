//! An operating system in memory, for unit tests: files, pipes, and children that run to their end when they are started.
//!
//! A subshell is this same shell, called again with a descriptor table of its own. A few programs exist as functions. Because
//! a child has finished when `spawn` returns, a reader finds all there will ever be: reading an empty pipe is the end of it.

use super::*;
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

/// A program of the fake: takes its standard input and arguments, gives its output and status.
pub type Program = fn(input: &[u8], args: &[Vec<u8>]) -> (Vec<u8>, i32);

enum Node {
    Dir,
    File(Rc<RefCell<Vec<u8>>>),
    Program(Program),
}

/// What all processes share.
#[derive(Default)]
struct World {
    nodes: RefCell<BTreeMap<Vec<u8>, Node>>,
    ended: RefCell<BTreeMap<Pid, WaitStatus>>,
    next_pid: Cell<Pid>,
    clock: Cell<i64>,
    kept: RefCell<Vec<u8>>,
}

enum Body {
    File { data: Rc<RefCell<Vec<u8>>>, at: Cell<usize>, append: bool },
    Pipe(Rc<RefCell<VecDeque<u8>>>),
    Null,
}

#[derive(Clone)]
struct Entry {
    body: Rc<Body>,
    cloexec: bool,
}

/// One process of the fake.
pub struct Fake {
    world: Rc<World>,
    fds: RefCell<BTreeMap<Fd, Entry>>,
    cwd: RefCell<Vec<u8>>,
    umask: Cell<u32>,
    dispositions: RefCell<BTreeMap<i32, Disposition>>,
    pending: RefCell<VecDeque<i32>>,
    pid: Pid,
    parent: Pid,
    args: Vec<Vec<u8>>,
    env: Vec<Vec<u8>>,
    blob: Vec<u8>,
}

/// How a process of the fake ends in the middle of something: thrown, and caught where it was started.
struct Ended(WaitStatus);

/// What a shell run on the fake left.
#[derive(Debug, PartialEq, Eq)]
pub struct Outcome {
    pub stdout: String,
    pub stderr: String,
    pub status: i32,
}

impl Fake {
    /// The first process, with `bash` and a few programs on PATH, standard streams on memory.
    #[must_use]
    pub fn new(args: &[&str], stdin: &[u8]) -> Self {
        let world = Rc::new(World::default());
        world.next_pid.set(101);
        for dir in ["/", "/bin", "/tmp", "/dev", "/home"] {
            world.nodes.borrow_mut().insert(dir.into(), Node::Dir);
        }
        let fake = Self {
            world,
            fds: RefCell::default(),
            cwd: RefCell::new(b"/home".to_vec()),
            umask: Cell::new(0o22),
            dispositions: RefCell::default(),
            pending: RefCell::default(),
            pid: 100,
            parent: 1,
            args: args.iter().map(|a| a.as_bytes().to_vec()).collect(),
            env: vec![b"PATH=/bin".to_vec(), b"HOME=/home".to_vec(), b"LANG=C.UTF-8".to_vec()],
            blob: Vec::new(),
        };
        fake.program("bash", |_, _| (Vec::new(), 0));
        fake.program("true", |_, _| (Vec::new(), 0));
        fake.program("cat", |input, _| (input.to_vec(), 0));
        fake.program("upper", |input, _| (input.to_ascii_uppercase(), 0));
        fake.program("fail", |_, _| (Vec::new(), 7));
        fake.file("/dev/null", b"");
        for (fd, data) in [(0, stdin), (1, &b""[..]), (2, b"")] {
            let data = Rc::new(RefCell::new(data.to_vec()));
            let body = Rc::new(Body::File { data, at: Cell::new(0), append: fd > 0 });
            fake.fds.borrow_mut().insert(fd, Entry { body, cloexec: false });
        }
        fake
    }

    /// Adds a program in `/bin`.
    pub fn program(&self, name: &str, run: Program) {
        self.world.nodes.borrow_mut().insert(format!("/bin/{name}").into(), Node::Program(run));
    }

    /// Adds a file.
    pub fn file(&self, path: &str, text: &[u8]) {
        self.world.nodes.borrow_mut().insert(path.into(), Node::File(Rc::new(RefCell::new(text.to_vec()))));
    }

    /// Adds an argument of any bytes.
    pub fn push_arg(&mut self, arg: &[u8]) {
        self.args.push(arg.to_vec());
    }

    /// Runs the shell and gives its standard output as it is.
    #[must_use]
    pub fn run_bytes(self) -> Vec<u8> {
        let stdout = self.fds.borrow().get(&1).cloned();
        run_to_end(Rc::new(self));
        match stdout.as_ref().map(|e| &*e.body) {
            Some(Body::File { data, .. }) => data.borrow().clone(),
            _ => Vec::new(),
        }
    }

    /// Runs the shell in this process to its end.
    #[must_use]
    pub fn run(self) -> Outcome {
        let streams: Vec<_> = (1..3).map(|fd| self.fds.borrow().get(&fd).cloned()).collect();
        let status = run_to_end(Rc::new(self));
        let text = |entry: &Option<Entry>| match entry.as_ref().map(|e| &*e.body) {
            Some(Body::File { data, .. }) => String::from_utf8_lossy(&data.borrow()).into_owned(),
            _ => String::new(),
        };
        Outcome { stdout: text(&streams[0]), stderr: text(&streams[1]), status: status.code() }
    }

    fn path(&self, path: &[u8]) -> Vec<u8> {
        let full = if path.starts_with(b"/") { path.to_vec() } else { [&self.cwd.borrow()[..], b"/", path].concat() };
        let mut parts: Vec<&[u8]> = Vec::new();
        for part in full.split(|b| *b == b'/') {
            match part {
                b"" | b"." => {}
                b".." => {
                    parts.pop();
                }
                _ => parts.push(part),
            }
        }
        [b"/", &parts.join(&b'/')[..]].concat()
    }

    fn entry(&self, fd: Fd) -> Sys<Entry> {
        self.fds.borrow().get(&fd).cloned().ok_or(Errno::BADF)
    }

    fn lowest(&self, min: Fd) -> Fd {
        let fds = self.fds.borrow();
        (min..).find(|fd| !fds.contains_key(fd)).unwrap_or(min)
    }

    fn insert(&self, body: Body, cloexec: bool) -> Fd {
        let fd = self.lowest(0);
        self.fds.borrow_mut().insert(fd, Entry { body: Rc::new(body), cloexec });
        fd
    }

    /// Runs a program of the fake on this process's streams.
    fn run_program(&self, program: Program) -> i32 {
        let mut input = Vec::new();
        let mut buf = [0; 512];
        while let Ok(n) = self.read(0, &mut buf) {
            if n == 0 {
                break;
            }
            input.extend_from_slice(&buf[..n]);
        }
        let (output, status) = program(&input, &self.args);
        let _ = self.write_all(1, &output);
        status
    }
}

fn run_to_end(process: Rc<Fake>) -> WaitStatus {
    let run = std::panic::AssertUnwindSafe(|| crate::startup::run(process));
    match std::panic::catch_unwind(run) {
        Ok(status) => WaitStatus::Exited(status),
        Err(payload) => match payload.downcast::<Ended>() {
            Ok(ended) => ended.0,
            Err(payload) => std::panic::resume_unwind(payload),
        },
    }
}

fn strings(list: &[u8]) -> Vec<Vec<u8>> {
    list.split_inclusive(|b| *b == 0).map(|s| s[..s.len() - 1].to_vec()).collect()
}

fn stat(kind: FileKind, size: usize, ino: u64) -> Stat {
    let mode = if kind == FileKind::File { 0o644 } else { 0o755 };
    Stat { dev: 1, ino, kind, mode, uid: 1000, gid: 1000, size: size as u64, atime: 0, mtime: 0 }
}

impl Files for Fake {
    fn open(&self, path: &[u8], how: OpenHow, _mode: u32) -> Sys<Fd> {
        let path = self.path(path);
        if path == b"/dev/null" {
            return Ok(self.insert(Body::Null, how.cloexec));
        }
        if let Some(fd) = path.strip_prefix(b"/dev/fd/").and_then(crate::expand::to_int) {
            return self.dup(fd as Fd, 0, how.cloexec);
        }
        let mut nodes = self.world.nodes.borrow_mut();
        match nodes.get(&path) {
            Some(Node::Dir) if how.write => return Err(Errno::ISDIR),
            Some(_) if how.exclusive => return Err(Errno::EXIST),
            None if !how.create => return Err(Errno::NOENT),
            None => {
                let parent = path.iter().rposition(|b| *b == b'/').map_or(&b"/"[..], |i| &path[..i.max(1)]);
                if !matches!(nodes.get(parent), Some(Node::Dir)) {
                    return Err(Errno::NOENT);
                }
                nodes.insert(path.clone(), Node::File(Rc::default()));
            }
            Some(_) => {}
        }
        let Some(Node::File(data)) = nodes.get(&path) else { return Err(Errno::ACCES) };
        if how.truncate {
            data.borrow_mut().clear();
        }
        let body = Body::File { data: data.clone(), at: Cell::new(0), append: how.append };
        drop(nodes);
        Ok(self.insert(body, how.cloexec))
    }

    fn stat(&self, path: &[u8], _follow: bool) -> Sys<Stat> {
        let path = self.path(path);
        let nodes = self.world.nodes.borrow();
        let ino = nodes.range(..path.clone()).count() as u64;
        match nodes.get(&path) {
            None => Err(Errno::NOENT),
            Some(Node::Dir) => Ok(stat(FileKind::Dir, 0, ino)),
            Some(Node::File(data)) => Ok(stat(FileKind::File, data.borrow().len(), ino)),
            Some(Node::Program(_)) => Ok(stat(FileKind::File, 1, ino)),
        }
    }

    fn fstat(&self, fd: Fd) -> Sys<Stat> {
        Ok(match &*self.entry(fd)?.body {
            Body::File { data, .. } => stat(FileKind::File, data.borrow().len(), 0),
            Body::Pipe(_) => stat(FileKind::Fifo, 0, 0),
            Body::Null => stat(FileKind::CharDevice, 0, 0),
        })
    }

    fn access(&self, path: &[u8], mode: u32) -> Sys<()> {
        match self.world.nodes.borrow().get(&self.path(path)) {
            None => Err(Errno::NOENT),
            Some(Node::File(_)) if mode & 1 != 0 => Err(Errno::ACCES),
            Some(_) => Ok(()),
        }
    }

    fn read_dir(&self, path: &[u8]) -> Sys<Vec<DirEntry>> {
        let mut dir = self.path(path);
        let nodes = self.world.nodes.borrow();
        if !matches!(nodes.get(&dir), Some(Node::Dir)) {
            return Err(Errno::NOTDIR);
        }
        if dir != b"/" {
            dir.push(b'/');
        }
        let inside = nodes.iter().filter_map(|(path, node)| Some((path.strip_prefix(&dir[..])?, node)));
        let direct = inside.filter(|(name, _)| !name.is_empty() && !name.contains(&b'/'));
        Ok(direct
            .map(|(name, node)| DirEntry {
                name: name.to_vec(),
                kind: if matches!(node, Node::Dir) { FileKind::Dir } else { FileKind::File },
            })
            .collect())
    }

    fn unlink(&self, path: &[u8]) -> Sys<()> {
        self.world.nodes.borrow_mut().remove(&self.path(path)).map(drop).ok_or(Errno::NOENT)
    }

    fn umask(&self, mask: u32) -> u32 {
        self.umask.replace(mask)
    }

    fn chdir(&self, path: &[u8]) -> Sys<()> {
        let path = self.path(path);
        match self.world.nodes.borrow().get(&path) {
            Some(Node::Dir) => {
                *self.cwd.borrow_mut() = path;
                Ok(())
            }
            Some(_) => Err(Errno::NOTDIR),
            None => Err(Errno::NOENT),
        }
    }

    fn getcwd(&self) -> Sys<Vec<u8>> {
        Ok(self.cwd.borrow().clone())
    }
}

impl Descriptors for Fake {
    fn read(&self, fd: Fd, buf: &mut [u8]) -> Sys<usize> {
        Ok(match &*self.entry(fd)?.body {
            Body::Null => 0,
            Body::Pipe(data) => {
                let mut data = data.borrow_mut();
                let n = data.len().min(buf.len());
                for (to, from) in buf.iter_mut().zip(data.drain(..n)) {
                    *to = from;
                }
                n
            }
            Body::File { data, at, .. } => {
                let data = data.borrow();
                let rest = data.get(at.get()..).unwrap_or(&[]);
                let n = rest.len().min(buf.len());
                buf[..n].copy_from_slice(&rest[..n]);
                at.set(at.get() + n);
                n
            }
        })
    }

    fn write(&self, fd: Fd, buf: &[u8]) -> Sys<usize> {
        match &*self.entry(fd)?.body {
            Body::Null => {}
            Body::Pipe(data) => data.borrow_mut().extend(buf),
            Body::File { data, at, append } => {
                let mut data = data.borrow_mut();
                let start = if *append { data.len() } else { at.get() };
                if data.len() < start + buf.len() {
                    data.resize(start + buf.len(), 0);
                }
                data[start..start + buf.len()].copy_from_slice(buf);
                at.set(start + buf.len());
            }
        }
        Ok(buf.len())
    }

    fn close(&self, fd: Fd) -> Sys<()> {
        self.fds.borrow_mut().remove(&fd).map(drop).ok_or(Errno::BADF)
    }

    fn dup(&self, fd: Fd, min: Fd, cloexec: bool) -> Sys<Fd> {
        let entry = self.entry(fd)?;
        let to = self.lowest(min);
        self.fds.borrow_mut().insert(to, Entry { cloexec, ..entry });
        Ok(to)
    }

    fn dup2(&self, fd: Fd, to: Fd, cloexec: bool) -> Sys<()> {
        let entry = self.entry(fd)?;
        self.fds.borrow_mut().insert(to, Entry { cloexec, ..entry });
        Ok(())
    }

    fn pipe(&self) -> Sys<(Fd, Fd)> {
        let data = Rc::new(RefCell::new(VecDeque::new()));
        Ok((self.insert(Body::Pipe(data.clone()), true), self.insert(Body::Pipe(data), true)))
    }

    fn cloexec(&self, fd: Fd, set: Option<bool>) -> Sys<bool> {
        let mut fds = self.fds.borrow_mut();
        let entry = fds.get_mut(&fd).ok_or(Errno::BADF)?;
        let old = entry.cloexec;
        entry.cloexec = set.unwrap_or(old);
        Ok(old)
    }

    fn is_terminal(&self, _fd: Fd) -> bool {
        false
    }

    fn seek(&self, fd: Fd, offset: i64, whence: Whence) -> Sys<u64> {
        let entry = self.entry(fd)?;
        let Body::File { data, at, .. } = &*entry.body else { return Err(Errno::SPIPE) };
        let base = match whence {
            Whence::Start => 0,
            Whence::Current => at.get() as i64,
            Whence::End => data.borrow().len() as i64,
        };
        at.set(usize::try_from(base + offset).map_err(|_| Errno::INVAL)?);
        Ok(at.get() as u64)
    }

    fn poll_read(&self, fd: Fd, _timeout_ns: u64) -> Sys<bool> {
        self.entry(fd).map(|_| true)
    }
}

impl Processes for Fake {
    fn spawn(&self, request: &Spawn) -> Sys<Pid> {
        let mut fds: BTreeMap<Fd, Entry> = self.fds.borrow().clone();
        for action in request.actions {
            match *action {
                FdAction::Dup { src, to } => {
                    let entry = fds.get(&src).cloned().ok_or(Errno::BADF)?;
                    fds.insert(to, Entry { cloexec: false, ..entry });
                }
                FdAction::Close(fd) => {
                    fds.remove(&fd);
                }
            }
        }
        fds.retain(|_, e| !e.cloexec);
        let program = match self.world.nodes.borrow().get(&self.path(request.path)) {
            None => return Err(Errno::NOENT),
            Some(Node::Dir) => return Err(Errno::ACCES),
            Some(Node::File(_)) => return Err(Errno::NOEXEC),
            Some(Node::Program(program)) => *program,
        };
        let pid = self.world.next_pid.get();
        self.world.next_pid.set(pid + 1);
        let child = Self {
            world: self.world.clone(),
            fds: RefCell::new(fds),
            cwd: RefCell::new(self.cwd.borrow().clone()),
            umask: Cell::new(self.umask.get()),
            dispositions: RefCell::default(),
            pending: RefCell::default(),
            pid,
            parent: self.pid,
            args: strings(request.argv),
            env: strings(request.env),
            blob: request.blob.to_vec(),
        };
        let status = if request.path == self.self_path() {
            run_to_end(Rc::new(child))
        } else {
            WaitStatus::Exited(child.run_program(program))
        };
        self.world.ended.borrow_mut().insert(pid, status);
        Ok(pid)
    }

    fn exec(&self, path: &[u8], argv: &[u8], _env: &[u8]) -> Errno {
        match self.world.nodes.borrow().get(&self.path(path)) {
            Some(Node::Program(program)) => {
                let program = *program;
                let args = strings(argv);
                let mut input = Vec::new();
                let mut buf = [0; 512];
                while let Ok(n) = self.read(0, &mut buf) {
                    if n == 0 {
                        break;
                    }
                    input.extend_from_slice(&buf[..n]);
                }
                let (output, status) = program(&input, &args);
                let _ = self.write_all(1, &output);
                self.exit(status)
            }
            Some(Node::Dir) => Errno::ACCES,
            Some(Node::File(_)) => Errno::NOEXEC,
            None => Errno::NOENT,
        }
    }

    fn self_path(&self) -> &[u8] {
        b"/bin/bash"
    }

    fn wait(&self, pid: Pid, _block: bool) -> Sys<Option<(Pid, WaitStatus)>> {
        let mut ended = self.world.ended.borrow_mut();
        let found = if pid > 0 { ended.remove(&pid).map(|s| (pid, s)) } else { ended.pop_first() };
        found.map(Some).ok_or(Errno::CHILD)
    }

    fn kill(&self, pid: Pid, sig: i32) -> Sys<()> {
        if pid != self.pid {
            return Err(Errno::SRCH);
        }
        match self.disposition(sig, None)? {
            _ if sig == 0 => {}
            Disposition::Catch => self.pending.borrow_mut().push_back(sig),
            Disposition::Ignore => {}
            Disposition::Default if sig == signal::CHLD || sig == signal::CONT => {}
            Disposition::Default => std::panic::panic_any(Ended(WaitStatus::Signaled(sig))),
        }
        Ok(())
    }

    fn getpid(&self) -> Pid {
        self.pid
    }

    fn getppid(&self) -> Pid {
        self.parent
    }

    fn ids(&self) -> Ids {
        Ids { uid: 1000, euid: 1000, gid: 1000, egid: 1000 }
    }

    fn hostname(&self) -> Vec<u8> {
        b"fake".to_vec()
    }

    fn times(&self) -> Times {
        Times::default()
    }

    fn blob(&self) -> Vec<u8> {
        self.blob.clone()
    }

    fn keep(&self, state: &[u8]) {
        *self.world.kept.borrow_mut() = state.to_vec();
    }

    fn limit_recursion(&self, _used: u64) {}

    fn exit(&self, status: i32) -> ! {
        std::panic::panic_any(Ended(WaitStatus::Exited(status)))
    }
}

impl Signals for Fake {
    fn disposition(&self, sig: i32, set: Option<Disposition>) -> Sys<Disposition> {
        let mut all = self.dispositions.borrow_mut();
        let old = all.get(&sig).copied().unwrap_or(Disposition::Default);
        if let Some(new) = set {
            all.insert(sig, new);
        }
        Ok(old)
    }

    fn take(&self) -> Option<i32> {
        self.pending.borrow_mut().pop_front()
    }
}

impl Clock for Fake {
    fn realtime(&self) -> i64 {
        1_700_000_000_000_000_000 + self.monotonic()
    }

    fn monotonic(&self) -> i64 {
        self.world.clock.set(self.world.clock.get() + 1_000_000);
        self.world.clock.get()
    }

    fn random(&self, buf: &mut [u8]) {
        buf.fill(4);
    }
}

impl Environment for Fake {
    fn args(&self) -> Vec<Vec<u8>> {
        self.args.clone()
    }

    fn env(&self) -> Vec<Vec<u8>> {
        self.env.clone()
    }
}
