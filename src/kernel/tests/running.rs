//! Programs as closures under a small scheduler: what happens when everything runs at once.

use super::*;
use std::collections::VecDeque;

/// A program: called until it is ready with its exit code. It is called again only once its waker was woken.
type Body = Box<dyn FnMut(&mut Kernel, Pid, &Waker) -> Poll<u8>>;

struct Task {
    pid: Pid,
    body: Body,
    woken: Arc<Count>,
}

/// Runs tasks round robin until none can go on. The processes that are left are stuck.
fn run(b: &mut Sandbox, tasks: Vec<(Pid, Body)>) -> Vec<Pid> {
    let mut tasks: VecDeque<Task> =
        tasks.into_iter().map(|(pid, body)| Task { pid, body, woken: Arc::new(Count(AtomicUsize::new(1))) }).collect();
    for task in &tasks {
        b.kernel.set_task_waker(task.pid, Waker::from(Arc::clone(&task.woken)));
    }
    let mut idle = 0;
    while idle < tasks.len() {
        let Some(mut task) = tasks.pop_front() else {
            break;
        };
        if task.woken.0.swap(0, Ordering::SeqCst) == 0 {
            idle += 1;
            tasks.push_back(task);
            continue;
        }
        idle = 0;
        if b.kernel.killed(task.pid).is_some() {
            b.exit(task.pid, 0);
            continue;
        }
        let waker = Waker::from(Arc::clone(&task.woken));
        match (task.body)(&mut b.kernel, task.pid, &waker) {
            Poll::Ready(code) => b.exit(task.pid, code),
            Poll::Pending => tasks.push_back(task),
        }
    }
    tasks.into_iter().map(|task| task.pid).collect()
}

/// Numbers that look random and are the same each time.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, max: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % max
    }
}

/// Writes a known stream of `total` bytes in pieces of random sizes.
fn producer(total: usize, seed: u64) -> Body {
    let mut numbers = Numbers(seed);
    let mut done = 0;
    let mut piece: Vec<u8> = Vec::new();
    Box::new(move |kernel, pid, waker| {
        for _ in 0..10 {
            if piece.is_empty() {
                if done == total {
                    return Poll::Ready(0);
                }
                let size = (1 + numbers.below(200_000)).min(total - done);
                piece = (done..done + size).map(|at| (at % 251) as u8).collect();
            }
            match kernel.poll_write(pid, 1, &piece, waker) {
                Poll::Ready(Ok(count)) => {
                    piece.drain(..count);
                    done += count;
                }
                Poll::Ready(Err(_)) => return Poll::Ready(1),
                Poll::Pending => return Poll::Pending,
            }
        }
        waker.wake_by_ref();
        Poll::Pending
    })
}

/// Copies standard input to standard output.
fn copier(seed: u64) -> Body {
    let mut numbers = Numbers(seed);
    let mut held: Vec<u8> = Vec::new();
    Box::new(move |kernel, pid, waker| {
        loop {
            if held.is_empty() {
                let mut buffer = vec![0; 1 + numbers.below(100_000)];
                match kernel.poll_read(pid, 0, &mut buffer, waker) {
                    Poll::Ready(Ok(0)) => return Poll::Ready(0),
                    Poll::Ready(Ok(count)) => held = buffer[..count].to_vec(),
                    Poll::Ready(Err(_)) => return Poll::Ready(1),
                    Poll::Pending => return Poll::Pending,
                }
            }
            match kernel.poll_write(pid, 1, &held, waker) {
                Poll::Ready(Ok(count)) => drop(held.drain(..count)),
                Poll::Ready(Err(_)) => return Poll::Ready(1),
                Poll::Pending => return Poll::Pending,
            }
        }
    })
}

