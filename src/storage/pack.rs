//! The pack: many blobs in one run of bytes, as an object or inside the records.
//!
//! `COQPACK` and a version byte, then entries up to the end. An entry is the blob's id (32 bytes), the codec of its data (1 byte), the number
//! of links, the length of the data and the length of the data as stored (4 bytes each, lowest byte first), the links, the data as stored.
//! Every blob is verified against its id when it is read, so there are no other checksums.

use crate::base::{Blob, BlobError, Hash};
use bytes::Bytes;
use std::cell::RefCell;
use std::ops::Range;
use zstd::bulk::Compressor;

/// What a pack begins with; the last byte is the version.
pub(super) const MAGIC: &[u8; 8] = b"COQPACK\x01";
/// Bytes of an entry before its links.
const HEAD: usize = 32 + 1 + 3 * 4;
/// Bytes a blob's data may have, and its links.
pub(super) const MAX_BLOB: usize = 256 << 20;

const RAW: u8 = 0;
const ZSTD: u8 = 1;
/// Shorter data is not worth a compressor's frame.
const COMPRESS_FROM: usize = 64;

/// Where an entry is in its pack.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Placed {
    pub id: Hash,
    pub place: u64,
    /// Bytes of the whole entry.
    pub stored: u64,
    /// Whether it has links.
    pub leads: bool,
}

/// Builds entries.
pub(super) struct PackWriter {
    bytes: Vec<u8>,
    entries: Vec<Placed>,
}

thread_local! {
    /// A compressor takes longer to make than a small blob to compress. Without one (no memory) data is stored as it is.
    static COMPRESSOR: RefCell<Option<Compressor<'static>>> = RefCell::new(Compressor::new(1).ok());
}

fn compress(data: &[u8]) -> Option<Vec<u8>> {
    COMPRESSOR.with_borrow_mut(|compressor| compressor.as_mut()?.compress(data).ok())
}

impl PackWriter {
    pub fn new() -> PackWriter {
        PackWriter { bytes: MAGIC.to_vec(), entries: Vec::new() }
    }

    /// Adds a blob, which must be within [`MAX_BLOB`].
    pub fn add(&mut self, id: Hash, blob: &Blob) {
        let place = self.bytes.len();
        let compressed = (blob.data.len() >= COMPRESS_FROM).then(|| compress(&blob.data)).flatten();
        let gains = |c: &Vec<u8>| c.len() < blob.data.len() - blob.data.len() / 16;
        let compressed = compressed.filter(gains);
        let (codec, stored) = compressed.as_ref().map_or((RAW, &blob.data[..]), |c| (ZSTD, c));
        self.bytes.reserve(HEAD + blob.links.len() * 32 + stored.len());
        self.bytes.extend_from_slice(&id.0);
        self.bytes.push(codec);
        for number in [blob.links.len(), blob.data.len(), stored.len()] {
            self.bytes.extend_from_slice(&(number as u32).to_le_bytes());
        }
        for link in &blob.links {
            self.bytes.extend_from_slice(&link.0);
        }
        self.bytes.extend_from_slice(stored);
        self.placed(id, place, !blob.links.is_empty());
    }

    /// Adds an entry as it is in another pack.
    pub fn copy(&mut self, entry: &Entry, bytes: &[u8]) {
        let place = self.bytes.len();
        self.bytes.extend_from_slice(&bytes[entry.range()]);
        self.placed(entry.id, place, entry.links > 0);
    }

    fn placed(&mut self, id: Hash, place: usize, leads: bool) {
        let stored = (self.bytes.len() - place) as u64;
        self.entries.push(Placed { id, place: place as u64, stored, leads });
    }

    pub fn finish(self) -> (Bytes, Vec<Placed>) {
        (self.bytes.into(), self.entries)
    }
}

/// An entry's head.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    pub id: Hash,
    place: usize,
    codec: u8,
    pub links: usize,
    raw: usize,
    stored: usize,
}

impl Entry {
    /// The entry at `place` of `bytes`, if it is there as a whole.
    pub fn at(bytes: &[u8], place: usize) -> Option<Entry> {
        let head = bytes.get(place..)?.get(..HEAD)?;
        let (id, rest) = head.split_first_chunk::<32>()?;
        let number = |i: usize| u32::from_le_bytes([rest[i], rest[i + 1], rest[i + 2], rest[i + 3]]) as usize;
        let entry = Entry { id: Hash(*id), place, codec: rest[0], links: number(1), raw: number(5), stored: number(9) };
        let sane = entry.links <= MAX_BLOB / 32 && entry.raw <= MAX_BLOB && entry.stored <= MAX_BLOB;
        (sane && entry.range().end <= bytes.len()).then_some(entry)
    }

    /// The whole entry in its pack.
    pub fn range(&self) -> Range<usize> {
        self.place..self.place + HEAD + self.links * 32 + self.stored
    }

    pub fn placed(&self) -> Placed {
        let stored = self.range().len() as u64;
        Placed { id: self.id, place: self.place as u64, stored, leads: self.links > 0 }
    }

