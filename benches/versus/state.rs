//! Rows about state: snapshots and forks, durable commits, waking, archives, memory, many containers.

use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use coquina::container::{Containers, ContainersConfig, Create, ExecOptions, Origin, Retention};
use coquina::sandbox::{Exec, Outcome, Sandbox};
use coquina::storage::{ContainerQuery, Store, StoreConfig};
use sqlx::{Connection as _, Executor as _, SqliteConnection};

use crate::harness::{Bench, beside, build_dir, median, micros, millis, native, resident_bytes};

/// Bytes of a GiB.
const GIB: u64 = 1 << 30;

/// A store in a folder of its own, removed at the end. It lies in the build folder: on a disk, where `/tmp` may be memory.
struct Shelf {
    containers: Containers,
    dir: tempfile::TempDir,
}

impl Bench {
    pub fn state(&mut self) {
        self.snapshot();
        self.fork_exec();
        self.commits();
        self.wake();
        self.import();
        self.idle_memory();
        self.containers();
    }

    fn shelf(&self) -> Shelf {
        let dir = tempfile::tempdir_in(build_dir()).expect("the build folder can be written");
        let store = Store::open(StoreConfig::directory(dir.path())).expect("a store is made");
        // Nothing happens but what is measured.
        let config = ContainersConfig {
            idle_after: Duration::MAX,
            retention: Retention { entries: u64::MAX, age: None },
            ..ContainersConfig::default()
        };
        Shelf { containers: Containers::open(self.image.clone(), store, config), dir }
    }

    /// A new container in which `script` has run; its id.
    fn container(&self, shelf: &Shelf, script: &str) -> String {
        let made = self.runtime.block_on(shelf.containers.create(Create::default())).expect("it is made");
        self.exec(shelf, &made.id, script);
        made.id
    }

    fn exec(&self, shelf: &Shelf, id: &str, script: &str) {
        let done = self.runtime.block_on(shelf.containers.exec(id, Exec::bash(script), ExecOptions::default()));
        let done = done.expect("it runs and is kept").finished;
        let stderr = String::from_utf8_lossy(&done.stderr.bytes);
        assert_eq!(done.outcome, Outcome::Exit { exit_code: 0 }, "{script}: {stderr}");
    }

    fn hibernate(&self, shelf: &Shelf, id: &str) {
        assert!(self.runtime.block_on(shelf.containers.hibernate(id)).expect("it hibernates"));
    }

    /// Snapshot and fork in memory, of a big tree against a small one.
    fn snapshot(&mut self) {
        if !self.wants("snapshot") {
            return;
        }
        let (big, small) = (self.sandbox(), self.sandbox());
        self.run(&small, &files(1, 10));
        self.run(&big, &files(100, 1000));
        // 1,000 of the files get a MiB each, all different.
        self.run(
            &big,
            "for ((i = 0; i < 1000; i++)); do { echo $i; head -c 1048576 /dev/zero; } > d$((i % 100))/f$i; done",
        );
        let (many, bytes) = (big.snapshot().tree().usage(), GIB - (24 << 20));
        assert!(many.files >= 100_000 && many.bytes >= bytes, "the big tree is not big: {many:?}");
        let fork = |sandbox: &Sandbox| drop(sandbox.fork().expect("it forks"));
        let (ours, theirs) = beside(200, 1, || fork(&big), || fork(&small));
        self.versus("snapshot", "us", 1.5, "the same of a tree with 10 files", micros(ours), micros(theirs));
        self.at_most("snapshot_time", "us", 5.0, micros(ours));
    }

    fn fork_exec(&mut self) {
        if !self.wants("fork_exec") {
            return;
        }
        let parent = self.sandbox();
        self.run(&parent, "x=1; echo kept > file");
        let ours = || drop(self.run(&parent.fork().expect("it forks"), "echo hi"));
        let (ours, theirs) = beside(40, 20, ours, || native("echo hi"));
        self.versus("fork_exec", "us", 0.06, "bash -c 'echo hi'", micros(ours), micros(theirs));
    }

    /// One file changed and committed, durably.
    fn commits(&mut self) {
        if !self.wants("commit_small") && !self.wants("commit_cost") {
            return;
        }
        let shelf = self.shelf();
        let small = self.container(&shelf, &files(1, 10));
        let big = self.container(&shelf, &files(100, 1000));
        let runtime = &self.runtime;
        let change = |id: &str| {
            let content = text().into();
            runtime
                .block_on(shelf.containers.write_file(id, b"/home/user/d0/f5", content, 0o644))
                .expect("it is committed");
        };
        let (in_big, in_small) = beside(60, 1, || change(&big), || change(&small));
        let mut database = self.runtime.block_on(database(&shelf.dir.path().join("reference.db")));
        let insert = |database: &mut SqliteConnection| {
            let statement = sqlx::query("INSERT INTO change (text) VALUES ($1)").bind(text());
            runtime.block_on(statement.execute(database)).expect("it is inserted");
        };
        let mut times = (Vec::new(), Vec::new());
        for _ in 0..60 {
            times.0.push(time(|| change(&small)));
            times.1.push(time(|| insert(&mut database)));
        }
        self.versus("commit_small", "us", 2.0, "the same in a tree of 10 files", micros(in_big), micros(in_small));
        let (ours, theirs) = (median(times.0), median(times.1));
        self.versus("commit_cost", "us", 4.0, "one SQLite transaction with fsync", micros(ours), micros(theirs));
    }

