//! The examples do what their README says, and their settings are ones.

use std::path::{Path, PathBuf};
use std::process::{Child, Command};

use serde_json::{Value, json};

use super::common::clients::{python, run};
use super::common::root;
use super::program::Program;
use super::server::Server;

/// What the clients print.
const SORTED: &str = "a,1\nb,2\n";

fn example(name: &str) -> PathBuf {
    root().join("examples/http").join(name)
}

/// A service, and where it is.
fn server() -> (Server, String) {
    let server = Server::start();
    let url = format!("http://{}", server.address);
    (server, url)
}

#[test]
fn a_serverless_function() {
    let (_server, url) = server();
    let said = run(Command::new("python3").arg(example("function.py")).env("COQUINA_URL", url));
    assert_eq!(said, "{'ok': True, 'printed': 'a,1\\n', 'files': {'out/sorted.csv': 'a,1\\nb,2\\n'}}\n");
}

#[test]
fn a_few_lines_of_curl() {
    let (_server, url) = server();
    let line = format!("printf 'b,2\\na,1\\n' | '{}'", example("client.sh").display());
    assert_eq!(run(Command::new("sh").args(["-c", &line]).env("COQUINA_URL", url)), SORTED);
}

#[test]
fn a_few_lines_of_typescript() {
    let (_server, url) = server();
    // It has no types to strip, so it is JavaScript too.
    let script = std::fs::read_to_string(example("client.ts")).expect("it is there");
    let mut node = Command::new("node");
    assert_eq!(run(node.args(["--input-type=module", "--eval", &script]).env("COQUINA_URL", url)), SORTED);
}

#[test]
fn a_few_lines_of_python() {
    let (_server, url) = server();
    let python = python("openai-python", &root().join("tests/http/requirements.txt"));
    let mut client = Command::new(python);
    client.arg(example("client.py")).env("OPENAI_BASE_URL", format!("{url}/v1")).env("OPENAI_API_KEY", "unused");
    assert_eq!(run(&mut client), SORTED);
}

#[test]
fn an_edge_node_writes_nothing() {
    let mut program = Command::new(env!("CARGO_BIN_EXE_coquina"));
    program.args(["serve", "--config"]).arg(example("edge.toml")).env_clear().current_dir("/");
    let program = Program::with(&mut program);
    let mut client = program.client();
    let body = json!({ "script": "sort in > out", "files": { "in": "b\na\n" }, "outputs": ["out"] });
    assert_eq!(client.post("/v1/run", &body).ok()["files"]["out"], "a\nb\n");
    client.post("/v1/containers", &json!({ "name": "in memory" })).ok();
    assert_eq!(written(&program.child), Vec::<PathBuf>::new());
}

/// The files that a process has open for writing.
fn written(process: &Child) -> Vec<PathBuf> {
    let proc = Path::new("/proc").join(process.id().to_string());
    let is_written = |fd: &str| {
        let info = std::fs::read_to_string(proc.join("fdinfo").join(fd)).unwrap_or_default();
        let flags = info.lines().find_map(|line| line.strip_prefix("flags:")).unwrap_or("0");
        u32::from_str_radix(flags.trim(), 8).is_ok_and(|flags| flags & 3 != 0)
    };
    let names = std::fs::read_dir(proc.join("fd")).expect("it runs").flatten();
    let open = names.filter(|fd| is_written(&fd.file_name().to_string_lossy())).map(|fd| fd.path());
    let is_file = |fd: &PathBuf| std::fs::metadata(fd).is_ok_and(|file| file.is_file());
    open.filter(is_file).filter_map(|fd| std::fs::read_link(fd).ok()).collect()
}

#[test]
fn the_unit_of_systemd_starts_what_there_is() {
    let unit = root().join("examples/systemd");
    let text = std::fs::read_to_string(unit.join("coquina.service")).expect("it is there");
    let line = text.lines().find_map(|line| line.strip_prefix("ExecStart=")).expect("it starts something");
    let words: Vec<&str> = line.split(' ').collect();
    assert_eq!(words[..3], ["/opt/coquina/coquina", "serve", "--config"]);
    let mut config = Command::new(env!("CARGO_BIN_EXE_coquina"));
    config.args(["config", "--json", "--config"]).arg(unit.join("coquina.toml"));
    let variables = text.lines().find_map(|line| line.strip_prefix("Environment=")).expect("it sets variables");
    config.env_clear().envs(variables.split(' ').filter_map(|variable| variable.split_once('=')));
    let document: Value = serde_json::from_str(&run(&mut config)).expect("it is JSON");
    let settings = document["settings"].as_array().expect("they are listed");
    let source = |key: &str| settings.iter().find(|row| row["key"] == key).expect("it is listed")["source"].clone();
    assert_eq!(source("store"), "$COQUINA_STORE");
    assert_eq!(source("engine.cache"), "$COQUINA_ENGINE_CACHE");
    assert_ne!(source("quotas.stored"), "default");
}
