//! A file's content: chunks of 64 KiB, of which only what was written is allocated.
//!
//! A chunk is a slice of something shared (the image's mapped file), bytes of its own, changed in place unless a snapshot holds
//! them too, or a blob in a store, read each time it is asked for: the store keeps what is read often, the tree does not.
//! A chunk may be shorter than 64 KiB, and there may be none: what is missing reads as zero.

use crate::base::{Blob, BlobError, BlobSource, Hash, StoreTag};
use crate::vfs::map::{Map, Mark, Read};
use crate::vfs::types::ProgramId;
use bytes::Bytes;
use std::ops::Deref;
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
pub(super) enum Chunk {
    Memory(Arc<Data>),
    Stored(Arc<StoredChunk>),
}

/// A chunk in memory.
#[derive(Clone)]
pub(super) struct Data {
    content: Content,
    pub(super) mark: Mark,
}

#[derive(Clone)]
enum Content {
    Shared(Bytes),
    Own(Vec<u8>),
}

/// A chunk that is a blob in a store.
pub(super) struct StoredChunk {
    pub(super) hash: Hash,
    pub(super) length: usize,
    pub(super) source: Arc<dyn BlobSource>,
    pub(super) tag: StoreTag,
}

/// A file's content.
#[derive(Clone, Default)]
pub(crate) struct File {
    pub(super) size: u64,
    pub(super) allocated: u64,
    pub(super) chunks: Map<Chunk>,
    /// The compiled module this content stands for; forgotten at the first change.
    pub(super) program: Option<Arc<ProgramId>>,
}

/// A chunk's bytes: where they are, or read for the occasion.
enum Piece<'a> {
    Here(&'a [u8]),
    Read(Bytes),
}

impl Deref for Piece<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Piece::Here(bytes) => bytes,
            Piece::Read(bytes) => bytes,
        }
    }
}

/// A chunk's own bytes, lent to a blob: they are not copied, and not changed in place while it has them.
struct Lent(Arc<Data>);

impl AsRef<[u8]> for Lent {
    fn as_ref(&self) -> &[u8] {
        self.0.bytes()
    }
}

impl Data {
    fn new(content: Content) -> Arc<Data> {
        Arc::new(Data { content, mark: Mark::default() })
    }

    pub(super) fn bytes(&self) -> &[u8] {
        match &self.content {
            Content::Shared(bytes) => bytes,
            Content::Own(bytes) => bytes,
        }
    }

    /// The bytes as a blob, not copied.
    pub(super) fn blob(self: &Arc<Data>) -> Blob {
        let data = match &self.content {
            Content::Shared(bytes) => bytes.clone(),
            Content::Own(_) => Bytes::from_owner(Lent(self.clone())),
        };
        Blob { links: Vec::new(), data }
    }

    /// The bytes, if they can be shared.
    fn shared(&self) -> Option<Bytes> {
        match &self.content {
            Content::Shared(bytes) => Some(bytes.clone()),
            Content::Own(_) => None,
        }
    }

    /// The first `length` bytes.
    fn cut(&self, length: usize) -> Chunk {
        match &self.content {
            Content::Shared(bytes) => Chunk::shared(bytes.slice(..length)),
            Content::Own(bytes) => Chunk::new(bytes[..length].to_vec()),
        }
    }

    /// The bytes to change in place.
    fn own(&mut self) -> &mut Vec<u8> {
        self.mark.clear();
        if let Content::Shared(bytes) = &self.content {
            self.content = Content::Own(bytes.to_vec());
        }
        match &mut self.content {
            Content::Own(bytes) => bytes,
            Content::Shared(_) => unreachable!("was made its own above"),
        }
    }
}

impl StoredChunk {
    /// The blob, which must be what the file's map says of it.
    pub(super) fn read(&self) -> Read<Bytes> {
        let blob = self.source.get(&self.hash)?;
        if blob.data.len() == self.length && blob.links.is_empty() {
            return Ok(blob.data);
        }
        let what = format!("it is no file content of {} bytes", self.length);
        Err(Box::new(BlobError::Damaged { id: self.hash, what }))
    }
}

impl Chunk {
    pub(super) fn new(bytes: Vec<u8>) -> Chunk {
        Chunk::Memory(Data::new(Content::Own(bytes)))
    }

    fn shared(bytes: Bytes) -> Chunk {
        Chunk::Memory(Data::new(Content::Shared(bytes)))
    }

