//! A box's settings: from arguments, and as text.

use anyhow::Result;

use super::Boxes;
use super::args::{SetArgs, SettingsArgs};
use crate::cli::{UsageError, format};
use crate::container::{Access, ContainerError, Durability, Ref, Settings, Update};

/// `box set`.
pub fn set(boxes: &Boxes, args: &SetArgs) -> Result<()> {
    let mut settings = boxes.wait(boxes.containers.get(&args.name))?.settings;
    change(&args.settings, &mut settings)?;
    let update = Update { name: args.rename.clone(), settings: Some(settings) };
    let changed = boxes.wait(boxes.containers.update(&args.name, update))?;
    boxes.answer(&changed, &changed.name)
}

/// Changes what the arguments name.
pub fn change(args: &SettingsArgs, settings: &mut Settings) -> Result<()> {
    for pair in &args.env {
        let (key, value) = pair.split_once('=').filter(|(key, _)| !key.is_empty()).ok_or_else(|| not_a_pair(pair))?;
        settings.env.insert(key.into(), value.into());
    }
    for key in &args.unset_env {
        settings.env.remove(key);
    }
    for (path, access) in &args.access {
        match path {
            Some(path) => drop(settings.profile.paths.insert(path.clone(), *access)),
            None => settings.profile.default = *access,
        }
    }
    let limits = &mut settings.limits;
    limits.fuel = args.fuel.unwrap_or(limits.fuel);
    limits.memory_bytes = args.memory.unwrap_or(limits.memory_bytes);
    limits.wall_time_ms = args.timeout.unwrap_or(limits.wall_time_ms);
    limits.tree_bytes = args.disk.unwrap_or(limits.tree_bytes);
    limits.tree_files = args.files.unwrap_or(limits.tree_files);
    settings.durability = args.durability.unwrap_or(settings.durability);
    if let Some(cwd) = &args.cwd {
        settings.cwd = Some(cwd.clone());
    }
    if let Some(expiry) = args.expires_after {
        settings.expires_after_ms = expiry.0;
    }
    Ok(())
}

fn not_a_pair(text: &str) -> UsageError {
    UsageError(format!("--env {text}: not K=V"))
}

/// The settings of the box that a state is of; the default ones if it is none's (any more).
pub fn of(boxes: &Boxes, state: &Ref) -> Result<Settings> {
    let containers = &boxes.containers;
    let name = match state {
        Ref::Image => None,
        Ref::At(name, _) => Some(name.clone()),
        Ref::Proposal(id) => Some(boxes.wait(containers.proposal(id))?.container),
        Ref::Snapshot(name) | Ref::Container(name) => {
            // A snapshot may be called by a name like a box's; its box may be gone.
            match boxes.wait(containers.store().snapshot(name))? {
                Some(snapshot) if boxes.wait(containers.store().container(name))?.is_none() => snapshot.container,
                _ => Some(name.clone()),
            }
        }
    };
    let Some(name) = name else { return Ok(Settings::default()) };
    match boxes.wait(containers.get(&name)) {
        Ok(container) => Ok(container.settings),
        // Whether the state is there at all, who uses it is told.
        Err(ContainerError::NotFound { .. }) => Ok(Settings::default()),
        Err(error) => Err(error.into()),
    }
}

/// What may be written where: `full`, `propose-writes; /usr read-only`.
pub fn profile(settings: &Settings) -> String {
    let word = |access: &Access| match access {
        Access::ReadOnly => "read-only",
        Access::ProposeWrites => "propose-writes",
        Access::Full => "full",
    };
    let paths = settings.profile.paths.iter();
    let paths = paths.map(|(path, access)| format!("; {} {}", format::printable(path.as_bytes()), word(access)));
    word(&settings.profile.default).to_owned() + &paths.collect::<String>()
}

/// When what an exec did is safe.
pub fn durability(settings: &Settings) -> String {
    match settings.durability {
        Durability::Sync => "sync".into(),
        Durability::Batched(ms) => format!("batched, {}", format::duration(ms.into())),
    }
}
