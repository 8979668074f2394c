//! What the integration tests share: one engine and image a test binary, a place to wait for futures, the case format.
#![allow(dead_code, reason = "each test binary uses its part")]

pub mod casefile;
pub mod clients;

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use coquina::sandbox::{Engine, EngineConfig, Exec, Finished, Image, Outcome, Sandbox, SandboxConfig};

/// The repository.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The image's folder: `$COQUINA_IMAGE`, else where `make image` puts it.
pub fn image_dir() -> PathBuf {
    let build = || std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from);
    std::env::var_os("COQUINA_IMAGE").map_or_else(|| build().join("release/image"), PathBuf::from)
}

/// This test binary's engine. `COQUINA_PAGEMAP_SCAN=0` leaves out what needs Linux 6.7.
pub fn engine() -> &'static Engine {
    static ENGINE: OnceLock<Engine> = OnceLock::new();
    ENGINE.get_or_init(|| {
        let pagemap_scan = std::env::var("COQUINA_PAGEMAP_SCAN").map_or(true, |v| v != "0");
        let config = EngineConfig { processes: 1024, pagemap_scan, ..EngineConfig::default() };
        Engine::new(&config).expect("the engine starts")
    })
}

/// The root image.
pub fn image() -> &'static Image {
    static IMAGE: OnceLock<Image> = OnceLock::new();
    IMAGE.get_or_init(|| {
        let dir = image_dir();
        Image::open(engine(), &dir).unwrap_or_else(|e| panic!("{e}\n(`make image` builds {})", dir.display()))
    })
}

/// A sandbox with default limits and nothing of the host.
pub fn sandbox() -> Sandbox {
    sandbox_with(SandboxConfig::default())
}

/// A sandbox over the root image.
pub fn sandbox_with(config: SandboxConfig) -> Sandbox {
    Sandbox::new(image(), config).expect("the sandbox can be made")
}

/// Waits for a future; processes run on the engine's own threads.
pub fn block_on<F: Future>(future: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime starts").block_on(future)
}

/// Runs an exec to its end; the host must not fail it.
pub fn run(sandbox: &Sandbox, exec: Exec) -> Finished {
    block_on(sandbox.exec(exec)).expect("the host runs it")
}

/// Runs a script to its end.
pub fn bash(sandbox: &Sandbox, script: &str) -> Finished {
    run(sandbox, Exec::bash(script))
}

/// Runs a script that must succeed without a word on standard error, and returns what it printed.
pub fn output(sandbox: &Sandbox, script: &str) -> String {
    let done = bash(sandbox, script);
    let stderr = String::from_utf8_lossy(&done.stderr.bytes);
    assert_eq!((&done.outcome, stderr.as_ref()), (&Outcome::Exit { exit_code: 0 }, ""), "script: {script}");
    String::from_utf8(done.stdout.bytes).expect("the output is text")
}

/// The status that `coquina exec` would give for an outcome.
pub fn status(outcome: &Outcome) -> i32 {
    match outcome {
        Outcome::Exit { exit_code } => i32::from(*exit_code),
        Outcome::Signal { number, .. } => 128 + i32::from(*number),
        Outcome::Limit(exceeded) if exceeded.limit == coquina::base::Limit::WallTime => 124,
        Outcome::Limit(_) => 137,
        Outcome::Cancelled => 130,
    }
}
