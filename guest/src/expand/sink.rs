//! What becomes of expanded pieces.

use crate::pattern;
use crate::text::{ere, split::Splitter};

/// Receives the pieces of a word in order.
pub trait Sink {
    /// A quoted piece; even an empty one counts.
    fn quoted(&mut self, text: &[u8]);
    /// Unquoted text of the word itself.
    fn literal(&mut self, text: &[u8]);
    /// What an unquoted expansion gave.
    fn expanded(&mut self, text: &[u8]);
    /// Between two elements of a list; `star` for `$*`.
    fn boundary(&mut self, star: bool);

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
    fn boundary(&mut self, _star: bool) {
        Splitter::boundary(self);
    }
}

/// Joins everything.
pub struct StringSink<'a> {
    pub out: &'a mut Vec<u8>,
    /// What `$*` puts between its elements.
    pub joiner: &'a [u8],
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
    fn boundary(&mut self, star: bool) {
        self.out.extend_from_slice(if star { self.joiner } else { b" " });
    }
}

/// Escapes what is quoted so that it matches itself in a pattern.
pub struct PatternSink<'a> {
    pub out: Vec<u8>,
    pub joiner: &'a [u8],
}

impl Sink for PatternSink<'_> {
    fn quoted(&mut self, text: &[u8]) {
        pattern::escape_into(text, &mut self.out);
    }
    fn literal(&mut self, text: &[u8]) {
        self.out.extend_from_slice(text);
    }
    fn expanded(&mut self, text: &[u8]) {
        self.out.extend_from_slice(text);
    }
    fn boundary(&mut self, star: bool) {
        self.out.extend_from_slice(if star { self.joiner } else { b" " });
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
    fn boundary(&mut self, star: bool) {
        self.out.extend_from_slice(if star { self.joiner } else { b" " });
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
    fn boundary(&mut self, _star: bool) {
        self.text.push(b' ');
    }
}
