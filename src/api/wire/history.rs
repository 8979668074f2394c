//! What happens to containers: execs, log, snapshots, proposals, differences. Coquina's own, in the reference's manner.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::content::Content;
use super::exec::LimitsParam;
use super::list::Identified;
use crate::container::{ContainerError, Difference, Landed};
use crate::storage::{LogRecord, ProposalRecord, ProposalState, SnapshotRecord};
use crate::vfs::{ChangeKind, FileChange, FileState, Kind, TextDiff, TextLimits};

/// Changes that an answer tells one by one.
const CHANGES: usize = 1000;

/// A command for a container.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct ExecRequest {
    /// A bash command line or script.
    pub command: String,
    /// Standard input; empty if absent.
    pub stdin: Option<Content>,
    /// Environment variables, over the container's.
    pub env: Option<BTreeMap<String, String>>,
    /// Working directory, absolute.
    pub cwd: Option<String>,
    /// Limit of wall-clock time, in milliseconds.
    #[schema(minimum = 1)]
    pub timeout_ms: Option<u64>,
    /// Other limits.
    pub limits: Option<LimitsParam>,
    /// Go on with the container's shell session: variables, functions, working directory.
    pub session: Option<bool>,
    /// Make a proposal of what it does, instead of changing the container.
    pub propose: Option<bool>,
    /// Run beside other commands instead of after them.
    pub parallel: Option<bool>,
    /// Answer with server-sent events while it runs.
    pub stream: Option<bool>,
}

/// A record of a container's log: one change, and the state it left.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct LogEntry {
    /// `cntr_…@N`: a name for the state it left.
    id: String,
    /// Always `container.log_entry`.
    object: &'static str,
    container_id: String,
    /// Its number.
    seq: u64,
    /// `create`, `exec`, `write`, `import`, `restore`, `merge`, …
    kind: String,
    /// What was run, or what the change was made with.
    command: String,
    /// How it ended.
    #[schema(value_type = Object)]
    outcome: serde_json::Value,
    /// The hash of the files it left.
    root: String,
    started_at_ms: i64,
    ended_at_ms: i64,
}

impl From<LogRecord> for LogEntry {
    fn from(record: LogRecord) -> LogEntry {
        LogEntry {
            id: format!("{}@{}", record.container, record.seq),
            object: "container.log_entry",
            container_id: record.container,
            seq: record.seq,
            kind: record.kind,
            command: record.command,
            outcome: record.outcome,
            root: record.root.to_string(),
            started_at_ms: record.started_at_ms,
            ended_at_ms: record.ended_at_ms,
        }
    }
}

impl Identified for LogEntry {
    fn id(&self) -> &str {
        &self.id
    }
}

/// A state that outlives its container.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct SnapshotObject {
    /// `snap_…`.
    id: String,
    /// Always `container.snapshot`.
    object: &'static str,
    /// The container it was taken of.
    container_id: Option<String>,
    name: Option<String>,
    /// The hash of its files.
    root: String,
    created_at: i64,
}

impl From<SnapshotRecord> for SnapshotObject {
    fn from(record: SnapshotRecord) -> SnapshotObject {
        SnapshotObject {
            id: record.id,
            object: "container.snapshot",
            container_id: record.container,
            name: record.name,
            root: record.root.to_string(),
            created_at: record.created_at_ms.div_euclid(1000),
        }
    }
}

impl Identified for SnapshotObject {
    fn id(&self) -> &str {
        &self.id
    }
}

/// What a command would change, waiting for a decision.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct ProposalObject {
    /// `prop_…`.
    id: String,
    /// Always `container.proposal`.
    object: &'static str,
    container_id: String,
    /// `open`, `applied` or `discarded`.
    #[schema(value_type = String)]
    status: ProposalState,
    /// What was run.
    command: String,
    /// How it ended.
    #[schema(value_type = Object)]
    outcome: serde_json::Value,
    created_at: i64,
    decided_at: Option<i64>,
}

impl From<ProposalRecord> for ProposalObject {
    fn from(record: ProposalRecord) -> ProposalObject {
        ProposalObject {
            id: record.id,
            object: "container.proposal",
            container_id: record.container,
            status: record.state,
            command: record.command,
            outcome: record.outcome,
            created_at: record.created_at_ms.div_euclid(1000),
            decided_at: record.decided_at_ms.map(|ms| ms.div_euclid(1000)),
        }
    }
}

