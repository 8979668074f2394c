//! Holders: opened stores that hold something - leases, pins, objects that are being written - and how others tell whether they live.
//!
//! A holder has a row with a heartbeat number and, where the store is a directory, a locked file. Who can lock that file knows that the holder
//! is dead. Else a holder is dead when its number has not moved for the time to live, on the observer's own clock that never steps.

use super::database::{Database, Transaction};
use super::open::place_error;
use super::{Inner, Place, StoreError};
use rustix::fs::{FlockOperation, flock};
use sqlx::{AnyConnection, Row};
use std::collections::HashMap;
use std::fs::File;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// The folder of locked files.
pub(super) const HOLDERS: &str = "holders";
/// What a locked file's name ends with before it is locked.
const NAMELESS: &str = "new";
/// How often a holder looks whether somebody wants what it has.
const LOOK: Duration = Duration::from_millis(200);

/// This opened store as a holder. It signs on when there is something to hold and off when there is nothing any more.
pub(super) struct Holder {
    database: Database,
    directory: Option<PathBuf>,
    ttl: Duration,
    signed: tokio::sync::Mutex<Option<Signed>>,
    /// Leases held here, or being asked for.
    pub leases: Mutex<HashMap<String, Arc<Held>>>,
    /// Pins, and objects that are being written.
    holds: AtomicUsize,
    /// What was last seen of others' heartbeats, and when it had last moved.
    seen: Mutex<HashMap<String, (i64, Instant)>>,
    #[cfg(test)]
    stopped: AtomicBool,
}

struct Signed {
    id: String,
    /// Locked as long as it is open.
    _lock: Option<File>,
}

/// A lease that is held here.
#[derive(Default, Debug)]
pub(super) struct Held {
    pub wanted: AtomicBool,
    pub lost: AtomicBool,
    /// Told when one of the two changes, and when it is given up.
    pub changed: Notify,
}

impl Held {
    pub fn tell(&self, what: &AtomicBool) {
        what.store(true, Ordering::Relaxed);
        self.changed.notify_waiters();
    }
}

/// Keeps the holder signed on while it lives.
pub(super) struct Hold(Arc<Holder>);

