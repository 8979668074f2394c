//! The Responses and Conversations API as its clients see it.

#[path = "responses/agents.rs"]
mod agents;
#[path = "responses/answers.rs"]
mod answers;
#[path = "responses/approvals.rs"]
mod approvals;
#[path = "http/client.rs"]
#[allow(dead_code, reason = "each test binary uses its part")]
mod client;
mod common;
#[path = "responses/conversations.rs"]
mod conversations;
#[path = "responses/gone.rs"]
mod gone;
#[path = "responses/places.rs"]
mod places;
#[path = "http/program.rs"]
#[allow(dead_code, reason = "each test binary uses its part")]
mod program;
#[path = "responses/recovery.rs"]
mod recovery;
#[path = "responses/references.rs"]
mod references;
#[path = "responses/replay.rs"]
mod replay;
#[path = "responses/requests.rs"]
mod requests;
#[path = "responses/sdk.rs"]
mod sdk;
#[path = "http/server.rs"]
#[allow(dead_code, reason = "each test binary uses its part")]
mod server;
#[path = "responses/socket.rs"]
mod socket;
