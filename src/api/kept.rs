//! What the service itself keeps in the store: documents, and files that some of them lead to, as a tree.

use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::{Mutex, MutexGuard};
use tokio::task::spawn_blocking;

use super::error::ApiError;
use super::gate::Caller;
use super::service::Service;
use super::wire::Page;
use crate::base::Hash;
use crate::storage::{Change, Commit, DocumentQuery, DocumentRecord, LIST_LIMIT, Order, Store, StoreError};
use crate::vfs::{Clock as _, SystemClock, Tree, TreeLoader};

/// Times a commit is tried again because garbage was collected meanwhile.
const TRIES: u32 = 5;

/// Locks that ids share.
const LOCKS: usize = 64;

/// The documents of a service.
pub(super) struct Kept {
    store: Store,
    loader: Arc<TreeLoader>,
    locks: [Mutex<()>; LOCKS],
}

impl Kept {
    pub fn new(store: Store) -> Kept {
        let loader = TreeLoader::new(store.source(), store.tag());
        Kept { store, loader, locks: std::array::from_fn(|_| Mutex::default()) }
    }

    /// Keeps a document, in the place of one with its kind and id.
    pub async fn put(&self, record: DocumentRecord) -> Result<(), ApiError> {
        Ok(self.store.commit(Commit { changes: vec![Change::PutDocument(record)], ..Commit::default() }).await?)
    }

    /// Keeps documents, the first of which leads to `tree`.
    pub async fn put_with(&self, records: Vec<DocumentRecord>, tree: Tree) -> Result<(), ApiError> {
        let trees = std::iter::once(Some(tree)).chain(std::iter::repeat(None));
        self.change(records.into_iter().zip(trees).collect(), Vec::new()).await
    }

    /// Keeps documents, some of which lead to a tree, and does what else is to be done in the same commit.
    pub async fn change(
        &self,
        mut records: Vec<(DocumentRecord, Option<Tree>)>,
        changes: Vec<Change>,
    ) -> Result<(), ApiError> {
        let mut all = false;
        for _ in 0..TRIES {
            let epoch = self.store.epoch();
            let mut blobs = Vec::new();
            for (record, tree) in records.iter_mut() {
                let Some(tree) = tree.clone() else { continue };
                let tag = self.store.tag();
                let save = spawn_blocking(move || tree.save(tag, all)).await.map_err(|_| ApiError::internal())?;
                let save = save.map_err(|error| ApiError::from(StoreError::Blob(error)))?;
                record.links = vec![save.root];
                blobs.extend(save.blobs);
            }
            let puts = records.iter().map(|(record, _)| Change::PutDocument(record.clone()));
            let changes = puts.chain(changes.iter().cloned()).collect();
            match self.store.commit(Commit { blobs, changes, fence: None, epoch }).await {
                Err(StoreError::Epoch(_)) => all = true,
                done => return Ok(done?),
            }
        }
        Err(ApiError::conflict("storage_busy", "The store is being cleaned up; try again."))
    }

