//! The model's steps and states as the store's changes and records.

use coquina::storage::{
    Change, ContainerRecord, ContainerStatus, LogRecord, ProposalRecord, ProposalState, SnapshotRecord,
};
use serde_json::json;

use super::model::{Boxed, State, Step};

/// The changes that take container `id` from a state by a step. (Its blobs are `State::of` the state after.)
pub fn changes(id: &str, before: &Boxed, step: &Step) -> Vec<Change> {
    let mut after = before.clone();
    after.apply(step);
    match step {
        Step::Create => vec![Change::PutContainer(container(id, &after))],
        Step::Write => vec![Change::AppendLog(log(id, after.seq)), Change::PutContainer(container(id, &after))],
        Step::Snapshot(name) => vec![Change::PutSnapshot(snapshot(id, name, after.seq))],
        Step::DropSnapshot(name) => vec![Change::RemoveSnapshot(snapshot_id(name))],
        Step::Prune(before_seq) => vec![Change::PruneLog { container: id.into(), before_seq: *before_seq }],
        Step::Propose(name) => vec![Change::PutProposal(proposal(id, name, &after))],
        Step::Decide { proposal: name, applied } => {
            let mut changes = vec![Change::PutProposal(proposal(id, name, &after))];
            if *applied {
                changes.extend([Change::AppendLog(log(id, after.seq)), Change::PutContainer(container(id, &after))]);
            }
            changes
        }
        Step::Remove => vec![Change::RemoveContainer(id.into())],
    }
}

/// The number of the state whose blobs a step brings.
pub fn brings(before: &Boxed, step: &Step) -> Option<u64> {
    match step {
        Step::Create => Some(0),
        Step::Write | Step::Propose(_) | Step::Decide { applied: true, .. } => Some(before.seq + 1),
        _ => None,
    }
}

pub fn container(id: &str, state: &Boxed) -> ContainerRecord {
    let State { root, session, .. } = State::of(id, state.seq);
    ContainerRecord {
        id: id.into(),
        name: format!("name of {id}"),
        owner: None,
        root,
        session: Some(session),
        image: "image".into(),
        status: ContainerStatus::Active,
        created_at_ms: 1,
        last_active_at_ms: state.seq as i64,
        expires_after_ms: None,
        seq: state.seq,
        settings: json!({ "seq": state.seq }),
    }
}

pub fn log(id: &str, seq: u64) -> LogRecord {
    let State { root, session, .. } = State::of(id, seq);
    LogRecord {
        container: id.into(),
        seq,
        kind: "exec".into(),
        command: format!("step {seq}"),
        root,
        session: Some(session),
        outcome: json!({ "exit_code": seq }),
        started_at_ms: seq as i64,
        ended_at_ms: seq as i64 + 1,
    }
}

pub fn snapshot(id: &str, name: &str, seq: u64) -> SnapshotRecord {
    let State { root, session, .. } = State::of(id, seq);
    SnapshotRecord {
        id: snapshot_id(name),
        name: Some(name.into()),
        container: Some(id.into()),
        owner: None,
        root,
        session: Some(session),
        created_at_ms: seq as i64,
        settings: json!({}),
    }
}

/// A proposal as it should be recorded in a state.
pub fn proposal(id: &str, name: &str, state: &Boxed) -> ProposalRecord {
    let (seq, decided) = state.proposals[name];
    let (base, State { root, session, .. }) = (State::of(id, seq - 1).root, State::of(id, seq));
    ProposalRecord {
        id: proposal_id(name),
        container: id.into(),
        base,
        root,
        session: Some(session),
        command: name.into(),
        outcome: json!({}),
        state: match decided {
            None => ProposalState::Open,
            Some(true) => ProposalState::Applied,
            Some(false) => ProposalState::Discarded,
        },
        created_at_ms: 1,
        decided_at_ms: decided.map(|_| 2),
    }
}

/// The id of the `n`th container of a task.
pub fn container_id(task: u64, n: u64) -> String {
    format!("cntr_{task:08x}{n:040x}")
}

/// The task a container belongs to, and its number there.
pub fn task_and_number(id: &str) -> (u64, u64) {
    let digits = &id["cntr_".len()..];
    let number = |text| u64::from_str_radix(text, 16).expect("ids are made here");
    (number(&digits[..8]), number(&digits[24..]))
}

fn snapshot_id(name: &str) -> String {
    format!("snap_{name:0>48}")
}

fn proposal_id(name: &str) -> String {
    format!("prop_{name:0>48}")
}

/// A name for the next snapshot or proposal of a container, never used before: one more in the same state has another count.
pub fn short_name(id: &str, seq: u64, count: usize) -> String {
    let (task, number) = task_and_number(id);
    format!("{task:x}a{number:x}b{seq:x}c{count:x}")
}
