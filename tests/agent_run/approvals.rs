//! What a judge says, and how a response goes on when a person has decided.

use std::sync::{Arc, Mutex};

use coquina::agent::item::{Item, McpApprovalRequest, McpApprovalResponse};
use coquina::agent::model::{CallKind, Prompt};
use coquina::agent::response::Status;
use coquina::agent::{Answer, Call, Failure, Judge, Question, Request, ResponseObject, Verdict};
use coquina::container::{Access, Containers, Profile};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use serde_json::json;

use crate::house::{House, answered, bash, finished, items, kinds, one_call, outputs, say};

/// Judges by what a command begins with; keeps what it asked, until that is answered.
struct Strict {
    containers: Containers,
    asked: Mutex<Vec<Option<Question>>>,
}

impl Judge for Strict {
    fn judge<'a>(&'a self, call: &'a Call<'a>) -> BoxFuture<'a, Verdict> {
        let Item::ShellCall(shell) = call.item else { panic!("{:?}", call.item) };
        let verdict = match shell.action.commands[0].split(' ').next() {
            Some("rm") => Verdict::Deny { reason: "nothing is removed here".into() },
            Some("curl") => Verdict::Ask { reason: "it uses the network".into() },
            Some("tee") => Verdict::Within(profile(Access::ProposeWrites, &[])),
            Some("touch") => Verdict::Within(profile(Access::ReadOnly, &[])),
            Some("mkdir") => {
                let paths = [("/mnt/data/out", Access::Full), ("/mnt/data/ask", Access::ProposeWrites)];
                Verdict::Within(profile(Access::ReadOnly, &paths))
            }
            _ => Verdict::Allow,
        };
        std::future::ready(verdict).boxed()
    }

    fn ask(&self, question: Question) -> BoxFuture<'_, Result<Item, Failure>> {
        let mut asked = self.asked.lock().expect("nobody panicked");
        asked.push(Some(question));
        let request = McpApprovalRequest {
            id: format!("mcpr_{}", asked.len()),
            server_label: "coquina".into(),
            name: "shell".into(),
            arguments: "{}".into(),
        };
        std::future::ready(Ok(Item::McpApprovalRequest(request))).boxed()
    }

    fn answer<'a>(
        &'a self,
        id: &'a str,
        response: Option<&'a McpApprovalResponse>,
    ) -> BoxFuture<'a, Result<Option<Answer>, Failure>> {
        async move {
            let number: usize = id.trim_start_matches("mcpr_").parse().expect("a number");
            let question = self.asked.lock().expect("nobody panicked").get_mut(number - 1).and_then(Option::take);
            let Some(Question { item: call, container, proposal, .. }) = question else { return Ok(None) };
            if !response.is_some_and(|response| response.approve) {
                return Ok(Some(Answer::Refused { call, reason: "not now".into(), has_run: proposal.is_some() }));
            }
            let note = response.and_then(|response| response.reason.clone());
            let Some(proposal) = proposal else {
                return Ok(Some(Answer::Run { call, container, profile: Profile::default(), note }));
            };
            self.containers.apply(&proposal).await.expect("it can be applied");
            Ok(Some(Answer::Done { call, note }))
        }
        .boxed()
    }
}

fn strict(house: &House) -> Arc<Strict> {
    Arc::new(Strict { containers: house.containers.clone(), asked: Mutex::default() })
}

/// A response to a command, and one that goes on from it with what a person says.
async fn asked(
    command: &'static str,
    approve: Option<bool>,
) -> (Vec<&'static str>, Vec<(String, String, Option<i64>)>, String) {
    let house = House::new(move |prompt| {
        let is_first = prompt.items.len() == 1;
        if is_first {
            bash(command)
        } else if answered(prompt) < 2 {
            bash("ls; cat f")
        } else {
            say("done")
        }
    })
    .await;
    let judge = strict(&house);
    let (first, _) = house.run(Request { judge: judge.clone(), ..house.request(json!("Go")) }).await;
    assert_eq!(first.status, Status::Completed);
    let kinds = kinds(&first);
    let mut printed = outputs(&first);
    let mut told = String::new();
    if first.output.last().is_some_and(|item| item.kind() == "mcp_approval_request") {
        let context = [items(json!("Go")), first.output].concat();
        let response = json!([{"type": "mcp_approval_response", "approval_request_id": "mcpr_1", "approve": approve}]);
        let input = if approve.is_some() { response } else { json!("And?") };
        let steps = house.asked().len();
        let (second, _) = house.run(Request { context, judge, ..house.request(input) }).await;
        assert_eq!(second.status, Status::Completed);
        printed.extend(outputs(&second));
        told = serde_json::to_string(&house.asked()[steps].items).expect("JSON");
    }
    (kinds, printed, told)
}

