//! What services make of Chat Completions streams, each as a test.

use coquina::agent::item::{CallOutput, Content, FunctionCall, Item};
use coquina::agent::model::{Finish, Usage};
use serde_json::json;

use crate::answers::{Answer, ask, prompt};
use crate::upstream::{Reply, Upstream, events};

const LS: &str = r#"{"commands":["ls"]}"#;

/// A chunk with this delta.
fn delta(delta: &str) -> String {
    format!(r#"{{"choices":[{{"index":0,"delta":{delta},"finish_reason":null}}]}}"#)
}

fn finish(reason: &str) -> String {
    format!(r#"{{"choices":[{{"index":0,"delta":{{}},"finish_reason":"{reason}"}}]}}"#)
}

/// What a model with these settings understands of these deltas, after which it finishes as usual.
async fn after(settings: &str, deltas: &[&str], reason: &str) -> Answer {
    let mut chunks: Vec<String> = deltas.iter().map(|text| delta(text)).collect();
    chunks.push(finish(reason));
    chunks.push("[DONE]".into());
    let upstream = Upstream::streaming(&chunks.iter().map(String::as_str).collect::<Vec<_>>()).await;
    ask(&upstream.model("chat", settings), prompt()).await
}

async fn of(deltas: &[&str]) -> Answer {
    after("", deltas, "tool_calls").await
}

#[tokio::test]
async fn as_the_reference_has_it() {
    let upstream = Upstream::streaming(&[
        &delta(r#"{"role":"assistant","content":null}"#),
        &delta(r#"{"content":"I'll "}"#),
        &delta(r#"{"content":"look."}"#),
        &delta(r#"{"tool_calls":[{"index":0,"id":"call_1","type":"function","function":{"name":"shell","arguments":""}}]}"#),
        &delta(r#"{"tool_calls":[{"index":0,"function":{"arguments":"{\"comm"}}]}"#),
        &delta(r#"{"tool_calls":[{"index":1,"id":"call_2","type":"function","function":{"name":"f","arguments":"{"}}]}"#),
        &delta(r#"{"tool_calls":[{"index":0,"function":{"arguments":"ands\":[\"ls\"]}"}}]}"#),
        &delta(r#"{"tool_calls":[{"index":1,"function":{"arguments":"}"}}]}"#),
        &finish("tool_calls"),
        r#"{"choices":[],"usage":{"prompt_tokens":10,"completion_tokens":5,"total_tokens":15,"prompt_tokens_details":{"cached_tokens":3},"completion_tokens_details":{"reasoning_tokens":2}}}"#,
        "[DONE]",
    ])
    .await;
    let model = upstream.model("chat", "profile = \"openai\"\nheaders = { x-title = \"shells\" }");
    let answer = ask(&model, prompt()).await;
    assert_eq!(answer.text, "I'll look.");
    assert_eq!(answer.calls(), [("the shell".into(), Some(LS)), ("f".into(), Some("{}"))]);
    assert_eq!(answer.calls.iter().map(|call| call.id.as_str()).collect::<Vec<_>>(), ["call_1", "call_2"]);
    let usage = Usage { input_tokens: 10, cached_tokens: 3, output_tokens: 5, reasoning_tokens: 2 };
    assert_eq!((answer.usage, answer.finish), (Some(usage), Some(Finish::Stop)));

    let asked = upstream.asked().remove(0);
    assert_eq!(asked.path, "/v1/chat/completions");
    assert_eq!(asked.headers["authorization"], "Bearer sk-secret");
    assert_eq!(asked.headers["x-title"], "shells");
    assert_eq!(asked.body["model"], "up");
    assert_eq!(asked.body["stream_options"], json!({"include_usage": true}));
}

#[tokio::test]
async fn text_and_refusals() {
    let answer = after("", &[r#"{"content":"Hé"}"#, r#"{"content":""}"#, r#"{"content":"llo"}"#], "stop").await;
    assert_eq!((answer.text.as_str(), answer.finish), ("Héllo", Some(Finish::Stop)));
    let answer = after("", &[r#"{"refusal":"I can't."}"#], "content_filter").await;
    assert_eq!((answer.refusal.as_str(), answer.finish), ("I can't.", Some(Finish::ContentFilter)));
}

#[tokio::test]
async fn usage_that_is_not_told_is_estimated() {
    let answer = after("", &[r#"{"content":"12345678"}"#], "stop").await;
    let usage = answer.usage.expect("there is always one");
    assert_eq!(usage.output_tokens, 2);
    assert!(usage.input_tokens > 0);
}

#[tokio::test]
async fn a_whole_call_in_one_delta_without_an_index() {
    let answer = of(&[
        r#"{"tool_calls":[{"id":"a","function":{"name":"shell","arguments":"{\"commands\":[\"ls\"]}"}},{"id":"b","function":{"name":"f","arguments":"{}"}}]}"#,
    ])
    .await;
    assert_eq!(answer.calls(), [("the shell".into(), Some(LS)), ("f".into(), Some("{}"))]);
}

#[tokio::test]
async fn calls_without_an_id() {
    for id in ["", r#""id":"","#, r#""id":null,"#] {
        let call =
            |name: &str| format!(r#"{{"tool_calls":[{{{id}"function":{{"name":"{name}","arguments":{{}}}}}}]}}"#);
        let answer = of(&[&call("f"), &call("f")]).await;
        assert_eq!(answer.calls(), [("f".into(), Some("{}")), ("f".into(), Some("{}"))], "{id}");
        assert!(answer.calls[0].id.starts_with("call_"), "it gets one of ours");
    }
}

#[tokio::test]
async fn calls_that_all_have_index_0() {
    let call = |id: &str| {
        format!(r#"{{"tool_calls":[{{"index":0,"id":"{id}","function":{{"name":"f","arguments":"{{}}"}}}}]}}"#)
    };
    let answer = of(&[&call("a"), &call("b")]).await;
    assert_eq!(answer.calls(), [("f".into(), Some("{}")), ("f".into(), Some("{}"))]);
}

#[tokio::test]
async fn calls_with_the_same_id() {
    let call = |index: u8| {
        format!(r#"{{"tool_calls":[{{"index":{index},"id":"x","function":{{"name":"f","arguments":"{{}}"}}}}]}}"#)
    };
    let answer = of(&[&call(0), &call(1)]).await;
    assert_eq!(answer.calls.len(), 2);
    assert_ne!(answer.calls[0].id, answer.calls[1].id);
}

#[tokio::test]
async fn an_id_that_an_earlier_step_had() {
    let mut prompt = prompt();
    let call =
        FunctionCall { id: None, call_id: "call_0".into(), name: "f".into(), arguments: "{}".into(), status: None };
    let output = CallOutput { id: None, call_id: "call_0".into(), output: Content::Text(String::new()), status: None };
    prompt.items.extend([Item::FunctionCall(call), Item::FunctionCallOutput(output)]);
    let chunk = delta(r#"{"tool_calls":[{"index":0,"id":"call_0","function":{"name":"f","arguments":"{}"}}]}"#);
    let upstream = Upstream::streaming(&[&chunk, &finish("tool_calls"), "[DONE]"]).await;
    let answer = ask(&upstream.model("chat", ""), prompt).await;
    assert_ne!(answer.calls[0].id, "call_0");
    assert_eq!(upstream.asked()[0].body["messages"][3]["content"], "(no output)", "some refuse empty outputs");
}

#[tokio::test]
async fn an_id_repeated_in_each_fragment_and_one_that_is_too_long() {
    let long = "x".repeat(65);
    for id in ["a", &long] {
        let piece = |arguments: &str| {
            format!(r#"{{"tool_calls":[{{"id":"{id}","function":{{"name":"f","arguments":"{arguments}"}}}}]}}"#)
        };
        let answer = of(&[&piece("{"), &piece(""), &piece("}")]).await;
        assert_eq!(answer.calls(), [("f".into(), Some("{}"))]);
    }
}

#[tokio::test]
async fn arguments_as_an_object_or_none_at_all() {
    let answer = of(&[
        r#"{"tool_calls":[{"index":0,"id":"a","function":{"name":"shell","arguments":{"commands":["ls"]}}}]}"#,
        r#"{"tool_calls":[{"index":1,"id":"b","function":{"name":"f"}}]}"#,
        r#"{"tool_calls":[{"index":2,"id":"c","function":{"name":"f","arguments":null}}]}"#,
    ])
    .await;
    assert_eq!(answer.calls(), [("the shell".into(), Some(LS)), ("f".into(), Some("{}")), ("f".into(), Some("{}"))]);
}

#[tokio::test]
async fn fragments_without_index_or_id() {
    let answer = of(&[
        r#"{"tool_calls":[{"id":"a","function":{"name":"f","arguments":"{"}}]}"#,
        r#"{"tool_calls":[{"function":{"arguments":"}"}}]}"#,
    ])
    .await;
    assert_eq!(answer.calls(), [("f".into(), Some("{}"))]);
}

#[tokio::test]
async fn a_name_that_comes_late() {
    let answer = of(&[
        r#"{"tool_calls":[{"index":0,"id":"a","function":{"name":"","arguments":""}}]}"#,
        r#"{"tool_calls":[{"index":0,"function":{"name":"f","arguments":"{}"}}]}"#,
    ])
    .await;
    assert_eq!(answer.calls(), [("f".into(), Some("{}"))]);
}

#[tokio::test]
async fn the_old_single_function_call() {
    let answer = after(
        "",
        &[r#"{"function_call":{"name":"f","arguments":"{"}}"#, r#"{"function_call":{"arguments":"}"}}"#],
        "function_call",
    )
    .await;
    assert_eq!(answer.calls(), [("f".into(), Some("{}"))]);
}

#[tokio::test]
async fn custom_tools_get_their_text() {
    let call = |arguments: &str| {
        format!(
            r#"{{"tool_calls":[{{"index":0,"id":"a","function":{{"name":"g","arguments":{}}}}}]}}"#,
            json!(arguments)
        )
    };
    for (arguments, input) in
        [(r#"{"input":"select 1"}"#, "select 1"), ("select 1", "select 1"), ("{\"x\":1}", "{\"x\":1}")]
    {
        let answer = of(&[&call(arguments)]).await;
        assert_eq!(answer.calls(), [("custom g".into(), Some(input))]);
    }
}

#[tokio::test]
async fn a_call_although_it_says_stop() {
    let call = r#"{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":"{}"}}]}"#;
    let answer = after("", &[call], "stop").await;
    assert_eq!(answer.calls(), [("f".into(), Some("{}"))]);
    assert_eq!(answer.finish, Some(Finish::Stop));
}

#[tokio::test]
async fn a_call_cut_by_the_limit_is_not_done() {
    let call = r#"{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":"{}"}},{"index":1,"id":"b","function":{"name":"shell","arguments":"{\"commands\":[\"rm -r /tm"}}]}"#;
    let answer = after("", &[call], "length").await;
    assert_eq!(answer.calls(), [("f".into(), Some("{}")), ("the shell".into(), None)]);
    assert_eq!(answer.finish, Some(Finish::Length));
}

#[tokio::test]
async fn arguments_that_are_no_json_are_handed_on() {
    let call = r#"{"tool_calls":[{"index":0,"id":"a","function":{"name":"shell","arguments":"ls -l"}}]}"#;
    assert_eq!(of(&[call]).await.calls(), [("the shell".into(), Some("ls -l"))]);
}

#[tokio::test]
async fn an_unknown_tool_is_a_function() {
    let call = r#"{"tool_calls":[{"index":0,"id":"a","function":{"name":"bash","arguments":"{}"}}]}"#;
    assert_eq!(of(&[call]).await.calls(), [("bash".into(), Some("{}"))]);
}

#[tokio::test]
async fn reasoning_under_each_of_its_names() {
    for delta in [
        r#"{"reasoning_content":"Hm."}"#,
        r#"{"reasoning":"Hm."}"#,
        r#"{"reasoning_content":"Hm.","reasoning":"Hm."}"#,
        r#"{"content":"<think>Hm.</think>"}"#,
        r#"{"content":[{"type":"thinking","thinking":[{"type":"text","text":"Hm."}]}]}"#,
    ] {
        let answer = after("", &[delta, r#"{"content":"Yes."}"#], "stop").await;
        assert_eq!((answer.reasoning.as_str(), answer.text.as_str()), ("Hm.", "Yes."), "{delta}");
    }
    let opened = "profile = { inline_reasoning = \"opened\" }";
    let answer = after(opened, &[r#"{"content":"Hm.</th"}"#, r#"{"content":"ink>\n\nYes."}"#], "stop").await;
    assert_eq!((answer.reasoning.as_str(), answer.text.as_str()), ("Hm.", "Yes."));
}

#[tokio::test]
async fn calls_printed_as_text() {
    let text =
        json!({"content": "Now:\n<tool_call>\n{\"name\": \"f\", \"arguments\": {\"a\": 1}}\n</tool_call>"}).to_string();
    let answer = after("profile = { inline_calls = true }", &[&text], "stop").await;
    assert_eq!(answer.calls(), [("f".into(), Some("{\"a\":1}"))]);
    assert_eq!(answer.text, "Now:\n");
    let answer = after("", &[&text], "stop").await;
    assert!(answer.calls.is_empty() && answer.text.contains("<tool_call>"), "only where the profile says so");
}

#[tokio::test]
async fn content_in_parts() {
    let answer = after("", &[r#"{"content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]}"#], "stop").await;
    assert_eq!(answer.text, "ab");
}

#[tokio::test]
async fn comments_carriage_returns_and_odd_cuts() {
    let stream = format!(
        ": OPENROUTER PROCESSING\r\n\r\nevent: x\r\ndata: {}\r\n\r\n: still\r\n\r\ndata: {}\r\n\r\ndata: [DONE]\r\n\r\n",
        delta(r#"{"content":"é"}"#),
        finish("stop")
    );
    // Letter by letter; that letters may be cut too is tested where the parser is.
    let pieces = stream.chars().map(String::from).collect();
    let upstream = Upstream::with(vec![Reply::Events(pieces)]).await;
    let answer = ask(&upstream.model("chat", ""), prompt()).await;
    assert_eq!((answer.text.as_str(), answer.finish), ("é", Some(Finish::Stop)));
}

#[tokio::test]
async fn no_done_at_the_end_or_no_empty_line() {
    let upstream = Upstream::streaming(&[&delta(r#"{"content":"a"}"#), &finish("stop")]).await;
    assert_eq!(ask(&upstream.model("chat", ""), prompt()).await.text, "a");
    let last = format!("data: {}", finish("stop"));
    let mut pieces = events(&[&delta(r#"{"content":"a"}"#)]);
    pieces.push(last);
    let upstream = Upstream::with(vec![Reply::Events(pieces)]).await;
    assert_eq!(ask(&upstream.model("chat", ""), prompt()).await.finish, Some(Finish::Stop));
}

#[tokio::test]
async fn done_without_a_reason() {
    let upstream = Upstream::streaming(&[&delta(r#"{"content":"a"}"#), "[DONE]"]).await;
    assert_eq!(ask(&upstream.model("chat", ""), prompt()).await.finish, Some(Finish::Stop));
}

#[tokio::test]
async fn a_connection_that_stays_open_after_the_end() {
    let pieces = events(&[&delta(r#"{"content":"a"}"#), &finish("stop")]);
    let upstream = Upstream::with(vec![Reply::Stall(pieces)]).await;
    let answer = ask(&upstream.model("chat", "idle_timeout_ms = 50"), prompt()).await;
    assert_eq!((answer.text.as_str(), answer.finish), ("a", Some(Finish::Stop)));
}

#[tokio::test]
async fn an_answer_that_does_not_stream() {
    let whole = json!({"object": "chat.completion", "choices": [{"index": 0, "finish_reason": "tool_calls", "message": {
        "role": "assistant", "content": "a", "tool_calls": [
            {"id": "c", "type": "function", "function": {"name": "shell", "arguments": LS}}]}}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 2}});
    let upstream = Upstream::with(vec![Reply::Json(whole)]).await;
    let answer = ask(&upstream.model("chat", ""), prompt()).await;
    assert_eq!((answer.text.as_str(), answer.calls()), ("a", vec![("the shell".into(), Some(LS))]));
    assert_eq!(answer.usage.map(|usage| usage.output_tokens), Some(2));
}

#[tokio::test]
async fn usage_in_every_chunk() {
    let chunk = |tokens: u8| {
        format!(
            r#"{{"choices":[{{"delta":{{"content":"a"}},"finish_reason":null}}],"usage":{{"prompt_tokens":1,"completion_tokens":{tokens}}}}}"#
        )
    };
    let upstream = Upstream::streaming(&[&chunk(1), &chunk(2), &finish("stop"), "[DONE]"]).await;
    let answer = ask(&upstream.model("chat", ""), prompt()).await;
    assert_eq!(answer.usage.map(|usage| usage.output_tokens), Some(2));
}
