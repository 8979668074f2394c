//! The imports, tried from inside WebAssembly.
//!
//! A *puppet* is an instance of a generated module that does nothing but pass calls on: it imports every function of the linker and exports
//! each as a function of the same type. A test is native code that writes into the puppet's memory and pulls its strings, so every call
//! takes the same way a guest's does, and a new import is covered without a line added here.

mod coquina;
mod hostile;
mod preview1;
mod preview1_paths;

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::task::{Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use tokio::runtime::{Builder, Runtime};
use wasmtime::{Config, Engine, Func, Instance, Linker, Module, Store, Val, ValType};

use super::{Guest, MemoryBudget, MemoryLimiter, Preopen, add_to_linker, attach};
use crate::base::{Limits, Sys};
use crate::kernel::{
    Empty, Entropy, ExecId, ExecStart, ExitStatus, Kernel, KernelParts, LaunchRequest, Launcher, Pid, Sink, Source,
    Usage,
};
use crate::vfs::{Clock, Cred, HostDir, Rights, Tree, Vfs};

/// Memory of a puppet, in pages of 64 KiB.
const PAGES: u32 = 4;

/// Where [`Puppet::put`] starts.
const SCRATCH: u32 = 0x1000;

/// Fuel of a puppet: more than any test uses.
const FUEL: u64 = 1 << 40;

/// Takes launch requests for the test to act on.
#[derive(Clone, Default)]
struct Launched(Arc<Mutex<VecDeque<LaunchRequest>>>);

impl Launcher for Launched {
    fn launch(&self, request: LaunchRequest) -> Sys<()> {
        self.0.lock().unwrap().push_back(request);
        Ok(())
    }
}

/// Output that a test can read.
#[derive(Clone, Default)]
struct Collected(Arc<Mutex<Vec<u8>>>);

impl Collected {
    fn take(&self) -> Vec<u8> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

impl Sink for Collected {
    fn poll_write(&mut self, from: &[u8], _: &Waker) -> Poll<Sys<usize>> {
        self.0.lock().unwrap().extend_from_slice(from);
        Poll::Ready(Ok(from.len()))
    }
}

struct Monotonic(std::time::Instant);

impl Clock for Monotonic {
    fn now(&self) -> i64 {
        self.0.elapsed().as_nanos() as i64
    }
}

/// The engine, the imports and the puppet, which all tests share.
static PUPPETRY: OnceLock<(Engine, Linker<Guest>, Module)> = OnceLock::new();

fn puppetry() -> (Engine, Linker<Guest>, Module) {
    let mut config = Config::new();
    config.consume_fuel(true);
    let engine = Engine::new(&config).unwrap();
    let mut linker = Linker::new(&engine);
    add_to_linker(&mut linker).unwrap();
    let wasm = wat::parse_str(puppet_wat(&engine, &linker)).unwrap();
    let module = Module::new(&engine, wasm).unwrap();
    (engine, linker, module)
}

/// A sandbox without programs, and the engine for puppets in it.
struct Lab {
    runtime: Runtime,
    engine: Engine,
    linker: Linker<Guest>,
    module: Module,
    kernel: Arc<Mutex<Kernel>>,
    launched: Launched,
    stdout: Collected,
    _host: Option<HostFolder>,
}

/// A new folder on the host, removed in the end.
struct HostFolder(PathBuf);

impl HostFolder {
    fn new() -> HostFolder {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("coquina-wasi-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path).unwrap();
        HostFolder(path)
    }
}

impl Drop for HostFolder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A file that starts as a program does: enough for the kernel.
const PROGRAM: &[u8] = b"\0asm\x01\0\0\0";

fn tree() -> Tree {
    let mut tree = Tree::new();
    for (path, mode, uid) in [
        ("/", 0o755, 0),
        ("/bin", 0o755, 0),
        ("/dev", 0o755, 0),
        ("/data", 0o755, 1000),
        ("/home/user", 0o755, 1000),
        ("/tmp", 0o1777, 0),
    ] {
        tree.put_dir(path.as_bytes(), mode, uid, uid, 0).unwrap();
    }
    for program in ["/bin/puppet", "/bin/other"] {
        tree.put_file(program.as_bytes(), Bytes::from_static(PROGRAM), 0o755, 0, 0, 0, None).unwrap();
    }
    tree.put_file(b"/bin/text", Bytes::from_static(b"not a program"), 0o755, 0, 0, 0, None).unwrap();
    tree.put_device(b"/dev/null", 1, 3, 0o666).unwrap();
    tree
}

impl Lab {
    fn new() -> Lab {
        Lab::made(None)
    }

    /// The same twice: with `/data` in the tree, and as a folder of the host.
    fn each() -> [Lab; 2] {
        [Lab::made(None), Lab::made(Some(HostFolder::new()))]
    }

    fn made(host: Option<HostFolder>) -> Lab {
        let (engine, linker, module) = PUPPETRY.get_or_init(puppetry).clone();
        let launched = Launched::default();
        let limits = Limits::default();
        let mut vfs = Vfs::new(tree(), &limits);
        if let Some(HostFolder(path)) = &host {
            let dir = cap_std::fs::Dir::open_ambient_dir(path, cap_std::ambient_authority()).unwrap();
            let mounted = Box::new(HostDir::new(dir, true).unwrap());
            vfs.mount(b"/data", mounted, Rights::READ_WRITE).unwrap();
        }
        let kernel = Kernel::new(KernelParts {
            vfs,
            limits,
            launcher: Box::new(launched.clone()),
            clock: Arc::new(Monotonic(std::time::Instant::now())),
            entropy: Entropy::seeded(1),
            hostname: "coquina".into(),
            background: false,
        });
        Lab {
            runtime: Builder::new_current_thread().enable_time().build().unwrap(),
            engine,
            linker,
            module,
            kernel: Arc::new(Mutex::new(kernel)),
            launched,
            stdout: Collected::default(),
            _host: host,
        }
    }

    fn start_with(&self, stdin: Box<dyn Source>) -> ExecId {
        let start = ExecStart {
            program: b"/bin/puppet",
            argv: b"puppet\0two words\0\0",
            env: b"PATH=/bin\0EMPTY=\0",
            cwd: b"/home/user",
            stdin,
            stdout: Box::new(self.stdout.clone()),
            stderr: None,
            blob: None,
            cred: Cred { uid: 1000, gid: 1000 },
            umask: 0o022,
            limits: Limits::default(),
            session: false,
        };
        self.kernel.lock().unwrap().start_exec(start).unwrap()
    }

    /// The first process of a new exec, as a program linked with Coquina's C library.
    fn puppet(&self) -> Puppet<'_> {
        self.start_with(Box::new(Empty));
        self.next_puppet(false, None)
    }

    /// The first process of a new exec, as a program that knows preview 1 only; `dirs` as `coquina wasi run --dir` gives them.
    fn legacy_puppet(&self, dirs: Option<&[(&str, &str)]>) -> Puppet<'_> {
        self.start_with(Box::new(Empty));
        let preopen =
            |(path, name): &(&str, &str)| Preopen { path: path.as_bytes().into(), name: name.as_bytes().into() };
        self.next_puppet(true, dirs.map(|dirs| dirs.iter().map(preopen).collect()))
    }

    /// The process that the kernel launched next.
    fn next_puppet(&self, legacy: bool, preopens: Option<Vec<Preopen>>) -> Puppet<'_> {
        let request = self.launched.0.lock().unwrap().pop_front().expect("nothing was launched");
        let limiter = MemoryLimiter::new(Arc::new(MemoryBudget::new(1 << 30)));
        let kernel = self.kernel.clone();
        let mut guest = Guest::new(kernel, request.pid, request.argv.clone(), request.env.clone(), legacy, limiter);
        guest.preopens = preopens;
        let mut store = Store::new(&self.engine, guest);
        store.limiter(|guest| &mut guest.limiter);
        store.set_fuel(FUEL).unwrap();
        store.fuel_async_yield_interval(Some(1_000_000)).unwrap();
        let instance = self.runtime.block_on(self.linker.instantiate_async(&mut store, &self.module)).unwrap();
        attach(&instance, &mut store).unwrap();
        Puppet { lab: self, pid: request.pid, request, store, instance, free: SCRATCH }
    }
}

