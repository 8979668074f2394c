//! Execs: outcomes, clean-up, limits, metering, several at once.

use super::*;
use crate::base::{Exceeded, Limit};

#[track_caller]
fn outcome(b: &mut Sandbox, id: ExecId) -> ExecOutcome {
    match b.outcome(id) {
        Poll::Ready(outcome) => outcome,
        Poll::Pending => panic!("not over"),
    }
}

#[test]
fn it_ends_with_its_first_process() {
    let mut b = Sandbox::new();
    let (id, sh, streams) = b.exec();
    let waiter = Arc::new(Count::default());
    let waker = Waker::from(Arc::clone(&waiter));
    assert!(b.kernel.poll_outcome(id, &waker).is_pending());
    b.clock.advance(1_000);
    b.kernel.keep(sh, b"old").unwrap();
    b.kernel.keep(sh, b"state").unwrap();
    let child = b.spawn(sh);
    assert_eq!(b.kernel.keep(child, b"x"), Err(Errno::Perm));
    b.write(child, 1, b"hi").is_ready();
    b.clock.advance(500);
    b.kernel.exited(child, ExitStatus::Code(0), Usage { fuel: 10, cpu_ns: 1, memory_peak_bytes: 99 });
    b.wait(sh, WaitTarget::Any).is_ready();
    b.kernel.exited(sh, ExitStatus::Code(3), Usage { fuel: 5, cpu_ns: 1, memory_peak_bytes: 50 });
    assert_eq!(waiter.0.load(Ordering::SeqCst), 1);
    assert!(streams.output.lock().unwrap().dropped);
    let outcome = outcome(&mut b, id);
    assert_eq!(outcome.end, ExecEnd::Exit(3));
    assert_eq!(outcome.keep.as_deref(), Some(&b"state"[..]));
    let metering = outcome.metering;
    assert_eq!((metering.fuel, metering.memory_peak_bytes, metering.written_bytes), (15, 99, 2));
    assert_eq!((metering.processes_total, metering.wall_ns), (2, 1500));
    let record = &metering.processes[0];
    assert_eq!((&*record.argv0, record.pid, record.wall_ns), (&b"cat"[..], child, 500));
    assert_eq!(metering.processes[1].argv0, b"sh");
    b.assert_empty();
}

#[test]
fn what_still_runs_is_hung_up() {
    let mut b = Sandbox::new();
    let (id, sh, _) = b.exec();
    let (plain, ignoring, own_group) = (
        b.spawn(sh),
        b.spawn(sh),
        b.spawn_with(sh, SpawnRequest { pgroup: Some(0), ..SpawnRequest::default() }).unwrap(),
    );
    b.kernel.sigaction(ignoring, Signal::HUP, Some(Disposition::Ignore)).unwrap();
    b.kernel.setsid(own_group).unwrap_err();
    let grandchild = b.spawn(plain);
    b.exit(plain, 0);
    b.exit(sh, 0);
    assert!(b.outcome(id).is_pending());
    for pid in [ignoring, own_group, grandchild] {
        assert_eq!(b.kernel.killed(pid), Some(Signal::HUP));
        assert_eq!(b.spawn_with(pid, SpawnRequest::default()), Err(Errno::Again));
        b.bury(pid);
    }
    let outcome = outcome(&mut b, id);
    assert_eq!(outcome.end, ExecEnd::Exit(0));
    assert_eq!(outcome.metering.processes.last().unwrap().status, ExitStatus::Signal(Signal::HUP));
    b.assert_empty();
}

#[test]
fn a_signal_or_the_host_ends_it() {
    let mut b = Sandbox::new();
    let (id, sh, _) = b.exec();
    b.kernel.signal_exec(id, Signal::INT);
    b.bury(sh);
    assert_eq!(outcome(&mut b, id).end, ExecEnd::Signal(Signal::INT));
    let (id, sh, _) = b.exec();
    let child = b.spawn(sh);
    let apart = b.spawn_with(sh, SpawnRequest { pgroup: Some(0), ..SpawnRequest::default() }).unwrap();
    b.kernel.signal_exec(id, Signal::TERM);
    assert_eq!(b.kernel.killed(child), Some(Signal::TERM));
    assert_eq!(b.kernel.killed(apart), None, "another group");
    b.kernel.kill_exec(id);
    assert_eq!(b.kernel.killed(apart), Some(Signal::KILL));
    for pid in [sh, child, apart] {
        b.bury(pid);
    }
    assert_eq!(outcome(&mut b, id).end, ExecEnd::Killed);
    assert_eq!(outcome(&mut b, id).end, ExecEnd::Killed, "forgotten");
    b.assert_empty();
}

