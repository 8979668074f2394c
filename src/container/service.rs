//! The service: what it is made of, and its calls.

use std::io::{Read, Write};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde::Serialize;
use tokio::sync::oneshot;

use super::error::ContainerError;
use super::reference::Ref;
use super::settings::Settings;
use crate::base::Hash;
use crate::sandbox::{Exec, Finished, Image, Streams};
use crate::storage::{
    ContainerQuery, ContainerStatus, LogQuery, LogRecord, ProposalRecord, SnapshotQuery, SnapshotRecord, Store,
};
use crate::vfs::{Attr, Clock, Exported, FileChange, Imported, SystemClock, TextDiff, TextLimits, Tree};

/// All containers of one store. `clone` is a reference; its calls are for tasks of a tokio runtime, of any kind.
#[derive(Clone)]
pub struct Containers(Arc<Inner>);

struct Inner {
    image: Image,
    store: Store,
    config: ContainersConfig,
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

/// A container, as a value.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Container {
    /// `cntr_` and 48 hexadecimal digits.
    pub id: String,
    /// What people call it: unique among containers without an owner. If none was given, the first 12 digits of the id.
    pub name: String,
    /// Whose it is: the service does not look at it.
    pub owner: Option<String>,
    /// The root image it was made over.
    pub image: String,
    /// Whether it still has files.
    pub status: ContainerStatus,
    /// When it was made, in milliseconds since 1970.
    pub created_at_ms: i64,
    /// When it was last used.
    pub last_active_at_ms: i64,
    /// Number of its last log record.
    pub seq: u64,
    /// Its last committed state.
    pub root: Hash,
    /// As it was set up.
    pub settings: Settings,
}

/// What a container is to be made of.
#[derive(Default)]
pub struct Create {
    /// See [`Container::name`].
    pub name: Option<String>,
    /// See [`Container::owner`].
    pub owner: Option<String>,
    /// The files it starts with.
    pub from: Origin,
    /// How it is set up.
    pub settings: Settings,
}

/// The files that a container starts with.
#[derive(Default)]
pub enum Origin {
    /// The root image's.
    #[default]
    Image,
    /// Those of another state, and its shell session: a fork.
    State(Ref),
    /// The root image's with a tar archive unpacked in the directory `at`, owned by `user`.
    Tar {
        /// The archive: ustar, pax or GNU, not compressed. It is read on a thread that may block.
        archive: Box<dyn Read + Send>,
        /// Absolute path of a directory.
        at: Vec<u8>,
    },
}

/// What of a container is to be changed; `None` leaves it.
#[derive(Clone, Debug, Default)]
pub struct Update {
    /// See [`Container::name`].
    pub name: Option<String>,
    /// All settings. Limits and profile hold from the next exec on that finds nothing running.
    pub settings: Option<Settings>,
}

/// How an exec is to be run in a container.
#[derive(Clone, Debug, Default)]
pub struct ExecOptions {
    /// Run beside others, as a shell of its own, instead of after those that were asked for before.
    pub parallel: bool,
    /// Run in a fork; what it does becomes a proposal.
    pub propose: bool,
    /// Environment variables, over the container's, which are over the exec's.
    pub env: Vec<(Vec<u8>, Vec<u8>)>,
    /// Working directory, before the container's, which is before the exec's.
    pub cwd: Option<Vec<u8>>,
    /// What the log says was run; `None`: the script or the arguments.
    pub command: Option<String>,
}

/// An exec in a container. Dropping it lets the exec run on, and what it does is committed; [`RunningExec::cancel`] ends it.
pub struct RunningExec {
    done: oneshot::Receiver<Result<Done, ContainerError>>,
}

impl RunningExec {
    /// Kills every process of the exec. What it did so far is kept, and the log says that it was cancelled.
    pub fn cancel(&self) {}

    /// Something that cancels it from elsewhere.
    pub fn canceller(&self) -> impl Fn() + Send + Sync + use<> {
        || ()
    }

