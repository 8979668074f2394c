//! Containers: named sandboxes whose state survives. The library that everything above is built on.
//!
//! **What this is.** [`Containers`] is the service, made once a process: it creates containers, runs execs in them and commits what they
//! did, takes snapshots, forks, diffs, merges, restores, and holds proposals until somebody decides. Every change leaves a numbered
//! log record with the root it left, committed together with the blobs of that root under the fence of the container's lease.
//!
//! **What is not here.** How trees become blobs (`vfs`), how blobs and records are kept (`storage`), how programs run (`sandbox`).
//!
//! **How it is used.**
//!
//! ```no_run
//! # async fn run(image: coquina::sandbox::Image, store: coquina::storage::Store) -> Result<(), coquina::container::ContainerError> {
//! use coquina::container::{Containers, ContainersConfig, Create, ExecOptions, Ref};
//! use coquina::sandbox::Exec;
//!
//! let containers = Containers::open(image, store, ContainersConfig::default());
//! let made = containers.create(Create::default()).await?;
//! let done = containers.exec(&made.id, Exec::bash("echo hi > note"), ExecOptions::default()).await?;
//! assert_eq!(done.changes()?.len(), 1);
//! let before = Ref::At(made.id.clone(), 1);
//! containers.restore(&made.id, &before).await?;
//! containers.shutdown().await?;
//! # Ok(()) }
//! ```
//!
//! **Where.** `service` is the face and `records` what only touches records; `reference` names states and `state` finds them; `live` is a
//! container in use: its lease, its sandbox, its queue; `exec` runs in it, `land` commits what was done, `history`, `proposal` and `files` are
//! the other ways to change and look; `settings` has the profile that says who may write where; `upkeep` is what time does.
//!
//! **Invariants.** A container's state changes only under its lease, in a commit that carries the fence. What is reported done with
//! `Durability::Sync` is durable. A commit that fails leaves the container as the last one that did not. Names are for people; ids
//! (`cntr_…`, `snap_…`, `prop_…`) are what records refer to.

mod error;
mod exec;
mod files;
mod history;
mod land;
mod live;
mod proposal;
mod records;
mod reference;
mod service;
mod settings;
mod state;
mod upkeep;

pub use error::ContainerError;
pub use exec::{Done, ExecOptions, Landed, RunningExec, RunningTogether, Together};
pub use files::file_id;
pub use history::Difference;
pub use records::{Container, Create, Origin, Update};
pub use reference::{Ref, RefError};
pub use service::{Containers, ContainersConfig, Retention};
pub use settings::{Access, Durability, Profile, Settings};
pub use upkeep::Upkeep;
