//! Records as rows: how each is written and read back.

use super::database::{built, hash, hash_or_null, is_taken, number, rows, runs, signed};
use super::{
    AuditEntry, AuditRecord, Change, ContainerRecord, ContainerStatus, DocumentRecord, LogRecord, ProposalRecord,
    ProposalState, SnapshotRecord, StoreError, audit,
};
use crate::base::Hash;
use serde_json::Value;
use sqlx::any::{AnyArguments, AnyRow};
use sqlx::query::Query;
use sqlx::{Any, AnyConnection, Row};

/// A record with a table of its own that can be read from a row of [`Record::COLUMNS`].
///
/// The last column of the tables is a checksum: the database has none of its own, and a record that is believed must be what was written.
/// A container's time of last use is not part of it, so that [`Change::Touch`] need not read the record.
pub(super) trait Record: Sized {
    /// Its table.
    const TABLE: &'static str;
    /// What a `SELECT` that is to be read names.
    const COLUMNS: &'static str;
    fn read(row: &AnyRow) -> Result<Self, StoreError>;
}

/// The checksum of a record: the first 8 bytes of BLAKE3 over its fields as JSON.
fn sum(fields: impl serde::Serialize) -> i64 {
    let text = serde_json::to_vec(&fields).expect("texts, numbers and lists of them have a JSON form");
    let (first, _) =
        blake3::hash(&text).as_bytes().split_first_chunk().map(|(first, rest)| (*first, rest)).expect("32 bytes");
    i64::from_le_bytes(first)
}

fn check_sum(row: &AnyRow, column: usize, of: &str, sum: i64) -> Result<(), StoreError> {
    match row.try_get::<i64, _>(column)? == sum {
        true => Ok(()),
        false => Err(StoreError::Record { what: of.into(), why: "its checksum is not what it holds".into() }),
    }
}

/// The fields a checksum is over; texts of JSON values as they are stored.
impl ContainerRecord {
    fn sum(&self, settings: &str) -> i64 {
        let who = (&self.id, &self.name, &self.owner, &self.image);
        sum((
            who,
            self.root,
            self.session,
            self.status,
            self.created_at_ms,
            self.expires_after_ms.map(signed),
            self.seq,
            settings,
        ))
    }
}

impl LogRecord {
    fn sum(&self, outcome: &str) -> i64 {
        let what = (&self.container, self.seq, &self.kind, &self.command);
        sum((what, self.root, self.session, self.started_at_ms, self.ended_at_ms, outcome))
    }
}

impl SnapshotRecord {
    fn sum(&self, settings: &str) -> i64 {
        let who = (&self.id, &self.name, &self.container, &self.owner);
        sum((who, self.root, self.session, self.created_at_ms, settings))
    }
}

impl ProposalRecord {
    fn sum(&self, outcome: &str) -> i64 {
        let what = (&self.id, &self.container, &self.command, self.base, self.root, self.session);
        sum((what, self.state, self.created_at_ms, self.decided_at_ms, outcome))
    }
}

impl DocumentRecord {
    fn sum(&self, body: &str) -> i64 {
        let who = (&self.kind, &self.id, &self.owner);
        sum((who, self.created_at_ms, self.expires_at_ms, &self.links, body))
    }
}

impl Record for ContainerRecord {
    const TABLE: &'static str = "container";
    const COLUMNS: &'static str = "id, name, owner, root, session, image, status, created_at, last_active_at, \
        expires_after, seq, settings, sum";

    fn read(row: &AnyRow) -> Result<ContainerRecord, StoreError> {
        let id: String = row.try_get(0)?;
        let (text, settings) = json(row, 11, &id)?;
        let record = ContainerRecord {
            name: row.try_get(1)?,
            owner: row.try_get(2)?,
            root: hash(row, 3)?,
            session: hash_or_null(row, 4)?,
            image: row.try_get(5)?,
            status: if row.try_get::<i64, _>(6)? == 0 { ContainerStatus::Active } else { ContainerStatus::Expired },
            created_at_ms: row.try_get(7)?,
            last_active_at_ms: row.try_get(8)?,
            expires_after_ms: row.try_get::<Option<i64>, _>(9)?.map(|ms| ms.max(0) as u64),
            seq: number(row, 10)?,
            settings,
            id,
        };
        check_sum(row, 12, &record.id, record.sum(&text))?;
        Ok(record)
    }
}

