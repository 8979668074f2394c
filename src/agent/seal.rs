//! Sealed content: what clients keep for the server and can neither read nor change.
//!
//! `v1.KEY.DATA`: the id of the key, then in base64 a nonce and what ChaCha20-Poly1305 made of the content. Form, key and owner are authenticated
//! with it. The keys are documents of the store, so that what was sealed before a restart can be opened after it; the first process of a store makes
//! the first.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use serde_json::json;

use crate::base::id;
use crate::storage::{Change, Commit, DocumentQuery, DocumentRecord, Order, Store, StoreError};

/// The kind of the documents that hold keys.
const KEY: &str = "seal_key";

/// How long to wait for another process that makes the first key.
const PATIENCE: Duration = Duration::from_secs(20);

/// What sealed content begins with.
const FORM: &str = "v1";

/// The keys of a store.
pub(super) struct Keys {
    keys: BTreeMap<String, LessSafeKey>,
    /// The one that new content is sealed with.
    newest: String,
}

/// Seals and opens what belongs to one owner.
#[derive(Clone)]
pub(super) struct Sealer {
    keys: Arc<Keys>,
    owner: Option<String>,
}

/// Sealed content that cannot be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the sealed content was not made here for this owner, or was changed since")]
pub struct Unsealable;

impl Keys {
    /// The keys of `store`; makes the first.
    pub async fn open(store: &Store) -> Result<Keys, StoreError> {
        let query = DocumentQuery { order: Order::Ascending, ..DocumentQuery::of(KEY) };
        let mut records = store.documents(&query).await?;
        if records.is_empty() {
            // Whoever opens the store at the same time waits, and then finds the key.
            let lease = store.lease(KEY, PATIENCE).await?;
            records = store.documents(&query).await?;
            if records.is_empty() {
                let record = new_key();
                let put = vec![Change::PutDocument(record.clone())];
                store.commit(Commit { changes: put, fence: Some(lease.fence()), ..Commit::default() }).await?;
                records.push(record);
            }
            lease.release().await;
        }
        let keys = records.iter().filter_map(|record| Some((record.id.clone(), read(record)?)));
        let keys: BTreeMap<_, _> = keys.collect();
        let newest = keys.last_key_value().map(|(id, _)| id.clone()).unwrap_or_default();
        Ok(Keys { keys, newest })
    }
}

/// A new key, all chance.
fn new_key() -> DocumentRecord {
    let mut bytes = [0; 32];
    id::fill(&mut bytes);
    DocumentRecord {
        kind: KEY.into(),
        id: id::new("key_"),
        owner: None,
        created_at_ms: 0,
        expires_at_ms: None,
        links: Vec::new(),
        body: json!({ "key": URL_SAFE_NO_PAD.encode(bytes) }),
    }
}

fn read(record: &DocumentRecord) -> Option<LessSafeKey> {
    let bytes = URL_SAFE_NO_PAD.decode(record.body.get("key")?.as_str()?).ok()?;
    Some(LessSafeKey::new(UnboundKey::new(&CHACHA20_POLY1305, &bytes).ok()?))
}

impl Sealer {
    pub fn new(keys: Arc<Keys>, owner: Option<String>) -> Sealer {
        Sealer { keys, owner }
    }

    /// Seals content.
    pub fn seal(&self, content: &[u8]) -> String {
        let name = &self.keys.newest;
        let Some(key) = self.keys.keys.get(name) else { return String::new() };
        let mut nonce = [0; NONCE_LEN];
        id::fill(&mut nonce);
        let mut sealed = content.to_vec();
        let done = key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), self.bound(name), &mut sealed);
        done.expect("content is far below the cipher's 256 GiB");
        format!("{FORM}.{name}.{}", URL_SAFE_NO_PAD.encode([&nonce[..], &sealed].concat()))
    }

    /// Opens what was sealed for the same owner.
    pub fn open(&self, sealed: &str) -> Result<Vec<u8>, Unsealable> {
        let mut parts = sealed.splitn(3, '.');
        let (Some(FORM), Some(name), Some(data)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(Unsealable);
        };
        let key = self.keys.keys.get(name).ok_or(Unsealable)?;
        let mut data = URL_SAFE_NO_PAD.decode(data).map_err(|_| Unsealable)?;
        let (nonce, content) = data.split_at_mut_checked(NONCE_LEN).ok_or(Unsealable)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| Unsealable)?;
        let opened = key.open_in_place(nonce, self.bound(name), content).map_err(|_| Unsealable)?;
        Ok(opened.to_vec())
    }

    /// What content is bound to.
    fn bound(&self, name: &str) -> Aad<Vec<u8>> {
        let owner = self.owner.as_ref().map_or(String::new(), |owner| format!("\0{owner}"));
        Aad::from(format!("coquina {FORM} {name}{owner}").into_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::StoreConfig;

    fn sealer(record: &DocumentRecord, owner: Option<&str>) -> Sealer {
        let keys = BTreeMap::from([(record.id.clone(), read(record).expect("it is a key"))]);
        Sealer::new(Arc::new(Keys { keys, newest: record.id.clone() }), owner.map(str::to_owned))
    }

    #[test]
    fn what_was_sealed_is_opened_by_its_owner_alone() {
        let record = new_key();
        let ours = sealer(&record, Some("a"));
        let sealed = ours.seal(b"what was said");
        assert!(!sealed.contains("said") && sealed != ours.seal(b"what was said"), "{sealed}");
        assert_eq!(sealer(&record, Some("a")).open(&sealed).as_deref(), Ok(&b"what was said"[..]));
        assert_eq!(ours.open(&ours.seal(b"")).as_deref(), Ok(&b""[..]));
        for other in [sealer(&record, Some("b")), sealer(&record, None), sealer(&new_key(), Some("a"))] {
            assert_eq!(other.open(&sealed), Err(Unsealable));
        }
    }

    #[test]
    fn what_was_changed_is_not_opened() {
        let ours = sealer(&new_key(), None);
        let sealed = ours.seal(b"abc");
        for text in ["", "v1", "v1..", "v1.key_1.AAAA", &sealed[1..], &sealed[..sealed.len() - 4]] {
            assert_eq!(ours.open(text), Err(Unsealable), "{text}");
        }
        let data = sealed.rfind('.').expect("it has three parts") + 1;
        for at in data..sealed.len() {
            let other = if &sealed[at..=at] == "A" { "B" } else { "A" };
            let changed = format!("{}{other}{}", &sealed[..at], &sealed[at + 1..]);
            // The last digit has bits that mean nothing; such text is not what was given out either.
            assert_eq!(ours.open(&changed), Err(Unsealable), "at {at}");
        }
    }

    #[tokio::test]
    async fn who_opens_a_new_store_at_once_has_the_same_key() {
        for _ in 0..10 {
            let dir = tempfile::tempdir().expect("a scratch directory");
            let open = async || {
                let store = Store::open(StoreConfig::directory(dir.path())).expect("it opens");
                (Keys::open(&store).await.expect("it has keys"), store)
            };
            let ((one, _), (two, store)) = tokio::join!(open(), open());
            assert_eq!(one.newest, two.newest);
            assert_eq!(store.documents(&DocumentQuery::of(KEY)).await.map(|keys| keys.len()), Ok(1));
        }
    }
}
