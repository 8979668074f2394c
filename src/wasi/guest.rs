//! What the imports know of the process that calls them: the data of its store.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};
use std::time::Instant;

use wasmtime::{AsContextMut as _, Instance, Memory, Store, TypedFunc};

use super::limiter::MemoryLimiter;
use crate::base::{Errno, Sys};
use crate::kernel::{AT_FDCWD, Fd, Kernel, OpenHow, Pid};
use crate::vfs::OpenFlags;

/// First descriptor of a preopened directory.
const PREOPEN_FD: Fd = 3;

/// Most directories that get preopened by default.
const PREOPENS_MAX: usize = 64;

/// Raised by `proc_exit`: the program ends with this status, of which the kernel keeps the low 8 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("exit with status {0}")]
pub struct ExitRequest(pub i32);

/// Raised by `exec`: the kernel has launched another program for this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("replaced by another program")]
pub struct ExecRequest;

/// Raised by a call during which a signal has killed the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("killed by a signal")]
pub struct Killed;

/// A directory that a preview 1 program finds opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preopen {
    /// Where it is in the sandbox.
    pub path: Vec<u8>,
    /// What the program is told it is called.
    pub name: Vec<u8>,
}

/// One process as its imports see it: the data of its [`Store`].
pub struct Guest {
    /// The sandbox's operating system.
    pub kernel: Arc<Mutex<Kernel>>,
    /// Who calls. Inside `vfork` the child, which borrows this instance; else the process that was launched.
    pub pid: Pid,
    /// Linear memory, told by [`attach`] or found at the first call.
    pub memory: Option<Memory>,
    /// Arguments, each followed by a NUL byte.
    pub argv: Arc<[u8]>,
    /// Environment, each `NAME=value` followed by a NUL byte.
    pub env: Arc<[u8]>,
    /// Imports nothing of `coquina_v1`: it gets preopened directories and cannot name the working directory.
    pub legacy: bool,
    /// For a legacy program: exactly these directories, and no path may lead out of one (as in wasmtime). `None`: what docs/abi.md says.
    pub preopens: Option<Vec<Preopen>>,
    /// The program's `__coquina_signal`, if it exports one.
    pub signal_hook: Option<TypedFunc<i32, ()>>,
    /// Its share of the sandbox's memory.
    pub limiter: MemoryLimiter,
    /// Work done by calls, in units of fuel, that is not taken from the store's fuel yet: to be added to what the program used.
    pub host_fuel: u64,
    /// What its supervisor learns while it runs.
    pub pace: Arc<Pace>,
    opened: Vec<(Fd, Vec<u8>)>,
    pub(super) last_monotonic: u64,
}

impl Guest {
    /// A process before its first instruction.
    pub fn new(
        kernel: Arc<Mutex<Kernel>>,
        pid: Pid,
        argv: Arc<[u8]>,
        env: Arc<[u8]>,
        legacy: bool,
        limiter: MemoryLimiter,
    ) -> Guest {
        Guest {
            kernel,
            pid,
            memory: None,
            argv,
            env,
            legacy,
            preopens: None,
            signal_hook: None,
            limiter,
            host_fuel: 0,
            pace: Arc::default(),
            opened: Vec::new(),
            last_monotonic: 0,
        }
    }

    /// The kernel, locked. One whose holder panicked is still used: that call's exec was failed, and others must be able to end.
    pub(super) fn lock(&self) -> MutexGuard<'_, Kernel> {
        self.kernel.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The name of a preopened directory.
    pub(super) fn preopen_name(&self, fd: Fd) -> Option<&[u8]> {
        self.opened.iter().find(|(opened, _)| *opened == fd).map(|(_, name)| &name[..])
    }

    /// A descriptor was closed: it is no preopened directory any more.
    pub(super) fn forget_preopen(&mut self, fd: Fd) {
        self.opened.retain(|(opened, _)| *opened != fd);
    }

    /// A descriptor was moved onto another.
    pub(super) fn move_preopen(&mut self, from: Fd, to: Fd) {
        if from == to {
            return;
        }
        self.forget_preopen(to);
        if let Some((fd, _)) = self.opened.iter_mut().find(|(fd, _)| *fd == from) {
            *fd = to;
        }
    }

    /// Whether paths must stay below the directory they start at.
    pub(super) fn confined(&self) -> bool {
        self.legacy && self.preopens.is_some()
    }

