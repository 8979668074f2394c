//! Containers' past and relatives: log, snapshots, forks, differences, merges, proposals.

use axum::Extension;
use axum::extract::{RawQuery, State};
use tokio::task::spawn_blocking;

use super::containers::find;
use super::error::ApiError;
use super::fields::Fields;
use super::gate::Caller;
use super::json::Json;
use super::path::{Ids, Within};
use super::service::Service;
use super::wire::{
    self, Changes, ContainerObject, Deleted, ForkRequest, List, LogEntry, Page, ProposalObject, SnapshotObject,
    SnapshotRequest, StateRequest,
};
use crate::container::{Create, Difference, Origin, Ref};
use crate::storage::{LogQuery, Order, SnapshotQuery, SnapshotRecord};

type Answered<T> = Result<Json<T>, ApiError>;

/// The state that a client names, if the caller may know of it: states go by ids here, never by names.
async fn state(service: &Service, caller: &Caller, param: &str, text: &str) -> Result<Ref, ApiError> {
    let state: Ref = text.parse().map_err(|error| ApiError::invalid_value(param, format!("{error}")))?;
    match &state {
        Ref::Image => {}
        Ref::Container(id) | Ref::At(id, _) => drop(find(service, caller, id).await?),
        Ref::Snapshot(id) => drop(find_snapshot(service, caller, id).await?),
        Ref::Proposal(id) => {
            let proposal = service.0.containers.proposal(id).await?;
            find(service, caller, &proposal.container).await.map_err(|_| ApiError::not_found("proposal", id))?;
        }
    }
    Ok(state)
}

/// The snapshot with this id, if the caller may know of it.
async fn find_snapshot(service: &Service, caller: &Caller, id: &str) -> Result<SnapshotRecord, ApiError> {
    let is_id = crate::base::id::is(crate::storage::SNAPSHOT_PREFIX, id);
    let found = if is_id { service.0.containers.store().snapshot(id).await? } else { None };
    let found = found.filter(|snapshot| caller.may_see(snapshot.owner.as_deref()));
    found.ok_or_else(|| ApiError::not_found("snapshot", id))
}

/// A container's log.
#[utoipa::path(get, path = "/v1/containers/{container_id}/log", tag = "history",
    params(("container_id" = String, Path), ("limit" = Option<u32>, Query), ("order" = Option<String>, Query), ("after" = Option<String>, Query, description = "A record's id or number")),
    responses((status = 200, description = "A page of it", body = List<LogEntry>)))]
pub(super) async fn log(Within { service, container, .. }: Within, page: Page) -> Answered<List<LogEntry>> {
    let number = |text: &str| text.rsplit('@').next().and_then(|seq| seq.parse::<u64>().ok());
    let after = page
        .after
        .as_deref()
        .map(|text| number(text).ok_or_else(|| ApiError::invalid_value("after", "expected a record's id")));
    let after = after.transpose()?;
    let mut query = LogQuery { order: page.order, limit: page.limit + 1, ..LogQuery::default() };
    match page.order {
        Order::Ascending => query.after_seq = after,
        Order::Descending => query.before_seq = after,
    }
    let records = service.0.containers.log(&container.id, &query).await?;
    Ok(Json(List::new(records.into_iter().map(LogEntry::from).collect(), page.limit)))
}

/// Keeps a container's state as it is now.
#[utoipa::path(post, path = "/v1/containers/{container_id}/snapshots", tag = "history", params(("container_id" = String, Path)),
    request_body = SnapshotRequest, responses((status = 200, description = "The snapshot", body = SnapshotObject)))]
pub(super) async fn snapshot(
    Within { service, caller, container }: Within,
    Json(asked): Json<SnapshotRequest>,
) -> Answered<SnapshotObject> {
    service.make_room(&caller, 0).await?;
    Ok(Json(service.0.containers.snapshot(&container.id, asked.name.as_deref()).await?.into()))
}

/// The snapshots taken of a container.
#[utoipa::path(get, path = "/v1/containers/{container_id}/snapshots", tag = "history",
    params(("container_id" = String, Path), ("limit" = Option<u32>, Query), ("order" = Option<String>, Query), ("after" = Option<String>, Query)),
    responses((status = 200, description = "A page of them", body = List<SnapshotObject>)))]
