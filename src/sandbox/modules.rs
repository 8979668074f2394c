//! Programs: compiled modules ready to be instantiated. Those of an image come from its files; any other WebAssembly file
//! found on `PATH` is compiled on first use and kept by its content's hash.

use std::collections::HashMap;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use wasmtime::{ExternType, InstancePre, Module};

use super::engine::EngineInner;
use crate::wasi::Guest;

/// Compiled uploads kept in memory; the least lately used go first.
const UPLOADS_MAX: usize = 128;

/// Largest uploaded module, in bytes: compiling takes about a CPU second a megabyte.
pub(crate) const UPLOAD_BYTES_MAX: u64 = 64 << 20;

/// Compilations at a time: each takes up to some twenty times the module's size of the host's memory, and all processors.
const COMPILATIONS_MAX: usize = 2;

/// A module with its imports resolved: instantiating it is all that is left.
pub(super) struct Program {
    pub pre: InstancePre<Guest>,
    /// Whether it imports nothing of `coquina_v1`: such a program gets preopened directories.
    pub legacy: bool,
}

/// Why a file is no program that can run here.
#[derive(Debug, thiserror::Error)]
pub enum ModuleError {
    /// Not WebAssembly, or not valid.
    #[error("not a valid WebAssembly module: {0}")]
    Invalid(String),
    /// Valid, but not a WASI preview 1 command.
    #[error("not a WASI preview 1 command: {0}")]
    NotACommand(String),
    /// Larger than [`UPLOAD_BYTES_MAX`].
    #[error("module of {0} bytes is larger than the limit of {UPLOAD_BYTES_MAX} bytes")]
    TooLarge(u64),
}

impl Program {
    pub fn new(engine: &EngineInner, module: &Module) -> Result<Program, ModuleError> {
        if !matches!(module.get_export("_start"), Some(ExternType::Func(_))) {
            return Err(ModuleError::NotACommand("it exports no function `_start`".into()));
        }
        if !matches!(module.get_export("memory"), Some(ExternType::Memory(_))) {
            return Err(ModuleError::NotACommand("it exports no `memory`".into()));
        }
        let legacy = !module.imports().any(|i| i.module() == "coquina_v1");
        let pre = engine.linker.instantiate_pre(module).map_err(|e| ModuleError::NotACommand(format!("{e:#}")))?;
        Ok(Program { pre, legacy })
    }
}

/// The engine's uploaded programs.
pub(super) struct Modules {
    uploads: Mutex<Uploads>,
    cache_dir: Option<PathBuf>,
    /// One permit for each compilation that may run.
    turns: Arc<Semaphore>,
}

#[derive(Default)]
struct Uploads {
    by_hash: HashMap<blake3::Hash, (u64, Arc<Program>)>,
    clock: u64,
}

impl Modules {
    pub fn new(cache_dir: Option<PathBuf>) -> Modules {
        Modules { uploads: Mutex::default(), cache_dir, turns: Arc::new(Semaphore::new(COMPILATIONS_MAX)) }
    }

    /// The program of the WebAssembly text `wasm`, if it was compiled before. Hashes it: not for a worker's thread.
    fn find(&self, wasm: &[u8]) -> Option<Arc<Program>> {
        self.uploads.lock().unwrap_or_else(PoisonError::into_inner).get(&blake3::hash(wasm))
    }

    /// The program of the WebAssembly text `wasm`, compiled now if it never was. Slow: not for a worker's thread.
    fn upload(&self, engine: &EngineInner, wasm: &[u8]) -> Result<Arc<Program>, ModuleError> {
        if let Some(program) = self.find(wasm) {
            return Ok(program);
        }
        let hash = blake3::hash(wasm);
        let module = self.compile(engine, wasm, &hash)?;
        let program = Arc::new(Program::new(engine, &module)?);
        self.uploads.lock().unwrap_or_else(PoisonError::into_inner).put(hash, program.clone());
        Ok(program)
    }

    fn compile(&self, engine: &EngineInner, wasm: &[u8], hash: &blake3::Hash) -> Result<Module, ModuleError> {
        let file = self.cache_dir.as_ref().map(|dir| dir.join(format!("{hash}-{:016x}.cwasm", compatibility(engine))));
        // SAFETY: the cache directory is the operator's own, as EngineConfig asks: what is in it, this function wrote.
        if let Some(module) = file.as_ref().and_then(|f| unsafe { Module::deserialize_file(&engine.wasm, f) }.ok()) {
            return Ok(module);
        }
        let module = Module::from_binary(&engine.wasm, wasm).map_err(|e| ModuleError::Invalid(format!("{e:#}")))?;
        if let Some(file) = file {
            // A cache that cannot be written costs time, not correctness.
            if let Err(error) = module.serialize().and_then(|bytes| Ok(write_whole(&file, &bytes)?)) {
                eprintln!("coquina: cannot cache a compiled module in {}: {error:#}", file.display());
            }
        }
        Ok(module)
    }
}

/// The program of the WebAssembly text `wasm`, compiled if it never was.
///
/// Who waits for his turn may be dropped at no cost; a compilation that has begun goes on, and keeps its turn.
pub(super) async fn uploaded(engine: &Arc<EngineInner>, wasm: Bytes) -> Result<Arc<Program>, ModuleError> {
    let (searching, text) = (engine.clone(), wasm.clone());
    if let Ok(Some(program)) = spawn_blocking(move || searching.modules.find(&text)).await {
        return Ok(program);
    }
    let failed = |why: String| ModuleError::Invalid(format!("compiling failed: {why}"));
    let turn = engine.modules.turns.clone().acquire_owned().await.map_err(|e| failed(e.to_string()))?;
    let compiling = engine.clone();
    let compiled = spawn_blocking(move || {
        let _turn = turn;
        compiling.modules.upload(&compiling, &wasm)
    });
    compiled.await.unwrap_or_else(|panic| Err(failed(panic.to_string())))
}

impl Uploads {
    fn get(&mut self, hash: &blake3::Hash) -> Option<Arc<Program>> {
        self.clock += 1;
        let (used, program) = self.by_hash.get_mut(hash)?;
        *used = self.clock;
        Some(program.clone())
    }

    fn put(&mut self, hash: blake3::Hash, program: Arc<Program>) {
        if self.by_hash.len() >= UPLOADS_MAX
            && let Some(oldest) = self.by_hash.iter().min_by_key(|(_, (used, _))| *used).map(|(h, _)| *h)
        {
            self.by_hash.remove(&oldest);
        }
        self.by_hash.insert(hash, (self.clock, program));
    }
}

/// What a compiled module must agree with to be loaded: wasmtime's version, settings and the processor's features.
pub(super) fn compatibility(engine: &EngineInner) -> u64 {
    use std::hash::{DefaultHasher, Hash as _, Hasher as _};
    let mut hasher = DefaultHasher::new();
    engine.wasm.precompile_compatibility_hash().hash(&mut hasher);
    hasher.finish()
}

/// Writes a file so that a reader finds it whole or not at all.
pub(super) fn write_whole(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let dir = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(dir)?;
    let partial = dir.join(format!(".{}.{}", std::process::id(), path.file_name().unwrap_or_default().display()));
    fs::File::create(&partial)?.write_all(bytes)?;
    fs::rename(&partial, path)
}
