//! Responses that are kept: their records, what later ones go on from, and what becomes of those whose service died.
//!
//! A response's document leads to a tree with the response, its input, and the events of one that was followed. While one is made in the background a
//! second document names the service that makes it, under a lease of that service: whoever finds the lease free fails the response.

use std::collections::HashMap;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use serde::{Deserialize, Serialize};
use tokio::sync::OnceCell;

use crate::agent::item::Item;
use crate::agent::response::{Failure, ResponseObject, Status};
use crate::api::conversations;
use crate::api::error::ApiError;
use crate::api::gate::Caller;
use crate::api::items;
use crate::api::kept;
use crate::api::place;
use crate::api::references;
use crate::api::service::Service;
use crate::base::{Errno, id};
use crate::storage::{Change, DocumentQuery, DocumentRecord, Lease, Order, StoreError};
use crate::vfs::Tree;

/// The kind of their documents.
pub(in crate::api) const KIND: &str = "response";

/// The kind of the documents of those that are being made in the background.
const RUNNING: &str = "response_running";

/// How long a response is kept.
const KEPT_FOR: Duration = Duration::from_secs(30 * 24 * 3600);

/// Where the parts of a response are in its tree.
const RESPONSE: &[u8] = b"/response";
const INPUT: &[u8] = b"/input";
const EVENTS: &[u8] = b"/events";

/// Responses that are failed at a time.
const FAILED_AT_ONCE: usize = 16;

/// Responses that one may go on from, one after another.
const CHAIN: usize = 10_000;

/// What can be known of a response without reading all of it.
#[derive(Serialize, Deserialize)]
struct Body {
    status: Status,
    previous_response_id: Option<String>,
    /// The ids of its items, input and output.
    #[serde(default)]
    items: Vec<String>,
}

/// Who makes a response.
#[derive(Serialize, Deserialize)]
struct Running {
    service: String,
}

/// A response, and what is kept with it.
pub(in crate::api) struct Parts<'a> {
    pub response: &'a ResponseObject,
    pub input: &'a [Item],
    /// Its events, as frames.
    pub events: Bytes,
}

impl Parts<'_> {
    fn record(&self, owner: Option<String>) -> Result<(DocumentRecord, Option<Tree>), ApiError> {
        let head = &self.response.head;
        let mut items = references::ids(self.input);
        items.extend(references::ids(&self.response.output));
        let previous_response_id = head.previous_response_id.clone();
        let body = Body { status: self.response.status, previous_response_id, items };
        let created_at_ms = head.created_at.saturating_mul(1000);
        let record = DocumentRecord {
            kind: KIND.into(),
            id: head.id.clone(),
            owner,
            created_at_ms,
            expires_at_ms: Some(created_at_ms.saturating_add(KEPT_FOR.as_millis() as i64)),
            links: Vec::new(),
            body: serde_json::to_value(body).map_err(|_| ApiError::internal())?,
        };
        let mut tree = Tree::new();
        let response = serde_json::to_vec(self.response).map_err(|_| ApiError::internal())?;
        place::put(&mut tree, RESPONSE, response.into()).map_err(|_| ApiError::internal())?;
        items::put(&mut tree, INPUT, self.input)?;
        if !self.events.is_empty() {
            place::put(&mut tree, EVENTS, self.events.clone()).map_err(|_| ApiError::internal())?;
        }
        Ok((record, Some(tree)))
    }
}

/// What says that this process is alive: a lease that is taken when the first response is made in the background.
#[derive(Default)]
pub(in crate::api) struct Alive(OnceCell<(String, Lease)>);

impl Alive {
    /// This service's name, under which the lease is held.
    async fn name(&self, service: &Service) -> Result<&str, ApiError> {
        let take = async {
            let name = id::new("serve_");
            let lease = service.0.containers.store().lease(&name, Duration::ZERO).await?;
            Ok::<_, StoreError>((name, lease))
        };
        Ok(&self.0.get_or_try_init(|| take).await?.0)
    }

