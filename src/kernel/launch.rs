//! The seam to whatever runs programs.

use super::exec::ExecId;
use super::process::Pid;
use crate::base::Sys;
use crate::vfs::{Loc, ProgramId};
use std::sync::Arc;

/// The code a process is to run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Program {
    /// A module of the image, compiled already.
    OfImage(ProgramId),
    /// What the program's file holds: it starts like a WebAssembly module, but may still turn out not to be one.
    File,
}

/// One program to start.
#[derive(Clone, Debug)]
pub struct LaunchRequest {
    /// As which process.
    pub pid: Pid,
    /// In which exec.
    pub exec: ExecId,
    /// What code.
    pub program: Program,
    /// The program's file. It is there as long as the process runs this program, and may be written to meanwhile.
    pub file: Loc,
    /// Arguments, each followed by a NUL byte. The first is the program's name.
    pub argv: Arc<[u8]>,
    /// Environment, `NAME=value`, each followed by a NUL byte.
    pub env: Arc<[u8]>,
}

/// Runs programs: WebAssembly in the product, closures in tests.
///
/// Called with the kernel's lock held, so it only takes note. The task that then runs the program first calls
/// [`Kernel::set_task_waker`](super::Kernel::set_task_waker) and asks [`Kernel::killed`](super::Kernel::killed), for the
/// process may be dead before it has begun; and last [`Kernel::exited`](super::Kernel::exited) (or, when the program was
/// replaced by `exec`, [`Kernel::add_usage`](super::Kernel::add_usage)).
pub trait Launcher: Send {
    /// Starts a program soon. An error (`Again`: no process left) is the spawning guest's.
    fn launch(&self, request: LaunchRequest) -> Sys<()>;

    /// Takes memory for pipes, arguments and blobs from the sandbox's budget, or with a negative number gives it back,
    /// which always works. `false`: there is none left.
    fn charge_memory(&self, _bytes: i64) -> bool {
        true
    }

    /// Memory in use, in bytes, for `/proc/meminfo`.
    fn memory_used(&self) -> u64 {
        0
    }
}
