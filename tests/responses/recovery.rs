//! The program's own service, killed in the middle of responses and told to stop: what was acknowledged ends one way or the other.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use super::client::{Client, events};
use super::common::image_dir;

/// Longer than anything here takes.
const LOOKS: usize = 200_000;

/// Responses that are being made when the service dies.
const RUNS: usize = 100;

/// `coquina serve` on a store.
struct Program {
    child: Child,
    address: SocketAddr,
}

impl Program {
    fn start(folder: &Path) -> Program {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/responses/script.toml");
        let text = format!(
            "listen = \"127.0.0.1:0\"\n[http]\ngrace = 0\n[models.m]\nkind = \"scripted\"\nscript = {script:?}\n"
        );
        let config = folder.join("coquina.toml");
        std::fs::write(&config, text).expect("it can be written");
        let mut child = Command::new(env!("CARGO_BIN_EXE_coquina"))
            .args(["serve", "--store"])
            .arg(folder.join("store"))
            .env("COQUINA_CONFIG", &config)
            .env("COQUINA_IMAGE", image_dir())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("it starts");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("a pipe")).read_line(&mut line).expect("it says where");
        let address = line.trim().strip_prefix("http://").expect("a URL").parse().expect("an address");
        Program { child, address }
    }

    fn client(&self) -> Client {
        Client::connect(self.address)
    }

    fn signal(&mut self, signal: &str) {
        let told = Command::new("kill").args([signal, &self.child.id().to_string()]).status().expect("it can be told");
        assert!(told.success());
        self.child.wait().expect("it ends");
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn ask(client: &mut Client, input: &str) -> String {
    let shell = json!([{ "type": "shell", "environment": { "type": "container_auto" } }]);
    let body = json!({ "model": "m", "input": input, "tools": shell, "background": true });
    client.post("/v1/responses", &body).ok()["id"].as_str().expect("an id").to_owned()
}

/// Asks until the response is done.
fn done(client: &mut Client, id: &str) -> Value {
    for _ in 0..LOOKS {
        let response = client.get(&format!("/v1/responses/{id}")).ok();
        if !matches!(response["status"].as_str(), Some("queued" | "in_progress")) {
            return response;
        }
        std::thread::yield_now();
    }
    panic!("{id} does not end");
}

#[test]
fn a_service_that_is_killed_leaves_no_response_in_the_air() {
    let folder = tempfile::tempdir().expect("there is room");
    let mut program = Program::start(folder.path());
    let mut client = program.client();
    let kept = ask(&mut client, "Write the note");
    let before = done(&mut client, &kept);
    assert_eq!(before["status"], "completed");
    let runs: Vec<String> =
        (0..RUNS).map(|n| ask(&mut client, if n % 2 == 0 { "Never end" } else { "List the files" })).collect();
    program.signal("-KILL");
    let program = Program::start(folder.path());
    let mut client = program.client();
    assert_eq!(client.get(&format!("/v1/responses/{kept}")).ok(), before, "what was done stays");
    for (n, id) in runs.iter().enumerate() {
        let response = done(&mut client, id);
        match response["status"].as_str().expect("text") {
            "completed" => assert!(n % 2 == 1, "{response}"),
            "failed" => {
                assert_eq!(response["error"]["code"], "server_error");
                let message = response["error"]["message"].as_str().expect("text");
                assert!(message.starts_with("The service stopped"), "{message}");
            }
            other => panic!("{other}: {response}"),
        }
    }
    let told = client.get(&format!("/v1/responses/{}?stream=true", runs[0]));
    let names: Vec<String> = events(told.text()).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["response.created", "response.in_progress", "response.failed"]);
    let told = client.get(&format!("/v1/responses/{}?stream=true&starting_after=7", runs[0]));
    assert_eq!(events(told.text())[0].1["sequence_number"], 8, "whoever goes on from there learns how it ended");
    let on = json!({ "model": "m", "input": "Say hello", "previous_response_id": runs[0] });
    assert_eq!(client.post("/v1/responses", &on).ok()["status"], "completed");
}

#[test]
fn a_service_that_is_told_to_stop_says_so_in_what_it_could_not_end() {
    let folder = tempfile::tempdir().expect("there is room");
    let mut program = Program::start(folder.path());
    let id = ask(&mut program.client(), "Never end");
    program.signal("-TERM");
    let program = Program::start(folder.path());
    let response = program.client().get(&format!("/v1/responses/{id}")).ok();
    assert_eq!((&response["status"], &response["completed_at"]), (&json!("failed"), &Value::Null), "{response}");
    assert!(response["error"]["message"].as_str().is_some_and(|message| message.contains("stopped")), "{response}");
}
