//! Workers: OS threads that each run the tasks of their sandboxes.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use tokio::runtime::{Builder, EnterGuard, Handle};
use tokio::sync::watch;

/// The engine's threads. They end when this is dropped.
pub(super) struct Workers {
    workers: Vec<Worker>,
    _stop: watch::Sender<()>,
}

/// One of the engine's threads.
#[derive(Clone)]
pub(super) struct Worker {
    handle: Handle,
    /// Execs it runs.
    execs: Arc<AtomicUsize>,
}

/// An exec on a worker, counted for as long as this lives.
pub(super) struct Busy(Arc<AtomicUsize>);

impl Worker {
    /// Runs `task` on the thread.
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.handle.spawn(task);
    }

    /// Makes the thread's runtime this one's, for as long as the guard lives.
    pub fn enter(&self) -> EnterGuard<'_> {
        self.handle.enter()
    }

    /// Counts an exec.
    pub fn busy(&self) -> Busy {
        self.execs.fetch_add(1, Ordering::Relaxed);
        Busy(self.execs.clone())
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Workers {
    pub fn start(count: usize) -> std::io::Result<Workers> {
        let (stop, stopped) = watch::channel(());
        let mut workers = Vec::new();
        for n in 0..count.max(1) {
            let runtime = Builder::new_current_thread().enable_time().build()?;
            workers.push(Worker { handle: runtime.handle().clone(), execs: Arc::default() });
            let mut stopped = stopped.clone();
            thread::Builder::new()
                .name(format!("coquina-{n}"))
                // `changed` ends with an error when the sender is gone: the engine was dropped.
                .spawn(move || runtime.block_on(async move { while stopped.changed().await.is_ok() {} }))?;
        }
        Ok(Workers { workers, _stop: stop })
    }

    /// The worker with the fewest execs; the first of several, whose caches are warm.
    pub fn least_busy(&self) -> &Worker {
        let least = self.workers.iter().min_by_key(|w| w.execs.load(Ordering::Relaxed));
        least.expect("there is at least one worker")
    }
}
