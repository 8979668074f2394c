//! Reading request bodies: bounded in size, and in the time between two pieces.

use axum::body::{Body, BodyDataStream};
use axum::http::HeaderMap;
use axum::http::header::CONTENT_LENGTH;
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt as _;
use tokio::time::timeout;

use super::bodies;
use super::config::ApiConfig;
use super::error::ApiError;

/// A body that is being read.
pub(super) struct Reader {
    stream: BodyDataStream,
    left: u64,
    limit: u64,
    timeout: std::time::Duration,
}

impl Reader {
    /// Refuses at once what declares itself too long.
    pub fn new(headers: &HeaderMap, body: Body, limit: u64, config: &ApiConfig) -> Result<Reader, ApiError> {
        if declared(headers).is_some_and(|length| length > limit) {
            return Err(ApiError::too_large(limit));
        }
        Ok(Reader { stream: body.into_data_stream(), left: limit, limit, timeout: config.body_timeout })
    }

    /// The next piece, or `None` at the end.
    pub async fn next(&mut self) -> Result<Option<Bytes>, ApiError> {
        let piece = match timeout(self.timeout, self.stream.next()).await {
            Err(_) => return Err(ApiError::body_timeout()),
            Ok(None) => return Ok(None),
            Ok(Some(Err(error))) if bodies::is_exhausted(&error) => {
                return Err(ApiError::rate_limited("memory for request bodies", 1));
            }
            Ok(Some(Err(_))) => return Err(ApiError::bad_request("The request's body ended early or is malformed.")),
            Ok(Some(Ok(piece))) => piece,
        };
        self.left = self.left.checked_sub(piece.len() as u64).ok_or(ApiError::too_large(self.limit))?;
        Ok(Some(piece))
    }

    /// All of it.
    pub async fn all(mut self) -> Result<Bytes, ApiError> {
        let Some(first) = self.next().await? else { return Ok(Bytes::new()) };
        let Some(second) = self.next().await? else { return Ok(first) };
        let mut all = BytesMut::from(first);
        all.extend_from_slice(&second);
        while let Some(piece) = self.next().await? {
            all.extend_from_slice(&piece);
        }
        Ok(all.freeze())
    }

    /// The body as one whose errors are as good as an end: for readers that know no [`ApiError`]; what went wrong is kept in `fault`.
    pub fn into_body(self, fault: Fault) -> Body {
        let stream = futures_util::stream::unfold((self, fault), |(mut reader, fault)| async move {
            match reader.next().await {
                Ok(piece) => Some((Ok(piece?), (reader, fault))),
                Err(error) => {
                    fault.set(error);
                    Some((Err(std::io::Error::other("the body could not be read")), (reader, fault)))
                }
            }
        });
        Body::from_stream(stream)
    }
}

/// The length that a body is declared to have.
pub(super) fn declared(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Where [`Reader::into_body`] leaves what went wrong.
#[derive(Clone, Default)]
pub(super) struct Fault(std::sync::Arc<std::sync::Mutex<Option<ApiError>>>);

impl Fault {
    /// Keeps what went wrong.
    pub fn set(&self, error: ApiError) {
        *self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(error);
    }

    /// What went wrong, if anything did.
    pub fn take(&self) -> Option<ApiError> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take()
    }
}