/// A module that passes every import on.
fn puppet_wat(engine: &Engine, linker: &Linker<Guest>) -> String {
    let (kernel, limiter) = (nobody(), MemoryLimiter::new(Arc::new(MemoryBudget::new(0))));
    let guest = Guest::new(kernel, Pid(0), Arc::default(), Arc::default(), false, limiter);
    let mut store = Store::new(engine, guest);
    let (mut imports, mut exports) = (String::new(), String::new());
    for (n, (module, name, import)) in linker.iter(&mut store).collect::<Vec<_>>().into_iter().enumerate() {
        let func = import.into_func().unwrap();
        let kind = func.ty(&store);
        let types = |types: Vec<ValType>| types.iter().map(|t| format!(" {t}")).collect::<String>();
        let (params, results) = (types(kind.params().collect()), types(kind.results().collect()));
        let _ = writeln!(imports, r#"(import "{module}" "{name}" (func $f{n} (param{params}) (result{results})))"#);
        let arguments: String = (0..kind.params().len()).map(|p| format!(" (local.get {p})")).collect();
        let _ = writeln!(
            exports,
            r#"(func (export "{module}.{name}") (param{params}) (result{results}) (call $f{n}{arguments}))"#
        );
    }
    // The hook counts its calls and keeps the last signal where a test can see them.
    let hook = r#"(func (export "__coquina_signal") (param i32)
        (i32.store (i32.const 8) (i32.add (i32.load (i32.const 8)) (i32.const 1)))
        (i32.store (i32.const 12) (local.get 0)))"#;
    format!(r#"(module {imports} (memory (export "memory") {PAGES}) {exports} {hook} (func (export "_start")))"#)
}

/// A kernel for a store that is never run.
fn nobody() -> Arc<Mutex<Kernel>> {
    let limits = Limits::default();
    Arc::new(Mutex::new(Kernel::new(KernelParts {
        vfs: Vfs::new(tree(), &limits),
        limits,
        launcher: Box::new(Launched::default()),
        clock: Arc::new(Monotonic(std::time::Instant::now())),
        entropy: Entropy::seeded(1),
        hostname: String::new(),
        background: false,
    })))
}

/// A process that does as it is told.
struct Puppet<'a> {
    lab: &'a Lab,
    pid: Pid,
    request: LaunchRequest,
    store: Store<Guest>,
    instance: Instance,
    free: u32,
}

