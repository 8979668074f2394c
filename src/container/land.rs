//! How what was done lands: a state becomes blobs, a root and a log record, and all of it one commit.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;
use tokio::sync::oneshot;

use super::error::ContainerError;
use super::live::{Live, Slot};
use super::service::{Containers, Result, blocking, lock};
use super::settings::{Access, Durability, Profile};
use super::state::State;
use crate::base::{Blob, BlobError, Hash};
use crate::storage::{Change, Commit, ContainerRecord, Fence, LogQuery, LogRecord, Order, StoreError};
use crate::vfs::{Save, Tree};

/// Growth of a tree from which on it is saved on a thread of its own, in bytes: hashing takes about a millisecond then.
const LARGE_BYTES: u64 = 2 << 20;

/// How often a commit is tried again because garbage was collected meanwhile.
const EPOCHS: usize = 8;

/// Log records between two prunings.
const PRUNE_EVERY: u64 = 64;

/// What there is to say of a change in the log.
pub(super) struct Entry {
    /// What happened, in one word.
    pub kind: &'static str,
    /// What was run, or what the change was made with.
    pub command: String,
    pub outcome: Value,
    pub started_at_ms: i64,
    /// Whether the container's profile has a say.
    pub is_judged: bool,
    /// Whether somebody used the container by it.
    pub is_use: bool,
}

/// A container's records as they are in memory: ahead of the store by what is pending.
pub(super) struct Books {
    pub record: ContainerRecord,
    /// The files as of `record`.
    pub tree: Tree,
    /// The epoch in which what is marked as stored was.
    pub epoch: u64,
    pending: Vec<Pending>,
    /// A flush is on its way.
    is_scheduled: bool,
}

/// A change that is not durable yet.
struct Pending {
    seq: u64,
    save: Save,
    parcel: Parcel,
    changes: Vec<Change>,
    /// Who waits for it; nobody does if it was reported done.
    waits: Option<oneshot::Sender<std::result::Result<(), StoreError>>>,
}

/// What a save was made of, to make it again.
#[derive(Clone)]
pub(super) struct Parcel {
    pub tree: Tree,
    pub session: Option<Bytes>,
}

impl Parcel {
    pub fn of(state: &State) -> Parcel {
        Parcel { tree: state.tree.clone(), session: state.session.clone() }
    }

    /// The session's id.
    pub fn session_id(&self) -> Option<Hash> {
        self.session_blob().map(|blob| blob.id())
    }

    fn session_blob(&self) -> Option<Blob> {
        self.session.clone().map(|data| Blob { links: Vec::new(), data })
    }
}

impl Books {
    pub fn new(record: ContainerRecord, tree: Tree, epoch: u64) -> Books {
        Books { record, tree, epoch, pending: Vec::new(), is_scheduled: false }
    }

    /// Enters a state as the next.
    fn enter(&mut self, entry: Entry, save: Save, parcel: Parcel, more: Vec<Change>, now_ms: i64) -> LogRecord {
        let record = &mut self.record;
        record.seq += 1;
        record.root = save.root;
        record.session = parcel.session_id();
        if entry.is_use {
            record.last_active_at_ms = now_ms;
        }
        let logged = LogRecord {
            container: record.id.clone(),
            seq: record.seq,
            kind: entry.kind.into(),
            command: entry.command,
            root: record.root,
            session: record.session,
            outcome: entry.outcome,
            started_at_ms: entry.started_at_ms,
            ended_at_ms: now_ms,
        };
        let mut changes = vec![Change::PutContainer(record.clone()), Change::AppendLog(logged.clone())];
        changes.extend(more);
        self.tree = parcel.tree.clone();
        self.pending.push(Pending { seq: logged.seq, save, parcel, changes, waits: None });
        logged
    }
}

impl Live {
    /// The container as it is now.
    pub fn state(&self, id: &str) -> State {
        let snapshot = self.sandbox().snapshot();
        let epoch = lock(&self.books).epoch;
        let session = snapshot.session().cloned();
        State { tree: snapshot.tree().clone(), session, epoch, container: Some(id.to_owned()), pin: None }
    }
}

impl Containers {
    /// Makes the state that the container's sandbox is in now its next, with `more` in the same commit. If it cannot be, the container goes back to
    /// the last that could.
    pub(super) async fn land(
        &self,
        slot: &Arc<Slot>,
        live: &Live,
        entry: Entry,
        more: Vec<Change>,
    ) -> Result<LogRecord> {
        let landed = self.try_land(slot, live, entry, more).await;
        if landed.is_err() {
            slot.fail(live, None);
        }
        landed
    }

