//! `/v1/skills`: folders of instructions and programs, in versions that never change.

mod folder;
mod zip;

use axum::Extension;
use axum::extract::{RawQuery, Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse as _, Response};
use serde::{Deserialize, Serialize};

use crate::agent::Skill as Announced;
use crate::api::body::Reader;
use crate::api::error::ApiError;
use crate::api::fields::Fields;
use crate::api::form::Form;
use crate::api::gate::Caller;
use crate::api::json::{self, Json};
use crate::api::kept;
use crate::api::path::{Ids, Named};
use crate::api::service::Service;
use crate::api::wire::{
    Deleted, List, Page, SetDefault, SkillObject, SkillParam, SkillSource, VersionDeleted, VersionObject,
};
use crate::base::{Errno, id};
use crate::container::{ContainerError, Ref};
use crate::storage::{DocumentRecord, Order};
use crate::vfs::{Tree, export};
use folder::Folder;

/// Where skills are in a container.
const SKILLS: &[u8] = b"/mnt/skills";

/// Names in a container's skills that are looked at.
const NAMES: usize = 10_000;

/// The kind of their documents; a version's has its skill's id after it.
pub(super) const SKILL: &str = "skill";
pub(super) const VERSION: &str = "skill_version:";

/// What is kept of a skill.
#[derive(Serialize, Deserialize)]
struct Skill {
    default_version: u32,
    latest_version: u32,
    /// Of the default version.
    name: String,
    description: String,
}

/// What is kept of a version beside its files.
#[derive(Serialize, Deserialize)]
struct Version {
    version: u32,
    name: String,
    description: String,
}

type Answered<T> = Result<Json<T>, ApiError>;

/// Uploads a skill: a form with one archive as `files`, or with the files of one folder as `files[]`.
#[utoipa::path(post, path = "/v1/skills", tag = "skills", request_body(content_type = "multipart/form-data", content = Object),
    responses((status = 200, description = "The skill", body = SkillObject)))]
pub(super) async fn create(
    State(service): State<Service>,
    Extension(caller): Extension<Caller>,
    request: Request,
) -> Answered<SkillObject> {
    let (folder, fields) = upload(&service, request).await?;
    fields.finish()?;
    service.make_room(&caller, folder.tree.usage().bytes).await?;
    let (name, description) = (folder.name.clone(), folder.description.clone());
    let body = Skill { default_version: 1, latest_version: 1, name, description };
    let skill = kept::record(&caller, SKILL, id::new("skill_"), &body)?;
    let version = version_record(&caller, &skill.id, 1, &folder)?;
    service.kept().put_with(vec![version, skill.clone()], folder.tree).await?;
    Ok(Json(object(&skill)?))
}

fn version_record(caller: &Caller, skill: &str, version: u32, folder: &Folder) -> Result<DocumentRecord, ApiError> {
    let body = Version { version, name: folder.name.clone(), description: folder.description.clone() };
    kept::record(caller, &format!("{VERSION}{skill}"), id::new("skillver_"), &body)
}

/// Reads a form with a skill in it.
async fn upload(service: &Service, request: Request) -> Result<(Folder, Fields), ApiError> {
    let (parts, body) = request.into_parts();
    Fields::query(parts.uri.query())?.finish()?;
    if json::media_type(&parts.headers).as_deref() != Some("multipart/form-data") {
        return Err(ApiError::media_type("multipart/form-data"));
    }
    let reader = Reader::new(&parts.headers, body, folder::UPLOAD_BYTES, &service.0.config)?;
    let form = Form::read(&parts.headers, reader).await?;
    let (mut archives, mut files) = (Vec::new(), Vec::new());
    for upload in form.uploads {
        match upload.field.as_str() {
            "files" => archives.push(upload.content),
            "files[]" => files.push((upload.filename, upload.content)),
            _ => return Err(ApiError::unknown_parameter(upload.field)),
        }
    }
    let folder = match (archives.pop(), files.is_empty()) {
        (Some(archive), true) if archives.is_empty() => {
            kept::blocking(move || Folder::from_zip("files", &archive)).await?
        }
        (None, false) => kept::blocking(move || Folder::from_files("files", files)).await?,
        (None, true) => return Err(ApiError::missing_parameter("files")),
        _ => return Err(ApiError::invalid_value("files", "expected one archive, or files of one folder as 'files[]'")),
    };
    Ok((folder, form.fields))
}

