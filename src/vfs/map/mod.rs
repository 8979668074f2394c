//! A persistent ordered map from `u64`: what the whole tree is made of.
//!
//! A radix trie of 32-way nodes with the common prefix of each subtree skipped, so that dense numbers (inodes, chunks,
//! cookies) and hashes are both shallow. `Clone` shares everything; a change copies the nodes on its path that are
//! shared and changes the others in place; [`Map::diff`] skips what is shared. The shape depends on the keys alone.
//! A map of one entry allocates nothing.
//!
//! A node may also be in a store and not yet in memory ([`Lazy`]); then what needs it reads it, which may fail. A change clears the marks ([`Mark`])
//! of all nodes on its path, so a node that has one is as it was saved, with all below it.

mod stored;

pub(crate) use stored::{Lazy, Mark, NodeSource, Read};

use crate::base::Hash;
use std::sync::Arc;

/// Bits of the key that one node decides.
pub(crate) const BITS: u32 = 5;

/// A persistent ordered map.
#[derive(Clone)]
pub(crate) struct Map<V> {
    root: Option<Slot<V>>,
}

pub(crate) enum Slot<V> {
    Leaf(u64, V),
    Node(Arc<Node<V>>),
    Stored(Arc<Lazy<V>>),
}

/// Which keys a node covers: those that agree with `prefix` in all bits from `shift + BITS` up; it decides the `BITS` bits at `shift`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Span {
    /// The agreed bits, the others 0.
    pub(crate) prefix: u64,
    pub(crate) shift: u32,
}

/// At least two keys of a span.
#[derive(Clone)]
pub(crate) struct Node<V> {
    span: Span,
    /// Which values the bits that this node decides take; one slot for each, in order.
    bitmap: u32,
    slots: Vec<Slot<V>>,
    pub(crate) mark: Mark,
}

/// One difference: the key, the older value, the newer value.
pub(crate) type Difference<'a, V> = (u64, Option<&'a V>, Option<&'a V>);

impl<V> Default for Map<V> {
    fn default() -> Self {
        Map { root: None }
    }
}

impl<V: Clone> Clone for Slot<V> {
    fn clone(&self) -> Self {
        match self {
            Slot::Leaf(key, value) => Slot::Leaf(*key, value.clone()),
            Slot::Node(node) => Slot::Node(node.clone()),
            Slot::Stored(lazy) => Slot::Stored(lazy.clone()),
        }
    }
}

/// The bits of `key` above those that a node at `shift` decides or leaves to its children.
fn prefix_of(key: u64, shift: u32) -> u64 {
    match shift + BITS {
        64.. => 0,
        low => key >> low << low,
    }
}

impl Span {
    pub(crate) fn covers(self, key: u64) -> bool {
        prefix_of(key, self.shift) == self.prefix
    }

    /// What the bits of `key` are that a node of this span decides.
    fn digit(self, key: u64) -> u32 {
        (key >> self.shift & 31) as u32
    }
}

impl<V> Node<V> {
    /// A node of these slots, if they are at least two, each within its span and in its own place in order.
    pub(crate) fn of(span: Span, slots: Vec<Slot<V>>) -> Option<Node<V>> {
        let mut bitmap = 0u32;
        for slot in &slots {
            let (key, bit) = (slot.sample(), 1 << span.digit(slot.sample()));
            let is_below = slot.span().is_none_or(|below| below.shift < span.shift);
            if bitmap >= bit || !span.covers(key) || !is_below {
                return None;
            }
            bitmap |= bit;
        }
        (slots.len() > 1).then(|| Node { span, bitmap, slots, mark: Mark::default() })
    }

    pub(crate) fn span(&self) -> Span {
        self.span
    }

    /// In order of their keys.
    pub(crate) fn slots(&self) -> &[Slot<V>] {
        &self.slots
    }

