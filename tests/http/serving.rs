//! How the service starts and stops, in this process and as the program's own.

use std::process::Command;

use coquina::api::ApiConfig;
use serde_json::json;

use super::common::image_dir;
use super::program::Program;
use super::server::Server;

#[test]
fn it_says_how_it_is() {
    let server = Server::start();
    let mut client = server.client();
    for path in ["/healthz", "/readyz"] {
        let answer = client.get(path);
        assert_eq!((answer.status, answer.text()), (200, "ok\n"));
    }
    assert!(
        client
            .get("/metrics")
            .text()
            .contains("coquina_http_requests_total{method=\"GET\",route=\"/healthz\",status=\"200\"} 1")
    );
    let document = client.get("/openapi.json").ok();
    assert!(document["paths"]["/v1/run"]["post"].is_object(), "{document}");
    assert!(client.get("/docs").text().contains("<title>"));
}

#[test]
fn when_told_to_stop_it_lets_what_runs_end() {
    let mut server = Server::start();
    let (mut working, mut idle) = (server.client(), server.client());
    idle.get("/healthz");
    let body = json!({ "script": "echo begun; read line; echo ended", "stream": true, "stdin": "x\n" });
    working.send("POST", "/v1/run", &[("content-type", "application/json")], body.to_string().as_bytes());
    working.head();
    server.stop();
    let mut text = Vec::new();
    while let Some(chunk) = working.chunk() {
        text.extend(chunk);
    }
    assert!(String::from_utf8_lossy(&text).contains("exec.completed"));
    assert!(idle.is_closed(), "idle connections are closed");
}

#[test]
fn what_does_not_end_in_time_is_cancelled() {
    let config = ApiConfig { grace: std::time::Duration::from_millis(1), ..ApiConfig::default() };
    let mut server = Server::with(config, []);
    let mut client = server.client();
    client.send("POST", "/v1/run", &[("content-type", "application/json")], br#"{"script": "while :; do :; done"}"#);
    server.until("coquina_execs_running 1");
    server.stop();
    assert!(client.is_closed());
}

#[test]
fn the_program_serves_until_it_is_told_to_stop() {
    let mut program = Program::start(&["--timeout", "30", "--in-memory"]);
    let done = program.client().post("/v1/run", &json!({ "script": "echo hi" })).ok();
    assert_eq!(done["stdout"], "hi\n");
    assert_eq!(program.stop(), Some(0));
}

#[test]
fn the_program_goes_by_its_file() {
    let dir = tempfile::tempdir().expect("there is room");
    let path = dir.path().join("c.toml");
    let text = "in_memory = true\n[limits]\nfuel = 1000\n[models.m]\nkind = \"chat\"\nurl = \"http://127.0.0.1:9\"\n";
    std::fs::write(&path, text).expect("it can be written");
    let mut program = Command::new(env!("CARGO_BIN_EXE_coquina"));
    let program = Program::with(program.arg("serve").env("COQUINA_CONFIG", &path));
    let mut client = program.client();
    assert_eq!(client.get("/v1/models").ok()["data"][0]["id"], "m");
    let done = client.post("/v1/run", &json!({ "script": "echo hi" })).ok();
    assert_eq!((&done["outcome"]["type"], &done["outcome"]["value"]), (&json!("limit"), &json!(1000)), "{done}");
}

#[test]
fn the_program_does_not_let_strangers_in_unasked() {
    for (words, said) in [
        (&["--listen", "0.0.0.0:0"][..], "can be reached from other machines"),
        (&["--listen", "0.0.0.0:0", "--insecure", "yes"], "must be followed by the words"),
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_coquina"))
            .args(["serve", "--in-memory"])
            .env("COQUINA_IMAGE", image_dir())
            .args(words)
            .output()
            .expect("it runs");
        assert_eq!(output.status.code(), Some(2));
        assert!(String::from_utf8_lossy(&output.stderr).contains(said), "{output:?}");
    }
}
