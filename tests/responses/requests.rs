//! Requests for responses that cannot be: each is refused in the reference's words, and nothing is made.

use std::sync::Arc;

use coquina::agent::Model;
use coquina::agent::model::{Delta, Finish, ModelError, Models, Prompt};
use coquina::api::ApiConfig;
use futures_util::StreamExt as _;
use futures_util::stream::{self, BoxStream};
use serde_json::{Value, json};

use super::server::Server;

/// A model that says `hi`.
struct Hi;

impl Model for Hi {
    fn generate(&self, _: Prompt) -> BoxStream<'static, Result<Delta, ModelError>> {
        stream::iter([Ok(Delta::Text("hi".into())), Ok(Delta::Finished(Finish::Stop))]).boxed()
    }

    fn context_window(&self) -> u64 {
        100_000
    }
}

fn server() -> Server {
    let mut models = Models::new();
    models.insert("m", Arc::new(Hi));
    models.alias("gpt-m", "m");
    Server::asking(models, ApiConfig::default(), [])
}

#[test]
fn wrong_fields_are_named() {
    let server = server();
    let mut client = server.client();
    for (change, code, param) in [
        (json!({ "model": null }), "missing_required_parameter", "model"),
        (json!({ "input": null }), "missing_required_parameter", "input"),
        (json!({ "input": 5 }), "invalid_type", "input"),
        (json!({ "input": [] }), "invalid_value", "input"),
        (json!({ "input": [{ "role": "robot", "content": "x" }] }), "invalid_value", "input[0].role"),
        (
            json!({ "input": [{ "type": "compaction_trigger" }, { "role": "user", "content": "x" }] }),
            "invalid_value",
            "input",
        ),
        (json!({ "input": [{ "type": "item_reference", "id": "msg_1" }] }), "invalid_value", "input[0].id"),
        (json!({ "colour": "red" }), "unknown_parameter", "colour"),
        (json!({ "temperature": 2.5 }), "invalid_value", "temperature"),
        (json!({ "temperature": "hot" }), "invalid_type", "temperature"),
        (json!({ "top_p": -0.1 }), "invalid_value", "top_p"),
        (json!({ "top_logprobs": 21 }), "invalid_value", "top_logprobs"),
        (json!({ "presence_penalty": 3 }), "invalid_value", "presence_penalty"),
        (json!({ "max_output_tokens": 15 }), "invalid_value", "max_output_tokens"),
        (json!({ "max_tool_calls": -1 }), "invalid_value", "max_tool_calls"),
        (json!({ "metadata": { "k": "x".repeat(513) } }), "invalid_value", "metadata.k"),
        (json!({ "include": ["everything"] }), "invalid_value", "include[0]"),
        (json!({ "truncation": "middle" }), "invalid_value", "truncation"),
        (json!({ "reasoning": { "effort": "huge" } }), "invalid_value", "reasoning.effort"),
        (json!({ "reasoning": { "depth": 1 } }), "unknown_parameter", "reasoning.depth"),
        (json!({ "text": { "format": { "type": "xml" } } }), "invalid_value", "text.format.type"),
        (
            json!({ "text": { "format": { "type": "json_schema", "name": "x" } } }),
            "missing_required_parameter",
            "text.format.schema",
        ),
        (json!({ "text": { "verbosity": "loud" } }), "invalid_value", "text.verbosity"),
        (json!({ "tools": [{ "type": "web_search" }] }), "invalid_value", "tools[0].type"),
        (json!({ "tool_choice": { "type": "function", "name": "f" } }), "invalid_value", "tool_choice"),
        (json!({ "tool_choice": "required" }), "invalid_value", "tool_choice"),
        (json!({ "context_management": [] }), "invalid_value", "context_management"),
        (
            json!({ "context_management": [{ "type": "compaction", "compact_threshold": 999 }] }),
            "invalid_value",
            "context_management[0].compact_threshold",
        ),
        (json!({ "context_management": [{ "type": "forget" }] }), "invalid_value", "context_management[0].type"),
        (json!({ "background": true, "store": false }), "invalid_value", "background"),
        (json!({ "prompt": { "id": "x" } }), "invalid_value", "prompt"),
        (json!({ "prompt_cache_key": "x".repeat(65) }), "invalid_value", "prompt_cache_key"),
        (json!({ "conversation": 5 }), "invalid_value", "conversation"),
        (json!({ "previous_response_id": "resp_x" }), "previous_response_not_found", "previous_response_id"),
        (
            json!({ "tools": [{ "type": "shell", "environment": { "type": "container_auto",
                "network_policy": { "type": "allowlist", "allowed_domains": ["a.example"] } } }] }),
            "invalid_value",
            "network_policy",
        ),
    ] {
        let mut body = json!({ "model": "m", "input": "hi" });
        body.as_object_mut().expect("an object").extend(change.as_object().expect("an object").clone());
        let answer = client.post("/v1/responses", &body);
        let error = answer.error();
        assert_eq!((error.0, error.1.as_str()), (400, code), "{change}: {}", answer.text());
        assert_eq!(answer.json()["error"]["param"], param, "{change}: {}", answer.text());
    }
}

