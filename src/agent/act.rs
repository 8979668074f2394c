//! What becomes of a step's calls. One after another, in the order they were made, each is carried out, put to a person, held back, or told to be
//! wrong: none is left without an answer, unless the response ends before its turn.

use super::call::{self, Meant};
use super::item::{CallOutput, Content, FunctionCall, Item};
use super::model::Finish;
use super::output::End;
use super::prompt;
use super::request::Tool;
use super::response::{Failure, Reason};
use super::run::{Go, Run, failure};
use super::step::{OwnCall, Said, StepEnd};

/// What a model is told that has used up `max_tool_calls`.
const NO_MORE: &str = "No more tool calls are allowed in this response. Answer with what you have.";

impl Run<'_> {
    /// Does what a step asks for.
    pub async fn act(&mut self, said: Said) -> Go<()> {
        match said.end {
            StepEnd::Finished(Finish::Stop) => {}
            StepEnd::Finished(Finish::Length) => return Err(End::Incomplete(Reason::MaxOutputTokens)),
            StepEnd::Finished(Finish::ContentFilter) => return Err(End::Incomplete(Reason::ContentFilter)),
            StepEnd::Failed(error) => return Err(End::Failed(failure(&error))),
            StepEnd::Cancelled => return Err(End::Cancelled),
            // The next look at the budget says so.
            StepEnd::OutOfTime => return Ok(()),
        }
        if said.calls.is_empty() || !self.has_tools {
            return Err(End::Completed);
        }
        let (mut questions, mut answers, mut wrong, mut is_right) = (Vec::new(), Vec::new(), None, false);
        for call in said.calls {
            if questions.is_empty() {
                self.may_go_on()?;
            }
            match self.meant(&call) {
                Ok(meant) => {
                    is_right = true;
                    self.calls += 1;
                    questions.extend(self.carry_out(call, meant, !questions.is_empty()).await?);
                }
                Err(why) => {
                    if let Some(shown) = call.shown {
                        self.out.give_up(shown).await;
                    }
                    answers.extend(answer(call, &why));
                    wrong = Some(why);
                }
            }
        }
        self.take_in();
        self.remember(answers);
        let is_asked = !questions.is_empty();
        for question in questions {
            self.ask(question).await?;
        }
        let is_clients = is_right && prompt::hosted(&self.request.tools).is_none();
        if said.has_client_calls || is_asked || is_clients {
            return Err(End::Completed);
        }
        self.count_repairs(wrong.filter(|_| !is_right && self.has_tools))
    }

    /// Calls of tools that run here that may still be made.
    pub fn calls_left(&self) -> u64 {
        let has_shell = self.request.tools.iter().any(|tool| matches!(tool, Tool::Shell(_)));
        if !self.has_tools || !has_shell {
            return 0;
        }
        self.request.head.max_tool_calls.map_or(u64::MAX, |most| most.saturating_sub(self.calls))
    }

    /// What a call means.
    ///
    /// # Errors
    /// Why it is not carried out; for the model.
    fn meant(&mut self, call: &OwnCall) -> Result<Meant, String> {
        let meant = call::understand(call, &self.request.tools)?;
        if self.request.head.max_tool_calls.is_some_and(|most| self.calls >= most) {
            self.has_tools = false;
            return Err(NO_MORE.into());
        }
        match (call.shown, &meant) {
            // Clients have been shown something else than what would be run.
            (Some(shown), Meant::Shell(action)) if self.out.commands(shown) != action.commands => {
                Err("The arguments name their commands twice.".into())
            }
            _ => Ok(meant),
        }
    }

    /// Bounds how often a model is told what is wrong: `wrong` is the latest, if a step had nothing that is right.
    fn count_repairs(&mut self, wrong: Option<String>) -> Go<()> {
        let Some(why) = wrong else {
            self.repairs = 0;
            return Ok(());
        };
        self.repairs += 1;
        if self.repairs <= self.agent.config.repairs {
            return Ok(());
        }
        let message = format!(
            "The model made nothing but invalid tool calls in {} steps in a row, the last: {why}",
            self.repairs
        );
        Err(End::Failed(Failure::server(message)))
    }
}

/// A call that clients see nothing of, as the model wrote it, and its answer.
fn answer(call: OwnCall, text: &str) -> [Item; 2] {
    let OwnCall { call_id, kind, arguments, .. } = call;
    let name = call::name(&kind).to_owned();
    let output =
        CallOutput { id: None, call_id: call_id.clone(), output: Content::Text(text.to_owned()), status: None };
    let call = FunctionCall { id: None, call_id, name, arguments, status: None };
    [Item::FunctionCall(call), Item::FunctionCallOutput(output)]
}
