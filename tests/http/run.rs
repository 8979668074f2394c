//! `POST /v1/run`.

use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};

use super::client::{Client, events};
use super::common::image_dir;
use super::server::Server;

fn run(client: &mut Client, body: &Value) -> Value {
    client.post("/v1/run", body).ok()
}

#[test]
fn an_answer_has_the_keys_of_the_program_s_json() {
    let server = Server::start();
    let mut client = server.client();
    let script = "echo out; echo err >&2; exit 3";
    let answer = run(&mut client, &json!({ "script": script }));
    let mut program = Command::new(env!("CARGO_BIN_EXE_coquina"));
    let output = program.args(["exec", "--json", "-c", script]).env("COQUINA_IMAGE", image_dir()).output();
    let output = output.expect("it runs");
    let program: Value = serde_json::from_slice(&output.stdout).expect("it is JSON");
    let keys = |v: &Value| v.as_object().expect("an object").keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(&answer), keys(&program));
    assert_eq!(keys(&answer["metering"]), keys(&program["metering"]));
    assert_eq!(keys(&answer["metering"]["processes"][0]), keys(&program["metering"]["processes"][0]));
    for key in ["outcome", "stdout", "stderr", "stdout_truncated_bytes"] {
        assert_eq!(answer[key], program[key], "{key}");
    }
    let answer = run(&mut client, &json!({ "script": "printf '\\xff'; echo err >&2" }));
    assert_eq!(
        (&answer["encoding"], &answer["stdout"], &answer["stderr"]),
        (&json!("base64"), &json!("/w=="), &json!("ZXJyCg=="))
    );
}

#[test]
fn files_go_in_and_come_out() {
    let server = Server::start();
    let mut client = server.client();
    let script = "cat a.txt /tmp/deep/er/b.bin > out/sum; mkdir out/more; echo 1 > out/more/x.csv; echo no > out/more/y.txt; stat -c %U:%a a.txt out";
    let answer = run(
        &mut client,
        &json!({
            "script": script,
            "files": { "a.txt": "text é\n", "/tmp/deep/er/b.bin": { "base64": "/wA=" }, "out/keep": "" },
            "outputs": ["out/sum", "out/**/*.csv", "/tmp/deep/*/b.*", "nothing", "out/kee?"],
        }),
    );
    assert_eq!(answer["stdout"], "user:644\nuser:755\n", "{answer}");
    let files = json!({
        "out/sum": { "base64": "dGV4dCDDqQr/AA==" },
        "out/more/x.csv": "1\n",
        "/tmp/deep/er/b.bin": { "base64": "/wA=" },
        "out/keep": "",
    });
    assert_eq!(answer["files"], files);
    let answer = run(&mut client, &json!({ "script": "ls", "outputs": ["*"] }));
    assert_eq!((&answer["stdout"], &answer["files"]), (&json!(""), &json!({})), "nothing is left behind");
}

#[test]
fn a_run_has_its_surroundings() {
    let server = Server::start();
    let mut client = server.client();
    let answer = run(
        &mut client,
        &json!({ "script": "cat; echo $A-$HOME; pwd", "stdin": { "base64": "YQpi" }, "env": { "A": "é", "HOME": "/h" }, "cwd": "/work/here" }),
    );
    assert_eq!(answer["stdout"], "a\nbé-/h\n/work/here\n");
    for (body, limit) in [
        (json!({ "script": "sleep 100", "timeout_ms": 20 }), "wall_time"),
        (json!({ "script": "while :; do :; done", "limits": { "fuel": 10_000_000 } }), "fuel"),
        (json!({ "script": "cat | cat | cat", "limits": { "processes": 2 } }), "processes"),
    ] {
        let answer = run(&mut client, &body);
        assert_eq!(
            (&answer["outcome"]["type"], &answer["outcome"]["limit"]),
            (&json!("limit"), &json!(limit)),
            "{answer}"
        );
    }
    let answer = run(&mut client, &json!({ "script": "yes | head -n 10000", "limits": { "output_bytes": 100 } }));
    assert_eq!(
        (answer["stdout"].as_str().map(str::len), &answer["stdout_truncated_bytes"]),
        (Some(100), &json!(19_900))
    );
    let answer = run(&mut client, &json!({ "script": "kill -TERM $$" }));
    assert_eq!(answer["outcome"], json!({ "type": "signal", "signal": "TERM" }));
}

#[test]
fn a_form_says_the_same() {
    let server = Server::start();
    let mut client = server.client();
    let answer = client.form(
        "/v1/run",
        &[
            ("script", None, b"cat in/a.txt - > b; echo $X $1; exit 4"),
            ("files", Some("in/a.txt"), b"\xff1"),
            ("stdin", None, b"2"),
            ("env[X]", None, b"y z"),
            ("outputs[]", None, b"b"),
            ("timeout_ms", None, b"10000"),
            ("limits[fuel]", None, b"1000000000"),
            ("stream", None, b"false"),
        ],
    );
    let answer = answer.ok();
    assert_eq!((&answer["stdout"], &answer["outcome"]["exit_code"]), (&json!("y z\n"), &json!(4)));
    assert_eq!(answer["files"], json!({ "b": { "base64": "/zEy" } }));
    let answer = client.form("/v1/run", &[("script", Some("x.sh"), b"echo from a file")]).ok();
    assert_eq!(answer["stdout"], "from a file\n");
}

