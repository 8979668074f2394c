//! The shell's system in the product: preview 1 and `coquina_v1` imports, called directly.

use super::*;

#[link(wasm_import_module = "coquina_v1")]
unsafe extern "C" {
    #[link_name = "open"]
    fn c_open(dirfd: i32, path: *const u8, len: usize, flags: i32, mode: i32) -> i32;
    #[link_name = "stat"]
    fn c_stat(dirfd: i32, path: *const u8, len: usize, flags: i32, out: *mut u8) -> i32;
    #[link_name = "access"]
    fn c_access(dirfd: i32, path: *const u8, len: usize, mode: i32, flags: i32) -> i32;
    #[link_name = "umask"]
    fn c_umask(mask: i32) -> i32;
    #[link_name = "chdir"]
    fn c_chdir(path: *const u8, len: usize) -> i32;
    #[link_name = "getcwd"]
    fn c_getcwd(buf: *mut u8, len: usize) -> i32;
    #[link_name = "pipe"]
    fn c_pipe(out: *mut i32, flags: i32) -> i32;
    #[link_name = "dup"]
    fn c_dup(fd: i32, min: i32, cloexec: i32) -> i32;
    #[link_name = "dup2"]
    fn c_dup2(fd: i32, to: i32, cloexec: i32) -> i32;
    #[link_name = "cloexec"]
    fn c_cloexec(fd: i32, on: i32) -> i32;
    #[link_name = "ttysize"]
    fn c_ttysize(fd: i32, out: *mut u32) -> i32;
    #[link_name = "spawn"]
    fn c_spawn(
        path: *const u8,
        path_len: usize,
        argv: *const u8,
        argv_len: usize,
        env: *const u8,
        env_len: usize,
        actions: *const i32,
        count: usize,
        attr: *const u8,
    ) -> i32;
    #[link_name = "exec"]
    fn c_exec(
        path: *const u8,
        path_len: usize,
        argv: *const u8,
        argv_len: usize,
        env: *const u8,
        env_len: usize,
        flags: i32,
    ) -> i32;
    #[link_name = "wait"]
    fn c_wait(pid: i32, flags: i32, status: *mut i32) -> i32;
    #[link_name = "kill"]
    fn c_kill(pid: i32, sig: i32) -> i32;
    #[link_name = "getpid"]
    fn c_getpid() -> i32;
    #[link_name = "getppid"]
    fn c_getppid() -> i32;
    #[link_name = "getids"]
    fn c_getids(out: *mut u32) -> i32;
    #[link_name = "hostname"]
    fn c_hostname(buf: *mut u8, len: usize) -> i32;
    #[link_name = "blob"]
    fn c_blob(buf: *mut u8, len: usize) -> i32;
    #[link_name = "keep"]
    fn c_keep(ptr: *const u8, len: usize) -> i32;
    #[link_name = "limit"]
    fn c_limit(which: i32, used: i64) -> i32;
    #[link_name = "usage"]
    fn c_usage(who: i32, out: *mut u64) -> i32;
    #[link_name = "sigaction"]
    fn c_sigaction(sig: i32, how: i32) -> i32;
    #[link_name = "sigtake"]
    fn c_sigtake() -> i32;
}

#[repr(C)]
struct Iovec {
    ptr: *const u8,
    len: usize,
}

#[link(wasm_import_module = "wasi_snapshot_preview1")]
unsafe extern "C" {
    fn args_sizes_get(count: *mut usize, size: *mut usize) -> u16;
    fn args_get(pointers: *mut *const u8, buf: *mut u8) -> u16;
    fn environ_sizes_get(count: *mut usize, size: *mut usize) -> u16;
    fn environ_get(pointers: *mut *const u8, buf: *mut u8) -> u16;
    fn fd_read(fd: i32, iovs: *const Iovec, count: usize, done: *mut usize) -> u16;
    fn fd_write(fd: i32, iovs: *const Iovec, count: usize, done: *mut usize) -> u16;
    fn fd_close(fd: i32) -> u16;
    fn fd_seek(fd: i32, offset: i64, whence: u8, out: *mut u64) -> u16;
    fn fd_readdir(fd: i32, buf: *mut u8, len: usize, cookie: u64, used: *mut usize) -> u16;
    fn path_unlink_file(dirfd: i32, path: *const u8, len: usize) -> u16;
    fn clock_time_get(id: u32, precision: u64, out: *mut u64) -> u16;
    fn random_get(buf: *mut u8, len: usize) -> u16;
    fn poll_oneoff(subscriptions: *const u8, events: *mut u8, count: usize, done: *mut usize) -> u16;
    fn proc_exit(status: i32) -> !;
}

