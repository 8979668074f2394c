//! The stock `openai-agents`, Python and JavaScript, against `coquina serve` with a scripted model.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use super::common::clients::{node, python, run};
use super::common::root;
use super::program::Program;

fn here() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/responses/agents")
}

/// A service on a port of its own, with the model of these tests under the names that the SDK insists on too.
fn service() -> (Program, String, TempDir) {
    let folder = tempfile::tempdir().expect("there is room");
    let config = folder.path().join("coquina.toml");
    let names = r#"aliases = ["gpt-4.1", "gpt-5.5", "default"]"#;
    let model = format!("[models.m]\nkind = \"scripted\"\nscript = {:?}\n{names}\n", here().join("script.toml"));
    std::fs::write(&config, model).expect("it can be written");
    let mut command = Command::new(env!("CARGO_BIN_EXE_coquina"));
    let program = Program::with(command.args(["serve", "--in-memory", "--config"]).arg(config));
    let url = format!("http://{}", program.address);
    (program, url, folder)
}

/// The SDK's Python; what the SDK keeps, it keeps in this folder.
fn sdk(home: &TempDir) -> Command {
    let mut python = Command::new(python("openai-agents", &here().join("requirements.txt")));
    python.env("HOME", home.path()).env("OPENAI_AGENTS_DISABLE_TRACING", "1").env("OPENAI_API_KEY", "unused");
    python
}

/// Runs a script's groups; returns how many there were.
fn check(script: &str) -> usize {
    let (_program, url, folder) = service();
    run(sdk(&folder).arg(here().join(script)).arg(url)).lines().count()
}

#[test]
fn agents_run_as_their_sdk_expects() {
    assert_eq!(check("runs.py"), 12);
}

#[test]
fn agents_work_in_sandboxes_of_the_sdk_and_in_ours() {
    assert_eq!(check("sandboxes.py"), 4);
}

#[test]
fn the_example_of_a_sandbox_is_a_program() {
    let (_program, url, folder) = service();
    let names = folder.path().join("names.txt");
    std::fs::write(&names, "Bob\nAda\n").expect("it can be written");
    let mut example = sdk(&folder);
    example.arg(root().join("examples/openai-agents/coquina_sandbox.py")).arg("Count the names").arg(names);
    assert_eq!(run(example.env("OPENAI_BASE_URL", format!("{url}/v1"))), "There are two.\n");
}

#[test]
fn agents_in_javascript_run_as_their_sdk_expects() {
    let (_program, url, _folder) = service();
    let said = run(node("openai-agents-javascript", &here().join("js"), "agents.mjs").arg(url));
    assert_eq!(said.lines().count(), 6, "{said}");
}
