//! `coquina_v1`: that each call's numbers arrive where docs/abi.md says. What the calls mean is tested in the kernel.

use super::super::abi::o;
use super::preview1::{poll, raw};
use super::{Lab, Puppet, args};
use crate::base::Errno;
use crate::kernel::Signal;
use crate::wasi::{ExecRequest, Killed};

const CWD: i32 = -2;
const CREAT: u32 = 1 << 12;
const SIGUSR1: i32 = 10;
const SIGTERM: i32 = 15;

impl Puppet<'_> {
    /// A call whose first arguments are a directory and a path.
    fn at(&mut self, name: &str, dirfd: i32, path: &str, more: &[wasmtime::Val]) -> i32 {
        let (ptr, len) = self.put(path);
        let arguments = [args![dirfd, ptr, len], more].concat();
        self.cq(name, &arguments)
    }

    fn open_at(&mut self, path: &str, flags: u32) -> i32 {
        self.at("open", CWD, path, args![flags, 0o666])
    }

    /// The 112 bytes of `stat`, or minus the errno.
    fn stat_of(&mut self, path: &str) -> Result<Stat, i32> {
        let out = self.room(112);
        match self.at("stat", CWD, path, args![0, out]) {
            0 => Ok(Stat(self.peek(out, 112))),
            errno => Err(errno),
        }
    }

    fn pipe(&mut self) -> (i32, i32) {
        let out = self.room(8);
        assert_eq!(self.cq("pipe", args![out, 0]), 0);
        (self.peek_u32(out) as i32, self.peek_u32(out + 4) as i32)
    }

    fn spawn(&mut self, path: &str, argv: &str, env: &str, actions: &[[i32; 3]], attr: u32) -> i32 {
        let ((p, p_len), (a, a_len), (e, e_len)) = (self.put(path), self.put(argv), self.put(env));
        let actions_at = self.put(actions.concat().iter().flat_map(|n| n.to_le_bytes()).collect::<Vec<_>>()).0;
        self.cq("spawn", args![p, p_len, a, a_len, e, e_len, actions_at, actions.len() as i32, attr])
    }

    /// How often the hook ran, and its last signal.
    fn hooked(&mut self) -> (u32, u32) {
        (self.peek_u32(8), self.peek_u32(12))
    }
}

struct Stat(Vec<u8>);

impl Stat {
    fn int(&self, at: usize) -> u32 {
        u32::from_le_bytes(self.0[at..at + 4].try_into().unwrap())
    }
}

#[test]
fn files_have_modes_and_owners() {
    let lab = Lab::new();
    let mut puppet = lab.puppet();
    assert_eq!(puppet.cq("umask", args![0o077]), 0o022);
    let fd = puppet.open_at("file", o::RDONLY | o::WRONLY | CREAT);
    assert_eq!(puppet.write(fd, &[b"12345"]), Ok(5));
    let stat = puppet.stat_of("file").unwrap();
    assert_eq!((stat.int(24), stat.int(28), stat.int(32), stat.int(48)), (0o100_600, 1000, 1000, 5));
    assert_eq!(puppet.at("chmod", CWD, "file", args![0o751, 0]), 0);
    assert_eq!(puppet.stat_of("file").unwrap().int(24), 0o100_751);
    assert_eq!(puppet.cq("chmod", args![fd, 0, 0, 0o640, 0]), 0);
    assert_eq!(puppet.stat_of("/home/user/file").unwrap().int(24), 0o100_640);
    assert_eq!(puppet.at("chown", CWD, "file", args![-1, 1000, 0]), 0);
    assert_eq!(puppet.at("chown", CWD, "file", args![0, -1, 0]), -raw(Errno::Perm));
    assert_eq!(
        (puppet.at("access", CWD, "file", args![6, 0]), puppet.at("access", CWD, "file", args![1, 0])),
        (0, -raw(Errno::Acces))
    );
    assert_eq!(puppet.at("access", CWD, "file", args![8, 0]), -raw(Errno::Inval));
    assert_eq!(puppet.stat_of("nothing").err(), Some(-raw(Errno::NoEnt)));
    let null = puppet.stat_of("/dev/null").unwrap();
    assert_eq!((null.int(24), null.int(40)), (0o020_666, 0x103));
    let out = puppet.room(64);
    assert_eq!(puppet.at("statfs", CWD, "/", args![out]), 0);
    assert_eq!(puppet.peek_u64(out + 48), 255);
}

