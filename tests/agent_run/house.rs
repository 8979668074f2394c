//! An agent with a store of its own, a model that a closure plays, and what its responses tell.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use coquina::agent::event::{Events, What};
use coquina::agent::item::{CommandOutcome, Item};
use coquina::agent::model::{CallKind, Delta, Finish, Model, ModelError, Models, Prompt, Usage};
use coquina::agent::{
    Agent, AgentConfig, Cancelled, Environment, Event, Failure, Permit, Ran, Request, ResponseHead, ResponseObject,
    Tool, Workplace, cancellation,
};
use coquina::container::{Containers, ContainersConfig, Create};
use coquina::storage::{Store, StoreConfig};
use futures_util::future::BoxFuture;
use futures_util::stream::{BoxStream, iter};
use futures_util::{FutureExt as _, StreamExt as _};
use serde_json::{Value, json};

/// What a model says to a prompt.
pub type Play = dyn Fn(&Prompt) -> Vec<Result<Delta, ModelError>> + Send + Sync;

/// A model that a closure plays. It notes what it was asked.
pub struct Player {
    play: Box<Play>,
    pub asked: Mutex<Vec<Prompt>>,
    window: u64,
}

impl Model for Player {
    fn generate(&self, prompt: Prompt) -> BoxStream<'static, Result<Delta, ModelError>> {
        let said = (self.play)(&prompt);
        self.asked.lock().expect("nobody panicked").push(prompt);
        // A model that says nothing is one that takes its time.
        if said.is_empty() { futures_util::stream::pending().boxed() } else { iter(said).boxed() }
    }

    fn context_window(&self) -> u64 {
        self.window
    }
}

/// An agent, and what it works with.
pub struct House {
    pub agent: Agent,
    pub containers: Containers,
    pub player: Arc<Player>,
    _dir: tempfile::TempDir,
}

/// A call that ran: its tool, its commands, the proposal it became.
pub type Noted = (String, Vec<String>, Option<String>);

/// Makes containers as they are asked for, and notes what ran.
pub struct Desk {
    containers: Containers,
    pub ran: Mutex<Vec<Noted>>,
}

impl Workplace for Desk {
    fn container<'a>(&'a self, earlier: Option<&'a str>) -> BoxFuture<'a, Result<String, Failure>> {
        async move {
            if let Some(earlier) = earlier {
                return Ok(earlier.to_owned());
            }
            let made = self.containers.create(Create::default()).await;
            made.map(|container| container.id).map_err(|error| Failure::server(error.to_string()))
        }
        .boxed()
    }

    fn file<'a>(&'a self, file_id: &'a str) -> BoxFuture<'a, Result<(String, Bytes), Failure>> {
        async move { Ok((file_id.to_owned(), Bytes::from(format!("content of {file_id}\n")))) }.boxed()
    }

    fn admit<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<Permit, Failure>> {
        async { Ok(Box::new(()) as Permit) }.boxed()
    }

    fn ran<'a>(&'a self, call: &'a Ran<'a>) -> BoxFuture<'a, ()> {
        let noted = (call.tool.to_owned(), call.commands.to_vec(), call.proposal.clone());
        self.ran.lock().expect("nobody panicked").push(noted);
        std::future::ready(()).boxed()
    }
}

/// What is done when something happens.
pub type Hear = dyn Fn(&What) + Send + Sync;

/// Notes events, as the JSON that clients get.
#[derive(Default)]
pub struct Heard(pub Mutex<Vec<Value>>, pub Option<Box<Hear>>);

impl Events for Heard {
    fn send(&self, event: Event) -> BoxFuture<'_, ()> {
        if let Some(hear) = &self.1 {
            hear(&event.what);
        }
        let name = event.what.name();
        let event = serde_json::to_value(event).expect("events are JSON");
        assert_eq!(event["type"], name);
        self.0.lock().expect("nobody panicked").push(event);
        std::future::ready(()).boxed()
    }
}

impl House {
    pub async fn new(play: impl Fn(&Prompt) -> Vec<Result<Delta, ModelError>> + Send + Sync + 'static) -> House {
        House::with_window(1_000_000, play).await
    }

    pub async fn with_window(
        window: u64,
        play: impl Fn(&Prompt) -> Vec<Result<Delta, ModelError>> + Send + Sync + 'static,
    ) -> House {
        let dir = tempfile::tempdir().expect("a directory can be made");
        let store = Store::open(StoreConfig::directory(dir.path())).expect("the store opens");
        let containers = Containers::open(crate::common::image().clone(), store, ContainersConfig::default());
        let player = Arc::new(Player { play: Box::new(play), asked: Mutex::default(), window });
        let agent = agent(&player, &containers).await;
        House { agent, containers, player, _dir: dir }
    }

