//! Streams of server-sent events: one event for each write, comments while nothing happens, and an end when nobody listens.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::StreamExt as _;
use serde::Serialize;
use tokio::sync::mpsc;
use tokio::time::timeout;

/// Events that wait for a client that reads slowly before their maker has to.
const WAITING: usize = 16;

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
                    Err(_) => self.write(Bytes::from_static(b": still here\n\n")).await?,
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
    let stream = futures_util::stream::poll_fn(move |cx| receiver.poll_recv(cx)).map(Ok::<_, Infallible>);
    let headers = [(CONTENT_TYPE, "text/event-stream; charset=utf-8"), (CACHE_CONTROL, "no-cache"), (BUFFERING, "no")];
    (Events { sender, keep_alive }, (headers, Body::from_stream(stream)).into_response())
}