    fn bytes(&self) -> Read<Piece<'_>> {
        match self {
            Chunk::Memory(data) => Ok(Piece::Here(data.bytes())),
            Chunk::Stored(stored) => Ok(Piece::Read(stored.read()?)),
        }
    }

    fn bytes_or_hole(chunk: Option<&Chunk>) -> Read<Piece<'_>> {
        chunk.map_or(Ok(Piece::Here(&[])), Chunk::bytes)
    }

    fn len(&self) -> usize {
        match self {
            Chunk::Memory(data) => data.bytes().len(),
            Chunk::Stored(stored) => stored.length,
        }
    }

    /// The bytes to change in place, read and copied first if need be.
    fn own(&mut self) -> Read<&mut Vec<u8>> {
        if let Chunk::Stored(stored) = self {
            *self = Chunk::new(stored.read()?.to_vec());
        }
        match self {
            Chunk::Memory(data) => Ok(Arc::make_mut(data).own()),
            Chunk::Stored(_) => unreachable!("was read above"),
        }
    }

    /// Whether nobody else sees the bytes.
    fn is_unshared(&mut self) -> bool {
        match self {
            Chunk::Memory(data) => Arc::get_mut(data).is_some_and(|data| matches!(data.content, Content::Own(_))),
            Chunk::Stored(_) => false,
        }
    }

    fn hash(&self) -> Option<Hash> {
        match self {
            Chunk::Memory(data) => data.mark.hash(),
            Chunk::Stored(stored) => Some(stored.hash),
        }
    }

    /// Whether the bytes are known to be the same without comparing or reading them.
    fn is_shared(&self, other: &Chunk) -> bool {
        match (self, other) {
            (Chunk::Memory(a), Chunk::Memory(b)) if std::ptr::eq(a.bytes(), b.bytes()) => true,
            (a, b) => a.hash().is_some_and(|hash| b.hash() == Some(hash)),
        }
    }

    /// Whether the bytes are the same; a hole's and those beyond the end are zeros.
    fn is_equal(a: Option<&Chunk>, b: Option<&Chunk>) -> Read<bool> {
        if let (Some(a), Some(b)) = (a, b)
            && a.len() == b.len()
            && let (Some(a), Some(b)) = (a.hash(), b.hash())
        {
            return Ok(a == b);
        }
        let (a, b) = (Chunk::bytes_or_hole(a)?, Chunk::bytes_or_hole(b)?);
        let common = a.len().min(b.len());
        let rest = if a.len() > common { &a[common..] } else { &b[common..] };
        Ok(a[..common] == b[..common] && rest.iter().all(|byte| *byte == 0))
    }
}

/// The part of `[offset, offset + length)` that is in one chunk: its number, the start in it, the length.
fn piece(offset: u64, length: usize) -> (u64, usize, usize) {
    let start = (offset % CHUNK as u64) as usize;
    (offset / CHUNK as u64, start, length.min(CHUNK - start))
}

impl File {
    /// A file whose content is shared, not copied.
    pub(crate) fn from_bytes(content: &Bytes, program: Option<ProgramId>) -> File {
        let mut chunks = Map::default();
        for start in (0..content.len()).step_by(CHUNK) {
            let end = content.len().min(start + CHUNK);
            let chunk = Chunk::shared(content.slice(start..end));
            chunks.insert((start / CHUNK) as u64, chunk).expect("nothing of it is in a store");
        }
        File {
            size: content.len() as u64,
            // Chunks are whole pages but for the last.
            allocated: counted(content.len()),
            chunks,
            program: program.map(Arc::new),
        }
    }

    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// Bytes allocated, in whole pages.
    pub(crate) fn allocated(&self) -> u64 {
        self.allocated
    }

    pub(crate) fn program(&self) -> Option<ProgramId> {
        self.program.as_deref().copied()
    }

    /// Reads from `offset`; how much, 0 at the end.
    pub(crate) fn read_at(&self, offset: u64, into: &mut [u8]) -> Read<usize> {
        let length = usize::try_from(self.size.saturating_sub(offset)).unwrap_or(usize::MAX).min(into.len());
        let mut done = 0;
        while done < length {
            let (number, start, count) = piece(offset + done as u64, length - done);
            let data = Chunk::bytes_or_hole(self.chunks.get(number)?)?;
            let data = data.get(start..data.len().min(start + count)).unwrap_or_default();
            let (copied, zeros) = into[done..done + count].split_at_mut(data.len());
            copied.copy_from_slice(data);
            zeros.fill(0);
            done += count;
        }
        Ok(done)
    }

    /// Writes at `offset`; how much, which is less than asked when `room` bytes more of allocation do not suffice.
    ///
    /// Preconditions: `offset + from.len()` is no more than `i64::MAX`.
    pub(crate) fn write_at(&mut self, offset: u64, from: &[u8], mut room: u64) -> Read<usize> {
        let mut done = 0;
        while done < from.len() {
            let (number, start, mut count) = piece(offset + done as u64, from.len() - done);
            let length = self.chunks.get(number)?.map_or(0, Chunk::len);
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
            self.write_chunk(number, start, &from[done..done + count])?;
            self.allocated += growth;
            room -= growth;
            done += count;
        }
        if done > 0 {
            self.size = self.size.max(offset + done as u64);
            self.program = None;
        }
        Ok(done)
    }

