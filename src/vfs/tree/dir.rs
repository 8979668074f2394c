//! A directory: names in the order they were made, found by hash.
//!
//! An entry's cookie is its number in the order of making, never used again in this directory. Reading goes from the
//! newest to the oldest, so a reader that remembers a cookie neither misses nor repeats an entry that stays, and
//! never meets one made after it began.

use crate::vfs::map::Map;
use crate::vfs::types::Kind;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::sync::{Arc, LazyLock};

/// One name.
#[derive(Clone)]
pub(crate) struct Entry {
    pub(crate) name: Arc<[u8]>,
    pub(crate) ino: u64,
    pub(crate) kind: Kind,
}

/// The cookies of names with one hash: nearly always one.
#[derive(Clone)]
enum Cookies {
    One(u64),
    Many(Arc<Vec<u64>>),
}

/// A directory. Which one it is in, its inode's link tells.
#[derive(Clone, Default)]
pub(crate) struct Dir {
    last_cookie: u64,
    subdirs: u64,
    entries: Map<Entry>,
    hashes: Map<Cookies>,
    /// For the upper tree of an overlay: the directory below that this one adds to.
    pub(crate) origin: Option<Arc<[u8]>>,
}

/// The hash of a name: folded multiplications, keyed by a secret of this process, so that a guest cannot find names that collide.
fn hash(name: &[u8]) -> u64 {
    static SECRET: LazyLock<(u64, u64)> = LazyLock::new(|| {
        let random = || RandomState::new().build_hasher().finish();
        (random() | 1, random() | 1)
    });
    let fold = |a: u64, b: u64| {
        let product = u128::from(a) * u128::from(b);
        (product >> 64) as u64 ^ product as u64
    };
    let (first, second) = *SECRET;
    let mut hash = first ^ name.len() as u64;
    let mut words = name.chunks_exact(8);
    for word in &mut words {
        let word = u64::from_le_bytes(word.try_into().expect("chunks of 8"));
        hash = fold(hash ^ word, second);
    }
    let rest = words.remainder().iter().fold(0, |rest, byte| rest << 8 | u64::from(*byte));
    fold(fold(hash ^ rest, second), first)
}

impl Cookies {
    fn all(&self) -> &[u64] {
        match self {
            Cookies::One(one) => std::slice::from_ref(one),
            Cookies::Many(many) => many,
        }
    }
}

impl Dir {
    pub(crate) fn subdirs(&self) -> u64 {
        self.subdirs
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The entry called `name` and its cookie.
    pub(crate) fn find(&self, name: &[u8]) -> Option<(u64, &Entry)> {
        self.hashes.get(hash(name))?.all().iter().find_map(|&cookie| {
            let entry = self.entries.get(cookie)?;
            (*entry.name == *name).then_some((cookie, entry))
        })
    }

    /// The entry with this cookie.
    pub(crate) fn entry(&self, cookie: u64) -> Option<&Entry> {
        self.entries.get(cookie)
    }

    /// The newest entry, or the newest older than `cookie`; 0 is the start.
    pub(crate) fn next_after(&self, cookie: u64) -> Option<(u64, &Entry)> {
        let to = if cookie == 0 { u64::MAX } else { cookie - 1 };
        self.entries.at_or_before(to)
    }

    /// All entries, oldest first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u64, &Entry)> {
        self.entries.iter()
    }

    /// Adds a name that is not there; its cookie.
    pub(super) fn insert(&mut self, name: Arc<[u8]>, ino: u64, kind: Kind) -> u64 {
        self.last_cookie += 1;
        let cookie = self.last_cookie;
        let hash = hash(&name);
        match self.hashes.get_mut(hash) {
            None => drop(self.hashes.insert(hash, Cookies::One(cookie))),
            Some(Cookies::Many(many)) => Arc::make_mut(many).push(cookie),
            Some(one) => *one = Cookies::Many(Arc::new([one.all(), &[cookie]].concat())),
        }
        self.subdirs += u64::from(kind == Kind::Dir);
        self.entries.insert(cookie, Entry { name, ino, kind });
        cookie
    }

    /// Makes an entry name another inode.
    pub(super) fn replace(&mut self, cookie: u64, ino: u64, kind: Kind) {
        let Some(entry) = self.entries.get_mut(cookie) else {
            return;
        };
        self.subdirs += u64::from(kind == Kind::Dir);
        self.subdirs -= u64::from(entry.kind == Kind::Dir);
        (entry.ino, entry.kind) = (ino, kind);
    }

    /// Removes an entry.
    pub(super) fn remove(&mut self, cookie: u64) -> Option<Entry> {
        let entry = self.entries.remove(cookie)?;
        let hash = hash(&entry.name);
        if let Some(Cookies::Many(many)) = self.hashes.get_mut(hash) {
            let many = Arc::make_mut(many);
            many.retain(|c| *c != cookie);
            if let [last] = many[..] {
                self.hashes.insert(hash, Cookies::One(last));
            }
        } else {
            self.hashes.remove(hash);
        }
        self.subdirs -= u64::from(entry.kind == Kind::Dir);
        Some(entry)
    }
}
