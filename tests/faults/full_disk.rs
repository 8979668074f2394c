//! A disk that is full, or fails, at every change: the old state stays, the error says so, and when there is room again work goes on.

use std::process::Command;

use super::crashes::{keep, prepare};
use super::driver::{Job, Work};
use super::model::Model;
use super::shim::{Fault, Watch};
use super::{block_on, check, copy_directory, last_lines, scratch, torture};

/// Runs a job with the fault at every change until there is none to hit; `judge` sees what each child said.
fn fail_everywhere(
    work: Work,
    steps: u64,
    errno: &'static str,
    on: bool,
    stride: usize,
    judge: fn(&str) -> Result<(), &str>,
) {
    let scratch = scratch();
    let prepared = prepare(scratch.path(), 9, 12);
    let mut at = 1;
    loop {
        let dir = scratch.path().join(format!("{errno}-{at}"));
        let (store, acks) = (dir.join("store"), dir.join("acks"));
        std::fs::create_dir(&dir).expect("a new directory");
        copy_directory(&prepared.store, &store);
        let mut model: Model = prepared.model.clone();
        let mut job = Job::new(work, store.clone(), acks.clone(), 10);
        (job.steps, job.model) = (steps, model.clone());
        let mut command = job.command();
        let fault = Some(Fault::Fail { at, errno, on });
        Watch { dir: &store, acks: &acks, trace: None, fault, arm: true }.over(&mut command);
        let status = command.status().expect("it starts");
        let said = std::fs::read_to_string(&acks).expect("it said something");
        model.hear_file(&acks);
        let ended =
            if status.success() && said.ends_with("end\n") { Ok(()) } else { Err(format!("it ended with {status}")) };
        let found = ended.and_then(|()| block_on(check::directory_holds(&store, &mut model)));
        let found = found.and_then(|()| judge(&said).map_err(str::to_owned));
        found.unwrap_or_else(|wrong| {
            panic!("{errno} at change {at}, on: {on}: {wrong}; it said\n{}\n(kept: {})", last_lines(&said), keep(&dir))
        });
        std::fs::remove_dir_all(&dir).expect("it is ours");
        if !said.lines().any(|line| line == "fault") {
            break;
        }
        at += stride;
    }
    assert!(at > 10, "only {at} changes were seen");
}

/// Every refusal says that the disk is full, and nothing is refused once there is room again.
fn refused_cleanly(said: &str) -> Result<(), &str> {
    if said.contains("doubt") {
        return Err("a full disk is an error that promises nothing happened");
    }
    match said.split_once("disarm") {
        Some((_, after)) if after.contains("failed") => Err("there was room again, and it was refused"),
        _ => Ok(()),
    }
}

#[test]
fn the_disk_is_full_at_any_change_of_commits() {
    fail_everywhere(Work::StepsOnly, if torture() { 40 } else { 5 }, "ENOSPC", true, 1, refused_cleanly);
}

#[test]
fn the_disk_is_full_for_a_moment_at_any_change() {
    let stride = if torture() { 1 } else { 3 };
    fail_everywhere(Work::StepsOnly, if torture() { 40 } else { 5 }, "ENOSPC", false, stride, |said| {
        if said.contains("doubt") { Err("a full disk is an error that promises nothing happened") } else { Ok(()) }
    });
}

#[test]
fn the_disk_is_full_at_any_change_while_garbage_is_collected() {
    let (steps, stride) = if torture() { (40, 1) } else { (12, 7) };
    fail_everywhere(Work::Steps, steps, "ENOSPC", true, stride, refused_cleanly);
}

#[test]
fn the_disk_fails_at_any_change() {
    let (steps, stride) = if torture() { (40, 1) } else { (5, 3) };
    fail_everywhere(Work::Steps, steps, "EIO", false, stride, |_| Ok(()));
}

#[test]
fn a_small_file_system_fills_up_and_gets_room_again() {
    let scratch = scratch();
    let (small, acks) = (scratch.path().join("small"), scratch.path().join("acks"));
    std::fs::create_dir(&small).expect("a new directory");
    // A file system of its own for the child, seen by nobody else and gone with it.
    let alone = [
        "--user",
        "--map-root-user",
        "--mount",
        "sh",
        "-c",
        "mount -t tmpfs -o size=8m none \"$0\" || exit 77; exec \"$@\"",
    ];
    let mut unshare = Command::new("unshare");
    let child = Job::new(Work::Fill, small.join("store"), acks.clone(), 0).command();
    unshare.args(alone).arg(&small).arg(child.get_program()).args(child.get_args());
    unshare.envs(child.get_envs().filter_map(|(name, value)| Some((name, value?))));
    match unshare.stdout(std::process::Stdio::null()).status() {
        Ok(status) if status.success() => {}
        Ok(status) if acks.exists() => {
            panic!("{status}; it said\n{}", last_lines(&std::fs::read_to_string(&acks).unwrap_or_default()))
        }
        cannot => return println!("left out: this system lets nobody mount in a namespace of his own ({cannot:?})"),
    }
    let mut model = Model::default();
    model.hear_file(&acks);
    assert!(model.in_doubt.is_empty(), "a full disk is an error that promises nothing happened: {:?}", model.in_doubt);
    block_on(check::directory_holds(&acks.with_extension("store"), &mut model))
        .unwrap_or_else(|wrong| panic!("{wrong}"));
}