    /// Waits until it has ended and what it did is committed, as the container's durability asks.
    ///
    /// # Errors
    /// The host failed it, or what it did cannot be kept ([`ContainerError::NotKept`]).
    pub async fn finish(self) -> Result<Done, ContainerError> {
        self.done.await.map_err(|_| ContainerError::Abandoned)?
    }
}

/// An exec that has ended.
pub struct Done {
    /// How it ended, what it printed and used.
    pub finished: Finished,
    /// What became of what it did.
    pub landed: Landed,
    before: Tree,
    after: Tree,
}

impl Done {
    /// What is otherwise now than when it began, sorted by path; computed when asked for, at the cost of what has changed.
    pub fn changes(&self) -> Vec<FileChange> {
        self.before.describe(&self.after)
    }
}

/// What became of a change.
#[derive(Clone, Debug)]
pub enum Landed {
    /// It was committed, and this log record says so.
    Committed(LogRecord),
    /// It awaits a decision; the container is as it was.
    Proposed(ProposalRecord),
}

/// Two states, to be compared.
pub struct Difference {
    /// The older state.
    pub old: Tree,
    /// The newer state.
    pub new: Tree,
}

impl Difference {
    /// The paths that differ, sorted, with what was and what is there.
    pub fn changes(&self) -> Vec<FileChange> {
        self.old.describe(&self.new)
    }

    /// How the text at a path differs.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn text(&self, path: &[u8], limits: &TextLimits) -> Result<TextDiff, ContainerError> {
        crate::vfs::unified(&self.old, &self.new, path, limits)
            .map_err(|errno| ContainerError::Path { path: path.to_vec(), errno })
    }
}

/// What [`Containers::tick`] did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Upkeep {
    /// Ids of containers that have expired.
    pub expired: Vec<String>,
    /// Ids of containers that have left memory.
    pub hibernated: Vec<String>,
    /// Whether garbage was collected.
    pub collected: bool,
}

#[expect(unused_variables, clippy::unused_async, reason = "signatures first; each is being filled in")]
impl Containers {
    /// The containers of `store`, over `image`.
    pub fn open(image: Image, store: Store, config: ContainersConfig) -> Containers {
        Containers(Arc::new(Inner { image, store, config }))
    }

    /// Where they are kept.
    pub fn store(&self) -> &Store {
        &self.0.store
    }

    /// The image they are made over.
    pub fn image(&self) -> &Image {
        &self.0.image
    }

    /// Makes a container. Its first log record says what from.
    ///
    /// # Errors
    /// The name cannot be given or is taken, the settings or the archive are wrong, the state is not there, or the store failed.
    pub async fn create(&self, create: Create) -> Result<Container, ContainerError> {
        todo!()
    }

    /// The container with this id or name, also when it has expired.
    ///
    /// # Errors
    /// There is none, or the store failed.
    pub async fn get(&self, id_or_name: &str) -> Result<Container, ContainerError> {
        todo!()
    }

    /// A page of the containers.
    ///
    /// # Errors
    /// The store failed.
    pub async fn list(&self, query: &ContainerQuery) -> Result<Vec<Container>, ContainerError> {
        todo!()
    }

    /// Renames a container or gives it other settings.
    ///
    /// # Errors
    /// As for [`Containers::create`].
    pub async fn update(&self, id_or_name: &str, update: Update) -> Result<Container, ContainerError> {
        todo!()
    }

    /// Ends what runs in a container and removes it with its log. Its snapshots and forks stay.
    ///
    /// # Errors
    /// There is none, another process has it in use, or the store failed.
    pub async fn remove(&self, id_or_name: &str) -> Result<(), ContainerError> {
        todo!()
    }

    /// Starts an exec. Unless it is parallel it first waits for those that were asked for before it.
    ///
    /// # Errors
    /// There is no such container, it has expired, another process has it in use, or the program cannot be started.
    pub async fn start(
        &self,
        id_or_name: &str,
        exec: Exec,
        options: ExecOptions,
    ) -> Result<(Streams, RunningExec), ContainerError> {
        todo!()
    }

