//! A sandbox: a file tree, limits and mounts, in which execs run; snapshots and forks of it.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::sync::{Notify, OwnedSemaphorePermit, oneshot};
use tokio::time::{Instant, Sleep};

use super::config::{Access, Mount, SandboxConfig, SandboxError};
use super::exec::{Exec, ExecError, Finished, Metering, Outcome, Output, Stdin, Streams};
use super::image::Image;
use super::output::{BytesSource, Captured, Capturing, input_stream, output_stream};
use super::process::{ExecMeter, Shared, WasmLauncher, lock};
use super::snapshot::{Session, Snapshot};
use super::tasks::Tasks;
use super::worker::{Busy, Worker};
use crate::base::{Errno, Exceeded, Limit, Limits, Sys};
use crate::kernel::{
    self, Entropy, ExecEnd, ExecId, ExecOutcome, ExecStart, Kernel, KernelParts, Signal, Sink, Source,
};
use crate::vfs::{Clock, Cred, HostDir, MountId, Overlay, Rights, Tree, Vfs};
use crate::wasi::MemoryBudget;

/// Who everything in a sandbox runs as: `user`.
const USER: Cred = Cred { uid: 1000, gid: 1000 };

/// What a sandbox's shell left for its next exec to start with.
type SessionCell = Arc<Mutex<Option<Session>>>;

/// A place where commands run. Dropping it kills what still runs.
pub struct Sandbox {
    pub(super) shared: Arc<Shared>,
    pub(super) kernel: Arc<Mutex<Kernel>>,
    image: Image,
    config: SandboxConfig,
    /// The copy-on-write mounts.
    overlays: Mutex<Overlays>,
    session: SessionCell,
}

impl Sandbox {
    /// A fresh sandbox over `image`.
    ///
    /// # Errors
    /// When a host directory cannot be opened or mounted.
    pub fn new(image: &Image, config: SandboxConfig) -> Result<Sandbox, SandboxError> {
        Sandbox::open(image, &Snapshot::new(image.tree().clone(), None), config)
    }

    /// A sandbox that starts from a snapshot.
    ///
    /// # Errors
    /// As for [`Sandbox::new`].
    pub fn open(image: &Image, snapshot: &Snapshot, config: SandboxConfig) -> Result<Sandbox, SandboxError> {
        let (vfs, overlays) = files(snapshot, &config)?;
        let engine = image.engine().0.clone();
        let memory = Arc::new(MemoryBudget::new(config.limits.memory_bytes));
        let mut shared = None;
        let kernel = Arc::new_cyclic(|weak| {
            let made = Arc::new(Shared {
                worker: Mutex::new(engine.workers.least_busy().clone()),
                tasks: Tasks::default(),
                engine,
                image: image.0.clone(),
                memory,
                kernel: weak.clone(),
                meters: Mutex::default(),
                background: Mutex::default(),
                ended: Notify::new(),
            });
            shared = Some(made.clone());
            Mutex::new(Kernel::new(KernelParts {
                vfs,
                limits: config.limits.clone(),
                launcher: Box::new(WasmLauncher(made)),
                clock: Arc::new(Monotonic(std::time::Instant::now())),
                entropy: Entropy::from_host(),
                hostname: "coquina".into(),
                background: config.background,
            }))
        });
        let shared = shared.expect("new_cyclic has called its closure");
        if let Some(session) = &snapshot.session {
            lock(&kernel).resume_session(session.ids());
        }
        let session = Arc::new(Mutex::new(snapshot.session.clone()));
        Ok(Sandbox { shared, kernel, image: image.clone(), config, overlays: Mutex::new(overlays), session })
    }

    /// The state now: running processes' files as they are, their memory not.
    pub fn snapshot(&self) -> Snapshot {
        let mut kernel = lock(&self.kernel);
        let vfs = kernel.vfs();
        let overlays = lock(&self.overlays);
        let changes = overlays.iter().filter_map(|(at, id)| Some((at.clone(), vfs.changes(*id)?)));
        Snapshot { changes: changes.collect(), tree: vfs.snapshot(), session: lock(&self.session).clone() }
    }

    /// A second sandbox that starts from this one's state and then goes its own way. Host directories are mounted again: those
    /// mounted read-write are the same files in both.
    ///
    /// # Errors
    /// As for [`Sandbox::new`].
    pub fn fork(&self) -> Result<Sandbox, SandboxError> {
        Sandbox::open(&self.image, &self.snapshot(), self.config.clone())
    }

