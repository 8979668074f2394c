//! Requests that are sent twice, and the record of all.

use coquina::api::{ApiConfig, AuditKeep, Keys, NewKey, Quotas, Scope};
use serde_json::{Value, json};

use super::client::{Answer, Client};
use super::containers::{create, exec};
use super::server::Server;

fn keyed(client: &mut Client, path: &str, key: &str, body: &Value) -> Answer {
    let headers = [("content-type", "application/json"), ("idempotency-key", key)];
    client.request("POST", path, &headers, body.to_string().as_bytes())
}

#[test]
fn what_is_asked_for_twice_is_done_once() {
    let server = Server::start();
    let mut client = server.client();
    let id = create(&mut client, "twice");
    let path = format!("/v1/containers/{id}/exec");
    let add = json!({ "command": "echo x >> /mnt/data/log; cat /proc/sys/kernel/random/uuid 2>&1; date +%N" });
    let first = keyed(&mut client, &path, "a", &add);
    let again = keyed(&mut client, &path, "a", &add);
    assert_eq!((again.status, again.json()), (200, first.json()));
    assert_eq!(again.headers["idempotent-replayed"], "true");
    keyed(&mut client, &path, "b", &add);
    assert_eq!(exec(&mut client, &id, "wc -l < /mnt/data/log")["stdout"], "2\n");
    let other = keyed(&mut client, &path, "a", &json!({ "command": "echo other" }));
    assert_eq!((other.error().0, other.error().1.as_str()), (400, "idempotency_key_reused"));
    for key in ["", &"x".repeat(256)] {
        assert_eq!(keyed(&mut client, &path, key, &add).error().0, 400);
    }
    let wrong = json!({ "command": 1 });
    let (one, two) = (keyed(&mut client, &path, "wrong", &wrong), keyed(&mut client, &path, "wrong", &wrong));
    assert_eq!((one.error(), two.error().0), (two.error(), 400), "errors are answers too");
    let stream = json!({ "script": "echo a; echo b >&2", "stream": true });
    let (one, two) = (keyed(&mut client, "/v1/run", "s", &stream), keyed(&mut client, "/v1/run", "s", &stream));
    assert_eq!((one.text(), &one.headers["content-type"]), (two.text(), &two.headers["content-type"]));
    assert!(one.text().contains("exec.completed"));
}

#[test]
fn a_client_that_comes_back_finds_its_answer() {
    let server = Server::start();
    let mut client = server.client();
    let id = create(&mut client, "back");
    let path = format!("/v1/containers/{id}/exec");
    // It goes on until it is told to, which is after its client has gone.
    let slow = json!({ "command": "until [ -e /mnt/data/go ]; do sleep 0.01; done; echo done", "parallel": true });
    let headers = [("content-type", "application/json"), ("idempotency-key", "k")];
    client.send("POST", &path, &headers, slow.to_string().as_bytes());
    server.until("coquina_execs_running 1");
    drop(client);
    let mut client = server.client();
    client.send("POST", &path, &headers, slow.to_string().as_bytes());
    server.client().form(&format!("/v1/containers/{id}/files"), &[("file", Some("go"), b"")]).ok();
    assert_eq!(client.answer().ok()["stdout"], "done\n");
    let log = server.client().get(&format!("/v1/containers/{id}/log")).ok();
    let execs = log["data"].as_array().expect("a list").iter().filter(|entry| entry["kind"] == "exec").count();
    assert_eq!(execs, 1);
}

#[test]
fn everything_is_on_record() {
    let key = |name: &str, scope| {
        Keys::make(NewKey { name: name.into(), owner: None, scope, quotas: Quotas::default() }, 0).expect("a good name")
    };
    let ((admin, admins), (user, users)) = (key("admin", Scope::Admin), key("user", Scope::Exec));
    let (user_id, secret) = (user.id.clone(), users.clone());
    let server = Server::with(ApiConfig::default(), [admin, user]);
    let mut client = server.client();
    client.key = Some(users);
    let id = create(&mut client, "audited");
    let answer = client.post(
        &format!("/v1/containers/{id}/exec"),
        &json!({ "command": format!("echo {secret}"), "env": { "TOKEN": "hidden" } }),
    );
    let request_id = answer.headers["x-request-id"].clone();
    answer.ok();
    assert_eq!(client.get("/v1/audit").error().0, 403);
    client.key = Some(admins);
    // The trail is written a moment later.
    let trail = loop {
        let trail = client.get(&format!("/v1/audit?container_id={id}")).ok();
        if trail["data"].as_array().is_some_and(|records| !records.is_empty()) {
            break trail;
        }
    };
    let records = trail["data"].as_array().expect("a list");
    let command = records.iter().find(|r| r["event"]["type"] == "command").expect("the command is on record");
    assert_eq!((&command["event"]["key"], &command["event"]["request_id"]), (&json!(user_id), &json!(request_id)));
    assert_eq!(
        (&command["event"]["command"], &command["event"]["outcome"]["exit_code"]),
        (&json!("echo coq_[redacted]"), &json!(0))
    );
    assert_eq!(command["event"]["root"].as_str().map(str::len), Some(64));
    assert!(!trail.to_string().contains(&secret) && !trail.to_string().contains("hidden"));
    let mut seen = 0;
    let mut after = String::new();
    loop {
        let page = client.get(&format!("/v1/audit?limit=2{after}")).ok();
        for record in page["data"].as_array().expect("a list") {
            seen += 1;
            assert_eq!(record["id"], seen.to_string(), "without gaps");
        }
        if page["has_more"] == false {
            break;
        }
        after = format!("&after={}", page["last_id"].as_str().expect("an id"));
    }
    assert!(seen >= 3, "{seen}");
}

#[test]
fn the_trail_can_do_without_requests() {
    let server = Server::with(ApiConfig { audit_requests: false, ..ApiConfig::default() }, []);
    let mut client = server.client();
    for _ in 0..2 {
        assert_eq!(client.get("/v1/files").status, 200);
        client.post("/v1/run", &json!({ "script": ":" })).ok();
    }
    // The trail is written a moment later.
    let records = loop {
        let trail = client.get("/v1/audit").ok();
        let records = trail["data"].as_array().expect("a list").clone();
        if records.len() >= 2 {
            break records;
        }
    };
    assert!(records.iter().all(|record| record["event"]["type"] == "command"), "{records:?}");
}

#[test]
fn a_trail_that_is_bounded_says_what_is_gone() {
    let audit_keep = AuditKeep { bytes: Some(50_000), age: None };
    let server = Server::with(ApiConfig { audit_keep, ..ApiConfig::default() }, []);
    let mut client = server.client();
    let asked = 2100;
    for _ in 0..asked {
        assert_eq!(client.get("/v1/files").status, 200);
    }
    // The trail is written a moment later.
    let (dropped, first) = loop {
        let trail = client.get("/v1/audit?limit=1").ok();
        let dropped = trail["checkpoint"]["dropped"].as_u64().expect("a number");
        assert_eq!(trail["checkpoint"]["hash"].as_str().map(str::len), Some(64));
        if dropped >= 1000 {
            break (dropped, trail["first_id"].as_str().expect("an id").parse::<u64>().expect("a number"));
        }
    };
    // It may be dropped from between the look at a page and that at where the trail begins.
    assert!(first <= dropped + 1, "{first} is kept, {dropped} were dropped");
}