/// Lists skills.
#[utoipa::path(get, path = "/v1/skills", tag = "skills",
    params(("limit" = Option<u32>, Query), ("order" = Option<String>, Query), ("after" = Option<String>, Query)),
    responses((status = 200, description = "A page of them", body = List<SkillObject>)))]
pub(super) async fn list(
    State(service): State<Service>,
    Extension(caller): Extension<Caller>,
    RawQuery(query): RawQuery,
) -> Answered<List<SkillObject>> {
    let page = page(query.as_deref())?;
    let records = service.kept().page(&caller, SKILL, &page, |_| true).await?;
    Ok(Json(List::new(records.iter().map(object).collect::<Result<_, _>>()?, page.limit)))
}

/// The reference lets skills be listed none at a time.
fn page(query: Option<&str>) -> Result<Page, ApiError> {
    let mut fields = Fields::query(query)?;
    let page = Page::take_from_zero(&mut fields, 20, 100)?;
    fields.finish()?;
    Ok(page)
}

/// A skill.
#[utoipa::path(get, path = "/v1/skills/{skill_id}", tag = "skills", params(("skill_id" = String, Path)),
    responses((status = 200, description = "The skill", body = SkillObject)))]
pub(super) async fn get(Named { service, caller, id }: Named) -> Answered<SkillObject> {
    Ok(Json(object(&find(&service, &caller, &id).await?)?))
}

/// Makes another version of a skill its default.
#[utoipa::path(post, path = "/v1/skills/{skill_id}", tag = "skills", params(("skill_id" = String, Path)), request_body = SetDefault,
    responses((status = 200, description = "The skill", body = SkillObject)))]
pub(super) async fn update(Named { service, caller, id }: Named, request: Request) -> Answered<SkillObject> {
    let asked: SetDefault = json::read(&service, request).await?;
    let _one_at_a_time = service.0.notes.lock().await;
    let skill = find(&service, &caller, &id).await?;
    let version = version_of(&service, &caller, &skill, "default_version", Some(&asked.default_version)).await?;
    let skill = with_default(skill, &kept::body(&version)?)?;
    service.kept().put(skill.clone()).await?;
    Ok(Json(object(&skill)?))
}

fn with_default(mut skill: DocumentRecord, version: &Version) -> Result<DocumentRecord, ApiError> {
    let body: Skill = kept::body(&skill)?;
    let (name, description) = (version.name.clone(), version.description.clone());
    let body = Skill { default_version: version.version, name, description, ..body };
    skill.body = serde_json::to_value(body).map_err(|_| ApiError::internal())?;
    Ok(skill)
}

/// Removes a skill with all its versions.
#[utoipa::path(delete, path = "/v1/skills/{skill_id}", tag = "skills", params(("skill_id" = String, Path)),
    responses((status = 200, description = "It is gone", body = Deleted)))]
pub(super) async fn remove(Named { service, caller, id }: Named) -> Answered<Deleted> {
    let _one_at_a_time = service.0.notes.lock().await;
    find(&service, &caller, &id).await?;
    let versions = all_versions(&service, &caller, &id, Order::Ascending).await?;
    let gone = versions.iter().map(|version| (version.kind.as_str(), version.id.as_str()));
    service.kept().remove(gone.chain([(SKILL, id.as_str())])).await?;
    Ok(Json(Deleted::new(id, "skill.deleted")))
}

/// The default version of a skill as a ZIP archive.
#[utoipa::path(get, path = "/v1/skills/{skill_id}/content", tag = "skills", params(("skill_id" = String, Path)),
    responses((status = 200, description = "The archive", content_type = "application/zip")))]
pub(super) async fn content(Named { service, caller, id }: Named) -> Result<Response, ApiError> {
    let skill = find(&service, &caller, &id).await?;
    let version = version_of(&service, &caller, &skill, "version", None).await?;
    archive(&service, &version).await
}

