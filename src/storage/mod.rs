//! Bytes that survive: content-addressed blobs and typed records, committed together.
//!
//! A [`Store`] keeps a graph of blobs (`base::Blob`: bytes and the ids they lead to) and records that name roots in it. It knows no files.
//! One commit is all or nothing and durable when it returns. docs/storage.md has the format, the guarantees and how each is tested.

mod audit;
mod backup;
mod cache;
mod check;
mod collect;
mod commit;
mod compact;
mod database;
mod error;
mod holder;
mod lease;
mod lists;
mod migrations;
mod objects;
mod open;
mod pack;
mod read;
mod records;
mod rows;
mod stats;

pub use check::{CheckReport, Problem};
pub use collect::Collected;
pub use commit::{Commit, Fence};
pub use error::StoreError;
pub use lease::{Lease, Pin};
pub use records::{
    AuditChain, AuditCheckpoint, AuditEntry, AuditQuery, AuditRecord, CONTAINER_PREFIX, Change, ContainerQuery,
    ContainerRecord, ContainerStatus, DocumentQuery, DocumentRecord, LIST_LIMIT, LogQuery, LogRecord, Order,
    PROPOSAL_PREFIX, ProposalRecord, ProposalState, SNAPSHOT_PREFIX, SnapshotQuery, SnapshotRecord,
};
pub use stats::Stats;

use database::Database;
use objects::Objects;
use open::Inner;

use crate::base::{BlobSource, Hash, StoreTag};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Where a store is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Place {
    /// In a directory, made if it is not there.
    Directory(PathBuf),
    /// In memory, gone with the last handle.
    Memory,
}

/// How a store is opened.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StoreConfig {
    /// Where it is.
    pub place: Place,
    /// Bytes its blobs may take as they are stored; `u64::MAX` for as many as there is room for.
    pub quota_bytes: u64,
    /// Memory for blobs that were read.
    pub cache_bytes: u64,
    /// How long a process that shows no sign of life keeps its leases.
    pub lease_ttl: Duration,
}

impl StoreConfig {
    /// A store in a directory, without a quota.
    pub fn directory(path: impl Into<PathBuf>) -> StoreConfig {
        StoreConfig { place: Place::Directory(path.into()), ..StoreConfig::memory() }
    }

    /// A store in memory, without a quota.
    pub fn memory() -> StoreConfig {
        StoreConfig {
            place: Place::Memory,
            quota_bytes: u64::MAX,
            cache_bytes: 64 << 20,
            lease_ttl: Duration::from_secs(10),
        }
    }
}

/// A handle of an open store; cheap to clone, to be used from any thread, with or without a runtime.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

impl Store {
    /// Opens a store; makes it, or brings it to this program's format, if it must.
    ///
    /// # Errors
    /// It cannot be read or written, or is of a newer format.
    pub fn open(config: StoreConfig) -> Result<Store, StoreError> {
        Ok(Store { inner: Inner::open(config)? })
    }

    /// What marks "is in this store" carry.
    pub fn tag(&self) -> StoreTag {
        self.inner.tag
    }

    /// Its blobs.
    pub fn source(&self) -> Arc<dyn BlobSource> {
        Arc::new(read::Source(self.inner.clone()))
    }

    /// The newest epoch this handle's process knows of: what to put into the first commit of a tree that was just loaded or made.
    pub fn epoch(&self) -> u64 {
        self.inner.epoch()
    }

    /// All or nothing, and durable when it returns. Goes on if the future is dropped. Concurrent commits share one sync of the disk.
    ///
    /// # Errors
    /// See [`StoreError`]; nothing of it is in the store then, except after `Records` or `Objects`, where a power cut may bring it back whole.
    pub async fn commit(&self, commit: Commit) -> Result<(), StoreError> {
        self.on_its_thread(move |inner| inner.commit(commit)).await
    }

    /// A container by id, or by name among those without an owner.
    ///
    /// # Errors
    /// The records cannot be read.
    pub async fn container(&self, id_or_name: &str) -> Result<Option<ContainerRecord>, StoreError> {
        let id_or_name = id_or_name.to_owned();
        self.on_its_thread(move |inner| async move { lists::container(&inner.database, &id_or_name).await }).await
    }

