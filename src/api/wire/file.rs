//! Uploaded files, as the reference has them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::list::Identified;

/// What a file is uploaded for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::api) enum Purpose {
    Assistants,
    Batch,
    #[serde(rename = "fine-tune")]
    FineTune,
    Vision,
    UserData,
    Evals,
}

impl Purpose {
    /// Reads its name.
    pub fn new(text: &str) -> Option<Purpose> {
        serde_json::from_value(text.into()).ok()
    }
}

/// A file.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct FileObject {
    /// `file-…`.
    pub id: String,
    /// Always `file`.
    pub object: &'static str,
    /// Its size.
    pub bytes: u64,
    /// When it was uploaded, in seconds since 1970.
    pub created_at: i64,
    /// When it goes; not there if never.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<i64>,
    pub filename: String,
    pub purpose: Purpose,
    /// Always `processed`.
    pub status: &'static str,
    /// Always null.
    pub status_details: Option<String>,
}

impl Identified for FileObject {
    fn id(&self) -> &str {
        &self.id
    }
}