/// The working directory, where a directory's descriptor is asked for.
const AT_FDCWD: i32 = -2;
const O_APPEND: i32 = 1;
const O_NONBLOCK: i32 = 4;
const O_CREAT: i32 = 1 << 12;
const O_DIRECTORY: i32 = 2 << 12;
const O_EXCL: i32 = 4 << 12;
const O_TRUNC: i32 = 8 << 12;
const O_RDONLY: i32 = 0x0400_0000;
const O_WRONLY: i32 = 0x1000_0000;
const O_CLOEXEC: i32 = 0x2000_0000;

/// The imports of this module.
#[derive(Default)]
pub struct Wasi;

fn done(n: i32) -> Sys<i32> {
    if n < 0 { Err(Errno(n.unsigned_abs() as u16)) } else { Ok(n) }
}

fn check(errno: u16) -> Sys<()> {
    if errno == 0 { Ok(()) } else { Err(Errno(errno)) }
}

/// Calls with a growing buffer until what there is fits.
fn text(call: impl Fn(*mut u8, usize) -> i32) -> Sys<Vec<u8>> {
    let mut buf = vec![0; 256];
    loop {
        match done(call(buf.as_mut_ptr(), buf.len())) {
            Ok(n) => {
                buf.truncate(n as usize);
                return Ok(buf);
            }
            Err(Errno::RANGE) if buf.len() < 1 << 16 => buf.resize(buf.len() * 4, 0),
            Err(e) => return Err(e),
        }
    }
}

/// NUL-terminated strings that one call counts and another one gives.
fn strings(
    sizes: unsafe extern "C" fn(*mut usize, *mut usize) -> u16,
    get: unsafe extern "C" fn(*mut *const u8, *mut u8) -> u16,
) -> Vec<Vec<u8>> {
    let (mut count, mut size) = (0, 0);
    // SAFETY: both point at a usize; the buffers below are as long as the first call asked for.
    unsafe {
        if sizes(&raw mut count, &raw mut size) != 0 {
            return Vec::new();
        }
        let mut pointers = vec![std::ptr::null(); count];
        let mut buf = vec![0; size];
        if get(pointers.as_mut_ptr(), buf.as_mut_ptr()) != 0 {
            return Vec::new();
        }
        let mut out: Vec<Vec<u8>> = buf.split(|b| *b == 0).map(<[u8]>::to_vec).collect();
        out.truncate(count);
        out
    }
}

fn stat(dirfd: i32, path: &[u8], flags: i32) -> Sys<Stat> {
    let mut raw = [0u8; 112];
    // SAFETY: the path and a buffer of the size the call writes.
    done(unsafe { c_stat(dirfd, path.as_ptr(), path.len(), flags, raw.as_mut_ptr()) })?;
    let long = |at: usize| {
        let mut b = [0; 8];
        b.copy_from_slice(&raw[at..at + 8]);
        u64::from_le_bytes(b)
    };
    let short = |at: usize| (long(at) & 0xffff_ffff) as u32;
    let mode = short(24);
    let kind = match mode & 0o170_000 {
        0o100_000 => FileKind::File,
        0o040_000 => FileKind::Dir,
        0o120_000 => FileKind::Symlink,
        0o020_000 => FileKind::CharDevice,
        0o060_000 => FileKind::BlockDevice,
        0o010_000 => FileKind::Fifo,
        0o140_000 => FileKind::Socket,
        _ => FileKind::Unknown,
    };
    Ok(Stat {
        dev: long(0),
        ino: long(8),
        kind,
        mode: mode & 0o7777,
        uid: short(28),
        gid: short(32),
        size: long(48),
        atime: long(64) as i64,
        mtime: long(72) as i64,
    })
}

impl Wasi {
    #[must_use]
    pub fn new() -> Self {
        Self
    }
}

impl Files for Wasi {
    fn open(&self, path: &[u8], how: OpenHow, mode: u32) -> Sys<Fd> {
        let mut flags = 0;
        for (on, bit) in [
            (how.read, O_RDONLY),
            (how.write, O_WRONLY),
            (how.create, O_CREAT),
            (how.exclusive, O_EXCL),
            (how.truncate, O_TRUNC),
            (how.append, O_APPEND),
            (how.cloexec, O_CLOEXEC),
            (how.nonblock, O_NONBLOCK),
        ] {
            if on {
                flags |= bit;
            }
        }
        // SAFETY: pointer and length of a slice.
        done(unsafe { c_open(AT_FDCWD, path.as_ptr(), path.len(), flags, mode as i32) })
    }

