//! The records' tables, and how each version of the format becomes the next.
//!
//! A version's statements are never changed once a store may have been made with them: a change is a new version.

use super::{Database, StoreError};
use sqlx::{AnyConnection, Row};
use std::path::Path;

/// From nothing to version 1, from 1 to 2, … `BIGKEY`, `BYTES` and `CLUSTERED` stand for what databases spell differently.
const VERSIONS: &[&str] = &[V1, V2];

const V1: &str = "
CREATE TABLE state (one BIGINT PRIMARY KEY, epoch BIGINT NOT NULL, commits BIGINT NOT NULL, last_pack BIGINT NOT NULL,
    stored BIGINT NOT NULL, blobs BIGINT NOT NULL);
INSERT INTO state VALUES (1, 1, 0, 0, 0, 0);
CREATE TABLE pack (number BIGKEY, object TEXT, size BIGINT NOT NULL, data BYTES);
CREATE TABLE blob (id BYTES PRIMARY KEY NOT NULL, pack BIGINT NOT NULL, place BIGINT NOT NULL, stored BIGINT NOT NULL,
    leads BIGINT NOT NULL) CLUSTERED;

CREATE TABLE container (id TEXT PRIMARY KEY NOT NULL, name TEXT NOT NULL, owner TEXT, root BYTES NOT NULL, session BYTES,
    image TEXT NOT NULL, status BIGINT NOT NULL, created_at BIGINT NOT NULL, last_active_at BIGINT NOT NULL,
    expires_after BIGINT, expires_at BIGINT, seq BIGINT NOT NULL, settings TEXT NOT NULL, sum BIGINT NOT NULL);
CREATE UNIQUE INDEX container_name ON container (name) WHERE owner IS NULL;
CREATE INDEX container_named ON container (name, created_at, id);
CREATE INDEX container_made ON container (created_at, id);
CREATE INDEX container_owner ON container (owner, created_at, id);
CREATE INDEX container_due ON container (expires_at) WHERE expires_at IS NOT NULL;
CREATE TABLE log (container TEXT NOT NULL, seq BIGINT NOT NULL, kind TEXT NOT NULL, command TEXT NOT NULL, root BYTES NOT NULL,
    session BYTES, outcome TEXT NOT NULL, started_at BIGINT NOT NULL, ended_at BIGINT NOT NULL,
    sum BIGINT NOT NULL, PRIMARY KEY (container, seq)) CLUSTERED;
CREATE TABLE snapshot (id TEXT PRIMARY KEY NOT NULL, name TEXT, container TEXT, owner TEXT, root BYTES NOT NULL, session BYTES,
    created_at BIGINT NOT NULL, settings TEXT NOT NULL, sum BIGINT NOT NULL);
CREATE UNIQUE INDEX snapshot_name ON snapshot (name) WHERE owner IS NULL AND name IS NOT NULL;
CREATE INDEX snapshot_made ON snapshot (created_at, id);
CREATE INDEX snapshot_owner ON snapshot (owner, created_at, id);
CREATE INDEX snapshot_container ON snapshot (container, created_at, id);
CREATE TABLE proposal (id TEXT PRIMARY KEY NOT NULL, container TEXT NOT NULL, base BYTES NOT NULL, root BYTES NOT NULL,
    session BYTES, command TEXT NOT NULL, outcome TEXT NOT NULL, state BIGINT NOT NULL, created_at BIGINT NOT NULL,
    decided_at BIGINT, sum BIGINT NOT NULL);
CREATE INDEX proposal_container ON proposal (container, created_at, id);
CREATE TABLE image (id TEXT PRIMARY KEY NOT NULL, root BYTES NOT NULL);
CREATE TABLE document (kind TEXT NOT NULL, id TEXT NOT NULL, owner TEXT, created_at BIGINT NOT NULL, expires_at BIGINT,
    links BYTES NOT NULL, body TEXT NOT NULL, sum BIGINT NOT NULL, PRIMARY KEY (kind, id)) CLUSTERED;
CREATE INDEX document_made ON document (kind, created_at, id);
CREATE INDEX document_owner ON document (kind, owner, created_at, id);
CREATE TABLE audit (seq BIGKEY, at BIGINT NOT NULL, container TEXT, body TEXT NOT NULL, hash BYTES NOT NULL);
CREATE INDEX audit_container ON audit (container, seq);

CREATE TABLE holder (id TEXT PRIMARY KEY NOT NULL, beat BIGINT NOT NULL);
CREATE TABLE lease (container TEXT PRIMARY KEY NOT NULL, fence BIGINT NOT NULL, holder TEXT, wanted BIGINT NOT NULL);
CREATE INDEX lease_holder ON lease (holder, wanted) WHERE holder IS NOT NULL;
CREATE TABLE pin (id TEXT PRIMARY KEY NOT NULL, root BYTES NOT NULL, holder TEXT NOT NULL);
CREATE INDEX pin_holder ON pin (holder);
";