#[test]
fn the_first_limit_is_the_outcome() {
    let mut b = Sandbox::new();
    let (id, sh, _) = b.exec();
    let child = b.spawn(sh);
    let first = Exceeded { limit: Limit::Fuel, value: 1, used: 2 };
    b.kernel.trip(id, first);
    b.kernel.trip(id, Exceeded { limit: Limit::WallTime, value: 1, used: 2 });
    b.kernel.kill_exec(id);
    assert_eq!((b.kernel.killed(sh), b.kernel.killed(child)), (Some(Signal::KILL), Some(Signal::KILL)));
    b.bury(sh);
    b.bury(child);
    assert_eq!(outcome(&mut b, id).end, ExecEnd::Limit(first));
    b.assert_empty();
}

#[test]
fn too_many_processes() {
    let mut b = Sandbox::with_limits(Limits { processes: 5, ..Limits::default() });
    let (id, sh, _) = b.exec();
    let mut all = vec![sh];
    for _ in 0..4 {
        all.push(b.spawn(*all.last().unwrap()));
    }
    assert_eq!(b.kernel.vfork(sh), Err(Errno::Again));
    for pid in all {
        b.bury(pid);
    }
    let exceeded = Exceeded { limit: Limit::Processes, value: 5, used: 6 };
    assert_eq!(outcome(&mut b, id).end, ExecEnd::Limit(exceeded));
    b.assert_empty();
}

#[test]
fn zombies_count_and_the_sandbox_counts_all_execs() {
    let mut b = Sandbox::with_limits(Limits { processes: 4, ..Limits::default() });
    let (one, sh1, _) = b.exec();
    let (two, sh2, _) = b.exec();
    let child = b.spawn(sh1);
    b.exit(child, 0);
    let last = b.spawn(sh2);
    assert_eq!(b.spawn_with(sh2, SpawnRequest::default()), Err(Errno::Again));
    assert_eq!(b.kernel.killed(sh1), None, "the other exec goes on");
    b.bury(sh2);
    b.bury(last);
    assert!(matches!(outcome(&mut b, two).end, ExecEnd::Limit(Exceeded { limit: Limit::Processes, .. })));
    b.wait(sh1, WaitTarget::Any).is_ready();
    b.exit(sh1, 0);
    assert_eq!(outcome(&mut b, one).end, ExecEnd::Exit(0));
    b.assert_empty();
}

#[test]
fn too_many_open_files() {
    let limits = Limits { open_files: 10, ..Limits::default() };
    let exceeded = Exceeded { limit: Limit::OpenFiles, value: 10, used: 11 };
    type Flood = fn(&mut Sandbox, Pid) -> Sys<()>;
    let floods: [Flood; 3] = [
        |b, pid| b.open(pid, "/dev/null", reading()).map(|_| ()),
        |b, pid| b.kernel.dup(pid, 0, 0, false).map(|_| ()),
        |b, pid| b.kernel.pipe(pid, false, false).map(|_| ()),
    ];
    for flood in floods {
        let mut b = Sandbox::with_limits(limits.clone());
        let (id, sh, _) = b.exec();
        let errno = loop {
            if let Err(errno) = flood(&mut b, sh) {
                break errno;
            }
        };
        assert_eq!(errno, Errno::MFile);
        assert_eq!(
            b.kernel.procs.get(sh).unwrap().fds.iter().count() + 1,
            10 + usize::from(b.kernel.fdstat(sh, 9).is_ok())
        );
        b.bury(sh);
        assert_eq!(outcome(&mut b, id).end, ExecEnd::Limit(exceeded));
        b.assert_empty();
    }
}

#[test]
fn limits_that_the_guest_tells_of() {
    let mut b = Sandbox::new();
    let (id, sh, _) = b.exec();
    assert_eq!(b.kernel.limit(sh, 1, 5), Err(Errno::Inval));
    b.kernel.limit(sh, 0, 1001).unwrap();
    b.bury(sh);
    let exceeded = Exceeded { limit: Limit::ShellRecursion, value: 1000, used: 1001 };
    assert_eq!(outcome(&mut b, id).end, ExecEnd::Limit(exceeded));
}

#[test]
fn large_arguments_and_blobs_are_charged() {
    let mut b = Sandbox::new();
    let (id, sh, _) = b.exec();
    let now = b.fake.charged.load(Ordering::SeqCst);
    b.fake.memory_max.store(now + 1_000_000, Ordering::SeqCst);
    let blob = vec![0; 400_000];
    let request = SpawnRequest { blob: Some(&blob), ..SpawnRequest::default() };
    let child = b.spawn_with(sh, request).unwrap();
    let kept = b.spawn_with(sh, request).unwrap();
    b.exit(child, 0);
    b.wait(sh, WaitTarget::Any).is_ready();
    let child = b.spawn_with(sh, request).unwrap();
    assert_eq!(b.spawn_with(sh, request), Err(Errno::NoMem));
    for pid in [sh, kept, child] {
        b.bury(pid);
    }
    assert!(matches!(outcome(&mut b, id).end, ExecEnd::Limit(Exceeded { limit: Limit::Memory, .. })));
    b.assert_empty();
}