#[test]
fn directories() {
    let lab = Lab::new();
    let mut puppet = lab.puppet();
    assert_eq!(puppet.at("mkdir", CWD, "dir", args![0o777]), 0);
    assert_eq!(puppet.stat_of("dir").unwrap().int(24), 0o040_755);
    let (ptr, len) = puppet.put("dir");
    assert_eq!(puppet.cq("chdir", args![ptr, len]), 0);
    let buf = puppet.room(64);
    assert_eq!(puppet.cq("getcwd", args![buf, 64]), 14);
    assert_eq!(puppet.peek(buf, 14), b"/home/user/dir");
    assert_eq!(puppet.cq("getcwd", args![buf, 13]), -raw(Errno::Range));
    let root = puppet.open_at("/", o::RDONLY);
    assert_eq!(puppet.cq("fchdir", args![root]), 0);
    assert_eq!(puppet.cq("getcwd", args![buf, 64]), 1);
    // An absolute path starts at the root whatever the directory is.
    let dir = puppet.open_at("/home/user/dir", o::RDONLY);
    assert!(puppet.at("open", dir, "/bin/text", args![o::RDONLY, 0]) > dir);
}

#[test]
fn pipes_and_descriptors() {
    let lab = Lab::new();
    let mut puppet = lab.puppet();
    let (read, write) = puppet.pipe();
    assert_eq!((read, write), (3, 4));
    assert_eq!(puppet.cq("dup", args![write, 10, 1]), 10);
    assert_eq!(
        (puppet.cq("cloexec", args![10, -1]), puppet.cq("cloexec", args![10, 0]), puppet.cq("cloexec", args![10, -1])),
        (1, 1, 0)
    );
    assert_eq!(puppet.write(10, &[b"thr", b"ough"]), Ok(7));
    assert_eq!(puppet.read(read, 100), Ok(b"through".to_vec()));
    assert_eq!(puppet.cq("dup2", args![10, 5, 0]), 5);
    for fd in [write, 10, 5] {
        assert_eq!(puppet.p1("fd_close", args![fd]), 0);
    }
    assert_eq!(puppet.read(read, 100), Ok(vec![]));
    assert_eq!(puppet.cq("ttysize", args![read, 0]), -raw(Errno::NoTty));
    let (a, b) = (puppet.open_at("lock", o::RDONLY | CREAT), puppet.open_at("lock", o::RDONLY));
    assert_eq!(puppet.cq("flock", args![a, 2]), 0);
    assert_eq!(puppet.cq("flock", args![b, 1 | 4]), -raw(Errno::Again));
    assert_eq!((puppet.cq("flock", args![a, 8]), puppet.cq("flock", args![b, 1])), (0, 0));
    assert_eq!(puppet.cq("flock", args![b, 3]), -raw(Errno::Inval));
    assert_eq!(puppet.at("mkfifo", CWD, "fifo", args![0o600]), 0);
    assert_eq!(puppet.stat_of("fifo").unwrap().int(24), 0o010_600);
}

#[test]
fn a_blocked_reader_is_woken() {
    let lab = Lab::new();
    let mut parent = lab.puppet();
    let (read, write) = parent.pipe();
    assert!(parent.spawn("/bin/other", "other\0", "", &[[0, 1, write], [1, read, 0], [1, write, 0]], 0) > 0);
    let mut child = lab.next_puppet(false, None);
    parent.p1("fd_close", args![write]);
    let (iovs, buffers) = parent.iovecs(&[&[0; 16]]);
    let out = parent.room(4);
    let reading = parent.func("wasi_snapshot_preview1.fd_read");
    let mut results = [wasmtime::Val::I32(-1)];
    let arguments = args![read, iovs, 1, out];
    let (w_iovs, _) = child.iovecs(&[b"late"]);
    let w_out = child.room(4);
    let writing = child.func("wasi_snapshot_preview1.fd_write");
    let w_arguments = args![1, w_iovs, 1, w_out];
    let mut w_results = results;
    lab.runtime.block_on(async {
        let reader = reading.call_async(&mut parent.store, arguments, &mut results);
        let writer = async {
            tokio::task::yield_now().await;
            writing.call_async(&mut child.store, w_arguments, &mut w_results).await
        };
        let (read, written) = tokio::join!(reader, writer);
        read.unwrap();
        written.unwrap();
    });
    assert_eq!(parent.peek(buffers[0], 4), b"late");
    assert_eq!(parent.peek_u32(out), 4);
}

