//! `/v1/responses`: a model and its tools answer, at once, as a stream of events, or while nobody waits.

mod make;
mod request;
pub(super) mod run;
pub(super) mod socket;
pub(super) mod store;
mod tools;
mod workplace;

use axum::Extension;
use axum::extract::{RawQuery, Request, State};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use futures_util::stream;

use crate::agent::item::Item;
use crate::agent::{CompactError, CompactRequest, ResponseObject};
use crate::api::conversations::{item_page, shown};
use crate::api::error::ApiError;
use crate::api::fields::Fields;
use crate::api::gate::Caller;
use crate::api::items::{self, Shown};
use crate::api::json::{self, Json};
use crate::api::kept;
use crate::api::path::Named;
use crate::api::service::Service;
use crate::api::sse;
use crate::api::wire::{CompactContext, CompactedObject, CreateResponse, Deleted, List, ServerSentEvent, TokenCount};
use crate::base::id;
use make::Started;
use run::{Follower, Run, retold};

/// Makes a response.
#[utoipa::path(post, path = "/v1/responses", tag = "responses", request_body = CreateResponse,
    responses((status = 200, description = "The response, or with `stream` its events",
        content((ResponseObject = "application/json"), (ServerSentEvent = "text/event-stream")))))]
pub(super) async fn create(
    State(service): State<Service>,
    Extension(caller): Extension<Caller>,
    request: Request,
) -> Result<Response, ApiError> {
    let asked: CreateResponse = json::read(&service, request).await?;
    let prepared = make::prepare(&service, &caller, asked, None).await?;
    let stream = prepared.stream;
    let Started { run, begun } = make::start(&service, &caller, prepared).await?;
    // It is made for this client alone, and ends with it.
    let follower = |run: &std::sync::Arc<Run>| if run.background { run.follow(0) } else { run.follow(0).cancelling() };
    if stream {
        return Ok(events(&service, follower(&run)));
    }
    if run.background {
        return Ok(Json(begun).into_response());
    }
    let _client_gone = follower(&run);
    let response = run.over().await.ok_or_else(|| ApiError::internal().not_again())?;
    Ok(Json(response).into_response())
}

/// A stream of a response's events.
fn events(service: &Service, follower: Follower) -> Response {
    let frames = stream::unfold(follower, |mut follower| async move { Some((follower.next().await?, follower)) });
    sse::response(service.0.config.keep_alive, frames)
}

/// A response, or with `stream` its events again, from any of them on.
#[utoipa::path(get, path = "/v1/responses/{response_id}", tag = "responses",
    params(("response_id" = String, Path), ("stream" = Option<bool>, Query),
        ("starting_after" = Option<u64>, Query, description = "The number of the event after which to begin")),
    responses((status = 200, description = "The response, or with `stream` its events",
        content((ResponseObject = "application/json"), (ServerSentEvent = "text/event-stream")))))]
pub(super) async fn get(Named { service, caller, id }: Named, RawQuery(query): RawQuery) -> Result<Response, ApiError> {
    let mut fields = Fields::query(query.as_deref())?;
    let (stream, after) = (fields.boolean("stream")?.unwrap_or(false), fields.number::<u64>("starting_after")?);
    fields.boolean("include_obfuscation")?;
    fields.list("include");
    fields.finish()?;
    // First here: whatever is not here any more has been kept.
    let run = running(&service, &caller, &id);
    if let Some(run) = &run
        && stream
    {
        let next = after.map_or(0, |after| usize::try_from(after).unwrap_or(usize::MAX).saturating_add(1));
        return Ok(events(&service, run.follow(next)));
    }
    if let Some(object) = run.and_then(|run| run.object()) {
        return Ok(Json(object).into_response());
    }
    let record = store::find(&service, &caller, &id).await?;
    if !stream {
        return Ok(Json(store::response(&service, &record).await?).into_response());
    }
    let frames = frames(&store::events(&service, &record).await?, after);
    let frames = match frames {
        Some(frames) => frames,
        None => retold(&store::response(&service, &record).await?, after),
    };
    Ok(sse::response(service.0.config.keep_alive, stream::iter(frames)))
}

/// Kept events, one by one, from the one behind number `after` on; `None` if none are kept.
fn frames(kept: &Bytes, after: Option<u64>) -> Option<Vec<Bytes>> {
    const END: &[u8] = b"\n\n";
    let (mut frames, mut from) = (Vec::new(), 0);
    while let Some(length) = kept[from..].windows(END.len()).position(|window| window == END) {
        frames.push(kept.slice(from..from + length + END.len()));
        from += length + END.len();
    }
    let passed = after.map_or(0, |after| usize::try_from(after).unwrap_or(usize::MAX).saturating_add(1));
    let is_there = !frames.is_empty();
    frames.drain(..passed.min(frames.len()));
    is_there.then_some(frames)
}

/// The response with this id, if it is being made here and the caller may know of it.
fn running(service: &Service, caller: &Caller, id: &str) -> Option<std::sync::Arc<Run>> {
    // What is not stored is known to its own client alone.
    service.0.runs.get(id).filter(|run| caller.may_see(run.owner.as_deref()) && run.is_stored)
}

