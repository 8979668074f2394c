//! The fault tests, and what they are made of: a child process that works on a store, a file system below it that fails or is recorded, a
//! disk that loses power, and the model that says what must be there afterwards.

mod check;
mod disk;
pub mod driver;
mod model;
mod random;
mod records;
mod shim;
mod trace;

// The tests.
mod crashes;
mod damage;
mod full_disk;
mod kills;
mod power_cuts;
mod processes;
pub mod service;

use std::future::Future;
use std::path::Path;

/// Whether everything is to be tried (`make torture`), not just what takes seconds.
fn torture() -> bool {
    std::env::var_os("COQUINA_TORTURE").is_some()
}

/// A scratch directory; in memory where there is room for that, since nothing in it has to survive this process.
fn scratch() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    let made = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
    made.expect("a scratch directory")
}

/// Waits for a future.
fn block_on<F: Future>(future: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime starts").block_on(future)
}

/// Copies a directory, as it is.
fn copy_directory(from: &Path, to: &Path) {
    disk::Image::read(from).write(to);
}

/// The last lines of what a child said.
fn last_lines(said: &str) -> String {
    let lines: Vec<&str> = said.lines().collect();
    lines[lines.len().saturating_sub(12)..].join("\n")
}
