//! A file's content: chunks of 64 KiB, of which only what was written is allocated.
//!
//! A chunk is a slice of something shared (the image's mapped file) or bytes of its own, changed in place unless a
//! snapshot holds them too. A chunk may be shorter than 64 KiB, and there may be none: what is missing reads as zero.

use crate::vfs::map::Map;
use crate::vfs::types::BlobId;
use bytes::Bytes;
use std::sync::Arc;

/// Bytes in a chunk.
pub(crate) const CHUNK: usize = 64 * 1024;
/// What content is counted in, as `st_blocks` and quotas tell, in bytes: a chunk of one byte costs the host not much less.
const PAGE: usize = 4096;

/// What a chunk with `length` bytes counts for.
fn counted(length: usize) -> u64 {
    length.next_multiple_of(PAGE) as u64
}

#[derive(Clone)]
enum Chunk {
    Shared(Bytes),
    Own(Arc<Vec<u8>>),
}

/// A file's content.
#[derive(Clone, Default)]
pub(crate) struct File {
    size: u64,
    allocated: u64,
    chunks: Map<Chunk>,
    /// The compiled module this content stands for; forgotten at the first change.
    blob: Option<Arc<BlobId>>,
}

impl Chunk {
    fn bytes(&self) -> &[u8] {
        match self {
            Chunk::Shared(bytes) => bytes,
            Chunk::Own(bytes) => bytes,
        }
    }

    fn len(&self) -> usize {
        self.bytes().len()
    }

    /// The bytes to change in place.
    fn own(&mut self) -> &mut Vec<u8> {
        if let Chunk::Shared(bytes) = self {
            *self = Chunk::Own(Arc::new(bytes.to_vec()));
        }
        match self {
            Chunk::Own(bytes) => Arc::make_mut(bytes),
            Chunk::Shared(_) => unreachable!("was made its own above"),
        }
    }

    fn same(&self, other: &Chunk) -> bool {
        let (a, b) = (self.bytes(), other.bytes());
        std::ptr::eq(a, b) || a == b
    }
}

/// The part of `[offset, offset + length)` that is in one chunk: its number, the start in it, the length.
fn piece(offset: u64, length: usize) -> (u64, usize, usize) {
    let start = (offset % CHUNK as u64) as usize;
    (offset / CHUNK as u64, start, length.min(CHUNK - start))
}

impl File {
    /// A file whose content is shared, not copied.
    pub(crate) fn from_bytes(content: &Bytes, blob: Option<BlobId>) -> File {
        let mut chunks = Map::default();
        for start in (0..content.len()).step_by(CHUNK) {
            let end = content.len().min(start + CHUNK);
            chunks.insert((start / CHUNK) as u64, Chunk::Shared(content.slice(start..end)));
        }
        File {
            size: content.len() as u64,
            // Chunks are whole pages but for the last.
            allocated: counted(content.len()),
            chunks,
            blob: blob.map(Arc::new),
        }
    }

    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// Bytes allocated, in whole pages.
    pub(crate) fn allocated(&self) -> u64 {
        self.allocated
    }

    pub(crate) fn blob(&self) -> Option<BlobId> {
        self.blob.as_deref().copied()
    }

    /// Reads from `offset`; how much, 0 at the end.
    pub(crate) fn read_at(&self, offset: u64, into: &mut [u8]) -> usize {
        let length = usize::try_from(self.size.saturating_sub(offset)).unwrap_or(usize::MAX).min(into.len());
        let mut done = 0;
        while done < length {
            let (number, start, count) = piece(offset + done as u64, length - done);
            let data = self.chunks.get(number).map_or(&[][..], |chunk| chunk.bytes());
            let data = data.get(start..data.len().min(start + count)).unwrap_or_default();
            let (copied, zeros) = into[done..done + count].split_at_mut(data.len());
            copied.copy_from_slice(data);
            zeros.fill(0);
            done += count;
        }
        done
    }

    /// Writes at `offset`; how much, which is less than asked when `room` bytes more of allocation do not suffice.
    ///
    /// Preconditions: `offset + from.len()` is no more than `i64::MAX`.
    pub(crate) fn write_at(&mut self, offset: u64, from: &[u8], mut room: u64) -> usize {
        let mut done = 0;
        while done < from.len() {
            let (number, start, mut count) = piece(offset + done as u64, from.len() - done);
            let length = self.chunks.get(number).map_or(0, Chunk::len);
            let before = counted(length);
            if counted(start + count) > before.saturating_add(room) {
                // As many whole pages as there is room for. Both are no more than a chunk.
                let end = (before + room) as usize / PAGE * PAGE;
                count = end.saturating_sub(start);
                if count == 0 {
                    break;
                }
            }
            let growth = counted(length.max(start + count)) - before;
            self.write_chunk(number, start, &from[done..done + count]);
            self.allocated += growth;
            room -= growth;
            done += count;
        }
        if done > 0 {
            self.size = self.size.max(offset + done as u64);
            self.blob = None;
        }
        done
    }

