//! What a store holds, in numbers.

use super::commit::State;
use super::lists::count;
use super::{Inner, StoreError, migrations};

/// What a store holds.
#[derive(Clone, PartialEq, Eq, Debug, Default, serde::Serialize)]
pub struct Stats {
    /// Containers, expired ones too.
    pub containers: u64,
    /// Snapshots.
    pub snapshots: u64,
    /// Proposals, decided ones too.
    pub proposals: u64,
    /// Records of logs.
    pub log_records: u64,
    /// Images.
    pub images: u64,
    /// Blobs.
    pub blobs: u64,
    /// Packs, as objects and inside the records.
    pub packs: u64,
    /// Bytes of all packs.
    pub stored_bytes: u64,
    /// Bytes of packs inside the records.
    pub inline_bytes: u64,
    /// Bytes it may hold; `None` if there is no quota.
    pub quota_bytes: Option<u64>,
    /// Commits since it was made.
    pub commits: u64,
    /// Collections that took something away since it was made.
    pub epoch: u64,
    /// Version of its format.
    pub format: i64,
}

impl Inner {
    pub(super) async fn stats(&self) -> Result<Stats, StoreError> {
        let state = State::read(&mut *self.database.read().acquire().await?).await?;
        let database = &self.database;
        Ok(Stats {
            containers: count(database, "SELECT COUNT(*) FROM container").await?,
            snapshots: count(database, "SELECT COUNT(*) FROM snapshot").await?,
            proposals: count(database, "SELECT COUNT(*) FROM proposal").await?,
            log_records: count(database, "SELECT COUNT(*) FROM log").await?,
            images: count(database, "SELECT COUNT(*) FROM image").await?,
            blobs: state.blobs,
            packs: count(database, "SELECT COUNT(*) FROM pack").await?,
            stored_bytes: state.stored,
            inline_bytes: count(
                database,
                "SELECT CAST(COALESCE(SUM(size), 0) AS BIGINT) FROM pack WHERE object IS NULL",
            )
            .await?,
            quota_bytes: Some(self.config.quota_bytes).filter(|quota| *quota < u64::MAX),
            commits: state.commits,
            epoch: state.epoch,
            format: migrations::FORMAT,
        })
    }
}
