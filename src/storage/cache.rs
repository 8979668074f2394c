//! The cache of blobs that were read: bounded by bytes, in two generations.
//!
//! What is used moves to the young generation. When that has half of the bytes it becomes the old one, and the old one is forgotten:
//! close to forgetting the least recently used, without a list.

use super::pack::Entry;
use crate::base::{Blob, Hash};
use bytes::Bytes;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// Bytes an entry takes beside its own.
const OVERHEAD: usize = 128;

/// A blob, or its entry as it was read with a neighbour's and not needed yet.
#[derive(Clone)]
enum Slot {
    Entry(Bytes),
    Blob(Blob),
}

impl Slot {
    fn bytes(&self) -> usize {
        OVERHEAD
            + match self {
                Slot::Entry(bytes) => bytes.len(),
                Slot::Blob(blob) => blob.data.len() + blob.links.len() * 32,
            }
    }
}

#[derive(Default)]
struct Generations {
    young: HashMap<Hash, Slot>,
    old: HashMap<Hash, Slot>,
    young_bytes: usize,
}

pub(super) struct Cache {
    generations: Mutex<Generations>,
    limit: usize,
}

impl Cache {
    pub fn new(bytes: u64) -> Cache {
        Cache { generations: Mutex::default(), limit: usize::try_from(bytes).unwrap_or(usize::MAX) }
    }

    /// A blob. An entry that turns out to be damaged is forgotten: the index may know a better one.
    pub fn get(&self, id: &Hash) -> Option<Blob> {
        let slot = self.with(|g| {
            if let Some(slot) = g.young.get(id) {
                return Some(slot.clone());
            }
            let slot = g.old.remove(id)?;
            g.insert(*id, slot.clone(), self.limit);
            Some(slot)
        })?;
        match slot {
            Slot::Blob(blob) => Some(blob),
            Slot::Entry(bytes) => {
                let blob = Entry::at(&bytes, 0).and_then(|entry| entry.decode(&bytes).ok());
                match &blob {
                    Some(blob) => self.put(*id, blob.clone()),
                    None => self.forget(id),
                }
                blob
            }
        }
    }

    pub fn put(&self, id: Hash, blob: Blob) {
        let slot = Slot::Blob(blob);
        if slot.bytes() <= self.limit / 4 {
            self.with(|g| g.insert(id, slot, self.limit));
        }
    }

    /// An entry as it is in a pack, if the blob is not here already.
    pub fn put_entry(&self, id: Hash, bytes: &[u8]) {
        self.with(|g| {
            if !g.young.contains_key(&id) && !g.old.contains_key(&id) {
                g.insert(id, Slot::Entry(Bytes::copy_from_slice(bytes)), self.limit);
            }
        });
    }

    pub fn forget(&self, id: &Hash) {
        self.with(|g| {
            g.old.remove(id);
            if let Some(slot) = g.young.remove(id) {
                g.young_bytes -= slot.bytes();
            }
        });
    }

    fn with<T>(&self, f: impl FnOnce(&mut Generations) -> T) -> T {
        f(&mut self.generations.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Generations {
    fn insert(&mut self, id: Hash, slot: Slot, limit: usize) {
        self.young_bytes += slot.bytes();
        if let Some(before) = self.young.insert(id, slot) {
            self.young_bytes -= before.bytes();
        }
        if self.young_bytes > limit / 2 {
            self.old = std::mem::take(&mut self.young);
            self.young_bytes = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::pack::PackWriter;

    fn blob(n: u32) -> (Hash, Blob) {
        let blob = Blob { links: Vec::new(), data: vec![n as u8; 1000].into() };
        (Hash(*blake3::hash(&n.to_le_bytes()).as_bytes()), blob)
    }

    #[test]
    fn it_stays_within_its_bytes_and_keeps_what_is_used() {
        let cache = Cache::new(100_000);
        let (first, kept) = blob(0);
        cache.put(first, kept.clone());
        for n in 1..1000 {
            let (id, blob) = blob(n);
            cache.put(id, blob);
            assert_eq!(cache.get(&first).as_ref(), Some(&kept), "after {n}");
            let held = cache.with(|g| g.young.values().chain(g.old.values()).map(Slot::bytes).sum::<usize>());
            assert!(held <= 101_200, "{held}");
        }
        assert_eq!(cache.get(&blob(1).0), None);
        cache.put(blob(5).0, Blob { links: Vec::new(), data: vec![0; 50_000].into() });
        assert_eq!(cache.get(&blob(5).0), None, "too big for it");
    }

    #[test]
    fn entries_become_blobs_and_damaged_ones_go() {
        let blob = Blob { links: vec![Hash([1; 32])], data: vec![5; 3000].into() };
        let mut writer = PackWriter::new();
        writer.add(blob.id(), &blob);
        let (bytes, placed) = writer.finish();
        let entry = &bytes[placed[0].place as usize..];
        let cache = Cache::new(1 << 20);
        cache.put_entry(blob.id(), entry);
        assert_eq!(cache.get(&blob.id()), Some(blob.clone()));
        assert_eq!(cache.get(&blob.id()), Some(blob.clone()));
        cache.forget(&blob.id());
        let mut damaged = entry.to_vec();
        *damaged.last_mut().unwrap() ^= 1;
        cache.put_entry(blob.id(), &damaged);
        assert_eq!(cache.get(&blob.id()), None);
        assert_eq!(cache.with(|g| (g.young.len(), g.young_bytes)), (0, 0));
    }
}
