//! The whole service killed at random moments: containers with real files and programs, execs, uploads, proposals and snapshots side by
//! side, while idle ones hibernate and garbage is collected. In every container a counter and three copies of it are kept by scripts.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use coquina::container::{Containers, ContainersConfig, Create, ExecOptions, Landed, Ref};
use coquina::sandbox::{Exec, Outcome};
use coquina::storage::{LogQuery, Store, StoreConfig};

use super::random::Random;
use super::{block_on, scratch, torture};
use crate::common;

/// What a container's files say: the counter, and what it was when a script last copied it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Count {
    count: u64,
    copied: u64,
}

const SCRIPT: &str = r#"n=$(($(cat n) + 1)); echo $n > n; for i in 1 2 3; do echo $n | tee copy$i > /dev/null; done; head -c $((n % 7 * 20000)) /dev/zero > big"#;

/// A change of a container's counter.
#[derive(Clone, Copy, Debug)]
enum Way {
    Exec,
    Upload,
    Proposal,
}

impl Way {
    fn apply(self, count: Count) -> Count {
        let next = count.count + 1;
        Count { count: next, copied: if matches!(self, Way::Upload) { count.copied } else { next } }
    }
}

/// Variables that tell a child what to do.
const STORE: &str = "FAULTS_SERVICE";
const SEED: &str = "FAULTS_SERVICE_SEED";
const TASKS: u64 = 3;

fn name(task: u64) -> String {
    format!("task-{task}")
}

async fn open(dir: &Path) -> Containers {
    let store = Store::open(StoreConfig::directory(dir)).expect("the store opens");
    Containers::open(common::image().clone(), store, ContainersConfig::default())
}

/// The child: works until it is killed.
pub fn main() {
    let Some(dir) = std::env::var_os(STORE).map(PathBuf::from) else {
        return println!("this is for the other tests to start");
    };
    println!("start"); // ends the line on which the test's name was printed
    let seed: u64 = std::env::var(SEED).expect("it is set").parse().expect("it is a number");
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("a runtime starts").block_on(async {
        let containers = open(&dir).await;
        let changes = Arc::new(AtomicU64::new(0));
        let tasks: Vec<_> = (0..TASKS)
            .map(|task| tokio::spawn(work(containers.clone(), task, Random::new(seed ^ (task << 32)), changes.clone())))
            .collect();
        let mut next = 10;
        while !tasks.iter().any(|task| task.is_finished()) {
            tokio::time::sleep(Duration::from_millis(1)).await;
            if changes.load(Ordering::Relaxed) >= next {
                next += 10;
                containers.store().collect().await.expect("garbage is collected");
                containers.hibernate(&name(next / 10 % TASKS)).await.expect("it hibernates, or has not been made");
            }
        }
        for task in tasks {
            task.await.expect("it works until it is killed");
        }
    });
}

async fn work(containers: Containers, task: u64, mut random: Random, changes: Arc<AtomicU64>) {
    let name = name(task);
    if containers.get(&name).await.is_err() {
        containers.create(Create { name: Some(name.clone()), ..Create::default() }).await.expect("it is made");
    }
    let mut count = read(&containers, &Ref::Container(name.clone())).await.expect("its files are whole");
    let mut snapshots = random.next();
    loop {
        let way = match random.below(8) {
            0 | 1 => Way::Upload,
            2 => Way::Proposal,
            _ => Way::Exec,
        };
        println!("begin {task} {way:?}");
        let landed = match way {
            Way::Upload => {
                let content = format!("{}\n", count.count + 1);
                containers.write_file(&name, b"/home/user/n", content.into(), 0o644).await.expect("it is written")
            }
            Way::Exec => exec(&containers, &name, false).await,
            Way::Proposal => {
                let Landed::Proposed(proposal) = exec(&containers, &name, true).await else {
                    panic!("it was to be proposed")
                };
                Landed::Committed(containers.apply(&proposal.id).await.expect("nothing else has changed"))
            }
        };
        let Landed::Committed(entry) = landed else { panic!("nothing is proposed here") };
        println!("done {task} {} {}", entry.seq, entry.root);
        count = way.apply(count);
        changes.fetch_add(1, Ordering::Relaxed);
        if random.below(6) == 0 {
            snapshots = snapshots.wrapping_add(1);
            let snapshot = format!("s{snapshots:x}");
            containers.snapshot(&name, Some(&snapshot)).await.expect("it is taken");
            println!("snapshot {snapshot} {} {}", count.count, count.copied);
        }
    }
}

