//! `POST /v1/containers/{id}/exec`: a command in a container.

use axum::response::Response;
use tokio::task::spawn_blocking;
use tracing::Instrument as _;

use super::admission::Permit;
use super::audit::Record;
use super::error::ApiError;
use super::exec::{self, Ended};
use super::gate::Caller;
use super::json::Json;
use super::path::Within;
use super::service::Service;
use super::wire::{self, Answer, Changes, ExecRequest};
use super::{sse, telemetry};
use crate::base::Limits;
use crate::container::{ExecOptions, Landed, RunningExec};
use crate::sandbox::{Exec, Output, Stdin};

/// Runs a command in a container.
#[utoipa::path(post, path = "/v1/containers/{container_id}/exec", tag = "exec", params(("container_id" = String, Path)),
    request_body = ExecRequest,
    responses((status = 200, description = "The command ended, in whatever way; as it goes on, if streamed", content((Answer = "application/json"), (wire::ServerSentEvent = "text/event-stream")))))]
pub(super) async fn run(
    Within { service, caller, container }: Within,
    Json(asked): Json<ExecRequest>,
) -> Result<Response, ApiError> {
    service.make_room(&caller, 0).await?;
    let streamed = asked.stream.unwrap_or(false);
    let command = asked.command.clone();
    let (exec, options) = understand(asked, &container.settings.limits)?;
    let memory = container.settings.limits.memory_bytes;
    let permit = service.0.admission.admit(caller.share(), caller.quotas(), memory).await?;
    let (streams, running) = service.0.containers.start(&container.id, exec, options).await?;
    let cancel = running.canceller();
    let span = telemetry::exec(Some(&container.id));
    let job = Job { service, caller, container: container.id, command, streamed, permit };
    let events = streamed.then(|| sse::channel(job.service.0.config.keep_alive));
    let finish = job.finish(running).instrument(span);
    let Some((events, response)) = events else {
        return Ok(exec::answered(exec::attended(cancel, finish).await?));
    };
    tokio::spawn(exec::stream(events, streams, cancel, finish).in_current_span());
    Ok(response)
}

/// A command that runs.
pub(super) struct Job {
    pub service: Service,
    pub caller: Caller,
    pub container: String,
    pub command: String,
    /// Its output was told while it ran.
    pub streamed: bool,
    pub permit: Permit,
}

impl Job {
    /// Waits for its end, books it, and says what became of it.
    pub async fn finish(self, running: RunningExec) -> Result<(Answer, Record), ApiError> {
        let done = running.finish().await?;
        let (outcome, metering) = (&done.finished.outcome, &done.finished.metering);
        let root = match &done.landed {
            Landed::Committed(log) => log.root,
            Landed::Proposed(proposal) => proposal.root,
        };
        let (container, root) = (Some(self.container), Some(root.to_string()));
        let ended = Ended { container, command: &self.command, root, outcome, metering };
        let record = exec::book(&self.service, &self.caller, ended);
        drop(self.permit);
        let landed = done.landed.clone().into();
        let compared = spawn_blocking(move || {
            let changes = done.changes().map(Changes::new);
            (done, changes)
        });
        let (done, changes) = compared.await.map_err(|_| ApiError::internal().not_again())?;
        // It is committed: that it cannot be told what it changed does not make it fail.
        let changes =
            changes.inspect_err(|error| tracing::error!(%error, "what a command changed cannot be read")).ok();
        let answer = match self.streamed {
            true => Answer::streamed(done.finished.outcome, done.finished.metering),
            false => Answer::captured(done.finished),
        };
        Ok((Answer { landed: Some(landed), changes, ..answer }, record))
    }
}

/// Checks a request. Limits that hold for a whole container are not a command's to narrow.
fn understand(asked: ExecRequest, most: &Limits) -> Result<(Exec, ExecOptions), ApiError> {
    if asked.command.contains('\0') {
        return Err(ApiError::invalid_value("command", "a command has no NUL"));
    }
    let limits = asked.limits.unwrap_or_default();
    for (name, given) in [
        ("limits.memory_bytes", limits.memory_bytes.is_some()),
        ("limits.processes", limits.processes.is_some()),
        ("limits.open_files", limits.open_files.is_some()),
        ("limits.tree_bytes", limits.tree_bytes.is_some()),
        ("limits.tree_files", limits.tree_files.is_some()),
    ] {
        if given {
            return Err(ApiError::invalid_value(name, "it is a limit of the container, not of one command in it"));
        }
    }
    let mut options = ExecOptions {
        parallel: asked.parallel.unwrap_or(false),
        propose: asked.propose.unwrap_or(false),
        ..ExecOptions::default()
    };
    for (name, value) in asked.env.unwrap_or_default() {
        options.env.push(wire::variable(&name, &value)?);
    }
    options.cwd = asked.cwd.map(|cwd| wire::absolute("cwd", &cwd)).transpose()?;
    options.command = Some(asked.command.clone());
    let mut exec = Exec::bash(asked.command);
    exec.limits = Some(limits.narrow(most, asked.timeout_ms)?);
    exec.session = asked.session.unwrap_or(false);
    exec.stdin = asked.stdin.map_or(Stdin::Empty, |content| Stdin::Bytes(content.0));
    exec.output = if asked.stream.unwrap_or(false) { Output::Stream } else { Output::Capture };
    Ok((exec, options))
}
