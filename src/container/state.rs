//! States: what a [`Ref`] leads to.

use bytes::Bytes;

use super::error::ContainerError;
use super::reference::Ref;
use super::service::{Containers, Result, not_found};
use crate::base::Hash;
use crate::sandbox::Snapshot;
use crate::storage::{ContainerRecord, ContainerStatus, LogQuery, LogRecord, Pin, SnapshotRecord};
use crate::vfs::Tree;

/// A state, kept from the collector while this lives.
pub(super) struct State {
    pub tree: Tree,
    pub session: Option<Bytes>,
    /// The epoch in which it was known to be stored.
    pub epoch: u64,
    /// The container whose it is or was.
    pub container: Option<String>,
    /// Keeps what is not in memory from the collector.
    pub pin: Option<Pin>,
}

impl State {
    pub fn snapshot(&self) -> Snapshot {
        Snapshot::new(self.tree.clone(), self.session.clone())
    }
}

impl Containers {
    /// The state that `reference` leads to.
    pub(super) async fn state(&self, reference: &Ref) -> Result<State> {
        self.check_open()?;
        match reference {
            Ref::Image => {
                let root = self.image_root().await?.1;
                self.stored(root, None, self.store().epoch())
            }
            Ref::Container(name) => match self.store().container(name).await? {
                Some(record) => self.now(record).await,
                None => match self.store().snapshot(name).await? {
                    Some(snapshot) => self.of_snapshot(snapshot).await,
                    None => Err(not_found("container or snapshot", name)),
                },
            },
            Ref::At(name, seq) => {
                let record = self.find(name).await?;
                let entry = self.log_record(&record, *seq).await?;
                self.pinned(entry.root, entry.session, Some(record.id)).await
            }
            Ref::Snapshot(name) => {
                let found = self.store().snapshot(name).await?;
                self.of_snapshot(found.ok_or_else(|| not_found("snapshot", name))?).await
            }
            Ref::Proposal(id) => {
                let proposal = self.proposal(id).await?;
                self.pinned(proposal.root, proposal.session, Some(proposal.container)).await
            }
        }
    }

    /// The same for something that takes its time: what it reads then is not collected meanwhile, though the container goes on.
    pub(super) async fn held(&self, reference: &Ref) -> Result<State> {
        let mut state = self.state(reference).await?;
        if state.pin.is_none()
            && let Some(id) = &state.container
            && let Some(slot) = self.slot_in_use(id)
            && let Some(root) = slot.peek().await.map(|live| live.record().root)
        {
            // What is not stored yet needs no pin.
            state.pin = self.store().pin(root).await.ok();
        }
        Ok(state)
    }

    /// A container as it is now: in this process's memory, else as last committed.
    async fn now(&self, record: ContainerRecord) -> Result<State> {
        if record.status == ContainerStatus::Expired {
            return Err(ContainerError::Expired { id: record.id });
        }
        if let Some(slot) = self.slot_in_use(&record.id)
            && let Some(live) = slot.peek().await
        {
            return Ok(live.state(&record.id));
        }
        self.pinned(record.root, record.session, Some(record.id)).await
    }

    async fn of_snapshot(&self, snapshot: SnapshotRecord) -> Result<State> {
        self.pinned(snapshot.root, snapshot.session, snapshot.container).await
    }

    /// A stored state, kept from the collector.
    pub(super) async fn pinned(&self, root: Hash, session: Option<Hash>, container: Option<String>) -> Result<State> {
        let pin = self.store().pin(root).await?;
        let state = self.stored(root, session, self.store().epoch())?;
        Ok(State { container, pin: Some(pin), ..state })
    }

    /// Log record `seq` of a container, also if it is not durable yet.
    pub(super) async fn log_record(&self, container: &ContainerRecord, seq: u64) -> Result<LogRecord> {
        if container.status == ContainerStatus::Expired {
            return Err(ContainerError::Expired { id: container.id.clone() });
        }
        self.settle(&container.id).await?;
        let query =
            LogQuery { after_seq: seq.checked_sub(1), before_seq: seq.checked_add(1), limit: 1, ..LogQuery::default() };
        let found = self.store().log(&container.id, &query).await?;
        found.into_iter().next().ok_or_else(|| not_found("state", &format!("{}@{seq}", container.name)))
    }
}
