//! The child process: works on a store as its job says, and says what it begins and what is done, line by line, before and after.

use std::collections::{BTreeMap, HashSet};
use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use coquina::base::Hash;
use coquina::storage::{Commit, Fence, Lease, Store, StoreConfig, StoreError};
use serde::{Deserialize, Serialize};

use super::model::{Boxed, Model, State, Step};
use super::random::Random;
use super::records::{self, brings, changes, container_id, task_and_number};

/// The variable that holds a child's job.
const JOB: &str = "FAULTS_JOB";

/// What a child does.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Job {
    pub work: Work,
    pub store: PathBuf,
    /// Where it says what it did.
    pub acks: PathBuf,
    pub seed: u64,
    /// Number of the first task; it is part of its containers' ids.
    pub first_task: u64,
    /// Number of the first container a task makes; ids are not used twice.
    pub first_number: u64,
    /// Tasks side by side.
    pub tasks: u64,
    /// Steps of each task.
    pub steps: u64,
    pub lease_ttl_ms: u64,
    /// What the store holds already.
    pub model: Model,
}

/// The kinds of work.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Work {
    /// Each task takes random steps with containers of its own; garbage is collected all the while.
    Steps,
    /// The same without collecting.
    StepsOnly,
    /// The same, and then a backup into the directory `backup` beside the store, and the same again.
    Backup,
    /// All tasks of all processes write to the same few containers, taking their leases from one another.
    Contend,
    /// Writes until the disk is really full, makes room, goes on, and copies the store beside what it said: to `acks` with `.store` behind.
    Fill,
    /// Takes a lease, writes, says "ready", and after each line it is given tries to write again.
    Hold,
}

impl Job {
    pub fn new(work: Work, store: PathBuf, acks: PathBuf, seed: u64) -> Job {
        Job {
            work,
            store,
            acks,
            seed,
            first_task: 0,
            first_number: 0,
            tasks: 1,
            steps: 8,
            lease_ttl_ms: 10_000,
            model: Model::default(),
        }
    }

    /// This test binary again, to do this job.
    pub fn command(&self) -> Command {
        let mut command = Command::new(std::env::current_exe().expect("this binary"));
        command.args(["--exact", "driver", "--ignored", "--nocapture", "--test-threads=1"]);
        command.env(JOB, serde_json::to_string(self).expect("jobs are plain"));
        command.stdout(std::process::Stdio::null());
        command
    }
}

/// What the child does first and last.
pub fn main() {
    let Ok(job) = std::env::var(JOB) else { return println!("this is for the other tests to start") };
    let job: Job = serde_json::from_str(&job).expect("a job");
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("a runtime starts").block_on(run(job));
}

async fn run(job: Job) {
    let acks = File::options().create(true).append(true).open(&job.acks).expect("acks can be said");
    let config =
        StoreConfig { lease_ttl: Duration::from_millis(job.lease_ttl_ms), ..StoreConfig::directory(&job.store) };
    let store = match Store::open(config) {
        Ok(store) => store,
        Err(error) => {
            say_to(&acks, &format!("refused {error}"));
            return;
        }
    };
    let known = Mutex::new(Known { epoch: store.epoch(), stored: HashSet::new() });
    let child = Arc::new(Child { job, store, acks, known, steps: AtomicU64::new(0) });
    child.say("arm");
    match child.job.work {
        Work::Hold => hold(&child).await,
        Work::Fill => fill(&child).await,
        Work::Contend => each_task(&child, contend).await,
        Work::StepsOnly => each_task(&child, steps).await,
        Work::Backup => {
            each_task(&child, steps).await;
            child.store.backup(&child.job.store.with_file_name("backup")).await.expect("the disk is fine");
            child.say("backup");
        }
        Work::Steps => {
            let collector = tokio::spawn(collect(child.clone()));
            each_task(&child, steps).await;
            collector.abort();
        }
    }
    child.store.close().await;
    if child.job.work == Work::Fill {
        super::copy_directory(&child.job.store, &child.job.acks.with_extension("store"));
    }
    child.say("end");
}

async fn each_task<F: Future<Output = ()> + Send + 'static>(child: &Arc<Child>, task: fn(Arc<Child>, u64) -> F) {
    let tasks: Vec<_> =
        (0..child.job.tasks).map(|n| tokio::spawn(task(child.clone(), child.job.first_task + n))).collect();
    for task in tasks {
        task.await.expect("a task does not panic");
    }
}

struct Child {
    job: Job,
    store: Store,
    acks: File,
    known: Mutex<Known>,
    steps: AtomicU64,
}

/// Blobs this process has seen stored, as a tree's marks are.
struct Known {
    epoch: u64,
    stored: HashSet<Hash>,
}

