//! Descriptors, open files, locks, devices, streams.

use super::*;
use crate::vfs::{Follow, Kind};

#[test]
fn dup_shares_the_offset_and_open_does_not() {
    let mut b = Sandbox::new();
    let (_, sh, _) = b.exec();
    let one = b.open(sh, "f", both()).unwrap();
    let two = b.kernel.dup(sh, one, 0, true).unwrap();
    assert_eq!(b.kernel.cloexec(sh, two, None), Ok(true));
    let other = b.open(sh, "f", both()).unwrap();
    b.write(sh, one, b"one ").is_ready();
    b.write(sh, two, b"two ").is_ready();
    assert_eq!(b.kernel.tell(sh, one), Ok(8));
    b.write(sh, other, b"X").is_ready();
    assert_eq!(b.kernel.seek(sh, two, 0, Whence::Set), Ok(0));
    assert_eq!(b.read_now(sh, one, 100), b"Xne two ");
    assert_eq!(b.read_now(sh, two, 100), b"");
}

#[test]
fn children_share_offsets_too() {
    let mut b = Sandbox::new();
    let (_, sh, _) = b.exec();
    let fd = b.open(sh, "f", both()).unwrap();
    let child = b.spawn(sh);
    b.write(sh, fd, b"a").is_ready();
    b.write(child, fd, b"b").is_ready();
    b.write(sh, fd, b"c").is_ready();
    assert_eq!(b.kernel.pread(sh, fd, &mut [0; 9], 0), Ok(3));
    b.kernel.close(sh, fd).unwrap();
    assert_eq!(b.kernel.tell(child, fd), Ok(3));
}

#[test]
fn appending_goes_to_the_end() {
    let mut b = Sandbox::new();
    let (_, sh, _) = b.exec();
    let plain = b.open(sh, "f", both()).unwrap();
    let mut how = writing();
    how.flags.append = true;
    let append = b.open(sh, "f", how).unwrap();
    b.write(sh, plain, b"12345").is_ready();
    b.write(sh, append, b"67").is_ready();
    assert_eq!(b.kernel.tell(sh, append), Ok(7));
    assert_eq!(b.kernel.pwrite(sh, append, b"8", 0), Ok(1));
    let mut out = [0; 20];
    assert_eq!(b.kernel.pread(sh, plain, &mut out, 0), Ok(8));
    assert_eq!(&out[..8], b"12345678");
    assert!(b.kernel.fdstat(sh, append).unwrap().flags.append);
    b.kernel.set_fdflags(sh, append, FdFlags::default()).unwrap();
    assert_eq!(b.kernel.pwrite(sh, append, b"X", 0), Ok(1));
}

#[test]
fn access_modes_are_kept() {
    let mut b = Sandbox::new();
    let (_, sh, _) = b.exec();
    let w = b.open(sh, "f", writing()).unwrap();
    let r = b.open(sh, "f", reading()).unwrap();
    assert_eq!(b.read(sh, w, 1), Poll::Ready(Err(Errno::BadF)));
    assert_eq!(b.write(sh, r, b"x"), Poll::Ready(Err(Errno::BadF)));
    assert_eq!(b.kernel.ftruncate(sh, r, 5), Err(Errno::Inval));
    assert_eq!(b.kernel.ftruncate(sh, w, 5), Ok(()));
    assert_eq!(b.kernel.ftruncate(sh, 99, 5), Err(Errno::BadF));
    assert_eq!(b.kernel.fstat(sh, r).unwrap().size, 5);
    b.kernel.allocate(sh, w, 8, 2).unwrap();
    b.kernel.allocate(sh, w, 0, 2).unwrap();
    assert_eq!(b.kernel.fstat(sh, r).unwrap().size, 10);
    assert_eq!(b.kernel.allocate(sh, w, 0, 0), Err(Errno::Inval));
    assert_eq!(b.kernel.allocate(sh, w, u64::MAX, 2), Err(Errno::FBig));
    let dir = b.open(sh, ".", reading()).unwrap();
    assert_eq!(b.read(sh, dir, 1), Poll::Ready(Err(Errno::IsDir)));
    assert_eq!(b.open(sh, ".", writing()), Err(Errno::IsDir));
    assert_eq!(b.kernel.seek(sh, dir, 0, Whence::Set), Err(Errno::BadF));
}

