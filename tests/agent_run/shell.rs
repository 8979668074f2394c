//! Shell calls: order of events, commands side by side, limits, cancellation, files that go in and come out.

use std::sync::Arc;

use coquina::agent::event::What;
use coquina::agent::item::{Annotation, Item, Part, Status as ItemStatus};
use coquina::agent::model::{Delta, Model, ModelError, Prompt};
use coquina::agent::response::Status;
use coquina::agent::{Agent, AgentConfig, Budget, Environment, Request, Skill, Tool, cancellation};
use coquina::storage::LogQuery;
use futures_util::StreamExt as _;
use futures_util::stream::{BoxStream, iter, pending};
use serde_json::{Value, json};

use crate::house::{Heard, House, answered, bash, finished, items, kinds, outputs, say, shell, written};

#[tokio::test]
async fn a_call_and_its_output_come_in_the_order_of_the_reference() {
    let house = House::new(|prompt| match answered(prompt) {
        0 => shell(json!({"commands": ["printf 'a\\nb\\n'", "echo bad >&2; exit 3"], "max_output_length": 4096})),
        _ => say("done"),
    })
    .await;
    let request = house.request(json!("List"));
    let (response, events) = house.run(request).await;
    assert_eq!(kinds(&response), ["shell_call", "shell_call_output", "message"]);
    let ended = |stdout: &str, stderr: &str, code| (stdout.to_owned(), stderr.to_owned(), Some(code));
    assert_eq!(outputs(&response), [ended("a\nb\n", "", 0), ended("", "bad\n", 3)]);
    let of = |index: u64| -> Vec<String> {
        let short = |event: &Value| event["type"].as_str().expect("text").replace("response.", "");
        let mut names: Vec<_> = events.iter().filter(|e| e["output_index"] == index).map(short).collect();
        names.dedup();
        names
    };
    let command = ["added", "delta", "done"].map(|verb| format!("shell_call_command.{verb}"));
    let added = ["output_item.added".to_owned()];
    let done = ["output_item.done".to_owned()];
    assert_eq!(of(0), [&added[..], &command, &command, &done].concat());
    let content = ["delta", "done"].map(|verb| format!("shell_call_output_content.{verb}"));
    assert_eq!(of(1), [&added[..], &content, &done].concat());
    let call = &events[2]["item"];
    assert_eq!((&call["status"], &call["action"]["commands"]), (&json!("in_progress"), &json!([])));
    // Where it runs is known when it does.
    assert_eq!(call["environment"], Value::Null);
    let done = serde_json::to_value(&response.output[0]).expect("JSON");
    assert!(done["environment"]["container_id"].as_str().expect("text").starts_with("cntr_"));
    let output = serde_json::to_value(&response.output[1]).expect("JSON");
    assert_eq!(output["max_output_length"], 4096);
    // What the model is told is what clients see.
    assert_eq!(house.asked()[1].items[2], response.output[1]);
}

