//! Guest memory: the only place that turns a guest's pointers into host slices.
//!
//! Every address, length and count here was chosen by a program that may be hostile. Nothing is trusted: a range is
//! checked against the memory's size before it becomes a slice, arithmetic is done in `u64` so that it cannot wrap, counts are
//! bounded before anything is allocated, and a bad pointer is `Errno::Fault`, never a trap or a panic. Guest memory is
//! borrowed for one call (`&mut [u8]`), so no slice outlives a `memory.grow`.

use std::ops::Range;

use crate::base::{Errno, Sys};

/// Most buffers one gathered read or write may name (`IOV_MAX`).
pub(super) const IOVECS_MAX: u32 = 1024;

/// Longest path that is looked at, in bytes. A sandbox's own, smaller limit is the kernel's.
const PATH_BYTES_MAX: u32 = 64 * 1024;

/// The linear memory of the calling process, for the time of one call.
#[derive(Debug)]
pub(super) struct GuestMemory<'a>(&'a mut [u8]);

/// A buffer that a guest named in an `iovec`: already checked to lie in its memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Buffer {
    /// Address of the first byte.
    pub(super) ptr: u32,
    /// Length in bytes.
    pub(super) len: u32,
}

impl Buffer {
    /// The first `max` bytes of this buffer, and what is left.
    pub(super) fn split(self, max: u32) -> (Buffer, Buffer) {
        let len = self.len.min(max);
        // The buffer lies in memory, so that its end is at most 4 GiB: only a buffer that ends there wraps, to an empty rest.
        let rest = Buffer { ptr: self.ptr.wrapping_add(len), len: self.len - len };
        (Buffer { ptr: self.ptr, len }, rest)
    }
}

impl<'a> GuestMemory<'a> {
    pub(super) fn new(bytes: &'a mut [u8]) -> Self {
        GuestMemory(bytes)
    }

    fn range(&self, ptr: u32, len: u32) -> Sys<Range<usize>> {
        let end = u64::from(ptr) + u64::from(len);
        if end > self.0.len() as u64 {
            return Err(Errno::Fault);
        }
        Ok(ptr as usize..end as usize)
    }

    /// Fails unless `len` bytes at `ptr` can be written: asked before a call that cannot be undone.
    pub(super) fn check(&self, ptr: u32, len: u32) -> Sys<()> {
        self.range(ptr, len).map(|_| ())
    }

    /// `len` bytes at `ptr`.
    pub(super) fn bytes(&self, ptr: u32, len: u32) -> Sys<&[u8]> {
        let range = self.range(ptr, len)?;
        self.0.get(range).ok_or(Errno::Fault)
    }

    /// `len` bytes at `ptr`, to be written in place.
    pub(super) fn bytes_mut(&mut self, ptr: u32, len: u32) -> Sys<&mut [u8]> {
        let range = self.range(ptr, len)?;
        self.0.get_mut(range).ok_or(Errno::Fault)
    }

    /// Copies `bytes` to `ptr`.
    pub(super) fn write(&mut self, ptr: u32, bytes: &[u8]) -> Sys<()> {
        let len = u32::try_from(bytes.len()).map_err(|_| Errno::Fault)?;
        self.bytes_mut(ptr, len)?.copy_from_slice(bytes);
        Ok(())
    }

    fn array<const N: usize>(&self, ptr: u32) -> Sys<[u8; N]> {
        let bytes = self.bytes(ptr, N as u32)?;
        bytes.try_into().map_err(|_| Errno::Fault)
    }

    /// The little-endian `u32` at `ptr`.
    #[cfg(test)]
    pub(super) fn read_u32(&self, ptr: u32) -> Sys<u32> {
        self.array(ptr).map(u32::from_le_bytes)
    }

    /// The `N` bytes of a structure at `ptr`.
    pub(super) fn read_record<const N: usize>(&self, ptr: u32) -> Sys<Record<N>> {
        self.array(ptr).map(Record)
    }

    pub(super) fn write_u32(&mut self, ptr: u32, value: u32) -> Sys<()> {
        self.write(ptr, &value.to_le_bytes())
    }

