//! The command line: arguments, terminal, exit statuses. The only room with `anyhow`.

mod agent;
mod approvals;
mod args;
mod audit;
mod boxes;
mod completion;
mod config;
mod demo;
mod exec;
mod format;
mod image;
mod keys;
mod limits;
mod log;
mod models;
mod output;
mod policy;
mod quantity;
mod report;
mod serve;
mod setup;
mod shell;
mod store;
mod wasi;

use std::io;
use std::process::ExitCode;

use clap::Parser as _;

use crate::container::ContainerError;
use args::{Cli, Command, ImageCommand, WasiCommand};

/// Exit status for a fault on the host's side: a missing directory, a bad image.
const EXIT_HOST_FAULT: u8 = 125;

/// Exit status for a merge of what does not go together.
const EXIT_CONFLICT: u8 = 1;

/// Exit status when nobody reads what is written: that of SIGPIPE.
const EXIT_PIPE: u8 = 128 + 13;

/// Exit status for wrong usage.
const EXIT_USAGE: u8 = 2;

/// Runs the program with the process's arguments. `give_back` gives free memory back to the system: a service calls it now and then.
pub fn main(give_back: fn()) -> ExitCode {
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
        Command::Box(args) => boxes::run(&args),
        Command::Store(args) => store::run(&args),
        Command::Completion { shell } => completion::completion(shell),
        Command::Serve(args) => serve::serve(&args, give_back),
        Command::Config(args) => config::run(&args),
        Command::Keys(args) => keys::run(&args),
        Command::Audit(args) => audit::run(&args),
        Command::Agent(args) => agent::run(&args),
        Command::Approvals(args) => approvals::run(&args),
        Command::Limits => limits::limits(),
        Command::Wasi(WasiCommand::Run(args)) => wasi::run(&args),
        Command::Image(ImageCommand::Build { recipe, wasm, out }) => image::build(&recipe, &wasm, &out),
        Command::Image(ImageCommand::Verify { image }) => image::verify(image.as_deref()),
        Command::Image(ImageCommand::Embed { out, image }) => image::embed(&out, image.as_deref()),
        Command::Demo(args) => demo::demo(&args),
    };
    match status {
        // Leaving at once: unmapping the engine's pool takes longer than many a command.
        Ok(status) => std::process::exit(status.into()),
        Err(error) => std::process::exit(fail(&error).into()),
    }
}

/// Says what went wrong and returns the exit status for it.
fn fail(error: &anyhow::Error) -> u8 {
    if error.downcast_ref::<io::Error>().is_some_and(|e| e.kind() == io::ErrorKind::BrokenPipe) {
        return EXIT_PIPE;
    }
    eprintln!("coquina: {}", message(error));
    if let Some(ContainerError::Conflicts(conflicts)) = error.downcast_ref() {
        eprint!("{}", boxes::conflict_lines(conflicts));
        return EXIT_CONFLICT;
    }
    if error.is::<UsageError>() { EXIT_USAGE } else { EXIT_HOST_FAULT }
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