    fn write_chunk(&mut self, number: u64, start: usize, from: &[u8]) {
        match self.chunks.get_mut(number) {
            Some(chunk) => {
                let is_whole = start == 0 && from.len() >= chunk.len();
                if is_whole && !chunk.is_unshared() {
                    // What is wholly overwritten need not be copied first.
                    *chunk = Chunk::Own(Arc::new(from.to_vec()));
                } else {
                    write_vec(chunk.own(), start, from);
                }
            }
            None => {
                let mut bytes = Vec::with_capacity(start + from.len());
                write_vec(&mut bytes, start, from);
                self.chunks.insert(number, Chunk::Own(Arc::new(bytes)));
            }
        }
    }

    /// Cuts or extends to `size`; an extension is a hole.
    pub(crate) fn truncate(&mut self, size: u64) {
        if size == self.size {
            return;
        }
        self.blob = None;
        if size < self.size {
            let (last, keep) = (size / CHUNK as u64, (size % CHUNK as u64) as usize);
            let first_gone = if keep == 0 { last } else { last + 1 };
            while let Some((number, chunk)) = self.chunks.at_or_after(first_gone) {
                self.allocated -= counted(chunk.len());
                self.chunks.remove(number);
            }
            self.cut_chunk(last, keep);
        }
        self.size = size;
    }

    fn cut_chunk(&mut self, number: u64, keep: usize) {
        let Some(length) = self.chunks.get(number).map(Chunk::len).filter(|length| *length > keep) else {
            return;
        };
        self.allocated -= counted(length) - counted(keep);
        match self.chunks.get_mut(number) {
            Some(Chunk::Shared(bytes)) => bytes.truncate(keep),
            Some(Chunk::Own(bytes)) => match Arc::get_mut(bytes) {
                Some(bytes) => {
                    bytes.truncate(keep);
                    bytes.shrink_to_fit();
                }
                None => *bytes = Arc::new(bytes[..keep].to_vec()),
            },
            None => {}
        }
    }

    /// First offset >= `offset` with data.
    pub(crate) fn seek_data(&self, offset: u64) -> Option<u64> {
        let mut at = offset;
        while at < self.size {
            let (number, start, _) = piece(at, 0);
            let (found, chunk) = self.chunks.at_or_after(number)?;
            if found > number {
                return Some(found * CHUNK as u64);
            }
            if start < chunk.len() {
                return Some(at);
            }
            at = (number + 1) * CHUNK as u64;
        }
        None
    }

    /// First offset >= `offset` in a hole, for which the end counts.
    pub(crate) fn seek_hole(&self, offset: u64) -> Option<u64> {
        if offset >= self.size {
            return None;
        }
        let mut at = offset;
        while at < self.size {
            let (number, start, _) = piece(at, 0);
            let length = self.chunks.get(number).map_or(0, Chunk::len);
            if start >= length {
                return Some(at);
            }
            at = number * CHUNK as u64 + length as u64;
        }
        Some(self.size)
    }

    /// The whole content, if it is one piece that is shared already.
    pub(crate) fn shared_bytes(&self) -> Option<Bytes> {
        match self.chunks.get(0) {
            Some(Chunk::Shared(bytes)) if bytes.len() as u64 == self.size => Some(bytes.clone()),
            _ => None,
        }
    }

    /// Whether the contents are equal; what is shared is not compared.
    pub(crate) fn same(&self, other: &File) -> bool {
        let mut differs = self.size != other.size;
        if !differs {
            self.chunks.diff(&other.chunks, &Chunk::same, &mut |(_, a, b)| {
                // Zeros that are allocated equal a hole.
                let (a, b) = (a.map_or(&[][..], Chunk::bytes), b.map_or(&[][..], Chunk::bytes));
                let common = a.len().min(b.len());
                let rest = if a.len() > common { &a[common..] } else { &b[common..] };
                differs |= a[..common] != b[..common] || rest.iter().any(|byte| *byte != 0);
            });
        }
        !differs
    }
}

impl Chunk {
    fn is_unshared(&mut self) -> bool {
        match self {
            Chunk::Shared(_) => false,
            Chunk::Own(bytes) => Arc::get_mut(bytes).is_some(),
        }
    }
}

/// Writes into `bytes` at `start`, growing it, with zeros before if need be.
fn write_vec(bytes: &mut Vec<u8>, start: usize, from: &[u8]) {
    if bytes.len() < start {
        bytes.resize(start, 0);
    }
    let (over, beyond) = from.split_at(from.len().min(bytes.len() - start));
    bytes[start..start + over.len()].copy_from_slice(over);
    if !beyond.is_empty() {
        // Growing by doubling, but never past the chunk.
        let wanted = bytes.len() + beyond.len();
        if wanted > bytes.capacity() {
            let capacity = wanted.max(bytes.capacity() * 2).min(CHUNK);
            bytes.reserve_exact(capacity - bytes.len());
        }
        bytes.extend_from_slice(beyond);
    }
}
