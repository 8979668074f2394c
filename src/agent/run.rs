//! The agent, and the turn loop: one response, from its request to its end.

use std::convert::Infallible;
use std::sync::Arc;

use super::artifacts::Artifacts;
use super::attached::{self, Attached};
use super::budget::Spent;
use super::cancel::Cancelled;
use super::compaction::{self, Opened};
use super::event::Events;
use super::item::{Item, Part, ShellCall, Status};
use super::model::{self, Model, ModelError, Models, Prompt, ToolChoice, ToolSpec, Usage, estimate_tokens};
use super::output::{End, Output};
use super::prompt;
use super::request::{Request, Tool};
use super::response::{Failure, Reason, ResponseObject};
use super::seal::{Keys, Sealer};
use super::step::{self, Listener, Said, StepEnd};
use super::truncate::drop_oldest;
use super::turns::Turns;
use crate::container::Containers;
use crate::storage::StoreError;
use crate::vfs::{Clock as _, SystemClock};

/// Makes responses: models, and the containers that their commands run in. `clone` is a reference.
#[derive(Clone)]
pub struct Agent(pub(super) Arc<Inner>);

pub(super) struct Inner {
    models: Models,
    pub containers: Containers,
    keys: Arc<Keys>,
    turns: Turns,
    pub config: AgentConfig,
}

/// How an [`Agent`] goes about its work.
#[derive(Clone, Debug)]
pub struct AgentConfig {
    /// Characters of output that are kept of a command when its model has not said: head and tail.
    pub output_chars: u64,
    /// The most that a model may ask for.
    pub most_output_chars: u64,
    /// Steps in a row with nothing but invalid calls after which a response fails.
    pub repairs: u32,
}

impl Default for AgentConfig {
    fn default() -> AgentConfig {
        AgentConfig { output_chars: 64 << 10, most_output_chars: 1 << 20, repairs: 3 }
    }
}

/// Why a request cannot become a response: its client's fault, told before there is one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    /// The reference's code, as `model_not_found`.
    pub code: Option<&'static str>,
    /// Which field.
    pub param: Option<&'static str>,
    /// For people.
    pub message: String,
}

/// What a part of a run answers: to go on, or how the response ends.
pub(super) type Go<T> = Result<T, End>;

/// A response that is being made.
pub(super) struct Run<'a> {
    pub agent: &'a Inner,
    pub request: &'a Request,
    pub model: Arc<dyn Model>,
    pub out: Output<'a>,
    pub cancelled: &'a Cancelled,
    pub sealer: Sealer,
    pub spent: Spent,
    /// The conversation as the model knows it, and about how many tokens that is.
    pub history: Vec<Item>,
    pub tokens: u64,
    /// Items of the output that the conversation has taken in.
    taken_in: usize,
    /// What a compaction left: before it has grown beyond this there is no other.
    pub grown_from: u64,
    pub artifacts: Artifacts,
    /// Files that are to be put into the container when it is first used: those of earlier requests, those of this one.
    pub attached: [Vec<Attached>; 2],
    /// The container that earlier responses used, and the one that this one does.
    pub earlier: Option<String>,
    pub container: Option<Place>,
    /// Calls that were carried out here.
    pub calls: u64,
    /// Steps in a row with nothing but invalid calls.
    pub repairs: u32,
    /// Whether tools may still be called.
    pub has_tools: bool,
}

/// The container of a response.
#[derive(Clone)]
pub(super) struct Place {
    pub id: String,
    /// Where commands start.
    pub cwd: Option<Vec<u8>>,
}

impl Agent {
    /// An agent that asks `models` and works in `containers`, in whose store it keeps the key that compactions are sealed with.
    ///
    /// # Errors
    /// The store failed.
    pub async fn open(models: Models, containers: Containers, config: AgentConfig) -> Result<Agent, StoreError> {
        let keys = Arc::new(Keys::open(containers.store()).await?);
        Ok(Agent(Arc::new(Inner { models, containers, keys, turns: Turns::new(), config })))
    }

    /// The models that can be asked.
    pub fn models(&self) -> &Models {
        &self.0.models
    }

