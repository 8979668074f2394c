//! Pipes and FIFOs.

use super::*;
use crate::kernel::pipe::{CAPACITY, CAPACITY_STREAMING};

#[test]
fn bytes_go_through_and_the_end_is_seen() {
    let mut b = Sandbox::new();
    let (_, sh, _) = b.exec();
    let (r, w) = b.kernel.pipe(sh, false, false).unwrap();
    assert_eq!((r, w), (3, 4));
    assert_eq!(b.read(sh, r, 10), Poll::Pending);
    assert_eq!(b.write(sh, w, b"hello"), Poll::Ready(Ok(5)));
    assert_eq!(b.woken(sh), 1);
    assert_eq!(b.read_now(sh, r, 3), b"hel");
    assert_eq!(b.read_now(sh, r, 10), b"lo");
    assert_eq!(b.read(sh, r, 10), Poll::Pending);
    b.kernel.close(sh, w).unwrap();
    assert_eq!(b.woken(sh), 1);
    assert_eq!(b.read_now(sh, r, 10), b"");
    assert_eq!(b.write(sh, r, b"x"), Poll::Ready(Err(Errno::BadF)));
}

#[test]
fn a_writer_waits_until_half_is_free() {
    let mut b = Sandbox::new();
    let (_, sh, _) = b.exec();
    let (r, w) = b.kernel.pipe(sh, false, false).unwrap();
    let writer = b.spawn(sh);
    let big = vec![7; CAPACITY * 2];
    assert_eq!(b.write(writer, w, &big), Poll::Ready(Ok(CAPACITY)));
    assert_eq!(b.write(writer, w, &big), Poll::Pending);
    assert_eq!(b.write(writer, w, b"small"), Poll::Pending);
    b.read_now(sh, r, CAPACITY / 2 - 1);
    assert_eq!(b.woken(writer), 0);
    b.read_now(sh, r, 1);
    assert_eq!(b.woken(writer), 1);
    assert_eq!(b.write(writer, w, &big), Poll::Ready(Ok(CAPACITY / 2)));
}

#[test]
fn small_writes_are_atomic() {
    let mut b = Sandbox::new();
    let (_, sh, _) = b.exec();
    let (r, w) = b.kernel.pipe(sh, false, false).unwrap();
    b.kernel.set_fdflags(sh, w, FdFlags { nonblock: true, ..FdFlags::default() }).unwrap();
    assert_eq!(b.write(sh, w, &vec![0; CAPACITY - 10]), Poll::Ready(Ok(CAPACITY - 10)));
    assert_eq!(b.write(sh, w, &[1; 11]), Poll::Ready(Err(Errno::Again)));
    assert_eq!(b.write(sh, w, &[1; 4096]), Poll::Ready(Err(Errno::Again)));
    assert_eq!(b.write(sh, w, &[1; 4097]), Poll::Ready(Ok(10)));
    assert_eq!(b.write(sh, w, &[1; 4097]), Poll::Ready(Err(Errno::Again)));
    assert_eq!(b.write(sh, w, &[]), Poll::Ready(Ok(0)));
    b.kernel.set_fdflags(sh, r, FdFlags { nonblock: true, ..FdFlags::default() }).unwrap();
    b.read_now(sh, r, CAPACITY);
    assert_eq!(b.read(sh, r, 1), Poll::Ready(Err(Errno::Again)));
}

#[test]
fn a_streaming_pipe_grows_and_gives_its_memory_back() {
    let mut b = Sandbox::new();
    let (id, sh, _) = b.exec();
    let (r, w) = b.kernel.pipe(sh, false, false).unwrap();
    let before = b.kernel.charged_bytes();
    let big = vec![7; 4 << 20];
    let mut largest = 0;
    for _ in 0..20 {
        while let Poll::Ready(Ok(count)) = b.write(sh, w, &big) {
            largest = largest.max(count);
        }
        while b.read(sh, r, 65536).is_ready() {}
    }
    assert_eq!(largest, CAPACITY_STREAMING);
    assert_eq!(b.kernel.charged_bytes() - before, CAPACITY_STREAMING);
    b.kernel.close(sh, r).unwrap();
    b.kernel.close(sh, w).unwrap();
    assert_eq!(b.kernel.charged_bytes(), before);
    b.exit(sh, 0);
    assert!(b.outcome(id).is_ready());
    b.assert_empty();
}

