//! A container in use by this process: its lease, its sandbox, what of it is not committed yet, and who waits for it.
//!
//! Three things order what happens in a container. Its *turn* queues what was asked to run one after another, first come, first served. The
//! lock around [`Live`] is held for reading by whatever runs in it, also side by side, and for writing by whoever loads it, puts other
//! files in it or lets it go: they wait until nothing runs. Its *landing* makes states and log records of them in one order. They are taken in
//! this order.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::sync::{
    Mutex as AsyncMutex, OwnedMutexGuard, OwnedRwLockMappedWriteGuard, OwnedRwLockReadGuard, OwnedRwLockWriteGuard,
    RwLock,
};
use tokio::task::AbortHandle;

use super::error::ContainerError;
use super::land::Books;
use super::service::{Containers, Result, lock, sandbox_config};
use super::settings::Settings;
use crate::base::Hash;
use crate::sandbox::{Sandbox, Snapshot};
use crate::storage::{ContainerRecord, ContainerStatus, Lease};
use crate::vfs::Tree;

/// Cancels something that runs.
pub(super) type Cancel = Arc<dyn Fn() + Send + Sync>;

/// A container's place in this process: there is one for as long as anybody uses it.
pub(super) struct Slot {
    pub id: String,
    turn: Arc<AsyncMutex<()>>,
    live: Arc<RwLock<Option<Live>>>,
    running: Mutex<HashMap<u64, Cancel>>,
    started: AtomicU64,
    /// What was reported done and is lost: the next who uses the container is told.
    lost: Mutex<Option<ContainerError>>,
}

/// A container in memory.
pub(super) struct Live {
    pub lease: Arc<Lease>,
    pub settings: Settings,
    sandbox: Mutex<Arc<Sandbox>>,
    pub books: Mutex<Books>,
    pub landing: AsyncMutex<()>,
    pub flushing: AsyncMutex<()>,
    used: Mutex<Instant>,
    /// Set when a commit failed: what is in memory is ahead of what is stored.
    failed: AtomicBool,
    /// Lets it go when another process asks for it.
    watcher: AbortHandle,
}

/// Held by what runs in a container beside others.
pub(super) type Shared = OwnedRwLockReadGuard<Option<Live>, Live>;

/// Held by who has the container alone.
pub(super) struct Alone {
    pub live: OwnedRwLockMappedWriteGuard<Option<Live>, Live>,
    _turn: Turn,
}

/// A place at the head of a container's queue.
pub(super) type Turn = OwnedMutexGuard<()>;

impl Slot {
    fn new(id: &str) -> Slot {
        Slot {
            id: id.to_owned(),
            turn: Arc::default(),
            live: Arc::default(),
            running: Mutex::default(),
            started: AtomicU64::new(0),
            lost: Mutex::default(),
        }
    }

    /// Waits for its turn.
    pub async fn turn(&self) -> Turn {
        self.turn.clone().lock_owned().await
    }

    /// Notes something that runs; to be given to [`Slot::ended`].
    pub fn runs(&self, cancel: Cancel) -> u64 {
        let number = self.started.fetch_add(1, Ordering::Relaxed);
        lock(&self.running).insert(number, cancel);
        number
    }

    pub fn ended(&self, number: u64) {
        lock(&self.running).remove(&number);
    }

    /// Cancels all that runs.
    pub fn cancel_all(&self) {
        let running: Vec<Cancel> = lock(&self.running).values().cloned().collect();
        for cancel in running {
            cancel();
        }
    }

    /// Gives up what is in memory, which cannot be committed: what runs on it ends, who comes next loads what is stored.
    pub fn fail(&self, live: &Live, lost: Option<ContainerError>) {
        if let Some(lost) = lost {
            lock(&self.lost).get_or_insert(lost);
        }
        live.failed.store(true, Ordering::Release);
        self.cancel_all();
    }

    /// The container, if it is in memory.
    pub async fn peek(&self) -> Option<Shared> {
        let guard = self.live.clone().read_owned().await;
        OwnedRwLockReadGuard::try_map(guard, |live| live.as_ref().filter(|live| live.is_usable())).ok()
    }

    /// The lock for who lets the container go: after its turn, when nothing runs.
    pub async fn alone(&self) -> (Turn, OwnedRwLockWriteGuard<Option<Live>>) {
        let turn = self.turn().await;
        (turn, self.live.clone().write_owned().await)
    }

