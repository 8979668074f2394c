//! `/v1/containers/{id}/files`: what is below `/mnt/data`, whoever put it there.

use std::collections::BTreeSet;

use axum::extract::Request;
use axum::response::Response;
use bytes::Bytes;

use super::error::ApiError;
use super::gate::Caller;
use super::json::{self, Json};
use super::path::{Ids, Within};
use super::service::Service;
use super::wire::{ContainerFile, CopyFile, Deleted, List, Page};
use super::{files, kept, place};
use crate::base::Errno;
use crate::container::{ContainerError, Ref, file_id};
use crate::storage::{DocumentRecord, Order};
use crate::vfs::{Attr, Kind};

/// Where the files are that clients see.
const DATA: &str = "/mnt/data";

/// Names in a container that are looked at.
const NAMES: usize = 100_000;

/// The kind of the documents that say what was uploaded, one for each container.
const UPLOADS: &str = "container_uploads";

/// The kind of the documents that say what a container was given by whoever asked for it, one for each container.
const GIVEN: &str = "container_given";

/// Puts a file into a container: a form with `file`, or JSON with the `file_id` of an uploaded one.
#[utoipa::path(post, path = "/v1/containers/{container_id}/files", tag = "containers", params(("container_id" = String, Path)),
    request_body = CopyFile, responses((status = 200, description = "The file", body = ContainerFile)))]
pub(super) async fn create(
    Within { service, caller, container }: Within,
    request: Request,
) -> Result<Json<ContainerFile>, ApiError> {
    let is_form = json::media_type(request.headers()).as_deref() == Some("multipart/form-data");
    let (file, file_id) = if is_form {
        let (file, mut fields) = files::upload(&service, request).await?;
        let file_id = fields.text("file_id")?;
        fields.finish()?;
        (file, file_id)
    } else {
        (None, Some(json::read::<CopyFile>(&service, request).await?.file_id))
    };
    let (param, name, content) = match (file, file_id) {
        (Some((name, content)), None) => ("file", name, content),
        (None, Some(file_id)) => {
            let record = files::find(&service, &caller, &file_id).await?;
            ("file_id", files::filename(&record)?, files::read(&service, &record).await?)
        }
        (Some(_), Some(_)) => return Err(ApiError::bad_request("Give either 'file' or 'file_id', not both.")),
        (None, None) => return Err(ApiError::missing_parameter("file")),
    };
    let path = place_of(&service, param, &name)?;
    service.make_room(&caller, content.len() as u64).await?;
    write(&service, &container.id, &path, content).await?;
    let attr = service.0.containers.stat(&Ref::Container(container.id.clone()), &path).await?;
    Ok(Json(object(&container.id, &path, &attr, "user")))
}

/// Where a file of that name goes: below `/mnt/data`, in directories of its own if the name has any.
fn place_of(service: &Service, param: &str, name: &str) -> Result<Vec<u8>, ApiError> {
    if name.starts_with('/') {
        return Err(ApiError::invalid_value(param, "expected a file name without a leading '/'"));
    }
    place::resolve(param, DATA.as_bytes(), name, &service.0.config.limits)
}

async fn write(service: &Service, container: &str, path: &[u8], content: Bytes) -> Result<(), ApiError> {
    service.0.containers.write_file(container, path, content, 0o644).await?;
    note(service, container, path).await
}

/// Notes that a file was uploaded; forgets the notes of files that are gone.
async fn note(service: &Service, container: &str, path: &[u8]) -> Result<(), ApiError> {
    let _one_at_a_time = service.0.notes.lock().await;
    let mut uploads = uploads(service, container).await?;
    if uploads.insert(String::from_utf8_lossy(path).into_owned()) {
        let there: BTreeSet<Vec<u8>> = walk(service, container).await?.into_iter().map(|(path, _)| path).collect();
        uploads.retain(|path| there.contains(path.as_bytes()));
        set_words(service, UPLOADS, container, uploads).await?;
    }
    Ok(())
}

/// Paths of a container that were uploaded.
async fn uploads(service: &Service, container: &str) -> Result<BTreeSet<String>, ApiError> {
    words(service, UPLOADS, container).await
}

/// What a container was given: ids of files, hashes of skills.
pub(super) async fn given(service: &Service, container: &str) -> Result<BTreeSet<String>, ApiError> {
    words(service, GIVEN, container).await
}

/// Notes what a container was given.
pub(super) async fn set_given(service: &Service, container: &str, given: BTreeSet<String>) -> Result<(), ApiError> {
    set_words(service, GIVEN, container, given).await
}

/// What a document about a container lists.
async fn words(service: &Service, kind: &str, container: &str) -> Result<BTreeSet<String>, ApiError> {
    let found = service.0.containers.store().document(kind, container).await?;
    found.map_or(Ok(BTreeSet::new()), |record| kept::body(&record))
}

async fn set_words(service: &Service, kind: &str, container: &str, words: BTreeSet<String>) -> Result<(), ApiError> {
    let record = DocumentRecord {
        kind: kind.into(),
        id: container.to_owned(),
        owner: None,
        created_at_ms: kept::now_ms(),
        expires_at_ms: None,
        links: Vec::new(),
        body: serde_json::to_value(words).map_err(|_| ApiError::internal())?,
    };
    service.kept().put(record).await
}

/// Forgets what was noted of a container that is gone.
pub(super) async fn forget(service: &Service, container: &str) {
    // What is left over says nothing: ids are not used again.
    let _ = service.kept().remove([(UPLOADS, container), (GIVEN, container)]).await;
}

