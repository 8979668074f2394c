//! Coquina's bash-compatible shell as a library: the leaf modules know nothing of the shell.

pub mod arith;
pub mod pattern;
pub mod printf;
pub mod test_expr;
pub mod text;
