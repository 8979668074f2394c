//! What time brings: containers expire, idle ones leave memory, logs are pruned, garbage is collected; and the end of the service.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use serde::Serialize;
use serde_json::json;

use super::history::entry;
use super::land::Parcel;
use super::live::{Live, Slot, is_due};
use super::service::{Containers, Result, lock};
use super::state::State;
use crate::storage::{Change, ContainerRecord, ContainerStatus, Fence};
use crate::vfs::Tree;

/// Containers that expire in one go.
const EXPIRE_AT_ONCE: u32 = 100;

/// What [`Containers::tick`] did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Upkeep {
    /// Ids of containers that have expired.
    pub expired: Vec<String>,
    /// Ids of containers that have left memory.
    pub hibernated: Vec<String>,
    /// Whether garbage was collected.
    pub collected: bool,
}

impl Containers {
    /// Commits what is not committed yet, ends what the session left running (the log says what), and lets the container leave memory, after what
    /// runs in it. `false`: this process does not have it in memory.
    ///
    /// # Errors
    /// The store failed; the container leaves memory all the same.
    pub async fn hibernate(&self, id_or_name: &str) -> Result<bool> {
        let id = self.find(id_or_name).await?.id;
        let Some(slot) = self.slot_in_use(&id) else { return Ok(false) };
        let this = self.clone();
        self.see_through(async move { this.sleep(slot).await }).await
    }

    /// Lets a container leave memory, after what runs in it. Whether it was there.
    pub(super) async fn sleep(&self, slot: Arc<Slot>) -> Result<bool> {
        let (turn, mut guard) = slot.alone().await;
        let slept = match guard.take() {
            Some(live) => self.put_away(&slot, live).await.map(|()| true),
            None => Ok(false),
        };
        drop((guard, turn));
        let lost = slot.take_lost();
        self.leave(slot);
        lost.map_or(slept, Err)
    }

    /// Commits what there is to commit of a container that leaves memory.
    async fn put_away(&self, slot: &Arc<Slot>, live: Live) -> Result<()> {
        if !live.is_usable() {
            return Ok(());
        }
        let ended: Vec<String> = live.sandbox().kill_background().await.into_iter().map(|(_, name)| name).collect();
        self.keep(slot, &live, "hibernate", ended).await
    }

    /// Commits what the session's background processes did since the last commit.
    async fn keep(&self, slot: &Arc<Slot>, live: &Live, kind: &'static str, ended: Vec<String>) -> Result<()> {
        if !ended.is_empty() || live.has_changed()? {
            let mut entry = entry(kind, String::new(), json!({ "ended": ended }), self);
            (entry.is_judged, entry.is_use) = (true, false);
            self.land(slot, live, entry, Vec::new()).await?;
        }
        self.flush(slot, live).await;
        Ok(())
    }

    /// What time brings: expiry, hibernation of idle containers, what background processes wrote, garbage collection when it is due. To be
    /// called every few seconds.
    ///
    /// # Errors
    /// The store failed. What failed is tried again by the next call.
    pub async fn tick(&self) -> Result<Upkeep> {
        self.check_open()?;
        let mut upkeep = Upkeep::default();
        for record in self.store().expired(self.now_ms(), EXPIRE_AT_ONCE).await? {
            let id = record.id.clone();
            if self.expire(record).await? {
                upkeep.expired.push(id);
            }
        }
        let slots: Vec<Arc<Slot>> = lock(&self.0.slots).values().cloned().collect();
        for slot in slots {
            let id = slot.id.clone();
            if self.rest(slot).await? {
                self.forget_old(&id).await?;
                upkeep.hibernated.push(id);
            }
        }
        upkeep.collected = self.collect_if_due().await?;
        Ok(upkeep)
    }

