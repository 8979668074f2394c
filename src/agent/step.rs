//! One step: what a model says, piece by piece, becomes items and events.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;

use super::artifacts::Artifacts;
use super::cancel::Cancelled;
use super::carry::shell_call;
use super::event::What;
use super::item::{CustomToolCall, FunctionCall, Item, Message, Part, Reasoning, Role, Status};
use super::model::{CallKind, Delta, Finish, ModelError, Usage};
use super::output::{Output, named};
use super::partial::{Partial, Piece};
use super::retell::part_done;
use super::seal::Sealer;
use crate::base::id;

/// Bytes that one step may say; what says more is cut off there.
const STEP_BYTES: usize = 16 << 20;

/// Calls of one step.
const CALLS: usize = 128;

/// What came of a step, beside the items that it has added to the output.
pub(super) struct Said {
    /// Calls that are not the client's, in the order they were made; no items yet.
    pub calls: Vec<OwnCall>,
    /// Whether the client has something to do.
    pub has_client_calls: bool,
    pub usage: Usage,
    pub end: StepEnd,
}

/// A call of a tool that runs here, or of one that nobody offered.
#[derive(Clone, Debug)]
pub(super) struct OwnCall {
    pub call_id: String,
    pub kind: CallKind,
    pub arguments: String,
    /// Where its item is in the output, if clients have seen of it while it was written. The item is not done yet.
    pub shown: Option<usize>,
}

pub(super) enum StepEnd {
    Finished(Finish),
    Failed(ModelError),
    Cancelled,
    /// The time of the response is used up.
    OutOfTime,
}

/// What a step is made with.
pub(super) struct Listener<'s, 'e> {
    pub out: &'s mut Output<'e>,
    pub artifacts: &'s mut Artifacts,
    /// Seals reasoning, if that was asked for.
    pub sealer: Option<&'s Sealer>,
    /// Whether a tool of this name is the client's.
    pub is_clients: &'s (dyn Fn(&str) -> bool + Sync),
    /// How many calls of the shell are shown while they are written.
    pub shown: u64,
}

/// An item that text is added to.
struct Open {
    index: usize,
    id: String,
    parts: Vec<Part>,
}

enum Begun {
    Client {
        index: usize,
        item: Item,
    },
    /// With its commands, if they are shown.
    Own {
        call: OwnCall,
        commands: Option<Box<Partial>>,
        is_done: bool,
    },
}

struct Listening<'s, 'e> {
    with: Listener<'s, 'e>,
    message: Option<Open>,
    reasoning: Option<Open>,
    calls: BTreeMap<usize, Begun>,
    bytes: usize,
    said: Said,
}

/// Makes items and events of what a model says. All items it adds are done when it returns.
pub(super) async fn listen(
    with: Listener<'_, '_>,
    mut stream: BoxStream<'static, Result<Delta, ModelError>>,
    cancelled: &Cancelled,
    time_left: Option<Duration>,
) -> Said {
    let said = Said {
        calls: Vec::new(),
        has_client_calls: false,
        usage: Usage::default(),
        end: StepEnd::Finished(Finish::Stop),
    };
    let mut this = Listening { with, message: None, reasoning: None, calls: BTreeMap::new(), bytes: 0, said };
    let out_of_time = async {
        match time_left {
            Some(time) => tokio::time::sleep(time).await,
            None => std::future::pending().await,
        }
    };
    tokio::pin!(out_of_time);
    let end = loop {
        let next = tokio::select! {
            biased;
            () = cancelled.wait() => break StepEnd::Cancelled,
            () = &mut out_of_time => break StepEnd::OutOfTime,
            next = stream.next() => next,
        };
        match next {
            None => break StepEnd::Finished(Finish::Stop),
            Some(Err(error)) => break StepEnd::Failed(error),
            Some(Ok(Delta::Finished(finish))) => break StepEnd::Finished(finish),
            Some(Ok(delta)) => this.take(delta).await,
        }
        if this.bytes > STEP_BYTES || this.calls.len() > CALLS {
            break StepEnd::Finished(Finish::Length);
        }
    };
    // The upstream is told at once that nobody listens.
    drop(stream);
    this.finish(end).await
}

impl Listening<'_, '_> {
    async fn take(&mut self, delta: Delta) {
        match delta {
            Delta::Text(text) => self.text(text, false).await,
            Delta::Refusal(text) => self.text(text, true).await,
            Delta::Reasoning(text) => self.think(text).await,
            Delta::ReasoningItem(item) => {
                self.close_all(false).await;
                self.with.out.put(if item.id().is_some() { item } else { named(item) }).await;
            }
            Delta::CallBegun { index, call_id, kind } => self.call(index, call_id, kind).await,
            Delta::CallArguments { index, text } => self.arguments(index, text).await,
            Delta::CallDone { index, arguments } => self.call_done(index, arguments).await,
            Delta::Usage(usage) => self.said.usage += usage,
            Delta::Finished(_) => {}
        }
    }