    /// Containers.
    ///
    /// # Errors
    /// The records cannot be read.
    pub async fn containers(&self, query: &ContainerQuery) -> Result<Vec<ContainerRecord>, StoreError> {
        let query = query.clone();
        self.on_its_thread(move |inner| async move { lists::containers(&inner.database, &query).await }).await
    }

    /// Active containers whose time is over, those due first.
    ///
    /// # Errors
    /// The records cannot be read.
    pub async fn expired(&self, now_ms: i64, limit: u32) -> Result<Vec<ContainerRecord>, StoreError> {
        self.on_its_thread(move |inner| async move { lists::expired(&inner.database, now_ms, limit).await }).await
    }

    /// A container's log.
    ///
    /// # Errors
    /// The records cannot be read.
    pub async fn log(&self, container: &str, query: &LogQuery) -> Result<Vec<LogRecord>, StoreError> {
        let container = container.to_owned();
        let query = query.clone();
        self.on_its_thread(move |inner| async move { lists::log(&inner.database, &container, &query).await }).await
    }

    /// A snapshot by id, or by name among those without an owner.
    ///
    /// # Errors
    /// The records cannot be read.
    pub async fn snapshot(&self, id_or_name: &str) -> Result<Option<SnapshotRecord>, StoreError> {
        let id_or_name = id_or_name.to_owned();
        self.on_its_thread(move |inner| async move { lists::snapshot(&inner.database, &id_or_name).await }).await
    }

    /// Snapshots.
    ///
    /// # Errors
    /// The records cannot be read.
    pub async fn snapshots(&self, query: &SnapshotQuery) -> Result<Vec<SnapshotRecord>, StoreError> {
        let query = query.clone();
        self.on_its_thread(move |inner| async move { lists::snapshots(&inner.database, &query).await }).await
    }

    /// A proposal by id.
    ///
    /// # Errors
    /// The records cannot be read.
    pub async fn proposal(&self, id: &str) -> Result<Option<ProposalRecord>, StoreError> {
        let id = id.to_owned();
        self.on_its_thread(move |inner| async move { lists::proposal(&inner.database, &id).await }).await
    }

    /// A container's proposals, newest first; at most [`LIST_LIMIT`].
    ///
    /// # Errors
    /// The records cannot be read.
    pub async fn proposals(&self, container: &str) -> Result<Vec<ProposalRecord>, StoreError> {
        let container = container.to_owned();
        self.on_its_thread(move |inner| async move { lists::proposals(&inner.database, &container).await }).await
    }

    /// The files of an image, if they are stored.
    ///
    /// # Errors
    /// The records cannot be read.
    pub async fn image_root(&self, image: &str) -> Result<Option<Hash>, StoreError> {
        let image = image.to_owned();
        self.on_its_thread(move |inner| async move { lists::image_root(&inner.database, &image).await }).await
    }

    /// A document.
    ///
    /// # Errors
    /// The records cannot be read.
    pub async fn document(&self, kind: &str, id: &str) -> Result<Option<DocumentRecord>, StoreError> {
        let kind = kind.to_owned();
        let id = id.to_owned();
        self.on_its_thread(move |inner| async move { lists::document(&inner.database, &kind, &id).await }).await
    }

    /// Documents of a kind.
    ///
    /// # Errors
    /// The records cannot be read.
    pub async fn documents(&self, query: &DocumentQuery) -> Result<Vec<DocumentRecord>, StoreError> {
        let query = query.clone();
        self.on_its_thread(move |inner| async move { lists::documents(&inner.database, &query).await }).await
    }

    /// The first `most` documents that are such, however many that is; the query's own limit is of no account.
    ///
    /// # Errors
    /// The records cannot be read.
    pub async fn find_documents(
        &self,
        query: DocumentQuery,
        most: usize,
        is_such: impl Fn(&DocumentRecord) -> bool,
    ) -> Result<Vec<DocumentRecord>, StoreError> {
        let mut query = DocumentQuery { limit: LIST_LIMIT, ..query };
        let mut found = Vec::new();
        loop {
            let page = self.documents(&query).await?;
            let is_last = page.len() < LIST_LIMIT as usize;
            query.after = page.last().map(|record| record.id.clone());
            found.extend(page.into_iter().filter(&is_such).take(most - found.len()));
            if is_last || found.len() == most {
                return Ok(found);
            }
        }
    }