/// Reads `max` bytes of standard input at most and checks that they are the known stream.
fn checker(max: usize, seen: Arc<AtomicUsize>, seed: u64) -> Body {
    let mut numbers = Numbers(seed);
    Box::new(move |kernel, pid, waker| {
        loop {
            let at = seen.load(Ordering::SeqCst);
            if at >= max {
                return Poll::Ready(0);
            }
            let mut buffer = vec![0; 1 + numbers.below(150_000)];
            match kernel.poll_read(pid, 0, &mut buffer, waker) {
                Poll::Ready(Ok(0)) => return Poll::Ready(0),
                Poll::Ready(Ok(count)) => {
                    for (offset, byte) in buffer[..count].iter().enumerate() {
                        assert_eq!(*byte, ((at + offset) % 251) as u8, "byte {}", at + offset);
                    }
                    seen.fetch_add(count, Ordering::SeqCst);
                }
                Poll::Ready(Err(_)) => return Poll::Ready(1),
                Poll::Pending => return Poll::Pending,
            }
        }
    })
}

/// A pipeline of three; what the last has seen, how they ended.
fn pipeline(total: usize, max: usize, seed: u64) -> (usize, Vec<ExitStatus>) {
    let mut b = Sandbox::new();
    let (id, sh, _) = b.exec();
    let (r1, w1) = b.kernel.pipe(sh, true, false).unwrap();
    let (r2, w2) = b.kernel.pipe(sh, true, false).unwrap();
    let mut stage = |input, output| {
        let actions = [FileAction::Dup2 { fd: 0, src: input }, FileAction::Dup2 { fd: 1, src: output }];
        b.spawn_with(sh, SpawnRequest { actions: &actions, ..SpawnRequest::default() }).unwrap()
    };
    let pids = [stage(0, w1), stage(r1, w2), stage(r2, 1)];
    for fd in [r1, w1, r2, w2] {
        b.kernel.close(sh, fd).unwrap();
    }
    let seen = Arc::new(AtomicUsize::new(0));
    let bodies = [producer(total, seed), copier(seed + 1), checker(max, Arc::clone(&seen), seed + 2)];
    let stuck = run(&mut b, pids.into_iter().zip(bodies).collect());
    assert_eq!(stuck, []);
    let statuses = pids
        .map(|pid| match b.wait(sh, WaitTarget::Pid(pid)) {
            Poll::Ready(Ok(Some(waited))) => waited.status,
            other => panic!("{other:?}"),
        })
        .to_vec();
    b.exit(sh, 0);
    assert!(b.outcome(id).is_ready());
    b.assert_empty();
    (seen.load(Ordering::SeqCst), statuses)
}

#[test]
fn pipelines_lose_nothing() {
    for seed in 0..20 {
        let total = 3_000_000;
        let (seen, statuses) = pipeline(total, usize::MAX, seed);
        assert_eq!((seen, statuses), (total, vec![ExitStatus::Code(0); 3]), "seed {seed}");
    }
}

#[test]
fn a_pipeline_ends_with_its_reader() {
    for seed in 0..20 {
        let (seen, statuses) = pipeline(usize::MAX, 100_000, seed);
        assert!(seen >= 100_000);
        let killed = ExitStatus::Signal(Signal::PIPE);
        assert_eq!(statuses, [killed, killed, ExitStatus::Code(0)], "seed {seed}");
    }
}

/// Random calls of random processes: no panic, and nothing left in the end.
#[test]
fn random_calls_leave_nothing() {
    for seed in 0..100 {
        let mut b = Sandbox::with_limits(Limits { processes: 40, open_files: 64, ..Limits::default() });
        let mut numbers = Numbers(seed);
        let mut execs = Vec::new();
        for _ in 0..3 {
            execs.push(b.exec().0);
        }
        for _ in 0..3000 {
            let pids = b.kernel.procs.pids(|process| !process.is_zombie());
            if pids.is_empty() {
                break;
            }
            let pid = pids[numbers.below(pids.len())];
            if b.kernel.killed(pid).is_some() && numbers.below(3) == 0 {
                b.exit(pid, 0);
                continue;
            }
            step(&mut b, pid, &mut numbers);
        }
        for id in &execs {
            b.kernel.kill_exec(*id);
        }
        for pid in b.kernel.procs.pids(|process| !process.is_zombie()) {
            b.exit(pid, 0);
        }
        for id in execs {
            assert!(b.outcome(id).is_ready(), "seed {seed}");
        }
        b.assert_empty();
    }
}

