//! What an agent does, printed as it does it.

use std::io::Write as _;
use std::sync::{Mutex, PoisonError};

use futures_util::future::BoxFuture;

use crate::agent::event::{Event, Events, What};
use crate::agent::item::{CommandOutcome, Item, PatchOperation};
use crate::cli::approvals;
use crate::cli::format::{Style, paint};

/// Lines of a command's output that are shown as they come; of more, that there are.
const LINES: usize = 40;

/// Prints events.
#[derive(Default)]
pub struct Watch(Mutex<State>);

#[derive(Default)]
struct State {
    /// Whether the cursor is behind something on its line.
    is_inside: bool,
    /// Lines of the current call's output so far.
    lines: usize,
}

impl Events for Watch {
    fn send(&self, event: Event) -> BoxFuture<'_, ()> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).show(&event.what);
        Box::pin(std::future::ready(()))
    }
}

impl Watch {
    /// Ends the line.
    pub fn end(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).fresh();
    }
}

impl State {
    fn show(&mut self, what: &What) {
        match what {
            What::TextDelta { delta, .. } | What::RefusalDelta { delta, .. } => self.text(delta, Style::Plain),
            What::ReasoningDelta { delta, .. } => self.text(delta, Style::Faint),
            What::TextDone { .. } | What::ReasoningDone { .. } | What::RefusalDone { .. } => self.fresh(),
            What::CommandDone { command, .. } => {
                self.lines = 0;
                self.line(&format!("$ {}", approvals::lines(command)), Style::Strong);
            }
            What::OutputDelta { delta, .. } => {
                self.output(delta.stdout.as_deref().unwrap_or_default(), Style::Faint);
                self.output(delta.stderr.as_deref().unwrap_or_default(), Style::Note);
            }
            What::OutputDone { output, .. } => {
                self.fresh();
                match output.first().map(|output| output.outcome) {
                    Some(CommandOutcome::Exit { exit_code }) if exit_code != 0 => {
                        self.line(&format!("(exit status {exit_code})"), Style::Bad);
                    }
                    Some(CommandOutcome::Timeout) => self.line("(it took too long)", Style::Bad),
                    _ => {}
                }
            }
            What::ItemDone { item: Item::ApplyPatchCall(call), .. } => {
                let (PatchOperation::CreateFile { path, .. }
                | PatchOperation::UpdateFile { path, .. }
                | PatchOperation::DeleteFile { path }) = &call.operation;
                self.line(&format!("patch {}", approvals::lines(path)), Style::Strong);
            }
            What::Compacting { .. } => self.line("(making room: what was said is summarised)", Style::Faint),
            _ => {}
        }
    }

    fn text(&mut self, text: &str, style: Style) {
        // Line by line: colours do not go over line ends.
        for piece in text.split_inclusive('\n') {
            let line = piece.strip_suffix('\n').unwrap_or(piece);
            print!("{}", paint(&approvals::lines(line), style));
            if piece.ends_with('\n') {
                println!();
            }
            self.is_inside = !piece.ends_with('\n');
        }
        // Who does not read what is printed still wants the work done.
        let _ = std::io::stdout().flush();
    }

    /// Shows the beginning of what commands print.
    fn output(&mut self, text: &str, style: Style) {
        for piece in text.split_inclusive('\n') {
            if self.lines < LINES {
                self.text(piece, style);
            } else if self.lines == LINES && !self.is_inside {
                self.line("(more is not shown)", Style::Faint);
                self.lines += 1;
            }
            self.lines += usize::from(piece.ends_with('\n') && self.lines < LINES);
        }
    }

    fn line(&mut self, text: &str, style: Style) {
        self.fresh();
        println!("{}", paint(text, style));
    }

    fn fresh(&mut self) {
        if std::mem::take(&mut self.is_inside) {
            println!();
        }
    }
}
