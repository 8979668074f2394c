//! Proposals: what an exec did in a fork, kept until somebody applies or discards it.

use std::sync::Arc;

use serde_json::{Value, json};

use super::error::ContainerError;
use super::history::Difference;
use super::land::{Entry, Parcel};
use super::live::{Live, Slot};
use super::service::{Containers, Result, blocking, not_found};
use super::state::State;
use crate::base::{Hash, id};
use crate::sandbox::Snapshot;
use crate::storage::{Change, LogRecord, PROPOSAL_PREFIX, ProposalRecord, ProposalState};
use crate::vfs::{Tree, merge};

/// Where a proposal's `outcome` says which session it started from.
const BASE_SESSION: &str = "base_session";

impl Containers {
    /// A proposal.
    ///
    /// # Errors
    /// There is none, or the store failed.
    pub async fn proposal(&self, id: &str) -> Result<ProposalRecord> {
        self.store().proposal(id).await?.ok_or_else(|| not_found("proposal", id))
    }

    /// The proposals for a container, newest first.
    ///
    /// # Errors
    /// There is no such container, or the store failed.
    pub async fn proposals(&self, id_or_name: &str) -> Result<Vec<ProposalRecord>> {
        let container = self.find(id_or_name).await?;
        Ok(self.store().proposals(&container.id).await?)
    }

    /// What a proposal would change: its base and what it makes of it.
    ///
    /// # Errors
    /// There is none, or the store failed.
    pub async fn proposal_diff(&self, id: &str) -> Result<Difference> {
        let proposal = self.proposal(id).await?;
        let old = self.pinned(proposal.base, None, None).await?;
        let new = self.pinned(proposal.root, None, None).await?;
        Ok(Difference::new(old, new))
    }

    /// Applies a proposal: as it is if its container has not changed since, else merged. Waits for what runs, but not for what the session left
    /// running, which goes on.
    ///
    /// # Errors
    /// [`ContainerError::Conflicts`]: it stays open, nothing is applied. [`ContainerError::Decided`]: somebody did, or discarded it.
    pub async fn apply(&self, id: &str) -> Result<LogRecord> {
        let (this, id) = (self.clone(), id.to_owned());
        self.see_through(async move {
            let container = this.resolve(&this.open_proposal(&id).await?.container).await?;
            let slot = this.slot(&container);
            let applied = this.apply_in(&slot, &id).await;
            this.leave(slot);
            applied
        })
        .await
    }

    async fn apply_in(&self, slot: &Arc<Slot>, id: &str) -> Result<LogRecord> {
        let alone = self.alone(slot).await?;
        let live = &*alone.live;
        // Once more: it may have been decided while we waited.
        let proposal = self.open_proposal(id).await?;
        let now = live.state(&slot.id);
        let (next, is_merged) = self.applied(live, &now, &proposal).await?;
        let command = proposal.command.clone();
        self.advance(live, now.tree, next).await?;
        let decided = self.decided(proposal, ProposalState::Applied);
        let outcome = json!({ "proposal": id, "merged": is_merged });
        let entry =
            Entry { kind: "apply", command, outcome, started_at_ms: self.now_ms(), is_judged: false, is_use: true };
        self.land(slot, live, entry, vec![Change::PutProposal(decided)]).await
    }

    /// What the container is with a proposal applied, and whether it had to be merged.
    async fn applied(&self, live: &Live, now: &State, proposal: &ProposalRecord) -> Result<(State, bool)> {
        let theirs = self.stored(proposal.root, proposal.session, now.epoch)?;
        // Nothing is committed by this: what it would store comes again with what is landed.
        let root = self.save_large(&now.tree, false).await?.root;
        if root == proposal.base {
            let session_now = Parcel::of(now).session_id();
            let is_same_session = base_session(&proposal.outcome) == session_now;
            let session = if is_same_session { theirs.session } else { now.session.clone() };
            return Ok((State { tree: theirs.tree, session, epoch: now.epoch, container: None, pin: None }, false));
        }
        let base = self.stored(proposal.base, None, now.epoch)?;
        let tree = self.merged(base.tree, now.tree.clone(), theirs.tree, &live.settings.limits).await?;
        Ok((State { tree, session: now.session.clone(), epoch: now.epoch, container: None, pin: None }, true))
    }

