//! Power cuts: what a child did is recorded, and then the disk loses power after every one of its changes.

use std::collections::HashSet;
use std::path::Path;

use super::crashes::{keep, prepare};
use super::disk::{Cut, Disk, Image};
use super::driver::{Job, Work};
use super::model::Model;
use super::random::Random;
use super::shim::Watch;
use super::trace::{self, Op};
use super::{block_on, check, copy_directory, scratch, torture};

/// Runs a job once and cuts the power after each change in `cuts` ways.
fn cut_everywhere(test: &str, work: Work, tasks: u64, steps: u64, fresh: bool) {
    let scratch = scratch();
    let mut random = Random::of_this_run(test);
    let watched = scratch.path().join("watched");
    let (store, acks, trace) = (watched.join("store"), scratch.path().join("acks"), scratch.path().join("trace"));
    std::fs::create_dir(&watched).expect("a new directory");
    let mut model = Model::default();
    if !fresh {
        let prepared = prepare(scratch.path(), random.next(), 12);
        copy_directory(&prepared.store, &store);
        model = prepared.model;
    }
    let mut disk = Disk::holding(&watched);
    let mut job = Job::new(work, store.clone(), acks.clone(), random.next());
    (job.tasks, job.steps, job.model) = (tasks, steps, model.clone());
    let mut command = job.command();
    Watch { dir: &watched, acks: &acks, trace: Some(&trace), fault: None, arm: false }.over(&mut command);
    assert!(command.status().expect("it starts").success());
    let ops = trace::read(&trace);

    let mut seen = HashSet::new();
    for (number, op) in ops.iter().enumerate() {
        match op {
            Op::Ack(said) => said.lines().for_each(|line| model.hear(line)),
            Op::Open { .. } => {}
            change => {
                for cut in cuts(&mut random) {
                    let image = disk.cut(cut);
                    if seen.insert((
                        image.digest(),
                        model.boxes.len(),
                        serde_json::to_string(&model).expect("it is plain"),
                    )) {
                        let found = comes_back(scratch.path(), &image, model.clone());
                        found.unwrap_or_else(|wrong| {
                            panic!("power cut before operation {number}, {}, {cut:?}: {wrong}", change.brief())
                        });
                    }
                }
            }
        }
        disk.apply(op);
    }
    let unseen = disk.live().difference(&Image::read(&watched));
    assert!(unseen.is_empty(), "the shim does not see all changes of {unseen:?}");
    println!("{test}: {} operations, {} states", ops.len(), seen.len());
}

/// The ways in which the power is cut at a change: all of them, or one.
fn cuts(random: &mut Random) -> Vec<Cut> {
    let some = [Cut::Everything, Cut::Names, Cut::Contents, Cut::Torn(random.next()), Cut::Any(random.next())];
    match random.below(2) {
        _ if torture() => {
            [Cut::Synced, Cut::Torn(random.next()), Cut::Any(random.next())].into_iter().chain(some).collect()
        }
        0 => vec![Cut::Synced],
        _ => vec![some[random.below(some.len() as u64) as usize]],
    }
}

/// Opens what a power cut left.
fn comes_back(scratch: &Path, image: &Image, mut model: Model) -> Result<(), String> {
    let dir = scratch.join("cut");
    image.write(&dir);
    let found = block_on(check::directory_holds(&dir.join("store"), &mut model));
    let found = found.and_then(|()| match model.backup {
        Some(boxes) => {
            let mut model = Model { boxes, ..Model::default() };
            block_on(check::directory_holds(&dir.join("backup"), &mut model))
                .map_err(|wrong| format!("the backup: {wrong}"))
        }
        None => Ok(()),
    });
    let found = found.map_err(|wrong| format!("{wrong}\n(kept: {})", keep(&scratch.join("cut"))));
    std::fs::remove_dir_all(&dir).expect("it is ours");
    found
}

#[test]
fn power_is_cut_at_any_change_of_commits() {
    cut_everywhere("power_commits", Work::StepsOnly, 3, if torture() { 60 } else { 6 }, false);
}

#[test]
fn power_is_cut_at_any_change_while_garbage_is_collected() {
    cut_everywhere("power_collect", Work::Steps, 2, if torture() { 60 } else { 12 }, false);
}

#[test]
fn power_is_cut_at_any_change_of_making_a_store() {
    cut_everywhere("power_new", Work::StepsOnly, 3, 2, true);
}

#[test]
fn power_is_cut_at_any_change_of_a_backup() {
    cut_everywhere("power_backup", Work::Backup, 1, 4, false);
}
