//! Reading blobs: from the cache, else where the index says, with the neighbours in its pack.

use super::database::number;
use super::objects::ReadError;
use super::pack::{Entry, entries};
use super::{Inner, StoreError};
use crate::base::{Blob, BlobError, BlobSource, Hash};
use bytes::Bytes;
use sqlx::Row;
use std::sync::{Arc, mpsc};

/// Bytes that are read of a pack at once: what was committed together is read together.
const WINDOW: u64 = 64 << 10;

/// Where a blob is.
#[derive(PartialEq, Eq)]
struct Location {
    pack: i64,
    place: u64,
    stored: u64,
    at: Pack,
}

/// A pack's name and size, or its bytes.
#[derive(PartialEq, Eq)]
enum Pack {
    Object { name: String, size: u64 },
    Inline(Bytes),
}

/// A store's blobs, for who cannot wait in an async way.
pub(super) struct Source(pub Arc<Inner>);

impl BlobSource for Source {
    fn get(&self, id: &Hash) -> Result<Blob, BlobError> {
        if let Some(blob) = self.0.cache.get(id) {
            return Ok(blob);
        }
        let (answer, answered) = mpsc::sync_channel(1);
        let (inner, id) = (self.0.clone(), *id);
        self.0.runtime.spawn(async move {
            // Nobody waits any more only if the caller's thread is gone.
            let _ = answer.send(inner.blob(id).await);
        });
        answered.recv().unwrap_or_else(|_| Err(BlobError::Io { id, what: StoreError::Closed.to_string() }))
    }
}

impl Inner {
    /// A blob, verified.
    pub(super) async fn blob(&self, id: Hash) -> Result<Blob, BlobError> {
        if let Some(blob) = self.cache.get(&id) {
            return Ok(blob);
        }
        let mut location = self.locate(id).await?;
        loop {
            match self.read(id, &location).await {
                Ok(blob) => return Ok(blob),
                Err(error) => {
                    // Packs are written anew while the store is in use: the index may know better by now.
                    let now = self.locate(id).await?;
                    if now == location {
                        return Err(error);
                    }
                    location = now;
                }
            }
        }
    }

    async fn locate(&self, id: Hash) -> Result<Location, BlobError> {
        let failed = |e: StoreError| BlobError::Io { id, what: e.to_string() };
        let sql = "SELECT b.pack, b.place, b.stored, p.object, p.size, p.data FROM blob b LEFT JOIN pack p ON p.number = b.pack \
            WHERE b.id = $1";
        let row = sqlx::query(sql).bind(id.0.to_vec()).fetch_optional(self.database.read()).await;
        let row = row.map_err(|e| failed(e.into()))?.ok_or(BlobError::Missing(id))?;
        let read = || -> Result<Option<Location>, StoreError> {
            let at = match (row.try_get::<Option<String>, _>(3)?, row.try_get::<Option<Vec<u8>>, _>(5)?) {
                (Some(name), _) => Pack::Object { name, size: number(&row, 4)? },
                (None, Some(bytes)) => Pack::Inline(bytes.into()),
                (None, None) => return Ok(None),
            };
            Ok(Some(Location { pack: row.try_get(0)?, place: number(&row, 1)?, stored: number(&row, 2)?, at }))
        };
        let lost = || BlobError::Damaged { id, what: "there is no record of its pack".into() };
        read().map_err(failed)?.ok_or_else(lost)
    }

    async fn read(&self, id: Hash, location: &Location) -> Result<Blob, BlobError> {
        let damaged = |what: String| BlobError::Damaged { id, what };
        let (bytes, place) = match &location.at {
            Pack::Inline(bytes) => (bytes.clone(), location.place as usize),
            Pack::Object { name, size } => {
                let end = location.place.saturating_add(location.stored.max(WINDOW)).min(*size);
                if end <= location.place {
                    return Err(damaged(format!(
                        "it is said to be at {} of pack {name} of {size} bytes",
                        location.place
                    )));
                }
                match self.objects.get(name, location.place..end).await {
                    Ok(bytes) => (bytes, 0),
                    Err(ReadError::NotFound) => return Err(damaged(format!("pack {name} is missing"))),
                    Err(ReadError::Failed(what)) => {
                        let cut = self.objects.size(name).await.filter(|has| has < size);
                        let cut = cut.map(|has| damaged(format!("pack {name} has {has} bytes instead of {size}")));
                        return Err(cut.unwrap_or(BlobError::Io { id, what }));
                    }
                }
            }
        };
        let entry = Entry::at(&bytes, place).filter(|entry| entry.id == id);
        let entry = entry.ok_or_else(|| damaged("its pack does not have it where the index says".into()))?;
        let blob = entry.decode(&bytes)?;
        for neighbour in entries(&bytes, entry.range().end) {
            self.cache.put_entry(neighbour.id, &bytes[neighbour.range()]);
        }
        self.cache.put(id, blob.clone());
        Ok(blob)
    }
}