    fn stat(&self, path: &[u8], follow: bool) -> Sys<Stat> {
        if path.is_empty() {
            return Err(Errno::NOENT);
        }
        stat(AT_FDCWD, path, i32::from(!follow))
    }

    fn fstat(&self, fd: Fd) -> Sys<Stat> {
        stat(fd, b"", 0)
    }

    fn access(&self, path: &[u8], mode: u32) -> Sys<()> {
        if path.is_empty() {
            return Err(Errno::NOENT);
        }
        // SAFETY: pointer and length of a slice.
        done(unsafe { c_access(AT_FDCWD, path.as_ptr(), path.len(), mode as i32, 0) }).map(drop)
    }

    fn read_dir(&self, path: &[u8]) -> Sys<Vec<DirEntry>> {
        // SAFETY: pointer and length of a slice.
        let fd = done(unsafe { c_open(AT_FDCWD, path.as_ptr(), path.len(), O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0) })?;
        let result = entries(fd);
        // SAFETY: a number.
        unsafe { fd_close(fd) };
        result
    }

    fn unlink(&self, path: &[u8]) -> Sys<()> {
        // SAFETY: pointer and length of a slice.
        check(unsafe { path_unlink_file(AT_FDCWD, path.as_ptr(), path.len()) })
    }

    fn umask(&self, mask: u32) -> u32 {
        // SAFETY: a number.
        unsafe { c_umask(mask as i32) as u32 }
    }

    fn chdir(&self, path: &[u8]) -> Sys<()> {
        // SAFETY: pointer and length of a slice.
        done(unsafe { c_chdir(path.as_ptr(), path.len()) }).map(drop)
    }

    fn getcwd(&self) -> Sys<Vec<u8>> {
        // SAFETY: `text` gives a buffer and its length.
        text(|buf, len| unsafe { c_getcwd(buf, len) })
    }
}

/// All names of an open directory.
fn entries(fd: Fd) -> Sys<Vec<DirEntry>> {
    const HEAD: usize = 24;
    let mut out = Vec::new();
    let mut buf = vec![0u8; 8192];
    let mut cookie = 0;
    loop {
        let mut used = 0;
        // SAFETY: the buffer and its length.
        check(unsafe { fd_readdir(fd, buf.as_mut_ptr(), buf.len(), cookie, &raw mut used) })?;
        let mut at = 0;
        let mut complete = false;
        while at + HEAD <= used {
            let mut word = [0; 8];
            word.copy_from_slice(&buf[at..at + 8]);
            let next = u64::from_le_bytes(word);
            word.copy_from_slice(&buf[at + 16..at + 24]);
            let len = (u64::from_le_bytes(word) & 0xffff_ffff) as usize;
            let kind = word[4];
            if at + HEAD + len > used {
                break;
            }
            complete = true;
            cookie = next;
            let name = &buf[at + HEAD..at + HEAD + len];
            at += HEAD + len;
            if name == b"." || name == b".." {
                continue;
            }
            let kind = match kind {
                1 => FileKind::BlockDevice,
                2 => FileKind::CharDevice,
                3 => FileKind::Dir,
                4 => FileKind::File,
                5 | 6 => FileKind::Socket,
                7 => FileKind::Symlink,
                _ => FileKind::Unknown,
            };
            out.push(DirEntry { name: name.to_vec(), kind });
        }
        if used < buf.len() {
            return Ok(out);
        }
        if !complete {
            buf.resize(buf.len() * 2, 0);
        }
    }
}

impl Descriptors for Wasi {
    fn read(&self, fd: Fd, buf: &mut [u8]) -> Sys<usize> {
        let mut n = 0;
        let iov = Iovec { ptr: buf.as_mut_ptr(), len: buf.len() };
        // SAFETY: one range, which is ours to write.
        check(unsafe { fd_read(fd, &raw const iov, 1, &raw mut n) })?;
        Ok(n)
    }

    fn write(&self, fd: Fd, buf: &[u8]) -> Sys<usize> {
        let mut n = 0;
        let iov = Iovec { ptr: buf.as_ptr(), len: buf.len() };
        // SAFETY: one range.
        check(unsafe { fd_write(fd, &raw const iov, 1, &raw mut n) })?;
        Ok(n)
    }

