//! Scripts, read and played.

use futures_util::StreamExt as _;

use super::*;
use crate::agent::item::{
    CallOutput, CommandOutcome, CommandOutput, Content, FunctionCall, Message, ShellAction, ShellCall, ShellCallOutput,
};
use crate::agent::model::CallKind;

fn model(script: &str) -> Scripted {
    Scripted::new("play", Script::parse(script).expect("it is a script"))
}

async fn answer(script: &str, items: Vec<Item>) -> Vec<Result<Delta, ModelError>> {
    model(script).generate(Prompt { items, ..Prompt::default() }).collect().await
}

/// The text of an answer that is nothing but text.
async fn text(script: &str, items: Vec<Item>) -> String {
    let said = answer(script, items).await;
    let text = |piece: &Result<Delta, ModelError>| match piece {
        Ok(Delta::Text(text)) => text.clone(),
        Ok(Delta::Usage(_) | Delta::Finished(Finish::Stop)) => String::new(),
        other => format!("{other:?}"),
    };
    said.iter().map(text).collect()
}

fn user(text: &str) -> Item {
    Item::Message(Message::user(text))
}

/// A shell call and its output.
fn ran(command: &str, stdout: &str) -> [Item; 2] {
    let output =
        CommandOutput { stdout: stdout.into(), stderr: String::new(), outcome: CommandOutcome::Exit { exit_code: 0 } };
    let action = ShellAction { commands: vec![command.into()], ..ShellAction::default() };
    [
        Item::ShellCall(ShellCall { id: None, call_id: "c".into(), status: None, action, environment: None }),
        Item::ShellCallOutput(ShellCallOutput {
            id: None,
            call_id: "c".into(),
            status: None,
            max_output_length: None,
            output: vec![output],
        }),
    ]
}

