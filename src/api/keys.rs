//! API keys: who may ask, for what, and how much. Only a hash of a key's secret is kept.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use serde::{Deserialize, Serialize};

use crate::agent::PolicyConfig;
use crate::base::id;
use crate::storage::{Change, Commit, DocumentQuery, DocumentRecord, Order, Store, StoreError};

/// The kind of their documents in the store.
const KIND: &str = "key";

/// What secrets start with, so that people and scanners recognize them.
const SECRET_PREFIX: &str = "coq_";

/// Longest name of a key, in bytes.
const NAME_BYTES: usize = 64;

/// What a key may do. Each scope includes those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Look at its owner's containers and files.
    Read,
    /// Run commands; make, change and remove its owner's containers and files.
    Exec,
    /// Figures and audit of all owners.
    Admin,
}

/// How much a key may use; `None` is without a limit of its own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Quotas {
    /// Requests a minute.
    pub requests_per_minute: Option<u32>,
    /// WebAssembly instructions a minute, on average: whoever has used more waits until the average is met.
    pub fuel_per_minute: Option<u64>,
    /// Commands that run at a time; more wait for their turn.
    pub concurrent_execs: Option<u32>,
    /// Memory limits of the commands that run at a time, together, in bytes.
    pub memory_bytes: Option<u64>,
    /// Files, skills, containers and snapshots that its owner keeps, in bytes.
    pub stored_bytes: Option<u64>,
}

impl Quotas {
    /// These, and where they say nothing, others.
    pub fn or(&self, others: &Quotas) -> Quotas {
        Quotas {
            requests_per_minute: self.requests_per_minute.or(others.requests_per_minute),
            fuel_per_minute: self.fuel_per_minute.or(others.fuel_per_minute),
            concurrent_execs: self.concurrent_execs.or(others.concurrent_execs),
            memory_bytes: self.memory_bytes.or(others.memory_bytes),
            stored_bytes: self.stored_bytes.or(others.stored_bytes),
        }
    }
}

/// A key, without its secret.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Key {
    /// `key_…`.
    pub id: String,
    /// What its maker calls it.
    pub name: String,
    /// Whose containers and files it sees. Keys of one owner share them.
    pub owner: String,
    /// What it may do.
    pub scope: Scope,
    /// How much it may use.
    pub quotas: Quotas,
    /// What its agents may do; `None`: whatever the service's policy lets them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<PolicyConfig>,
    /// BLAKE3 of the secret, in hex.
    pub hash: String,
    /// When it was made, in milliseconds since 1970.
    pub created_at_ms: i64,
    /// When it was revoked, if it was.
    pub revoked_at_ms: Option<i64>,
}

/// A key to be made.
#[derive(Clone, Debug)]
pub struct NewKey {
    /// What to call it.
    pub name: String,
    /// Whose things it sees; `None`: an owner of its own.
    pub owner: Option<String>,
    /// What it may do.
    pub scope: Scope,
    /// How much it may use.
    pub quotas: Quotas,
}

/// Why a key cannot be made or revoked.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say it")]
pub enum KeyError {
    #[error("{name:?} cannot name a key or its owner: 1 to 64 bytes of letters, digits, `.`, `_`, `-` are allowed")]
    Name { name: String },
    #[error("there is no key {id} that is in use (`coquina keys ls` lists them)")]
    NotFound { id: String },
}

/// All keys, revoked ones too.
#[derive(Default)]
pub struct Keys(RwLock<Table>);

#[derive(Default)]
struct Table {
    /// In the order they were made.
    keys: Vec<Arc<Key>>,
    by_hash: HashMap<String, Arc<Key>>,
}

impl Keys {
    /// The keys that were kept.
    pub fn new(kept: impl IntoIterator<Item = Key>) -> Keys {
        let keys = Keys::default();
        keys.replace(kept);
        keys
    }

    /// Takes these in place of all others.
    pub fn replace(&self, kept: impl IntoIterator<Item = Key>) {
        let keys: Vec<Arc<Key>> = kept.into_iter().map(Arc::new).collect();
        let by_hash = keys.iter().map(|key| (key.hash.clone(), key.clone())).collect();
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Table { keys, by_hash };
    }

