//! Models behind HTTP, against a server that answers as real ones do, on good days and bad ones.

#[path = "agent/upstream_answers.rs"]
mod answers;
#[path = "agent/upstream_quirks.rs"]
mod quirks;
#[path = "agent/upstream_responses.rs"]
mod responses;
#[path = "agent/upstream_trouble.rs"]
mod trouble;
#[path = "agent/upstream.rs"]
mod upstream;
