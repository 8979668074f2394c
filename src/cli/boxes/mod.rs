//! `coquina box`: durable sandboxes on the command line.
//!
//! [`Boxes`] is the service that the commands use, with a runtime to wait on; each file has commands of a kind.

pub mod args;
mod change;
mod copy;
mod host;
mod list;
mod pipe;
mod run;
mod settings;

pub use change::{coloured, conflict_lines, review};
pub use host::pack;
pub use pipe::pipe;

use anyhow::{Context as _, Result};

use super::{EXIT_CONFLICT, output, setup};
use crate::base::Limits;
use crate::cli::store;
use crate::container::{ContainerError, Containers, ContainersConfig, Create, Origin, Ref};
use args::{BoxArgs, BoxCommand, CreateArgs, PlaceArgs};

/// The boxes of a store.
pub struct Boxes {
    pub containers: Containers,
    runtime: tokio::runtime::Runtime,
    /// Whether to answer in JSON.
    json: bool,
}

impl Boxes {
    /// Opens the store and the image.
    pub fn open(place: &PlaceArgs) -> Result<Boxes> {
        let store = store::open(place)?;
        let image = setup::image(&setup::engine(&Limits::default())?, place.image.as_deref())?;
        // On a thread of its own: a box is given up to another process also while this one waits for its user.
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.context("the runtime cannot be started")?;
        let containers = {
            let _entered = runtime.enter();
            Containers::open(image, store, ContainersConfig::default())
        };
        Ok(Boxes { containers, runtime, json: place.json })
    }

    /// Waits for a call of the service.
    pub fn wait<F: Future>(&self, call: F) -> F::Output {
        self.runtime.block_on(call)
    }

    /// Waits for what runs and is not stored yet, and gives up what other processes may want.
    pub fn close(&self) -> Result<()> {
        Ok(self.wait(self.containers.shutdown())?)
    }

    /// Runs a command and returns the exit status.
    fn run(&self, command: &BoxCommand) -> Result<u8> {
        match command {
            BoxCommand::Exec(args) => return run::exec(self, args),
            BoxCommand::Shell(args) => return run::shell(self, args),
            BoxCommand::Create(args) => self.create(args)?,
            BoxCommand::Set(args) => settings::set(self, args)?,
            BoxCommand::Rm { which } => self.remove(which)?,
            BoxCommand::Hibernate { name } => self.hibernate(name)?,
            BoxCommand::Ls(args) => list::boxes(self, args)?,
            BoxCommand::Show { name } => list::show(self, name)?,
            BoxCommand::Log(args) => list::log(self, args)?,
            BoxCommand::Snapshots { name } => list::snapshots(self, name.as_deref())?,
            BoxCommand::Proposals { name, all } => list::proposals(self, name.as_deref(), *all)?,
            BoxCommand::Snapshot { name, snapshot } => change::snapshot(self, name, snapshot.as_deref())?,
            BoxCommand::Fork { from, name } => change::fork(self, from, name.as_deref())?,
            BoxCommand::Diff(args) => change::diff(self, args)?,
            BoxCommand::Merge { name, from } => change::merge(self, name, from)?,
            BoxCommand::Restore { name, from } => change::restore(self, name, from)?,
            BoxCommand::Prune { name, keep } => change::prune(self, name, *keep)?,
            BoxCommand::Proposal { id, text } => change::proposal(self, id, *text)?,
            BoxCommand::Apply { id } => change::apply(self, id)?,
            BoxCommand::Discard { id } => change::discard(self, id)?,
            BoxCommand::Export(args) => copy::export(self, args)?,
            BoxCommand::Import(args) => copy::import(self, args)?,
            BoxCommand::Cp(args) => copy::copy(self, args)?,
        }
        Ok(0)
    }

    fn create(&self, args: &CreateArgs) -> Result<()> {
        let from = match (&args.from, &args.tar) {
            (Some(state), _) => Origin::State(state.clone()),
            (_, Some(tar)) => Origin::Tar { archive: copy::archive(Some(tar))?, at: args.at.clone().into_bytes() },
            (None, None) => Origin::Image,
        };
        let mut settings = args.from.as_ref().map_or(Ok(Default::default()), |state| settings::of(self, state))?;
        settings::change(&args.settings, &mut settings)?;
        let create = Create { name: args.name.clone(), from, settings, ..Create::default() };
        let made = self.wait(self.containers.create(create))?;
        self.answer(&made, &made.id)
    }

    fn remove(&self, which: &[String]) -> Result<()> {
        for name in which {
            self.wait(async {
                if matches!(name.parse(), Ok(Ref::Snapshot(_))) {
                    return self.containers.remove_snapshot(name).await;
                }
                match self.containers.remove(name).await {
                    // What is no box may be a snapshot's name.
                    Err(error @ ContainerError::NotFound { .. }) => {
                        self.containers.remove_snapshot(name).await.map_err(|_| error)
                    }
                    done => done,
                }
            })?;
        }
        if self.json { output::json(&serde_json::json!({ "removed": which })) } else { Ok(()) }
    }

    /// A box lives in the process that uses it. Asking for its lease is what makes that process let go of it.
    fn hibernate(&self, name: &str) -> Result<()> {
        let id = self.wait(self.containers.get(name))?.id;
        let wait = ContainersConfig::default().lease_wait;
        let lease = self.wait(self.containers.store().lease(&id, wait))?;
        self.wait(lease.release());
        self.answer(&serde_json::json!({ "id": id }), &format!("{name} is in no memory"))
    }

    /// Answers with a value as JSON, or a line for people.
    fn answer(&self, value: &impl serde::Serialize, line: &str) -> Result<()> {
        if self.json { output::json(value) } else { output::line(line) }
    }
}

/// Runs a `coquina box` command and returns its exit status.
pub fn run(args: &BoxArgs) -> Result<u8> {
    let boxes = Boxes::open(&args.place)?;
    let status = boxes.run(&args.command);
    let closed = boxes.close();
    let status = status.or_else(|error| match error.downcast_ref() {
        Some(ContainerError::Conflicts(conflicts)) if boxes.json => {
            output::json(&serde_json::json!({ "conflicts": change::json_conflicts(conflicts) }))?;
            Ok(EXIT_CONFLICT)
        }
        _ => Err(error),
    })?;
    closed?;
    Ok(status)
}
