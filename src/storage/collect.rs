//! Garbage collection: what nothing leads to is taken away while the store is in use.
//!
//! Mark: from every record and pin, follow the links. Sweep: in one transaction the index forgets the blobs that were not reached, so that
//! at any moment the index has all a blob in it leads to. That transaction is made only if nothing was committed since the roots were read;
//! else the new roots are marked too, and it is tried again. It moves the epoch, which makes everybody whose next commit counts on
//! a blob being there say again what it brings. Packs without blobs then go; packs with few, and packs inside the records when there are many,
//! are written anew (`compact.rs`). Last, objects that no record speaks of and whose writers are gone are deleted.

use super::commit::State;
use super::database::{Transaction, built, hash, number, rows, runs, signed};
use super::{Fence, Inner, Objects, StoreError};
use crate::base::{BlobError, Hash};
use futures_util::TryStreamExt as _;
use sqlx::{AnyConnection, Row};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// What is leased by who collects, checks or makes a backup: none of them bears another at the same time.
pub(super) const COLLECTOR: &str = "(collector)";
/// Times the sweep is tried while others in this process may commit; then they wait.
const POLITE: usize = 3;
/// Times it is tried at all.
const TRIES: usize = 20;
/// Rows of the index that are read at a time.
const PAGE: i64 = 4096;

/// What a collection did.
#[derive(Clone, PartialEq, Eq, Debug, Default, serde::Serialize)]
pub struct Collected {
    /// Somebody is collecting, checking or making a backup already: nothing was done.
    pub skipped: bool,
    /// Blobs that are in use.
    pub live_blobs: u64,
    /// Blobs taken away.
    pub removed_blobs: u64,
    /// Packs taken away or written anew.
    pub removed_packs: u64,
    /// Bytes the store holds less.
    pub freed_bytes: u64,
}

/// What the index says of a pack.
#[derive(Default, Clone, Copy)]
pub(super) struct Use {
    pub live_blobs: u64,
    pub live_bytes: u64,
}

/// The index, read page by page: what is dead, and what packs still hold.
#[derive(Default)]
struct Scan {
    dead: Vec<Dead>,
    packs: HashMap<i64, Use>,
}

struct Dead {
    id: Hash,
    pack: i64,
    stored: u64,
}

impl Inner {
    pub(super) async fn collect(self: Arc<Self>) -> Result<Collected, StoreError> {
        let lease = match self.clone().lease(COLLECTOR.into(), Duration::ZERO).await {
            Err(StoreError::Held { .. }) => return Ok(Collected { skipped: true, ..Collected::default() }),
            lease => lease?,
        };
        self.holder.living().await?;
        let before = self.state().await?.stored;
        let mut collected = Collected::default();
        let packs = self.sweep(&lease.fence(), &mut collected).await?;
        self.compact(&lease.fence(), &packs, &mut collected).await?;
        self.delete_orphans().await?;
        collected.freed_bytes = before.saturating_sub(self.state().await?.stored);
        lease.release().await;
        Ok(collected)
    }

    /// Takes away what is dead. Answers what packs hold after it.
    async fn sweep(&self, fence: &Fence, collected: &mut Collected) -> Result<HashMap<i64, Use>, StoreError> {
        let mut live = HashSet::new();
        let mut marked = self.state().await?;
        self.mark(self.roots().await?, &mut live).await?;
        let newest = marked.last_pack;
        let mut scan = self.scan(&live).await?;
        for attempt in 0..TRIES {
            let polite = (attempt < POLITE).then_some(());
            let held = if polite.is_none() { Some(self.database.hold().await) } else { None };
            if held.is_some() {
                marked = self.state().await?;
                self.mark(self.roots().await?, &mut live).await?;
                scan.revive(&live);
            }
            let mut tx = match held {
                Some(held) => self.database.durable_held(held).await?,
                None => self.database.durable().await?,
            };
            let now = State::read(tx.on()).await?;
            if (now.commits, now.epoch) == (marked.commits, marked.epoch) {
                self.forget(tx, fence, now, newest, &scan, collected).await?;
                collected.live_blobs = live.len() as u64;
                return Ok(scan.packs);
            }
            tx.rollback().await;
            marked = self.state().await?;
            self.mark(self.roots().await?, &mut live).await?;
            scan.revive(&live);
        }
        // Other processes commit all the time: the next collection may have more luck.
        Ok(HashMap::new())
    }

