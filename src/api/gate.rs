//! What every request passes: its id, who asks and from where, what that key may do, the log and the figures.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::header::{AUTHORIZATION, HOST, HeaderName, HeaderValue, ORIGIN, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, Method, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt as _;
use serde_json::json;
use tracing::Instrument as _;

use super::audit::Record;
use super::error::ApiError;
use super::keys::{Key, Keys, Quotas, Scope};
use super::metrics::{RequestLabels, RouteLabels};
use super::service::Service;
use super::telemetry;
use crate::agent::Policy;
use crate::base::id;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const PROCESSING_MS: HeaderName = HeaderName::from_static("openai-processing-ms");

/// Names of this machine that nobody else can own: a page of another site cannot be served under them.
const LOOPBACK: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];

/// A listener's gate.
#[derive(Clone)]
pub(super) struct Gate {
    pub service: Service,
    /// Whether `Host` and `Origin` must be of this machine or of [`ApiConfig::hosts`](super::ApiConfig::hosts).
    pub check_hosts: bool,
}

/// Who asks: in the extensions of every request that passed.
#[derive(Clone)]
pub(super) struct Caller {
    key: Option<Arc<Key>>,
    quotas: Quotas,
    request_id: Arc<str>,
}

impl Caller {
    /// The request's id.
    pub fn request_id(&self) -> &str {
        &self.request_id
    }

    /// Whose share of the machine is used.
    pub fn share(&self) -> &str {
        self.key.as_ref().map_or("", |key| &key.id)
    }

    /// Whose things are made and listed; `None`: nobody's in particular, and everybody's.
    pub fn owner(&self) -> Option<String> {
        self.key.as_ref().map(|key| key.owner.clone())
    }

    /// What its agents may do: what the key's policy and the service's both allow.
    pub fn policy(&self, of_service: &Policy) -> Result<Policy, ApiError> {
        let of_key = self.key.as_ref().and_then(|key| key.policy.clone()).unwrap_or_default();
        let of_key = Policy::new(of_key).map_err(|error| {
            tracing::error!(%error, key = self.share(), "the policy of a key cannot be");
            ApiError::internal()
        })?;
        Ok(of_service.clone().and(&of_key))
    }

    /// Whether something of `owner` may be known to the caller.
    pub fn may_see(&self, owner: Option<&str>) -> bool {
        self.key.as_ref().is_none_or(|key| owner == Some(key.owner.as_str()))
    }

    /// Whether the caller would be let in now, too: its key may have been revoked meanwhile.
    pub fn is_current(&self, keys: &Keys) -> bool {
        self.key.as_ref().map_or(!keys.required(), |key| keys.is_current(key))
    }

    /// How much of it.
    pub fn quotas(&self) -> &Quotas {
        &self.quotas
    }
}

