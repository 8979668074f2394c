//! Workers: OS threads that each run the processes of their sandboxes, one at a time, as fibers.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use tokio::runtime::{Builder, Handle};
use tokio::sync::watch;

/// The engine's threads. They end when this is dropped.
pub(super) struct Workers {
    handles: Vec<Handle>,
    next: AtomicUsize,
    _stop: watch::Sender<()>,
}

impl Workers {
    pub fn start(count: usize) -> std::io::Result<Workers> {
        let (stop, stopped) = watch::channel(());
        let mut handles = Vec::new();
        for n in 0..count.max(1) {
            let runtime = Builder::new_current_thread().enable_time().build()?;
            handles.push(runtime.handle().clone());
            let mut stopped = stopped.clone();
            thread::Builder::new()
                .name(format!("coquina-{n}"))
                // `changed` ends with an error when the sender is gone: the engine was dropped.
                .spawn(move || runtime.block_on(async move { while stopped.changed().await.is_ok() {} }))?;
        }
        Ok(Workers { handles, next: AtomicUsize::new(0), _stop: stop })
    }

    /// The worker for a new sandbox: each in turn.
    pub fn assign(&self) -> Handle {
        let n = self.next.fetch_add(1, Ordering::Relaxed);
        self.handles[n % self.handles.len()].clone()
    }
}
