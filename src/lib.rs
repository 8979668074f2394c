//! Coquina: a self-hosted agent computer.
//!
//! The rooms, lowest first; each uses only those before it (`tests/layering.rs` checks).

pub mod agent;
pub mod api;
pub mod base;
pub mod cli;
pub mod container;
pub mod kernel;
pub mod sandbox;
pub mod storage;
pub mod vfs;
pub mod wasi;