/// Uploads one more version of a skill, as for a new one; with `default` it becomes the default.
#[utoipa::path(post, path = "/v1/skills/{skill_id}/versions", tag = "skills", params(("skill_id" = String, Path)),
    request_body(content_type = "multipart/form-data", content = Object),
    responses((status = 200, description = "The version", body = VersionObject)))]
pub(super) async fn create_version(Named { service, caller, id }: Named, request: Request) -> Answered<VersionObject> {
    let (folder, mut fields) = upload(&service, request).await?;
    let default = fields.boolean("default")?.unwrap_or(false);
    fields.finish()?;
    service.make_room(&caller, folder.tree.usage().bytes).await?;
    let _one_at_a_time = service.0.notes.lock().await;
    let mut skill = find(&service, &caller, &id).await?;
    let body: Skill = kept::body(&skill)?;
    let latest_version = body.latest_version + 1;
    skill.body = serde_json::to_value(Skill { latest_version, ..body }).map_err(|_| ApiError::internal())?;
    let version = version_record(&caller, &id, latest_version, &folder)?;
    if default {
        skill = with_default(skill, &kept::body(&version)?)?;
    }
    service.kept().put_with(vec![version.clone(), skill], folder.tree).await?;
    Ok(Json(version_object(&id, &version)?))
}

/// Lists the versions of a skill, by number.
#[utoipa::path(get, path = "/v1/skills/{skill_id}/versions", tag = "skills",
    params(("skill_id" = String, Path), ("limit" = Option<u32>, Query), ("order" = Option<String>, Query), ("after" = Option<String>, Query)),
    responses((status = 200, description = "A page of them", body = List<VersionObject>)))]
pub(super) async fn versions(
    Named { service, caller, id }: Named,
    RawQuery(query): RawQuery,
) -> Answered<List<VersionObject>> {
    let page = page(query.as_deref())?;
    find(&service, &caller, &id).await?;
    let records = all_versions(&service, &caller, &id, page.order).await?;
    Ok(Json(page.cut(records.iter().map(|record| version_object(&id, record)).collect::<Result<_, _>>()?)))
}

/// A version of a skill.
#[utoipa::path(get, path = "/v1/skills/{skill_id}/versions/{version}", tag = "skills",
    params(("skill_id" = String, Path), ("version" = String, Path)),
    responses((status = 200, description = "The version", body = VersionObject)))]
pub(super) async fn version(
    State(service): State<Service>,
    Extension(caller): Extension<Caller>,
    Ids((id, version)): Ids<(String, String)>,
) -> Answered<VersionObject> {
    let record = named_version(&service, &caller, &id, &version).await?;
    Ok(Json(version_object(&id, &record)?))
}

/// Removes a version of a skill: not the default one, unless it is the only one; then the skill goes too.
#[utoipa::path(delete, path = "/v1/skills/{skill_id}/versions/{version}", tag = "skills",
    params(("skill_id" = String, Path), ("version" = String, Path)),
    responses((status = 200, description = "It is gone", body = VersionDeleted)))]
pub(super) async fn remove_version(
    State(service): State<Service>,
    Extension(caller): Extension<Caller>,
    Ids((id, version)): Ids<(String, String)>,
) -> Answered<VersionDeleted> {
    let _one_at_a_time = service.0.notes.lock().await;
    let record = named_version(&service, &caller, &id, &version).await?;
    let mut skill = find(&service, &caller, &id).await?;
    let (body, Version { version, .. }) = (kept::body::<Skill>(&skill)?, kept::body(&record)?);
    let left = all_versions(&service, &caller, &id, Order::Ascending).await?;
    let left: Vec<_> = left.into_iter().filter(|other| other.id != record.id).collect();
    let gone = (record.kind.as_str(), record.id.as_str());
    if left.is_empty() {
        service.kept().remove([gone, (SKILL, id.as_str())]).await?;
    } else if body.default_version == version {
        let message = "The default version of a skill cannot be deleted; make another version the default first.";
        return Err(ApiError::bad_request(message));
    } else {
        service.kept().remove([gone]).await?;
        if body.latest_version == version {
            // Its number is not used again: what follows counts on from the highest that there ever was.
            let latest = left.last().map(kept::body::<Version>).transpose()?;
            skill.body["shown_latest"] = latest.map(|latest| latest.version).into();
            service.kept().put(skill).await?;
        }
    }
    let (object, version) = ("skill.version.deleted", version.to_string());
    Ok(Json(VersionDeleted { id: record.id, object, deleted: true, version }))
}

