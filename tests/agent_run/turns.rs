//! The loop itself: text, reasoning, calls of the client's, limits, failures, what a model does wrong.

use std::time::Duration;

use coquina::agent::item::Item;
use coquina::agent::model::{CallKind, Delta, Finish, ModelError, ToolChoice, ToolSpec};
use coquina::agent::response::{Reason, Status};
use coquina::agent::{Budget, Request, Tool, cancellation};
use serde_json::{Value, json};

use crate::house::{Heard, House, answered, bash, call, finished, kinds, names, one_call, outputs, say, text};

fn weather() -> Tool {
    let parameters = json!({"type": "object", "properties": {"place": {"type": "string"}}});
    Tool::Client(ToolSpec::Function { name: "weather".into(), description: None, parameters, strict: None })
}

fn function(name: &str) -> CallKind {
    CallKind::Function(name.into())
}

#[tokio::test]
async fn text_comes_in_the_order_of_the_reference() {
    let house = House::new(|_| {
        finished([Delta::Reasoning("Hm".into()), Delta::Text("Good ".into()), Delta::Text("day".into())])
    })
    .await;
    let (response, events) = house.run(house.request(json!("Hello"))).await;
    assert_eq!((response.status, text(&response).as_str()), (Status::Completed, "Good day"));
    assert!(response.completed_at.is_some_and(|at| at > 1_700_000_000));
    let usage = response.usage.expect("it has ended");
    assert_eq!((usage.input_tokens, usage.output_tokens, usage.total_tokens), (10, 5, 15));
    let part = ["response.output_item.added", "response.content_part.added"];
    let done = ["response.content_part.done", "response.output_item.done"];
    let reasoning = ["response.reasoning_text.delta", "response.reasoning_text.done"];
    let said = ["response.output_text.delta", "response.output_text.done"];
    let expected = [
        &["response.created", "response.in_progress"][..],
        &part,
        &reasoning,
        &done,
        &part,
        &said,
        &done,
        &["response.completed"],
    ];
    assert_eq!(names(&events), expected.concat());
    let prompt = &house.asked()[0];
    assert_eq!((prompt.instructions.as_str(), prompt.tools.as_slice()), ("Be brief.", &[ToolSpec::Shell][..]));
}

#[tokio::test]
async fn a_refusal_is_a_part_of_its_own() {
    let house = House::new(|_| finished([Delta::Text("Well. ".into()), Delta::Refusal("No.".into())])).await;
    let (response, events) = house.run(house.request(json!("Do it"))).await;
    let content = serde_json::to_value(&response.output[0]).expect("JSON")["content"].clone();
    let kinds: Vec<_> = content.as_array().expect("a list").iter().map(|part| part["type"].clone()).collect();
    assert_eq!(kinds, ["output_text", "refusal"]);
    let refused = events.iter().find(|event| event["type"] == "response.refusal.done").expect("it is told");
    assert_eq!((&refused["content_index"], &refused["refusal"]), (&json!(1), &json!("No.")));
}

