//! What `std::os::unix::process` adds to processes, for Coquina's guests.
#![stable(feature = "rust1", since = "1.0.0")]
use crate::ffi::OsStr;
use crate::io;
use crate::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, IntoRawFd, OwnedFd, RawFd};
use crate::os::wasi::coquina::host;
use crate::process::{self, ChildStderr, ChildStdin, ChildStdout};
use crate::sys::process as imp;
use crate::sys::{AsInner, AsInnerMut, FromInner, IntoInner};

/// More of `Command`.
#[stable(feature = "rust1", since = "1.0.0")]
pub trait CommandExt {
    /// Replaces this program by the command; returns only on error.
    #[stable(feature = "rust1", since = "1.0.0")]
    fn exec(&mut self) -> io::Error;
    /// Sets `argv[0]`.
    #[stable(feature = "rust1", since = "1.0.0")]
    fn arg0<S: AsRef<OsStr>>(&mut self, arg: S) -> &mut process::Command;
    /// Puts the child into a process group: 0 for one of its own.
    #[stable(feature = "rust1", since = "1.0.0")]
    fn process_group(&mut self, pgroup: i32) -> &mut process::Command;
    /// Has the child call `hook` before it becomes the program.
    ///
    /// # Safety
    ///
    /// The hook runs in this program's memory: what it changes there stays changed.
    #[stable(feature = "rust1", since = "1.0.0")]
    unsafe fn pre_exec<F>(&mut self, hook: F) -> &mut process::Command
    where
        F: FnMut() -> io::Result<()> + Send + Sync + 'static;
}

#[stable(feature = "rust1", since = "1.0.0")]
impl CommandExt for process::Command {
    fn exec(&mut self) -> io::Error {
        self.as_inner_mut().exec()
    }
    fn arg0<S: AsRef<OsStr>>(&mut self, arg: S) -> &mut process::Command {
        self.as_inner_mut().set_arg_0(arg.as_ref());
        self
    }
    fn process_group(&mut self, pgroup: i32) -> &mut process::Command {
        self.as_inner_mut().pgroup(pgroup);
        self
    }
    unsafe fn pre_exec<F>(&mut self, hook: F) -> &mut process::Command
    where
        F: FnMut() -> io::Result<()> + Send + Sync + 'static,
    {
        self.as_inner_mut().pre_exec(Box::new(hook));
        self
    }
}

/// More of `ExitStatus`.
#[stable(feature = "rust1", since = "1.0.0")]
pub trait ExitStatusExt {
    /// From a wait status.
    #[stable(feature = "rust1", since = "1.0.0")]
    fn from_raw(raw: i32) -> Self;
    /// The signal that ended the process.
    #[stable(feature = "rust1", since = "1.0.0")]
    fn signal(&self) -> Option<i32>;
    /// Whether it left a memory dump: never.
    #[stable(feature = "rust1", since = "1.0.0")]
    fn core_dumped(&self) -> bool;
    /// The wait status.
    #[stable(feature = "rust1", since = "1.0.0")]
    fn into_raw(self) -> i32;
}

#[stable(feature = "rust1", since = "1.0.0")]
impl ExitStatusExt for process::ExitStatus {
    fn from_raw(raw: i32) -> Self {
        process::ExitStatus::from_inner(imp::ExitStatus::from(raw))
    }
    fn signal(&self) -> Option<i32> {
        self.as_inner().signal()
    }
    fn core_dumped(&self) -> bool {
        false
    }
    fn into_raw(self) -> i32 {
        self.as_inner().into_raw()
    }
}

/// More of `Child`.
#[stable(feature = "rust1", since = "1.0.0")]
pub trait ChildExt {
    /// Sends the child a signal, unless it was waited for.
    #[stable(feature = "rust1", since = "1.0.0")]
    fn send_signal(&self, signal: i32) -> io::Result<()>;
}

#[stable(feature = "rust1", since = "1.0.0")]
impl ChildExt for process::Child {
    fn send_signal(&self, signal: i32) -> io::Result<()> {
        self.as_inner().send_signal(signal)
    }
}

/// The parent's process id.
#[stable(feature = "rust1", since = "1.0.0")]
pub fn parent_id() -> u32 {
    unsafe { host::getppid() as u32 }
}

#[stable(feature = "rust1", since = "1.0.0")]
impl FromRawFd for process::Stdio {
    unsafe fn from_raw_fd(fd: RawFd) -> process::Stdio {
        process::Stdio::from_inner(imp::Stdio::Fd(unsafe { FromRawFd::from_raw_fd(fd) }))
    }
}
#[stable(feature = "io_safety", since = "1.63.0")]
impl From<OwnedFd> for process::Stdio {
    fn from(fd: OwnedFd) -> process::Stdio {
        unsafe { FromRawFd::from_raw_fd(fd.into_raw_fd()) }
    }
}

macro_rules! child_streams {
    ($($stream:ident)*) => {$(
        #[stable(feature = "process_extensions", since = "1.2.0")]
        impl AsRawFd for $stream {
            fn as_raw_fd(&self) -> RawFd { self.as_inner().as_raw_fd() }
        }
        #[stable(feature = "into_raw_os", since = "1.4.0")]
        impl IntoRawFd for $stream {
            fn into_raw_fd(self) -> RawFd { self.into_inner().into_raw_fd() }
        }
        #[stable(feature = "io_safety", since = "1.63.0")]
        impl AsFd for $stream {
            fn as_fd(&self) -> BorrowedFd<'_> { self.as_inner().as_fd() }
        }
        #[stable(feature = "io_safety", since = "1.63.0")]
        impl From<$stream> for OwnedFd {
            fn from(stream: $stream) -> OwnedFd { stream.into_inner().into_inner() }
        }
        #[stable(feature = "child_stream_from_fd", since = "1.74.0")]
        impl From<OwnedFd> for $stream {
            fn from(fd: OwnedFd) -> $stream { $stream::from_inner(imp::ChildPipe::from_inner(fd)) }
        }
    )*};
}
child_streams!(ChildStdin ChildStdout ChildStderr);