/// The arguments of one call.
macro_rules! args {
    ($($value:expr),* $(,)?) => { &[$(crate::wasi::tests::Arg::from($value).0),*] };
}
use args;

/// One argument: numbers become values of the import's types.
struct Arg(Val);

impl From<i32> for Arg {
    fn from(value: i32) -> Arg {
        Arg(Val::I32(value))
    }
}

impl From<u32> for Arg {
    fn from(value: u32) -> Arg {
        Arg(Val::I32(value as i32))
    }
}

impl From<i64> for Arg {
    fn from(value: i64) -> Arg {
        Arg(Val::I64(value))
    }
}

impl From<u64> for Arg {
    fn from(value: u64) -> Arg {
        Arg(Val::I64(value as i64))
    }
}

impl Puppet<'_> {
    fn func(&mut self, import: &str) -> Func {
        self.instance.get_func(&mut self.store, import).unwrap_or_else(|| panic!("no import {import}"))
    }

    /// Calls an import; an error is what it raised.
    fn raw(&mut self, import: &str, args: &[Val]) -> wasmtime::Result<i32> {
        let func = self.func(import);
        let mut results = vec![Val::I32(0); func.ty(&self.store).results().len()];
        self.lab.runtime.block_on(func.call_async(&mut self.store, args, &mut results))?;
        Ok(results.first().map_or(0, Val::unwrap_i32))
    }

    /// As [`Puppet::raw`], but gives up after `wait`: the puppet is of no use then.
    fn raw_within(&mut self, import: &str, args: &[Val], wait: Duration) -> Option<wasmtime::Result<i32>> {
        let func = self.func(import);
        let mut results = vec![Val::I32(0); func.ty(&self.store).results().len()];
        let called = self
            .lab
            .runtime
            .block_on(async { tokio::time::timeout(wait, func.call_async(&mut self.store, args, &mut results)).await });
        Some(called.ok()?.map(|()| results.first().map_or(0, Val::unwrap_i32)))
    }

    /// A preview 1 call: 0 or an errno.
    fn p1(&mut self, name: &str, args: &[Val]) -> i32 {
        self.raw(&format!("wasi_snapshot_preview1.{name}"), args).unwrap()
    }

    /// A call of our own: a value, or minus an errno.
    fn cq(&mut self, name: &str, args: &[Val]) -> i32 {
        self.raw(&format!("coquina_v1.{name}"), args).unwrap()
    }

    fn memory(&mut self) -> &mut [u8] {
        let memory = self.store.data().memory.unwrap();
        memory.data_mut(&mut self.store)
    }

    fn poke(&mut self, at: u32, bytes: &[u8]) {
        self.memory()[at as usize..][..bytes.len()].copy_from_slice(bytes);
    }

    fn peek(&mut self, at: u32, len: u32) -> Vec<u8> {
        self.memory()[at as usize..][..len as usize].to_vec()
    }

    fn peek_u32(&mut self, at: u32) -> u32 {
        u32::from_le_bytes(self.peek(at, 4).try_into().unwrap())
    }

    fn peek_u64(&mut self, at: u32) -> u64 {
        u64::from_le_bytes(self.peek(at, 8).try_into().unwrap())
    }

    /// Room in memory for the time of a test: starts anew when it is used up.
    fn room(&mut self, len: u32) -> u32 {
        if self.free + len > PAGES * 65536 {
            self.free = SCRATCH;
        }
        let at = self.free;
        self.free += len.next_multiple_of(8);
        at
    }

    /// Copies bytes into memory; their address and length.
    fn put(&mut self, bytes: impl AsRef<[u8]>) -> (u32, u32) {
        let bytes = bytes.as_ref();
        let at = self.room(bytes.len() as u32);
        self.poke(at, bytes);
        (at, bytes.len() as u32)
    }

    /// An `iovec` array over new buffers: its address, and theirs.
    fn iovecs(&mut self, buffers: &[&[u8]]) -> (u32, Vec<u32>) {
        let places: Vec<(u32, u32)> = buffers.iter().map(|b| self.put(b)).collect();
        let table: Vec<u8> = places.iter().flat_map(|(p, l)| [p.to_le_bytes(), l.to_le_bytes()].concat()).collect();
        (self.put(table).0, places.into_iter().map(|(p, _)| p).collect())
    }

    /// `fd_write` of some buffers: bytes written, or the errno.
    fn write(&mut self, fd: i32, buffers: &[&[u8]]) -> Result<u32, i32> {
        let (iovs, _) = self.iovecs(buffers);
        let out = self.room(4);
        match self.p1("fd_write", args![fd, iovs, buffers.len() as i32, out]) {
            0 => Ok(self.peek_u32(out)),
            errno => Err(errno),
        }
    }

    /// `fd_read` into one buffer.
    fn read(&mut self, fd: i32, len: u32) -> Result<Vec<u8>, i32> {
        let (iovs, buffers) = self.iovecs(&[&vec![0; len as usize]]);
        let out = self.room(4);
        match self.p1("fd_read", args![fd, iovs, 1, out]) {
            0 => {
                let n = self.peek_u32(out);
                Ok(self.peek(buffers[0], n))
            }
            errno => Err(errno),
        }
    }

    /// A call on one path, which comes after the first argument.
    fn on_path(&mut self, name: &str, dirfd: i32, path: &str) -> i32 {
        let (ptr, len) = self.put(path);
        self.p1(name, args![dirfd, ptr, len])
    }

    /// Ends the process.
    fn exit(self, status: u8) {
        self.lab.kernel.lock().unwrap().exited(self.pid, ExitStatus::Code(status), Usage::default());
    }
}

#[test]
fn every_import_of_preview_1_is_there() {
    let lab = Lab::new();
    let names: Vec<&str> =
        lab.module.imports().filter(|i| i.module() == super::abi::PREVIEW1).map(|i| i.name()).collect();
    assert_eq!(names.len(), 46);
}

#[test]
fn the_documented_imports_are_there_and_no_others() {
    let documented = include_str!("../../../docs/abi.md");
    let lab = Lab::new();
    let mut ours: Vec<String> =
        lab.module.imports().filter(|i| i.module() == super::abi::COQUINA).map(|i| i.name().to_owned()).collect();
    let rows = documented.lines().filter_map(|line| line.strip_prefix("| ")?.split(" |").next());
    let mut wanted: Vec<String> = rows
        .flat_map(|row| row.split('`').skip(1).step_by(2))
        .filter_map(|code| code.split_once('(').map(|(name, _)| name.to_owned()))
        .collect();
    ours.sort();
    wanted.sort();
    assert_eq!(ours, wanted);
}