#[tokio::test]
async fn a_clients_calls_end_the_response_after_what_runs_here() {
    let house = House::new(|_| {
        let weather = one_call(0, function("weather"), r#"{"place":"Oslo"}"#);
        let shell = one_call(1, CallKind::Shell, r#"{"commands":["echo hi"]}"#);
        let custom = one_call(2, CallKind::Custom("note".into()), "as it is");
        finished(weather.into_iter().chain(shell).chain(custom))
    })
    .await;
    let mut request = house.request(json!("Weather?"));
    let note = ToolSpec::Custom { name: "note".into(), description: None, format: json!({"type": "text"}) };
    request.tools.extend([weather(), Tool::Client(note)]);
    let (response, events) = house.run(request).await;
    assert_eq!(response.status, Status::Completed);
    assert_eq!(kinds(&response), ["function_call", "shell_call", "custom_tool_call", "shell_call_output"]);
    let output = serde_json::to_value(&response.output).expect("JSON");
    assert_eq!((&output[0]["arguments"], &output[2]["input"]), (&json!(r#"{"place":"Oslo"}"#), &json!("as it is")));
    assert_eq!(outputs(&response), [("hi\n".into(), String::new(), Some(0))]);
    let done = events.iter().find(|event| event["type"] == "response.function_call_arguments.done").expect("told");
    assert_eq!(done["arguments"], output[0]["arguments"]);
}

#[tokio::test]
async fn a_forced_tool_is_forced_once() {
    let house = House::new(|prompt| match prompt.choice {
        ToolChoice::Auto => say("done"),
        _ => bash("echo hi"),
    })
    .await;
    let request = Request { choice: ToolChoice::Named(CallKind::Shell), ..house.request(json!("Go")) };
    let (response, _) = house.run(request).await;
    assert_eq!((response.status, kinds(&response).len()), (Status::Completed, 3));
}

#[tokio::test]
async fn invalid_calls_are_repaired_but_not_for_ever() {
    let house = House::new(|prompt| match answered(prompt) {
        0 => call(CallKind::Shell, "ls"),
        1 => call(function("browse"), "{}"),
        2 => bash("echo hi"),
        _ => say("done"),
    })
    .await;
    let (response, _) = house.run(house.request(json!("Go"))).await;
    assert_eq!(
        (response.status, kinds(&response)),
        (Status::Completed, vec!["shell_call", "shell_call_output", "message"])
    );
    let told = serde_json::to_string(&house.asked()[2].items).expect("JSON");
    assert!(told.contains("not JSON") && told.contains("There is no tool \\\"browse\\\"; there are: shell."), "{told}");

    let house = House::new(|_| call(function("browse"), "{}")).await;
    let (response, events) = house.run(house.request(json!("Go"))).await;
    assert_eq!((response.status, response.output.len(), house.asked().len()), (Status::Failed, 0, 4));
    assert!(response.error.expect("it failed").message.contains("invalid tool calls in 4 steps in a row"));
    assert_eq!(names(&events), ["response.created", "response.in_progress", "response.failed"]);
}

#[tokio::test]
async fn limits_end_a_response() {
    let house = House::new(|_| bash("true")).await;
    let budget = Budget { steps: 7, ..Budget::default() };
    let (response, _) = house.run(Request { budget, ..house.request(json!("Go")) }).await;
    assert_eq!(response.incomplete_details.map(|why| why.reason), Some(Reason::MaxMessages));
    assert_eq!((response.status, house.asked().len()), (Status::Incomplete, 7));

    let mut request = house.request(json!("Go"));
    request.head.max_output_tokens = Some(16);
    let (response, _) = house.run(request).await;
    assert_eq!(response.incomplete_details.map(|why| why.reason), Some(Reason::MaxOutputTokens));
    let left: Vec<_> = house.asked()[7..].iter().map(|prompt| prompt.max_output_tokens).collect();
    assert_eq!(left, [Some(16), Some(11), Some(6), Some(1)]);

    let budget = Budget { tokens: Some(40), ..Budget::default() };
    let (response, _) = house.run(Request { budget, ..house.request(json!("Go")) }).await;
    let error = response.error.expect("it failed");
    assert_eq!((response.status, error.code.as_str()), (Status::Failed, "rate_limit_exceeded"));
    assert!(error.message.contains("`tokens` is used up: 45 of 40"), "{}", error.message);

    let mut request = house.request(json!("Go"));
    request.head.max_tool_calls = Some(2);
    let house = House::new(|prompt| if prompt.choice == ToolChoice::None { say("enough") } else { bash("true") }).await;
    let request = Request { workplace: house.desk(), ..request };
    let (response, _) = house.run(request).await;
    assert_eq!((response.status, text(&response).as_str()), (Status::Completed, "enough"));
    assert_eq!(outputs(&response).len(), 2);
}

#[tokio::test]
async fn dollars_need_a_price() {
    let house = House::new(|_| say("done")).await;
    let budget = Budget { micro_dollars: Some(1), ..Budget::default() };
    let refusal = house.agent.check(&Request { budget, ..house.request(json!("hi")) });
    let refusal = refusal.expect_err("nothing can be counted");
    assert_eq!(refusal.param, Some("policy"));
    assert!(refusal.message.contains("no price"), "{}", refusal.message);
}

#[tokio::test]
async fn what_a_model_leaves_unfinished_is_incomplete() {
    let cut = || vec![Ok(Delta::Text("Once upon".into())), Err(ModelError::Cut { model: "m".into() })];
    let house = House::new(move |_| cut()).await;
    let (response, _) = house.run(house.request(json!("Tell"))).await;
    let error = response.error.clone().expect("it failed");
    assert_eq!((error.code.as_str(), error.message.as_str()), ("server_error", "model m: the answer was cut off"));
    let item = serde_json::to_value(&response.output[0]).expect("JSON");
    assert_eq!((&item["status"], &item["content"][0]["text"]), (&json!("incomplete"), &json!("Once upon")));

    let house = House::new(|_| {
        let [begun, arguments, _] = one_call(0, function("weather"), "{\"pla");
        [begun, arguments, Delta::Finished(Finish::Length)].map(Ok).into()
    })
    .await;
    let mut request = house.request(json!("Weather?"));
    request.tools.push(weather());
    let (response, _) = house.run(request).await;
    assert_eq!(response.incomplete_details.map(|why| why.reason), Some(Reason::MaxOutputTokens));
    assert_eq!(serde_json::to_value(&response.output[0]).expect("JSON")["status"], "incomplete");

    let limited = ModelError::RateLimited { model: "m".into(), message: "slow".into(), retry_after: None };
    let house = House::new(move |_| vec![Err(limited.clone())]).await;
    let (response, _) = house.run(house.request(json!("Hello"))).await;
    assert_eq!(response.error.map(|error| error.code), Some("rate_limit_exceeded".into()));
}

#[tokio::test]
async fn a_model_that_does_not_answer_is_cancelled_and_timed_out() {
    let house = House::new(|_| Vec::new()).await;
    let (canceller, cancelled) = cancellation();
    let heard = Heard(
        Default::default(),
        Some(Box::new(move |what| {
            if matches!(what, coquina::agent::event::What::InProgress { .. }) {
                canceller.cancel();
            }
        })),
    );
    let (response, events) = house.run_with(house.request(json!("Hello")), heard, &cancelled).await;
    assert_eq!((response.status, response.completed_at), (Status::Cancelled, None));
    assert_eq!(names(&events), ["response.created", "response.in_progress"]);

    let budget = Budget { wall_time: Some(Duration::from_millis(20)), ..Budget::default() };
    let (response, _) = house.run(Request { budget, ..house.request(json!("Hello")) }).await;
    assert!(response.error.expect("it failed").message.contains("`wall_time` is used up"));
}

#[tokio::test]
async fn a_model_that_never_stops_is_stopped() {
    let house = House::new(|_| (0..40).map(|_| Ok(Delta::Text("x".repeat(1 << 20)))).collect()).await;
    let (response, _) = house.run(house.request(json!("Hello"))).await;
    assert_eq!(response.status, Status::Incomplete);
    assert!(text(&response).len() <= 17 << 20);
}

#[tokio::test]
async fn what_cannot_become_a_response_is_refused() {
    let house = House::with_window(1000, |_| say("x")).await;
    let check = |input: Value, model: &str| {
        let mut request = house.request(input);
        request.head.model = model.into();
        house.agent.check(&request).map_err(|refusal| (refusal.code, refusal.message))
    };
    assert_eq!(check(json!("Hello"), "m"), Ok(()));
    let refused = |input, model| check(input, model).expect_err("it is refused");
    assert_eq!(refused(json!("Hello"), "n"), (Some("model_not_found"), "The model 'n' does not exist.".into()));
    assert_eq!(refused(json!("x".repeat(5000)), "m").0, Some("context_length_exceeded"));
    let open = json!([{"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"}]);
    assert_eq!(refused(open, "m").1, "No tool output found for function call c1.");
    let output = json!([{"type": "shell_call_output", "call_id": "c2", "output": []}]);
    assert_eq!(refused(output, "m").1, "No tool call found for function call output with call_id c2.");
    let tampered = json!([{"type": "compaction", "id": "cmp_1", "encrypted_content": "v1.a.b"}]);
    assert!(refused(tampered, "m").1.starts_with("compaction cmp_1: the sealed content was not made here"));
    let cut = json!([{"type": "shell_call", "call_id": "c", "action": {"commands": ["a"]}, "status": "completed"}]);
    assert_eq!(check(cut, "m"), Ok(()), "what ran here may have been cut off");
}

#[tokio::test]
async fn a_response_in_the_background_is_queued_first() {
    let house = House::new(|_| say("x")).await;
    let mut request = house.request(json!("Hello"));
    request.head.background = true;
    let (_, events) = house.run(request).await;
    assert_eq!(names(&events)[..3], ["response.created", "response.queued", "response.in_progress"]);
    let status = |at: usize| events[at]["response"]["status"].as_str();
    assert_eq!((status(0), status(1), status(2)), (Some("queued"), Some("queued"), Some("in_progress")));
}

#[tokio::test]
async fn sealed_reasoning_comes_back_and_files_without_a_shell_are_shown() {
    let house = House::new(|_| finished([Delta::Reasoning("Deep thought".into()), Delta::Text("42".into())])).await;
    let (mut first, _) = house.run(Request { seal_reasoning: true, ..house.request(json!("Why?")) }).await;
    let Item::Reasoning(reasoning) = &mut first.output[0] else { panic!("{:?}", first.output[0]) };
    reasoning.content.clear();
    let input = json!([{"role": "user", "content": [{"type": "input_file", "file_id": "file-1"}]}]);
    let request = Request { context: first.output, tools: Vec::new(), ..house.request(input) };
    house.run(request).await;
    let asked = serde_json::to_string(&house.asked()[1].items).expect("JSON");
    assert!(asked.contains("Deep thought") && !asked.contains("encrypted_content"), "{asked}");
    assert!(asked.contains("[File file-1]\\ncontent of file-1\\n"), "{asked}");
}