/// The audit trail may be dropped from its beginning. `total` counts the bytes of a record and all before it; those from before this version
/// count for nothing. `audit_start` has the last record that was dropped, if any was.
const V2: &str = "
ALTER TABLE audit ADD COLUMN total BIGINT NOT NULL DEFAULT 0;
CREATE TABLE audit_start (one BIGINT PRIMARY KEY, seq BIGINT NOT NULL, hash BYTES NOT NULL);
";

/// The version this program writes.
pub(super) const FORMAT: i64 = VERSIONS.len() as i64;

/// The store's version and epoch, if it has this program's version.
pub(super) async fn current(database: &Database) -> Option<u64> {
    let sql = "SELECT m.value, s.epoch FROM meta m, state s WHERE m.name = 'format'";
    let row = sqlx::query(sql).fetch_optional(database.bare()).await.ok()??;
    let (format, epoch) = (row.try_get::<i64, _>(0).ok()?, row.try_get::<i64, _>(1).ok()?);
    (format == FORMAT).then_some(epoch as u64)
}

/// Brings the store to this program's version, from any older one or from nothing. The caller keeps other processes out.
pub(super) async fn migrate(database: &Database, place: &Path) -> Result<(), StoreError> {
    migrate_to(database, place, VERSIONS).await
}

async fn migrate_to(database: &Database, place: &Path, versions: &[&'static str]) -> Result<(), StoreError> {
    sqlx::query("PRAGMA journal_mode = WAL").execute(database.bare()).await?;
    let mut write = database.durable().await?;
    let tx = write.on();
    run(tx, "CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY NOT NULL, value BIGINT NOT NULL)").await?;
    let format = sqlx::query("SELECT value FROM meta WHERE name = 'format'").fetch_optional(&mut *tx).await?;
    let format = format.map_or(Ok(0), |row| row.try_get::<i64, _>(0))?;
    let known = versions.len() as i64;
    if !(0..=known).contains(&format) {
        return Err(StoreError::Newer { path: place.into(), found: format, known });
    }
    for version in &versions[format as usize..] {
        for statement in version.split(';').map(str::trim).filter(|s| !s.is_empty()) {
            run(tx, &spelled(statement)).await?;
        }
    }
    let sql =
        "INSERT INTO meta (name, value) VALUES ('format', $1) ON CONFLICT (name) DO UPDATE SET value = excluded.value";
    sqlx::query(sql).bind(known).execute(&mut *tx).await?;
    write.commit().await
}

async fn run(connection: &mut AnyConnection, sql: &str) -> Result<(), StoreError> {
    sqlx::raw_sql(super::database::built(sql.to_owned())).execute(connection).await?;
    Ok(())
}

/// A statement in SQLite's words.
fn spelled(statement: &str) -> String {
    statement.replace("BIGKEY", "INTEGER PRIMARY KEY").replace("BYTES", "BLOB").replace("CLUSTERED", "WITHOUT ROWID")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::Place;

    async fn format(database: &Database) -> i64 {
        let row = sqlx::query("SELECT value FROM meta WHERE name = 'format'").fetch_one(database.bare()).await.unwrap();
        row.try_get(0).unwrap()
    }

    #[tokio::test]
    async fn versions_follow_each_other_and_newer_ones_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let database = Database::new(&Place::Directory(dir.path().into())).unwrap();
        assert_eq!(current(&database).await, None);
        migrate(&database, dir.path()).await.unwrap();
        assert_eq!(current(&database).await, Some(1), "the epoch");
        migrate(&database, dir.path()).await.unwrap();

        let next = [VERSIONS, &["ALTER TABLE image ADD COLUMN note TEXT; UPDATE image SET note = 'n'"]].concat();
        sqlx::query("INSERT INTO image (id, root) VALUES ('i', $1)")
            .bind(vec![0u8; 32])
            .execute(database.bare())
            .await
            .unwrap();
        migrate_to(&database, dir.path(), &next).await.unwrap();
        assert_eq!(format(&database).await, FORMAT + 1);
        let note = sqlx::query("SELECT note FROM image").fetch_one(database.bare()).await.unwrap();
        assert_eq!(note.try_get::<String, _>(0).unwrap(), "n");

        assert_eq!(current(&database).await, None);
        let error = migrate(&database, dir.path()).await.unwrap_err();
        assert_eq!(error, StoreError::Newer { path: dir.path().into(), found: FORMAT + 1, known: FORMAT });

        let broken = [&next[..], &["CREATE TABLE a (b BIGINT); CREATE TABLE a (b BIGINT)"]].concat();
        migrate_to(&database, dir.path(), &broken).await.unwrap_err();
        assert_eq!(format(&database).await, FORMAT + 1, "a migration that fails leaves nothing");
    }
}
