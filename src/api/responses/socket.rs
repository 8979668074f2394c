//! `GET /v1/responses`: responses over a WebSocket, one after another.
//!
//! A client sends `response.create` with the fields of a request; it is sent the events that a stream would have, as text frames. What is not to be
//! stored is remembered for the connection alone, and only the latest of each lane, so that the next response can go on from it. Lanes
//! (`stream_id`) take turns. A client that goes away takes the response that is being made along.

use std::time::Duration;

use axum::Extension;
use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, close_code};
use axum::extract::{RawQuery, State};
use axum::response::Response;
use bytes::Bytes;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep_until, timeout};

use super::make::{self, Remembered, Started};
use super::run::json_of;
use crate::agent::item::Item;
use crate::agent::response::{ResponseObject, Status};
use crate::api::error::ApiError;
use crate::api::fields::Fields;
use crate::api::gate::Caller;
use crate::api::json as body;
use crate::api::service::Service;
use crate::api::socket::{self, Seat};
use crate::api::wire::CreateResponse;

/// Lanes whose latest response is remembered; the one that was quiet for the longest is forgotten first.
const LANES: usize = 8;

/// Longest name of a lane, in characters.
const LANE_CHARS: usize = 256;

/// How long is waited for a client to say that it has seen the end.
const LEAVE: Duration = Duration::from_secs(1);

/// Opens a WebSocket for responses.
#[utoipa::path(get, path = "/v1/responses", tag = "responses",
    responses((status = 101, description = "A WebSocket. Text frames to the service: `{\"type\": \"response.create\", …}` with the fields of a request, and `stream_id` and `generate` if need be; from it: the events of a stream")))]
pub(in crate::api) async fn open(
    State(service): State<Service>,
    Extension(caller): Extension<Caller>,
    RawQuery(query): RawQuery,
    asked: socket::Asked,
) -> Result<Response, ApiError> {
    Fields::query(query.as_deref())?.finish()?;
    let most = usize::try_from(service.0.config.body_bytes).unwrap_or(usize::MAX);
    let (upgrade, seat) = socket::accept(&service, &caller, asked, most)?;
    let talk = Talk { service, caller, waiting: None, remembered: Vec::new() };
    Ok(upgrade.on_upgrade(move |socket| attend(socket, talk, seat)))
}

async fn attend(mut socket: WebSocket, mut talk: Talk, _seat: Seat) {
    let mut stopping = talk.service.0.stopping.subscribe();
    let over = Instant::now() + talk.service.0.config.response_socket;
    let end = tokio::select! {
        end = talk.converse(&mut socket) => end,
        _ = stopping.wait_for(|stopping| *stopping) => End::Refused(close_code::AWAY, "the service is stopping"),
        () = sleep_until(over) => End::TooOld,
    };
    let (code, reason) = match end {
        End::Gone => return,
        End::Refused(code, reason) => (code, reason),
        End::TooOld => {
            let why = "This connection has been open for as long as one may be. Open another to go on.";
            let error = ApiError::bad_request(why).with_code("websocket_connection_limit_reached");
            drop(timeout(LEAVE, tell(&mut socket, frame(&error).into(), &None)).await);
            (close_code::AWAY, "the connection is too old")
        }
    };
    let close = Message::Close(Some(CloseFrame { code, reason: reason.into() }));
    let leave = async {
        if socket.send(close).await.is_ok() {
            while let Some(Ok(_)) = socket.recv().await {}
        }
    };
    drop(timeout(LEAVE, leave).await);
}

