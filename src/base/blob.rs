//! Blobs: the immutable, content-addressed pieces that persistent state is made of.
//!
//! A blob is bytes and the ids of the blobs it leads to, so whoever keeps blobs can follow, check and collect them without knowing
//! what the bytes mean. The file tree writes and reads them, the store keeps them; here is what both must agree on.

use bytes::Bytes;
use std::fmt;
use std::str::FromStr;
use std::sync::atomic::{AtomicU32, Ordering};

/// The id of a blob: the BLAKE3 hash of what it holds. As text, 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hash(pub [u8; 32]);

/// A piece of state: bytes, and the ids of the blobs it leads to.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Blob {
    /// The blobs it leads to, in the order its bytes refer to them.
    pub links: Vec<Hash>,
    /// What it holds itself.
    pub data: Bytes,
}

impl Blob {
    /// Its id: BLAKE3 over the data, the links, and the count of links as 32 bits, lowest byte first.
    ///
    /// The data comes first so that a chunk of a file is hashed at full speed, aligned to BLAKE3's own chunks.
    pub fn id(&self) -> Hash {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&self.data);
        for link in &self.links {
            hasher.update(&link.0);
        }
        hasher.update(&(self.links.len() as u32).to_le_bytes());
        Hash(*hasher.finalize().as_bytes())
    }
}

/// Where blobs that are not in memory come from. May block; may answer from a cache.
pub trait BlobSource: Send + Sync {
    /// The blob called `id`, checked against it.
    ///
    /// # Errors
    /// It is not there, is damaged, or could not be read.
    fn get(&self, id: &Hash) -> Result<Blob, BlobError>;
}

/// Why a blob cannot be had.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say it")]
pub enum BlobError {
    #[error("blob {0} is missing from the store; `coquina store check` lists what needs it")]
    Missing(Hash),
    #[error("blob {id} is damaged: {what}; `coquina store check` lists what needs it")]
    Damaged { id: Hash, what: String },
    #[error("blob {id} cannot be read: {what}")]
    Io { id: Hash, what: String },
}

/// Which opened store a mark "is stored" speaks of; a number no other store opened by this process has.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct StoreTag(u32);

impl StoreTag {
    /// A tag that nobody has.
    #[expect(clippy::new_without_default, reason = "each is another")]
    pub fn new() -> StoreTag {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        StoreTag(NEXT.fetch_add(1, Ordering::Relaxed))
    }

    /// The tag as a number that is never 0.
    pub fn number(self) -> u32 {
        self.0
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&blake3::Hash::from_bytes(self.0).to_hex())
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The text is not 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("a hash is 64 hexadecimal digits")]
pub struct NotAHash;

impl FromStr for Hash {
    type Err = NotAHash;

    fn from_str(text: &str) -> Result<Hash, NotAHash> {
        blake3::Hash::from_hex(text).map(|hash| Hash(*hash.as_bytes())).map_err(|_| NotAHash)
    }
}

impl serde::Serialize for Hash {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Hash {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Hash, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(from)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_its_text() {
        let hash = Blob { links: Vec::new(), data: Bytes::from_static(b"x") }.id();
        let text = hash.to_string();
        assert_eq!(text.len(), 64);
        assert_eq!(text.parse(), Ok(hash));
        assert_eq!(serde_json::to_string(&hash).unwrap(), format!("\"{text}\""));
        assert_eq!(serde_json::from_str::<Hash>(&format!("\"{text}\"")).unwrap(), hash);
        for wrong in ["", "0", &text[1..], &format!("{text}0"), &format!("g{}", &text[1..])] {
            assert_eq!(wrong.parse::<Hash>(), Err(NotAHash));
        }
    }

    #[test]
    fn links_and_data_are_told_apart() {
        let link = Hash([7; 32]);
        let linked = Blob { links: vec![link], data: Bytes::new() };
        let plain = Blob { links: Vec::new(), data: Bytes::copy_from_slice(&link.0) };
        assert_ne!(linked.id(), plain.id());
        assert_ne!(StoreTag::new(), StoreTag::new());
    }
}