#[test]
fn what_is_not_there_is_not_found() {
    let server = server();
    let mut client = server.client();
    let shell = |environment: Value| json!([{ "type": "shell", "environment": environment }]);
    for change in [
        json!({ "model": "other" }),
        json!({ "conversation": "conv_x" }),
        json!({ "conversation": { "id": "conv_x" } }),
        json!({ "tools": shell(json!({ "type": "container_reference", "container_id": "cntr_x" })) }),
        json!({ "tools": shell(json!({ "type": "container_auto", "file_ids": ["file-x"] })) }),
        json!({ "tools": shell(json!({ "type": "container_auto", "skills": [{ "type": "skill_reference", "skill_id": "skill_x" }] })) }),
        json!({ "input": [{ "role": "user", "content": [{ "type": "input_file", "file_id": "file-x" }] }] }),
    ] {
        let mut body = json!({ "model": "m", "input": "hi" });
        body.as_object_mut().expect("an object").extend(change.as_object().expect("an object").clone());
        let answer = client.post("/v1/responses", &body);
        assert_eq!(answer.error().0, 404, "{change}: {}", answer.text());
    }
    for id in ["resp_x", "x", "%00"] {
        for answer in [
            client.get(&format!("/v1/responses/{id}")),
            client.get(&format!("/v1/responses/{id}?stream=true")),
            client.get(&format!("/v1/responses/{id}/input_items")),
            client.delete(&format!("/v1/responses/{id}")),
            client.post(&format!("/v1/responses/{id}/cancel"), &json!({})),
        ] {
            assert_eq!(answer.error().0, 404, "{id}");
        }
    }
    let both = json!({ "model": "m", "input": "x", "previous_response_id": "resp_x", "conversation": "conv_x" });
    assert_eq!(client.post("/v1/responses", &both).error().1, "mutually_exclusive_parameters");
    assert_eq!(client.get("/v1/containers").ok()["data"], json!([]), "nothing was made");
}

#[test]
fn models_are_listed_and_tokens_counted() {
    let server = server();
    let mut client = server.client();
    assert_eq!(client.get("/v1/models").ok()["data"][0]["id"], "m");
    assert_eq!(client.get("/v1/models/gpt-m").ok()["id"], "gpt-m", "a name for clients that know some names only");
    let count = |client: &mut super::client::Client, body: &Value| {
        let counted = client.post("/v1/responses/input_tokens", body).ok();
        assert_eq!(counted["object"], "response.input_tokens");
        counted["input_tokens"].as_u64().expect("a number")
    };
    let few = count(&mut client, &json!({ "model": "m", "input": "hi" }));
    let many = count(&mut client, &json!({ "input": "hi ".repeat(1000), "tools": [] }));
    assert!(few > 0 && many > few + 500, "{few} {many}");
    let whole = json!({ "model": "m", "input": "hi", "stream": true, "temperature": 0.5, "personality": null });
    assert_eq!(count(&mut client, &whole), few, "of any request that could be made");
    let unknown = json!({ "input": "x", "colour": "red" });
    assert_eq!(client.post("/v1/responses/input_tokens", &unknown).error().1, "unknown_parameter");
    let missing = client.post("/v1/responses/compact", &json!({ "input": "x" })).error();
    assert_eq!((missing.0, missing.1.as_str()), (400, "missing_required_parameter"));
}
