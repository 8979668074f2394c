//! A compact byte format for what a subshell is started with: variable-length numbers and length-prefixed bytes.

/// Collects bytes.
#[derive(Default)]
pub struct Writer {
    pub buf: Vec<u8>,
}

impl Writer {
    pub fn byte(&mut self, b: u8) {
        self.buf.push(b);
    }

    pub fn flag(&mut self, b: bool) {
        self.buf.push(u8::from(b));
    }

    /// Seven bits a byte, lowest first.
    pub fn number(&mut self, mut n: u64) {
        while n >= 0x80 {
            self.buf.push(n as u8 | 0x80);
            n >>= 7;
        }
        self.buf.push(n as u8);
    }

    pub fn signed(&mut self, n: i64) {
        self.number(((n << 1) ^ (n >> 63)) as u64);
    }

    pub fn bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        self.buf.extend_from_slice(bytes);
    }

    pub fn option<T>(&mut self, value: Option<&T>, write: impl FnOnce(&mut Self, &T)) {
        self.flag(value.is_some());
        if let Some(v) = value {
            write(self, v);
        }
    }

    pub fn each<T>(&mut self, items: &[T], mut write: impl FnMut(&mut Self, &T)) {
        self.number(items.len() as u64);
        for item in items {
            write(self, item);
        }
    }
}

/// Reads what a [`Writer`] wrote; `None` when the bytes are not that.
#[derive(Clone)]
pub struct Reader<'a> {
    bytes: &'a [u8],
}

impl<'a> Reader<'a> {
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    pub fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.bytes.split_first()?;
        self.bytes = rest;
        Some(*first)
    }

    pub fn flag(&mut self) -> Option<bool> {
        self.byte().map(|b| b != 0)
    }

    pub fn number(&mut self) -> Option<u64> {
        let mut n = 0u64;
        let mut shift = 0;
        loop {
            let b = self.byte()?;
            n |= u64::from(b & 0x7f).checked_shl(shift)?;
            if b & 0x80 == 0 {
                return Some(n);
            }
            shift += 7;
        }
    }

    pub fn u32(&mut self) -> Option<u32> {
        self.number()?.try_into().ok()
    }

    pub fn i32(&mut self) -> Option<i32> {
        self.signed()?.try_into().ok()
    }

    pub fn signed(&mut self) -> Option<i64> {
        let n = self.number()?;
        Some((n >> 1) as i64 ^ -((n & 1) as i64))
    }

    pub fn bytes(&mut self) -> Option<&'a [u8]> {
        let len = usize::try_from(self.number()?).ok()?;
        if len > self.bytes.len() {
            return None;
        }
        let (first, rest) = self.bytes.split_at(len);
        self.bytes = rest;
        Some(first)
    }

    pub fn option<T>(&mut self, read: impl FnOnce(&mut Self) -> Option<T>) -> Option<Option<T>> {
        if self.flag()? { read(self).map(Some) } else { Some(None) }
    }

    pub fn each<T>(&mut self, mut read: impl FnMut(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        let len = usize::try_from(self.number()?).ok()?;
        // Every item takes a byte at least, so a corrupt length cannot ask for more memory than there are bytes.
        let mut out = Vec::with_capacity(len.min(self.bytes.len()));
        for _ in 0..len {
            out.push(read(self)?);
        }
        Some(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trip() {
        let mut w = Writer::default();
        for n in [0, 1, 127, 128, 300, u64::MAX] {
            w.number(n);
        }
        for n in [0, -1, 5, i64::MIN, i64::MAX] {
            w.signed(n);
        }
        w.bytes(b"abc");
        let mut r = Reader::new(&w.buf);
        for n in [0, 1, 127, 128, 300, u64::MAX] {
            assert_eq!(r.number(), Some(n));
        }
        for n in [0, -1, 5, i64::MIN, i64::MAX] {
            assert_eq!(r.signed(), Some(n));
        }
        assert_eq!(r.bytes(), Some(&b"abc"[..]));
        assert_eq!(r.byte(), None);
    }

    #[test]
    fn corrupt_input_is_no_panic() {
        assert_eq!(Reader::new(&[0xff; 20]).number(), None);
        assert_eq!(Reader::new(&[9, 1]).bytes(), None);
        assert!(Reader::new(&[0xff, 0xff, 0xff, 0x7f]).each(Reader::byte).is_none());
    }
}
