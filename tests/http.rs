//! The HTTP service as its clients see it: over sockets, byte by byte where it matters.

#[path = "http/again.rs"]
mod again;
#[path = "http/archives.rs"]
mod archives;
#[path = "http/bad_input.rs"]
mod bad_input;
#[path = "http/client.rs"]
mod client;
mod common;
#[path = "http/containers.rs"]
mod containers;
#[path = "http/examples.rs"]
mod examples;
#[path = "http/hostile.rs"]
mod hostile;
#[path = "http/keys.rs"]
mod keys;
#[path = "http/nested.rs"]
mod nested;
#[path = "http/program.rs"]
mod program;
#[path = "http/run.rs"]
mod run;
#[path = "http/sdk.rs"]
mod sdk;
#[path = "http/server.rs"]
mod server;
#[path = "http/serving.rs"]
mod serving;
#[path = "http/traces.rs"]
mod traces;
#[path = "http/tty.rs"]
mod tty;