/// Why a connection ends.
enum End {
    /// Nobody is there any more.
    Gone,
    /// The service has had enough.
    Refused(u16, &'static str),
    /// It has been open for as long as it may be.
    TooOld,
}

/// A connection.
struct Talk {
    service: Service,
    caller: Caller,
    /// A request that came while a response was being made. Until its turn nothing more is read.
    waiting: Option<Utf8Bytes>,
    /// The latest response of each lane that is not stored; the latest of all comes last.
    remembered: Vec<(Lane, Remembered)>,
}

/// What a client calls a sequence of responses, if it has several on one connection.
type Lane = Option<String>;

impl Talk {
    async fn converse(&mut self, socket: &mut WebSocket) -> End {
        loop {
            let said = match self.waiting.take() {
                Some(said) => said,
                None => match self.hear(socket).await {
                    Ok(said) => said,
                    Err(end) => return end,
                },
            };
            if !self.caller.is_current(&self.service.0.keys) {
                return End::Refused(close_code::POLICY, "the key has been revoked");
            }
            let mut lane = None;
            let told = match self.answer(socket, &said, &mut lane).await {
                Ok(told) => told,
                Err(error) => tell(socket, frame(&error).into(), &lane).await,
            };
            if let Err(end) = told {
                return end;
            }
        }
    }

    /// Makes a response. The outer result tells what the client is told, the inner whether it is still there.
    async fn answer(
        &mut self,
        socket: &mut WebSocket,
        said: &str,
        lane: &mut Lane,
    ) -> Result<Result<(), End>, ApiError> {
        self.service.0.admission.request(self.caller.share(), self.caller.quotas())?;
        let value: Value = body::parse(said.as_bytes())?;
        if value["type"] == "response.steer" {
            return Ok(tell(socket, steering_failed(&value).into(), lane).await);
        }
        let asked = read(value, lane)?;
        let (goes_on_from, store) = (asked.previous_response_id.clone(), asked.store.unwrap_or(true));
        let at = self.remembered.iter().position(|(_, last)| goes_on_from.as_ref() == Some(&last.id));
        let known = at.map(|at| &self.remembered[at].1);
        let prepared = make::prepare(&self.service, &self.caller, asked, known).await;
        // Whatever goes wrong with what goes on from it, it is not gone on from twice.
        let last = at.map(|at| self.remembered.remove(at));
        let prepared = prepared?;
        let said: Vec<Item> = prepared.request.context.iter().chain(&prepared.request.input).cloned().collect();
        let Started { run, .. } = make::start(&self.service, &self.caller, prepared).await?;
        let mut events = run.follow(0).cancelling();
        loop {
            tokio::select! {
                event = events.next() => match event {
                    Some(event) => {
                        // It is JSON, and so it is UTF-8.
                        let text = Utf8Bytes::try_from(json_of(&event)).map_err(|_| ApiError::internal())?;
                        if let Err(end) = tell(socket, text, lane).await {
                            return Ok(Err(end));
                        }
                    }
                    None => break,
                },
                heard = self.hear(socket), if self.waiting.is_none() => match heard {
                    Ok(said) => self.waiting = Some(said),
                    Err(end) => return Ok(Err(end)),
                },
            }
        }
        let response = run.over().await.ok_or_else(ApiError::internal)?;
        self.remember(&response, said, store, lane, last);
        Ok(Ok(()))
    }

    /// Keeps what was said in mind if nothing else does, or not all of it: `last` is what it goes on from, if that is not stored.
    fn remember(
        &mut self,
        response: &ResponseObject,
        mut said: Vec<Item>,
        store: bool,
        lane: &Lane,
        last: Option<(Lane, Remembered)>,
    ) {
        let is_good = matches!(response.status, Status::Completed | Status::Incomplete);
        let is_kept = store && last.is_none();
        self.remembered.extend(last.filter(|(other, _)| is_good && other != lane));
        if is_good && !is_kept {
            said.extend(response.output.iter().cloned());
            self.remembered.retain(|(other, _)| other != lane);
            self.remembered.push((lane.clone(), Remembered { id: response.head.id.clone(), items: said }));
        }
        if self.remembered.len() > LANES {
            self.remembered.remove(0);
        }
    }

