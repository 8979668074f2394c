//! `kill -9` at random moments under load, again and again on the same store.

use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::time::{Duration, Instant};

use super::driver::{Job, Work};
use super::model::Model;
use super::random::Random;
use super::{block_on, check, scratch, torture};

#[test]
fn killed_at_any_moment_nothing_acknowledged_is_lost() {
    let scratch = scratch();
    let store = scratch.path().join("store");
    let mut random = Random::of_this_run("kills");
    let mut model = Model::default();
    let mut done = 0;
    for round in 0..if torture() { 1000 } else { 50u64 } {
        // Two processes: one sees the other die.
        let mut jobs = [0, 2].map(|first| {
            let mut job = Job::new(Work::Steps, store.clone(), "/dev/stdout".into(), random.next());
            (job.first_task, job.first_number, job.tasks, job.steps) = (first, round << 20, 2, u64::MAX);
            job.model = model.clone();
            (job, random.next())
        });
        let said = std::thread::scope(|scope| {
            let killed = jobs.each_mut().map(|(job, seed)| scope.spawn(|| run_and_kill(job, &mut Random::new(*seed))));
            killed.map(|thread| thread.join().expect("it is killed"))
        });
        for line in said.iter().flatten() {
            assert!(
                !["doubt", "failed", "no lease", "collect"].iter().any(|trouble| line.starts_with(trouble)),
                "{line}"
            );
            done += usize::from(line.starts_with("done"));
            model.hear(line);
        }
        // The store's own check reads everything: not each time.
        let found = if round % 5 == 4 {
            block_on(check::directory_holds(&store, &mut model))
        } else {
            quick(&store, &mut model)
        };
        found.unwrap_or_else(|wrong| panic!("round {round}: {wrong}"));
    }
    assert!(done > 100, "the children got to work: {done} steps");
}

fn quick(store: &std::path::Path, model: &mut Model) -> Result<(), String> {
    block_on(async {
        let store = coquina::storage::Store::open(coquina::storage::StoreConfig::directory(store))
            .map_err(|e| e.to_string())?;
        let found = check::records_hold(&store, model).await;
        store.close().await;
        found
    })
}

/// Starts the job and kills it after some of what it says and a moment. All it said.
fn run_and_kill(job: &Job, random: &mut Random) -> Vec<String> {
    let mut child = job.command().stdout(Stdio::piped()).spawn().expect("it starts");
    let mut said = BufReader::new(child.stdout.take().expect("it is a pipe")).lines();
    let mut lines = Vec::new();
    for _ in 0..random.below(60) {
        lines.extend(said.next());
    }
    let (start, moment) = (Instant::now(), Duration::from_micros(random.below(3000)));
    while start.elapsed() < moment {
        std::hint::spin_loop();
    }
    child.kill().expect("it runs until it is killed");
    child.wait().expect("it is a child");
    lines.extend(said);
    lines.into_iter().map(|line| line.expect("it is text")).collect()
}
