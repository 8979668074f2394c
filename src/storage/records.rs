//! The records of a store: what it knows of containers, their log, snapshots, proposals, images and items, and how they are asked for.
//!
//! Times are milliseconds since 1970. A `root` is the blob a state starts from; a `session` the blob of the shell's state kept with it.

use crate::base::Hash;
use serde::{Deserialize, Serialize};

/// Prefix of a container's id.
pub const CONTAINER_PREFIX: &str = "cntr_";
/// Prefix of a snapshot's id.
pub const SNAPSHOT_PREFIX: &str = "snap_";
/// Prefix of a proposal's id.
pub const PROPOSAL_PREFIX: &str = "prop_";

/// Whether a container can be used.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "the names say it")]
pub enum ContainerStatus {
    Active,
    Expired,
}

/// A durable sandbox as it was last committed.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct ContainerRecord {
    /// `cntr_…`, never used again.
    pub id: String,
    /// What people call it. Unique among containers that have no owner; an owner's may share names.
    pub name: String,
    /// Whose it is (an API key's id); `None` belongs to whoever has the store.
    pub owner: Option<String>,
    /// Its files.
    pub root: Hash,
    /// Its shell's state.
    pub session: Option<Hash>,
    /// The image it was made over.
    pub image: String,
    /// Whether it can be used.
    pub status: ContainerStatus,
    /// When it was made.
    pub created_at_ms: i64,
    /// When it was last used.
    pub last_active_at_ms: i64,
    /// How long after its last use it expires.
    pub expires_after_ms: Option<u64>,
    /// Number of its last log record; 0 when there is none.
    pub seq: u64,
    /// Limits, environment, profile, durability: the container room's business.
    pub settings: serde_json::Value,
}

/// One change of a container, and the state it left.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct LogRecord {
    /// The container's id.
    pub container: String,
    /// Its place in the container's history, from 1.
    pub seq: u64,
    /// What happened, in one word.
    pub kind: String,
    /// What was run, or what the change was made with.
    pub command: String,
    /// The files it left.
    pub root: Hash,
    /// The shell's state it left.
    pub session: Option<Hash>,
    /// How it ended: the container room's business.
    pub outcome: serde_json::Value,
    /// When it began.
    pub started_at_ms: i64,
    /// When it was over.
    pub ended_at_ms: i64,
}

/// A state that was given an id of its own; it outlives its container.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct SnapshotRecord {
    /// `snap_…`.
    pub id: String,
    /// What people call it. Unique among snapshots that have no owner.
    pub name: Option<String>,
    /// The container it was taken of.
    pub container: Option<String>,
    /// Whose it is.
    pub owner: Option<String>,
    /// Its files.
    pub root: Hash,
    /// Its shell's state.
    pub session: Option<Hash>,
    /// When it was taken.
    pub created_at_ms: i64,
    /// Image, settings: the container room's business.
    pub settings: serde_json::Value,
}

/// What became of a proposal.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "the names say it")]
pub enum ProposalState {
    Open,
    Applied,
    Discarded,
}

/// What an exec would change, waiting for somebody to apply or discard it.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct ProposalRecord {
    /// `prop_…`.
    pub id: String,
    /// The container it was made in.
    pub container: String,
    /// The container's files when it began.
    pub base: Hash,
    /// The files it would leave.
    pub root: Hash,
    /// The shell's state it would leave.
    pub session: Option<Hash>,
    /// What was run.
    pub command: String,
    /// How it ended: the container room's business.
    pub outcome: serde_json::Value,
    /// What became of it.
    pub state: ProposalState,
    /// When it was made.
    pub created_at_ms: i64,
    /// When it was applied or discarded.
    pub decided_at_ms: Option<i64>,
}

/// Anything else that is kept: keys, uploaded files, skills; a kind, an id and a body only its kind understands.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct DocumentRecord {
    /// What it is: `key`, `file`, …
    pub kind: String,
    /// Unique within its kind.
    pub id: String,
    /// Whose it is.
    pub owner: Option<String>,
    /// When it was made.
    pub created_at_ms: i64,
    /// When it may go; nothing of the store removes it by itself.
    pub expires_at_ms: Option<i64>,
    /// Blobs that are kept from the collector, with all they lead to, as long as the document is.
    pub links: Vec<Hash>,
    /// Everything else: its kind's business.
    pub body: serde_json::Value,
}

/// What somebody did, to be added to the audit trail.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct AuditEntry {
    /// When.
    pub at_ms: i64,
    /// In which container.
    pub container: Option<String>,
    /// What.
    pub body: serde_json::Value,
}

/// One link of the audit trail's chain.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct AuditRecord {
    /// Its place in the trail, from 1, without gaps.
    pub seq: u64,
    /// BLAKE3 over the hash before it, `seq`, `at_ms`, the container and the body, so that nothing is changed or taken out unseen.
    pub hash: Hash,
    /// What was added.
    #[serde(flatten)]
    pub entry: AuditEntry,
}

/// The last record of the audit trail that was dropped: what is kept follows from it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct AuditCheckpoint {
    /// Its place in the trail, which is how many were dropped. 0 if none was.
    pub seq: u64,
    /// Its hash; all zeros if none was dropped.
    pub hash: Hash,
}

/// What following the audit trail's chain has shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct AuditChain {
    /// Where it begins.
    pub checkpoint: AuditCheckpoint,
    /// How many records follow from it and from each other.
    pub records: u64,
    /// The hash of the last of them; whoever notes it elsewhere can tell later whether the trail was made anew.
    pub last: Hash,
    /// The `seq` of the first that does not follow.
    pub broken_at: Option<u64>,
}