    /// Whether nothing runs: no exec and nothing in the background.
    pub fn is_idle(&self) -> bool {
        lock(&self.shared.meters).is_empty()
    }

    /// Puts `tree` in the place of the sandbox's own files; the session and what copy-on-write mounts hold stay. Mounts and rules are made
    /// anew.
    ///
    /// # Errors
    /// When something runs, and as for [`Sandbox::new`]; the files are the old ones then.
    pub fn replace_tree(&self, tree: Tree) -> Result<(), SandboxError> {
        let (vfs, overlays) = files(&Snapshot { tree, ..self.snapshot() }, &self.config)?;
        let old = {
            let mut kernel = lock(&self.kernel);
            let old = kernel.replace_vfs(vfs).map_err(|_| SandboxError::Busy { running: kernel.process_count() })?;
            *lock(&self.overlays) = overlays;
            old
        };
        drop(old);
        Ok(())
    }

    /// Changes the sandbox's files from outside, also while something runs: its processes see all of it or nothing.
    pub fn edit<R>(&self, change: impl FnOnce(&mut Vfs) -> R) -> R {
        change(lock(&self.kernel).vfs())
    }

    /// Runs `exec` to its end.
    ///
    /// # Errors
    /// When it cannot be started, or the host failed it. What the guest does is never an error.
    pub async fn exec(&self, exec: Exec) -> Result<Finished, ExecError> {
        let (_streams, running) = self.start(exec).await?;
        running.finish().await
    }

    /// Starts `exec`. It waits while the engine runs as many execs as it can. In a sandbox where nothing runs, the exec's first moments (most
    /// often less than a millisecond) are run on this thread.
    ///
    /// # Errors
    /// When it cannot be started.
    pub async fn start(&self, exec: Exec) -> Result<(Streams, Running), ExecError> {
        if exec.argv.iter().chain(exec.env.iter().flat_map(|(k, v)| [k, v])).any(|string| string.contains(&0)) {
            return Err(not_started(&exec, Errno::Inval));
        }
        let engine = &self.shared.engine;
        let admitted = engine.execs.clone().acquire_owned().await.map_err(|e| ExecError::Engine(e.to_string()))?;
        let limits = self.narrowed(exec.limits.as_ref());
        let (io, streams) = Io::new(&exec, limits.output_bytes);
        let session = exec.session.then(|| lock(&self.session).clone()).flatten().map(|session| session.state());
        let mut argv = exec.argv.clone();
        if exec.session {
            argv.insert(argv.len().min(1), b"--session".to_vec());
        }
        self.shared.memory.reset_peak();
        let (id, meter, worker, mut turn) = {
            let mut kernel = lock(&self.kernel);
            let worker = self.worker();
            let turn = self.shared.tasks.turn(&worker);
            let id = kernel
                .start_exec(ExecStart {
                    program: exec.argv.first().map_or(b"", Vec::as_slice),
                    argv: &nul_terminated(argv.into_iter()),
                    env: &nul_terminated(exec.env.iter().map(|(k, v)| [k, v.as_slice()].join(&b'='))),
                    cwd: &exec.cwd,
                    stdin: io.stdin,
                    stdout: io.stdout,
                    stderr: io.stderr,
                    blob: session.as_deref(),
                    cred: USER,
                    umask: 0o022,
                    limits: limits.clone(),
                    session: exec.session,
                })
                .map_err(|errno| match kernel.vfs().snapshot().fault() {
                    Some(fault) => ExecError::Damaged(fault),
                    None => not_started(&exec, errno),
                })?;
            // Entered with the kernel locked: the process's task looks for it under that lock.
            let meter = Arc::new(ExecMeter::new(limits.fuel, exec.preopens.clone()));
            lock(&self.shared.meters).insert(id, meter.clone());
            (id, meter, worker, turn)
        };
        let (done, finished) = oneshot::channel();
        let deadline = Duration::from_millis(limits.wall_time_ms);
        let counted = (admitted, worker.busy());
        let (kernel, shared) = (self.kernel.clone(), self.shared.clone());
        let session = exec.session.then(|| self.session.clone());
        let drive = Drive { kernel, shared, id, meter: meter.clone() }.run(deadline, session, counted, done);
        // Run first, so that an exec that is over at once needs no timer for its deadline.
        if let Some(turn) = &mut turn {
            turn.run();
        }
        self.shared.tasks.add(&worker, drive);
        if let Some(mut turn) = turn {
            turn.run();
        }
        let (kernel, shared) = (self.kernel.clone(), self.shared.clone());
        Ok((streams, Running { id, kernel, shared, meter, finished, captured: io.captured }))
    }

