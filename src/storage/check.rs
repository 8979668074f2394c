//! `check`: reads everything, verifies every hash and reference, repairs what can be repaired.
//!
//! Every pack is read whole. What the index says of a blob is right if the blob is there and hashes to its id; else a copy in another pack
//! takes its place, or the index forgets it, so that whoever brings it again is not told that it is there. Then the links are
//! followed from all records: what is missing is looked for in packs whose rows were lost, and what stays missing is reported with the records
//! that lose something by it.

use super::collect::{COLLECTOR, check_fence};
use super::commit::State;
use super::compact::move_blobs;
use super::database::{built, hash, number, rows, runs, signed};
use super::pack::{Entry, MAGIC, Placed, entries};
use super::rows::Record;
use super::{ContainerRecord, DocumentRecord, Inner, LogRecord, Objects, ProposalRecord, SnapshotRecord, StoreError};
use crate::base::Hash;
use bytes::Bytes;
use futures_util::TryStreamExt as _;
use sqlx::Row;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// How long a check waits for a collection or a backup to end.
const PATIENCE: Duration = Duration::from_secs(30);

/// What is wrong with a store.
#[derive(Clone, PartialEq, Eq, Debug, Default, serde::Serialize)]
pub struct CheckReport {
    /// Packs read.
    pub packs: u64,
    /// Blobs verified.
    pub blobs: u64,
    /// Bytes read.
    pub bytes: u64,
    /// What is wrong, one sentence each; those that were repaired say so.
    pub problems: Vec<Problem>,
}

impl CheckReport {
    /// Nothing is wrong, or all that was is repaired.
    pub fn is_clean(&self) -> bool {
        self.problems.iter().all(|problem| problem.repaired)
    }
}

/// One thing that is wrong.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize)]
pub struct Problem {
    /// What is wrong, with what, and what it means.
    pub what: String,
    /// Ids of the containers, snapshots, … that lose something by it.
    pub loses: Vec<String>,
    /// Whether it has been repaired.
    pub repaired: bool,
}

/// A place in a pack of the records, or in an object no record speaks of.
#[derive(Clone, PartialEq, Eq)]
struct Found {
    pack: PackName,
    placed: Placed,
}

#[derive(Clone, PartialEq, Eq, Hash)]
enum PackName {
    Number(i64),
    /// An object and its size.
    Orphan(String, u64),
}

/// What was found so far.
#[derive(Default)]
struct Survey {
    report: CheckReport,
    /// What the index says.
    index: HashMap<Hash, (i64, u64)>,
    /// Where each blob really is.
    good: HashMap<Hash, Found>,
    links: HashMap<Hash, Vec<Hash>>,
    /// Repairs of the index: where a blob is instead, or that it is nowhere.
    moved: Vec<Found>,
    lost: Vec<Hash>,
    /// Roots and who needs them.
    records: Vec<(String, Hash)>,
}

impl Inner {
    pub(super) async fn check(self: Arc<Self>, repair: bool) -> Result<CheckReport, StoreError> {
        let lease = self.clone().lease(COLLECTOR.into(), PATIENCE).await?;
        let mut survey = Survey::default();
        self.check_database(&mut survey).await?;
        self.check_records::<ContainerRecord>(&mut survey).await?;
        self.check_records::<LogRecord>(&mut survey).await?;
        self.check_records::<SnapshotRecord>(&mut survey).await?;
        self.check_records::<ProposalRecord>(&mut survey).await?;
        self.check_records::<DocumentRecord>(&mut survey).await?;
        survey.records = self.needs().await?;
        self.read_index(&mut survey).await?;
        self.read_packs(&mut survey).await?;
        survey.compare(repair);
        if !survey.missing().is_empty() {
            self.read_orphans(&mut survey).await?;
        }
        survey.follow(repair);
        if repair && !(survey.moved.is_empty() && survey.lost.is_empty()) {
            self.repair(&lease.fence(), &survey).await?;
        }
        if repair {
            self.recount(&mut survey).await?;
        }
        lease.release().await;
        Ok(survey.report)
    }

