//! Commits: blobs and changes of records that become durable together.
//!
//! A commit is prepared where it was asked for: blobs the store has are left out, the others are packed; many bytes are written as objects
//! and synced at once. Then it queues at the one task that writes records. That takes all commits that wait, puts few bytes' blobs into one
//! pack inside the records, and makes one transaction of them: one sync of the disk. A commit that must not be is answered
//! before anything is written; one that fails while it is written makes the others be done again without it.

use super::collect::check_fence;
use super::database::{Database, Transaction, built, known, number, rows, runs, signed};
use super::holder::{Hold, Holder};
use super::objects::Objects;
use super::pack::{MAGIC, MAX_BLOB, PackWriter, Placed};
use super::rows::{change_all, roots};
use super::{Change, Inner, StoreError};
use crate::base::{Blob, Hash};
use bytes::Bytes;
use sqlx::AnyConnection;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

/// Bytes of a commit's blobs below which they are kept inside the records.
const INLINE: usize = 64 << 10;
/// Bytes after which a pack is full.
pub(super) const PACK: usize = 16 << 20;
/// Packs that are compressed and written at a time.
const WRITERS: usize = 2;
/// Commits in one transaction.
const GROUP: usize = 128;
/// Data up to which a blob without links is taken for a part of a structure and not for content.
const STRUCTURE: usize = 1024;

/// The proof that a lease is still held when the commit happens.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fence {
    /// The container's id.
    pub container: String,
    /// The lease's number.
    pub number: u64,
}

/// Blobs and changes that become durable together, or not at all.
#[derive(Clone, Debug, Default)]
pub struct Commit {
    /// Blobs with their ids, children before parents. Those the store has already are not stored again.
    pub blobs: Vec<(Hash, Blob)>,
    /// Changes, in order.
    pub changes: Vec<Change>,
    /// The lease it is made under.
    pub fence: Option<Fence>,
    /// The epoch in which what its blobs take to be stored was marked as stored. If another is current, the answer is
    /// [`StoreError::Epoch`]: save everything again and commit under that one. Of no account without blobs.
    pub epoch: u64,
}

/// A pack that is ready: as an object that is on disk already, or as bytes.
#[derive(Clone)]
struct Pack {
    object: Option<String>,
    size: u64,
    entries: Vec<Placed>,
    bytes: Bytes,
}

/// A commit whose packs are ready.
pub(super) struct Job {
    changes: Vec<Change>,
    fence: Option<Fence>,
    /// The epoch its blobs count on.
    epoch: Option<u64>,
    packs: Vec<Pack>,
    /// The holder in whose name its objects were written.
    holder: Option<(String, Hold)>,
    /// Blobs the records will lead to and that the commit does not bring.
    needs: Vec<Hash>,
    answer: oneshot::Sender<Result<(), Refused>>,
}

/// Why a job was not done.
#[derive(Clone)]
pub(super) enum Refused {
    /// It is as if it had never been.
    Rejected(StoreError),
    /// The holder that wrote its objects was taken for dead, so they may be gone: they must be written again.
    Stale,
    /// The transaction failed at a moment at which it may be on disk.
    Unclear(StoreError),
}

impl From<StoreError> for Refused {
    fn from(error: StoreError) -> Refused {
        Refused::Rejected(error)
    }
}

impl Inner {
    /// All or nothing, and durable.
    pub(super) async fn commit(self: Arc<Self>, commit: Commit) -> Result<(), StoreError> {
        let Commit { mut blobs, changes, fence, epoch } = commit;
        let epoch = (!blobs.is_empty()).then_some(epoch);
        let mut needs: Vec<_> = changes.iter().flat_map(roots).collect();
        needs.sort_unstable();
        needs.dedup();
        needs.retain(|root| !blobs.iter().rev().any(|(id, _)| id == root));
        if let Some((id, _)) = blobs.iter().find(|(_, blob)| blob.data.len().max(blob.links.len() * 32) > MAX_BLOB) {
            return Err(StoreError::Objects(format!("blob {id} has over {MAX_BLOB} bytes, more than a pack takes")));
        }
        self.leave_out_known(&mut blobs).await?;
        let blobs = Arc::new(in_reading_order(blobs));
        loop {
            let (packs, holder) = self.pack(&blobs).await?;
            let objects: Vec<_> = packs.iter().filter_map(|pack| pack.object.clone()).collect();
            let writer = holder.as_ref().map(|(id, _)| id.clone());
            let (answer, answered) = oneshot::channel();
            let (changes, fence, needs) = (changes.clone(), fence.clone(), needs.clone());
            let job = Job { changes, fence, epoch, packs, holder, needs, answer };
            self.jobs.send(job).map_err(|_| StoreError::Closed)?;
            match answered.await.map_err(|_| StoreError::Closed)? {
                Ok(()) => return Ok(()),
                Err(Refused::Stale) => self.holder.forget(&writer.unwrap_or_default()).await,
                Err(Refused::Unclear(error)) => return Err(error),
                Err(Refused::Rejected(error)) => {
                    self.throw_away(objects).await;
                    return Err(error);
                }
            }
        }
    }

