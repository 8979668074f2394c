//! `POST /v1/run`: one command in a sandbox of its own.

use std::collections::BTreeMap;

use serde::Deserialize;
use utoipa::ToSchema;

use super::content::Content;
use super::exec::LimitsParam;

/// What is to be run, on which files, and which of them to return. Nothing is left behind.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct RunRequest {
    /// A bash script.
    pub script: String,
    /// Files that are there when it starts, by path: absolute, or below the working directory. They belong to `user`, mode 0644.
    pub files: Option<BTreeMap<String, Content>>,
    /// Which files to return: paths or patterns (`*`, `?`, `[a-z]`, and `**` for any directories), absolute or below the working directory.
    pub outputs: Option<Vec<String>>,
    /// Standard input; empty if absent.
    pub stdin: Option<Content>,
    /// Environment variables, over the standard ones.
    pub env: Option<BTreeMap<String, String>>,
    /// Working directory, absolute; `/home/user` if absent. It is made if it is not there.
    pub cwd: Option<String>,
    /// Limit of wall-clock time, in milliseconds.
    #[schema(minimum = 1)]
    pub timeout_ms: Option<u64>,
    /// Other limits.
    pub limits: Option<LimitsParam>,
    /// Answer with server-sent events while it runs.
    pub stream: Option<bool>,
}
