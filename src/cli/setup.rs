//! From arguments to an engine, an image and a sandbox.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use super::args::SandboxArgs;
use super::{UsageError, config};
use crate::base::Limits;
use crate::sandbox::{Access, Engine, EngineConfig, Exec, Image, Mount, Sandbox, SandboxConfig};

/// Slots of a single sandbox's engine beside its processes: those of its children that are just ending.
const SPARE_SLOTS: u32 = 16;

/// An engine for one sandbox: as many slots as it may have processes, one worker.
pub fn engine(limits: &Limits) -> Result<Engine> {
    let config = EngineConfig {
        processes: limits.processes + SPARE_SLOTS,
        workers: 1,
        pool: false,
        cache_dir: config::without_flags()?.engine.cache_dir,
        ..EngineConfig::default()
    };
    Engine::new(&config).map_err(|e| anyhow::anyhow!("the engine cannot be started: {e:#}"))
}

/// Where the image is: as given, else as configured.
pub fn image_path(given: Option<&Path>) -> Result<PathBuf> {
    match given {
        Some(path) => Ok(path.into()),
        None => config::without_flags()?.image.context("where this program is cannot be told"),
    }
}

pub fn image(engine: &Engine, given: Option<&Path>) -> Result<Image> {
    Image::open(engine, image_path(given)?)
        .context("no usable root image (`make image` builds one; --image or COQUINA_IMAGE names one)")
}

/// The default limits, with what the arguments set.
pub fn limits(args: &SandboxArgs) -> Limits {
    let limits = Limits::default();
    Limits {
        fuel: args.fuel.unwrap_or(limits.fuel),
        memory_bytes: args.memory.unwrap_or(limits.memory_bytes),
        wall_time_ms: args.timeout.unwrap_or(limits.wall_time_ms),
        ..limits
    }
}

/// Engine, image and sandbox as the arguments ask.
pub fn sandbox(args: &SandboxArgs) -> Result<Sandbox> {
    let limits = limits(args);
    let mounts = args.dirs.iter().map(|dir| mount(dir)).collect::<Result<_>>()?;
    let image = image(&engine(&limits)?, args.image.as_deref())?;
    // It is `shell` that has a session to go on in.
    Ok(Sandbox::new(&image, SandboxConfig { limits, mounts, background: true, ..SandboxConfig::default() })?)
}

/// Parses `HOST::GUEST[:ro|rw|cow]`.
pub fn mount(text: &str) -> Result<Mount> {
    let wrong = |why: &str| UsageError(format!("--dir {text}: {why}; write HOST::GUEST[:ro|rw|cow]"));
    let (host, guest) = text.split_once("::").ok_or_else(|| wrong("no `::`"))?;
    let (guest, access) = match guest.rsplit_once(':') {
        Some((guest, "ro")) => (guest, Access::ReadOnly),
        Some((guest, "rw")) => (guest, Access::ReadWrite),
        Some((guest, "cow")) => (guest, Access::CopyOnWrite),
        Some((_, mode)) => return Err(wrong(&format!("`{mode}` is none of ro, rw, cow")).into()),
        None => (guest, Access::ReadWrite),
    };
    if host.is_empty() || guest.is_empty() {
        return Err(wrong("a side is empty").into());
    }
    Ok(Mount { host: host.into(), guest: guest.into(), access })
}

/// Sets working directory and environment as the arguments ask.
pub fn apply(args: &SandboxArgs, mut exec: Exec) -> Result<Exec> {
    exec.cwd = args.cwd.clone().into_bytes();
    environment(&args.env, exec)
}

/// Sets environment variables, each `K=V`.
pub fn environment(texts: &[OsString], mut exec: Exec) -> Result<Exec> {
    for (key, value) in pairs(texts)? {
        exec = exec.with_env(key, value);
    }
    Ok(exec)
}

/// Names and values of environment variables, each `K=V`.
pub fn pairs(texts: &[OsString]) -> Result<Vec<(Vec<u8>, Vec<u8>)>> {
    let pair = |text: &OsString| {
        let text = text.as_bytes();
        let equals = text.iter().position(|b| *b == b'=').filter(|at| *at > 0);
        let equals = equals.ok_or_else(|| UsageError(format!("--env {}: not K=V", String::from_utf8_lossy(text))))?;
        Ok((text[..equals].into(), text[equals + 1..].into()))
    };
    texts.iter().map(pair).collect()
}