    /// What the database says of itself.
    async fn check_database(&self, survey: &mut Survey) -> Result<(), StoreError> {
        for row in sqlx::query("PRAGMA integrity_check(20)").fetch_all(self.database.read()).await? {
            let what: String = row.try_get(0)?;
            if what != "ok" {
                survey.problem(format!("the records' database: {what}; restore a backup"), false);
            }
        }
        Ok(())
    }

    /// Whether the records of a table are what was written.
    async fn check_records<R: Record>(&self, survey: &mut Survey) -> Result<(), StoreError> {
        let sql = built(format!("SELECT {} FROM {}", R::COLUMNS, R::TABLE));
        let mut rows = sqlx::query(sql).fetch(self.database.read());
        while let Some(row) = rows.try_next().await? {
            if let Err(StoreError::Record { what, why }) = R::read(&row) {
                let problem = format!("the {} record for {what} is damaged: {why}", R::TABLE);
                survey.report.problems.push(Problem { what: problem, loses: vec![what], repaired: false });
            }
        }
        Ok(())
    }

    async fn needs(&self) -> Result<Vec<(String, Hash)>, StoreError> {
        let mut needs = Vec::new();
        for sql in [
            "SELECT id, root, session, NULL FROM container",
            "SELECT DISTINCT container, root, session, NULL FROM log",
            "SELECT id, root, session, NULL FROM snapshot",
            "SELECT id, root, session, base FROM proposal",
            "SELECT id, root, NULL, NULL FROM image",
            "SELECT id, links, NULL, NULL FROM document",
        ] {
            for row in sqlx::query(sql).fetch_all(self.database.read()).await? {
                let id: String = row.try_get(0)?;
                for column in 1..4 {
                    let bytes = row.try_get::<Option<Vec<u8>>, _>(column)?.unwrap_or_default();
                    needs.extend(bytes.as_chunks::<32>().0.iter().map(|root| (id.clone(), Hash(*root))));
                }
            }
        }
        Ok(needs)
    }

    async fn read_index(&self, survey: &mut Survey) -> Result<(), StoreError> {
        let mut after = Vec::new();
        loop {
            let sql = "SELECT id, pack, place FROM blob WHERE id > $1 ORDER BY id LIMIT 4096";
            let page = sqlx::query(sql).bind(after).fetch_all(self.database.read()).await?;
            let Some(last) = page.last() else { return Ok(()) };
            after = last.try_get(0)?;
            for row in &page {
                survey.index.insert(hash(row, 0)?, (row.try_get(1)?, number(row, 2)?));
            }
        }
    }

    async fn read_packs(&self, survey: &mut Survey) -> Result<(), StoreError> {
        let mut places: HashMap<i64, Vec<u64>> = HashMap::new();
        for (pack, place) in survey.index.values() {
            places.entry(*pack).or_default().push(*place);
        }
        let sql = "SELECT number, object, size FROM pack ORDER BY number";
        for row in sqlx::query(sql).fetch_all(self.database.read()).await? {
            let (pack, object, size): (i64, Option<String>, u64) = (row.try_get(0)?, row.try_get(1)?, number(&row, 2)?);
            let what = || object.as_ref().map_or(format!("pack {pack}"), |object| format!("pack {pack} ({object})"));
            let places = places.remove(&pack).unwrap_or_default();
            let Some(bytes) = self.pack_bytes(pack, object.as_deref()).await? else {
                if !places.is_empty() {
                    survey.problem(format!("{} cannot be read; it had {} blobs", what(), places.len()), false);
                }
                continue;
            };
            if bytes.len() as u64 != size {
                survey.problem(format!("{} has {} bytes instead of {size}", what(), bytes.len()), false);
            }
            survey.read(&PackName::Number(pack), &bytes, &places);
        }
        Ok(())
    }

