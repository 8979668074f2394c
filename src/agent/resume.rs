//! Going on with what waited for a person: what may run now is run, and the model is told of each decision once, where it was made known.

use super::item::{Item, McpApprovalResponse, Message};
use super::judge::Answer;
use super::output::End;
use super::response::Failure;
use super::run::{Go, Run};

/// What is told of a call that was approved in a part of the conversation that has no output of it.
const ONCE: &str = "It was approved, and was run before: it is run only once.";

impl Run<'_> {
    /// Goes on with what waited for a person.
    pub async fn resume(&mut self) -> Go<()> {
        for id in self.questions() {
            let response = self.history.iter().find_map(|item| response_to(&id, item)).cloned();
            let is_asked =
                self.history.iter().any(|item| matches!(item, Item::McpApprovalRequest(asked) if asked.id == id));
            match self.request.judge.answer(&id, response.as_ref()).await.map_err(End::Failed)? {
                Some(answer) => self.take_answer(&id, answer).await?,
                None if is_asked => {}
                None => return Err(End::Failed(Failure::prompt(format!("there is no approval {id}")))),
            }
        }
        self.take_in();
        Ok(())
    }

    /// The ids of all questions that were asked, or that a client answers.
    fn questions(&self) -> Vec<String> {
        let mut ids = Vec::new();
        for item in &self.history {
            let id = match item {
                Item::McpApprovalRequest(request) => &request.id,
                Item::McpApprovalResponse(response) => &response.approval_request_id,
                _ => continue,
            };
            if !ids.contains(id) {
                ids.push(id.clone());
            }
        }
        ids
    }

    async fn take_answer(&mut self, id: &str, answer: Answer) -> Go<()> {
        let (Answer::Run { call, .. } | Answer::Done { call, .. } | Answer::Refused { call, .. }) = &answer;
        let has = |is_call: bool| {
            self.history.iter().any(|item| item.is_call() == is_call && item.call_id() == call.call_id())
        };
        let (is_called, is_answered) = (has(true), has(false));
        if !is_called {
            // There are clients that send the question without the call that it is about.
            self.remember([call.clone()]);
        }
        match answer {
            Answer::Run { note, .. } if is_answered => self.tell(id, approved(note)),
            Answer::Run { call, container, profile, note } => {
                self.tell(id, approved(note));
                self.earlier = Some(container);
                let place = self.place().await?;
                if self.earlier.as_ref() != Some(&place.id) {
                    let why = format!("It was approved for another container than {}.", place.id);
                    self.refuse(&call, &why).await;
                } else if let Some(question) = self.run_item(&call, &place, &profile).await? {
                    self.ask(question).await?;
                    return Err(End::Completed);
                }
            }
            Answer::Done { call, note } => {
                self.tell(id, approved(note));
                if !is_answered {
                    self.refuse(&call, ONCE).await;
                }
            }
            Answer::Refused { call, reason, .. } if !is_answered => {
                self.tell(id, None);
                self.refuse(&call, &reason).await;
            }
            Answer::Refused { reason, has_run, .. } => {
                let refused =
                    format!("[The call that waited for approval was refused, nothing of it is kept: {reason}]");
                self.tell(id, has_run.then_some(refused));
            }
        }
        Ok(())
    }

    /// Puts what became of a question in the place of what the client said to it; if it said nothing, of the question.
    fn tell(&mut self, id: &str, told: Option<String>) {
        let is_response = |item: &Item| response_to(id, item).is_some();
        let is_request = |item: &Item| matches!(item, Item::McpApprovalRequest(request) if request.id == id);
        let history = &mut self.history;
        let at = history.iter().position(is_response).or_else(|| history.iter().position(is_request));
        let Some(at) = at else { return };
        history.splice(at..=at, told.map(|told| Item::Message(Message::user(told))));
        history.retain(|item| !is_response(item));
    }
}

/// What a person said, in words.
fn approved(note: Option<String>) -> Option<String> {
    let note = note.filter(|note| !note.is_empty()).map_or_else(String::new, |note| format!(": {note}"));
    Some(format!("[The call that waited for approval was approved{note}]"))
}

fn response_to<'a>(id: &str, item: &'a Item) -> Option<&'a McpApprovalResponse> {
    match item {
        Item::McpApprovalResponse(response) if response.approval_request_id == id => Some(response),
        _ => None,
    }
}
