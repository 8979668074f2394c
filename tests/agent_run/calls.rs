//! Several calls in one step: all are shown while they are written, run one after another, and each has one outcome that clients and the model see.

use std::sync::Arc;

use coquina::agent::event::What;
use coquina::agent::item::{Item, Status as ItemStatus};
use coquina::agent::model::{CallKind, Delta, Finish, ModelError, Prompt, ToolSpec};
use coquina::agent::response::{Reason, Status};
use coquina::agent::{Budget, Request, ResponseObject, Tool, cancellation};
use serde_json::{Value, json};

use crate::house::{Heard, House, answered, bash, finished, kinds, one_call, outputs, say, shell, text, written};

/// Something happens.
type Phase = fn(&What) -> bool;

/// A step with a call for each of these commands.
fn calls(commands: &[&str]) -> Vec<Result<Delta, ModelError>> {
    let call = |(index, command): (usize, &&str)| one_call(index, CallKind::Shell, &commands_of(&[command]));
    finished(commands.iter().enumerate().flat_map(call))
}

fn commands_of(commands: &[&str]) -> String {
    json!({ "commands": commands }).to_string()
}

/// The shell calls of a response: their commands, and whether they were carried out.
fn called(response: &ResponseObject) -> Vec<(String, bool)> {
    let call = |item: &Item| match item {
        Item::ShellCall(call) => Some((call.action.commands.join("; "), call.status == Some(ItemStatus::Completed))),
        _ => None,
    };
    response.output.iter().filter_map(call).collect()
}

fn printed(response: &ResponseObject) -> Vec<String> {
    outputs(response).into_iter().map(|(stdout, ..)| stdout).collect()
}

/// A prompt's calls and outputs, in order: the index of the call, and whether it is its output.
fn pairs(prompt: &Prompt) -> Vec<(usize, bool)> {
    let ids: Vec<&str> = prompt.items.iter().filter(|item| item.is_call()).filter_map(Item::call_id).collect();
    let pair = |item: &Item| {
        let at = ids.iter().position(|id| Some(*id) == item.call_id()).expect("an output has its call");
        (at, !item.is_call())
    };
    prompt.items.iter().filter(|item| item.call_id().is_some()).map(pair).collect()
}

/// Short names of the events of commands, with the places of their items.
fn command_events(events: &[Value]) -> Vec<(String, u64)> {
    let mut told: Vec<_> = events
        .iter()
        .filter_map(|event| {
            let verb = event["type"].as_str()?.strip_prefix("response.shell_call_command.")?;
            Some((verb.to_owned(), event["output_index"].as_u64()?))
        })
        .collect();
    told.dedup();
    told
}

fn note() -> Tool {
    Tool::Client(ToolSpec::Custom { name: "note".into(), description: None, format: json!({"type": "text"}) })
}

#[tokio::test]
async fn all_calls_are_shown_while_they_are_written() {
    let house = House::new(|prompt| match answered(prompt) {
        // The second is begun before the first is whole.
        0 => {
            let first = written(0, &commands_of(&["echo a", "echo b"]), 4, true);
            let second = written(1, &commands_of(&["echo c"]), 4, true);
            let (early, late) = first.split_at(6);
            let pieces = [Delta::Text("Look:".into())].into_iter().chain(early.to_vec());
            let between = second[..5].to_vec();
            let text = [Delta::Text("And.".into())];
            finished(pieces.chain(between).chain(text).chain(late.to_vec()).chain(second[5..].to_vec()))
        }
        _ => say("done"),
    })
    .await;
    let (response, events) = house.run(house.request(json!("Go"))).await;
    let expected =
        ["message", "shell_call", "shell_call", "message", "shell_call_output", "shell_call_output", "message"];
    assert_eq!(kinds(&response), expected);
    assert_eq!(called(&response), [("echo a; echo b".to_owned(), true), ("echo c".to_owned(), true)]);
    assert_eq!(printed(&response), ["a\n", "b\n", "c\n"]);
    let told = command_events(&events);
    let second = told.iter().position(|told| *told == ("added".into(), 2)).expect("the second is shown");
    assert!(told[second..].contains(&("delta".into(), 1)), "while the first is written: {told:?}");
    let ran = events.iter().position(|event| event["item"]["type"] == "shell_call_output").expect("it ran");
    let last = events.iter().rposition(|event| event["type"] == "response.shell_call_command.delta");
    assert!(last.expect("it was written") < ran, "all is written before anything runs");
    // The model sees its step as it made it, and then what came of it.
    assert_eq!(pairs(&house.asked()[1]), [(0, false), (1, false), (0, true), (1, true)]);
    assert_eq!(house.asked()[1].items[1..], response.output[..6]);
}