impl Record for LogRecord {
    const TABLE: &'static str = "log";
    const COLUMNS: &'static str = "container, seq, kind, command, root, session, outcome, started_at, ended_at, sum";

    fn read(row: &AnyRow) -> Result<LogRecord, StoreError> {
        let container: String = row.try_get(0)?;
        let (text, outcome) = json(row, 6, &container)?;
        let record = LogRecord {
            seq: number(row, 1)?,
            kind: row.try_get(2)?,
            command: row.try_get(3)?,
            root: hash(row, 4)?,
            session: hash_or_null(row, 5)?,
            outcome,
            started_at_ms: row.try_get(7)?,
            ended_at_ms: row.try_get(8)?,
            container,
        };
        check_sum(row, 9, &record.container, record.sum(&text))?;
        Ok(record)
    }
}

impl Record for SnapshotRecord {
    const TABLE: &'static str = "snapshot";
    const COLUMNS: &'static str = "id, name, container, owner, root, session, created_at, settings, sum";

    fn read(row: &AnyRow) -> Result<SnapshotRecord, StoreError> {
        let id: String = row.try_get(0)?;
        let (text, settings) = json(row, 7, &id)?;
        let record = SnapshotRecord {
            name: row.try_get(1)?,
            container: row.try_get(2)?,
            owner: row.try_get(3)?,
            root: hash(row, 4)?,
            session: hash_or_null(row, 5)?,
            created_at_ms: row.try_get(6)?,
            settings,
            id,
        };
        check_sum(row, 8, &record.id, record.sum(&text))?;
        Ok(record)
    }
}

impl Record for ProposalRecord {
    const TABLE: &'static str = "proposal";
    const COLUMNS: &'static str =
        "id, container, base, root, session, command, outcome, state, created_at, decided_at, sum";

    fn read(row: &AnyRow) -> Result<ProposalRecord, StoreError> {
        let id: String = row.try_get(0)?;
        let (text, outcome) = json(row, 6, &id)?;
        let record = ProposalRecord {
            container: row.try_get(1)?,
            base: hash(row, 2)?,
            root: hash(row, 3)?,
            session: hash_or_null(row, 4)?,
            command: row.try_get(5)?,
            outcome,
            state: match row.try_get::<i64, _>(7)? {
                0 => ProposalState::Open,
                1 => ProposalState::Applied,
                _ => ProposalState::Discarded,
            },
            created_at_ms: row.try_get(8)?,
            decided_at_ms: row.try_get(9)?,
            id,
        };
        check_sum(row, 10, &record.id, record.sum(&text))?;
        Ok(record)
    }
}

impl Record for DocumentRecord {
    const TABLE: &'static str = "document";
    const COLUMNS: &'static str = "kind, id, owner, created_at, expires_at, links, body, sum";

    fn read(row: &AnyRow) -> Result<DocumentRecord, StoreError> {
        let id: String = row.try_get(1)?;
        let (text, body) = json(row, 6, &id)?;
        let record = DocumentRecord {
            kind: row.try_get(0)?,
            owner: row.try_get(2)?,
            created_at_ms: row.try_get(3)?,
            expires_at_ms: row.try_get(4)?,
            links: row.try_get::<Vec<u8>, _>(5)?.as_chunks::<32>().0.iter().map(|link| Hash(*link)).collect(),
            body,
            id,
        };
        check_sum(row, 7, &record.id, record.sum(&text))?;
        Ok(record)
    }
}

impl Record for AuditRecord {
    const TABLE: &'static str = "audit";
    const COLUMNS: &'static str = "seq, at, container, body, hash";

    fn read(row: &AnyRow) -> Result<AuditRecord, StoreError> {
        let seq = number(row, 0)?;
        let (at_ms, container) = (row.try_get(1)?, row.try_get(2)?);
        let (_, body) = json(row, 3, "audit")?;
        Ok(AuditRecord { seq, hash: hash(row, 4)?, entry: AuditEntry { at_ms, container, body } })
    }
}