    fn write_chunk(&mut self, number: u64, start: usize, from: &[u8]) -> Read<()> {
        match self.chunks.get_mut(number)? {
            Some(chunk) => {
                let is_whole = start == 0 && from.len() >= chunk.len();
                if is_whole && !chunk.is_unshared() {
                    // What is wholly overwritten need not be copied first.
                    *chunk = Chunk::new(from.to_vec());
                } else {
                    write_vec(chunk.own()?, start, from);
                }
            }
            None => {
                let mut bytes = Vec::with_capacity(start + from.len());
                write_vec(&mut bytes, start, from);
                self.chunks.insert(number, Chunk::new(bytes))?;
            }
        }
        Ok(())
    }

    /// Cuts or extends to `size`; an extension is a hole.
    pub(crate) fn truncate(&mut self, size: u64) -> Read<()> {
        if size == self.size {
            return Ok(());
        }
        self.program = None;
        if size < self.size {
            let (last, keep) = (size / CHUNK as u64, (size % CHUNK as u64) as usize);
            let first_gone = if keep == 0 { last } else { last + 1 };
            while let Some((number, chunk)) = self.chunks.at_or_after(first_gone)? {
                self.allocated = self.allocated.saturating_sub(counted(chunk.len()));
                self.chunks.remove(number)?;
            }
            self.cut_chunk(last, keep)?;
        }
        self.size = size;
        Ok(())
    }

    fn cut_chunk(&mut self, number: u64, keep: usize) -> Read<()> {
        let Some(length) = self.chunks.get(number)?.map(Chunk::len).filter(|length| *length > keep) else {
            return Ok(());
        };
        let gone = counted(length) - counted(keep);
        self.allocated = self.allocated.saturating_sub(gone);
        let Some(chunk) = self.chunks.get_mut(number)? else { return Ok(()) };
        if chunk.is_unshared() {
            let bytes = chunk.own()?;
            bytes.truncate(keep);
            bytes.shrink_to_fit();
        } else {
            *chunk = match chunk {
                Chunk::Memory(data) => data.cut(keep),
                Chunk::Stored(stored) => Chunk::new(stored.read()?[..keep].to_vec()),
            };
        }
        Ok(())
    }

    /// First offset >= `offset` with data.
    pub(crate) fn seek_data(&self, offset: u64) -> Read<Option<u64>> {
        let mut at = offset;
        while at < self.size {
            let (number, start, _) = piece(at, 0);
            let Some((found, chunk)) = self.chunks.at_or_after(number)? else { break };
            if found > number {
                return Ok(Some(found * CHUNK as u64));
            }
            if start < chunk.len() {
                return Ok(Some(at));
            }
            at = (number + 1) * CHUNK as u64;
        }
        Ok(None)
    }

    /// First offset >= `offset` in a hole, for which the end counts.
    pub(crate) fn seek_hole(&self, offset: u64) -> Read<Option<u64>> {
        if offset >= self.size {
            return Ok(None);
        }
        let mut at = offset;
        while at < self.size {
            let (number, start, _) = piece(at, 0);
            let length = self.chunks.get(number)?.map_or(0, Chunk::len);
            if start >= length {
                return Ok(Some(at));
            }
            at = number * CHUNK as u64 + length as u64;
        }
        Ok(Some(self.size))
    }

    /// The whole content, if it can be had as one piece without copying.
    pub(crate) fn shared_bytes(&self) -> Read<Option<Bytes>> {
        match self.chunks.get(0)?.filter(|chunk| chunk.len() as u64 == self.size) {
            Some(Chunk::Memory(data)) => Ok(data.shared()),
            Some(Chunk::Stored(stored)) => stored.read().map(Some),
            None => Ok(None),
        }
    }

    /// Whether both are known to be the same without reading or comparing contents.
    pub(super) fn is_same(&self, other: &File) -> bool {
        let of = |file: &File| (file.size, file.allocated, file.program());
        of(self) == of(other) && self.chunks.is_same(&other.chunks, &Chunk::is_shared)
    }

    /// Whether the contents are equal; what is shared is not compared.
    pub(crate) fn same(&self, other: &File) -> Read<bool> {
        let mut is_same = self.size == other.size;
        if is_same {
            self.chunks.diff(&other.chunks, &Chunk::is_shared, &mut |(_, a, b)| {
                is_same = is_same && Chunk::is_equal(a, b)?;
                Ok(())
            })?;
        }
        Ok(is_same)
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
