//! `coquina approvals`: calls of agents that wait for a person, and the person's answer.

use anyhow::Result;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::boxes::Boxes;
use super::boxes::args::PlaceArgs;
use super::format::{self, Style, Table, paint, styled};
use super::output;
use crate::agent::approval::{Approval, ApprovalQuery, ApprovalStatus, Approvals, Decided};
use crate::storage::Order;

/// Who decides here, for the record.
const BY: &str = "cli";

/// `coquina approvals`.
#[derive(Args)]
pub struct ApprovalsArgs {
    #[command(flatten)]
    pub place: PlaceArgs,
    #[command(subcommand)]
    pub command: ApprovalsCommand,
}

#[derive(Subcommand)]
pub enum ApprovalsCommand {
    /// List what waits for a person.
    Ls {
        /// What was decided too.
        #[arg(long)]
        all: bool,
    },
    /// Show a call, why a person is asked, and what it changed in a fork.
    Show {
        /// `mcpr_…`.
        id: String,
    },
    /// Approve: what was shown is applied, or runs when the conversation goes on.
    Approve(DecideArgs),
    /// Decline: what was shown is discarded.
    Decline(DecideArgs),
}

/// A decision.
#[derive(Args)]
pub struct DecideArgs {
    /// `mcpr_…`.
    pub id: String,
    /// Why; the model is told.
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
}

/// Runs a `coquina approvals` command.
pub fn run(args: &ApprovalsArgs) -> Result<u8> {
    let boxes = Boxes::open(&args.place)?;
    let approvals = Approvals::new(boxes.containers.clone());
    let json = args.place.json;
    let done = match &args.command {
        ApprovalsCommand::Ls { all } => {
            let status = if *all { None } else { Some(ApprovalStatus::Pending) };
            let (order, limit) = (Order::Descending, usize::MAX);
            let query = ApprovalQuery { owner: None, status, order, after: None, limit };
            let found = boxes.wait(approvals.list(query))?;
            if json { output::json(&found) } else { output::table(table(&found)) }
        }
        ApprovalsCommand::Show { id } => {
            let approval = boxes.wait(approvals.find(id, None))?;
            if json { output::json(&approval) } else { output::write(shown(&approval.shown)) }
        }
        ApprovalsCommand::Approve(asked) => decide(&boxes, &approvals, asked, true, json),
        ApprovalsCommand::Decline(asked) => decide(&boxes, &approvals, asked, false, json),
    };
    boxes.close()?;
    done.map(|()| 0)
}

fn decide(boxes: &Boxes, approvals: &Approvals, asked: &DecideArgs, approve: bool, json: bool) -> Result<()> {
    let decided = Decided { approve, reason: asked.reason.clone(), by: BY.into() };
    let approval = boxes.wait(approvals.decide(&asked.id, None, decided))?;
    if json {
        return output::json(&json!({ "id": approval.id, "status": approval.status }));
    }
    output::line(&format!("{} is {}", approval.id, approval.status.name()))
}

fn table(all: &[Approval]) -> Table {
    let mut table = Table::new(&["ID", "STATUS", "ASKED", "CONTAINER", "WHAT"]);
    let now = output::now_ms();
    for approval in all {
        let style = if approval.status == ApprovalStatus::Pending { Style::Note } else { Style::Faint };
        table.row([
            approval.id.clone().into(),
            styled(approval.status.name(), style),
            format::ago(approval.created_at_ms, now).into(),
            approval.container_id.clone().into(),
            format::printable(what(&approval.shown).as_bytes()).into(),
        ]);
    }
    table
}

/// The commands, or the operation, on a line.
fn what(shown: &Value) -> String {
    match (shown["commands"].as_array(), &shown["operation"]) {
        (Some(commands), _) => commands.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" ; "),
        (None, operation) => format!("{} {}", word(&operation["type"]), word(&operation["path"])),
    }
}

fn word(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// What a person is shown before they decide.
pub fn shown(shown: &Value) -> String {
    let mut text = String::new();
    for command in shown["commands"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        text += &format!("{}\n", paint(&format!("$ {}", lines(command)), Style::Strong));
    }
    if shown["operation"].is_object() {
        text += &format!("{}\n", paint(&what(shown), Style::Strong));
    }
    text += &format!("{} {}\n", paint("why:", Style::Faint), lines(word(&shown["reason"])));
    match shown["changes_total"].as_u64() {
        Some(total) => text += &format!("{} {total} paths, in a fork so far\n", paint("changes:", Style::Faint)),
        None => text += &format!("{}\n", paint("(it has not been run yet)", Style::Faint)),
    }
    text + &coloured(word(&shown["diff"]))
}

/// A text in which nothing moves the cursor but its line ends.
pub fn lines(text: &str) -> String {
    text.split('\n').map(|line| format::printable(line.as_bytes())).collect::<Vec<_>>().join("\n")
}

fn coloured(diff: &str) -> String {
    if diff.is_empty() { String::new() } else { super::boxes::coloured(diff.as_bytes()) }
}