fn say_to(mut acks: &File, line: &str) {
    acks.write_all(format!("{line}\n").as_bytes()).expect("acks can be said");
}

impl Child {
    fn say(&self, line: &str) {
        say_to(&self.acks, line);
    }

    /// Commits a step, with what the store has not got yet of its state.
    async fn commit(&self, id: &str, before: &Boxed, step: &Step, fence: Option<Fence>) -> Result<(), StoreError> {
        let state = brings(before, step).map(|seq| State::of(id, seq));
        loop {
            let (epoch, blobs) = {
                let known = self.known.lock().expect("no task panics");
                let all = state.iter().flat_map(|state| state.blobs.iter());
                (known.epoch, all.filter(|(hash, _)| !known.stored.contains(hash)).cloned().collect::<Vec<_>>())
            };
            let commit = Commit { blobs, changes: changes(id, before, step), fence: fence.clone(), epoch };
            let done = self.store.commit(commit).await;
            let mut known = self.known.lock().expect("no task panics");
            match done {
                Err(StoreError::Epoch(new)) if new > epoch => {
                    if new > known.epoch {
                        *known = Known { epoch: new, stored: HashSet::new() };
                    }
                }
                Ok(()) if known.epoch == epoch => {
                    known.stored.extend(state.iter().flat_map(|state| state.blobs.iter().map(|(hash, _)| *hash)));
                    return Ok(());
                }
                other => return other,
            }
        }
    }

    /// A step with everything said about it. Whether it is done; `None`: it may be.
    async fn step(&self, id: &str, state: &mut Boxed, step: Step, fence: Option<Fence>) -> Option<bool> {
        self.say(&format!("begin {id} {}", serde_json::to_string(&step).expect("steps are plain")));
        let done = self.commit(id, state, &step, fence).await;
        self.steps.fetch_add(1, Ordering::Relaxed);
        match done {
            Ok(()) => {
                self.say(&format!("done {id}"));
                state.apply(&step);
                Some(true)
            }
            // These promise that nothing happened.
            Err(StoreError::Full | StoreError::Quota { .. } | StoreError::LeaseLost { .. } | StoreError::Closed) => {
                self.say(&format!("failed {id}"));
                self.say("disarm"); // from now on there is room again
                Some(false)
            }
            Err(error) => {
                self.say(&format!("doubt {id} {error}"));
                None
            }
        }
    }
}

/// Random steps with the containers of one task.
async fn steps(child: Arc<Child>, task: u64) {
    let job = &child.job;
    let mut random = Random::new(job.seed ^ (task << 32));
    let own = |id: &String| task_and_number(id).0 == task;
    let mut boxes: BTreeMap<String, Boxed> = job.model.boxes.clone().into_iter().filter(|(id, _)| own(id)).collect();
    let mut leases: BTreeMap<String, Lease> = BTreeMap::new();
    let mut made = boxes.keys().map(|id| task_and_number(id).1 + 1).max().unwrap_or(0).max(job.first_number);
    for _ in 0..job.steps {
        if random.below(8) == 0 {
            forget(&child, &mut boxes).await;
        }
        let live: Vec<String> = boxes.iter().filter(|(_, b)| b.live).map(|(id, _)| id.clone()).collect();
        let create = live.len() < 2 || (live.len() < 4 && random.below(8) == 0);
        let id = if create {
            made += 1;
            container_id(task, made - 1)
        } else {
            live[random.below(live.len() as u64) as usize].clone()
        };
        let mut state = boxes.get(&id).cloned().unwrap_or_default();
        let step = if create { Step::Create } else { pick(&mut random, &id, &state) };
        if !leases.contains_key(&id) {
            match child.store.lease(&id, Duration::from_secs(60)).await {
                Ok(lease) => drop(leases.insert(id.clone(), lease)),
                Err(error) => {
                    child.say(&format!("no lease for {id}: {error}"));
                    continue;
                }
            }
        }
        let fence = leases[&id].fence();
        match child.step(&id, &mut state, step.clone(), Some(fence)).await {
            Some(true) if step == Step::Remove => drop(leases.remove(&id)),
            Some(_) => {}
            None => state = Boxed::default(), // not to be touched again by this process
        }
        boxes.insert(id, state);
    }
}

/// Drops a snapshot that has outlived its container, if there is one.
async fn forget(child: &Child, boxes: &mut BTreeMap<String, Boxed>) {
    let outlived = boxes.iter_mut().find(|(_, state)| !state.live && !state.snapshots.is_empty());
    if let Some((id, state)) = outlived
        && let Some(name) = state.snapshots.keys().next().cloned()
        && child.step(id, state, Step::DropSnapshot(name), None).await.is_none()
    {
        state.snapshots.clear(); // not to be touched again by this process
    }
}

