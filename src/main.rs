//! The `coquina` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    coquina::cli::main()
}
