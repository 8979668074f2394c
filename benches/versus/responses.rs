//! Rows about responses over HTTP: what the service costs beside its model, how soon is told what happens, what a kill leaves.

use std::time::{Duration, Instant, SystemTime};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::client::Client;
use crate::harness::{Bench, build_dir, median, millis};
use crate::http::Served;

/// Shell calls of a response.
const STEPS: usize = 10;

/// Lines of a command whose output is followed, about 3 ms between each two.
const LINES: usize = 1000;

/// Responses at once.
const MANY: usize = 1000;

/// Responses in the background when the service is killed.
const RUNS: usize = 100;

/// What the model says. It takes no time.
const SCRIPT: &str = r#"
[[turn]]
when = { user = "Say hi ten times", step = 11 }
text = "Done."

[[turn]]
when = { user = "Say hi ten times" }
shell = ["echo hi"]

[[turn]]
when = { user = "What time is it", step = 1 }
shell = ["for ((n = 0; n < 1000; n++)); do echo $EPOCHREALTIME; sleep 0.003; done"]

[[turn]]
when = { user = "Never end", step = 1 }
shell = ["sleep 999"]

[[turn]]
text = "Done."
"#;

/// A folder with a configuration and a store.
struct Place(TempDir);

impl Place {
    fn new() -> Place {
        let dir = tempfile::tempdir_in(build_dir()).expect("the build folder can be written");
        let config = "[models.m]\nkind = \"scripted\"\nscript = \"script.toml\"\n";
        for (name, text) in [("script.toml", SCRIPT), ("coquina.toml", config)] {
            std::fs::write(dir.path().join(name), text).expect("the folder can be written");
        }
        Place(dir)
    }

    fn serve(&self) -> Served {
        let path = |name: &str| self.0.path().join(name).to_str().expect("it is text").to_owned();
        let (config, store) = (path("coquina.toml"), path("store"));
        Served::start(&["--config", &config, "--store", &store, "--batch", "100ms"])
    }
}

impl Bench {
    pub fn responses(&mut self) {
        if self.wants("loop_http") {
            self.loop_http();
        }
        if self.wants("ttfb") {
            self.first_event();
        }
        if self.wants("stream_lag") {
            self.stream_lag();
        }
        if self.wants("agents_http") {
            self.agents_http();
        }
        if self.wants("recover") {
            self.recover();
        }
    }

    /// One response with ten shell steps of `echo hi`, in a conversation whose container is there.
    fn loop_http(&mut self) {
        let place = Place::new();
        let served = place.serve();
        let mut client = served.client(None);
        let container = container(&mut client);
        let body = asked("Say hi ten times", container, json!({}));
        let once = |client: &mut Client| {
            let started = Instant::now();
            let response = client.post("/v1/responses", &body).ok();
            let took = started.elapsed();
            let items = response["output"].as_array().map_or(0, Vec::len);
            assert_eq!((&response["status"], items), (&json!("completed"), 2 * STEPS + 1), "{response}");
            took
        };
        once(&mut client);
        let times = (0..200).map(|_| once(&mut client)).collect();
        self.at_most("loop_http", "ms", 3.0, millis(median(times)));
    }

    /// From the request to the first event.
    fn first_event(&mut self) {
        let place = Place::new();
        let served = place.serve();
        let mut client = served.client(None);
        let body = json!({ "model": "m", "input": "Say hello", "stream": true });
        let once = |client: &mut Client| {
            let started = Instant::now();
            send(client, &body);
            let first = client.chunk().expect("there are events");
            let took = started.elapsed();
            assert!(first.starts_with(b"event: response.created"), "{}", String::from_utf8_lossy(&first));
            while client.chunk().is_some() {}
            took
        };
        once(&mut client);
        let times = (0..200).map(|_| once(&mut client)).collect();
        self.at_most("ttfb", "ms", 1.0, millis(median(times)));
    }