    /// Blobs that are there need not be stored again. If the collector takes one away before the commit, the epoch says so.
    async fn leave_out_known(&self, blobs: &mut Vec<(Hash, Blob)>) -> Result<(), StoreError> {
        let mut seen = HashSet::with_capacity(blobs.len());
        blobs.retain(|(id, _)| seen.insert(*id));
        let ids: Vec<_> = blobs.iter().map(|(id, _)| *id).collect();
        if ids.is_empty() {
            return Ok(());
        }
        let known: HashSet<_> = known(&mut *self.database.read().acquire().await?, &ids).await?.into_iter().collect();
        blobs.retain(|(id, _)| !known.contains(id));
        Ok(())
    }

    /// Packs, and the holder that wrote those that are objects.
    async fn pack(&self, blobs: &Arc<Vec<(Hash, Blob)>>) -> Result<(Vec<Pack>, Option<(String, Hold)>), StoreError> {
        let bytes: usize = blobs.iter().map(|(_, blob)| blob.data.len() + blob.links.len() * 32).sum();
        if bytes < INLINE {
            return Ok((Vec::from_iter(packed(blobs)), None));
        }
        let hold = self.holder.hold();
        let holder = self.holder.signed_on().await?;
        let mut packs = Vec::new();
        let mut writing = JoinSet::new();
        let mut result = Ok(());
        for run in cut(blobs) {
            if writing.len() >= WRITERS {
                result = collect(writing.join_next().await, &mut packs);
            }
            if result.is_err() {
                break;
            }
            let (objects, blobs, name) = (self.objects.clone(), blobs.clone(), self.objects.name(&holder));
            writing.spawn(write(objects, blobs, run, name));
        }
        while let Some(done) = writing.join_next().await {
            result = result.and(collect(Some(done), &mut packs));
        }
        if let Err(error) = result {
            self.throw_away(packs.into_iter().filter_map(|pack| pack.object).collect()).await;
            return Err(error);
        }
        Ok((packs, Some((holder, hold))))
    }

    /// Objects no record speaks of. What stays is found by the collector.
    pub(super) async fn throw_away(&self, objects: Vec<String>) {
        for object in objects {
            let _ = self.objects.delete(&object).await;
        }
    }
}

type Written = Option<Result<Result<Pack, StoreError>, tokio::task::JoinError>>;

fn collect(done: Written, packs: &mut Vec<Pack>) -> Result<(), StoreError> {
    match done {
        Some(Ok(Ok(pack))) => packs.push(pack),
        Some(Ok(Err(error))) => return Err(error),
        Some(Err(_)) => return Err(StoreError::Closed),
        None => {}
    }
    Ok(())
}

/// In the order of a walk from the roots, which come last in a commit: parents before children, the first child first; structure before
/// content. So what is read after a blob is behind it in its pack, and is read with it.
fn in_reading_order(blobs: Vec<(Hash, Blob)>) -> Vec<(Hash, Blob)> {
    let places: HashMap<Hash, usize> = blobs.iter().zip(0..).map(|((id, _), place)| (*id, place)).collect();
    let mut rest: Vec<Option<(Hash, Blob)>> = blobs.into_iter().map(Some).collect();
    let (mut structure, mut content) = (Vec::with_capacity(rest.len()), Vec::new());
    for root in (0..rest.len()).rev() {
        let mut todo = vec![root];
        while let Some(place) = todo.pop() {
            let Some((id, blob)) = rest[place].take() else { continue };
            todo.extend(blob.links.iter().rev().filter_map(|link| places.get(link)));
            let is_content = blob.links.is_empty() && blob.data.len() > STRUCTURE;
            if is_content { &mut content } else { &mut structure }.push((id, blob));
        }
    }
    structure.extend(content);
    structure
}

/// Which blobs go into which pack.
fn cut(blobs: &[(Hash, Blob)]) -> Vec<std::ops::Range<usize>> {
    let (mut cuts, mut start, mut bytes) = (Vec::new(), 0, 0);
    for (i, (_, blob)) in blobs.iter().enumerate() {
        bytes += blob.data.len() + blob.links.len() * 32 + 64;
        if bytes >= PACK {
            cuts.push(start..i + 1);
            (start, bytes) = (i + 1, 0);
        }
    }
    if start < blobs.len() {
        cuts.push(start..blobs.len());
    }
    cuts
}