#[test]
fn spawning_and_waiting() {
    let lab = Lab::new();
    let mut parent = lab.puppet();
    let (blob, blob_len) = parent.put("the state");
    let (dir, dir_len) = parent.put("/tmp");
    let attr: Vec<u8> =
        [1 | 2, 0, dir, dir_len, blob, blob_len, 0, 0, 0, 0, 0, 0].iter().flat_map(|n| n.to_le_bytes()).collect();
    let attr = parent.put(attr).0;
    let pid = parent.spawn("other", "other\0arg\0", "PATH=/bin\0A=b\0", &[[0, 9, 1], [1, 2, 0]], attr);
    assert!(pid > parent.pid.0);

    let mut child = lab.next_puppet(false, None);
    assert_eq!(
        (child.pid.0, &child.request.argv[..], &child.request.env[..]),
        (pid, &b"other\0arg\0"[..], &b"PATH=/bin\0A=b\0"[..])
    );
    assert_eq!((child.cq("getpid", args![]), child.cq("getppid", args![])), (pid, parent.pid.0));
    assert_eq!(child.cq("getpgid", args![0]), pid);
    assert_eq!((child.write(9, &[b"x"]), child.write(2, &[b"x"])), (Ok(1), Err(raw(Errno::BadF))));
    let buf = child.room(64);
    assert_eq!(child.cq("blob", args![buf, 3]), 9);
    assert_eq!(child.peek(buf, 4), b"the\0");
    assert_eq!(child.cq("getcwd", args![buf, 64]), 4);
    assert_eq!(child.cq("hostname", args![buf, 64]), 7);
    assert_eq!(child.peek(buf, 7), b"coquina");
    assert_eq!(child.cq("getids", args![buf]), 0);
    assert_eq!((child.peek_u32(buf), child.peek_u32(buf + 8)), (1000, 1000));

    let status = parent.room(4);
    assert_eq!(parent.cq("wait", args![-1, 1, status]), 0);
    child.exit(3);
    assert_eq!(parent.cq("wait", args![pid, 0, status]), pid);
    assert_eq!(parent.peek_u32(status), 3 << 8);
    assert_eq!(parent.cq("wait", args![-1, 0, 0]), -raw(Errno::Child));
    let usage = parent.room(24);
    assert_eq!((parent.cq("usage", args![0, usage]), parent.cq("usage", args![-1, usage])), (0, 0));
    assert_eq!(parent.cq("usage", args![7, usage]), -raw(Errno::Inval));
}

#[test]
fn spawning_what_is_no_program() {
    let lab = Lab::new();
    let mut puppet = lab.puppet();
    let mut spawn = |path: &str| puppet.spawn(path, "x\0", "", &[], 0);
    assert_eq!(spawn("/bin/nothing"), -raw(Errno::NoEnt));
    assert_eq!(spawn("/bin/text"), -raw(Errno::NoExec));
    assert_eq!(spawn("/dev/null"), -raw(Errno::Acces));
    assert_eq!(puppet.spawn("/bin/other", "no terminator", "", &[], 0), -raw(Errno::Inval));
    assert_eq!(puppet.spawn("/bin/other", "x\0", "", &[[7, 0, 0]], 0), -raw(Errno::Inval));
}

#[test]
fn a_vfork_child_has_its_own_descriptors() {
    let lab = Lab::new();
    let mut puppet = lab.puppet();
    let parent = puppet.cq("getpid", args![]);
    let child = puppet.cq("vfork", args![]);
    assert!(child > parent);
    assert_eq!(puppet.cq("getpid", args![]), child);
    assert_eq!(puppet.p1("fd_close", args![1]), 0);
    let (path, len) = puppet.put("/bin/other");
    let argv = puppet.put("other\0").0;
    assert_eq!(puppet.cq("exec", args![path, len, argv, 6, 0, 0, 0]), child);
    assert_eq!(puppet.cq("getpid", args![]), parent);
    assert_eq!(puppet.write(1, &[b"x"]), Ok(1));
    let mut started = lab.next_puppet(false, None);
    assert_eq!((started.pid.0, started.write(1, &[b"x"])), (child, Err(raw(Errno::BadF))));
    started.exit(0);
    assert_eq!(puppet.cq("wait", args![child, 0, 0]), child);

    let child = puppet.cq("vfork", args![]);
    assert_eq!(puppet.cq("vfork_exit", args![7]), 0);
    let status = puppet.room(4);
    assert_eq!((puppet.cq("wait", args![child, 0, status]), puppet.peek_u32(status)), (child, 7 << 8));
    assert_eq!(puppet.cq("vfork_exit", args![7]), -raw(Errno::Inval));
}