/// Lists the files of a container.
#[utoipa::path(get, path = "/v1/containers/{container_id}/files", tag = "containers",
    params(("container_id" = String, Path), ("limit" = Option<u32>, Query), ("order" = Option<String>, Query), ("after" = Option<String>, Query)),
    responses((status = 200, description = "A page of them", body = List<ContainerFile>)))]
pub(super) async fn list(within: Within, page: Page) -> Result<Json<List<ContainerFile>>, ApiError> {
    let mut all = look(&within).await?;
    if page.order == Order::Descending {
        all.reverse();
    }
    Ok(Json(page.cut(all)))
}

/// A file of a container.
#[utoipa::path(get, path = "/v1/containers/{container_id}/files/{file_id}", tag = "containers",
    params(("container_id" = String, Path), ("file_id" = String, Path)),
    responses((status = 200, description = "The file", body = ContainerFile)))]
pub(super) async fn get(within: Within, Ids((_, id)): Ids<(String, String)>) -> Result<Json<ContainerFile>, ApiError> {
    Ok(Json(file(&within, &id).await?))
}

/// A file's bytes.
#[utoipa::path(get, path = "/v1/containers/{container_id}/files/{file_id}/content", tag = "containers",
    params(("container_id" = String, Path), ("file_id" = String, Path)),
    responses((status = 200, description = "The bytes", content_type = "application/octet-stream")))]
pub(super) async fn content(within: Within, Ids((_, id)): Ids<(String, String)>) -> Result<Response, ApiError> {
    let file = file(&within, &id).await?;
    let Within { service, container, .. } = within;
    let content = service.0.containers.read_file(&Ref::Container(container.id), file.path.as_bytes()).await?;
    Ok(files::bytes(content))
}

/// Removes a file of a container.
#[utoipa::path(delete, path = "/v1/containers/{container_id}/files/{file_id}", tag = "containers",
    params(("container_id" = String, Path), ("file_id" = String, Path)),
    responses((status = 200, description = "It is gone", body = Deleted)))]
pub(super) async fn remove(within: Within, Ids((_, id)): Ids<(String, String)>) -> Result<Json<Deleted>, ApiError> {
    let file = file(&within, &id).await?;
    within.service.0.containers.remove_file(&within.container.id, file.path.as_bytes()).await?;
    Ok(Json(Deleted::new(id, "container.file.deleted")))
}

async fn file(within: &Within, id: &str) -> Result<ContainerFile, ApiError> {
    let all = look(within).await?;
    all.into_iter().find(|file| file.id == id).ok_or_else(|| ApiError::not_found("file", id))
}

/// All files of a container, oldest first.
async fn look(Within { service, container, .. }: &Within) -> Result<Vec<ContainerFile>, ApiError> {
    let container = container.id.as_str();
    let found = walk(service, container).await?;
    let uploads = uploads(service, container).await?;
    let files = found.into_iter().map(|(path, attr)| {
        let uploaded = str::from_utf8(&path).is_ok_and(|path| uploads.contains(path));
        object(container, &path, &attr, if uploaded { "user" } else { "assistant" })
    });
    let mut files: Vec<_> = files.collect();
    files.sort_by(|a, b| (a.created_at, &a.path).cmp(&(b.created_at, &b.path)));
    Ok(files)
}

/// The files below `/mnt/data`: none if a command has removed that.
async fn walk(service: &Service, container: &str) -> Result<Vec<(Vec<u8>, Attr)>, ApiError> {
    let state = Ref::Container(container.to_owned());
    let found = match service.0.containers.walk(&state, DATA.as_bytes(), NAMES).await {
        Err(ContainerError::Path { errno: Errno::NoEnt | Errno::NotDir, .. }) => Vec::new(),
        found => found?,
    };
    Ok(found.into_iter().filter(|(_, attr)| attr.kind == Kind::File).collect())
}

fn object(container: &str, path: &[u8], attr: &Attr, source: &'static str) -> ContainerFile {
    ContainerFile {
        id: file_id(container, path),
        object: "container.file",
        created_at: attr.mtime.div_euclid(1_000_000_000),
        bytes: attr.size,
        container_id: container.to_owned(),
        path: String::from_utf8_lossy(path).into_owned(),
        source,
    }
}

/// An uploaded file that is to be copied into a container.
pub(super) struct Copy {
    record: DocumentRecord,
    path: Vec<u8>,
}

/// The files with these ids, and where in a container they go: those whose names are taken under their id.
pub(super) async fn copies(service: &Service, caller: &Caller, ids: &[String]) -> Result<Vec<Copy>, ApiError> {
    let mut copies: Vec<Copy> = Vec::new();
    for (index, id) in ids.iter().enumerate() {
        let record = files::find(service, caller, id).await?;
        let (param, name) = (format!("file_ids[{index}]"), files::filename(&record)?);
        let mut path = place_of(service, &param, &name)?;
        if copies.iter().any(|copy| copy.path == path) {
            path = place_of(service, &param, &format!("{id}-{name}"))?;
        }
        copies.push(Copy { record, path });
    }
    Ok(copies)
}

impl Copy {
    /// The uploaded file's id.
    pub fn id(&self) -> &str {
        &self.record.id
    }

    pub async fn copy(&self, service: &Service, container: &str) -> Result<(), ApiError> {
        write(service, container, &self.path, files::read(service, &self.record).await?).await
    }
}
