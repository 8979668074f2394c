//! The stock `openai` clients, as their users have them: pinned, from the registries, in environments of their own.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use coquina::agent::model::{Models, Script, Scripted};
use coquina::api::ApiConfig;

use super::common::clients::{node, python, run};
use super::server::Server;

fn here() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/http")
}

/// A service with a model that always says the same.
fn server() -> (Server, String) {
    let mut models = Models::new();
    let script = Script::parse("[[turn]]\ntext = \"Hello.\"\n").expect("it is a script");
    models.insert("local-model", Arc::new(Scripted::new("local-model", script)));
    let server = Server::asking(models, ApiConfig::default(), []);
    let url = format!("http://{}", server.address);
    (server, url)
}

#[test]
fn the_stock_python_client_finds_what_it_expects() {
    let (_server, url) = server();
    let python = python("openai-python", &here().join("requirements.txt"));
    let said = run(Command::new(python).arg(here().join("sdk.py")).arg(url));
    assert_eq!(said.lines().count(), 5, "{said}");
}

#[test]
fn the_stock_javascript_client_finds_what_it_expects() {
    let (_server, url) = server();
    let said = run(node("openai-javascript", &here().join("js"), "sdk.mjs").arg(url));
    assert_eq!(said.lines().count(), 5, "{said}");
}

/// Makes requests up from an OpenAPI document, which must not find any fault.
fn made_up(document: &str) {
    let (_server, url) = server();
    let python = python("schemathesis", &here().join("schema-requirements.txt"));
    run(Command::new(python).arg(here().join("schema.py")).args([&url, document]));
}

#[test]
fn requests_made_up_from_the_official_document_are_answered_as_it_says() {
    made_up("official");
}

#[test]
fn requests_made_up_from_our_own_document_are_answered_as_it_says() {
    made_up("ours");
}
