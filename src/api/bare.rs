//! What hyper answers by itself, to bytes that are no request, gets the envelope of all other errors.
//!
//! hyper writes a head without a body then, and tells nobody. It is recognized by its form where nothing else can be: at the start of a write
//! after everything before has been written out, while no answer of ours is under way.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use axum::body::{Body, Bytes, HttpBody};
use axum::http::StatusCode;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::error::ApiError;
use crate::base::id;

/// A connection on which bare answers are replaced.
pub(super) struct Connection<S> {
    stream: S,
    answers: Answers,
    /// All that was written has been written out.
    is_flushed: bool,
    /// What is written in place of a bare answer, and how much of it has been.
    instead: Option<(Vec<u8>, usize)>,
}

/// The answers under way on a connection: as many as there are clones beyond those of [`IDLE`].
#[derive(Clone, Default)]
pub(super) struct Answers(Arc<()>);

/// Clones while no answer is under way: the connection's, and that of the service which clones it for each answer.
const IDLE: usize = 2;

impl Answers {
    /// A body that is known to be under way until it is dropped.
    pub fn watch(self, body: Body) -> Body {
        Body::new(Watched { body, _answer: self })
    }
}

struct Watched {
    body: Body,
    _answer: Answers,
}

impl HttpBody for Watched {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<hyper::body::Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> hyper::body::SizeHint {
        self.body.size_hint()
    }
}

impl<S> Connection<S> {
    pub fn new(stream: S, answers: Answers) -> Connection<S> {
        Connection { stream, answers, is_flushed: true, instead: None }
    }

    /// Whether `bytes`, about to be written, are a bare answer; what is to be written instead is ready then.
    fn replaces(&mut self, bytes: &[u8]) -> bool {
        if self.instead.is_none() && self.is_flushed && Arc::strong_count(&self.answers.0) == IDLE {
            self.instead = bare(bytes).map(|status| (envelope(status), 0));
        }
        self.instead.is_some()
    }
}

impl<S: AsyncWrite + Unpin> Connection<S> {
    /// Writes what is to be written instead, all of it.
    fn poll_instead(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some((bytes, written)) = &mut self.instead {
            if *written == bytes.len() {
                self.instead = None;
                break;
            }
            match ready!(Pin::new(&mut self.stream).poll_write(cx, &bytes[*written..]))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                more => *written += more,
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Connection<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, into)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Connection<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.replaces(bytes) {
            return self.poll_instead(cx).map_ok(|()| bytes.len());
        }
        self.is_flushed = false;
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if let [bytes] = slices {
            return self.poll_write(cx, bytes);
        }
        self.is_flushed = false;
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
        self.is_flushed = true;
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// The status of a bare answer: a head of 4xx that says nothing but that it has no body and closes.
fn bare(bytes: &[u8]) -> Option<StatusCode> {
    let head = bytes.strip_prefix(b"HTTP/1.1 4")?.strip_suffix(b"\r\n\r\n")?;
    let mut lines = std::str::from_utf8(head).ok()?.split("\r\n");
    let status = StatusCode::from_bytes(format!("4{}", lines.next()?.get(..2)?).as_bytes()).ok()?;
    let is_bare = |line: &str| line == "content-length: 0" || line == "connection: close" || line.starts_with("date: ");
    lines.all(is_bare).then_some(status)
}

/// The whole answer with a body.
fn envelope(status: StatusCode) -> Vec<u8> {
    let error = ApiError::not_http(status);
    let (reason, body, id) = (status.canonical_reason().unwrap_or_default(), error.body(), id::new("req_"));
    let head = format!(
        "HTTP/1.1 {} {reason}\r\ncontent-type: application/json\r\nx-request-id: {id}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
        status.as_u16(),
        body.len()
    );
    [head.into_bytes(), body].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_bare_answers_are_taken_for_such() {
        let bare = |text: &str| bare(text.as_bytes()).map(|status| status.as_u16());
        assert_eq!(bare("HTTP/1.1 431 X\r\nconnection: close\r\ncontent-length: 0\r\ndate: now\r\n\r\n"), Some(431));
        for other in [
            "",
            "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
            "HTTP/1.1 400 X\r\nx-request-id: y\r\ncontent-length: 0\r\n\r\n",
            "HTTP/1.1 400 X\r\ncontent-length: 2\r\n\r\n",
            "HTTP/1.1 400 X\r\ncontent-length: 0\r\n\r\nHTTP",
            "HTTP/1.1 4\r\n\r\n",
        ] {
            assert_eq!(bare(other), None, "{other:?}");
        }
    }
}