#[tokio::test]
async fn a_turn_says_its_lines_in_pieces() {
    let script = r#"
        [[turn]]
        when.user = "weather"
        reasoning = "Hm."
        text = "I'll see."
        piece = 4
        shell = ["date", ["ls", "pwd"], { commands = ["sleep 9"], timeout_ms = 5 }, { arguments = "{oops" }]
        function = [{ name = "weather", arguments = { city = "Rome" } }, { name = "now" }]
        custom = [{ name = "sql", input = "select 1" }]
        patch = [{ type = "delete_file", path = "a" }]
        usage = { input = 7, output = 9, reasoning = 2 }
    "#;
    let said: Vec<Delta> = answer(script, vec![user("The weather?")]).await.into_iter().map(Result::unwrap).collect();
    let texts: Vec<_> = said.iter().filter(|piece| matches!(piece, Delta::Text(_) | Delta::Reasoning(_))).collect();
    let expected = [
        Delta::Reasoning("Hm.".into()),
        Delta::Text("I'll".into()),
        Delta::Text(" see".into()),
        Delta::Text(".".into()),
    ];
    assert_eq!(texts, expected.iter().collect::<Vec<_>>());
    let kind_of = |piece: &Delta| match piece {
        Delta::CallBegun { kind, .. } => Some(kind.clone()),
        _ => None,
    };
    let kinds: Vec<_> = said.iter().filter_map(kind_of).collect();
    let function = |name: &str| CallKind::Function(name.into());
    let expected = [
        CallKind::Shell,
        CallKind::Shell,
        CallKind::Shell,
        CallKind::Shell,
        CallKind::ApplyPatch,
        function("weather"),
        function("now"),
        CallKind::Custom("sql".into()),
    ];
    assert_eq!(kinds, expected);
    let mut begun = vec![String::new(); 8];
    let mut done = Vec::new();
    for piece in &said {
        match piece {
            Delta::CallArguments { index, text } => begun[*index] += text,
            Delta::CallDone { arguments, .. } => done.push(arguments.clone()),
            _ => {}
        }
    }
    assert_eq!(begun, done);
    assert_eq!(done[0], r#"{"commands":["date"]}"#);
    assert_eq!(done[2], r#"{"commands":["sleep 9"],"max_output_length":null,"timeout_ms":5}"#);
    assert_eq!(
        done[3..],
        ["{oops", r#"{"operation":{"path":"a","type":"delete_file"}}"#, r#"{"city":"Rome"}"#, "{}", "select 1"]
    );
    let usage = Usage { input_tokens: 7, cached_tokens: 0, output_tokens: 9, reasoning_tokens: 2 };
    assert_eq!(said[said.len() - 2..], [Delta::Usage(usage), Delta::Finished(Finish::Stop)]);
}

#[tokio::test]
async fn the_first_turn_that_fits_answers() {
    let script = r#"
        [[turn]]
        when = { user = "clean", step = 1 }
        text = "one"
        [[turn]]
        when = { user = "clean", output = "rows: {n}" }
        text = "two {n}"
        [[turn]]
        when = { step = 3 }
        text = "three"
        [[turn]]
        when = { seen = "the word is {word}." }
        text = "{word}"
    "#;
    let mut items = vec![user("Please clean it")];
    assert_eq!(text(script, items.clone()).await, "one");
    items.extend(ran("wc", "rows: 12\n"));
    assert_eq!(text(script, items.clone()).await, "two 12");
    items.extend(ran("true", ""));
    assert_eq!(text(script, items.clone()).await, "three");
    items.push(user("the word is shell."));
    items.push(Item::Message(Message::assistant("so it is")));
    items.push(user("which?"));
    assert_eq!(text(script, items).await, "shell");
}

#[tokio::test]
async fn outputs_of_one_step_count_once() {
    let script = "[[turn]]\nwhen.step = 2\ntext = \"two\"";
    let call = |call_id: &str| {
        Item::FunctionCall(FunctionCall {
            id: None,
            call_id: call_id.into(),
            name: "f".into(),
            arguments: "{}".into(),
            status: None,
        })
    };
    let output = |call_id: &str| {
        let output = Content::Text("ok".into());
        Item::FunctionCallOutput(CallOutput { id: None, call_id: call_id.into(), output, status: None })
    };
    let items = vec![user("go"), call("a"), call("b"), output("a"), output("b")];
    assert_eq!(text(script, items).await, "two");
}

#[tokio::test]
async fn a_turn_may_go_wrong() {
    let failing = |error: &str| format!("[[turn]]\nerror = {error}");
    let limited = failing(r#"{ kind = "rate_limited", message = "slow down", retry_after_ms = 5 }"#);
    let error = answer(&limited, vec![user("x")]).await.remove(0).expect_err("it fails");
    assert_eq!(error.to_string(), "model play: too many requests: slow down");
    assert!(error.is_retryable());

    let cut = answer("[[turn]]\ntext = \"abc\"\nends = \"cut\"", vec![]).await;
    assert_eq!(cut, [Ok(Delta::Text("abc".into())), Err(ModelError::Cut { model: "play".into() })]);

    let long = answer("[[turn]]\nshell = [\"ls\"]\nends = \"length\"", vec![]).await;
    assert!(!long.iter().any(|piece| matches!(piece, Ok(Delta::CallDone { .. }))), "{long:?}");
    assert_eq!(long.last(), Some(&Ok(Delta::Finished(Finish::Length))));

    let mut hanging = model("[[turn]]\ntext = \"a\"\nends = \"hang\"").generate(Prompt::default());
    assert_eq!(hanging.next().await, Some(Ok(Delta::Text("a".into()))));
    assert!(futures_util::poll!(hanging.next()).is_pending());

    let none = answer("[[turn]]\nwhen.user = \"a\"", vec![user("b")]).await.remove(0).expect_err("nothing fits");
    assert_eq!(
        none.to_string(),
        "model play: sent what cannot be understood: no turn of its script fits step 1, last user text \"b\", last tool output None"
    );
    assert!(!none.is_retryable());
}

#[test]
fn a_bad_script_is_told_what_is_wrong() {
    for (script, what) in [
        ("[[turn]]\ntxt = 1", "txt"),
        ("[[turn]]\nends = \"soon\"", "soon"),
        ("[[turn]]\npiece = 0", "nonzero"),
        ("{\"turn\": 1}", "sequence"),
        ("turn", "docs/models.md"),
    ] {
        let error = Script::parse(script).expect_err("it is no script").to_string();
        assert!(error.contains(what), "{error}");
    }
    let json = Script::parse(r#"{"context_window": 10, "turn": [{"text": "hi"}]}"#).expect("JSON will do");
    assert_eq!(Scripted::new("m", json).context_window(), 10);
}
