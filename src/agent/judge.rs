//! Who decides what a run may do: asked before each call of a tool that runs here, and about what waits for a person.

use futures_util::future::BoxFuture;

use super::item::{CommandOutput, Item, McpApprovalResponse};
use super::response::Failure;
use crate::container::Profile;

/// Decides on calls. [`Judge::judge`] is asked before a call, [`Judge::ask`] when a person has to be, and [`Judge::answer`] at the beginning of a
/// response about each question in what was said before.
pub trait Judge: Send + Sync {
    /// What is to become of a call.
    fn judge<'a>(&'a self, call: &'a Call<'a>) -> BoxFuture<'a, Verdict>;

    /// Keeps a question for a person; returns the `mcp_approval_request` that asks it.
    fn ask(&self, question: Question) -> BoxFuture<'_, Result<Item, Failure>>;

    /// What has become of a question: `request_id` is that of its item, `response` what the client says to it, if it does. `None`: nothing is known
    /// of it, or not any more.
    fn answer<'a>(
        &'a self,
        request_id: &'a str,
        response: Option<&'a McpApprovalResponse>,
    ) -> BoxFuture<'a, Result<Option<Answer>, Failure>>;
}

/// A call that the model has made, and that would run here.
pub struct Call<'a> {
    /// The `shell_call` or `apply_patch_call`.
    pub item: &'a Item,
    /// The container it would run in.
    pub container: &'a str,
}

/// What is to become of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It runs.
    Allow,
    /// It runs in a fork with the rights of this profile. If it changes files of which that says so, a person is asked whether they are to be kept.
    Within(Profile),
    /// It does not run; the model is told why.
    Deny {
        /// For the model.
        reason: String,
    },
    /// A person is asked whether it may run.
    Ask {
        /// For the person.
        reason: String,
    },
}

/// A question for a person.
pub struct Question {
    /// The `shell_call` or `apply_patch_call`.
    pub item: Item,
    /// The container it runs in.
    pub container: String,
    /// Why it is asked.
    pub reason: String,
    /// The proposal to be decided on; `None`: it was not run.
    pub proposal: Option<String>,
    /// What the commands printed in the fork; empty if it was not run.
    pub output: Vec<CommandOutput>,
}

/// What has become of a question.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// It may run: this call, exactly as shown, with these rights.
    Run {
        /// The `shell_call` or `apply_patch_call`.
        call: Item,
        /// Where it is to run.
        container: String,
        /// What it may do to files; nobody is asked again.
        profile: Profile,
        /// Why, if the person said so.
        note: Option<String>,
    },
    /// It was approved, and what was approved has been done: its proposal was applied, or it was run before.
    Done {
        /// The `shell_call` or `apply_patch_call`.
        call: Item,
        /// Why, if the person said so.
        note: Option<String>,
    },
    /// A person has refused, or nobody has decided: it is not run, and nothing of its proposal is kept.
    Refused {
        /// The `shell_call` or `apply_patch_call`.
        call: Item,
        /// For the model.
        reason: String,
        /// Whether it ran in a fork: then the model has its output.
        has_run: bool,
    },
}

/// Allows everything.
pub struct AllowAll;

impl Judge for AllowAll {
    fn judge<'a>(&'a self, _: &'a Call<'a>) -> BoxFuture<'a, Verdict> {
        Box::pin(std::future::ready(Verdict::Allow))
    }

    fn ask(&self, _: Question) -> BoxFuture<'_, Result<Item, Failure>> {
        Box::pin(std::future::ready(Err(Failure::server("nobody can be asked for approval"))))
    }

    fn answer<'a>(
        &'a self,
        _: &'a str,
        _: Option<&'a McpApprovalResponse>,
    ) -> BoxFuture<'a, Result<Option<Answer>, Failure>> {
        Box::pin(std::future::ready(Ok(None)))
    }
}