    /// The first command in a container that has left memory.
    fn wake(&mut self) {
        if !self.wants("wake") {
            return;
        }
        let shelf = self.shelf();
        let id = self.container(&shelf, &files(10, 1000));
        let wake = || {
            self.hibernate(&shelf, &id);
            time(|| self.exec(&shelf, &id, "echo hi"))
        };
        let times = (0..40).map(|_| wake()).collect();
        self.at_most("wake", "ms", 5.0, millis(median(times)));
    }

    /// An archive of 5,000 files, durable.
    fn import(&mut self) {
        if !self.wants("import") {
            return;
        }
        let shelf = self.shelf();
        let work = shelf.dir.path();
        let script = "mkdir t && for d in {1..50}; do mkdir t/d$d; for f in {1..100}; do echo $d $f $RANDOM > t/d$d/f$f; done; done; tar cf t.tar t";
        assert!(Command::new("bash").args(["-c", script]).current_dir(work).status().expect("bash starts").success());
        let archive = std::fs::read(work.join("t.tar")).expect("tar has made it");
        let ours = || {
            let origin =
                Origin::Tar { archive: Box::new(std::io::Cursor::new(archive.clone())), at: b"/home/user".into() };
            let create = Create { from: origin, ..Create::default() };
            self.runtime.block_on(shelf.containers.create(create)).expect("it is imported");
        };
        let theirs = || {
            let script = "rm -rf u && mkdir u && tar xf t.tar -C u && sync";
            assert!(
                Command::new("bash").args(["-c", script]).current_dir(work).status().expect("bash starts").success()
            );
        };
        let (ours, theirs) = beside(10, 1, ours, theirs);
        self.versus("import", "ms", 1.0, "tar xf and sync", millis(ours), millis(theirs));
    }

    /// What an idle container costs, live and hibernated.
    fn idle_memory(&mut self) {
        const MANY: usize = 1000;
        if !self.wants("idle_memory") {
            return;
        }
        let shelf = self.shelf();
        let session = "x=1; f() { echo $x; }; echo kept > file";
        let round = || -> Vec<String> {
            let make = || self.runtime.block_on(shelf.containers.create(Create::default())).expect("it is made").id;
            let ids: Vec<String> = (0..MANY).map(|_| make()).collect();
            for id in &ids {
                let exec = Exec { session: true, ..Exec::bash(session) };
                let done = self.runtime.block_on(shelf.containers.exec(id, exec, ExecOptions::default()));
                done.expect("it runs and is kept");
            }
            ids
        };
        // The first round fills caches and pools.
        round().iter().for_each(|id| self.hibernate(&shelf, id));
        let empty = resident_bytes();
        let ids = round();
        let live = resident_bytes();
        ids.iter().for_each(|id| self.hibernate(&shelf, id));
        let hibernated = resident_bytes();
        let each = |bytes: u64| bytes.saturating_sub(empty) as f64 / MANY as f64 / 1024.0;
        self.at_most("idle_live", "KiB", 16.0, each(live));
        self.at_most("idle_hibernated", "KiB", 0.5, each(hibernated));
    }

    /// A store of many containers against one of few.
    fn containers(&mut self) {
        if !self.wants("containers") {
            return;
        }
        let (many, few) = (self.filled(100_000), self.filled(1_000));
        let work = |(shelf, ids): &(Shelf, Vec<String>)| {
            let containers = &shelf.containers;
            let id = &ids[random(ids.len())];
            let page = ContainerQuery { after: Some(id.clone()), limit: 100, ..ContainerQuery::default() };
            self.runtime.block_on(containers.create(Create::default())).expect("it is made");
            self.runtime.block_on(containers.list(&page)).expect("they are listed");
            self.exec(shelf, id, "echo hi > note");
            self.hibernate(shelf, id);
        };
        let (ours, theirs) = beside(60, 1, || work(&many), || work(&few));
        self.versus("containers", "us", 1.5, "the same in a store of 1,000", micros(ours), micros(theirs));
    }

    /// A store of `count` containers; their ids.
    fn filled(&self, count: usize) -> (Shelf, Vec<String>) {
        let shelf = self.shelf();
        let containers = &shelf.containers;
        let ids = self.runtime.block_on(async {
            let mut making = tokio::task::JoinSet::new();
            let mut ids = Vec::with_capacity(count);
            for started in 0..count {
                // So many at a time share a transaction.
                if started >= 256 {
                    ids.push(making.join_next().await.expect("some are being made").expect("it is made"));
                }
                let containers = containers.clone();
                making.spawn(async move { containers.create(Create::default()).await.expect("it is made").id });
            }
            ids.extend(making.join_all().await);
            ids
        });
        (shelf, ids)
    }
}

/// A script that makes `dirs` directories of `each` empty files.
fn files(dirs: u32, each: u32) -> String {
    format!("for ((d = 0; d < {dirs}; d++)); do mkdir d$d; for ((i = 0; i < {each}; i++)); do : > d$d/f$i; done; done")
}

/// A text that was not there before.
fn text() -> String {
    format!("text {}\n", random(usize::MAX))
}

/// A number below `end`, the same ones in every run.
fn random(end: usize) -> usize {
    static STATE: AtomicU64 = AtomicU64::new(0);
    let state = STATE.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
    let mixed = u128::from(state ^ state >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    ((mixed >> 32) as u64 % end as u64) as usize
}

fn time(f: impl FnOnce()) -> Duration {
    let started = Instant::now();
    f();
    started.elapsed()
}

/// A database whose every transaction is synced, as a store's is.
async fn database(file: &Path) -> SqliteConnection {
    let url = format!("sqlite://{}?mode=rwc", file.display());
    let mut database = SqliteConnection::connect(&url).await.expect("it is made");
    let set_up = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; CREATE TABLE change (text TEXT NOT NULL)";
    database.execute(set_up).await.expect("it is set up");
    database
}
