//! A model that reads its lines from a file: demonstrations, tests and evaluations run offline through the same code as any other.
//!
//! It remembers nothing: which turn answers follows from the prompt alone, so the same prompt gets the same answer.

mod pattern;
mod script;

use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::BoxStream;

pub use script::{BadScript, Script};

use self::pattern::Captures;
use self::script::{Call, Ends, Turn};
use super::pieces::{self, Pieces};
use super::{Delta, Finish, Model, ModelError, Prompt, Usage, estimate_tokens};
use crate::agent::item::Item;
use crate::base::id;

/// A model that answers with the first turn of its script that fits the prompt.
pub struct Scripted {
    name: String,
    script: Arc<Script>,
}

impl Scripted {
    /// A model that is called `name` in errors.
    pub fn new(name: impl Into<String>, script: Script) -> Scripted {
        Scripted { name: name.into(), script: Arc::new(script) }
    }
}

impl Model for Scripted {
    fn generate(&self, prompt: Prompt) -> BoxStream<'static, Result<Delta, ModelError>> {
        let (name, script) = (self.name.clone(), Arc::clone(&self.script));
        pieces::stream(move |mut pieces| async move {
            let scene = Scene::of(&prompt);
            let found = script.turns.iter().find_map(|turn| Some((turn, scene.fits(turn)?)));
            let (turn, captures) = found.ok_or_else(|| nothing_fits(&name, &scene))?;
            if let Some(error) = &turn.error {
                return Err(error.to_error(&name, script.context_window));
            }
            let mut speaker = Speaker { pieces: &mut pieces, captures, turn, pause: script.pause(), written: 0 };
            speaker.speak().await;
            let written = speaker.written;
            let usage = turn.usage.unwrap_or_else(|| Usage {
                input_tokens: estimate_tokens(&prompt.items) + prompt.instructions.len() as u64 / 4,
                output_tokens: written.div_ceil(4),
                ..Usage::default()
            });
            let finish = match turn.ends {
                Ends::Stop => Finish::Stop,
                Ends::Length => Finish::Length,
                Ends::ContentFilter => Finish::ContentFilter,
                Ends::Cut => return Err(ModelError::Cut { model: name }),
                Ends::Hang => std::future::pending().await,
            };
            pieces.send(Delta::Usage(usage)).await;
            pieces.send(Delta::Finished(finish)).await;
            Ok(())
        })
    }

    fn context_window(&self) -> u64 {
        self.script.context_window
    }
}

fn nothing_fits(model: &str, scene: &Scene<'_>) -> ModelError {
    let short = |text: &str| text.chars().take(80).collect::<String>();
    let what = format!(
        "no turn of its script fits step {}, last user text {:?}, last tool output {:?}",
        scene.step,
        short(&scene.user),
        scene.output.as_deref().map(short)
    );
    ModelError::Nonsense { model: model.into(), what }
}

/// What turns are matched against.
struct Scene<'a> {
    prompt: &'a Prompt,
    /// What the user said last.
    user: String,
    /// The last tool output since then.
    output: Option<String>,
    /// 1 for the answer to what the user said, 2 for the one after the first outputs, …
    step: u64,
}

