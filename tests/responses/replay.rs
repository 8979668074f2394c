//! Events told again of a response that nobody followed are those that somebody who had would have seen, each text in one piece.

use std::collections::HashMap;

use coquina::api::ApiConfig;
use serde_json::{Value, json};

use super::client::{Client, events};
use super::sdk::models;
use super::server::Server;

/// What every response of these tests may use.
fn tools() -> Value {
    json!([
        { "type": "shell", "environment": { "type": "container_auto" } },
        { "type": "function", "name": "get_weather" },
        { "type": "custom", "name": "note" },
    ])
}

fn told(client: &mut Client, path: &str) -> Vec<Value> {
    let answer = client.get(path);
    assert_eq!(answer.status, 200, "{}", answer.text());
    events(answer.text()).into_iter().map(|(_, event)| event).collect()
}

/// Puts what differs from one response to the next out of the way: ids are numbered as they come, times and seals are gone.
fn anonymous(value: &mut Value, ids: &mut HashMap<String, usize>) {
    match value {
        Value::Array(values) => values.iter_mut().for_each(|value| anonymous(value, ids)),
        Value::Object(fields) => {
            for (name, value) in fields {
                match name.as_str() {
                    "sequence_number" | "created_at" | "completed_at" | "encrypted_content" => *value = Value::Null,
                    _ => anonymous(value, ids),
                }
            }
        }
        Value::String(text) if text.len() > 30 && text.contains('_') && !text.contains([' ', '/', '.']) => {
            let next = ids.len();
            *text = format!("id {}", ids.entry(text.clone()).or_insert(next));
        }
        _ => {}
    }
}

/// Which stretch of text a delta belongs to.
fn stretch(event: &Value) -> Option<String> {
    let kind = event["type"].as_str()?.ends_with(".delta").then(|| event["type"].clone())?;
    let stream = event["delta"].as_object().and_then(|written| written.keys().next().cloned());
    Some(json!([kind, event["output_index"], event["content_index"], event["command_index"], stream]).to_string())
}

/// Adds a delta's text to that of an earlier one.
fn lengthen(earlier: &mut Value, event: &Value) {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    match event["delta"].as_object().and_then(|written| written.iter().next()) {
        Some((stream, more)) => {
            let all = text(&earlier["delta"][stream]).unwrap_or_default() + &text(more).unwrap_or_default();
            earlier["delta"][stream] = all.into();
        }
        None => {
            let all = text(&earlier["delta"]).unwrap_or_default() + &text(&event["delta"]).unwrap_or_default();
            earlier["delta"] = all.into();
        }
    }
}

/// What there is to know of a stream: not how texts were cut, nor which of a call's commands was quicker, nor that a call of the shell was still
/// being written when the next item began.
fn shape(mut all: Vec<Value>) -> Vec<Value> {
    for (number, event) in all.iter().enumerate() {
        assert_eq!(event["sequence_number"], number, "numbers without gaps");
    }
    let last = all.pop();
    all.sort_by_key(|event| event["output_index"].as_u64());
    all.extend(last);
    let is_output =
        |event: &Value| event["type"].as_str().is_some_and(|kind| kind.contains("shell_call_output_content"));
    for run in all.chunk_by_mut(|a, b| is_output(a) && is_output(b)) {
        run.sort_by_key(|event| event["command_index"].as_u64());
    }
    let (mut shape, mut ids) = (Vec::<Value>::new(), HashMap::new());
    for mut event in all {
        anonymous(&mut event, &mut ids);
        let stretch_of_it = stretch(&event);
        match shape.last_mut() {
            Some(last) if stretch_of_it.is_some() && stretch(last) == stretch_of_it => lengthen(last, &event),
            _ => shape.push(event),
        }
    }
    shape
}

#[test]
fn what_was_not_streamed_is_told_as_if_it_had_been() {
    let server = Server::asking(models(), ApiConfig::default(), []);
    let mut client = server.client();
    for input in [
        "Say hello",
        "Refuse",
        "Think",
        "As JSON",
        "Weather",
        "Take it down",
        "List the files",
        "Both at once",
        "Count",
        "Take your time",
        "Fail",
    ] {
        let mut body = json!({ "model": "m", "input": input, "tools": tools(), "metadata": { "a": "b" } });
        let quiet = client.post("/v1/responses", &body).ok();
        let path = format!("/v1/responses/{}?stream=true", quiet["id"].as_str().expect("an id"));
        let again = told(&mut client, &path);
        assert_eq!(again.last().expect("events")["response"], quiet, "{input}");
        for (number, rest) in (1..).map(|from| (from - 1, &again[from..])).take(again.len()) {
            assert_eq!(told(&mut client, &format!("{path}&starting_after={number}")), rest, "{input} after {number}");
        }
        assert_eq!(told(&mut client, &path), again, "the same every time");
        body["stream"] = true.into();
        let live = events(client.post("/v1/responses", &body).text());
        let live = live.into_iter().map(|(_, event)| event).collect();
        assert_eq!(shape(again), shape(live), "{input}");
    }
}

#[test]
fn a_compaction_that_was_not_streamed_is_told_too() {
    let server = Server::asking(models(), ApiConfig::default(), []);
    let mut client = server.client();
    let long = json!([{ "role": "user", "content": "word ".repeat(4000) }, { "role": "user", "content": "Say hello" }]);
    let mut body = json!({ "model": "m", "input": long,
        "context_management": [{ "type": "compaction", "compact_threshold": 1000 }] });
    let quiet = client.post("/v1/responses", &body).ok();
    let again = told(&mut client, &format!("/v1/responses/{}?stream=true", quiet["id"].as_str().expect("an id")));
    body["stream"] = true.into();
    let live = events(client.post("/v1/responses", &body).text());
    assert_eq!(shape(again), shape(live.into_iter().map(|(_, event)| event).collect()));
}
