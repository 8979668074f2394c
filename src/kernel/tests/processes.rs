//! Spawn, exec, vfork, exit, wait, groups.

use super::*;

#[test]
fn a_child_is_waited_for() {
    let mut b = Sandbox::new();
    let (_, sh, _) = b.exec();
    let child = b.spawn(sh);
    assert_eq!(b.kernel.getppid(child), sh);
    assert_eq!(b.kernel.getppid(sh), Pid::KERNEL);
    assert_eq!(b.wait(sh, WaitTarget::Any), Poll::Pending);
    b.exit(child, 7);
    assert_eq!(b.woken(sh), 1);
    assert_eq!(b.wait(sh, WaitTarget::Any), ended(child, ExitStatus::Code(7)));
    assert_eq!(b.wait(sh, WaitTarget::Any), Poll::Ready(Err(Errno::Child)));
    assert_eq!(ExitStatus::Code(7).to_wait_status(), 7 << 8);
    assert_eq!(ExitStatus::Signal(Signal::TERM).to_wait_status(), 15);
}

#[test]
fn wait_chooses() {
    let mut b = Sandbox::new();
    let (_, sh, _) = b.exec();
    let one = b.spawn(sh);
    let two = b.spawn_with(sh, SpawnRequest { pgroup: Some(0), ..SpawnRequest::default() }).unwrap();
    let three = b.spawn_with(sh, SpawnRequest { pgroup: Some(two.0), ..SpawnRequest::default() }).unwrap();
    assert_eq!(b.kernel.getpgid(sh, three.0), Ok(two));
    assert_eq!(b.kernel.poll_wait(sh, WaitTarget::Any, true, Waker::noop()), Poll::Ready(Ok(None)));
    b.exit(three, 3);
    b.exit(one, 1);
    assert_eq!(b.wait(sh, WaitTarget::Pid(two)), Poll::Pending);
    assert_eq!(b.wait(sh, WaitTarget::Group(0)), ended(one, ExitStatus::Code(1)));
    assert_eq!(b.wait(sh, WaitTarget::Group(0)), Poll::Ready(Err(Errno::Child)));
    assert_eq!(b.wait(sh, WaitTarget::Group(two.0)), ended(three, ExitStatus::Code(3)));
    assert_eq!(b.wait(sh, WaitTarget::Pid(three)), Poll::Ready(Err(Errno::Child)));
    assert_eq!(b.wait(sh, WaitTarget::Pid(sh)), Poll::Ready(Err(Errno::Child)));
    b.exit(two, 2);
    assert_eq!(b.wait(sh, WaitTarget::Pid(two)), ended(two, ExitStatus::Code(2)));
}

#[test]
fn usage_of_children_adds_up() {
    let mut b = Sandbox::new();
    let (_, sh, _) = b.exec();
    let child = b.spawn(sh);
    let grandchild = b.spawn(child);
    let usage = |n| Usage { fuel: n, cpu_ns: n, memory_peak_bytes: n };
    b.kernel.exited(grandchild, ExitStatus::Code(0), usage(5));
    assert!(b.wait(child, WaitTarget::Any).is_ready());
    assert_eq!(b.kernel.usage_children(child), usage(5));
    b.kernel.add_usage(child, usage(2));
    b.kernel.exited(child, ExitStatus::Code(0), usage(3));
    assert_eq!(b.kernel.usage_children(sh), Usage::default());
    assert!(b.wait(sh, WaitTarget::Any).is_ready());
    assert_eq!(b.kernel.usage_children(sh), Usage { fuel: 10, cpu_ns: 10, memory_peak_bytes: 5 });
}

#[test]
fn orphans_belong_to_the_kernel() {
    let mut b = Sandbox::new();
    let (id, sh, _) = b.exec();
    let child = b.spawn(sh);
    let (running, zombie) = (b.spawn(child), b.spawn(child));
    b.exit(zombie, 0);
    assert_eq!(b.kernel.process_count(), 4);
    b.exit(child, 0);
    assert_eq!(b.kernel.process_count(), 3);
    assert_eq!(b.kernel.getppid(running), Pid::KERNEL);
    b.exit(running, 0);
    assert_eq!(b.kernel.process_count(), 2);
    b.exit(sh, 0);
    assert!(b.outcome(id).is_ready());
    b.assert_empty();
}