    /// Waits until nobody else reads, changes and keeps what has this id.
    pub async fn lock(&self, id: &str) -> MutexGuard<'_, ()> {
        let hash = blake3::hash(id.as_bytes());
        self.locks[usize::from(hash.as_bytes()[0]) % LOCKS].lock().await
    }

    /// The document, if it is there, has not expired, and the caller may know of it.
    pub async fn find(&self, caller: &Caller, kind: &str, id: &str) -> Result<Option<DocumentRecord>, ApiError> {
        let found = self.store.document(kind, id).await?;
        Ok(found.filter(|record| caller.may_see(record.owner.as_deref()) && !is_over(record)))
    }

    /// All of a kind that the caller may know of.
    pub async fn all(&self, caller: &Caller, kind: &str, order: Order) -> Result<Vec<DocumentRecord>, ApiError> {
        let query = DocumentQuery { owner: caller.owner().map(Some), order, ..DocumentQuery::of(kind) };
        Ok(self.store.find_documents(query, usize::MAX, |record| !is_over(record)).await?)
    }

    /// Those of a kind that the caller may know of and that are such: a page of them, and one more if there is one.
    pub async fn page(
        &self,
        caller: &Caller,
        kind: &str,
        page: &Page,
        is_such: impl Fn(&DocumentRecord) -> bool,
    ) -> Result<Vec<DocumentRecord>, ApiError> {
        let (owner, order, after) = (caller.owner().map(Some), page.order, page.after.clone());
        let query = DocumentQuery { owner, order, after, ..DocumentQuery::of(kind) };
        let is_such = |record: &DocumentRecord| !is_over(record) && is_such(record);
        Ok(self.store.find_documents(query, page.limit as usize + 1, is_such).await?)
    }

    /// Forgets the documents of a kind whose time is over.
    pub async fn expire(&self, kind: &str) -> Result<(), ApiError> {
        let mut query = DocumentQuery { order: Order::Ascending, ..DocumentQuery::of(kind) };
        loop {
            let page = self.store.documents(&query).await?;
            let over = page.iter().filter(|record| is_over(record)).map(|record| (kind, record.id.as_str()));
            let over: Vec<_> = over.collect();
            if !over.is_empty() {
                self.remove(over).await?;
            }
            if page.len() < LIST_LIMIT as usize {
                return Ok(());
            }
            query.after = page.last().map(|record| record.id.clone());
        }
    }

    /// Forgets documents.
    pub async fn remove(&self, which: impl IntoIterator<Item = (&str, &str)>) -> Result<(), ApiError> {
        let remove = |(kind, id): (&str, &str)| Change::RemoveDocument { kind: kind.into(), id: id.into() };
        let changes = which.into_iter().map(remove).collect();
        Ok(self.store.commit(Commit { changes, ..Commit::default() }).await?)
    }

    /// Bytes of the files of a stored tree beyond its image's. Reading it may block.
    pub fn size(&self, root: Hash) -> Result<u64, ApiError> {
        let tree = Tree::load(&self.loader, root).map_err(StoreError::Blob)?;
        Ok(tree.usage().bytes)
    }

    /// The files that a document leads to. Reading them may block.
    pub fn tree(&self, record: &DocumentRecord) -> Result<Tree, ApiError> {
        let root = record.links.first().ok_or_else(ApiError::internal)?;
        Tree::load(&self.loader, *root).map_err(|error| StoreError::Blob(error).into())
    }
}

/// A document of the caller's.
pub(super) fn record(
    caller: &Caller,
    kind: &str,
    id: String,
    body: &impl Serialize,
) -> Result<DocumentRecord, ApiError> {
    Ok(DocumentRecord {
        kind: kind.into(),
        id,
        owner: caller.owner(),
        created_at_ms: now_ms(),
        expires_at_ms: None,
        links: Vec::new(),
        body: serde_json::to_value(body).map_err(|_| ApiError::internal())?,
    })
}

/// A document's body.
pub(super) fn body<T: DeserializeOwned>(record: &DocumentRecord) -> Result<T, ApiError> {
    serde_json::from_value(record.body.clone()).map_err(|error| {
        tracing::error!(%error, kind = record.kind, id = record.id, "a document cannot be read");
        ApiError::internal()
    })
}

/// The time, in milliseconds since 1970.
pub(super) fn now_ms() -> i64 {
    SystemClock.now().div_euclid(1_000_000)
}

fn is_over(record: &DocumentRecord) -> bool {
    record.expires_at_ms.is_some_and(|at| at <= now_ms())
}

/// Reads what may have to come from the disk.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ApiError> + Send + 'static,
) -> Result<T, ApiError> {
    spawn_blocking(work).await.map_err(|_| ApiError::internal())?
}

impl Service {
    /// What the service keeps.
    pub(super) fn kept(&self) -> &Kept {
        &self.0.kept
    }
}
