//! What a session's shell leaves running.

use super::*;
use crate::base::{Exceeded, Limit};

impl Sandbox {
    /// Starts an exec of the session. Its standard output has no room at all.
    fn session(&mut self) -> (ExecId, Pid, Streams) {
        let streams = Streams { input: Arc::default(), output: Arc::default() };
        let source = TestSource(Arc::clone(&streams.input), false);
        let sink = TestSink(Arc::clone(&streams.output), false);
        let begin = ExecStart { session: true, ..start(Box::new(source), Box::new(sink)) };
        let id = self.kernel.start_exec(begin).unwrap();
        (id, self.kernel.exec_init(id).unwrap(), streams)
    }

    #[track_caller]
    fn over(&mut self, id: ExecId) -> ExecOutcome {
        match self.outcome(id) {
            Poll::Ready(outcome) => outcome,
            Poll::Pending => panic!("not over"),
        }
    }

    fn names(&self) -> Vec<i32> {
        self.kernel.background().into_iter().map(|(pid, _)| pid.0).collect()
    }
}

#[test]
fn it_goes_on_and_the_next_shell_is_its_parent() {
    let mut b = Sandbox::new();
    let (id, sh, streams) = b.session();
    let waiter = Arc::new(Count::default());
    assert!(b.kernel.poll_outcome(id, &Waker::from(Arc::clone(&waiter))).is_pending());
    let (job, done) = (b.spawn(sh), b.spawn(sh));
    let grandchild = b.spawn(job);
    b.exit(done, 7);
    b.kernel.keep(sh, b"state").unwrap();
    b.clock.advance(100);
    b.exit(sh, 3);
    assert_eq!(waiter.0.load(Ordering::SeqCst), 1);
    let outcome = b.over(id);
    assert_eq!((outcome.end, outcome.goes_on, outcome.metering.processes_total), (ExecEnd::Exit(3), true, 4));
    assert_eq!((outcome.keep.as_deref(), outcome.metering.wall_ns), (Some(&b"state"[..]), 100));
    assert!(streams.output.lock().unwrap().dropped);
    assert!(b.outcome(id).is_pending());
    assert_eq!(b.names(), [job.0, grandchild.0]);
    assert_eq!((b.kernel.killed(job), b.kernel.getppid(job)), (None, Pid::KERNEL));
    // What it did not wait for, and what ends meanwhile, is told to the next shell.
    let (two, sh2, _) = b.session();
    assert_eq!((sh2, b.kernel.getppid(job), b.kernel.getppid(grandchild)), (sh, sh, job));
    assert_eq!(b.kernel.getpgid(job, 0), b.kernel.getpgid(sh2, 0));
    assert_eq!(b.wait(sh2, WaitTarget::Any), ended(done, ExitStatus::Code(7)));
    assert_eq!(b.wait(sh2, WaitTarget::Pid(job)), Poll::Pending);
    b.exit(grandchild, 0);
    b.kernel.exited(job, ExitStatus::Code(5), Usage { fuel: 9, ..Usage::default() });
    assert_eq!(b.woken(sh2), 1);
    assert_eq!(b.wait(sh2, WaitTarget::Pid(job)), ended(job, ExitStatus::Code(5)));
    let rest = b.over(id);
    assert_eq!((rest.metering.fuel, rest.goes_on), (9, false));
    b.exit(sh2, 0);
    assert!(!b.over(two).goes_on);
    b.assert_empty();
}

#[test]
fn its_streams_are_gone() {
    let mut b = Sandbox::new();
    let (id, sh, streams) = b.session();
    let job = b.spawn(sh);
    let reader = b.spawn(sh);
    assert!(b.write(job, 1, b"full").is_pending());
    assert!(b.read(reader, 0, 1).is_pending());
    b.exit(sh, 0);
    assert_eq!((b.woken(job), b.woken(reader)), (1, 1));
    assert_eq!(b.write(job, 1, b"lost"), Poll::Ready(Ok(4)));
    assert_eq!(b.read_now(reader, 0, 9), b"");
    assert_eq!(streams.output.lock().unwrap().bytes, b"");
    // The next exec's streams are its own.
    b.over(id);
    let (two, sh2, streams) = b.session();
    streams.output.lock().unwrap().room = 9;
    assert_eq!(b.write(sh2, 1, b"mine"), Poll::Ready(Ok(4)));
    assert_eq!(b.write(job, 1, b"lost"), Poll::Ready(Ok(4)));
    assert_eq!(streams.output.lock().unwrap().bytes, b"mine");
    for pid in [job, reader, sh2] {
        b.exit(pid, 0);
    }
    // The second shell did not wait: the third would be told.
    b.over(id);
    b.over(two);
    let (three, sh3, _) = b.session();
    for _ in 0..2 {
        assert!(matches!(b.wait(sh3, WaitTarget::Any), Poll::Ready(Ok(Some(_)))));
    }
    b.exit(sh3, 0);
    b.over(three);
    b.assert_empty();
}

#[test]
fn it_is_bounded_by_its_own_limits() {
    let mut b = Sandbox::with_limits(Limits { processes: 4, ..Limits::default() });
    let (id, sh, _) = b.session();
    let job = b.spawn(sh);
    b.exit(sh, 0);
    b.over(id);
    let (two, sh2, _) = b.session();
    let more = [b.spawn(job), b.spawn(job)];
    assert_eq!(b.spawn_with(job, SpawnRequest::default()), Err(Errno::Again));
    for pid in [job, more[0], more[1]] {
        b.bury(pid);
    }
    let exceeded = Exceeded { limit: Limit::Processes, value: 4, used: 5 };
    assert_eq!(b.over(id).end, ExecEnd::Limit(exceeded));
    assert_eq!(b.kernel.killed(sh2), None);
    assert_eq!(b.wait(sh2, WaitTarget::Any), ended(job, ExitStatus::Signal(Signal::KILL)));
    b.exit(sh2, 0);
    b.over(two);
    b.assert_empty();
}

