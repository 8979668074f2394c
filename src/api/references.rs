//! References to items: whatever of its owner's is kept may be named by its id, in responses (what came in, what came out) and in conversations.
//!
//! Documents that have items name them in their bodies; only those are read whose body names what is looked for, newest first.

use std::collections::{HashMap, HashSet};

use super::error::ApiError;
use super::gate::Caller;
use super::responses::store;
use super::service::Service;
use super::wire::Page;
use super::{conversations, kept};
use crate::agent::item::Item;
use crate::storage::{DocumentRecord, Order};

/// References of one request: each unknown one costs a look at all that is kept.
const MOST: usize = 256;

/// Documents that are read at once.
const AT_ONCE: u32 = 20;

/// The field of a document's body that names its items.
pub(super) const ITEMS: &str = "items";

/// The ids of items, as a body names them.
pub(super) fn ids(items: &[Item]) -> Vec<String> {
    items.iter().filter_map(Item::id).map(str::to_owned).collect()
}

/// The input with the items that it refers to, without those that the context has anyway.
pub(super) async fn resolve(
    service: &Service,
    caller: &Caller,
    input: Vec<Item>,
    context: &[Item],
) -> Result<Vec<Item>, ApiError> {
    let mut there: HashSet<String> = context.iter().chain(&input).filter_map(known).collect();
    let missing = |item: &Item| reference(item).filter(|id| !there.contains(*id)).map(str::to_owned);
    let missing: HashSet<String> = input.iter().filter_map(missing).collect();
    if missing.len() > MOST {
        let why = format!("expected at most {MOST} references to items, got {}", missing.len());
        return Err(ApiError::invalid_value("input", why));
    }
    let found = find(service, caller, missing).await?;
    let mut resolved = Vec::with_capacity(input.len());
    for (index, item) in input.into_iter().enumerate() {
        match reference(&item) {
            None => resolved.push(item),
            Some(id) if there.contains(id) => {}
            Some(id) => {
                let Some(item) = found.get(id) else { return Err(unknown(index, id)) };
                there.insert(id.to_owned());
                resolved.push(item.clone());
            }
        }
    }
    Ok(resolved)
}

fn reference(item: &Item) -> Option<&str> {
    match item {
        Item::ItemReference(reference) => Some(&reference.id),
        _ => None,
    }
}

/// The id of an item that is there itself.
fn known(item: &Item) -> Option<String> {
    item.id().filter(|_| reference(item).is_none()).map(str::to_owned)
}

fn unknown(index: usize, id: &str) -> ApiError {
    let id: String = id.chars().take(100).collect();
    ApiError::invalid_value(format!("input[{index}].id"), format!("Item with id '{id}' not found"))
}

/// The items with these ids, as far as they are kept and the caller's.
async fn find(service: &Service, caller: &Caller, mut ids: HashSet<String>) -> Result<HashMap<String, Item>, ApiError> {
    let mut found = HashMap::new();
    if ids.is_empty() {
        return Ok(found);
    }
    let owner = caller.owner();
    service.0.runs.settle(|run| run.owner == owner).await;
    for kind in [store::KIND, conversations::KIND] {
        let mut page = Page { limit: AT_ONCE, order: Order::Descending, after: None };
        while !ids.is_empty() {
            let records = service.kept().page(caller, kind, &page, |record| names_any(record, &ids)).await?;
            for record in &records {
                if !names_any(record, &ids) {
                    continue;
                }
                for item in items_of(service, record).await? {
                    if let Some(id) = item.id().and_then(|id| ids.take(id)) {
                        found.insert(id, item);
                    }
                }
            }
            if records.len() <= AT_ONCE as usize {
                break;
            }
            page.after = records.last().map(|record| record.id.clone());
        }
    }
    Ok(found)
}

fn names_any(record: &DocumentRecord, ids: &HashSet<String>) -> bool {
    let named = record.body[ITEMS].as_array().into_iter().flatten();
    named.filter_map(|id| id.as_str()).any(|id| ids.contains(id))
}

async fn items_of(service: &Service, record: &DocumentRecord) -> Result<Vec<Item>, ApiError> {
    if record.kind == conversations::KIND {
        return conversations::load(service, record).await;
    }
    let tree = service.kept().tree(record)?;
    kept::blocking(move || store::said(&tree)).await
}