#[test]
fn seeks() {
    let mut b = Sandbox::new();
    let (_, sh, _) = b.exec();
    let fd = b.open(sh, "f", both()).unwrap();
    b.write(sh, fd, b"0123456789").is_ready();
    assert_eq!(b.kernel.seek(sh, fd, -3, Whence::End), Ok(7));
    assert_eq!(b.kernel.seek(sh, fd, -2, Whence::Cur), Ok(5));
    assert_eq!(b.kernel.seek(sh, fd, -6, Whence::Cur), Err(Errno::Inval));
    assert_eq!(b.kernel.seek(sh, fd, i64::MAX, Whence::Cur), Err(Errno::Inval));
    assert_eq!(b.kernel.seek(sh, fd, i64::MAX, Whence::Set), Ok(i64::MAX as u64));
    assert_eq!(b.read_now(sh, fd, 5), b"");
    assert_eq!(b.write(sh, fd, b"x").map(|r| r.is_err()), Poll::Ready(true));
    assert_eq!(b.kernel.seek(sh, fd, 0, Whence::Data), Ok(0));
    assert_eq!(b.kernel.seek(sh, fd, 0, Whence::Hole), Ok(10));
    assert_eq!(b.kernel.seek(sh, fd, -1, Whence::Hole), Err(Errno::NxIo));
    assert_eq!(b.kernel.tell(sh, fd), Ok(10));
}

#[test]
fn descriptors_are_the_lowest_free() {
    let mut b = Sandbox::new();
    let (_, sh, _) = b.exec();
    assert_eq!(b.open(sh, "f", writing()), Ok(3));
    b.kernel.close(sh, 0).unwrap();
    assert_eq!(b.kernel.dup(sh, 1, 0, false), Ok(0));
    assert_eq!(b.kernel.dup2(sh, 1, 9, false), Ok(9));
    assert_eq!(b.kernel.dup2(sh, 1, 1, true), Ok(1));
    assert_eq!(b.kernel.cloexec(sh, 1, Some(false)), Ok(true));
    assert_eq!(b.kernel.cloexec(sh, 1, None), Ok(false));
    assert_eq!(b.kernel.dup2(sh, 77, 78, false), Err(Errno::BadF));
    assert_eq!(b.kernel.dup2(sh, 1, -1, false), Err(Errno::BadF));
    assert_eq!(b.kernel.dup2(sh, 1, 1024, false), Err(Errno::BadF));
    assert_eq!(b.kernel.dup(sh, 1, 1024, false), Err(Errno::Inval));
    assert_eq!(b.kernel.dup(sh, 1, -1, false), Err(Errno::Inval));
    assert_eq!(b.kernel.renumber(sh, 3, 50), Err(Errno::BadF));
    assert_eq!(b.kernel.renumber(sh, 3, 9), Ok(()));
    assert_eq!(b.kernel.renumber(sh, 9, 9), Ok(()));
    assert_eq!(b.kernel.close(sh, 3), Err(Errno::BadF));
    assert_eq!(b.kernel.fdstat(sh, 9).unwrap().kind, Kind::File);
    assert_eq!(b.kernel.close(sh, -2), Err(Errno::BadF));
    assert_eq!(b.kernel.killed(sh), None);
}

#[test]
fn an_unlinked_file_lives_while_it_is_open() {
    let mut b = Sandbox::new();
    let (id, sh, _) = b.exec();
    let fd = b.open(sh, "f", both()).unwrap();
    b.kernel.unlink(sh, AT_FDCWD, b"f").unwrap();
    b.write(sh, fd, b"still").is_ready();
    assert_eq!(b.kernel.pread(sh, fd, &mut [0; 9], 0), Ok(5));
    b.kernel.mkdir(sh, AT_FDCWD, b"/tmp/d", 0o777).unwrap();
    b.kernel.chdir(sh, b"/tmp/d").unwrap();
    b.kernel.rmdir(sh, AT_FDCWD, b"/tmp/d").unwrap();
    assert_eq!(b.kernel.getcwd(sh), Err(Errno::NoEnt));
    assert!(b.open(sh, "x", writing()).is_err());
    let usage = b.kernel.vfs().usage();
    b.exit(sh, 0);
    assert!(b.outcome(id).is_ready());
    assert!(b.kernel.vfs().usage().bytes < usage.bytes, "what nobody can reach is gone");
    b.assert_empty();
}