/// A version of a skill as a ZIP archive.
#[utoipa::path(get, path = "/v1/skills/{skill_id}/versions/{version}/content", tag = "skills",
    params(("skill_id" = String, Path), ("version" = String, Path)),
    responses((status = 200, description = "The archive", content_type = "application/zip")))]
pub(super) async fn version_content(
    State(service): State<Service>,
    Extension(caller): Extension<Caller>,
    Ids((id, version)): Ids<(String, String)>,
) -> Result<Response, ApiError> {
    archive(&service, &named_version(&service, &caller, &id, &version).await?).await
}

async fn archive(service: &Service, version: &DocumentRecord) -> Result<Response, ApiError> {
    let tree = service.kept().tree(version)?;
    let zip = kept::blocking(move || folder::zip(&tree)).await?;
    Ok(([(CONTENT_TYPE, "application/zip")], zip).into_response())
}

async fn find(service: &Service, caller: &Caller, id: &str) -> Result<DocumentRecord, ApiError> {
    let found = if id::is("skill_", id) { service.kept().find(caller, SKILL, id).await? } else { None };
    found.ok_or_else(|| ApiError::not_found("skill", id))
}

/// The versions of a skill, by number.
async fn all_versions(
    service: &Service,
    caller: &Caller,
    id: &str,
    order: Order,
) -> Result<Vec<DocumentRecord>, ApiError> {
    let mut all = service.kept().all(caller, &format!("{VERSION}{id}"), order).await?;
    let number = |record: &DocumentRecord| record.body["version"].as_u64();
    all.sort_by_key(number);
    if order == Order::Descending {
        all.reverse();
    }
    Ok(all)
}

async fn named_version(
    service: &Service,
    caller: &Caller,
    id: &str,
    version: &str,
) -> Result<DocumentRecord, ApiError> {
    let skill = find(service, caller, id).await?;
    let missing = || ApiError::not_found("skill version", version);
    let number = version.parse::<u32>().map_err(|_| missing())?;
    let all = all_versions(service, caller, &skill.id, Order::Ascending).await?;
    all.into_iter().find(|record| record.body["version"] == number).ok_or_else(missing)
}

/// The version that a request asks for: a number, as such or as text, `latest`, or else the default.
async fn version_of(
    service: &Service,
    caller: &Caller,
    skill: &DocumentRecord,
    param: &str,
    asked: Option<&serde_json::Value>,
) -> Result<DocumentRecord, ApiError> {
    let body: Skill = kept::body(skill)?;
    let text = match asked.filter(|asked| !asked.is_null()) {
        None => body.default_version.to_string(),
        Some(asked) => asked.as_str().map_or_else(|| asked.to_string(), str::to_owned),
    };
    if text == "latest" {
        let all = all_versions(service, caller, &skill.id, Order::Descending).await?;
        return all.into_iter().next().ok_or_else(ApiError::internal);
    }
    if text.parse::<u32>().is_err() {
        return Err(ApiError::invalid_value(param, "expected a version's number"));
    }
    named_version(service, caller, &skill.id, &text).await
}

fn object(record: &DocumentRecord) -> Result<SkillObject, ApiError> {
    let body: Skill = kept::body(record)?;
    let shown = record.body["shown_latest"].as_u64().map(|latest| latest.to_string());
    Ok(SkillObject {
        id: record.id.clone(),
        object: "skill",
        name: body.name,
        description: body.description,
        created_at: record.created_at_ms.div_euclid(1000),
        default_version: body.default_version.to_string(),
        latest_version: shown.unwrap_or_else(|| body.latest_version.to_string()),
    })
}

fn version_object(skill: &str, record: &DocumentRecord) -> Result<VersionObject, ApiError> {
    let body: Version = kept::body(record)?;
    Ok(VersionObject {
        id: record.id.clone(),
        object: "skill.version",
        skill_id: skill.to_owned(),
        version: body.version.to_string(),
        name: body.name,
        description: body.description,
        created_at: record.created_at_ms.div_euclid(1000),
    })
}

