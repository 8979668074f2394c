//! The product's system: `coquina_v1` and WASI preview 1 calls, made directly (`docs/abi.md`).

use super::*;

mod imports {
    #[link(wasm_import_module = "coquina_v1")]
    unsafe extern "C" {
        pub fn open(dir: i32, path: *const u8, len: usize, flags: u32, mode: u32) -> i32;
        pub fn stat(dir: i32, path: *const u8, len: usize, flags: u32, out: *mut u64) -> i32;
        pub fn access(dir: i32, path: *const u8, len: usize, mode: u32, flags: u32) -> i32;
        pub fn umask(mask: u32) -> i32;
        pub fn chdir(path: *const u8, len: usize) -> i32;
        pub fn getcwd(buf: *mut u8, len: usize) -> i32;
        pub fn pipe(out: *mut i32, flags: u32) -> i32;
        pub fn dup(fd: i32, min: i32, cloexec: i32) -> i32;
        pub fn dup2(fd: i32, to: i32, cloexec: i32) -> i32;
        pub fn cloexec(fd: i32, on: i32) -> i32;
        pub fn spawn(
            path: *const u8,
            path_len: usize,
            argv: *const u8,
            argv_len: usize,
            env: *const u8,
            env_len: usize,
            actions: *const [i32; 3],
            actions_len: usize,
            attr: *const SpawnAttr,
        ) -> i32;
        pub fn exec(
            path: *const u8,
            path_len: usize,
            argv: *const u8,
            argv_len: usize,
            env: *const u8,
            env_len: usize,
            flags: u32,
        ) -> i32;
        pub fn wait(pid: i32, flags: u32, status: *mut i32) -> i32;
        pub fn kill(pid: i32, sig: i32) -> i32;
        pub fn getpid() -> i32;
        pub fn getppid() -> i32;
        pub fn getids(out: *mut u32) -> i32;
        pub fn hostname(buf: *mut u8, len: usize) -> i32;
        pub fn blob(buf: *mut u8, len: usize) -> i32;
        pub fn keep(ptr: *const u8, len: usize) -> i32;
        pub fn limit(which: i32, used: u64) -> i32;
        pub fn usage(who: i32, out: *mut u64) -> i32;
        pub fn sigaction(sig: i32, how: i32) -> i32;
        pub fn sigtake() -> i32;
    }

    #[link(wasm_import_module = "wasi_snapshot_preview1")]
    unsafe extern "C" {
        pub fn args_sizes_get(count: *mut usize, bytes: *mut usize) -> i32;
        pub fn args_get(argv: *mut *mut u8, buf: *mut u8) -> i32;
        pub fn environ_sizes_get(count: *mut usize, bytes: *mut usize) -> i32;
        pub fn environ_get(env: *mut *mut u8, buf: *mut u8) -> i32;
        pub fn clock_time_get(id: u32, precision: u64, out: *mut u64) -> i32;
        pub fn random_get(buf: *mut u8, len: usize) -> i32;
        pub fn fd_read(fd: i32, iovs: *const Slice, n: usize, out: *mut usize) -> i32;
        pub fn fd_write(fd: i32, iovs: *const Slice, n: usize, out: *mut usize) -> i32;
        pub fn fd_close(fd: i32) -> i32;
        pub fn fd_seek(fd: i32, offset: i64, whence: u32, out: *mut u64) -> i32;
        pub fn fd_readdir(fd: i32, buf: *mut u8, len: usize, cookie: u64, out: *mut usize) -> i32;
        pub fn fd_fdstat_get(fd: i32, out: *mut u64) -> i32;
        pub fn path_unlink_file(dir: i32, path: *const u8, len: usize) -> i32;
        pub fn poll_oneoff(subs: *const [u64; 6], events: *mut [u64; 4], n: usize, out: *mut usize) -> i32;
        pub fn proc_exit(status: i32) -> !;
    }

    /// One piece of memory to read into or write from.
    #[repr(C)]
    pub struct Slice {
        pub ptr: *const u8,
        pub len: usize,
    }