    /// Runs an exec to its end.
    ///
    /// # Errors
    /// As for [`Containers::start`] and [`RunningExec::finish`].
    pub async fn exec(&self, id_or_name: &str, exec: Exec, options: ExecOptions) -> Result<Done, ContainerError> {
        let (_streams, running) = self.start(id_or_name, exec, options).await?;
        running.finish().await
    }

    /// Processes that a container's session left running, with their first arguments.
    ///
    /// # Errors
    /// There is no such container.
    pub async fn background(&self, id_or_name: &str) -> Result<Vec<(i32, String)>, ContainerError> {
        todo!()
    }

    /// Keeps a container's state as it is now, under a name if one is given. It outlives the container.
    ///
    /// # Errors
    /// The name cannot be given or is taken, there is no such container, or the store failed.
    pub async fn snapshot(&self, id_or_name: &str, name: Option<&str>) -> Result<SnapshotRecord, ContainerError> {
        todo!()
    }

    /// A page of the snapshots.
    ///
    /// # Errors
    /// The store failed.
    pub async fn snapshots(&self, query: &SnapshotQuery) -> Result<Vec<SnapshotRecord>, ContainerError> {
        todo!()
    }

    /// Forgets a snapshot.
    ///
    /// # Errors
    /// There is none, or the store failed.
    pub async fn remove_snapshot(&self, id_or_name: &str) -> Result<(), ContainerError> {
        todo!()
    }

    /// Makes a container as one of its earlier states or snapshots was, or as the image is. Waits for what runs; ends what its session left running.
    ///
    /// # Errors
    /// The state is not there or another container's, or as for [`Containers::start`].
    pub async fn restore(&self, id_or_name: &str, to: &Ref) -> Result<LogRecord, ContainerError> {
        todo!()
    }

    /// Two states, to be compared.
    ///
    /// # Errors
    /// One is not there.
    pub async fn diff(&self, old: &Ref, new: &Ref) -> Result<Difference, ContainerError> {
        todo!()
    }

    /// Brings into a container what `from` changed since both were one: a fork of it, what it was forked from, or a proposal of it. Waits for
    /// what runs; ends what its session left running.
    ///
    /// # Errors
    /// [`ContainerError::Conflicts`] names every path that both changed differently; then nothing is merged.
    pub async fn merge(&self, id_or_name: &str, from: &Ref) -> Result<LogRecord, ContainerError> {
        todo!()
    }

    /// A page of a container's log.
    ///
    /// # Errors
    /// There is no such container, or the store failed.
    pub async fn log(&self, id_or_name: &str, query: &LogQuery) -> Result<Vec<LogRecord>, ContainerError> {
        todo!()
    }

    /// Forgets log records that `keep` does not keep, and says how many. Their states can no longer be restored.
    ///
    /// # Errors
    /// There is no such container, or the store failed.
    pub async fn prune(&self, id_or_name: &str, keep: &Retention) -> Result<u64, ContainerError> {
        todo!()
    }

    /// Writes what is at `path` in a state as a tar archive, on a thread that may block.
    ///
    /// # Errors
    /// The state or the path is not there, or the writer failed.
    pub async fn export(
        &self,
        state: &Ref,
        path: &[u8],
        to: impl Write + Send + 'static,
    ) -> Result<Exported, ContainerError> {
        todo!()
    }

    /// Unpacks a tar archive in the directory `at`: all or nothing. `owner`: whose it then is; `None`: as the archive says. Reads it on a
    /// thread that may block.
    ///
    /// # Errors
    /// What is wrong with the archive, or as for [`Containers::start`].
    pub async fn import(
        &self,
        id_or_name: &str,
        at: &[u8],
        archive: impl Read + Send + 'static,
        owner: Option<(u32, u32)>,
    ) -> Result<(Imported, Landed), ContainerError> {
        todo!()
    }