#[test]
fn ignoring_sigchld_leaves_no_zombies() {
    let mut b = Sandbox::new();
    let (_, sh, _) = b.exec();
    b.kernel.sigaction(sh, Signal::CHLD, Some(Disposition::Ignore)).unwrap();
    let child = b.spawn(sh);
    assert_eq!(b.wait(sh, WaitTarget::Any), Poll::Pending);
    b.exit(child, 0);
    assert_eq!(b.woken(sh), 1);
    assert_eq!(b.wait(sh, WaitTarget::Any), Poll::Ready(Err(Errno::Child)));
}

#[test]
fn close_on_exec_and_actions() {
    let mut b = Sandbox::new();
    let (_, sh, _) = b.exec();
    let (r, w) = b.kernel.pipe(sh, true, false).unwrap();
    let kept = b.kernel.dup(sh, r, 10, false).unwrap();
    assert_eq!(kept, 10);
    let actions = [FileAction::Dup2 { fd: 0, src: r }, FileAction::Close(1), FileAction::Close(77)];
    let child = b.spawn_with(sh, SpawnRequest { actions: &actions, ..SpawnRequest::default() }).unwrap();
    let open: Vec<Fd> = (0..20).filter(|&fd| b.kernel.fdstat(child, fd).is_ok()).collect();
    assert_eq!(open, [0, 2, 10]);
    b.write(sh, w, b"in").is_ready();
    assert_eq!(b.read_now(child, 0, 9), b"in");
    assert_eq!(b.kernel.cloexec(child, 0, None), Ok(false));
    let bad = [FileAction::Dup2 { fd: 5, src: 4 }, FileAction::Dup2 { fd: 0, src: 99 }];
    let files = b.kernel.files.len();
    assert_eq!(b.spawn_with(sh, SpawnRequest { actions: &bad, ..SpawnRequest::default() }), Err(Errno::BadF));
    let bad = [FileAction::Dup2 { fd: 100_000, src: 0 }];
    assert_eq!(b.spawn_with(sh, SpawnRequest { actions: &bad, ..SpawnRequest::default() }), Err(Errno::BadF));
    assert_eq!(b.kernel.files.len(), files);
    // The failed children hold no write end: the end is seen.
    b.kernel.close(sh, w).unwrap();
    assert_eq!(b.read_now(child, 0, 9), b"");
}

#[test]
fn spawn_sets_directory_blob_and_arguments() {
    let mut b = Sandbox::new();
    let (_, sh, _) = b.exec();
    let request = SpawnRequest {
        program: b"cat",
        search_path: true,
        argv: b"cat\0-\0",
        env: ENV,
        cwd: Some(b"/tmp"),
        blob: Some(b"state"),
        ..SpawnRequest::default()
    };
    let child = b.kernel.spawn(sh, &request).unwrap();
    assert_eq!(b.kernel.getcwd(child).unwrap(), b"/tmp");
    assert_eq!(b.kernel.blob(child), b"state");
    let launches = b.fake.launches.lock().unwrap();
    let launch = launches.last().unwrap();
    assert_eq!(launch.program, Program::OfImage(ProgramId([1; 32])));
    assert_eq!((&*launch.argv, &*launch.env), (&b"cat\0-\0"[..], ENV));
    assert!(Arc::ptr_eq(&launch.env, &launches[0].env), "an equal environment is shared");
    drop(launches);
}

#[test]
fn bad_spawns_are_refused() {
    let mut b = Sandbox::new();
    let (_, sh, _) = b.exec();
    let request = SpawnRequest { program: b"/bin/cat", argv: b"cat\0", env: ENV, ..SpawnRequest::default() };
    assert_eq!(b.kernel.spawn(sh, &SpawnRequest { cwd: Some(b"/nowhere"), ..request }), Err(Errno::NoEnt));
    assert_eq!(b.kernel.spawn(sh, &SpawnRequest { cwd: Some(b"/bin/cat"), ..request }), Err(Errno::NotDir));
    assert_eq!(b.kernel.spawn(sh, &SpawnRequest { pgroup: Some(4242), ..request }), Err(Errno::Perm));
    assert_eq!(b.kernel.spawn(sh, &SpawnRequest { argv: b"unterminated", ..request }), Err(Errno::Inval));
    let long = vec![0; b.kernel.limits().argument_bytes as usize + 1];
    assert_eq!(b.kernel.spawn(sh, &SpawnRequest { argv: &long, ..request }), Err(Errno::TooBig));
}