async fn exec(containers: &Containers, name: &str, propose: bool) -> Landed {
    let script = format!("test -e n || echo 0 > n; {SCRIPT}");
    let options = ExecOptions { propose, cwd: Some(b"/home/user".to_vec()), ..ExecOptions::default() };
    let done = containers.exec(name, Exec::bash(script), options).await.expect("it runs and is kept");
    assert_eq!(
        done.finished.outcome,
        Outcome::Exit { exit_code: 0 },
        "{}",
        String::from_utf8_lossy(&done.finished.stderr.bytes)
    );
    done.landed
}

/// The counter of a state; all files that belong together must be of the same moment.
async fn read(containers: &Containers, state: &Ref) -> Result<Count, String> {
    let number = async |file: &str| {
        let path = format!("/home/user/{file}");
        match containers.read_file(state, path.as_bytes()).await {
            Ok(text) => String::from_utf8_lossy(&text)
                .trim()
                .parse::<u64>()
                .map_err(|e| format!("{state} {file}: {e}: {text:?}")),
            Err(coquina::container::ContainerError::Path { .. }) => Ok(0),
            Err(error) => Err(format!("{state} {file}: {error}")),
        }
    };
    let (count, copied) = (number("n").await?, number("copy1").await?);
    let copies = [number("copy2").await?, number("copy3").await?];
    let big = containers.read_file(state, b"/home/user/big").await.map_or(0, |bytes| bytes.len() as u64);
    if copies != [copied; 2] || big != copied % 7 * 20_000 {
        return Err(format!("{state} is half there: {count}, {copied}, {copies:?}, {big}"));
    }
    Ok(Count { count, copied })
}

/// What was said of all containers.
#[derive(Default)]
struct Heard {
    counts: BTreeMap<u64, Count>,
    doubt: BTreeMap<u64, Way>,
    entries: BTreeMap<(u64, u64), String>,
    snapshots: BTreeMap<String, Count>,
}

impl Heard {
    fn hear(&mut self, line: &str) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let number = |text: &str| text.parse::<u64>().expect("a number");
        match words[..] {
            ["begin", task, way] => {
                let way = [Way::Exec, Way::Upload, Way::Proposal].into_iter().find(|w| format!("{w:?}") == way);
                self.doubt.insert(number(task), way.expect("a way"));
            }
            ["done", task, seq, root] => {
                let way = self.doubt.remove(&number(task)).expect("it was begun");
                let count = self.counts.entry(number(task)).or_default();
                *count = way.apply(*count);
                self.entries.insert((number(task), number(seq)), root.to_owned());
            }
            ["snapshot", name, count, copied] => {
                self.snapshots.insert(name.to_owned(), Count { count: number(count), copied: number(copied) });
            }
            _ => {}
        }
    }

    /// Compares, and settles what was in doubt.
    async fn compare(&mut self, containers: &Containers) -> Result<(), String> {
        for task in 0..TASKS {
            let name = name(task);
            if containers.get(&name).await.is_err() && !self.counts.contains_key(&task) {
                continue;
            }
            let found = read(containers, &Ref::Container(name.clone())).await?;
            let before = self.counts.get(&task).copied().unwrap_or_default();
            let doubt = self.doubt.remove(&task);
            if found != before && doubt.is_none_or(|way| found != way.apply(before)) {
                return Err(format!("{name} is {found:?}; it was {before:?}, and {doubt:?} was under way"));
            }
            self.counts.insert(task, found);
            let log = containers.log(&name, &LogQuery::default()).await.map_err(|e| e.to_string())?;
            for ((_, seq), root) in self.entries.range((task, 0)..(task + 1, 0)) {
                if !log.iter().any(|entry| entry.seq == *seq && entry.root.to_string() == *root) && log.len() < 900 {
                    return Err(format!("{name}: log record {seq} with root {root} is not there"));
                }
            }
        }
        for (snapshot, count) in &self.snapshots {
            let found = read(containers, &Ref::Snapshot(snapshot.clone())).await?;
            if found != *count {
                return Err(format!("snapshot {snapshot} is {found:?} and was {count:?}"));
            }
        }
        Ok(())
    }
}

