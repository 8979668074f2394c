//! `/v1/containers/{id}/archive`: directories of containers as tar archives, out and in.

use std::io::{self, Read, Write};

use axum::body::Body;
use axum::extract::{RawQuery, Request};
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse as _, Response};
use bytes::{Buf as _, Bytes};
use serde::Serialize;
use tokio::sync::mpsc;
use utoipa::ToSchema;

use super::body::{Fault, Reader, declared};
use super::error::ApiError;
use super::fields::Fields;
use super::json::{self, Json};
use super::path::Within;
use super::wire::{self, LandedObject};
use crate::container::Ref;

/// Pieces of an archive that wait for whoever is slower.
const WAITING: usize = 8;

/// Bytes of a piece.
const PIECE: usize = 64 << 10;

/// Who owns what is unpacked: the sandbox's `user`.
const USER: (u32, u32) = (1000, 1000);

/// What was unpacked.
#[derive(Serialize, ToSchema)]
pub(super) struct Unpacked {
    /// Always `container.archive`.
    object: &'static str,
    /// Members of the archive.
    members: u64,
    /// Bytes of file contents.
    bytes: u64,
    /// What became of it.
    #[serde(flatten)]
    landed: LandedObject,
}

/// A directory of a container, with all in it, as a tar archive.
#[utoipa::path(get, path = "/v1/containers/{container_id}/archive", tag = "history",
    params(("container_id" = String, Path), ("path" = Option<String>, Query, description = "`/mnt/data` if absent")),
    responses((status = 200, description = "The archive", content_type = "application/x-tar")))]
pub(super) async fn export(
    Within { service, container, .. }: Within,
    RawQuery(query): RawQuery,
) -> Result<Response, ApiError> {
    let path = path(query.as_deref())?;
    let state = Ref::Container(container.id);
    // What cannot be found is said before there is an answer.
    service.0.containers.stat(&state, &path).await?;
    let (sender, mut pieces) = mpsc::channel(WAITING);
    let writer = PieceWriter { sender: sender.clone(), piece: Vec::with_capacity(PIECE) };
    tokio::spawn(async move {
        if let Err(error) = service.0.containers.export(&state, &path, writer).await {
            // An archive that ends without its end is seen to be none.
            let _ = sender.send(Err(io::Error::other(error.to_string()))).await;
        }
    });
    let body = Body::from_stream(futures_util::stream::poll_fn(move |cx| pieces.poll_recv(cx)));
    Ok(([(CONTENT_TYPE, "application/x-tar")], body).into_response())
}

/// Unpacks a tar archive in a directory of a container: all of it, or nothing.
#[utoipa::path(post, path = "/v1/containers/{container_id}/archive", tag = "history",
    params(("container_id" = String, Path), ("path" = Option<String>, Query, description = "`/mnt/data` if absent")),
    request_body(content_type = "application/x-tar", content = Vec<u8>),
    responses((status = 200, description = "What was unpacked", body = Unpacked)))]
pub(super) async fn import(
    Within { service, caller, container }: Within,
    request: Request,
) -> Result<Json<Unpacked>, ApiError> {
    let (parts, body) = request.into_parts();
    let path = path(parts.uri.query())?;
    if !matches!(json::media_type(&parts.headers).as_deref(), Some("application/x-tar" | "application/tar")) {
        return Err(ApiError::media_type("application/x-tar"));
    }
    let config = &service.0.config;
    service.make_room(&caller, declared(&parts.headers).unwrap_or(0)).await?;
    let mut reader = Reader::new(&parts.headers, body, config.upload_bytes, config)?;
    let (sender, pieces) = mpsc::channel(WAITING);
    let fault = Fault::default();
    let noted = fault.clone();
    let unpacked =
        service.0.containers.import(&container.id, &path, PieceReader { pieces, piece: Bytes::new() }, Some(USER));
    let read = async move {
        loop {
            let piece = match reader.next().await {
                Ok(Some(piece)) => Ok(piece),
                Ok(None) => return,
                Err(error) => {
                    noted.set(error);
                    Err(io::Error::other("the body could not be read"))
                }
            };
            let is_last = piece.is_err();
            if sender.send(piece).await.is_err() || is_last {
                return;
            }
        }
    };
    let (unpacked, ()) = futures_util::future::join(unpacked, read).await;
    let (imported, landed) = unpacked.map_err(|error| fault.take().unwrap_or_else(|| error.into()))?;
    let (members, bytes) = (imported.members, imported.bytes);
    Ok(Json(Unpacked { object: "container.archive", members, bytes, landed: landed.into() }))
}

fn path(query: Option<&str>) -> Result<Vec<u8>, ApiError> {
    let mut fields = Fields::query(query)?;
    let path = fields.text("path")?;
    fields.finish()?;
    wire::absolute("path", path.as_deref().unwrap_or("/mnt/data"))
}

/// Writes into an answer; fails when nobody reads it any more.
struct PieceWriter {
    sender: mpsc::Sender<io::Result<Bytes>>,
    piece: Vec<u8>,
}

impl Write for PieceWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = bytes.len().min(PIECE - self.piece.len());
        self.piece.extend_from_slice(&bytes[..taken]);
        if self.piece.len() == PIECE {
            self.flush()?;
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.piece.is_empty() {
            return Ok(());
        }
        let piece = std::mem::replace(&mut self.piece, Vec::with_capacity(PIECE));
        self.sender.blocking_send(Ok(piece.into())).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}

impl Drop for PieceWriter {
    fn drop(&mut self) {
        // Whoever reads no more misses nothing.
        let _ = self.flush();
    }
}

/// Reads a request's body.
struct PieceReader {
    pieces: mpsc::Receiver<io::Result<Bytes>>,
    piece: Bytes,
}

impl Read for PieceReader {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.piece.is_empty() {
            match self.pieces.blocking_recv() {
                Some(piece) => self.piece = piece?,
                None => return Ok(0),
            }
        }
        let taken = self.piece.len().min(into.len());
        self.piece.copy_to_slice(&mut into[..taken]);
        Ok(taken)
    }
}
