//! The shell's system over real Unix calls, for comparing it with native bash on the same machine. Not part of the product.

use super::*;
use std::ffi::CString;
use std::os::unix::ffi::OsStringExt;
use std::sync::atomic::{AtomicU64, Ordering};

/// Real Unix calls. Subshells are this same program, started with their blob in a temporary file.
pub struct Native {
    program: Vec<u8>,
}

/// Caught signals that have arrived and were not taken, bit `n - 1`.
static PENDING: AtomicU64 = AtomicU64::new(0);
/// Names the descriptor that holds the blob; taken out of the environment at start.
const BLOB_VAR: &str = "COQUINA_NATIVE_BLOB";

extern "C" fn on_signal(sig: i32) {
    PENDING.fetch_or(1 << (sig - 1), Ordering::Relaxed);
}

fn last() -> Errno {
    Errno::from_linux(std::io::Error::last_os_error().raw_os_error().unwrap_or(5))
}

fn check(n: i32) -> Sys<i32> {
    if n < 0 { Err(last()) } else { Ok(n) }
}

fn c(path: &[u8]) -> Sys<CString> {
    CString::new(path).map_err(|_| Errno::NOENT)
}

fn pointers(list: &[u8]) -> Vec<*const libc::c_char> {
    let mut out: Vec<_> = list.split_inclusive(|b| *b == 0).map(|s| s.as_ptr().cast()).collect();
    out.push(std::ptr::null());
    out
}

fn kind(mode: u32) -> FileKind {
    match mode & libc::S_IFMT {
        libc::S_IFREG => FileKind::File,
        libc::S_IFDIR => FileKind::Dir,
        libc::S_IFLNK => FileKind::Symlink,
        libc::S_IFCHR => FileKind::CharDevice,
        libc::S_IFBLK => FileKind::BlockDevice,
        libc::S_IFIFO => FileKind::Fifo,
        libc::S_IFSOCK => FileKind::Socket,
        _ => FileKind::Unknown,
    }
}

fn to_stat(st: &libc::stat) -> Stat {
    Stat {
        dev: st.st_dev,
        ino: st.st_ino,
        kind: kind(st.st_mode),
        mode: st.st_mode & 0o7777,
        uid: st.st_uid,
        gid: st.st_gid,
        size: st.st_size as u64,
        atime: st.st_atime * 1_000_000_000 + st.st_atime_nsec,
        mtime: st.st_mtime * 1_000_000_000 + st.st_mtime_nsec,
    }
}

impl Native {
    /// The system of this process.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "making one reads the process's state")]
    pub fn new() -> Self {
        // Rust ignores SIGPIPE at its start, and children would inherit that.
        unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
        let program = std::fs::read_link("/proc/self/exe").map(|p| p.into_os_string().into_vec()).unwrap_or_default();
        Self { program }
    }
}

impl Files for Native {
    fn open(&self, path: &[u8], how: OpenHow, mode: u32) -> Sys<Fd> {
        let mut flags = match (how.read, how.write) {
            (true, true) => libc::O_RDWR,
            (false, true) => libc::O_WRONLY,
            _ => libc::O_RDONLY,
        };
        for (on, bit) in [
            (how.create, libc::O_CREAT),
            (how.exclusive, libc::O_EXCL),
            (how.truncate, libc::O_TRUNC),
            (how.append, libc::O_APPEND),
            (how.cloexec, libc::O_CLOEXEC),
            (how.nonblock, libc::O_NONBLOCK),
        ] {
            if on {
                flags |= bit;
            }
        }
        let path = c(path)?;
        check(unsafe { libc::open(path.as_ptr(), flags, mode) })
    }

    fn stat(&self, path: &[u8], follow: bool) -> Sys<Stat> {
        let path = c(path)?;
        let mut st = unsafe { std::mem::zeroed() };
        check(unsafe {
            if follow { libc::stat(path.as_ptr(), &raw mut st) } else { libc::lstat(path.as_ptr(), &raw mut st) }
        })?;
        Ok(to_stat(&st))
    }

    fn fstat(&self, fd: Fd) -> Sys<Stat> {
        let mut st = unsafe { std::mem::zeroed() };
        check(unsafe { libc::fstat(fd, &raw mut st) })?;
        Ok(to_stat(&st))
    }

    fn access(&self, path: &[u8], mode: u32) -> Sys<()> {
        let path = c(path)?;
        check(unsafe { libc::faccessat(libc::AT_FDCWD, path.as_ptr(), mode as i32, libc::AT_EACCESS) }).map(drop)
    }

