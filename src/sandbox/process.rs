//! Runs a process: a WebAssembly instance as a fiber, supervised at every pause.

use std::collections::HashMap;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Wake, Waker};

use tokio::sync::{Notify, OwnedSemaphorePermit};
use wasmtime::{Store, Trap};

use super::engine::{EngineInner, FUEL_SLICE};
use super::exec::Metering;
use super::image::ImageInner;
use super::modules::{self, ModuleError, Program, UPLOAD_BYTES_MAX};
use super::tasks::Tasks;
use super::worker::Worker;
use crate::base::{Errno, Exceeded, Limit, Sys};
use crate::kernel::{self, ExecId, ExitStatus, Kernel, LaunchRequest, Launcher, Pid, Signal, Usage};
use crate::wasi::{self, ExecRequest, ExitRequest, Guest, MemoryBudget, MemoryLimiter, Pace, Preopen};

/// What the processes of one sandbox share on the host's side.
pub(super) struct Shared {
    pub engine: Arc<EngineInner>,
    pub image: Arc<ImageInner>,
    pub memory: Arc<MemoryBudget>,
    /// Where the sandbox's processes run: one worker for all of them, chosen anew when nothing runs.
    pub worker: Mutex<Worker>,
    pub tasks: Tasks,
    pub kernel: Weak<Mutex<Kernel>>,
    pub meters: Mutex<HashMap<ExecId, Arc<ExecMeter>>>,
    /// What background processes have used and nobody has been told.
    pub background: Mutex<Metering>,
    /// Told when the last process of an exec is gone.
    pub ended: Notify,
}

/// The fuel account of one exec, shared by its processes, and whether the host failed it.
pub(super) struct ExecMeter {
    pub fuel_limit: u64,
    pub fuel_used: AtomicU64,
    /// How much of that has been reported.
    reported: AtomicU64,
    /// The exec is over, and what is left of it goes on.
    pub background: AtomicBool,
    pub fault: Mutex<Option<String>>,
    /// See [`Exec::preopens`](super::Exec::preopens).
    pub preopens: Option<Vec<Preopen>>,
}

impl ExecMeter {
    pub fn new(fuel_limit: u64, preopens: Option<Vec<Preopen>>) -> ExecMeter {
        ExecMeter {
            fuel_limit,
            fuel_used: AtomicU64::new(0),
            reported: AtomicU64::new(0),
            background: AtomicBool::new(false),
            fault: Mutex::new(None),
            preopens,
        }
    }

    /// Fuel used since this was last asked.
    pub fn take_unreported(&self) -> u64 {
        let used = self.fuel_used.load(Ordering::Relaxed);
        used.saturating_sub(self.reported.fetch_max(used, Ordering::Relaxed))
    }

    fn left(&self) -> u64 {
        self.fuel_limit.saturating_sub(self.fuel_used.load(Ordering::Relaxed))
    }

    /// Books `fuel`; an error once more is used than there was.
    fn charge(&self, fuel: u64) -> Result<(), Exceeded> {
        let used = self.fuel_used.fetch_add(fuel, Ordering::Relaxed).saturating_add(fuel);
        if used < self.fuel_limit {
            return Ok(());
        }
        // What is over the limit is a slice at most; the limit is what was granted.
        Err(Exceeded { limit: Limit::Fuel, value: self.fuel_limit, used: self.fuel_limit })
    }
}

/// The kernel's way to start WebAssembly processes.
pub(super) struct WasmLauncher(pub Arc<Shared>);

impl Launcher for WasmLauncher {
    fn launch(&self, request: LaunchRequest) -> Sys<()> {
        let slot = self.0.engine.slots.clone().try_acquire_owned().map_err(|_| Errno::Again)?;
        self.0.tasks.add(&lock(&self.0.worker), run(self.0.clone(), request, slot));
        Ok(())
    }

    fn charge_memory(&self, bytes: i64) -> bool {
        self.0.memory.charge(bytes)
    }

    fn memory_used(&self) -> u64 {
        self.0.memory.used()
    }
}

/// Locks a kernel. One whose holder panicked is still used: its exec was failed, and others must be able to end.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How a program's run ended, before it is said in the kernel's words.
enum Ended {
    Returned(wasmtime::Result<()>),
    Killed(Signal),
    /// The host failed it.
    Failed(String),
}

/// Why there is no program to run.
enum NoProgram {
    /// The file is none; the guest is told.
    Refused(String),
    /// The host cannot give what it should have: the exec is failed.
    Fault(String),
}