#[test]
fn writing_without_readers_kills() {
    let mut b = Sandbox::new();
    let (_, sh, _) = b.exec();
    let (r, w) = b.kernel.pipe(sh, false, false).unwrap();
    let writer = b.spawn(sh);
    b.kernel.close(writer, r).unwrap();
    assert_eq!(b.write(writer, w, &vec![0; CAPACITY]), Poll::Ready(Ok(CAPACITY)));
    assert_eq!(b.write(writer, w, b"more"), Poll::Pending);
    b.kernel.close(sh, r).unwrap();
    assert_eq!(b.woken(writer), 1);
    assert_eq!(b.kernel.killed(writer), None);
    assert_eq!(b.write(writer, w, b"more"), Poll::Ready(Err(Errno::Pipe)));
    assert_eq!(b.kernel.killed(writer), Some(Signal::PIPE));
    b.bury(writer);
    assert_eq!(b.wait(sh, WaitTarget::Any), ended(writer, ExitStatus::Signal(Signal::PIPE)));
}

#[test]
fn sigpipe_can_be_ignored_or_caught() {
    let mut b = Sandbox::new();
    let (_, sh, _) = b.exec();
    let (r, w) = b.kernel.pipe(sh, false, false).unwrap();
    b.kernel.close(sh, r).unwrap();
    b.kernel.sigaction(sh, Signal::PIPE, Some(Disposition::Ignore)).unwrap();
    assert_eq!(b.write(sh, w, b"x"), Poll::Ready(Err(Errno::Pipe)));
    assert_eq!(b.kernel.killed(sh), None);
    b.kernel.sigaction(sh, Signal::PIPE, Some(Disposition::Catch { restart: false })).unwrap();
    assert_eq!(b.write(sh, w, b"x"), Poll::Ready(Err(Errno::Pipe)));
    assert_eq!(b.kernel.take_caught(sh).unwrap().signal, Signal::PIPE);
    assert_eq!(b.kernel.killed(sh), None);
}

#[test]
fn seeking_in_a_pipe_fails() {
    let mut b = Sandbox::new();
    let (_, sh, _) = b.exec();
    let (r, w) = b.kernel.pipe(sh, false, false).unwrap();
    for fd in [r, w, 0, 1] {
        assert_eq!(b.kernel.seek(sh, fd, 0, Whence::Cur), Err(Errno::SPipe));
        assert_eq!(b.kernel.tell(sh, fd), Err(Errno::SPipe));
    }
    assert_eq!(b.kernel.pread(sh, r, &mut [0], 0), Err(Errno::SPipe));
    assert_eq!(b.kernel.pwrite(sh, w, &[0], 0), Err(Errno::SPipe));
    assert_eq!(b.kernel.fdstat(sh, r).unwrap().kind, crate::vfs::Kind::Fifo);
    let (read, write) = (b.kernel.fstat(sh, r).unwrap(), b.kernel.fstat(sh, w).unwrap());
    assert_eq!((read.ino, read.dev), (write.ino, write.dev));
}

#[test]
fn poll_sees_readiness_and_wakes() {
    let mut b = Sandbox::new();
    let (_, sh, streams) = b.exec();
    let (r, w) = b.kernel.pipe(sh, false, false).unwrap();
    let waker = b.waker(sh);
    let subscribe = |what| Subscription { userdata: 5, what };
    let mut events = Vec::new();
    let reads = [subscribe(What::Read(r)), subscribe(What::Read(0))];
    assert_eq!(b.kernel.poll(sh, &reads, &mut events, &waker), Poll::Pending);
    b.write(sh, w, b"abc").is_ready();
    assert_eq!(b.woken(sh), 1);
    assert_eq!(b.kernel.poll(sh, &reads, &mut events, &waker), Poll::Ready(Ok(())));
    let event = Event { userdata: 5, what: What::Read(r), error: None, nbytes: 3, hangup: false };
    assert_eq!(events, [event]);
    events.clear();
    b.read_now(sh, r, 3);
    assert_eq!(b.kernel.poll(sh, &reads, &mut events, &waker), Poll::Pending);
    let host = {
        let mut input = streams.input.lock().unwrap();
        input.ended = true;
        input.waker.take().unwrap()
    };
    host.wake();
    assert!(b.woken(sh) > 0);
    assert_eq!(b.kernel.poll(sh, &reads, &mut events, &waker), Poll::Ready(Ok(())));
    assert_eq!(events[0].what, What::Read(0));
}