    /// The blob, verified against its id.
    pub fn decode(&self, bytes: &Bytes) -> Result<Blob, BlobError> {
        let damaged = |what: &str| BlobError::Damaged { id: self.id, what: what.into() };
        let (links, stored) = (self.place + HEAD, self.place + HEAD + self.links * 32);
        let data = match self.codec {
            RAW if self.raw == self.stored => own(bytes.slice(stored..stored + self.stored), bytes),
            ZSTD => decompress(&bytes[stored..stored + self.stored], self.raw).ok_or_else(|| damaged("its data"))?,
            _ => return Err(damaged("its entry's head")),
        };
        let links = bytes[links..stored].as_chunks::<32>().0.iter().map(|link| Hash(*link)).collect();
        let blob = Blob { links, data };
        if blob.id() == self.id { Ok(blob) } else { Err(damaged("its content is not what its id says")) }
    }
}

/// A slice that does not keep a whole window of other blobs in memory for its own sake.
fn own(slice: Bytes, of: &Bytes) -> Bytes {
    if slice.len() < of.len() / 2 { Bytes::copy_from_slice(&slice) } else { slice }
}

/// Exactly `raw` bytes, or nothing. What the frame says of its size is compared first, so that a lie costs no memory.
fn decompress(stored: &[u8], raw: usize) -> Option<Bytes> {
    let says = zstd::zstd_safe::get_frame_content_size(stored).ok()??;
    if says != raw as u64 {
        return None;
    }
    let data = zstd::bulk::decompress(stored, raw).ok()?;
    (data.len() == raw).then(|| data.into())
}

/// The whole entries of `bytes` from `place` on.
pub(super) fn entries(bytes: &[u8], place: usize) -> impl Iterator<Item = Entry> {
    let mut place = place;
    std::iter::from_fn(move || {
        let entry = Entry::at(bytes, place)?;
        place = entry.range().end;
        Some(entry)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn blob(links: usize, data: Vec<u8>) -> (Hash, Blob) {
        let blob = Blob { links: (0..links).map(|i| Hash([i as u8; 32])).collect(), data: data.into() };
        (blob.id(), blob)
    }

    fn pack(blobs: &[(Hash, Blob)]) -> (Bytes, Vec<Placed>) {
        let mut writer = PackWriter::new();
        blobs.iter().for_each(|(id, blob)| writer.add(*id, blob));
        writer.finish()
    }

    #[test]
    fn what_is_packed_comes_out_again() {
        let noise: Vec<u8> = blake3::Hasher::new().finalize_xof().bytes().take(9000);
        let blobs = [blob(0, vec![]), blob(3, vec![7; 100_000]), blob(1, noise.clone()), blob(0, b"short".to_vec())];
        let (bytes, placed) = pack(&blobs);
        assert!(bytes.len() < 10_000, "{} bytes", bytes.len());
        for ((id, blob), placed) in blobs.iter().zip(&placed) {
            let entry = Entry::at(&bytes, placed.place as usize).unwrap();
            assert_eq!((entry.id, entry.placed()), (*id, *placed));
            assert_eq!(entry.decode(&bytes).as_ref(), Ok(blob));
        }
        assert_eq!(entries(&bytes, MAGIC.len()).map(|e| e.placed()).collect::<Vec<_>>(), placed);
        let mut copy = PackWriter::new();
        entries(&bytes, MAGIC.len()).for_each(|e| copy.copy(&e, &bytes));
        assert_eq!(copy.finish(), (bytes, placed));
    }

    trait Take {
        fn bytes(self) -> Self;
        fn take(self, n: usize) -> Vec<u8>;
    }

    impl Take for blake3::OutputReader {
        fn bytes(self) -> Self {
            self
        }
        fn take(mut self, n: usize) -> Vec<u8> {
            let mut out = vec![0; n];
            self.fill(&mut out);
            out
        }
    }

    proptest! {
        #[test]
        fn damage_is_never_wrong_bytes(at in 0usize..100_000, change in 1u8.., cut in 0usize..100_000) {
            let blobs = [blob(2, vec![1; 5000]), blob(0, b"abc".to_vec()), blob(40, (0..=255).collect())];
            let (bytes, placed) = pack(&blobs);
            let mut wrong = bytes.to_vec();
            let at = at % wrong.len();
            wrong[at] ^= change;
            wrong.truncate(wrong.len() - cut % 40 * (cut % 2));
            let wrong = Bytes::from(wrong);
            for ((_, blob), placed) in blobs.iter().zip(&placed) {
                if let Some(Ok(read)) = Entry::at(&wrong, placed.place as usize).map(|e| e.decode(&wrong)) {
                    prop_assert_eq!(&read, blob);
                }
            }
            let _ = entries(&wrong, MAGIC.len()).count();
        }

        #[test]
        fn noise_is_no_pack(bytes in proptest::collection::vec(any::<u8>(), 0..500)) {
            let bytes = Bytes::from(bytes);
            for entry in entries(&bytes, 0) {
                prop_assert!(entry.decode(&bytes).is_err());
            }
        }
    }
}