#[tokio::test]
async fn calls_of_a_step_run_one_after_another() {
    let house = House::new(|prompt| match answered(prompt) {
        0 => calls(&["sleep 0.1; echo one > f; echo first", "cat f; echo two > f", "cat f; exit 3"]),
        _ => say("done"),
    })
    .await;
    let (response, events) = house.run(house.request(json!("Go"))).await;
    assert_eq!(printed(&response), ["first\n", "one\n", "two\n"]);
    let ids = |kind: &str| -> Vec<String> {
        let items = response.output.iter().filter(|item| item.kind() == kind);
        items.filter_map(Item::call_id).map(str::to_owned).collect()
    };
    assert_eq!(ids("shell_call"), ids("shell_call_output"));
    // Nothing is told of an output before the one before it is done.
    let of_outputs: Vec<u64> = events
        .iter()
        .filter(|event| {
            let kind = event["type"].as_str().unwrap_or_default();
            kind.starts_with("response.shell_call_output") || event["item"]["type"] == "shell_call_output"
        })
        .filter_map(|event| event["output_index"].as_u64())
        .collect();
    assert!(of_outputs.is_sorted(), "{of_outputs:?}");
}

#[tokio::test]
async fn forty_calls_in_a_step_all_run() {
    let house = House::new(|prompt| match answered(prompt) {
        0 => calls(&["echo x >> f; wc -l < f"; 40]),
        _ => say("done"),
    })
    .await;
    let (response, _) = house.run(house.request(json!("Go"))).await;
    let expected: Vec<String> = (1..=40).map(|n| format!("{n}\n")).collect();
    assert_eq!((response.status, printed(&response)), (Status::Completed, expected));
    // More than a step may make are cut off, and none of them runs.
    let house = House::new(|_| calls(&["echo x"; 200])).await;
    let (response, _) = house.run(house.request(json!("Go"))).await;
    assert_eq!(response.incomplete_details.as_ref().map(|why| why.reason), Some(Reason::MaxOutputTokens));
    assert!(outputs(&response).is_empty() && called(&response).iter().all(|(_, is_run)| !is_run));
}

#[tokio::test]
async fn calls_with_the_same_id_are_told_apart() {
    let same = |commands: &[&str]| {
        let mut step = calls(commands);
        for piece in &mut step {
            if let Ok(Delta::CallBegun { call_id, .. }) = piece {
                *call_id = "call_0".into();
            }
        }
        step
    };
    let house = House::new(move |prompt| match answered(prompt) {
        0 => same(&["echo a", "echo b"]),
        2 => same(&["echo c"]),
        _ => say("done"),
    })
    .await;
    let (response, _) = house.run(house.request(json!("Go"))).await;
    assert_eq!(printed(&response), ["a\n", "b\n", "c\n"]);
    let asked = house.asked();
    let last = asked.last().expect("it was asked");
    assert_eq!(pairs(last), [(0, false), (1, false), (0, true), (1, true), (2, false), (2, true)]);
}

