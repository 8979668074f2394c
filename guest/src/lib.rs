//! Coquina's bash-compatible shell.
//!
//! Script text becomes a tree ([`syntax`]); [`expand`] turns its words into texts and [`exec`] carries its commands out for a
//! [`shell::Shell`], with the [`builtins`]; [`state`] is how a subshell starts in a process of its own; [`startup`] is what
//! happens first. Everything outside is behind [`system`]. The leaf libraries know nothing of the shell: [`arith`],
//! [`pattern`], [`text`], [`printf`], [`test_expr`].

pub mod arith;
pub mod builtins;
pub mod exec;
pub mod expand;
pub mod names;
pub mod options;
pub mod pattern;
pub mod printf;
pub mod shell;
pub mod startup;
pub mod state;
pub mod syntax;
pub mod system;
pub mod test_expr;
pub mod text;
pub mod vars;
pub mod wire;

#[cfg(test)]
mod tests;
