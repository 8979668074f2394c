//! When a conversation is compacted, and how: in a response that has grown too long, when a request asks for it, and apart from any response.

use futures_util::StreamExt as _;

use super::compaction;
use super::event::What;
use super::item::{Compaction, Item};
use super::model::{Delta, Model, ModelError, Prompt, Usage};
use super::output::End;
use super::prompt;
use super::response::Failure;
use super::run::{Agent, Go, Refusal, Run, failure};
use super::truncate::drop_oldest;

/// Of a model's window, the part that is used before a conversation is compacted without having been asked: in percent.
const FULL_PERCENT: u64 = 90;

/// Bytes of a summary.
const SUMMARY_BYTES: usize = 1 << 20;

/// What is to be compacted, apart from any response.
pub struct CompactRequest {
    /// The model, by name.
    pub model: String,
    /// Instructions of the conversation; empty if there are none.
    pub instructions: String,
    /// The conversation, oldest first.
    pub items: Vec<Item>,
    /// Whose it is: only requests of the same owner can go on from it.
    pub owner: Option<String>,
}

/// A conversation compacted.
pub struct Compacted {
    /// What users said, then the compaction.
    pub output: Vec<Item>,
    /// What it took.
    pub usage: Usage,
}

/// Why a conversation was not compacted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CompactError {
    /// The client's fault.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The model's.
    #[error("{}", .0.message)]
    Failed(Failure),
}

impl Agent {
    /// Compacts a conversation.
    ///
    /// # Errors
    /// The request is wrong, or the model failed.
    pub async fn compact(&self, request: CompactRequest) -> Result<Compacted, CompactError> {
        let model = self.model(&request.model)?;
        let sealer = self.sealer(request.owner);
        let refused = |message| Refusal { code: Some("invalid_value"), param: Some("input"), message };
        let opened = compaction::open(request.items, &sealer).map_err(refused)?;
        let window = model.context_window();
        let question = compaction::question(&request.instructions, &opened.items, window, window / 4);
        let (mut usage, mut summary) = (Usage::default(), String::new());
        let told = summarise(&*model, question, &mut summary, &mut usage, std::future::pending).await;
        told.map_err(|error| CompactError::Failed(failure(&error)))?;
        let summary = or_digest(summary, &opened.items);
        let mut output: Vec<Item> = opened.items.iter().filter(|item| item.is_from_user()).cloned().collect();
        for item in &mut output {
            if let Item::Message(message) = item {
                message.status = Some(super::item::Status::Completed);
            }
            if item.id().is_none() {
                *item = super::output::named(item.clone());
            }
        }
        output.push(compaction::seal(&opened.items, opened.container, summary, window / 4, &sealer).0);
        Ok(Compacted { output, usage })
    }
}

impl Run<'_> {
    /// Tokens of a prompt from which on the conversation is compacted.
    fn threshold(&self) -> u64 {
        let full = self.model.context_window() / 100 * FULL_PERCENT;
        self.request.compact_threshold.map_or(full, |threshold| threshold.min(full))
    }

    /// Whether the conversation is to be compacted, and has grown since it last was.
    pub fn is_too_long(&self) -> bool {
        let threshold = self.threshold();
        self.tokens > threshold.max(self.grown_from.saturating_add(threshold / 4))
    }

    /// Makes room in a conversation that is too long, or has turned out to be: a summary takes the place of what was said, unless what is oldest is
    /// to be left out.
    pub async fn make_room(&mut self) -> Go<()> {
        if self.request.head.truncation != "auto" || self.request.compact_threshold.is_some() {
            return self.compact().await;
        }
        let most = (self.threshold() / 4 * 3).min(self.tokens / 4 * 3);
        let mut items = std::mem::take(&mut self.history);
        // What is announced is no part of the conversation.
        let announced = prompt::announce(&self.request.tools);
        let announced = items.splice(..usize::from(announced.is_some()), []).collect::<Vec<_>>();
        drop_oldest(&mut items, self.tokens.saturating_sub(most));
        items.splice(0..0, announced);
        self.set_history(items);
        self.grown_from = self.tokens;
        Ok(())
    }

    /// Puts a sealed summary in the place of the conversation, as an item of the output.
    pub async fn compact(&mut self) -> Go<()> {
        let mut item =
            super::output::named(Item::Compaction(Compaction { id: None, encrypted_content: String::new() }));
        let item_id = item.id().unwrap_or_default().to_owned();
        let output_index = self.out.add(item.clone()).await;
        self.out.send(What::Compacting { item_id, output_index }).await;
        let (window, room) = (self.model.context_window(), self.threshold() / 4);
        let question = compaction::question(&self.request.instructions, &self.history, window, room);
        let (mut usage, mut summary) = (Usage::default(), String::new());
        let told = summarise(&*self.model, question, &mut summary, &mut usage, || self.cancelled.wait()).await;
        self.spent.steps += 1;
        self.spent.usage += usage;
        let end = match told {
            Ok(true) => None,
            Ok(false) => Some(End::Cancelled),
            Err(error) => Some(End::Failed(failure(&error))),
        };
        // What was cut off stands for the conversation all the same: by what people said and the last steps.
        let summary = or_digest(summary, &self.history);
        let container = self.container.as_ref().map(|place| place.id.clone()).or_else(|| self.earlier.clone());
        let (sealed, opened) = compaction::seal(&self.history, container, summary, room, &self.sealer);
        if let (Item::Compaction(to), Item::Compaction(from)) = (&mut item, sealed) {
            to.encrypted_content = from.encrypted_content;
        }
        self.out.done(output_index, item).await;
        self.set_history(opened.items);
        self.grown_from = self.tokens;
        end.map_or(Ok(()), Err)
    }
}

/// A summary, or if the model has written none, the commands.
fn or_digest(summary: String, items: &[Item]) -> String {
    if summary.trim().is_empty() { compaction::digest(items) } else { summary }
}

/// Lets a model write a summary; false if `cancelled` came first.
async fn summarise<C: Future<Output = ()>>(
    model: &dyn Model,
    question: Prompt,
    summary: &mut String,
    usage: &mut Usage,
    cancelled: impl Fn() -> C,
) -> Result<bool, ModelError> {
    let mut stream = model.generate(question);
    loop {
        let next = tokio::select! {
            next = stream.next() => next,
            () = cancelled() => return Ok(false),
        };
        match next {
            Some(Ok(Delta::Text(text))) => summary.push_str(&text),
            Some(Ok(Delta::Usage(used))) => *usage += used,
            Some(Ok(Delta::Finished(_))) | None => return Ok(true),
            Some(Ok(_)) => {}
            Some(Err(error)) => return Err(error),
        }
        if summary.len() > SUMMARY_BYTES {
            return Ok(true);
        }
    }
}