    /// The audit trail.
    ///
    /// # Errors
    /// The records cannot be read.
    pub async fn audit(&self, query: &AuditQuery) -> Result<Vec<AuditRecord>, StoreError> {
        let query = query.clone();
        self.on_its_thread(move |inner| async move { lists::audit(&inner.database, &query).await }).await
    }

    /// Where the audit trail begins: what was dropped before it.
    ///
    /// # Errors
    /// The records cannot be read.
    pub async fn audit_checkpoint(&self) -> Result<AuditCheckpoint, StoreError> {
        self.on_its_thread(|inner| async move { audit::checkpoint(&inner.database).await }).await
    }

    /// Follows the audit trail's chain from its checkpoint.
    ///
    /// # Errors
    /// The records cannot be read.
    pub async fn audit_verify(&self) -> Result<AuditChain, StoreError> {
        self.on_its_thread(|inner| async move { audit::verify(&inner.database).await }).await
    }

    /// The right to change a container. It has at most one live holder; its fence grows with each.
    ///
    /// Waits up to `wait` for a live holder to give it up, which is told that it is wanted. A dead holder's is taken over.
    ///
    /// # Errors
    /// [`StoreError::Held`] after `wait`.
    pub async fn lease(&self, container: &str, wait: Duration) -> Result<Lease, StoreError> {
        let container = container.to_owned();
        self.on_its_thread(move |inner| inner.lease(container, wait)).await
    }

    /// Keeps a root and all it leads to from the collector while the `Pin` lives.
    ///
    /// # Errors
    /// It is not in the store (any more).
    pub async fn pin(&self, root: Hash) -> Result<Pin, StoreError> {
        self.on_its_thread(move |inner| inner.pin(root)).await
    }

    /// Takes away what nothing leads to, while the store is in use.
    ///
    /// # Errors
    /// The store cannot be read or written; what was taken away until then was garbage.
    pub async fn collect(&self) -> Result<Collected, StoreError> {
        self.on_its_thread(Inner::collect).await
    }

    /// Reads everything, verifies every hash and reference; repairs what can be repaired if asked to.
    ///
    /// # Errors
    /// The store cannot be read or written at all.
    pub async fn check(&self, repair: bool) -> Result<CheckReport, StoreError> {
        self.on_its_thread(move |inner| inner.check(repair)).await
    }

    /// Writes a copy of the store, as of one moment, to a directory that is not there or is empty. The store stays in use.
    ///
    /// # Errors
    /// The directory is not empty, or something cannot be read or written.
    pub async fn backup(&self, to: &Path) -> Result<(), StoreError> {
        let to = to.to_owned();
        self.on_its_thread(move |inner| inner.backup(to)).await
    }

    /// What it holds.
    ///
    /// # Errors
    /// The records cannot be read.
    pub async fn stats(&self) -> Result<Stats, StoreError> {
        self.on_its_thread(|inner| async move { inner.stats().await }).await
    }

    /// Gives up all leases and pins and closes its files; what other handles ask for from now on is [`StoreError::Closed`].
    /// A store that is dropped without it loses nothing.
    pub async fn close(&self) {
        let inner = self.inner.clone();
        let closing = self.inner.runtime.spawn(async move {
            inner.holder.sign_off().await;
            inner.database.close().await;
        });
        let _ = closing.await;
    }

    /// Does something on the store's own thread, to its end even if nobody waits for it any more.
    async fn on_its_thread<T, F>(&self, what: impl FnOnce(Arc<Inner>) -> F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, StoreError>> + Send + 'static,
    {
        self.inner.runtime.spawn(what(self.inner.clone())).await.unwrap_or(Err(StoreError::Closed))
    }
}

#[cfg(test)]
mod tests;
