//! Compaction: a sealed item that stands for what was said before it.
//!
//! Sealed in it is all that the work needs to go on, whoever sends it back and whenever: what people said, word for word as far as it fits; a summary
//! that the model has written of the rest; the last steps as they were; and the container they ran in.

use serde::{Deserialize, Serialize};

use super::item::{CallEnvironment, Compaction, Item, Message, Role, ShellCall};
use super::model::{Prompt, estimate_tokens};
use super::output::named;
use super::prompt;
use super::seal::Sealer;

/// What the model is told to write.
const TASK: &str = "The conversation so far is about to be replaced by a summary, which you write now. You, or somebody like you, will go on \
    with the work and know nothing but the summary and the last few steps. Write down: what is wanted, and every condition on it; what was \
    decided and why; every fact that may be needed again, with exact names, paths, numbers, ids and values; what was done, with what result, \
    and what did not work; what is to be done next. Keep what an earlier summary says unless it is no longer true. Answer with the summary only.";

/// What stands before a summary in a prompt.
const INTRODUCTION: &str = "[Summary of what came before]\n";

/// Characters of a command's output that a summary is written from, when all of it does not fit.
const SHORT_CHARS: usize = 400;

/// Content of a compaction.
#[derive(Serialize, Deserialize)]
struct Content {
    /// What people said: of earlier items the messages that are kept.
    said: Vec<Item>,
    summary: String,
    /// The last steps.
    last: Vec<Item>,
    container: Option<String>,
}

/// A conversation, as it goes on from its last compaction.
#[derive(Debug, Default)]
pub(super) struct Opened {
    pub items: Vec<Item>,
    /// The container that it used last.
    pub container: Option<String>,
}

/// Puts in the place of the last compaction, and of all before it, what it stands for.
///
/// # Errors
/// It was not sealed here for this owner, or was changed since; for the client.
pub(super) fn open(items: Vec<Item>, sealer: &Sealer) -> Result<Opened, String> {
    let last = items.iter().rposition(|item| matches!(item, Item::Compaction(_)));
    let Some(at) = last else {
        let container = last_container(&items);
        return Ok(Opened { items, container });
    };
    let mut rest = items.into_iter().skip(at);
    let Some(Item::Compaction(compaction)) = rest.next() else { return Ok(Opened::default()) };
    let named = || compaction.id.as_deref().unwrap_or("without an id").to_owned();
    let content = sealer.open(&compaction.encrypted_content).map_err(|why| format!("compaction {}: {why}", named()))?;
    let content: Content =
        serde_json::from_slice(&content).map_err(|_| format!("compaction {}: its form is not known here", named()))?;
    let mut opened = content.said;
    opened.push(Item::Message(Message::input(Role::User, format!("{INTRODUCTION}{}", content.summary))));
    opened.extend(content.last);
    opened.extend(rest);
    let container = last_container(&opened).or(content.container);
    Ok(Opened { items: opened, container })
}

/// The container of the last call that ran in one.
fn last_container(items: &[Item]) -> Option<String> {
    items.iter().rev().find_map(|item| match item {
        Item::ShellCall(ShellCall {
            environment: Some(CallEnvironment::ContainerReference { container_id }), ..
        }) => Some(container_id.clone()),
        _ => None,
    })
}

/// What asks for a summary of a conversation; within `window` tokens. If it does not fit, the last steps are left out, of which about `room` tokens
/// are kept as they are; then what is oldest.
pub(super) fn question(instructions: &str, items: &[Item], window: u64, room: u64) -> Prompt {
    let task = Item::Message(Message::user(TASK));
    let mut items = prompt::render(items);
    items.push(task);
    // Room for the answer, and for estimates being estimates.
    let most = window / 4 * 3;
    if estimate_tokens(&items) > most {
        items.iter_mut().for_each(shorten);
    }
    let mut excess = estimate_tokens(&items).saturating_sub(most);
    let mut kept = room;
    while excess > 0 && items.len() > 2 {
        let gone = items.remove(if kept > 0 { items.len() - 2 } else { 1 });
        let tokens = estimate_tokens(std::slice::from_ref(&gone));
        (excess, kept) = (excess.saturating_sub(tokens), kept.saturating_sub(tokens));
        if gone.call_id().is_some() {
            items.retain(|item| item.call_id() != gone.call_id());
        }
    }
    Prompt { instructions: instructions.to_owned(), items, ..Prompt::default() }
}

