//! What an agent's run finds around it: containers, files, its turn to run commands, and the books, all of its caller's.

use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use serde_json::json;
use tracing::Span;

use crate::agent::item::{CommandOutcome, CommandOutput};
use crate::agent::response::Failure;
use crate::agent::{Permit, Ran, Workplace};
use crate::api::audit;
use crate::api::containers::{self, Plan};
use crate::api::error::ApiError;
use crate::api::files;
use crate::api::gate::Caller;
use crate::api::metrics::OutcomeLabels;
use crate::api::service::Service;
use crate::api::telemetry;
use crate::storage::ContainerStatus;

/// A caller's part of the service.
pub(super) struct Place {
    service: Service,
    caller: Caller,
    /// The response, for the record.
    response: String,
    /// What a new container is to be.
    plan: Mutex<Option<Plan>>,
    /// The container that was asked about last, and the memory that its commands may use.
    memory: Mutex<Option<(String, u64)>>,
    /// The span of the call that is being run.
    call: Mutex<Span>,
}

impl Place {
    pub fn new(service: Service, caller: Caller, response: String, plan: Option<Plan>) -> Place {
        Place {
            service,
            caller,
            response,
            plan: Mutex::new(plan),
            memory: Mutex::default(),
            call: Mutex::new(Span::none()),
        }
    }

    async fn usable(&self, id: &str) -> bool {
        let found = containers::find(&self.service, &self.caller, id).await;
        found.is_ok_and(|container| container.status == ContainerStatus::Active)
    }

    async fn make(&self) -> Result<String, Failure> {
        let plan = self.plan.lock().unwrap_or_else(PoisonError::into_inner).take();
        let plan = plan.ok_or_else(|| Failure::server("this response has no container of its own"))?;
        Ok(plan.make(&self.service).await.map_err(|error| failure(&error))?.id)
    }

    async fn memory_of(&self, id: &str) -> Result<u64, ApiError> {
        if let Some((known, bytes)) = &*self.memory.lock().unwrap_or_else(PoisonError::into_inner)
            && known == id
        {
            return Ok(*bytes);
        }
        let bytes = self.service.0.containers.get(id).await?.settings.limits.memory_bytes;
        *self.memory.lock().unwrap_or_else(PoisonError::into_inner) = Some((id.to_owned(), bytes));
        Ok(bytes)
    }
}

impl Workplace for Place {
    fn container<'a>(&'a self, earlier: Option<&'a str>) -> BoxFuture<'a, Result<String, Failure>> {
        Box::pin(async move {
            match earlier {
                Some(id) if self.usable(id).await => {
                    let plan = self.plan.lock().unwrap_or_else(PoisonError::into_inner).take();
                    if let Some(plan) = plan {
                        plan.fill(&self.service, id).await.map_err(|error| failure(&error))?;
                    }
                    Ok(id.to_owned())
                }
                _ => self.make().await,
            }
        })
    }

    fn file<'a>(&'a self, file_id: &'a str) -> BoxFuture<'a, Result<(String, Bytes), Failure>> {
        Box::pin(async move {
            let file = async {
                let record = files::find(&self.service, &self.caller, file_id).await?;
                Ok((files::filename(&record)?, files::read(&self.service, &record).await?))
            };
            file.await.map_err(|error: ApiError| failure(&error))
        })
    }

    fn admit<'a>(&'a self, container: &'a str) -> BoxFuture<'a, Result<Permit, Failure>> {
        Box::pin(async move {
            let permit = async {
                self.service.make_room(&self.caller, 0).await?;
                let memory = self.memory_of(container).await?;
                self.service.0.admission.admit_step(self.caller.share(), self.caller.quotas(), memory).await
            };
            let permit = permit.await.map_err(|error| failure(&error))?;
            let span = telemetry::exec(Some(container));
            *self.call.lock().unwrap_or_else(PoisonError::into_inner) = span.clone();
            // The span ends with the call.
            Ok(Box::new((permit, span)) as Permit)
        })
    }

    fn ran<'a>(&'a self, call: &'a Ran<'a>) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            let inner = &self.service.0;
            let span = std::mem::replace(&mut *self.call.lock().unwrap_or_else(PoisonError::into_inner), Span::none());
            let worst = call.output.iter().map(outcome).find(|outcome| *outcome != "success");
            telemetry::ended(&span, worst.unwrap_or("success"), call.fuel);
            for outcome in call.output.iter().map(outcome) {
                inner.metrics.execs.get_or_create(&OutcomeLabels { outcome }).inc();
            }
            inner.metrics.fuel.inc_by(call.fuel);
            inner.admission.used(self.caller.share(), self.caller.quotas(), call.fuel);
            let event = json!({
                "type": "tool_call",
                "request_id": self.caller.request_id(),
                "response_id": self.response,
                "key": self.caller.share(),
                "tool": call.tool,
                "commands": call.commands.iter().map(|command| audit::redacted(command)).collect::<Vec<_>>(),
                "outcomes": call.output.iter().map(|output| output.outcome).collect::<Vec<_>>(),
                "fuel": call.fuel,
                "root": call.root,
                "proposal": call.proposal,
            });
            inner.audit.add(Some(call.container.to_owned()), event).await;
        })
    }
}

/// How a command ended, as it is counted.
fn outcome(output: &CommandOutput) -> &'static str {
    match output.outcome {
        CommandOutcome::Exit { exit_code: 0 } => "success",
        CommandOutcome::Exit { .. } => "failure",
        CommandOutcome::Timeout => "limit",
    }
}

/// What a response says of what the service refused.
pub(super) fn failure(error: &ApiError) -> Failure {
    let (code, message) = error.told();
    match code {
        "rate_limit_exceeded" => Failure::used_up(message),
        _ => Failure::server(message),
    }
}