    /// That name, if the lease has been taken.
    pub fn known(&self) -> Option<&str> {
        self.0.get().map(|(name, _)| name.as_str())
    }
}

/// Keeps a response that is about to be made in the background.
pub(in crate::api) async fn begin(service: &Service, owner: Option<String>, parts: &Parts<'_>) -> Result<(), ApiError> {
    let running = DocumentRecord {
        kind: RUNNING.into(),
        id: parts.response.head.id.clone(),
        owner: owner.clone(),
        created_at_ms: kept::now_ms(),
        expires_at_ms: None,
        links: Vec::new(),
        body: serde_json::to_value(Running { service: service.0.alive.name(service).await?.to_owned() })
            .map_err(|_| ApiError::internal())?,
    };
    service.kept().change(vec![parts.record(owner)?, (running, None)], Vec::new()).await
}

/// Keeps a response that has been made, and adds it to its conversation.
pub(in crate::api) async fn finish(service: &Service, caller: &Caller, parts: &Parts<'_>) -> Result<(), ApiError> {
    let head = &parts.response.head;
    let mut records = Vec::new();
    if head.store {
        records.push(parts.record(caller.owner())?);
    }
    let conversation = head.conversation.as_ref().and_then(|conversation| conversation["id"].as_str());
    let adds = matches!(parts.response.status, Status::Completed | Status::Incomplete);
    let mut _one_at_a_time = None;
    if let Some(id) = conversation.filter(|_| adds) {
        _one_at_a_time = Some(service.kept().lock(id).await);
        match conversations::find_now(service, caller, id).await {
            Ok(record) => {
                let items: Vec<Item> = parts.input.iter().chain(&parts.response.output).cloned().collect();
                records.push(conversations::appended(service, record, &items).await?);
            }
            // It was removed meanwhile: nobody misses what would have been added.
            Err(error) => tracing::debug!(?error, id, "a response's conversation is gone"),
        }
    }
    let changes = if head.background { vec![not_running(&head.id)] } else { Vec::new() };
    if records.is_empty() && changes.is_empty() {
        return Ok(());
    }
    service.kept().change(records, changes).await
}

fn not_running(id: &str) -> Change {
    Change::RemoveDocument { kind: RUNNING.into(), id: id.into() }
}

/// The record of the response with this id, if the caller may know of it.
pub(in crate::api) async fn find(service: &Service, caller: &Caller, id: &str) -> Result<DocumentRecord, ApiError> {
    find_if(service, caller, id).await?.ok_or_else(|| ApiError::not_found("response", id))
}

async fn find_if(service: &Service, caller: &Caller, id: &str) -> Result<Option<DocumentRecord>, ApiError> {
    service.0.runs.settle(|run| run.id == id).await;
    if id::is("resp_", id) { service.kept().find(caller, KIND, id).await } else { Ok(None) }
}

/// A response as it was kept.
pub(in crate::api) async fn response(service: &Service, record: &DocumentRecord) -> Result<ResponseObject, ApiError> {
    let tree = service.kept().tree(record)?;
    kept::blocking(move || read_response(&tree)).await
}

fn read_response(tree: &Tree) -> Result<ResponseObject, ApiError> {
    let text = tree.read_path(RESPONSE).map_err(|_| ApiError::internal())?;
    serde_json::from_slice(&text).map_err(|error| {
        tracing::error!(%error, "a kept response cannot be read");
        ApiError::internal()
    })
}

/// What was said in a response, its input first. May block.
pub(in crate::api) fn said(tree: &Tree) -> Result<Vec<Item>, ApiError> {
    let mut items = items::get(tree, INPUT)?;
    items.extend(read_response(tree)?.output);
    Ok(items)
}

/// A response's input.
pub(in crate::api) async fn input(service: &Service, record: &DocumentRecord) -> Result<Vec<Item>, ApiError> {
    let tree = service.kept().tree(record)?;
    kept::blocking(move || items::get(&tree, INPUT)).await
}

