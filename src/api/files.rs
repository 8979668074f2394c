//! `/v1/files`: files that are uploaded once and copied into containers.

use axum::Extension;
use axum::extract::{RawQuery, Request, State};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::body::Reader;
use super::error::ApiError;
use super::fields::Fields;
use super::form::Form;
use super::gate::Caller;
use super::json::{self, Json};
use super::kept;
use super::path::Named;
use super::place;
use super::service::Service;
use super::wire::{Deleted, FileObject, List, Page, Purpose};
use crate::base::id;
use crate::storage::DocumentRecord;
use crate::vfs::Tree;

/// The kind of their documents.
pub(super) const KIND: &str = "file";

/// Where a file's content is in its tree.
const CONTENT: &[u8] = b"/content";

/// Longest name, in bytes.
const NAME_BYTES: usize = 1024;

/// Files for batches go after so many seconds.
const BATCH_SECONDS: i64 = 30 * 24 * 3600;

/// What is kept of a file beside its content.
#[derive(Serialize, Deserialize)]
struct Body {
    filename: String,
    purpose: Purpose,
    bytes: u64,
}

/// Uploads a file.
#[utoipa::path(post, path = "/v1/files", tag = "files",
    request_body(content_type = "multipart/form-data", content = Object, description = "`file`, `purpose`, `expires_after[anchor]` (`created_at`), `expires_after[seconds]` (3600 to 2592000)"),
    responses((status = 200, description = "The file", body = FileObject)))]
pub(super) async fn create(
    State(service): State<Service>,
    Extension(caller): Extension<Caller>,
    request: Request,
) -> Result<Json<FileObject>, ApiError> {
    let (upload, mut fields) = upload(&service, request).await?;
    let purpose = fields.text("purpose")?.ok_or_else(|| ApiError::missing_parameter("purpose"))?;
    let expected = "expected one of 'assistants', 'batch', 'fine-tune', 'vision', 'user_data', 'evals'";
    let purpose = Purpose::new(&purpose).ok_or_else(|| ApiError::invalid_value("purpose", expected))?;
    let anchor = fields.text("expires_after[anchor]")?;
    let seconds = fields.number::<i64>("expires_after[seconds]")?;
    fields.finish()?;
    let seconds = expiry(anchor.as_deref(), seconds)?.or((purpose == Purpose::Batch).then_some(BATCH_SECONDS));
    let Some((filename, content)) = upload else { return Err(ApiError::missing_parameter("file")) };
    check_name(&filename)?;
    service.make_room(&caller, content.len() as u64).await?;
    let body = Body { filename, purpose, bytes: content.len() as u64 };
    let mut record = kept::record(&caller, KIND, id::new("file-"), &body)?;
    record.expires_at_ms = seconds.map(|seconds| record.created_at_ms + seconds * 1000);
    let mut tree = Tree::new();
    place::put(&mut tree, CONTENT, content).map_err(|_| ApiError::internal())?;
    service.kept().put_with(vec![record.clone()], tree).await?;
    Ok(Json(object(&record)?))
}

/// Reads a form with at most one file, which is named `file`.
pub(super) async fn upload(service: &Service, request: Request) -> Result<(Option<(String, Bytes)>, Fields), ApiError> {
    let (parts, body) = request.into_parts();
    Fields::query(parts.uri.query())?.finish()?;
    if json::media_type(&parts.headers).as_deref() != Some("multipart/form-data") {
        return Err(ApiError::media_type("multipart/form-data"));
    }
    let config = &service.0.config;
    let form = Form::read(&parts.headers, Reader::new(&parts.headers, body, config.upload_bytes, config)?).await?;
    let mut uploads = form.uploads;
    if let Some(other) = uploads.iter().find(|upload| upload.field != "file") {
        return Err(ApiError::unknown_parameter(other.field.clone()));
    }
    let upload = uploads.pop();
    if !uploads.is_empty() {
        return Err(ApiError::invalid_value("file", "it is given more than once"));
    }
    Ok((upload.map(|upload| (upload.filename, upload.content)), form.fields))
}

fn expiry(anchor: Option<&str>, seconds: Option<i64>) -> Result<Option<i64>, ApiError> {
    match (anchor, seconds) {
        (None, None) => Ok(None),
        (None, Some(_)) => Err(ApiError::missing_parameter("expires_after.anchor")),
        (Some("created_at"), Some(seconds)) if (3600..=2_592_000).contains(&seconds) => Ok(Some(seconds)),
        (Some("created_at"), Some(_)) => {
            Err(ApiError::invalid_value("expires_after.seconds", "expected a number from 3600 to 2592000"))
        }
        (Some("created_at"), None) => Err(ApiError::missing_parameter("expires_after.seconds")),
        (Some(_), _) => Err(ApiError::invalid_value("expires_after.anchor", "expected 'created_at'")),
    }
}

