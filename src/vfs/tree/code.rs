//! Bytes and links, written and read one after the other: what the format of stored trees is spelled in.
//!
//! Numbers are varints: seven bits a byte, lowest first. Reading trusts nothing: what is not there, too large or spelled in two ways is
//! [`Damage`], and nothing is allocated that the blob could not hold.

use crate::base::{Blob, Hash};
use bytes::Bytes;

/// What is wrong with a blob's bytes.
pub(super) type Damage = &'static str;

/// What is being written.
#[derive(Default)]
pub(super) struct Encoder {
    pub(super) data: Vec<u8>,
    pub(super) links: Vec<Hash>,
}

impl Encoder {
    pub(super) fn byte(&mut self, byte: u8) {
        self.data.push(byte);
    }

    pub(super) fn number(&mut self, mut number: u64) {
        while number > 0x7f {
            self.data.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.data.push(number as u8);
    }

    /// A number that is near zero on either side.
    pub(super) fn signed(&mut self, number: i64) {
        self.number((number << 1 ^ number >> 63) as u64);
    }

    /// Bytes of a length that the reader knows.
    pub(super) fn raw(&mut self, bytes: &[u8]) {
        self.data.extend_from_slice(bytes);
    }

    /// Bytes with their length.
    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        self.raw(bytes);
    }

    pub(super) fn link(&mut self, hash: Hash) {
        self.links.push(hash);
    }

    /// Where the next thing goes.
    pub(super) fn position(&self) -> (usize, usize) {
        (self.data.len(), self.links.len())
    }

    /// Bytes written since `position`, links included.
    pub(super) fn size_since(&self, (data, links): (usize, usize)) -> usize {
        self.data.len() - data + (self.links.len() - links) * size_of::<Hash>()
    }

    /// Takes out what was written since `position`.
    pub(super) fn split_off(&mut self, (data, links): (usize, usize)) -> Encoder {
        let found = Encoder { data: self.data[data..].to_vec(), links: self.links[links..].to_vec() };
        self.truncate((data, links));
        found
    }

    /// Forgets what was written since `position`.
    pub(super) fn truncate(&mut self, (data, links): (usize, usize)) {
        self.data.truncate(data);
        self.links.truncate(links);
    }

    pub(super) fn into_blob(self) -> Blob {
        Blob { links: self.links, data: Bytes::from(self.data) }
    }
}

/// What is being read.
pub(super) struct Decoder<'a> {
    data: &'a [u8],
    links: &'a [Hash],
}

impl<'a> Decoder<'a> {
    pub(super) fn new(blob: &'a Blob) -> Decoder<'a> {
        Decoder { data: &blob.data, links: &blob.links }
    }

    pub(super) fn byte(&mut self) -> Result<u8, Damage> {
        let (first, rest) = self.data.split_first().ok_or("it ends too early")?;
        self.data = rest;
        Ok(*first)
    }

    /// The next byte, left where it is.
    pub(super) fn peek(&self) -> Result<u8, Damage> {
        self.data.first().copied().ok_or("it ends too early")
    }

    pub(super) fn number(&mut self) -> Result<u64, Damage> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if bits << shift >> shift != bits || (byte == 0 && shift > 0) {
                break;
            }
            number |= bits << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err("a number in it is malformed")
    }

    /// A number that is no more than `limit`.
    pub(super) fn at_most(&mut self, limit: u64) -> Result<u64, Damage> {
        self.number().and_then(|number| if number <= limit { Ok(number) } else { Err("a number in it is too large") })
    }

    pub(super) fn u32(&mut self) -> Result<u32, Damage> {
        u32::try_from(self.number()?).map_err(|_| "a number in it is too large")
    }

    pub(super) fn signed(&mut self) -> Result<i64, Damage> {
        let number = self.number()?;
        Ok((number >> 1) as i64 ^ -((number & 1) as i64))
    }

    pub(super) fn raw(&mut self, length: usize) -> Result<&'a [u8], Damage> {
        let (bytes, rest) = self.data.split_at_checked(length).ok_or("it ends too early")?;
        self.data = rest;
        Ok(bytes)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], Damage> {
        self.raw(N)?.try_into().map_err(|_| "it ends too early")
    }

    pub(super) fn bytes(&mut self) -> Result<&'a [u8], Damage> {
        let length = usize::try_from(self.number()?).unwrap_or(usize::MAX);
        self.raw(length)
    }

    pub(super) fn link(&mut self) -> Result<Hash, Damage> {
        let (first, rest) = self.links.split_first().ok_or("it lacks a link")?;
        self.links = rest;
        Ok(*first)
    }

    /// To be called when all is read: nothing may be left.
    pub(super) fn end(&self) -> Result<(), Damage> {
        let is_done = self.data.is_empty() && self.links.is_empty();
        if is_done { Ok(()) } else { Err("it goes on after its end") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn numbers(bytes: &[u8]) -> Result<u64, Damage> {
        Decoder { data: bytes, links: &[] }.number()
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(number: u64, signed: i64, bytes: Vec<u8>) {
            let mut to = Encoder::default();
            to.number(number);
            to.signed(signed);
            to.bytes(&bytes);
            to.link(Hash([1; 32]));
            let blob = to.into_blob();
            let mut from = Decoder::new(&blob);
            prop_assert_eq!(from.number(), Ok(number));
            prop_assert_eq!(from.signed(), Ok(signed));
            prop_assert_eq!(from.bytes(), Ok(&bytes[..]));
            prop_assert!(from.end().is_err());
            prop_assert_eq!(from.link(), Ok(Hash([1; 32])));
            prop_assert_eq!(from.end(), Ok(()));
            prop_assert!(from.byte().is_err() && from.link().is_err());
        }
    }

    #[test]
    fn a_number_is_spelled_in_one_way() {
        assert_eq!(numbers(&[0]), Ok(0));
        assert_eq!(numbers(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1]), Ok(u64::MAX));
        for wrong in [&[][..], &[0x80], &[0x80, 0], &[0xff; 9], &[0xff; 10], &[0xff; 11]] {
            assert!(numbers(wrong).is_err(), "{wrong:?}");
        }
        assert!(numbers(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2]).is_err());
    }
}
