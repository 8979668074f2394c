//! The audit trail: what was asked for, by whom, what became of it. Append-only and chained by hashes, in the store.
//!
//! What is kept of it can be bounded: the oldest records go, behind a checkpoint that the rest still follows from.
//!
//! Records are written a moment after what they tell of, many at a time, so that nobody waits for them; a crash may lose the last of
//! them. Of a command they have what was run and how it ended, never its input, output, environment or files.

use std::time::Duration;

use axum::extract::{RawQuery, State};
use serde::Serialize;
use serde_json::Value;
use tokio::runtime::Handle;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot};
use utoipa::ToSchema;

use super::config::AuditKeep;
use super::error::ApiError;
use super::fields::Fields;
use super::json::Json;
use super::kept;
use super::service::Service;
use super::wire::{Identified, List, Page};
pub(super) use crate::base::redacted;
use crate::storage::{AuditEntry, AuditQuery, AuditRecord, Change, Commit, Store};

/// Records that wait to be written; whoever has more waits too.
const WAITING: usize = 10_000;

/// Records in one commit.
const TOGETHER: usize = 1000;

/// Records are collected for so long before they are written. Longer would be less work; but what comes at once makes requests wait.
const COLLECT: Duration = Duration::from_millis(5);

/// So many records are written before the oldest are dropped, where a number of bytes is kept.
const PRUNE_EVERY: usize = 1000;

/// Where records are put.
#[derive(Clone)]
pub(super) struct Audit(mpsc::Sender<Note>);

/// What the writer is told.
enum Note {
    Entry(AuditEntry),
    /// Whoever asks is answered when all before is written.
    Flush(oneshot::Sender<()>),
}

impl Audit {
    /// A trail in `store`. Its records are written by the future, which ends when all has been written and no more can come.
    pub fn new(store: Store, keep: AuditKeep) -> (Audit, impl Future<Output = ()>) {
        let (sender, receiver) = mpsc::channel(WAITING);
        (Audit(sender), write(store, keep, receiver))
    }

    /// Adds a record.
    pub async fn add(&self, container: Option<String>, event: Value) {
        self.record(container, event).add().await;
    }

    /// Begins a record: it is added in any case, when it is dropped at the latest.
    pub fn record(&self, container: Option<String>, event: Value) -> Record {
        Record { audit: self.clone(), told: Some((container, event)) }
    }

    /// Waits until all records so far are written.
    pub async fn flush(&self) {
        let (done, written) = oneshot::channel();
        if self.0.send(Note::Flush(done)).await.is_ok() {
            let _ = written.await;
        }
    }
}

/// What is told of a request or a command, whatever becomes of who tells it: clients go away, and the futures that serve them are dropped.
pub(super) struct Record {
    audit: Audit,
    /// The container and the event, until they are added.
    told: Option<(Option<String>, Value)>,
}

impl Record {
    /// Tells one thing more.
    pub fn tell(&mut self, name: &str, value: impl Into<Value>) {
        if let Some((_, Value::Object(event))) = &mut self.told {
            event.insert(name.to_owned(), value.into());
        }
    }

    /// Takes over all that another has to tell, which is then not added.
    pub fn join(&mut self, mut other: Record) {
        if let (Some((container, Value::Object(event))), Some((its, Value::Object(mut more)))) =
            (&mut self.told, other.told.take())
        {
            event.append(&mut more);
            *container = its.or(container.take());
        }
    }

    /// Adds it; waits while more is told than can be written.
    pub async fn add(mut self) {
        if let Some(told) = self.told.take() {
            // Only the very end of the service has nobody to write it.
            let _ = self.audit.0.send(note(told)).await;
        }
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        let Some(told) = self.told.take() else { return };
        if let Err(TrySendError::Full(note)) = self.audit.0.try_send(note(told))
            && let Ok(runtime) = Handle::try_current()
        {
            let sender = self.audit.0.clone();
            runtime.spawn(async move { sender.send(note).await });
        }
    }
}

fn note((container, body): (Option<String>, Value)) -> Note {
    Note::Entry(AuditEntry { at_ms: kept::now_ms(), container, body })
}

/// What drops the records that are not kept; `None` if all are.
pub(super) fn prune(keep: AuditKeep) -> Option<Commit> {
    let before_ms =
        keep.age.map(|age| kept::now_ms().saturating_sub(i64::try_from(age.as_millis()).unwrap_or(i64::MAX)));
    let change = Change::PruneAudit { bytes: keep.bytes, before_ms };
    (keep.bytes.is_some() || before_ms.is_some()).then(|| Commit { changes: vec![change], ..Commit::default() })
}