    /// Where the slot for `key` is, or would be inserted.
    fn position(&self, key: u64) -> Result<usize, usize> {
        let bit = self.bit(key);
        let position = (self.bitmap & (bit - 1)).count_ones() as usize;
        if self.bitmap & bit == 0 { Err(position) } else { Ok(position) }
    }

    fn bit(&self, key: u64) -> u32 {
        1 << self.span.digit(key)
    }

    /// The slot for the value `index` of the bits that this node decides.
    fn child(&self, index: u32) -> Option<&Slot<V>> {
        let at = (self.bitmap & ((1 << index) - 1)).count_ones() as usize;
        if self.bitmap >> index & 1 == 1 { self.slots.get(at) } else { None }
    }
}

/// What a slot turns out to be.
enum View<'a, V> {
    Leaf(u64, &'a V),
    Node(&'a Node<V>),
}

impl<V> Slot<V> {
    /// Any key in it: enough to place it.
    fn sample(&self) -> u64 {
        match self {
            Slot::Leaf(key, _) => *key,
            Slot::Node(node) => node.span.prefix,
            Slot::Stored(lazy) => lazy.span.prefix,
        }
    }

    /// The keys that a node covers.
    fn span(&self) -> Option<Span> {
        match self {
            Slot::Leaf(..) => None,
            Slot::Node(node) => Some(node.span),
            Slot::Stored(lazy) => Some(lazy.span),
        }
    }

    /// Whether a node is in it, and does not cover `key`; or another key.
    fn excludes(&self, key: u64) -> bool {
        match self {
            Slot::Leaf(k, _) => *k != key,
            Slot::Node(node) => !node.span.covers(key),
            Slot::Stored(lazy) => !lazy.span.covers(key),
        }
    }

    /// What is in it, read if need be.
    fn view(&self) -> Read<View<'_, V>> {
        Ok(match self {
            Slot::Leaf(key, value) => View::Leaf(*key, value),
            Slot::Node(node) => View::Node(node),
            Slot::Stored(lazy) => View::Node(lazy.node()?),
        })
    }

    fn hash(&self) -> Option<Hash> {
        match self {
            Slot::Leaf(..) => None,
            Slot::Node(node) => node.mark.hash(),
            Slot::Stored(lazy) => Some(lazy.hash),
        }
    }

    /// Whether both are known to be the same nodes, without reading or comparing them.
    fn is_shared(&self, other: &Slot<V>) -> bool {
        match (self, other) {
            (Slot::Node(a), Slot::Node(b)) if Arc::ptr_eq(a, b) => true,
            (a, b) => a.hash().is_some_and(|hash| b.hash() == Some(hash)),
        }
    }
}

impl<V: Clone> Slot<V> {
    /// The node to change in place, read if need be; what a clone shares with it is copied first. `None` for a leaf.
    fn node_mut(&mut self) -> Read<Option<&mut Node<V>>> {
        if let Slot::Stored(lazy) = self {
            let node = lazy.node()?.clone();
            *self = Slot::Node(node);
        }
        let Slot::Node(node) = self else { return Ok(None) };
        let node = Arc::make_mut(node);
        node.mark.clear();
        Ok(Some(node))
    }
}

impl<V> Map<V> {
    /// A map of what is in this slot.
    pub(crate) fn of(root: Option<Slot<V>>) -> Map<V> {
        Map { root }
    }

    /// What the map is made of.
    pub(crate) fn root(&self) -> Option<&Slot<V>> {
        self.root.as_ref()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.root.is_none()
    }

    pub(crate) fn get(&self, key: u64) -> Read<Option<&V>> {
        let Some(mut slot) = self.root.as_ref() else { return Ok(None) };
        loop {
            let node: &Node<V> = match slot {
                Slot::Leaf(k, value) => return Ok((*k == key).then_some(value)),
                // A wrong prefix shows at the leaf.
                Slot::Node(node) => node,
                Slot::Stored(lazy) if lazy.span.covers(key) => lazy.node()?,
                Slot::Stored(_) => return Ok(None),
            };
            match node.position(key) {
                Ok(at) => slot = &node.slots[at],
                Err(_) => return Ok(None),
            }
        }
    }

