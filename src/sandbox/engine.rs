//! The engine: once an OS process. wasmtime's engine, the linked imports, the workers, the compiled modules.

use std::path::PathBuf;
use std::sync::{Arc, LazyLock};

use tokio::sync::Semaphore;
use wasmtime::{Collector, Config, Enabled, InstanceAllocationStrategy, PoolingAllocationConfig};

use super::modules::Modules;
use super::worker::Workers;
use crate::wasi::{self, Guest};

/// Fuel between two points at which a process lets others run, is killed or stopped: about half a millisecond.
pub(super) const FUEL_SLICE: u64 = 5_000_000;

/// Native stack a guest may use, in bytes: deep recursion in a shell or an interpreter needs more than wasmtime's 512 KiB.
const GUEST_STACK_BYTES: usize = 8 << 20;

/// Native stack of a fiber: the guest's and room for host calls above it.
const FIBER_STACK_BYTES: usize = GUEST_STACK_BYTES + (512 << 10);

/// Largest linear memory of one process, in bytes: all that a 32-bit guest can address.
const GUEST_MEMORY_BYTES: usize = 4 << 30;

/// Memory of a finished process that its slot keeps mapped for the next one, in bytes.
const KEEP_RESIDENT_BYTES: usize = 2 << 20;

/// Processors this process may use. Finding out reads half a dozen files.
static PROCESSORS: LazyLock<usize> = LazyLock::new(|| std::thread::available_parallelism().map_or(1, |n| n.get()));

/// How an [`Engine`] is set up.
#[derive(Clone, Debug)]
pub struct EngineConfig {
    /// Live processes of all sandboxes together. Each reserves address space (4 GiB) and two or three memory mappings, so the
    /// kernel's `vm.max_map_count` of 65,530 ends at about 12,000.
    pub processes: u32,
    /// Threads that run processes. One sandbox stays on one worker.
    pub workers: usize,
    /// Keep a pool of slots ready for processes: each starts some microseconds sooner, and the engine a millisecond later.
    pub pool: bool,
    /// Reset a process's memory by scanning for pages it wrote (Linux 6.7 or newer), where there is that call.
    pub pagemap_scan: bool,
    /// Where compiled uploaded modules are kept between runs; `None` keeps them in memory only. The directory must be writable by
    /// nobody else: what is in it is machine code.
    pub cache_dir: Option<PathBuf>,
}

impl Default for EngineConfig {
    fn default() -> Self {
        EngineConfig { processes: 2048, workers: *PROCESSORS, pool: true, pagemap_scan: true, cache_dir: None }
    }
}

/// Runs sandboxes. Make one and share it: `clone` is a reference.
#[derive(Clone)]
pub struct Engine(pub(super) Arc<EngineInner>);

pub(super) struct EngineInner {
    pub wasm: wasmtime::Engine,
    pub linker: wasmtime::Linker<Guest>,
    pub modules: Modules,
    pub workers: Workers,
    /// One permit for each process the pool has room for.
    pub slots: Arc<Semaphore>,
    /// One permit for each exec that may run: half the slots, so that those that run can start children.
    pub execs: Arc<Semaphore>,
}

impl Engine {
    /// An engine with its pool and workers.
    ///
    /// # Errors
    /// When the address space or the threads cannot be had.
    pub fn new(config: &EngineConfig) -> wasmtime::Result<Engine> {
        let wasm = wasmtime::Engine::new(&wasm_config(config))?;
        let mut linker = wasmtime::Linker::new(&wasm);
        wasi::add_to_linker(&mut linker)?;
        Ok(Engine(Arc::new(EngineInner {
            wasm,
            linker,
            modules: Modules::new(config.cache_dir.clone()),
            workers: Workers::start(config.workers)?,
            slots: Arc::new(Semaphore::new(config.processes as usize)),
            execs: Arc::new(Semaphore::new((config.processes as usize / 2).max(1))),
        })))
    }
}

/// The compiler's half of the configuration: what is baked into compiled modules.
fn compiler_config() -> Config {
    let mut c = Config::new();
    c.consume_fuel(true);
    // setjmp in C programs is compiled to exceptions, which need the collector built in; a module that throws none pays nothing.
    c.wasm_exceptions(true).wasm_function_references(true);
    c.collector(Collector::Null);
    c.wasm_memory64(false).wasm_multi_memory(false).wasm_relaxed_simd(false);
    c.concurrency_support(false);
    c.max_wasm_stack(GUEST_STACK_BYTES);
    c.async_stack_size(FIBER_STACK_BYTES);
    c.wasm_backtrace_max_frames(None);
    c
}

fn wasm_config(config: &EngineConfig) -> Config {
    let mut c = compiler_config();
    // What the pool makes of it too: compiled modules then fit both.
    c.memory_reservation(GUEST_MEMORY_BYTES as u64);
    let strategy = if config.pool {
        InstanceAllocationStrategy::Pooling(pool(config))
    } else {
        InstanceAllocationStrategy::OnDemand
    };
    c.allocation_strategy(strategy);
    c
}

fn pool(config: &EngineConfig) -> PoolingAllocationConfig {
    let slots = config.processes;
    let mut pool = PoolingAllocationConfig::new();
    pool.total_core_instances(slots)
        .total_memories(slots)
        .total_tables(slots)
        .total_stacks(slots)
        .total_gc_heaps(slots)
        .max_memory_size(GUEST_MEMORY_BYTES)
        .linear_memory_keep_resident(KEEP_RESIDENT_BYTES)
        .table_keep_resident(64 << 10)
        .pagemap_scan(if config.pagemap_scan { Enabled::Auto } else { Enabled::No });
    pool
}