/// One random call.
fn step(b: &mut Sandbox, pid: Pid, numbers: &mut Numbers) {
    if numbers.below(2) == 0 {
        file_step(b, pid, numbers);
    } else {
        process_step(b, pid, numbers);
    }
}

fn file_step(b: &mut Sandbox, pid: Pid, numbers: &mut Numbers) {
    let fd = numbers.below(12) as Fd - 1;
    let other = numbers.below(12) as Fd;
    let path = "f g fifo /dev/stdin /dev/fd/3 /proc/self/status d /dev/zero /dev/fd/5";
    let path = path.split(' ').nth(numbers.below(9)).unwrap();
    let nonblock = OpenHow { nonblock: true, ..writing() };
    let how = [reading(), writing(), both(), nonblock][numbers.below(4)];
    let lock = [FlockOp::Shared, FlockOp::Exclusive, FlockOp::Unlock][numbers.below(3)];
    let waker = b.waker(pid);
    let kernel = &mut b.kernel;
    match numbers.below(18) {
        0..3 => drop(b.open_how(pid, path, how)),
        3..5 => drop(kernel.close(pid, fd)),
        5..7 => drop(b.read(pid, fd, numbers.below(100_000))),
        7..10 => drop(b.write(pid, fd, &vec![1; numbers.below(100_000)])),
        10 => drop(kernel.dup2(pid, fd, other, numbers.below(2) == 0)),
        11..13 => drop(kernel.pipe(pid, numbers.below(2) == 0, false)),
        13 => drop(kernel.poll_flock(pid, fd, lock, false, &waker)),
        14 => {
            let what = [What::Read(fd), What::Write(fd), What::Clock(i64::MAX)];
            let subscriptions = what.map(|what| Subscription { userdata: 0, what });
            let _ = kernel.poll(pid, &subscriptions, &mut Vec::new(), &waker);
        }
        15 => drop(kernel.mkfifo(pid, AT_FDCWD, b"fifo", 0o666)),
        16 => drop(kernel.unlink(pid, AT_FDCWD, path.as_bytes())),
        _ => drop(kernel.readlink(pid, AT_FDCWD, b"/proc/self/fd/4")),
    }
}

fn process_step(b: &mut Sandbox, pid: Pid, numbers: &mut Numbers) {
    let (one, two) = (numbers.below(12) as Fd, numbers.below(12) as Fd);
    let signal = Signal::from_raw(1 + numbers.below(30) as i32).unwrap();
    let caught = Disposition::Catch { restart: true };
    let to = [Disposition::Default, Disposition::Ignore, caught][numbers.below(3)];
    let waker = b.waker(pid);
    let kernel = &mut b.kernel;
    match numbers.below(16) {
        0..3 => {
            let actions = [FileAction::Dup2 { fd: one, src: two }, FileAction::Close(two)];
            let actions = &actions[..numbers.below(3)];
            let blob = Some(&b"blob"[..]);
            let _ = b.spawn_with(pid, SpawnRequest { actions, blob, ..SpawnRequest::default() });
        }
        3 => drop(kernel.vfork(pid)),
        4 => drop(kernel.exec(pid, b"cat", true, b"cat\0", ENV)),
        5 => drop(kernel.vfork_exit(pid, 1)),
        6 if pid.0 > 4 => b.exit(pid, 1),
        7 => drop(b.wait(pid, WaitTarget::Any)),
        8 if numbers.below(4) == 0 => drop(kernel.kill(pid, one, Some(signal))),
        9 => drop(kernel.sigaction(pid, signal, Some(to))),
        10 => drop(kernel.sigmask(pid, Some((MaskHow::Set, numbers.0)))),
        11 => drop(kernel.take_caught(pid)),
        12 => drop(kernel.alarm(pid, numbers.below(1000) as i64, numbers.below(2) as i64)),
        13 => drop(kernel.poll_pause(pid, 0, &waker)),
        14 => {
            b.clock.advance(500);
            kernel.fire_timers(None);
        }
        15 if numbers.below(20) == 0 => {
            let room = b.fake.charged.load(Ordering::SeqCst) + numbers.below(300_000) as i64;
            b.fake.memory_max.store(room, Ordering::SeqCst);
        }
        _ => {}
    }
}
