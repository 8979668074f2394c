//! Every route.

use axum::Router;
use axum::extract::Request;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};

use super::error::ApiError;
use super::gate::{self, Gate};
use super::service::Service;
use super::{health, openapi, run};

/// The routes, behind the gate.
pub(super) fn router(service: &Service, check_hosts: bool) -> Router {
    Router::new()
        // For those who run the service.
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .route("/metrics", get(health::metrics))
        .route("/openapi.json", get(openapi::document))
        .route("/docs", get(openapi::page))
        // One command in a sandbox of its own.
        .route("/v1/run", post(run::run))
        .fallback(no_route)
        .method_not_allowed_fallback(wrong_method)
        .layer(from_fn_with_state(Gate { service: service.clone(), check_hosts }, gate::pass))
        .with_state(service.clone())
}

async fn no_route(request: Request) -> ApiError {
    ApiError::no_route(request.method(), request.uri().path())
}

async fn wrong_method(request: Request) -> ApiError {
    ApiError::wrong_method(request.method(), request.uri().path())
}
