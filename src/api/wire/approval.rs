//! Approvals. Coquina's own, in the reference's manner.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::list::Identified;
use crate::agent::approval::{Approval, ApprovalStatus};

/// A call that waits for a person, or did.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct ApprovalObject {
    /// `mcpr_…`: that of the `mcp_approval_request`.
    id: String,
    /// Always `approval`.
    object: &'static str,
    /// `pending`, `approved`, `declined` or `lapsed`.
    #[schema(value_type = String)]
    status: ApprovalStatus,
    /// The response that it ended.
    response_id: String,
    container_id: String,
    /// What is applied if it is approved; without one the call has not been run yet.
    proposal_id: Option<String>,
    /// Why a person is asked.
    reason: String,
    /// What the item's `arguments` say: commands, changed paths, diff.
    #[schema(value_type = Object)]
    arguments: Value,
    /// What whoever decided said.
    note: Option<String>,
    created_at: i64,
    decided_at: Option<i64>,
}

impl From<Approval> for ApprovalObject {
    fn from(approval: Approval) -> ApprovalObject {
        ApprovalObject {
            id: approval.id,
            object: "approval",
            status: approval.status,
            response_id: approval.response_id,
            container_id: approval.container_id,
            proposal_id: approval.proposal_id,
            reason: approval.reason,
            arguments: approval.shown,
            note: approval.note,
            created_at: approval.created_at_ms.div_euclid(1000),
            decided_at: approval.decided_at_ms.map(|ms| ms.div_euclid(1000)),
        }
    }
}

impl Identified for ApprovalObject {
    fn id(&self) -> &str {
        &self.id
    }
}

/// What a person says.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct DecideApproval {
    /// Yes or no.
    pub approve: bool,
    /// Why; the model is told.
    pub reason: Option<String>,
}
