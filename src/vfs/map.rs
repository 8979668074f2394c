//! A persistent ordered map from `u64`: what the whole tree is made of.
//!
//! A radix trie of 32-way nodes with the common prefix of each subtree skipped, so that dense numbers (inodes, chunks,
//! cookies) and hashes are both shallow. `Clone` shares everything; a change copies the nodes on its path that are
//! shared and changes the others in place; [`Map::diff`] skips what is shared. The shape depends on the keys alone.
//! A map of one entry allocates nothing.

use std::sync::Arc;

/// Bits of the key that one node decides.
const BITS: u32 = 5;

/// A persistent ordered map.
#[derive(Clone)]
pub(crate) struct Map<V> {
    root: Option<Slot<V>>,
}

#[derive(Clone)]
enum Slot<V> {
    Leaf(u64, V),
    Node(Arc<Node<V>>),
}

/// Keys that agree in all bits from `shift + BITS` up; at least two of them.
#[derive(Clone)]
struct Node<V> {
    /// The agreed bits, the others 0.
    prefix: u64,
    shift: u32,
    /// Which values the `BITS` bits at `shift` take; one slot for each, in order.
    bitmap: u32,
    slots: Vec<Slot<V>>,
}

/// One difference: the key, the older value, the newer value.
pub(crate) type Difference<'a, V> = (u64, Option<&'a V>, Option<&'a V>);

impl<V> Default for Map<V> {
    fn default() -> Self {
        Map { root: None }
    }
}

/// The bits of `key` above those that a node at `shift` decides or leaves to its children.
fn prefix_of(key: u64, shift: u32) -> u64 {
    match shift + BITS {
        64.. => 0,
        low => key >> low << low,
    }
}

impl<V> Node<V> {
    fn covers(&self, key: u64) -> bool {
        prefix_of(key, self.shift) == self.prefix
    }

    /// Where the slot for `key` is, or would be inserted.
    fn position(&self, key: u64) -> Result<usize, usize> {
        let bit = 1u32 << (key >> self.shift & 31);
        let position = (self.bitmap & (bit - 1)).count_ones() as usize;
        if self.bitmap & bit == 0 { Err(position) } else { Ok(position) }
    }

    fn bit(&self, key: u64) -> u32 {
        1 << (key >> self.shift & 31)
    }

    /// The slot for the value `index` of the bits that this node decides.
    fn child(&self, index: u32) -> Option<&Slot<V>> {
        let at = (self.bitmap & ((1 << index) - 1)).count_ones() as usize;
        if self.bitmap >> index & 1 == 1 { self.slots.get(at) } else { None }
    }
}

impl<V> Slot<V> {
    /// Any key in it: enough to place it.
    fn sample(&self) -> u64 {
        match self {
            Slot::Leaf(key, _) => *key,
            Slot::Node(node) => node.prefix,
        }
    }
}

impl<V> Map<V> {
    pub(crate) fn is_empty(&self) -> bool {
        self.root.is_none()
    }

    pub(crate) fn get(&self, key: u64) -> Option<&V> {
        let mut slot = self.root.as_ref()?;
        loop {
            match slot {
                Slot::Leaf(k, value) => return (*k == key).then_some(value),
                // A wrong prefix shows at the leaf.
                Slot::Node(node) => slot = &node.slots[node.position(key).ok()?],
            }
        }
    }

    /// The first entry with a key >= `from`.
    pub(crate) fn at_or_after(&self, from: u64) -> Option<(u64, &V)> {
        seek(self.root.as_ref()?, from, true)
    }

    /// The last entry with a key <= `to`.
    pub(crate) fn at_or_before(&self, to: u64) -> Option<(u64, &V)> {
        seek(self.root.as_ref()?, to, false)
    }

    /// All entries in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u64, &V)> {
        let mut stack: Vec<&Slot<V>> = self.root.iter().collect();
        std::iter::from_fn(move || {
            loop {
                match stack.pop()? {
                    Slot::Leaf(key, value) => return Some((*key, value)),
                    Slot::Node(node) => stack.extend(node.slots.iter().rev()),
                }
            }
        })
    }
}

/// The nearest entry to `key` in one direction, `key` itself included.
fn seek<V>(slot: &Slot<V>, key: u64, up: bool) -> Option<(u64, &V)> {
    match slot {
        Slot::Leaf(k, value) => (if up { *k >= key } else { *k <= key }).then_some((*k, value)),
        Slot::Node(node) if !node.covers(key) => {
            let beyond = if up { node.prefix > key } else { node.prefix < key };
            if beyond { edge(slot, up) } else { None }
        }
        Slot::Node(node) => {
            let (exact, at) = match node.position(key) {
                Ok(at) => (seek(&node.slots[at], key, up), at),
                Err(at) => (None, at),
            };
            let occupied = node.position(key).is_ok();
            exact.or_else(|| {
                let next = match (up, occupied) {
                    (true, true) => node.slots.get(at + 1),
                    (true, false) => node.slots.get(at),
                    (false, _) => at.checked_sub(1).and_then(|i| node.slots.get(i)),
                };
                next.and_then(|slot| edge(slot, up))
            })
        }
    }
}

