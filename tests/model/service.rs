//! The whole way: a client, the service, a model behind HTTP, commands in a container.

use coquina::api::ApiConfig;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::server::Server;
use crate::upstream::{Reply, Upstream, events};

const TEXT: &str = r#"{"choices":[{"delta":{"content":"Here"},"finish_reason":null}]}"#;
const STOP: &str = r#"{"choices":[{"delta":{},"finish_reason":"stop"}]}"#;

/// An upstream, and a service whose model `m` it is.
fn started(settings: &str, replies: Vec<Reply>) -> (Runtime, Upstream, Server) {
    let runtime = Runtime::new().expect("a runtime starts");
    let upstream = runtime.block_on(Upstream::with(replies));
    let server = Server::asking(upstream.models("chat", settings), ApiConfig::default(), []);
    (runtime, upstream, server)
}

fn request(more: Value) -> Value {
    let mut request =
        json!({"model": "m", "input": "Go.", "tools": [{"type": "shell", "environment": {"type": "container_auto"}}]});
    request.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
    request
}

/// A chunk that calls the shell.
fn shell(command: &str) -> String {
    let arguments = json!({"commands": [command]}).to_string();
    let call = json!({"index": 0, "id": "call_0", "function": {"name": "shell", "arguments": arguments}});
    json!({"choices": [{"delta": {"tool_calls": [call]}, "finish_reason": null}]}).to_string()
}

#[test]
fn a_model_behind_http_works_in_a_container() {
    // Each step calls its call `call_0`, as some services do.
    let steps = ["echo 6 > /mnt/data/n", "read n < n; echo $((7 * n)); echo oops >&2; exit 3"]
        .map(|command| Reply::Events(events(&[&shell(command), STOP, "[DONE]"])));
    let mut replies = Vec::from(steps);
    replies.push(Reply::Events(events(&[TEXT, STOP, "[DONE]"])));
    let (_runtime, upstream, server) = started("", replies);
    let response = server.client().post("/v1/responses", &request(json!({"instructions": "Be brief."}))).ok();
    let kinds: Vec<_> = response["output"].as_array().expect("a list").iter().map(|item| &item["type"]).collect();
    assert_eq!(kinds, ["shell_call", "shell_call_output", "shell_call", "shell_call_output", "message"]);
    assert_ne!(response["output"][0]["call_id"], response["output"][2]["call_id"]);
    assert_eq!(response["output"][4]["content"][0]["text"], "Here");

    let asked = upstream.asked();
    assert_eq!(asked.len(), 3);
    let last = &asked[2].body["messages"];
    let roles: Vec<_> = last.as_array().expect("a list").iter().map(|message| &message["role"]).collect();
    assert_eq!(roles, ["system", "user", "assistant", "tool", "assistant", "tool"]);
    assert_eq!(last[5]["content"], "exit_code=3\nstdout:\n42\nstderr:\noops\n");
    assert_eq!(last[5]["tool_call_id"], last[4]["tool_calls"][0]["id"]);
    assert!(!response.to_string().contains("sk-secret"));
}

#[test]
fn a_client_that_goes_away_stops_the_upstream() {
    let (runtime, upstream, server) = started("", vec![Reply::Stall(events(&[TEXT]))]);
    let mut client = server.client();
    let body = request(json!({"stream": true})).to_string();
    client.send("POST", "/v1/responses", &[("content-type", "application/json")], body.as_bytes());
    client.head();
    while !client.chunk().is_some_and(|chunk| String::from_utf8_lossy(&chunk).contains("output_text.delta")) {}
    drop(client);
    runtime.block_on(upstream.given_up());
}

#[test]
fn a_response_that_is_cancelled_stops_the_upstream() {
    let (runtime, upstream, server) = started("", vec![Reply::Silence]);
    let mut client = server.client();
    let response = client.post("/v1/responses", &request(json!({"background": true}))).ok();
    while upstream.asked().is_empty() {
        std::thread::yield_now();
    }
    let id = response["id"].as_str().expect("an id");
    let cancelled = client.post(&format!("/v1/responses/{id}/cancel"), &json!({})).ok();
    assert_eq!(cancelled["status"], "cancelled");
    runtime.block_on(upstream.given_up());
}

#[test]
fn what_is_wrong_with_the_upstream_is_told() {
    let limited = || Reply::Status(429, &[], r#"{"error":{"message":"slow down"}}"#);
    let (_runtime, _upstream, server) = started("retries = 0", vec![limited(), Reply::Status(500, &[], "sk-secret")]);
    let mut client = server.client();
    for (code, message) in [
        ("rate_limit_exceeded", "model m: too many requests: slow down"),
        ("server_error", "model m: answered 500: [key]"),
    ] {
        let response = client.post("/v1/responses", &request(json!({}))).ok();
        assert_eq!(response["status"], "failed");
        assert_eq!((&response["error"]["code"], &response["error"]["message"]), (&json!(code), &json!(message)));
    }
}