#[tokio::test]
async fn commands_are_shown_while_they_are_written() {
    let arguments = |commands: &[&str]| json!({"timeout_ms": 60_000, "commands": commands}).to_string();
    let house = House::new(move |prompt| match answered(prompt) {
        0 => {
            let first = written(0, &arguments(&["echo \"a\" → b", ""]), 3, true);
            let second = written(1, &arguments(&["printf '%s' c"]), 5, true);
            finished(first.into_iter().chain(second))
        }
        2 => finished(written(0, r#"{"commands": ["echo d", "echo e"}"#, 4, true)),
        3 => finished(written(0, r#"{"commands": ["echo f"], "commands": ["echo g"]}"#, 4, true)),
        4 => bash("echo h"),
        _ => say("done"),
    })
    .await;
    let (response, events) = house.run(house.request(json!("Go"))).await;
    let shown = |item: &Item| match item {
        Item::ShellCall(call) => Some((call.action.commands.join("; "), call.status)),
        _ => None,
    };
    let shown: Vec<_> = response.output.iter().filter_map(shown).collect();
    let (whole, given_up) = (Some(ItemStatus::Completed), Some(ItemStatus::Incomplete));
    let expected = [
        ("echo \"a\" → b; ", whole),
        ("printf '%s' c", whole),
        ("echo d; echo e", given_up),
        ("echo f", given_up),
        ("echo h", whole),
    ];
    assert_eq!(shown, expected.map(|(commands, status)| (commands.to_owned(), status)));
    let printed: Vec<_> = outputs(&response).into_iter().map(|(stdout, ..)| stdout).collect();
    assert_eq!(printed, ["a → b\n", "", "c", "h\n"]);
    let deltas = events.iter().filter(|event| event["type"] == "response.shell_call_command.delta");
    assert!(deltas.count() > 10);
    // What is wrong is for the model: of calls that were not carried out it is told as such.
    let told = serde_json::to_string(&house.asked()[4].items).expect("JSON");
    assert!(told.contains("not JSON") && told.contains("commands twice"), "{told}");
    let calls = house.asked()[4].items.iter().filter(|item| matches!(item, Item::ShellCall(_))).count();
    assert_eq!(calls, 3);
}

#[tokio::test]
async fn a_call_that_is_cut_off_is_shown_as_that() {
    let cut = finished(written(0, r#"{"commands": ["echo a", "rm -r"#, 2, false));
    let house = House::new(move |_| cut.clone()).await;
    let (response, _) = house.run(house.request(json!("Go"))).await;
    let [Item::ShellCall(call)] = &response.output[..] else { panic!("{:?}", response.output) };
    assert_eq!((&*call.action.commands.join("; "), call.status), ("echo a; rm -r", Some(ItemStatus::Incomplete)));

    // It waits for more when it is cancelled.
    let house = House::new(|_| Vec::new()).await;
    let model = Arc::new(Halting(written(0, r#"{"commands": ["echo a", "rm -r"#, 2, false)));
    let mut models = coquina::agent::model::Models::new();
    models.insert("m", model as Arc<dyn coquina::agent::Model>);
    let agent = Agent::open(models, house.containers.clone(), AgentConfig::default()).await.expect("the store works");
    let (canceller, cancelled) = cancellation();
    let hear = move |what: &What| {
        if matches!(what, What::CommandDelta { command_index: 1, .. }) {
            canceller.cancel();
        }
    };
    let heard = Heard(Default::default(), Some(Box::new(hear)));
    let response = agent.run(house.request(json!("Go")), &heard, &cancelled).await;
    assert_eq!((response.status, kinds(&response)), (Status::Cancelled, vec!["shell_call"]));
}

/// A model that stops in the middle.
struct Halting(Vec<Delta>);

impl Model for Halting {
    fn generate(&self, _: Prompt) -> BoxStream<'static, Result<Delta, ModelError>> {
        iter(self.0.clone()).map(Ok).chain(pending()).boxed()
    }

    fn context_window(&self) -> u64 {
        1_000_000
    }
}

#[tokio::test]
async fn commands_run_side_by_side_and_leave_one_record() {
    let house = House::new(|prompt| match answered(prompt) {
        // Each waits for the other.
        0 => shell(json!({"commands": [
            "mkfifo a b; touch ready; echo one > a; cat b",
            "until [ -e ready ]; do :; done; cat a; echo two > b"]})),
        1 => bash("pwd; ls"),
        _ => say("done"),
    })
    .await;
    let desk = house.desk();
    let (response, _) = house.run(Request { workplace: desk.clone(), ..house.request(json!("Go")) }).await;
    let stdout: Vec<_> = outputs(&response).into_iter().map(|(stdout, ..)| stdout).collect();
    assert_eq!(stdout, ["two\n", "one\n", "/mnt/data\na\nb\nready\n"]);
    let Item::ShellCall(call) = &response.output[0] else { panic!("{:?}", response.output[0]) };
    let environment = serde_json::to_value(&call.environment).expect("JSON");
    let log = house.containers.log(environment["container_id"].as_str().expect("text"), &LogQuery::default()).await;
    let kinds: Vec<_> = log.expect("it is there").into_iter().map(|record| record.kind).collect();
    assert_eq!(kinds, ["exec", "exec", "create"]);
    assert_eq!(desk.ran.lock().expect("nobody panicked").len(), 2);
}

#[tokio::test]
async fn a_command_that_takes_too_long_is_timed_out_with_what_there_is() {
    let house = House::new(|prompt| match answered(prompt) {
        0 => shell(json!({"commands": ["echo begun; sleep 999", "echo quick"], "timeout_ms": 300})),
        _ => say("done"),
    })
    .await;
    let (response, _) = house.run(house.request(json!("Go"))).await;
    let expected = [("begun\n".into(), String::new(), None), ("quick\n".into(), String::new(), Some(0))];
    assert_eq!(outputs(&response), expected);
    let output = serde_json::to_value(&response.output[1]).expect("JSON");
    assert_eq!(output["output"][0]["outcome"], json!({"type": "timeout"}));
}

#[tokio::test]
async fn long_output_keeps_its_head_and_its_tail() {
    let house = House::new(|prompt| match answered(prompt) {
        0 => shell(json!({"commands": ["seq 100000; echo é >&2"], "max_output_length": 1000})),
        1 => shell(json!({"commands": ["printf 'ab\\xffc'; kill -9 $$"], "max_output_length": 0})),
        _ => bash("printf 'ab\\xff'; kill -9 $$"),
    })
    .await;
    let budget = Budget { steps: 3, ..Budget::default() };
    let (response, _) = house.run(Request { budget, ..house.request(json!("Go")) }).await;
    let outputs = outputs(&response);
    let (stdout, stderr, _) = &outputs[0];
    assert!(stdout.starts_with("1\n2\n3\n") && stdout.contains(" characters left out]\n"), "{stdout}");
    assert!(stdout.trim_end().ends_with("100000") && stderr == "é\n", "{stdout}{stderr}");
    assert!(stdout.chars().count() + stderr.chars().count() <= 1000);
    assert_eq!(outputs[1], (String::new(), String::new(), Some(137)));
    assert_eq!(outputs[2], ("ab\u{fffd}".into(), String::new(), Some(137)));
}

#[tokio::test]
async fn cancelling_kills_commands_and_keeps_what_they_did() {
    let house = House::new(|_| bash("echo kept > file; echo begun; sleep 999; echo never")).await;
    let (canceller, cancelled) = cancellation();
    let heard = Heard(
        Default::default(),
        Some(Box::new(move |what| {
            if matches!(what, What::OutputDelta { .. }) {
                canceller.cancel();
            }
        })),
    );
    let desk = house.desk();
    let request = Request { workplace: desk.clone(), ..house.request(json!("Go")) };
    let (response, _) = house.run_with(request, heard, &cancelled).await;
    assert_eq!((response.status, kinds(&response)), (Status::Cancelled, vec!["shell_call", "shell_call_output"]));
    assert_eq!(outputs(&response), [("begun\n".into(), String::new(), Some(130))]);
    let Item::ShellCallOutput(output) = &response.output[1] else { panic!("{:?}", response.output[1]) };
    assert_eq!(output.status, Some(ItemStatus::Incomplete));
    assert_eq!(desk.ran.lock().expect("nobody panicked").len(), 1, "what it did is in the books");
}

#[tokio::test]
async fn a_container_is_used_along_the_conversation() {
    let house = House::new(|prompt| match answered(prompt) {
        0 => bash("echo one > state"),
        1 => bash("cat state"),
        _ => say("done"),
    })
    .await;
    let budget = Budget { steps: 1, ..Budget::default() };
    let (first, _) = house.run(Request { budget, ..house.request(json!("Go")) }).await;
    let context = [items(json!("Go")), first.output].concat();
    let (second, _) = house.run(Request { context, ..house.request(json!("On")) }).await;
    assert_eq!(outputs(&second), [("one\n".into(), String::new(), Some(0))]);
}

#[tokio::test]
async fn files_of_messages_are_there_and_files_that_are_made_are_cited() {
    let house = House::new(|prompt| match answered(prompt) {
        0 => bash("cat a.csv file-1; mkdir out; echo 3 > out/sum.txt; echo x > more.txt; echo t > /tmp/t"),
        _ => say("The sum is in [sum.txt](sandbox:/mnt/data/out/sum.txt)."),
    })
    .await;
    let input = json!([{"role": "user", "content": [
        {"type": "input_text", "text": "Sum"},
        {"type": "input_file", "filename": "a.csv", "file_data": "data:text/csv;base64,MQoyCg=="},
        {"type": "input_file", "filename": "file-1", "file_id": "file-1"}]}]);
    let (response, events) = house.run(house.request(input)).await;
    assert_eq!(outputs(&response)[0].0, "1\n2\ncontent of file-1\n");
    let Item::Message(message) = &response.output[2] else { panic!("{:?}", response.output[2]) };
    let Part::OutputText { annotations, text, .. } = &message.content[0] else { panic!("{message:?}") };
    let cited = annotations.iter().map(|annotation| match annotation {
        Annotation::ContainerFileCitation { filename, start_index, end_index, file_id, .. } => {
            assert!(file_id.starts_with("cfile_"));
            (filename.as_str(), text.get(*start_index as usize..*end_index as usize).expect("it is in the text"))
        }
        other => panic!("{other:?}"),
    });
    let expected = [("more.txt", ""), ("sum.txt", "sandbox:/mnt/data/out/sum.txt")];
    assert_eq!(cited.collect::<Vec<_>>(), expected);
    let added = events.iter().filter(|event| event["type"] == "response.output_text.annotation.added").count();
    assert_eq!(added, 2);
    let asked = serde_json::to_string(&house.asked()[0].items).expect("JSON");
    assert!(asked.contains("[A file: /mnt/data/a.csv]") && !asked.contains("base64"), "{asked}");
}

#[tokio::test]
async fn a_local_shell_is_the_clients() {
    let house = House::new(|_| bash("ls")).await;
    let skill = Skill { name: "csv".into(), description: "Tables.".into(), path: "/skills/csv".into() };
    let tools = vec![Tool::Shell(Environment::Local { skills: vec![skill] })];
    let (response, _) = house.run(Request { tools, ..house.request(json!("Go")) }).await;
    assert_eq!((response.status, kinds(&response)), (Status::Completed, vec!["shell_call"]));
    let call = serde_json::to_value(&response.output[0]).expect("JSON");
    assert_eq!((&call["environment"], &call["status"]), (&json!({"type": "local"}), &json!("completed")));
    assert!(serde_json::to_string(&house.asked()[0].items[0]).expect("JSON").contains("csv (/skills/csv): Tables."));
}

#[tokio::test]
async fn what_cannot_run_is_told_to_the_model() {
    let house = House::new(|prompt| match answered(prompt) {
        0 => bash("rm -r /mnt/data 2>/dev/null; cd /; rmdir /mnt/data; echo $?"),
        1 => bash("echo hi"),
        2 => shell(json!({"commands": ["head -c 2000000000 /dev/zero | tail -c 1999999999 >/dev/null; exit 5"]})),
        _ => say("done"),
    })
    .await;
    let (response, _) = house.run(house.request(json!("Go"))).await;
    assert_eq!(response.status, Status::Completed);
    let outputs = outputs(&response);
    if outputs[0].0 == "0\n" {
        assert_eq!(outputs[1].2, Some(126), "{outputs:?}");
        assert!(outputs[1].1.contains("/mnt/data"), "{outputs:?}");
    }
}

#[tokio::test]
async fn a_container_that_is_gone_fails_the_response() {
    let house = House::new(|_| bash("ls")).await;
    let container_id = format!("cntr_{}", "0".repeat(48));
    let tools = vec![Tool::Shell(Environment::Reference { container_id, skills: Vec::new() })];
    let (response, _) = house.run(Request { tools, ..house.request(json!("Go")) }).await;
    assert!(response.error.expect("it failed").message.starts_with("there is no container cntr_0"));
}

#[tokio::test]
async fn many_responses_are_made_at_once() {
    let house = Arc::new(
        House::new(|prompt| match answered(prompt) {
            0..3 => bash("echo hi"),
            _ => say("done"),
        })
        .await,
    );
    let runs = (0..16).map(|_| {
        let house = house.clone();
        tokio::spawn(async move { house.run(house.request(json!("Go"))).await.0 })
    });
    for run in runs.collect::<Vec<_>>() {
        let response = run.await.expect("it does not panic");
        assert_eq!((response.status, outputs(&response).len()), (Status::Completed, 3));
    }
}
