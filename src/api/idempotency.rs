//! `Idempotency-Key`: a request that is sent again gets the answer it got first, and nothing runs twice.
//!
//! Such a request runs to its end also when its client goes away: whoever sends it again wants to know what became of it. Its answer comes in
//! one piece, a stream's too, and is kept for a day. Answers of 5xx and 429 are not kept: they say that nothing was done.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Extension;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use super::body::Reader;
use super::error::ApiError;
use super::gate::Caller;
use super::kept;
use super::place;
use super::service::Service;
use crate::vfs::Tree;

const KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// Tells that an answer is an earlier one.
const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// The kind of the documents that answers are kept in.
pub(super) const KIND: &str = "answer";

/// How long answers are kept.
const KEPT_FOR: Duration = Duration::from_secs(24 * 3600);

/// Longest key, in bytes.
const KEY_BYTES: usize = 255;

/// Where an answer's body is in its tree.
const BODY: &[u8] = b"/body";

/// Requests that run, by the id of their answer; each is told when it has ended.
#[derive(Clone, Default)]
pub(super) struct Running(Arc<Mutex<HashMap<String, watch::Receiver<()>>>>);

impl Running {
    /// Takes the place of a request; or tells what to wait for, if it has one.
    fn enter(&self, id: &str) -> Result<Place, watch::Receiver<()>> {
        let mut running = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(ended) = running.get(id) {
            return Err(ended.clone());
        }
        let (ending, ended) = watch::channel(());
        running.insert(id.to_owned(), ended);
        Ok(Place { running: self.clone(), id: id.to_owned(), _ending: ending })
    }
}

/// A running request's place; when it is dropped, those who wait go on.
struct Place {
    running: Running,
    id: String,
    _ending: watch::Sender<()>,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.running.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.id);
    }
}

/// What is kept of an answer beside its body.
#[derive(Serialize, Deserialize)]
struct Kept {
    /// Hash of the request.
    request: String,
    status: u16,
    content_type: Option<String>,
}

/// Runs a request, unless one with its key has been run: then that one's answer is given.
pub(super) async fn once(
    State(service): State<Service>,
    Extension(caller): Extension<Caller>,
    request: Request,
    next: Next,
) -> Response {
    match request.headers().get(KEY).cloned() {
        None => next.run(request).await,
        Some(key) => keyed(service, caller, &key, request, next).await.unwrap_or_else(ApiError::into_response),
    }
}

async fn keyed(
    service: Service,
    caller: Caller,
    key: &HeaderValue,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    if key.is_empty() || key.len() > KEY_BYTES {
        return Err(ApiError::bad_request(format!("An Idempotency-Key has 1 to {KEY_BYTES} bytes.")));
    }
    let (parts, body) = request.into_parts();
    let config = &service.0.config;
    let bytes = Reader::new(&parts.headers, body, config.body_bytes, config)?.all().await?;
    let id = hash(&[caller.share().as_bytes(), key.as_bytes()]);
    let asked =
        hash(&[parts.method.as_str().as_bytes(), parts.uri.to_string().as_bytes(), kind(&parts.headers), &bytes]);
    let place = loop {
        if let Some(answer) = replay(&service, &caller, &id, &asked).await? {
            return Ok(answer);
        }
        match service.0.running.enter(&id) {
            Ok(place) => break place,
            // It ends when the sender is dropped.
            Err(mut ended) => drop(ended.changed().await),
        }
    };
    // Another may have ended between the look and the place.
    if let Some(answer) = replay(&service, &caller, &id, &asked).await? {
        return Ok(answer);
    }
    let request = Request::from_parts(parts, Body::from(bytes));
    let run = tokio::spawn(async move {
        let answer = run(&service, &caller, id, asked, request, next).await;
        drop(place);
        answer
    });
    run.await.map_err(|_| ApiError::internal().not_again())?
}

/// Runs the request to its end and keeps the answer.
async fn run(
    service: &Service,
    caller: &Caller,
    id: String,
    request_hash: String,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let (parts, body) = next.run(request).await.into_parts();
    let body = to_bytes(body, usize::MAX).await.map_err(|_| ApiError::internal().not_again())?;
    if !parts.status.is_server_error() && parts.status != StatusCode::TOO_MANY_REQUESTS {
        let content_type = parts.headers.get(CONTENT_TYPE).and_then(|v| v.to_str().ok()).map(str::to_owned);
        let kept = Kept { request: request_hash, status: parts.status.as_u16(), content_type };
        let mut record = kept::record(caller, KIND, id, &kept)?;
        record.expires_at_ms = Some(record.created_at_ms + KEPT_FOR.as_millis() as i64);
        let mut tree = Tree::new();
        place::put(&mut tree, BODY, body.clone()).map_err(|_| ApiError::internal())?;
        if let Err(error) = service.kept().put_with(vec![record], tree).await {
            tracing::error!(?error, "an answer could not be kept for when it is asked for again");
        }
    }
    Ok(Response::from_parts(parts, Body::from(body)))
}

/// The answer that was given before, if there is one.
async fn replay(service: &Service, caller: &Caller, id: &str, asked: &str) -> Result<Option<Response>, ApiError> {
    let Some(record) = service.kept().find(caller, KIND, id).await? else { return Ok(None) };
    let kept: Kept = kept::body(&record)?;
    if kept.request != asked {
        let message = "This Idempotency-Key was used for another request; use a new one for each.";
        return Err(ApiError::bad_request(message).with_code("idempotency_key_reused"));
    }
    let tree = service.kept().tree(&record)?;
    let body: Bytes = kept::blocking(move || tree.read_path(BODY).map_err(|_| ApiError::internal())).await?;
    let status = StatusCode::from_u16(kept.status).unwrap_or(StatusCode::OK);
    let mut response = (status, body).into_response();
    let headers = response.headers_mut();
    headers.remove(CONTENT_TYPE);
    if let Some(kind) = kept.content_type.and_then(|kind| HeaderValue::from_str(&kind).ok()) {
        headers.insert(CONTENT_TYPE, kind);
    }
    headers.insert(REPLAYED, HeaderValue::from_static("true"));
    Ok(Some(response))
}

fn kind(headers: &HeaderMap) -> &[u8] {
    headers.get(CONTENT_TYPE).map_or(b"", HeaderValue::as_bytes)
}

fn hash(parts: &[&[u8]]) -> String {
    let mut hasher = blake3::Hasher::new();
    for part in parts {
        hasher.update(&(part.len() as u64).to_le_bytes()).update(part);
    }
    hasher.finalize().to_hex().to_string()
}
