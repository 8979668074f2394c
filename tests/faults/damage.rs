//! Damaged stores: bytes that changed, sectors that are gone, files that are short or missing. What cannot be read is an error that says
//! so; nothing panics, and no byte that is read is wrong.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use coquina::storage::{SnapshotQuery, Store};

use super::crashes::{Prepared, keep, prepare};
use super::random::Random;
use super::{block_on, check, copy_directory, scratch, torture};

/// Changes one file below `dir` for the worse, and says how.
fn damage(dir: &Path, is_chosen: fn(&str) -> bool, random: &mut Random) -> String {
    let mut files = Vec::new();
    list(dir, &mut files);
    files.retain(|path| is_chosen(&path.display().to_string()) && path.metadata().is_ok_and(|m| m.len() > 0));
    files.sort();
    let path = &files[random.below(files.len() as u64) as usize];
    let mut bytes = std::fs::read(path).expect("it can be read");
    let len = bytes.len() as u64;
    let (at, sector) = (random.below(len) as usize, random.below(len.div_ceil(512)) as usize * 512);
    let end = (sector + 512).min(bytes.len());
    let how = match random.below(6) {
        0 => {
            std::fs::remove_file(path).expect("it is ours");
            return format!("{} is gone", path.display());
        }
        1 => {
            bytes.truncate(at);
            format!("cut at {at}")
        }
        2 => {
            bytes[sector..end].fill(0);
            format!("sector at {sector} is zeros")
        }
        3 => {
            let garbage = random.bytes(end - sector);
            bytes[sector..end].copy_from_slice(&garbage);
            format!("sector at {sector} is garbage")
        }
        4 => {
            let from = random.below(len.div_ceil(512)) as usize * 512;
            let amount = (end - sector).min(bytes.len() - from);
            bytes.copy_within(from..from + amount, sector);
            format!("sector at {sector} is the one at {from}")
        }
        _ => {
            bytes[at] ^= 1 << random.below(8);
            format!("a bit at {at} is flipped")
        }
    };
    std::fs::write(path, bytes).expect("it is ours");
    format!("{} of {len} bytes: {how}", path.display())
}

fn list(dir: &Path, into: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(dir).expect("it can be listed") {
        let path = entry.expect("it can be listed").path();
        if path.is_dir() { list(&path, into) } else { into.push(path) }
    }
}

/// Reads what there is to read and repairs it. Errors are fine, and counted; wrong bytes are not.
async fn survives(dir: &Path, prepared: &Prepared, objects_only: bool) -> Result<usize, String> {
    let Ok(store) = Store::open(check::config(dir)) else { return Ok(1) };
    let before = errors(&store, prepared, &[]).await?;
    let report = store.check(true).await;
    let lost: Vec<String> = report.iter().flat_map(|r| &r.problems).flat_map(|p| p.loses.clone()).collect();
    let after = errors(&store, prepared, &lost).await?;
    if objects_only {
        let report = report.map_err(|e| format!("wrong: records are whole, and check fails: {e}"))?;
        if after > 0 {
            return Err(format!("wrong: {after} containers have errors that {report:#?} does not name"));
        }
        if before > 0 && report.problems.is_empty() {
            return Err("wrong: there are errors, and check finds nothing".into());
        }
    }
    store.close().await;
    Ok(before)
}

/// Containers whose reading fails, but for those that are known to be lost, or a snapshot or proposal of which is.
async fn errors(store: &Store, prepared: &Prepared, lost: &[String]) -> Result<usize, String> {
    let mut errors = 0;
    for id in prepared.model.ids() {
        match check::container_holds(store, &id).await {
            Err(wrong) if wrong.starts_with("wrong") => return Err(wrong),
            Err(_) if !lost.contains(&id) && !loses_part(store, &id, lost).await => errors += 1,
            _ => {}
        }
    }
    Ok(errors)
}

async fn loses_part(store: &Store, container: &str, lost: &[String]) -> bool {
    let query = SnapshotQuery { container: Some(container.into()), ..SnapshotQuery::default() };
    let snapshots = store.snapshots(&query).await.unwrap_or_default().into_iter().map(|snapshot| snapshot.id);
    let proposals = store.proposals(container).await.unwrap_or_default().into_iter().map(|proposal| proposal.id);
    snapshots.chain(proposals).any(|id| lost.contains(&id))
}

/// Panics of the store's own threads: those of a test's thread fail it anyway.
static PANICS: AtomicUsize = AtomicUsize::new(0);

fn count_panics() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        let hook = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            let is_test = std::thread::current().name().is_some_and(|name| name.starts_with("faults::"));
            PANICS.fetch_add(usize::from(!is_test), Ordering::Relaxed);
            hook(info);
        }));
    });
}

/// Damages of one store before another is made.
const STORE_ROUNDS: usize = 10;

fn damaged(test: &str, rounds: usize, is_chosen: fn(&str) -> bool, objects_only: bool) {
    count_panics();
    let scratch = scratch();
    let mut random = Random::of_this_run(test);
    let mut noticed = 0;
    let mut prepared = None;
    for round in 0..rounds {
        // A store may have its objects full of what nothing needs any more.
        let prepared = match &mut prepared {
            Some(prepared) if round % STORE_ROUNDS != 0 => prepared,
            slot => {
                let home = scratch.path().join(format!("prepared-{round}"));
                std::fs::create_dir(&home).expect("it is ours");
                slot.insert(prepare(&home, random.next(), 40))
            }
        };
        let dir = scratch.path().join("damaged");
        copy_directory(&prepared.store, &dir);
        let how = damage(&dir, is_chosen, &mut random);
        let found = block_on(survives(&dir, prepared, objects_only));
        let errors = found.unwrap_or_else(|wrong| panic!("round {round}: {how}: {wrong}\n(kept: {})", keep(&dir)));
        assert_eq!(PANICS.load(Ordering::Relaxed), 0, "round {round}: {how}: something panicked");
        noticed += usize::from(errors > 0);
        std::fs::remove_dir_all(&dir).expect("it is ours");
    }
    println!("{test}: {noticed} of {rounds} damages made an error");
    assert!(noticed > 0, "the damage does not show at all");
}

#[test]
fn damaged_objects_are_errors_or_repaired() {
    damaged("damaged_objects", if torture() { 2000 } else { 60 }, |path| path.contains("/packs/"), true);
}

#[test]
fn damaged_records_are_errors_or_repaired() {
    damaged("damaged_records", if torture() { 2000 } else { 60 }, |path| !path.contains("/packs/"), false);
}
