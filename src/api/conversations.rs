//! `/v1/conversations`: items that belong together, in order, to which responses add what they were asked and what they answered.

use axum::Extension;
use axum::extract::{RawQuery, Request, State};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::MutexGuard;

use super::error::ApiError;
use super::fields::Fields;
use super::gate::Caller;
use super::items::{self, Shown};
use super::json::{self, Json};
use super::kept;
use super::path::{Ids, Named};
use super::references;
use super::service::Service;
use super::wire::{
    ConversationObject, CreateConversation, CreateItems, Deleted, List, Metadata, Page, UpdateConversation,
    check_metadata,
};
use crate::agent::item::Item;
use crate::base::id;
use crate::storage::{DocumentRecord, Order};
use crate::vfs::Tree;

/// The kind of their documents.
pub(super) const KIND: &str = "conversation";

/// Where a conversation's items are in its tree.
const ITEMS: &[u8] = b"/items";

/// Items that one request may add.
const AT_ONCE: usize = 20;

/// Items that a conversation may have.
const MOST: usize = 20_000;

/// What is kept of a conversation beside its items.
#[derive(Serialize, Deserialize)]
struct Body {
    metadata: Metadata,
    /// The ids of its items.
    #[serde(default)]
    items: Vec<String>,
}

/// Makes a conversation.
#[utoipa::path(post, path = "/v1/conversations", tag = "conversations", request_body = CreateConversation,
    responses((status = 200, description = "The conversation", body = ConversationObject)))]
pub(super) async fn create(
    State(service): State<Service>,
    Extension(caller): Extension<Caller>,
    request: Request,
) -> Result<Json<ConversationObject>, ApiError> {
    let asked: CreateConversation = json::read(&service, request).await?;
    let metadata = asked.metadata.unwrap_or_default();
    check_metadata(&metadata)?;
    let items = some_items(asked.items.unwrap_or_default())?;
    let record = kept::record(&caller, KIND, id::new("conv_"), &Body { metadata, items: Vec::new() })?;
    let shown = object(&record)?;
    service.kept().change(vec![with_items(record, &items)?], Vec::new()).await?;
    Ok(Json(shown))
}

/// A conversation.
#[utoipa::path(get, path = "/v1/conversations/{conversation_id}", tag = "conversations", params(("conversation_id" = String, Path)),
    responses((status = 200, description = "The conversation", body = ConversationObject)))]
pub(super) async fn get(Named { service, caller, id }: Named) -> Result<Json<ConversationObject>, ApiError> {
    Ok(Json(object(&find(&service, &caller, &id).await?)?))
}

/// Gives a conversation other metadata.
#[utoipa::path(post, path = "/v1/conversations/{conversation_id}", tag = "conversations", params(("conversation_id" = String, Path)),
    request_body = UpdateConversation, responses((status = 200, description = "The conversation", body = ConversationObject)))]
pub(super) async fn update(
    Named { service, caller, id }: Named,
    request: Request,
) -> Result<Json<ConversationObject>, ApiError> {
    let asked: UpdateConversation = json::read(&service, request).await?;
    let metadata = asked.metadata.unwrap_or_default();
    check_metadata(&metadata)?;
    let (_one_at_a_time, mut record) = alone(&service, &caller, &id).await?;
    let items = kept::body::<Body>(&record)?.items;
    record.body = serde_json::to_value(Body { metadata, items }).map_err(|_| ApiError::internal())?;
    let shown = object(&record)?;
    service.kept().put(record).await?;
    Ok(Json(shown))
}

/// Removes a conversation with its items.
#[utoipa::path(delete, path = "/v1/conversations/{conversation_id}", tag = "conversations", params(("conversation_id" = String, Path)),
    responses((status = 200, description = "It is gone", body = Deleted)))]
pub(super) async fn remove(Named { service, caller, id }: Named) -> Result<Json<Deleted>, ApiError> {
    let (_one_at_a_time, record) = alone(&service, &caller, &id).await?;
    service.kept().remove([(KIND, record.id.as_str())]).await?;
    Ok(Json(Deleted::new(id, "conversation.deleted")))
}