    /// Objects the records do not speak of, of holders that are gone: a row may have been lost.
    async fn read_orphans(&self, survey: &mut Survey) -> Result<(), StoreError> {
        let listed = self.objects.list().await?;
        let living = self.holder.living().await?;
        let is_gone = |name: &String| !living.iter().any(|holder| holder == Objects::holder_of(name));
        for name in listed.into_iter().filter(is_gone) {
            let known = sqlx::query("SELECT number FROM pack WHERE object = $1").bind(name.clone());
            if known.fetch_optional(self.database.read()).await?.is_none()
                && let Some(bytes) = self.pack_bytes(0, Some(&name)).await?
            {
                survey.read(&PackName::Orphan(name, bytes.len() as u64), &bytes, &[]);
            }
        }
        Ok(())
    }

    async fn repair(&self, fence: &super::Fence, survey: &Survey) -> Result<(), StoreError> {
        let mut tx = self.database.durable().await?;
        check_fence(tx.on(), fence).await?;
        let mut state = State::read(tx.on()).await?;
        let mut packs: HashMap<PackName, Vec<Placed>> = HashMap::new();
        for found in &survey.moved {
            packs.entry(found.pack.clone()).or_default().push(found.placed);
        }
        for (pack, placed) in packs {
            let number = match pack {
                PackName::Number(number) => number,
                PackName::Orphan(name, size) => {
                    state.last_pack += 1;
                    state.stored += size;
                    let sql = "INSERT INTO pack (number, object, size) VALUES ($1, $2, $3)";
                    let query = sqlx::query(sql).bind(signed(state.last_pack)).bind(name).bind(signed(size));
                    query.execute(tx.on()).await?;
                    signed(state.last_pack)
                }
            };
            move_blobs(tx.on(), number, &placed).await?;
        }
        for run in runs(&survey.lost) {
            let mut query = sqlx::query(built(format!("DELETE FROM blob WHERE id IN {}", rows(1, run.len()))));
            for id in run {
                query = query.bind(id.0.to_vec());
            }
            query.execute(tx.on()).await?;
        }
        state.epoch += 1;
        state.write(tx.on()).await?;
        tx.commit().await?;
        self.epoch.fetch_max(state.epoch, Ordering::Relaxed);
        survey.lost.iter().for_each(|id| self.cache.forget(id));
        Ok(())
    }

    /// The counts in the store's own row.
    async fn recount(&self, survey: &mut Survey) -> Result<(), StoreError> {
        let mut tx = self.database.durable().await?;
        let mut state = State::read(tx.on()).await?;
        let sql = "SELECT (SELECT COUNT(*) FROM blob), (SELECT CAST(COALESCE(SUM(size), 0) AS BIGINT) FROM pack), \
            (SELECT COALESCE(MAX(number), 0) FROM pack)";
        let row = sqlx::query(sql).fetch_one(tx.on()).await?;
        let (blobs, stored, last) = (number(&row, 0)?, number(&row, 1)?, number(&row, 2)?);
        if (state.blobs, state.stored) == (blobs, stored) && state.last_pack >= last {
            tx.rollback().await;
            return Ok(());
        }
        (state.blobs, state.stored, state.last_pack) = (blobs, stored, state.last_pack.max(last));
        state.write(tx.on()).await?;
        tx.commit().await?;
        survey.problem("the store's counts of its blobs and bytes were wrong".into(), true);
        Ok(())
    }
}

impl Survey {
    fn problem(&mut self, what: String, repaired: bool) {
        self.report.problems.push(Problem { what, loses: Vec::new(), repaired });
    }

    /// Verifies all of a pack that can be found: entry after entry, and where the index says.
    fn read(&mut self, pack: &PackName, bytes: &Bytes, places: &[u64]) {
        self.report.packs += 1;
        self.report.bytes += bytes.len() as u64;
        let mut seen = HashSet::new();
        let in_order = entries(bytes, MAGIC.len());
        let indexed = places.iter().filter_map(|place| Entry::at(bytes, usize::try_from(*place).ok()?));
        for entry in in_order.chain(indexed) {
            if !seen.insert(entry.range().start) {
                continue;
            }
            let Ok(blob) = entry.decode(bytes) else { continue };
            let found = Found { pack: pack.clone(), placed: entry.placed() };
            let is_indexed = self.index.get(&entry.id).is_some_and(|at| found.is(*at));
            if is_indexed {
                self.report.blobs += 1;
            }
            if is_indexed || !self.good.contains_key(&entry.id) {
                self.good.insert(entry.id, found);
            }
            if !blob.links.is_empty() {
                self.links.entry(entry.id).or_insert(blob.links);
            }
        }
    }

