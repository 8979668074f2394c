//! Every route.

use axum::Router;
use axum::extract::Request;
use axum::middleware::from_fn_with_state;
use axum::routing::{delete, get, post};

use super::error::ApiError;
use super::gate::{self, Gate};
use super::responses;
use super::responses::socket;
use super::service::Service;
use super::skills;
use super::tty;
use super::{
    approvals, archive, audit, container_exec, container_files, containers, conversations, files, health, history,
    idempotency, models, openapi, run,
};

/// The routes, behind the gate.
pub(super) fn router(service: &Service, check_hosts: bool) -> Router {
    // For what must not be done twice when it is asked for twice.
    let once = from_fn_with_state(service.clone(), idempotency::once);
    Router::new()
        // For those who run the service.
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .route("/metrics", get(health::metrics))
        .route("/openapi.json", get(openapi::document))
        .route("/docs", get(openapi::page))
        // One command in a sandbox of its own.
        .route("/v1/run", post(run::run).layer(once.clone()))
        // The reference's containers and their files.
        .route("/v1/containers", get(containers::list).merge(post(containers::create).layer(once.clone())))
        .route("/v1/containers/{id}", get(containers::get).delete(containers::remove))
        .route("/v1/containers/{id}/files", get(container_files::list).post(container_files::create))
        .route("/v1/containers/{id}/files/{file}", get(container_files::get).delete(container_files::remove))
        .route("/v1/containers/{id}/files/{file}/content", get(container_files::content))
        // What containers can do beyond the reference.
        .route("/v1/containers/{id}/exec", post(container_exec::run).layer(once.clone()))
        .route("/v1/containers/{id}/tty", get(tty::open))
        .route("/v1/containers/{id}/log", get(history::log))
        .route(
            "/v1/containers/{id}/snapshots",
            get(history::snapshots).merge(post(history::snapshot).layer(once.clone())),
        )
        .route("/v1/containers/{id}/snapshots/{snapshot}", delete(history::remove_snapshot))
        .route("/v1/containers/{id}/fork", post(history::fork).layer(once.clone()))
        .route("/v1/containers/{id}/restore", post(history::restore).layer(once.clone()))
        .route("/v1/containers/{id}/diff", get(history::diff))
        .route("/v1/containers/{id}/merge", post(history::merge).layer(once.clone()))
        .route("/v1/containers/{id}/proposals", get(history::proposals))
        .route("/v1/containers/{id}/proposals/{proposal}", get(history::proposal))
        .route("/v1/containers/{id}/proposals/{proposal}/diff", get(history::proposal_diff))
        .route("/v1/containers/{id}/proposals/{proposal}/apply", post(history::apply))
        .route("/v1/containers/{id}/proposals/{proposal}/discard", post(history::discard))
        .route("/v1/containers/{id}/archive", get(archive::export).post(archive::import))
        // The reference's files, skills and models.
        .route("/v1/files", get(files::list).post(files::create))
        .route("/v1/files/{id}", get(files::get).delete(files::remove))
        .route("/v1/files/{id}/content", get(files::content))
        .route("/v1/skills", get(skills::list).post(skills::create))
        .route("/v1/skills/{id}", get(skills::get).post(skills::update).delete(skills::remove))
        .route("/v1/skills/{id}/content", get(skills::content))
        .route("/v1/skills/{id}/versions", get(skills::versions).post(skills::create_version))
        .route("/v1/skills/{id}/versions/{version}", get(skills::version).delete(skills::remove_version))
        .route("/v1/skills/{id}/versions/{version}/content", get(skills::version_content))
        // The reference's conversations and responses.
        .route("/v1/responses", get(socket::open).merge(post(responses::create).layer(once.clone())))
        .route("/v1/responses/input_tokens", post(responses::input_tokens))
        .route("/v1/responses/compact", post(responses::compact).layer(once.clone()))
        .route("/v1/responses/{id}", get(responses::get).delete(responses::remove))
        .route("/v1/responses/{id}/cancel", post(responses::cancel))
        .route("/v1/responses/{id}/input_items", get(responses::input_items))
        .route("/v1/conversations", post(conversations::create).layer(once.clone()))
        .route(
            "/v1/conversations/{id}",
            get(conversations::get).post(conversations::update).delete(conversations::remove),
        )
        .route(
            "/v1/conversations/{id}/items",
            get(conversations::list_items).merge(post(conversations::create_items).layer(once.clone())),
        )
        .route("/v1/conversations/{id}/items/{item}", get(conversations::get_item).delete(conversations::remove_item))
        .route("/v1/models", get(models::list))
        .route("/v1/models/{id}", get(models::get))
        // What waits for a person.
        .route("/v1/approvals", get(approvals::list))
        .route("/v1/approvals/{id}", get(approvals::get).post(approvals::decide))
        .route("/v1/audit", get(audit::list))
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
