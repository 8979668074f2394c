//! Ids in a request's path, and the container that one names.

use axum::extract::{FromRequestParts, Path, RawPathParams};
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use super::containers;
use super::error::ApiError;
use super::gate::Caller;
use super::service::Service;
use crate::container::Container;

/// The variable parts of a route's path, decoded.
pub(super) struct Ids<T>(pub T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Ids<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let path = Path::<T>::from_request_parts(parts, state).await;
        let Path(ids) = path.map_err(|_| not_text())?;
        Ok(Ids(ids))
    }
}

/// What the route's `id` names, who asks for it, and whom.
pub(super) struct Named {
    pub service: Service,
    pub caller: Caller,
    pub id: String,
}

impl FromRequestParts<Service> for Named {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, service: &Service) -> Result<Self, ApiError> {
        let names = RawPathParams::from_request_parts(parts, service).await.map_err(|_| not_text())?;
        let id = names.iter().find_map(|(name, value)| (name == "id").then(|| value.to_owned()));
        // The gate puts the caller there, and such routes have an id.
        let (Some(caller), Some(id)) = (parts.extensions.get::<Caller>().cloned(), id) else {
            return Err(ApiError::internal());
        };
        Ok(Named { service: service.clone(), caller, id })
    }
}

/// The container that the route's `id` names, if the caller may know of it; who asks, and whom.
pub(super) struct Within {
    pub service: Service,
    pub caller: Caller,
    pub container: Container,
}

impl FromRequestParts<Service> for Within {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, service: &Service) -> Result<Self, ApiError> {
        let Named { service, caller, id } = Named::from_request_parts(parts, service).await?;
        let container = containers::find(&service, &caller, &id).await?;
        Ok(Within { service, caller, container })
    }
}

fn not_text() -> ApiError {
    ApiError::bad_request("The path of the URL is not percent-encoded UTF-8.")
}