#[test]
fn the_service_killed_at_any_moment_loses_nothing_acknowledged() {
    let scratch = scratch();
    let dir = scratch.path().join("store");
    let mut random = Random::of_this_run("service");
    let mut heard = Heard::default();
    for round in 0..if torture() { 200 } else { 8 } {
        for line in run_and_kill(&dir, &mut random) {
            heard.hear(&line);
        }
        block_on(async {
            let containers = open(&dir).await;
            heard.compare(&containers).await.unwrap_or_else(|wrong| panic!("round {round}: {wrong}"));
            let report = containers.store().check(false).await.expect("it can be checked");
            assert_eq!(report.problems, [], "round {round}");
            containers.shutdown().await.expect("it ends");
            containers.store().close().await;
        });
    }
    let done: u64 = heard.counts.values().map(|count| count.count).sum();
    assert!(done > 20, "the children got to work: {done} changes");
}

fn run_and_kill(dir: &Path, random: &mut Random) -> Vec<String> {
    let mut command = Command::new(std::env::current_exe().expect("this binary"));
    command.args(["--exact", "service", "--ignored", "--nocapture", "--test-threads=1"]);
    command.env(STORE, dir).env(SEED, random.next().to_string()).stdout(Stdio::piped());
    let mut child = command.spawn().expect("it starts");
    let mut said = BufReader::new(child.stdout.take().expect("it is a pipe")).lines();
    let mut lines: Vec<String> = Vec::new();
    for _ in 0..3 + random.below(60) {
        let line = said.next().expect("it works until it is killed").expect("it is text");
        lines.push(line);
    }
    let (start, moment) = (Instant::now(), Duration::from_micros(random.below(10_000)));
    while start.elapsed() < moment {
        std::hint::spin_loop();
    }
    child.kill().expect("it runs until it is killed");
    child.wait().expect("it is a child");
    lines.extend(said.map(|line| line.expect("it is text")));
    lines
}

/// `coquina` on the store in `dir`.
fn coquina(dir: &Path, words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_coquina"));
    command.args(words).env("COQUINA_STORE", dir).env("COQUINA_IMAGE", common::image_dir()).stdin(Stdio::null());
    command
}

fn succeeds(dir: &Path, words: &[&str]) -> String {
    let done = coquina(dir, words).output().expect("it starts");
    assert!(
        done.status.success(),
        "{words:?}: {}{}",
        String::from_utf8_lossy(&done.stdout),
        String::from_utf8_lossy(&done.stderr)
    );
    String::from_utf8(done.stdout).expect("it is text")
}

#[test]
fn the_program_killed_at_any_moment_loses_nothing_acknowledged() {
    let scratch = scratch();
    let dir = scratch.path().join("store");
    let mut random = Random::of_this_run("program");
    succeeds(&dir, &["box", "create", "b"]);
    succeeds(&dir, &["box", "exec", "b", "-c", &format!("echo 0 > n; {SCRIPT}")]);
    let (mut count, mut finished, mut killed) = (1, 0, 0);
    for round in 0..if torture() { 400 } else { 15 } {
        let mut child =
            coquina(&dir, &["box", "exec", "b", "-c", SCRIPT]).stdout(Stdio::null()).spawn().expect("it starts");
        let (start, moment) = (Instant::now(), Duration::from_micros(random.below(60_000)));
        let mut status = None;
        while start.elapsed() < moment && status.is_none() {
            status = child.try_wait().expect("it is a child");
        }
        let _ = child.kill();
        let status = status.unwrap_or_else(|| child.wait().expect("it is a child"));
        let said = succeeds(&dir, &["box", "exec", "b", "-c", "cat n copy1 copy2 copy3; wc -c < big"]);
        let found: Vec<u64> = said.split_whitespace().map(|word| word.parse().expect("a number")).collect();
        let n = found[0];
        assert_eq!(found, [n, n, n, n, n % 7 * 20_000], "round {round}: half there");
        match status.code() {
            Some(0) => assert_eq!(n, count + 1, "round {round}: acknowledged"),
            _ => assert!(n == count || n == count + 1, "round {round}: {n} after {count}, {status}"),
        }
        *if status.success() { &mut finished } else { &mut killed } += 1;
        count = n;
    }
    println!("{killed} killed, {finished} finished");
    succeeds(&dir, &["store", "check"]);
}
