//! The kernel with a launcher that only takes note: the test acts as the processes, step by step.

mod background;
mod execs;
mod files;
mod pipes;
mod proc;
mod processes;
mod programs;
mod running;
mod signals;

use super::*;
use crate::base::Errno;
use crate::vfs::{Cred, ManualClock, OpenFlags, ProgramId, Tree};
use bytes::Bytes;
use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::task::Wake;

const USER: Cred = Cred { uid: 1000, gid: 1000 };
const ENV: &[u8] = b"PATH=/bin:/usr/bin\0HOME=/home/user\0";
const MODULE: &[u8] = b"\0asm\x01\0\0\0";

/// Counts wake-ups.
#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// A launcher that takes note, and a budget of memory.
#[derive(Clone, Default)]
struct Fake {
    launches: Arc<Mutex<Vec<LaunchRequest>>>,
    refuse: Arc<AtomicUsize>,
    charged: Arc<AtomicI64>,
    memory_max: Arc<AtomicI64>,
}

impl Launcher for Fake {
    fn launch(&self, request: LaunchRequest) -> Sys<()> {
        if self.refuse.load(Ordering::SeqCst) > 0 {
            return Err(Errno::Again);
        }
        self.launches.lock().unwrap().push(request);
        Ok(())
    }

    fn charge_memory(&self, bytes: i64) -> bool {
        let max = self.memory_max.load(Ordering::SeqCst);
        let now = self.charged.load(Ordering::SeqCst);
        if bytes > 0 && max > 0 && now + bytes > max {
            return false;
        }
        self.charged.fetch_add(bytes, Ordering::SeqCst);
        true
    }
}

/// Input of an exec: what is there, and whether more may come.
#[derive(Default)]
struct Input {
    bytes: Vec<u8>,
    ended: bool,
    waker: Option<Waker>,
}

struct TestSource(Arc<Mutex<Input>>, bool);

impl Source for TestSource {
    fn poll_read(&mut self, into: &mut [u8], waker: &Waker) -> Poll<Sys<usize>> {
        let mut input = self.0.lock().unwrap();
        if input.bytes.is_empty() && !input.ended {
            input.waker = Some(waker.clone());
            return Poll::Pending;
        }
        let count = into.len().min(input.bytes.len());
        into[..count].copy_from_slice(&input.bytes[..count]);
        input.bytes.drain(..count);
        Poll::Ready(Ok(count))
    }

    fn poll_ready(&mut self, waker: &Waker) -> Poll<()> {
        self.poll_read(&mut [], waker).map(|_| ())
    }

    fn is_terminal(&self) -> bool {
        self.1
    }
}

/// Output of an exec: takes so many bytes before its writers wait.
#[derive(Default)]
struct Output {
    bytes: Vec<u8>,
    room: usize,
    closed: bool,
    dropped: bool,
    waker: Option<Waker>,
}

struct TestSink(Arc<Mutex<Output>>, bool);

impl Sink for TestSink {
    fn poll_write(&mut self, from: &[u8], waker: &Waker) -> Poll<Sys<usize>> {
        let mut output = self.0.lock().unwrap();
        if output.closed {
            return Poll::Ready(Err(Errno::Pipe));
        }
        let count = from.len().min(output.room);
        if count == 0 && !from.is_empty() {
            output.waker = Some(waker.clone());
            return Poll::Pending;
        }
        output.bytes.extend_from_slice(&from[..count]);
        output.room -= count;
        Poll::Ready(Ok(count))
    }

    fn poll_ready(&mut self, waker: &Waker) -> Poll<()> {
        let mut output = self.0.lock().unwrap();
        if output.room == 0 {
            output.waker = Some(waker.clone());
            return Poll::Pending;
        }
        Poll::Ready(())
    }

    fn terminal_size(&self) -> Option<(u32, u32)> {
        self.1.then_some((80, 24))
    }
}

impl Drop for TestSink {
    fn drop(&mut self) {
        self.0.lock().unwrap().dropped = true;
    }
}