/// Leaves of a command's output its beginning and its end.
fn shorten(item: &mut Item) {
    let Item::ShellCallOutput(output) = item else { return };
    for command in &mut output.output {
        for text in [&mut command.stdout, &mut command.stderr] {
            if text.len() > 4 * SHORT_CHARS {
                let head = &text[..text.floor_char_boundary(SHORT_CHARS)];
                let tail = &text[text.ceil_char_boundary(text.len() - SHORT_CHARS)..];
                *text = format!("{head}\n[…]\n{tail}");
            }
        }
    }
}

/// The compaction of a conversation, and the conversation as it goes on from it. About `room` tokens each are kept of what people said and of
/// the last steps.
pub(super) fn seal(
    items: &[Item],
    container: Option<String>,
    summary: String,
    room: u64,
    sealer: &Sealer,
) -> (Item, Opened) {
    let (said, last) = keep(items, room);
    let content = Content { said, summary, last, container };
    let bytes = serde_json::to_vec(&content).expect("items are JSON");
    let item = named(Item::Compaction(Compaction { id: None, encrypted_content: sealer.seal(&bytes) }));
    let opened = open(vec![item.clone()], sealer).unwrap_or_default();
    (item, opened)
}

/// What people said, newest first until there is no room; then the last steps, calls with their outputs.
fn keep(items: &[Item], room: u64) -> (Vec<Item>, Vec<Item>) {
    let tokens = |item: &Item| estimate_tokens(std::slice::from_ref(item));
    let mut left = room;
    let mut begin = items.len();
    while begin > 0 && tokens(&items[begin - 1]) <= left {
        left -= tokens(&items[begin - 1]);
        begin -= 1;
    }
    let is_summary = |message: &Message| message.text().starts_with(INTRODUCTION);
    let is_said = |item: &&Item| match item {
        Item::Message(message) => message.role != Role::Assistant && !is_summary(message),
        _ => false,
    };
    let mut left = room;
    let mut said: Vec<Item> = Vec::new();
    for item in items[..begin].iter().rev().filter(is_said) {
        let cost = tokens(item);
        if cost > left {
            continue;
        }
        left -= cost;
        said.push(item.clone());
    }
    said.reverse();
    let last = &items[begin..];
    let is_call = |id: Option<&str>| last.iter().any(|item| item.is_call() && item.call_id() == id);
    let is_kept = |item: &&Item| match item {
        Item::CompactionTrigger {} | Item::Compaction(_) => false,
        // An output without its call means nothing.
        item => item.is_call() || item.call_id().is_none() || is_call(item.call_id()),
    };
    (said, last.iter().filter(is_kept).cloned().collect())
}

/// A summary for a model that has written none: the commands, with the beginning of what they printed.
pub(super) fn digest(items: &[Item]) -> String {
    let mut lines = Vec::new();
    for item in items {
        match item {
            Item::ShellCall(call) => lines.extend(call.action.commands.iter().map(|c| format!("$ {}", short(c)))),
            Item::ShellCallOutput(output) => {
                lines.extend(output.output.iter().map(|o| format!("{}{}", short(&o.stdout), short(&o.stderr))));
            }
            Item::Message(message) if message.role == Role::Assistant => lines.push(short(&message.text())),
            _ => {}
        }
    }
    lines.join("\n")
}

fn short(text: &str) -> String {
    text.chars().take(SHORT_CHARS).collect()
}