/// A JSON value, and its text.
fn json(row: &AnyRow, column: usize, of: &str) -> Result<(String, Value), StoreError> {
    let text: String = row.try_get(column)?;
    let value = serde_json::from_str(&text).map_err(|e| StoreError::Record { what: of.into(), why: e.to_string() })?;
    Ok((text, value))
}

/// Carries out changes in a transaction, in their order.
pub(super) async fn change_all(on: &mut AnyConnection, changes: &[Change]) -> Result<(), StoreError> {
    for run in changes.chunk_by(|one, next| audited(one).is_some() && audited(next).is_some()) {
        match run {
            [one] => change(on, one).await?,
            run => append_audit(on, &run.iter().filter_map(audited).collect::<Vec<_>>()).await?,
        }
    }
    Ok(())
}

/// Carries out one change in a transaction.
async fn change(on: &mut AnyConnection, change: &Change) -> Result<(), StoreError> {
    match change {
        Change::PutContainer(record) => put_container(on, record).await,
        Change::RemoveContainer(id) => {
            for sql in [
                "DELETE FROM log WHERE container = $1",
                "DELETE FROM proposal WHERE container = $1",
                "DELETE FROM lease WHERE container = $1",
                "DELETE FROM container WHERE id = $1",
            ] {
                sqlx::query(sql).bind(id.as_str()).execute(&mut *on).await?;
            }
            Ok(())
        }
        Change::AppendLog(record) => append_log(on, record).await,
        Change::PruneLog { container, before_seq } => {
            let sql = "DELETE FROM log WHERE container = $1 AND seq < $2";
            run(on, sqlx::query(sql).bind(container.as_str()).bind(signed(*before_seq))).await
        }
        Change::Touch { container, last_active_at_ms } => {
            let sql = "UPDATE container SET last_active_at = $2, \
                expires_at = CASE WHEN status = 0 THEN $2 + expires_after END WHERE id = $1";
            run(on, sqlx::query(sql).bind(container.as_str()).bind(*last_active_at_ms)).await
        }
        Change::PutSnapshot(record) => put_snapshot(on, record).await,
        Change::RemoveSnapshot(id) => {
            run(on, sqlx::query("DELETE FROM snapshot WHERE id = $1").bind(id.as_str())).await
        }
        Change::PutProposal(record) => put_proposal(on, record).await,
        Change::RemoveProposal(id) => {
            run(on, sqlx::query("DELETE FROM proposal WHERE id = $1").bind(id.as_str())).await
        }
        Change::PutImage { id, root } => {
            let sql =
                "INSERT INTO image (id, root) VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET root = excluded.root";
            run(on, sqlx::query(sql).bind(id.as_str()).bind(root.0.to_vec())).await
        }
        Change::RemoveImage(id) => run(on, sqlx::query("DELETE FROM image WHERE id = $1").bind(id.as_str())).await,
        Change::PutDocument(record) => put_document(on, record).await,
        Change::RemoveDocument { kind, id } => {
            let sql = "DELETE FROM document WHERE kind = $1 AND id = $2";
            run(on, sqlx::query(sql).bind(kind.as_str()).bind(id.as_str())).await
        }
        Change::AppendAudit(entry) => append_audit(on, &[entry]).await,
        Change::PruneAudit { bytes, before_ms } => audit::prune(on, *bytes, *before_ms).await,
    }
}

/// The blobs a change makes the records lead to.
pub(super) fn roots(change: &Change) -> Vec<Hash> {
    let both = |root: Hash, session: Option<Hash>| [Some(root), session].into_iter().flatten().collect();
    match change {
        Change::PutContainer(record) => both(record.root, record.session),
        Change::AppendLog(record) => both(record.root, record.session),
        Change::PutSnapshot(record) => both(record.root, record.session),
        Change::PutProposal(record) => {
            [Some(record.base), Some(record.root), record.session].into_iter().flatten().collect()
        }
        Change::PutImage { root, .. } => vec![*root],
        Change::PutDocument(record) => record.links.clone(),
        Change::RemoveContainer(_)
        | Change::PruneLog { .. }
        | Change::Touch { .. }
        | Change::RemoveSnapshot(_)
        | Change::RemoveProposal(_)
        | Change::RemoveImage(_)
        | Change::RemoveDocument { .. }
        | Change::AppendAudit(_)
        | Change::PruneAudit { .. } => Vec::new(),
    }
}