    pub(super) fn write_u64(&mut self, ptr: u32, value: u64) -> Sys<()> {
        self.write(ptr, &value.to_le_bytes())
    }

    /// A path: its length is checked before a byte of it is looked at; a NUL byte in it is an error.
    pub(super) fn path(&self, ptr: u32, len: u32) -> Sys<&[u8]> {
        if len > PATH_BYTES_MAX {
            return Err(Errno::NameTooLong);
        }
        let path = self.bytes(ptr, len)?;
        if path.contains(&0) { Err(Errno::Inval) } else { Ok(path) }
    }

    /// A list of strings, each ended by a NUL byte; `max` bounds the whole list, in bytes.
    pub(super) fn strings(&self, ptr: u32, len: u32, max: u32) -> Sys<&[u8]> {
        if len > max {
            return Err(Errno::TooBig);
        }
        match self.bytes(ptr, len)? {
            strings @ ([] | [.., 0]) => Ok(strings),
            _ => Err(Errno::Inval),
        }
    }

    /// The buffers of an `iovec` array, all checked, in order; empty ones are left out.
    pub(super) fn buffers(&self, ptr: u32, count: u32) -> Sys<Buffers> {
        if count > IOVECS_MAX {
            return Err(Errno::Inval);
        }
        let table = self.bytes(ptr, count * 8)?;
        let mut buffers = Buffers::default();
        for entry in table.chunks_exact(8) {
            let entry = Record::<8>(entry.try_into().map_err(|_| Errno::Fault)?);
            let buffer = Buffer { ptr: entry.u32_at(0), len: entry.u32_at(4) };
            self.check(buffer.ptr, buffer.len)?;
            buffers.push(buffer)?;
        }
        Ok(buffers)
    }
}

/// The buffers of one call. Nearly every call has one or two, which are kept without an allocation.
#[derive(Clone, Debug, Default)]
pub(super) struct Buffers {
    few: [Option<Buffer>; 2],
    more: Vec<Buffer>,
    total: u32,
}

impl Buffers {
    fn push(&mut self, buffer: Buffer) -> Sys<()> {
        if buffer.len == 0 {
            return Ok(());
        }
        // What a call did is told in a u32.
        self.total = self.total.checked_add(buffer.len).ok_or(Errno::Inval)?;
        match self.few.iter_mut().find(|slot| slot.is_none()) {
            Some(slot) => *slot = Some(buffer),
            None => self.more.push(buffer),
        }
        Ok(())
    }

    /// Bytes of all buffers together.
    pub(super) fn total(&self) -> u32 {
        self.total
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.few.iter().flatten().count() + self.more.len()
    }

    /// What is left of the buffers after their first `done` bytes: the rest of one buffer, or `None` at the end.
    pub(super) fn after(&self, done: u32) -> Option<Buffer> {
        let mut skip = done;
        for &buffer in self.iter() {
            if skip < buffer.len {
                return Some(buffer.split(skip).1);
            }
            skip -= buffer.len;
        }
        None
    }

    /// The buffers in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Buffer> {
        self.few.iter().flatten().chain(&self.more)
    }
}

/// A structure of `N` bytes as it lies in guest memory, little-endian. Offsets are the host's own constants.
#[derive(Clone, Copy, Debug)]
pub(super) struct Record<const N: usize>(pub(super) [u8; N]);

impl<const N: usize> Record<N> {
    pub(super) const fn zeroed() -> Self {
        Record([0; N])
    }

    fn field<const W: usize>(&self, at: usize) -> [u8; W] {
        let mut field = [0; W];
        field.copy_from_slice(&self.0[at..at + W]);
        field
    }

    pub(super) fn u8_at(&self, at: usize) -> u8 {
        self.0[at]
    }

    pub(super) fn u16_at(&self, at: usize) -> u16 {
        u16::from_le_bytes(self.field(at))
    }

    pub(super) fn u32_at(&self, at: usize) -> u32 {
        u32::from_le_bytes(self.field(at))
    }

    pub(super) fn u64_at(&self, at: usize) -> u64 {
        u64::from_le_bytes(self.field(at))
    }