    /// The next text that the client sends. While it is silent it is asked whether it is there.
    async fn hear(&self, socket: &mut WebSocket) -> Result<Utf8Bytes, End> {
        loop {
            let Ok(heard) = timeout(self.service.0.config.keep_alive, socket.recv()).await else {
                socket.send(Message::Ping(Bytes::new())).await.map_err(|_| End::Gone)?;
                continue;
            };
            match heard {
                Some(Ok(Message::Text(text))) => return Ok(text),
                Some(Ok(Message::Binary(_))) => {
                    return Err(End::Refused(close_code::UNSUPPORTED, "only text frames are understood"));
                }
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                // What is wrong can be told from the words alone.
                Some(Err(error)) if error.to_string().starts_with("Space limit exceeded") => {
                    return Err(End::Refused(close_code::SIZE, "a message is larger than the limit for bodies"));
                }
                Some(Ok(Message::Close(_)) | Err(_)) | None => return Err(End::Gone),
            }
        }
    }
}

/// Understands a request.
fn read(mut value: Value, lane: &mut Lane) -> Result<CreateResponse, ApiError> {
    let mut field = |name| value.as_object_mut().and_then(|fields| fields.remove(name)).filter(|one| !one.is_null());
    let (kind, generate, stream_id) = (field("type"), field("generate"), field("stream_id"));
    *lane = stream_id.map(lane_name).transpose()?;
    match kind.as_ref().and_then(Value::as_str) {
        Some("response.create") => {}
        Some(_) => return Err(ApiError::invalid_value("type", "expected 'response.create'")),
        None => return Err(ApiError::missing_parameter("type")),
    }
    let generate = generate.map(|value| body::part("generate", value)).transpose()?;
    let asked: CreateResponse = body::part("", value)?;
    if asked.background == Some(true) {
        return Err(ApiError::invalid_value("background", "a WebSocket has no responses in the background"));
    }
    Ok(CreateResponse { stream: Some(true), background: None, generate, ..asked })
}

/// The name of a lane: letters, digits, `_`, `.` and `-`, so that it can be written as it is.
fn lane_name(value: Value) -> Result<String, ApiError> {
    let name: String = body::part("stream_id", value)?;
    let is_plain = name.chars().all(|letter| letter.is_ascii_alphanumeric() || "_.-".contains(letter));
    if !is_plain || name.is_empty() || name.len() > LANE_CHARS {
        let why = format!("expected 1 to {LANE_CHARS} letters, digits, '_', '.' and '-'");
        return Err(ApiError::invalid_value("stream_id", why));
    }
    Ok(name)
}

/// Sends an event, with its lane.
async fn tell(socket: &mut WebSocket, event: Utf8Bytes, lane: &Lane) -> Result<(), End> {
    let event = match lane {
        Some(lane) => format!(r#"{{"stream_id":"{lane}",{}"#, event.trim_start_matches('{')).into(),
        None => event,
    };
    socket.send(Message::Text(event)).await.map_err(|_| End::Gone)
}

/// What a client is told that would say something to a response which is being made: it is said in the next request.
fn steering_failed(steer: &Value) -> String {
    let message = "Responses cannot be steered here; send the input with the next 'response.create'.";
    let error = json!({ "type": "invalid_request_error", "code": "steering_not_supported", "message": message });
    let steer = json!({ "input": steer["input"], "previous_response_id": steer["previous_response_id"] });
    json!({ "type": "response.steer.failed", "sequence_number": 0, "error": error, "steer": steer }).to_string()
}

/// An error as an event of its own. Other than in an answer, its code is never null.
fn frame(error: &ApiError) -> String {
    let body: Value = serde_json::from_slice(&error.body()).unwrap_or_default();
    let mut detail = body["error"].clone();
    if detail["code"].is_null() {
        detail["code"] = detail["type"].clone();
    }
    json!({ "type": "error", "sequence_number": 0, "status": error.status(), "error": detail }).to_string()
}
