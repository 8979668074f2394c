//! Decompression of DEFLATE (RFC 1951) into a bounded buffer.

/// Unpacks `data`, which must give exactly `size` bytes. `None` if it is damaged.
pub(super) fn inflate(data: &[u8], size: usize) -> Option<Vec<u8>> {
    let mut bits = Bits { data, at: 0, held: 0, count: 0 };
    // What it says of itself is not believed further than it can be true: a byte gives a thousand at most.
    let mut out = Vec::with_capacity(size.min(data.len().saturating_mul(1032)));
    loop {
        let is_last = bits.take(1)? == 1;
        match bits.take(2)? {
            0 => stored(&mut bits, &mut out, size)?,
            1 => block(&mut bits, &mut out, size, &fixed()?)?,
            2 => {
                let codes = dynamic(&mut bits)?;
                block(&mut bits, &mut out, size, &codes)?;
            }
            _ => return None,
        }
        if is_last {
            return (out.len() == size).then_some(out);
        }
    }
}

/// Reads bits, the lowest first.
struct Bits<'a> {
    data: &'a [u8],
    at: usize,
    held: u32,
    count: u32,
}

impl Bits<'_> {
    /// The next `n` bits, at most 16.
    fn take(&mut self, n: u32) -> Option<u32> {
        while self.count < n {
            self.held |= u32::from(*self.data.get(self.at)?) << self.count;
            (self.at, self.count) = (self.at + 1, self.count + 8);
        }
        let bits = self.held & ((1 << n) - 1);
        (self.held, self.count) = (self.held >> n, self.count - n);
        Some(bits)
    }
}

/// A Huffman code: how many symbols there are of each length, and the symbols in order.
struct Code {
    counts: [u16; 16],
    symbols: Vec<u16>,
}

impl Code {
    /// The code with these lengths; `None` if there is no such code.
    fn new(lengths: &[u8]) -> Option<Code> {
        let mut counts = [0u16; 16];
        lengths.iter().for_each(|length| counts[usize::from(*length)] += 1);
        let mut left = 1i32;
        for count in &counts[1..] {
            left = left * 2 - i32::from(*count);
            if left < 0 {
                return None;
            }
        }
        let mut next = [0u16; 16];
        for length in 1..15 {
            next[length + 1] = next[length] + counts[length];
        }
        let mut symbols = vec![0; lengths.len()];
        for (symbol, length) in lengths.iter().enumerate().filter(|(_, length)| **length > 0) {
            let place = &mut next[usize::from(*length)];
            symbols[usize::from(*place)] = symbol as u16;
            *place += 1;
        }
        Some(Code { counts, symbols })
    }

    /// The next symbol.
    fn read(&self, bits: &mut Bits<'_>) -> Option<usize> {
        let (mut code, mut first, mut index) = (0i32, 0i32, 0i32);
        for count in &self.counts[1..] {
            code |= bits.take(1)? as i32;
            let count = i32::from(*count);
            if code - count < first {
                return self.symbols.get((index + code - first) as usize).map(|symbol| usize::from(*symbol));
            }
            (index, first, code) = (index + count, (first + count) * 2, code * 2);
        }
        None
    }
}

/// The codes of a block: for bytes and lengths, and for distances.
type Codes = (Code, Code);

fn fixed() -> Option<Codes> {
    let mut lengths = [8; 288];
    lengths[144..256].fill(9);
    lengths[256..280].fill(7);
    Some((Code::new(&lengths)?, Code::new(&[5; 30])?))
}

fn dynamic(bits: &mut Bits<'_>) -> Option<Codes> {
    const ORDER: [usize; 19] = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];
    let (literals, distances, lengths) =
        (bits.take(5)? as usize + 257, bits.take(5)? as usize + 1, bits.take(4)? as usize + 4);
    let mut of_lengths = [0; 19];
    for place in &ORDER[..lengths] {
        of_lengths[*place] = bits.take(3)? as u8;
    }
    let code = Code::new(&of_lengths)?;
    let mut lengths = Vec::with_capacity(literals + distances);
    while lengths.len() < literals + distances {
        let (value, times) = match code.read(bits)? {
            16 => (*lengths.last()?, 3 + bits.take(2)?),
            17 => (0, 3 + bits.take(3)?),
            18 => (0, 11 + bits.take(7)?),
            length => (length as u8, 1),
        };
        lengths.extend(std::iter::repeat_n(value, times as usize));
    }
    if lengths.len() > literals + distances || literals > 286 || distances > 30 {
        return None;
    }
    Some((Code::new(&lengths[..literals])?, Code::new(&lengths[literals..])?))
}