type Statement<'q> = Query<'q, Any, AnyArguments>;

async fn run(on: &mut AnyConnection, statement: Statement<'_>) -> Result<(), StoreError> {
    statement.execute(on).await?;
    Ok(())
}

/// `INSERT … ON CONFLICT (key) DO UPDATE` of all columns.
fn upsert(table: &str, key: &str, columns: &str) -> sqlx::AssertSqlSafe<String> {
    let names = || columns.split(',').map(str::trim);
    let values = rows(1, names().count());
    let sets: Vec<_> = names().map(|name| format!("{name} = excluded.{name}")).collect();
    let sets = sets.join(", ");
    built(format!("INSERT INTO {table} ({columns}) VALUES {values} ON CONFLICT ({key}) DO UPDATE SET {sets}"))
}

fn bytes(hash: Option<Hash>) -> Option<Vec<u8>> {
    hash.map(|hash| hash.0.to_vec())
}

async fn put_container(on: &mut AnyConnection, record: &ContainerRecord) -> Result<(), StoreError> {
    let settings = record.settings.to_string();
    let active = record.status == ContainerStatus::Active;
    let expires_at = record.expires_after_ms.filter(|_| active);
    let expires_at = expires_at.map(|ms| record.last_active_at_ms.saturating_add(signed(ms)));
    // What an exec changes, without a touch of the indexes that it does not.
    const UPDATE: &str = "UPDATE container SET root = $1, session = $2, last_active_at = $3, expires_at = $4, seq = $5, settings = $6, sum = $7 \
        WHERE id = $8 AND name = $9 AND owner IS NOT DISTINCT FROM $10 AND image = $11 AND status = $12 AND created_at = $13 \
        AND expires_after IS NOT DISTINCT FROM $14";
    const INSERT: &str = "root, session, last_active_at, expires_at, seq, settings, sum, id, name, owner, image, status, created_at, \
        expires_after";
    let insert = upsert(ContainerRecord::TABLE, "id", INSERT);
    for sql in [built(UPDATE.to_owned()), insert] {
        let done = sqlx::query(sql)
            .bind(record.root.0.to_vec())
            .bind(bytes(record.session))
            .bind(record.last_active_at_ms)
            .bind(expires_at)
            .bind(signed(record.seq))
            .bind(settings.as_str())
            .bind(record.sum(&settings))
            .bind(record.id.as_str())
            .bind(record.name.as_str())
            .bind(record.owner.as_deref())
            .bind(record.image.as_str())
            .bind(i64::from(!active))
            .bind(record.created_at_ms)
            .bind(record.expires_after_ms.map(signed))
            .execute(&mut *on)
            .await;
        let is_name_taken = matches!(&done, Err(e) if is_taken(e));
        if is_name_taken {
            return Err(StoreError::Taken { what: "container", name: record.name.clone() });
        }
        if done?.rows_affected() > 0 {
            break;
        }
    }
    Ok(())
}

async fn append_log(on: &mut AnyConnection, record: &LogRecord) -> Result<(), StoreError> {
    let (values, outcome) = (rows(1, 10), record.outcome.to_string());
    let sum = record.sum(&outcome);
    let done = sqlx::query(built(format!("INSERT INTO log ({}) VALUES {values}", LogRecord::COLUMNS)))
        .bind(record.container.as_str())
        .bind(signed(record.seq))
        .bind(record.kind.as_str())
        .bind(record.command.as_str())
        .bind(record.root.0.to_vec())
        .bind(bytes(record.session))
        .bind(outcome)
        .bind(record.started_at_ms)
        .bind(record.ended_at_ms)
        .bind(sum)
        .execute(on)
        .await;
    match done {
        Err(e) if is_taken(&e) => Err(StoreError::LogTaken { container: record.container.clone(), seq: record.seq }),
        done => Ok(done.map(drop)?),
    }
}