#[test]
fn a_refused_launch_leaves_nothing() {
    let mut b = Sandbox::new();
    let (id, sh, _) = b.exec();
    b.fake.refuse.store(1, Ordering::SeqCst);
    assert_eq!(b.spawn_with(sh, SpawnRequest::default()), Err(Errno::Again));
    assert_eq!(b.kernel.exec(sh, b"/bin/cat", false, b"cat\0", b"").map(|_| ()), Err(Errno::Again));
    assert_eq!(b.wait(sh, WaitTarget::Any), Poll::Ready(Err(Errno::Child)));
    let none = b.kernel.start_exec(start(Box::new(Empty), Box::new(Null)));
    assert_eq!(none, Err(Errno::Again));
    b.exit(sh, 0);
    assert!(b.outcome(id).is_ready());
    b.assert_empty();
}

struct Null;

impl Sink for Null {
    fn poll_write(&mut self, from: &[u8], _: &Waker) -> Poll<Sys<usize>> {
        Poll::Ready(Ok(from.len()))
    }
}

#[test]
fn exec_replaces_the_program() {
    let mut b = Sandbox::new();
    let (_, sh, _) = b.exec();
    let (r, w) = b.kernel.pipe(sh, true, false).unwrap();
    b.kernel.sigaction(sh, Signal::INT, Some(Disposition::Catch { restart: false })).unwrap();
    b.kernel.sigaction(sh, Signal::QUIT, Some(Disposition::Ignore)).unwrap();
    assert_eq!(b.kernel.exec(sh, b"/bin/nothing", false, b"x\0", b""), Err(Errno::NoEnt));
    assert!(b.kernel.fdstat(sh, r).is_ok(), "a failed exec closes nothing");
    assert_eq!(b.kernel.exec(sh, b"/bin/cat", false, b"cat\0", b"A=1\0"), Ok(Execed::Replaced));
    let launch = b.fake.launches.lock().unwrap().pop().unwrap();
    assert_eq!((launch.pid, &*launch.argv, &*launch.env), (sh, &b"cat\0"[..], &b"A=1\0"[..]));
    assert!(b.kernel.fdstat(sh, r).is_err() && b.kernel.fdstat(sh, w).is_err());
    assert!(b.kernel.fdstat(sh, 0).is_ok());
    assert_eq!(b.kernel.sigaction(sh, Signal::INT, None), Ok(Disposition::Default));
    assert_eq!(b.kernel.sigaction(sh, Signal::QUIT, None), Ok(Disposition::Ignore));
}

#[test]
fn vfork_then_exec() {
    let mut b = Sandbox::new();
    let (_, sh, _) = b.exec();
    let (r, w) = b.kernel.pipe(sh, true, false).unwrap();
    let child = b.kernel.vfork(sh).unwrap();
    // The child acts with its own descriptors, directory and signals.
    b.kernel.dup2(child, w, 1, false).unwrap();
    b.kernel.chdir(child, b"/tmp").unwrap();
    b.kernel.sigaction(child, Signal::INT, Some(Disposition::Ignore)).unwrap();
    assert_eq!(b.kernel.exec(child, b"/bin/none", false, b"x\0", b""), Err(Errno::NoEnt));
    let execed = b.kernel.exec(child, b"/bin/cat", false, b"cat\0", ENV);
    assert_eq!(execed, Ok(Execed::Child { parent: sh }));
    assert_eq!(b.kernel.getcwd(sh).unwrap(), b"/home/user");
    assert_eq!(b.kernel.sigaction(sh, Signal::INT, None), Ok(Disposition::Default));
    assert_eq!(b.fake.launches.lock().unwrap().last().unwrap().pid, child);
    b.write(child, 1, b"out").is_ready();
    assert_eq!(b.read_now(sh, r, 9), b"out");
    b.kernel.close(sh, w).unwrap();
    b.exit(child, 3);
    assert_eq!(b.read_now(sh, r, 9), b"");
    assert_eq!(b.wait(sh, WaitTarget::Pid(child)), ended(child, ExitStatus::Code(3)));
}

#[test]
fn vfork_then_exit() {
    let mut b = Sandbox::new();
    let (_, sh, _) = b.exec();
    let child = b.kernel.vfork(sh).unwrap();
    let nested = b.kernel.vfork(child).unwrap();
    assert_eq!(b.kernel.vfork_exit(nested, 1), Ok(child));
    assert_eq!(b.wait(child, WaitTarget::Any), ended(nested, ExitStatus::Code(1)));
    assert_eq!(b.kernel.vfork_exit(child, 127), Ok(sh));
    assert_eq!(b.kernel.vfork_exit(sh, 0), Err(Errno::Inval));
    assert_eq!(b.wait(sh, WaitTarget::Any), ended(child, ExitStatus::Code(127)));
}