    /// The index with what was found.
    fn compare(&mut self, repair: bool) {
        let mut wrong: Vec<Hash> = Vec::new();
        wrong.extend(
            self.index
                .iter()
                .filter(|(id, at)| self.good.get(id).is_none_or(|found| !found.is(**at)))
                .map(|(id, _)| id),
        );
        wrong.sort_unstable();
        for id in wrong {
            match self.good.get(&id).cloned() {
                Some(found) => {
                    self.moved.push(found);
                    self.problem(
                        format!("blob {id} is damaged where the index says; another copy takes its place"),
                        repair,
                    );
                }
                None => {
                    self.lost.push(id);
                    self.index.remove(&id);
                }
            }
        }
    }

    /// Whether a blob is there and the index knows it (or will).
    fn has(&self, id: &Hash) -> bool {
        self.index.contains_key(id) && self.good.contains_key(id)
    }

    /// What records lead to and the index does not have.
    fn missing(&self) -> Vec<Hash> {
        let mut seen: HashSet<Hash> = HashSet::new();
        let mut todo: Vec<Hash> = self.records.iter().map(|(_, root)| *root).collect();
        let mut missing = Vec::new();
        while let Some(id) = todo.pop() {
            if !seen.insert(id) {
                continue;
            }
            if !self.has(&id) {
                missing.push(id);
            }
            todo.extend(self.links.get(&id).into_iter().flatten());
        }
        missing.sort_unstable();
        missing
    }

    /// Says of everything that is missing whether it was found elsewhere, or who loses it.
    fn follow(&mut self, repair: bool) {
        // What was found in a lost pack may lead to more that was lost.
        let mut gone = Vec::new();
        for id in self.missing() {
            match self.good.get(&id).cloned() {
                Some(found) => {
                    self.lost.retain(|lost| *lost != id);
                    self.moved.push(found);
                    self.problem(format!("blob {id} is missing from the index; it was found in a pack"), repair);
                }
                None => gone.push(id),
            }
        }
        let unneeded = self.lost.iter().filter(|id| !gone.contains(id)).count();
        if unneeded > 0 {
            self.problem(format!("{unneeded} blobs that nothing leads to are damaged; the index forgets them"), repair);
        }
        if gone.is_empty() {
            return;
        }
        let parents = self.parents();
        for id in gone {
            let loses = self.losers(id, &parents);
            let how = if self.lost.contains(&id) { "damaged" } else { "missing" };
            let what = format!("blob {id} is {how} and there is no other copy");
            self.report.problems.push(Problem { what, loses, repaired: false });
        }
    }

    fn parents(&self) -> HashMap<Hash, Vec<Hash>> {
        let mut parents: HashMap<Hash, Vec<Hash>> = HashMap::new();
        for (id, links) in &self.links {
            for link in links {
                parents.entry(*link).or_default().push(*id);
            }
        }
        parents
    }

    /// The records that lead to a blob.
    fn losers(&self, id: Hash, parents: &HashMap<Hash, Vec<Hash>>) -> Vec<String> {
        let (mut above, mut todo) = (HashSet::new(), vec![id]);
        while let Some(id) = todo.pop() {
            if above.insert(id) {
                todo.extend(parents.get(&id).into_iter().flatten());
            }
        }
        let mut losers: Vec<String> =
            self.records.iter().filter(|(_, root)| above.contains(root)).map(|(id, _)| id.clone()).collect();
        losers.sort_unstable();
        losers.dedup();
        losers
    }
}

impl Found {
    fn is(&self, (pack, place): (i64, u64)) -> bool {
        self.pack == PackName::Number(pack) && self.placed.place == place
    }
}