    /// The worker for the next exec: where others of the sandbox run, else the least busy.
    fn worker(&self) -> Worker {
        let mut worker = lock(&self.shared.worker);
        if lock(&self.shared.meters).is_empty() {
            worker.clone_from(self.shared.engine.workers.least_busy());
        }
        worker.clone()
    }

    /// The sandbox's limits, with those that `asked` sets lower.
    fn narrowed(&self, asked: Option<&Limits>) -> Limits {
        let mut limits = self.config.limits.clone();
        if let Some(asked) = asked {
            limits.fuel = limits.fuel.min(asked.fuel);
            limits.wall_time_ms = limits.wall_time_ms.min(asked.wall_time_ms);
            limits.output_bytes = limits.output_bytes.min(asked.output_bytes);
            limits.shell_recursion = limits.shell_recursion.min(asked.shell_recursion);
        }
        limits
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        let running: Vec<ExecId> = lock(&self.shared.meters).keys().copied().collect();
        if running.is_empty() {
            return;
        }
        let mut kernel = lock(&self.kernel);
        for id in running {
            kernel.kill_exec(id);
        }
        kernel.kill_background();
    }
}

/// An exec that has been started. Dropping it lets the exec run on; [`Running::cancel`] ends it.
pub struct Running {
    id: ExecId,
    kernel: Arc<Mutex<Kernel>>,
    shared: Arc<Shared>,
    meter: Arc<ExecMeter>,
    finished: oneshot::Receiver<ExecOutcome>,
    captured: Option<(Capturing, Capturing)>,
}

impl Running {
    /// Kills every process of the exec; it then finishes as [`Outcome::Cancelled`]. What goes on in the background once it is over is left
    /// alone.
    pub fn cancel(&self) {
        lock(&self.kernel).kill_exec(self.id);
    }

    /// Something that cancels it from elsewhere.
    pub fn canceller(&self) -> impl Fn() + Send + Sync + use<> {
        let (kernel, id) = (self.kernel.clone(), self.id);
        move || lock(&kernel).kill_exec(id)
    }

    /// Something that sends a signal to the group of its first process, as a terminal does for Ctrl-C.
    pub fn signaller(&self) -> impl Fn(Signal) + Send + Sync + use<> {
        let (kernel, id) = (self.kernel.clone(), self.id);
        move |signal| lock(&kernel).signal_exec(id, signal)
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// When the host failed it.
    pub async fn finish(self) -> Result<Finished, ExecError> {
        let outcome = self.finished.await;
        if let Some(fault) = lock(&self.meter.fault).take() {
            return Err(ExecError::Engine(fault));
        }
        let outcome = outcome.map_err(|_| ExecError::Engine("the worker is gone".into()))?;
        let (stdout, stderr) = match &self.captured {
            Some((stdout, stderr)) => (stdout.take(), stderr.take()),
            None => (Captured::default(), Captured::default()),
        };
        if let Some(fault) = lock(&self.kernel).vfs().snapshot().fault() {
            return Err(ExecError::Damaged(fault));
        }
        let metering = Metering { memory_peak_bytes: self.shared.memory.peak(), ..outcome.metering.into() };
        Ok(Finished { outcome: ended(outcome.end), stdout, stderr, metering })
    }
}

/// The task that stays with an exec until the last of its processes is gone.
struct Drive {
    kernel: Arc<Mutex<Kernel>>,
    shared: Arc<Shared>,
    id: ExecId,
    meter: Arc<ExecMeter>,
}

impl Drive {
    async fn run(
        self,
        wall_time: Duration,
        session: Option<SessionCell>,
        counted: (OwnedSemaphorePermit, Busy),
        done: oneshot::Sender<ExecOutcome>,
    ) {
        let mut outcome = self.outcome(Some(wall_time)).await;
        if let (Some(cell), Some(kept)) = (session, outcome.keep.take())
            && let Some(ids) = lock(&self.kernel).session_ids()
        {
            *lock(&cell) = Some(Session::new(ids, &kept));
        }
        if outcome.goes_on {
            self.meter.background.store(true, Ordering::Relaxed);
            outcome.metering.fuel = self.meter.take_unreported();
            drop(counted);
            let _ = done.send(outcome);
            let rest = self.outcome(None).await;
            lock(&self.shared.meters).remove(&self.id);
            self.shared.add_background(rest.metering, self.meter.take_unreported());
        } else {
            lock(&self.shared.meters).remove(&self.id);
            let _ = done.send(outcome);
        }
        self.shared.ended.notify_waiters();
    }

