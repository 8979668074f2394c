//! What a judge says, and how a response goes on when a person has decided.

use std::sync::{Arc, Mutex};

use coquina::agent::item::{Item, McpApprovalRequest, McpApprovalResponse};
use coquina::agent::response::Status;
use coquina::agent::{Answer, Call, Failure, Judge, Question, Request, Verdict};
use coquina::container::{Access, Containers, Profile};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use serde_json::json;

use crate::house::{House, answered, bash, items, kinds, outputs, say};

/// Judges by what a command begins with; keeps one question.
struct Strict {
    containers: Containers,
    asked: Mutex<Option<Question>>,
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
        *self.asked.lock().expect("nobody panicked") = Some(question);
        let request = McpApprovalRequest {
            id: "mcpr_1".into(),
            server_label: "coquina".into(),
            name: "shell".into(),
            arguments: "{}".into(),
        };
        std::future::ready(Ok(Item::McpApprovalRequest(request))).boxed()
    }

    fn answer<'a>(
        &'a self,
        _: &'a str,
        response: Option<&'a McpApprovalResponse>,
    ) -> BoxFuture<'a, Result<Answer, Failure>> {
        async move {
            let question = self.asked.lock().expect("nobody panicked").take().expect("it was asked");
            let call = question.item;
            if !response.is_some_and(|response| response.approve) {
                return Ok(Answer::Refused { call, reason: "not now".into() });
            }
            let Some(proposal) = question.proposal else {
                return Ok(Answer::Run { call, container: question.container, profile: Profile::default() });
            };
            self.containers.apply(&proposal).await.expect("it can be applied");
            Ok(Answer::Applied { call, output: question.output })
        }
        .boxed()
    }
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
    let judge = Arc::new(Strict { containers: house.containers.clone(), asked: Mutex::default() });
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
    assert!(told.contains("was not kept: not now"), "{told}");
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
