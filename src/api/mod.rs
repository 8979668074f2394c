//! The HTTP service: what `coquina serve` speaks. The only room that knows HTTP.
//!
//! **What this is.** [`serve`] answers connections of a listener with a [`Service`]: the image, the keys, the quotas, the figures. One file
//! has the routes (`router.rs`), one what every request passes (`gate.rs`), one the errors (`error.rs`); each resource has a file of
//! handlers, or a folder, and its JSON has a file in `wire/`. docs/architecture.md has a table of them all.
//!
//! **What is not here.** Commands run in the sandbox room, containers live in theirs; a handler translates and waits.
//!
//! **Invariants.** Every answer of 400 or more is the envelope of `error.rs`. No number or name of a client's is used unchecked, nothing of a
//! client's is kept in memory without a bound. A client that goes away takes what runs for it along.

mod admission;
mod approvals;
mod archive;
mod audit;
mod bare;
mod bodies;
mod body;
mod config;
mod container_exec;
mod container_files;
mod containers;
mod conversations;
mod error;
mod exec;
mod fields;
mod files;
mod form;
mod gate;
mod glob;
mod health;
mod history;
mod idempotency;
mod items;
mod json;
mod kept;
mod keys;
mod metrics;
mod models;
mod openapi;
mod path;
mod place;
mod references;
mod refusal;
mod responses;
mod router;
mod run;
mod server;
mod service;
mod skills;
mod socket;
mod sse;
mod stored;
mod telemetry;
mod tty;
mod upkeep;
mod wire;

pub use config::{ApiConfig, AuditKeep};
pub use keys::{Key, KeyError, Keys, NewKey, Quotas, Scope};
pub use server::{TlsError, serve, tls};
pub use service::Service;
pub use telemetry::TRACE_TARGET;