    /// Waits for the exec's end; meanwhile trips its deadline and fires its alarms.
    async fn outcome(&self, wall_time: Option<Duration>) -> ExecOutcome {
        let started = Instant::now();
        let mut deadline = wall_time.map(|limit| (limit, Box::pin(tokio::time::sleep(limit))));
        let mut alarm: Option<Pin<Box<Sleep>>> = None;
        poll_fn(|cx| {
            let mut k = lock(&self.kernel);
            if let Poll::Ready(outcome) = k.poll_outcome(self.id, cx.waker()) {
                return Poll::Ready(outcome);
            }
            match &mut deadline {
                Some((limit, _)) if started.elapsed() >= *limit => {
                    let (value, used) = (limit.as_millis() as u64, started.elapsed().as_millis() as u64);
                    k.trip(self.id, Exceeded { limit: Limit::WallTime, value, used });
                }
                Some((_, sleep)) => drop(sleep.as_mut().poll(cx)),
                None => {}
            }
            poll_alarms(&mut k, &mut alarm, cx);
            k.poll_outcome(self.id, cx.waker())
        })
        .await
    }
}

/// Fires the alarms that are due and sleeps until the next.
fn poll_alarms(k: &mut Kernel, alarm: &mut Option<Pin<Box<Sleep>>>, cx: &mut Context<'_>) {
    while let Some(next) = k.fire_timers(Some(cx.waker())) {
        let wait = Duration::from_nanos(u64::try_from(next - k.now()).unwrap_or(0));
        let sleep = alarm.insert(Box::pin(tokio::time::sleep(wait)));
        if sleep.as_mut().poll(cx).is_pending() {
            return;
        }
    }
    *alarm = None;
}

/// The host's monotonic clock, from when a sandbox was made: setting the time of day moves no alarm.
struct Monotonic(std::time::Instant);

impl Clock for Monotonic {
    fn now(&self) -> i64 {
        i64::try_from(self.0.elapsed().as_nanos()).unwrap_or(i64::MAX)
    }
}

/// The guest's ends of an exec's standard streams.
struct Io {
    stdin: Box<dyn Source>,
    stdout: Box<dyn Sink>,
    /// `None`: where standard output goes.
    stderr: Option<Box<dyn Sink>>,
    captured: Option<(Capturing, Capturing)>,
}

impl Io {
    fn new(exec: &Exec, output_bytes: u64) -> (Io, Streams) {
        let mut streams = Streams::default();
        let stdin: Box<dyn Source> = match &exec.stdin {
            Stdin::Empty => Box::new(kernel::Empty),
            Stdin::Bytes(bytes) => Box::new(BytesSource(bytes.clone())),
            Stdin::Stream { terminal } => {
                let (source, host) = input_stream(*terminal);
                streams.stdin = Some(host);
                Box::new(source)
            }
        };
        let io = match exec.output {
            Output::Capture => {
                let (out, err) = (Capturing::new(output_bytes), Capturing::new(output_bytes));
                let captured = Some((out.clone(), err.clone()));
                Io { stdin, stdout: Box::new(out), stderr: Some(Box::new(err)), captured }
            }
            Output::Stream => {
                let ((out, host_out), (err, host_err)) =
                    (output_stream(exec.stdout_terminal), output_stream(exec.stderr_terminal));
                (streams.stdout, streams.stderr) = (Some(host_out), Some(host_err));
                Io { stdin, stdout: Box::new(out), stderr: Some(Box::new(err)), captured: None }
            }
            Output::Together => {
                let (out, host_out) = output_stream(exec.stdout_terminal);
                streams.stdout = Some(host_out);
                Io { stdin, stdout: Box::new(out), stderr: None, captured: None }
            }
        };
        (io, streams)
    }
}

/// Where copy-on-write mounts are, and which they are.
type Overlays = Vec<(String, MountId)>;

/// The file tree of a sandbox that starts as `snapshot`.
fn files(snapshot: &Snapshot, config: &SandboxConfig) -> Result<(Vfs, Overlays), SandboxError> {
    let mut vfs = Vfs::new(snapshot.tree.clone(), &config.limits);
    match mount_all(&mut vfs, snapshot, config) {
        Ok(overlays) => Ok((vfs, overlays)),
        Err(error) => Err(vfs.snapshot().fault().map_or(error, SandboxError::Damaged)),
    }
}

/// Mounts the host directories and applies the rules.
fn mount_all(vfs: &mut Vfs, snapshot: &Snapshot, config: &SandboxConfig) -> Result<Overlays, SandboxError> {
    let mut overlays = Vec::new();
    for mount in &config.mounts {
        let changes = snapshot.changes.get(&mount.guest).cloned().unwrap_or_default();
        let id = mount_host(vfs, mount, changes, &config.limits)?;
        if mount.access == Access::CopyOnWrite {
            overlays.push((mount.guest.clone(), id));
        }
    }
    for rule in &config.rules {
        match vfs.bind(rule.path.as_bytes(), rule.rights) {
            Ok(_) | Err(Errno::NoEnt | Errno::NotDir) => {}
            Err(errno) => return Err(SandboxError::Rule { path: rule.path.clone(), errno }),
        }
    }
    Ok(overlays)
}

fn mount_host(vfs: &mut Vfs, mount: &Mount, changes: Tree, limits: &Limits) -> Result<MountId, SandboxError> {
    let fault = |source| SandboxError::HostDirectory { path: mount.host.clone(), source };
    let dir = cap_std::fs::Dir::open_ambient_dir(&mount.host, cap_std::ambient_authority()).map_err(fault)?;
    let writable = mount.access == Access::ReadWrite;
    let host = HostDir::new(dir, writable).map_err(fault)?;
    let at = mount.guest.as_bytes();
    let cannot = |errno| SandboxError::Mount { guest: mount.guest.clone(), errno };
    make_dirs(vfs, at).map_err(cannot)?;
    let mounted = match mount.access {
        Access::ReadOnly => vfs.mount(at, Box::new(host), Rights::READ_ONLY),
        Access::ReadWrite => vfs.mount(at, Box::new(host), Rights::READ_WRITE),
        Access::CopyOnWrite => {
            let overlay = Overlay::new(host, changes, limits).map_err(cannot)?;
            vfs.mount(at, Box::new(overlay), Rights::READ_WRITE)
        }
    };
    mounted.map_err(cannot)
}

/// Makes the directory `path` and those it is in, where they are missing.
fn make_dirs(vfs: &mut Vfs, path: &[u8]) -> Sys<()> {
    let root = vfs.root();
    let ends = (1..=path.len()).filter(|&end| end == path.len() || path[end] == b'/');
    for end in ends {
        match vfs.mkdir(&Cred::ROOT, root, &path[..end], 0o755) {
            Ok(()) | Err(Errno::Exist) => {}
            Err(errno) => return Err(errno),
        }
    }
    Ok(())
}

fn nul_terminated(strings: impl Iterator<Item = Vec<u8>>) -> Vec<u8> {
    let mut list = Vec::new();
    for string in strings {
        list.extend(string);
        list.push(0);
    }
    list
}

fn not_started(exec: &Exec, errno: Errno) -> ExecError {
    let program = String::from_utf8_lossy(exec.argv.first().map_or(b"", Vec::as_slice)).into_owned();
    let why = match errno {
        Errno::NoEnt => "not found, or the working directory is not there",
        Errno::NotDir => "a part of the path, or the working directory, is not a directory",
        Errno::Acces => "not executable",
        Errno::NoExec => "neither WebAssembly nor a script",
        Errno::Inval => "an argument or a variable has a NUL byte in it",
        Errno::TooBig => "arguments and environment are over the limit `argument_bytes`",
        Errno::Again => "no process left",
        _ => "cannot be started",
    };
    ExecError::NotStarted { program, cwd: String::from_utf8_lossy(&exec.cwd).into_owned(), why }
}

fn ended(end: ExecEnd) -> Outcome {
    match end {
        ExecEnd::Exit(exit_code) => Outcome::Exit { exit_code },
        ExecEnd::Signal(signal) => Outcome::Signal { signal: signal.name(), number: signal.raw() as u8 },
        ExecEnd::Limit(exceeded) => Outcome::Limit(exceeded),
        ExecEnd::Killed => Outcome::Cancelled,
    }
}