async fn put_snapshot(on: &mut AnyConnection, record: &SnapshotRecord) -> Result<(), StoreError> {
    let settings = record.settings.to_string();
    let done = sqlx::query(upsert(SnapshotRecord::TABLE, "id", SnapshotRecord::COLUMNS))
        .bind(record.id.as_str())
        .bind(record.name.as_deref())
        .bind(record.container.as_deref())
        .bind(record.owner.as_deref())
        .bind(record.root.0.to_vec())
        .bind(bytes(record.session))
        .bind(record.created_at_ms)
        .bind(settings.as_str())
        .bind(record.sum(&settings))
        .execute(on)
        .await;
    match done {
        Err(e) if is_taken(&e) => {
            Err(StoreError::Taken { what: "snapshot", name: record.name.clone().unwrap_or_default() })
        }
        done => Ok(done.map(drop)?),
    }
}

async fn put_proposal(on: &mut AnyConnection, record: &ProposalRecord) -> Result<(), StoreError> {
    let state = match record.state {
        ProposalState::Open => 0,
        ProposalState::Applied => 1,
        ProposalState::Discarded => 2i64,
    };
    let outcome = record.outcome.to_string();
    let statement = sqlx::query(upsert(ProposalRecord::TABLE, "id", ProposalRecord::COLUMNS))
        .bind(record.id.as_str())
        .bind(record.container.as_str())
        .bind(record.base.0.to_vec())
        .bind(record.root.0.to_vec())
        .bind(bytes(record.session))
        .bind(record.command.as_str())
        .bind(outcome.as_str())
        .bind(state)
        .bind(record.created_at_ms)
        .bind(record.decided_at_ms)
        .bind(record.sum(&outcome));
    run(on, statement).await
}

async fn put_document(on: &mut AnyConnection, record: &DocumentRecord) -> Result<(), StoreError> {
    let body = record.body.to_string();
    let links: Vec<u8> = record.links.iter().flat_map(|link| link.0).collect();
    let statement = sqlx::query(upsert(DocumentRecord::TABLE, "kind, id", DocumentRecord::COLUMNS))
        .bind(record.kind.as_str())
        .bind(record.id.as_str())
        .bind(record.owner.as_deref())
        .bind(record.created_at_ms)
        .bind(record.expires_at_ms)
        .bind(links)
        .bind(body.as_str())
        .bind(record.sum(&body));
    run(on, statement).await
}

fn audited(change: &Change) -> Option<&AuditEntry> {
    if let Change::AppendAudit(entry) = change { Some(entry) } else { None }
}

async fn append_audit(on: &mut AnyConnection, entries: &[&AuditEntry]) -> Result<(), StoreError> {
    let last =
        sqlx::query("SELECT seq, hash, total FROM audit ORDER BY seq DESC LIMIT 1").fetch_optional(&mut *on).await?;
    let (mut seq, mut last, mut total) = match last {
        Some(row) => (number(&row, 0)?, hash(&row, 1)?, number(&row, 2)?),
        None => (0, Hash([0; 32]), 0),
    };
    for some in runs(entries) {
        let sql = format!("INSERT INTO audit (seq, at, container, body, hash, total) VALUES {}", rows(some.len(), 6));
        let mut statement = sqlx::query(built(sql));
        for entry in some {
            let body = entry.body.to_string();
            seq += 1;
            last = chained(last, seq, entry.at_ms, entry.container.as_deref(), &body);
            let container = entry.container.as_deref();
            total += audit::size(container, &body);
            statement = statement.bind(signed(seq)).bind(entry.at_ms).bind(container).bind(body).bind(last.0.to_vec());
            statement = statement.bind(signed(total));
        }
        run(on, statement).await?;
    }
    Ok(())
}

/// The hash of an audit record: BLAKE3 over the hash before it, `seq` and `at_ms` (8 bytes each, lowest first), the container's id, a
/// zero byte, and the body's text.
pub(super) fn chained(before: Hash, seq: u64, at_ms: i64, container: Option<&str>, body: &str) -> Hash {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&before.0).update(&seq.to_le_bytes()).update(&at_ms.to_le_bytes());
    hasher.update(container.unwrap_or_default().as_bytes()).update(&[0]).update(body.as_bytes());
    Hash(*hasher.finalize().as_bytes())
}
