//! The `coquina` program.

use std::ffi::{c_char, c_int, c_void};
use std::process::ExitCode;
use std::ptr::null_mut;

/// A service makes and drops small things all the time, on all threads: with glibc's allocator a run over HTTP takes an eighth longer.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// What jemalloc reads at its start: to give memory back bit by bit, as it does by itself, slows large uploads by a fifth.
#[unsafe(export_name = "_rjem_malloc_conf")]
static CONFIGURATION: &[u8] = b"dirty_decay_ms:-1\0";

unsafe extern "C" {
    fn _rjem_mallctl(
        name: *const c_char,
        old: *mut c_void,
        old_length: *mut usize,
        new: *mut c_void,
        new_length: usize,
    ) -> c_int;
}

fn main() -> ExitCode {
    coquina::cli::main(give_back)
}

/// Gives all memory that is free back to the system.
fn give_back() {
    // SAFETY: a control of jemalloc (4096 stands for all arenas) that takes and returns nothing.
    unsafe { _rjem_mallctl(c"arena.4096.purge".as_ptr(), null_mut(), null_mut(), null_mut(), 0) };
}
