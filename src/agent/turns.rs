//! Turns: of many responses each makes a step, then the next one does, so that none is done before others have begun.
//!
//! The runtime's own queues do not see to that: a step that is over without a wait goes on with the next, and of those that wait some are always
//! woken sooner. A turn is for what keeps the processors busy: who waits for a model gives it back, and so does a call that takes its time.

use std::future::poll_fn;
use std::pin::pin;
use std::thread::available_parallelism;
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};

/// Turns for each processor: while one is in the hands of another thread, there is something to do.
const EACH: usize = 2;

/// How long a turn is kept for a step's calls. Most commands take less.
const WHILE: Duration = Duration::from_millis(5);

/// The line that steps wait in: first come, first served.
pub(super) struct Turns(Semaphore);

/// The right to make a step. Who has one must go on, or give it back.
pub(super) struct Turn<'a>(Option<SemaphorePermit<'a>>);

impl Turns {
    /// As many as keep this machine busy.
    pub fn new() -> Turns {
        Turns(Semaphore::new(EACH * available_parallelism().map_or(1, usize::from)))
    }

    /// Waits for one.
    pub async fn take(&self) -> Turn<'_> {
        Turn(self.0.acquire().await.ok())
    }
}

impl Turn<'_> {
    /// Does `work`, with the turn until there is something to wait for.
    pub async fn until_it_waits<T>(&mut self, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        poll_fn(|cx| {
            let polled = work.as_mut().poll(cx);
            if polled.is_pending() {
                self.0 = None;
            }
            polled
        })
        .await
    }

    /// Does `work`, with the turn, if it is still there, for a while.
    pub async fn for_a_while<T>(self, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        let Some(turn) = self.0 else { return work.await };
        tokio::select! {
            biased;
            done = &mut work => return done,
            () = tokio::time::sleep(WHILE) => drop(turn),
        }
        work.await
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use futures_util::future::join_all;

    use super::*;

    #[tokio::test]
    async fn steps_are_made_in_turn() {
        let (turns, made) = (Turns(Semaphore::new(1)), RefCell::new(Vec::new()));
        let response = async |number: usize| {
            for step in 0..3 {
                let mut turn = turns.take().await;
                turn.until_it_waits(async { made.borrow_mut().push((step, number)) }).await;
                turn.for_a_while(tokio::task::yield_now()).await;
            }
        };
        join_all((0..4).map(response)).await;
        let expected: Vec<_> = (0..3).flat_map(|step| (0..4).map(move |number| (step, number))).collect();
        assert_eq!(made.into_inner(), expected);
    }

    #[tokio::test]
    async fn who_waits_holds_nobody_up() {
        let turns = Turns(Semaphore::new(1));
        let for_ever = || std::future::pending::<()>();
        let model = async { turns.take().await.until_it_waits(for_ever()).await };
        let command = async { turns.take().await.for_a_while(for_ever()).await };
        let others = async { turns.take().await.for_a_while(async { "done" }).await };
        let done = tokio::select! { () = model => "", () = command => "", done = others => done };
        assert_eq!(done, "done");
    }
}