fn ended(stdout: &str, stderr: &str, code: i64) -> (String, String, Option<i64>) {
    (stdout.into(), stderr.into(), Some(code))
}

#[tokio::test]
async fn what_is_denied_is_not_run_and_the_model_told() {
    let (_, printed, _) = asked("rm -rf /", None).await;
    assert_eq!(printed[0], ended("", "coquina: nothing is removed here\n", 126));
}

#[tokio::test]
async fn what_is_asked_about_runs_when_it_is_approved() {
    let waiting = ["shell_call", "mcp_approval_request"];
    let (kinds, printed, _) = asked("curl --version >/dev/null 2>&1; echo ran > f", Some(true)).await;
    assert_eq!(kinds, waiting);
    assert_eq!(printed, [ended("", "", 0), ended("f\nran\n", "", 0)]);
    let (_, printed, _) = asked("curl x; echo ran > f", Some(false)).await;
    assert_eq!(printed[0], ended("", "coquina: not now\n", 126));
    assert!(printed[1].2 == Some(1), "there is no f: {printed:?}");
    let (_, printed, _) = asked("curl x; echo ran > f", None).await;
    assert_eq!(printed[0], ended("", "coquina: not now\n", 126));
}

#[tokio::test]
async fn what_was_proposed_is_kept_when_it_is_approved() {
    let (kinds, printed, told) = asked("tee f <<< ran", Some(true)).await;
    assert_eq!(kinds, ["shell_call", "shell_call_output", "mcp_approval_request"]);
    assert_eq!(printed, [ended("ran\n", "", 0), ended("f\nran\n", "", 0)]);
    assert!(told.contains("was approved"), "{told}");
    let (_, printed, told) = asked("tee f <<< ran", Some(false)).await;
    assert_eq!((&printed[0], printed[1].2), (&ended("ran\n", "", 0), Some(1)));
    assert!(told.contains("was refused"), "{told}");
    let (_, _, told) = asked("tee f <<< ran", None).await;
    assert!(told.contains("nothing of it is kept: not now"), "{told}");
    let (kinds, ..) = asked("tee < /dev/null", None).await;
    assert!(!kinds.contains(&"mcp_approval_request"), "nothing was changed: {kinds:?}");
}

#[tokio::test]
async fn what_may_only_read_changes_nothing() {
    let (_, printed, _) = asked("touch f", None).await;
    let (stdout, stderr, code) = &printed[0];
    assert_eq!((stdout.as_str(), *code), ("", Some(1)));
    assert!(stderr.contains("Read-only file system"), "{stderr}");
    assert_eq!(printed[1].2, Some(1), "there is no f");
}

#[tokio::test]
async fn rights_differ_by_path() {
    // `out` may be written, what is beside it not; nobody is asked.
    let (kinds, printed, _) =
        asked("mkdir -p out; echo ran > out/f; mv out/f /tmp/f; cp /tmp/f out; echo x > f", None).await;
    assert_eq!(kinds[..2], ["shell_call", "shell_call_output"]);
    // That `out` was missing made `/mnt/data` writable, but what else was changed there is found afterwards.
    let (_, stderr, code) = &printed[0];
    assert!(*code == Some(1) && stderr.contains("/mnt/data/f"), "{printed:?}");
    let (kinds, printed, _) = asked("mkdir -p out; echo ran > out/f; ln -s out/f f 2> out/err", None).await;
    assert_eq!(kinds[..3], ["shell_call", "shell_call_output", "shell_call"], "{printed:?}");
    let (kinds, printed, _) = asked("mkdir -p out; echo ran > out/f", None).await;
    assert_eq!(kinds[..3], ["shell_call", "shell_call_output", "shell_call"], "{printed:?}");
    assert_eq!(printed[1].0, "out\n", "it is kept: {printed:?}");
    // What is proposed waits for a person, with all that the call has done.
    let (kinds, printed, _) = asked("mkdir -p ask; echo ran > ask/f", Some(true)).await;
    assert_eq!(kinds, ["shell_call", "shell_call_output", "mcp_approval_request"]);
    assert_eq!(printed[1].0, "ask\n", "it is kept: {printed:?}");
}

fn profile(default: Access, paths: &[(&str, Access)]) -> Profile {
    let paths = paths.iter().chain(&[("/tmp", Access::Full)]).map(|(path, access)| ((*path).to_owned(), *access));
    Profile { default, paths: paths.collect() }
}

