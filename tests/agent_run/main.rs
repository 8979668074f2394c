//! Responses from end to end: a model made for the test, real containers, the events that clients would see.

#[path = "../common/mod.rs"]
mod common;

mod house;

mod approvals;
mod calls;
mod compaction;
mod shell;
mod tools;
mod turns;