impl Identified for ProposalObject {
    fn id(&self) -> &str {
        &self.id
    }
}

/// A path that differs between two states.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct PathChange {
    path: String,
    /// `added`, `removed`, `modified` or `attributes`.
    change: &'static str,
    /// What was there.
    before: Option<PathState>,
    /// What is there.
    after: Option<PathState>,
    /// A unified diff, if it was asked for and both are text.
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
}

/// What is at a path.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct PathState {
    /// `file`, `directory`, `symlink`, `device` or `fifo`.
    r#type: &'static str,
    /// Permissions, octal.
    mode: String,
    uid: u32,
    gid: u32,
    /// Bytes of content.
    size: u64,
    modified_at_ms: i64,
    /// Of a symlink.
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<String>,
}

impl From<FileState> for PathState {
    fn from(state: FileState) -> PathState {
        PathState {
            r#type: match state.kind {
                Kind::File => "file",
                Kind::Dir => "directory",
                Kind::Symlink => "symlink",
                Kind::CharDevice { .. } => "device",
                Kind::Fifo => "fifo",
            },
            mode: format!("{:04o}", state.mode),
            uid: state.uid,
            gid: state.gid,
            size: state.size,
            modified_at_ms: state.mtime.div_euclid(1_000_000),
            target: state.target.map(|target| String::from_utf8_lossy(&target).into_owned()),
        }
    }
}

/// The paths that differ, sorted: the first thousand.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct Changes {
    /// The first of them.
    changes: Vec<PathChange>,
    /// How many there are.
    changes_total: usize,
}

impl Changes {
    pub fn new(all: Vec<FileChange>) -> Changes {
        Changes::told(all, |_| None)
    }

    /// With what the texts differ in.
    pub fn with_text(difference: &Difference) -> Result<Changes, ContainerError> {
        let limits = TextLimits::default();
        let mut left = limits.output_bytes;
        Ok(Changes::told(difference.changes()?, |path| match difference.text(path, &limits) {
            Ok(TextDiff::Text(text)) if text.len() <= left => {
                left -= text.len();
                Some(String::from_utf8_lossy(&text).into_owned())
            }
            _ => None,
        }))
    }

    fn told(all: Vec<FileChange>, mut text: impl FnMut(&[u8]) -> Option<String>) -> Changes {
        let changes_total = all.len();
        let told = all.into_iter().take(CHANGES).map(|change| PathChange {
            text: text(&change.path),
            path: String::from_utf8_lossy(&change.path).into_owned(),
            change: self::change(change.kind),
            before: change.before.map(PathState::from),
            after: change.after.map(PathState::from),
        });
        Changes { changes: told.collect(), changes_total }
    }
}

/// The word for a kind of change.
pub(in crate::api) fn change(kind: ChangeKind) -> &'static str {
    match kind {
        ChangeKind::Added => "added",
        ChangeKind::Removed => "removed",
        ChangeKind::Modified => "modified",
        ChangeKind::Attributes => "attributes",
    }
}

/// What became of a change: either a log record or a proposal.
#[derive(Debug, Default, Serialize, ToSchema)]
pub(in crate::api) struct LandedObject {
    #[serde(skip_serializing_if = "Option::is_none")]
    log: Option<LogEntry>,
    #[serde(skip_serializing_if = "Option::is_none")]
    proposal: Option<ProposalObject>,
}

impl LandedObject {
    /// The id of the proposal, if it is one.
    pub fn proposal_id(&self) -> Option<&str> {
        self.proposal.as_ref().map(|proposal| proposal.id.as_str())
    }
}

impl From<Landed> for LandedObject {
    fn from(landed: Landed) -> LandedObject {
        match landed {
            Landed::Committed(log) => LandedObject { log: Some(log.into()), proposal: None },
            Landed::Proposed(proposal) => LandedObject { log: None, proposal: Some(proposal.into()) },
        }
    }
}

/// A snapshot to be taken.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct SnapshotRequest {
    /// What to call it: letters, digits, `.`, `_`, `-`.
    pub name: Option<String>,
}

/// A container to be made from a state of another.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct ForkRequest {
    /// What to call the new one.
    pub name: Option<String>,
    /// `cntr_…@N`, `snap_…` or `prop_…`; as the container is now if absent.
    pub from: Option<String>,
}

/// A state to go back to, or to bring in.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct StateRequest {
    /// `cntr_…`, `cntr_…@N`, `snap_…`, `prop_…` or `image`.
    pub from: String,
}