    /// The attributes of a spawn, 48 bytes.
    #[repr(C)]
    pub struct SpawnAttr {
        pub flags: u32,
        pub pgroup: i32,
        pub cwd: *const u8,
        pub cwd_len: usize,
        pub blob: *const u8,
        pub blob_len: usize,
        pub sig_default: u64,
        pub sig_ignore: u64,
        pub reserved: u64,
    }
}

use imports::{Slice, SpawnAttr};

/// As a directory: the working directory.
const AT_FDCWD: i32 = -2;
/// Flag of `stat`: a symbolic link itself.
const NOFOLLOW: u32 = 1;
/// Flags of [`SpawnAttr`].
const SPAWN_PGROUP: u32 = 2;
const SPAWN_SIGDEFAULT: u32 = 4;
/// What the pipe call takes: close-on-exec.
const PIPE_CLOEXEC: u32 = 1;
/// Bytes of directory entries asked for at a time.
const READDIR_BYTES: usize = 4096;
/// Size of a directory entry's header in `fd_readdir`'s answer.
const DIRENT_BYTES: usize = 24;

/// The system of a sandbox.
pub struct Wasi {
    _private: (),
}

/// The result of a `coquina_v1` call.
fn check(n: i32) -> Sys<i32> {
    if n < 0 { Err(Errno(n.unsigned_abs() as u16)) } else { Ok(n) }
}

/// The result of a preview 1 call.
fn check1(errno: i32) -> Sys<()> {
    if errno == 0 { Ok(()) } else { Err(Errno(errno as u16)) }
}

fn to_stat(raw: &[u64; 14]) -> Stat {
    let mode = raw[3] as u32;
    let kind = match mode >> 12 {
        0o10 => FileKind::File,
        0o04 => FileKind::Dir,
        0o12 => FileKind::Symlink,
        0o02 => FileKind::CharDevice,
        0o06 => FileKind::BlockDevice,
        0o01 => FileKind::Fifo,
        0o14 => FileKind::Socket,
        _ => FileKind::Unknown,
    };
    Stat {
        dev: raw[0],
        ino: raw[1],
        kind,
        mode: mode & 0o7777,
        uid: (raw[3] >> 32) as u32,
        gid: raw[4] as u32,
        size: raw[6],
        atime: raw[8] as i64,
        mtime: raw[9] as i64,
    }
}

fn stat_at(dir: Fd, path: &[u8], flags: u32) -> Sys<Stat> {
    let mut raw = [0u64; 14];
    check(unsafe { imports::stat(dir, path.as_ptr(), path.len(), flags, raw.as_mut_ptr()) })?;
    Ok(to_stat(&raw))
}

impl Wasi {
    /// The system of this process.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "there is one system, not a default one")]
    pub fn new() -> Self {
        Wasi { _private: () }
    }
}

impl Files for Wasi {
    fn open(&self, path: &[u8], how: OpenHow, mode: u32) -> Sys<Fd> {
        let flags = [
            (how.append, 1),
            (how.nonblock, 4),
            (how.create, 1 << 12),
            (how.exclusive, 4 << 12),
            (how.truncate, 8 << 12),
            (how.read || !how.write, 0x0400_0000),
            (how.write, 0x1000_0000),
            (how.cloexec, 0x2000_0000),
        ];
        let flags = flags.iter().filter(|(on, _)| *on).fold(0, |all, (_, bit)| all | bit);
        check(unsafe { imports::open(AT_FDCWD, path.as_ptr(), path.len(), flags, mode) })
    }

    fn stat(&self, path: &[u8], follow: bool) -> Sys<Stat> {
        if path.is_empty() {
            return Err(Errno::NOENT);
        }
        stat_at(AT_FDCWD, path, if follow { 0 } else { NOFOLLOW })
    }

    fn fstat(&self, fd: Fd) -> Sys<Stat> {
        stat_at(fd, b"", 0)
    }

    fn access(&self, path: &[u8], mode: u32) -> Sys<()> {
        if path.is_empty() {
            return Err(Errno::NOENT);
        }
        check(unsafe { imports::access(AT_FDCWD, path.as_ptr(), path.len(), mode, 0) }).map(drop)
    }