/// Removes a response. One that is being made is cancelled.
#[utoipa::path(delete, path = "/v1/responses/{response_id}", tag = "responses", params(("response_id" = String, Path)),
    responses((status = 200, description = "It is gone", body = Deleted)))]
pub(super) async fn remove(Named { service, caller, id }: Named) -> Result<Json<Deleted>, ApiError> {
    if let Some(run) = running(&service, &caller, &id) {
        run.canceller.cancel();
        run.ended().await;
    }
    store::find(&service, &caller, &id).await?;
    store::remove(&service, &id).await?;
    Ok(Json(Deleted::new(id, "response")))
}

/// Cancels a response that is being made in the background. Asking twice does no harm.
#[utoipa::path(post, path = "/v1/responses/{response_id}/cancel", tag = "responses", params(("response_id" = String, Path)),
    responses((status = 200, description = "The response as it is now", body = ResponseObject)))]
pub(super) async fn cancel(Named { service, caller, id }: Named) -> Result<Json<ResponseObject>, ApiError> {
    if let Some(run) = running(&service, &caller, &id) {
        if !run.background {
            return Err(not_background(&id));
        }
        run.canceller.cancel();
        run.ended().await;
    }
    let record = store::find(&service, &caller, &id).await?;
    let response = store::response(&service, &record).await?;
    match (response.head.background, response.status.is_final()) {
        (false, _) => Err(not_background(&id)),
        (true, false) => Err(ApiError::conflict("response_busy", "The response is being made elsewhere; try again.")),
        (true, true) => Ok(Json(response)),
    }
}

fn not_background(id: &str) -> ApiError {
    ApiError::bad_request(format!("Cannot cancel the response '{id}': only responses in the background can be."))
}

/// Lists a response's input.
#[utoipa::path(get, path = "/v1/responses/{response_id}/input_items", tag = "responses",
    params(("response_id" = String, Path), ("limit" = Option<u32>, Query), ("order" = Option<String>, Query), ("after" = Option<String>, Query)),
    responses((status = 200, description = "A page of it", body = List<Item>)))]
pub(super) async fn input_items(
    Named { service, caller, id }: Named,
    RawQuery(query): RawQuery,
) -> Result<Json<List<Shown>>, ApiError> {
    let page = item_page(query.as_deref())?;
    let record = store::find(&service, &caller, &id).await?;
    Ok(Json(shown(page, store::input(&service, &record).await?)))
}

/// Counts the tokens of a context, about.
#[utoipa::path(post, path = "/v1/responses/input_tokens", tag = "responses", request_body = CreateResponse,
    responses((status = 200, description = "How many", body = TokenCount)))]
pub(super) async fn input_tokens(
    State(service): State<Service>,
    Extension(caller): Extension<Caller>,
    request: Request,
) -> Result<Json<TokenCount>, ApiError> {
    let mut asked: CreateResponse = json::read(&service, request).await?;
    asked.model = asked.model.or_else(|| service.0.agent.models().names().next().map(str::to_owned));
    let prepared = make::prepare(&service, &caller, asked, None).await?;
    Ok(Json(TokenCount::new(service.0.agent.count_tokens(&prepared.request))))
}

/// Makes a context shorter. Nothing is kept.
#[utoipa::path(post, path = "/v1/responses/compact", tag = "responses", request_body = CompactContext,
    responses((status = 200, description = "What to go on from", body = CompactedObject)))]
pub(super) async fn compact(
    State(service): State<Service>,
    Extension(caller): Extension<Caller>,
    request: Request,
) -> Result<Json<CompactedObject>, ApiError> {
    let asked: CompactContext = json::read(&service, request).await?;
    let model = asked.model.filter(|model| !model.is_empty()).ok_or_else(|| ApiError::missing_parameter("model"))?;
    if service.0.agent.models().get(&model).is_none() {
        return Err(ApiError::no_model(&model));
    }
    let mut context = match &asked.previous_response_id {
        Some(id) => store::context(&service, &caller, id).await?,
        None => Vec::new(),
    };
    let mut input = request::input(asked.input, asked.previous_response_id.is_some())?;
    items::complete(&mut input);
    context.append(&mut input);
    let instructions = asked.instructions.unwrap_or_default();
    let request = CompactRequest { model, instructions, items: context, owner: caller.owner() };
    let compacted = service.0.agent.compact(request).await.map_err(|error| match error {
        CompactError::Refused(refusal) => ApiError::refused(refusal),
        CompactError::Failed(failure) => ApiError::failed(failure),
    })?;
    let (id, created_at) = (id::new("resp_"), kept::now_ms().div_euclid(1000));
    Ok(Json(CompactedObject::new(id, created_at, compacted)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kept_events_are_told_from_any_of_them_on() {
        let kept = Bytes::from_static(b"event: a\ndata: 0\n\nevent: b\ndata: 1\n\n");
        assert_eq!(frames(&kept, None).map(|frames| frames.len()), Some(2));
        assert_eq!(frames(&kept, Some(0)).expect("they are kept"), [&b"event: b\ndata: 1\n\n"[..]]);
        assert_eq!(frames(&kept, Some(1)).map(|frames| frames.len()), Some(0));
        assert_eq!(frames(&kept, Some(u64::MAX)).map(|frames| frames.len()), Some(0));
        assert_eq!(frames(&Bytes::new(), None), None);
    }
}
