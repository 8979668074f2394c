//! The calls a guest can make: WASI preview 1 whole, and Coquina's own module (`docs/abi.md`).
//!
//! *What this is.* Translation, nothing else: guest pointers and numbers in, one kernel call, guest numbers out. [`add_to_linker`] defines
//! every import; a [`Guest`] is what they find in the store; [`attach`] tells it about the instance.
//!
//! *What is not here.* What a call means is the kernel's ([`crate::kernel`]); running a program, its fuel and its limits are the sandbox's.
//!
//! *How a call waits.* A call that may wait is an async host function which first tries at once, so that it costs little when it need
//! not. A call whose work a guest can make large (paths, bulk data) is async too: the work is charged as fuel, and once a slice of
//! it is used up the process steps aside for the others on its thread. All other calls are plain functions.
//!
//! *How a program ends.* An import ends it by raising one of these, which the launcher tells apart by type:
//! [`ExitRequest`] (`proc_exit`: any status; the kernel keeps its low 8 bits), [`ExecRequest`] (`exec`: a new program takes over
//! this process) and [`Killed`] (a signal has killed the process during this call). Anything else is a trap of the guest.
//!
//! *Invariants.* `memory.rs` alone touches guest memory. Nothing a guest passes makes a call panic, trap, or allocate without bound: a
//! mistake is an errno. The kernel's lock is held within a call, never while it waits, and no other lock is taken under it.

mod abi;
mod call;
mod coquina;
mod guest;
mod limiter;
mod memory;
mod preview1;

#[cfg(test)]
mod tests;

pub use guest::{ExecRequest, ExitRequest, Guest, Killed, Pace, Preopen, attach};
pub use limiter::{MemoryBudget, MemoryExceeded, MemoryLimiter};

/// Defines the imports of both modules.
///
/// # Errors
/// Only if one of them is defined already.
pub fn add_to_linker(linker: &mut wasmtime::Linker<Guest>) -> wasmtime::Result<()> {
    preview1::add_to_linker(linker)?;
    coquina::add_to_linker(linker)
}