    /// Whether a request can become a response: its model is there, what it was given can be read, calls have their outputs, and it fits.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn check(&self, request: &Request) -> Result<(), Refusal> {
        let model = self.model(&request.head.model)?;
        let items = request.context.iter().chain(&request.input).cloned().collect();
        let opened = compaction::open(items, &self.sealer(request.owner.clone())).map_err(|message| Refusal {
            code: Some("invalid_value"),
            param: Some("input"),
            message,
        })?;
        check_outputs(&opened.items)?;
        if request.budget.micro_dollars.is_some() && self.models().price(&request.head.model).is_none() {
            let name = &request.head.model;
            let message = format!(
                "The policy has a budget in dollars, and model '{name}' has no price to count with: give it one (`price`), or leave out `dollars`."
            );
            return Err(Refusal { code: Some("invalid_value"), param: Some("policy"), message });
        }
        let (mut items, window) = (in_prompt(request, opened.items), model.context_window());
        let mut tokens = count(request, &items);
        if tokens > window && request.head.truncation == "auto" {
            drop_oldest(&mut items, tokens - window);
            tokens = count(request, &items);
        }
        if tokens > window {
            let message = format!(
                "The input has about {tokens} tokens, the context window of model '{}' has {window}. Shorten the input, or compact it.",
                request.head.model
            );
            return Err(Refusal { code: Some("context_length_exceeded"), param: Some("input"), message });
        }
        Ok(())
    }

    pub(super) fn model(&self, name: &str) -> Result<Arc<dyn Model>, Refusal> {
        self.0.models.get(name).ok_or_else(|| {
            let name: String = name.chars().take(200).collect();
            let message = format!("The model '{name}' does not exist.");
            Refusal { code: Some("model_not_found"), param: Some("model"), message }
        })
    }

    pub(super) fn sealer(&self, owner: Option<String>) -> Sealer {
        Sealer::new(self.0.keys.clone(), owner)
    }

    /// About how many tokens the first prompt of a request has.
    pub fn count_tokens(&self, request: &Request) -> u64 {
        let items = request.context.iter().chain(&request.input).cloned().collect();
        let opened = compaction::open(items, &self.sealer(request.owner.clone())).unwrap_or_default();
        count(request, &in_prompt(request, opened.items))
    }

    /// Makes a response. It never fails: what goes wrong is the response's status. Events come in order, the last is the response's end, but for a
    /// cancelled one, whose events just stop. If it is dropped, what it runs is killed.
    pub async fn run(&self, request: Request, events: &dyn Events, cancelled: &Cancelled) -> ResponseObject {
        let out = Output::begin(request.head.clone(), events).await;
        let now_s = || SystemClock.now().div_euclid(1_000_000_000);
        let model = match self.model(&request.head.model) {
            Ok(model) => model,
            Err(refusal) => {
                return out.end(End::Failed(Failure::prompt(refusal.message)), Usage::default(), now_s()).await;
            }
        };
        let sealer = self.sealer(request.owner.clone());
        let mut run = Run {
            agent: &self.0,
            request: &request,
            model,
            out,
            cancelled,
            sealer,
            spent: Spent::nothing(),
            history: Vec::new(),
            tokens: 0,
            taken_in: 0,
            grown_from: 0,
            artifacts: Artifacts::default(),
            attached: Default::default(),
            earlier: None,
            container: None,
            calls: 0,
            repairs: 0,
            has_tools: true,
        };
        let Err(end) = run.turns().await;
        run.out.end(end, run.spent.usage, now_s()).await
    }
}

/// About how many tokens a prompt with these items has.
fn count(request: &Request, items: &[Item]) -> u64 {
    let specs = request.tools.iter().map(|tool| match tool {
        Tool::Client(ToolSpec::Function { description, parameters, .. }) => {
            description.as_ref().map_or(0, String::len) + parameters.to_string().len()
        }
        Tool::Client(ToolSpec::Custom { description, format, .. }) => {
            description.as_ref().map_or(0, String::len) + format.to_string().len()
        }
        // What the shell and the editor are described with.
        _ => 1200,
    });
    let bytes = request.instructions.len() + specs.sum::<usize>();
    estimate_tokens(items).saturating_add(bytes as u64 / 4)
}

/// What of a request's items is in its first prompt: not the files that commands will find.
fn in_prompt(request: &Request, mut items: Vec<Item>) -> Vec<Item> {
    if prompt::hosted(&request.tools).is_some() {
        attached::detach(&mut items, &mut Vec::new());
    }
    items
}