/// A response to a step with these commands, a call each, and how the model is asked after these answers.
async fn asked_about(commands: &[&str], answers: &[bool]) -> (ResponseObject, ResponseObject, Prompt) {
    let calls: Vec<_> = (commands.iter().enumerate())
        .flat_map(|(index, command)| one_call(index, CallKind::Shell, &json!({ "commands": [command] }).to_string()))
        .collect();
    let house = House::new(move |prompt| match prompt.items.len() {
        1 => finished(calls.clone()),
        _ => say("done"),
    })
    .await;
    let judge = strict(&house);
    let (first, _) = house.run(Request { judge: judge.clone(), ..house.request(json!("Go")) }).await;
    let answer = |(number, approve): (usize, &bool)| json!({"type": "mcp_approval_response", "approval_request_id": format!("mcpr_{}", number + 1), "approve": approve});
    let input = json!(answers.iter().enumerate().map(answer).collect::<Vec<_>>());
    let context = [items(json!("Go")), first.output.clone()].concat();
    let (second, _) = house.run(Request { context, judge, ..house.request(input) }).await;
    let prompt = house.asked().pop().expect("it was asked");
    (first, second, prompt)
}

#[tokio::test]
async fn what_follows_a_call_that_waits_is_held_back() {
    let (first, second, prompt) = asked_about(&["echo a > f", "curl x; echo b >> f", "cat f"], &[true]).await;
    let expected =
        ["shell_call", "shell_call", "shell_call", "shell_call_output", "shell_call_output", "mcp_approval_request"];
    assert_eq!((first.status, kinds(&first)), (Status::Completed, expected.to_vec()));
    let held = ended("", "coquina: It was not run: an earlier call of the same step waits for a person.\n", 126);
    assert_eq!(outputs(&first), [ended("", "", 0), held]);
    let [Item::ShellCall(call), .., Item::ShellCallOutput(output), _] = &first.output[..] else { panic!("{first:?}") };
    assert_ne!(call.call_id, output.call_id);
    assert_eq!(kinds(&second), ["shell_call_output", "message"]);
    assert_eq!(outputs(&second).len(), 1);
    assert_eq!(answered(&prompt), 3, "each call has one output: {:?}", prompt.items);
}

#[tokio::test]
async fn each_call_that_needs_it_is_asked_about() {
    let (first, second, prompt) =
        asked_about(&["curl x; echo a > f", "rm f", "curl --version 2> /dev/null; ls"], &[false, true]).await;
    let expected = [&["shell_call"; 3][..], &["shell_call_output"], &["mcp_approval_request"; 2]].concat();
    assert_eq!(kinds(&first), expected);
    assert_eq!(outputs(&first), [ended("", "coquina: nothing is removed here\n", 126)]);
    assert_eq!(outputs(&second), [ended("", "coquina: not now\n", 126), ended("", "", 0)]);
    assert_eq!(answered(&prompt), 3);
    // What was refused is told by the call's output alone.
    let told = serde_json::to_string(&prompt.items).expect("JSON");
    assert_eq!((told.matches("not now").count(), told.matches("was approved]").count()), (1, 1), "{told}");
}

#[tokio::test]
async fn what_follows_a_proposal_is_held_back_too() {
    let (first, _, prompt) = asked_about(&["tee f <<< a", "tee g <<< b"], &[true]).await;
    let expected = ["shell_call", "shell_call", "shell_call_output", "shell_call_output", "mcp_approval_request"];
    assert_eq!(kinds(&first), expected);
    assert_eq!(outputs(&first)[0], ended("a\n", "", 0));
    assert!(outputs(&first)[1].1.contains("waits for a person"));
    let told = serde_json::to_string(&prompt.items).expect("JSON");
    assert_eq!((answered(&prompt), told.matches("was approved]").count()), (2, 1), "{told}");
}

#[tokio::test]
async fn what_nobody_asked_cannot_be_approved() {
    let house = House::new(|_| say("done")).await;
    let input = json!([{"type": "mcp_approval_response", "approval_request_id": "mcpr_9", "approve": true}]);
    let (response, _) = house.run(Request { judge: strict(&house), ..house.request(input) }).await;
    assert_eq!(response.error.map(|error| error.message), Some("there is no approval mcpr_9".into()));
    // With the question it may be an old one that is known no more.
    let input = json!([
        {"role": "user", "content": "Go"},
        {"type": "mcp_approval_request", "id": "mcpr_9", "server_label": "coquina", "name": "shell", "arguments": "{}"},
        {"type": "mcp_approval_response", "approval_request_id": "mcpr_9", "approve": true}]);
    let (response, _) = house.run(Request { judge: strict(&house), ..house.request(input) }).await;
    assert_eq!(response.status, Status::Completed);
}
