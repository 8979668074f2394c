//! A table of things that refer to each other by small numbers.

use std::fmt;
use std::marker::PhantomData;
use std::num::NonZeroU32;

/// The number of a `T` in its [`Slab`].
pub(super) struct Key<T> {
    number: NonZeroU32,
    of: PhantomData<fn() -> T>,
}

impl<T> Key<T> {
    /// A number that differs between live keys.
    pub(super) fn raw(self) -> u32 {
        self.number.get()
    }
}

impl<T> Clone for Key<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Key<T> {}

impl<T> PartialEq for Key<T> {
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number
    }
}

impl<T> Eq for Key<T> {}

impl<T> fmt::Debug for Key<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.number)
    }
}

/// Entries of an empty table that are kept for the next ones.
const KEPT: usize = 16;

/// Values under keys that are used again once removed.
///
/// Every key is held by something that counts (a descriptor, an open file), so a key always leads to its value: a failing lookup is a fault
/// of the kernel, not of a guest.
pub(super) struct Slab<T> {
    values: Vec<Option<T>>,
    free: Vec<NonZeroU32>,
}

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Slab { values: Vec::new(), free: Vec::new() }
    }
}

impl<T> Slab<T> {
    pub(super) fn insert(&mut self, value: T) -> Key<T> {
        let number = self.free.pop().unwrap_or_else(|| {
            self.values.push(None);
            let count = u32::try_from(self.values.len()).expect("the limits keep tables below 2^32 entries");
            NonZeroU32::new(count).expect("one was just added")
        });
        self.values[number.get() as usize - 1] = Some(value);
        Key { number, of: PhantomData }
    }

    /// Removes a value. The last one gone, the table's memory is given back.
    pub(super) fn remove(&mut self, key: Key<T>) -> T {
        let value = self.values[key.raw() as usize - 1].take().expect("a key is held until its value is removed");
        self.free.push(key.number);
        if self.free.len() == self.values.len() && self.values.len() > KEPT {
            *self = Slab::default();
        }
        value
    }

    pub(super) fn values_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.values.iter_mut().flatten()
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.values.len() - self.free.len()
    }
}

impl<T> std::ops::Index<Key<T>> for Slab<T> {
    type Output = T;

    fn index(&self, key: Key<T>) -> &T {
        self.values[key.raw() as usize - 1].as_ref().expect("a key is held until its value is removed")
    }
}

impl<T> std::ops::IndexMut<Key<T>> for Slab<T> {
    fn index_mut(&mut self, key: Key<T>) -> &mut T {
        self.values[key.raw() as usize - 1].as_mut().expect("a key is held until its value is removed")
    }
}
