//! The Responses and Conversations API as its clients see it.

mod agents;
mod answers;
mod approvals;
#[path = "../http/client.rs"]
#[allow(dead_code, reason = "each test binary uses its part")]
mod client;
#[path = "../common/mod.rs"]
mod common;
mod conversations;
mod gone;
mod places;
#[path = "../http/program.rs"]
#[allow(dead_code, reason = "each test binary uses its part")]
mod program;
mod recovery;
mod references;
mod replay;
mod requests;
mod sdk;
#[path = "../http/server.rs"]
#[allow(dead_code, reason = "each test binary uses its part")]
mod server;
mod socket;