impl Drop for Hold {
    fn drop(&mut self) {
        self.0.holds.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Holder {
    pub fn new(database: Database, directory: Option<PathBuf>, ttl: Duration) -> Holder {
        let directory = directory.map(|directory| directory.join(HOLDERS));
        let (signed, leases, holds, seen) = Default::default();
        Holder {
            database,
            directory,
            ttl,
            signed,
            leases,
            holds,
            seen,
            #[cfg(test)]
            stopped: AtomicBool::new(false),
        }
    }

    /// From now on there is something to hold.
    pub fn hold(self: &Arc<Self>) -> Hold {
        self.holds.fetch_add(1, Ordering::Relaxed);
        Hold(self.clone())
    }

    /// This holder's id; signs on if need be. Who has neither a lease in `leases` nor a [`Hold`] may find it signed off at once.
    pub async fn signed_on(&self) -> Result<String, StoreError> {
        let mut signed = self.signed.lock().await;
        if let Some(signed) = &*signed {
            return Ok(signed.id.clone());
        }
        let id = crate::base::id::new("");
        // Locked before anybody can know of it.
        let lock = self.directory.as_ref().map(|directory| locked(directory.join(&id))).transpose()?;
        let mut tx = self.database.soft().await?;
        sqlx::query("INSERT INTO holder (id, beat) VALUES ($1, 0)").bind(id.as_str()).execute(tx.on()).await?;
        tx.commit().await?;
        *signed = Some(Signed { id: id.clone(), _lock: lock });
        Ok(id)
    }

    /// Whether others still take a holder for alive.
    pub async fn is_known(&self, on: &mut AnyConnection, id: &str) -> Result<bool, StoreError> {
        let row = sqlx::query("SELECT beat FROM holder WHERE id = $1").bind(id).fetch_optional(on).await?;
        Ok(row.is_some())
    }

    /// Gives up everything.
    pub async fn sign_off(&self) {
        let mut signed = self.signed.lock().await;
        if let Some(Signed { id, .. }) = signed.take() {
            self.lose_leases();
            // If it fails, the file's lock, which ends now, says that this holder is gone.
            let _ = self.bury(&id, None).await;
        }
    }

    /// Others take the holder `id` for dead: the next time it is needed, it signs on again under another id.
    pub async fn forget(&self, id: &str) {
        let mut signed = self.signed.lock().await;
        if signed.as_ref().is_some_and(|signed| signed.id == id) {
            *signed = None;
            self.lose_leases();
        }
    }

    fn lose_leases(&self) {
        for held in self.leases.lock().unwrap_or_else(PoisonError::into_inner).values() {
            held.tell(&held.lost);
        }
    }

    /// Until the store is closed: shows a sign of life, and looks whether somebody wants a lease.
    pub async fn live(holder: Weak<Holder>, ttl: Duration) {
        let (beat, look) = (ttl / 4, LOOK.min(ttl / 4));
        let mut since_beat = Duration::ZERO;
        loop {
            tokio::time::sleep(look).await;
            let Some(holder) = holder.upgrade() else { return };
            since_beat += look;
            let done = if since_beat >= beat {
                since_beat = Duration::ZERO;
                holder.beat().await
            } else {
                holder.look().await
            };
            // What cannot be written or read now may be the next time; until then others may take over, which the fence allows for.
            drop(done);
        }
    }

    fn holds_nothing(&self) -> bool {
        self.holds.load(Ordering::Relaxed) == 0 && self.leases.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    async fn beat(&self) -> Result<(), StoreError> {
        #[cfg(test)]
        if self.stopped.load(Ordering::Relaxed) {
            return Ok(());
        }
        let mut signed = self.signed.lock().await;
        let Some(Signed { id, .. }) = &*signed else { return Ok(()) };
        if self.holds_nothing() {
            let id = id.clone();
            *signed = None;
            return self.bury(&id, None).await.map(drop);
        }
        let mut tx = self.database.soft().await?;
        let sql = "UPDATE holder SET beat = beat + 1 WHERE id = $1";
        let known = sqlx::query(sql).bind(id.as_str()).execute(tx.on()).await?.rows_affected() > 0;
        tx.commit().await?;
        if !known {
            *signed = None;
            self.lose_leases();
        }
        Ok(())
    }

    async fn look(&self) -> Result<(), StoreError> {
        if self.leases.lock().unwrap_or_else(PoisonError::into_inner).is_empty() {
            return Ok(());
        }
        let id = self.signed.lock().await.as_ref().map(|signed| signed.id.clone());
        let Some(id) = id else { return Ok(()) };
        let sql = "SELECT container FROM lease WHERE holder = $1 AND wanted = 1";
        for row in sqlx::query(sql).bind(id).fetch_all(self.database.read()).await? {
            let container: String = row.try_get(0)?;
            let leases = self.leases.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(held) = leases.get(&container).filter(|held| !held.wanted.load(Ordering::Relaxed)) {
                held.tell(&held.wanted);
            }
        }
        Ok(())
    }

    /// Whether a holder with this heartbeat is dead, as far as can be told now.
    pub fn is_dead(&self, id: &str, beat: i64) -> bool {
        if self.directory.as_ref().is_some_and(|directory| is_unlocked(directory.join(id))) {
            return true;
        }
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let (last, since) = seen.entry(id.into()).or_insert((beat, Instant::now()));
        if *last != beat {
            (*last, *since) = (beat, Instant::now());
        }
        since.elapsed() >= self.ttl
    }

    /// As if the process had stopped, or (`unlock`) ended: no more signs of life.
    #[cfg(test)]
    pub async fn stop_for_tests(&self, unlock: bool) {
        self.stopped.store(true, Ordering::Relaxed);
        if let (true, Some(signed)) = (unlock, &mut *self.signed.lock().await) {
            signed._lock = None;
        }
    }

    /// Takes a holder out of the records, with its leases and pins; with a `beat`, only if that is still its last. Answers whether it did.
    pub async fn bury(&self, id: &str, beat: Option<i64>) -> Result<bool, StoreError> {
        let mut tx: Transaction = self.database.soft().await?;
        let sql = "DELETE FROM holder WHERE id = $1 AND (beat = $2 OR $2 = -1)";
        let gone = sqlx::query(sql).bind(id).bind(beat.unwrap_or(-1)).execute(tx.on()).await?.rows_affected() > 0;
        if gone {
            for sql in
                ["UPDATE lease SET holder = NULL, wanted = 0 WHERE holder = $1", "DELETE FROM pin WHERE holder = $1"]
            {
                sqlx::query(sql).bind(id).execute(tx.on()).await?;
            }
        }
        tx.commit().await?;
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).remove(id);
        if let (true, Some(directory)) = (gone, &self.directory) {
            let _ = std::fs::remove_file(directory.join(id));
        }
        Ok(gone)
    }

    /// Locked files of holders that are gone from the records, as after a power cut.
    pub fn delete_files_of_others(&self, living: &std::collections::HashSet<String>) {
        let Some(Ok(list)) = self.directory.as_ref().map(std::fs::read_dir) else { return };
        for entry in list.flatten() {
            let name = entry.file_name();
            let is_gone = |name: &str| !living.contains(name) && !name.ends_with(NAMELESS);
            if name.to_str().is_some_and(is_gone) && is_unlocked(entry.path()) {
                let _ = std::fs::remove_file(entry.path());
            }
        }
    }

    /// Buries the dead, and answers who lives.
    pub async fn living(&self) -> Result<Vec<String>, StoreError> {
        let rows = sqlx::query("SELECT id, beat FROM holder").fetch_all(self.database.read()).await?;
        let me = self.signed.lock().await.as_ref().map(|signed| signed.id.clone());
        let mut living = Vec::new();
        for row in rows {
            let (id, beat): (String, i64) = (row.try_get(0)?, row.try_get(1)?);
            if me.as_ref() == Some(&id) || !self.is_dead(&id, beat) || !self.bury(&id, Some(beat)).await? {
                living.push(id);
            }
        }
        Ok(living)
    }
}

/// A file that is locked from the moment it has its name.
fn locked(path: PathBuf) -> Result<File, StoreError> {
    let lock = || -> std::io::Result<File> {
        let before = path.with_extension(NAMELESS);
        let file = File::create_new(&before)?;
        flock(&file, FlockOperation::NonBlockingLockExclusive)?;
        std::fs::rename(before, &path)?;
        Ok(file)
    };
    lock().map_err(place_error(&Place::Directory(path.clone())))
}

/// Whether nobody has the file locked, or it is gone: its owner makes it before anybody can know of him.
fn is_unlocked(path: PathBuf) -> bool {
    match File::open(path) {
        Ok(file) => flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok(),
        Err(error) => error.kind() == std::io::ErrorKind::NotFound,
    }
}

impl Inner {
    /// Starts the holder's signs of life.
    pub(super) fn keep_alive(&self) {
        self.runtime.spawn(Holder::live(Arc::downgrade(&self.holder), self.config.lease_ttl));
    }
}
