//! The service itself: what it is made of, and finding things by name.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::OnceCell;

use super::error::ContainerError;
use super::live::Slot;
use super::settings::Settings;
use crate::base::Hash;
use crate::sandbox::{Image, SandboxConfig};
use crate::storage::{CONTAINER_PREFIX, Change, ContainerRecord, ContainerStatus, Store};
use crate::vfs::{Clock, SystemClock, Tree, TreeLoader};

/// What the calls of this room answer.
pub(super) type Result<T> = std::result::Result<T, ContainerError>;

/// All containers of one store. `clone` is a reference; its calls are for tasks of a tokio runtime, of any kind. What changes something
/// goes on to its end when the caller stops waiting for it.
#[derive(Clone)]
pub struct Containers(pub(super) Arc<Inner>);

pub(super) struct Inner {
    pub image: Image,
    pub store: Store,
    pub config: ContainersConfig,
    /// Stored trees come from here, so that they share what they have in common.
    pub loader: Arc<TreeLoader>,
    /// The containers in use, by id.
    pub slots: Mutex<HashMap<String, Arc<Slot>>>,
    /// The image's id and files in the store.
    image_root: OnceCell<(String, Hash)>,
    pub closing: AtomicBool,
    pub last_collect: Mutex<Instant>,
}

/// How [`Containers`] goes about its work.
#[derive(Clone)]
pub struct ContainersConfig {
    /// A container that was not used for so long leaves memory; it comes back when it is next used.
    pub idle_after: Duration,
    /// What is kept of logs.
    pub retention: Retention,
    /// Time between two garbage collections by [`Containers::tick`].
    pub collect_every: Duration,
    /// How long to wait for a container that another process has in use.
    pub lease_wait: Duration,
    /// The time of day.
    pub clock: Arc<dyn Clock>,
}

impl Default for ContainersConfig {
    fn default() -> Self {
        ContainersConfig {
            idle_after: Duration::from_secs(300),
            retention: Retention::default(),
            collect_every: Duration::from_secs(3600),
            lease_wait: Duration::from_secs(10),
            clock: Arc::new(SystemClock),
        }
    }
}

/// Which log records are kept, and with them the states they left. The first is always kept: it says where the container began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// The newest so many.
    pub entries: u64,
    /// Those younger than this; `None`: of any age.
    pub age: Option<Duration>,
}

impl Default for Retention {
    fn default() -> Self {
        Retention { entries: 1000, age: None }
    }
}

impl Containers {
    /// The containers of `store`, over `image`.
    pub fn open(image: Image, store: Store, config: ContainersConfig) -> Containers {
        let loader = TreeLoader::new(store.source(), store.tag());
        Containers(Arc::new(Inner {
            image,
            store,
            config,
            loader,
            slots: Mutex::default(),
            image_root: OnceCell::new(),
            closing: AtomicBool::new(false),
            last_collect: Mutex::new(Instant::now()),
        }))
    }

    /// Where they are kept.
    pub fn store(&self) -> &Store {
        &self.0.store
    }

    /// The image they are made over.
    pub fn image(&self) -> &Image {
        &self.0.image
    }

    /// The time of day, in milliseconds since 1970.
    pub(super) fn now_ms(&self) -> i64 {
        self.0.config.clock.now() / 1_000_000
    }

    pub(super) fn check_open(&self) -> Result<()> {
        if self.0.closing.load(Ordering::Acquire) { Err(ContainerError::ShuttingDown) } else { Ok(()) }
    }

    /// The record of a container by id or name, in whatever state it is.
    pub(super) async fn find(&self, id_or_name: &str) -> Result<ContainerRecord> {
        let found = self.store().container(id_or_name).await?;
        found.ok_or_else(|| not_found("container", id_or_name))
    }

    /// The id of a container that is to be used.
    pub(super) async fn resolve(&self, id_or_name: &str) -> Result<String> {
        self.check_open()?;
        if crate::base::id::is(CONTAINER_PREFIX, id_or_name) && self.is_live(id_or_name) {
            return Ok(id_or_name.to_owned());
        }
        let record = self.find(id_or_name).await?;
        if record.status == ContainerStatus::Expired {
            return Err(ContainerError::Expired { id: record.id });
        }
        Ok(record.id)
    }

    /// The image's id and its files in the store, which are put there when they are first needed.
    pub(super) async fn image_root(&self) -> Result<&(String, Hash)> {
        self.0.image_root.get_or_try_init(|| self.store_image()).await
    }

    async fn store_image(&self) -> Result<(String, Hash)> {
        let stored = match self.image().id() {
            Some(id) => self.store().image_root(id).await?.map(|root| (id.to_owned(), root)),
            None => None,
        };
        if let Some(stored) = stored {
            return Ok(stored);
        }
        let epoch = self.store().epoch();
        let tree = self.image().tree().clone();
        let save = self.save_large(&tree, false).await?;
        let root = save.root;
        let id = self.image().id().map_or_else(|| format!("tree:{root}"), str::to_owned);
        let put = Change::PutImage { id: id.clone(), root };
        self.commit(vec![save], &[super::land::Parcel { tree, session: None }], vec![put], None, epoch).await?;
        Ok((id, root))
    }

    /// Does something to its end, also if the caller stops waiting.
    pub(super) async fn see_through<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T>> + Send + 'static,
    ) -> Result<T> {
        tokio::spawn(work).await.map_err(|_| ContainerError::Abandoned)?
    }
}

/// Does something that may block or takes long on a thread for that.
pub(super) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(|_| ContainerError::Abandoned)
}

/// How a container's sandbox over `tree` is set up.
pub(super) fn sandbox_config(settings: &Settings, tree: &Tree) -> SandboxConfig {
    SandboxConfig {
        limits: settings.limits.clone(),
        rules: settings.profile.rules(tree),
        // What an exec leaves running cannot become part of a proposal.
        background: !settings.profile.proposes(),
        ..SandboxConfig::default()
    }
}

pub(super) fn not_found(what: &'static str, name: &str) -> ContainerError {
    ContainerError::NotFound { what, name: name.chars().take(100).collect() }
}

/// Locks; what is behind it is whole even if another thread panicked.
pub(super) fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