#[test]
fn poll_sees_the_end_errors_and_the_clock() {
    let mut b = Sandbox::new();
    let (_, sh, _) = b.exec();
    let (r, w) = b.kernel.pipe(sh, false, false).unwrap();
    let waker = b.waker(sh);
    let subscribe = |what| Subscription { userdata: 5, what };
    let mut events = Vec::new();
    b.kernel.close(sh, w).unwrap();
    let one = [subscribe(What::Read(r)), subscribe(What::Read(99)), subscribe(What::Clock(i64::MAX))];
    assert_eq!(b.kernel.poll(sh, &one, &mut events, &waker), Poll::Ready(Ok(())));
    assert_eq!(
        events.iter().map(|e| (e.hangup, e.error)).collect::<Vec<_>>(),
        [(true, None), (false, Some(Errno::BadF))]
    );
    events.clear();
    let now = b.kernel.now();
    let clock = [subscribe(What::Clock(now + 10))];
    assert_eq!(b.kernel.poll(sh, &clock, &mut events, &waker), Poll::Pending);
    b.clock.advance(10);
    assert_eq!(b.kernel.poll(sh, &clock, &mut events, &waker), Poll::Ready(Ok(())));
}

#[test]
fn a_full_pipe_becomes_writable_for_poll() {
    let mut b = Sandbox::new();
    let (_, sh, _) = b.exec();
    let (r, w) = b.kernel.pipe(sh, false, false).unwrap();
    let waker = b.waker(sh);
    let mut events = Vec::new();
    let subscriptions = [Subscription { userdata: 0, what: What::Write(w) }];
    b.write(sh, w, &vec![0; CAPACITY]).is_ready();
    assert_eq!(b.kernel.poll(sh, &subscriptions, &mut events, &waker), Poll::Pending);
    b.read_now(sh, r, CAPACITY);
    assert_eq!(b.woken(sh), 1);
    assert_eq!(b.kernel.poll(sh, &subscriptions, &mut events, &waker), Poll::Ready(Ok(())));
    assert_eq!(events[0].nbytes, CAPACITY as u64);
    assert_eq!(
        b.kernel.poll(sh, &[Subscription { userdata: 0, what: What::Read(w) }], &mut events, &waker),
        Poll::Ready(Ok(()))
    );
    assert_eq!(events[1].error, Some(Errno::BadF));
}

#[test]
fn a_fifo_joins_two_openers() {
    let mut b = Sandbox::new();
    let (_, sh, _) = b.exec();
    b.kernel.mkfifo(sh, AT_FDCWD, b"f", 0o666).unwrap();
    let other = b.spawn(sh);
    assert_eq!(b.open_how(sh, "f", reading()), Poll::Pending);
    assert_eq!(b.open_how(sh, "f", reading()), Poll::Pending);
    let w = b.open(other, "f", OpenHow { cloexec: true, ..writing() }).unwrap();
    assert_eq!(b.woken(sh), 1);
    assert_eq!(b.write(other, w, b"hi"), Poll::Ready(Ok(2)));
    b.kernel.close(other, w).unwrap();
    // The writer has come and gone; the open still succeeds.
    let r = b.open(sh, "f", reading()).unwrap();
    assert_eq!(b.read_now(sh, r, 10), b"hi");
    assert_eq!(b.read_now(sh, r, 10), b"");
    b.kernel.close(sh, r).unwrap();
    assert_eq!(b.kernel.pipes.len(), 0);
    assert!(b.kernel.fifos.is_empty());
}