    /// The sweep's transaction.
    async fn forget(
        &self,
        mut tx: Transaction,
        fence: &Fence,
        mut state: State,
        newest: u64,
        scan: &Scan,
        collected: &mut Collected,
    ) -> Result<(), StoreError> {
        check_fence(tx.on(), fence).await?;
        for run in runs(&scan.dead) {
            let mut query = sqlx::query(built(format!("DELETE FROM blob WHERE id IN {}", rows(1, run.len()))));
            for dead in run {
                query = query.bind(dead.id.0.to_vec());
            }
            query.execute(tx.on()).await?;
        }
        let packs = sqlx::query("SELECT number, object, size FROM pack WHERE number <= $1").bind(signed(newest));
        let mut objects = Vec::new();
        for row in packs.fetch_all(tx.on()).await? {
            let pack: i64 = row.try_get(0)?;
            if scan.packs.get(&pack).is_some_and(|pack| pack.live_blobs > 0) {
                continue;
            }
            sqlx::query("DELETE FROM pack WHERE number = $1").bind(pack).execute(tx.on()).await?;
            objects.extend(row.try_get::<Option<String>, _>(1)?);
            state.stored = state.stored.saturating_sub(number(&row, 2)?);
            collected.removed_packs += 1;
        }
        collected.removed_blobs = scan.dead.len() as u64;
        if scan.dead.is_empty() && collected.removed_packs == 0 {
            tx.rollback().await;
            return Ok(());
        }
        state.blobs = state.blobs.saturating_sub(scan.dead.len() as u64);
        state.epoch += u64::from(!scan.dead.is_empty());
        state.write(tx.on()).await?;
        tx.commit().await?;
        self.epoch.fetch_max(state.epoch, Ordering::Relaxed);
        scan.dead.iter().for_each(|dead| self.cache.forget(&dead.id));
        self.throw_away(objects).await;
        Ok(())
    }

    pub(super) async fn state(&self) -> Result<State, StoreError> {
        State::read(&mut *self.database.read().acquire().await?).await
    }

    /// Every blob that a record or a pin names.
    async fn roots(&self) -> Result<HashSet<Hash>, StoreError> {
        let mut roots = HashSet::new();
        for sql in [
            "SELECT root, session, NULL FROM container",
            "SELECT DISTINCT root, session, NULL FROM log",
            "SELECT root, session, NULL FROM snapshot",
            "SELECT root, session, base FROM proposal",
            "SELECT root, NULL, NULL FROM image",
            "SELECT links, NULL, NULL FROM document",
            "SELECT root, NULL, NULL FROM pin",
        ] {
            let mut list = sqlx::query(sql).fetch(self.database.read());
            while let Some(row) = list.try_next().await? {
                for column in 0..3 {
                    let bytes = row.try_get::<Option<Vec<u8>>, _>(column)?.unwrap_or_default();
                    roots.extend(bytes.as_chunks::<32>().0.iter().map(|id| Hash(*id)));
                }
            }
        }
        Ok(roots)
    }

    /// Adds what the roots lead to.
    async fn mark(&self, roots: HashSet<Hash>, live: &mut HashSet<Hash>) -> Result<(), StoreError> {
        let mut todo: Vec<Hash> = roots.into_iter().filter(|root| live.insert(*root)).collect();
        while !todo.is_empty() {
            let some = todo.split_off(todo.len().saturating_sub(128));
            for id in self.leading(&some).await? {
                match self.blob(id).await {
                    Ok(blob) => todo.extend(blob.links.iter().filter(|link| live.insert(**link))),
                    // It was lost before; what it led to cannot be told any more.
                    Err(BlobError::Missing(_)) => {}
                    // What it leads to must not be taken for garbage.
                    Err(error) => return Err(error.into()),
                }
            }
        }
        Ok(())
    }

