//! Models behind HTTP, against a server that answers as real ones do, on good days and bad ones.

#[path = "agent/upstream_agents.rs"]
mod agents;
#[path = "agent/upstream_answers.rs"]
mod answers;
#[path = "agent/upstream_approvals.rs"]
mod approvals;
#[path = "http/client.rs"]
#[allow(dead_code, reason = "each test binary uses its part")]
mod client;
mod common;
#[path = "agent/upstream_quirks.rs"]
mod quirks;
#[path = "agent/upstream_responses.rs"]
mod responses;
#[path = "http/server.rs"]
#[allow(dead_code, reason = "each test binary uses its part")]
mod server;
#[path = "agent/upstream_service.rs"]
mod service;
#[path = "agent/upstream_trouble.rs"]
mod trouble;
#[path = "agent/upstream.rs"]
mod upstream;
