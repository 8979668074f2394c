//! Coquina: a self-hosted agent computer.
//!
//! The rooms, lowest first; each uses only those before it (`tests/layering.rs` checks).

pub mod base;
pub mod cli;
pub mod kernel;
pub mod sandbox;
pub mod vfs;
pub mod wasi;
