//! A stream made by async code that sends its pieces. Nothing runs but while the stream is polled, and dropping it drops the code.

use futures_util::stream::{self, BoxStream, StreamExt as _};
use tokio::sync::mpsc;

use super::{Delta, ModelError};

/// Pieces that wait for who reads them before their maker has to.
const WAITING: usize = 64;

/// The end that pieces are put into.
pub(super) struct Pieces {
    sender: mpsc::Sender<Delta>,
    begun: bool,
}

impl Pieces {
    /// Hands on a piece; waits while nobody reads.
    pub async fn send(&mut self, piece: Delta) {
        self.begun = true;
        // The other end is gone only with the stream, and with it the code that calls this.
        let _ = self.sender.send(piece).await;
    }

    /// Whether a piece has been handed on.
    pub fn begun(&self) -> bool {
        self.begun
    }
}

/// The pieces that `make` sends; its error, if it ends with one, comes last.
pub(super) fn stream<F>(make: impl FnOnce(Pieces) -> F) -> BoxStream<'static, Result<Delta, ModelError>>
where
    F: Future<Output = Result<(), ModelError>> + Send + 'static,
{
    let (sender, mut receiver) = mpsc::channel(WAITING);
    let mut maker = Some(Box::pin(make(Pieces { sender, begun: false })));
    let mut error = None;
    stream::poll_fn(move |cx| {
        if let Some(running) = &mut maker
            && let std::task::Poll::Ready(ended) = running.as_mut().poll(cx)
        {
            error = ended.err();
            maker = None;
        }
        receiver.poll_recv(cx).map(|piece| piece.map(Ok).or_else(|| error.take().map(Err)))
    })
    .boxed()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn all_pieces_come_and_then_the_error() {
        let made = stream(|mut pieces| async move {
            for i in 0..3 * WAITING {
                pieces.send(Delta::Text(i.to_string())).await;
            }
            Err(ModelError::Cut { model: "m".into() })
        });
        let all: Vec<_> = made.collect().await;
        assert_eq!(all.len(), 3 * WAITING + 1);
        assert_eq!(all[5], Ok(Delta::Text("5".into())));
        assert!(all.last().is_some_and(Result::is_err));
    }

    #[tokio::test]
    async fn dropping_the_stream_drops_its_maker() {
        struct Flag(#[allow(dead_code)] std::sync::Arc<()>);
        let alive = std::sync::Arc::new(());
        let flag = Flag(alive.clone());
        let mut made = stream(|mut pieces| async move {
            let _flag = flag;
            pieces.send(Delta::Text("a".into())).await;
            std::future::pending().await
        });
        assert_eq!(made.next().await, Some(Ok(Delta::Text("a".into()))));
        assert_eq!(std::sync::Arc::strong_count(&alive), 2);
        drop(made);
        assert_eq!(std::sync::Arc::strong_count(&alive), 1);
    }
}
