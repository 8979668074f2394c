//! Upstreams that are down, slow, cut, limited, or talk nonsense; and a client that goes away.

use std::time::Duration;

use coquina::agent::model::{Delta, ModelError};
use futures_util::StreamExt as _;

use crate::answers::{ask, prompt};
use crate::upstream::{Reply, Upstream, events};

const TEXT: &str = r#"{"choices":[{"delta":{"content":"a"},"finish_reason":null}]}"#;
const STOP: &str = r#"{"choices":[{"delta":{},"finish_reason":"stop"}]}"#;

fn fine() -> Reply {
    Reply::Events(events(&[TEXT, STOP, "[DONE]"]))
}

/// The error after these replies, and how often the upstream was asked.
async fn error(settings: &str, replies: Vec<Reply>) -> (ModelError, usize) {
    let upstream = Upstream::with(replies).await;
    let answer = ask(&upstream.model("chat", settings), prompt()).await;
    (answer.error.expect("it goes wrong"), upstream.asked().len())
}

#[tokio::test]
async fn down() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    let mut upstream = Upstream::with(vec![]).await;
    upstream.url = format!("http://{}/v1", listener.local_addr().expect("it is bound"));
    drop(listener);
    let answer = ask(&upstream.model("chat", "retries = 1"), prompt()).await;
    let error = answer.error.expect("nobody is there");
    assert!(matches!(&error, ModelError::Unreachable { .. }), "{error}");
    let shown = error.to_string();
    assert!(shown.starts_with("model m: cannot be reached: ") && !shown.contains("127.0.0.1"), "{shown}");
}

