//! A sandbox's tasks: run one at a time, first on the thread that starts an exec, then on the sandbox's worker.
//!
//! Most commands are over in less time than it takes to wake another thread. So whoever starts an exec in an idle sandbox runs it for
//! [`BURST`], and a worker takes over what is left.

use std::collections::VecDeque;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use futures_util::stream::{FuturesUnordered, StreamExt};

use tokio::task::unconstrained;

use super::process::lock;
use super::worker::Worker;

/// How long an exec may keep the thread that starts it; it then runs to the end of its slice of fuel, which is about half a millisecond.
const BURST: Duration = Duration::from_micros(500);

/// How long a worker stays with one sandbox while others wait; it is longer by the slices of two processes.
const ROUND: Duration = Duration::from_millis(1);

type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The tasks of one sandbox. `clone` is a reference.
#[derive(Clone, Default)]
pub(super) struct Tasks(Arc<Mutex<Queue>>);

#[derive(Default)]
struct Queue {
    /// Those that have not been taken up yet.
    arrived: VecDeque<Task>,
    /// Somebody runs them: a [`Turn`] or a [`Driver`].
    driven: bool,
    /// Wakes who does.
    waker: Option<Waker>,
}

impl Tasks {
    /// Adds a task. `worker` runs it unless somebody runs the others already. One that panics is given up, the others go on.
    pub fn add(&self, worker: &Worker, task: impl Future<Output = ()> + Send + 'static) {
        let task = AssertUnwindSafe(task).catch_unwind().map(drop).boxed();
        let mut queue = lock(&self.0);
        queue.arrived.push_back(task);
        if !queue.driven {
            queue.driven = true;
            drop(queue);
            worker.spawn(self.driver(false));
        } else if let Some(waker) = queue.waker.take() {
            waker.wake();
        }
    }

    /// The turn to run the tasks on this thread, if nobody does.
    pub fn turn(&self, worker: &Worker) -> Option<Turn> {
        let mut queue = lock(&self.0);
        let is_free = !std::mem::replace(&mut queue.driven, true);
        is_free.then(|| Turn { driver: Some(self.driver(true)), worker: worker.clone(), ends: Instant::now() + BURST })
    }

    fn driver(&self, stays: bool) -> Driver {
        Driver { tasks: self.clone(), running: FuturesUnordered::new(), stays }
    }
}

/// Runs a sandbox's tasks until there are none.
struct Driver {
    tasks: Tasks,
    running: FuturesUnordered<Task>,
    /// A [`Turn`]'s: more may come though there are none.
    stays: bool,
}

impl Future for Driver {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let started = Instant::now();
        let mut waits = false;
        loop {
            let arrived = {
                let mut queue = lock(&self.tasks.0);
                if queue.arrived.is_empty() {
                    if self.running.is_empty() {
                        queue.driven = self.stays;
                        return Poll::Ready(());
                    }
                    if waits {
                        return Poll::Pending;
                    }
                }
                queue.waker = Some(cx.waker().clone());
                std::mem::take(&mut queue.arrived)
            };
            self.running.extend(arrived);
            // Tasks that start others without end must not keep the worker from other sandboxes.
            if started.elapsed() > ROUND {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            // It waits too when two tasks have used up their slices of fuel, and has woken itself.
            waits = self.running.poll_next_unpin(cx).is_pending();
        }
    }
}

/// The right to run a sandbox's tasks on this thread. What is left when it is dropped goes to the worker.
pub(super) struct Turn {
    driver: Option<Driver>,
    worker: Worker,
    ends: Instant,
}

impl Turn {
    /// Runs the tasks until all that are left wait, or [`BURST`] is over.
    pub fn run(&mut self) {
        let Some(driver) = &mut self.driver else { return };
        // Timers and blocking work belong to the runtime that goes on with them.
        let _runtime = self.worker.enter();
        let woken = Arc::new(Woken::default());
        let waker = Waker::from(woken.clone());
        let mut cx = Context::from_waker(&waker);
        while Pin::new(&mut unconstrained(&mut *driver)).poll(&mut cx).is_pending() {
            if !woken.0.swap(false, Ordering::Relaxed) || Instant::now() >= self.ends {
                return;
            }
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let Some(mut driver) = self.driver.take() else { return };
        driver.stays = false;
        let mut queue = lock(&driver.tasks.0);
        if queue.arrived.is_empty() && driver.running.is_empty() {
            queue.driven = false;
            return;
        }
        drop(queue);
        self.worker.spawn(driver);
    }
}

/// Remembers that a task was woken.
#[derive(Default)]
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}