fn packed(blobs: &[(Hash, Blob)]) -> Option<Pack> {
    let mut writer = PackWriter::new();
    blobs.iter().for_each(|(id, blob)| writer.add(*id, blob));
    let (bytes, entries) = writer.finish();
    (!entries.is_empty()).then_some(Pack { object: None, size: bytes.len() as u64, entries, bytes })
}

async fn write(
    objects: Objects,
    blobs: Arc<Vec<(Hash, Blob)>>,
    run: std::ops::Range<usize>,
    name: String,
) -> Result<Pack, StoreError> {
    let pack = tokio::task::spawn_blocking(move || packed(&blobs[run])).await;
    let pack = pack.ok().flatten().ok_or(StoreError::Closed)?;
    objects.put(&name, pack.bytes).await?;
    Ok(Pack { object: Some(name), bytes: Bytes::new(), ..pack })
}

/// The task that writes records.
pub(super) struct Committer {
    pub database: Database,
    pub jobs: mpsc::UnboundedReceiver<Job>,
    pub quota: u64,
    pub holder: Arc<Holder>,
    pub epoch: Arc<AtomicU64>,
}

/// The store's own row.
pub(super) struct State {
    pub epoch: u64,
    pub commits: u64,
    pub last_pack: u64,
    pub stored: u64,
    pub blobs: u64,
}

impl State {
    pub async fn read(on: &mut AnyConnection) -> Result<State, StoreError> {
        let row = sqlx::query("SELECT epoch, commits, last_pack, stored, blobs FROM state").fetch_one(on).await?;
        Ok(State {
            epoch: number(&row, 0)?,
            commits: number(&row, 1)?,
            last_pack: number(&row, 2)?,
            stored: number(&row, 3)?,
            blobs: number(&row, 4)?,
        })
    }

    pub async fn write(&self, on: &mut AnyConnection) -> Result<(), StoreError> {
        sqlx::query("UPDATE state SET epoch = $1, commits = $2, last_pack = $3, stored = $4, blobs = $5")
            .bind(signed(self.epoch))
            .bind(signed(self.commits))
            .bind(signed(self.last_pack))
            .bind(signed(self.stored))
            .bind(signed(self.blobs))
            .execute(on)
            .await?;
        Ok(())
    }
}

impl Committer {
    pub async fn run(mut self) {
        let mut group = Vec::new();
        while self.jobs.recv_many(&mut group, GROUP).await > 0 {
            let mut group = std::mem::take(&mut group);
            while !group.is_empty() {
                group = self.write(group).await;
            }
        }
    }

    /// Writes a group and answers. Returns what is to be tried again, without the commit that failed.
    async fn write(&mut self, mut group: Vec<Job>) -> Vec<Job> {
        let failed = match self.try_write(&mut group).await {
            Ok(()) => {
                answer(group, &Ok(()));
                return Vec::new();
            }
            Err(failed) => failed,
        };
        match failed.job {
            Some(job) => {
                answer(vec![group.remove(job)], &Err(failed.why));
                group
            }
            None => {
                answer(group, &Err(failed.why));
                Vec::new()
            }
        }
    }

    async fn try_write(&mut self, group: &mut Vec<Job>) -> Result<(), Failed> {
        let mut tx = self.database.durable().await?;
        let mut state = State::read(tx.on()).await?;
        self.epoch.store(state.epoch, Ordering::Relaxed);
        self.refuse(&mut tx, &mut state, group).await?;
        if group.is_empty() {
            tx.rollback().await;
            return Ok(());
        }
        for pack in inline_together(group) {
            add_pack(tx.on(), &mut state, &pack).await?;
        }
        for (job, number) in group.iter().zip(0..) {
            let changed = change_all(tx.on(), &job.changes).await;
            changed.map_err(|why| Failed { job: Some(number), why: why.into() })?;
        }
        state.commits += group.len() as u64;
        state.write(tx.on()).await?;
        tx.commit().await.map_err(|why| match why {
            StoreError::Full => why.into(),
            why => Failed { job: None, why: Refused::Unclear(why) },
        })
    }

    /// Answers the commits that must not be, before anything is written.
    async fn refuse(&self, tx: &mut Transaction, state: &mut State, group: &mut Vec<Job>) -> Result<(), Failed> {
        let mut accepted = Vec::with_capacity(group.len());
        let mut stored = state.stored;
        for job in group.drain(..) {
            let bytes: u64 = job.packs.iter().map(|pack| pack.size).sum();
            let over = bytes > 0 && stored.saturating_add(bytes) > self.quota;
            let verdict = match over {
                true => Err(StoreError::Quota { limit: self.quota, used: stored }.into()),
                false => self.verdict(tx.on(), state, &job).await,
            };
            match verdict {
                Ok(()) => {
                    stored += bytes;
                    accepted.push(job);
                }
                Err(why) => answer(vec![job], &Err(why)),
            }
        }
        *group = accepted;
        Ok(())
    }

