//! Responses streams of an upstream.

use coquina::agent::item::{Item, Reasoning};
use coquina::agent::model::{Finish, ModelError, Usage};
use serde_json::{Value, json};

use crate::answers::{Answer, ask, prompt};
use crate::upstream::{Reply, Upstream};

const LS: &str = r#"{"commands":["ls"]}"#;

/// What is understood of these events.
async fn of(settings: &str, events: &[Value]) -> (Answer, Value) {
    let events =
        events.iter().map(|event| format!("event: {}\ndata: {event}\n\n", event["type"].as_str().unwrap_or("x")));
    let upstream = Upstream::with(vec![Reply::Events(events.collect())]).await;
    let answer = ask(&upstream.model("responses", settings), prompt()).await;
    let asked = upstream.asked().remove(0);
    assert_eq!(asked.path, "/v1/responses");
    (answer, asked.body)
}

fn completed() -> Value {
    json!({"type": "response.completed", "response": {"status": "completed", "usage": {
        "input_tokens": 9, "input_tokens_details": {"cached_tokens": 4}, "output_tokens": 5,
        "output_tokens_details": {"reasoning_tokens": 3}}}})
}

#[tokio::test]
async fn text_calls_and_reasoning() {
    let reasoning = json!({"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "sealed",
        "content": [{"type": "reasoning_text", "text": "Hm."}]});
    let (answer, asked) = of(
        "profile = \"openai\"",
        &[
            json!({"type": "response.created", "response": {"status": "in_progress"}}),
            json!({"type": "response.output_item.added", "output_index": 0, "item": {"type": "reasoning", "id": "rs_1"}}),
            json!({"type": "response.reasoning_text.delta", "output_index": 0, "delta": "Hm."}),
            json!({"type": "response.output_item.done", "output_index": 0, "item": reasoning}),
            json!({"type": "response.output_item.added", "output_index": 1, "item": {"type": "message"}}),
            json!({"type": "response.output_text.delta", "output_index": 1, "delta": "I'll "}),
            json!({"type": "response.output_text.delta", "output_index": 1, "delta": "look."}),
            json!({"type": "response.output_item.done", "output_index": 1, "item": {"type": "message",
                "content": [{"type": "output_text", "text": "I'll look."}]}}),
            json!({"type": "response.output_item.added", "output_index": 2, "item":
                {"type": "function_call", "call_id": "a", "name": "shell", "arguments": ""}}),
            json!({"type": "response.output_item.added", "output_index": 3, "item":
                {"type": "custom_tool_call", "call_id": "b", "name": "g", "input": ""}}),
            json!({"type": "response.function_call_arguments.delta", "output_index": 2, "delta": "{\"commands\":"}),
            json!({"type": "response.custom_tool_call_input.delta", "output_index": 3, "delta": "select 1"}),
            json!({"type": "response.output_item.done", "output_index": 2, "item":
                {"type": "function_call", "call_id": "a", "name": "shell", "arguments": LS, "status": "completed"}}),
            json!({"type": "response.output_item.done", "output_index": 3, "item":
                {"type": "custom_tool_call", "call_id": "b", "name": "g", "input": "select 1"}}),
            completed(),
        ],
    )
    .await;
    assert_eq!((answer.text.as_str(), answer.reasoning.as_str()), ("I'll look.", "Hm."));
    let item = Reasoning { id: Some("rs_1".into()), encrypted_content: Some("sealed".into()), ..Reasoning::default() };
    assert_eq!(answer.reasoning_items, [Item::Reasoning(item)], "its words came already");
    assert_eq!(answer.calls(), [("the shell".into(), Some(LS)), ("custom g".into(), Some("select 1"))]);
    let usage = Usage { input_tokens: 9, cached_tokens: 4, output_tokens: 5, reasoning_tokens: 3 };
    assert_eq!((answer.usage, answer.finish), (Some(usage), Some(Finish::Stop)));
    assert_eq!((&asked["store"], &asked["include"]), (&json!(false), &json!(["reasoning.encrypted_content"])));
    assert_eq!(asked["tools"][0]["name"], "shell");
    assert_eq!(asked["tools"][2], json!({"type": "custom", "name": "g", "format": {"type": "text"}}));
}

