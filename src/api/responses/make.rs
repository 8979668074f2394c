//! Making a response: what it goes on from is found, it runs as a task of its own, and how it ended is kept before it is told.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::FutureExt as _;
use tracing::Instrument as _;

use super::request::{self, Asked};
use super::run::{Place, Run};
use super::store::{self, Parts};
use super::tools::{AskedShell, AutoShell};
use super::workplace::{self, failure};
use crate::agent::item::{Content, Item, Part};
use crate::agent::response::{Failure, ResponseObject, Status};
use crate::agent::{Cancelled, Environment, Governor, Prices, Request, Tool, cancellation};
use crate::api::containers;
use crate::api::conversations;
use crate::api::error::ApiError;
use crate::api::files;
use crate::api::gate::Caller;
use crate::api::items;
use crate::api::kept;
use crate::api::references;
use crate::api::service::Service;
use crate::api::skills;
use crate::api::telemetry;
use crate::api::wire::{CreateContainer, CreateResponse};

/// What containers that responses make for themselves are called.
const CONTAINER: &str = "auto";

/// A response that could be made: everything it needs has been found.
pub(super) struct Prepared {
    /// Whether its answer is a stream.
    pub stream: bool,
    /// What the agent is to do. Its input has ids.
    pub request: Request,
}

/// A response that nobody but its connection knows of, to be gone on from.
pub(super) struct Remembered {
    pub id: String,
    /// All that was said, its own output last.
    pub items: Vec<Item>,
}

/// Understands a request and finds what it goes on from, in the store or in what the connection remembers.
pub(super) async fn prepare(
    service: &Service,
    caller: &Caller,
    asked: CreateResponse,
    remembered: Option<&Remembered>,
) -> Result<Prepared, ApiError> {
    let asked = request::understand(asked, kept::now_ms().div_euclid(1000))?;
    let context = match (&asked.head.previous_response_id, &asked.conversation) {
        (Some(id), _) => match remembered.filter(|remembered| remembered.id == *id) {
            Some(remembered) => remembered.items.clone(),
            None => store::context(service, caller, id).await?,
        },
        (None, Some(id)) => conversations::load(service, &conversations::find(service, caller, id).await?).await?,
        (None, None) => Vec::new(),
    };
    let stream = asked.stream;
    let request = request(service, caller, asked, context).await?;
    service.0.agent.check(&request).map_err(|refusal| match refusal.code {
        Some("model_not_found") => ApiError::no_model(&request.head.model),
        _ => ApiError::refused(refusal),
    })?;
    Ok(Prepared { stream, request })
}

/// The request that the agent is given.
async fn request(service: &Service, caller: &Caller, asked: Asked, context: Vec<Item>) -> Result<Request, ApiError> {
    let mut input = references::resolve(service, caller, asked.input, &context).await?;
    name_files(service, caller, &mut input).await?;
    items::complete(&mut input);
    let mut tools: Vec<Tool> = asked.tools.client.into_iter().map(Tool::Client).collect();
    let mut plan = None;
    if let Some(shell) = asked.tools.shell {
        tools.push(Tool::Shell(match shell {
            AskedShell::Auto(auto) => {
                let found = containers::plan(service, caller, container(auto)).await?;
                let skills = found.skills().to_vec();
                plan = Some(found);
                Environment::Auto { skills }
            }
            AskedShell::Reference(id) => {
                let container_id = containers::find(service, caller, &id).await?.id;
                let skills = skills::in_container(service, &container_id).await?;
                Environment::Reference { container_id, skills }
            }
            AskedShell::Local(skills) => Environment::Local { skills },
        }));
    }
    if asked.tools.apply_patch {
        tools.push(Tool::ApplyPatch);
    }
    let workplace = workplace::Place::new(service.clone(), caller.clone(), asked.head.id.clone(), plan);
    let prices = service.0.agent.models().price(&asked.head.model).map(Prices::from).unwrap_or_default();
    let governor = Governor {
        policy: caller.policy(&service.0.config.policy)?.and(&asked.policy),
        approvals: service.0.approvals.clone(),
        owner: caller.owner(),
        response_id: asked.head.id.clone(),
        by: caller.share().to_owned(),
    };
    Ok(Request {
        head: asked.head,
        instructions: asked.instructions,
        context,
        input,
        owner: caller.owner(),
        tools,
        choice: asked.choice,
        allowed: asked.allowed,
        format: asked.format,
        sampling: asked.sampling,
        compact_threshold: asked.compact_threshold,
        seal_reasoning: asked.seal_reasoning,
        generate: asked.generate,
        budget: governor.policy.budget(prices),
        workplace: Arc::new(workplace),
        judge: Arc::new(governor),
    })
}