#[test]
fn a_vfork_child_dies_when_it_gives_the_memory_back() {
    let mut b = Sandbox::new();
    let (_, sh, _) = b.exec();
    let child = b.kernel.vfork(sh).unwrap();
    b.kernel.kill(child, child.0, Some(Signal::TERM)).unwrap();
    assert_eq!(b.kernel.killed(child), Some(Signal::TERM));
    assert_eq!(b.read(child, 0, 1), Poll::Ready(Err(Errno::Intr)));
    let before = b.fake.launches.lock().unwrap().len();
    let execed = b.kernel.exec(child, b"/bin/cat", false, b"cat\0", b"");
    assert_eq!(execed, Ok(Execed::Child { parent: sh }));
    assert_eq!(b.fake.launches.lock().unwrap().len(), before);
    assert_eq!(b.wait(sh, WaitTarget::Any), ended(child, ExitStatus::Signal(Signal::TERM)));
    let child = b.kernel.vfork(sh).unwrap();
    b.kernel.kill(child, child.0, Some(Signal::TERM)).unwrap();
    assert_eq!(b.kernel.vfork_exit(child, 0), Ok(sh));
    assert_eq!(b.wait(sh, WaitTarget::Any), ended(child, ExitStatus::Signal(Signal::TERM)));
}

#[test]
fn lender_and_borrower_end_together() {
    let mut b = Sandbox::new();
    let (id, sh, _) = b.exec();
    let user = b.spawn(sh);
    let child = b.kernel.vfork(user).unwrap();
    // The program ends as the child: it is one instance.
    b.kernel.exited(child, ExitStatus::Code(4), Usage { fuel: 9, ..Usage::default() });
    assert_eq!(b.wait(sh, WaitTarget::Any), ended(user, ExitStatus::Code(4)));
    let user = b.spawn(sh);
    let child = b.kernel.vfork(user).unwrap();
    b.kernel.kill(sh, user.0, Some(Signal::TERM)).unwrap();
    b.bury(user);
    assert_eq!(b.wait(sh, WaitTarget::Any), ended(user, ExitStatus::Signal(Signal::TERM)));
    assert_eq!(b.kernel.killed(child), Some(Signal::KILL), "it is gone");
    b.exit(sh, 0);
    let Poll::Ready(outcome) = b.outcome(id) else { panic!("over") };
    assert_eq!(outcome.metering.fuel, 9);
    assert_eq!(outcome.metering.processes_total, 5);
    b.assert_empty();
}

#[test]
fn groups_and_sessions() {
    let mut b = Sandbox::new();
    let (_, sh, _) = b.exec();
    let (one, two) = (b.spawn(sh), b.spawn(sh));
    assert_eq!(b.kernel.getpgid(sh, 0), Ok(sh));
    assert_eq!(b.kernel.getsid(one, 0), Ok(sh));
    assert_eq!(b.kernel.setsid(sh), Err(Errno::Perm));
    assert_eq!(b.kernel.setpgid(sh, 0, 0), Err(Errno::Perm), "a session's leader");
    b.kernel.setpgid(sh, one.0, 0).unwrap();
    b.kernel.setpgid(sh, two.0, one.0).unwrap();
    assert_eq!(b.kernel.getpgid(two, 0), Ok(one));
    assert_eq!(b.kernel.setpgid(one, two.0, 0), Err(Errno::Srch), "not its child");
    assert_eq!(b.kernel.setpgid(sh, two.0, 4242), Err(Errno::Perm));
    assert_eq!(b.kernel.setpgid(sh, -1, 0), Err(Errno::Inval));
    assert_eq!(b.kernel.setsid(two), Ok(two));
    assert_eq!(b.kernel.getsid(sh, two.0), Ok(two));
    assert_eq!(b.kernel.setpgid(sh, two.0, 0), Err(Errno::Perm), "another session");
    assert_eq!(b.kernel.setsid(one), Err(Errno::Perm), "a group's leader");
    assert_eq!(b.kernel.getpgid(sh, 4242), Err(Errno::Srch));
}

#[test]
fn ids_are_used_again_late() {
    let mut b = Sandbox::new();
    let (_, sh, _) = b.exec();
    let mut last = sh;
    for _ in 0..100 {
        let child = b.spawn(sh);
        assert!(child > last);
        last = child;
        b.exit(child, 0);
        assert!(b.wait(sh, WaitTarget::Any).is_ready());
    }
    b.kernel.procs.set_last_pid(4_194_303);
    let child = b.spawn(sh);
    assert!(child.0 >= 2 && child != sh, "{child:?}");
    assert_ne!(b.spawn(sh), child);
}