    async fn try_land(&self, slot: &Arc<Slot>, live: &Live, entry: Entry, more: Vec<Change>) -> Result<LogRecord> {
        let batched = match live.settings.durability {
            Durability::Batched(ms) => Some(Duration::from_millis(ms.into())),
            Durability::Sync => None,
        };
        let (logged, stored) = {
            let _order = live.landing.lock().await;
            if live.has_failed() {
                return Err(ContainerError::Undone { id: slot.id.clone() });
            }
            let state = live.state(&slot.id);
            let before = lock(&live.books).tree.clone();
            if entry.is_judged {
                judge(&live.settings.profile, &before, &state.tree)?;
            }
            let save = self.save(&before, &state.tree).await?;
            let seq = lock(&live.books).record.seq + 1;
            let mut more = more;
            if seq.is_multiple_of(PRUNE_EVERY) {
                more.extend(self.retention(&slot.id, seq).await?);
            }
            let mut books = lock(&live.books);
            let logged = books.enter(entry, save, Parcel::of(&state), more, self.now_ms());
            let (waits, stored) = oneshot::channel();
            match books.pending.last_mut() {
                Some(last) if batched.is_none() => last.waits = Some(waits),
                _ => {}
            }
            (logged, stored)
        };
        match batched {
            None => {
                self.flush(slot, live).await;
                stored.await.map_err(|_| ContainerError::Abandoned)??;
            }
            Some(delay) => self.flush_later(slot, live, delay),
        }
        Ok(logged)
    }

    /// What a tree's successor lacks in the store.
    async fn save(&self, before: &Tree, after: &Tree) -> Result<Save> {
        let tag = self.store().tag();
        if after.total_usage().bytes.saturating_sub(before.total_usage().bytes) < LARGE_BYTES {
            return Ok(after.save(tag, false)?);
        }
        self.save_large(after, false).await
    }

    /// What a tree lacks in the store, found on a thread of its own.
    pub(super) async fn save_large(&self, tree: &Tree, all: bool) -> Result<Save> {
        let (tree, tag) = (tree.clone(), self.store().tag());
        Ok(blocking(move || tree.save(tag, all)).await??)
    }

    fn flush_later(&self, slot: &Arc<Slot>, live: &Live, delay: Duration) {
        if std::mem::replace(&mut lock(&live.books).is_scheduled, true) {
            return;
        }
        // Whoever lets the container go before makes it durable.
        let (this, slot) = (Arc::downgrade(&self.0), Arc::downgrade(slot));
        tokio::spawn(async move {
            tokio::time::sleep(delay).await;
            if let (Some(this), Some(slot)) = (this.upgrade(), slot.upgrade()) {
                if let Some(live) = slot.peek().await {
                    Containers(this.clone()).flush(&slot, &live).await;
                }
                Containers(this).leave(slot);
            }
        });
    }

    /// Makes durable what is pending. Those who wait are told how it went; if nobody does and it failed, the next user of the container.
    pub(super) async fn flush(&self, slot: &Arc<Slot>, live: &Live) {
        let _one = live.flushing.lock().await;
        let (pending, epoch) = {
            let mut books = lock(&live.books);
            books.is_scheduled = false;
            (std::mem::take(&mut books.pending), books.epoch)
        };
        if pending.is_empty() {
            return;
        }
        let (mut saves, mut parcels, mut changes, mut waits) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for one in pending {
            saves.push(one.save);
            parcels.push(one.parcel);
            changes.extend(one.changes);
            waits.push((one.seq, one.waits));
        }
        let stored = self.commit(saves, &parcels, changes, Some(live.lease.fence()), epoch).await;
        match &stored {
            Ok(epoch) => lock(&live.books).epoch = *epoch,
            Err(why) => {
                let unheard = || waits.iter().filter(|(_, waits)| waits.is_none()).map(|(seq, _)| *seq);
                let lost = unheard().min().zip(unheard().max()).map(|(first, last)| ContainerError::Lost {
                    id: slot.id.clone(),
                    first,
                    last,
                    kept: first - 1,
                    why: why.to_string(),
                });
                slot.fail(live, lost);
            }
        }
        let told = stored.map(drop);
        for waits in waits.into_iter().filter_map(|(_, waits)| waits) {
            let _ = waits.send(told.clone());
        }
    }

    /// Makes durable what is pending of a container, if this process has it in memory.
    pub(super) async fn settle(&self, id: &str) -> Result<()> {
        if let Some(slot) = self.slot_in_use(id)
            && let Some(live) = slot.peek().await
        {
            self.flush(&slot, &live).await;
        }
        Ok(())
    }

