//! Leases and pins: who may change a container, and what must not be collected.

use super::database::{number, signed};
use super::holder::{Held, Hold};
use super::{Fence, Inner, StoreError};
use crate::base::{BlobError, Hash, id};
use sqlx::Row;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

/// How often who waits for another process' lease looks again.
const AGAIN: Duration = Duration::from_millis(20);

/// The right to change a container, given up when dropped.
pub struct Lease {
    inner: Arc<Inner>,
    fence: Fence,
    held: Arc<Held>,
    released: bool,
}

impl std::fmt::Debug for Lease {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lease").field("fence", &self.fence).field("held", &self.held).finish_non_exhaustive()
    }
}

impl Lease {
    /// What commits made under it carry.
    pub fn fence(&self) -> Fence {
        self.fence.clone()
    }

    /// Whether somebody else asks for it.
    pub fn is_wanted(&self) -> bool {
        self.held.wanted.load(Ordering::Relaxed)
    }

    /// Waits until somebody else asks for it, or it is lost.
    pub async fn wanted(&self) {
        let mut changed = std::pin::pin!(self.held.changed.notified());
        loop {
            changed.as_mut().enable();
            if self.is_wanted() || self.is_lost() {
                return;
            }
            changed.as_mut().await;
            changed.set(self.held.changed.notified());
        }
    }

    /// Whether it is known to have been taken over. (A commit finds out in any case.)
    pub fn is_lost(&self) -> bool {
        self.held.lost.load(Ordering::Relaxed)
    }

    /// Gives it up and waits until others can have it. Dropping it does the same without waiting.
    pub async fn release(mut self) {
        if let Some(task) = self.give_up() {
            let _ = task.await;
        }
    }

    fn give_up(&mut self) -> Option<tokio::task::JoinHandle<()>> {
        if std::mem::replace(&mut self.released, true) {
            return None;
        }
        self.inner.let_go(&self.fence.container, &self.held);
        let (database, fence) = (self.inner.database.clone(), self.fence.clone());
        Some(self.inner.runtime.spawn(async move {
            // If it fails, it counts as held until this holder is gone; here it can be had again in any case.
            if let Ok(mut tx) = database.soft().await {
                let sql = "UPDATE lease SET holder = NULL, wanted = 0 WHERE container = $1 AND fence = $2";
                let query = sqlx::query(sql).bind(fence.container).bind(signed(fence.number));
                if query.execute(tx.on()).await.is_ok() {
                    let _ = tx.commit().await;
                }
            }
        }))
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.give_up();
    }
}

enum Take {
    Taken(u64),
    Busy { holder: String, beat: i64 },
}

impl Inner {
    pub(super) async fn lease(self: Arc<Self>, container: String, wait: Duration) -> Result<Lease, StoreError> {
        let until = Instant::now() + wait;
        let held = self.reserve(&container, until).await?;
        match self.take(&container, until).await {
            Ok(number) => Ok(Lease { fence: Fence { container, number }, inner: self, held, released: false }),
            Err(error) => {
                self.let_go(&container, &held);
                Err(error)
            }
        }
    }

    /// The right to ask for a lease in this process's name, when nobody here has it any more.
    async fn reserve(&self, container: &str, until: Instant) -> Result<Arc<Held>, StoreError> {
        loop {
            let other = {
                let mut leases = self.holder.leases.lock().unwrap_or_else(PoisonError::into_inner);
                match leases.get(container) {
                    Some(other) => other.clone(),
                    None => {
                        let held = Arc::<Held>::default();
                        leases.insert(container.into(), held.clone());
                        return Ok(held);
                    }
                }
            };
            let mut changed = std::pin::pin!(other.changed.notified());
            changed.as_mut().enable();
            if !other.wanted.load(Ordering::Relaxed) {
                other.tell(&other.wanted);
            }
            if self
                .holder
                .leases
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .get(container)
                .is_none_or(|now| !Arc::ptr_eq(now, &other))
            {
                continue;
            }
            let waited = tokio::time::timeout(until.saturating_duration_since(Instant::now()), changed).await;
            if waited.is_err() {
                return Err(StoreError::Held { container: container.into(), holder: "this one".into() });
            }
        }
    }

    fn let_go(&self, container: &str, held: &Arc<Held>) {
        let mut leases = self.holder.leases.lock().unwrap_or_else(PoisonError::into_inner);
        if leases.get(container).is_some_and(|now| Arc::ptr_eq(now, held)) {
            leases.remove(container);
        }
        drop(leases);
        held.changed.notify_waiters();
    }