impl<'a> Scene<'a> {
    fn of(prompt: &'a Prompt) -> Scene<'a> {
        let items = &prompt.items;
        let last_user = items.iter().rposition(Item::is_from_user);
        let user = last_user.map(|at| text_of(&items[at])).unwrap_or_default();
        let since = &items[last_user.map_or(0, |at| at + 1)..];
        let output = since.iter().rev().find(|item| is_output(item)).map(text_of);
        let ends_of_outputs = since.iter().zip(since.iter().skip(1).map(Some).chain([None]));
        let rounds = ends_of_outputs.filter(|(item, next)| is_output(item) && !next.is_some_and(is_output)).count();
        Scene { prompt, user, output, step: 1 + rounds as u64 }
    }

    /// What the turn's patterns captured, if all of its conditions hold.
    fn fits(&self, turn: &Turn) -> Option<Captures> {
        let when = &turn.when;
        let mut captures = Captures::default();
        let step = when.step.is_none_or(|step| step == self.step);
        let user = when.user.as_ref().is_none_or(|pattern| pattern.find(&self.user, &mut captures));
        let output = when
            .output
            .as_ref()
            .is_none_or(|pattern| self.output.as_deref().is_some_and(|output| pattern.find(output, &mut captures)));
        let instructions =
            when.instructions.as_ref().is_none_or(|pattern| pattern.find(&self.prompt.instructions, &mut captures));
        let fits = step && user && output && instructions;
        let seen = fits && when.seen.as_ref().is_none_or(|pattern| pattern.find(&self.everything(), &mut captures));
        seen.then_some(captures)
    }

    /// All text the model is given, a line for each item.
    fn everything(&self) -> String {
        let mut all = self.prompt.instructions.clone();
        for item in &self.prompt.items {
            all.push('\n');
            all.push_str(&text_of(item));
        }
        all
    }
}

fn is_output(item: &Item) -> bool {
    matches!(
        item,
        Item::FunctionCallOutput(_)
            | Item::CustomToolCallOutput(_)
            | Item::ShellCallOutput(_)
            | Item::ApplyPatchCallOutput(_)
    )
}

/// What an item says, as the model would read it.
fn text_of(item: &Item) -> String {
    match item {
        Item::Message(message) => message.text(),
        Item::FunctionCall(call) => call.arguments.clone(),
        Item::CustomToolCall(call) => call.input.clone(),
        Item::FunctionCallOutput(output) | Item::CustomToolCallOutput(output) => output.output.text(),
        Item::ShellCall(call) => call.action.commands.join("\n"),
        Item::ShellCallOutput(output) => super::tool::shell_output(output),
        Item::ApplyPatchCallOutput(output) => super::tool::patch_output(output),
        _ => String::new(),
    }
}

/// Says a turn's lines.
struct Speaker<'a> {
    pieces: &'a mut Pieces,
    captures: Captures,
    turn: &'a Turn,
    pause: Duration,
    /// Bytes so far.
    written: u64,
}

impl Speaker<'_> {
    async fn speak(&mut self) {
        let turn = self.turn;
        for (text, kind) in [
            (&turn.reasoning, Delta::Reasoning as fn(String) -> Delta),
            (&turn.text, Delta::Text),
            (&turn.refusal, Delta::Refusal),
        ] {
            if let Some(text) = text {
                let text = self.captures.fill(text);
                self.say(&text, kind).await;
            }
        }
        for (index, call) in turn.calls().enumerate() {
            self.call(index, call).await;
        }
    }

    async fn call(&mut self, index: usize, call: Call) {
        self.send(Delta::CallBegun { index, call_id: id::new("call_"), kind: call.kind }).await;
        let arguments = match call.json {
            true => self.captures.fill_json(&call.arguments),
            false => self.captures.fill(&call.arguments),
        };
        self.say(&arguments, |text| Delta::CallArguments { index, text }).await;
        if self.turn.ends == Ends::Stop {
            self.send(Delta::CallDone { index, arguments }).await;
        }
    }

    /// Sends a text in pieces.
    async fn say(&mut self, text: &str, kind: impl Fn(String) -> Delta) {
        self.written += text.len() as u64;
        let mut rest = text;
        while !rest.is_empty() {
            let end = rest.char_indices().nth(self.turn.piece.get()).map_or(rest.len(), |(at, _)| at);
            let (piece, after) = rest.split_at(end);
            self.send(kind(piece.to_owned())).await;
            rest = after;
        }
    }

    async fn send(&mut self, piece: Delta) {
        if !self.pause.is_zero() {
            tokio::time::sleep(self.pause).await;
        }
        self.pieces.send(piece).await;
    }
}

#[cfg(test)]
mod tests;
