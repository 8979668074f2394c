//! Values of variables: texts and the two kinds of arrays.

use std::collections::BTreeMap;

/// A variable's value.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Value {
    /// Declared but not set.
    #[default]
    None,
    Text(Vec<u8>),
    Indexed(Box<Indexed>),
    Assoc(Box<Assoc>),
}

/// An indexed array: a dense beginning and the rest by number.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Indexed {
    dense: Vec<Option<Vec<u8>>>,
    sparse: BTreeMap<u64, Vec<u8>>,
    count: usize,
}

/// How far behind its end the dense part may grow in one step.
const GROWTH: u64 = 1024;

impl Indexed {
    /// An array of consecutive elements.
    #[must_use]
    pub fn from_items(items: Vec<Vec<u8>>) -> Self {
        Self { count: items.len(), dense: items.into_iter().map(Some).collect(), sparse: BTreeMap::new() }
    }

    #[must_use]
    pub fn get(&self, index: u64) -> Option<&Vec<u8>> {
        match self.dense.get(index as usize) {
            Some(slot) => slot.as_ref(),
            None if self.sparse.is_empty() => None,
            None => self.sparse.get(&index),
        }
    }

    /// The place of an element, made if there is none.
    pub fn slot(&mut self, index: u64) -> &mut Vec<u8> {
        let len = self.dense.len() as u64;
        if index >= len {
            if index >= len + GROWTH {
                if !self.sparse.contains_key(&index) {
                    self.count += 1;
                }
                return self.sparse.entry(index).or_default();
            }
            self.dense.resize(index as usize + 1, None);
            while let Some(first) = self.sparse.first_entry() {
                if *first.key() > index {
                    break;
                }
                let (key, value) = first.remove_entry();
                self.dense[key as usize] = Some(value);
            }
        }
        let slot = &mut self.dense[index as usize];
        if slot.is_none() {
            self.count += 1;
        }
        slot.get_or_insert_default()
    }

    pub fn set(&mut self, index: u64, value: Vec<u8>) {
        *self.slot(index) = value;
    }

    pub fn remove(&mut self, index: u64) -> bool {
        let removed = match self.dense.get_mut(index as usize) {
            Some(slot) => slot.take().is_some(),
            None => self.sparse.remove(&index).is_some(),
        };
        if removed {
            self.count -= 1;
            while matches!(self.dense.last(), Some(None)) {
                self.dense.pop();
            }
        }
        removed
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.count
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// One more than the highest index.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.sparse.last_key_value().map_or(self.dense.len() as u64, |(k, _)| k + 1)
    }

    /// The elements with their indices, in order.
    pub fn iter(&self) -> impl Iterator<Item = (u64, &Vec<u8>)> {
        let dense = self.dense.iter().enumerate().filter_map(|(i, v)| v.as_ref().map(|v| (i as u64, v)));
        dense.chain(self.sparse.iter().map(|(k, v)| (*k, v)))
    }

    /// The index an expression's value stands for: negative ones count from the end.
    #[must_use]
    pub fn resolve(&self, index: i64) -> Option<u64> {
        if index >= 0 {
            Some(index as u64)
        } else {
            (self.end() as i64).checked_add(index).filter(|n| *n >= 0).map(|n| n as u64)
        }
    }
}

/// An associative array. Its order is that of bash's hash table, because `${!a[@]}` shows it: chained buckets, a new
/// entry first in its chain, four times as many buckets when there are twice as many entries.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Assoc {
    buckets: Vec<Vec<Entry>>,
    count: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    hash: u32,
    key: Vec<u8>,
    value: Vec<u8>,
}

const BUCKETS: usize = 1024;

/// FNV-1, as bash hashes strings.
#[must_use]
pub fn hash(key: &[u8]) -> u32 {
    key.iter().fold(2_166_136_261, |h: u32, b| h.wrapping_mul(16_777_619) ^ u32::from(*b))
}

impl Assoc {
    fn bucket(&self, hash: u32) -> usize {
        hash as usize & (self.buckets.len() - 1)
    }

    #[must_use]
    pub fn get(&self, key: &[u8]) -> Option<&Vec<u8>> {
        if self.count == 0 {
            return None;
        }
        let h = hash(key);
        self.buckets[self.bucket(h)].iter().find(|e| e.hash == h && e.key == key).map(|e| &e.value)
    }

