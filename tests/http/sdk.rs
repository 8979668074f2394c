//! The stock `openai` client for Python, as its users have it: pinned, from the registry, in an environment of its own.

use std::path::{Path, PathBuf};
use std::process::Command;

use coquina::api::ApiConfig;

use super::server::Server;

/// Runs a program that must succeed; returns what it printed.
fn run(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|e| panic!("{command:?}: {e} (python3 with venv is needed)"));
    let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{command:?}\n{}{}", said(&output.stdout), said(&output.stderr));
    said(&output.stdout)
}

/// The environment's python; made when the requirements have changed.
fn python(here: &Path) -> PathBuf {
    let requirements = std::fs::read_to_string(here.join("requirements.txt")).expect("they are there");
    let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join("openai-python");
    let (python, made_for) = (home.join("bin/python"), home.join("made-for.txt"));
    if std::fs::read_to_string(&made_for).is_ok_and(|made| made == requirements) {
        return python;
    }
    run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&home));
    run(Command::new(&python)
        .args(["-m", "pip", "install", "--quiet", "--requirement"])
        .arg(here.join("requirements.txt")));
    std::fs::write(made_for, requirements).expect("it can be written");
    python
}

#[test]
fn the_stock_client_finds_what_it_expects() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/http");
    let server = Server::with(ApiConfig { models: vec!["local-model".into()], ..ApiConfig::default() }, []);
    let url = format!("http://{}", server.address);
    let said = run(Command::new(python(&here)).arg(here.join("sdk.py")).arg(url));
    assert_eq!(said.lines().count(), 5, "{said}");
}

#[test]
fn the_example_of_a_serverless_function_works() {
    let server = Server::start();
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/http/function.py");
    let said = run(Command::new("python3").arg(example).env("COQUINA_URL", format!("http://{}", server.address)));
    assert_eq!(said, "{'ok': True, 'printed': 'a,1\\n', 'files': {'out/sorted.csv': 'a,1\\nb,2\\n'}}\n");
}
