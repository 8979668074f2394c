//! The connections to the records' database, and the few things that depend on which database it is.
//!
//! One connection writes durably (a commit is on disk when it returns), one writes what need not survive a power cut (leases, pins), a few read.
//! Within a process, writers queue at a lock of ours: SQLite's own waiting is polling.

use super::{Place, StoreError};
use crate::base::Hash;
use sqlx::any::{AnyConnectOptions, AnyPoolOptions, AnyRow};
use sqlx::pool::PoolConnection;
use sqlx::{Any, AnyConnection, AnyPool, ConnectOptions, Connection as _, Row};
use std::fmt::Write as _;
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;
use tokio::sync::{Mutex, OwnedMutexGuard};

/// The records' file in a store's directory.
pub(super) const FILE: &str = "records.db";
/// Connections that read.
const READERS: u32 = 3;

#[derive(Clone)]
pub(super) struct Database {
    durable: AnyPool,
    soft: AnyPool,
    read: AnyPool,
    writing: Arc<Mutex<()>>,
}

/// A transaction; rolled back unless it is committed.
///
/// Not sqlx's own: that one counts on being asked to roll back, while SQLite does it by itself when a disk is full.
pub(super) struct Transaction {
    connection: Option<PoolConnection<Any>>,
    writing: Option<OwnedMutexGuard<()>>,
}

impl Transaction {
    async fn begin(
        pool: &AnyPool,
        sql: &'static str,
        writing: Option<OwnedMutexGuard<()>>,
    ) -> Result<Transaction, StoreError> {
        let mut connection = pool.acquire().await?;
        sqlx::query(sql).execute(&mut *connection).await?;
        Ok(Transaction { connection: Some(connection), writing })
    }

    /// The connection, for statements.
    pub fn on(&mut self) -> &mut AnyConnection {
        self.connection.as_mut().expect("it is taken only by commit and drop")
    }

    pub async fn commit(mut self) -> Result<(), StoreError> {
        sqlx::query("COMMIT").execute(self.on()).await?;
        self.connection = None;
        Ok(())
    }

    pub async fn rollback(mut self) {
        if let Some(connection) = self.connection.take() {
            roll_back(connection).await;
        }
    }
}

impl Drop for Transaction {
    fn drop(&mut self) {
        let (connection, writing) = (self.connection.take(), self.writing.take());
        if let (Some(connection), Ok(runtime)) = (connection, tokio::runtime::Handle::try_current()) {
            runtime.spawn(async move {
                roll_back(connection).await;
                drop(writing);
            });
        }
    }
}

/// After some errors there is nothing to roll back any more, and SQLite says so.
async fn roll_back(mut connection: PoolConnection<Any>) {
    let _ = sqlx::query("ROLLBACK").execute(&mut *connection).await;
}

impl Database {
    pub fn new(place: &Place) -> Result<Database, StoreError> {
        match place {
            Place::Memory => Database::connect("sqlite::memory:", true),
            Place::Directory(directory) => Database::at(&directory.join(FILE)),
        }
    }

    /// A database in a file of any name.
    pub fn at(file: &Path) -> Result<Database, StoreError> {
        Database::connect(&url(file)?, false)
    }

