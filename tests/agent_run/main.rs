//! Responses from end to end: a model made for the test, real containers, the events that clients would see.

mod approvals;
mod calls;
#[path = "../common/mod.rs"]
mod common;
mod compaction;
mod house;
mod shell;
mod tools;
mod turns;