#[test]
fn modes_and_directories() {
    let mut b = Sandbox::new();
    let (_, sh, _) = b.exec();
    assert_eq!(b.kernel.umask(sh, 0o077), 0o022);
    b.kernel.mkdir(sh, AT_FDCWD, b"d", 0o777).unwrap();
    assert_eq!(b.kernel.stat(sh, AT_FDCWD, b"d", Follow::Last).unwrap().mode, 0o700);
    let d = b.open(sh, "d", reading()).unwrap();
    let waker = Waker::noop();
    let inside = b.kernel.poll_open(sh, d, b"f", OpenHow { mode: 0o777, ..writing() }, waker);
    let Poll::Ready(Ok(inside)) = inside else { panic!("{inside:?}") };
    assert_eq!(b.kernel.fstat(sh, inside).unwrap().mode, 0o700);
    assert_eq!(b.kernel.stat(sh, inside, b"f", Follow::Last), Err(Errno::NotDir));
    assert!(b.kernel.stat(sh, inside, b"/bin/sh", Follow::Last).is_ok(), "absolute: dirfd is not looked at");
    assert_eq!(b.kernel.stat(sh, 99, b"f", Follow::Last), Err(Errno::BadF));
    b.kernel.fchdir(sh, d).unwrap();
    assert_eq!(b.kernel.getcwd(sh).unwrap(), b"/home/user/d");
    assert_eq!(b.kernel.fchdir(sh, inside), Err(Errno::NotDir));
    b.kernel.chmod(sh, AT_FDCWD, b"f", 0o4755, Follow::Last).unwrap();
    b.kernel.fchmod(sh, inside, 0o600).unwrap();
    assert_eq!(b.kernel.stat(sh, AT_FDCWD, b"f", Follow::Last).unwrap().mode, 0o600);
    assert_eq!(b.kernel.access(sh, AT_FDCWD, b"f", 1, Follow::Last), Err(Errno::Acces));
    assert_eq!(b.kernel.access(sh, AT_FDCWD, b"f", 6, Follow::Last), Ok(()));
    assert_eq!(b.kernel.chown(sh, AT_FDCWD, b"f", Some(0), None, Follow::Last), Err(Errno::Perm));
}

#[test]
fn names_and_links() {
    let mut b = Sandbox::new();
    let (_, sh, _) = b.exec();
    let inside = b.open(sh, "f", writing()).unwrap();
    b.kernel.symlink(sh, b"f", AT_FDCWD, b"l").unwrap();
    assert_eq!(b.kernel.readlink(sh, AT_FDCWD, b"l").unwrap(), b"f");
    b.kernel.link(sh, (AT_FDCWD, b"f"), Follow::NoLast, (AT_FDCWD, b"/home/user/g")).unwrap();
    assert_eq!(b.kernel.fstat(sh, inside).unwrap().nlink, 2);
    b.kernel.rename(sh, (AT_FDCWD, b"f"), (AT_FDCWD, b"/tmp/h")).unwrap();
    assert_eq!(b.kernel.stat(sh, AT_FDCWD, b"l", Follow::Last), Err(Errno::NoEnt));
    assert!(b.kernel.statfs(sh, AT_FDCWD, b"/tmp").unwrap().blocks > 0);
    assert!(b.kernel.statfs(sh, inside, b"").is_ok());
    assert!(b.kernel.fstat(sh, AT_FDCWD).unwrap().kind == Kind::Dir);
    b.kernel.mkdir(sh, AT_FDCWD, b"/tmp/d", 0o777).unwrap();
    b.kernel.chmod(sh, AT_FDCWD, b"/tmp/d", 0, Follow::Last).unwrap();
    assert_eq!(b.kernel.chdir(sh, b"/tmp/d"), Err(Errno::Acces));
}

#[test]
fn directories_list_dots_first_and_can_be_gone_on_with() {
    let mut b = Sandbox::new();
    let (_, sh, _) = b.exec();
    for n in 0..20 {
        let fd = b.open(sh, &format!("f{n}"), writing()).unwrap();
        b.kernel.close(sh, fd).unwrap();
    }
    let dir = b.open(sh, ".", reading()).unwrap();
    let mut names = Vec::new();
    let mut cookie = 0;
    loop {
        let mut taken = 0;
        b.kernel
            .readdir(sh, dir, cookie, &mut |entry| {
                if taken == 3 {
                    return false;
                }
                taken += 1;
                cookie = entry.next;
                names.push(String::from_utf8(entry.name).unwrap());
                true
            })
            .unwrap();
        if taken == 0 {
            break;
        }
    }
    assert_eq!(names[..2], [".", ".."]);
    assert_eq!(names.len(), 22);
    names.sort();
    names.dedup();
    assert_eq!(names.len(), 22);
    let file = b.open(sh, "f1", reading()).unwrap();
    assert_eq!(b.kernel.readdir(sh, file, 0, &mut |_| true), Err(Errno::NotDir));
}

