//! Running a command for a client: its output as events, what it used in the books, its faults as errors.

use std::pin::Pin;
use std::sync::Arc;

use axum::Extension;
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use serde_json::json;
use tokio::runtime::Handle;
use tracing::Span;

use super::audit::{self, Record};
use super::error::ApiError;
use super::gate::Caller;
use super::json::Json;
use super::metrics::OutcomeLabels;
use super::service::Service;
use super::sse::{Events, Gone};
use super::telemetry;
use super::wire::{Answer, Content, Event};
use crate::sandbox::{Characters, ExecError, Metering, Outcome, Streams};

/// Bytes of output that are put into one event when more are there at once.
const EVENT_BYTES: usize = 64 << 10;

/// A command that has ended.
pub(super) struct Ended<'a> {
    /// The container it ran in, if it was one that is kept.
    pub container: Option<String>,
    pub command: &'a str,
    /// The hash of the files it left.
    pub root: Option<String>,
    pub outcome: &'a Outcome,
    pub metering: &'a Metering,
}

/// Books what a command used; returns what the audit trail is to have of it.
pub(super) fn book(service: &Service, caller: &Caller, ended: Ended<'_>) -> Record {
    let outcome = match ended.outcome {
        Outcome::Exit { exit_code: 0 } => "success",
        Outcome::Exit { .. } => "failure",
        Outcome::Signal { .. } => "signal",
        Outcome::Limit(_) => "limit",
        Outcome::Cancelled => "cancelled",
    };
    let fuel = ended.metering.fuel;
    service.0.metrics.execs.get_or_create(&OutcomeLabels { outcome }).inc();
    service.0.metrics.fuel.inc_by(fuel);
    telemetry::ended(&Span::current(), outcome, fuel);
    service.0.admission.used(caller.share(), caller.quotas(), fuel);
    let event = json!({
        "type": "command",
        "request_id": caller.request_id(),
        "key": caller.share(),
        "command": audit::redacted(ended.command),
        "outcome": ended.outcome,
        "fuel": fuel,
        "root": ended.root,
    });
    service.0.audit.record(ended.container, event)
}

/// A command's answer, and its record: the gate puts it down together with the request's.
pub(super) fn answered((answer, record): (Answer, Record)) -> Response {
    (Extension(Arc::new(record)), Json(answer)).into_response()
}

/// Waits for a command's end. If nobody waits any more, because the client has gone away, the command is cancelled; what it used is booked all the same,
/// on the runtime that this is called on.
pub(super) fn attended<T: Send + 'static>(
    cancel: impl Fn(),
    finish: impl Future<Output = T> + Send + 'static,
) -> impl Future<Output = T> {
    struct Attended<F: Future<Output: Send> + Send + 'static, C: Fn()>(Option<Pin<Box<F>>>, C, Handle);
    impl<F: Future<Output: Send> + Send + 'static, C: Fn()> Drop for Attended<F, C> {
        fn drop(&mut self) {
            if let Some(finish) = self.0.take() {
                self.1();
                self.2.spawn(finish);
            }
        }
    }
    // Made before the first poll: who never gets so far goes away, too. The runtime is kept because whoever drops this may be on none.
    let mut attended = Attended(Some(Box::pin(finish)), cancel, Handle::current());
    async move {
        let finish = attended.0.as_mut().expect("it has just been put there");
        let ended = finish.await;
        drop(attended.0.take());
        ended
    }
}

/// What a client is told of a command that could not be run.
pub(super) fn failed(error: &ExecError) -> ApiError {
    match error {
        ExecError::NotStarted { .. } => ApiError::bad_request(format!("The command could not be started: {error}.")),
        ExecError::Engine(_) | ExecError::Damaged(_) => {
            tracing::error!(%error, "a command failed on the host's side");
            ApiError::internal().not_again()
        }
    }
}

/// Sends a command's output as it comes and, when it has ended, what `finish` says. If the client goes away the command is cancelled.
pub(super) async fn stream(
    events: Events,
    streams: Streams,
    cancel: impl Fn(),
    finish: impl Future<Output = Result<(Answer, Record), ApiError>>,
) {
    let mut sequence_number = 0;
    let told = tell(&events, &mut sequence_number, streams).await;
    let mut finish = std::pin::pin!(finish);
    let answer = match told {
        Ok(()) => events.during(&mut finish).await,
        Err(Gone) => Err(Gone),
    };
    let sent = match answer {
        Ok(Ok((answer, _))) => send(&events, &Event::Completed { sequence_number, answer: &answer }).await,
        Ok(Err(error)) => {
            let (code, message) = error.told();
            send(&events, &Event::Error { sequence_number, code, message: message.into(), param: None }).await
        }
        Err(Gone) => {
            cancel();
            // What it used is booked all the same.
            drop(finish.await);
            return;
        }
    };
    drop(sent);
}

/// Sends output until both streams have ended.
async fn tell(events: &Events, sequence_number: &mut u64, streams: Streams) -> Result<(), Gone> {
    let (mut stdout, mut stderr) = (streams.stdout.map(Characters::new), streams.stderr.map(Characters::new));
    while stdout.is_some() || stderr.is_some() {
        let (more, is_stdout) = events
            .during(async {
                tokio::select! {
                    more = next(&mut stdout), if stdout.is_some() => (more, true),
                    more = next(&mut stderr), if stderr.is_some() => (more, false),
                }
            })
            .await?;
        let Some(more) = more.map(Content) else { continue };
        let (stdout, stderr) = if is_stdout { (Some(more), None) } else { (None, Some(more)) };
        send(events, &Event::Delta { sequence_number: *sequence_number, stdout, stderr }).await?;
        *sequence_number += 1;
    }
    Ok(())
}

/// What came from a stream; it is gone when it has ended.
async fn next(stream: &mut Option<Characters>) -> Option<Bytes> {
    let more = stream.as_mut()?.next(EVENT_BYTES).await;
    if more.is_none() {
        *stream = None;
    }
    more
}

async fn send(events: &Events, event: &Event<'_>) -> Result<(), Gone> {
    events.send(event.name(), event).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_finished_also_if_it_is_dropped_on_no_runtime() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("it starts");
        let (cancelled, was_cancelled) = std::sync::mpsc::channel();
        let (finished, was_finished) = tokio::sync::oneshot::channel();
        let waiting = {
            let _begun_on = runtime.enter();
            attended(move || cancelled.send(()).expect("it is waited for"), async move { finished.send(()) })
        };
        drop(waiting);
        was_cancelled.try_recv().expect("it is cancelled at once");
        runtime.block_on(was_finished).expect("it is finished later");
    }
}