#[tokio::test]
async fn reasoning_comes_once() {
    let item = json!({"type": "reasoning", "id": "rs_1", "summary": null, "content": [{"type": "reasoning_text", "text": "Hm."}]});
    let delta = json!({"type": "response.reasoning_text.delta", "output_index": 0, "delta": "Hm."});
    let done = json!({"type": "response.output_item.done", "output_index": 0, "item": item});
    let (pieces, _) = of("", &[delta, done.clone(), completed()]).await;
    assert_eq!((pieces.reasoning.as_str(), pieces.reasoning_items.len()), ("Hm.", 0));
    let (whole, _) = of("", &[done, completed()]).await;
    assert_eq!((whole.reasoning.as_str(), whole.reasoning_items.len()), ("", 1));
}

#[tokio::test]
async fn tools_that_the_upstream_knows_itself() {
    let (answer, asked) = of(
        "profile = { like = \"openai\", native_tools = true }",
        &[
            json!({"type": "response.output_item.added", "output_index": 0, "item":
                {"type": "shell_call", "call_id": "a", "action": {"commands": []}}}),
            json!({"type": "response.shell_call_command.delta", "output_index": 0, "command_index": 0, "delta": "ls"}),
            json!({"type": "response.output_item.done", "output_index": 0, "item": {"type": "shell_call",
                "call_id": "a", "status": "completed", "action": {"commands": ["ls"]}}}),
            json!({"type": "response.output_item.done", "output_index": 1, "item": {"type": "apply_patch_call",
                "call_id": "b", "status": "completed", "operation": {"type": "delete_file", "path": "x"}}}),
            completed(),
        ],
    )
    .await;
    let patch = r#"{"operation":{"path":"x","type":"delete_file"}}"#;
    assert_eq!(answer.calls(), [("the shell".into(), Some(LS)), ("the editor".into(), Some(patch))]);
    assert_eq!(asked["tools"][0], json!({"type": "shell", "environment": {"type": "local"}}));
}

#[tokio::test]
async fn cut_by_the_limit() {
    let (answer, _) = of(
        "",
        &[
            json!({"type": "response.output_item.done", "output_index": 0, "item": {"type": "function_call",
                "call_id": "a", "name": "f", "arguments": "{\"a", "status": "incomplete"}}),
            json!({"type": "response.incomplete", "response": {"status": "incomplete",
                "incomplete_details": {"reason": "max_output_tokens"}}}),
        ],
    )
    .await;
    assert_eq!(answer.calls(), [("f".into(), None)]);
    assert_eq!(answer.finish, Some(Finish::Length));
    assert!(answer.usage.is_some_and(|usage| usage.input_tokens > 0), "it is estimated");
}

#[tokio::test]
async fn failures_in_each_of_their_forms() {
    for event in [
        json!({"type": "response.failed", "response": {"status": "failed", "error": {"code": "server_error", "message": "oops"}}}),
        json!({"type": "error", "code": "server_error", "message": "oops"}),
        json!({"type": "error", "error": {"type": "server_error", "message": "oops"}}),
        json!({"error": {"message": "oops"}}),
    ] {
        let (answer, _) = of("retries = 0", &[event]).await;
        assert_eq!(answer.error.expect("it fails").to_string(), "model m: answered 502: oops");
    }
    let started = json!({"type": "response.output_text.delta", "output_index": 0, "delta": "a"});
    let (answer, _) = of("", &[started]).await;
    assert!(matches!(answer.error, Some(ModelError::Cut { .. })));
}

#[tokio::test]
async fn an_answer_that_does_not_stream() {
    let whole = json!({"object": "response", "status": "completed", "error": null, "output": [
        {"type": "message", "content": [{"type": "output_text", "text": "a"}, {"type": "refusal", "refusal": "b"}]},
        {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}],
        "usage": {"input_tokens": 1, "output_tokens": 2}});
    let upstream = Upstream::with(vec![Reply::Json(whole)]).await;
    let answer = ask(&upstream.model("responses", ""), prompt()).await;
    assert_eq!((answer.text.as_str(), answer.refusal.as_str()), ("a", "b"));
    assert_eq!(answer.calls(), [("f".into(), Some("{}"))]);
}