    /// Another agent over the same store, as after a restart.
    pub async fn again(&self) -> Agent {
        agent(&self.player, &self.containers).await
    }

    pub fn desk(&self) -> Arc<Desk> {
        Arc::new(Desk { containers: self.containers.clone(), ran: Mutex::default() })
    }

    /// A request with a shell in a container of its own.
    pub fn request(&self, input: Value) -> Request {
        Request {
            instructions: "Be brief.".into(),
            tools: vec![Tool::Shell(Environment::Auto { skills: Vec::new() })],
            ..Request::new(ResponseHead::new("resp_1", 1, "m"), items(input), self.desk())
        }
    }

    /// Makes a response to the end, and checks what holds for all of them.
    pub async fn run(&self, request: Request) -> (ResponseObject, Vec<Value>) {
        let (_canceller, cancelled) = cancellation();
        self.run_with(request, Heard::default(), &cancelled).await
    }

    pub async fn run_with(
        &self,
        request: Request,
        heard: Heard,
        cancelled: &Cancelled,
    ) -> (ResponseObject, Vec<Value>) {
        let response = self.agent.run(request, &heard, cancelled).await;
        let events = heard.0.into_inner().expect("nobody panicked");
        check(&response, &events);
        (response, events)
    }

    /// What the model was asked, one prompt for each step.
    pub fn asked(&self) -> Vec<Prompt> {
        self.player.asked.lock().expect("nobody panicked").clone()
    }
}

async fn agent(player: &Arc<Player>, containers: &Containers) -> Agent {
    let mut models = Models::new();
    models.insert("m", player.clone() as Arc<dyn Model>);
    Agent::open(models, containers.clone(), AgentConfig::default()).await.expect("the store works")
}

/// What holds for the events of every response: numbers without gaps, items added once and done before the end, deltas that make what is done.
fn check(response: &ResponseObject, events: &[Value]) {
    let last = events.last().expect("there are events");
    assert_eq!(events[0]["type"], "response.created");
    assert_eq!(events[0]["response"]["output"], json!([]));
    let status = serde_json::to_value(response.status).expect("a status is JSON");
    if status != "cancelled" {
        assert_eq!(last["type"], format!("response.{}", status.as_str().expect("text")));
        assert_eq!(last["response"], serde_json::to_value(response).expect("a response is JSON"));
    }
    let mut items: Vec<(Value, Option<Value>)> = Vec::new();
    for (number, event) in events.iter().enumerate() {
        assert_eq!(event["sequence_number"], number);
        let index = event["output_index"].as_u64().map(|index| index as usize);
        match event["type"].as_str().expect("text") {
            "response.output_item.added" => {
                assert_eq!(index, Some(items.len()), "{event}");
                items.push((event["item"].clone(), None));
            }
            "response.output_item.done" => {
                let (added, done) = &mut items[index.expect("an index")];
                assert!(done.is_none(), "done twice: {event}");
                for key in ["id", "type", "call_id"] {
                    assert_eq!(added[key], event["item"][key], "{event}");
                }
                *done = Some(event["item"].clone());
            }
            _ => {
                if let Some(index) = index {
                    assert!(items[index].1.is_none(), "after it was done: {event}");
                    let id = &event["item_id"];
                    assert!(id.is_null() || *id == items[index].0["id"], "{event}");
                }
            }
        }
    }
    let done: Vec<Value> = items.into_iter().map(|(_, done)| done.expect("every item is done")).collect();
    assert_eq!(serde_json::to_value(&response.output).expect("items are JSON"), Value::Array(done.clone()));
    for (index, item) in done.iter().enumerate().filter(|(_, item)| item["type"] == "shell_call") {
        for (command, text) in item["action"]["commands"].as_array().expect("a list").iter().enumerate() {
            let of = |verb: &str, key: &str| -> String {
                let events = events.iter().filter(|event| {
                    event["type"] == format!("response.shell_call_command.{verb}")
                        && event["output_index"] == index
                        && event["command_index"] == command
                });
                events.filter_map(|event| event[key].as_str()).collect()
            };
            assert_eq!((of("added", "command"), text.as_str()), (String::new(), Some(&*of("delta", "delta"))));
            if item["status"] == "completed" {
                assert_eq!(text.as_str(), Some(&*of("done", "command")));
            }
        }
    }
    for (index, item) in done.iter().enumerate().filter(|(_, item)| item["type"] == "shell_call_output") {
        for (command, output) in item["output"].as_array().expect("a list").iter().enumerate() {
            let of = |stream: &str| -> String {
                let deltas = events.iter().filter(|event| {
                    event["type"] == "response.shell_call_output_content.delta"
                        && event["output_index"] == index
                        && event["command_index"] == command
                });
                deltas.filter_map(|event| event["delta"][stream].as_str()).collect()
            };
            assert_eq!(
                (output["stdout"].as_str(), output["stderr"].as_str()),
                (Some(&*of("stdout")), Some(&*of("stderr")))
            );
        }
    }
}

