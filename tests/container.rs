//! Containers from end to end.

mod common;
#[path = "container/files.rs"]
mod files;
#[path = "container/house.rs"]
mod house;
#[path = "container/rules.rs"]
mod rules;
#[path = "container/states.rs"]
mod states;