/// A response's events, as frames; none if they were not kept.
pub(in crate::api) async fn events(service: &Service, record: &DocumentRecord) -> Result<Bytes, ApiError> {
    let tree = service.kept().tree(record)?;
    kept::blocking(move || match tree.read_path(EVENTS) {
        Err(Errno::NoEnt) => Ok(Bytes::new()),
        events => events.map_err(|_| ApiError::internal()),
    })
    .await
}

/// Forgets a response.
pub(in crate::api) async fn remove(service: &Service, id: &str) -> Result<(), ApiError> {
    service.kept().remove([(KIND, id), (RUNNING, id)]).await
}

/// What was said up to and with a response: the input and output of all that it went on from, and its own, oldest first.
pub(in crate::api) async fn context(service: &Service, caller: &Caller, id: &str) -> Result<Vec<Item>, ApiError> {
    let mut turns: Vec<Vec<Item>> = Vec::new();
    let mut next = Some(id.to_owned());
    while let Some(id) = next.take() {
        let record = find_if(service, caller, &id).await?.ok_or_else(|| ApiError::no_previous_response(&id))?;
        let body: Body = kept::body(&record)?;
        if !body.status.is_final() {
            let message = format!("The response '{id}' is still being made; wait for it to end, or cancel it.");
            return Err(ApiError::bad_request(message).with_code("previous_response_in_progress"));
        }
        let tree = service.kept().tree(&record)?;
        let turn = kept::blocking(move || said(&tree)).await?;
        // A compaction stands for all before it.
        let is_enough = turn.iter().any(|item| matches!(item, Item::Compaction(_)));
        turns.push(turn);
        next = body.previous_response_id.filter(|_| !is_enough);
        if turns.len() >= CHAIN {
            let message =
                format!("The response goes on from more than {CHAIN} others; use a conversation or compaction.");
            return Err(ApiError::bad_request(message).with_code("context_length_exceeded"));
        }
    }
    Ok(turns.into_iter().rev().flatten().collect())
}

/// Fails the responses in the background whose service has died. One that cannot be is no reason to leave the others in the air.
pub(in crate::api) async fn recover(service: &Service) -> Result<(), ApiError> {
    let store = service.0.containers.store();
    let query = DocumentQuery { order: Order::Ascending, ..DocumentQuery::of(RUNNING) };
    // Services by name, with their leases: whoever has one's is alive, or has not been dead for long.
    let mut services: HashMap<String, Option<Lease>> = HashMap::new();
    let mut left = Vec::new();
    for record in store.find_documents(query, usize::MAX, |_| true).await? {
        let Ok(Running { service: name }) = kept::body(&record) else { continue };
        if service.0.alive.known() == Some(name.as_str()) {
            continue;
        }
        if !services.contains_key(&name) {
            services.insert(name.clone(), store.lease(&name, Duration::ZERO).await.ok());
        }
        left.extend(services[&name].is_some().then_some(record.id));
    }
    // Side by side they share the store's commits.
    let failed = stream::iter(left).for_each_concurrent(FAILED_AT_ONCE, |id| async move {
        if let Err(error) = fail(service, &id).await {
            tracing::error!(?error, id, "a response that has no service any more cannot be failed");
        }
    });
    failed.await;
    Ok(())
}

async fn fail(service: &Service, id: &str) -> Result<(), ApiError> {
    let Some(record) = service.0.containers.store().document(KIND, id).await? else {
        return service.kept().remove([(RUNNING, id)]).await;
    };
    let (mut response, input) = (response(service, &record).await?, input(service, &record).await?);
    response.status = Status::Failed;
    response.error = Some(Failure::server(
        "The service stopped while it made this response. What its commands had done by then is kept; ask again to go on.",
    ));
    tracing::warn!(id, "a response was being made when its service stopped; it has failed");
    let parts = Parts { response: &response, input: &input, events: Bytes::new() };
    service.kept().change(vec![parts.record(record.owner)?], vec![not_running(id)]).await
}
