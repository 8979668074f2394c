//! Shell patterns (`*`, `?`, `[…]`, extended globs) and pathname expansion.
//!
//! A pattern's source is bytes in which a backslash makes the next character ordinary: the shell escapes what was quoted.
//! Plain patterns are matched piece by piece between their stars, extended ones by sets of positions; both take
//! polynomial time whatever the pattern.

mod bracket;
mod extended;
mod glob;
mod parse;
mod replace;
mod simple;
#[cfg(test)]
mod tests;

pub(crate) use bracket::{Class, is_printable};
pub use glob::{DirEntry, DirReader, EntryKind, GlobOptions, glob};
pub use replace::Scope;

use crate::text::utf8;
use parse::Node;

/// How a pattern is read.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Flags {
    /// `?( *( +( @( !(` are operators (`shopt -s extglob`; always in `[[ == ]]`).
    pub extglob: bool,
    /// Case does not matter (`nocasematch`, `nocaseglob`).
    pub nocase: bool,
}

/// Which of several matches is wanted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Extent {
    /// The longest.
    Longest,
    /// The shortest.
    Shortest,
}

/// A compiled pattern.
#[derive(Clone, Debug)]
pub struct Pattern {
    source: Box<[u8]>,
    flags: Flags,
    nodes: Vec<Node>,
    /// Has extended operators.
    extended: bool,
    /// Has a part that matches characters rather than bytes.
    by_char: bool,
    /// The source is no valid UTF-8.
    invalid: bool,
}

/// A text to be matched, with what must be known of it.
#[derive(Clone, Copy, Debug)]
struct Subject<'a> {
    text: &'a [u8],
    /// Every byte is a character: the text is ASCII, or not valid UTF-8.
    bytes: bool,
    nocase: bool,
    /// The text is a file name whose leading dot only a literal dot matches.
    hidden: bool,
}

/// Codes of invalid bytes begin here, above all characters.
const RAW: u32 = 0x11_0000;

impl<'a> Subject<'a> {
    /// The character at `at` (not the end) and the position behind it.
    fn next(&self, at: usize) -> (u32, usize) {
        let byte = self.text[at];
        if self.bytes || byte < 0x80 {
            return (if byte < 0x80 { u32::from(byte) } else { RAW + u32::from(byte) }, at + 1);
        }
        match utf8::decode(&self.text[at..]) {
            (Some(c), length) => (u32::from(c), at + length),
            (None, _) => (RAW + u32::from(byte), at + 1),
        }
    }

    /// The character before `at` (not the beginning) and its position.
    fn previous(&self, at: usize) -> (u32, usize) {
        let byte = self.text[at - 1];
        if self.bytes || byte < 0x80 {
            return (if byte < 0x80 { u32::from(byte) } else { RAW + u32::from(byte) }, at - 1);
        }
        match utf8::decode_last(&self.text[..at]) {
            (Some(c), length) => (u32::from(c), at - length),
            (None, _) => (RAW + u32::from(byte), at - 1),
        }
    }

    /// May something other than a literal match the character at `at`?
    fn visible(&self, at: usize) -> bool {
        !(self.hidden && at == 0)
    }
}

/// Lower case, for comparing without case.
fn fold(code: u32) -> u32 {
    match char::from_u32(code) {
        Some(c) => u32::from(utf8::lower(c)),
        None => code,
    }
}

impl Pattern {
    /// Compiles `source`. Every text is a pattern: what is malformed stands for itself.
    pub fn new(source: &[u8], flags: Flags) -> Pattern {
        Pattern::compile(source, flags, false)
    }

    fn compile(source: &[u8], flags: Flags, bytes: bool) -> Pattern {
        let nodes = parse::parse(source, flags, bytes);
        let extended = nodes.iter().any(|node| matches!(node, Node::Group(..)));
        let literal = nodes.iter().all(|node| matches!(node, Node::Text(_) | Node::Star));
        let by_char = extended || flags.nocase || !literal;
        let invalid = std::str::from_utf8(source).is_err();
        Pattern { source: source.into(), flags, nodes, extended, by_char, invalid }
    }

    /// The text it was compiled from.
    pub fn source(&self) -> &[u8] {
        &self.source
    }

    /// The one text it matches, if it is a plain one.
    pub fn as_literal(&self) -> Option<&[u8]> {
        match self.nodes.as_slice() {
            [] => Some(b""),
            [Node::Text(text)] if !self.flags.nocase => Some(text),
            _ => None,
        }
    }

