//! Signals, alarms, interrupted calls.

use super::*;

const CATCH: Option<Disposition> = Some(Disposition::Catch { restart: false });

#[test]
fn a_fatal_signal_wakes_the_task() {
    let mut b = Sandbox::new();
    let (_, sh, _) = b.exec();
    let child = b.spawn(sh);
    let task = Arc::new(Count::default());
    b.kernel.set_task_waker(child, Waker::from(Arc::clone(&task)));
    assert_eq!(b.read(child, 0, 1), Poll::Pending);
    b.kernel.kill(sh, child.0, None).unwrap();
    assert_eq!(b.kernel.killed(child), None);
    b.kernel.kill(sh, child.0, Some(Signal::TERM)).unwrap();
    b.kernel.kill(sh, child.0, Some(Signal::KILL)).unwrap();
    assert_eq!(b.kernel.killed(child), Some(Signal::TERM), "the first counts");
    assert_eq!(task.0.load(Ordering::SeqCst), 1);
    assert_eq!(b.read(child, 0, 1), Poll::Ready(Err(Errno::Intr)));
    assert_eq!(b.spawn_with(child, SpawnRequest::default()), Err(Errno::Again));
    b.bury(child);
    b.kernel.kill(sh, child.0, Some(Signal::TERM)).unwrap();
    assert_eq!(b.wait(sh, WaitTarget::Any), ended(child, ExitStatus::Signal(Signal::TERM)));
    assert_eq!(b.kernel.kill(sh, child.0, Some(Signal::TERM)), Err(Errno::Srch));
}

#[test]
fn a_caught_signal_interrupts_every_blocking_call() {
    let mut b = Sandbox::new();
    let (_, sh, streams) = b.exec();
    streams.output.lock().unwrap().room = 0;
    b.spawn(sh);
    let (r, w) = b.kernel.pipe(sh, false, false).unwrap();
    b.write(sh, w, &vec![0; pipe::CAPACITY]).is_ready();
    let (r2, _) = b.kernel.pipe(sh, false, false).unwrap();
    let waker = b.waker(sh);
    b.kernel.sigaction(sh, Signal::USR1, Some(Disposition::Catch { restart: true })).unwrap();
    type Call = fn(&mut Kernel, Pid, Fd, Fd, &Waker) -> Poll<Sys<()>>;
    let calls: [Call; 7] = [
        |k, p, r, _, w| k.poll_read(p, r, &mut [0], w).map_ok(|_| ()),
        |k, p, _, wr, w| k.poll_write(p, wr, &[0], w).map_ok(|_| ()),
        |k, p, _, _, w| k.poll_read(p, 0, &mut [0], w).map_ok(|_| ()),
        |k, p, _, _, w| k.poll_write(p, 1, &[0], w).map_ok(|_| ()),
        |k, p, _, _, w| k.poll_wait(p, WaitTarget::Any, false, w).map_ok(|_| ()),
        |k, p, r, _, w| {
            let what = What::Read(r);
            k.poll(p, &[Subscription { userdata: 0, what }], &mut Vec::new(), w)
        },
        |k, p, _, _, w| k.poll_pause(p, 0, w),
    ];
    for call in calls {
        assert_eq!(call(&mut b.kernel, sh, r2, w, &waker), Poll::Pending);
        b.woken(sh);
        b.kernel.kill(sh, sh.0, Some(Signal::USR1)).unwrap();
        assert_eq!(b.woken(sh), 1);
        assert_eq!(call(&mut b.kernel, sh, r2, w, &waker), Poll::Ready(Err(Errno::Intr)));
        let caught = b.kernel.take_caught(sh).unwrap();
        assert_eq!(caught, Caught { signal: Signal::USR1, restart: true });
        assert_eq!(b.kernel.take_caught(sh), None);
        assert_eq!(call(&mut b.kernel, sh, r2, w, &waker), Poll::Pending);
    }
    // What need not wait is not interrupted.
    b.kernel.kill(sh, sh.0, Some(Signal::USR1)).unwrap();
    assert_eq!(b.read_now(sh, r, 5).len(), 5);
}