    /// Those that have links.
    async fn leading(&self, ids: &[Hash]) -> Result<Vec<Hash>, StoreError> {
        let mut leading = Vec::new();
        for run in runs(ids) {
            let sql = format!("SELECT id FROM blob WHERE leads = 1 AND id IN {}", rows(1, run.len()));
            let mut query = sqlx::query(built(sql));
            for id in run {
                query = query.bind(id.0.to_vec());
            }
            for row in query.fetch_all(self.database.read()).await? {
                leading.push(hash(&row, 0)?);
            }
        }
        Ok(leading)
    }

    async fn scan(&self, live: &HashSet<Hash>) -> Result<Scan, StoreError> {
        let (mut scan, mut after) = (Scan::default(), Vec::new());
        loop {
            let sql = "SELECT id, pack, stored FROM blob WHERE id > $1 ORDER BY id LIMIT $2";
            let page = sqlx::query(sql).bind(after).bind(PAGE).fetch_all(self.database.read()).await?;
            let Some(last) = page.last() else { return Ok(scan) };
            after = last.try_get(0)?;
            for row in &page {
                let (id, pack, stored) = (hash(row, 0)?, row.try_get(1)?, number(row, 2)?);
                if live.contains(&id) {
                    scan.add(pack, stored);
                } else {
                    scan.dead.push(Dead { id, pack, stored });
                }
            }
        }
    }

    /// Objects that no record speaks of, of holders that are gone: of commits that never came to be, and of packs written anew.
    async fn delete_orphans(&self) -> Result<(), StoreError> {
        // In this order: who is found to be gone cannot commit what was listed before, and what he had committed is known after.
        let listed = self.objects.list().await?;
        let living: HashSet<_> = self.holder.living().await?.into_iter().collect();
        let mut known = HashSet::new();
        for row in
            sqlx::query("SELECT object FROM pack WHERE object IS NOT NULL").fetch_all(self.database.read()).await?
        {
            known.insert(row.try_get::<String, _>(0)?);
        }
        let is_gone = |name: &str| !living.contains(Objects::holder_of(name));
        self.throw_away(listed.into_iter().filter(|name| !known.contains(name) && is_gone(name)).collect()).await;
        self.objects.delete_partial(|holder| !living.contains(holder));
        self.holder.delete_files_of_others(&living);
        let sql = "DELETE FROM lease WHERE holder IS NULL AND container NOT IN (SELECT id FROM container)";
        let mut tx = self.database.soft().await?;
        sqlx::query(sql).execute(tx.on()).await?;
        tx.commit().await
    }
}

impl Scan {
    fn add(&mut self, pack: i64, stored: u64) {
        let pack = self.packs.entry(pack).or_default();
        pack.live_blobs += 1;
        pack.live_bytes += stored;
    }

    /// Takes out of the dead what is live now.
    fn revive(&mut self, live: &HashSet<Hash>) {
        let (revived, dead) = std::mem::take(&mut self.dead).into_iter().partition(|dead| live.contains(&dead.id));
        self.dead = dead;
        revived.into_iter().for_each(|blob: Dead| self.add(blob.pack, blob.stored));
    }
}

/// Whether a lease still has this number.
pub(super) async fn check_fence(on: &mut AnyConnection, fence: &Fence) -> Result<(), StoreError> {
    let sql = "SELECT fence FROM lease WHERE container = $1";
    let row = sqlx::query(sql).bind(fence.container.as_str()).fetch_optional(on).await?;
    match row.map(|row| number(&row, 0)).transpose()? == Some(fence.number) {
        true => Ok(()),
        false => Err(StoreError::LeaseLost { container: fence.container.clone() }),
    }
}
