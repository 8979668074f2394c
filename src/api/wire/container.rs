//! Containers and their files, as the reference has them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::list::Identified;
use crate::api::error::ApiError;
use crate::container::{Container, Settings};
use crate::storage::ContainerStatus;

/// Minutes after its last use that a container expires if nothing else was asked for.
const EXPIRES_MINUTES: u64 = 20;

/// Minutes that may be asked for: a year.
const MOST_MINUTES: u64 = 365 * 24 * 60;

/// Longest name, in bytes.
const NAME_BYTES: usize = 1024;

/// Labels of a container that the service keeps its own notes under.
const NAME: &str = "api.name";
const MEMORY: &str = "api.memory_limit";

/// What a container is to be.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct CreateContainer {
    /// What to call it: free text.
    pub name: String,
    /// When it goes.
    pub expires_after: Option<ExpiresAfter>,
    /// Files to be copied into it.
    pub file_ids: Option<Vec<String>>,
    /// The most memory its commands may use; the operator's limit may be less.
    pub memory_limit: Option<MemoryLimit>,
    /// What it may reach: nothing, so far.
    pub network_policy: Option<NetworkPolicyParam>,
    /// Skills to be unpacked in it.
    pub skills: Option<Vec<SkillParam>>,
}

/// When a container goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct ExpiresAfter {
    /// What the time is counted from.
    pub anchor: Anchor,
    /// How long after it.
    #[schema(minimum = 1)]
    pub minutes: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::api) enum Anchor {
    LastActiveAt,
}

/// The reference's sizes of memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
pub(in crate::api) enum MemoryLimit {
    #[default]
    #[serde(rename = "1g")]
    G1,
    #[serde(rename = "4g")]
    G4,
    #[serde(rename = "16g")]
    G16,
    #[serde(rename = "64g")]
    G64,
}

impl MemoryLimit {
    const ALL: [(MemoryLimit, &str, u64); 4] = [
        (MemoryLimit::G1, "1g", 1 << 30),
        (MemoryLimit::G4, "4g", 4 << 30),
        (MemoryLimit::G16, "16g", 16 << 30),
        (MemoryLimit::G64, "64g", 64 << 30),
    ];

    fn bytes(self) -> u64 {
        MemoryLimit::ALL.iter().find(|(limit, ..)| *limit == self).map_or(0, |(_, _, bytes)| *bytes)
    }
}

/// What a container may reach.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub(in crate::api) enum NetworkPolicyParam {
    /// Nothing.
    Disabled {},
    /// These domains: not yet.
    Allowlist {
        #[allow(dead_code, reason = "the reference's field, refused with the policy")]
        allowed_domains: Vec<String>,
        #[allow(dead_code, reason = "the reference's field, refused with the policy")]
        #[schema(value_type = Option<Vec<Object>>)]
        domain_secrets: Option<serde_json::Value>,
    },
}

/// A skill for a container.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub(in crate::api) enum SkillParam {
    /// One that was uploaded.
    SkillReference {
        skill_id: String,
        /// A number, or `latest`; its default if absent.
        #[schema(value_type = Option<String>)]
        version: Option<serde_json::Value>,
    },
    /// One that comes with the request.
    Inline { name: String, description: String, source: SkillSource },
}

/// Where an inline skill's archive is.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub(in crate::api) enum SkillSource {
    /// Here.
    Base64 {
        /// `application/zip`.
        media_type: String,
        /// The archive in base64.
        data: String,
    },
}

impl CreateContainer {
    /// The settings of a container as asked for, over those that the service gives all.
    pub fn settings(&self, most: Settings) -> Result<Settings, ApiError> {
        if self.name.is_empty() || self.name.len() > NAME_BYTES {
            return Err(ApiError::invalid_value("name", format!("expected 1 to {NAME_BYTES} bytes")));
        }
        if matches!(self.network_policy, Some(NetworkPolicyParam::Allowlist { .. })) {
            let why = "containers of this service have no network; only a policy of type 'disabled' is supported";
            return Err(ApiError::invalid_value("network_policy", why));
        }
        let minutes = self.expires_after.map_or(EXPIRES_MINUTES, |expires| expires.minutes);
        if !(1..=MOST_MINUTES).contains(&minutes) {
            let why = format!("expected a number from 1 to {MOST_MINUTES}, got {minutes}");
            return Err(ApiError::invalid_value("expires_after.minutes", why));
        }
        let memory = self.memory_limit.unwrap_or_default();
        let mut settings = most;
        settings.limits.memory_bytes = settings.limits.memory_bytes.min(memory.bytes());
        settings.expires_after_ms = Some(minutes * 60_000);
        let text = MemoryLimit::ALL.iter().find(|(limit, ..)| *limit == memory).map_or("1g", |(_, text, _)| text);
        settings.labels.insert(MEMORY.into(), text.into());
        settings.labels.insert(NAME.into(), self.name.clone());
        Ok(settings)
    }
}

/// Gives settings another display name.
pub(in crate::api) fn rename(settings: &mut Settings, name: &str) {
    settings.labels.insert(NAME.into(), name.into());
}

/// What a container is called.
pub(in crate::api) fn display_name(container: &Container) -> &str {
    container.settings.labels.get(NAME).unwrap_or(&container.name)
}

/// A container.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct ContainerObject {
    /// `cntr_…`.
    id: String,
    /// Always `container`.
    object: &'static str,
    /// What its maker calls it.
    name: String,
    /// When it was made, in seconds since 1970.
    created_at: i64,
    /// `running` or `expired`.
    status: &'static str,
    /// When it was last used, in seconds since 1970.
    last_active_at: i64,
    /// When it goes; not there if never.
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_after: Option<ExpiresAfter>,
    /// As asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    memory_limit: Option<String>,
    /// What it may reach.
    network_policy: NetworkPolicy,
}

/// What a container may reach.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct NetworkPolicy {
    /// Always `disabled`.
    r#type: &'static str,
}

impl From<Container> for ContainerObject {
    fn from(container: Container) -> ContainerObject {
        let expires_after = container.settings.expires_after_ms;
        ContainerObject {
            object: "container",
            name: display_name(&container).to_owned(),
            created_at: container.created_at_ms.div_euclid(1000),
            status: match container.status {
                ContainerStatus::Active => "running",
                ContainerStatus::Expired => "expired",
            },
            last_active_at: container.last_active_at_ms.div_euclid(1000),
            expires_after: expires_after
                .map(|ms| ExpiresAfter { anchor: Anchor::LastActiveAt, minutes: ms.div_ceil(60_000) }),
            memory_limit: container.settings.labels.get(MEMORY).cloned(),
            network_policy: NetworkPolicy { r#type: "disabled" },
            id: container.id,
        }
    }
}

impl Identified for ContainerObject {
    fn id(&self) -> &str {
        &self.id
    }
}

/// A file below `/mnt/data` of a container.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct ContainerFile {
    /// `cfile_…`: the same for a path as long as there is a file.
    pub id: String,
    /// Always `container.file`.
    pub object: &'static str,
    /// When it was last written, in seconds since 1970.
    pub created_at: i64,
    /// Its size.
    pub bytes: u64,
    /// The container it is in.
    pub container_id: String,
    /// Where it is.
    pub path: String,
    /// `user` if it was uploaded, `assistant` if a command made it.
    pub source: &'static str,
}

impl Identified for ContainerFile {
    fn id(&self) -> &str {
        &self.id
    }
}

/// A file to be copied into a container.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct CopyFile {
    /// `file-…`.
    pub file_id: String,
}