    fn read_dir(&self, path: &[u8]) -> Sys<Vec<DirEntry>> {
        let how = OpenHow { read: true, cloexec: true, ..OpenHow::default() };
        let fd = self.open(path, how, 0)?;
        let entries = list(fd);
        let _ = self.close(fd);
        entries
    }

    fn unlink(&self, path: &[u8]) -> Sys<()> {
        check1(unsafe { imports::path_unlink_file(AT_FDCWD, path.as_ptr(), path.len()) })
    }

    fn umask(&self, mask: u32) -> u32 {
        unsafe { imports::umask(mask) as u32 }
    }

    fn chdir(&self, path: &[u8]) -> Sys<()> {
        check(unsafe { imports::chdir(path.as_ptr(), path.len()) }).map(drop)
    }

    fn getcwd(&self) -> Sys<Vec<u8>> {
        let mut buf = vec![0; 4096];
        let n = check(unsafe { imports::getcwd(buf.as_mut_ptr(), buf.len()) })?;
        buf.truncate(n as usize);
        Ok(buf)
    }
}

/// All entries of an open directory.
fn list(fd: Fd) -> Sys<Vec<DirEntry>> {
    let mut entries = Vec::new();
    let mut buf = vec![0u8; READDIR_BYTES];
    let mut cookie = 0;
    loop {
        let mut used = 0;
        check1(unsafe { imports::fd_readdir(fd, buf.as_mut_ptr(), buf.len(), cookie, &raw mut used) })?;
        let mut at = 0;
        while let Some((next, entry, end)) = entry(&buf[..used], at) {
            (cookie, at) = (next, end);
            if entry.name != b"." && entry.name != b".." {
                entries.push(entry);
            }
        }
        if used < buf.len() {
            return Ok(entries);
        }
        if at == 0 {
            buf.resize(buf.len() * 2, 0);
        }
    }
}

/// The entry at `at`, the cookie after it, and where the next one starts; `None` if it is not there whole.
fn entry(buf: &[u8], at: usize) -> Option<(u64, DirEntry, usize)> {
    let head = buf.get(at..at + DIRENT_BYTES)?;
    let next = u64::from_le_bytes(head[..8].try_into().ok()?);
    let len = u32::from_le_bytes(head[16..20].try_into().ok()?) as usize;
    let start = at + DIRENT_BYTES;
    let name = buf.get(start..start + len)?.to_vec();
    let kind = match head[20] {
        3 => FileKind::Dir,
        4 => FileKind::File,
        7 => FileKind::Symlink,
        2 => FileKind::CharDevice,
        _ => FileKind::Unknown,
    };
    Some((next, DirEntry { name, kind }, start + len))
}

impl Descriptors for Wasi {
    fn read(&self, fd: Fd, buf: &mut [u8]) -> Sys<usize> {
        let slice = Slice { ptr: buf.as_mut_ptr(), len: buf.len() };
        let mut n = 0;
        check1(unsafe { imports::fd_read(fd, &raw const slice, 1, &raw mut n) })?;
        Ok(n)
    }

    fn write(&self, fd: Fd, buf: &[u8]) -> Sys<usize> {
        let slice = Slice { ptr: buf.as_ptr(), len: buf.len() };
        let mut n = 0;
        check1(unsafe { imports::fd_write(fd, &raw const slice, 1, &raw mut n) })?;
        Ok(n)
    }

    fn close(&self, fd: Fd) -> Sys<()> {
        check1(unsafe { imports::fd_close(fd) })
    }

    fn dup(&self, fd: Fd, min: Fd, cloexec: bool) -> Sys<Fd> {
        check(unsafe { imports::dup(fd, min, i32::from(cloexec)) })
    }

    fn dup2(&self, fd: Fd, to: Fd, cloexec: bool) -> Sys<()> {
        check(unsafe { imports::dup2(fd, to, i32::from(cloexec)) }).map(drop)
    }

    fn pipe(&self) -> Sys<(Fd, Fd)> {
        let mut ends = [0; 2];
        check(unsafe { imports::pipe(ends.as_mut_ptr(), PIPE_CLOEXEC) })?;
        Ok((ends[0], ends[1]))
    }

