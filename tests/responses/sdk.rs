//! The stock `openai` client for Python against a scripted model.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use coquina::agent::model::{Models, Script, Scripted};
use coquina::api::{ApiConfig, Key, Keys, NewKey, Quotas, Scope};

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
    asked(config, [], "unused", groups)
}

fn asked(config: ApiConfig, keys: impl IntoIterator<Item = Key>, secret: &str, groups: &[&str]) -> usize {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/responses");
    let server = Server::asking(models(), config, keys);
    let url = format!("http://{}", server.address);
    let python = python("openai-responses", &here.join("requirements.txt"));
    let mut script = Command::new(python);
    script.arg(here.join("sdk.py")).arg(url).args(groups).env("OPENAI_API_KEY", secret);
    run(&mut script).lines().count()
}

#[test]
fn the_stock_client_finds_what_it_expects() {
    assert_eq!(check(ApiConfig::default(), &[]), 16);
}

#[test]
fn a_client_without_a_key_is_refused_and_one_that_is_early_comes_again() {
    let new = NewKey { name: "one".into(), owner: None, scope: Scope::Exec, quotas: Quotas::default() };
    let (key, secret) = Keys::make(new, 0).expect("a good name");
    assert_eq!(asked(ApiConfig { responses: 1, ..ApiConfig::default() }, [key], &secret, &["keyed"]), 1);
}

#[test]
fn what_is_kept_a_moment_later_is_found_all_the_same() {
    let config = ApiConfig { batch: Duration::from_millis(50), ..ApiConfig::default() };
    assert_eq!(check(config, &["containers", "local", "functions", "kept", "background", "conversations"]), 6);
}