    fn close(&self, fd: Fd) -> Sys<()> {
        // SAFETY: a number.
        check(unsafe { fd_close(fd) })
    }

    fn dup(&self, fd: Fd, min: Fd, cloexec: bool) -> Sys<Fd> {
        // SAFETY: numbers.
        done(unsafe { c_dup(fd, min, cloexec.into()) })
    }

    fn dup2(&self, fd: Fd, to: Fd, cloexec: bool) -> Sys<()> {
        // SAFETY: numbers.
        done(unsafe { c_dup2(fd, to, cloexec.into()) }).map(drop)
    }

    fn pipe(&self) -> Sys<(Fd, Fd)> {
        let mut ends = [0; 2];
        // SAFETY: two numbers are written.
        done(unsafe { c_pipe(ends.as_mut_ptr(), 1) })?;
        Ok((ends[0], ends[1]))
    }

    fn cloexec(&self, fd: Fd, set: Option<bool>) -> Sys<bool> {
        // SAFETY: numbers.
        done(unsafe { c_cloexec(fd, set.map_or(-1, i32::from)) }).map(|n| n != 0)
    }

    fn is_terminal(&self, fd: Fd) -> bool {
        let mut size = [0; 2];
        // SAFETY: two numbers are written.
        unsafe { c_ttysize(fd, size.as_mut_ptr()) >= 0 }
    }

    fn seek(&self, fd: Fd, offset: i64, whence: Whence) -> Sys<u64> {
        let whence = match whence {
            Whence::Start => 0,
            Whence::Current => 1,
            Whence::End => 2,
        };
        let mut at = 0;
        // SAFETY: one number is written.
        check(unsafe { fd_seek(fd, offset, whence, &raw mut at) })?;
        Ok(at)
    }

    fn poll_read(&self, fd: Fd, timeout_ns: u64) -> Sys<bool> {
        // Two subscriptions of 48 bytes: the descriptor (user data 1) and a relative monotonic clock (user data 2).
        let mut subs = [0u8; 96];
        subs[0] = 1;
        subs[8] = 1;
        subs[16..20].copy_from_slice(&fd.to_le_bytes());
        subs[48] = 2;
        subs[56] = 0;
        subs[64..68].copy_from_slice(&1u32.to_le_bytes());
        subs[72..80].copy_from_slice(&timeout_ns.to_le_bytes());
        let mut events = [0u8; 64];
        let mut n = 0;
        // SAFETY: two subscriptions, room for two events of 32 bytes.
        check(unsafe { poll_oneoff(subs.as_ptr(), events.as_mut_ptr(), 2, &raw mut n) })?;
        Ok((0..n.min(2)).any(|i| events[i * 32] == 1))
    }
}

impl Processes for Wasi {
    fn spawn(&self, request: &Spawn) -> Sys<Pid> {
        let mut actions = Vec::with_capacity(request.actions.len() * 3);
        for action in request.actions {
            actions.extend_from_slice(&match *action {
                FdAction::Dup { src, to } => [0, to, src],
                FdAction::Close(fd) => [1, fd, 0],
            });
        }
        let mut attr = [0u8; 48];
        let mut flags = 0u32;
        if let Some(group) = request.pgroup {
            flags |= 2;
            attr[4..8].copy_from_slice(&group.to_le_bytes());
        }
        if request.sig_default != 0 {
            flags |= 4;
            attr[24..32].copy_from_slice(&request.sig_default.to_le_bytes());
        }
        attr[0..4].copy_from_slice(&flags.to_le_bytes());
        attr[16..20].copy_from_slice(&(request.blob.as_ptr() as usize as u32).to_le_bytes());
        attr[20..24].copy_from_slice(&(request.blob.len() as u32).to_le_bytes());
        attr[32..40].copy_from_slice(&request.sig_ignore.to_le_bytes());
        // SAFETY: ranges of live slices; the attributes hold the blob's range.
        done(unsafe {
            c_spawn(
                request.path.as_ptr(),
                request.path.len(),
                request.argv.as_ptr(),
                request.argv.len(),
                request.env.as_ptr(),
                request.env.len(),
                actions.as_ptr(),
                request.actions.len(),
                attr.as_ptr(),
            )
        })
    }