pub(super) async fn snapshots(
    Within { service, caller, container }: Within,
    page: Page,
) -> Answered<List<SnapshotObject>> {
    let limit = page.limit + 1;
    let query = SnapshotQuery {
        owner: caller.owner(),
        container: Some(container.id),
        order: page.order,
        after: page.after,
        limit,
    };
    let found = service.0.containers.snapshots(&query).await?;
    Ok(Json(List::new(found.into_iter().map(SnapshotObject::from).collect(), page.limit)))
}

/// Forgets a snapshot of a container, which may be gone itself.
#[utoipa::path(delete, path = "/v1/containers/{container_id}/snapshots/{snapshot_id}", tag = "history",
    params(("container_id" = String, Path), ("snapshot_id" = String, Path)),
    responses((status = 200, description = "It is gone", body = Deleted)))]
pub(super) async fn remove_snapshot(
    State(service): State<Service>,
    Extension(caller): Extension<Caller>,
    Ids((container, id)): Ids<(String, String)>,
) -> Answered<Deleted> {
    let snapshot = find_snapshot(&service, &caller, &id).await?;
    if snapshot.container != Some(container) {
        return Err(ApiError::not_found("snapshot", &id));
    }
    service.0.containers.remove_snapshot(&id).await?;
    Ok(Json(Deleted::new(id, "container.snapshot.deleted")))
}

/// Makes a container that starts as this one is, or as one of its states was, with its settings.
#[utoipa::path(post, path = "/v1/containers/{container_id}/fork", tag = "history", params(("container_id" = String, Path)),
    request_body = ForkRequest, responses((status = 200, description = "The new container", body = ContainerObject)))]
pub(super) async fn fork(
    Within { service, caller, container }: Within,
    Json(asked): Json<ForkRequest>,
) -> Answered<ContainerObject> {
    service.make_room(&caller, 0).await?;
    let from = match &asked.from {
        Some(from) => state(&service, &caller, "from", from).await?,
        None => Ref::Container(container.id),
    };
    let mut settings = container.settings;
    if let Some(name) = &asked.name {
        wire::rename(&mut settings, name);
    }
    let create = Create { name: None, owner: caller.owner(), from: Origin::State(from), settings };
    Ok(Json(service.0.containers.create(create).await?.into()))
}

/// Makes a container as one of its earlier states, or snapshots of it, was.
#[utoipa::path(post, path = "/v1/containers/{container_id}/restore", tag = "history", params(("container_id" = String, Path)),
    request_body = StateRequest, responses((status = 200, description = "What the log says of it", body = LogEntry)))]
pub(super) async fn restore(
    Within { service, caller, container }: Within,
    Json(asked): Json<StateRequest>,
) -> Answered<LogEntry> {
    let from = state(&service, &caller, "from", &asked.from).await?;
    Ok(Json(service.0.containers.restore(&container.id, &from).await?.into()))
}

/// Brings into a container what a fork of it, or a proposal, changed. 409 if both changed the same differently.
#[utoipa::path(post, path = "/v1/containers/{container_id}/merge", tag = "history", params(("container_id" = String, Path)),
    request_body = StateRequest, responses((status = 200, description = "What the log says of it", body = LogEntry)))]
pub(super) async fn merge(
    Within { service, caller, container }: Within,
    Json(asked): Json<StateRequest>,
) -> Answered<LogEntry> {
    let from = state(&service, &caller, "from", &asked.from).await?;
    Ok(Json(service.0.containers.merge(&container.id, &from).await?.into()))
}

/// What differs between two states; between the first of the container and now if nothing else is said.
#[utoipa::path(get, path = "/v1/containers/{container_id}/diff", tag = "history",
    params(("container_id" = String, Path), ("from" = Option<String>, Query), ("to" = Option<String>, Query), ("text" = Option<bool>, Query, description = "With unified diffs of texts")),
    responses((status = 200, description = "The paths that differ", body = Changes)))]
pub(super) async fn diff(
    Within { service, caller, container }: Within,
    RawQuery(query): RawQuery,
) -> Answered<Changes> {
    let mut fields = Fields::query(query.as_deref())?;
    let (from, to) = (fields.text("from")?, fields.text("to")?);
    let text = fields.boolean("text")?.unwrap_or(false);
    fields.finish()?;
    let from = match from {
        Some(from) => state(&service, &caller, "from", &from).await?,
        None => Ref::At(container.id.clone(), 1),
    };
    let to = match to {
        Some(to) => state(&service, &caller, "to", &to).await?,
        None => Ref::Container(container.id),
    };
    let difference = service.0.containers.diff(&from, &to).await?;
    changes(difference, text).await
}

