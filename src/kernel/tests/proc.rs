//! `/proc`, and `/dev/fd`, which leads there.

use super::*;
use crate::vfs::{Follow, Kind};

fn cat(b: &mut Sandbox, pid: Pid, path: &str) -> String {
    let fd = b.open(pid, path, reading()).unwrap_or_else(|errno| panic!("{path}: {errno:?}"));
    let mut text = Vec::new();
    loop {
        let more = b.read_now(pid, fd, 7);
        if more.is_empty() {
            break;
        }
        text.extend(more);
    }
    b.kernel.close(pid, fd).unwrap();
    String::from_utf8(text).unwrap()
}

fn link(b: &mut Sandbox, pid: Pid, path: &str) -> String {
    String::from_utf8(b.kernel.readlink(pid, AT_FDCWD, path.as_bytes()).unwrap()).unwrap()
}

fn list(b: &mut Sandbox, pid: Pid, path: &str) -> Vec<String> {
    let fd = b.open(pid, path, reading()).unwrap();
    let mut names = Vec::new();
    let mut cookie = 0;
    loop {
        let before = names.len();
        b.kernel
            .readdir(pid, fd, cookie, &mut |entry| {
                cookie = entry.next;
                names.push(String::from_utf8(entry.name).unwrap());
                names.len() % 5 != 0
            })
            .unwrap();
        if names.len() == before {
            break;
        }
        // The entry refused counts as not taken, yet this test took it.
    }
    b.kernel.close(pid, fd).unwrap();
    names
}

#[test]
fn self_is_the_caller() {
    let mut b = Sandbox::new();
    let (_, sh, _) = b.exec();
    let child = b.spawn(sh);
    assert_eq!(link(&mut b, sh, "/proc/self"), sh.0.to_string());
    assert_eq!(link(&mut b, child, "/proc/self"), child.0.to_string());
    assert_eq!(cat(&mut b, sh, "/proc/self/comm"), "sh\n");
    assert_eq!(cat(&mut b, child, "/proc/self/comm"), "cat\n");
    assert_eq!(cat(&mut b, sh, &format!("/proc/{}/cmdline", child.0)), "cat\0");
    assert_eq!(cat(&mut b, sh, "/proc/self/environ").as_bytes(), ENV);
    assert_eq!(link(&mut b, sh, "/proc/self/cwd"), "/home/user");
    assert_eq!(link(&mut b, sh, "/proc/self/exe"), "/bin/sh");
    assert_eq!(link(&mut b, sh, "/proc/self/root"), "/");
    assert!(b.kernel.stat(sh, AT_FDCWD, b"/proc/self/cwd/../user", Follow::Last).is_ok());
    let request = SpawnRequest { program: b"/proc/self/exe", argv: b"x\0", ..SpawnRequest::default() };
    b.kernel.spawn(sh, &request).unwrap();
    assert_eq!(b.fake.launches.lock().unwrap().last().unwrap().program, Program::OfImage(ProgramId([0; 32])));
}

#[test]
fn system_files() {
    let mut b = Sandbox::new();
    let (_, sh, _) = b.exec();
    b.clock.advance(12_345_678_901);
    assert_eq!(cat(&mut b, sh, "/proc/uptime"), "12.34 12.34\n");
    assert!(cat(&mut b, sh, "/proc/meminfo").starts_with("MemTotal:        1048576 kB\n"));
    assert!(cat(&mut b, sh, "/proc/cpuinfo").starts_with("processor\t: 0\n"));
    assert_eq!(cat(&mut b, sh, "/proc/sys/kernel/hostname"), "coquina\n");
    assert!(cat(&mut b, sh, "/proc/version").starts_with("Linux version "));
    assert_eq!(cat(&mut b, sh, "/proc/loadavg"), "0.00 0.00 0.00 1/1 2\n");
    assert_eq!(cat(&mut b, sh, "/proc/mounts"), cat(&mut b, sh, "/proc/self/mounts"));
    assert_eq!(b.open(sh, "/proc/none", reading()), Err(Errno::NoEnt));
    assert_eq!(b.open(sh, "/proc/99", reading()), Err(Errno::NoEnt));
    assert_eq!(b.open(sh, "/proc/uptime", writing()).map_err(|_| ()), Err(()));
    assert_eq!(b.kernel.mkdir(sh, AT_FDCWD, b"/proc/x", 0o777).map_err(|_| ()), Err(()));
    let root = list(&mut b, sh, "/proc");
    for name in ["self", "meminfo", "uptime", "sys", "2"] {
        assert!(root.iter().any(|other| other == name), "{name} of {root:?}");
    }
    let dir = b.open(sh, "/proc/sys/kernel", reading()).unwrap();
    b.kernel.fchdir(sh, dir).unwrap();
    assert_eq!(b.kernel.getcwd(sh).unwrap(), b"/proc/sys/kernel");
    b.kernel.chdir(sh, b"/proc/self/fd").unwrap();
    assert_eq!(b.kernel.getcwd(sh).unwrap(), b"/proc/2/fd");
}

