//! The `coquina` program.

use std::process::ExitCode;

/// A service makes and drops small things all the time, on all threads: with glibc's allocator a run over HTTP takes an eighth longer.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    coquina::cli::main()
}