async fn run(shared: Arc<Shared>, request: LaunchRequest, _slot: OwnedSemaphorePermit) {
    let Some(kernel) = shared.kernel.upgrade() else { return };
    let (pid, exec) = (request.pid, request.exec);
    let meter = {
        // Whoever starts an exec enters its meter before letting go of the kernel.
        let _started = lock(&kernel);
        lock(&shared.meters).get(&exec).cloned().unwrap_or_else(|| Arc::new(ExecMeter::new(0, None)))
    };
    let program = match unless_killed(&kernel, pid, pin!(shared.program(&kernel, &request))).await {
        Ok(Ok(program)) => program,
        Ok(Err(NoProgram::Refused(why))) => return refuse(&kernel, &request, &why),
        Ok(Err(NoProgram::Fault(what))) => {
            return finish(&kernel, &request, &meter, Ended::Failed(what), Usage::default(), None);
        }
        Err(signal) => return finish(&kernel, &request, &meter, Ended::Killed(signal), Usage::default(), None),
    };
    let limiter = MemoryLimiter::new(shared.memory.clone());
    let mut guest = Guest::new(kernel.clone(), pid, request.argv.clone(), request.env.clone(), program.legacy, limiter);
    guest.preopens.clone_from(&meter.preopens);
    let mut store = Store::new(&shared.engine.wasm, guest);
    store.limiter(|guest| &mut guest.limiter);
    let granted = meter.left();
    let ready = store.set_fuel(granted).and_then(|()| store.fuel_async_yield_interval(Some(FUEL_SLICE)));
    let (pace, mut counted) = (store.data().pace.clone(), 0);
    let ended = match ready {
        Err(error) => Ended::Returned(Err(error)),
        Ok(()) => {
            let body = pin!(start(&program, &mut store));
            let counted = &mut counted;
            Supervised { body, kernel: &kernel, pid, exec, meter: &meter, pace: &pace, counted, waker: None }.await
        }
    };
    let burnt = granted.saturating_sub(store.get_fuel().unwrap_or(0));
    let fuel = burnt.saturating_add(store.data().host_fuel).max(counted);
    let exceeded = meter.charge(fuel - counted).err().or(store.data().limiter.refused());
    let usage = Usage { fuel, cpu_ns: pace.cpu_ns(), memory_peak_bytes: store.data().limiter.held() };
    // The instance goes before the process is reported gone: who waits for it may rely on its memory being free.
    drop(store);
    finish(&kernel, &request, &meter, ended, usage, exceeded);
}

/// Instantiates the program and calls its `_start`.
async fn start(program: &Program, store: &mut Store<Guest>) -> wasmtime::Result<()> {
    let instance = program.pre.instantiate_async(&mut *store).await?;
    wasi::attach(&instance, &mut *store)?;
    instance.get_typed_func::<(), ()>(&mut *store, "_start")?.call_async(store, ()).await
}

/// Says in the kernel's words how a process ended.
fn finish(
    kernel: &Mutex<Kernel>,
    request: &LaunchRequest,
    meter: &ExecMeter,
    ended: Ended,
    usage: Usage,
    exceeded: Option<Exceeded>,
) {
    let mut k = lock(kernel);
    if let Some(exceeded) = exceeded {
        k.trip(request.exec, exceeded);
    }
    let status = match ended {
        Ended::Returned(Ok(())) => ExitStatus::Code(0),
        Ended::Killed(signal) => ExitStatus::Signal(signal),
        Ended::Failed(what) => {
            lock(&meter.fault).get_or_insert(what);
            k.kill_exec(request.exec);
            ExitStatus::Signal(Signal::KILL)
        }
        Ended::Returned(Err(error)) => {
            if error.is::<ExecRequest>() {
                return k.add_usage(request.pid, usage);
            }
            status_of(&mut k, request, meter, &error, exceeded.is_some())
        }
    };
    k.exited(request.pid, status, usage);
}

/// `tripped`: a limit ended it, which has been said.
fn status_of(
    k: &mut Kernel,
    request: &LaunchRequest,
    meter: &ExecMeter,
    error: &wasmtime::Error,
    tripped: bool,
) -> ExitStatus {
    if let Some(ExitRequest(code)) = error.downcast_ref() {
        return ExitStatus::Code(*code as u8);
    }
    if error.is::<wasi::Killed>() {
        return ExitStatus::Signal(k.killed(request.pid).unwrap_or(Signal::KILL));
    }
    if tripped {
        return ExitStatus::Signal(Signal::KILL);
    }
    match error.downcast_ref::<Trap>() {
        Some(Trap::OutOfFuel) => {
            k.trip(request.exec, Exceeded { limit: Limit::Fuel, value: meter.fuel_limit, used: meter.fuel_limit });
            ExitStatus::Signal(Signal::KILL)
        }
        // `unreachable` is how abort() and a panic end, and they have said why.
        Some(Trap::UnreachableCodeReached) => ExitStatus::Signal(Signal::ABRT),
        Some(trap) => {
            say(k, request, &format!("wasm trap: {trap}"));
            ExitStatus::Signal(Signal::ABRT)
        }
        None => {
            say(k, request, &format!("{error:#}"));
            ExitStatus::Signal(Signal::ABRT)
        }
    }
}