    /// The first entry with a key >= `from`.
    pub(crate) fn at_or_after(&self, from: u64) -> Read<Option<(u64, &V)>> {
        self.root.as_ref().map_or(Ok(None), |root| seek(root, from, true))
    }

    /// The last entry with a key <= `to`.
    pub(crate) fn at_or_before(&self, to: u64) -> Read<Option<(u64, &V)>> {
        self.root.as_ref().map_or(Ok(None), |root| seek(root, to, false))
    }

    /// All entries in order. Goes on after what cannot be read.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Read<(u64, &V)>> {
        let mut stack: Vec<&Slot<V>> = self.root.iter().collect();
        std::iter::from_fn(move || {
            loop {
                match stack.pop()?.view() {
                    Ok(View::Leaf(key, value)) => return Some(Ok((key, value))),
                    Ok(View::Node(node)) => stack.extend(node.slots.iter().rev()),
                    Err(error) => return Some(Err(error)),
                }
            }
        })
    }

    /// Whether both are known to be the same without reading anything; `same` compares values so.
    pub(crate) fn is_same(&self, other: &Map<V>, same: &impl Fn(&V, &V) -> bool) -> bool {
        match (&self.root, &other.root) {
            (None, None) => true,
            (Some(a), Some(b)) => is_same(a, b, same),
            _ => false,
        }
    }
}

fn is_same<V>(a: &Slot<V>, b: &Slot<V>, same: &impl Fn(&V, &V) -> bool) -> bool {
    match (a, b) {
        _ if a.is_shared(b) => true,
        (Slot::Leaf(key, a), Slot::Leaf(other, b)) => key == other && same(a, b),
        (Slot::Node(a), Slot::Node(b)) => {
            a.span == b.span && a.bitmap == b.bitmap && a.slots.iter().zip(&b.slots).all(|(a, b)| is_same(a, b, same))
        }
        _ => false,
    }
}

/// The nearest entry to `key` in one direction, `key` itself included.
fn seek<V>(slot: &Slot<V>, key: u64, up: bool) -> Read<Option<(u64, &V)>> {
    if let Some(span) = slot.span().filter(|span| !span.covers(key)) {
        let beyond = if up { span.prefix > key } else { span.prefix < key };
        return if beyond { edge(slot, up) } else { Ok(None) };
    }
    let node = match slot.view()? {
        View::Leaf(k, value) => return Ok((if up { k >= key } else { k <= key }).then_some((k, value))),
        View::Node(node) => node,
    };
    let next = match node.position(key) {
        Ok(at) => match seek(&node.slots[at], key, up)? {
            None if up => node.slots.get(at + 1),
            None => at.checked_sub(1).and_then(|at| node.slots.get(at)),
            found => return Ok(found),
        },
        Err(at) if up => node.slots.get(at),
        Err(at) => at.checked_sub(1).and_then(|at| node.slots.get(at)),
    };
    next.map_or(Ok(None), |slot| edge(slot, up))
}

/// The first (`up`) or last entry.
fn edge<V>(mut slot: &Slot<V>, up: bool) -> Read<Option<(u64, &V)>> {
    loop {
        let node = match slot.view()? {
            View::Leaf(key, value) => return Ok(Some((key, value))),
            View::Node(node) => node,
        };
        match if up { node.slots.first() } else { node.slots.last() } {
            Some(next) => slot = next,
            None => return Ok(None),
        }
    }
}

