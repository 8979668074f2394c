//! `/v1/models`: the models that the operator has named. Many clients ask before anything else.

use std::collections::BTreeSet;

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::error::ApiError;
use super::json::Json;
use super::path::Ids;
use super::service::Service;

/// A model.
#[derive(Clone, Serialize, ToSchema)]
pub(super) struct Model {
    id: String,
    /// Always `model`.
    object: &'static str,
    /// When the service was started, in seconds since 1970.
    created: i64,
    owned_by: &'static str,
}

/// All models.
#[derive(Serialize, ToSchema)]
pub(super) struct Models {
    /// Always `list`.
    object: &'static str,
    data: Vec<Model>,
}

/// Lists the models.
#[utoipa::path(get, path = "/v1/models", tag = "models", responses((status = 200, description = "All of them", body = Models)))]
pub(super) async fn list(State(service): State<Service>) -> Json<Models> {
    Json(Models { object: "list", data: known(&service).iter().map(|id| model(&service, id)).collect() })
}

/// A model.
#[utoipa::path(get, path = "/v1/models/{model}", tag = "models", params(("model" = String, Path)),
    responses((status = 200, description = "The model", body = Model)))]
pub(super) async fn get(State(service): State<Service>, Ids(id): Ids<String>) -> Result<Json<Model>, ApiError> {
    if service.0.agent.models().get(&id).is_some() || known(&service).contains(&id) {
        Ok(Json(model(&service, &id)))
    } else {
        Err(ApiError::no_model(&id))
    }
}

/// The names of the agent's models, and of those that the operator wants to be listed.
fn known(service: &Service) -> BTreeSet<String> {
    let listed = service.0.config.models.iter().cloned();
    service.0.agent.models().names().map(str::to_owned).chain(listed).collect()
}

fn model(service: &Service, id: &str) -> Model {
    Model { id: id.to_owned(), object: "model", created: service.0.started_at, owned_by: "coquina" }
}