/// Calls of functions need their outputs, and outputs their calls; what ran here needs none: it may have been cut off.
fn check_outputs(items: &[Item]) -> Result<(), Refusal> {
    let refused = |message| Err(Refusal { code: None, param: Some("input"), message });
    let ids = |is_call: bool| -> std::collections::HashSet<&str> {
        items.iter().filter(|item| item.is_call() == is_call).filter_map(Item::call_id).collect()
    };
    let (calls, outputs) = (ids(true), ids(false));
    let is_clients = |item: &&Item| matches!(item, Item::FunctionCall(_) | Item::CustomToolCall(_));
    if let Some(id) = items.iter().filter(is_clients).filter_map(Item::call_id).find(|id| !outputs.contains(id)) {
        return refused(format!("No tool output found for function call {id}."));
    }
    if let Some(id) = outputs.iter().find(|id| !calls.contains(*id)) {
        return refused(format!("No tool call found for function call output with call_id {id}."));
    }
    let is_asked =
        |id: &str| items.iter().any(|item| matches!(item, Item::McpApprovalRequest(asked) if asked.id == id));
    let mut decided = items.iter().filter_map(|item| match item {
        Item::McpApprovalResponse(response) => Some(&response.approval_request_id),
        _ => None,
    });
    if let Some(id) = decided.find(|id| !is_asked(id)) {
        return refused(format!("No approval request found for approval response with approval_request_id {id}."));
    }
    Ok(())
}