#[tokio::test]
async fn odd_commands_are_run_or_told_to_be_wrong() {
    let long = format!("printf '%s' {} | wc -c", "x".repeat((1 << 20) - 20));
    let (fits, too_long) = (commands_of(&[&long]), commands_of(&[&"x".repeat((1 << 20) + 1)]));
    let house = House::new(move |prompt| {
        let shell = |arguments: &str| finished(written(0, arguments, 1 << 16, true));
        match answered(prompt) {
            0 => shell(&commands_of(&["", "  ", "echo a"])),
            1 => shell(&commands_of(&[])),
            2 => shell(&commands_of(&["echo b"; 17])),
            3 => shell(&fits),
            4 => shell(&too_long),
            _ => say("done"),
        }
    })
    .await;
    let (response, _) = house.run(house.request(json!("Go"))).await;
    assert_eq!(response.status, Status::Completed, "{:?}", response.error);
    assert_eq!(printed(&response), ["", "", "a\n", &format!("{}\n", (1 << 20) - 20)]);
    let was_run: Vec<bool> = called(&response).into_iter().map(|(_, is_run)| is_run).collect();
    assert_eq!(was_run, [true, false, true, false], "of 17 commands 16 are shown, an empty list is not");
    let told = serde_json::to_string(&house.asked()[5].items).expect("JSON");
    for says in ["this one has 0.", "this one has 17.", "one has 1048577 bytes"] {
        assert!(told.contains(says), "{says}");
    }
}

#[tokio::test]
async fn a_call_without_a_beginning_is_no_call() {
    let house = House::new(|prompt| match answered(prompt) {
        0 => {
            let [begun, arguments, done] = one_call(0, CallKind::Shell, &commands_of(&["echo a"]));
            let [_, stray, end] = one_call(7, CallKind::Shell, &commands_of(&["echo never"]));
            finished([stray, arguments.clone(), begun, arguments, end, done])
        }
        _ => say("done"),
    })
    .await;
    let (response, _) = house.run(house.request(json!("Go"))).await;
    assert_eq!((response.status, printed(&response)), (Status::Completed, vec!["a\n".to_owned()]));
}

#[tokio::test]
async fn a_step_that_is_cut_off_in_its_second_call_runs_neither() {
    let house = House::new(|_| {
        let first = written(0, &commands_of(&["echo a"]), 4, true);
        let second = written(1, &commands_of(&["echo b", "rm -r x"])[..25], 4, false);
        first.into_iter().chain(second).chain([Delta::Finished(Finish::Length)]).map(Ok).collect()
    })
    .await;
    let (response, _) = house.run(house.request(json!("Go"))).await;
    assert_eq!(response.incomplete_details.as_ref().map(|why| why.reason), Some(Reason::MaxOutputTokens));
    assert_eq!(called(&response), [("echo a".to_owned(), false), ("echo b; rm".to_owned(), false)]);
    // Who goes on from it is told so of both.
    let context = [crate::house::items(json!("Go")), response.output].concat();
    house.run(Request { context, ..house.request(json!("On")) }).await;
    assert_eq!(pairs(&house.asked()[1]), [(0, false), (0, true), (1, false), (1, true)]);
    let told = serde_json::to_string(&house.asked()[1].items).expect("JSON");
    assert!(told.contains("This call was not carried out."), "{told}");
}

#[tokio::test]
async fn what_is_left_of_max_tool_calls_is_run() {
    let house = House::new(|prompt| match prompt.choice {
        coquina::agent::model::ToolChoice::None => say("enough"),
        _ => calls(&["echo a", "echo b"]),
    })
    .await;
    let mut request = house.request(json!("Go"));
    request.head.max_tool_calls = Some(1);
    let (response, _) = house.run(request).await;
    assert_eq!((response.status, text(&response).as_str()), (Status::Completed, "enough"));
    assert_eq!(called(&response), [("echo a".to_owned(), true)], "clients see nothing of the other");
    assert_eq!(pairs(&house.asked()[1]), [(0, false), (0, true), (1, false), (1, true)]);
    assert!(serde_json::to_string(&house.asked()[1].items).expect("JSON").contains("No more tool calls"));
}