    fn read_dir(&self, path: &[u8]) -> Sys<Vec<DirEntry>> {
        let path = c(path)?;
        let dir = unsafe { libc::opendir(path.as_ptr()) };
        if dir.is_null() {
            return Err(last());
        }
        let mut out = Vec::new();
        loop {
            let entry = unsafe { libc::readdir(dir) };
            if entry.is_null() {
                break;
            }
            let name = unsafe { std::ffi::CStr::from_ptr((*entry).d_name.as_ptr()) }.to_bytes();
            if name == b"." || name == b".." {
                continue;
            }
            let kind = match unsafe { (*entry).d_type } {
                libc::DT_REG => FileKind::File,
                libc::DT_DIR => FileKind::Dir,
                libc::DT_LNK => FileKind::Symlink,
                _ => FileKind::Unknown,
            };
            out.push(DirEntry { name: name.to_vec(), kind });
        }
        unsafe { libc::closedir(dir) };
        Ok(out)
    }

    fn unlink(&self, path: &[u8]) -> Sys<()> {
        let path = c(path)?;
        check(unsafe { libc::unlink(path.as_ptr()) }).map(drop)
    }

    fn umask(&self, mask: u32) -> u32 {
        unsafe { libc::umask(mask) }
    }

    fn chdir(&self, path: &[u8]) -> Sys<()> {
        let path = c(path)?;
        check(unsafe { libc::chdir(path.as_ptr()) }).map(drop)
    }

    fn getcwd(&self) -> Sys<Vec<u8>> {
        std::env::current_dir().map(|p| p.into_os_string().into_vec()).map_err(|_| Errno::NOENT)
    }
}

impl Descriptors for Native {
    fn read(&self, fd: Fd, buf: &mut [u8]) -> Sys<usize> {
        let n = unsafe { libc::read(fd, buf.as_mut_ptr().cast(), buf.len()) };
        if n < 0 { Err(last()) } else { Ok(n as usize) }
    }

    fn write(&self, fd: Fd, buf: &[u8]) -> Sys<usize> {
        let n = unsafe { libc::write(fd, buf.as_ptr().cast(), buf.len()) };
        if n < 0 { Err(last()) } else { Ok(n as usize) }
    }

    fn close(&self, fd: Fd) -> Sys<()> {
        check(unsafe { libc::close(fd) }).map(drop)
    }

    fn dup(&self, fd: Fd, min: Fd, cloexec: bool) -> Sys<Fd> {
        let op = if cloexec { libc::F_DUPFD_CLOEXEC } else { libc::F_DUPFD };
        check(unsafe { libc::fcntl(fd, op, min) })
    }

    fn dup2(&self, fd: Fd, to: Fd, cloexec: bool) -> Sys<()> {
        if fd == to {
            return self.cloexec(fd, Some(cloexec)).map(drop);
        }
        check(unsafe { libc::dup3(fd, to, if cloexec { libc::O_CLOEXEC } else { 0 }) }).map(drop)
    }

    fn pipe(&self) -> Sys<(Fd, Fd)> {
        let mut fds = [0; 2];
        check(unsafe { libc::pipe2(fds.as_mut_ptr(), libc::O_CLOEXEC) })?;
        Ok((fds[0], fds[1]))
    }

    fn cloexec(&self, fd: Fd, set: Option<bool>) -> Sys<bool> {
        let old = check(unsafe { libc::fcntl(fd, libc::F_GETFD) })?;
        if let Some(on) = set {
            check(unsafe { libc::fcntl(fd, libc::F_SETFD, if on { libc::FD_CLOEXEC } else { 0 }) })?;
        }
        Ok(old & libc::FD_CLOEXEC != 0)
    }

    fn is_terminal(&self, fd: Fd) -> bool {
        unsafe { libc::isatty(fd) == 1 }
    }

    fn seek(&self, fd: Fd, offset: i64, whence: Whence) -> Sys<u64> {
        let whence = match whence {
            Whence::Start => libc::SEEK_SET,
            Whence::Current => libc::SEEK_CUR,
            Whence::End => libc::SEEK_END,
        };
        let n = unsafe { libc::lseek(fd, offset, whence) };
        if n < 0 { Err(last()) } else { Ok(n as u64) }
    }

    fn poll_read(&self, fd: Fd, timeout_ns: u64) -> Sys<bool> {
        let mut p = libc::pollfd { fd, events: libc::POLLIN, revents: 0 };
        let ms = i32::try_from(timeout_ns.div_ceil(1_000_000)).unwrap_or(i32::MAX);
        Ok(check(unsafe { libc::poll(&raw mut p, 1, ms) })? > 0)
    }
}

