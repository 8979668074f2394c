//! A directory: names in the order they were made, found by hash.
//!
//! An entry's cookie is its number in the order of making, never used again in this directory. Reading goes from the
//! newest to the oldest, so a reader that remembers a cookie neither misses nor repeats an entry that stays, and
//! never meets one made after it began.

use crate::vfs::map::{Map, Read};
use crate::vfs::types::Kind;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::sync::{Arc, LazyLock, OnceLock};

/// One name.
#[derive(Clone, PartialEq, Eq)]
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
    pub(super) last_cookie: u64,
    pub(super) subdirs: u64,
    pub(super) entries: Map<Entry>,
    /// The index of names: of this process, so built from the entries when a stored directory is first searched.
    hashes: OnceLock<Map<Cookies>>,
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

/// Adds a name's cookie to an index.
fn index(hashes: &mut Map<Cookies>, name: &[u8], cookie: u64) -> Read<()> {
    let hash = hash(name);
    match hashes.get_mut(hash)? {
        None => drop(hashes.insert(hash, Cookies::One(cookie))?),
        Some(Cookies::Many(many)) => Arc::make_mut(many).push(cookie),
        Some(one) => *one = Cookies::Many(Arc::new([one.all(), &[cookie]].concat())),
    }
    Ok(())
}

impl Dir {
    /// A directory of these entries, not yet indexed.
    pub(super) fn stored(last_cookie: u64, subdirs: u64, entries: Map<Entry>, origin: Option<Arc<[u8]>>) -> Dir {
        Dir { last_cookie, subdirs, entries, hashes: OnceLock::new(), origin }
    }

    pub(crate) fn subdirs(&self) -> u64 {
        self.subdirs
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The index of names, built the first time.
    fn hashes(&self) -> Read<&Map<Cookies>> {
        if let Some(hashes) = self.hashes.get() {
            return Ok(hashes);
        }
        let mut hashes = Map::default();
        for entry in self.entries.iter() {
            let (cookie, entry) = entry?;
            index(&mut hashes, &entry.name, cookie)?;
        }
        Ok(self.hashes.get_or_init(|| hashes))
    }

    /// The same, to change.
    fn hashes_mut(&mut self) -> Read<&mut Map<Cookies>> {
        self.hashes()?;
        Ok(self.hashes.get_mut().expect("it was built above"))
    }

    /// The entry called `name` and its cookie.
    pub(crate) fn find(&self, name: &[u8]) -> Read<Option<(u64, &Entry)>> {
        let Some(cookies) = self.hashes()?.get(hash(name))? else { return Ok(None) };
        for &cookie in cookies.all() {
            if let Some(entry) = self.entries.get(cookie)?
                && *entry.name == *name
            {
                return Ok(Some((cookie, entry)));
            }
        }
        Ok(None)
    }

    /// The entry with this cookie.
    pub(crate) fn entry(&self, cookie: u64) -> Read<Option<&Entry>> {
        self.entries.get(cookie)
    }

    /// The newest entry, or the newest older than `cookie`; 0 is the start.
    pub(crate) fn next_after(&self, cookie: u64) -> Read<Option<(u64, &Entry)>> {
        let to = if cookie == 0 { u64::MAX } else { cookie - 1 };
        self.entries.at_or_before(to)
    }

    /// All entries, oldest first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Read<(u64, &Entry)>> {
        self.entries.iter()
    }

    /// Whether both are known to be the same without reading anything.
    pub(super) fn is_same(&self, other: &Dir) -> bool {
        let of = |dir: &Dir| (dir.last_cookie, dir.subdirs);
        of(self) == of(other) && self.origin == other.origin && self.entries.is_same(&other.entries, &Entry::eq)
    }

    /// Adds a name that is not there; its cookie.
    pub(super) fn insert(&mut self, name: Arc<[u8]>, ino: u64, kind: Kind) -> Read<u64> {
        let cookie = self.last_cookie + 1;
        index(self.hashes_mut()?, &name, cookie)?;
        self.last_cookie = cookie;
        self.subdirs += u64::from(kind == Kind::Dir);
        self.entries.insert(cookie, Entry { name, ino, kind })?;
        Ok(cookie)
    }

    /// Makes an entry name another inode.
    pub(super) fn replace(&mut self, cookie: u64, ino: u64, kind: Kind) -> Read<()> {
        let Some(entry) = self.entries.get_mut(cookie)? else {
            return Ok(());
        };
        self.subdirs += u64::from(kind == Kind::Dir);
        self.subdirs = self.subdirs.saturating_sub(u64::from(entry.kind == Kind::Dir));
        (entry.ino, entry.kind) = (ino, kind);
        Ok(())
    }

    /// Removes an entry.
    pub(super) fn remove(&mut self, cookie: u64) -> Read<Option<Entry>> {
        self.hashes()?; // from all entries, before one goes
        let Some(entry) = self.entries.remove(cookie)? else { return Ok(None) };
        let hash = hash(&entry.name);
        let hashes = self.hashes_mut()?;
        if let Some(Cookies::Many(many)) = hashes.get_mut(hash)? {
            let many = Arc::make_mut(many);
            many.retain(|c| *c != cookie);
            if let [last] = many[..] {
                hashes.insert(hash, Cookies::One(last))?;
            }
        } else {
            hashes.remove(hash)?;
        }
        self.subdirs = self.subdirs.saturating_sub(u64::from(entry.kind == Kind::Dir));
        Ok(Some(entry))
    }
}