/// The first (`up`) or last entry.
fn edge<V>(mut slot: &Slot<V>, up: bool) -> Option<(u64, &V)> {
    loop {
        match slot {
            Slot::Leaf(key, value) => return Some((*key, value)),
            Slot::Node(node) => slot = if up { node.slots.first()? } else { node.slots.last()? },
        }
    }
}

impl<V: Clone> Map<V> {
    /// The value to change in place; what a clone shares with it is copied first.
    pub(crate) fn get_mut(&mut self, key: u64) -> Option<&mut V> {
        self.get(key)?; // a miss must copy nothing
        let mut slot = self.root.as_mut()?;
        loop {
            match slot {
                Slot::Leaf(_, value) => return Some(value),
                Slot::Node(node) => {
                    let at = node.position(key).ok()?;
                    slot = &mut Arc::make_mut(node).slots[at];
                }
            }
        }
    }

    /// Sets the value of `key`; the one it had.
    pub(crate) fn insert(&mut self, key: u64, value: V) -> Option<V> {
        let Some(mut slot) = self.root.as_mut() else {
            self.root = Some(Slot::Leaf(key, value));
            return None;
        };
        loop {
            let parts = match slot {
                Slot::Leaf(k, _) => *k != key,
                Slot::Node(node) => !node.covers(key),
            };
            if parts {
                branch(slot, Slot::Leaf(key, value));
                return None;
            }
            match slot {
                Slot::Leaf(_, old) => return Some(std::mem::replace(old, value)),
                Slot::Node(node) => {
                    let node = Arc::make_mut(node);
                    match node.position(key) {
                        Ok(at) => slot = &mut node.slots[at],
                        Err(at) => {
                            node.bitmap |= node.bit(key);
                            node.slots.reserve_exact(1);
                            node.slots.insert(at, Slot::Leaf(key, value));
                            return None;
                        }
                    }
                }
            }
        }
    }

    /// Removes `key`; its value.
    pub(crate) fn remove(&mut self, key: u64) -> Option<V> {
        self.get(key)?;
        if let Some(Slot::Leaf(..)) = self.root {
            return match self.root.take()? {
                Slot::Leaf(_, value) => Some(value),
                Slot::Node(_) => None,
            };
        }
        remove_below(self.root.as_mut()?, key)
    }
}

/// Puts `slot` and `other`, whose keys part, under a new node in the place of `slot`.
fn branch<V>(slot: &mut Slot<V>, other: Slot<V>) {
    let (a, b) = (slot.sample(), other.sample());
    let shift = (a ^ b).ilog2() / BITS * BITS;
    let mut node = Node { prefix: prefix_of(a, shift), shift, bitmap: 0, slots: Vec::with_capacity(2) };
    node.bitmap = node.bit(a) | node.bit(b);
    let node_slot = Slot::Node(Arc::new(node));
    let old = std::mem::replace(slot, node_slot);
    if let Slot::Node(node) = slot
        && let Some(node) = Arc::get_mut(node)
    {
        node.slots.extend(if a < b { [old, other] } else { [other, old] });
    }
}

/// Removes a key that is there from a slot that is a node.
fn remove_below<V: Clone>(slot: &mut Slot<V>, key: u64) -> Option<V> {
    let Slot::Node(shared) = slot else {
        return None;
    };
    let node = Arc::make_mut(shared);
    let at = node.position(key).ok()?;
    if let Slot::Node(_) = node.slots[at] {
        return remove_below(&mut node.slots[at], key);
    }
    node.bitmap &= !node.bit(key);
    let Slot::Leaf(_, value) = node.slots.remove(at) else {
        return None;
    };
    if node.slots.len() == 1
        && let Some(last) = node.slots.pop()
    {
        *slot = last;
    }
    Some(value)
}

impl<V> Map<V> {
    /// Calls `found` for each key whose value is not the `same` in `newer`; skips what both share.
    pub(crate) fn diff<'a>(
        &'a self,
        newer: &'a Self,
        same: &impl Fn(&V, &V) -> bool,
        found: &mut impl FnMut(Difference<'a, V>),
    ) {
        diff_slots(self.root.as_ref(), newer.root.as_ref(), same, found);
    }
}