#[test]
fn keeping_too_much_trips_memory() {
    let mut b = Sandbox::new();
    let (id, sh, _) = b.exec();
    let now = b.fake.charged.load(Ordering::SeqCst);
    b.fake.memory_max.store(now + 1000, Ordering::SeqCst);
    b.kernel.keep(sh, &[0; 900]).unwrap();
    b.kernel.keep(sh, &[0; 990]).unwrap();
    assert_eq!(b.kernel.keep(sh, &[0; 1001]), Err(Errno::NoMem));
    b.bury(sh);
    let outcome = outcome(&mut b, id);
    assert!(matches!(outcome.end, ExecEnd::Limit(Exceeded { limit: Limit::Memory, .. })));
    assert_eq!(outcome.keep.unwrap().len(), 990);
    b.assert_empty();
}

#[test]
fn records_are_bounded() {
    let mut b = Sandbox::new();
    let (id, sh, _) = b.exec();
    for _ in 0..1500 {
        let child = b.spawn(sh);
        b.kernel.exited(child, ExitStatus::Code(0), Usage { fuel: 1, ..Usage::default() });
        b.wait(sh, WaitTarget::Any).is_ready();
    }
    b.exit(sh, 0);
    let metering = outcome(&mut b, id).metering;
    assert_eq!((metering.processes.len(), metering.processes_total, metering.fuel), (1000, 1501, 1500));
}

#[test]
fn two_at_once_do_not_meet() {
    let mut b = Sandbox::new();
    let (one, sh1, out1) = b.exec();
    let (two, sh2, out2) = b.exec();
    assert_ne!(b.kernel.getsid(sh1, 0), b.kernel.getsid(sh2, 0));
    b.write(sh1, 1, b"1").is_ready();
    b.write(sh2, 1, b"2").is_ready();
    assert_eq!((&*out1.output.lock().unwrap().bytes, &*out2.output.lock().unwrap().bytes), (&b"1"[..], &b"2"[..]));
    let fd = b.open(sh1, "/tmp/shared", writing()).unwrap();
    b.write(sh1, fd, b"seen").is_ready();
    let fd = b.open(sh2, "/tmp/shared", reading()).unwrap();
    assert_eq!(b.read_now(sh2, fd, 9), b"seen");
    b.kernel.kill_exec(one);
    b.bury(sh1);
    assert_eq!(outcome(&mut b, one).end, ExecEnd::Killed);
    assert_eq!(b.kernel.killed(sh2), None);
    assert_eq!(b.kernel.exec_of(sh2), Some(two));
    b.exit(sh2, 0);
    assert_eq!(outcome(&mut b, two).end, ExecEnd::Exit(0));
    b.assert_empty();
}

#[test]
fn starting_can_fail() {
    let mut b = Sandbox::new();
    let null = || Box::new(TestSink(Arc::new(Mutex::new(Output::default())), false));
    let bad = |f: fn(&mut ExecStart<'static>)| {
        let mut start: ExecStart<'static> = start(Box::new(Empty), null());
        f(&mut start);
        start
    };
    assert_eq!(b.kernel.start_exec(bad(|s| s.program = b"nothing")), Err(Errno::NoEnt));
    assert_eq!(b.kernel.start_exec(bad(|s| s.cwd = b"/nowhere")), Err(Errno::NoEnt));
    assert_eq!(b.kernel.start_exec(bad(|s| s.argv = b"x")), Err(Errno::Inval));
    b.assert_empty();
}

#[test]
fn calls_of_nobody_are_errors() {
    let mut b = Sandbox::new();
    let nobody = Pid(4242);
    assert_eq!(b.read(nobody, 0, 1), Poll::Ready(Err(Errno::Srch)));
    assert_eq!(b.write(nobody, 0, b"x"), Poll::Ready(Err(Errno::Srch)));
    assert_eq!(b.kernel.close(nobody, 0), Err(Errno::Srch));
    assert_eq!(b.spawn_with(nobody, SpawnRequest::default()), Err(Errno::Srch));
    assert_eq!(b.kernel.killed(nobody), Some(Signal::KILL));
    b.exit(nobody, 0);
    b.kernel.add_usage(nobody, Usage::default());
    assert_eq!(b.kernel.take_caught(nobody), None);
    assert_eq!(b.kernel.blob(nobody), b"");
    assert_eq!(b.kernel.signal_exec(ExecId(9), Signal::INT), ());
}
