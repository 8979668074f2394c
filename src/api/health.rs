//! `/healthz`, `/readyz`, `/metrics`: for those who run the service.

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};

use super::error::ApiError;
use super::service::Service;

/// The process answers.
pub(super) async fn alive() -> &'static str {
    "ok\n"
}

/// The service takes requests.
pub(super) async fn ready(State(service): State<Service>) -> Result<&'static str, ApiError> {
    if *service.0.stopping.borrow() { Err(ApiError::stopping()) } else { Ok("ok\n") }
}

/// The figures.
pub(super) async fn metrics(State(service): State<Service>) -> Response {
    let (running, waiting) = service.0.admission.counts();
    service.0.metrics.execs_running.set(running as i64);
    service.0.metrics.execs_waiting.set(waiting as i64);
    service.0.metrics.responses_running.set(service.0.runs.len() as i64);
    service.0.metrics.body_bytes.set(service.0.bodies.held() as i64);
    let format = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(CONTENT_TYPE, format)], service.0.metrics.page()).into_response()
}