/// Runs in the forked child: carries the request out and becomes the program.
unsafe fn become_child(
    request: &Spawn,
    blob: Option<Fd>,
    path: &CString,
    argv: &[*const libc::c_char],
    env: &[*const libc::c_char],
) -> i32 {
    unsafe {
        if let Some(group) = request.pgroup {
            libc::setpgid(0, group);
        }
        for sig in 1..32 {
            let bit = 1u64 << (sig - 1);
            if request.sig_default & bit != 0 {
                libc::signal(sig, libc::SIG_DFL);
            } else if request.sig_ignore & bit != 0 {
                libc::signal(sig, libc::SIG_IGN);
            }
        }
        for action in request.actions {
            let n = match *action {
                FdAction::Dup { src, to } if src == to => libc::fcntl(src, libc::F_SETFD, 0),
                FdAction::Dup { src, to } => libc::dup2(src, to),
                FdAction::Close(fd) => libc::close(fd),
            };
            if n < 0 && !matches!(action, FdAction::Close(_)) {
                return 9;
            }
        }
        if let Some(fd) = blob {
            libc::fcntl(fd, libc::F_SETFD, 0);
        }
        libc::execve(path.as_ptr(), argv.as_ptr(), env.as_ptr());
        std::io::Error::last_os_error().raw_os_error().unwrap_or(5)
    }
}

/// A descriptor, out of the way of the script's own, whose content is `bytes`.
fn blob_file(bytes: &[u8]) -> Sys<Fd> {
    unsafe {
        let low = check(libc::memfd_create(c"blob".as_ptr(), libc::MFD_CLOEXEC))?;
        let fd = check(libc::fcntl(low, libc::F_DUPFD_CLOEXEC, 200))?;
        libc::close(low);
        libc::write(fd, bytes.as_ptr().cast(), bytes.len());
        libc::lseek(fd, 0, libc::SEEK_SET);
        Ok(fd)
    }
}

impl Processes for Native {
    fn spawn(&self, request: &Spawn) -> Sys<Pid> {
        let blob = if request.blob.is_empty() { None } else { Some(blob_file(request.blob)?) };
        let mut env_bytes = request.env.to_vec();
        if let Some(fd) = blob {
            env_bytes.extend_from_slice(format!("{BLOB_VAR}={fd}\0").as_bytes());
        }
        let (path, argv, env) = (c(request.path)?, pointers(request.argv), pointers(&env_bytes));
        let mut report = [0; 2];
        check(unsafe { libc::pipe2(report.as_mut_ptr(), libc::O_CLOEXEC) })?;
        // Keep the report pipe clear of descriptors that the actions may overwrite.
        let write_end = check(unsafe { libc::fcntl(report[1], libc::F_DUPFD_CLOEXEC, 201) })?;
        unsafe { libc::close(report[1]) };
        let pid = unsafe { libc::fork() };
        if pid == 0 {
            unsafe {
                let error = become_child(request, blob, &path, &argv, &env);
                libc::write(write_end, (&raw const error).cast(), 4);
                libc::_exit(127);
            }
        }
        unsafe { libc::close(write_end) };
        if let Some(fd) = blob {
            unsafe { libc::close(fd) };
        }
        let mut error = 0i32;
        let n = loop {
            let n = unsafe { libc::read(report[0], (&raw mut error).cast(), 4) };
            if n >= 0 || last() != Errno::INTR {
                break n;
            }
        };
        unsafe { libc::close(report[0]) };
        if pid < 0 {
            return Err(Errno::AGAIN);
        }
        if n == 4 {
            unsafe { libc::waitpid(pid, std::ptr::null_mut(), 0) };
            return Err(Errno::from_linux(error));
        }
        Ok(pid)
    }

    fn exec(&self, path: &[u8], argv: &[u8], env: &[u8]) -> Errno {
        let Ok(path) = c(path) else { return Errno::NOENT };
        unsafe { libc::execve(path.as_ptr(), pointers(argv).as_ptr(), pointers(env).as_ptr()) };
        last()
    }

    fn self_path(&self) -> &[u8] {
        &self.program
    }

    fn wait(&self, pid: Pid, block: bool) -> Sys<Option<(Pid, WaitStatus)>> {
        let mut status = 0;
        let got = check(unsafe { libc::waitpid(pid, &raw mut status, if block { 0 } else { libc::WNOHANG }) })?;
        if got == 0 {
            return Ok(None);
        }
        let status = if libc::WIFSIGNALED(status) {
            WaitStatus::Signaled(libc::WTERMSIG(status))
        } else {
            WaitStatus::Exited(libc::WEXITSTATUS(status))
        };
        Ok(Some((got, status)))
    }