#[tokio::test]
async fn tried_again_until_it_works() {
    let busy = Reply::Status(503, &[("retry-after", "0")], "busy");
    let limited = Reply::Status(429, &[], r#"{"error":{"message":"slow down"}}"#);
    let cut = Reply::Cut(vec![": hello\n\n".into()]);
    let upstream = Upstream::with(vec![busy, limited, cut, fine()]).await;
    let answer = ask(&upstream.model("chat", ""), prompt()).await;
    assert_eq!((answer.text.as_str(), answer.error), ("a", None));
    assert_eq!(upstream.asked().len(), 4);
}

#[tokio::test]
async fn tried_no_more_than_is_configured() {
    let replies = (0..3).map(|_| Reply::Status(500, &[], "oops")).collect();
    let (error, asked) = error("retries = 2", replies).await;
    assert_eq!((error.to_string().as_str(), asked), ("model m: answered 500: oops", 3));
}

#[tokio::test]
async fn a_mistake_of_ours_is_not_tried_again() {
    let wrong =
        || Reply::Status(400, &[], r#"{"error":{"message":"no such parameter: x","code":"unknown_parameter"}}"#);
    let (bad, asked) = error("", vec![wrong()]).await;
    assert_eq!((bad.to_string().as_str(), asked), ("model m: answered 400: no such parameter: x", 1));
    let (redirected, _) = error("", vec![Reply::Status(302, &[("location", "http://127.0.0.1:1/")], "")]).await;
    assert!(redirected.to_string().contains("302"), "the key goes nowhere else: {redirected}");
    let secret = Reply::Status(401, &[], r#"{"error":{"message":"wrong key: sk-secret"}}"#);
    let (refused, _) = error("", vec![secret]).await;
    assert_eq!(refused.to_string(), "model m: answered 401: wrong key: [key]");
}

#[tokio::test]
async fn limited_for_longer_than_there_is_patience() {
    let limited = Reply::Status(429, &[("retry-after", "3600")], r#"{"error":{"message":"come back"}}"#);
    let (error, asked) = error("", vec![limited]).await;
    assert_eq!(asked, 1);
    let ModelError::RateLimited { retry_after, .. } = error else { panic!("{error}") };
    assert_eq!(retry_after, Some(Duration::from_secs(3600)));
}

#[tokio::test]
async fn a_prompt_that_does_not_fit() {
    let reply = Reply::Status(400, &[], r#"{"error":{"message":"maximum context length is 10","code":null}}"#);
    let (error, asked) = error("context_window = 10", vec![reply]).await;
    assert!(matches!(error, ModelError::ContextLength { window: 10, .. }), "{error}");
    assert_eq!(asked, 1);
}

#[tokio::test]
async fn slow() {
    let (silent, asked) = error("retries = 1\nanswer_timeout_ms = 30", vec![Reply::Silence, Reply::Silence]).await;
    assert_eq!((silent.to_string().as_str(), asked), ("model m: no answer within 30ms", 2));
    let (stalled, asked) = error("idle_timeout_ms = 30", vec![Reply::Stall(events(&[TEXT]))]).await;
    assert_eq!(stalled.to_string(), "model m: no more of the answer within 30ms");
    assert_eq!(asked, 1, "what has been shown cannot be taken back");
}

#[tokio::test]
async fn cut_in_the_middle() {
    for reply in
        [Reply::Cut(events(&[TEXT])), Reply::Events(events(&[TEXT])), Reply::Events(vec!["data: {\"cho".into()])]
    {
        let (error, asked) = error("retries = 0", vec![reply]).await;
        assert!(matches!(error, ModelError::Cut { .. } | ModelError::Nonsense { .. }), "{error}");
        assert_eq!(asked, 1);
    }
}

#[tokio::test]
async fn an_error_in_the_middle_of_the_stream() {
    let failing = || Reply::Events(events(&[r#"{"error":{"message":"overloaded","code":503}}"#]));
    let upstream = Upstream::with(vec![failing(), fine()]).await;
    assert_eq!(
        ask(&upstream.model("chat", ""), prompt()).await.text,
        "a",
        "before anything was said it is tried again"
    );
    let late = Reply::Events(events(&[TEXT, r#"{"error":"out of memory"}"#]));
    let (error, asked) = error("", vec![late]).await;
    assert_eq!((error.to_string().as_str(), asked), ("model m: answered 502: out of memory", 1));
}

#[tokio::test]
async fn nonsense() {
    let html = Reply::Status(200, &[("content-type", "text/html")], "<html>Welcome</html>");
    let (page, _) = error("retries = 0", vec![html]).await;
    assert!(matches!(page, ModelError::Cut { .. }), "no event at all: {page}");
    let (words, _) = error("", vec![Reply::Events(events(&["hello"]))]).await;
    assert_eq!(words.to_string(), "model m: sent what cannot be understood: hello");
    let (other, _) = error("", vec![Reply::Json(serde_json::json!({"ok": true}))]).await;
    assert_eq!(other.to_string(), "model m: sent what cannot be understood: {\"ok\":true}");
    let (json, _) = error("", vec![Reply::Status(200, &[("content-type", "application/json")], "{")]).await;
    assert!(matches!(json, ModelError::Nonsense { .. }), "{json}");
}

#[tokio::test]
async fn more_than_any_answer_is() {
    let line = format!("data: {}", "a".repeat(1 << 20));
    let (endless, _) = error("", vec![Reply::Events(vec![line; 9])]).await;
    assert!(endless.to_string().contains("an event of more than"), "{endless}");
    let call = |index: usize| {
        format!(r#"{{"choices":[{{"delta":{{"tool_calls":[{{"index":{index},"function":{{"name":"f"}}}}]}}}}]}}"#)
    };
    let calls: Vec<String> = (0..300).map(call).collect();
    let calls: Vec<&str> = calls.iter().map(String::as_str).collect();
    let (many, _) = error("", vec![Reply::Events(events(&calls))]).await;
    assert!(many.to_string().contains("more than 256 items"), "{many}");
}

#[tokio::test]
async fn who_goes_away_stops_the_upstream() {
    let upstream = Upstream::with(vec![Reply::Stall(events(&[TEXT]))]).await;
    let mut pieces = upstream.model("chat", "").generate(prompt());
    assert_eq!(pieces.next().await, Some(Ok(Delta::Text("a".into()))));
    drop(pieces);
    upstream.given_up().await;
}

#[tokio::test]
async fn who_goes_away_before_the_answer_stops_the_upstream() {
    let upstream = Upstream::with(vec![Reply::Silence]).await;
    let mut pieces = upstream.model("chat", "").generate(prompt());
    // Until the request has arrived.
    loop {
        assert!(futures_util::poll!(pieces.next()).is_pending());
        tokio::task::yield_now().await;
        if !upstream.asked().is_empty() {
            break;
        }
    }
    drop(pieces);
    upstream.given_up().await;
}
