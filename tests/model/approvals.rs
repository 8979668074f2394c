//! Steps with several calls of which some wait for a person, on the whole way: however a client goes on, the model is told what became of each call
//! once, in the order it made them, and what it was told stays as it is.

use coquina::api::ApiConfig;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::client::Client;
use crate::server::Server;
use crate::upstream::{Reply, Upstream, events};

/// A step that calls these tools, one after another.
fn calls(calls: &[(&str, Value)]) -> Reply {
    let chunk = |(index, (name, arguments)): (usize, &(&str, Value))| {
        let function = json!({"name": name, "arguments": arguments.to_string()});
        let call = json!({"index": index, "id": format!("call_{index}"), "function": function});
        json!({"choices": [{"delta": {"tool_calls": [call]}, "finish_reason": null}]}).to_string()
    };
    let chunks: Vec<String> = calls.iter().enumerate().map(chunk).collect();
    let mut chunks: Vec<&str> = chunks.iter().map(String::as_str).collect();
    chunks.extend([r#"{"choices":[{"delta":{},"finish_reason":"tool_calls"}]}"#, "[DONE]"]);
    Reply::Events(events(&chunks))
}

fn shell(command: &str) -> (&'static str, Value) {
    ("shell", json!({ "commands": [command] }))
}

fn text() -> Reply {
    Reply::Events(events(&[r#"{"choices":[{"delta":{"content":"Well."},"finish_reason":"stop"}]}"#, "[DONE]"]))
}

/// How a client goes on from a response.
#[derive(Clone, Copy, Debug, PartialEq)]
enum How {
    Chain,
    Conversation,
    Everything,
}

/// A client's side of a conversation.
struct Talk {
    client: Client,
    how: How,
    conversation: Value,
    last: Value,
    history: Vec<Value>,
}

impl Talk {
    fn new(mut client: Client, how: How) -> Talk {
        let conversation = match how {
            How::Conversation => client.post("/v1/conversations", &json!({})).ok()["id"].clone(),
            _ => Value::Null,
        };
        Talk { client, how, conversation, last: Value::Null, history: Vec::new() }
    }

    fn say(&mut self, input: Value) -> Value {
        let new = input.as_array().expect("a list").clone();
        self.history.extend(new.clone());
        let tools = json!([{"type": "shell", "environment": {"type": "container_auto"}}, {"type": "function", "name": "weather"}]);
        let rules = json!({"rules": [{"decision": "ask", "command": "rm"}]});
        let mut body = json!({"model": "m", "input": new, "tools": tools, "policy": rules});
        match self.how {
            How::Chain => body["previous_response_id"] = self.last.clone(),
            How::Conversation => body["conversation"] = self.conversation.clone(),
            How::Everything => (body["input"], body["store"]) = (json!(self.history), json!(false)),
        }
        let response = self.client.post("/v1/responses", &body).ok();
        assert_eq!(response["status"], "completed", "{response:#}");
        self.last = response["id"].clone();
        self.history.extend(response["output"].as_array().expect("a list").clone());
        response
    }
}

fn kinds(response: &Value) -> Vec<&str> {
    response["output"].as_array().expect("a list").iter().map(|item| item["type"].as_str().expect("text")).collect()
}

/// What the calls of a step are answered with when a person has decided on those that wait: as the model is told with the next prompt, which the one
/// after that begins with.
fn told(how: How, step: &[(&str, Value)], approve: &[bool], questions_for: &[usize]) -> (Vec<Value>, Vec<Value>) {
    let runtime = Runtime::new().expect("a runtime starts");
    let upstream = runtime.block_on(Upstream::with(vec![calls(step), text(), text()]));
    let server = Server::asking(upstream.models("chat", ""), ApiConfig::default(), []);
    let mut talk = Talk::new(server.client(), how);
    let first = talk.say(json!([{"role": "user", "content": "Go."}]));
    let output = first["output"].as_array().expect("a list");
    let of = |kind: &str| output.iter().filter(|item| item["type"] == kind).collect::<Vec<_>>();
    let questions = of("mcp_approval_request");
    let called: Vec<&Value> =
        output.iter().filter(|item| item["type"].as_str().expect("text").ends_with("_call")).collect();
    let asked: Vec<usize> = questions
        .iter()
        .map(|question| {
            let shown: Value = serde_json::from_str(question["arguments"].as_str().expect("text")).expect("JSON");
            called.iter().position(|call| call["call_id"] == shown["call_id"]).expect("it is about one of the calls")
        })
        .collect();
    assert_eq!(asked, questions_for, "{first:#}");
    let mut input: Vec<Value> = of("function_call")
        .iter()
        .map(|call| json!({"type": "function_call_output", "call_id": call["call_id"], "output": "sunny"}))
        .collect();
    input.extend(questions.iter().zip(approve).map(|(question, approve)| {
        json!({"type": "mcp_approval_response", "approval_request_id": question["id"], "approve": approve, "reason": "so"})
    }));
    let second = talk.say(input.into());
    assert_eq!(kinds(&second), [&vec!["shell_call_output"; questions.len()][..], &["message"]].concat(), "{second:#}");
    talk.say(json!([{"role": "user", "content": "And?"}]));
    let prompts = upstream.asked().into_iter().map(|asked| asked.body["messages"].as_array().expect("a list").clone());
    let [_, second, third]: [Vec<Value>; 3] = prompts.collect::<Vec<_>>().try_into().expect("three prompts");
    assert!(third.starts_with(&second), "{how:?}: what was told stays: {second:#?} {third:#?}");
    let (answers, words): (Vec<_>, Vec<_>) = second.into_iter().skip(2).partition(|message| message["role"] == "tool");
    (answers, words)
}

#[test]
fn what_is_decided_elsewhere_and_what_is_not_decided_is_told_too() {
    let runtime = Runtime::new().expect("a runtime starts");
    let step = calls(&[shell("rm -f x; echo a"), shell("rm -f y; echo b")]);
    let upstream = runtime.block_on(Upstream::with(vec![step, text(), text()]));
    let server = Server::asking(upstream.models("chat", ""), ApiConfig::default(), []);
    let mut talk = Talk::new(server.client(), How::Chain);
    let first = talk.say(json!([{"role": "user", "content": "Go."}]));
    let second = first["output"].as_array().and_then(|output| output.last()).expect("an item");
    let path = format!("/v1/approvals/{}", second["id"].as_str().expect("an id"));
    talk.client.post(&path, &json!({"approve": true})).ok();
    talk.say(json!([{"role": "user", "content": "On."}]));
    talk.say(json!([{"role": "user", "content": "And?"}]));
    let prompts: Vec<Value> = upstream.asked().into_iter().map(|asked| asked.body["messages"].clone()).collect();
    let told = |prompt: &Value| prompt.as_array().expect("a list")[2..].to_vec();
    let [first, second, approved, on] = &told(&prompts[1])[..] else { panic!("{:#}", prompts[1]) };
    has(first, "It was not run, nothing was changed: nobody has approved it");
    has(second, "b\n");
    has(approved, "was approved]");
    has(on, "On.");
    assert!(told(&prompts[2]).starts_with(&told(&prompts[1])), "what was told stays: {:#}", prompts[2]);
}

fn has(message: &Value, text: &str) {
    assert!(message["content"].as_str().expect("text").contains(text), "{text}: {message}");
}

#[test]
fn a_step_of_which_one_call_waits_is_told_whole() {
    let weather = ("weather", json!({}));
    let step = [shell("echo a"), shell("rm -f x; echo b"), shell("echo c"), weather];
    for how in [How::Chain, How::Conversation, How::Everything] {
        let (answers, words) = told(how, &step, &[true], &[1]);
        for (answer, text) in answers.iter().zip(["a\n", "b\n", "waits for a person", "sunny"]) {
            has(answer, text);
        }
        assert_eq!((answers.len(), words.len()), (4, 1), "{words:#?}");
        has(&words[0], "[The call that waited for approval was approved: so]");
    }
}

#[test]
fn of_two_calls_that_wait_each_has_its_own_answer() {
    for how in [How::Chain, How::Conversation, How::Everything] {
        let (answers, words) =
            told(how, &[shell("rm -f x; echo a"), shell("rm -f y; echo b")], &[false, true], &[0, 1]);
        assert_eq!((answers.len(), words.len()), (2, 1), "{words:#?}");
        has(&answers[0], "A person has declined it: so");
        has(&answers[1], "b\n");
    }
}
