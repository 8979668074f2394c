//! The store as a whole: what is committed is there, what is not is not.

mod collections;
mod commits;
mod damage;
mod leases;
mod lists;

use super::*;
use crate::base::{Blob, BlobError, id};
use serde_json::json;
use std::path::PathBuf;

/// A store in a temporary directory.
struct Home {
    dir: tempfile::TempDir,
}

impl Home {
    fn new() -> Home {
        Home { dir: tempfile::tempdir().unwrap() }
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join("store")
    }

    fn config(&self) -> StoreConfig {
        StoreConfig { lease_ttl: Duration::from_millis(1500), ..StoreConfig::directory(self.path()) }
    }

    fn open(&self) -> Store {
        Store::open(self.config()).unwrap()
    }
}

/// A leaf whose content depends on `n` alone and does not compress.
fn leaf(n: u64, bytes: usize) -> (Hash, Blob) {
    let mut data = vec![0; bytes];
    blake3::Hasher::new().update(&n.to_le_bytes()).finalize_xof().fill(&mut data);
    let blob = Blob { links: Vec::new(), data: data.into() };
    (blob.id(), blob)
}

/// A tree of blobs, children first: `files` leaves of some bytes below a root.
fn tree(n: u64, files: u64, bytes: usize) -> (Hash, Vec<(Hash, Blob)>) {
    let mut blobs: Vec<_> = (0..files).map(|i| leaf(n * 1_000_000 + i, bytes)).collect();
    let links = blobs.iter().map(|(id, _)| *id).collect();
    let root = Blob { links, data: format!("root {n}").into() };
    blobs.push((root.id(), root));
    (blobs[files as usize].0, blobs)
}

fn container(name: &str, root: Hash) -> ContainerRecord {
    ContainerRecord {
        id: id::new(CONTAINER_PREFIX),
        name: name.into(),
        owner: None,
        root,
        session: None,
        image: "image".into(),
        status: ContainerStatus::Active,
        created_at_ms: 1000,
        last_active_at_ms: 1000,
        expires_after_ms: None,
        seq: 0,
        settings: json!({ "limit": 1.5, "env": { "A": "b" } }),
    }
}

fn log(container: &ContainerRecord, seq: u64) -> LogRecord {
    LogRecord {
        container: container.id.clone(),
        seq,
        kind: "exec".into(),
        command: format!("echo {seq}"),
        root: container.root,
        session: container.session,
        outcome: json!({ "exit": 0 }),
        started_at_ms: 5,
        ended_at_ms: 6,
    }
}

fn commit(store: &Store, blobs: Vec<(Hash, Blob)>, changes: Vec<Change>) -> Commit {
    Commit { blobs, changes, fence: None, epoch: store.epoch() }
}

/// Everything below a root is there and right. Answers how many blobs that is.
fn walk(store: &Store, root: Hash) -> Result<usize, BlobError> {
    let source = store.source();
    let (mut todo, mut seen) = (vec![root], 0);
    while let Some(id) = todo.pop() {
        let blob = source.get(&id)?;
        assert_eq!(blob.id(), id);
        todo.extend(&blob.links);
        seen += 1;
    }
    Ok(seen)
}
