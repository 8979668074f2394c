//! The turn loop: one response, from its request to its end.

use std::sync::Arc;

use super::cancel::Cancelled;
use super::event::{Event, Events, What};
use super::item::Item;
use super::model::{Models, Usage};
use super::request::Request;
use super::response::{Failure, ResponseObject, Status};
use crate::container::Containers;
use crate::storage::StoreError;

/// Makes responses: models and the containers that their commands run in. `clone` is a reference.
#[derive(Clone)]
pub struct Agent(Arc<Inner>);

struct Inner {
    models: Models,
    containers: Containers,
    config: AgentConfig,
}

/// How an [`Agent`] goes about its work.
#[derive(Clone, Debug)]
pub struct AgentConfig {
    /// Characters of output that a command's model sees when the model has not said: head and tail.
    pub output_chars: u64,
    /// Invalid calls in a row after which a response fails.
    pub repairs: u32,
}

impl Default for AgentConfig {
    fn default() -> AgentConfig {
        AgentConfig { output_chars: 64 << 10, repairs: 3 }
    }
}

/// What is to be compacted, apart from any response.
pub struct CompactRequest {
    /// The model, by name.
    pub model: String,
    /// Instructions of the conversation.
    pub instructions: String,
    /// The conversation, oldest first.
    pub items: Vec<Item>,
    /// Whose it is: only requests of the same owner can go on from it.
    pub owner: Option<String>,
}

/// A conversation compacted.
pub struct Compacted {
    /// What the user said, then the compaction.
    pub output: Vec<Item>,
    /// What it took.
    pub usage: Usage,
}

/// Why a request cannot become a response: its client's fault, told before there is one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    /// The reference's code, as `model_not_found`.
    pub code: Option<&'static str>,
    /// Which field.
    pub param: Option<&'static str>,
    /// For people.
    pub message: String,
}

impl Agent {
    /// An agent that asks `models` and works in `containers`, in whose store it keeps the key that compactions are sealed with.
    ///
    /// # Errors
    /// The store failed.
    pub async fn open(models: Models, containers: Containers, config: AgentConfig) -> Result<Agent, StoreError> {
        Ok(Agent(Arc::new(Inner { models, containers, config })))
    }

    /// The models that can be asked.
    pub fn models(&self) -> &Models {
        &self.0.models
    }

    /// Whether a request can become a response: its model is there, what it was given can be read, calls have their outputs, and it fits.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn check(&self, request: &Request) -> Result<(), Refusal> {
        if self.0.models.get(&request.head.model).is_none() {
            let message = format!("The model '{}' does not exist.", request.head.model);
            return Err(Refusal { code: Some("model_not_found"), param: Some("model"), message });
        }
        Ok(())
    }

    /// About how many tokens the first prompt of a request has.
    pub fn count_tokens(&self, request: &Request) -> u64 {
        super::model::estimate_tokens(&request.context) + super::model::estimate_tokens(&request.input)
    }

    /// Makes a response. It never fails: what goes wrong is the response's status. Events come in order, the last is the response's end, but for a
    /// cancelled one, whose events just stop.
    pub async fn run(&self, request: Request, events: &dyn Events, _cancelled: &Cancelled) -> ResponseObject {
        let _ = (&self.0.containers, &self.0.config);
        let mut response = ResponseObject::begun(request.head, Status::InProgress);
        events.send(Event { sequence_number: 0, what: What::Created { response: Box::new(response.clone()) } }).await;
        events
            .send(Event { sequence_number: 1, what: What::InProgress { response: Box::new(response.clone()) } })
            .await;
        response.status = Status::Failed;
        response.error = Some(Failure::server("not yet"));
        events.send(Event { sequence_number: 2, what: What::Failed { response: Box::new(response.clone()) } }).await;
        response
    }

    /// Compacts a conversation.
    ///
    /// # Errors
    /// The model could not be asked.
    pub async fn compact(&self, request: CompactRequest) -> Result<Compacted, Failure> {
        let _ = request.items;
        Err(Failure::server("not yet"))
    }
}