#[test]
fn exec_replaces_the_program() {
    let lab = Lab::new();
    let mut puppet = lab.puppet();
    let pid = puppet.pid;
    let (name, len) = puppet.put("other");
    let (argv, env) = (puppet.put("new name\0").0, puppet.put("PATH=/bin\0").0);
    assert_eq!(puppet.cq("exec", args![name, len, argv, 9, 0, 0, 0]), -raw(Errno::NoEnt));
    let error = puppet.raw("coquina_v1.exec", args![name, len, argv, 9, env, 10, 1]).unwrap_err();
    assert!(error.is::<ExecRequest>());
    let replaced = lab.next_puppet(false, None);
    assert_eq!((replaced.pid, &replaced.request.argv[..]), (pid, &b"new name\0"[..]));
}

#[test]
fn signals_reach_the_hook_at_the_next_call_that_may_wait() {
    let lab = Lab::new();
    let mut puppet = lab.puppet();
    let pid = puppet.pid.0;
    assert_eq!((puppet.cq("sigaction", args![SIGUSR1, 3]), puppet.cq("sigaction", args![SIGUSR1, -1])), (0, 3));
    assert_eq!(puppet.cq("kill", args![pid, SIGUSR1]), 0);
    assert_eq!(puppet.hooked(), (0, 0));
    // It could be done at once, so it is.
    assert_eq!(puppet.write(1, &[b"x"]), Ok(1));
    assert_eq!(puppet.hooked(), (1, SIGUSR1 as u32));

    // A call that would have to wait is interrupted, unless the handler said to go on.
    let (read, write) = puppet.pipe();
    assert_eq!(puppet.cq("sigaction", args![SIGUSR1, 2]), 3);
    assert_eq!(puppet.cq("kill", args![pid, SIGUSR1]), 0);
    assert_eq!(puppet.read(read, 1), Err(raw(Errno::Intr)));
    assert_eq!(puppet.hooked().0, 2);
    assert_eq!(puppet.cq("sigtake", args![]), 0);
    assert_eq!(puppet.write(write, &[b"x"]), Ok(1));
}

#[test]
fn no_sleep_outlives_a_signal_whatever_its_handler_says() {
    let lab = Lab::new();
    let mut puppet = lab.puppet();
    let minute = [(1, 0, 1, 60_000_000_000, 0)];
    assert_eq!(puppet.cq("sigaction", args![SIGUSR1, 3]), 0);
    assert_eq!(puppet.cq("kill", args![puppet.pid.0, SIGUSR1]), 0);
    assert_eq!(poll(&mut puppet, &minute), Err(raw(Errno::Intr)));
    assert_eq!(puppet.hooked(), (1, SIGUSR1 as u32));

    // The same when it comes while the program sleeps.
    let (kernel, pid) = (lab.kernel.clone(), puppet.pid);
    lab.runtime.spawn(async move {
        kernel.lock().unwrap().kill(pid, pid.0, Signal::from_raw(SIGUSR1)).unwrap();
    });
    assert_eq!(poll(&mut puppet, &minute), Err(raw(Errno::Intr)));
    assert_eq!(puppet.hooked(), (2, SIGUSR1 as u32));
}

#[test]
fn without_a_hook_the_program_takes_its_signals() {
    let lab = Lab::new();
    let mut puppet = lab.puppet();
    puppet.store.data_mut().signal_hook = None;
    let pid = puppet.pid.0;
    for sig in [SIGTERM, SIGUSR1] {
        assert_eq!(puppet.cq("sigaction", args![sig, 2]), 0);
        assert_eq!(puppet.cq("kill", args![0, sig]), 0);
    }
    let (read, _write) = puppet.pipe();
    assert_eq!(puppet.read(read, 1), Err(raw(Errno::Intr)));
    assert_eq!(puppet.cq("wait", args![pid, 0, 0]), -raw(Errno::Child));
    let taken: Vec<i32> = (0..3).map(|_| puppet.cq("sigtake", args![])).collect();
    assert_eq!(taken, [SIGUSR1, SIGTERM, 0]);
}

