//! Agents: a model proposes, the sandbox runs, the model sees what came of it, until it is done.

pub mod item;
pub mod model;
