//! Reading records: one by its id or name, lists page by page.
//!
//! A page costs the same wherever it is: it starts at an index' entry for the record before it.

use super::database::{built, hash, number, signed};
use super::rows::Record;
use super::{
    AuditQuery, AuditRecord, CONTAINER_PREFIX, ContainerQuery, ContainerRecord, ContainerStatus, Database,
    DocumentQuery, DocumentRecord, LIST_LIMIT, LogQuery, LogRecord, Order, ProposalRecord, SNAPSHOT_PREFIX,
    SnapshotQuery, SnapshotRecord, StoreError,
};
use crate::base::{Hash, id};
use sqlx::Row;
use sqlx::any::AnyRow;
use std::fmt::Write as _;

enum Argument {
    Text(String),
    Number(i64),
}

/// A `SELECT` with conditions.
struct Select {
    sql: String,
    arguments: Vec<Argument>,
}

impl Select {
    fn from<R: Record>() -> Select {
        Select { sql: format!("SELECT {} FROM {}", R::COLUMNS, R::TABLE), arguments: Vec::new() }
    }

    fn begin(&mut self) -> &mut String {
        self.sql.push_str(if self.sql.contains(" WHERE ") { " AND " } else { " WHERE " });
        &mut self.sql
    }

    /// A condition as `owner =`, with its right side.
    fn only(&mut self, condition: &str, argument: Argument) -> &mut Select {
        let number = self.arguments.len() + 1;
        write!(self.begin(), "{condition} ${number}").expect("a string takes all");
        self.arguments.push(argument);
        self
    }

    fn text(&mut self, condition: &str, text: Option<&str>) -> &mut Select {
        if let Some(text) = text {
            self.only(condition, Argument::Text(text.into()));
        }
        self
    }

    fn number(&mut self, condition: &str, number: Option<i64>) -> &mut Select {
        if let Some(number) = number {
            self.only(condition, Argument::Number(number));
        }
        self
    }

    /// Behind a record, in the order records were made.
    fn behind(&mut self, after: Option<(i64, String)>, order: Order) -> &mut Select {
        if let Some((made, id)) = after {
            let number = self.arguments.len() + 1;
            let beyond = if order == Order::Ascending { ">" } else { "<" };
            write!(self.begin(), "(created_at, id) {beyond} (${number}, ${})", number + 1).expect("a string takes all");
            self.arguments.extend([Argument::Number(made), Argument::Text(id)]);
        }
        self
    }

    async fn fetch<R: Record>(
        &mut self,
        database: &Database,
        by: &[&str],
        order: Order,
        limit: u32,
    ) -> Result<Vec<R>, StoreError> {
        let direction = if order == Order::Ascending { "ASC" } else { "DESC" };
        let by: Vec<_> = by.iter().map(|column| format!("{column} {direction}")).collect();
        write!(self.sql, " ORDER BY {} LIMIT {}", by.join(", "), limit.min(LIST_LIMIT)).expect("a string takes all");
        let mut query = sqlx::query(built(std::mem::take(&mut self.sql)));
        for argument in self.arguments.drain(..) {
            query = match argument {
                Argument::Text(text) => query.bind(text),
                Argument::Number(number) => query.bind(number),
            };
        }
        query.fetch_all(database.read()).await?.iter().map(R::read).collect()
    }
}

/// When a record was made, if there is one.
async fn made(database: &Database, table: &str, kind: Option<&str>, id: &str) -> Result<Option<i64>, StoreError> {
    let kind_too = if kind.is_some() { " AND kind = $2" } else { "" };
    let sql = built(format!("SELECT created_at FROM {table} WHERE id = $1{kind_too}"));
    let mut query = sqlx::query(sql).bind(id.to_owned());
    if let Some(kind) = kind {
        query = query.bind(kind.to_owned());
    }
    let row = query.fetch_optional(database.read()).await?;
    Ok(row.map(|row| row.try_get(0)).transpose()?)
}

/// Where a list goes on: `Ok(None)` from its start; nothing if there is no record `after`, and so nothing behind it.
async fn cursor(
    database: &Database,
    table: &str,
    kind: Option<&str>,
    after: Option<&String>,
) -> Result<Option<Option<(i64, String)>>, StoreError> {
    let Some(id) = after else { return Ok(Some(None)) };
    Ok(made(database, table, kind, id).await?.map(|made| Some((made, id.clone()))))
}

const MADE: &[&str] = &["created_at", "id"];

async fn one<R: Record>(database: &Database, conditions: &[(&str, &str)], but: &str) -> Result<Option<R>, StoreError> {
    let mut select = Select::from::<R>();
    for (condition, text) in conditions {
        select.text(condition, Some(text));
    }
    select.sql.push_str(but);
    let list = select.fetch(database, &[conditions[0].0.trim_end_matches(" =")], Order::Ascending, 1).await?;
    Ok(list.into_iter().next())
}