/// A step a container can take.
fn pick(random: &mut Random, id: &str, state: &Boxed) -> Step {
    let fresh = || records::short_name(id, state.seq, state.snapshots.len() + state.proposals.len());
    let open = state.proposals.iter().find(|(_, (_, decided))| decided.is_none());
    match random.below(20) {
        0 | 1 => Step::Snapshot(fresh()),
        2 => state.snapshots.keys().next().map_or(Step::Write, |name| Step::DropSnapshot(name.clone())),
        3 | 4 => Step::Prune(state.seq.saturating_sub(random.below(4))),
        5 => Step::Propose(fresh()),
        6 | 7 => {
            open.map_or(Step::Write, |(name, _)| Step::Decide { proposal: name.clone(), applied: random.below(2) == 0 })
        }
        8 if state.seq > 12 => Step::Remove,
        _ => Step::Write,
    }
}

/// Fills the file system the store is on, and goes on when there is room again.
async fn fill(child: &Child) {
    let ballast = child.job.store.with_file_name("ballast");
    std::fs::write(&ballast, vec![1; 512 << 10]).expect("there is room at first");
    let mut boxes: Vec<(String, Boxed, Lease)> = Vec::new();
    for n in 0..3 {
        let (id, mut state) = (container_id(0, n), Boxed::default());
        let lease = child.store.lease(&id, Duration::ZERO).await.expect("it is free");
        assert_eq!(child.step(&id, &mut state, Step::Create, Some(lease.fence())).await, Some(true));
        boxes.push((id, state, lease));
    }
    let mut refused = 0;
    while refused < 5 {
        for (id, state, lease) in &mut boxes {
            refused += usize::from(child.step(id, state, Step::Write, Some(lease.fence())).await == Some(false));
            assert!(state.seq < 5000, "the file system is not small");
        }
    }
    std::fs::remove_file(&ballast).expect("it is ours");
    let (id, mut state, lease) = boxes.remove(0);
    assert_eq!(child.step(&id, &mut state, Step::Remove, Some(lease.fence())).await, Some(true));
    let collected = child.store.collect().await.expect("there is room to collect");
    assert!(collected.freed_bytes > 0, "a container is gone: {collected:?}");
    for (id, state, lease) in &mut boxes {
        assert_eq!(child.step(id, state, Step::Write, Some(lease.fence())).await, Some(true), "there is room again");
    }
}

/// Collects garbage again and again while the others work.
async fn collect(child: Arc<Child>) {
    let mut next = 0;
    loop {
        if child.steps.load(Ordering::Relaxed) >= next {
            next = child.steps.load(Ordering::Relaxed) + 20;
            if let Err(error) = child.store.collect().await {
                child.say(&format!("collect: {error}"));
            }
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// Writes to containers that others write to as well; the log says how far they are.
async fn contend(child: Arc<Child>, task: u64) {
    let mut random = Random::new(child.job.seed ^ (task << 32));
    for _ in 0..child.job.steps {
        let id = container_id(0, random.below(3));
        let lease = child.store.lease(&id, Duration::from_secs(60)).await.expect("leases go round");
        let record = child.store.container(&id).await.expect("records can be read");
        let state = record.map_or(Boxed::default(), |record| Boxed { live: true, seq: record.seq, ..Boxed::default() });
        let step = if state.live { Step::Write } else { Step::Create };
        child.commit(&id, &state, &step, Some(lease.fence())).await.expect("the lease is held");
        if step == Step::Write {
            child.say(&format!("wrote {id} {}", state.seq + 1));
        }
        lease.release().await;
    }
}

/// Holds a container's lease over whatever happens to this process; writes when told to.
async fn hold(child: &Child) {
    let id = container_id(0, 0);
    let lease = child.store.lease(&id, Duration::from_secs(60)).await.expect("it is free");
    let record = child.store.container(&id).await.expect("records can be read");
    let mut state = record.map_or(Boxed::default(), |record| Boxed { live: true, seq: record.seq, ..Boxed::default() });
    let mut line = String::new();
    loop {
        let step = if state.live { Step::Write } else { Step::Create };
        match child.commit(&id, &state, &step, Some(lease.fence())).await {
            Ok(()) => state.apply(&step),
            Err(error) => child.say(&format!("error {error:?}")),
        }
        child.say(&format!("ready {}", state.seq));
        line.clear();
        if std::io::stdin().read_line(&mut line).expect("the parent speaks") == 0 {
            return;
        }
        if line.starts_with("clock ") {
            child.say(line.trim());
        }
    }
}