#[test]
fn masks_hold_signals_back() {
    let mut b = Sandbox::new();
    let (_, sh, _) = b.exec();
    b.kernel.sigaction(sh, Signal::INT, CATCH).unwrap();
    let set = Signal::INT.bit() | Signal::TERM.bit();
    assert_eq!(b.kernel.sigmask(sh, Some((MaskHow::Block, set))), Ok(0));
    b.kernel.kill(sh, 0, Some(Signal::INT)).unwrap();
    b.kernel.kill(sh, 0, Some(Signal::TERM)).unwrap();
    assert_eq!(b.kernel.take_caught(sh), None);
    assert_eq!(b.read(sh, 0, 1), Poll::Pending);
    assert_eq!(b.kernel.sigmask(sh, Some((MaskHow::Unblock, Signal::INT.bit()))), Ok(set));
    assert_eq!(b.read(sh, 0, 1), Poll::Ready(Err(Errno::Intr)));
    assert_eq!(b.kernel.take_caught(sh).unwrap().signal, Signal::INT);
    assert_eq!(b.kernel.sigmask(sh, None), Ok(Signal::TERM.bit()));
    assert_eq!(b.kernel.killed(sh), None);
    b.kernel.sigmask(sh, Some((MaskHow::Set, 0))).unwrap();
    assert_eq!(b.kernel.killed(sh), Some(Signal::TERM));
}

#[test]
fn pause_waits_with_another_mask() {
    let mut b = Sandbox::new();
    let (_, sh, _) = b.exec();
    let waker = b.waker(sh);
    b.kernel.sigaction(sh, Signal::CHLD, CATCH).unwrap();
    b.kernel.sigmask(sh, Some((MaskHow::Block, Signal::CHLD.bit()))).unwrap();
    let child = b.spawn(sh);
    assert_eq!(b.kernel.sigmask(child, None), Ok(Signal::CHLD.bit()), "masks are inherited");
    assert_eq!(b.kernel.poll_pause(sh, 0, &waker), Poll::Pending);
    assert_eq!(b.kernel.sigmask(sh, None), Ok(0));
    b.exit(child, 0);
    assert!(b.woken(sh) > 0);
    assert_eq!(b.kernel.poll_pause(sh, 0, &waker), Poll::Ready(Err(Errno::Intr)));
    assert_eq!(b.kernel.sigmask(sh, None), Ok(Signal::CHLD.bit()));
    assert_eq!(b.kernel.take_caught(sh).unwrap().signal, Signal::CHLD);
    // One that was pending before ends the pause at once.
    let child = b.spawn(sh);
    b.exit(child, 0);
    assert_eq!(b.kernel.take_caught(sh), None);
    assert_eq!(b.kernel.poll_pause(sh, 0, &waker), Poll::Ready(Err(Errno::Intr)));
    assert!(b.kernel.take_caught(sh).is_some());
}

#[test]
fn kill_reaches_groups_and_all() {
    let mut b = Sandbox::new();
    let (_, sh, _) = b.exec();
    let own = b.spawn(sh);
    let other = b.spawn_with(sh, SpawnRequest { pgroup: Some(0), ..SpawnRequest::default() }).unwrap();
    b.kernel.sigaction(sh, Signal::TERM, Some(Disposition::Ignore)).unwrap();
    b.kernel.kill(sh, -other.0, Some(Signal::TERM)).unwrap();
    assert_eq!((b.kernel.killed(other), b.kernel.killed(own)), (Some(Signal::TERM), None));
    b.kernel.kill(sh, 0, Some(Signal::TERM)).unwrap();
    assert_eq!((b.kernel.killed(own), b.kernel.killed(sh)), (Some(Signal::TERM), None));
    let third = b.spawn(sh);
    assert_eq!(b.kernel.sigaction(third, Signal::TERM, None), Ok(Disposition::Ignore), "inherited");
    b.kernel.kill(sh, -1, Some(Signal::KILL)).unwrap();
    assert_eq!((b.kernel.killed(third), b.kernel.killed(sh)), (Some(Signal::KILL), None));
    assert_eq!(b.kernel.kill(sh, -4242, None), Err(Errno::Srch));
    assert_eq!(b.kernel.kill(sh, i32::MIN, None), Err(Errno::Srch));
    assert_eq!(b.kernel.kill(sh, 1, None), Err(Errno::Srch));
}

#[test]
fn kill_needs_permission() {
    let mut b = Sandbox::new();
    let (_, sh, _) = b.exec();
    let root = b
        .kernel
        .start_exec(ExecStart {
            cred: Cred::ROOT,
            ..start(Box::new(Empty), Box::new(TestSink(Arc::new(Mutex::new(Output::default())), false)))
        })
        .unwrap();
    let root = b.kernel.exec_init(root).unwrap();
    assert_eq!(b.kernel.kill(sh, root.0, Some(Signal::TERM)), Err(Errno::Perm));
    assert_eq!(b.kernel.kill(root, sh.0, Some(Signal::TERM)), Ok(()));
}

