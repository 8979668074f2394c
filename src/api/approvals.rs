//! Approvals over HTTP: what waits for a person, and what they say to it. The next request of the conversation goes on from there.

use axum::Extension;
use axum::extract::{RawQuery, Request, State};

use super::error::ApiError;
use super::fields::Fields;
use super::gate::Caller;
use super::json::{self, Json};
use super::path::Named;
use super::service::Service;
use super::wire::{ApprovalObject, DecideApproval, List, Page};
use crate::agent::approval::{ApprovalError, ApprovalQuery, ApprovalStatus, Decided};

type Answered<T> = Result<Json<T>, ApiError>;

/// The calls of agents that wait for a person, and those that did.
#[utoipa::path(get, path = "/v1/approvals", tag = "approvals",
    params(("status" = Option<String>, Query, description = "`pending`, `approved`, `declined` or `lapsed`"), ("limit" = Option<u32>, Query), ("order" = Option<String>, Query), ("after" = Option<String>, Query)),
    responses((status = 200, description = "A page of them", body = List<ApprovalObject>)))]
pub(super) async fn list(
    State(service): State<Service>,
    Extension(caller): Extension<Caller>,
    RawQuery(query): RawQuery,
) -> Answered<List<ApprovalObject>> {
    let mut fields = Fields::query(query.as_deref())?;
    let status = fields.text("status")?;
    let Page { limit, order, after } = Page::take(&mut fields, 20, 100)?;
    fields.finish()?;
    let status = match status.as_deref() {
        None => None,
        Some("pending") => Some(ApprovalStatus::Pending),
        Some("approved") => Some(ApprovalStatus::Approved),
        Some("declined") => Some(ApprovalStatus::Declined),
        Some("lapsed") => Some(ApprovalStatus::Lapsed),
        Some(_) => {
            return Err(ApiError::invalid_value("status", "expected 'pending', 'approved', 'declined' or 'lapsed'"));
        }
    };
    let query = ApprovalQuery { owner: caller.owner(), status, order, after, limit: limit as usize + 1 };
    let found = service.0.approvals.list(query).await?;
    Ok(Json(List::new(found.into_iter().map(ApprovalObject::from).collect(), limit)))
}

/// A call that waits for a person, or did.
#[utoipa::path(get, path = "/v1/approvals/{approval_id}", tag = "approvals", params(("approval_id" = String, Path)),
    responses((status = 200, description = "The approval", body = ApprovalObject)))]
pub(super) async fn get(Named { service, caller, id }: Named) -> Answered<ApprovalObject> {
    Ok(Json(service.0.approvals.find(&id, caller.owner().as_deref()).await?.into()))
}

/// Decides. What has a proposal is applied exactly as shown, or discarded; what has none runs, or not, when the conversation goes on. 409 if it
/// was decided before, or if the container has changed the same since.
#[utoipa::path(post, path = "/v1/approvals/{approval_id}", tag = "approvals", params(("approval_id" = String, Path)),
    request_body = DecideApproval, responses((status = 200, description = "The approval, decided", body = ApprovalObject)))]
pub(super) async fn decide(Named { service, caller, id }: Named, request: Request) -> Answered<ApprovalObject> {
    let asked: DecideApproval = json::read(&service, request).await?;
    let decided = Decided { approve: asked.approve, reason: asked.reason, by: caller.share().to_owned() };
    Ok(Json(service.0.approvals.decide(&id, caller.owner().as_deref(), decided).await?.into()))
}

impl From<ApprovalError> for ApiError {
    fn from(error: ApprovalError) -> ApiError {
        match error {
            ApprovalError::NotFound(id) => ApiError::not_found("approval", &id),
            ApprovalError::Decided { .. } => ApiError::conflict("already_decided", format!("{error}.")).not_again(),
            ApprovalError::Container(error) => error.into(),
            ApprovalError::Store(error) => error.into(),
        }
    }
}