    /// From the moment at which a command writes a line, by its own clock, to its event at the client.
    fn stream_lag(&mut self) {
        let place = Place::new();
        let served = place.serve();
        let mut client = served.client(None);
        let container = container(&mut client);
        send(&mut client, &asked("What time is it", container, json!({ "stream": true })));
        let mut lags = Vec::new();
        while let Some(chunk) = client.chunk() {
            let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("it is later");
            let text = String::from_utf8_lossy(&chunk);
            let deltas = text.split("\ndata: ").skip(1).filter_map(|data| {
                let event: Value = serde_json::from_str(data.lines().next()?).ok()?;
                Some(event["delta"]["stdout"].as_str()?.to_owned())
            });
            for line in deltas.flat_map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>()) {
                let written = Duration::from_secs_f64(line.parse().expect("a time"));
                lags.push(now.saturating_sub(written));
            }
        }
        assert_eq!(lags.len(), LINES);
        lags.sort_unstable();
        self.alone("stream_lag_p50", "ms", millis(lags[LINES / 2]));
        self.at_most("stream_lag", "ms", 2.0, millis(lags[LINES * 99 / 100]));
    }

    /// A thousand responses at once, each with a connection and a container of its own: until the last has completed.
    fn agents_http(&mut self) {
        let place = Place::new();
        let served = place.serve();
        let clients: Vec<Client> = (0..MANY).map(|_| served.client(None)).collect();
        let body = asked("Say hi ten times", json!({ "type": "container_auto" }), json!({}));
        let started = Instant::now();
        std::thread::scope(|scope| {
            for mut client in clients {
                let body = &body;
                scope.spawn(move || {
                    let response = client.post("/v1/responses", body).ok();
                    assert_eq!(response["status"], "completed", "{response}");
                });
            }
        });
        self.alone("agents_http", "ms", millis(started.elapsed()));
    }

    /// From the start of a service, whose predecessor was killed while it made responses, until each is known to have ended.
    fn recover(&mut self) {
        let place = Place::new();
        let served = place.serve();
        let mut client = served.client(None);
        let begun: Vec<String> = (0..RUNS)
            .map(|n| {
                let input = if n % 2 == 0 { "Never end" } else { "Say hi ten times" };
                let body = asked(input, json!({ "type": "container_auto" }), json!({ "background": true }));
                client.post("/v1/responses", &body).ok()["id"].as_str().expect("an id").to_owned()
            })
            .collect();
        drop(served);
        let started = Instant::now();
        let served = place.serve();
        let mut client = served.client(None);
        for id in &begun {
            while !is_over(&mut client, id) {}
        }
        self.alone("recover", "ms", millis(started.elapsed()));
    }
}

/// A container, as an environment for commands.
fn container(client: &mut Client) -> Value {
    let made = client.post("/v1/containers", &json!({ "name": "bench" })).ok();
    json!({ "type": "container_reference", "container_id": made["id"] })
}

/// A request for a response whose commands run there, with more fields.
fn asked(input: &str, environment: Value, more: Value) -> Value {
    let mut body = json!({ "model": "m", "input": input, "tools": [{ "type": "shell", "environment": environment }] });
    let fields = body.as_object_mut().expect("an object");
    fields.extend(more.as_object().cloned().unwrap_or_default());
    body
}

/// Whether a response that was acknowledged has ended, one way or the other.
fn is_over(client: &mut Client, id: &str) -> bool {
    let response = client.get(&format!("/v1/responses/{id}")).ok();
    let status = response["status"].as_str().expect("it is known");
    assert!(matches!(status, "queued" | "completed" | "failed"), "{response}");
    status != "queued"
}

/// Sends a request whose answer is a stream, and reads the answer's head.
fn send(client: &mut Client, body: &Value) {
    let body = body.to_string();
    client.send("POST", "/v1/responses", &[("content-type", "application/json")], body.as_bytes());
    let (status, _) = client.head();
    assert_eq!(status, 200);
}
