//! Characters of byte strings as bash sees them in a UTF-8 locale; an invalid byte is a character of its own.

/// The first character and its length in bytes; `None` for the character when the byte is invalid. Of an empty text
/// `(None, 0)`.
pub fn decode(text: &[u8]) -> (Option<char>, usize) {
    let Some(&first) = text.first() else {
        return (None, 0);
    };
    if first < 0x80 {
        return (Some(first as char), 1);
    }
    let length = match first {
        0xc2..=0xdf => 2,
        0xe0..=0xef => 3,
        0xf0..=0xf4 => 4,
        _ => return (None, 1),
    };
    let decoded = text.get(..length).and_then(|bytes| std::str::from_utf8(bytes).ok());
    match decoded.and_then(|text| text.chars().next()) {
        Some(c) => (Some(c), length),
        None => (None, 1),
    }
}

/// The last character and its length in bytes, as [`decode`] does for the first.
pub fn decode_last(text: &[u8]) -> (Option<char>, usize) {
    let Some(&last) = text.last() else {
        return (None, 0);
    };
    if last < 0x80 {
        return (Some(last as char), 1);
    }
    for length in 2..=text.len().min(4) {
        let tail = &text[text.len() - length..];
        if tail[0] >= 0xc0 {
            return match decode(tail) {
                (Some(c), decoded) if decoded == length => (Some(c), length),
                _ => (None, 1),
            };
        }
    }
    (None, 1)
}

/// The characters of a text with their byte ranges.
pub fn chars(text: &[u8]) -> impl Iterator<Item = (Option<char>, &[u8])> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let (c, length) = decode(rest);
        let (bytes, tail) = rest.split_at(length);
        rest = tail;
        Some((c, bytes))
    })
}

/// The number of characters (`${#v}`).
pub fn char_count(text: &[u8]) -> usize {
    if text.is_ascii() { text.len() } else { chars(text).count() }
}

/// The byte offset of character number `index`, or the text's length if it has fewer (`${v:o:l}`).
pub fn char_offset(text: &[u8], index: usize) -> usize {
    if text.is_ascii() {
        return index.min(text.len());
    }
    chars(text).take(index).map(|(_, bytes)| bytes.len()).sum()
}

/// Appends a code point as UTF-8, in the old form of up to six bytes where Unicode ends, as bash does for `\U`.
pub fn encode(code: u32, out: &mut Vec<u8>) {
    let tail = |shift: u32| 0x80 | (code >> shift & 0x3f) as u8;
    match code {
        0..=0x7f => out.push(code as u8),
        0x80..=0x7ff => out.extend([0xc0 | (code >> 6) as u8, tail(0)]),
        0x800..=0xffff => out.extend([0xe0 | (code >> 12) as u8, tail(6), tail(0)]),
        0x1_0000..=0x1f_ffff => out.extend([0xf0 | (code >> 18) as u8, tail(12), tail(6), tail(0)]),
        0x20_0000..=0x3ff_ffff => {
            out.extend([0xf8 | (code >> 24) as u8, tail(18), tail(12), tail(6), tail(0)]);
        }
        0x400_0000..=0x7fff_ffff => {
            out.extend([0xfc | (code >> 30) as u8, tail(24), tail(18), tail(12), tail(6), tail(0)]);
        }
        // More than 31 bits have no form at all.
        _ => {}
    }
}

/// The lower-case form, if it is one character (as C's `towlower`).
pub fn lower(c: char) -> char {
    if c.is_ascii() {
        return c.to_ascii_lowercase();
    }
    let mut all = c.to_lowercase();
    match (all.next(), all.next()) {
        (Some(lower), None) => lower,
        _ if c == 'İ' => 'i',
        _ => c,
    }
}

/// The upper-case form, in one character, of those whose real one is two.
fn title(c: char) -> char {
    let distance = match c {
        '\u{1f80}'..='\u{1f87}' | '\u{1f90}'..='\u{1f97}' | '\u{1fa0}'..='\u{1fa7}' => 8,
        '\u{1fb3}' | '\u{1fc3}' | '\u{1ff3}' => 9,
        _ => 0,
    };
    char::from_u32(u32::from(c) + distance).unwrap_or(c)
}

/// The upper-case form, if it is one character (as C's `towupper`).
pub fn upper(c: char) -> char {
    if c.is_ascii() {
        return c.to_ascii_uppercase();
    }
    let mut all = c.to_uppercase();
    match (all.next(), all.next()) {
        (Some(upper), None) => upper,
        _ => title(c),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forwards_and_backwards() {
        let text = "aé€😀".as_bytes();
        let decoded: Vec<char> = chars(text).filter_map(|(c, _)| c).collect();
        assert_eq!(decoded, ['a', 'é', '€', '😀']);
        assert_eq!(decode_last(text), (Some('😀'), 4));
        assert_eq!(decode_last(b"a\x80"), (None, 1));
        assert_eq!(decode_last(b"\xc3\xa9\xa9"), (None, 1));
        assert_eq!(char_count(b"\xff\xc3\xa9\xc3"), 3);
        assert_eq!(char_offset(text, 2), 3);
        assert_eq!(char_offset(text, 9), text.len());
    }

    #[test]
    fn encodes_beyond_unicode() {
        let mut out = Vec::new();
        encode(0x20ac, &mut out);
        encode(0x7fff_ffff, &mut out);
        assert_eq!(out, b"\xe2\x82\xac\xfd\xbf\xbf\xbf\xbf\xbf");
    }
}
