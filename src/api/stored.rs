//! What somebody's things take, for the quota of stored bytes.
//!
//! Counted are the sizes of uploaded files, of skills' versions and of the files of containers and snapshots beyond their image, each state
//! once: neither that equal contents are stored once is looked at, nor the earlier states in a log.

use std::collections::{BTreeSet, HashMap};
use std::time::{Duration, Instant};

use tokio::sync::Mutex;

use super::error::ApiError;
use super::gate::Caller;
use super::service::Service;
use super::skills;
use super::{files, kept};
use crate::base::Hash;
use crate::storage::{ContainerQuery, ContainerStatus, DocumentRecord, LIST_LIMIT, Order, SnapshotQuery};

/// A count is good for so long; what is uploaded meanwhile is added to it, what commands write is not.
const FRESH: Duration = Duration::from_secs(5);

/// What was counted, by owner.
#[derive(Default)]
pub(super) struct Stored(Mutex<HashMap<Option<String>, Counted>>);

#[derive(Clone, Copy)]
struct Counted {
    bytes: u64,
    at: Instant,
}

impl Service {
    /// Refuses what would put the caller's things over its quota; with nothing `more` to keep, only if they are over it already.
    pub(super) async fn make_room(&self, caller: &Caller, more: u64) -> Result<(), ApiError> {
        let Some(most) = caller.quotas().stored_bytes else { return Ok(()) };
        let fits = |counted: &Counted| counted.bytes.saturating_add(more) <= most;
        let mut all = self.0.stored.0.lock().await;
        all.retain(|_, counted| counted.at.elapsed() < FRESH);
        // Before somebody is refused, it is counted again: something may have been removed.
        let counted = match all.get(&caller.owner()).filter(|counted| fits(counted)) {
            Some(counted) => *counted,
            None => Counted { bytes: self.count(caller).await?, at: Instant::now() },
        };
        let (bytes, at) = (counted.bytes.saturating_add(more), counted.at);
        let is_refused = !fits(&counted);
        all.insert(caller.owner(), if is_refused { counted } else { Counted { bytes, at } });
        if is_refused { Err(ApiError::over_stored_quota(most, counted.bytes, more)) } else { Ok(()) }
    }

    async fn count(&self, caller: &Caller) -> Result<u64, ApiError> {
        let mut roots = BTreeSet::new();
        let mut bytes = 0_u64;
        let mut add = |record: DocumentRecord| match record.body["bytes"].as_u64() {
            Some(size) => bytes = bytes.saturating_add(size),
            None => roots.extend(record.links),
        };
        self.kept().all(caller, files::KIND, Order::Ascending).await?.into_iter().for_each(&mut add);
        for skill in self.kept().all(caller, skills::SKILL, Order::Ascending).await? {
            let versions = format!("{}{}", skills::VERSION, skill.id);
            self.kept().all(caller, &versions, Order::Ascending).await?.into_iter().for_each(&mut add);
        }
        self.states(caller, &mut roots).await?;
        let service = self.clone();
        // What was replaced and collected since it was listed has no size any more.
        let size = move |root: Hash| service.kept().size(root).unwrap_or(0);
        let sizes = kept::blocking(move || Ok(roots.into_iter().map(size).fold(0, u64::saturating_add)));
        Ok(bytes.saturating_add(sizes.await?))
    }

    /// The states of the caller's containers and snapshots.
    async fn states(&self, caller: &Caller, roots: &mut BTreeSet<Hash>) -> Result<(), ApiError> {
        let store = self.0.containers.store();
        let (owner, limit) = (caller.owner(), LIST_LIMIT);
        let status = Some(ContainerStatus::Active);
        let mut query = ContainerQuery { owner: owner.clone(), status, limit, ..ContainerQuery::default() };
        loop {
            let page = store.containers(&query).await?;
            query.after = page.last().map(|container| container.id.clone());
            roots.extend(page.iter().map(|container| container.root));
            if page.len() < limit as usize {
                break;
            }
        }
        let mut query = SnapshotQuery { owner, limit, ..SnapshotQuery::default() };
        loop {
            let page = store.snapshots(&query).await?;
            query.after = page.last().map(|snapshot| snapshot.id.clone());
            roots.extend(page.iter().map(|snapshot| snapshot.root));
            if page.len() < limit as usize {
                return Ok(());
            }
        }
    }
}