#[tokio::test]
async fn a_budget_that_runs_out_between_two_calls_ends_the_response() {
    let house = House::new(|_| calls(&["for ((i = 0; i < 100000; i++)); do :; done; echo a", "echo b"])).await;
    let budget = Budget { fuel: Some(1_000_000), ..Budget::default() };
    let (response, _) = house.run(Request { budget, ..house.request(json!("Go")) }).await;
    assert!(response.error.as_ref().is_some_and(|error| error.message.contains("`fuel` is used up")));
    let was_run: Vec<bool> = called(&response).into_iter().map(|(_, is_run)| is_run).collect();
    assert_eq!((was_run, outputs(&response).len()), (vec![true, false], 1));
}

#[tokio::test]
async fn cancelling_ends_all_calls_wherever_they_are() {
    let second_is_written = |what: &What| matches!(what, What::CommandDelta { output_index: 1, .. });
    let first_runs = |what: &What| matches!(what, What::OutputDelta { output_index: 2, .. });
    let second_runs = |what: &What| matches!(what, What::OutputDelta { output_index: 3, .. });
    let phases: [(Phase, [bool; 2], usize); 3] =
        [(second_is_written, [false, false], 0), (first_runs, [true, false], 1), (second_runs, [true, true], 2)];
    for (phase, was_run, ended) in phases {
        let script = || calls(&["echo a", "echo b; sleep 999"]);
        let house = House::new(move |_| script()).await;
        let (canceller, cancelled) = cancellation();
        let heard = Heard(
            Default::default(),
            Some(Box::new(move |what| {
                if phase(what) {
                    canceller.cancel();
                }
            })),
        );
        let (response, _) = house.run_with(house.request(json!("Go")), heard, &cancelled).await;
        let called: Vec<bool> = called(&response).into_iter().map(|(_, is_run)| is_run).collect();
        assert_eq!(
            (response.status, called.as_slice(), outputs(&response).len()),
            (Status::Cancelled, &was_run[..], ended)
        );
    }
}