    /// This structure with `bytes` at offset `at`.
    pub(super) fn with<const W: usize>(mut self, at: usize, bytes: [u8; W]) -> Self {
        self.0[at..at + W].copy_from_slice(&bytes);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_checked_without_wrapping() {
        let mut bytes = vec![7; 64];
        let mut memory = GuestMemory::new(&mut bytes);
        assert_eq!(memory.bytes(0, 64).unwrap().len(), 64);
        assert_eq!(memory.bytes(64, 0).unwrap().len(), 0);
        for (ptr, len) in [(0, 65), (65, 0), (u32::MAX, 1), (u32::MAX, u32::MAX), (1, u32::MAX), (32, 33)] {
            assert_eq!(memory.bytes(ptr, len), Err(Errno::Fault), "{ptr}+{len}");
            assert_eq!(memory.bytes_mut(ptr, len), Err(Errno::Fault), "{ptr}+{len}");
        }
        assert_eq!(memory.write_u64(60, 1), Err(Errno::Fault));
        assert_eq!(memory.read_u32(61), Err(Errno::Fault));
    }

    #[test]
    fn a_long_path_is_refused_before_it_is_read() {
        let mut bytes = vec![b'a'; 16];
        bytes[8] = 0;
        let memory = GuestMemory::new(&mut bytes);
        assert_eq!(memory.path(0, u32::MAX), Err(Errno::NameTooLong));
        assert_eq!(memory.path(0, 17), Err(Errno::Fault));
        assert_eq!(memory.path(0, 9), Err(Errno::Inval));
        assert_eq!(memory.path(0, 8), Ok(&b"aaaaaaaa"[..]));
    }

    #[test]
    fn string_lists_end_with_nul() {
        let mut bytes = b"one\0\0two\0".to_vec();
        let memory = GuestMemory::new(&mut bytes);
        assert_eq!(memory.strings(0, 9, 100).unwrap(), b"one\0\0two\0");
        assert_eq!(memory.strings(0, 0, 100).unwrap(), b"");
        assert_eq!(memory.strings(0, 3, 100), Err(Errno::Inval));
        assert_eq!(memory.strings(0, 9, 8), Err(Errno::TooBig));
        assert_eq!(memory.strings(0, u32::MAX, u32::MAX), Err(Errno::Fault));
    }

    fn with_iovecs(entries: &[(u32, u32)]) -> Vec<u8> {
        let mut bytes: Vec<u8> =
            entries.iter().flat_map(|(p, l)| [p.to_le_bytes(), l.to_le_bytes()].concat()).collect();
        bytes.resize(256, 0);
        bytes
    }

    #[test]
    fn buffers_are_bounded_and_checked() {
        let mut bytes = with_iovecs(&[(100, 4), (0, 0), (200, 8), (100, 2)]);
        let memory = GuestMemory::new(&mut bytes);
        let buffers = memory.buffers(0, 4).unwrap();
        assert_eq!((buffers.total(), buffers.count()), (14, 3));
        assert_eq!(buffers.after(0), Some(Buffer { ptr: 100, len: 4 }));
        assert_eq!(buffers.after(5), Some(Buffer { ptr: 201, len: 7 }));
        assert_eq!(buffers.after(12), Some(Buffer { ptr: 100, len: 2 }));
        assert_eq!(buffers.after(14), None);
        assert_eq!(memory.buffers(0, IOVECS_MAX + 1).unwrap_err(), Errno::Inval);
        assert_eq!(memory.buffers(0, 1000).unwrap_err(), Errno::Fault);
        assert_eq!(memory.buffers(u32::MAX, 1).unwrap_err(), Errno::Fault);

        let mut bytes = with_iovecs(&[(100, 4), (250, 7)]);
        assert_eq!(GuestMemory::new(&mut bytes).buffers(0, 2).unwrap_err(), Errno::Fault);
    }

    #[test]
    fn records_hold_little_endian_fields() {
        let record = Record::<16>::zeroed().with(0, 0x0102_u16.to_le_bytes()).with(8, u64::MAX.to_le_bytes());
        assert_eq!((record.u8_at(0), record.u16_at(0), record.u32_at(0)), (2, 0x0102, 0x0102));
        assert_eq!(record.u64_at(8), u64::MAX);
    }
}
