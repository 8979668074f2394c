//! Descriptor tables: small numbers for open files.

use super::Fd;
use super::file::OpenFile;
use super::slab::Key;
use crate::base::{Errno, Sys};

/// What a descriptor number stands for. Offset and flags are the open file's: descriptors made by `dup` or inherited share them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Descriptor {
    pub(super) file: Key<OpenFile>,
    /// Closed when the program is replaced.
    pub(super) cloexec: bool,
}

/// The descriptors of one process.
#[derive(Clone, Default)]
pub(super) struct FdTable {
    slots: Vec<Option<Descriptor>>,
    /// No number below this is free.
    first_free: usize,
}

fn index(fd: Fd) -> Option<usize> {
    usize::try_from(fd).ok()
}

impl FdTable {
    pub(super) fn get(&self, fd: Fd) -> Sys<Descriptor> {
        index(fd).and_then(|i| *self.slots.get(i)?).ok_or(Errno::BadF)
    }

    pub(super) fn get_mut(&mut self, fd: Fd) -> Sys<&mut Descriptor> {
        index(fd).and_then(|i| self.slots.get_mut(i)?.as_mut()).ok_or(Errno::BadF)
    }

    /// The lowest free number >= `min`.
    pub(super) fn lowest_free(&mut self, min: Fd) -> Fd {
        let mut at = self.first_free;
        while self.slots.get(at).is_some_and(Option::is_some) {
            at += 1;
        }
        self.first_free = at;
        let min = index(min).unwrap_or(0);
        if min > at {
            at = min;
            while self.slots.get(at).is_some_and(Option::is_some) {
                at += 1;
            }
        }
        Fd::try_from(at).unwrap_or(Fd::MAX)
    }

    /// Sets a descriptor and gives back what the number stood for. The caller has checked `fd` against the limit.
    pub(super) fn set(&mut self, fd: Fd, descriptor: Descriptor) -> Option<Descriptor> {
        let at = index(fd)?;
        if at >= self.slots.len() {
            self.slots.resize(at + 1, None);
        }
        self.slots[at].replace(descriptor)
    }

    /// Frees a number.
    pub(super) fn remove(&mut self, fd: Fd) -> Sys<Descriptor> {
        let at = index(fd).ok_or(Errno::BadF)?;
        let old = self.slots.get_mut(at).and_then(Option::take).ok_or(Errno::BadF)?;
        self.first_free = self.first_free.min(at);
        Ok(old)
    }

    /// Frees the numbers with close-on-exec set.
    pub(super) fn remove_cloexec(&mut self) -> Vec<Descriptor> {
        let mut removed = Vec::new();
        for (at, slot) in self.slots.iter_mut().enumerate() {
            if let Some(descriptor) = slot.take_if(|descriptor| descriptor.cloexec) {
                self.first_free = self.first_free.min(at);
                removed.push(descriptor);
            }
        }
        removed
    }

    /// Numbers in use and what they stand for, ascending.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Fd, Descriptor)> + '_ {
        (0..).zip(&self.slots).filter_map(|(fd, slot)| slot.map(|d| (fd, d)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::slab::Slab;

    fn key() -> Key<OpenFile> {
        let mut slab: Slab<u8> = Slab::default();
        let raw = slab.insert(0).raw();
        assert_eq!(raw, 1);
        OpenFile::test_key()
    }

    #[test]
    fn lowest_free_number_is_used() {
        let d = Descriptor { file: key(), cloexec: false };
        let mut table = FdTable::default();
        for want in 0..5 {
            assert_eq!(table.lowest_free(0), want);
            table.set(want, d);
        }
        table.remove(3).unwrap();
        table.remove(1).unwrap();
        assert_eq!(table.lowest_free(0), 1);
        assert_eq!(table.lowest_free(2), 3);
        assert_eq!(table.lowest_free(10), 10);
        table.set(10, d);
        assert_eq!(table.lowest_free(0), 1);
        assert_eq!(table.iter().map(|(fd, _)| fd).collect::<Vec<_>>(), [0, 2, 4, 10]);
        assert_eq!(table.remove(1).err(), Some(Errno::BadF));
        assert_eq!(table.remove(-1).err(), Some(Errno::BadF));
        assert_eq!(table.get(i32::MAX).err(), Some(Errno::BadF));
    }
}