    fn cloexec(&self, fd: Fd, set: Option<bool>) -> Sys<bool> {
        let on = set.map_or(-1, i32::from);
        Ok(check(unsafe { imports::cloexec(fd, on) })? != 0)
    }

    fn is_terminal(&self, fd: Fd) -> bool {
        // As wasi-libc's isatty: a character device that cannot seek (bit 2) or tell (bit 5).
        let mut fdstat = [0u64; 3];
        check1(unsafe { imports::fd_fdstat_get(fd, fdstat.as_mut_ptr()) }).is_ok()
            && fdstat[0] as u8 == 2
            && fdstat[1] & (1 << 2 | 1 << 5) == 0
    }

    fn seek(&self, fd: Fd, offset: i64, whence: Whence) -> Sys<u64> {
        let mut at = 0;
        check1(unsafe { imports::fd_seek(fd, offset, whence as u32, &raw mut at) })?;
        Ok(at)
    }

    fn poll_read(&self, fd: Fd, timeout_ns: u64) -> Sys<bool> {
        const CLOCK: u64 = 0;
        const FD_READ: u64 = 1;
        const MONOTONIC: u64 = 1;
        // A subscription: user data, tag, then a descriptor or a clock with its timeout.
        let subs = [[0, FD_READ, fd as u64, 0, 0, 0], [1, CLOCK, MONOTONIC, timeout_ns, 0, 0]];
        let mut events = [[0u64; 4]; 2];
        let mut n = 0;
        check1(unsafe { imports::poll_oneoff(subs.as_ptr(), events.as_mut_ptr(), 2, &raw mut n) })?;
        Ok(events[..n].iter().any(|event| event[0] == 0))
    }
}

impl Processes for Wasi {
    fn spawn(&self, request: &Spawn) -> Sys<Pid> {
        let actions: Vec<[i32; 3]> = request
            .actions
            .iter()
            .map(|action| match *action {
                FdAction::Dup { src, to } => [0, to, src],
                FdAction::Close(fd) => [1, fd, 0],
            })
            .collect();
        let attr = SpawnAttr {
            flags: SPAWN_SIGDEFAULT | if request.pgroup.is_some() { SPAWN_PGROUP } else { 0 },
            pgroup: request.pgroup.unwrap_or(0),
            cwd: std::ptr::null(),
            cwd_len: 0,
            blob: request.blob.as_ptr(),
            blob_len: request.blob.len(),
            sig_default: request.sig_default,
            sig_ignore: request.sig_ignore,
            reserved: 0,
        };
        let Spawn { path, argv, env, .. } = request;
        check(unsafe {
            imports::spawn(
                path.as_ptr(),
                path.len(),
                argv.as_ptr(),
                argv.len(),
                env.as_ptr(),
                env.len(),
                actions.as_ptr(),
                actions.len(),
                &raw const attr,
            )
        })
    }

    fn exec(&self, path: &[u8], argv: &[u8], env: &[u8]) -> Errno {
        let (path, argv, env) = ((path.as_ptr(), path.len()), (argv.as_ptr(), argv.len()), (env.as_ptr(), env.len()));
        let n = unsafe { imports::exec(path.0, path.1, argv.0, argv.1, env.0, env.1, 0) };
        check(n).err().unwrap_or(Errno::NOSYS)
    }

    fn self_path(&self) -> &[u8] {
        b"/usr/bin/bash"
    }

    fn wait(&self, pid: Pid, block: bool) -> Sys<Option<(Pid, WaitStatus)>> {
        let mut status = 0;
        let got = check(unsafe { imports::wait(pid, u32::from(!block), &raw mut status) })?;
        let ended = match status & 0x7f {
            0 => WaitStatus::Exited(status >> 8 & 0xff),
            signal => WaitStatus::Signaled(signal),
        };
        Ok((got != 0).then_some((got, ended)))
    }

    fn kill(&self, pid: Pid, sig: i32) -> Sys<()> {
        check(unsafe { imports::kill(pid, sig) }).map(drop)
    }

    fn getpid(&self) -> Pid {
        unsafe { imports::getpid() }
    }