async fn changes(difference: Difference, text: bool) -> Answered<Changes> {
    let told = spawn_blocking(move || match text {
        true => Changes::with_text(&difference),
        false => difference.changes().map(Changes::new),
    });
    Ok(Json(told.await.map_err(|_| ApiError::internal())??))
}

/// A container's proposals.
#[utoipa::path(get, path = "/v1/containers/{container_id}/proposals", tag = "history",
    params(("container_id" = String, Path), ("limit" = Option<u32>, Query), ("order" = Option<String>, Query), ("after" = Option<String>, Query)),
    responses((status = 200, description = "A page of them", body = List<ProposalObject>)))]
pub(super) async fn proposals(Within { service, container, .. }: Within, page: Page) -> Answered<List<ProposalObject>> {
    let mut found = service.0.containers.proposals(&container.id).await?;
    found.sort_by(|a, b| (a.created_at_ms, &a.id).cmp(&(b.created_at_ms, &b.id)));
    if page.order == Order::Descending {
        found.reverse();
    }
    Ok(Json(page.cut(found.into_iter().map(ProposalObject::from).collect())))
}

/// A proposal of a container, if there is one.
async fn proposal_of(Within { service, container, .. }: &Within, id: &str) -> Result<ProposalObject, ApiError> {
    let missing = || ApiError::not_found("proposal", id);
    if !crate::base::id::is(crate::storage::PROPOSAL_PREFIX, id) {
        return Err(missing());
    }
    let proposal = service.0.containers.proposal(id).await?;
    if proposal.container == container.id { Ok(proposal.into()) } else { Err(missing()) }
}

/// A proposal.
#[utoipa::path(get, path = "/v1/containers/{container_id}/proposals/{proposal_id}", tag = "history",
    params(("container_id" = String, Path), ("proposal_id" = String, Path)),
    responses((status = 200, description = "The proposal", body = ProposalObject)))]
pub(super) async fn proposal(within: Within, Ids((_, id)): Ids<(String, String)>) -> Answered<ProposalObject> {
    Ok(Json(proposal_of(&within, &id).await?))
}

/// What a proposal would change.
#[utoipa::path(get, path = "/v1/containers/{container_id}/proposals/{proposal_id}/diff", tag = "history",
    params(("container_id" = String, Path), ("proposal_id" = String, Path), ("text" = Option<bool>, Query)),
    responses((status = 200, description = "The paths that differ", body = Changes)))]
pub(super) async fn proposal_diff(
    within: Within,
    Ids((_, id)): Ids<(String, String)>,
    RawQuery(query): RawQuery,
) -> Answered<Changes> {
    let mut fields = Fields::query(query.as_deref())?;
    let text = fields.boolean("text")?.unwrap_or(false);
    fields.finish()?;
    proposal_of(&within, &id).await?;
    changes(within.service.0.containers.proposal_diff(&id).await?, text).await
}

/// Makes a proposal's changes the container's. 409 if the container has changed the same since.
#[utoipa::path(post, path = "/v1/containers/{container_id}/proposals/{proposal_id}/apply", tag = "history",
    params(("container_id" = String, Path), ("proposal_id" = String, Path)),
    responses((status = 200, description = "What the log says of it", body = LogEntry)))]
pub(super) async fn apply(within: Within, Ids((_, id)): Ids<(String, String)>) -> Answered<LogEntry> {
    proposal_of(&within, &id).await?;
    Ok(Json(within.service.0.containers.apply(&id).await?.into()))
}

/// Lets a proposal go.
#[utoipa::path(post, path = "/v1/containers/{container_id}/proposals/{proposal_id}/discard", tag = "history",
    params(("container_id" = String, Path), ("proposal_id" = String, Path)),
    responses((status = 200, description = "The proposal", body = ProposalObject)))]
pub(super) async fn discard(within: Within, Ids((_, id)): Ids<(String, String)>) -> Answered<ProposalObject> {
    proposal_of(&within, &id).await?;
    Ok(Json(within.service.0.containers.discard(&id).await?.into()))
}
