//! `/v1/containers`: making, finding and removing them.

use axum::Extension;
use axum::extract::{RawQuery, State};

use super::container_files;
use super::error::ApiError;
use super::fields::Fields;
use super::gate::Caller;
use super::json::Json;
use super::path::Within;
use super::service::Service;
use super::skills;
use super::wire::{ContainerObject, CreateContainer, Deleted, List, Page, display_name};
use crate::agent::Skill;
use crate::container::{Container, Create, Durability, Origin, Settings};
use crate::storage::{ContainerQuery, LIST_LIMIT};

/// Makes a container.
#[utoipa::path(post, path = "/v1/containers", tag = "containers", request_body = CreateContainer,
    responses((status = 200, description = "The container", body = ContainerObject)))]
pub(super) async fn create(
    State(service): State<Service>,
    Extension(caller): Extension<Caller>,
    Json(asked): Json<CreateContainer>,
) -> Result<Json<ContainerObject>, ApiError> {
    let container = plan(&service, &caller, asked).await?.make(&service).await?;
    Ok(Json(container.into()))
}

/// A container that is to be made: what goes into it has been found, so that a wrong id leaves nothing behind.
pub(super) struct Plan {
    owner: Option<String>,
    settings: Settings,
    files: Vec<container_files::Copy>,
    skills: Option<skills::Archive>,
}

/// Finds what a container is to be made of.
pub(super) async fn plan(service: &Service, caller: &Caller, asked: CreateContainer) -> Result<Plan, ApiError> {
    let settings = asked.settings(defaults(service))?;
    let files = container_files::copies(service, caller, asked.file_ids.as_deref().unwrap_or_default()).await?;
    let skills = skills::for_container(service, caller, asked.skills.unwrap_or_default()).await?;
    service.make_room(caller, 0).await?;
    Ok(Plan { owner: caller.owner(), settings, files, skills })
}

impl Plan {
    /// The skills that are to be in it.
    pub fn skills(&self) -> &[Skill] {
        self.skills.as_ref().map_or(&[], |archive| &archive.skills)
    }

    /// Makes the container.
    pub async fn make(self, service: &Service) -> Result<Container, ApiError> {
        let (owner, settings) = (self.owner.clone(), self.settings.clone());
        let create = Create { name: None, owner, from: Origin::Image, settings };
        let container = service.0.containers.create(create).await?;
        if let Err(error) = self.fill(service, &container.id).await {
            let _ = service.0.containers.remove(&container.id).await;
            return Err(error);
        }
        Ok(service.0.containers.get(&container.id).await?)
    }

    /// Puts into a container what it has not been given yet. What commands have made of the rest since stays.
    pub async fn fill(self, service: &Service, container: &str) -> Result<(), ApiError> {
        if self.skills.is_none() && self.files.is_empty() {
            return Ok(());
        }
        let mut given = container_files::given(service, container).await?;
        let before = given.len();
        if let Some(skills) = self.skills
            && given.insert(skills.hash())
        {
            skills.unpack(service, container).await?;
        }
        for file in self.files {
            if given.insert(file.id().to_owned()) {
                file.copy(service, container).await?;
            }
        }
        if given.len() == before { Ok(()) } else { container_files::set_given(service, container, given).await }
    }
}

/// The settings that containers of this service have at most.
fn defaults(service: &Service) -> Settings {
    let durability = match u32::try_from(service.0.config.batch.as_millis()) {
        Ok(0) => Durability::Sync,
        batch => Durability::Batched(batch.unwrap_or(u32::MAX)),
    };
    Settings { limits: service.0.config.limits.clone(), durability, ..Settings::default() }
}

/// Lists containers.
#[utoipa::path(get, path = "/v1/containers", tag = "containers",
    params(("limit" = Option<u32>, Query, description = "1 to 100; 20 if absent"), ("order" = Option<String>, Query, description = "`asc` or `desc`, by when they were made"),
        ("after" = Option<String>, Query, description = "The id that the page before ended with"), ("name" = Option<String>, Query, description = "Only those of exactly this name")),
    responses((status = 200, description = "A page of them", body = List<ContainerObject>)))]
pub(super) async fn list(
    State(service): State<Service>,
    Extension(caller): Extension<Caller>,
    RawQuery(query): RawQuery,
) -> Result<Json<List<ContainerObject>>, ApiError> {
    let mut fields = Fields::query(query.as_deref())?;
    let page = Page::take(&mut fields, 20, 100)?;
    let name = fields.text("name")?;
    fields.finish()?;
    let wanted = page.limit as usize + 1;
    let limit = if name.is_some() { LIST_LIMIT } else { page.limit + 1 };
    let mut query = ContainerQuery {
        owner: caller.owner(),
        order: page.order,
        after: page.after,
        limit,
        ..ContainerQuery::default()
    };
    let mut found = Vec::new();
    loop {
        let more = service.0.containers.list(&query).await?;
        let is_last = more.len() < limit as usize;
        query.after = more.last().map(|container| container.id.clone());
        found.extend(more.into_iter().filter(|c| name.as_deref().is_none_or(|name| name == display_name(c))));
        if is_last || found.len() >= wanted {
            break;
        }
    }
    Ok(Json(List::new(found.into_iter().map(ContainerObject::from).collect(), page.limit)))
}

/// A container.
#[utoipa::path(get, path = "/v1/containers/{container_id}", tag = "containers", params(("container_id" = String, Path)),
    responses((status = 200, description = "The container", body = ContainerObject)))]
pub(super) async fn get(Within { container, .. }: Within) -> Json<ContainerObject> {
    Json(container.into())
}

/// Removes a container with its files and its log.
#[utoipa::path(delete, path = "/v1/containers/{container_id}", tag = "containers", params(("container_id" = String, Path)),
    responses((status = 200, description = "It is gone", body = Deleted)))]
pub(super) async fn remove(Within { service, container, .. }: Within) -> Result<Json<Deleted>, ApiError> {
    service.0.containers.remove(&container.id).await?;
    container_files::forget(&service, &container.id).await;
    Ok(Json(Deleted::new(container.id, "container.deleted")))
}

/// The container with this id, if the caller may know of it.
pub(super) async fn find(service: &Service, caller: &Caller, id: &str) -> Result<Container, ApiError> {
    let missing = || ApiError::not_found("container", id);
    if !crate::base::id::is(crate::storage::CONTAINER_PREFIX, id) {
        return Err(missing());
    }
    let container = service.0.containers.get(id).await?;
    if caller.may_see(container.owner.as_deref()) { Ok(container) } else { Err(missing()) }
}