#[test]
fn devices() {
    let mut b = Sandbox::new();
    let (_, sh, _) = b.exec();
    let mut open = |name: &str| {
        let fd = b.open(sh, name, both()).unwrap();
        (fd, b.read_now(sh, fd, 64), b.write(sh, fd, b"abc"))
    };
    let (null, read, written) = open("/dev/null");
    assert_eq!((read, written), (vec![], Poll::Ready(Ok(3))));
    let (_, read, written) = open("/dev/zero");
    assert_eq!((read, written), (vec![0; 64], Poll::Ready(Ok(3))));
    let (_, read, written) = open("/dev/full");
    assert_eq!((read, written), (vec![0; 64], Poll::Ready(Err(Errno::NoSpc))));
    let (_, one, written) = open("/dev/urandom");
    let (_, two, _) = open("/dev/random");
    assert_ne!(one, two);
    assert_eq!(written, Poll::Ready(Ok(3)));
    assert_eq!(b.open(sh, "/dev/tty", both()), Err(Errno::NxIo));
    assert_eq!(b.kernel.fdstat(sh, null).unwrap().kind, Kind::CharDevice { major: 1, minor: 3 });
    assert_eq!(b.kernel.seek(sh, null, 5, Whence::Set), Ok(0));
    assert_eq!(b.kernel.ttysize(sh, null), Err(Errno::NoTty));
}

#[test]
fn standard_streams_have_back_pressure() {
    let mut b = Sandbox::new();
    let (id, sh, streams) = b.exec();
    streams.output.lock().unwrap().room = 3;
    let child = b.spawn(sh);
    assert_eq!(b.write(child, 1, b"hello"), Poll::Ready(Ok(3)));
    assert_eq!(b.write(child, 2, b"lo"), Poll::Pending);
    assert_eq!(b.write(sh, 1, b"sh"), Poll::Pending);
    let waker = {
        let mut output = streams.output.lock().unwrap();
        output.room = usize::MAX;
        output.waker.take().unwrap()
    };
    waker.wake();
    assert_eq!((b.woken(child), b.woken(sh)), (1, 1), "one waker of the host wakes both");
    assert_eq!(b.write(child, 2, b"lo"), Poll::Ready(Ok(2)));
    assert_eq!(streams.output.lock().unwrap().bytes, b"hello");
    assert_eq!(b.read(sh, 0, 5), Poll::Pending);
    let waker = {
        let mut input = streams.input.lock().unwrap();
        input.bytes = b"in".to_vec();
        input.waker.take().unwrap()
    };
    waker.wake_by_ref();
    assert_eq!(b.woken(sh), 1);
    assert_eq!(b.read_now(sh, 0, 5), b"in");
    streams.output.lock().unwrap().closed = true;
    assert_eq!(b.write(child, 1, b"x"), Poll::Ready(Err(Errno::Pipe)));
    assert_eq!(b.kernel.killed(child), Some(Signal::PIPE));
    b.bury(child);
    b.kernel.close(sh, 1).unwrap();
    assert!(!streams.output.lock().unwrap().dropped);
    b.kernel.close(sh, 2).unwrap();
    assert!(streams.output.lock().unwrap().dropped, "the last writer is gone");
    b.exit(sh, 0);
    let Poll::Ready(outcome) = b.outcome(id) else { panic!("over") };
    assert_eq!((outcome.metering.read_bytes, outcome.metering.written_bytes), (2, 5));
    b.assert_empty();
}

#[test]
fn a_wake_up_that_comes_too_early_is_not_lost() {
    /// Wakes before it answers that the reader has to wait, as a host thread may.
    struct Early(u32);
    impl Source for Early {
        fn poll_read(&mut self, _: &mut [u8], waker: &Waker) -> Poll<Sys<usize>> {
            self.0 += 1;
            if self.0 > 1 {
                return Poll::Ready(Ok(0));
            }
            waker.wake_by_ref();
            Poll::Pending
        }
    }
    let mut b = Sandbox::new();
    let sink = processes_null();
    let id = b.kernel.start_exec(start(Box::new(Early(0)), sink)).unwrap();
    let sh = b.kernel.exec_init(id).unwrap();
    assert_eq!(b.read(sh, 0, 1), Poll::Pending);
    assert_eq!(b.woken(sh), 1);
    assert_eq!(b.read_now(sh, 0, 1), b"");
}

fn processes_null() -> Box<dyn Sink> {
    struct Null;
    impl Sink for Null {
        fn poll_write(&mut self, from: &[u8], _: &Waker) -> Poll<Sys<usize>> {
            Poll::Ready(Ok(from.len()))
        }
    }
    Box::new(Null)
}