/// The skills that a container is to have, as an archive to be unpacked in it; `None` if it is to have none.
pub(super) async fn for_container(
    service: &Service,
    caller: &Caller,
    asked: Vec<SkillParam>,
) -> Result<Option<Archive>, ApiError> {
    let (mut folders, mut announced) = (Vec::new(), Vec::new());
    for (index, skill) in asked.into_iter().enumerate() {
        let param = format!("skills[{index}]");
        let (name, description, tree) = match skill {
            SkillParam::SkillReference { skill_id, version } => {
                let skill = find(service, caller, &skill_id).await?;
                let param = format!("{param}.version");
                let version = version_of(service, caller, &skill, &param, version.as_ref()).await?;
                let Version { name, description, .. } = kept::body(&version)?;
                (name, description, service.kept().tree(&version)?)
            }
            SkillParam::Inline { name, description, source } => {
                folder::check_words(&param, &name, &description)?;
                let SkillSource::Base64 { media_type, data } = source;
                if media_type != "application/zip" {
                    return Err(ApiError::invalid_value(
                        format!("{param}.source.media_type"),
                        "expected 'application/zip'",
                    ));
                }
                let folder =
                    kept::blocking(move || Folder::from_base64(&format!("{param}.source.data"), &data)).await?;
                (name, description, folder.tree)
            }
        };
        announced.push(Announced {
            path: format!("{}/{name}", String::from_utf8_lossy(SKILLS)),
            name: name.clone(),
            description,
        });
        folders.push((name, tree));
    }
    if folders.is_empty() {
        return Ok(None);
    }
    let tar = kept::blocking(move || tar(&folders)).await?;
    Ok(Some(Archive { tar, skills: announced }))
}

/// The skills that are in a container.
pub(super) async fn in_container(service: &Service, container: &str) -> Result<Vec<Announced>, ApiError> {
    let state = Ref::Container(container.to_owned());
    let found = match service.0.containers.walk(&state, SKILLS, NAMES).await {
        Err(ContainerError::Path { errno: Errno::NoEnt | Errno::NotDir, .. }) => return Ok(Vec::new()),
        found => found?,
    };
    let mut skills = Vec::new();
    for (path, _) in found {
        let Some((folder, file)) = path[SKILLS.len()..].strip_prefix(b"/").and_then(|below| {
            let at = below.iter().position(|byte| *byte == b'/')?;
            Some((&path[..SKILLS.len() + 1 + at], &below[at + 1..]))
        }) else {
            continue;
        };
        if !file.eq_ignore_ascii_case(b"skill.md") {
            continue;
        }
        let manual = service.0.containers.read_file(&state, &path).await?;
        if let Some((name, description)) = folder::front_matter(&manual) {
            skills.push(Announced { name, description, path: String::from_utf8_lossy(folder).into_owned() });
        }
    }
    Ok(skills)
}

/// Skills as a tar archive.
pub(super) struct Archive {
    tar: Vec<u8>,
    /// What a model is told of them.
    pub skills: Vec<Announced>,
}

fn tar(folders: &[(String, Tree)]) -> Result<Vec<u8>, ApiError> {
    let mut all = Tree::new();
    for (name, tree) in folders {
        folder::copy(tree, &mut all, name)?;
    }
    let mut archive = Vec::new();
    export(&all, b"/", &mut archive).map_err(|_| ApiError::internal())?;
    Ok(archive)
}

impl Archive {
    /// The same for the same skills.
    pub fn hash(&self) -> String {
        blake3::hash(&self.tar).to_hex().to_string()
    }

    /// Unpacks the skills in a container, where its commands can read and not change them.
    pub async fn unpack(self, service: &Service, container: &str) -> Result<(), ApiError> {
        service.0.containers.make_dir(container, SKILLS).await?;
        let archive = std::io::Cursor::new(self.tar);
        service.0.containers.import(container, SKILLS, archive, Some((0, 0))).await?;
        Ok(())
    }
}
