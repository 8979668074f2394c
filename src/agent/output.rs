//! A response's output as it grows: its items, and the events that tell of them, in one order.

use super::event::{Event, Events, What};
use super::item::{Item, Status};
use super::partial::Piece;
use super::response::{self, Failure, Incomplete, Reason, ResponseHead, ResponseObject};
use super::retell::begun_as;
use crate::base::id;

/// A response that is being made.
pub(super) struct Output<'a> {
    events: &'a dyn Events,
    next: u64,
    pub response: ResponseObject,
}

/// How a response ends.
#[derive(Debug)]
pub(super) enum End {
    Completed,
    Incomplete(Reason),
    Failed(Failure),
    Cancelled,
}

impl Output<'_> {
    /// Begins a response, and says so.
    pub async fn begin(head: ResponseHead, events: &dyn Events) -> Output<'_> {
        let status = if head.background { response::Status::Queued } else { response::Status::InProgress };
        let mut output = Output { events, next: 0, response: ResponseObject::begun(head, status) };
        output.send(What::Created { response: output.snapshot() }).await;
        if status == response::Status::Queued {
            output.send(What::Queued { response: output.snapshot() }).await;
            output.response.status = response::Status::InProgress;
        }
        output.send(What::InProgress { response: output.snapshot() }).await;
        output
    }

    fn snapshot(&self) -> Box<ResponseObject> {
        Box::new(self.response.clone())
    }

    /// Tells what happened.
    pub async fn send(&mut self, what: What) {
        let sequence_number = self.next;
        self.next += 1;
        self.events.send(Event { sequence_number, what }).await;
    }

    /// Adds an item that is not done yet; returns its place.
    pub async fn add(&mut self, item: Item) -> usize {
        let output_index = self.response.output.len();
        self.response.output.push(item.clone());
        self.send(What::ItemAdded { output_index, item }).await;
        output_index
    }

    /// An item is as it stays.
    pub async fn done(&mut self, output_index: usize, item: Item) {
        if let Some(place) = self.response.output.get_mut(output_index) {
            *place = item.clone();
        }
        self.send(What::ItemDone { output_index, item }).await;
    }

    /// Tells more of the commands of a shell call that is not done yet.
    pub async fn show_command(&mut self, output_index: usize, piece: Piece) {
        let Some(Item::ShellCall(call)) = self.response.output.get_mut(output_index) else { return };
        let commands = &mut call.action.commands;
        match piece {
            Piece::Begun => {
                let command_index = commands.len();
                commands.push(String::new());
                self.command_done(output_index, command_index.checked_sub(1)).await;
                self.send(What::CommandAdded { output_index, command_index, command: String::new() }).await;
            }
            Piece::Text(delta) => {
                let Some(command_index) = commands.len().checked_sub(1) else { return };
                commands[command_index].push_str(&delta);
                self.send(What::CommandDelta { output_index, command_index, delta }).await;
            }
        }
    }

    /// Tells that a command of a shell call is whole. That the last one is shows only when the whole call does.
    async fn command_done(&mut self, output_index: usize, command_index: Option<usize>) {
        let Some(command_index) = command_index else { return };
        let Some(command) = self.commands(output_index).get(command_index).cloned() else { return };
        self.send(What::CommandDone { output_index, command_index, command }).await;
    }

    /// Ends a shell call of which all commands have been told.
    pub async fn call_done(&mut self, output_index: usize, item: Item) {
        let last = self.commands(output_index).len().checked_sub(1);
        self.command_done(output_index, last).await;
        self.done(output_index, item).await;
    }

    /// The commands of a shell call, as far as they have been told.
    pub fn commands(&self, output_index: usize) -> &[String] {
        match self.response.output.get(output_index) {
            Some(Item::ShellCall(call)) => &call.action.commands,
            _ => &[],
        }
    }

    /// Ends a shell call that is not to be carried out, if it is not done yet.
    pub async fn give_up(&mut self, output_index: usize) {
        let Some(Item::ShellCall(call)) = self.response.output.get_mut(output_index) else { return };
        if call.status == Some(Status::InProgress) {
            call.status = Some(Status::Incomplete);
            let item = Item::ShellCall(call.clone());
            self.send(What::ItemDone { output_index, item }).await;
        }
    }

    /// Adds an item that is done at once.
    pub async fn put(&mut self, item: Item) {
        let index = self.add(begun_as(item.clone())).await;
        self.done(index, item).await;
    }

    /// Ends the response. A cancelled one ends without an event.
    pub async fn end(mut self, end: End, usage: super::model::Usage, now_s: i64) -> ResponseObject {
        for index in 0..self.response.output.len() {
            self.give_up(index).await;
        }
        let response = &mut self.response;
        response.usage = Some(usage.into());
        response.status = match &end {
            End::Completed => response::Status::Completed,
            End::Incomplete(_) => response::Status::Incomplete,
            End::Failed(_) => response::Status::Failed,
            End::Cancelled => response::Status::Cancelled,
        };
        match end {
            End::Completed => response.completed_at = Some(now_s),
            End::Incomplete(reason) => response.incomplete_details = Some(Incomplete { reason }),
            End::Failed(failure) => response.error = Some(failure),
            End::Cancelled => {}
        }
        if let Some(what) = self.response.ending() {
            self.send(what).await;
        }
        self.response
    }
}

/// A new id for an item like this.
pub(super) fn new_id(item: &Item) -> String {
    id::new(item.id_prefix())
}

/// An item with a new id.
pub(super) fn named(mut item: Item) -> Item {
    item.set_id(new_id(&item));
    item
}
