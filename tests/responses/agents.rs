//! The stock `openai-agents`, Python and JavaScript, against `coquina serve` with a scripted model.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use super::common::clients::{python, run};
use super::program::Program;

fn here() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/responses/agents")
}

/// A service on a port of its own, with the model of these tests under the names that the SDK insists on too.
fn service() -> (Program, String, TempDir) {
    let folder = tempfile::tempdir().expect("there is room");
    let config = folder.path().join("coquina.toml");
    let names = r#"aliases = ["gpt-4.1", "gpt-5.5"]"#;
    let model = format!("[models.m]\nkind = \"scripted\"\nscript = {:?}\n{names}\n", here().join("script.toml"));
    std::fs::write(&config, model).expect("it can be written");
    let mut command = Command::new(env!("CARGO_BIN_EXE_coquina"));
    let program = Program::with(command.args(["serve", "--in-memory", "--config"]).arg(config));
    let url = format!("http://{}", program.address);
    (program, url, folder)
}

/// Runs a script's groups; returns how many there were.
fn check(script: &str) -> usize {
    let (_program, url, folder) = service();
    let python = python("openai-agents", &here().join("requirements.txt"));
    // What the SDK keeps, it keeps below the home folder.
    let said = run(Command::new(python).arg(here().join(script)).arg(url).env("HOME", folder.path()));
    said.lines().count()
}

#[test]
fn agents_run_as_their_sdk_expects() {
    assert_eq!(check("runs.py"), 11);
}