/// Adds items.
#[utoipa::path(post, path = "/v1/conversations/{conversation_id}/items", tag = "conversations", params(("conversation_id" = String, Path)),
    request_body = CreateItems, responses((status = 200, description = "The items", body = List<Item>)))]
pub(super) async fn create_items(
    Named { service, caller, id }: Named,
    request: Request,
) -> Result<Json<List<Shown>>, ApiError> {
    let (parts, body) = request.into_parts();
    let mut fields = Fields::query(parts.uri.query())?;
    included(&mut fields);
    fields.finish()?;
    let asked: CreateItems = json::read_body(&service, &parts.headers, body).await?;
    let items = some_items(asked.items)?;
    let (_one_at_a_time, record) = alone(&service, &caller, &id).await?;
    let change = appended(&service, record, &items).await?;
    service.kept().change(vec![change], Vec::new()).await?;
    Ok(Json(List::new(items.into_iter().map(Shown).collect(), AT_ONCE as u32)))
}

/// Lists items.
#[utoipa::path(get, path = "/v1/conversations/{conversation_id}/items", tag = "conversations",
    params(("conversation_id" = String, Path), ("limit" = Option<u32>, Query), ("order" = Option<String>, Query), ("after" = Option<String>, Query)),
    responses((status = 200, description = "A page of them", body = List<Item>)))]
pub(super) async fn list_items(
    Named { service, caller, id }: Named,
    RawQuery(query): RawQuery,
) -> Result<Json<List<Shown>>, ApiError> {
    let page = item_page(query.as_deref())?;
    let record = find(&service, &caller, &id).await?;
    Ok(Json(shown(page, load(&service, &record).await?)))
}

/// An item.
#[utoipa::path(get, path = "/v1/conversations/{conversation_id}/items/{item_id}", tag = "conversations",
    params(("conversation_id" = String, Path), ("item_id" = String, Path)), responses((status = 200, description = "The item", body = Item)))]
pub(super) async fn get_item(
    State(service): State<Service>,
    Extension(caller): Extension<Caller>,
    Ids((id, item)): Ids<(String, String)>,
    RawQuery(query): RawQuery,
) -> Result<Json<Shown>, ApiError> {
    let mut fields = Fields::query(query.as_deref())?;
    included(&mut fields);
    fields.finish()?;
    let record = find(&service, &caller, &id).await?;
    let mut items = load(&service, &record).await?.into_iter();
    let found = items.find(|found| found.id() == Some(&item));
    found.map(|item| Json(Shown(item))).ok_or_else(|| ApiError::not_found("item", &item))
}

/// Takes an item out.
#[utoipa::path(delete, path = "/v1/conversations/{conversation_id}/items/{item_id}", tag = "conversations",
    params(("conversation_id" = String, Path), ("item_id" = String, Path)),
    responses((status = 200, description = "The conversation without it", body = ConversationObject)))]
pub(super) async fn remove_item(
    State(service): State<Service>,
    Extension(caller): Extension<Caller>,
    Ids((id, item)): Ids<(String, String)>,
) -> Result<Json<ConversationObject>, ApiError> {
    let (_one_at_a_time, record) = alone(&service, &caller, &id).await?;
    let mut items = load(&service, &record).await?;
    let before = items.len();
    items.retain(|found| found.id() != Some(&item));
    if items.len() == before {
        return Err(ApiError::not_found("item", &item));
    }
    let shown = object(&record)?;
    service.kept().change(vec![with_items(record, &items)?], Vec::new()).await?;
    Ok(Json(shown))
}

