//! Responses from end to end: a model made for the test, real containers, the events that clients would see.

mod common;

#[path = "agent_run/house.rs"]
mod house;

#[path = "agent_run/approvals.rs"]
mod approvals;
#[path = "agent_run/calls.rs"]
mod calls;
#[path = "agent_run/compaction.rs"]
mod compaction;
#[path = "agent_run/shell.rs"]
mod shell;
#[path = "agent_run/tools.rs"]
mod tools;
#[path = "agent_run/turns.rs"]
mod turns;