    async fn text(&mut self, text: String, is_refusal: bool) {
        if text.is_empty() {
            return;
        }
        self.bytes += text.len();
        self.close_reasoning(Status::Completed).await;
        let open = match &mut self.message {
            Some(open) => open,
            closed => {
                let item = Item::Message(Message {
                    id: None,
                    role: Role::Assistant,
                    status: Some(Status::InProgress),
                    content: Vec::new(),
                    phase: None,
                });
                closed.insert(begin(self.with.out, named(item)).await)
            }
        };
        let is_same = match open.parts.last() {
            Some(Part::Refusal { .. }) => is_refusal,
            Some(_) => !is_refusal,
            None => false,
        };
        if !is_same {
            close_part(self.with.out, open, Vec::new()).await;
            let part = if is_refusal { Part::Refusal { refusal: String::new() } } else { Part::output_text("") };
            add_part(self.with.out, open, part).await;
        }
        let (item_id, output_index, content_index) = (open.id.clone(), open.index, open.parts.len() - 1);
        match open.parts.last_mut() {
            Some(Part::OutputText { text: all, .. } | Part::Refusal { refusal: all }) => all.push_str(&text),
            _ => return,
        }
        self.with
            .out
            .send(match is_refusal {
                true => What::RefusalDelta { item_id, output_index, content_index, delta: text },
                false => What::TextDelta { item_id, output_index, content_index, delta: text, logprobs: [] },
            })
            .await;
    }

    async fn think(&mut self, text: String) {
        if text.is_empty() {
            return;
        }
        self.bytes += text.len();
        self.close_message(Status::Completed, false).await;
        let open = match &mut self.reasoning {
            Some(open) => open,
            closed => {
                let item = Reasoning { status: Some(Status::InProgress), ..Reasoning::default() };
                let open = closed.insert(begin(self.with.out, named(Item::Reasoning(item))).await);
                add_part(self.with.out, open, Part::ReasoningText { text: String::new() }).await;
                open
            }
        };
        if let Some(Part::ReasoningText { text: all }) = open.parts.last_mut() {
            all.push_str(&text);
        }
        let (item_id, output_index) = (open.id.clone(), open.index);
        self.with.out.send(What::ReasoningDelta { item_id, output_index, content_index: 0, delta: text }).await;
    }

    async fn call(&mut self, index: usize, call_id: String, kind: CallKind) {
        self.close_all(false).await;
        let call_id = if self.has_call(&call_id) { id::new("call_") } else { call_id };
        let status = Some(Status::InProgress);
        let item = match kind {
            CallKind::Custom(name) if (self.with.is_clients)(&name) => {
                Item::CustomToolCall(CustomToolCall { id: None, call_id, name, input: String::new(), status })
            }
            CallKind::Function(name) if (self.with.is_clients)(&name) => {
                Item::FunctionCall(FunctionCall { id: None, call_id, name, arguments: String::new(), status })
            }
            // Items are made of these when they are whole and can be carried out.
            kind => {
                // What follows a call that is not shown is not either: it would come before that.
                self.with.shown = if kind == CallKind::Shell { self.with.shown } else { 0 };
                let commands = (self.with.shown > 0).then(Box::default);
                self.with.shown = self.with.shown.saturating_sub(1);
                let call = OwnCall { call_id, kind, arguments: String::new(), shown: None };
                self.calls.insert(index, Begun::Own { call, commands, is_done: false });
                return;
            }
        };
        let item = named(item);
        let index_of_item = self.with.out.add(item.clone()).await;
        self.calls.insert(index, Begun::Client { index: index_of_item, item });
    }

    /// Whether the response has a call with this id: what pairs calls with outputs is there once, whatever the upstream does.
    fn has_call(&self, id: &str) -> bool {
        let is_own = |begun: &Begun| matches!(begun, Begun::Own { call, .. } if call.call_id == id);
        self.calls.values().any(is_own) || self.with.out.response.output.iter().any(|item| item.call_id() == Some(id))
    }

    async fn arguments(&mut self, index: usize, text: String) {
        self.bytes += text.len();
        let (output_index, item) = match self.calls.get_mut(&index) {
            Some(Begun::Client { index, item }) => (index, item),
            Some(Begun::Own { call, commands: Some(commands), .. }) => {
                return show(self.with.out, call, commands.push(&text)).await;
            }
            _ => return,
        };
        let (item_id, output_index) = (item.id().unwrap_or_default().to_owned(), *output_index);
        let what = match item {
            Item::FunctionCall(call) => {
                call.arguments.push_str(&text);
                What::ArgumentsDelta { item_id, output_index, delta: text }
            }
            Item::CustomToolCall(call) => {
                call.input.push_str(&text);
                What::InputDelta { item_id, output_index, delta: text }
            }
            _ => return,
        };
        self.with.out.send(what).await;
    }