    /// The place of an element, made if there is none.
    pub fn slot(&mut self, key: &[u8]) -> &mut Vec<u8> {
        if self.buckets.is_empty() {
            self.buckets.resize(BUCKETS, Vec::new());
        }
        let h = hash(key);
        let n = self.bucket(h);
        let found = self.buckets[n].iter().position(|e| e.hash == h && e.key == key);
        let (n, i) = if let Some(i) = found { (n, i) } else { self.insert(h, key) };
        &mut self.buckets[n][i].value
    }

    fn insert(&mut self, h: u32, key: &[u8]) -> (usize, usize) {
        if self.count >= self.buckets.len() * 2 {
            let old = std::mem::take(&mut self.buckets);
            self.buckets.resize(old.len() * 4, Vec::new());
            for entry in old.into_iter().flatten() {
                let n = self.bucket(entry.hash);
                self.buckets[n].insert(0, entry);
            }
        }
        let n = self.bucket(h);
        self.buckets[n].insert(0, Entry { hash: h, key: key.to_vec(), value: Vec::new() });
        self.count += 1;
        (n, 0)
    }

    pub fn set(&mut self, key: &[u8], value: Vec<u8>) {
        *self.slot(key) = value;
    }

    pub fn remove(&mut self, key: &[u8]) -> bool {
        if self.count == 0 {
            return false;
        }
        let h = hash(key);
        let n = self.bucket(h);
        let found = self.buckets[n].iter().position(|e| e.hash == h && e.key == key);
        if let Some(i) = found {
            self.buckets[n].remove(i);
            self.count -= 1;
        }
        found.is_some()
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.count
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Keys and values in bash's order.
    pub fn iter(&self) -> impl Iterator<Item = (&Vec<u8>, &Vec<u8>)> {
        self.buckets.iter().flatten().map(|e| (&e.key, &e.value))
    }
}

impl Value {
    /// What `$name` gives: of an array, element 0.
    #[must_use]
    pub fn scalar(&self) -> Option<&Vec<u8>> {
        match self {
            Self::None => None,
            Self::Text(t) => Some(t),
            Self::Indexed(a) => a.get(0),
            Self::Assoc(a) => a.get(b"0"),
        }
    }

    /// All elements; a text is one.
    #[must_use]
    pub fn elements(&self) -> Vec<Vec<u8>> {
        match self {
            Self::None => Vec::new(),
            Self::Text(t) => vec![t.clone()],
            Self::Indexed(a) => a.iter().map(|(_, v)| v.clone()).collect(),
            Self::Assoc(a) => a.iter().map(|(_, v)| v.clone()).collect(),
        }
    }

    /// All keys.
    #[must_use]
    pub fn keys(&self) -> Vec<Vec<u8>> {
        match self {
            Self::None => Vec::new(),
            Self::Text(_) => vec![b"0".to_vec()],
            Self::Indexed(a) => a.iter().map(|(k, _)| k.to_string().into_bytes()).collect(),
            Self::Assoc(a) => a.iter().map(|(k, _)| k.clone()).collect(),
        }
    }

    #[must_use]
    pub fn is_array(&self) -> bool {
        matches!(self, Self::Indexed(_) | Self::Assoc(_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indexed_arrays_may_be_sparse() {
        let mut a = Indexed::default();
        a.set(1_000_000, b"far".to_vec());
        a.set(0, b"a".to_vec());
        a.set(2, b"c".to_vec());
        assert_eq!(a.len(), 3);
        assert_eq!(a.end(), 1_000_001);
        assert_eq!(a.iter().map(|(k, _)| k).collect::<Vec<_>>(), [0, 2, 1_000_000]);
        assert_eq!(a.resolve(-1), Some(1_000_000));
        assert_eq!(a.resolve(-2_000_000), None);
        assert!(a.remove(1_000_000) && !a.remove(7));
        assert_eq!(a.end(), 3);
        for i in 0..3000 {
            a.set(i, vec![]);
        }
        a.set(3500, vec![1]);
        assert_eq!(a.get(3500), Some(&vec![1]));
        assert_eq!(a.len(), 3001);
    }

    #[test]
    fn associative_arrays_grow() {
        let mut a = Assoc::default();
        for i in 0..5000u32 {
            a.set(i.to_string().as_bytes(), vec![]);
        }
        assert_eq!(a.len(), 5000);
        assert_eq!(a.iter().count(), 5000);
        assert!(a.get(b"4999").is_some() && a.get(b"x").is_none());
        assert!(a.remove(b"17") && !a.remove(b"17"));
    }
}
