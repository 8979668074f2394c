//! Characters of byte strings as bash sees them in a UTF-8 locale; an invalid byte is a character of its own.

/// The first character and its length in bytes; `None` for the character when the byte is invalid. `text` is not empty.
pub fn decode(text: &[u8]) -> (Option<char>, usize) {
    let _ = text;
    todo!()
}

/// The number of characters (`${#v}`).
pub fn char_count(text: &[u8]) -> usize {
    let _ = text;
    todo!()
}

/// The byte offset of character number `index`, or the text's length if it has fewer (`${v:o:l}`).
pub fn char_offset(text: &[u8], index: usize) -> usize {
    let _ = (text, index);
    todo!()
}

/// Appends a code point as UTF-8, in the old form of up to six bytes where Unicode ends, as bash does for `\U`.
pub fn encode(code: u32, out: &mut Vec<u8>) {
    let _ = (code, out);
    todo!()
}