fn stored(bits: &mut Bits<'_>, out: &mut Vec<u8>, size: usize) -> Option<()> {
    // The rest of the byte is skipped; whole bytes that were read ahead are given back.
    bits.at -= (bits.count / 8) as usize;
    (bits.held, bits.count) = (0, 0);
    let (length, check) = (bits.take(16)?, bits.take(16)?);
    let bytes = bits.data.get(bits.at..bits.at + length as usize)?;
    if length != !check & 0xffff || out.len() + bytes.len() > size {
        return None;
    }
    out.extend_from_slice(bytes);
    bits.at += bytes.len();
    Some(())
}

fn block(bits: &mut Bits<'_>, out: &mut Vec<u8>, size: usize, (literals, distances): &Codes) -> Option<()> {
    const LENGTHS: [u16; 29] = [
        3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227,
        258,
    ];
    const LENGTH_BITS: [u8; 29] =
        [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0];
    const DISTANCES: [u16; 30] = [
        1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097,
        6145, 8193, 12289, 16385, 24577,
    ];
    loop {
        let symbol = literals.read(bits)?;
        if symbol == 256 {
            return Some(());
        }
        if symbol < 256 {
            if out.len() >= size {
                return None;
            }
            out.push(symbol as u8);
            continue;
        }
        let at = symbol - 257;
        let length = usize::from(*LENGTHS.get(at)?) + bits.take(u32::from(LENGTH_BITS[at]))? as usize;
        let at = distances.read(bits)?;
        let more = (at as u32 / 2).saturating_sub(1);
        let distance = usize::from(*DISTANCES.get(at)?) + bits.take(more)? as usize;
        if distance > out.len() || out.len() + length > size {
            return None;
        }
        for _ in 0..length {
            out.push(out[out.len() - distance]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_block_is_unpacked() {
        assert_eq!(inflate(&[1, 3, 0, 0xfc, 0xff, b'a', b'b', b'c'], 3).as_deref(), Some(&b"abc"[..]));
        assert_eq!(inflate(&[0x4b, 0x4c, 0x4a, 0x06, 0x00], 3).as_deref(), Some(&b"abc"[..]));
        // zlib's best for 200 bytes of few symbols: a block with codes of its own.
        let packed = [
            0x2d, 0x4d, 0x81, 0x11, 0x00, 0x21, 0x08, 0x9a, 0x15, 0x54, 0x64, 0xff, 0x09, 0x1e, 0xff, 0xca, 0xcb, 0x14,
            0x08, 0x44, 0xd3, 0xde, 0x41, 0x63, 0x01, 0xb0, 0x51, 0x03, 0x01, 0x46, 0x11, 0x15, 0x44, 0x6a, 0xbc, 0x43,
            0x62, 0x76, 0x1f, 0xc7, 0x90, 0xe9, 0x94, 0xa0, 0xf5, 0x4d, 0xec, 0x3c, 0xdd, 0x3e, 0xdc, 0xa1, 0xa7, 0x58,
            0x8a, 0xaf, 0xcf, 0x0f, 0xcd, 0x49, 0x35, 0x64, 0xfe, 0xc6, 0x1c, 0xdd, 0x27, 0x0f, 0xb8, 0x41, 0x92, 0x6e,
            0xf3, 0xc4, 0xd0, 0x84, 0xb6, 0xe2, 0xb7, 0x75, 0x78, 0xf3, 0x56, 0xdc, 0x92, 0xdc, 0xbb, 0x2d, 0x4c, 0x82,
            0xa2, 0x8f, 0xe8, 0xe0, 0xc1, 0x07,
        ];
        let text = "fbhbhhgeadagaaabdaceafaahacbacaaaffdaaaaaaaabbaeggaahacbabcaababbffafghbabbbdhbaddhaabahbcaecbcfadahafaaadbebebdafhbbacaabefbabbheabgbbaagahhbdahaafecaahfbbdgcaagadbaahfagcaacbaacbadfaeddhhbdbbdcaacea";
        assert_eq!(inflate(&packed, 200).as_deref(), Some(text.as_bytes()));
        assert_eq!((inflate(&packed, 199), inflate(&packed, 201)), (None, None));
        assert_eq!(inflate(&packed[..packed.len() - 1], 200), None);
    }

    #[test]
    fn anything_is_answered_in_bounds() {
        let mut seed = 1u32;
        for length in 0..2000 {
            let data: Vec<u8> = (0..length % 100)
                .map(|_| {
                    seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    (seed >> 24) as u8
                })
                .collect();
            if let Some(out) = inflate(&data, 50) {
                assert_eq!(out.len(), 50);
            }
        }
    }
}