    async fn call_done(&mut self, index: usize, arguments: String) {
        match self.calls.get_mut(&index) {
            Some(Begun::Own { call, is_done, .. }) => {
                self.bytes += arguments.len();
                call.arguments = arguments;
                *is_done = true;
            }
            Some(Begun::Client { .. }) => {
                let Some(Begun::Client { index, item }) = self.calls.remove(&index) else { return };
                self.said.has_client_calls = true;
                client_call_done(self.with.out, index, item, arguments).await;
            }
            None => {}
        }
    }

    async fn close_message(&mut self, status: Status, is_last: bool) {
        let Some(mut open) = self.message.take() else { return };
        let text: String = open.parts.last().and_then(Part::text).unwrap_or_default().to_owned();
        let cited = self.with.artifacts.cite(&text, is_last);
        close_part(self.with.out, &mut open, cited).await;
        let message = Message {
            id: Some(open.id),
            role: Role::Assistant,
            status: Some(status),
            content: open.parts,
            phase: None,
        };
        self.with.out.done(open.index, Item::Message(message)).await;
    }

    async fn close_reasoning(&mut self, status: Status) {
        let Some(mut open) = self.reasoning.take() else { return };
        close_part(self.with.out, &mut open, Vec::new()).await;
        let text = open.parts.first().and_then(Part::text).unwrap_or_default();
        let encrypted_content = self.with.sealer.map(|sealer| sealer.seal(text.as_bytes()));
        let (id, content) = (Some(open.id), open.parts);
        let item = Reasoning { id, summary: Vec::new(), content, encrypted_content, status: Some(status) };
        self.with.out.done(open.index, Item::Reasoning(item)).await;
    }

    async fn close_all(&mut self, is_last: bool) {
        self.close_reasoning(Status::Completed).await;
        self.close_message(Status::Completed, is_last).await;
    }

    async fn finish(mut self, end: StepEnd) -> Said {
        let is_whole = matches!(end, StepEnd::Finished(Finish::Stop));
        let status = if is_whole { Status::Completed } else { Status::Incomplete };
        self.close_reasoning(status).await;
        self.close_message(status, self.calls.is_empty()).await;
        for (_, begun) in std::mem::take(&mut self.calls) {
            match begun {
                Begun::Own { call, is_done: true, .. } => self.said.calls.push(call),
                Begun::Own { .. } => {}
                Begun::Client { index, mut item } => {
                    if let Item::FunctionCall(FunctionCall { status, .. })
                    | Item::CustomToolCall(CustomToolCall { status, .. }) = &mut item
                    {
                        *status = Some(Status::Incomplete);
                    }
                    self.with.out.done(index, item).await;
                }
            }
        }
        Said { end, ..self.said }
    }
}

async fn begin(out: &mut Output<'_>, item: Item) -> Open {
    let id = item.id().unwrap_or_default().to_owned();
    Open { index: out.add(item).await, id, parts: Vec::new() }
}

/// Shows what has come of a call's commands.
async fn show(out: &mut Output<'_>, call: &mut OwnCall, pieces: Vec<Piece>) {
    for piece in pieces {
        let output_index = match call.shown {
            Some(index) => index,
            None => *call.shown.insert(out.add(shell_call(call.call_id.clone())).await),
        };
        out.show_command(output_index, piece).await;
    }
}

async fn add_part(out: &mut Output<'_>, open: &mut Open, part: Part) {
    let (item_id, output_index, content_index) = (open.id.clone(), open.index, open.parts.len());
    open.parts.push(part.clone());
    out.send(What::PartAdded { item_id, output_index, content_index, part }).await;
}

/// Ends the last part of an item, if there is one.
async fn close_part(out: &mut Output<'_>, open: &mut Open, cited: Vec<super::item::Annotation>) {
    let Some(content_index) = open.parts.len().checked_sub(1) else { return };
    if let Part::OutputText { annotations, .. } = &mut open.parts[content_index] {
        annotations.extend(cited);
    }
    for what in part_done(&open.id, open.index, content_index, &open.parts[content_index]) {
        out.send(what).await;
    }
}

async fn client_call_done(out: &mut Output<'_>, output_index: usize, mut item: Item, all: String) {
    let item_id = item.id().unwrap_or_default().to_owned();
    let what = match &mut item {
        Item::FunctionCall(call) => {
            call.status = Some(Status::Completed);
            // No arguments is how some models say that a function takes none.
            call.arguments = if all.trim().is_empty() { "{}".into() } else { all };
            let (name, arguments) = (call.name.clone(), call.arguments.clone());
            What::ArgumentsDone { item_id, output_index, name, arguments }
        }
        Item::CustomToolCall(call) => {
            call.status = Some(Status::Completed);
            call.input = all;
            What::InputDone { item_id, output_index, input: call.input.clone() }
        }
        _ => return,
    };
    out.send(what).await;
    out.done(output_index, item).await;
}