    /// One commit. If what the saves took to be stored may have been collected, everything is saved again. Returns the epoch it was made in.
    pub(super) async fn commit(
        &self,
        mut saves: Vec<Save>,
        parcels: &[Parcel],
        changes: Vec<Change>,
        fence: Option<Fence>,
        mut epoch: u64,
    ) -> std::result::Result<u64, StoreError> {
        let mut tries = 0;
        loop {
            let blobs = unique(&mut saves, parcels);
            let commit = Commit { blobs, changes: changes.clone(), fence: fence.clone(), epoch };
            match self.store().commit(commit).await {
                Ok(()) => {
                    saves.into_iter().for_each(Save::done);
                    return Ok(epoch);
                }
                Err(StoreError::Epoch(new)) if tries < EPOCHS => epoch = new,
                Err(error) => return Err(error),
            }
            tries += 1;
            saves = self.save_again(parcels).await?;
        }
    }

    async fn save_again(&self, parcels: &[Parcel]) -> std::result::Result<Vec<Save>, StoreError> {
        let (tag, trees) = (self.store().tag(), parcels.iter().map(|p| p.tree.clone()).collect::<Vec<_>>());
        let again =
            move || trees.iter().map(|tree| tree.save(tag, true)).collect::<std::result::Result<Vec<_>, BlobError>>();
        let saved = blocking(again).await.map_err(|_| StoreError::Closed)?;
        Ok(saved?)
    }

    /// Records that refer to states of their own: `make` is given the root and session of each.
    pub(super) async fn commit_states(
        &self,
        states: &[&State],
        fence: Option<Fence>,
        make: impl FnOnce(&[(Hash, Option<Hash>)]) -> Vec<Change>,
    ) -> Result<()> {
        let parcels: Vec<Parcel> = states.iter().map(|state| Parcel::of(state)).collect();
        let mut saves = Vec::new();
        for parcel in &parcels {
            saves.push(self.save(self.image().tree(), &parcel.tree).await?);
        }
        let roots: Vec<_> = saves.iter().zip(&parcels).map(|(save, parcel)| (save.root, parcel.session_id())).collect();
        let epoch = states.iter().map(|state| state.epoch).min().unwrap_or_else(|| self.store().epoch());
        self.commit(saves, &parcels, make(&roots), fence, epoch).await?;
        Ok(())
    }

    /// What forgets the log records that the retention rule does not keep once there is record `seq`.
    async fn retention(&self, id: &str, seq: u64) -> Result<Vec<Change>> {
        self.forget_before(id, seq.saturating_sub(self.0.config.retention.entries.saturating_sub(1))).await
    }

    /// What forgets a container's log records below `before_seq`, but for the first.
    pub(super) async fn forget_before(&self, id: &str, before_seq: u64) -> Result<Vec<Change>> {
        if before_seq <= 2 {
            return Ok(Vec::new());
        }
        let first = LogQuery { order: Order::Ascending, limit: 1, ..LogQuery::default() };
        let first = self.store().log(id, &first).await?;
        let prune = Change::PruneLog { container: id.to_owned(), before_seq };
        Ok(std::iter::once(prune)
            .chain(first.into_iter().filter(|r| r.seq < before_seq).map(Change::AppendLog))
            .collect())
    }
}

/// The blobs of saves and sessions, each once. Takes them out of the saves.
fn unique(saves: &mut [Save], parcels: &[Parcel]) -> Vec<(Hash, Blob)> {
    let sessions = parcels.iter().filter_map(Parcel::session_blob).map(|blob| (blob.id(), blob));
    let trees = saves.iter_mut().flat_map(|save| std::mem::take(&mut save.blobs));
    let mut seen = HashSet::new();
    trees.chain(sessions).filter(|(id, _)| seen.insert(*id)).collect()
}

/// What a profile says to a change.
///
/// # Errors
/// Where it is read-only.
pub(super) fn judge(profile: &Profile, before: &Tree, after: &Tree) -> Result<Access> {
    if profile.is_full() {
        return Ok(Access::Full);
    }
    let (changes, rest) = before.diff_and_rest(after)?;
    let paths = || changes.iter().map(|change| &change.path).chain(&rest);
    let read_only: Vec<_> = paths().filter(|path| profile.access(path) == Access::ReadOnly).cloned().collect();
    if !read_only.is_empty() {
        return Err(ContainerError::ReadOnly(read_only));
    }
    Ok(paths().map(|path| profile.access(path)).min().unwrap_or(Access::Full))
}