impl<V: Clone> Map<V> {
    /// The value to change in place; what a clone shares with it is copied first.
    pub(crate) fn get_mut(&mut self, key: u64) -> Read<Option<&mut V>> {
        if self.get(key)?.is_none() {
            return Ok(None); // a miss must copy nothing
        }
        let Some(mut slot) = self.root.as_mut() else { return Ok(None) };
        loop {
            if let Slot::Leaf(_, value) = slot {
                return Ok(Some(value));
            }
            let Some(node) = slot.node_mut()? else { return Ok(None) };
            let Ok(at) = node.position(key) else { return Ok(None) };
            slot = &mut node.slots[at];
        }
    }

    /// Sets the value of `key`; the one it had.
    pub(crate) fn insert(&mut self, key: u64, value: V) -> Read<Option<V>> {
        let Some(mut slot) = self.root.as_mut() else {
            self.root = Some(Slot::Leaf(key, value));
            return Ok(None);
        };
        loop {
            if slot.excludes(key) {
                branch(slot, Slot::Leaf(key, value));
                return Ok(None);
            }
            if let Slot::Leaf(_, old) = slot {
                return Ok(Some(std::mem::replace(old, value)));
            }
            let Some(node) = slot.node_mut()? else { return Ok(None) };
            match node.position(key) {
                Ok(at) => slot = &mut node.slots[at],
                Err(at) => {
                    node.bitmap |= node.bit(key);
                    node.slots.reserve_exact(1);
                    node.slots.insert(at, Slot::Leaf(key, value));
                    return Ok(None);
                }
            }
        }
    }

    /// Removes `key`; its value.
    pub(crate) fn remove(&mut self, key: u64) -> Read<Option<V>> {
        if self.get(key)?.is_none() {
            return Ok(None);
        }
        match self.root.take() {
            Some(Slot::Leaf(_, value)) => Ok(Some(value)),
            other => {
                self.root = other;
                self.root.as_mut().map_or(Ok(None), |root| remove_below(root, key))
            }
        }
    }
}