pub(super) async fn container(database: &Database, id_or_name: &str) -> Result<Option<ContainerRecord>, StoreError> {
    match id::is(CONTAINER_PREFIX, id_or_name) {
        true => one(database, &[("id =", id_or_name)], "").await,
        false => one(database, &[("name =", id_or_name)], " AND owner IS NULL").await,
    }
}

pub(super) async fn containers(
    database: &Database,
    query: &ContainerQuery,
) -> Result<Vec<ContainerRecord>, StoreError> {
    let Some(after) = cursor(database, "container", None, query.after.as_ref()).await? else { return Ok(Vec::new()) };
    let status = query.status.map(|status| i64::from(status == ContainerStatus::Expired));
    Select::from::<ContainerRecord>()
        .text("owner =", query.owner.as_deref())
        .text("name =", query.name.as_deref())
        .number("status =", status)
        .behind(after, query.order)
        .fetch(database, MADE, query.order, query.limit)
        .await
}

pub(super) async fn expired(database: &Database, now_ms: i64, limit: u32) -> Result<Vec<ContainerRecord>, StoreError> {
    let mut select = Select::from::<ContainerRecord>();
    select.number("expires_at <=", Some(now_ms)).fetch(database, &["expires_at"], Order::Ascending, limit).await
}

pub(super) async fn log(database: &Database, container: &str, query: &LogQuery) -> Result<Vec<LogRecord>, StoreError> {
    Select::from::<LogRecord>()
        .text("container =", Some(container))
        .number("seq >", query.after_seq.map(signed))
        .number("seq <", query.before_seq.map(signed))
        .fetch(database, &["seq"], query.order, query.limit)
        .await
}

pub(super) async fn snapshot(database: &Database, id_or_name: &str) -> Result<Option<SnapshotRecord>, StoreError> {
    match id::is(SNAPSHOT_PREFIX, id_or_name) {
        true => one(database, &[("id =", id_or_name)], "").await,
        false => one(database, &[("name =", id_or_name)], " AND owner IS NULL AND name IS NOT NULL").await,
    }
}

pub(super) async fn snapshots(database: &Database, query: &SnapshotQuery) -> Result<Vec<SnapshotRecord>, StoreError> {
    let Some(after) = cursor(database, "snapshot", None, query.after.as_ref()).await? else { return Ok(Vec::new()) };
    Select::from::<SnapshotRecord>()
        .text("owner =", query.owner.as_deref())
        .text("container =", query.container.as_deref())
        .behind(after, query.order)
        .fetch(database, MADE, query.order, query.limit)
        .await
}

pub(super) async fn proposal(database: &Database, id: &str) -> Result<Option<ProposalRecord>, StoreError> {
    one(database, &[("id =", id)], "").await
}

pub(super) async fn proposals(database: &Database, container: &str) -> Result<Vec<ProposalRecord>, StoreError> {
    let mut select = Select::from::<ProposalRecord>();
    select.text("container =", Some(container)).fetch(database, MADE, Order::Descending, LIST_LIMIT).await
}

pub(super) async fn image_root(database: &Database, image: &str) -> Result<Option<Hash>, StoreError> {
    let query = sqlx::query("SELECT root FROM image WHERE id = $1").bind(image.to_owned());
    query.fetch_optional(database.read()).await?.map(|row| hash(&row, 0)).transpose()
}

pub(super) async fn document(database: &Database, kind: &str, id: &str) -> Result<Option<DocumentRecord>, StoreError> {
    one(database, &[("kind =", kind), ("id =", id)], "").await
}

pub(super) async fn documents(database: &Database, query: &DocumentQuery) -> Result<Vec<DocumentRecord>, StoreError> {
    let after = cursor(database, "document", Some(&query.kind), query.after.as_ref()).await?;
    let Some(after) = after else { return Ok(Vec::new()) };
    let mut select = Select::from::<DocumentRecord>();
    select.text("kind =", Some(&query.kind));
    match &query.owner {
        Some(None) => select.begin().push_str("owner IS NULL"),
        owner => drop(select.text("owner =", owner.as_ref().and_then(Option::as_deref))),
    }
    select.behind(after, query.order).fetch(database, MADE, query.order, query.limit).await
}

pub(super) async fn audit(database: &Database, query: &AuditQuery) -> Result<Vec<AuditRecord>, StoreError> {
    Select::from::<AuditRecord>()
        .text("container =", query.container.as_deref())
        .number("at >=", (query.from_ms > i64::MIN).then_some(query.from_ms))
        .number("at <", (query.to_ms < i64::MAX).then_some(query.to_ms))
        .number("seq >", Some(signed(query.after_seq)))
        .fetch(database, &["seq"], Order::Ascending, query.limit)
        .await
}

/// A count, by a statement that answers one.
pub(super) async fn count(database: &Database, sql: &'static str) -> Result<u64, StoreError> {
    let row: AnyRow = sqlx::query(sql).fetch_one(database.read()).await?;
    number(&row, 0)
}