    fn connect(url: &str, in_memory: bool) -> Result<Database, StoreError> {
        sqlx::any::install_default_drivers();
        let options = AnyConnectOptions::from_str(url)?.disable_statement_logging();
        let pool = |connections: u32, setup: &'static str| {
            AnyPoolOptions::new()
                .max_connections(connections)
                .idle_timeout(None)
                .max_lifetime(None)
                .test_before_acquire(false)
                .after_connect(move |connection, _| {
                    // An error here would make the pool try again until it gives up without a reason. What is set makes
                    // nothing wrong where it is missing, and what is wrong with the database is found by the first statement.
                    Box::pin(async move { sqlx::raw_sql(setup).execute(connection).await.map(drop).or(Ok(())) })
                })
                .connect_lazy_with(options.clone())
        };
        let writing = Arc::default();
        if in_memory {
            // A database in memory is its connection.
            let only = pool(1, "PRAGMA synchronous = OFF; PRAGMA foreign_keys = OFF");
            return Ok(Database { durable: only.clone(), soft: only.clone(), read: only, writing });
        }
        Ok(Database {
            durable: pool(
                1,
                "PRAGMA synchronous = FULL; PRAGMA busy_timeout = 20000; PRAGMA foreign_keys = OFF; \
                 PRAGMA journal_size_limit = 67108864",
            ),
            soft: pool(1, "PRAGMA synchronous = NORMAL; PRAGMA busy_timeout = 20000; PRAGMA foreign_keys = OFF"),
            read: pool(READERS, "PRAGMA query_only = ON; PRAGMA busy_timeout = 20000; PRAGMA cache_size = -8000"),
            writing,
        })
    }

    /// A transaction that is on disk when its commit returns.
    pub async fn durable(&self) -> Result<Transaction, StoreError> {
        self.durable_held(self.hold().await).await
    }

    /// A transaction that a power cut may undo (a crash of the process does not).
    pub async fn soft(&self) -> Result<Transaction, StoreError> {
        Transaction::begin(&self.soft, "BEGIN IMMEDIATE", Some(self.hold().await)).await
    }

    /// Keeps every other writer of this process out while it lives.
    pub async fn hold(&self) -> OwnedMutexGuard<()> {
        self.writing.clone().lock_owned().await
    }

    /// As [`Database::durable`], for who keeps the other writers out already.
    pub async fn durable_held(&self, held: OwnedMutexGuard<()>) -> Result<Transaction, StoreError> {
        Transaction::begin(&self.durable, "BEGIN IMMEDIATE", Some(held)).await
    }

    /// Connects what is not connected yet, so that the first who needs it need not wait.
    pub async fn warm_up(&self) {
        // What goes wrong here goes wrong again where somebody is told.
        let _ = tokio::join!(self.read.acquire(), self.soft.acquire());
    }

    /// For single statements that read.
    pub fn read(&self) -> &AnyPool {
        &self.read
    }

    /// For statements that must not be in a transaction.
    pub fn bare(&self) -> &AnyPool {
        &self.durable
    }

    /// Writes a copy as of one moment to a file that is not there yet.
    pub async fn copy_to(&self, file: &Path) -> Result<(), StoreError> {
        let name = file.to_str().ok_or_else(|| not_utf8(file))?;
        // On a connection of its own: it takes long, and nobody need wait for it.
        let mut own = self.read.connect_options().connect().await?;
        sqlx::query("VACUUM INTO $1").bind(name.to_owned()).execute(&mut own).await?;
        Ok(own.close().await?)
    }

    pub async fn close(&self) {
        for pool in [&self.read, &self.soft, &self.durable] {
            pool.close().await;
        }
    }
}

/// Runs a statement made at run time from constants and counts, never from anybody's text.
pub(super) fn built(sql: String) -> sqlx::AssertSqlSafe<String> {
    sqlx::AssertSqlSafe(sql)
}

/// `(?,?),(?,?)` for 2 rows of 2. Without numbers, which SQLite would look up one by one.
pub(super) fn rows(rows: usize, columns: usize) -> String {
    let row = format!("({})", vec!["?"; columns].join(","));
    vec![row; rows].join(",")
}

/// Cuts a list into runs of few different lengths, so that few different statements are prepared.
pub(super) fn runs<T>(mut list: &[T]) -> impl Iterator<Item = &[T]> {
    std::iter::from_fn(move || {
        let length = [32, 8, 4, 2, 1].into_iter().find(|&length| length <= list.len())?;
        let (run, rest) = list.split_at(length);
        list = rest;
        Some(run)
    })
}

