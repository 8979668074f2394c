//! The objects of a store: packs, written once, never changed, each under a name nobody else uses.
//!
//! A name begins with the id of the holder (the opened store) that wrote it, so that whoever finds a pack no record knows can tell whether
//! its commit may still be under way.

use super::{Place, StoreError};
use bytes::Bytes;
use futures_util::TryStreamExt as _;
use object_store::{
    ObjectStore, ObjectStoreExt as _, local::LocalFileSystem, memory::InMemory, path::Path as ObjectPath,
};
use std::error::Error as _;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The folder of packs.
pub(super) const PACKS: &str = "packs";

#[derive(Clone)]
pub(super) struct Objects {
    store: Arc<dyn ObjectStore>,
    /// The packs' directory, where there is one: to find what an upload that was cut off has left.
    directory: Option<PathBuf>,
    next: Arc<AtomicU64>,
}

/// Why an object could not be read.
pub(super) enum ReadError {
    NotFound,
    Failed(String),
}

impl Objects {
    pub fn new(place: &Place) -> Result<Objects, StoreError> {
        let next = Arc::default();
        let Place::Directory(path) = place else {
            return Ok(Objects { store: Arc::new(InMemory::new()), directory: None, next });
        };
        let wrong = |e: object_store::Error| StoreError::Place { path: path.clone(), what: e.to_string() };
        let store = LocalFileSystem::new_with_prefix(path).map_err(wrong)?.with_fsync(true);
        Ok(Objects { store: Arc::new(store), directory: Some(path.join(PACKS)), next })
    }

    /// A name for a holder's next object.
    pub fn name(&self, holder: &str) -> String {
        format!("{holder}-{:08x}", self.next.fetch_add(1, Ordering::Relaxed))
    }

    /// The holder that wrote, or is writing, an object.
    pub fn holder_of(name: &str) -> &str {
        name.split('-').next().unwrap_or_default()
    }

    /// Writes an object. It is on disk, and so is its name, when this returns.
    pub async fn put(&self, name: &str, bytes: Bytes) -> Result<(), StoreError> {
        self.store.put(&path(name), bytes.into()).await.map_err(failed)?;
        Ok(())
    }

    pub async fn get(&self, name: &str, range: Range<u64>) -> Result<Bytes, ReadError> {
        self.store.get_range(&path(name), range).await.map_err(unreadable)
    }

    pub async fn get_all(&self, name: &str) -> Result<Bytes, ReadError> {
        self.store.get(&path(name)).await.map_err(unreadable)?.bytes().await.map_err(unreadable)
    }

    /// How many bytes an object has, if it can be told.
    pub async fn size(&self, name: &str) -> Option<u64> {
        Some(self.store.head(&path(name)).await.ok()?.size)
    }

    /// Takes an object away. That it is not there is no error.
    pub async fn delete(&self, name: &str) -> Result<(), StoreError> {
        match self.store.delete(&path(name)).await {
            Err(object_store::Error::NotFound { .. }) | Ok(()) => Ok(()),
            Err(e) => Err(failed(e)),
        }
    }

    /// Names of all objects.
    pub async fn list(&self) -> Result<Vec<String>, StoreError> {
        let list: Vec<_> = self.store.list(Some(&ObjectPath::from(PACKS))).try_collect().await.map_err(failed)?;
        Ok(list.iter().filter_map(|meta| meta.location.filename().map(str::to_owned)).collect())
    }

    /// Takes away what uploads that were cut off have left, of holders that `is_dead` says are gone.
    pub fn delete_partial(&self, is_dead: impl Fn(&str) -> bool) {
        let Some(Ok(list)) = self.directory.as_ref().map(std::fs::read_dir) else { return };
        for entry in list.flatten() {
            let name = entry.file_name();
            let Some((name, _)) = name.to_str().and_then(|name| name.split_once('#')) else { continue };
            if is_dead(Objects::holder_of(name)) {
                // Somebody else may have been faster; what stays is found the next time.
                let _ = std::fs::remove_file(entry.path());
            }
        }
    }
}

fn path(name: &str) -> ObjectPath {
    ObjectPath::from_iter([PACKS, name])
}

/// What a write that failed means.
fn failed(error: object_store::Error) -> StoreError {
    const ENOSPC: i32 = 28;
    const EDQUOT: i32 = 122;
    let mut source = error.source();
    while let Some(cause) = source {
        let code = cause.downcast_ref::<std::io::Error>().and_then(std::io::Error::raw_os_error);
        if matches!(code, Some(ENOSPC | EDQUOT)) {
            return StoreError::Full;
        }
        source = cause.source();
    }
    StoreError::Objects(error.to_string())
}

fn unreadable(error: object_store::Error) -> ReadError {
    match error {
        object_store::Error::NotFound { .. } => ReadError::NotFound,
        error => ReadError::Failed(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn objects_are_written_read_listed_and_deleted() {
        let dir = tempfile::tempdir().unwrap();
        for place in [Place::Memory, Place::Directory(dir.path().into())] {
            let objects = Objects::new(&place).unwrap();
            let (a, b) = (objects.name("abc"), objects.name("def"));
            objects.put(&a, Bytes::from_static(b"0123456789")).await.unwrap();
            objects.put(&b, Bytes::new()).await.unwrap();
            let mut list = objects.list().await.unwrap();
            list.sort();
            assert_eq!(list, [a.clone(), b.clone()]);
            assert_eq!(Objects::holder_of(&b), "def");
            assert!(matches!(objects.get(&a, 2..5).await, Ok(bytes) if bytes == "234"));
            assert!(matches!(objects.get_all(&a).await, Ok(bytes) if bytes.len() == 10));
            objects.delete(&a).await.unwrap();
            objects.delete(&a).await.unwrap();
            assert!(matches!(objects.get_all(&a).await, Err(ReadError::NotFound)));
        }
        std::fs::write(dir.path().join("packs/abc-1#1"), "").unwrap();
        std::fs::write(dir.path().join("packs/def-1#1"), "").unwrap();
        Objects::new(&Place::Directory(dir.path().into())).unwrap().delete_partial(|holder| holder == "abc");
        assert!(!dir.path().join("packs/abc-1#1").exists() && dir.path().join("packs/def-1#1").exists());
    }
}