impl Run<'_> {
    async fn turns(&mut self) -> Go<Infallible> {
        let is_compaction_asked_for = self.begin()?;
        if !self.request.generate {
            return Err(End::Completed);
        }
        self.show_files().await?;
        if is_compaction_asked_for {
            self.compact().await?;
            return Err(End::Completed);
        }
        self.resume().await?;
        let mut choice = self.request.choice.clone();
        loop {
            self.check()?;
            if self.is_too_long() {
                self.make_room().await?;
            }
            let mut turn = self.agent.turns.take().await;
            let said = turn.until_it_waits(self.step(&choice)).await?;
            // What a step was forced to do it has done; else there would be no end.
            if choice != ToolChoice::None {
                choice = ToolChoice::Auto;
            }
            turn.for_a_while(self.act(said)).await?;
        }
    }

    /// Takes in what was said before; says whether only compaction is asked for.
    fn begin(&mut self) -> Go<bool> {
        let request = self.request;
        let is_asked_for = matches!(request.input.last(), Some(Item::CompactionTrigger {}));
        let items = request.context.iter().chain(&request.input).cloned().collect();
        let fail = |message| End::Failed(Failure::prompt(message));
        let Opened { mut items, container } = compaction::open(items, &self.sealer).map_err(fail)?;
        self.earlier = container;
        items.iter_mut().for_each(|item| unseal(item, &self.sealer));
        if prompt::hosted(&request.tools).is_some() {
            // Of a compaction nothing is left of which request a message came with.
            let before = items.len().saturating_sub(request.input.len());
            attached::detach(&mut items[..before], &mut self.attached[0]);
            let mut all = std::mem::take(&mut self.attached[0]);
            let earlier = all.len();
            attached::detach(&mut items[before..], &mut all);
            self.attached[1] = all.split_off(earlier);
            self.attached[0] = all;
        }
        items.splice(0..0, prompt::announce(&request.tools));
        self.set_history(items);
        Ok(is_asked_for)
    }

    pub fn set_history(&mut self, items: Vec<Item>) {
        self.tokens = count(self.request, &items);
        self.history = items;
        self.taken_in = self.out.response.output.len();
    }

    /// Adds to the conversation as the model knows it.
    pub fn remember(&mut self, items: impl IntoIterator<Item = Item>) {
        for item in items {
            self.tokens += estimate_tokens(std::slice::from_ref(&item));
            self.history.push(item);
        }
    }

    /// Takes what was put out since the last time into the conversation as the model knows it.
    pub fn take_in(&mut self) {
        // Calls that were not carried out are told as what the model wrote.
        let is_given_up = |item: &&Item| matches!(item, Item::ShellCall(ShellCall { status: Some(status), .. }) if *status != Status::Completed);
        let output = &self.out.response.output;
        let new: Vec<Item> = output[self.taken_in..].iter().filter(|item| !is_given_up(item)).cloned().collect();
        self.taken_in = output.len();
        self.remember(new);
    }

    /// Whether anything more may be done.
    pub fn may_go_on(&self) -> Go<()> {
        if self.cancelled.is_set() {
            return Err(End::Cancelled);
        }
        self.spent.check(&self.request.budget).map_err(End::Failed)
    }

    /// Whether there may be another step.
    fn check(&self) -> Go<()> {
        self.may_go_on()?;
        if self.spent.steps >= self.request.budget.steps {
            return Err(End::Incomplete(Reason::MaxMessages));
        }
        if self.tokens_left() == Some(0) {
            return Err(End::Incomplete(Reason::MaxOutputTokens));
        }
        Ok(())
    }

    /// Tokens that may still be written.
    fn tokens_left(&self) -> Option<u64> {
        let most = self.request.head.max_output_tokens;
        most.map(|most| most.saturating_sub(self.spent.usage.output_tokens))
    }

    fn prompt(&self, choice: &ToolChoice) -> Prompt {
        let request = self.request;
        let is_allowed = |spec: &ToolSpec| {
            let name = match spec {
                ToolSpec::Function { name, .. } | ToolSpec::Custom { name, .. } => name,
                ToolSpec::Shell => "shell",
                ToolSpec::ApplyPatch => "apply_patch",
            };
            request.allowed.as_ref().is_none_or(|allowed| allowed.iter().any(|one| one == name))
        };
        let tools = request.tools.iter().map(|tool| match tool {
            Tool::Client(spec) => spec.clone(),
            Tool::Shell(_) => ToolSpec::Shell,
            Tool::ApplyPatch => ToolSpec::ApplyPatch,
        });
        Prompt {
            instructions: request.instructions.clone(),
            items: prompt::render(&self.history),
            tools: tools.filter(is_allowed).collect(),
            choice: if self.has_tools { choice.clone() } else { ToolChoice::None },
            parallel_tool_calls: request.head.parallel_tool_calls,
            max_output_tokens: self.tokens_left(),
            temperature: request.sampling.temperature,
            top_p: request.sampling.top_p,
            presence_penalty: request.sampling.presence_penalty,
            frequency_penalty: request.sampling.frequency_penalty,
            format: request.format.clone(),
            verbosity: request.sampling.verbosity.clone(),
            effort: request.sampling.effort.clone(),
            cache_key: request.head.prompt_cache_key.clone(),
        }
    }

    /// Asks the model once; for a prompt that turns out too long room is made, and it is asked again.
    async fn step(&mut self, choice: &ToolChoice) -> Go<Said> {
        let mut has_made_room = false;
        loop {
            let stream = self.model.generate(self.prompt(choice));
            let shown = self.calls_left();
            let tools = &self.request.tools;
            let is_clients = |called: &str| {
                tools.iter().any(|tool| match tool {
                    Tool::Client(ToolSpec::Function { name, .. } | ToolSpec::Custom { name, .. }) => name == called,
                    _ => false,
                })
            };
            let listener = Listener {
                out: &mut self.out,
                artifacts: &mut self.artifacts,
                sealer: self.request.seal_reasoning.then_some(&self.sealer),
                is_clients: &is_clients,
                shown,
            };
            let time_left = self.spent.time_left(&self.request.budget);
            let said = step::listen(listener, stream, self.cancelled, time_left).await;
            self.spent.steps += 1;
            self.spent.usage += said.usage;
            match &said.end {
                StepEnd::Failed(ModelError::ContextLength { .. }) if !has_made_room => {
                    has_made_room = true;
                    self.take_in();
                    self.make_room().await?;
                }
                _ => return Ok(said),
            }
        }
    }
}

/// Gives reasoning back its words, if they were sealed here.
fn unseal(item: &mut Item, sealer: &Sealer) {
    let Item::Reasoning(reasoning) = item else { return };
    let Some(sealed) = &reasoning.encrypted_content else { return };
    // What cannot be opened is the upstream's own.
    let Some(text) = sealer.open(sealed).ok().and_then(|bytes| String::from_utf8(bytes).ok()) else { return };
    reasoning.encrypted_content = None;
    if reasoning.content.is_empty() {
        reasoning.content.push(Part::ReasoningText { text });
    }
}

/// What clients are told when the model fails.
pub(super) fn failure(error: &ModelError) -> Failure {
    let code = match error {
        ModelError::RateLimited { .. } => "rate_limit_exceeded",
        ModelError::ContextLength { .. } => "invalid_prompt",
        _ => "server_error",
    };
    Failure { code: code.into(), message: model::ModelError::to_string(error) }
}
