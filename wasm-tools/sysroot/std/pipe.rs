//! Anonymous pipes: two descriptors, both close-on-exec.
use crate::io;
use crate::os::fd::FromRawFd;
use crate::os::wasi::coquina::{check, host};
use crate::sys::fd::FileDesc;

pub type Pipe = FileDesc;

pub fn pipe() -> io::Result<(Pipe, Pipe)> {
    const CLOEXEC: i32 = 1;
    let mut ends = [0; 2];
    check(unsafe { host::pipe(&mut ends, CLOEXEC) })?;
    let [read, write] = ends;
    unsafe { Ok((Pipe::from_raw_fd(read), Pipe::from_raw_fd(write))) }
}