    /// All keys of a store, oldest first.
    ///
    /// # Errors
    /// The store failed, or a key in it cannot be read.
    pub async fn read(store: &Store) -> Result<Vec<Key>, StoreError> {
        let query = DocumentQuery { order: Order::Ascending, ..DocumentQuery::of(KIND) };
        let records = store.find_documents(query, usize::MAX, |_| true).await?;
        let damaged = |id, error: serde_json::Error| StoreError::Record { what: id, why: error.to_string() };
        records.into_iter().map(|r| serde_json::from_value(r.body).map_err(|error| damaged(r.id, error))).collect()
    }

    /// Keeps a key in a store, in the place of the one with its id.
    ///
    /// # Errors
    /// The store failed.
    pub async fn keep(store: &Store, key: &Key) -> Result<(), StoreError> {
        let record = DocumentRecord {
            kind: KIND.into(),
            id: key.id.clone(),
            owner: Some(key.owner.clone()),
            created_at_ms: key.created_at_ms,
            expires_at_ms: None,
            links: Vec::new(),
            body: serde_json::to_value(key)
                .map_err(|e| StoreError::Record { what: key.id.clone(), why: e.to_string() })?,
        };
        store.commit(Commit { changes: vec![Change::PutDocument(record)], ..Commit::default() }).await
    }

    /// Makes a key; its secret is known to nobody else and cannot be had again.
    ///
    /// # Errors
    /// When a name cannot be one.
    pub fn make(new: NewKey, now_ms: i64) -> Result<(Key, String), KeyError> {
        for name in std::iter::once(&new.name).chain(&new.owner) {
            let fits = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
            if name.is_empty() || name.len() > NAME_BYTES || !name.bytes().all(fits) {
                return Err(KeyError::Name { name: name.chars().take(NAME_BYTES).collect() });
            }
        }
        let secret = id::secret(SECRET_PREFIX);
        let id = id::new("key_");
        let key = Key {
            owner: new.owner.unwrap_or_else(|| id.clone()),
            id,
            name: new.name,
            scope: new.scope,
            quotas: new.quotas,
            policy: None,
            hash: hash(&secret),
            created_at_ms: now_ms,
            revoked_at_ms: None,
        };
        Ok((key, secret))
    }

    /// Whether a request must name a key: once there was one, always.
    pub fn required(&self) -> bool {
        !self.table().keys.is_empty()
    }

    /// The key with this secret, unless it was revoked. Secrets are compared by hash, so the time it takes tells nothing about them.
    pub fn find(&self, secret: &str) -> Option<Arc<Key>> {
        let table = self.table();
        table.by_hash.get(&hash(secret)).filter(|key| key.revoked_at_ms.is_none()).cloned()
    }

    /// Whether the key is there and not revoked.
    pub fn is_current(&self, key: &Key) -> bool {
        self.table().by_hash.get(&key.hash).is_some_and(|key| key.revoked_at_ms.is_none())
    }

    fn table(&self) -> RwLockReadGuard<'_, Table> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }
}

fn hash(secret: &str) -> String {
    blake3::hash(secret.as_bytes()).to_hex().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn new(name: &str) -> NewKey {
        NewKey { name: name.into(), owner: None, scope: Scope::Exec, quotas: Quotas::default() }
    }

    #[test]
    fn a_key_is_found_by_its_secret_until_it_is_revoked() {
        let (key, secret) = Keys::make(new("ci"), 5).expect("a good name");
        let keys = Keys::new([key.clone()]);
        assert!(keys.required());
        assert_eq!(keys.find(&secret).as_deref(), Some(&key));
        assert_eq!(keys.find(&key.hash), None);
        assert_eq!(keys.find(""), None);
        assert!(keys.is_current(&key));
        keys.replace([Key { revoked_at_ms: Some(6), ..key.clone() }]);
        assert!(!keys.is_current(&key));
        assert_eq!(keys.find(&secret), None);
        assert!(keys.required(), "revoking the last key opens nothing");
    }

    #[test]
    fn nothing_kept_tells_the_secret() {
        let (key, secret) = Keys::make(new("ci"), 5).expect("a good name");
        let kept = serde_json::to_string(&key).expect("it is JSON");
        assert!(!kept.contains(&secret[SECRET_PREFIX.len()..]));
        assert_eq!(serde_json::from_str::<Key>(&kept).expect("it reads back"), key);
    }

    #[test]
    fn names_are_plain() {
        for name in ["", "a b", "a\n", "ä", &"x".repeat(65)] {
            assert!(Keys::make(new(name), 0).is_err(), "{name}");
        }
    }

    #[test]
    fn scopes_include_the_lesser() {
        assert!(Scope::Admin > Scope::Exec && Scope::Exec > Scope::Read);
    }
}
