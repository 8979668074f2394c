//! The working directory, which the kernel keeps, and lists of paths.
use crate::ffi::{CStr, OsStr, OsString};
use crate::os::wasi::prelude::*;
use crate::path::{self, PathBuf};
use crate::sys::cvt;
use crate::sys::helpers::run_path_with_cstr;
use crate::{fmt, io, iter, slice};

const SEPARATOR: u8 = b':';

pub fn getcwd() -> io::Result<PathBuf> {
    let mut buf = Vec::with_capacity(512);
    loop {
        let start = buf.as_mut_ptr() as *mut libc::c_char;
        if !unsafe { libc::getcwd(start, buf.capacity()) }.is_null() {
            let name = unsafe { CStr::from_ptr(start) }.to_bytes().to_vec();
            return Ok(PathBuf::from(OsString::from_vec(name)));
        }
        let error = io::Error::last_os_error();
        if error.raw_os_error() != Some(libc::ERANGE) {
            return Err(error);
        }
        buf.reserve(buf.capacity() * 2);
    }
}

pub fn chdir(to: &path::Path) -> io::Result<()> {
    run_path_with_cstr(to, &|to| cvt(unsafe { libc::chdir(to.as_ptr()) }).map(drop))
}

pub fn temp_dir() -> PathBuf {
    crate::env::var_os("TMPDIR").map_or_else(|| PathBuf::from("/tmp"), PathBuf::from)
}

pub fn home_dir() -> Option<PathBuf> {
    crate::env::var_os("HOME").map(PathBuf::from)
}

pub fn current_exe() -> io::Result<PathBuf> {
    crate::fs::read_link("/proc/self/exe")
}

pub struct SplitPaths<'a>(
    iter::Map<slice::Split<'a, u8, fn(&u8) -> bool>, fn(&[u8]) -> PathBuf>,
);

pub fn split_paths(unparsed: &OsStr) -> SplitPaths<'_> {
    fn separator(byte: &u8) -> bool {
        *byte == SEPARATOR
    }
    fn path(bytes: &[u8]) -> PathBuf {
        PathBuf::from(OsStr::from_bytes(bytes))
    }
    SplitPaths(unparsed.as_bytes().split(separator as fn(&u8) -> bool).map(path as _))
}

impl<'a> Iterator for SplitPaths<'a> {
    type Item = PathBuf;
    fn next(&mut self) -> Option<PathBuf> {
        self.0.next()
    }
    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.size_hint()
    }
}

#[derive(Debug)]
pub struct JoinPathsError;

pub fn join_paths<I, T>(paths: I) -> Result<OsString, JoinPathsError>
where
    I: Iterator<Item = T>,
    T: AsRef<OsStr>,
{
    let mut joined = Vec::new();
    for (i, path) in paths.enumerate() {
        let path = path.as_ref().as_bytes();
        if i > 0 {
            joined.push(SEPARATOR);
        }
        if path.contains(&SEPARATOR) {
            return Err(JoinPathsError);
        }
        joined.extend_from_slice(path);
    }
    Ok(OsString::from_vec(joined))
}

impl fmt::Display for JoinPathsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("path segment contains separator `:`")
    }
}

impl crate::error::Error for JoinPathsError {}
