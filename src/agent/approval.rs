//! Approvals: calls that wait for a person, what is shown of them, and what was decided.
//!
//! An approval is a document of the store, so that it outlives the service. It is decided once. Every decision is committed together with its
//! record in the audit trail. A call that ran in a fork has a proposal: to approve it is to apply that, so what was shown is what happens.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::sync::Mutex;

use super::item::{CommandOutput, Item, McpApprovalRequest};
use super::judge::Question;
use crate::base::{id, redacted};
use crate::container::{ContainerError, Containers, Difference};
use crate::storage::{AuditEntry, Change, Commit, DocumentQuery, DocumentRecord, Order, ProposalState, StoreError};
use crate::vfs::{ChangeKind, Clock, SystemClock, TextDiff, TextLimits};

/// The kind of their documents in the store.
pub const KIND: &str = "approval";

/// Whose tools clients are told they are.
pub const SERVER_LABEL: &str = "coquina";

/// How long one is kept, in milliseconds: as long as responses.
const KEPT_MS: i64 = 30 * 24 * 3600 * 1000;

/// Most changed paths that are shown one by one.
const PATHS: usize = 200;

/// Longest diff that is shown, in bytes.
const DIFF_BYTES: usize = 64 << 10;

/// Longest reason that a person may give, in bytes.
const REASON_BYTES: usize = 4096;

/// A call that waits for a person, or did.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Approval {
    /// `mcpr_…`: that of the item it was asked with.
    pub id: String,
    /// Whose response it was.
    pub owner: Option<String>,
    /// The response that it ended.
    pub response_id: String,
    /// Where the call runs.
    pub container_id: String,
    /// The call.
    pub call: Item,
    /// Why a person is asked.
    pub reason: String,
    /// What is to be applied; `None`: the call has not been run.
    pub proposal_id: Option<String>,
    /// What was shown, as the item's `arguments` have it.
    pub shown: Value,
    /// What the commands printed in the fork: told to the model if it is approved.
    pub output: Vec<CommandOutput>,
    /// What was decided.
    pub status: ApprovalStatus,
    /// Why, if whoever decided said so.
    pub note: Option<String>,
    /// When it was asked, in milliseconds since 1970.
    pub created_at_ms: i64,
    /// When it was decided.
    pub decided_at_ms: Option<i64>,
    /// Whether the approved call was run: it is only once.
    pub is_used: bool,
}

/// What was decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ApprovalStatus {
    /// Nothing yet.
    Pending,
    /// It may be.
    Approved,
    /// It may not be.
    Declined,
    /// The conversation went on without a decision: it may not be any more.
    Lapsed,
}

/// What a person, or somebody for them, says.
#[derive(Clone, Debug)]
pub struct Decided {
    /// Yes or no.
    pub approve: bool,
    /// Why, for the model.
    pub reason: Option<String>,
    /// Who, for the record: a key's id, `cli`.
    pub by: String,
}

/// Which approvals, in the order they were asked for.
#[derive(Clone, Debug)]
pub struct ApprovalQuery {
    /// Only this owner's; `None`: everybody's.
    pub owner: Option<String>,
    /// Only those that are so.
    pub status: Option<ApprovalStatus>,
    /// Which end the list starts at.
    pub order: Order,
    /// Those behind this id in the list.
    pub after: Option<String>,
    /// At most so many.
    pub limit: usize,
}

