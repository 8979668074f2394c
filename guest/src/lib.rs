//! Coquina's bash-compatible shell.
//!
//! * [`syntax`]: script text to a tree, the tree's printed form, and the form it travels in to a subshell.
//! * [`system`]: everything the shell asks of the outside, behind one trait.
//! * the leaf libraries, which know nothing of the shell: [`arith`], [`pattern`], [`text`], [`printf`], [`test_expr`].

pub mod arith;
pub mod names;
pub mod pattern;
pub mod printf;
pub mod syntax;
pub mod system;
pub mod test_expr;
pub mod text;
pub mod wire;
