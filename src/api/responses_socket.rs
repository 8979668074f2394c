//! `GET /v1/responses`: responses over a WebSocket, one after another.
//!
//! A client sends `response.create` with the fields of a request; it is sent the events that a stream would have, as text frames. What is not to be
//! stored is remembered for the connection alone, and only the latest, so that the next response can go on from it. A client that goes away
//! takes the response that is being made along.

use std::time::Duration;

use axum::Extension;
use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, close_code};
use axum::extract::{RawQuery, State};
use axum::response::Response;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep_until, timeout};

use super::error::ApiError;
use super::fields::Fields;
use super::gate::Caller;
use super::json as body;
use super::response_make::{self, Remembered, Started};
use super::response_run::json_of;
use super::service::Service;
use super::socket::{self, Seat};
use super::wire::CreateResponse;
use crate::agent::item::Item;
use crate::agent::response::{ResponseObject, Status};

/// How long a connection may be open.
const LONGEST: Duration = Duration::from_secs(3600);

/// How long is waited for a client to say that it has seen the end.
const LEAVE: Duration = Duration::from_secs(1);

/// Opens a WebSocket for responses.
#[utoipa::path(get, path = "/v1/responses", tag = "responses",
    responses((status = 101, description = "A WebSocket. Text frames to the service: `{\"type\": \"response.create\", …}` with the fields of a request; from it: the events of a stream")))]
pub(super) async fn open(
    State(service): State<Service>,
    Extension(caller): Extension<Caller>,
    RawQuery(query): RawQuery,
    asked: socket::Asked,
) -> Result<Response, ApiError> {
    Fields::query(query.as_deref())?.finish()?;
    let most = usize::try_from(service.0.config.body_bytes).unwrap_or(usize::MAX);
    let (upgrade, seat) = socket::accept(&service, &caller, asked, most)?;
    let talk = Talk { service, caller, waiting: None, remembered: None };
    Ok(upgrade.on_upgrade(move |socket| attend(socket, talk, seat)))
}

async fn attend(mut socket: WebSocket, mut talk: Talk, _seat: Seat) {
    let mut stopping = talk.service.0.stopping.subscribe();
    let over = Instant::now() + LONGEST;
    let end = tokio::select! {
        end = talk.converse(&mut socket) => end,
        _ = stopping.wait_for(|stopping| *stopping) => End::Refused(close_code::AWAY, "the service is stopping"),
        () = sleep_until(over) => End::Refused(close_code::AWAY, "a connection lasts an hour; open another"),
    };
    if let End::Refused(code, reason) = end {
        let close = Message::Close(Some(CloseFrame { code, reason: reason.into() }));
        if socket.send(close).await.is_ok() {
            let seen = async { while let Some(Ok(_)) = socket.recv().await {} };
            drop(timeout(LEAVE, seen).await);
        }
    }
}

/// Why a connection ends.
enum End {
    /// Nobody is there any more.
    Gone,
    /// The service has had enough.
    Refused(u16, &'static str),
}

/// A connection.
struct Talk {
    service: Service,
    caller: Caller,
    /// A request that came while a response was being made. Until its turn nothing more is read.
    waiting: Option<Utf8Bytes>,
    /// The latest response that is not stored.
    remembered: Option<Remembered>,
}

impl Talk {
    async fn converse(&mut self, socket: &mut WebSocket) -> End {
        loop {
            let said = match self.waiting.take() {
                Some(said) => said,
                None => match hear(socket).await {
                    Ok(said) => said,
                    Err(end) => return end,
                },
            };
            if !self.caller.is_current(&self.service.0.keys) {
                return End::Refused(close_code::POLICY, "the key has been revoked");
            }
            let told = match self.answer(socket, &said).await {
                Ok(told) => told,
                Err(error) => socket.send(Message::Text(frame(&error).into())).await.map_err(|_| End::Gone),
            };
            if let Err(end) = told {
                return end;
            }
        }
    }

    /// Makes a response. The outer result tells what the client is told, the inner whether it is still there.
    async fn answer(&mut self, socket: &mut WebSocket, said: &str) -> Result<Result<(), End>, ApiError> {
        let asked = self.read(said)?;
        let (goes_on_from, store) = (asked.previous_response_id.clone(), asked.store.unwrap_or(true));
        let prepared = response_make::prepare(&self.service, &self.caller, asked, self.remembered.as_ref()).await;
        // Whatever goes wrong with what goes on from it, it is not gone on from twice.
        let last = self.remembered.take_if(|last| goes_on_from.as_ref() == Some(&last.id));
        let prepared = prepared?;
        let said: Vec<Item> = prepared.request.context.iter().chain(&prepared.request.input).cloned().collect();
        let Started { run, .. } = response_make::start(&self.service, &self.caller, prepared).await?;
        let mut events = run.follow(0).cancelling();
        loop {
            tokio::select! {
                event = events.next() => match event {
                    Some(event) => {
                        // It is JSON, and so it is UTF-8.
                        let text = Utf8Bytes::try_from(json_of(&event)).map_err(|_| ApiError::internal())?;
                        if socket.send(Message::Text(text)).await.is_err() {
                            return Ok(Err(End::Gone));
                        }
                    }
                    None => break,
                },
                heard = hear(socket), if self.waiting.is_none() => match heard {
                    Ok(said) => self.waiting = Some(said),
                    Err(end) => return Ok(Err(end)),
                },
            }
        }
        let response = run.over().await.ok_or_else(ApiError::internal)?;
        self.remember(&response, said, store, last);
        Ok(Ok(()))
    }

    /// Understands a request.
    fn read(&self, said: &str) -> Result<CreateResponse, ApiError> {
        self.service.0.admission.request(self.caller.share(), self.caller.quotas())?;
        let mut value: Value = body::parse(said.as_bytes())?;
        let kind = value.as_object_mut().and_then(|fields| fields.remove("type"));
        match kind.as_ref().and_then(Value::as_str) {
            Some("response.create") => {}
            Some(_) => return Err(ApiError::invalid_value("type", "expected 'response.create'")),
            None => return Err(ApiError::missing_parameter("type")),
        }
        let asked: CreateResponse = body::part("", value)?;
        if asked.background == Some(true) {
            return Err(ApiError::invalid_value("background", "a WebSocket has no responses in the background"));
        }
        Ok(CreateResponse { stream: Some(true), background: None, ..asked })
    }

    /// Keeps what was said in mind if nothing else does.
    fn remember(&mut self, response: &ResponseObject, mut said: Vec<Item>, store: bool, last: Option<Remembered>) {
        if store {
            self.remembered = self.remembered.take().or(last);
        } else if matches!(response.status, Status::Completed | Status::Incomplete) {
            said.extend(response.output.iter().cloned());
            self.remembered = Some(Remembered { id: response.head.id.clone(), items: said });
        }
    }
}

/// The next text that a client sends.
async fn hear(socket: &mut WebSocket) -> Result<Utf8Bytes, End> {
    loop {
        match socket.recv().await {
            Some(Ok(Message::Text(text))) => return Ok(text),
            Some(Ok(Message::Binary(_))) => {
                return Err(End::Refused(close_code::UNSUPPORTED, "only text frames are understood"));
            }
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
            Some(Ok(Message::Close(_)) | Err(_)) | None => return Err(End::Gone),
        }
    }
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
