//! Models behind HTTP, against a server that answers as real ones do, on good days and bad ones.

mod agents;
mod answers;
mod approvals;
#[path = "../http/client.rs"]
#[allow(dead_code, reason = "each test binary uses its part")]
mod client;
#[path = "../common/mod.rs"]
mod common;
mod quirks;
mod responses;
#[path = "../http/server.rs"]
#[allow(dead_code, reason = "each test binary uses its part")]
mod server;
mod service;
mod trouble;
mod upstream;
