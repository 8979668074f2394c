//! Several processes on one store: fighting for the same containers, stopped past their lease and woken, with clocks that are wrong.

use std::io::{BufRead, BufReader, Lines, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::time::Duration;

use coquina::storage::{Commit, Lease, LogQuery, Order, Store, StoreConfig, StoreError};

use super::driver::{Job, Work};
use super::model::{Boxed, Model, State, Step};
use super::records::{changes, container_id};
use super::shim::Watch;
use super::{block_on, check, last_lines, scratch, torture};

/// A child that holds a lease and does what it is told.
struct Holder {
    child: Child,
    said: Lines<BufReader<ChildStdout>>,
    told: ChildStdin,
}

impl Holder {
    /// Started, and through with its first write.
    fn start(store: &Path, lease_ttl_ms: u64) -> Holder {
        let mut job = Job::new(Work::Hold, store.into(), "/dev/stdout".into(), 0);
        job.lease_ttl_ms = lease_ttl_ms;
        let mut command = job.command();
        Watch { dir: store, acks: Path::new("/dev/stdout"), trace: None, fault: None, arm: false }.over(&mut command);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("it starts");
        let said = BufReader::new(child.stdout.take().expect("it is a pipe")).lines();
        let told = child.stdin.take().expect("it is a pipe");
        let mut holder = Holder { child, said, told };
        holder.until_ready();
        holder
    }

    fn tell(&mut self, line: &str) {
        writeln!(self.told, "{line}").expect("it listens");
    }

    /// What it says until it is ready, that included.
    fn until_ready(&mut self) -> String {
        let mut said = String::new();
        for line in &mut self.said {
            let line = line.expect("it is text");
            said += &line;
            said.push('\n');
            if line.starts_with("ready") {
                return said;
            }
        }
        panic!("it ended; it said\n{said}");
    }

    fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let sent = std::process::Command::new("kill").args(["-s", name, &pid]).status();
        assert!(sent.expect("there is a kill").success());
    }

    fn end(mut self) {
        drop(self.told);
        self.child.wait().expect("it is a child");
    }
}

fn open(store: &Path, lease_ttl_ms: u64) -> Store {
    let lease_ttl = Duration::from_millis(lease_ttl_ms);
    Store::open(StoreConfig { lease_ttl, ..StoreConfig::directory(store) }).expect("it opens")
}

async fn write(store: &Store, id: &str, lease: &Lease) -> u64 {
    let record = store.container(id).await.expect("it can be read").expect("the holder made it");
    let state = Boxed { live: true, seq: record.seq, ..Boxed::default() };
    let commit = Commit {
        blobs: State::of(id, record.seq + 1).blobs,
        changes: changes(id, &state, &Step::Write),
        fence: Some(lease.fence()),
        epoch: store.epoch(),
    };
    store.commit(commit).await.expect("the lease is held");
    record.seq + 1
}

/// The store holds the container with exactly these states, and finds itself clean.
async fn holds_log(store: &Store, id: &str, seq: u64) {
    let mut model = Model::default();
    model.boxes.insert(id.into(), Boxed { live: true, seq, log: (1..=seq).collect(), ..Boxed::default() });
    check::store_holds(store, &mut model).await.unwrap_or_else(|wrong| panic!("{wrong}"));
}

#[test]
fn a_holder_that_was_stopped_past_its_lease_is_refused_when_it_wakes() {
    let scratch = scratch();
    let dir = scratch.path().join("store");
    let id = container_id(0, 0);
    let mut holder = Holder::start(&dir, 300);
    block_on(async {
        let store = open(&dir, 300);
        holder.signal("STOP");
        let lease = store.lease(&id, Duration::from_secs(60)).await.expect("who shows no sign of life loses it");
        let seq = write(&store, &id, &lease).await;
        holder.signal("CONT");
        for _ in 0..3 {
            holder.tell("go");
            let said = holder.until_ready();
            assert!(said.contains("LeaseLost"), "{said}");
        }
        let seq = seq.max(write(&store, &id, &lease).await);
        holds_log(&store, &id, seq).await;
        store.close().await;
    });
    holder.end();
}

