//! `coquina completion`: what makes a shell complete this program's words.

use anyhow::Result;
use clap::CommandFactory as _;
use clap_complete::Shell;

use super::args::Cli;
use super::output;

/// Prints the completion script for a shell.
pub fn completion(shell: Shell) -> Result<u8> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "coquina", &mut script);
    output::write(script)?;
    Ok(0)
}