/// Which of these blobs the index has.
pub(super) async fn known(connection: &mut AnyConnection, ids: &[Hash]) -> Result<Vec<Hash>, StoreError> {
    let mut known = Vec::new();
    for run in runs(ids) {
        let sql = built(format!("SELECT id FROM blob WHERE id IN {}", rows(1, run.len())));
        let mut query = sqlx::query(sql);
        for id in run {
            query = query.bind(id.0.to_vec());
        }
        for row in query.fetch_all(&mut *connection).await? {
            known.push(hash(&row, 0)?);
        }
    }
    Ok(known)
}

/// A column that holds a hash.
pub(super) fn hash(row: &AnyRow, column: usize) -> Result<Hash, StoreError> {
    to_hash(&row.try_get::<Vec<u8>, _>(column)?)
}

/// A column that holds a hash or nothing.
pub(super) fn hash_or_null(row: &AnyRow, column: usize) -> Result<Option<Hash>, StoreError> {
    row.try_get::<Option<Vec<u8>>, _>(column)?.map(|bytes| to_hash(&bytes)).transpose()
}

fn to_hash(bytes: &[u8]) -> Result<Hash, StoreError> {
    let wrong = |_| StoreError::Records(format!("a hash of {} bytes where 32 belong", bytes.len()));
    bytes.try_into().map(Hash).map_err(wrong)
}

/// A column that holds a number that is not negative.
pub(super) fn number(row: &AnyRow, column: usize) -> Result<u64, StoreError> {
    let number = row.try_get::<i64, _>(column)?;
    u64::try_from(number).map_err(|_| StoreError::Records(format!("a count of {number}")))
}

/// A number as the database keeps it; beyond what it can, the most it can.
pub(super) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A URL of an SQLite file: every byte that could mean something in a URL is escaped.
fn url(file: &Path) -> Result<String, StoreError> {
    let text = file.to_str().ok_or_else(|| not_utf8(file))?;
    let mut url = "sqlite://".to_owned();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'_' | b'-' => url.push(byte as char),
            _ => write!(url, "%{byte:02X}").expect("a string takes all"),
        }
    }
    Ok(url + "?mode=rwc")
}

fn not_utf8(file: &Path) -> StoreError {
    StoreError::Place { path: file.into(), what: "its path is not UTF-8".into() }
}

/// SQLite's codes for "no room": for a page, and for the memory it shares between processes.
const NO_ROOM: &[&str] = &["13", "4874"];
/// SQLite's codes for "this is no database, or a broken one".
const CORRUPT: &[&str] = &["11", "26", "267", "523", "779"];

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> StoreError {
        if let sqlx::Error::PoolClosed = error {
            return StoreError::Closed;
        }
        let code = error.as_database_error().and_then(|e| e.code());
        match code.as_deref() {
            Some(code) if NO_ROOM.contains(&code) => StoreError::Full,
            Some(code) if CORRUPT.contains(&code) => StoreError::Records(format!(
                "they are damaged ({error}); restore a backup, or see docs/storage.md for what can be saved"
            )),
            _ => StoreError::Records(error.to_string()),
        }
    }
}

/// Whether a statement failed because something that must be unique is there already.
pub(super) fn is_taken(error: &sqlx::Error) -> bool {
    error.as_database_error().is_some_and(|e| e.is_unique_violation())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_are_built() {
        assert_eq!(rows(2, 3), "(?,?,?),(?,?,?)");
        let list: Vec<u32> = (0..77).collect();
        assert_eq!(runs(&list).map(<[_]>::len).collect::<Vec<_>>(), [32, 32, 8, 4, 1]);
        assert_eq!(runs(&list).flatten().copied().collect::<Vec<_>>(), list);
        let file = url(Path::new("/a b/ü?#%.db")).unwrap();
        assert_eq!(file, "sqlite:///a%20b/%C3%BC%3F%23%25.db?mode=rwc");
    }
}
