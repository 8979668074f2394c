//! Opening a store: its directory, its thread, its parts put together.

use super::cache::Cache;
use super::commit::{Committer, Job};
use super::holder::{HOLDERS, Holder};
use super::{Database, Objects, Place, StoreConfig, StoreError, migrations};
use crate::base::StoreTag;
use rustix::fs::{FlockOperation, flock};
use std::fs::{DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc as sync};
use tokio::runtime::{Builder, Handle};
use tokio::sync::{mpsc, oneshot};

/// The file whose lock keeps two processes from making or migrating a store at once.
const LOCK: &str = "lock";

/// An open store. It lives until the last handle, lease, pin and task is gone.
pub(super) struct Inner {
    pub config: StoreConfig,
    pub tag: StoreTag,
    pub runtime: Handle,
    pub database: Database,
    pub objects: Objects,
    pub cache: Cache,
    pub holder: Arc<Holder>,
    pub epoch: Arc<AtomicU64>,
    pub jobs: mpsc::UnboundedSender<Job>,
    /// Dropped with the store: its thread closes what is open, and ends.
    _open: oneshot::Sender<()>,
}

impl Inner {
    /// Opens the store and starts its thread.
    pub fn open(config: StoreConfig) -> Result<Arc<Inner>, StoreError> {
        let (opened, answer) = sync::sync_channel(1);
        let no_thread = |e: io::Error| place_error(&config.place)(e);
        let runtime = Builder::new_current_thread().enable_time().build().map_err(no_thread)?;
        let given = config.clone();
        let thread = std::thread::Builder::new().name("store".into()).spawn(move || {
            let handle = runtime.handle().clone();
            runtime.block_on(async move {
                let result = begin(given, handle).await;
                let Ok((inner, closed)) = result else {
                    let _ = opened.send(result.map(|(inner, _)| inner));
                    return;
                };
                let (database, holder) = (inner.database.clone(), inner.holder.clone());
                let _ = opened.send(Ok(inner));
                // An error is what it says: the other end is gone, with the store.
                let _ = closed.await;
                holder.sign_off().await;
                database.close().await;
            });
        });
        thread.map_err(no_thread)?;
        answer.recv().map_err(|_| StoreError::Closed)?
    }
}

async fn begin(mut config: StoreConfig, runtime: Handle) -> Result<(Arc<Inner>, oneshot::Receiver<()>), StoreError> {
    if let Place::Directory(path) = &mut config.place {
        *path = prepare(path).map_err(place_error(&Place::Directory(path.clone())))?;
    }
    let database = Database::new(&config.place)?;
    let epoch = match migrations::current(&database).await {
        Some(epoch) => epoch,
        None => make(&config.place, &database).await?,
    };
    let directory = match &config.place {
        Place::Directory(path) => Some(path.clone()),
        Place::Memory => None,
    };
    if config.place != Place::Memory {
        let database = database.clone();
        runtime.spawn(async move { database.warm_up().await });
    }
    let holder = Arc::new(Holder::new(database.clone(), directory, config.lease_ttl));
    let epoch = Arc::new(AtomicU64::new(epoch));
    let (jobs, queue) = mpsc::unbounded_channel();
    let (open, closed) = oneshot::channel();
    let committer = Committer {
        database: database.clone(),
        jobs: queue,
        quota: config.quota_bytes,
        holder: holder.clone(),
        epoch: epoch.clone(),
    };
    runtime.spawn(committer.run());
    let (objects, cache) = (Objects::new(&config.place)?, Cache::new(config.cache_bytes));
    let tag = StoreTag::new();
    let inner = Inner { config, tag, runtime, database, objects, cache, holder, epoch, jobs, _open: open };
    inner.keep_alive();
    Ok((Arc::new(inner), closed))
}

/// Makes the tables, or brings them to this program's version; answers the epoch.
async fn make(place: &Place, database: &Database) -> Result<u64, StoreError> {
    let path = match place {
        Place::Directory(path) => path.clone(),
        Place::Memory => PathBuf::from(":memory:"),
    };
    let lock = match place {
        Place::Directory(path) => Some(lock(path).map_err(place_error(place))?),
        Place::Memory => None,
    };
    migrations::migrate(database, &path).await?;
    drop(lock);
    let no_tables = || StoreError::Place { path, what: "its tables could not be made".into() };
    migrations::current(database).await.ok_or_else(no_tables)
}

/// Makes the directories that are not there, durably, for the owner only. Answers the store's absolute path.
fn prepare(path: &Path) -> io::Result<PathBuf> {
    let path = std::path::absolute(path)?;
    make_directory(&path)?;
    for name in [super::objects::PACKS, HOLDERS] {
        make_directory(&path.join(name))?;
    }
    path.canonicalize()
}

pub(super) fn make_directory(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    if let Some(parent) = path.parent() {
        make_directory(parent)?;
    }
    match DirBuilder::new().mode(0o700).create(path) {
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        Err(e) => Err(e),
        Ok(()) => path.parent().map_or(Ok(()), |parent| File::open(parent)?.sync_all()),
    }
}

fn lock(path: &Path) -> io::Result<File> {
    let file = File::options().create(true).append(true).open(path.join(LOCK))?;
    flock(&file, FlockOperation::LockExclusive)?;
    Ok(file)
}

/// What an error of the host's means for a store.
pub(super) fn place_error(place: &Place) -> impl Fn(io::Error) -> StoreError {
    let path = match place {
        Place::Directory(path) => path.clone(),
        Place::Memory => PathBuf::from(":memory:"),
    };
    move |e| match e.raw_os_error() {
        Some(28 | 122) => StoreError::Full,
        _ => StoreError::Place { path: path.clone(), what: e.to_string() },
    }
}

impl Inner {
    /// The epoch, as far as it is known.
    pub fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::Relaxed)
    }
}