#[test]
fn status_and_stat() {
    let mut b = Sandbox::new();
    let (_, sh, _) = b.exec();
    let child = b.spawn(sh);
    b.read(child, 0, 1).is_ready();
    let status = cat(&mut b, sh, &format!("/proc/{}/status", child.0));
    for line in ["Name:\tcat", "State:\tS (sleeping)", "PPid:\t2", "Uid:\t1000\t1000\t1000\t1000"] {
        assert!(status.lines().any(|other| other == line), "{line} in {status}");
    }
    let stat = cat(&mut b, sh, &format!("/proc/{}/stat", child.0));
    assert!(stat.starts_with("3 (cat) S 2 2 2 "), "{stat}");
    assert_eq!(stat.split(' ').count(), 52);
    let fd = b.open(sh, &format!("/proc/{}/status", child.0), reading()).unwrap();
    b.exit(child, 0);
    assert!(cat(&mut b, sh, "/proc/3/stat").starts_with("3 (cat) Z "));
    assert_eq!(cat(&mut b, sh, "/proc/3/cmdline"), "");
    assert_eq!(b.open(sh, "/proc/3/cwd/.", reading()).map_err(|_| ()), Err(()));
    assert!(b.wait(sh, WaitTarget::Any).is_ready());
    assert_eq!(b.read(sh, fd, 10), Poll::Ready(Err(Errno::NoEnt)));
    assert_eq!(b.open(sh, "/proc/3", reading()), Err(Errno::NoEnt));
}

#[test]
fn descriptors_of_files_are_opened_anew() {
    let mut b = Sandbox::new();
    let (_, sh, _) = b.exec();
    let fd = b.open(sh, "file", both()).unwrap();
    b.write(sh, fd, b"content").is_ready();
    for path in [format!("/proc/self/fd/{fd}"), format!("/dev/fd/{fd}"), format!("/proc/2/fd/{fd}")] {
        assert_eq!(cat(&mut b, sh, &path), "content", "{path}");
    }
    assert_eq!(b.kernel.tell(sh, fd), Ok(7), "another offset");
    assert_eq!(link(&mut b, sh, "/proc/self/fd/3"), "/home/user/file");
    let attr = b.kernel.stat(sh, AT_FDCWD, b"/dev/fd/3", Follow::Last).unwrap();
    assert_eq!((attr.ino, attr.size), (b.kernel.fstat(sh, fd).unwrap().ino, 7));
    assert_eq!(b.kernel.stat(sh, AT_FDCWD, b"/proc/self/fd/3", Follow::NoLast).unwrap().kind, Kind::Symlink);
    b.kernel.unlink(sh, AT_FDCWD, b"file").unwrap();
    assert_eq!(link(&mut b, sh, "/proc/self/fd/3"), "/home/user/file (deleted)");
    assert_eq!(cat(&mut b, sh, "/dev/fd/3"), "content", "a deleted file too");
    let dir = b.open(sh, "/tmp", reading()).unwrap();
    assert_eq!(link(&mut b, sh, &format!("/proc/self/fd/{dir}")), "/tmp");
    let made = b.open(sh, &format!("/proc/self/fd/{dir}/new"), writing()).unwrap();
    assert_eq!(link(&mut b, sh, &format!("/proc/self/fd/{made}")), "/tmp/new");
    assert_eq!(b.open(sh, "/dev/fd/99", reading()), Err(Errno::NoEnt));
    let mut names = list(&mut b, sh, "/proc/self/fd");
    names.sort();
    names.dedup();
    assert_eq!(names, [".", "..", "0", "1", "2", "3", "4", "5", "6"]);
    // Permission is asked anew: a file opened for reading is not writable through the link.
    let read_only = b.open(sh, "/bin/sh", reading()).unwrap();
    assert_eq!(b.open(sh, &format!("/dev/fd/{read_only}"), writing()), Err(Errno::Acces));
}

#[test]
fn truncating_through_a_link_works() {
    let mut b = Sandbox::new();
    let (_, sh, _) = b.exec();
    let fd = b.open(sh, "file", both()).unwrap();
    b.write(sh, fd, b"content").is_ready();
    let mut how = writing();
    how.flags.trunc = true;
    b.kernel.dup2(sh, fd, 1, false).unwrap();
    b.open(sh, "/dev/stdout", how).unwrap();
    assert_eq!(b.kernel.fstat(sh, fd).unwrap().size, 0);
}

