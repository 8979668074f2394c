//! Rows about the agent: what a response costs beside its model, and many at once.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use coquina::agent::item::{Item, Message};
use coquina::agent::model::{CallKind, Delta, Finish, Model, ModelError, Models, Prompt, Usage};
use coquina::agent::response::Status;
use coquina::agent::{
    Agent, AgentConfig, Environment, Failure, Permit, Ran, Request, ResponseHead, Tool, Workplace, cancellation,
};
use coquina::container::{Containers, ContainersConfig, Create, Durability, ExecOptions, Settings};
use coquina::sandbox::{Exec, Outcome};
use coquina::storage::{Store, StoreConfig};
use futures_util::future::{BoxFuture, join_all};
use futures_util::stream::{BoxStream, iter, once};
use futures_util::{FutureExt as _, StreamExt as _};
use tokio::sync::watch;

use crate::harness::{Bench, beside, build_dir, millis, resident_bytes};

/// Shell calls of a response.
const STEPS: usize = 10;

/// Responses at once.
const MANY: usize = 1000;

/// A model that takes no time: says `echo hi` ten times, then that it is done. Halfway it can be held.
#[derive(Default)]
struct Quick {
    held: watch::Sender<bool>,
    /// How many prompts have come halfway.
    halfway: watch::Sender<usize>,
}

impl Model for Quick {
    fn generate(&self, prompt: Prompt) -> BoxStream<'static, Result<Delta, ModelError>> {
        let done = prompt.items.iter().filter(|item| matches!(item, Item::ShellCallOutput(_))).count();
        drop(prompt);
        let arguments = r#"{"commands":["echo hi"]}"#.to_owned();
        let (begun, end) = (0, Delta::Finished(Finish::Stop));
        let pieces = match done {
            STEPS.. => vec![Delta::Text("Done.".into()), Delta::Usage(Usage::default()), end],
            _ => vec![
                Delta::CallBegun { index: begun, call_id: format!("call_{done}"), kind: CallKind::Shell },
                Delta::CallDone { index: begun, arguments },
                end,
            ],
        };
        let pieces = iter(pieces.into_iter().map(Ok));
        if done != STEPS / 2 {
            return pieces.boxed();
        }
        self.halfway.send_modify(|count| *count += 1);
        let mut held = self.held.subscribe();
        let wait = async move {
            let _ = held.wait_for(|held| !held).await;
            pieces
        };
        once(wait).flatten().boxed()
    }

    fn context_window(&self) -> u64 {
        1 << 20
    }
}

/// Gives a response the container it was made for.
struct Desk(String);

impl Workplace for Desk {
    fn container<'a>(&'a self, _: Option<&'a str>) -> BoxFuture<'a, Result<String, Failure>> {
        async { Ok(self.0.clone()) }.boxed()
    }

    fn file<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<(String, Bytes), Failure>> {
        async { Err(Failure::server("there are none")) }.boxed()
    }

    fn admit<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<Permit, Failure>> {
        async { Ok(Box::new(()) as Permit) }.boxed()
    }

    fn ran<'a>(&'a self, _: &'a Ran<'a>) -> BoxFuture<'a, ()> {
        std::future::ready(()).boxed()
    }
}

impl Bench {
    pub fn agent(&mut self) {
        if !self.wants("loop_overhead") && !self.wants("agents") {
            return;
        }
        let dir = tempfile::tempdir_in(build_dir()).expect("the build folder can be written");
        let store = Store::open(StoreConfig::directory(dir.path())).expect("a store is made");
        let containers = Containers::open(self.image.clone(), store, ContainersConfig::default());
        let (model, mut models) = (Arc::new(Quick::default()), Models::new());
        models.insert("m", model.clone() as Arc<dyn Model>);
        let agent = self.runtime.block_on(Agent::open(models, containers.clone(), AgentConfig::default()));
        let agent = agent.expect("the store works");
        self.loop_overhead(&agent, &containers);
        self.agents(&agent, &containers, &model);
        self.runtime.block_on(containers.shutdown()).expect("it shuts down");
    }