    /// Runs `f` with the pattern and the text as they suit each other: in a text that is not UTF-8 bytes are matched,
    /// by the bytes of the pattern.
    fn with<'t, R>(&self, text: &'t [u8], f: impl FnOnce(&Pattern, Subject<'t>) -> R) -> R {
        let bytes = !self.by_char || self.invalid || text.is_ascii() || std::str::from_utf8(text).is_err();
        let subject = Subject { text, bytes, nocase: self.flags.nocase, hidden: false };
        if bytes && self.by_char && !text.is_ascii() && !self.source.is_ascii() {
            return f(&Pattern::compile(&self.source, self.flags, true), subject);
        }
        f(self, subject)
    }

    /// Does it match the whole text?
    pub fn matches(&self, text: &[u8]) -> bool {
        match self.nodes.as_slice() {
            [] => text.is_empty(),
            [Node::Text(literal)] if !self.flags.nocase => **literal == *text,
            [Node::Star] => true,
            _ => self.with(text, |pattern, subject| pattern.matches_subject(&subject)),
        }
    }

    fn matches_subject(&self, subject: &Subject<'_>) -> bool {
        if self.extended { extended::matches(&self.nodes, subject) } else { simple::matches(&self.nodes, subject) }
    }

    /// Does it match a file's name? Unless `dots`, a leading dot is matched by a literal dot only.
    fn matches_name(&self, name: &[u8], dots: bool) -> bool {
        let hidden = !dots && name.first() == Some(&b'.');
        self.with(name, |pattern, subject| pattern.matches_subject(&Subject { hidden, ..subject }))
    }

    /// The end of a match that begins at 0 (`${v#p}`).
    pub fn match_prefix(&self, text: &[u8], extent: Extent) -> Option<usize> {
        self.with(text, |pattern, subject| pattern.match_from(&subject, 0, extent))
    }

    fn match_from(&self, subject: &Subject<'_>, from: usize, extent: Extent) -> Option<usize> {
        if self.extended {
            extended::match_from(&self.nodes, subject, from, extent)
        } else {
            simple::match_from(&self.nodes, subject, from, extent)
        }
    }

    /// The start of a match that ends at the end (`${v%p}`).
    pub fn match_suffix(&self, text: &[u8], extent: Extent) -> Option<usize> {
        self.with(text, |pattern, subject| {
            if pattern.extended {
                extended::match_to_end(&pattern.nodes, &subject, extent)
            } else {
                simple::match_to_end(&pattern.nodes, &subject, extent)
            }
        })
    }

    /// The leftmost longest match that begins at `from` or later (`${v/p/r}`); it may be empty.
    pub fn find(&self, text: &[u8], from: usize) -> Option<(usize, usize)> {
        self.with(text, |pattern, subject| pattern.find_in(&subject, from))
    }

    fn find_in(&self, subject: &Subject<'_>, from: usize) -> Option<(usize, usize)> {
        let start = if self.extended {
            extended::find_start(&self.nodes, subject, from)?
        } else {
            simple::find_start(&self.nodes, subject, from)?
        };
        Some((start, self.match_from(subject, start, Extent::Longest)?))
    }
}

/// Does `source` have an unescaped special character, so that it may match anything but itself?
pub fn has_magic(source: &[u8]) -> bool {
    let mut open = false;
    let mut at = 0;
    while at < source.len() {
        match source[at] {
            b'*' | b'?' => return true,
            b'+' | b'@' | b'!' if source.get(at + 1) == Some(&b'(') => return true,
            b'[' => open = true,
            b']' if open => return true,
            b'\\' => at += 1,
            _ => {}
        }
        at += 1;
    }
    false
}

/// Removes the escaping backslashes: what the word is when it is no pattern.
pub fn unescape(source: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(source.len());
    let mut at = 0;
    while at < source.len() {
        if source[at] == b'\\' && at + 1 < source.len() {
            at += 1;
        }
        out.push(source[at]);
        at += 1;
    }
    out
}

/// Appends `text` to a pattern's source so that it matches itself.
pub fn escape_into(text: &[u8], source: &mut Vec<u8>) {
    for &byte in text {
        if matches!(
            byte,
            b'*' | b'?'
                | b'['
                | b']'
                | b'\\'
                | b'('
                | b')'
                | b'|'
                | b'+'
                | b'@'
                | b'!'
                | b'-'
                | b'^'
                | b':'
                | b'='
                | b'.'
        ) {
            source.push(b'\\');
        }
        source.push(byte);
    }
}
