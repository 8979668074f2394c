//! Compares a store with the model: everything acknowledged is there, nothing is half there, every byte is right, the store finds itself clean.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::Path;
use std::time::Duration;

use coquina::base::{BlobSource, Hash};
use coquina::storage::{ContainerQuery, LogQuery, Order, SnapshotQuery, SnapshotRecord, Store, StoreConfig};

use super::model::{Boxed, Model, State};
use super::records;

/// Opens the store in `dir` and compares; what was in doubt is settled in the model. Whatever is wrong is said.
pub async fn directory_holds(dir: &Path, model: &mut Model) -> Result<(), String> {
    let store = Store::open(config(dir)).map_err(|e| format!("open: {e}"))?;
    let found = store_holds(&store, model).await;
    store.close().await;
    found
}

/// A store whose last user is gone; leases he took with him are waited for only a moment.
pub fn config(dir: &Path) -> StoreConfig {
    StoreConfig { lease_ttl: Duration::from_millis(100), ..StoreConfig::directory(dir) }
}

/// The same for a store that is open.
pub async fn store_holds(store: &Store, model: &mut Model) -> Result<(), String> {
    records_hold(store, model).await?;
    let report = store.check(false).await.map_err(|e| format!("check: {e}"))?;
    if !report.problems.is_empty() {
        return Err(format!("check finds {:#?}", report.problems));
    }
    Ok(())
}

/// All but the store's own check.
pub async fn records_hold(store: &Store, model: &mut Model) -> Result<(), String> {
    let known = model.ids();
    for id in all_containers(store).await? {
        if !known.contains(&id) {
            return Err(format!("{id} is there and nobody made it"));
        }
    }
    let mut verified = HashSet::new();
    for id in known {
        let found = found(store, &id).await?;
        if !model.allowed(&id).contains(&found) {
            let doubt = model.in_doubt.get(&id);
            return Err(format!("{id} is\n  {found:?}, may be\n  {:?} (in doubt: {doubt:?})", model.allowed(&id)));
        }
        contents_hold(store.source().as_ref(), &id, &found, &mut verified)?;
        model.in_doubt.remove(&id);
        if found == Boxed::default() {
            model.boxes.remove(&id)
        } else {
            model.boxes.insert(id, found)
        };
    }
    Ok(())
}

/// Whatever the store has of a container is right; what it says that is not starts with "wrong", all else is the store's error.
pub async fn container_holds(store: &Store, id: &str) -> Result<(), String> {
    let found = found(store, id).await?;
    contents_hold(store.source().as_ref(), id, &found, &mut HashSet::new())
}

async fn all_containers(store: &Store) -> Result<BTreeSet<String>, String> {
    let mut all = BTreeSet::new();
    let mut query = ContainerQuery { order: Order::Ascending, limit: 7, ..ContainerQuery::default() };
    loop {
        let page = store.containers(&query).await.map_err(|e| format!("containers: {e}"))?;
        let Some(last) = page.last() else { return Ok(all) };
        query.after = Some(last.id.clone());
        for record in page {
            if !all.insert(record.id.clone()) {
                return Err(format!("{} is listed twice", record.id));
            }
        }
    }
}

/// What the records say of a container; each is compared with what it should be.
async fn found(store: &Store, id: &str) -> Result<Boxed, String> {
    let said = |e| format!("{id}: {e}");
    let mut found = Boxed::default();
    let record = store.container(id).await.map_err(said)?;
    if let Some(record) = &record {
        found = Boxed { live: true, seq: record.seq, ..found };
    }
    let query = LogQuery { order: Order::Ascending, ..LogQuery::default() };
    for record in store.log(id, &query).await.map_err(said)? {
        same("log", &record, &records::log(id, record.seq))?;
        found.log.insert(record.seq);
    }
    let query = SnapshotQuery { container: Some(id.into()), ..SnapshotQuery::default() };
    for record in store.snapshots(&query).await.map_err(said)? {
        let SnapshotRecord { name: Some(name), created_at_ms, .. } = &record else {
            return Err(format!("{id}: a snapshot without a name: {record:?}"));
        };
        let seq = *created_at_ms as u64;
        same("snapshot", &record, &records::snapshot(id, name, seq))?;
        found.snapshots.insert(name.clone(), seq);
    }
    for record in store.proposals(id).await.map_err(said)? {
        let decided = record.decided_at_ms.map(|_| record.state == coquina::storage::ProposalState::Applied);
        let seq = proposed_seq(id, record.root, found.seq + 1).ok_or_else(|| format!("{id}: what is {record:?}?"))?;
        found.proposals.insert(record.command.clone(), (seq, decided));
        same("proposal", &record, &records::proposal(id, &record.command, &found))?;
    }
    if let Some(record) = &record {
        same("container", record, &records::container(id, &found))?;
    }
    Ok(found)
}

/// The state a proposal leads to, found by its root.
fn proposed_seq(id: &str, root: Hash, most: u64) -> Option<u64> {
    (1..=most).rev().find(|seq| State::of(id, *seq).root == root)
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, found: &T, expected: &T) -> Result<(), String> {
    if found == expected { Ok(()) } else { Err(format!("wrong: {what} is {found:?}\n  and should be {expected:?}")) }
}

/// Every blob of every state that a container's records name has the right bytes.
fn contents_hold(source: &dyn BlobSource, id: &str, state: &Boxed, verified: &mut HashSet<Hash>) -> Result<(), String> {
    let mut seqs: BTreeSet<u64> = state.log.iter().chain(state.snapshots.values()).copied().collect();
    seqs.extend(state.live.then_some(state.seq));
    seqs.extend(state.proposals.values().map(|(seq, _)| *seq));
    for seq in seqs {
        let expected = State::of(id, seq);
        let blobs: BTreeMap<_, _> = expected.blobs.into_iter().collect();
        for (hash, blob) in blobs {
            if verified.contains(&hash) {
                continue;
            }
            let found = source.get(&hash).map_err(|e| format!("{id} state {seq}: {e}"))?;
            if found != blob {
                return Err(format!("wrong bytes: {id} state {seq}: blob {hash}"));
            }
            verified.insert(hash);
        }
    }
    Ok(())
}
