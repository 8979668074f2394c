//! Memory for request bodies: counted as they arrive, of all requests together, until each request is answered.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::body::{Body, HttpBody as _};
use futures_util::TryStreamExt as _;

/// What all bodies may take together.
pub(super) struct Bodies {
    most: u64,
    held: AtomicU64,
}

/// What one request's body takes; given back when dropped.
pub(super) struct Hold {
    bodies: Arc<Bodies>,
    bytes: AtomicU64,
}

/// There is no memory left for a body.
#[derive(Debug, thiserror::Error)]
#[error("there is no memory left for request bodies")]
struct Exhausted;

impl Bodies {
    /// At most `most` bytes.
    pub fn new(most: u64) -> Arc<Bodies> {
        Arc::new(Bodies { most, held: AtomicU64::new(0) })
    }

    /// What all bodies take now, in bytes.
    pub fn held(&self) -> u64 {
        self.held.load(Ordering::Relaxed)
    }

    /// Counts what comes of `body` for as long as the hold is kept. A body without content needs none.
    pub fn count(self: &Arc<Self>, body: Body) -> (Body, Option<Arc<Hold>>) {
        if body.is_end_stream() {
            return (body, None);
        }
        let hold = Arc::new(Hold { bodies: self.clone(), bytes: AtomicU64::new(0) });
        let counting = hold.clone();
        let pieces = body.into_data_stream().and_then(move |piece| {
            let taken = counting.take(piece.len() as u64);
            std::future::ready(if taken { Ok(piece) } else { Err(axum::Error::new(Exhausted)) })
        });
        (Body::from_stream(pieces), Some(hold))
    }
}

impl Hold {
    fn take(&self, bytes: u64) -> bool {
        let held = &self.bodies.held;
        let more = |held: u64| held.checked_add(bytes).filter(|sum| *sum <= self.bodies.most);
        let taken = held.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_ok();
        if taken {
            self.bytes.fetch_add(bytes, Ordering::Relaxed);
        }
        taken
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.bodies.held.fetch_sub(*self.bytes.get_mut(), Ordering::Relaxed);
    }
}

/// Whether a body could not be read because there was no memory left.
pub(super) fn is_exhausted(error: &axum::Error) -> bool {
    let mut cause = Some(error as &(dyn Error + 'static));
    while let Some(error) = cause {
        if error.is::<Exhausted>() {
            return true;
        }
        cause = error.source();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt as _;

    #[test]
    fn all_bodies_share_what_there_is() {
        let bodies = Bodies::new(10);
        let read = |body: Body| axum::body::to_bytes(body, usize::MAX).now_or_never().expect("it is all there");
        let (first, hold) = bodies.count(Body::from("1234567"));
        assert_eq!(read(first).expect("it fits"), "1234567");
        let (second, other) = bodies.count(Body::from("1234"));
        assert!(is_exhausted(&read(second).expect_err("it does not fit any more")));
        drop((hold, other));
        assert_eq!(bodies.held(), 0);
        let (third, _hold) = bodies.count(Body::from("1234567890"));
        assert!(read(third).is_ok(), "there is room again");
        assert!(bodies.count(Body::empty()).1.is_none());
    }
}