/// What a terminal or none is connected to.
struct Streams {
    input: Arc<Mutex<Input>>,
    output: Arc<Mutex<Output>>,
}

/// A sandbox's kernel and the test's ends of everything.
struct Sandbox {
    kernel: Kernel,
    fake: Fake,
    clock: Arc<ManualClock>,
    wakers: HashMap<Pid, Arc<Count>>,
}

fn tree() -> Tree {
    let mut tree = Tree::new();
    install_devices(&mut tree).unwrap();
    tree.put_dir(b"/tmp", 0o1777, 0, 0, 0).unwrap();
    tree.put_dir(b"/home/user", 0o755, 1000, 1000, 0).unwrap();
    for (number, name) in [&b"/bin/sh"[..], b"/bin/cat", b"/usr/bin/env"].into_iter().enumerate() {
        let blob = Some(ProgramId([number as u8; 32]));
        tree.put_file(name, Bytes::from_static(MODULE), 0o755, 0, 0, 0, blob).unwrap();
    }
    tree.put_file(b"/bin/plain.wasm", Bytes::from_static(MODULE), 0o755, 0, 0, 0, None).unwrap();
    tree
}

fn start<'a>(stdin: Box<dyn Source>, stdout: Box<dyn Sink>) -> ExecStart<'a> {
    ExecStart {
        program: b"sh",
        argv: b"sh\0",
        env: ENV,
        cwd: b"/home/user",
        stdin,
        stdout,
        stderr: None,
        blob: None,
        cred: USER,
        umask: 0o022,
        limits: Limits::default(),
        session: false,
    }
}

impl Sandbox {
    fn new() -> Sandbox {
        Sandbox::with_limits(Limits::default())
    }

    fn with_limits(limits: Limits) -> Sandbox {
        let fake = Fake::default();
        let clock = Arc::new(ManualClock::new(1_000_000_000));
        let kernel = Kernel::new(KernelParts {
            vfs: Vfs::new(tree(), &limits),
            limits,
            launcher: Box::new(fake.clone()),
            clock: clock.clone(),
            entropy: Entropy::seeded(1),
            hostname: "coquina".to_owned(),
            background: true,
        });
        Sandbox { kernel, fake, clock, wakers: HashMap::new() }
    }

    /// Starts an exec with endless room for output and empty input that has not ended.
    fn exec(&mut self) -> (ExecId, Pid, Streams) {
        self.exec_with(false)
    }

    fn exec_with(&mut self, terminal: bool) -> (ExecId, Pid, Streams) {
        let output = Output { room: usize::MAX, ..Output::default() };
        let streams = Streams { input: Arc::default(), output: Arc::new(Mutex::new(output)) };
        let source = TestSource(Arc::clone(&streams.input), terminal);
        let sink = TestSink(Arc::clone(&streams.output), terminal);
        let limits = self.kernel.limits().clone();
        let id = self.kernel.start_exec(ExecStart { limits, ..start(Box::new(source), Box::new(sink)) }).unwrap();
        (id, self.kernel.exec_init(id).unwrap(), streams)
    }

    /// A process's waker.
    fn waker(&mut self, pid: Pid) -> Waker {
        Waker::from(Arc::clone(self.wakers.entry(pid).or_default()))
    }

    /// How often a process was woken since this was last asked.
    fn woken(&mut self, pid: Pid) -> usize {
        self.wakers.entry(pid).or_default().0.swap(0, Ordering::SeqCst)
    }

    fn spawn(&mut self, parent: Pid) -> Pid {
        self.spawn_with(parent, SpawnRequest::default()).unwrap()
    }

    /// Spawns `/bin/cat` unless another program is given.
    fn spawn_with(&mut self, parent: Pid, mut request: SpawnRequest<'_>) -> Sys<Pid> {
        if request.program.is_empty() {
            request.program = b"/bin/cat";
            request.argv = b"cat\0";
        }
        self.kernel.spawn(parent, &request)
    }

