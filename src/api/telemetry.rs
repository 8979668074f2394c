//! Spans of requests, responses and commands, for whoever takes traces. Where nobody does, each costs a comparison.

use axum::http::{HeaderMap, Method};
use opentelemetry::propagation::{Extractor, TextMapPropagator as _};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use tracing::Span;
use tracing::field::Empty;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

/// What all spans for traces are made under, at the lowest level, so that the log has none of them.
pub const TRACE_TARGET: &str = "coquina::trace";

/// The header that tells which trace a request belongs to.
const TRACEPARENT: &str = "traceparent";

/// A request's span, below the one that its client names.
pub(super) fn request(method: &Method, route: &str, path: &str, request_id: &str, headers: &HeaderMap) -> Span {
    let span = tracing::trace_span!(
        target: TRACE_TARGET,
        "request",
        otel.name = %format_args!("{method} {route}"),
        otel.kind = "server",
        otel.status_code = Empty,
        http.request.method = %method,
        http.route = route,
        http.response.status_code = Empty,
        url.path = path,
        coquina.request_id = request_id,
        coquina.key = Empty,
    );
    if !span.is_disabled() && headers.contains_key(TRACEPARENT) {
        // What cannot be a parent is none.
        let _ = span.set_parent(TraceContextPropagator::new().extract(&Headers(headers)));
    }
    span
}

/// Notes a request's answer.
pub(super) fn answered(span: &Span, status: u16, key: &str) {
    span.record("http.response.status_code", status).record("coquina.key", key);
    if status >= 500 {
        span.record("otel.status_code", "ERROR");
    }
}

/// A response's span, below that of the request that asked for it; it lasts as long as the response is made.
pub(super) fn response(id: &str, model: &str) -> Span {
    tracing::trace_span!(
        target: TRACE_TARGET,
        "response",
        coquina.response_id = id,
        gen_ai.request.model = model,
        coquina.status = Empty,
    )
}

/// Notes in the current span, a response's, how it ended.
pub(super) fn made(status: &str) {
    Span::current().record("coquina.status", status);
}

/// A command's span, or that of a model's call, below that of its request or response.
pub(super) fn exec(container: Option<&str>) -> Span {
    tracing::trace_span!(
        target: TRACE_TARGET,
        "exec",
        coquina.container = container,
        coquina.outcome = Empty,
        coquina.fuel = Empty,
    )
}

/// Notes in a command's span how it ended.
pub(super) fn ended(span: &Span, outcome: &str, fuel: u64) {
    span.record("coquina.outcome", outcome).record("coquina.fuel", fuel);
}

struct Headers<'a>(&'a HeaderMap);

impl Extractor for Headers<'_> {
    fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.to_str().ok()
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(|name| name.as_str()).collect()
    }
}
