//! The stock `openai` client for Python against a scripted model.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use coquina::agent::model::{Models, Script, Scripted};
use coquina::api::ApiConfig;

use super::common::clients::{python, run};
use super::server::Server;

/// The model of the tests, under the names that clients insist on too.
pub fn models() -> Models {
    let script = Script::parse(include_str!("script.toml")).expect("it is a script");
    let mut models = Models::new();
    models.insert("m", Arc::new(Scripted::new("m", script)));
    models.alias("gpt-4.1", "m");
    models
}

/// Runs groups of calls, all if none is named; returns how many there were.
fn check(config: ApiConfig, groups: &[&str]) -> usize {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/responses");
    let server = Server::asking(models(), config, []);
    let url = format!("http://{}", server.address);
    let python = python("openai-responses", &here.join("requirements.txt"));
    run(Command::new(python).arg(here.join("sdk.py")).arg(url).args(groups)).lines().count()
}

#[test]
fn the_stock_client_finds_what_it_expects() {
    assert_eq!(check(ApiConfig::default(), &[]), 14);
}

#[test]
fn what_is_kept_a_moment_later_is_found_all_the_same() {
    let config = ApiConfig { batch: Duration::from_millis(50), ..ApiConfig::default() };
    assert_eq!(check(config, &["containers", "local", "functions", "kept", "background", "conversations"]), 6);
}
