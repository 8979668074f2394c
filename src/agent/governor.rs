//! The judge of a run: its policy decides what may run, approvals ask a person.

use futures_util::future::BoxFuture;
use serde_json::json;

use super::approval::{Approval, ApprovalError, ApprovalStatus, Approvals, Decided};
use super::item::{Item, McpApprovalResponse};
use super::judge::{Answer, Call, Judge, Question, Verdict};
use super::policy::Policy;
use super::response::Failure;
use super::rules::Decision;
use crate::base::redacted;
use crate::container::ContainerError;
use crate::storage::{AuditEntry, Change, Commit};
use crate::vfs::{Clock, SystemClock};

/// Where commands start if their container does not say.
const CWD: &str = "/mnt/data";

/// Decides for one response.
pub struct Governor {
    /// What may be.
    pub policy: Policy,
    /// Where questions are kept.
    pub approvals: Approvals,
    /// Whose response it is; `None`: nobody's in particular.
    pub owner: Option<String>,
    /// Its id.
    pub response_id: String,
    /// Who asked for it, for the record: a key's id, `cli`.
    pub by: String,
}

impl Governor {
    async fn decide(&self, call: &Call<'_>) -> Verdict {
        let run = match self.policy.profile() {
            profile if profile.is_full() => Verdict::Allow,
            profile => Verdict::Within(profile.clone()),
        };
        if self.policy.allows_all() {
            return run;
        }
        let container = self.approvals.containers().get(call.container).await;
        let cwd = container.ok().and_then(|container| container.settings.cwd).unwrap_or_else(|| CWD.into());
        let found = self.policy.check(call.item, &cwd).await;
        let reason = found.reasons.join("; ");
        match found.decision {
            Decision::Allow => run,
            Decision::Ask => Verdict::Ask { reason },
            Decision::Deny => {
                self.record(call, &reason).await;
                Verdict::Deny { reason }
            }
        }
    }

    /// What was denied is on the record.
    async fn record(&self, call: &Call<'_>, reason: &str) {
        let body = json!({
            "type": "tool_call_denied",
            "response_id": self.response_id,
            "key": self.by,
            "tool": if matches!(call.item, Item::ApplyPatchCall(_)) { "apply_patch" } else { "shell" },
            "reason": redacted(reason),
        });
        let at_ms = SystemClock.now().div_euclid(1_000_000);
        let entry = AuditEntry { at_ms, container: Some(call.container.to_owned()), body };
        let changes = vec![Change::AppendAudit(entry)];
        let store = self.approvals.containers().store();
        if let Err(error) = store.commit(Commit { changes, ..Commit::default() }).await {
            tracing::error!(%error, response_id = self.response_id, "a denial is not on the record");
        }
    }

    /// What has become of a question, after the client's say if it has one.
    async fn outcome(&self, id: &str, response: Option<&McpApprovalResponse>) -> Result<Answer, ApprovalError> {
        let owner = self.owner.as_deref();
        let mut approval = self.approvals.find(id, owner).await?;
        if approval.status == ApprovalStatus::Pending {
            approval = match response {
                Some(said) => {
                    let (approve, reason) = (said.approve, said.reason.clone());
                    match self.approvals.decide(id, owner, Decided { approve, reason, by: self.by.clone() }).await {
                        // What was shown cannot be any more.
                        Err(ApprovalError::Container(error @ ContainerError::Conflicts(_))) => {
                            let why = format!("it was approved, but cannot be applied: {error}");
                            self.approvals.lapse(id, owner, &why).await
                        }
                        // Somebody else was faster.
                        Err(ApprovalError::Decided { .. }) => self.approvals.find(id, owner).await,
                        decided => decided,
                    }
                }
                None => self.approvals.lapse(id, owner, "nobody has approved it").await,
            }?;
        }
        self.answer_of(approval).await
    }

    async fn answer_of(&self, approval: Approval) -> Result<Answer, ApprovalError> {
        let Approval { id, container_id: container, call, status, note, proposal_id, .. } = approval;
        let has_run = proposal_id.is_some();
        let why = match (status, has_run) {
            (ApprovalStatus::Approved, false) if self.approvals.take(&id, self.owner.as_deref()).await? => {
                return Ok(Answer::Run { call, container, profile: self.policy.profile().approved(), note });
            }
            (ApprovalStatus::Approved, _) => return Ok(Answer::Done { call, note }),
            (ApprovalStatus::Declined, _) => "A person has declined it",
            (ApprovalStatus::Pending | ApprovalStatus::Lapsed, true) => "It was not applied",
            (ApprovalStatus::Pending | ApprovalStatus::Lapsed, false) => "It was not run, nothing was changed",
        };
        let note = note.map_or_else(String::new, |note| format!(": {note}"));
        Ok(Answer::Refused { call, reason: format!("{why}{note}"), has_run })
    }
}

impl Judge for Governor {
    fn judge<'a>(&'a self, call: &'a Call<'a>) -> BoxFuture<'a, Verdict> {
        Box::pin(self.decide(call))
    }

    fn ask(&self, question: Question) -> BoxFuture<'_, Result<Item, Failure>> {
        Box::pin(async move {
            let asked = self.approvals.ask(question, self.owner.clone(), &self.response_id).await;
            asked.map(Item::McpApprovalRequest).map_err(|error| Failure::server(error.to_string()))
        })
    }

    fn answer<'a>(
        &'a self,
        request_id: &'a str,
        response: Option<&'a McpApprovalResponse>,
    ) -> BoxFuture<'a, Result<Option<Answer>, Failure>> {
        Box::pin(async move {
            match self.outcome(request_id, response).await {
                Ok(answer) => Ok(Some(answer)),
                Err(ApprovalError::NotFound(_)) => Ok(None),
                Err(error) => Err(Failure::server(error.to_string())),
            }
        })
    }
}