#[test]
fn output_comes_while_it_runs() {
    let server = Server::start();
    let mut client = server.client();
    // The second line is only printed once the first has been read: by way of the file's size there is no hurry to see it.
    let body = json!({ "script": "echo one; echo two >&2; printf '\\xe2\\x82'; sleep 0.01; printf '\\xac\\xff'", "stream": true, "outputs": ["*"] });
    // The stock clients send this also when they ask for a stream.
    let headers = [("content-type", "application/json"), ("accept", "application/json")];
    client.send("POST", "/v1/run", &headers, body.to_string().as_bytes());
    let (status, headers) = client.head();
    assert_eq!((status, headers["content-type"].as_str()), (200, "text/event-stream; charset=utf-8"));
    let mut text = String::new();
    while let Some(chunk) = client.chunk() {
        let chunk = String::from_utf8(chunk).expect("it is text");
        assert!(
            chunk.ends_with("\n\n") && chunk.matches("event: ").count() == 1,
            "one event for each write: {chunk:?}"
        );
        text += &chunk;
    }
    let events = events(&text);
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    for (n, (name, data)) in events.iter().enumerate() {
        assert_eq!((&data["type"], &data["sequence_number"]), (&json!(name), &json!(n)));
        let bytes = |v: &Value| match v["base64"].as_str() {
            Some(encoded) => BASE64.decode(encoded).expect("it is base64"),
            None => v.as_str().unwrap_or_default().bytes().collect(),
        };
        stdout.extend(bytes(&data["stdout"]));
        stderr.extend(bytes(&data["stderr"]));
    }
    assert_eq!((&stdout[..], &stderr[..]), (&b"one\n\xe2\x82\xac\xff"[..], &b"two\n"[..]));
    let (name, last) = events.last().expect("there are events");
    assert_eq!(
        (name.as_str(), &last["outcome"]["exit_code"], &last["files"]),
        ("exec.completed", &json!(0), &json!({}))
    );
    assert!(last.get("stdout").is_none());
    assert_eq!(client.get("/healthz").status, 200, "the connection goes on");
}

#[test]
fn a_client_that_goes_away_takes_its_command_along() {
    let server = Server::start();
    for stream in [false, true] {
        let mut client = server.client();
        let body = json!({ "script": "echo begun; while :; do :; done", "stream": stream });
        client.send("POST", "/v1/run", &[("content-type", "application/json")], body.to_string().as_bytes());
        server.until("coquina_execs_running 1");
        if stream {
            client.head();
        }
        drop(client);
        server.until("coquina_execs_running 0");
    }
    // What it used is booked, and all of it is on record.
    server.until("coquina_execs_total{outcome=\"cancelled\"} 2");
    let events = loop {
        let events = trail(&mut server.client());
        if events.iter().filter(|event| event["path"] == "/v1/run" || event["type"] == "command").count() == 4 {
            break events;
        }
    };
    let of = |kind: &str, field: &str| {
        let events = events.iter().filter(|event| event["type"] == kind && event["path"] != "/metrics");
        events.map(|event| event[field].clone()).collect::<Vec<_>>()
    };
    let cancelled = json!({ "type": "cancelled" });
    assert_eq!(of("command", "outcome"), [cancelled.clone(), cancelled]);
    assert_eq!(of("request", "status")[..2], [Value::Null, json!(200)], "the first had no answer yet");
}

/// All events of the audit trail.
fn trail(client: &mut Client) -> Vec<Value> {
    let (mut events, mut after) = (Vec::new(), String::new());
    loop {
        let page = client.get(&format!("/v1/audit?limit=100{after}")).ok();
        events.extend(page["data"].as_array().expect("a list").iter().map(|record| record["event"].clone()));
        if page["has_more"] == false {
            return events;
        }
        after = format!("&after={}", page["last_id"].as_str().expect("an id"));
    }
}

#[test]
fn a_run_is_one_record() {
    let server = Server::start();
    let mut client = server.client();
    let answer = client.post("/v1/run", &json!({ "script": "exit 3" }));
    assert_eq!(client.post("/v1/run", &json!({ "script": 5 })).status, 400);
    let events = loop {
        let trail = client.get("/v1/audit?limit=2").ok();
        if let [one, two, ..] = trail["data"].as_array().expect("a list").as_slice() {
            break [one["event"].clone(), two["event"].clone()];
        }
    };
    let [run, refused] = events;
    assert_eq!(
        (&run["type"], &run["command"], &run["outcome"]["exit_code"]),
        (&json!("command"), &json!("exit 3"), &json!(3))
    );
    assert_eq!((&run["method"], &run["path"], &run["status"]), (&json!("POST"), &json!("/v1/run"), &json!(200)));
    assert_eq!(run["request_id"], answer.headers["x-request-id"].as_str());
    assert_eq!((&refused["type"], &refused["status"]), (&json!("request"), &json!(400)));
}
