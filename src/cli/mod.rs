//! The command line: arguments, terminal, exit statuses. The only room with `anyhow`.

mod args;
mod demo;
mod exec;
mod image;
mod limits;
mod report;
mod setup;
mod shell;
mod wasi;

use std::process::ExitCode;

use clap::Parser as _;

use args::{Cli, Command, ImageCommand, WasiCommand};

/// Exit status for a fault on the host's side: a missing directory, a bad image.
const EXIT_HOST_FAULT: u8 = 125;

/// Exit status for wrong usage.
const EXIT_USAGE: u8 = 2;

/// Runs the program with the process's arguments.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { EXIT_USAGE } else { 0 });
        }
    };
    let status = match cli.command {
        Command::Exec(args) => exec::exec(&args),
        Command::Shell(args) => shell::shell(&args),
        Command::Limits => limits::limits(),
        Command::Wasi(WasiCommand::Run(args)) => wasi::run(&args),
        Command::Image(ImageCommand::Build { recipe, wasm, out }) => image::build(&recipe, &wasm, &out),
        Command::Image(ImageCommand::Verify { image }) => image::verify(image.as_deref()),
        Command::Demo(args) => demo::demo(&args),
    };
    match status {
        // Leaving at once: unmapping the engine's pool takes longer than many a command.
        Ok(status) => std::process::exit(status.into()),
        Err(error) => {
            eprintln!("coquina: {}", message(&error));
            ExitCode::from(if error.is::<UsageError>() { EXIT_USAGE } else { EXIT_HOST_FAULT })
        }
    }
}

/// An error with its causes, each said once: many a library's message ends with its cause already.
fn message(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if text.is_empty() {
            text = cause;
        } else if !text.ends_with(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

/// Wrong usage that clap cannot see.
#[derive(Debug)]
struct UsageError(String);

impl std::fmt::Display for UsageError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for UsageError {}