#[test]
fn a_fifo_writer_waits_for_a_reader() {
    let mut b = Sandbox::new();
    let (_, sh, _) = b.exec();
    b.kernel.mkfifo(sh, AT_FDCWD, b"f", 0o666).unwrap();
    let other = b.spawn(sh);
    let nonblock = |how| OpenHow { nonblock: true, ..how };
    assert_eq!(b.open(sh, "f", nonblock(writing())), Err(Errno::NxIo));
    assert_eq!(b.open_how(sh, "f", writing()), Poll::Pending);
    let r = b.open(other, "f", nonblock(reading())).unwrap();
    assert_eq!(b.woken(sh), 1);
    let w = b.open(sh, "f", writing()).unwrap();
    b.write(sh, w, b"x").is_ready();
    assert_eq!(b.read_now(other, r, 10), b"x");
    assert_eq!(b.read(other, r, 10), Poll::Ready(Err(Errno::Again)));
    let rw = b.open(other, "f", both()).unwrap();
    b.kernel.close(sh, w).unwrap();
    assert_eq!(b.read(other, r, 10), Poll::Ready(Err(Errno::Again)));
    b.kernel.close(other, rw).unwrap();
    assert_eq!(b.read_now(other, r, 10), b"");
}

#[test]
fn opening_a_fifo_is_interrupted_and_leaves_nothing() {
    let mut b = Sandbox::new();
    let (id, sh, _) = b.exec();
    b.kernel.mkfifo(sh, AT_FDCWD, b"f", 0o666).unwrap();
    b.kernel.sigaction(sh, Signal::ALRM, Some(Disposition::Catch { restart: false })).unwrap();
    assert_eq!(b.open_how(sh, "f", reading()), Poll::Pending);
    b.kernel.kill(sh, sh.0, Some(Signal::ALRM)).unwrap();
    assert_eq!(b.open(sh, "f", reading()), Err(Errno::Intr));
    assert_eq!(b.kernel.pipes.len(), 0);
    assert!(b.kernel.take_caught(sh).is_some());
    assert_eq!(b.open_how(sh, "f", writing()), Poll::Pending);
    b.kernel.kill(sh, sh.0, Some(Signal::KILL)).unwrap();
    b.bury(sh);
    assert_eq!(b.outcome(id).map(|outcome| outcome.end), Poll::Ready(ExecEnd::Signal(Signal::KILL)));
    b.assert_empty();
}

#[test]
fn an_unlinked_fifo_still_works() {
    let mut b = Sandbox::new();
    let (id, sh, _) = b.exec();
    b.kernel.mkfifo(sh, AT_FDCWD, b"f", 0o666).unwrap();
    let rw = b.open(sh, "f", both()).unwrap();
    b.kernel.unlink(sh, AT_FDCWD, b"f").unwrap();
    b.write(sh, rw, b"x").is_ready();
    assert_eq!(b.read_now(sh, rw, 10), b"x");
    assert_eq!(b.kernel.fstat(sh, rw).unwrap().nlink, 0);
    b.exit(sh, 0);
    assert!(b.outcome(id).is_ready());
    b.assert_empty();
}

#[test]
fn pipe_memory_is_part_of_the_budget() {
    let mut b = Sandbox::new();
    let (id, sh, _) = b.exec();
    let (_, w) = b.kernel.pipe(sh, false, false).unwrap();
    let (_, w2) = b.kernel.pipe(sh, false, false).unwrap();
    let now = b.fake.charged.load(Ordering::SeqCst);
    b.fake.memory_max.store(now + 65536 + 1000, Ordering::SeqCst);
    assert_eq!(b.write(sh, w, &vec![0; CAPACITY]), Poll::Ready(Ok(CAPACITY)));
    assert_eq!(b.write(sh, w2, b"x"), Poll::Ready(Ok(1)));
    assert_eq!(b.write(sh, w2, &[0; 1000]), Poll::Ready(Err(Errno::NoMem)));
    assert_eq!(b.kernel.killed(sh), Some(Signal::KILL));
    b.bury(sh);
    let Poll::Ready(outcome) = b.outcome(id) else { panic!("over") };
    let ExecEnd::Limit(exceeded) = outcome.end else { panic!("{:?}", outcome.end) };
    assert_eq!(exceeded.limit, crate::base::Limit::Memory);
    assert!(exceeded.used > exceeded.value);
    b.assert_empty();
}
