//! `coquina box` and `coquina store` as a person or a script uses them: every call is a process of its own, over one store.

mod boxes;
#[path = "../common/mod.rs"]
mod common;
mod exec;
mod files;
mod house;
mod proposals;
mod states;
mod store;
