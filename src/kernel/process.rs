//! Processes and the table of them.

use super::signal::Signal;

/// A process id. 1 is the kernel itself: the parent of every exec's first process and of orphans.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Pid(pub i32);

/// How a process ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ExitStatus {
    /// It exited with this code.
    Code(u8),
    /// A signal killed it.
    Signal(Signal),
}

impl ExitStatus {
    /// Linux's wait status.
    pub fn to_wait_status(self) -> i32 {
        match self {
            ExitStatus::Code(code) => i32::from(code) << 8,
            ExitStatus::Signal(signal) => signal.raw(),
        }
    }
}