#[test]
fn terminals() {
    let mut b = Sandbox::new();
    let (_, sh, streams) = b.exec_with(true);
    assert_eq!(b.kernel.ttysize(sh, 0), Ok((80, 24)));
    assert_eq!(b.kernel.ttysize(sh, 1), Ok((80, 24)));
    assert!(matches!(b.kernel.fdstat(sh, 0).unwrap().kind, Kind::CharDevice { .. }));
    let tty = b.open(sh, "/dev/tty", both()).unwrap();
    b.write(sh, tty, b"prompt").is_ready();
    assert_eq!(streams.output.lock().unwrap().bytes, b"prompt");
    assert_eq!(b.kernel.ttysize(sh, tty), Ok((80, 24)));
    assert_eq!(b.read(sh, tty, 5), Poll::Pending);
    b.kernel.close(sh, 1).unwrap();
    b.kernel.close(sh, 2).unwrap();
    b.kernel.close(sh, tty).unwrap();
    assert!(!streams.output.lock().unwrap().dropped, "the terminal is still there");
    assert!(b.open(sh, "/dev/tty", writing()).is_ok());
    let mut plain = Sandbox::new();
    let (_, sh, _) = plain.exec();
    assert_eq!(plain.kernel.ttysize(sh, 0), Err(Errno::NoTty));
}

fn flock(b: &mut Sandbox, pid: Pid, fd: Fd, op: FlockOp, nonblock: bool) -> Poll<Sys<()>> {
    let waker = b.waker(pid);
    b.kernel.poll_flock(pid, fd, op, nonblock, &waker)
}

#[test]
fn locks() {
    use FlockOp::{Exclusive, Shared, Unlock};
    const OK: Poll<Sys<()>> = Poll::Ready(Ok(()));
    let mut b = Sandbox::new();
    let (id, sh, _) = b.exec();
    let one = b.open(sh, "f", writing()).unwrap();
    let other = b.spawn(sh);
    let two = b.open(other, "f", writing()).unwrap();
    assert_eq!(flock(&mut b, sh, one, Shared, false), OK);
    assert_eq!(flock(&mut b, other, two, Shared, false), OK);
    assert_eq!(flock(&mut b, other, two, Exclusive, true), Poll::Ready(Err(Errno::Again)));
    assert_eq!(flock(&mut b, sh, one, Exclusive, false), OK, "the failed change gave up the lock");
    assert_eq!(flock(&mut b, sh, one, Exclusive, false), OK);
    assert_eq!(flock(&mut b, other, two, Shared, false), Poll::Pending);
    assert_eq!(b.woken(other), 0);
    assert_eq!(flock(&mut b, sh, one, Shared, false), OK);
    assert_eq!(b.woken(other), 1);
    assert_eq!(flock(&mut b, other, two, Shared, false), OK);
    assert_eq!(flock(&mut b, sh, one, Exclusive, false), Poll::Pending);
    assert_eq!(flock(&mut b, other, two, Unlock, false), OK);
    assert_eq!(b.woken(sh), 1);
    assert_eq!(flock(&mut b, sh, one, Exclusive, false), OK);
    // The child shares the open file through inheritance: its closing it is not the last.
    let heir = b.spawn(sh);
    b.exit(heir, 0);
    assert_eq!(flock(&mut b, other, two, Shared, false), Poll::Pending);
    b.kernel.close(sh, one).unwrap();
    assert_eq!(b.woken(other), 0, "the other has it from its parent too");
    b.kernel.close(other, one).unwrap();
    assert_eq!(b.woken(other), 1);
    assert_eq!(flock(&mut b, other, two, Shared, false), OK);
    let (r, w) = b.kernel.pipe(sh, false, false).unwrap();
    assert_eq!(flock(&mut b, sh, r, Shared, false), OK);
    let again = Poll::Ready(Err(Errno::Again));
    assert_eq!(flock(&mut b, sh, w, Exclusive, true), again);
    b.exit(other, 0);
    b.exit(sh, 0);
    assert!(b.outcome(id).is_ready());
    b.assert_empty();
}

#[test]
fn rights_only_narrow() {
    let mut b = Sandbox::new();
    let (_, sh, _) = b.exec();
    let less = FdRights { base: 3, inheriting: 1 };
    b.kernel.set_rights(sh, 0, less).unwrap();
    assert_eq!(b.kernel.fdstat(sh, 0).unwrap().rights, less);
    assert_eq!(b.kernel.set_rights(sh, 0, FdRights { base: 4, inheriting: 0 }), Err(Errno::NotCapable));
    assert_eq!(b.kernel.set_rights(sh, 0, FdRights { base: 1, inheriting: 2 }), Err(Errno::NotCapable));
}