    /// The same if nothing runs and nobody waits.
    pub fn try_alone(&self) -> Option<(Turn, OwnedRwLockWriteGuard<Option<Live>>)> {
        let turn = self.turn.clone().try_lock_owned().ok()?;
        Some((turn, self.live.clone().try_write_owned().ok()?))
    }

    pub fn take_lost(&self) -> Option<ContainerError> {
        lock(&self.lost).take()
    }

    fn is_empty(&self) -> bool {
        self.live.try_read().is_ok_and(|live| live.is_none()) && lock(&self.lost).is_none()
    }
}

impl Live {
    pub fn sandbox(&self) -> Arc<Sandbox> {
        lock(&self.sandbox).clone()
    }

    pub fn set_sandbox(&self, sandbox: Arc<Sandbox>) {
        *lock(&self.sandbox) = sandbox;
    }

    pub fn is_usable(&self) -> bool {
        !self.failed.load(Ordering::Acquire) && !self.lease.is_lost()
    }

    pub fn has_failed(&self) -> bool {
        self.failed.load(Ordering::Acquire)
    }

    pub fn touch(&self) {
        *lock(&self.used) = Instant::now();
    }

    /// Its record, with what is not durable yet.
    pub fn record(&self) -> ContainerRecord {
        lock(&self.books).record.clone()
    }

    /// Whether its time is over.
    pub fn is_due(&self, now_ms: i64) -> bool {
        is_due(&lock(&self.books).record, now_ms)
    }

    pub fn set_record(&self, record: ContainerRecord) {
        lock(&self.books).record = record;
    }

    /// Notes that its files come from a state that was known to be stored in `epoch`.
    pub fn lower_epoch(&self, epoch: u64) {
        let mut books = lock(&self.books);
        books.epoch = books.epoch.min(epoch);
    }

    /// Whether its files are other than the log says.
    pub fn has_changed(&self) -> Result<bool> {
        let landed = lock(&self.books).tree.clone();
        Ok(!landed.diff(self.sandbox().snapshot().tree())?.is_empty())
    }

    /// How long nobody has used it.
    pub fn idle(&self) -> Duration {
        lock(&self.used).elapsed()
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.watcher.abort();
    }
}

impl Containers {
    /// A container's place; made if nobody uses it.
    pub(super) fn slot(&self, id: &str) -> Arc<Slot> {
        let mut slots = lock(&self.0.slots);
        match slots.get(id) {
            Some(slot) => slot.clone(),
            None => slots.entry(id.to_owned()).or_insert(Arc::new(Slot::new(id))).clone(),
        }
    }

    /// A container's place if somebody uses it.
    pub(super) fn slot_in_use(&self, id: &str) -> Option<Arc<Slot>> {
        lock(&self.0.slots).get(id).cloned()
    }

    /// Gives up a place, and removes it if nobody else uses it and nothing is there.
    pub(super) fn leave(&self, slot: Arc<Slot>) {
        let mut slots = lock(&self.0.slots);
        // The table's reference and this one: with the table locked nobody else can come by one.
        if Arc::strong_count(&slot) == 2 && slot.is_empty() {
            slots.remove(&slot.id);
        }
    }

    pub(super) fn is_live(&self, id: &str) -> bool {
        self.slot_in_use(id).is_some_and(|slot| slot.live.try_read().is_ok_and(|live| live.is_some()))
    }

    /// The container, to do something in it beside others; loaded if need be.
    pub(super) async fn shared(&self, slot: &Arc<Slot>) -> Result<Shared> {
        loop {
            if let Some(live) = slot.peek().await {
                if !live.is_due(self.now_ms()) {
                    live.touch();
                    return Ok(live);
                }
                drop(live);
                let Ok(mut guard) = slot.live.clone().try_write_owned() else {
                    // It is in use beside us, so its time is not over.
                    match slot.peek().await {
                        Some(live) => return Ok(live),
                        None => continue,
                    }
                };
                self.ensure(slot, &mut guard).await?;
                continue;
            }
            let mut guard = slot.live.clone().write_owned().await;
            self.ensure(slot, &mut guard).await?;
        }
    }

