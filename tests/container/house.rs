//! Containers in a store of their own, with a clock that is moved by hand.

use std::collections::BTreeMap;
use std::sync::Arc;

use coquina::base::Errno;
use coquina::container::{
    Access, Container, ContainerError, Containers, ContainersConfig, Create, Done, ExecOptions, Landed, Origin,
    Profile, Ref, Settings,
};
use coquina::sandbox::Exec;
use coquina::storage::{LogQuery, LogRecord, Order, ProposalRecord, Store, StoreConfig};
use coquina::vfs::{ChangeKind, ManualClock};

use super::common::{image, status};

/// The time that houses are built at, in milliseconds since 1970.
pub const START_MS: i64 = 1_700_000_000_000;

/// Containers in a store of their own, gone with the test.
pub struct House {
    pub containers: Containers,
    pub clock: Arc<ManualClock>,
    pub dir: tempfile::TempDir,
}

impl House {
    pub fn new() -> House {
        House::with(|_| ())
    }

    pub fn with(change: impl FnOnce(&mut StoreConfig)) -> House {
        let dir = tempfile::tempdir().expect("a directory can be made");
        let mut config = StoreConfig::directory(dir.path());
        change(&mut config);
        let clock = Arc::new(ManualClock::new(START_MS * 1_000_000));
        let containers = open(config, &clock);
        House { containers, clock, dir }
    }

    /// A second process on the same store, as far as the store can tell.
    pub fn neighbour(&self) -> Containers {
        open(StoreConfig::directory(self.dir.path()), &self.clock)
    }

    /// Ends the service and starts it again.
    pub async fn reopened(self) -> House {
        self.containers.shutdown().await.expect("it shuts down");
        self.containers.store().close().await;
        let containers = open(StoreConfig::directory(self.dir.path()), &self.clock);
        House { containers, ..self }
    }

    /// Lets time pass.
    pub fn pass(&self, seconds: i64) {
        self.clock.advance(seconds * 1_000_000_000);
    }

    pub async fn create(&self) -> Container {
        self.containers.create(Create::default()).await.expect("it can be made")
    }

    pub async fn create_with(&self, settings: Settings) -> Container {
        self.containers.create(Create { settings, ..Create::default() }).await.expect("it can be made")
    }

    pub async fn fork(&self, of: &str) -> Container {
        let from = Origin::State(of.parse().expect("it names a state"));
        self.containers.create(Create { from, ..Create::default() }).await.expect("it can be forked")
    }

    pub async fn done(&self, id: &str, script: &str, options: ExecOptions) -> Done {
        self.containers.exec(id, Exec::bash(script), options).await.expect("it runs")
    }

    /// Runs a script that must succeed; what it printed.
    pub async fn run(&self, id: &str, script: &str) -> String {
        text(&self.done(id, script, ExecOptions::default()).await)
    }

    pub async fn session(&self, id: &str, script: &str) -> String {
        let exec = Exec { session: true, ..Exec::bash(script) };
        text(&self.containers.exec(id, exec, ExecOptions::default()).await.expect("it runs"))
    }

    pub async fn propose(&self, id: &str, script: &str) -> ProposalRecord {
        let done = self.done(id, script, ExecOptions { propose: true, ..ExecOptions::default() }).await;
        proposed(done.landed)
    }

    pub async fn read(&self, state: &str, path: &str) -> Result<String, Errno> {
        let read = self.containers.read_file(&state.parse().expect("it names a state"), path.as_bytes()).await;
        match read {
            Ok(content) => Ok(String::from_utf8(content.to_vec()).expect("it is text")),
            Err(ContainerError::Path { errno, .. }) => Err(errno),
            Err(other) => panic!("{state}: {other}"),
        }
    }

    pub async fn log(&self, id: &str) -> Vec<LogRecord> {
        let query = LogQuery { order: Order::Ascending, ..LogQuery::default() };
        self.containers.log(id, &query).await.expect("it has a log")
    }

    pub async fn changes(&self, old: &str, new: &str) -> Vec<(String, ChangeKind)> {
        let parse = |state: &str| state.parse::<Ref>().expect("it names a state");
        let difference = self.containers.diff(&parse(old), &parse(new)).await.expect("both are there");
        changes(difference.old.diff(&difference.new).expect("both can be read"))
    }
}

pub fn open(config: StoreConfig, clock: &Arc<ManualClock>) -> Containers {
    let store = Store::open(config).expect("the store opens");
    let config = ContainersConfig { clock: clock.clone(), ..ContainersConfig::default() };
    Containers::open(image().clone(), store, config)
}

pub fn text(done: &Done) -> String {
    let stderr = String::from_utf8_lossy(&done.finished.stderr.bytes);
    assert_eq!((status(&done.finished.outcome), stderr.as_ref()), (0, ""));
    String::from_utf8(done.finished.stdout.bytes.clone()).expect("the output is text")
}

pub fn committed(landed: Landed) -> LogRecord {
    match landed {
        Landed::Committed(record) => record,
        Landed::Proposed(proposal) => panic!("proposed: {proposal:?}"),
    }
}

pub fn proposed(landed: Landed) -> ProposalRecord {
    match landed {
        Landed::Proposed(proposal) => proposal,
        Landed::Committed(record) => panic!("committed: {record:?}"),
    }
}

pub fn changes(changes: Vec<coquina::vfs::Change>) -> Vec<(String, ChangeKind)> {
    changes.into_iter().map(|c| (String::from_utf8(c.path).expect("it is text"), c.kind)).collect()
}

pub fn kinds(log: &[LogRecord]) -> Vec<(u64, &str)> {
    log.iter().map(|r| (r.seq, r.kind.as_str())).collect()
}

pub fn profile(default: Access, paths: &[(&str, Access)]) -> Settings {
    let paths: BTreeMap<_, _> = paths.iter().map(|(p, a)| ((*p).to_owned(), *a)).collect();
    Settings { profile: Profile { default, paths }, ..Settings::default() }
}

pub fn parallel() -> ExecOptions {
    ExecOptions { parallel: true, ..ExecOptions::default() }
}