    /// A merge within a container's limits.
    pub(super) async fn merged(
        &self,
        base: Tree,
        ours: Tree,
        theirs: Tree,
        limits: &crate::base::Limits,
    ) -> Result<Tree> {
        let tree = blocking(move || merge(&base, &ours, &theirs)).await??;
        let used = tree.usage();
        let over = |limit, unit, value, used| Err(ContainerError::TooLarge { limit, unit, value, used });
        match () {
            () if used.bytes > limits.tree_bytes => over("tree_bytes", "bytes", limits.tree_bytes, used.bytes),
            () if used.files > limits.tree_files => over("tree_files", "files", limits.tree_files, used.files),
            () => Ok(tree),
        }
    }

    /// Discards a proposal.
    ///
    /// # Errors
    /// There is none, or it was decided already.
    pub async fn discard(&self, id: &str) -> Result<ProposalRecord> {
        let (this, id) = (self.clone(), id.to_owned());
        self.see_through(async move {
            let container = this.open_proposal(&id).await?.container;
            let slot = this.slot(&container);
            let discarded = this.discard_in(&slot, &id).await;
            this.leave(slot);
            discarded
        })
        .await
    }

    async fn discard_in(&self, slot: &Arc<Slot>, id: &str) -> Result<ProposalRecord> {
        let live = self.shared(slot).await?;
        let _order = live.landing.lock().await;
        let discarded = self.decided(self.open_proposal(id).await?, ProposalState::Discarded);
        let put = vec![Change::PutProposal(discarded.clone())];
        let epoch = self.store().epoch();
        self.commit(Vec::new(), &[], put, Some(live.lease.fence()), epoch).await?;
        Ok(discarded)
    }

    /// Keeps what a fork did as a proposal.
    pub(super) async fn propose(
        &self,
        container: &str,
        base: &State,
        after: Snapshot,
        entry: Entry,
    ) -> Result<ProposalRecord> {
        let new = State {
            tree: after.tree().clone(),
            session: after.session().cloned(),
            epoch: base.epoch,
            container: None,
            pin: None,
        };
        let mut outcome = entry.outcome;
        if let (Value::Object(fields), Some(session)) = (&mut outcome, Parcel::of(base).session_id()) {
            fields.insert(BASE_SESSION.into(), json!(session));
        }
        let mut proposal = ProposalRecord {
            id: id::new(PROPOSAL_PREFIX),
            container: container.to_owned(),
            base: Hash([0; 32]),
            root: Hash([0; 32]),
            session: None,
            command: entry.command,
            outcome,
            state: ProposalState::Open,
            created_at_ms: self.now_ms(),
            decided_at_ms: None,
        };
        self.commit_states(&[base, &new], None, |roots| {
            (proposal.base, proposal.root, proposal.session) = (roots[0].0, roots[1].0, roots[1].1);
            vec![Change::PutProposal(proposal.clone())]
        })
        .await?;
        Ok(proposal)
    }

    async fn open_proposal(&self, id: &str) -> Result<ProposalRecord> {
        let proposal = self.proposal(id).await?;
        let state = match proposal.state {
            ProposalState::Open => return Ok(proposal),
            ProposalState::Applied => "applied",
            ProposalState::Discarded => "discarded",
        };
        Err(ContainerError::Decided { id: id.to_owned(), state })
    }

    fn decided(&self, proposal: ProposalRecord, state: ProposalState) -> ProposalRecord {
        ProposalRecord { state, decided_at_ms: Some(self.now_ms()), ..proposal }
    }
}

/// The session that a proposal started from.
fn base_session(outcome: &Value) -> Option<Hash> {
    outcome.get(BASE_SESSION)?.as_str()?.parse().ok()
}
