//! A process that is gone before, within and after every single change it makes on the disk.

use std::path::{Path, PathBuf};

use super::driver::{Job, Work};
use super::model::Model;
use super::shim::{CRASHED, Fault, Watch};
use super::{block_on, check, copy_directory, scratch, torture};

/// A store some steps were taken with, and what it should hold.
pub struct Prepared {
    pub store: PathBuf,
    pub model: Model,
}

/// Prepares a store in `dir`.
pub fn prepare(dir: &Path, seed: u64, steps: u64) -> Prepared {
    let (store, acks) = (dir.join("prepared"), dir.join("prepared-acks"));
    let mut job = Job::new(Work::Steps, store.clone(), acks.clone(), seed);
    job.steps = steps;
    let status = job.command().status().expect("it starts");
    assert!(status.success(), "{}", std::fs::read_to_string(&acks).unwrap_or_default());
    let mut model = Model::default();
    model.hear_file(&acks);
    block_on(check::directory_holds(&store, &mut model)).expect("the prepared store is as it should be");
    Prepared { store, model }
}

/// Crashes a job at every change, until it gets to its end before that; `fresh`: it starts without a store.
fn crash_everywhere(work: Work, steps: u64, fresh: bool, stride: usize) {
    let scratch = scratch();
    let prepared = prepare(scratch.path(), 7, 12);
    // "after" only differs from "before" the next change by what is said between.
    let ways: &[_] = if torture() { &["before", "half", "after"] } else { &["before", "half"] };
    for how in ways.iter().copied() {
        let mut at = 1;
        loop {
            let dir = scratch.path().join(format!("{how}-{at}"));
            let (store, acks) = (dir.join("store"), dir.join("acks"));
            std::fs::create_dir(&dir).expect("a new directory");
            let mut model = Model::default();
            if !fresh {
                copy_directory(&prepared.store, &store);
                model = prepared.model.clone();
            }
            let mut job = Job::new(work, store.clone(), acks.clone(), 8);
            (job.steps, job.model) = (steps, model.clone());
            let mut command = job.command();
            let fault = Some(Fault::Crash { at, how });
            Watch { dir: &store, acks: &acks, trace: None, fault, arm: !fresh }.over(&mut command);
            let code = command.status().expect("it starts").code();
            model.hear_file(&acks);
            let found = block_on(check::directory_holds(&store, &mut model));
            found.unwrap_or_else(|wrong| panic!("crash {how} change {at}: {wrong}\n(kept: {})", keep(&dir)));
            std::fs::remove_dir_all(&dir).expect("it is ours");
            match code {
                Some(CRASHED) => at += stride,
                Some(0) => break,
                other => panic!("crash {how} change {at}: the child ended with {other:?}"),
            }
        }
        assert!(at > 10, "only {at} changes were seen");
    }
}

/// Moves what a failed test left to where it stays.
pub fn keep(dir: &Path) -> String {
    let kept = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("faults-kept-{}", std::process::id()));
    copy_directory(dir, &kept);
    kept.display().to_string()
}

#[test]
fn a_crash_at_any_change_of_commits() {
    crash_everywhere(Work::StepsOnly, if torture() { 40 } else { 5 }, false, 1);
}

#[test]
fn a_crash_at_any_change_while_garbage_is_collected() {
    crash_everywhere(Work::Steps, if torture() { 40 } else { 12 }, false, if torture() { 1 } else { 7 });
}

#[test]
fn a_crash_at_any_change_of_making_a_store() {
    crash_everywhere(Work::StepsOnly, 1, true, if torture() { 1 } else { 3 });
}