/// Lets a request through, or answers it.
pub(super) async fn pass(State(gate): State<Gate>, mut request: Request, next: Next) -> Response {
    let started = Instant::now();
    let request_id: Arc<str> = id::new("req_").into();
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let route = request.extensions().get::<MatchedPath>().map_or("none", MatchedPath::as_str).to_owned();
    let span = telemetry::request(&method, &route, &path, &request_id, request.headers());
    // Begun before there is an answer: that a client went away before it is on record too.
    let mut record = gate.record(&method, &path, &request_id);
    let (mut response, key) = match gate.admit(&request, &request_id) {
        Ok(caller) => {
            let key = caller.share().to_owned();
            record.iter_mut().for_each(|record| record.tell("key", key.as_str()));
            request.extensions_mut().insert(caller);
            let (head, body) = request.into_parts();
            // Kept until there is an answer: until then somebody may have the bytes.
            let (body, _hold) = gate.service.0.bodies.count(body);
            let request = Request::from_parts(head, body);
            // A handler that panics is a bug; it must not take the connection and the other requests on it along.
            let answer = AssertUnwindSafe(next.run(request)).catch_unwind().instrument(span.clone()).await;
            (answer.unwrap_or_else(|_| ApiError::internal().into_response()), key)
        }
        Err(error) => (error.into_response(), String::new()),
    };
    let (elapsed, status) = (started.elapsed(), response.status().as_u16());
    telemetry::answered(&span, status, &key);
    let headers = response.headers_mut();
    headers.insert(PROCESSING_MS, HeaderValue::from(elapsed.as_millis() as u64));
    if let Ok(value) = HeaderValue::from_str(&request_id) {
        headers.insert(REQUEST_ID, value);
    }
    if status == 401 {
        headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    let ms = elapsed.as_secs_f64() * 1e3;
    let command = response.extensions_mut().remove().and_then(Arc::<Record>::into_inner);
    let record = match (record, command) {
        (Some(mut request), command) => {
            request.tell("status", status);
            command.into_iter().for_each(|command| request.join(command));
            Some(request)
        }
        (None, command) => command,
    };
    if let Some(record) = record {
        record.add().await;
    }
    tracing::info!(target: "coquina::http", %request_id, %method, path, status, ms, key, "request");
    let metrics = &gate.service.0.metrics;
    metrics.request_seconds.get_or_create(&RouteLabels { route: route.clone() }).observe(elapsed.as_secs_f64());
    metrics.requests.get_or_create(&RequestLabels { method: label(&method), route, status }).inc();
    response
}

impl Gate {
    /// What the audit trail is to have of a request, if anything.
    fn record(&self, method: &Method, path: &str, request_id: &str) -> Option<Record> {
        let is_told = self.service.0.config.audit_requests && needed(method, path).is_some();
        is_told.then(|| {
            let event = json!({ "type": "request", "request_id": request_id, "key": "", "method": method.as_str(), "path": path, "status": null });
            self.service.0.audit.record(container(path).map(str::to_owned), event)
        })
    }

    fn admit(&self, request: &Request, request_id: &Arc<str>) -> Result<Caller, ApiError> {
        let most = self.service.0.config.headers;
        if request.headers().len() > most {
            return Err(ApiError::too_many_headers(most));
        }
        if self.check_hosts {
            self.check_hosts(request.headers(), request.uri())?;
        }
        let needed = needed(request.method(), request.uri().path());
        let key = self.key(request.headers(), needed)?;
        let default = &self.service.0.config.quotas;
        let quotas = key.as_ref().map_or_else(|| default.clone(), |key| key.quotas.or(default));
        let caller = Caller { key, quotas, request_id: request_id.clone() };
        self.service.0.admission.request(caller.share(), caller.quotas())?;
        Ok(caller)
    }

    /// Refuses what a page of another site could have sent: by a name of its own for this machine, or from its origin.
    fn check_hosts(&self, headers: &HeaderMap, uri: &Uri) -> Result<(), ApiError> {
        let host = match (uri.authority(), headers.get(HOST)) {
            (Some(authority), _) => authority.as_str(),
            (None, Some(host)) => host.to_str().unwrap_or_default(),
            (None, None) => return Err(ApiError::bad_request("The request has no Host header.")),
        };
        if !self.is_ours(host) {
            return Err(ApiError::forbidden(
                "host_not_allowed",
                "The request's Host is not one of this service's names; start it with --host NAME to allow one.",
            ));
        }
        let Some(origin) = headers.get(ORIGIN) else { return Ok(()) };
        let origin = origin.to_str().unwrap_or_default();
        let from = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
        match from.is_some_and(|from| self.is_ours(from)) {
            true => Ok(()),
            false => {
                Err(ApiError::forbidden("origin_not_allowed", "Requests from web pages of other sites are refused."))
            }
        }
    }

    /// Whether `host`, with or without a port, names this service.
    fn is_ours(&self, host: &str) -> bool {
        let name = match host.rsplit_once(':') {
            Some((name, port)) if !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()) => name,
            _ => host,
        };
        let mut names = self.service.0.config.hosts.iter().map(String::as_str).chain(LOOPBACK);
        names.any(|ours| ours == "*" || ours.eq_ignore_ascii_case(name))
    }

    /// Who asks, if the key allows what is asked for.
    fn key(&self, headers: &HeaderMap, needed: Option<Scope>) -> Result<Option<Arc<Key>>, ApiError> {
        let keys = &self.service.0.keys;
        let Some(needed) = needed.filter(|_| keys.required()) else { return Ok(None) };
        let Some(given) = headers.get(AUTHORIZATION) else {
            return Err(ApiError::unauthorized(
                "You didn't provide an API key: send it in an Authorization header (Authorization: Bearer YOUR_KEY).",
            ));
        };
        let given = given.to_str().unwrap_or_default();
        let secret = given.split_once(' ').filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
        let key = secret.and_then(|(_, secret)| keys.find(secret.trim()));
        let key = key.ok_or(ApiError::unauthorized("Incorrect API key provided."))?;
        if key.scope < needed {
            let message = format!("This API key's scope does not allow this: it needs `{}`.", name(needed));
            return Err(ApiError::forbidden("insufficient_scope", message));
        }
        Ok(Some(key))
    }
}

/// The container that a path leads to.
fn container(path: &str) -> Option<&str> {
    path.strip_prefix("/v1/containers/")?.split('/').next().filter(|id| !id.is_empty())
}

/// The scope that a request needs; `None`: not even a key.
fn needed(method: &Method, path: &str) -> Option<Scope> {
    match path {
        "/healthz" | "/readyz" | "/openapi.json" | "/docs" => None,
        "/metrics" | "/v1/audit" => Some(Scope::Admin),
        // A WebSocket is asked for with GET, whatever it is for.
        "/v1/responses" => Some(Scope::Exec),
        _ if path.starts_with("/v1/containers/") && path.ends_with("/tty") => Some(Scope::Exec),
        _ if *method == Method::GET || *method == Method::HEAD => Some(Scope::Read),
        _ => Some(Scope::Exec),
    }
}

fn name(scope: Scope) -> &'static str {
    match scope {
        Scope::Read => "read",
        Scope::Exec => "exec",
        Scope::Admin => "admin",
    }
}

/// A method as a label; those that nobody serves are one, so that clients cannot make figures up.
fn label(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::DELETE => "DELETE",
        _ => "other",
    }
}