async fn write(store: Store, keep: AuditKeep, mut receiver: mpsc::Receiver<Note>) {
    let (mut notes, mut written) = (Vec::new(), 0);
    while receiver.recv_many(&mut notes, TOGETHER).await > 0 {
        if !notes.iter().any(|note| matches!(note, Note::Flush(_))) {
            tokio::time::sleep(COLLECT).await;
        }
        while notes.len() < TOGETHER
            && let Ok(note) = receiver.try_recv()
        {
            notes.push(note);
        }
        let (mut changes, mut waiting) = (Vec::new(), Vec::new());
        for note in notes.drain(..) {
            match note {
                Note::Entry(entry) => changes.push(Change::AppendAudit(entry)),
                Note::Flush(done) => waiting.push(done),
            }
        }
        written += changes.len();
        if written >= PRUNE_EVERY && keep.bytes.is_some() {
            written = 0;
            changes.extend(prune(keep).into_iter().flat_map(|commit| commit.changes));
        }
        if !changes.is_empty()
            && let Err(error) = store.commit(Commit { changes, ..Commit::default() }).await
        {
            tracing::error!(%error, "records of the audit trail are lost");
        }
        for done in waiting {
            // Whoever does not wait any more need not be told.
            let _ = done.send(());
        }
    }
}

/// A record of the trail.
#[derive(Serialize, ToSchema)]
pub(super) struct AuditObject {
    /// Its number, as text.
    id: String,
    /// Always `audit.record`.
    object: &'static str,
    /// BLAKE3 over the hash of the record before it and all of this one.
    hash: String,
    at_ms: i64,
    container_id: Option<String>,
    /// Of which `type` it is (`request`, `command`, `tool_call`, …), and what there is to tell of it. A command that a request waited for
    /// has the request's `method`, `path` and `status` in its own record.
    #[schema(value_type = Object)]
    event: Value,
}

impl From<AuditRecord> for AuditObject {
    fn from(record: AuditRecord) -> AuditObject {
        AuditObject {
            id: record.seq.to_string(),
            object: "audit.record",
            hash: record.hash.to_string(),
            at_ms: record.entry.at_ms,
            container_id: record.entry.container,
            event: record.entry.body,
        }
    }
}

impl Identified for AuditObject {
    fn id(&self) -> &str {
        &self.id
    }
}

/// A page of the trail, and where it begins.
#[derive(Serialize, ToSchema)]
pub(super) struct AuditList {
    #[serde(flatten)]
    list: List<AuditObject>,
    checkpoint: Checkpoint,
}

/// What the trail's first record follows from.
#[derive(Serialize, ToSchema)]
struct Checkpoint {
    /// How many records were dropped from the trail's beginning.
    dropped: u64,
    /// The hash of the last of them; zeros if none was.
    hash: String,
}

/// The audit trail, oldest first.
#[utoipa::path(get, path = "/v1/audit", tag = "audit",
    params(("container_id" = Option<String>, Query), ("from_ms" = Option<i64>, Query), ("to_ms" = Option<i64>, Query), ("limit" = Option<u32>, Query), ("after" = Option<String>, Query)),
    responses((status = 200, description = "A page of it", body = AuditList)))]
pub(super) async fn list(
    State(service): State<Service>,
    RawQuery(query): RawQuery,
) -> Result<Json<AuditList>, ApiError> {
    let mut fields = Fields::query(query.as_deref())?;
    let container = fields.text("container_id")?;
    let (from_ms, to_ms) = (fields.number("from_ms")?.unwrap_or(i64::MIN), fields.number("to_ms")?.unwrap_or(i64::MAX));
    if fields.text("order")?.is_some_and(|order| order != "asc") {
        return Err(ApiError::invalid_value("order", "the trail is told in its own order: expected 'asc'"));
    }
    let page = Page::take(&mut fields, 20, 100)?;
    fields.finish()?;
    let after = page.after.as_deref().map(str::parse).transpose();
    let after_seq = after.map_err(|_| ApiError::invalid_value("after", "expected a record's id"))?.unwrap_or(0);
    let query = AuditQuery { container, from_ms, to_ms, after_seq, limit: page.limit + 1 };
    let store = service.0.containers.store();
    let (found, checkpoint) = (store.audit(&query).await?, store.audit_checkpoint().await?);
    let list = List::new(found.into_iter().map(AuditObject::from).collect(), page.limit);
    Ok(Json(AuditList { list, checkpoint: Checkpoint { dropped: checkpoint.seq, hash: checkpoint.hash.to_string() } }))
}