fn check_name(name: &str) -> Result<(), ApiError> {
    let usable = !name.is_empty() && name.len() <= NAME_BYTES && !name.contains(|c: char| c.is_control());
    let why = format!("expected a file name of 1 to {NAME_BYTES} bytes without control characters");
    if usable { Ok(()) } else { Err(ApiError::invalid_value("file", why)) }
}

/// Lists files.
#[utoipa::path(get, path = "/v1/files", tag = "files",
    params(("limit" = Option<u32>, Query, description = "1 to 10000; 10000 if absent"), ("order" = Option<String>, Query), ("after" = Option<String>, Query), ("purpose" = Option<String>, Query)),
    responses((status = 200, description = "A page of them", body = List<FileObject>)))]
pub(super) async fn list(
    State(service): State<Service>,
    Extension(caller): Extension<Caller>,
    RawQuery(query): RawQuery,
) -> Result<Json<List<FileObject>>, ApiError> {
    let mut fields = Fields::query(query.as_deref())?;
    let page = Page::take(&mut fields, 10_000, 10_000)?;
    let purpose = fields.text("purpose")?;
    fields.finish()?;
    let is_such = |record: &DocumentRecord| purpose.as_ref().is_none_or(|purpose| record.body["purpose"] == **purpose);
    let records = service.kept().page(&caller, KIND, &page, is_such).await?;
    Ok(Json(List::new(records.iter().map(object).collect::<Result<_, _>>()?, page.limit)))
}

/// A file.
#[utoipa::path(get, path = "/v1/files/{file_id}", tag = "files", params(("file_id" = String, Path)),
    responses((status = 200, description = "The file", body = FileObject)))]
pub(super) async fn get(Named { service, caller, id }: Named) -> Result<Json<FileObject>, ApiError> {
    Ok(Json(object(&find(&service, &caller, &id).await?)?))
}

/// Removes a file. Containers it was copied into keep their copies.
#[utoipa::path(delete, path = "/v1/files/{file_id}", tag = "files", params(("file_id" = String, Path)),
    responses((status = 200, description = "It is gone", body = Deleted)))]
pub(super) async fn remove(Named { service, caller, id }: Named) -> Result<Json<Deleted>, ApiError> {
    find(&service, &caller, &id).await?;
    service.kept().remove([(KIND, id.as_str())]).await?;
    Ok(Json(Deleted::new(id, "file")))
}

/// A file's bytes.
#[utoipa::path(get, path = "/v1/files/{file_id}/content", tag = "files", params(("file_id" = String, Path)),
    responses((status = 200, description = "The bytes", content_type = "application/octet-stream")))]
pub(super) async fn content(Named { service, caller, id }: Named) -> Result<Response, ApiError> {
    let record = find(&service, &caller, &id).await?;
    Ok(bytes(read(&service, &record).await?))
}

/// An answer that is a file.
pub(super) fn bytes(content: Bytes) -> Response {
    // Browsers must not take what somebody uploaded for a page of ours.
    let headers = [(CONTENT_TYPE, "application/octet-stream"), (CONTENT_DISPOSITION, "attachment")];
    (headers, content).into_response()
}

/// The file with this id, if the caller may know of it.
pub(super) async fn find(service: &Service, caller: &Caller, id: &str) -> Result<DocumentRecord, ApiError> {
    let found = if id::is("file-", id) { service.kept().find(caller, KIND, id).await? } else { None };
    found.ok_or_else(|| ApiError::not_found("file", id))
}

/// The name that a file was uploaded under.
pub(super) fn filename(record: &DocumentRecord) -> Result<String, ApiError> {
    Ok(kept::body::<Body>(record)?.filename)
}

/// A file's content.
pub(super) async fn read(service: &Service, record: &DocumentRecord) -> Result<Bytes, ApiError> {
    let tree = service.kept().tree(record)?;
    kept::blocking(move || tree.read_path(CONTENT).map_err(|_| ApiError::internal())).await
}

fn object(record: &DocumentRecord) -> Result<FileObject, ApiError> {
    let body: Body = kept::body(record)?;
    Ok(FileObject {
        id: record.id.clone(),
        object: "file",
        bytes: body.bytes,
        created_at: record.created_at_ms.div_euclid(1000),
        expires_at: record.expires_at_ms.map(|ms| ms.div_euclid(1000)),
        filename: body.filename,
        purpose: body.purpose,
        status: "processed",
        status_details: None,
    })
}
