//! Containers from end to end.

#[path = "../common/mod.rs"]
mod common;
mod files;
mod house;
mod rules;
mod states;
