//! Puts kernel, file tree and WebAssembly together: engine, image, sandbox, exec, snapshot and fork.
//!
//! ```no_run
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! use coquina::sandbox::{Engine, EngineConfig, Exec, Image, Sandbox, SandboxConfig};
//!
//! let engine = Engine::new(&EngineConfig::default())?;
//! let image = Image::open(&engine, "target/release/image")?;
//! let sandbox = Sandbox::new(&image, SandboxConfig::default())?;
//! let done = sandbox.exec(Exec::bash("echo hi | tr a-z A-Z")).await?;
//! assert_eq!(done.stdout.bytes, b"HI\n");
//! # Ok(()) }
//! ```

mod background;
mod config;
mod engine;
mod exec;
mod image;
mod image_build;
mod image_place;
mod modules;
mod output;
mod process;
#[allow(clippy::module_inception, reason = "the room is named after its main type")]
mod sandbox;
mod snapshot;
mod tasks;
pub mod typed;
mod worker;

pub use config::{Access, Mount, Rule, SandboxConfig, SandboxError};
pub use engine::{Engine, EngineConfig};
pub use exec::{Exec, ExecError, Finished, Metering, Outcome, Output, ProcessMetering, Stdin, Streams};
pub use image::{Image, ImageError};
pub use image_build::{BuildError, build_image};
pub use modules::ModuleError;
pub use output::{Captured, Characters, InputStream, OutputStream};
pub use sandbox::{Running, Sandbox};
pub use snapshot::Snapshot;