    /// Lets a container go if it has been idle for long. Whether it has.
    async fn rest(&self, slot: Arc<Slot>) -> Result<bool> {
        let mut rested = Ok(false);
        if let Some((_turn, mut guard)) = slot.try_alone()
            && let Some(live) = guard.as_ref()
        {
            if !live.is_usable() {
                *guard = None;
            } else if live.idle() >= self.0.config.idle_after {
                rested = match guard.take() {
                    Some(live) => self.put_away(&slot, live).await.map(|()| true),
                    None => Ok(false),
                };
            } else if live.sandbox().background().is_empty() {
                self.flush(&slot, live).await;
            } else {
                rested = self.keep(&slot, live, "background", Vec::new()).await.map(|()| false);
            }
        }
        self.leave(slot);
        rested
    }

    /// Forgets what the retention rule says is too old; what is too much is forgotten as it grows.
    async fn forget_old(&self, id: &str) -> Result<()> {
        if self.0.config.retention.age.is_some() {
            self.prune(id, &self.0.config.retention).await?;
        }
        Ok(())
    }

    /// Expires a container unless it is in use. Whether it has.
    pub(super) async fn expire(&self, record: ContainerRecord) -> Result<bool> {
        let slot = self.slot(&record.id);
        let mut expired = Ok(false);
        if let Some((_turn, mut guard)) = slot.try_alone() {
            // One that this process has was perhaps used since it was last committed.
            let record = guard.as_ref().map_or(record, Live::record);
            if is_due(&record, self.now_ms()) {
                let lease = match guard.take() {
                    Some(live) if live.is_usable() => Ok(live.lease.clone()),
                    _ => self.store().lease(&slot.id, std::time::Duration::ZERO).await.map(Arc::new),
                };
                expired = match lease {
                    Ok(lease) => self.commit_expiry(record, lease.fence()).await.map(|()| true),
                    // Another process uses it.
                    Err(crate::storage::StoreError::Held { .. }) => Ok(false),
                    Err(error) => Err(error.into()),
                };
            }
        }
        self.leave(slot);
        expired
    }

    /// Takes from a container whose time is over its files, its log and its proposals. Its record and its snapshots stay.
    pub(super) async fn commit_expiry(&self, record: ContainerRecord, fence: Fence) -> Result<()> {
        let record = self.find(&record.id).await?;
        let nothing =
            State { tree: Tree::new(), session: None, epoch: self.store().epoch(), container: None, pin: None };
        let proposals = self.store().proposals(&record.id).await?;
        let save = nothing.tree.save(self.store().tag(), true)?;
        let prune = Change::PruneLog { container: record.id.clone(), before_seq: u64::MAX };
        let gone = ContainerRecord { root: save.root, session: None, status: ContainerStatus::Expired, ..record };
        let mut changes = vec![Change::PutContainer(gone), prune];
        changes.extend(proposals.into_iter().map(|proposal| Change::RemoveProposal(proposal.id)));
        self.commit(vec![save], &[Parcel::of(&nothing)], changes, Some(fence), nothing.epoch).await?;
        Ok(())
    }

    async fn collect_if_due(&self) -> Result<bool> {
        {
            let mut last = lock(&self.0.last_collect);
            if last.elapsed() < self.0.config.collect_every {
                return Ok(false);
            }
            *last = Instant::now();
        }
        Ok(!self.store().collect().await?.skipped)
    }

    /// Waits for running execs, hibernates all containers and gives up the leases. Calls that come later are refused.
    ///
    /// # Errors
    /// The first that the store gave; all containers have left memory.
    pub async fn shutdown(&self) -> Result<()> {
        self.0.closing.store(true, Ordering::Release);
        let mut first = Ok(());
        loop {
            let slots: Vec<Arc<Slot>> = lock(&self.0.slots).values().cloned().collect();
            if slots.is_empty() {
                return first;
            }
            for slot in slots {
                let slept = self.sleep(slot).await.map(drop);
                first = first.and(slept);
            }
            // Whoever still waits for a container leaves it now.
            tokio::task::yield_now().await;
        }
    }
}