/// What a response's own container is made as.
fn container(auto: AutoShell) -> CreateContainer {
    CreateContainer {
        name: CONTAINER.into(),
        expires_after: None,
        file_ids: auto.file_ids,
        memory_limit: auto.memory_limit,
        network_policy: auto.network_policy,
        skills: auto.skills,
    }
}

/// Checks that the uploaded files that items name are there, and says what they are called.
async fn name_files(service: &Service, caller: &Caller, items: &mut [Item]) -> Result<(), ApiError> {
    for item in items {
        let parts = match item {
            Item::Message(message) => &mut message.content,
            Item::FunctionCallOutput(output) | Item::CustomToolCallOutput(output) => match &mut output.output {
                Content::Parts(parts) => parts,
                Content::Text(_) => continue,
            },
            _ => continue,
        };
        for part in parts {
            match part {
                Part::InputImage { file_id: Some(id), .. } => drop(files::find(service, caller, id).await?),
                Part::InputFile { file_id: Some(id), filename, .. } => {
                    let record = files::find(service, caller, id).await?;
                    filename.get_or_insert(files::filename(&record)?);
                }
                _ => {}
            }
        }
    }
    Ok(())
}

/// A response that is being made.
pub(super) struct Started {
    /// What happens to it.
    pub run: Arc<Run>,
    /// What it was when it began.
    pub begun: ResponseObject,
}

/// Starts a response. It goes on to its end, or until it is cancelled, whoever waits for it.
pub(super) async fn start(service: &Service, caller: &Caller, prepared: Prepared) -> Result<Started, ApiError> {
    let Prepared { stream, request } = prepared;
    let head = &request.head;
    let (canceller, cancelled) = cancellation();
    let is_followed = stream || head.background;
    let run = Run::new(head, caller.owner(), is_followed, canceller);
    let place = service.0.runs.enter(run)?;
    let begun = ResponseObject::begun(head.clone(), if head.background { Status::Queued } else { Status::InProgress });
    if head.background {
        let parts = Parts { response: &begun, input: &request.input, events: Bytes::new() };
        store::begin(service, caller.owner(), &parts).await?;
    }
    let run = place.run.clone();
    let span = telemetry::response(&head.id, &head.model);
    tokio::spawn(make(service.clone(), caller.clone(), request, place, cancelled).instrument(span));
    Ok(Started { run, begun })
}

async fn make(service: Service, caller: Caller, request: Request, place: Place, cancelled: Cancelled) {
    let (head, input, run) = (request.head.clone(), request.input.clone(), &place.run);
    let made = AssertUnwindSafe(service.0.agent.run(request, &**run, &cancelled)).catch_unwind().await;
    let mut response = made.unwrap_or_else(|_| {
        let message = "The server had an error while making this response.";
        ended(ResponseObject::begun(head, Status::Failed), Failure::server(message))
    });
    if let Some(failure) = run.overflow() {
        response = ended(response, failure);
    } else if response.status == Status::Cancelled && *service.0.stopping.borrow() {
        response = ended(response, Failure::server("The service was stopped while it made this response."));
    }
    telemetry::made(response.status.name());
    let events = run.frames_until(&response);
    let parts = Parts { response: &response, input: &input, events };
    // In batches, what is asked for meanwhile waits; what was acknowledged in the background is kept first all the same.
    let is_told_first = !service.0.config.batch.is_zero() && !response.head.background;
    if is_told_first {
        run.end(&response);
    }
    if let Err(error) = store::finish(&service, &caller, &parts).await {
        tracing::error!(?error, id = response.head.id, "a response could not be kept");
        response = ended(response, failure(&error));
    }
    if !is_told_first {
        run.end(&response);
    }
}

/// A response that failed after all.
fn ended(response: ResponseObject, failure: Failure) -> ResponseObject {
    ResponseObject {
        status: Status::Failed,
        completed_at: None,
        incomplete_details: None,
        error: Some(failure),
        ..response
    }
}