/// The items of a request, of which there may be few.
fn some_items(values: Vec<Value>) -> Result<Vec<Item>, ApiError> {
    if values.len() > AT_ONCE {
        let why = format!("expected at most {AT_ONCE} items, got {}", values.len());
        return Err(ApiError::invalid_value("items", why));
    }
    let mut items = items::parse("items", values)?;
    let input_only = |item: &Item| matches!(item, Item::ItemReference(_) | Item::CompactionTrigger {});
    if let Some(at) = items.iter().position(input_only) {
        let why = format!("an item of type '{}' cannot be kept", items[at].kind());
        return Err(ApiError::invalid_value(format!("items[{at}].type"), why));
    }
    items::complete(&mut items);
    Ok(items)
}

/// The conversation with this id, if the caller may know of it, with what responses that are over have added.
pub(super) async fn find(service: &Service, caller: &Caller, id: &str) -> Result<DocumentRecord, ApiError> {
    service.0.runs.settle(|run| run.conversation.as_deref() == Some(id)).await;
    find_now(service, caller, id).await
}

/// The same as it is, for a response that is about to add to it.
pub(super) async fn find_now(service: &Service, caller: &Caller, id: &str) -> Result<DocumentRecord, ApiError> {
    let found = if id::is("conv_", id) { service.kept().find(caller, KIND, id).await? } else { None };
    found.ok_or_else(|| ApiError::not_found("conversation", id))
}

/// The same, for whoever is about to change it, and its lock.
async fn alone<'a>(
    service: &'a Service,
    caller: &Caller,
    id: &str,
) -> Result<(MutexGuard<'a, ()>, DocumentRecord), ApiError> {
    service.0.runs.settle(|run| run.conversation.as_deref() == Some(id)).await;
    let lock = service.kept().lock(id).await;
    Ok((lock, find_now(service, caller, id).await?))
}

/// A conversation's items, oldest first.
pub(super) async fn load(service: &Service, record: &DocumentRecord) -> Result<Vec<Item>, ApiError> {
    let tree = service.kept().tree(record)?;
    kept::blocking(move || items::get(&tree, ITEMS)).await
}

/// A conversation with more items, to be kept. Its lock must be held from before it was found until it is kept.
pub(super) async fn appended(
    service: &Service,
    record: DocumentRecord,
    more: &[Item],
) -> Result<(DocumentRecord, Option<Tree>), ApiError> {
    let mut all = load(service, &record).await?;
    if all.len() + more.len() > MOST {
        let message = format!("A conversation has at most {MOST} items; begin another one.");
        return Err(ApiError::bad_request(message).with_code("conversation_full"));
    }
    for item in more {
        // An item that is sent again keeps its place.
        if !all.iter().any(|there| there.id() == item.id()) {
            all.push(item.clone());
        }
    }
    with_items(record, &all)
}

/// A conversation that has these items, to be kept.
fn with_items(mut record: DocumentRecord, items: &[Item]) -> Result<(DocumentRecord, Option<Tree>), ApiError> {
    let Body { metadata, .. } = kept::body(&record)?;
    let body = Body { metadata, items: references::ids(items) };
    record.body = serde_json::to_value(body).map_err(|_| ApiError::internal())?;
    let mut tree = Tree::new();
    items::put(&mut tree, ITEMS, items)?;
    Ok((record, Some(tree)))
}

/// Which page of a list of items is asked for.
pub(super) fn item_page(query: Option<&str>) -> Result<Page, ApiError> {
    let mut fields = Fields::query(query)?;
    included(&mut fields);
    let page = Page::take(&mut fields, 20, 100)?;
    fields.finish()?;
    Ok(page)
}

/// A page of items that are sorted oldest first.
pub(super) fn shown(page: Page, mut items: Vec<Item>) -> List<Shown> {
    if page.order == Order::Descending {
        items.reverse();
    }
    page.cut(items.into_iter().map(Shown).collect())
}

/// Takes `include` out of a query: all there is to include is there already.
fn included(fields: &mut Fields) {
    fields.list("include");
}

fn object(record: &DocumentRecord) -> Result<ConversationObject, ApiError> {
    let Body { metadata, .. } = kept::body(record)?;
    Ok(ConversationObject {
        id: record.id.clone(),
        object: "conversation",
        created_at: record.created_at_ms.div_euclid(1000),
        metadata,
    })
}