#[tokio::test]
async fn a_response_told_again_is_as_it_was_told() {
    let cut = written(2, &commands_of(&["echo c", "rm -r x"])[..25], 3, false);
    let wrong = written(1, r#"{"commands": ["echo b", ""], "commands": []}"#, 3, true);
    let house = House::new(move |prompt| match answered(prompt) {
        0 => {
            let right = written(0, &commands_of(&["echo a", ""]), 3, true);
            finished([Delta::Reasoning("Hm".into())].into_iter().chain(right).chain(wrong.clone()))
        }
        2 => {
            let [begun, arguments, _] = one_call(3, CallKind::Custom("note".into()), "unfin");
            let pieces = [Delta::Text("So".into()), begun, arguments].into_iter().chain(cut.clone());
            pieces.chain([Delta::Finished(Finish::Length)]).map(Ok).collect()
        }
        other => panic!("{other}"),
    })
    .await;
    let mut request = house.request(json!("Go"));
    request.tools.push(note());
    let (response, live) = house.run(request).await;
    assert_eq!(
        called(&response),
        [("echo a; ".to_owned(), true), ("echo b; ".to_owned(), false), ("echo c; rm".to_owned(), false)]
    );
    let again = response.retell().into_iter().map(|what| serde_json::to_value(what).expect("JSON")).collect();
    assert_eq!(shape(again), shape(live));
}

/// Events as they are of one item after another, pieces of a text in one.
fn shape(mut events: Vec<Value>) -> Vec<Value> {
    let last = events.pop();
    events.sort_by_key(|event| event["output_index"].as_u64());
    events.extend(last);
    let mut told: Vec<Value> = Vec::new();
    for mut event in events {
        event.as_object_mut().expect("an object").remove("sequence_number");
        let is_more = |last: &Value| {
            let same = |key: &str| last[key] == event[key];
            event["delta"].is_string()
                && ["type", "output_index", "content_index", "command_index"].iter().all(|key| same(key))
        };
        match told.last_mut().filter(|last| is_more(last)) {
            Some(last) => {
                let text = [&last["delta"], &event["delta"]].map(|text| text.as_str().unwrap_or_default()).concat();
                last["delta"] = text.into();
            }
            None => told.push(event),
        }
    }
    told
}

#[tokio::test]
async fn invalid_calls_beside_a_right_one_need_no_repair() {
    // Each step has a call that is right: it goes on until the budget ends it.
    let house = House::new(|_| {
        let wrong = |index| one_call(index, CallKind::Function("browse".into()), "{}");
        let right = one_call(4, CallKind::Shell, &commands_of(&["echo a"]));
        finished((0..4).flat_map(wrong).chain(right))
    })
    .await;
    let budget = Budget { steps: 6, ..Budget::default() };
    let (response, _) = house.run(Request { budget, ..house.request(json!("Go")) }).await;
    assert_eq!((response.status, outputs(&response).len()), (Status::Incomplete, 6));
    // However many a step has that are wrong, the model is told before it is given up.
    let house = House::new(|prompt| match answered(prompt) {
        0 => finished((0..9).flat_map(|index| one_call(index, CallKind::Shell, "ls"))),
        9 => bash("echo a"),
        _ => say("done"),
    })
    .await;
    let (response, _) = house.run(house.request(json!("Go"))).await;
    assert_eq!((response.status, printed(&response)), (Status::Completed, vec!["a\n".to_owned()]));
}

#[tokio::test]
async fn a_run_that_is_dropped_with_calls_open_leaves_nothing_running() {
    let phases: [(Phase, bool); 3] = [
        (|what| matches!(what, What::CommandDelta { output_index: 1, .. }), false),
        (|what| matches!(what, What::OutputDelta { output_index: 2, .. }), true),
        (|what| matches!(what, What::OutputDelta { output_index: 3, .. }), true),
    ];
    let mut last = None;
    for (phase, has_run) in phases {
        let house = House::new(|_| calls(&["echo a", "echo b; sleep 999"])).await;
        let reached = Arc::new(tokio::sync::Notify::new());
        let tell = reached.clone();
        let heard = Heard(
            Default::default(),
            Some(Box::new(move |what| {
                if phase(what) {
                    tell.notify_one();
                }
            })),
        );
        let (_canceller, cancelled) = cancellation();
        let id = house.containers.create(coquina::container::Create::default()).await.expect("it is made").id;
        let environment = coquina::agent::Environment::Reference { container_id: id.clone(), skills: Vec::new() };
        let request = Request { tools: vec![Tool::Shell(environment)], ..house.request(json!("Go")) };
        tokio::select! {
            biased;
            () = reached.notified() => {}
            _ = house.agent.run(request, &heard, &cancelled) => panic!("it does not end"),
        }
        // It is let go only once nothing runs in it.
        // While the model writes the second call the first may not have begun, or have ended.
        let was_in_use = house.containers.hibernate(&id).await.expect("nothing runs in it any more");
        assert!(was_in_use || !has_run);
        last = Some((house, id));
    }
    let (house, id) = last.expect("there are phases");
    let log = house.containers.log(&id, &coquina::storage::LogQuery::default()).await.expect("it has one");
    assert_eq!(log[0].outcome["outcome"]["type"], "cancelled", "of the call that was running");
}

#[tokio::test]
async fn local_calls_are_all_the_clients() {
    let house = House::new(|_| shell(json!({"commands": ["ls"]})).into_iter().collect()).await;
    let tools = vec![Tool::Shell(coquina::agent::Environment::Local { skills: Vec::new() })];
    let two = House::new(|_| calls(&["echo a", "echo b"])).await;
    for (house, expected) in [(house, 1), (two, 2)] {
        let (response, _) = house.run(Request { tools: tools.clone(), ..house.request(json!("Go")) }).await;
        assert_eq!((response.status, kinds(&response)), (Status::Completed, vec!["shell_call"; expected]));
        assert!(called(&response).into_iter().all(|(_, is_whole)| is_whole));
    }
}