pub fn items(value: Value) -> Vec<Item> {
    match value {
        Value::String(text) => items(json!([{"role": "user", "content": text}])),
        value => serde_json::from_value(value).expect("they are items"),
    }
}

/// The types of events, with those that follow one another counted once.
pub fn names(events: &[Value]) -> Vec<&str> {
    let mut names: Vec<&str> = events.iter().filter_map(|event| event["type"].as_str()).collect();
    names.dedup();
    names
}

/// The types of a response's items.
pub fn kinds(response: &ResponseObject) -> Vec<&'static str> {
    response.output.iter().map(Item::kind).collect()
}

/// What the commands of all calls printed and how they ended.
pub fn outputs(response: &ResponseObject) -> Vec<(String, String, Option<i64>)> {
    let of = |item: &Item| match item {
        Item::ShellCallOutput(output) => output.output.clone(),
        _ => Vec::new(),
    };
    let each = response.output.iter().flat_map(of).map(|output| {
        let code = match output.outcome {
            CommandOutcome::Exit { exit_code } => Some(exit_code),
            CommandOutcome::Timeout => None,
        };
        (output.stdout, output.stderr, code)
    });
    each.collect()
}

/// The last text of a response.
pub fn text(response: &ResponseObject) -> String {
    let messages = response.output.iter().rev().find_map(|item| match item {
        Item::Message(message) => Some(message.text()),
        _ => None,
    });
    messages.unwrap_or_default()
}

/// A step that says something and is done.
pub fn say(text: &str) -> Vec<Result<Delta, ModelError>> {
    finished([Delta::Text(text.to_owned())])
}

/// A step with one shell call.
pub fn shell(arguments: Value) -> Vec<Result<Delta, ModelError>> {
    call(CallKind::Shell, &arguments.to_string())
}

/// A step with one shell call of one command.
pub fn bash(command: &str) -> Vec<Result<Delta, ModelError>> {
    shell(json!({ "commands": [command] }))
}

pub fn call(kind: CallKind, arguments: &str) -> Vec<Result<Delta, ModelError>> {
    finished(one_call(0, kind, arguments))
}

/// The pieces of a call.
pub fn one_call(index: usize, kind: CallKind, arguments: &str) -> [Delta; 3] {
    let call_id = coquina::base::id::new("call_");
    let (text, arguments) = (arguments.to_owned(), arguments.to_owned());
    [
        Delta::CallBegun { index, call_id, kind },
        Delta::CallArguments { index, text },
        Delta::CallDone { index, arguments },
    ]
}

/// A call of the shell whose arguments come in pieces of so many characters. The last is missing if it is cut.
pub fn written(index: usize, arguments: &str, size: usize, is_whole: bool) -> Vec<Delta> {
    let [begun, _, done] = one_call(index, CallKind::Shell, arguments);
    let text: Vec<char> = arguments.chars().collect();
    let pieces = text.chunks(size).map(|text| Delta::CallArguments { index, text: text.iter().collect() });
    let end = is_whole.then_some(done);
    [begun].into_iter().chain(pieces).chain(end).collect()
}

/// Pieces with what ends a step: 10 tokens read, 5 written.
pub fn finished(pieces: impl IntoIterator<Item = Delta>) -> Vec<Result<Delta, ModelError>> {
    let usage = Delta::Usage(Usage { input_tokens: 10, output_tokens: 5, ..Usage::default() });
    pieces.into_iter().chain([usage, Delta::Finished(Finish::Stop)]).map(Ok).collect()
}

/// How many outputs of calls a prompt has.
pub fn answered(prompt: &Prompt) -> usize {
    prompt.items.iter().filter(|item| item.call_id().is_some() && !item.is_call()).count()
}