    async fn take(&self, container: &str, until: Instant) -> Result<u64, StoreError> {
        loop {
            match self.try_take(container).await? {
                Take::Taken(fence) => return Ok(fence),
                Take::Busy { holder, beat } => {
                    if self.holder.is_dead(&holder, beat) && self.holder.bury(&holder, Some(beat)).await? {
                        continue;
                    }
                    if Instant::now() >= until {
                        return Err(StoreError::Held { container: container.into(), holder });
                    }
                    tokio::time::sleep(AGAIN.min(until.saturating_duration_since(Instant::now()))).await;
                }
            }
        }
    }

    async fn try_take(&self, container: &str) -> Result<Take, StoreError> {
        let me = self.holder.signed_on().await?;
        let mut tx = self.database.soft().await?;
        let sql = "SELECT l.fence, l.holder, h.beat, l.wanted FROM lease l LEFT JOIN holder h ON h.id = l.holder WHERE l.container = $1";
        let row = sqlx::query(sql).bind(container).fetch_optional(tx.on()).await?;
        let fence = row.as_ref().map_or(Ok(0), |row| number(row, 0))?;
        if let Some(row) = &row
            && let (Some(holder), Some(beat)) =
                (row.try_get::<Option<String>, _>(1)?, row.try_get::<Option<i64>, _>(2)?)
            && holder != me
        {
            if row.try_get::<i64, _>(3)? == 0 {
                let sql = "UPDATE lease SET wanted = 1 WHERE container = $1";
                sqlx::query(sql).bind(container).execute(tx.on()).await?;
                tx.commit().await?;
            } else {
                tx.rollback().await;
            }
            return Ok(Take::Busy { holder, beat });
        }
        let sql = "INSERT INTO lease (container, fence, holder, wanted) VALUES ($1, $2, $3, 0) \
            ON CONFLICT (container) DO UPDATE SET fence = excluded.fence, holder = excluded.holder, wanted = 0";
        sqlx::query(sql).bind(container).bind(signed(fence + 1)).bind(me.as_str()).execute(tx.on()).await?;
        if !self.holder.is_known(tx.on(), &me).await? {
            // Taken for dead just now: sign on again.
            tx.rollback().await;
            self.holder.forget(&me).await;
            return Box::pin(self.try_take(container)).await;
        }
        tx.commit().await?;
        Ok(Take::Taken(fence + 1))
    }

    pub(super) async fn pin(self: Arc<Self>, root: Hash) -> Result<Pin, StoreError> {
        let hold = self.holder.hold();
        let me = self.holder.signed_on().await?;
        let id = id::new("");
        let mut tx = self.database.soft().await?;
        let known = super::database::known(tx.on(), &[root]).await?;
        if known.is_empty() {
            return Err(BlobError::Missing(root).into());
        }
        if !self.holder.is_known(tx.on(), &me).await? {
            tx.rollback().await;
            self.holder.forget(&me).await;
            return Box::pin(self.pin(root)).await;
        }
        sqlx::query("INSERT INTO pin (id, root, holder) VALUES ($1, $2, $3)")
            .bind(id.as_str())
            .bind(root.0.to_vec())
            .bind(me)
            .execute(tx.on())
            .await?;
        // The collector looks again at what is in use when this has moved.
        sqlx::query("UPDATE state SET commits = commits + 1").execute(tx.on()).await?;
        tx.commit().await?;
        Ok(Pin { inner: self, root, id, _hold: hold })
    }
}

/// Keeps a root and all it leads to from the collector while it lives.
pub struct Pin {
    inner: Arc<Inner>,
    root: Hash,
    id: String,
    _hold: Hold,
}

impl std::fmt::Debug for Pin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Pin({})", self.root)
    }
}

impl Pin {
    /// What it keeps.
    pub fn root(&self) -> Hash {
        self.root
    }
}

impl Drop for Pin {
    fn drop(&mut self) {
        let (database, id) = (self.inner.database.clone(), std::mem::take(&mut self.id));
        self.inner.runtime.spawn(async move {
            // If it fails, it stays until this holder is gone.
            if let Ok(mut tx) = database.soft().await
                && sqlx::query("DELETE FROM pin WHERE id = $1").bind(id).execute(tx.on()).await.is_ok()
            {
                let _ = tx.commit().await;
            }
        });
    }
}