#[test]
fn pause_lets_signals_in() {
    let lab = Lab::new();
    let mut puppet = lab.puppet();
    let (pid, bit) = (puppet.pid.0, 1_u64 << (SIGUSR1 - 1));
    assert_eq!(puppet.cq("sigaction", args![SIGUSR1, 3]), 0);
    let old = puppet.room(8);
    assert_eq!(puppet.cq("sigmask", args![0, bit, old]), 0);
    assert_eq!(puppet.cq("kill", args![pid, SIGUSR1]), 0);
    assert_eq!(puppet.write(1, &[b"x"]), Ok(1));
    assert_eq!(puppet.hooked().0, 0);
    assert_eq!(puppet.cq("pause", args![0_i64]), -raw(Errno::Intr));
    assert_eq!(puppet.hooked(), (1, SIGUSR1 as u32));
    assert_eq!(puppet.cq("sigmask", args![-1, 0_i64, old]), 0);
    assert_eq!(puppet.peek_u64(old), bit);
}

#[test]
fn a_fatal_signal_ends_the_call_that_sent_it() {
    let lab = Lab::new();
    let mut puppet = lab.puppet();
    assert_eq!(puppet.cq("kill", args![1 << 20, 0]), -raw(Errno::Srch));
    assert_eq!(puppet.cq("kill", args![0, 99]), -raw(Errno::Inval));
    assert_eq!(puppet.cq("sigaction", args![9, 1]), -raw(Errno::Inval));
    let pid = puppet.pid.0;
    let error = puppet.raw("coquina_v1.kill", args![pid, 9]).unwrap_err();
    assert!(error.is::<Killed>());
}

#[test]
fn writing_where_nobody_reads_is_fatal() {
    let lab = Lab::new();
    let mut puppet = lab.puppet();
    let (read, write) = puppet.pipe();
    puppet.p1("fd_close", args![read]);
    let (iovs, _) = puppet.iovecs(&[b"x"]);
    let error = puppet.raw("wasi_snapshot_preview1.fd_write", args![write, iovs, 1, 64]).unwrap_err();
    assert!(error.is::<Killed>());
    // Ignored, it is an error.
    let mut puppet = lab.puppet();
    assert_eq!(puppet.cq("sigaction", args![13, 1]), 0);
    let (read, write) = puppet.pipe();
    puppet.p1("fd_close", args![read]);
    assert_eq!(puppet.write(write, &[b"x"]), Err(raw(Errno::Pipe)));
    // Caught, the handler has run when the write fails.
    assert_eq!(puppet.cq("sigaction", args![13, 3]), 1);
    assert_eq!(puppet.write(write, &[b"x"]), Err(raw(Errno::Pipe)));
    assert_eq!(puppet.hooked(), (1, 13));
}

#[test]
fn what_a_shell_keeps_and_limits() {
    let lab = Lab::new();
    let mut puppet = lab.puppet();
    let (ptr, len) = puppet.put("kept");
    assert_eq!(puppet.cq("keep", args![ptr, len]), 0);
    assert_eq!(puppet.cq("blob", args![0, 0]), 0);
    assert_eq!(puppet.cq("alarm", args![-1_i64, 0_i64]), -raw(Errno::Inval));
    assert_eq!(puppet.cq("alarm", args![1_000_000_000_i64, 0_i64]), 0);
    let error = puppet.raw("coquina_v1.limit", args![0, 1001_i64]).unwrap_err();
    assert!(error.is::<Killed>());
}

#[test]
fn sessions_and_groups() {
    let lab = Lab::new();
    let mut puppet = lab.puppet();
    let pid = puppet.pid.0;
    assert_eq!(puppet.cq("setsid", args![]), -raw(Errno::Perm));
    assert_eq!(puppet.cq("getpgid", args![0]), pid);
    assert_eq!(puppet.cq("setpgid", args![0, -5]), -raw(Errno::Inval));
}
