//! The HTTP service as its clients see it: over sockets, byte by byte where it matters.

mod again;
mod archives;
mod bad_input;
mod client;
#[path = "../common/mod.rs"]
mod common;
mod containers;
mod examples;
mod hostile;
mod keys;
mod nested;
mod program;
mod run;
mod sdk;
mod server;
mod serving;
mod traces;
mod tty;