    /// One response with ten shell steps of `echo hi`, and the ten commands without an agent.
    fn loop_overhead(&mut self, agent: &Agent, containers: &Containers) {
        if !self.wants("loop_overhead") {
            return;
        }
        let id = self.runtime.block_on(container(containers));
        let runtime = &self.runtime;
        let commands = || {
            for _ in 0..STEPS {
                let options = ExecOptions { parallel: true, ..ExecOptions::default() };
                let done = runtime.block_on(containers.exec(&id, Exec::bash("echo hi"), options));
                assert_eq!(done.expect("it runs").finished.outcome, Outcome::Exit { exit_code: 0 });
            }
        };
        let (ours, theirs) = beside(100, 1, || _ = runtime.block_on(response(agent, &id)), commands);
        self.at_most("loop_overhead", "ms", 3.0, millis(ours));
        self.alone("loop_commands", "ms", millis(theirs));
    }

    /// A thousand of them at once, each in a container of its own: the slowest against the fastest, and memory for each.
    fn agents(&mut self, agent: &Agent, containers: &Containers, model: &Quick) {
        if !self.wants("agents") {
            return;
        }
        // As the service runs: a runtime of one thread hears late of what other threads have done.
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime starts");
        let ids = runtime.block_on(join_all((0..MANY).map(|_| container(containers))));
        let each = runtime.block_on(memory(agent, containers, model, &ids));
        let mut times = runtime.block_on(all(agent, &ids));
        runtime.shutdown_background();
        times.sort_unstable();
        self.versus("agents", "ms", 2.0, "the fastest of them", millis(times[MANY - 1]), millis(times[0]));
        self.at_most("agents_memory", "KiB", 100.0, each);
    }
}

/// One response in each container, all at once; how long each took.
async fn all(agent: &Agent, ids: &[String]) -> Vec<Duration> {
    let begun = ids.iter().map(|id| {
        let (agent, id) = (agent.clone(), id.clone());
        tokio::spawn(async move { response(&agent, &id).await })
    });
    let begun: Vec<_> = begun.collect();
    join_all(begun).await.into_iter().map(|done| done.expect("it does not panic")).collect()
}

/// Memory of an agent that is halfway and waits for its model, in KiB: beside its container, and the pools that its commands ran in.
async fn memory(agent: &Agent, containers: &Containers, model: &Quick, ids: &[String]) -> f64 {
    let echo = |id| containers.exec(id, Exec::bash("echo hi"), ExecOptions::default());
    for done in join_all(ids.iter().map(|id| echo(id))).await {
        done.expect("it runs");
    }
    let before = resident_bytes();
    model.held.send_replace(true);
    model.halfway.send_replace(0);
    let held = async {
        let _ = model.halfway.subscribe().wait_for(|count| *count == MANY).await;
        let bytes = resident_bytes().saturating_sub(before);
        model.held.send_replace(false);
        bytes
    };
    let (bytes, _) = tokio::join!(held, all(agent, ids));
    bytes as f64 / MANY as f64 / 1024.0
}

async fn container(containers: &Containers) -> String {
    let settings = Settings { durability: Durability::Batched(100), ..Settings::default() };
    containers.create(Create { settings, ..Create::default() }).await.expect("it is made").id
}

/// Makes a response; how long it took.
async fn response(agent: &Agent, container: &str) -> Duration {
    let input = vec![Item::Message(Message::user("Say hi ten times."))];
    let request = Request {
        tools: vec![Tool::Shell(Environment::Auto { skills: Vec::new() })],
        ..Request::new(ResponseHead::new("resp_1", 1, "m"), input, Arc::new(Desk(container.to_owned())))
    };
    let (_canceller, cancelled) = cancellation();
    let started = Instant::now();
    let response = agent.run(request, &(), &cancelled).await;
    let took = started.elapsed();
    assert_eq!((response.status, response.output.len()), (Status::Completed, 2 * STEPS + 1), "{:?}", response.error);
    took
}
