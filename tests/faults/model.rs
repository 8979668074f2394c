//! What a store should hold: containers that take steps, and the contents each has after each step, as pure functions of its id and number.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use coquina::base::{Blob, Hash};
use serde::{Deserialize, Serialize};

use super::random::Random;

/// One change of a container; a commit of the store.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Step {
    Create,
    /// The next state.
    Write,
    Snapshot(String),
    DropSnapshot(String),
    /// Log records before this number go.
    Prune(u64),
    Propose(String),
    Decide {
        proposal: String,
        applied: bool,
    },
    Remove,
}

/// A container as the records should show it; `None` of a model: it never was, or is gone without a trace.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Boxed {
    /// Whether its record is there (its snapshots may be there without).
    pub live: bool,
    pub seq: u64,
    pub log: BTreeSet<u64>,
    /// The number of the state each has.
    pub snapshots: BTreeMap<String, u64>,
    /// The number of the state each proposes, and what became of it.
    pub proposals: BTreeMap<String, (u64, Option<bool>)>,
}

impl Boxed {
    pub fn apply(&mut self, step: &Step) {
        match step {
            Step::Create => *self = Boxed { live: true, ..Boxed::default() },
            Step::Write => {
                self.seq += 1;
                self.log.insert(self.seq);
            }
            Step::Snapshot(name) => drop(self.snapshots.insert(name.clone(), self.seq)),
            Step::DropSnapshot(name) => drop(self.snapshots.remove(name)),
            Step::Prune(before) => self.log.retain(|seq| seq >= before),
            Step::Propose(id) => drop(self.proposals.insert(id.clone(), (self.seq + 1, None))),
            Step::Decide { proposal, applied } => {
                let (_, decided) = self.proposals.get_mut(proposal).expect("steps are taken in order");
                *decided = Some(*applied);
                if *applied {
                    self.apply(&Step::Write);
                }
            }
            Step::Remove => {
                let snapshots = std::mem::take(&mut self.snapshots);
                *self = Boxed { snapshots, ..Boxed::default() };
            }
        }
    }
}

/// All containers, and the step each was taking when its process ended.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Model {
    pub boxes: BTreeMap<String, Boxed>,
    /// May have happened, or may not; nothing between.
    pub in_doubt: BTreeMap<String, Step>,
    /// What a backup holds that was made.
    pub backup: Option<BTreeMap<String, Boxed>>,
}

impl Model {
    /// One line of what a driver says: `begin ID STEP`, `done ID`, `failed ID`, `backup`.
    pub fn hear(&mut self, line: &str) {
        let mut words = line.splitn(3, ' ');
        let (verb, id, rest) = (words.next().unwrap_or(""), words.next().unwrap_or(""), words.next().unwrap_or(""));
        match verb {
            "begin" => {
                let step = serde_json::from_str(rest).expect("a step");
                assert_eq!(self.in_doubt.insert(id.to_owned(), step), None, "{id} takes one step after another");
            }
            "done" => {
                let step = self.in_doubt.remove(id).expect("it was begun");
                self.boxes.entry(id.to_owned()).or_default().apply(&step);
            }
            "backup" => self.backup = Some(self.boxes.clone()),
            "failed" => drop(self.in_doubt.remove(id).expect("it was begun")),
            _ => {}
        }
    }

    /// Hears a whole file of them; a last line without its end was never said.
    pub fn hear_file(&mut self, acks: &Path) {
        let text = std::fs::read_to_string(acks).unwrap_or_default();
        text.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n')).for_each(|line| self.hear(line));
    }

    /// The states in which `id` may be found.
    pub fn allowed(&self, id: &str) -> Vec<Boxed> {
        let before = self.boxes.get(id).cloned().unwrap_or_default();
        let mut allowed = vec![before.clone()];
        if let Some(step) = self.in_doubt.get(id) {
            let mut after = before;
            after.apply(step);
            allowed.push(after);
        }
        allowed
    }

    /// Every container that was ever heard of.
    pub fn ids(&self) -> BTreeSet<String> {
        self.boxes.keys().chain(self.in_doubt.keys()).cloned().collect()
    }
}

/// Leaves of a state: all but the last are the container's own.
pub const LEAVES: u64 = 6;

/// A number from text and numbers, always the same.
pub fn mix(text: &str, a: u64, b: u64) -> u64 {
    let seed = text.bytes().fold(a, |sum, byte| Random::new(sum ^ u64::from(byte)).next());
    Random::new(seed ^ b.rotate_left(32)).next()
}

/// The last state up to `seq` that changed this leaf.
pub fn version(id: &str, leaf: u64, seq: u64) -> u64 {
    (1..=seq).rev().find(|s| mix(id, *s, 1) % LEAVES == leaf).unwrap_or(0)
}

/// What a leaf holds in a state: mostly little, sometimes enough for an object of its own; half of it compresses.
/// The last leaf is one of three that all containers share, so that what one drops another may just be taking up.
pub fn leaf(id: &str, leaf: u64, seq: u64) -> Vec<u8> {
    let version = version(id, leaf, seq);
    let (id, version) = if leaf == LEAVES - 1 { ("shared", version % 3) } else { (id, version) };
    let seed = mix(id, leaf, version);
    let mut random = Random::new(seed);
    let len = match seed % 24 {
        0 => 60_000 + random.below(60_000),
        1 | 2 => 10_000 + random.below(10_000),
        _ => random.below(600),
    };
    let mut bytes = random.bytes(len as usize);
    bytes.iter_mut().skip(len as usize / 2).for_each(|byte| *byte &= 1);
    bytes
}

/// A state as blobs: a root over two branches over the leaves, and a session beside it.
pub struct State {
    pub root: Hash,
    pub session: Hash,
    pub blobs: Vec<(Hash, Blob)>,
}

impl State {
    pub fn of(id: &str, seq: u64) -> State {
        let mut blobs = Vec::new();
        let mut add = |links: Vec<Hash>, data: Vec<u8>| {
            let blob = Blob { links, data: data.into() };
            let id = blob.id();
            blobs.push((id, blob));
            id
        };
        let leaves: Vec<Hash> = (0..LEAVES).map(|n| add(vec![], leaf(id, n, seq))).collect();
        let branches = leaves.chunks(3).map(|part| add(part.to_vec(), b"branch".to_vec())).collect();
        let root = add(branches, format!("{id} {seq}").into_bytes());
        let session = add(vec![], format!("session of {id} {seq}").repeat(5).into_bytes());
        State { root, session, blobs }
    }
}