    async fn verdict(&self, on: &mut AnyConnection, state: &State, job: &Job) -> Result<(), Refused> {
        if job.epoch.is_some_and(|epoch| epoch != state.epoch) {
            return Err(StoreError::Epoch(state.epoch).into());
        }
        if let Some(fence) = &job.fence {
            check_fence(on, fence).await?;
        }
        if let Some((holder, _)) = &job.holder
            && !self.holder.is_known(on, holder).await?
        {
            return Err(Refused::Stale);
        }
        let found = known(on, &job.needs).await?;
        match job.needs.iter().find(|root| !found.contains(root)) {
            Some(root) => Err(StoreError::Dangling(*root).into()),
            None => Ok(()),
        }
    }
}

/// A group that could not be written, because of one of its commits or as a whole.
struct Failed {
    job: Option<usize>,
    why: Refused,
}

impl From<StoreError> for Failed {
    fn from(error: StoreError) -> Failed {
        Failed { job: None, why: error.into() }
    }
}

fn answer(jobs: Vec<Job>, result: &Result<(), Refused>) {
    for job in jobs {
        // Who does not wait any more has been told that the commit goes on.
        let _ = job.answer.send(result.clone());
    }
}

/// The group's packs; those that go into the records as one.
fn inline_together(group: &[Job]) -> Vec<Pack> {
    let packs = || group.iter().flat_map(|job| &job.packs);
    let mut all: Vec<_> = packs().filter(|pack| pack.object.is_some()).cloned().collect();
    let mut inline = packs().filter(|pack| pack.object.is_none());
    let Some(first) = inline.next() else { return all };
    let mut together = first.clone();
    let mut bytes = Vec::new();
    let mut seen: HashSet<_> = first.entries.iter().map(|entry| entry.id).collect();
    for pack in inline {
        if bytes.is_empty() {
            bytes.extend_from_slice(&first.bytes);
        }
        let shift = (bytes.len() - MAGIC.len()) as u64;
        bytes.extend_from_slice(&pack.bytes[MAGIC.len()..]);
        let new = pack.entries.iter().filter(|entry| seen.insert(entry.id));
        together.entries.extend(new.map(|entry| Placed { place: entry.place + shift, ..*entry }));
    }
    if !bytes.is_empty() {
        (together.size, together.bytes) = (bytes.len() as u64, bytes.into());
    }
    all.push(together);
    all
}

/// Adds a pack and the index of its blobs.
async fn add_pack(on: &mut AnyConnection, state: &mut State, pack: &Pack) -> Result<(), StoreError> {
    state.last_pack += 1;
    let pack_number = signed(state.last_pack);
    let mut new = 0;
    for run in runs(&pack.entries) {
        let values = rows(run.len(), 5);
        let sql =
            format!("INSERT INTO blob (id, pack, place, stored, leads) VALUES {values} ON CONFLICT (id) DO NOTHING");
        let mut query = sqlx::query(built(sql));
        for entry in run {
            query =
                query.bind(entry.id.0.to_vec()).bind(pack_number).bind(signed(entry.place)).bind(signed(entry.stored));
            query = query.bind(i64::from(entry.leads));
        }
        new += query.execute(&mut *on).await?.rows_affected();
    }
    sqlx::query("INSERT INTO pack (number, object, size, data) VALUES ($1, $2, $3, $4)")
        .bind(pack_number)
        .bind(pack.object.as_deref())
        .bind(signed(pack.size))
        .bind(pack.object.is_none().then(|| pack.bytes.to_vec()))
        .execute(on)
        .await?;
    state.stored += pack.size;
    state.blobs += new;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pack_is_in_the_order_of_a_walk() {
        let node = |name: &'static str, links: &[&(Hash, Blob)]| {
            let blob = Blob { links: links.iter().map(|(id, _)| *id).collect(), data: name.into() };
            (blob.id(), blob)
        };
        let content = |name: &str| {
            let blob = Blob { links: Vec::new(), data: name.repeat(STRUCTURE).into() };
            (blob.id(), blob)
        };
        let (x, y, c) = (content("xx"), content("yy"), node("c", &[]));
        let (a, b) = (node("a", &[&x, &c]), node("b", &[&y, &c]));
        let (root, session) = (node("root", &[&a, &b]), node("session", &[]));
        let saved = [&x, &y, &c, &a, &b, &root, &session].map(Clone::clone).to_vec();
        let order: Vec<_> = in_reading_order(saved).iter().map(|(_, blob)| blob.data[..1].to_vec()).collect();
        assert_eq!(order.concat(), b"sracbxy");
    }
}
