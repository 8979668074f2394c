//! The stock `openai` client for Python against a scripted model.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

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

#[test]
fn the_stock_client_finds_what_it_expects() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/responses");
    let server = Server::asking(models(), ApiConfig::default(), []);
    let url = format!("http://{}", server.address);
    let python = python("openai-responses", &here.join("requirements.txt"));
    let said = run(Command::new(python).arg(here.join("sdk.py")).arg(url));
    assert_eq!(said.lines().count(), 14, "{said}");
}
