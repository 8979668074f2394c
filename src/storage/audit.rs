//! The audit trail: a chain of records that may be dropped from its beginning.
//!
//! Each record's hash is over the one before it. When the oldest are dropped, the number and hash of the last of them stay as the checkpoint, so that what is
//! kept can still be followed from its beginning, and how much is gone can be told.

use super::database::{hash, number, signed};
use super::rows::chained;
use super::{AuditChain, AuditCheckpoint, Database, StoreError};
use crate::base::Hash;
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row};

/// Bytes a record takes beside its texts: numbers, hash, its place in the index.
const RECORD: usize = 96;

/// The bytes a record counts.
pub(super) fn size(container: Option<&str>, body: &str) -> u64 {
    (RECORD + container.map_or(0, str::len) + body.len()) as u64
}

/// Drops the oldest records: those from before `before_ms`, and as many as it takes to keep no more than `bytes`. The newest stays.
pub(super) async fn prune(
    on: &mut AnyConnection,
    bytes: Option<u64>,
    before_ms: Option<i64>,
) -> Result<(), StoreError> {
    const NEWEST: &str = "SELECT seq, total FROM audit ORDER BY seq DESC LIMIT 1";
    // Both look at no more than what will be dropped.
    const FITS: &str = "SELECT seq FROM audit WHERE total > $1 ORDER BY seq LIMIT 1";
    const YOUNG: &str = "SELECT seq FROM audit WHERE at >= $1 ORDER BY seq LIMIT 1";
    const KEEP: &str = "INSERT INTO audit_start (one, seq, hash) SELECT 1, seq, hash FROM audit WHERE seq = $1 \
        ON CONFLICT (one) DO UPDATE SET seq = excluded.seq, hash = excluded.hash";
    let Some(newest) = sqlx::query(NEWEST).fetch_optional(&mut *on).await? else { return Ok(()) };
    let (newest, total) = (number(&newest, 0)?, number(&newest, 1)?);
    let too_many = bytes.and_then(|bytes| total.checked_sub(bytes)).map(|over| (FITS, signed(over)));
    let too_old = before_ms.map(|before_ms| (YOUNG, before_ms));
    let mut first = 0;
    for (sql, least) in [too_many, too_old].into_iter().flatten() {
        let row = sqlx::query(sql).bind(least).fetch_optional(&mut *on).await?;
        first = first.max(row.map_or(Ok(newest), |row| number(&row, 0))?);
    }
    let last = signed(first.saturating_sub(1));
    let kept = sqlx::query(KEEP).bind(last).execute(&mut *on).await?;
    if kept.rows_affected() > 0 {
        sqlx::query("DELETE FROM audit WHERE seq <= $1").bind(last).execute(on).await?;
    }
    Ok(())
}

/// Where the trail begins.
pub(super) async fn checkpoint(database: &Database) -> Result<AuditCheckpoint, StoreError> {
    let row = sqlx::query("SELECT seq, hash FROM audit_start").fetch_optional(database.read()).await?;
    match row {
        Some(row) => Ok(AuditCheckpoint { seq: number(&row, 0)?, hash: hash(&row, 1)? }),
        None => Ok(AuditCheckpoint { seq: 0, hash: Hash([0; 32]) }),
    }
}

/// Follows the chain from the checkpoint.
pub(super) async fn verify(database: &Database) -> Result<AuditChain, StoreError> {
    let mut chain = begin(checkpoint(database).await?);
    loop {
        let broken_at = follow(database, &mut chain).await?;
        // Records may have been dropped while they were read.
        let now = checkpoint(database).await?;
        if broken_at.is_none() || now == chain.checkpoint {
            return Ok(AuditChain { broken_at, ..chain });
        }
        chain = begin(now);
    }
}

fn begin(checkpoint: AuditCheckpoint) -> AuditChain {
    AuditChain { checkpoint, records: 0, last: checkpoint.hash, broken_at: None }
}

/// Counts the records that follow from each other. Answers the `seq` of the first that does not.
async fn follow(database: &Database, chain: &mut AuditChain) -> Result<Option<u64>, StoreError> {
    const PAGE: &str = "SELECT seq, at, container, body, hash FROM audit WHERE seq > $1 ORDER BY seq LIMIT 1000";
    loop {
        let seq = chain.checkpoint.seq + chain.records;
        let page = sqlx::query(PAGE).bind(signed(seq)).fetch_all(database.read()).await?;
        for (row, expected) in page.iter().zip(seq + 1..) {
            let found = hash(row, 4)?;
            if number(row, 0)? != expected || found != recomputed(chain.last, row)? {
                return number(row, 0).map(Some);
            }
            chain.records += 1;
            chain.last = found;
        }
        if page.is_empty() {
            return Ok(None);
        }
    }
}

/// The hash a record must have, over the texts as they are stored: written again, they need not be the same.
fn recomputed(before: Hash, row: &AnyRow) -> Result<Hash, StoreError> {
    let (container, body): (Option<String>, String) = (row.try_get(2)?, row.try_get(3)?);
    Ok(chained(before, number(row, 0)?, row.try_get(1)?, container.as_deref(), &body))
}