    fn getppid(&self) -> Pid {
        unsafe { imports::getppid() }
    }

    fn ids(&self) -> Ids {
        let mut ids = [0; 4];
        let _ = check(unsafe { imports::getids(ids.as_mut_ptr()) });
        Ids { uid: ids[0], euid: ids[1], gid: ids[2], egid: ids[3] }
    }

    fn hostname(&self) -> Vec<u8> {
        let mut buf = vec![0; 256];
        let n = check(unsafe { imports::hostname(buf.as_mut_ptr(), buf.len()) }).unwrap_or(0);
        buf.truncate(n as usize);
        buf
    }

    fn times(&self) -> Times {
        let get = |who| {
            let mut out = [0u64; 3];
            let _ = check(unsafe { imports::usage(who, out.as_mut_ptr()) });
            (out[0], out[1])
        };
        let ((user, system), (child_user, child_system)) = (get(0), get(1));
        Times { user, system, child_user, child_system }
    }

    fn blob(&self) -> Vec<u8> {
        let total = check(unsafe { imports::blob(std::ptr::null_mut(), 0) }).unwrap_or(0) as usize;
        if total == 0 {
            return Vec::new();
        }
        let mut bytes = vec![0; total];
        let _ = check(unsafe { imports::blob(bytes.as_mut_ptr(), bytes.len()) });
        bytes
    }

    fn keep(&self, state: &[u8]) {
        let _ = check(unsafe { imports::keep(state.as_ptr(), state.len()) });
    }

    fn limit_recursion(&self, used: u64) {
        let _ = check(unsafe { imports::limit(0, used) });
    }

    fn exit(&self, status: i32) -> ! {
        unsafe { imports::proc_exit(status & 0xff) }
    }
}

impl Signals for Wasi {
    fn disposition(&self, sig: i32, set: Option<Disposition>) -> Sys<Disposition> {
        let how = match set {
            None => -1,
            Some(Disposition::Default) => 0,
            Some(Disposition::Ignore) => 1,
            Some(Disposition::Catch) => 2,
        };
        Ok(match check(unsafe { imports::sigaction(sig, how) })? {
            0 => Disposition::Default,
            1 => Disposition::Ignore,
            _ => Disposition::Catch,
        })
    }

    fn take(&self) -> Option<i32> {
        Some(unsafe { imports::sigtake() }).filter(|sig| *sig > 0)
    }
}

impl Clock for Wasi {
    fn realtime(&self) -> i64 {
        clock(0) as i64
    }

    fn monotonic(&self) -> i64 {
        clock(1) as i64
    }

    fn random(&self, buf: &mut [u8]) {
        let _ = check1(unsafe { imports::random_get(buf.as_mut_ptr(), buf.len()) });
    }
}

fn clock(id: u32) -> u64 {
    let mut now = 0;
    let _ = check1(unsafe { imports::clock_time_get(id, 1, &raw mut now) });
    now
}

impl Environment for Wasi {
    fn args(&self) -> Vec<Vec<u8>> {
        strings(imports::args_sizes_get, imports::args_get)
    }

    fn env(&self) -> Vec<Vec<u8>> {
        strings(imports::environ_sizes_get, imports::environ_get)
    }
}

type Sizes = unsafe extern "C" fn(*mut usize, *mut usize) -> i32;
type Get = unsafe extern "C" fn(*mut *mut u8, *mut u8) -> i32;

/// A list of strings as preview 1 gives it: how many and how long, then all of them.
fn strings(sizes: Sizes, get: Get) -> Vec<Vec<u8>> {
    let (mut count, mut len) = (0, 0);
    if unsafe { sizes(&raw mut count, &raw mut len) } != 0 || len == 0 {
        return Vec::new();
    }
    let (mut starts, mut bytes) = (vec![std::ptr::null_mut(); count], vec![0u8; len]);
    if unsafe { get(starts.as_mut_ptr(), bytes.as_mut_ptr()) } != 0 {
        return Vec::new();
    }
    // Each ends in a NUL byte; an empty string is one too.
    bytes[..len - 1].split(|b| *b == 0).map(<[u8]>::to_vec).collect()
}