fn diff_slots<'a, V>(
    old: Option<&'a Slot<V>>,
    new: Option<&'a Slot<V>>,
    same: &impl Fn(&V, &V) -> bool,
    found: &mut impl FnMut(Difference<'a, V>),
) {
    match (old, new) {
        (None, None) => {}
        (Some(Slot::Node(a)), Some(Slot::Node(b))) if Arc::ptr_eq(a, b) => {}
        (Some(Slot::Leaf(key, a)), Some(Slot::Leaf(other, b))) if key == other => {
            if !same(a, b) {
                found((*key, Some(a), Some(b)));
            }
        }
        (Some(Slot::Node(a)), Some(Slot::Node(b))) if a.shift == b.shift && a.prefix == b.prefix => {
            for index in 0..32 {
                diff_slots(a.child(index), b.child(index), same, found);
            }
        }
        // One is within one child of the other, or they have nothing in common.
        (Some(Slot::Node(a)), Some(b)) if a.covers(b.sample()) && !deeper(a, b) => {
            let inside = a.position(b.sample()).ok();
            for (at, child) in a.slots.iter().enumerate() {
                diff_slots(Some(child), (inside == Some(at)).then_some(b), same, found);
            }
            if inside.is_none() {
                diff_slots(None, Some(b), same, found);
            }
        }
        (Some(a), Some(Slot::Node(b))) if b.covers(a.sample()) => {
            let inside = b.position(a.sample()).ok();
            for (at, child) in b.slots.iter().enumerate() {
                diff_slots((inside == Some(at)).then_some(a), Some(child), same, found);
            }
            if inside.is_none() {
                diff_slots(Some(a), None, same, found);
            }
        }
        (old, new) => {
            if let Some(slot) = old {
                each(slot, &mut |key, value| found((key, Some(value), None)));
            }
            if let Some(slot) = new {
                each(slot, &mut |key, value| found((key, None, Some(value))));
            }
        }
    }
}

/// Whether `b` is a node that decides higher bits than `a`.
fn deeper<V>(a: &Node<V>, b: &Slot<V>) -> bool {
    matches!(b, Slot::Node(b) if b.shift > a.shift)
}

fn each<'a, V>(slot: &'a Slot<V>, f: &mut impl FnMut(u64, &'a V)) {
    match slot {
        Slot::Leaf(key, value) => f(*key, value),
        Slot::Node(node) => node.slots.iter().for_each(|slot| each(slot, f)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    /// Keys as the tree has them: dense, sparse, and extreme.
    fn key() -> impl Strategy<Value = u64> {
        prop_oneof![0..100u64, any::<u64>(), (0..64u32).prop_map(|b| 1 << b), (0..50u64).prop_map(|n| u64::MAX - n)]
    }

    fn contents(map: &Map<u32>) -> Vec<(u64, u32)> {
        map.iter().map(|(k, v)| (k, *v)).collect()
    }

    proptest! {
        /// Every operation agrees with `BTreeMap`, and no clone ever changes.
        #[test]
        fn agrees_with_btreemap(ops in proptest::collection::vec((key(), any::<Option<u32>>(), any::<bool>()), 0..300)) {
            let (mut map, mut model) = (Map::default(), BTreeMap::new());
            let mut clones = Vec::new();
            for (key, value, snapshot) in ops {
                if snapshot {
                    clones.push((map.clone(), contents(&map)));
                }
                match value {
                    Some(v) if v % 3 == 0 => {
                        let (a, b) = (map.get_mut(key), model.get_mut(&key));
                        prop_assert_eq!(&a, &b);
                        if let (Some(a), Some(b)) = (a, b) {
                            *a = v;
                            *b = v;
                        }
                    }
                    Some(v) => prop_assert_eq!(map.insert(key, v), model.insert(key, v)),
                    None => prop_assert_eq!(map.remove(key), model.remove(&key)),
                }
                prop_assert_eq!(map.get(key), model.get(&key));
                prop_assert_eq!(map.at_or_after(key), model.range(key..).next().map(|(k, v)| (*k, v)));
                prop_assert_eq!(map.at_or_before(key), model.range(..=key).next_back().map(|(k, v)| (*k, v)));
                prop_assert_eq!(map.is_empty(), model.is_empty());
            }
            prop_assert_eq!(contents(&map), model.into_iter().collect::<Vec<_>>());
            for (clone, was) in &clones {
                prop_assert_eq!(&contents(clone), was);
            }
            for (clone, was) in &clones {
                let mut patched: BTreeMap<u64, u32> = was.iter().copied().collect();
                                clone.diff(&map, &|a, b| a == b, &mut |(key, old, new)| {
                    assert_eq!(patched.get(&key), old);
                    match new {
                        Some(v) => patched.insert(key, *v),
                        None => patched.remove(&key),
                    };
                });
                prop_assert_eq!(patched.into_iter().collect::<Vec<_>>(), contents(&map));
            }
        }
    }

    #[test]
    fn diff_visits_only_what_is_not_shared() {
        let mut old = Map::default();
        for key in 0..100_000 {
            old.insert(key, 0u32);
        }
        let mut new = old.clone();
        new.insert(77_777, 1);
        let compared = std::cell::Cell::new(0);
        let mut found = Vec::new();
        old.diff(
            &new,
            &|a, b| {
                compared.set(compared.get() + 1);
                a == b
            },
            &mut |d| found.push(d.0),
        );
        assert_eq!(found, [77_777]);
        assert!(compared.get() <= 32, "compared {}", compared.get());
    }
}
