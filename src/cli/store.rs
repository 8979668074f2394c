//! `coquina store`, and where the store is.

use std::path::PathBuf;

use anyhow::{Context as _, Result};

use super::boxes::Boxes;
use super::boxes::args::{PlaceArgs, StoreArgs, StoreCommand};
use super::format::{self, Style, paint};
use super::{config, exec, output};
use crate::storage::{CheckReport, Stats, Store, StoreConfig};

/// Exit status of `store check` when something is wrong.
const EXIT_DAMAGED: u8 = 1;

/// Opens the store: as given, else as configured. Makes it if it is not there.
pub fn open(place: &PlaceArgs) -> Result<Store> {
    let settings = config::without_flags()?;
    open_at(place.store.clone().or(settings.store), place.store_quota.or(settings.store_quota))
}

/// Opens the store in a directory.
pub fn open_at(directory: Option<PathBuf>, quota_bytes: Option<u64>) -> Result<Store> {
    let unknown = "where boxes are kept cannot be told: give --store, or set COQUINA_STORE or HOME";
    let config = StoreConfig::directory(directory.context(unknown)?);
    Ok(Store::open(StoreConfig { quota_bytes: quota_bytes.unwrap_or(config.quota_bytes), ..config })?)
}

/// Runs a `coquina store` command and returns its exit status.
pub fn run(args: &StoreArgs) -> Result<u8> {
    let json = args.place.json;
    match &args.command {
        StoreCommand::Gc => collect(&args.place),
        StoreCommand::Check { repair } => {
            let (store, runtime) = (open(&args.place)?, exec::runtime()?);
            let report = runtime.block_on(store.check(*repair))?;
            if json {
                output::json(&report)?
            } else {
                tell_check(&report)?
            }
            Ok(if report.is_clean() { 0 } else { EXIT_DAMAGED })
        }
        StoreCommand::Backup { to } => {
            let (store, runtime) = (open(&args.place)?, exec::runtime()?);
            runtime.block_on(store.backup(to))?;
            if json {
                output::json(&serde_json::json!({ "backup": to }))?
            } else {
                output::line(&to.display().to_string())?
            }
            Ok(0)
        }
        StoreCommand::Stats => {
            let (store, runtime) = (open(&args.place)?, exec::runtime()?);
            let stats = runtime.block_on(store.stats())?;
            if json {
                output::json(&stats)?
            } else {
                tell_stats(&stats)?
            }
            Ok(0)
        }
    }
}

/// Lets expire what is due, then collects garbage.
fn collect(place: &PlaceArgs) -> Result<u8> {
    let boxes = Boxes::open(place)?;
    let upkeep = boxes.wait(boxes.containers.tick())?;
    let collected = boxes.wait(boxes.containers.store().collect())?;
    boxes.close()?;
    if place.json {
        output::json(&serde_json::json!({ "expired": upkeep.expired, "collected": collected }))?;
        return Ok(0);
    }
    for id in upkeep.expired {
        output::line(&format!("expired {id}"))?;
    }
    output::line(&if collected.skipped {
        "another process is collecting garbage or making a backup: nothing was done".into()
    } else {
        let (blobs, freed) = (collected.removed_blobs, format::size(collected.freed_bytes));
        format!("{blobs} blobs removed, {freed} freed; {} blobs are in use", collected.live_blobs)
    })?;
    Ok(0)
}

fn tell_check(report: &CheckReport) -> Result<()> {
    for problem in &report.problems {
        let repaired = if problem.repaired { paint("repaired", Style::Good) } else { paint("damaged", Style::Bad) };
        output::line(&format!("{repaired}: {}", format::printable(problem.what.as_bytes())))?;
        for id in &problem.loses {
            output::line(&format!("  lost from {id}"))?;
        }
    }
    let verdict = match report.is_clean() {
        true if report.problems.is_empty() => "all is well",
        true => "all is repaired",
        false => "not all is well",
    };
    let (blobs, packs, bytes) = (report.blobs, report.packs, format::size(report.bytes));
    output::line(&format!("{blobs} blobs in {packs} packs, {bytes}: {verdict}"))
}

fn tell_stats(stats: &Stats) -> Result<()> {
    let quota = stats.quota_bytes.map_or_else(String::new, |quota| format!(" of {}", format::size(quota)));
    let rows = [
        ("boxes", stats.containers.to_string()),
        ("entries", stats.log_records.to_string()),
        ("snapshots", stats.snapshots.to_string()),
        ("proposals", stats.proposals.to_string()),
        ("images", stats.images.to_string()),
        ("blobs", format!("{} in {} packs", stats.blobs, stats.packs)),
        (
            "stored",
            format!(
                "{}{quota}, {} of it among the records",
                format::size(stats.stored_bytes),
                format::size(stats.inline_bytes)
            ),
        ),
        ("commits", stats.commits.to_string()),
        ("format", stats.format.to_string()),
    ];
    rows.iter()
        .try_for_each(|(what, value)| output::line(&format!("{} {value}", paint(&format!("{what:<10}"), Style::Faint))))
}