#[test]
fn a_holder_that_was_killed_is_followed_at_once() {
    let scratch = scratch();
    let dir = scratch.path().join("store");
    let id = container_id(0, 0);
    let holder = Holder::start(&dir, 3_600_000);
    block_on(async {
        let store = open(&dir, 3_600_000);
        let held = store.lease(&id, Duration::from_millis(50)).await;
        assert!(matches!(held, Err(StoreError::Held { .. })), "{held:?}");
        holder.signal("KILL");
        let lease = store.lease(&id, Duration::from_secs(60)).await.expect("the dead hold nothing");
        let seq = write(&store, &id, &lease).await;
        holds_log(&store, &id, seq).await;
        store.close().await;
    });
    holder.end();
}

#[test]
fn steps_of_the_wall_clock_neither_lengthen_nor_end_a_lease() {
    let scratch = scratch();
    let dir = scratch.path().join("store");
    let id = container_id(0, 0);
    let mut holder = Holder::start(&dir, 2000);
    block_on(async {
        let store = open(&dir, 2000);
        for step in [0, 86_400 * 3650, -86_400 * 3650] {
            holder.tell(&format!("clock {step}"));
            let said = holder.until_ready();
            assert!(!said.contains("error"), "clock {step}: {said}");
            let held = store.lease(&id, Duration::from_millis(50)).await;
            assert!(matches!(held, Err(StoreError::Held { .. })), "clock {step}: {held:?}");
        }
        holder.signal("STOP");
        let lease =
            store.lease(&id, Duration::from_secs(60)).await.expect("a lease ends whatever its holder's clock shows");
        let seq = write(&store, &id, &lease).await;
        holds_log(&store, &id, seq).await;
        holder.signal("CONT");
        store.close().await;
    });
    holder.end();
}

#[test]
fn processes_that_fight_for_the_same_containers_lose_nothing() {
    let scratch = scratch();
    let dir = scratch.path().join("store");
    let children: Vec<_> = (0..if torture() { 6 } else { 3 })
        .map(|n| {
            let acks = scratch.path().join(format!("acks-{n}"));
            let mut job = Job::new(Work::Contend, dir.clone(), acks.clone(), n);
            (job.tasks, job.steps) = (2, if torture() { 200 } else { 15 });
            (job.command().spawn().expect("it starts"), acks)
        })
        .collect();
    let mut written = Vec::new();
    for (mut child, acks) in children {
        let status = child.wait().expect("it is a child");
        let said = std::fs::read_to_string(&acks).expect("it said something");
        assert!(status.success(), "{}", last_lines(&said));
        written.extend(said.lines().filter_map(|line| line.strip_prefix("wrote ")).map(str::to_owned));
    }
    let count = written.len();
    written.sort();
    written.dedup();
    assert_eq!(written.len(), count, "each state was written once");
    block_on(async {
        let store = open(&dir, 10_000);
        let mut found = 0;
        let mut model = Model::default();
        for id in (0..3).map(|n| container_id(0, n)) {
            let query = LogQuery { order: Order::Ascending, ..LogQuery::default() };
            let log = store.log(&id, &query).await.expect("it can be read");
            assert!(log.iter().map(|record| record.seq).eq(1..=log.len() as u64), "{id}: no number is left out");
            assert!(
                log.iter().all(|record| written.contains(&format!("{id} {}", record.seq))),
                "{id}: all were acknowledged"
            );
            let seq = log.len() as u64;
            model.boxes.insert(id, Boxed { live: true, seq, log: (1..=seq).collect(), ..Boxed::default() });
            found += log.len();
        }
        assert_eq!(found, count, "all that was acknowledged is there");
        check::store_holds(&store, &mut model).await.unwrap_or_else(|wrong| panic!("{wrong}"));
        store.close().await;
    });
}

#[test]
fn processes_with_containers_of_their_own_and_collectors_live_side_by_side() {
    let scratch = scratch();
    let dir = scratch.path().join("store");
    let children: Vec<_> = (0..3u64)
        .map(|n| {
            let acks = scratch.path().join(format!("acks-{n}"));
            let mut job = Job::new(Work::Steps, dir.clone(), acks.clone(), n);
            (job.first_task, job.tasks, job.steps) = (2 * n, 2, if torture() { 500 } else { 30 });
            (job.command().spawn().expect("it starts"), acks)
        })
        .collect();
    let mut model = Model::default();
    for (mut child, acks) in children {
        let status = child.wait().expect("it is a child");
        let said = std::fs::read_to_string(&acks).expect("it said something");
        assert!(status.success() && !said.contains("doubt") && !said.contains("failed"), "{}", last_lines(&said));
        model.hear_file(&acks);
    }
    block_on(check::directory_holds(&dir, &mut model)).unwrap_or_else(|wrong| panic!("{wrong}"));
}
