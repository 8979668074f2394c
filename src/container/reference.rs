//! How a state is named: what `diff`, `fork`, `restore`, `merge`, `export` and reading files are given.
//!
//! ```text
//! image              the root image
//! NAME               the container of that name as it is now, else the snapshot of that name
//! cntr_…             a container by its id, as it is now
//! NAME@7, cntr_…@7   what the container's log record 7 left
//! snap_…             a snapshot
//! prop_…             what a proposal would make of its container
//! ```

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::storage::{CONTAINER_PREFIX, PROPOSAL_PREFIX, SNAPSHOT_PREFIX};

/// What ids of containers, snapshots and proposals start with.
const PREFIXES: [&str; 3] = [CONTAINER_PREFIX, SNAPSHOT_PREFIX, PROPOSAL_PREFIX];

/// The name of the image's own state.
const IMAGE: &str = "image";

/// Longest name of a container or snapshot, in bytes.
pub(super) const NAME_BYTES: usize = 64;

/// A named state. [`FromStr`] reads and [`fmt::Display`] writes the forms above; in JSON it is that text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Ref {
    /// The root image.
    Image,
    /// A container, by id or name, as it is now.
    Container(String),
    /// What log record `seq` of a container, by id or name, left.
    At(String, u64),
    /// A snapshot, by id or name.
    Snapshot(String),
    /// A proposal, by id.
    Proposal(String),
}

/// Why a text names no state.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} names no state: {why}; write image, NAME, NAME@SEQ, or an id (cntr_…, snap_…, prop_…)")]
pub struct RefError {
    /// The text.
    pub text: String,
    /// What is wrong with it.
    pub why: String,
}

impl FromStr for Ref {
    type Err = RefError;

    fn from_str(text: &str) -> Result<Ref, RefError> {
        let wrong = |why: String| RefError { text: text.chars().take(2 * NAME_BYTES).collect(), why };
        let (name, seq) = match text.split_once('@') {
            Some((name, seq)) => {
                let digits = !seq.is_empty() && seq.bytes().all(|b| b.is_ascii_digit());
                let seq = digits.then(|| seq.parse().ok()).flatten();
                (name, Some(seq.ok_or_else(|| wrong("what follows @ is not the number of a log record".into()))?))
            }
            None => (text, None),
        };
        check_name(name).map_err(wrong)?;
        match seq {
            Some(_) if name == IMAGE || name.starts_with(SNAPSHOT_PREFIX) || name.starts_with(PROPOSAL_PREFIX) => {
                Err(wrong("only a container has numbered states".into()))
            }
            Some(seq) => Ok(Ref::At(name.into(), seq)),
            None if name == IMAGE => Ok(Ref::Image),
            None if name.starts_with(SNAPSHOT_PREFIX) => Ok(Ref::Snapshot(name.into())),
            None if name.starts_with(PROPOSAL_PREFIX) => Ok(Ref::Proposal(name.into())),
            None => Ok(Ref::Container(name.into())),
        }
    }
}

impl fmt::Display for Ref {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Ref::Image => f.write_str(IMAGE),
            Ref::Container(name) | Ref::Snapshot(name) | Ref::Proposal(name) => f.write_str(name),
            Ref::At(name, seq) => write!(f, "{name}@{seq}"),
        }
    }
}

impl TryFrom<String> for Ref {
    type Error = RefError;

    fn try_from(text: String) -> Result<Ref, RefError> {
        text.parse()
    }
}

impl From<Ref> for String {
    fn from(reference: Ref) -> String {
        reference.to_string()
    }
}

/// Whether `name` can be the name or id of something: letters, digits, `.`, `_` and `-`, and a letter or digit first.
pub(super) fn check_name(name: &str) -> Result<(), String> {
    let fits = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    if name.is_empty() {
        return Err("it is empty".into());
    }
    if name.len() > NAME_BYTES {
        return Err(format!("it has {} bytes, at most {NAME_BYTES} are allowed", name.len()));
    }
    if let Some(c) = name.chars().find(|c| !fits(*c)) {
        return Err(format!("{c:?} is none of letters, digits, `.`, `_` and `-`"));
    }
    if !name.starts_with(|c: char| c.is_ascii_alphanumeric()) {
        return Err("it does not start with a letter or digit".into());
    }
    Ok(())
}

/// Whether `name` may be given to a container or snapshot: not what an id looks like, nor the image's.
pub(super) fn check_new_name(name: &str) -> Result<(), String> {
    check_name(name)?;
    if name == IMAGE {
        return Err("it is what the root image is called".into());
    }
    if let Some(prefix) = PREFIXES.iter().find(|p| name.starts_with(**p)) {
        return Err(format!("ids start with {prefix}"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_read_and_written() {
        let forms = [
            ("image", Ref::Image),
            ("build", Ref::Container("build".into())),
            ("cntr_12ab", Ref::Container("cntr_12ab".into())),
            ("build@7", Ref::At("build".into(), 7)),
            ("cntr_12ab@0", Ref::At("cntr_12ab".into(), 0)),
            ("snap_00ff", Ref::Snapshot("snap_00ff".into())),
            ("prop_00ff", Ref::Proposal("prop_00ff".into())),
        ];
        for (text, reference) in forms {
            assert_eq!(text.parse(), Ok(reference.clone()));
            assert_eq!(reference.to_string(), text);
        }
    }

    #[test]
    fn nonsense_is_refused_with_its_reason() {
        let long = "x".repeat(NAME_BYTES + 1);
        let texts = [
            "",
            "@1",
            "a@",
            "a@x",
            "a@-1",
            "a@+1",
            "a@1@2",
            "a@99999999999999999999",
            "a b",
            "a/b",
            "../a",
            ".a",
            "-a",
            "a\0",
            "ä",
            "image@1",
            "snap_00@1",
            "prop_00@1",
            "a\nb",
            &long,
        ];
        for text in texts {
            let error = text.parse::<Ref>().expect_err(text);
            assert!(!error.why.is_empty() && error.to_string().contains("NAME@SEQ"));
        }
    }

    #[test]
    fn names_that_look_like_ids_are_not_given() {
        for name in ["image", "cntr_x", "snap_", "prop_1", "a@1", ""] {
            assert!(check_new_name(name).is_err(), "{name}");
        }
        for name in ["a", "A-1", "web.server_2", "0", "images", "snap"] {
            assert_eq!(check_new_name(name), Ok(()));
        }
    }
}