/// Ends a process whose file turned out to be no program.
fn refuse(kernel: &Mutex<Kernel>, request: &LaunchRequest, why: &str) {
    let mut k = lock(kernel);
    say(&mut k, request, why);
    k.exited(request.pid, ExitStatus::Code(126), Usage::default());
}

/// One line on the process's standard error; lost if that is full or closed.
fn say(k: &mut Kernel, request: &LaunchRequest, what: &str) {
    let name = request.argv.split(|b| *b == 0).next().unwrap_or_default();
    let line = format!("coquina: {}: {what}\n", String::from_utf8_lossy(name));
    let _ = k.poll_write(request.pid, 2, line.as_bytes(), Waker::noop());
}

impl Shared {
    async fn program(&self, kernel: &Mutex<Kernel>, request: &LaunchRequest) -> Result<Arc<Program>, NoProgram> {
        let refused = |why: String| NoProgram::Refused(why);
        let loc = match request.program {
            kernel::Program::OfImage(id) => match self.image.program(id) {
                Some(loaded) => return loaded.map_err(|e| NoProgram::Fault(e.to_string())),
                // A file of another image, which this tree once started from.
                None => request.file,
            },
            kernel::Program::File => request.file,
        };
        let wasm = {
            let mut k = lock(kernel);
            let size = k.vfs().attr(loc).map_err(|e| refused(format!("cannot be read: {e:?}")))?.size;
            if size > UPLOAD_BYTES_MAX {
                return Err(refused(ModuleError::TooLarge(size).to_string()));
            }
            k.vfs().bytes(loc).map_err(|e| refused(format!("cannot be read: {e:?}")))?
        };
        modules::uploaded(&self.engine, wasm).await.map_err(|e| refused(e.to_string()))
    }
}

/// Waits for what a process needs to start, but no longer than it lives: compiling can take minutes.
async fn unless_killed<F: Future>(
    kernel: &Mutex<Kernel>,
    pid: Pid,
    mut future: Pin<&mut F>,
) -> Result<F::Output, Signal> {
    poll_fn(|cx| {
        let killed = {
            let mut k = lock(kernel);
            k.set_task_waker(pid, cx.waker().clone());
            k.killed(pid)
        };
        match killed {
            Some(signal) => Poll::Ready(Err(signal)),
            None => future.as_mut().poll(cx).map(Ok),
        }
    })
    .await
}

/// A process's run; at every pause it is asked whether it was killed, and a slice of fuel is booked if it used one up.
struct Supervised<'a, F> {
    body: Pin<&'a mut F>,
    kernel: &'a Mutex<Kernel>,
    pid: Pid,
    exec: ExecId,
    meter: &'a ExecMeter,
    pace: &'a Pace,
    /// Fuel booked so far.
    counted: &'a mut u64,
    waker: Option<(Arc<YieldWaker>, Waker)>,
}

impl<F: Future<Output = wasmtime::Result<()>>> Future for Supervised<'_, F> {
    type Output = Ended;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Ended> {
        let this = &mut *self;
        let (pause, waker) = this.waker.get_or_insert_with(|| {
            let pause = Arc::new(YieldWaker { task: Mutex::new(cx.waker().clone()), yielded: AtomicBool::new(false) });
            let waker = Waker::from(pause.clone());
            lock(this.kernel).set_task_waker(this.pid, waker.clone());
            (pause, waker)
        });
        lock(&pause.task).clone_from(cx.waker());
        if let Some(signal) = lock(this.kernel).killed(this.pid) {
            return Poll::Ready(Ended::Killed(signal));
        }
        pause.yielded.store(false, Ordering::Relaxed);
        this.pace.resume();
        let mut inner = Context::from_waker(waker);
        let polled = catch_unwind(AssertUnwindSafe(|| this.body.as_mut().poll(&mut inner)));
        this.pace.pause();
        match polled {
            Ok(Poll::Ready(result)) => return Poll::Ready(Ended::Returned(result)),
            Err(panic) => return Poll::Ready(Ended::Failed(panic_text(&*panic))),
            Ok(Poll::Pending) => {}
        }
        // A guest that pauses because it used up its slice has woken itself, and no call of it stepped aside; else it waits for something.
        let used = match this.pace.take_stepped_aside() {
            Some(settled) => settled,
            None if pause.yielded.load(Ordering::Relaxed) => FUEL_SLICE,
            None => 0,
        };
        *this.counted += used;
        if used > 0
            && let Err(exceeded) = this.meter.charge(used)
        {
            lock(this.kernel).trip(this.exec, exceeded);
        }
        Poll::Pending
    }
}

/// Passes wake-ups on to the task and remembers that there was one.
struct YieldWaker {
    task: Mutex<Waker>,
    yielded: AtomicBool,
}

impl Wake for YieldWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.yielded.store(true, Ordering::Relaxed);
        lock(&self.task).wake_by_ref();
    }
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|s| (*s).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "a host call panicked".into())
}
