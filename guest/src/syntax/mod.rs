//! From script text to a program: the tree, the parser, the printer and the form a tree travels in.

pub mod ast;
pub mod codec;
mod commands;
mod compound;
mod cond;
pub mod error;
mod heredoc;
mod input;
mod params;
pub mod parser;
pub mod print;
mod redirs;
mod renumber;
mod words;

pub use error::{ErrorKind, SyntaxError};
pub use input::{Lines, Source};
pub use parser::{AliasMap, Parser, Settings};

#[cfg(test)]
mod tests;
