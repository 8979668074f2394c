//! Skills and their versions, as the reference has them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::list::Identified;

/// A skill.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct SkillObject {
    /// `skill_…`.
    pub id: String,
    /// Always `skill`.
    pub object: &'static str,
    /// Of its default version.
    pub name: String,
    /// Of its default version.
    pub description: String,
    /// When it was made, in seconds since 1970.
    pub created_at: i64,
    /// The version that is used if none is named.
    pub default_version: String,
    /// The version with the highest number.
    pub latest_version: String,
}

impl Identified for SkillObject {
    fn id(&self) -> &str {
        &self.id
    }
}

/// A version of a skill: never changed.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct VersionObject {
    /// `skillver_…`.
    pub id: String,
    /// Always `skill.version`.
    pub object: &'static str,
    pub skill_id: String,
    /// Its number.
    pub version: String,
    pub name: String,
    pub description: String,
    /// When it was made, in seconds since 1970.
    pub created_at: i64,
}

impl Identified for VersionObject {
    fn id(&self) -> &str {
        &self.id
    }
}

/// Which version is to be the default.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct SetDefault {
    /// Its number.
    #[schema(value_type = String)]
    pub default_version: serde_json::Value,
}

/// What is left of a version that was removed.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct VersionDeleted {
    pub id: String,
    /// Always `skill.version.deleted`.
    pub object: &'static str,
    /// Always true.
    pub deleted: bool,
    pub version: String,
}
