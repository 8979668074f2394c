//! Ending a run from elsewhere.

use tokio::sync::watch;

/// Ends a run: cloned to whoever may.
#[derive(Clone, Debug)]
pub struct Canceller(watch::Sender<bool>);

/// A run's side: whether it was cancelled.
#[derive(Clone, Debug)]
pub struct Cancelled(watch::Receiver<bool>);

/// The two sides of a run's cancellation.
pub fn cancellation() -> (Canceller, Cancelled) {
    let (send, receive) = watch::channel(false);
    (Canceller(send), Cancelled(receive))
}

impl Canceller {
    /// Ends the run: its commands are killed, what they did so far is kept. The second time does nothing.
    pub fn cancel(&self) {
        self.0.send_replace(true);
    }
}

impl Cancelled {
    /// Whether it was.
    pub fn is_set(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits until it is; for ever if nobody can any more.
    pub async fn wait(&self) {
        let mut receive = self.0.clone();
        if receive.wait_for(|cancelled| *cancelled).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Does something unless and until it is cancelled.
    pub async fn unless<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            () = self.wait() => None,
            done = work => Some(done),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_cancelled_ends_and_the_rest_goes_on() {
        let (canceller, cancelled) = cancellation();
        assert_eq!(cancelled.unless(async { 1 }).await, Some(1));
        canceller.cancel();
        canceller.cancel();
        assert!(cancelled.is_set());
        assert_eq!(cancelled.unless(std::future::pending::<()>()).await, None);
        let (canceller, cancelled) = cancellation();
        drop(canceller);
        assert_eq!(cancelled.unless(tokio::task::yield_now()).await, Some(()), "nobody can cancel it");
    }
}
