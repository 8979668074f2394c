//! A response told afterwards, when nothing of what was told while it was made is kept: the same events in the same order, item by item, each
//! text in one piece.

use super::event::{What, Written};
use super::item::{CommandOutput, Item, Part, ShellAction, Status};
use super::response::{self, ResponseObject};

impl ResponseObject {
    /// All that happened to a response that has ended. Of one that was cancelled nothing tells how it ended, as ever.
    pub fn retell(&self) -> Vec<What> {
        let begun = Box::new(ResponseObject::begun(self.head.clone(), response::Status::InProgress));
        let mut told = vec![What::Created { response: begun.clone() }, What::InProgress { response: begun }];
        for (output_index, item) in self.output.iter().enumerate() {
            told.push(What::ItemAdded { output_index, item: begun_as(item.clone()) });
            about(&mut told, output_index, item);
            told.push(What::ItemDone { output_index, item: item.clone() });
        }
        told.extend(self.ending());
        told
    }

    /// What tells how it ended.
    pub fn ending(&self) -> Option<What> {
        let response = Box::new(self.clone());
        match self.status {
            response::Status::Completed => Some(What::Completed { response }),
            response::Status::Incomplete => Some(What::Incomplete { response }),
            response::Status::Failed => Some(What::Failed { response }),
            response::Status::Cancelled | response::Status::Queued | response::Status::InProgress => None,
        }
    }
}

/// How an item looks that is only begun.
pub(super) fn begun_as(mut item: Item) -> Item {
    let in_progress = Some(Status::InProgress);
    match &mut item {
        Item::Message(message) => {
            message.status = in_progress;
            message.content.clear();
        }
        Item::FunctionCall(call) => {
            call.status = in_progress;
            call.arguments.clear();
        }
        Item::CustomToolCall(call) => {
            call.status = in_progress;
            call.input.clear();
        }
        Item::ShellCall(call) => {
            call.status = in_progress;
            call.action = ShellAction::default();
            call.environment = None;
        }
        Item::ShellCallOutput(output) => {
            output.status = in_progress;
            output.output.clear();
        }
        Item::ApplyPatchCall(call) => call.status = in_progress,
        Item::Reasoning(reasoning) => {
            reasoning.status = in_progress;
            reasoning.content.clear();
            reasoning.summary.clear();
            reasoning.encrypted_content = None;
        }
        Item::Compaction(compaction) => compaction.encrypted_content.clear(),
        _ => {}
    }
    item
}

/// What is told of an item between its beginning and its end.
fn about(told: &mut Vec<What>, output_index: usize, item: &Item) {
    let item_id = item.id().unwrap_or_default().to_owned();
    match item {
        Item::Message(message) => parts(told, &item_id, output_index, &message.content),
        Item::Reasoning(reasoning) => parts(told, &item_id, output_index, &reasoning.content),
        Item::FunctionCall(call) => {
            let (name, arguments) = (call.name.clone(), call.arguments.clone());
            told.push(What::ArgumentsDelta { item_id: item_id.clone(), output_index, delta: arguments.clone() });
            if call.status != Some(Status::Incomplete) {
                told.push(What::ArgumentsDone { item_id, output_index, name, arguments });
            }
        }
        Item::CustomToolCall(call) => {
            told.push(What::InputDelta { item_id: item_id.clone(), output_index, delta: call.input.clone() });
            if call.status != Some(Status::Incomplete) {
                told.push(What::InputDone { item_id, output_index, input: call.input.clone() });
            }
        }
        Item::ShellCall(call) => {
            told.extend(commands(output_index, &call.action.commands));
            // What was cut off, or is not what the model meant.
            if call.status == Some(Status::Incomplete) && !call.action.commands.is_empty() {
                told.pop();
            }
        }
        Item::ShellCallOutput(output) => outputs(told, &item_id, output_index, &output.output),
        Item::Compaction(_) => told.push(What::Compacting { item_id, output_index }),
        _ => {}
    }
}

/// What is told of the commands of a call.
pub(super) fn commands(output_index: usize, commands: &[String]) -> impl Iterator<Item = What> {
    commands.iter().enumerate().flat_map(move |(command_index, command)| {
        let (delta, command) = (command.clone(), command.clone());
        let added = What::CommandAdded { output_index, command_index, command: String::new() };
        let written = (!delta.is_empty()).then_some(What::CommandDelta { output_index, command_index, delta });
        let done = What::CommandDone { output_index, command_index, command };
        [added].into_iter().chain(written).chain([done])
    })
}

fn outputs(told: &mut Vec<What>, item_id: &str, output_index: usize, outputs: &[CommandOutput]) {
    for (command_index, output) in outputs.iter().enumerate() {
        let stdout = Written { stdout: Some(output.stdout.clone()), stderr: None };
        let stderr = Written { stdout: None, stderr: Some(output.stderr.clone()) };
        for (delta, text) in [(stdout, &output.stdout), (stderr, &output.stderr)] {
            if !text.is_empty() {
                told.push(What::OutputDelta { item_id: item_id.into(), output_index, command_index, delta });
            }
        }
        told.push(What::OutputDone {
            item_id: item_id.into(),
            output_index,
            command_index,
            output: vec![output.clone()],
        });
    }
}

fn parts(told: &mut Vec<What>, id: &str, output_index: usize, parts: &[Part]) {
    for (content_index, part) in parts.iter().enumerate() {
        let item_id = || id.to_owned();
        let (empty, delta) = match part.clone() {
            Part::OutputText { text, .. } => (
                Part::output_text(""),
                What::TextDelta { item_id: item_id(), output_index, content_index, delta: text, logprobs: [] },
            ),
            Part::Refusal { refusal } => (
                Part::Refusal { refusal: String::new() },
                What::RefusalDelta { item_id: item_id(), output_index, content_index, delta: refusal },
            ),
            Part::ReasoningText { text } => (
                Part::ReasoningText { text: String::new() },
                What::ReasoningDelta { item_id: item_id(), output_index, content_index, delta: text },
            ),
            _ => continue,
        };
        told.push(What::PartAdded { item_id: item_id(), output_index, content_index, part: empty });
        told.push(delta);
        told.extend(part_done(id, output_index, content_index, part));
    }
}

/// What is told when a part is whole: what it refers to, its text, the part.
pub(super) fn part_done(id: &str, output_index: usize, content_index: usize, part: &Part) -> Vec<What> {
    let item_id = || id.to_owned();
    let mut told = Vec::new();
    let whole = match part.clone() {
        Part::OutputText { text, annotations, .. } => {
            told.extend(annotations.into_iter().enumerate().map(|(annotation_index, annotation)| {
                What::AnnotationAdded { item_id: item_id(), output_index, content_index, annotation_index, annotation }
            }));
            What::TextDone { item_id: item_id(), output_index, content_index, text, logprobs: [] }
        }
        Part::Refusal { refusal } => What::RefusalDone { item_id: item_id(), output_index, content_index, refusal },
        Part::ReasoningText { text } => What::ReasoningDone { item_id: item_id(), output_index, content_index, text },
        _ => return told,
    };
    told.push(whole);
    told.push(What::PartDone { item_id: item_id(), output_index, content_index, part: part.clone() });
    told
}
