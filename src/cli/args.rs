//! The command line, as typed.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;

use super::boxes::args::{BOX_HELP, BoxArgs, StoreArgs};
use super::quantity;

const EXIT_STATUS: &str = "\
Exit status:
  that of the script; 124 when the wall-clock limit tripped, 137 for any other limit, 125 for a fault on the
  host's side (a missing directory, a bad image), 2 for wrong usage.

Examples:
  coquina exec -c 'echo hi | tr a-z A-Z'
  coquina exec --dir .::/mnt/data:ro --cwd /mnt/data -c 'wc -l *.csv'
  coquina exec --fuel 1000000000 --timeout 10 script.sh one two
  generate-script | coquina exec --stdin-script
  coquina exec --json -c 'ls -l /' | jq .metering";

const COMPLETION_HELP: &str = "\
Examples:
  coquina completion bash > ~/.local/share/bash-completion/completions/coquina
  coquina completion zsh > ~/.zfunc/_coquina
  coquina completion fish > ~/.config/fish/completions/coquina.fish";

/// A self-hosted agent computer: bash command lines in WebAssembly processes.
#[derive(Parser)]
#[command(name = "coquina", version, disable_help_subcommand = true)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Subcommand)]
pub enum Command {
    /// Run a bash command line or script in a fresh sandbox.
    #[command(after_help = EXIT_STATUS)]
    Exec(ExecArgs),
    /// An interactive prompt over one sandbox; files, variables and functions live as long as it.
    Shell(SandboxArgs),
    /// Durable sandboxes: named boxes whose files outlive the command; snapshots, forks, proposals.
    #[command(after_help = BOX_HELP)]
    Box(BoxArgs),
    /// Where boxes are kept: check, collect garbage, back up.
    Store(StoreArgs),
    /// Serve HTTP: containers, files, one-shot runs.
    Serve(super::serve::ServeArgs),
    /// Print the settings that `serve` would go by, and where each came from: a flag, a variable, the file, the default.
    Config(super::config::ConfigArgs),
    /// Who may use the HTTP service.
    Keys(super::keys::KeysArgs),
    /// What was done through the HTTP service.
    Audit(super::audit::AuditArgs),
    /// Let an agent work on a folder: it works on a copy, and what it changed is shown before it is applied.
    #[command(after_help = super::agent::AGENT_HELP)]
    Agent(super::agent::AgentArgs),
    /// Calls of agents that wait for a person.
    Approvals(super::approvals::ApprovalsArgs),
    /// Print every limit, its default and its unit.
    Limits,
    /// WebAssembly programs on their own.
    #[command(subcommand)]
    Wasi(WasiCommand),
    /// The root image.
    #[command(subcommand)]
    Image(ImageCommand),
    /// Print what makes a shell complete `coquina`'s words.
    #[command(after_help = COMPLETION_HELP)]
    Completion { shell: Shell },
    /// Fork a sandbox, break something in the fork, and show by diff that the original is untouched.
    #[command(hide = true)]
    Demo(DemoArgs),
}

/// What a sandbox gets.
#[derive(Args, Clone)]
pub struct SandboxArgs {
    /// Give the sandbox a host directory. `rw` (the default) writes to it, `ro` never does, `cow` keeps changes in the sandbox.
    #[arg(long = "dir", value_name = "HOST::GUEST[:ro|rw|cow]")]
    pub dirs: Vec<String>,
    /// Set an environment variable; nothing of the host's environment is inherited.
    #[arg(long = "env", value_name = "K=V")]
    pub env: Vec<OsString>,
    /// Working directory in the sandbox.
    #[arg(long, value_name = "DIR", default_value = "/home/user")]
    pub cwd: String,
    /// Limit of WebAssembly instructions.
    #[arg(long, value_name = "N")]
    pub fuel: Option<u64>,
    /// Limit of memory of all processes together, in bytes or as `512M`.
    #[arg(long, value_name = "SIZE", value_parser = quantity::size)]
    pub memory: Option<u64>,
    /// Limit of wall-clock time, in seconds or as `90s`, `15m`.
    #[arg(long, value_name = "TIME", value_parser = quantity::duration_ms)]
    pub timeout: Option<u64>,
    /// The root image: its folder, or a program that has it at its end; else $COQUINA_IMAGE, else this program if it has one, else `image` beside it.
    #[arg(long, value_name = "PATH")]
    pub image: Option<PathBuf>,
}

#[derive(Args)]
pub struct ExecArgs {
    #[command(flatten)]
    pub sandbox: SandboxArgs,
    /// Print one JSON document with outcome, output and metering, and nothing else.
    #[arg(long)]
    pub json: bool,
    /// Print what each process used to standard error.
    #[arg(long)]
    pub metering: bool,
    #[command(flatten)]
    pub what: ScriptArgs,
}

/// What bash is given to run.
#[derive(Args)]
pub struct ScriptArgs {
    /// Run this command line; what follows are its $0, $1 …
    #[arg(short = 'c', value_name = "SCRIPT", conflicts_with = "stdin_script")]
    pub script: Option<OsString>,
    /// Read the script from standard input, as `bash -s` does.
    #[arg(long)]
    pub stdin_script: bool,
    /// A script on the host, and its arguments.
    #[arg(value_name = "FILE [ARGS]", trailing_var_arg = true, allow_hyphen_values = true)]
    pub args: Vec<OsString>,
}

#[derive(Subcommand)]
pub enum WasiCommand {
    /// Run a WASI preview 1 command; exits with its status, 134 for a trap.
    Run(WasiRunArgs),
}

#[derive(Args)]
pub struct WasiRunArgs {
    /// The WebAssembly file.
    pub file: PathBuf,
    /// Preopen a host directory under a guest name.
    #[arg(long = "dir", value_name = "HOST::GUEST[:ro|rw|cow]")]
    pub dirs: Vec<String>,
    /// Set an environment variable.
    #[arg(long = "env", value_name = "K=V")]
    pub env: Vec<OsString>,
    /// The program's arguments.
    #[arg(last = true)]
    pub args: Vec<OsString>,
}

#[derive(Subcommand)]
pub enum ImageCommand {
    /// Compile an image from a recipe.
    Build {
        /// The recipe (`wasm-tools/image.toml`).
        recipe: PathBuf,
        /// The folder with the programs' .wasm files.
        wasm: PathBuf,
        /// The folder to write.
        out: PathBuf,
    },
    /// Check every file of an image against its hash.
    Verify {
        /// The image; else as for `exec`.
        image: Option<PathBuf>,
    },
    /// Write a copy of this program with the image at its end: one file that needs nothing beside it.
    Embed {
        /// The program to write.
        out: PathBuf,
        /// The image; else as for `exec`.
        image: Option<PathBuf>,
    },
}

#[derive(Args)]
pub struct DemoArgs {
    #[command(flatten)]
    pub sandbox: SandboxArgs,
    /// The script whose result is shown and then broken in a fork.
    pub script: PathBuf,
    /// Its arguments.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    pub args: Vec<OsString>,
}