    /// The container for oneself: waits for what was asked before and for what runs; loaded if need be.
    pub(super) async fn alone(&self, slot: &Arc<Slot>) -> Result<Alone> {
        let (turn, mut guard) = slot.alone().await;
        self.ensure(slot, &mut guard).await?;
        let live = OwnedRwLockWriteGuard::map(guard, |live| live.as_mut().expect("`ensure` has loaded it"));
        live.touch();
        Ok(Alone { live, _turn: turn })
    }

    /// Loads the container unless it is there, whole. Expires it if its time is over: whoever asks has it alone, so nobody uses it.
    async fn ensure(&self, slot: &Arc<Slot>, live: &mut Option<Live>) -> Result<()> {
        self.check_open()?;
        if live.as_ref().is_some_and(|live| !live.is_usable()) {
            *live = None;
        }
        if let Some(lost) = slot.take_lost() {
            return Err(lost);
        }
        if let Some(due) = live.take_if(|live| live.is_due(self.now_ms())) {
            self.commit_expiry(due.record(), due.lease.fence()).await?;
            return Err(ContainerError::Expired { id: slot.id.clone() });
        }
        if live.is_none() {
            *live = Some(self.load(slot).await?);
        }
        Ok(())
    }

    async fn load(&self, slot: &Arc<Slot>) -> Result<Live> {
        let lease = Arc::new(self.store().lease(&slot.id, self.0.config.lease_wait).await?);
        let epoch = self.store().epoch();
        let record = self.find(&slot.id).await?;
        if record.status == ContainerStatus::Expired {
            return Err(ContainerError::Expired { id: record.id });
        }
        if is_due(&record, self.now_ms()) {
            self.commit_expiry(record, lease.fence()).await?;
            return Err(ContainerError::Expired { id: slot.id.clone() });
        }
        let settings = read_settings(&record)?;
        let state = self.stored(record.root, record.session, epoch)?;
        let snapshot = Snapshot::new(state.tree.clone(), state.session);
        let sandbox = Sandbox::open(self.image(), &snapshot, sandbox_config(&settings, snapshot.tree()))?;
        Ok(Live {
            settings,
            sandbox: Mutex::new(Arc::new(sandbox)),
            books: Mutex::new(Books::new(record, state.tree, epoch)),
            landing: AsyncMutex::default(),
            flushing: AsyncMutex::default(),
            used: Mutex::new(Instant::now()),
            failed: AtomicBool::new(false),
            watcher: self.watch(slot, lease.clone()),
            lease,
        })
    }

    /// Lets the container go as soon as another process asks for it and nothing runs.
    fn watch(&self, slot: &Arc<Slot>, lease: Arc<Lease>) -> AbortHandle {
        let (this, slot) = (Arc::downgrade(&self.0), Arc::downgrade(slot));
        let watching = async move {
            lease.wanted().await;
            drop(lease);
            if let (Some(this), Some(slot)) = (this.upgrade(), slot.upgrade()) {
                // On a task of its own: letting go ends this one. A failure has nobody to be told; the container is as last committed.
                tokio::spawn(async move { Containers(this).sleep(slot).await });
            }
        };
        tokio::spawn(watching).abort_handle()
    }

    /// A state in the store. Reads its root only.
    pub(super) fn stored(&self, root: Hash, session: Option<Hash>, epoch: u64) -> Result<super::state::State> {
        let tree = Tree::load(&self.0.loader, root)?;
        let session = session.map(|id| self.store().source().get(&id).map(|blob| blob.data)).transpose()?;
        Ok(super::state::State { tree, session, epoch, container: None, pin: None })
    }
}

/// Whether a container's time is over.
pub(super) fn is_due(record: &ContainerRecord, now_ms: i64) -> bool {
    let after = record.expires_after_ms.map(|after| i64::try_from(after).unwrap_or(i64::MAX));
    after.is_some_and(|after| record.last_active_at_ms.saturating_add(after) <= now_ms)
}

/// The settings in a record.
pub(super) fn read_settings(record: &ContainerRecord) -> Result<Settings> {
    let settings = serde_json::from_value::<Settings>(record.settings.clone());
    let mut settings =
        settings.map_err(|e| ContainerError::Settings(format!("those of container {} are damaged: {e}", record.id)))?;
    settings.expires_after_ms = record.expires_after_ms;
    Ok(settings)
}