#[test]
fn descriptors_of_pipes_are_the_same_pipe() {
    let mut b = Sandbox::new();
    let (id, sh, streams) = b.exec();
    let (r, w) = b.kernel.pipe(sh, false, false).unwrap();
    let w2 = b.open(sh, &format!("/dev/fd/{w}"), writing()).unwrap();
    b.kernel.close(sh, w).unwrap();
    b.write(sh, w2, b"through").is_ready();
    assert_eq!(b.read_now(sh, r, 10), b"through");
    assert_eq!(b.read(sh, r, 10), Poll::Pending);
    // The other end can be had from either, as on Linux.
    let w3 = b.open(sh, &format!("/proc/self/fd/{r}"), writing()).unwrap();
    b.kernel.close(sh, w2).unwrap();
    b.write(sh, w3, b"x").is_ready();
    assert_eq!(b.read_now(sh, r, 10), b"x");
    b.kernel.close(sh, w3).unwrap();
    assert_eq!(b.read_now(sh, r, 10), b"");
    assert!(link(&mut b, sh, &format!("/proc/self/fd/{r}")).starts_with("pipe:["));
    let attr = b.kernel.stat(sh, AT_FDCWD, format!("/dev/fd/{r}").as_bytes(), Follow::Last).unwrap();
    assert_eq!((attr.kind, attr.ino), (Kind::Fifo, b.kernel.fstat(sh, r).unwrap().ino));
    let out = b.open(sh, "/dev/stdout", writing()).unwrap();
    b.write(sh, out, b"out").is_ready();
    let mut how = writing();
    how.flags.append = true;
    let err = b.open(sh, "/dev/stderr", how).unwrap();
    b.write(sh, err, b"err").is_ready();
    assert_eq!(streams.output.lock().unwrap().bytes, b"outerr");
    streams.input.lock().unwrap().bytes = b"in".to_vec();
    let stdin = b.open(sh, "/dev/stdin", reading()).unwrap();
    assert_eq!(b.read_now(sh, stdin, 10), b"in");
    assert_eq!(b.open(sh, "/dev/stdin", writing()), Err(Errno::Acces));
    assert!(b.kernel.access(sh, AT_FDCWD, b"/dev/stdin", 4, Follow::Last).is_ok());
    b.exit(sh, 0);
    assert!(b.outcome(id).is_ready());
    b.assert_empty();
}

#[test]
fn links_of_a_fifo_and_of_a_device_lead_to_their_nodes() {
    let mut b = Sandbox::new();
    let (id, sh, _) = b.exec();
    b.kernel.mkfifo(sh, AT_FDCWD, b"f", 0o600).unwrap();
    let fifo = b.open(sh, "f", both()).unwrap();
    assert_eq!(link(&mut b, sh, &format!("/proc/self/fd/{fifo}")), "/home/user/f");
    let again = b.open(sh, &format!("/dev/fd/{fifo}"), reading()).unwrap();
    b.write(sh, fifo, b"x").is_ready();
    assert_eq!(b.read_now(sh, again, 9), b"x");
    let null = b.open(sh, "/dev/null", reading()).unwrap();
    assert_eq!(link(&mut b, sh, &format!("/proc/self/fd/{null}")), "/dev/null");
    let again = b.open(sh, &format!("/dev/fd/{null}"), writing()).unwrap();
    assert_eq!(b.write(sh, again, b"x"), Poll::Ready(Ok(1)));
    b.exit(sh, 0);
    assert!(b.outcome(id).is_ready());
    b.assert_empty();
}

#[test]
fn redirections_to_streams_and_devices_work() {
    let mut b = Sandbox::new();
    let (_, sh, streams) = b.exec_with(true);
    b.kernel.mkfifo(sh, AT_FDCWD, b"f", 0o600).unwrap();
    let fifo = b.open(sh, "f", both()).unwrap();
    let (_, w) = b.kernel.pipe(sh, false, false).unwrap();
    let mut how = writing();
    how.flags.trunc = true;
    let pipe = format!("/dev/fd/{w}");
    for path in ["/dev/stdout", "/dev/stderr", "/dev/null", "/dev/tty", "/dev/full", "f", &pipe] {
        assert!(b.open(sh, path, how).is_ok(), "{path}");
    }
    let fd = b.open(sh, "/dev/stderr", how).unwrap();
    b.write(sh, fd, b"err").is_ready();
    assert_eq!(streams.output.lock().unwrap().bytes, b"err");
    b.kernel.close(sh, fifo).unwrap();
    how.flags.excl = true;
    assert_eq!(b.open(sh, "/dev/stdout", how), Err(Errno::Exist));
}

#[test]
fn others_may_not_look() {
    let mut b = Sandbox::new();
    let (_, sh, _) = b.exec();
    let sink = TestSink(Arc::new(Mutex::new(Output::default())), false);
    let root = ExecStart { cred: Cred::ROOT, ..start(Box::new(Empty), Box::new(sink)) };
    let root = b.kernel.start_exec(root).unwrap();
    let root = b.kernel.exec_init(root).unwrap();
    assert_eq!(b.open(sh, &format!("/proc/{}/environ", root.0), reading()), Err(Errno::Acces));
    assert_eq!(b.open(sh, &format!("/proc/{}/fd/0", root.0), reading()), Err(Errno::Acces));
    let cwd = format!("/proc/{}/cwd", root.0);
    assert_eq!(b.kernel.readlink(sh, AT_FDCWD, cwd.as_bytes()), Err(Errno::Acces));
    assert!(b.open(sh, &format!("{cwd}/."), reading()).is_err());
    assert_eq!(link(&mut b, root, &cwd), "/home/user");
    assert!(b.open(sh, &format!("/proc/{}/status", root.0), reading()).is_ok());
    assert!(b.open(root, &format!("/proc/{}/environ", sh.0), reading()).is_ok());
}