    fn exit(&mut self, pid: Pid, code: u8) {
        self.kernel.exited(pid, ExitStatus::Code(code), Usage::default());
    }

    /// What the launcher does with a process that was killed: drops it and says so.
    fn bury(&mut self, pid: Pid) {
        assert!(self.kernel.killed(pid).is_some());
        self.exit(pid, 0);
    }

    fn read(&mut self, pid: Pid, fd: Fd, max: usize) -> Poll<Sys<Vec<u8>>> {
        let waker = self.waker(pid);
        let mut buffer = vec![0; max];
        let result = self.kernel.poll_read(pid, fd, &mut buffer, &waker);
        result.map_ok(|count| buffer[..count].to_vec())
    }

    /// Reads where it does not wait.
    #[track_caller]
    fn read_now(&mut self, pid: Pid, fd: Fd, max: usize) -> Vec<u8> {
        let Poll::Ready(result) = self.read(pid, fd, max) else { panic!("the read waits") };
        result.unwrap()
    }

    fn write(&mut self, pid: Pid, fd: Fd, bytes: &[u8]) -> Poll<Sys<usize>> {
        let waker = self.waker(pid);
        self.kernel.poll_write(pid, fd, bytes, &waker)
    }

    fn open_how(&mut self, pid: Pid, path: &str, how: OpenHow) -> Poll<Sys<Fd>> {
        let waker = self.waker(pid);
        self.kernel.poll_open(pid, AT_FDCWD, path.as_bytes(), how, &waker)
    }

    fn open(&mut self, pid: Pid, path: &str, how: OpenHow) -> Sys<Fd> {
        match self.open_how(pid, path, how) {
            Poll::Ready(result) => result,
            Poll::Pending => panic!("the open waits"),
        }
    }

    fn wait(&mut self, pid: Pid, target: WaitTarget) -> Poll<Sys<Option<Waited>>> {
        let waker = self.waker(pid);
        self.kernel.poll_wait(pid, target, false, &waker)
    }

    fn outcome(&mut self, exec: ExecId) -> Poll<ExecOutcome> {
        self.kernel.poll_outcome(exec, Waker::noop())
    }

    /// Checks that nothing is left of an exec.
    #[track_caller]
    fn assert_empty(&self) {
        assert_eq!(self.kernel.procs.len(), 0, "processes");
        assert_eq!(self.kernel.files.len(), 0, "open files");
        assert_eq!(self.kernel.pipes.len(), 0, "pipes");
        assert_eq!(self.kernel.streams.len(), 0, "streams");
        assert!(self.kernel.fifos.is_empty(), "fifos");
        assert!(self.kernel.locks.is_empty(), "locks");
        assert!(self.kernel.alarms.is_empty(), "alarms");
        assert!(self.kernel.execs.is_empty(), "execs");
        assert_eq!(self.kernel.charged_bytes(), 0, "charged memory");
        assert_eq!(self.fake.charged.load(Ordering::SeqCst), 0, "charged memory");
    }
}

fn reading() -> OpenHow {
    OpenHow { flags: OpenFlags { read: true, ..OpenFlags::default() }, ..OpenHow::default() }
}

fn writing() -> OpenHow {
    let flags = OpenFlags { write: true, create: true, ..OpenFlags::default() };
    OpenHow { flags, mode: 0o666, ..OpenHow::default() }
}

fn both() -> OpenHow {
    let flags = OpenFlags { read: true, write: true, create: true, ..OpenFlags::default() };
    OpenHow { flags, mode: 0o666, ..OpenHow::default() }
}

/// A wait that found this child.
fn ended(pid: Pid, status: ExitStatus) -> Poll<Sys<Option<Waited>>> {
    Poll::Ready(Ok(Some(Waited { pid, status })))
}

#[test]
fn a_kernel_can_go_to_another_thread_and_is_small() {
    fn is_send<T: Send>() {}
    is_send::<Kernel>();
    assert!(size_of::<Kernel>() < 2048, "{}", size_of::<Kernel>());
}