/// Why something could not be done with an approval.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say it")]
pub enum ApprovalError {
    #[error("there is no approval {0}")]
    NotFound(String),
    #[error("approval {id} was decided before: it is {status}")]
    Decided { id: String, status: &'static str },
    #[error(transparent)]
    Container(#[from] ContainerError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

type Result<T> = std::result::Result<T, ApprovalError>;

/// The approvals of a store. `clone` is a reference.
#[derive(Clone)]
pub struct Approvals {
    containers: Containers,
    /// Held while one is decided.
    deciding: Arc<Mutex<()>>,
}

impl Approvals {
    /// The approvals in the store of `containers`.
    pub fn new(containers: Containers) -> Approvals {
        Approvals { containers, deciding: Arc::default() }
    }

    /// The containers that approved calls run in.
    pub fn containers(&self) -> &Containers {
        &self.containers
    }

    /// Keeps a question, and returns the item that asks it.
    ///
    /// # Errors
    /// The store failed.
    pub async fn ask(
        &self,
        question: Question,
        owner: Option<String>,
        response_id: &str,
    ) -> Result<McpApprovalRequest> {
        let shown = self.shown(&question).await?;
        let name = if matches!(question.item, Item::ApplyPatchCall(_)) { "apply_patch" } else { "shell" };
        let approval = Approval {
            id: id::new("mcpr_"),
            owner,
            response_id: response_id.to_owned(),
            container_id: question.container,
            call: question.item,
            reason: question.reason,
            proposal_id: question.proposal,
            shown,
            output: question.output,
            status: ApprovalStatus::Pending,
            note: None,
            created_at_ms: now_ms(),
            decided_at_ms: None,
            is_used: false,
        };
        self.keep(&approval, "approval_asked", None).await?;
        let arguments = approval.shown.to_string();
        Ok(McpApprovalRequest { id: approval.id, server_label: SERVER_LABEL.into(), name: name.into(), arguments })
    }

    /// An approval of `owner`'s; of anybody's if that is `None`.
    ///
    /// # Errors
    /// There is none, or the store failed.
    pub async fn find(&self, id: &str, owner: Option<&str>) -> Result<Approval> {
        let missing = || ApprovalError::NotFound(id.chars().take(100).collect());
        let record = self.containers.store().document(KIND, id).await?.ok_or_else(missing)?;
        let approval = read(record)?;
        let is_seen = owner.is_none() || approval.owner.as_deref() == owner;
        if is_seen { Ok(approval) } else { Err(missing()) }
    }

    /// Some of the approvals.
    ///
    /// # Errors
    /// The store failed.
    pub async fn list(&self, query: ApprovalQuery) -> Result<Vec<Approval>> {
        let ApprovalQuery { owner, status, order, after, limit } = query;
        let documents = DocumentQuery { owner: owner.map(Some), order, after, ..DocumentQuery::of(KIND) };
        let is_such = |record: &DocumentRecord| status.is_none_or(|status| record.body["status"] == status.name());
        let found = self.containers.store().find_documents(documents, limit, is_such).await?;
        found.into_iter().map(read).collect()
    }

    /// Decides: applies the proposal or discards it, if there is one.
    ///
    /// # Errors
    /// [`ApprovalError::Decided`]; or the proposal cannot be applied ([`ContainerError::Conflicts`]): then nothing is decided.
    pub async fn decide(&self, id: &str, owner: Option<&str>, decided: Decided) -> Result<Approval> {
        let status = if decided.approve { ApprovalStatus::Approved } else { ApprovalStatus::Declined };
        let note = decided.reason.map(|reason| reason[..reason.floor_char_boundary(REASON_BYTES)].to_owned());
        self.settle(id, owner, status, note, &decided.by).await
    }

    /// The conversation goes on without a decision: what the model is told of it stays true.
    ///
    /// # Errors
    /// As for [`Approvals::decide`].
    pub async fn lapse(&self, id: &str, owner: Option<&str>, why: &str) -> Result<Approval> {
        self.settle(id, owner, ApprovalStatus::Lapsed, Some(why.to_owned()), "the conversation").await
    }

    async fn settle(
        &self,
        id: &str,
        owner: Option<&str>,
        status: ApprovalStatus,
        note: Option<String>,
        by: &str,
    ) -> Result<Approval> {
        let _one = self.deciding.lock().await;
        let approval = self.find(id, owner).await?;
        if approval.status != ApprovalStatus::Pending {
            return Err(ApprovalError::Decided { id: approval.id, status: approval.status.name() });
        }
        if let Some(proposal) = &approval.proposal_id {
            self.settle_proposal(proposal, status == ApprovalStatus::Approved).await?;
        }
        let approval = Approval { status, note, decided_at_ms: Some(now_ms()), ..approval };
        self.keep(&approval, "approval_decided", Some(by)).await?;
        Ok(approval)
    }

    /// Applies or discards. That it was done already is fine: the service may have ended between that and keeping the decision.
    async fn settle_proposal(&self, id: &str, apply: bool) -> Result<()> {
        let done = match apply {
            true => self.containers.apply(id).await.map(drop),
            false => self.containers.discard(id).await.map(drop),
        };
        match done {
            Err(ContainerError::Decided { .. }) => {
                let wanted = if apply { ProposalState::Applied } else { ProposalState::Discarded };
                let is = self.containers.proposal(id).await?.state;
                let status = if is == ProposalState::Applied { "applied" } else { "discarded" };
                if is == wanted { Ok(()) } else { Err(ContainerError::Decided { id: id.into(), state: status }.into()) }
            }
            // Where the container is gone there is nothing to discard either.
            Err(ContainerError::NotFound { .. } | ContainerError::Expired { .. }) if !apply => Ok(()),
            done => Ok(done?),
        }
    }

    /// Takes an approved call to be run; false if somebody has before.
    ///
    /// # Errors
    /// The store failed.
    pub async fn take(&self, id: &str, owner: Option<&str>) -> Result<bool> {
        let _one = self.deciding.lock().await;
        let approval = self.find(id, owner).await?;
        if approval.is_used {
            return Ok(false);
        }
        self.keep(&Approval { is_used: true, ..approval }, "approval_used", None).await?;
        Ok(true)
    }

    /// Keeps an approval and a record of what happened to it, at once.
    async fn keep(&self, approval: &Approval, event: &str, by: Option<&str>) -> Result<()> {
        let unreadable = |e: serde_json::Error| StoreError::Record { what: approval.id.clone(), why: e.to_string() };
        let record = DocumentRecord {
            kind: KIND.into(),
            id: approval.id.clone(),
            owner: approval.owner.clone(),
            created_at_ms: approval.created_at_ms,
            expires_at_ms: Some(approval.created_at_ms + KEPT_MS),
            links: Vec::new(),
            body: serde_json::to_value(approval).map_err(unreadable)?,
        };
        let body = json!({
            "type": event,
            "approval_id": approval.id,
            "response_id": approval.response_id,
            "proposal": approval.proposal_id,
            "reason": redacted(&approval.reason),
            "status": approval.status,
            "by": by,
        });
        let entry = AuditEntry { at_ms: now_ms(), container: Some(approval.container_id.clone()), body };
        let changes = vec![Change::PutDocument(record), Change::AppendAudit(entry)];
        Ok(self.containers.store().commit(Commit { changes, ..Commit::default() }).await?)
    }

    /// What a person is shown: the call, why they are asked, and what it changed in the fork.
    async fn shown(&self, question: &Question) -> Result<Value> {
        let mut shown = match &question.item {
            Item::ShellCall(call) => json!({ "commands": call.action.commands }),
            Item::ApplyPatchCall(call) => json!({ "operation": call.operation }),
            _ => json!({}),
        };
        shown["call_id"] = json!(question.item.call_id());
        shown["container_id"] = json!(question.container);
        shown["reason"] = json!(question.reason);
        shown["proposal_id"] = json!(question.proposal);
        if let Some(proposal) = &question.proposal {
            let difference = self.containers.proposal_diff(proposal).await?;
            let told = tokio::task::spawn_blocking(move || told(&difference)).await;
            let (changes, total, diff) = told.map_err(|_| ContainerError::Abandoned)??;
            shown["changes"] = json!(changes);
            shown["changes_total"] = json!(total);
            shown["diff"] = json!(diff);
        }
        Ok(shown)
    }
}

/// What differs: the first paths, how many there are, and the texts' diffs as far as there is room. Reading them may block.
pub(crate) fn told(difference: &Difference) -> std::result::Result<(Vec<Value>, usize, String), ContainerError> {
    let changes = difference.changes()?;
    let limits = TextLimits { output_bytes: DIFF_BYTES, ..TextLimits::default() };
    let mut diff = String::new();
    for change in &changes {
        let path = String::from_utf8_lossy(&change.path);
        match difference.text(&change.path, &limits)? {
            TextDiff::Text(text) if diff.len() + text.len() <= DIFF_BYTES => diff += &String::from_utf8_lossy(&text),
            TextDiff::Binary => diff += &format!("Binary file {path} differs\n"),
            _ => diff += &format!("(the diff of {path} is too long to be shown)\n"),
        }
        if diff.len() > DIFF_BYTES {
            diff += "(more is not shown)\n";
            break;
        }
    }
    let path = |change: &crate::vfs::FileChange| json!({ "path": String::from_utf8_lossy(&change.path), "change": kind(change.kind) });
    Ok((changes.iter().take(PATHS).map(path).collect(), changes.len(), diff))
}

fn kind(kind: ChangeKind) -> &'static str {
    match kind {
        ChangeKind::Added => "added",
        ChangeKind::Removed => "removed",
        ChangeKind::Modified => "modified",
        ChangeKind::Attributes => "attributes",
    }
}

impl ApprovalStatus {
    /// As JSON has it.
    pub fn name(self) -> &'static str {
        match self {
            ApprovalStatus::Pending => "pending",
            ApprovalStatus::Approved => "approved",
            ApprovalStatus::Declined => "declined",
            ApprovalStatus::Lapsed => "lapsed",
        }
    }
}

fn read(record: DocumentRecord) -> Result<Approval> {
    let unreadable = |e: serde_json::Error| StoreError::Record { what: record.id.clone(), why: e.to_string() };
    Ok(serde_json::from_value(record.body.clone()).map_err(unreadable)?)
}

fn now_ms() -> i64 {
    SystemClock.now().div_euclid(1_000_000)
}
