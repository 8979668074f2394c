//! How a sandbox is set up: limits, host directories, rules.

use std::path::PathBuf;

use crate::base::{BlobError, Errno, Limits};
use crate::vfs::Rights;

/// How a [`Sandbox`] is set up. The default has the default limits and nothing of the host.
#[derive(Clone, Debug, Default)]
pub struct SandboxConfig {
    /// What it may use.
    pub limits: Limits,
    /// Host directories it is given.
    pub mounts: Vec<Mount>,
    /// Directories in which less is allowed than elsewhere; see [`Rule`].
    pub rules: Vec<Rule>,
    /// What the shell of a session left in the background goes on when its exec is over; see [`Sandbox::background`](super::Sandbox::background).
    pub background: bool,
}

/// What may be done in a directory and below it. Where the directories of rules lie in each other, the innermost rule holds; one for a
/// mounted host directory narrows what its mount allows. A rule for what is no directory when the sandbox is opened has no effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// The directory. Absolute.
    pub path: String,
    /// What is left of its rights.
    pub rights: Rights,
}

/// A host directory given to a sandbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount {
    /// The directory on the host.
    pub host: PathBuf,
    /// Where it appears; made if missing. Absolute.
    pub guest: String,
    /// What may be done with it.
    pub access: Access,
}

/// What may be done with a mounted host directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Nothing is written.
    ReadOnly,
    /// Changes go to the host at once.
    ReadWrite,
    /// The host is only read; changes live in the sandbox.
    CopyOnWrite,
}

/// Why a sandbox cannot be made.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say it")]
pub enum SandboxError {
    #[error("directory {path}: {source}", path = path.display())]
    HostDirectory { path: PathBuf, source: std::io::Error },
    #[error("cannot mount at {guest}: {errno}")]
    Mount { guest: String, errno: Errno },
    #[error("cannot apply the rule for {path}: {errno}")]
    Rule { path: String, errno: Errno },
    #[error("the files cannot be read: {0}")]
    Damaged(BlobError),
    #[error("{running} processes still run in the sandbox; wait for them or end them first")]
    Busy { running: usize },
}