    fn exec(&self, path: &[u8], argv: &[u8], env: &[u8]) -> Errno {
        // SAFETY: ranges of live slices.
        let n = unsafe { c_exec(path.as_ptr(), path.len(), argv.as_ptr(), argv.len(), env.as_ptr(), env.len(), 0) };
        Errno(n.unsigned_abs() as u16)
    }

    fn self_path(&self) -> &[u8] {
        b"/bin/bash"
    }

    fn wait(&self, pid: Pid, block: bool) -> Sys<Option<(Pid, WaitStatus)>> {
        let mut raw = 0;
        // SAFETY: one number is written.
        let got = done(unsafe { c_wait(pid, i32::from(!block), &raw mut raw) })?;
        if got == 0 {
            return Ok(None);
        }
        let status = match raw & 0x7f {
            0 => WaitStatus::Exited(raw >> 8 & 0xff),
            sig => WaitStatus::Signaled(sig),
        };
        Ok(Some((got, status)))
    }

    fn kill(&self, pid: Pid, sig: i32) -> Sys<()> {
        // SAFETY: numbers.
        done(unsafe { c_kill(pid, sig) }).map(drop)
    }

    fn getpid(&self) -> Pid {
        // SAFETY: no arguments.
        unsafe { c_getpid() }
    }

    fn getppid(&self) -> Pid {
        // SAFETY: no arguments.
        unsafe { c_getppid() }
    }

    fn ids(&self) -> Ids {
        let mut ids = [0; 4];
        // SAFETY: four numbers are written.
        unsafe { c_getids(ids.as_mut_ptr()) };
        Ids { uid: ids[0], euid: ids[1], gid: ids[2], egid: ids[3] }
    }

    fn hostname(&self) -> Vec<u8> {
        // SAFETY: `text` gives a buffer and its length.
        text(|buf, len| unsafe { c_hostname(buf, len) }).unwrap_or_default()
    }

    fn times(&self) -> Times {
        let (mut own, mut children) = ([0u64; 3], [0u64; 3]);
        // SAFETY: three numbers are written by each call.
        unsafe {
            c_usage(0, own.as_mut_ptr());
            c_usage(-1, children.as_mut_ptr());
        }
        Times { user: own[0], system: own[1], child_user: children[0], child_system: children[1] }
    }

    fn blob(&self) -> Vec<u8> {
        let mut buf: Vec<u8> = Vec::with_capacity(4096);
        // SAFETY: the call writes at most the capacity, and says how much there is.
        let total = unsafe { c_blob(buf.as_mut_ptr(), buf.capacity()) };
        let Ok(total) = usize::try_from(total) else { return Vec::new() };
        if total > buf.capacity() {
            buf.reserve_exact(total);
            // SAFETY: as above.
            unsafe { c_blob(buf.as_mut_ptr(), total) };
        }
        // SAFETY: the call has written that much.
        unsafe { buf.set_len(total) };
        buf
    }

    fn keep(&self, state: &[u8]) {
        // SAFETY: pointer and length of a slice.
        unsafe { c_keep(state.as_ptr(), state.len()) };
    }

    fn limit_recursion(&self, used: u64) {
        // SAFETY: numbers.
        unsafe { c_limit(0, used as i64) };
    }

    fn exit(&self, status: i32) -> ! {
        // SAFETY: does not return.
        unsafe { proc_exit(status) }
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
        // SAFETY: numbers.
        Ok(match done(unsafe { c_sigaction(sig, how) })? {
            0 => Disposition::Default,
            1 => Disposition::Ignore,
            _ => Disposition::Catch,
        })
    }

    fn take(&self) -> Option<i32> {
        // SAFETY: no arguments.
        match unsafe { c_sigtake() } {
            n if n > 0 => Some(n),
            _ => None,
        }
    }
}

fn clock(id: u32) -> i64 {
    let mut t = 0;
    // SAFETY: one number is written.
    unsafe { clock_time_get(id, 0, &raw mut t) };
    t as i64
}

impl Clock for Wasi {
    fn realtime(&self) -> i64 {
        clock(0)
    }

    fn monotonic(&self) -> i64 {
        clock(1)
    }

    fn random(&self, buf: &mut [u8]) {
        // SAFETY: pointer and length of a slice.
        unsafe { random_get(buf.as_mut_ptr(), buf.len()) };
    }
}

impl Environment for Wasi {
    fn args(&self) -> Vec<Vec<u8>> {
        strings(args_sizes_get, args_get)
    }

    fn env(&self) -> Vec<Vec<u8>> {
        strings(environ_sizes_get, environ_get)
    }
}