    /// Content of a file of a state, at most 1 GiB; symlinks are followed, here and below.
    ///
    /// # Errors
    /// The state or the file is not there.
    pub async fn read_file(&self, state: &Ref, path: &[u8]) -> Result<Bytes, ContainerError> {
        todo!()
    }

    /// Attributes of what is at a path of a state.
    ///
    /// # Errors
    /// The state or the path is not there.
    pub async fn stat(&self, state: &Ref, path: &[u8]) -> Result<Attr, ContainerError> {
        todo!()
    }

    /// Names and attributes in a directory of a state, sorted by name.
    ///
    /// # Errors
    /// The state or the directory is not there.
    pub async fn list_dir(&self, state: &Ref, path: &[u8]) -> Result<Vec<(Vec<u8>, Attr)>, ContainerError> {
        todo!()
    }

    /// Makes or replaces a file; missing directories are made. New ones belong to `user`; `mode` is a new file's.
    ///
    /// # Errors
    /// What is at the path cannot be written, the file is beyond the container's limits, or as for [`Containers::start`].
    pub async fn write_file(
        &self,
        id_or_name: &str,
        path: &[u8],
        content: Bytes,
        mode: u16,
    ) -> Result<Landed, ContainerError> {
        todo!()
    }

    /// Makes a directory and those it is in, where they are missing.
    ///
    /// # Errors
    /// As for [`Containers::write_file`].
    pub async fn make_dir(&self, id_or_name: &str, path: &[u8]) -> Result<Landed, ContainerError> {
        todo!()
    }

    /// Removes a file, or a directory with all in it.
    ///
    /// # Errors
    /// Nothing is there, or as for [`Containers::write_file`].
    pub async fn remove_file(&self, id_or_name: &str, path: &[u8]) -> Result<Landed, ContainerError> {
        todo!()
    }

    /// A proposal.
    ///
    /// # Errors
    /// There is none, or the store failed.
    pub async fn proposal(&self, id: &str) -> Result<ProposalRecord, ContainerError> {
        todo!()
    }

    /// The proposals for a container, newest first.
    ///
    /// # Errors
    /// There is no such container, or the store failed.
    pub async fn proposals(&self, id_or_name: &str) -> Result<Vec<ProposalRecord>, ContainerError> {
        todo!()
    }

    /// What a proposal would change: its base and what it makes of it.
    ///
    /// # Errors
    /// There is none, or the store failed.
    pub async fn proposal_diff(&self, id: &str) -> Result<Difference, ContainerError> {
        todo!()
    }

    /// Applies a proposal: as it is if its container has not changed since, else merged. Waits for what runs; ends what the session left running.
    ///
    /// # Errors
    /// [`ContainerError::Conflicts`]: it stays open, nothing is applied. [`ContainerError::Decided`]: somebody did, or discarded it.
    pub async fn apply(&self, id: &str) -> Result<LogRecord, ContainerError> {
        todo!()
    }

    /// Discards a proposal.
    ///
    /// # Errors
    /// There is none, or it was decided already.
    pub async fn discard(&self, id: &str) -> Result<ProposalRecord, ContainerError> {
        todo!()
    }

    /// Commits what is not committed yet, ends what the session left running (the log says what), and lets the container leave memory. `false`:
    /// this process does not have it in memory.
    ///
    /// # Errors
    /// The store failed; the container leaves memory all the same.
    pub async fn hibernate(&self, id_or_name: &str) -> Result<bool, ContainerError> {
        todo!()
    }

    /// What time brings: expiry, hibernation of idle containers, retention, garbage collection when it is due. To be called every few seconds.
    ///
    /// # Errors
    /// The store failed. What failed is tried again by the next call.
    pub async fn tick(&self) -> Result<Upkeep, ContainerError> {
        todo!()
    }

    /// Waits for running execs, hibernates all containers and gives up the leases. Calls that come later are refused.
    ///
    /// # Errors
    /// The first that the store gave; all containers have left memory.
    pub async fn shutdown(&self) -> Result<(), ContainerError> {
        todo!()
    }
}
