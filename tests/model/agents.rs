//! The stock Agents SDK over a model behind Chat Completions: what the SDK sends and wants back has to survive both translations.

use std::path::Path;
use std::process::Command;

use coquina::api::ApiConfig;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::common::clients::{python, run};
use crate::server::Server;
use crate::upstream::{Reply, Upstream, events};

const STOP: &str = r#"{"choices":[{"delta":{},"finish_reason":"tool_calls"}]}"#;

/// A step that makes calls: of what, with which arguments.
fn calls(calls: &[(&str, Value)]) -> Reply {
    let each = calls.iter().enumerate().map(|(index, (name, arguments))| {
        json!({"index": index, "id": format!("call_{index}"), "function": {"name": name, "arguments": arguments.to_string()}})
    });
    let chunk = json!({"choices": [{"delta": {"tool_calls": each.collect::<Vec<_>>()}, "finish_reason": null}]});
    Reply::Events(events(&[&chunk.to_string(), STOP, "[DONE]"]))
}

fn says(text: &str) -> Reply {
    let chunk = json!({"choices": [{"delta": {"content": text}, "finish_reason": "stop"}]});
    Reply::Events(events(&[&chunk.to_string(), "[DONE]"]))
}

/// Runs one group of a script of theirs against a model that gives these replies; returns the messages of each request.
fn ran(script: &str, group: &str, replies: Vec<Reply>) -> Vec<Value> {
    let runtime = Runtime::new().expect("a runtime starts");
    let upstream = runtime.block_on(Upstream::with(replies));
    let server = Server::asking(upstream.models("chat", ""), ApiConfig::default(), []);
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/responses/agents");
    let home = tempfile::tempdir().expect("there is room");
    let mut sdk = Command::new(python("openai-agents", &here.join("requirements.txt")));
    sdk.env("HOME", home.path()).env("OPENAI_AGENTS_DISABLE_TRACING", "1").env("OPENAI_API_KEY", "unused");
    run(sdk.arg(here.join(script)).arg(format!("http://{}", server.address)).arg(group));
    upstream.asked().iter().map(|asked| asked.body.clone()).collect()
}

fn roles(body: &Value) -> Vec<&str> {
    let messages = body["messages"].as_array().expect("a list");
    messages.iter().map(|message| message["role"].as_str().expect("text")).collect()
}

#[test]
fn an_agent_in_a_sandbox_patches_files_by_a_function() {
    let patch = "*** Begin Patch\n*** Add File: greeting.txt\n+Hello\n*** End Patch\n";
    let first = calls(&[("apply_patch", json!({"input": patch})), ("exec_command", json!({"cmd": "cat names.txt"}))]);
    let asked = ran("sandboxes.py", "behind_chat", vec![first, says("Done.")]);
    let tools: Vec<_> =
        asked[0]["tools"].as_array().expect("a list").iter().map(|tool| &tool["function"]["name"]).collect();
    assert!(tools.contains(&&json!("apply_patch")) && tools.contains(&&json!("exec_command")), "{tools:?}");
    assert_eq!(roles(&asked[1]), ["system", "user", "assistant", "tool", "tool"]);
    assert!(asked[1]["messages"][4]["content"].as_str().is_some_and(|text| text.contains("Ada")), "{}", asked[1]);
}

#[test]
fn what_waits_for_a_person_stays_beside_its_call() {
    let shell = || calls(&[("shell", json!({"commands": ["echo kept > /mnt/data/note; echo written"]}))]);
    let replies = vec![shell(), says("Done."), shell(), says("Done.")];
    let asked = ran("runs.py", "asked_behind_chat", replies);
    for body in [&asked[1], &asked[3]] {
        let roles = roles(body);
        let at = roles.iter().position(|role| *role == "tool").expect("the call has an output");
        assert_eq!((roles[0], roles[at - 1]), ("system", "assistant"), "{body:#}");
        assert_eq!(body["messages"][at]["tool_call_id"], body["messages"][at - 1]["tool_calls"][0]["id"]);
        assert_eq!(body["messages"][at]["content"], "exit_code=0\nstdout:\nwritten\n");
    }
}