#[test]
fn kill_and_stop_cannot_be_handled() {
    let mut b = Sandbox::new();
    let (_, sh, _) = b.exec();
    for signal in [Signal::KILL, Signal::STOP] {
        assert_eq!(b.kernel.sigaction(sh, signal, CATCH), Err(Errno::Inval));
        assert_eq!(b.kernel.sigaction(sh, signal, Some(Disposition::Ignore)), Err(Errno::Inval));
        assert_eq!(b.kernel.sigaction(sh, signal, None), Ok(Disposition::Default));
    }
    let child = b.spawn_with(sh, SpawnRequest { sigignore: !0, ..SpawnRequest::default() }).unwrap();
    b.kernel.kill(sh, child.0, Some(Signal::TERM)).unwrap();
    assert_eq!(b.kernel.killed(child), None);
    let grandchild = b.spawn_with(child, SpawnRequest { sigdefault: !0, ..SpawnRequest::default() }).unwrap();
    b.kernel.kill(sh, grandchild.0, Some(Signal::TERM)).unwrap();
    assert_eq!(b.kernel.killed(grandchild), Some(Signal::TERM));
    b.kernel.kill(sh, child.0, Some(Signal::KILL)).unwrap();
    assert_eq!(b.kernel.killed(child), Some(Signal::KILL));
}

#[test]
fn alarms_fire_once_or_again() {
    let mut b = Sandbox::new();
    let (_, sh, _) = b.exec();
    b.kernel.sigaction(sh, Signal::ALRM, CATCH).unwrap();
    let timer = Arc::new(Count::default());
    let timer_waker = Waker::from(Arc::clone(&timer));
    assert_eq!(b.kernel.fire_timers(Some(&timer_waker)), None);
    let start = b.kernel.now();
    const MS: i64 = 1_000_000;
    b.kernel.alarm(sh, 10 * MS, 0).unwrap();
    assert_eq!(timer.0.load(Ordering::SeqCst), 1, "the host learns of the new deadline");
    assert_eq!(b.kernel.fire_timers(Some(&timer_waker)), Some(start + 10 * MS));
    b.clock.advance(10 * MS);
    assert_eq!(b.kernel.fire_timers(None), None);
    assert_eq!(b.kernel.take_caught(sh).unwrap().signal, Signal::ALRM);
    b.kernel.alarm(sh, 5 * MS, 3 * MS).unwrap();
    b.clock.advance(5 * MS);
    assert_eq!(b.kernel.fire_timers(None), Some(start + 18 * MS));
    assert!(b.kernel.take_caught(sh).is_some());
    b.clock.advance(100 * MS);
    assert!(b.kernel.fire_timers(None).unwrap() > b.kernel.now(), "missed ones are not made up for");
    assert!(b.kernel.take_caught(sh).is_some());
    b.kernel.alarm(sh, 0, 0).unwrap();
    assert_eq!(b.kernel.fire_timers(None), None);
    assert_eq!(b.kernel.alarm(sh, -1, 0), Err(Errno::Inval));
    b.kernel.sigaction(sh, Signal::ALRM, Some(Disposition::Default)).unwrap();
    b.kernel.alarm(sh, 1, 0).unwrap();
    b.clock.advance(1);
    b.kernel.fire_timers(None);
    assert_eq!(b.kernel.killed(sh), Some(Signal::ALRM));
}

#[test]
fn a_pending_signal_that_is_no_longer_caught_takes_effect() {
    let mut b = Sandbox::new();
    let (_, sh, _) = b.exec();
    for exec in [true, false] {
        let child = b.spawn(sh);
        b.kernel.sigaction(child, Signal::TERM, CATCH).unwrap();
        b.kernel.sigaction(child, Signal::CHLD, CATCH).unwrap();
        b.kernel.kill(sh, child.0, Some(Signal::CHLD)).unwrap();
        b.kernel.kill(sh, child.0, Some(Signal::TERM)).unwrap();
        assert_eq!(b.kernel.killed(child), None);
        if exec {
            let execed = b.kernel.exec(child, b"/bin/cat", false, b"cat\0", b"");
            assert_eq!(execed, Ok(Execed::Replaced));
        } else {
            let default = Some(Disposition::Default);
            b.kernel.sigaction(child, Signal::CHLD, default).unwrap();
            assert_eq!(b.kernel.killed(child), None);
            b.kernel.sigaction(child, Signal::TERM, default).unwrap();
        }
        assert_eq!(b.kernel.killed(child), Some(Signal::TERM));
    }
}