/// In which direction a list goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// Newest first.
    #[default]
    Descending,
    /// Oldest first.
    Ascending,
}

/// Records a list may have at most.
pub const LIST_LIMIT: u32 = 1000;

/// Which containers, in the order they were made.
#[derive(Clone, PartialEq, Debug)]
pub struct ContainerQuery {
    /// Only this owner's; `None`: everybody's.
    pub owner: Option<String>,
    /// Only those of exactly this name.
    pub name: Option<String>,
    /// Only those with this status.
    pub status: Option<ContainerStatus>,
    /// Which end the list starts at.
    pub order: Order,
    /// Those behind this id in the list.
    pub after: Option<String>,
    /// At most so many, and at most [`LIST_LIMIT`].
    pub limit: u32,
}

impl Default for ContainerQuery {
    fn default() -> ContainerQuery {
        ContainerQuery {
            owner: None,
            name: None,
            status: None,
            order: Order::default(),
            after: None,
            limit: LIST_LIMIT,
        }
    }
}

/// Which records of a container's log, by `seq`.
#[derive(Clone, PartialEq, Debug)]
pub struct LogQuery {
    /// Only those with a higher `seq`.
    pub after_seq: Option<u64>,
    /// Only those with a lower `seq`.
    pub before_seq: Option<u64>,
    /// Which end the list starts at.
    pub order: Order,
    /// At most so many, and at most [`LIST_LIMIT`].
    pub limit: u32,
}

impl Default for LogQuery {
    fn default() -> LogQuery {
        LogQuery { after_seq: None, before_seq: None, order: Order::default(), limit: LIST_LIMIT }
    }
}

/// Which snapshots, in the order they were taken.
#[derive(Clone, PartialEq, Debug)]
pub struct SnapshotQuery {
    /// Only this owner's; `None`: everybody's.
    pub owner: Option<String>,
    /// Only those of this container (its id).
    pub container: Option<String>,
    /// Which end the list starts at.
    pub order: Order,
    /// Those behind this id in the list.
    pub after: Option<String>,
    /// At most so many, and at most [`LIST_LIMIT`].
    pub limit: u32,
}

impl Default for SnapshotQuery {
    fn default() -> SnapshotQuery {
        SnapshotQuery { owner: None, container: None, order: Order::default(), after: None, limit: LIST_LIMIT }
    }
}

/// Which documents of a kind, in the order they were made.
#[derive(Clone, PartialEq, Debug)]
pub struct DocumentQuery {
    /// Only of this kind.
    pub kind: String,
    /// Only this owner's; `None`: everybody's; `Some(None)`: nobody's.
    pub owner: Option<Option<String>>,
    /// Which end the list starts at.
    pub order: Order,
    /// Those behind this id in the list.
    pub after: Option<String>,
    /// At most so many, and at most [`LIST_LIMIT`].
    pub limit: u32,
}

impl DocumentQuery {
    /// All of a kind, newest first.
    pub fn of(kind: &str) -> DocumentQuery {
        DocumentQuery { kind: kind.into(), owner: None, order: Order::default(), after: None, limit: LIST_LIMIT }
    }
}

/// Which part of the audit trail, oldest first.
#[derive(Clone, PartialEq, Debug)]
pub struct AuditQuery {
    /// Only of this container.
    pub container: Option<String>,
    /// Not before.
    pub from_ms: i64,
    /// Before.
    pub to_ms: i64,
    /// Only those with a higher `seq`.
    pub after_seq: u64,
    /// At most so many, and at most [`LIST_LIMIT`].
    pub limit: u32,
}

impl Default for AuditQuery {
    fn default() -> AuditQuery {
        AuditQuery { container: None, from_ms: i64::MIN, to_ms: i64::MAX, after_seq: 0, limit: LIST_LIMIT }
    }
}

/// One change of the records. `Put` adds a record or replaces the one with its id.
#[derive(Clone, PartialEq, Debug)]
pub enum Change {
    /// A container's record.
    PutContainer(ContainerRecord),
    /// A container by id, with its log and its proposals; its snapshots stay.
    RemoveContainer(String),
    /// One more record of a container's log; its `seq` must be new.
    AppendLog(LogRecord),
    /// Takes away the records of a container's log below a `seq`.
    PruneLog {
        /// The container's id.
        container: String,
        /// The first `seq` that stays.
        before_seq: u64,
    },
    /// Moves a container's time of last use without touching anything else of it.
    Touch {
        /// The container's id.
        container: String,
        /// The time of last use.
        last_active_at_ms: i64,
    },
    /// A snapshot's record.
    PutSnapshot(SnapshotRecord),
    /// A snapshot by id.
    RemoveSnapshot(String),
    /// A proposal's record.
    PutProposal(ProposalRecord),
    /// A proposal by id.
    RemoveProposal(String),
    /// The files of an image.
    PutImage {
        /// The image's id.
        id: String,
        /// Its files.
        root: Hash,
    },
    /// An image by id.
    RemoveImage(String),
    /// A document's record.
    PutDocument(DocumentRecord),
    /// A document by kind and id.
    RemoveDocument {
        /// Its kind.
        kind: String,
        /// Its id.
        id: String,
    },
    /// One more link of the audit trail's chain.
    AppendAudit(AuditEntry),
    /// Drops the audit trail's oldest records behind its checkpoint. The newest stays in any case.
    PruneAudit {
        /// As many as it takes to keep no more bytes than these.
        bytes: Option<u64>,
        /// Those from before this time.
        before_ms: Option<i64>,
    },
}
