//! An upstream that says what a test tells it to, byte by byte, and remembers what it was asked.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Response, Uri};
use coquina::agent::model::{Host, Model, Models};
use futures_util::{StreamExt as _, stream};
use serde_json::Value;
use tokio::sync::Notify;

/// Longer than anything here takes: a test that hangs fails.
const PATIENCE: Duration = Duration::from_secs(60);

/// What the upstream does when it is asked.
pub enum Reply {
    /// An event stream, in these pieces.
    Events(Vec<String>),
    /// The same, and then the connection breaks.
    Cut(Vec<String>),
    /// The same, and then nothing more comes.
    Stall(Vec<String>),
    /// One JSON document.
    Json(Value),
    /// Something else: status, headers, body.
    Status(u16, &'static [(&'static str, &'static str)], &'static str),
    /// Nothing at all.
    Silence,
}

/// A request as it came.
pub struct Asked {
    pub path: String,
    pub headers: HeaderMap,
    pub body: Value,
}

/// The upstream.
pub struct Upstream {
    /// Its base address.
    pub url: String,
    state: Arc<Shared>,
}

struct Shared {
    replies: Mutex<std::vec::IntoIter<Reply>>,
    asked: Mutex<Vec<Asked>>,
    /// Told when a reply is given up before its end.
    given_up: Notify,
}

impl Upstream {
    /// One that gives these replies, one for each request, in order.
    pub async fn with(replies: Vec<Reply>) -> Upstream {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let url = format!("http://{}/v1", listener.local_addr().expect("it is bound"));
        let shared =
            Shared { replies: Mutex::new(replies.into_iter()), asked: Mutex::default(), given_up: Notify::new() };
        let state = Arc::new(shared);
        let router = Router::new().fallback(answer).with_state(Arc::clone(&state));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Upstream { url, state }
    }

    /// One that streams this, its chunks as events.
    pub async fn streaming(chunks: &[&str]) -> Upstream {
        Upstream::with(vec![Reply::Events(events(chunks))]).await
    }

    /// The model behind it, called `m`.
    pub fn model(&self, kind: &str, settings: &str) -> Arc<dyn Model> {
        self.models(kind, settings).get("m").expect("it was configured")
    }

    /// A configuration with this model; `settings` are more lines of its table.
    pub fn models(&self, kind: &str, settings: &str) -> Models {
        let text = format!(
            "[m]\nkind = \"{kind}\"\nurl = \"{}\"\napi_key_env = \"KEY\"\nbackoff_ms = 1\nupstream_model = \"up\"\n{settings}",
            self.url
        );
        let table = text.parse().expect("it is TOML");
        let no_script = |_: &str| Err(std::io::ErrorKind::NotFound.into());
        let host = Host { variable: &|_| Some("sk-secret".into()), script: &no_script };
        Models::from_config(&table, &host).unwrap_or_else(|error| panic!("{error}"))
    }

    /// What it was asked so far.
    pub fn asked(&self) -> Vec<Asked> {
        std::mem::take(&mut self.state.asked.lock().expect("nobody panicked"))
    }

    /// Waits until a reply is given up before its end.
    pub async fn given_up(&self) {
        let given_up = tokio::time::timeout(PATIENCE, self.state.given_up.notified()).await;
        given_up.expect("the reply is given up");
    }
}

/// Chunks as events of a stream.
pub fn events(chunks: &[&str]) -> Vec<String> {
    chunks.iter().map(|chunk| format!("data: {chunk}\n\n")).collect()
}

/// Refuses, as services do, a conversation in which calls are not answered right after they were made, each once.
fn check_answered(messages: &[Value]) {
    let mut due: Vec<&Value> = Vec::new();
    for message in messages {
        if message["role"] == "tool" {
            let at = due.iter().position(|id| **id == message["tool_call_id"]);
            due.remove(at.unwrap_or_else(|| panic!("an answer without a call: {message}")));
            continue;
        }
        assert!(due.is_empty(), "calls without answers: {due:?}");
        due.extend(message["tool_calls"].as_array().into_iter().flatten().map(|call| &call["id"]));
    }
    assert!(due.is_empty(), "calls without answers: {due:?}");
}

async fn answer(State(state): State<Arc<Shared>>, uri: Uri, headers: HeaderMap, body: Bytes) -> Response<Body> {
    let body: Value = serde_json::from_slice(&body).expect("requests are JSON");
    check_answered(body["messages"].as_array().map_or(&[], Vec::as_slice));
    state.asked.lock().expect("nobody panicked").push(Asked { path: uri.path().to_owned(), headers, body });
    let reply = state.replies.lock().expect("nobody panicked").next().expect("it is asked too often");
    let guard = GivenUp(Some(Arc::clone(&state)));
    let stream = |pieces: Vec<String>| {
        // Each piece in a write of its own.
        stream::iter(pieces).then(|piece| async move {
            tokio::task::yield_now().await;
            Ok::<_, std::io::Error>(Bytes::from(piece))
        })
    };
    let (kind, body) = match reply {
        Reply::Events(pieces) => ("text/event-stream", guarded(stream(pieces), guard)),
        Reply::Cut(pieces) => {
            let broken = stream(pieces).chain(stream::once(async { Err(std::io::Error::other("broken")) }));
            ("text/event-stream", guarded(broken, guard))
        }
        Reply::Stall(pieces) => ("text/event-stream", guarded(stream(pieces).chain(stream::pending()), guard)),
        Reply::Json(value) => ("application/json; charset=utf-8", guard.done(Body::from(value.to_string()))),
        Reply::Status(status, headers, body) => {
            let mut response = Response::builder().status(status);
            for (name, value) in headers {
                response = response.header(*name, *value);
            }
            return response.body(guard.done(Body::from(body))).expect("it is a response");
        }
        Reply::Silence => {
            let never: Infallible = std::future::pending().await;
            match never {}
        }
    };
    Response::builder().header("content-type", kind).body(body).expect("it is a response")
}

/// A body that tells when it is dropped before its end.
fn guarded(pieces: impl futures_util::Stream<Item = std::io::Result<Bytes>> + Send + 'static, guard: GivenUp) -> Body {
    let end = stream::once(async { None });
    let pieces = Box::pin(pieces.map(Some).chain(end));
    Body::from_stream(stream::unfold((pieces, guard), |(mut pieces, guard)| async move {
        match pieces.next().await {
            Some(Some(piece)) => Some((piece, (pieces, guard))),
            _ => {
                guard.disarm();
                None
            }
        }
    }))
}

struct GivenUp(Option<Arc<Shared>>);

impl GivenUp {
    fn done(self, body: Body) -> Body {
        self.disarm();
        body
    }

    fn disarm(mut self) {
        self.0 = None;
    }
}

impl Drop for GivenUp {
    fn drop(&mut self) {
        if let Some(shared) = &self.0 {
            shared.given_up.notify_one();
        }
    }
}