    fn kill(&self, pid: Pid, sig: i32) -> Sys<()> {
        check(unsafe { libc::kill(pid, sig) }).map(drop)
    }

    fn getpid(&self) -> Pid {
        unsafe { libc::getpid() }
    }

    fn getppid(&self) -> Pid {
        unsafe { libc::getppid() }
    }

    fn ids(&self) -> Ids {
        unsafe { Ids { uid: libc::getuid(), euid: libc::geteuid(), gid: libc::getgid(), egid: libc::getegid() } }
    }

    fn hostname(&self) -> Vec<u8> {
        let mut buf = [0u8; 256];
        unsafe { libc::gethostname(buf.as_mut_ptr().cast(), 255) };
        buf.iter().copied().take_while(|b| *b != 0).collect()
    }

    fn times(&self) -> Times {
        let get = |who| unsafe {
            let mut u: libc::rusage = std::mem::zeroed();
            libc::getrusage(who, &raw mut u);
            let ns = |t: libc::timeval| t.tv_sec as u64 * 1_000_000_000 + t.tv_usec as u64 * 1000;
            (ns(u.ru_utime), ns(u.ru_stime))
        };
        let (user, system) = get(libc::RUSAGE_SELF);
        let (child_user, child_system) = get(libc::RUSAGE_CHILDREN);
        Times { user, system, child_user, child_system }
    }

    fn blob(&self) -> Vec<u8> {
        let Ok(value) = std::env::var(BLOB_VAR) else { return Vec::new() };
        let Ok(fd) = value.parse::<i32>() else { return Vec::new() };
        unsafe { std::env::remove_var(BLOB_VAR) };
        let mut out = Vec::new();
        let mut file: std::fs::File = unsafe { std::os::fd::FromRawFd::from_raw_fd(fd) };
        let _ = std::io::Read::read_to_end(&mut file, &mut out);
        out
    }

    fn keep(&self, _state: &[u8]) {}

    fn limit_recursion(&self, _used: u64) {}

    fn exit(&self, status: i32) -> ! {
        unsafe { libc::_exit(status) }
    }
}

impl Signals for Native {
    fn disposition(&self, sig: i32, set: Option<Disposition>) -> Sys<Disposition> {
        unsafe {
            let mut old: libc::sigaction = std::mem::zeroed();
            match set {
                None => check(libc::sigaction(sig, std::ptr::null(), &raw mut old))?,
                Some(d) => {
                    let mut new: libc::sigaction = std::mem::zeroed();
                    new.sa_sigaction = match d {
                        Disposition::Default => libc::SIG_DFL,
                        Disposition::Ignore => libc::SIG_IGN,
                        Disposition::Catch => on_signal as *const () as usize,
                    };
                    check(libc::sigaction(sig, &raw const new, &raw mut old))?
                }
            };
            Ok(match old.sa_sigaction {
                libc::SIG_DFL => Disposition::Default,
                libc::SIG_IGN => Disposition::Ignore,
                _ => Disposition::Catch,
            })
        }
    }

    fn take(&self) -> Option<i32> {
        let pending = PENDING.load(Ordering::Relaxed);
        if pending == 0 {
            return None;
        }
        let bit = pending.trailing_zeros();
        PENDING.fetch_and(!(1 << bit), Ordering::Relaxed);
        Some(bit as i32 + 1)
    }
}

impl Clock for Native {
    fn realtime(&self) -> i64 {
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |d| d.as_nanos() as i64)
    }

    fn monotonic(&self) -> i64 {
        let mut t = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut t) };
        t.tv_sec * 1_000_000_000 + t.tv_nsec
    }

    fn random(&self, buf: &mut [u8]) {
        unsafe { libc::getrandom(buf.as_mut_ptr().cast(), buf.len(), 0) };
    }
}

impl Environment for Native {
    fn args(&self) -> Vec<Vec<u8>> {
        std::env::args_os().map(OsStringExt::into_vec).collect()
    }

    fn env(&self) -> Vec<Vec<u8>> {
        std::env::vars_os()
            .filter(|(k, _)| k != BLOB_VAR)
            .map(|(k, v)| {
                let mut s = k.into_vec();
                s.push(b'=');
                s.extend(v.into_vec());
                s
            })
            .collect()
    }
}