#[test]
fn who_is_not_waited_for_takes_no_place() {
    let mut b = Sandbox::with_limits(Limits { processes: 3, ..Limits::default() });
    let (id, sh, _) = b.session();
    let jobs = [b.spawn(sh), b.spawn(sh)];
    b.exit(sh, 0);
    b.over(id);
    for job in jobs {
        b.exit(job, 0);
    }
    b.over(id);
    let (other, sh2, _) = b.exec();
    let children = [b.spawn(sh2), b.spawn(sh2)];
    for child in children {
        b.exit(child, 0);
    }
    b.exit(sh2, 0);
    b.over(other);
    let (two, sh3, _) = b.session();
    assert_eq!(sh3, sh);
    for _ in jobs {
        assert!(matches!(b.wait(sh3, WaitTarget::Any), Poll::Ready(Ok(Some(_)))));
    }
    b.exit(sh3, 0);
    b.over(two);
    b.assert_empty();
}

#[test]
fn only_a_shell_that_exits_leaves_something() {
    for how in 0..4 {
        let mut b = Sandbox::new();
        let (first, sh, _) = b.session();
        let old = b.spawn(sh);
        b.exit(sh, 0);
        b.over(first);
        let (id, sh, _) = b.session();
        let job = b.spawn(sh);
        let signal = match how {
            0 => {
                b.kernel.kill(sh, sh.0, Some(Signal::TERM)).unwrap();
                Signal::HUP
            }
            1 => {
                b.kernel.kill_exec(id);
                Signal::KILL
            }
            2 => {
                b.kernel.trip(id, Exceeded { limit: Limit::Fuel, value: 1, used: 1 });
                Signal::KILL
            }
            _ => {
                b.kernel.kill_exec(first);
                b.kernel.kill(sh, sh.0, Some(Signal::INT)).unwrap();
                Signal::HUP
            }
        };
        b.bury(sh);
        assert_eq!(b.kernel.killed(job), Some(signal), "{how}");
        assert_eq!(b.kernel.killed(old), None, "{how}");
        b.bury(job);
        assert!(!b.over(id).goes_on);
        assert_eq!(b.names(), [old.0]);
        b.kernel.kill_background();
        b.bury(old);
        assert_eq!(b.over(first).end, ExecEnd::Killed);
        assert_eq!(b.names(), [0; 0]);
    }
}

#[test]
fn without_a_session_or_a_background_all_is_hung_up() {
    let mut b = Sandbox::new();
    let (id, sh, _) = b.exec();
    let job = b.spawn(sh);
    b.exit(sh, 0);
    assert_eq!(b.kernel.killed(job), Some(Signal::HUP));
    b.bury(job);
    assert!(!b.over(id).goes_on);
    b.kernel.background.enabled = false;
    let (id, sh, _) = b.session();
    let job = b.spawn(sh);
    b.exit(sh, 0);
    assert_eq!(b.kernel.killed(job), Some(Signal::HUP));
    b.bury(job);
    assert!(!b.over(id).goes_on);
    b.assert_empty();
}

#[test]
fn ids_go_on_in_another_kernel() {
    let mut b = Sandbox::new();
    assert_eq!(b.kernel.session_ids(), None);
    let (_, sh, _) = b.session();
    let last = b.spawn(sh);
    let ids = b.kernel.session_ids().unwrap();
    assert_eq!(ids, SessionIds { shell: sh, last });
    let mut b = Sandbox::new();
    b.kernel.resume_session(ids);
    let (_, sh2, _) = b.session();
    assert_eq!(sh2, sh);
    assert_eq!(b.spawn(sh2), Pid(last.0 + 1));
    let mut b = Sandbox::new();
    b.kernel.resume_session(SessionIds { shell: Pid(-3), last: Pid(i32::MIN) });
    b.kernel.resume_session(SessionIds { shell: Pid(i32::MAX), last: Pid(i32::MAX) });
    let (_, sh, _) = b.session();
    b.spawn(sh);
}

#[test]
fn files_are_replaced_only_where_nothing_runs() {
    let mut b = Sandbox::new();
    let fresh = |files: &[&[u8]]| {
        let mut tree = tree();
        for file in files {
            tree.put_file(file, Bytes::new(), 0o644, 0, 0, 0, None).unwrap();
        }
        Vfs::new(tree, &Limits::default())
    };
    let (id, sh, _) = b.session();
    let job = b.spawn(sh);
    b.exit(sh, 0);
    b.over(id);
    assert_eq!(b.kernel.replace_vfs(fresh(&[])).err(), Some(Errno::Busy));
    b.exit(job, 4);
    b.over(id);
    b.kernel.replace_vfs(fresh(&[b"/tmp/new"])).unwrap();
    let (id, sh, _) = b.session();
    assert!(b.open(sh, "/tmp/new", reading()).is_ok());
    assert!(b.open(sh, "/proc/self/status", reading()).is_ok());
    assert_eq!(b.wait(sh, WaitTarget::Any), ended(job, ExitStatus::Code(4)));
    b.exit(sh, 0);
    b.over(id);
    b.assert_empty();
}
