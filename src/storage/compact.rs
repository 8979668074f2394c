//! Writing packs anew: those with little left in them, and those inside the records when there are many.
//!
//! Blobs keep their ids and nothing is taken away, so the epoch stays. Who read the index before and looks for the old pack after
//! looks into the index again.

use super::collect::{Collected, Use, check_fence};
use super::commit::{PACK, State};
use super::database::{built, number, rows, runs, signed};
use super::objects::ReadError;
use super::pack::{Entry, MAGIC, PackWriter, Placed, entries};
use super::{Fence, Inner, StoreError};
use crate::base::Hash;
use bytes::Bytes;
use sqlx::{AnyConnection, Row};
use std::collections::HashMap;

/// Bytes of packs inside the records from which they move out.
const INLINE_TOTAL: u64 = 1 << 20;

/// A pack that is written anew.
struct Old {
    number: i64,
    object: Option<String>,
    size: u64,
    live: u64,
}

impl Inner {
    pub(super) async fn compact(
        &self,
        fence: &Fence,
        packs: &HashMap<i64, Use>,
        collected: &mut Collected,
    ) -> Result<(), StoreError> {
        let old = self.worth_it(packs).await?;
        let (mut batch, mut bytes) = (Vec::new(), 0);
        for pack in old {
            bytes += pack.live;
            batch.push(pack);
            if bytes >= PACK as u64 {
                self.rewrite(fence, std::mem::take(&mut batch), collected).await?;
                bytes = 0;
            }
        }
        self.rewrite(fence, batch, collected).await
    }

    /// Which packs are to be written anew.
    async fn worth_it(&self, packs: &HashMap<i64, Use>) -> Result<Vec<Old>, StoreError> {
        let list = sqlx::query("SELECT number, object, size FROM pack ORDER BY number").fetch_all(self.database.read());
        let mut old = Vec::new();
        for row in list.await? {
            let (number, object, size) = (row.try_get(0)?, row.try_get(1)?, number(&row, 2)?);
            // What came after the scan is not known well enough.
            if let Some(pack) = packs.get(&number) {
                old.push(Old { number, object, size, live: pack.live_bytes });
            }
        }
        let inline: u64 = old.iter().filter(|pack| pack.object.is_none()).map(|pack| pack.size).sum();
        old.retain(|pack| (pack.object.is_none() && inline >= INLINE_TOTAL) || pack.live < pack.size / 2);
        Ok(old)
    }

    async fn rewrite(&self, fence: &Fence, old: Vec<Old>, collected: &mut Collected) -> Result<(), StoreError> {
        let epoch = self.state().await?.epoch;
        let mut writer = PackWriter::new();
        let mut done = Vec::new();
        for pack in old {
            // A pack that cannot be read, or has damaged blobs, stays as it is, for `check` to find.
            if let Some(bytes) = self.pack_bytes(pack.number, pack.object.as_deref()).await?
                && let Some(live) = self.live_entries(&pack, &bytes).await?
            {
                live.iter().for_each(|entry| writer.copy(entry, &bytes));
                done.push(pack);
            }
        }
        let (bytes, placed) = writer.finish();
        if placed.is_empty() {
            return Ok(());
        }
        let hold = self.holder.hold();
        let holder = self.holder.signed_on().await?;
        let name = self.objects.name(&holder);
        let size = bytes.len() as u64;
        self.objects.put(&name, bytes).await?;

        let mut tx = self.database.durable().await?;
        check_fence(tx.on(), fence).await?;
        let mut state = State::read(tx.on()).await?;
        if state.epoch != epoch || !self.holder.is_known(tx.on(), &holder).await? {
            tx.rollback().await;
            self.throw_away(vec![name]).await;
            return Ok(());
        }
        state.last_pack += 1;
        move_blobs(tx.on(), signed(state.last_pack), &placed).await?;
        sqlx::query("INSERT INTO pack (number, object, size) VALUES ($1, $2, $3)")
            .bind(signed(state.last_pack))
            .bind(name)
            .bind(signed(size))
            .execute(tx.on())
            .await?;
        for pack in &done {
            sqlx::query("DELETE FROM pack WHERE number = $1").bind(pack.number).execute(tx.on()).await?;
            state.stored = state.stored.saturating_sub(pack.size);
        }
        state.stored += size;
        state.write(tx.on()).await?;
        tx.commit().await?;
        drop(hold);
        collected.removed_packs += done.len() as u64;
        self.throw_away(done.into_iter().filter_map(|pack| pack.object).collect()).await;
        Ok(())
    }

    /// A whole pack, if it can be read.
    pub(super) async fn pack_bytes(&self, number: i64, object: Option<&str>) -> Result<Option<Bytes>, StoreError> {
        let Some(object) = object else {
            let row = sqlx::query("SELECT data FROM pack WHERE number = $1").bind(number);
            let row = row.fetch_optional(self.database.read()).await?;
            let data = row.map(|row| row.try_get::<Option<Vec<u8>>, _>(0)).transpose()?;
            return Ok(data.flatten().map(Bytes::from));
        };
        match self.objects.get_all(object).await {
            Ok(bytes) => Ok(Some(bytes)),
            Err(ReadError::NotFound | ReadError::Failed(_)) => Ok(None),
        }
    }

    /// The entries of a pack that the index speaks of, if they are all there and right.
    async fn live_entries(&self, pack: &Old, bytes: &Bytes) -> Result<Option<Vec<Entry>>, StoreError> {
        let all: HashMap<Hash, Entry> = entries(bytes, MAGIC.len()).map(|entry| (entry.id, entry)).collect();
        let ids: Vec<_> = all.keys().copied().collect();
        let mut live = Vec::new();
        for run in runs(&ids) {
            let sql = format!("SELECT id, place, stored FROM blob WHERE id IN {} AND pack = ?", rows(1, run.len()));
            let mut query = sqlx::query(built(sql));
            for id in run {
                query = query.bind(id.0.to_vec());
            }
            for row in query.bind(pack.number).fetch_all(self.database.read()).await? {
                let entry = Entry::at(bytes, number(&row, 1)? as usize);
                match entry.filter(|entry| entry.decode(bytes).is_ok()) {
                    Some(entry) => live.push(entry),
                    None => return Ok(None),
                }
            }
        }
        live.sort_by_key(|entry| entry.range().start);
        let found: u64 = live.iter().map(|entry| entry.range().len() as u64).sum();
        Ok((found == pack.live).then_some(live))
    }
}

/// Makes the index say where blobs are now.
pub(super) async fn move_blobs(on: &mut AnyConnection, pack: i64, placed: &[Placed]) -> Result<(), StoreError> {
    for run in runs(placed) {
        let values = rows(run.len(), 5);
        let sql = format!(
            "INSERT INTO blob (id, pack, place, stored, leads) VALUES {values} ON CONFLICT (id) DO UPDATE SET \
             pack = excluded.pack, place = excluded.place, stored = excluded.stored, leads = excluded.leads"
        );
        let mut query = sqlx::query(built(sql));
        for entry in run {
            query = query.bind(entry.id.0.to_vec()).bind(pack).bind(signed(entry.place)).bind(signed(entry.stored));
            query = query.bind(i64::from(entry.leads));
        }
        query.execute(&mut *on).await?;
    }
    Ok(())
}