/// Puts `slot` and `other`, whose keys part, under a new node in the place of `slot`.
fn branch<V>(slot: &mut Slot<V>, other: Slot<V>) {
    let (a, b) = (slot.sample(), other.sample());
    let shift = (a ^ b).ilog2() / BITS * BITS;
    let span = Span { prefix: prefix_of(a, shift), shift };
    let mut node = Node { span, bitmap: 0, slots: Vec::with_capacity(2), mark: Mark::default() };
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
fn remove_below<V: Clone>(slot: &mut Slot<V>, key: u64) -> Read<Option<V>> {
    let Some(node) = slot.node_mut()? else { return Ok(None) };
    let Ok(at) = node.position(key) else { return Ok(None) };
    if !matches!(node.slots[at], Slot::Leaf(..)) {
        return remove_below(&mut node.slots[at], key);
    }
    node.bitmap &= !node.bit(key);
    let Slot::Leaf(_, value) = node.slots.remove(at) else { return Ok(None) };
    if node.slots.len() == 1
        && let Some(last) = node.slots.pop()
    {
        *slot = last;
    }
    Ok(Some(value))
}

impl<V> Map<V> {
    /// Calls `found` for each key whose value is not the `same` in `newer`; skips what both share.
    pub(crate) fn diff<'a>(
        &'a self,
        newer: &'a Self,
        same: &impl Fn(&V, &V) -> bool,
        found: &mut impl FnMut(Difference<'a, V>) -> Read<()>,
    ) -> Read<()> {
        diff_slots(self.root.as_ref(), newer.root.as_ref(), same, found)
    }
}

fn diff_slots<'a, V>(
    old: Option<&'a Slot<V>>,
    new: Option<&'a Slot<V>>,
    same: &impl Fn(&V, &V) -> bool,
    found: &mut impl FnMut(Difference<'a, V>) -> Read<()>,
) -> Read<()> {
    let (Some(old), Some(new)) = (old, new) else {
        old.map_or(Ok(()), |slot| each(slot, &mut |key, value| found((key, Some(value), None))))?;
        return new.map_or(Ok(()), |slot| each(slot, &mut |key, value| found((key, None, Some(value)))));
    };
    if old.is_shared(new) {
        return Ok(());
    }
    match (old.view()?, new.view()?) {
        (View::Leaf(key, a), View::Leaf(other, b)) if key == other => {
            if !same(a, b) {
                found((key, Some(a), Some(b)))?;
            }
        }
        (View::Node(a), View::Node(b)) if a.span == b.span => {
            for index in 0..32 {
                diff_slots(a.child(index), b.child(index), same, found)?;
            }
        }
        // One is within one child of the other, or they have nothing in common.
        (View::Node(a), _) if a.span.covers(new.sample()) && !deeper(a, new) => {
            let inside = a.position(new.sample()).ok();
            for (at, child) in a.slots.iter().enumerate() {
                diff_slots(Some(child), (inside == Some(at)).then_some(new), same, found)?;
            }
            if inside.is_none() {
                diff_slots(None, Some(new), same, found)?;
            }
        }
        (_, View::Node(b)) if b.span.covers(old.sample()) => {
            let inside = b.position(old.sample()).ok();
            for (at, child) in b.slots.iter().enumerate() {
                diff_slots((inside == Some(at)).then_some(old), Some(child), same, found)?;
            }
            if inside.is_none() {
                diff_slots(Some(old), None, same, found)?;
            }
        }
        _ => {
            diff_slots(Some(old), None, same, found)?;
            diff_slots(None, Some(new), same, found)?;
        }
    }
    Ok(())
}

/// Whether `b` is a node that decides higher bits than `a`.
fn deeper<V>(a: &Node<V>, b: &Slot<V>) -> bool {
    b.span().is_some_and(|b| b.shift > a.span.shift)
}

fn each<'a, V>(slot: &'a Slot<V>, f: &mut impl FnMut(u64, &'a V) -> Read<()>) -> Read<()> {
    match slot.view()? {
        View::Leaf(key, value) => f(key, value),
        View::Node(node) => node.slots.iter().try_for_each(|slot| each(slot, f)),
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
        map.iter().map(|entry| entry.map(|(k, v)| (k, *v)).unwrap()).collect()
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
                        let (a, b) = (map.get_mut(key).unwrap(), model.get_mut(&key));
                        prop_assert_eq!(&a, &b);
                        if let (Some(a), Some(b)) = (a, b) {
                            *a = v;
                            *b = v;
                        }
                    }
                    Some(v) => prop_assert_eq!(map.insert(key, v).unwrap(), model.insert(key, v)),
                    None => prop_assert_eq!(map.remove(key).unwrap(), model.remove(&key)),
                }
                prop_assert_eq!(map.get(key).unwrap(), model.get(&key));
                prop_assert_eq!(map.at_or_after(key).unwrap(), model.range(key..).next().map(|(k, v)| (*k, v)));
                prop_assert_eq!(map.at_or_before(key).unwrap(), model.range(..=key).next_back().map(|(k, v)| (*k, v)));
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
                    Ok(())
                }).unwrap();
                prop_assert_eq!(patched.into_iter().collect::<Vec<_>>(), contents(&map));
            }
        }
    }

    #[test]
    fn diff_visits_only_what_is_not_shared() {
        let mut old = Map::default();
        for key in 0..100_000 {
            old.insert(key, 0u32).unwrap();
        }
        let mut new = old.clone();
        new.insert(77_777, 1).unwrap();
        let compared = std::cell::Cell::new(0);
        let mut found = Vec::new();
        old.diff(
            &new,
            &|a, b| {
                compared.set(compared.get() + 1);
                a == b
            },
            &mut |d| {
                found.push(d.0);
                Ok(())
            },
        )
        .unwrap();
        assert_eq!(found, [77_777]);
        assert!(compared.get() <= 32, "compared {}", compared.get());
    }
}
