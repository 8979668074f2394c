//! What becomes of expanded pieces.

use crate::pattern;
use crate::text::{ere, split::Splitter};

/// What is between two elements of a list.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Between {
    /// `$@`
    At,
    /// `$*`
    Star,
    /// A list that an operator made, like `${a[@]#x}`.
    Made,
}

/// Receives the pieces of a word in order.
pub trait Sink {
    /// A quoted piece; even an empty one counts.
    fn quoted(&mut self, text: &[u8]);
    /// Unquoted text of the word itself.
    fn literal(&mut self, text: &[u8]);
    /// What an unquoted expansion gave.
    fn expanded(&mut self, text: &[u8]);
    /// Between two elements of a list.
    fn boundary(&mut self, between: Between);

    /// An element of a list; it counts even if it is empty.
    fn item(&mut self, text: &[u8], quoted: bool) {
        self.value(text, quoted);
    }

    /// Is there a `$@` beside, so that even quoted `*` lists made by operators stay apart?
    fn splits_stars(&self) -> bool {
        false
    }

    /// Are expansions cut into fields?
    fn splits(&self) -> bool {
        false
    }

    /// A list without elements.
    fn nothing(&mut self) {}

    /// What an expansion gave.
    fn value(&mut self, text: &[u8], quoted: bool) {
        if quoted { self.quoted(text) } else { self.expanded(text) }
    }
}

impl Sink for Splitter<'_> {
    fn quoted(&mut self, text: &[u8]) {
        Splitter::quoted(self, text);
    }
    fn literal(&mut self, text: &[u8]) {
        Splitter::literal(self, text);
    }
    fn expanded(&mut self, text: &[u8]) {
        Splitter::expanded(self, text);
    }
    fn boundary(&mut self, _between: Between) {
        Splitter::boundary(self);
    }
    fn splits(&self) -> bool {
        true
    }
}

/// Joins everything.
pub struct StringSink<'a> {
    pub out: &'a mut Vec<u8>,
    /// What `$*` puts between its elements.
    pub joiner: &'a [u8],
    /// What is put between the elements of made lists.
    pub made: &'a [u8],
}

impl Sink for StringSink<'_> {
    fn quoted(&mut self, text: &[u8]) {
        self.out.extend_from_slice(text);
    }
    fn literal(&mut self, text: &[u8]) {
        self.out.extend_from_slice(text);
    }
    fn expanded(&mut self, text: &[u8]) {
        self.out.extend_from_slice(text);
    }
    fn boundary(&mut self, between: Between) {
        self.out.extend_from_slice(match between {
            Between::At => b" ",
            Between::Star => self.joiner,
            Between::Made => self.made,
        });
    }
}

/// A double-quoted piece among fields: one in which a list is empty, and nothing else is there, is no field.
pub struct QuotedSink<'a> {
    inner: &'a mut dyn Sink,
    at: bool,
    any: bool,
    nothing: bool,
}

impl<'a> QuotedSink<'a> {
    /// With `at`, there is a `$@` in the piece.
    pub fn new(inner: &'a mut dyn Sink, at: bool) -> Self {
        Self { inner, at, any: false, nothing: false }
    }

    /// Ends the piece.
    pub fn finish(self) {
        if !self.any && !self.nothing {
            self.inner.quoted(b"");
        }
    }
}

impl Sink for QuotedSink<'_> {
    fn quoted(&mut self, text: &[u8]) {
        if !text.is_empty() {
            self.any = true;
            self.inner.quoted(text);
        }
    }
    fn literal(&mut self, text: &[u8]) {
        self.quoted(text);
    }
    fn expanded(&mut self, text: &[u8]) {
        self.quoted(text);
    }
    fn boundary(&mut self, between: Between) {
        self.inner.boundary(between);
    }
    fn item(&mut self, text: &[u8], _quoted: bool) {
        self.any = true;
        self.inner.quoted(text);
    }
    fn splits_stars(&self) -> bool {
        self.at
    }
    fn splits(&self) -> bool {
        self.inner.splits()
    }
    fn nothing(&mut self) {
        self.nothing = true;
    }
}

/// Escapes what is quoted so that it matches itself in a pattern.
pub struct PatternSink<'a> {
    pub out: Vec<u8>,
    pub joiner: &'a [u8],
    /// Escapes every character that is quoted, as traces show them.
    pub all: bool,
}

impl Sink for PatternSink<'_> {
    fn quoted(&mut self, text: &[u8]) {
        if self.all {
            for b in text {
                // Not inside a character.
                if b & 0xc0 != 0x80 {
                    self.out.push(b'\\');
                }
                self.out.push(*b);
            }
        } else {
            pattern::escape_into(text, &mut self.out);
        }
    }
    fn literal(&mut self, text: &[u8]) {
        self.out.extend_from_slice(text);
    }
    fn expanded(&mut self, text: &[u8]) {
        self.out.extend_from_slice(text);
    }
    fn boundary(&mut self, between: Between) {
        self.out.extend_from_slice(if between == Between::Star { self.joiner } else { b" " });
    }
}

/// The same for regular expressions.
pub struct RegexSink<'a> {
    pub out: Vec<u8>,
    pub joiner: &'a [u8],
}

impl Sink for RegexSink<'_> {
    fn quoted(&mut self, text: &[u8]) {
        ere::escape_into(text, &mut self.out);
    }
    fn literal(&mut self, text: &[u8]) {
        self.out.extend_from_slice(text);
    }
    fn expanded(&mut self, text: &[u8]) {
        self.out.extend_from_slice(text);
    }
    fn boundary(&mut self, between: Between) {
        self.out.extend_from_slice(if between == Between::Star { self.joiner } else { b" " });
    }
}

/// The replacement of `${x/p/r}`, in which an unquoted `&` stands for the match.
#[derive(Default)]
pub struct ReplacementSink {
    pub text: Vec<u8>,
    /// Where in `text` a match is to be inserted.
    pub matches: Vec<usize>,
    /// Does `&` mean anything?
    pub enabled: bool,
}

impl ReplacementSink {
    fn unquoted(&mut self, text: &[u8]) {
        if !self.enabled {
            self.text.extend_from_slice(text);
            return;
        }
        let mut i = 0;
        while i < text.len() {
            match text[i] {
                b'&' => self.matches.push(self.text.len()),
                b'\\' if matches!(text.get(i + 1), Some(b'&' | b'\\')) => {
                    i += 1;
                    self.text.push(text[i]);
                }
                b => self.text.push(b),
            }
            i += 1;
        }
    }

    /// Appends the replacement of `matched`.
    pub fn apply(&self, matched: &[u8], out: &mut Vec<u8>) {
        let mut from = 0;
        for at in &self.matches {
            out.extend_from_slice(&self.text[from..*at]);
            out.extend_from_slice(matched);
            from = *at;
        }
        out.extend_from_slice(&self.text[from..]);
    }
}

impl Sink for ReplacementSink {
    fn quoted(&mut self, text: &[u8]) {
        self.text.extend_from_slice(text);
    }
    fn literal(&mut self, text: &[u8]) {
        self.unquoted(text);
    }
    fn expanded(&mut self, text: &[u8]) {
        self.unquoted(text);
    }
    fn boundary(&mut self, _between: Between) {
        self.text.push(b' ');
    }
}