    /// Opens the directories of a legacy program, from descriptor 3 on, where C libraries look for them.
    ///
    /// A descriptor inherited there is closed: a program that knows only preview 1 has no use for it.
    fn open_preopens(&mut self) -> Sys<()> {
        let wanted = match &self.preopens {
            Some(wanted) => wanted.clone(),
            None => self.default_preopens()?,
        };
        let mut kernel = self.kernel.lock().unwrap_or_else(PoisonError::into_inner);
        for (fd, dir) in (PREOPEN_FD..).zip(wanted) {
            let got = open_dir(&mut kernel, self.pid, &dir.path);
            // A directory that cannot be opened is left out of the default ones; one that was asked for must be there.
            let got = match (got, &self.preopens) {
                (Err(_), None) => continue,
                (got, _) => got?,
            };
            if got != fd {
                kernel.dup2(self.pid, got, fd, true)?;
                kernel.close(self.pid, got)?;
            }
            self.opened.push((fd, dir.name));
        }
        Ok(())
    }

    /// `/`, each directory directly below it, and last `.`.
    fn default_preopens(&self) -> Sys<Vec<Preopen>> {
        let mut kernel = self.lock();
        let mut names: Vec<Vec<u8>> = Vec::new();
        let root = open_dir(&mut kernel, self.pid, b"/")?;
        let listed = kernel.readdir(self.pid, root, 0, &mut |entry| {
            if entry.kind == crate::vfs::Kind::Dir && !matches!(&entry.name[..], b"." | b"..") {
                names.push([b"/", &entry.name[..]].concat());
            }
            names.len() < PREOPENS_MAX
        });
        kernel.close(self.pid, root)?;
        listed?;
        names.sort_unstable();
        names.insert(0, b"/".to_vec());
        names.push(b".".to_vec());
        Ok(names.into_iter().map(|name| Preopen { path: name.clone(), name }).collect())
    }
}

fn open_dir(kernel: &mut Kernel, pid: Pid, path: &[u8]) -> Sys<Fd> {
    let flags = OpenFlags { read: true, directory: true, ..OpenFlags::default() };
    let how = OpenHow { flags, cloexec: true, ..OpenHow::default() };
    match kernel.poll_open(pid, AT_FDCWD, path, how, Waker::noop()) {
        Poll::Ready(fd) => fd,
        Poll::Pending => Err(Errno::NotDir),
    }
}

/// Tells the guest about its instance, before `_start`: its memory, its signal hook; opens the directories of a legacy program.
///
/// # Errors
/// When a directory of [`Guest::preopens`] cannot be opened.
pub fn attach(instance: &Instance, store: &mut Store<Guest>) -> wasmtime::Result<()> {
    let memory = instance.get_memory(store.as_context_mut(), "memory");
    let signal_hook = instance.get_typed_func(store.as_context_mut(), "__coquina_signal").ok();
    let guest = store.data_mut();
    guest.memory = memory;
    guest.signal_hook = signal_hook;
    if guest.legacy {
        guest.open_preopens().map_err(|e| wasmtime::Error::msg(format!("a preopened directory: {e:?}")))?;
    }
    Ok(())
}

/// What the supervisor of a process shares with its imports: the store itself is out of reach while the process runs.
#[derive(Debug)]
pub struct Pace {
    started: Instant,
    cpu_ns: AtomicU64,
    /// When it went on, in nanoseconds after `started`, plus 1; 0 while it is paused.
    resumed_at: AtomicU64,
    stepped_aside: AtomicBool,
    settled: AtomicU64,
}

impl Default for Pace {
    fn default() -> Self {
        Pace {
            started: Instant::now(),
            cpu_ns: AtomicU64::new(0),
            resumed_at: AtomicU64::new(0),
            stepped_aside: AtomicBool::new(false),
            settled: AtomicU64::new(0),
        }
    }
}

impl Pace {
    fn elapsed(&self) -> u64 {
        self.started.elapsed().as_nanos() as u64
    }

    /// The process goes on: its processor time runs.
    pub fn resume(&self) {
        self.resumed_at.store(self.elapsed() + 1, Ordering::Relaxed);
    }

    /// The process pauses: its processor time stands still.
    pub fn pause(&self) {
        self.cpu_ns.store(self.cpu_ns(), Ordering::Relaxed);
        self.resumed_at.store(0, Ordering::Relaxed);
    }

    /// Processor time it has used, in nanoseconds.
    pub fn cpu_ns(&self) -> u64 {
        let done = self.cpu_ns.load(Ordering::Relaxed);
        match self.resumed_at.load(Ordering::Relaxed) {
            0 => done,
            at => done + (self.elapsed() + 1).saturating_sub(at),
        }
    }

    /// Whether the pause that has just begun was made by a call that stepped aside, not by the end of a fuel slice; if so, the fuel
    /// that calls have taken from the store since this was last asked.
    pub fn take_stepped_aside(&self) -> Option<u64> {
        let aside = self.stepped_aside.swap(false, Ordering::Relaxed);
        aside.then(|| self.settled.swap(0, Ordering::Relaxed))
    }

    pub(super) fn step_aside(&self, settled: u64) {
        self.settled.fetch_add(settled, Ordering::Relaxed);
        self.stepped_aside.store(true, Ordering::Relaxed);
    }
}
