//! The stock `openai` clients, and what other people's documents say, against a scripted model.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use coquina::agent::model::{Models, Script, Scripted};
use coquina::api::{ApiConfig, Key, Keys, NewKey, Quotas, Scope};
use coquina::container::ContainersConfig;
use coquina::storage::{Store, StoreConfig};
use coquina::vfs::{Clock as _, ManualClock, SystemClock};

use super::common::clients::{node, python, run};
use super::server::Server;

/// The model of the tests, under the names that clients insist on too.
pub fn models() -> Models {
    let script = Script::parse(include_str!("script.toml")).expect("it is a script");
    let mut models = Models::new();
    models.insert("m", Arc::new(Scripted::new("m", script)));
    models.alias("gpt-4.1", "m");
    models
}

fn here() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/responses")
}

fn server(config: ApiConfig, keys: impl IntoIterator<Item = Key>) -> (Server, String) {
    let server = Server::asking(models(), config, keys);
    let url = format!("http://{}", server.address);
    (server, url)
}

/// Python, to run a script of these against a service.
fn script(name: &str, url: String) -> Command {
    let mut script = Command::new(python("openai-responses", &here().join("requirements.txt")));
    script.arg(here().join(name)).arg(url).env("OPENAI_API_KEY", "unused");
    script
}

/// Runs groups of calls of the stock client, all if none is named; returns how many there were.
fn check(config: ApiConfig, groups: &[&str]) -> usize {
    let (_server, url) = server(config, []);
    run(script("sdk.py", url).args(groups)).lines().count()
}

#[test]
fn the_stock_python_client_finds_what_it_expects() {
    assert_eq!(check(ApiConfig::default(), &[]), 16);
}

#[test]
fn the_stock_python_client_finds_no_network_and_containers_that_expire() {
    let clock = Arc::new(ManualClock::new(SystemClock.now()));
    let containers = ContainersConfig { clock: clock.clone(), ..ContainersConfig::default() };
    let store = Store::open(StoreConfig::memory()).expect("a store opens");
    let server = Server::over(store, containers, models(), ApiConfig::default(), []);
    let mut script = script("places.py", format!("http://{}", server.address));
    let mut script = script.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("it starts");
    let mut said = Vec::new();
    for line in BufReader::new(script.stdout.take().expect("it is piped")).lines() {
        said.push(line.expect("text"));
        if said.last().is_some_and(|line| line == "later") {
            clock.advance(Duration::from_secs(21 * 60).as_nanos() as i64);
            script.stdin.take().expect("it asks once").write_all(b"\n").expect("it listens");
        }
    }
    assert!(script.wait().expect("it ends").success(), "{said:?}");
    assert_eq!(said, ["network ok", "long_files ok", "later", "expiry ok"]);
}

#[test]
fn a_client_without_a_key_is_refused_and_one_that_is_early_comes_again() {
    let new = NewKey { name: "one".into(), owner: None, scope: Scope::Exec, quotas: Quotas::default() };
    let (key, secret) = Keys::make(new, 0).expect("a good name");
    let (_server, url) = server(ApiConfig { responses: 1, ..ApiConfig::default() }, [key]);
    let said = run(script("sdk.py", url).arg("keyed").env("OPENAI_API_KEY", secret));
    assert_eq!(said.lines().count(), 1, "{said}");
}

#[test]
fn the_stock_javascript_client_finds_what_it_expects() {
    let (_server, url) = server(ApiConfig::default(), []);
    let packages = here().with_file_name("http").join("js");
    let said = run(node("openai-responses-javascript", &packages, "../../responses/sdk.mjs").arg(url));
    assert_eq!(said.lines().count(), 8, "{said}");
}

#[test]
fn what_open_responses_and_the_official_document_ask_for_is_there() {
    let (_server, url) = server(ApiConfig::default(), []);
    let said = run(&mut script("compliance.py", url));
    assert_eq!(said.lines().count(), 22, "{said}");
}

#[test]
fn what_is_kept_a_moment_later_is_found_all_the_same() {
    let config = ApiConfig { batch: Duration::from_millis(50), ..ApiConfig::default() };
    assert_eq!(check(config, &["containers", "local", "functions", "kept", "background", "conversations"]), 6);
}
