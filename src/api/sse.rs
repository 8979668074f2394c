//! Streams of server-sent events: one event for each write, comments while nothing happens, and an end when nobody listens.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::{Stream, StreamExt as _};
use serde::Serialize;
use tokio::sync::mpsc;
use tokio::time::timeout;

/// Events that wait for a client that reads slowly before their maker has to.
const WAITING: usize = 16;

/// What says that the connection is still there.
const STILL_HERE: &[u8] = b": still here\n\n";

/// Tells proxies not to collect the answer.
const BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// The end that events are put into.
pub(super) struct Events {
    sender: mpsc::Sender<Bytes>,
    keep_alive: Duration,
}

/// Nobody listens any more.
#[derive(Debug)]
pub(super) struct Gone;

impl Events {
    /// Sends an event; waits while the client does not keep up.
    pub async fn send(&self, name: &str, data: &impl Serialize) -> Result<(), Gone> {
        let data = serde_json::to_string(data).map_err(|_| Gone)?;
        self.write(format!("event: {name}\ndata: {data}\n\n").into()).await
    }

    /// Waits for `what`, and sends comments meanwhile.
    pub async fn during<T>(&self, what: impl Future<Output = T>) -> Result<T, Gone> {
        let mut what = std::pin::pin!(what);
        loop {
            tokio::select! {
                biased;
                done = timeout(self.keep_alive, &mut what) => match done {
                    Ok(done) => return Ok(done),
                    Err(_) => self.write(Bytes::from_static(STILL_HERE)).await?,
                },
                () = self.sender.closed() => return Err(Gone),
            }
        }
    }

    async fn write(&self, bytes: Bytes) -> Result<(), Gone> {
        self.sender.send(bytes).await.map_err(|_| Gone)
    }
}

/// An answer, and the end to put its events into.
pub(super) fn channel(keep_alive: Duration) -> (Events, Response) {
    let (sender, mut receiver) = mpsc::channel(WAITING);
    let stream = futures_util::stream::poll_fn(move |cx| receiver.poll_recv(cx));
    (Events { sender, keep_alive }, answer(stream))
}

/// An answer of frames that are there already, with comments while none comes. It drops the frames when nobody listens any more.
pub(super) fn response(keep_alive: Duration, frames: impl Stream<Item = Bytes> + Send + 'static) -> Response {
    answer(futures_util::stream::unfold(Box::pin(frames), move |mut frames| async move {
        match timeout(keep_alive, frames.next()).await {
            Ok(frame) => Some((frame?, frames)),
            Err(_) => Some((Bytes::from_static(STILL_HERE), frames)),
        }
    }))
}

fn answer(frames: impl Stream<Item = Bytes> + Send + 'static) -> Response {
    let headers = [(CONTENT_TYPE, "text/event-stream; charset=utf-8"), (CACHE_CONTROL, "no-cache"), (BUFFERING, "no")];
    (headers, Body::from_stream(frames.map(Ok::<_, Infallible>))).into_response()
}
