//! Expansion: from the words of the program to the texts commands are given.
//!
//! One walk over a word's pieces feeds a [`Sink`], which decides what quoting means: fields are split and matched against
//! files, strings are joined, patterns and regular expressions have their quoted characters escaped.

mod arithmetic;
mod fields;
mod glob;
mod operators;
mod params;
pub mod prompt;
mod sink;
mod tilde;
mod transform;
/// Attributes and array values as listings show them.
pub mod attributes {
    pub use super::transform::{array_value, attribute_letters};
}

use crate::options::Opt;
use crate::shell::{Run, Shell, Unwind};
use crate::syntax::ast::{ArithText, Part, Subscript, Word};
use crate::syntax::{Lines, Parser, Settings, print};
pub use sink::{Between, PatternSink, QuotedSink, RegexSink, ReplacementSink, Sink, StringSink};
use std::cell::OnceCell;
use std::rc::Rc;

/// Reads a decimal number with an optional sign and blanks around it.
#[must_use]
pub fn to_int(text: &[u8]) -> Option<i64> {
    let text = text.trim_ascii();
    let (negative, digits) = match text.first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    if digits.is_empty() {
        return None;
    }
    let mut n: i64 = 0;
    for b in digits {
        if !b.is_ascii_digit() {
            return None;
        }
        n = n.checked_mul(10)?;
        let digit = i64::from(b - b'0');
        n = if negative { n.checked_sub(digit)? } else { n.checked_add(digit)? };
    }
    Some(n)
}

/// A subscript given at run time as text.
#[must_use]
pub fn subscript_from_text(text: &[u8]) -> Rc<Subscript> {
    Rc::new(Subscript { arith: arith_from_text(text), key: OnceCell::new() })
}

/// Arithmetic given at run time as text, which is not expanded any further.
#[must_use]
pub fn arith_from_text(text: &[u8]) -> ArithText {
    let settings = Settings { extglob: true, ..Settings::default() };
    let mut parser = Parser::new(Box::new(Lines::new(text.to_vec())), 0, settings);
    parser.whole_arithmetic()
}

/// Text given at run time that is expanded like a double-quoted string.
#[must_use]
pub fn quoted_from_text(text: &[u8]) -> Word {
    let settings = Settings { extglob: true, ..Settings::default() };
    Parser::new(Box::new(Lines::new(text.to_vec())), 0, settings).whole_quoted()
}

/// Where in a word a piece is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Place {
    /// Inside double quotes.
    pub quoted: bool,
    /// In the word of an operator like `${x:-word}`, whose unquoted text is split.
    pub operand: bool,
}

impl Place {
    pub const PLAIN: Self = Self { quoted: false, operand: false };
    pub const QUOTED: Self = Self { quoted: true, operand: false };
}

impl Shell {
    /// Expands pieces into a sink.
    pub(crate) fn walk(&mut self, parts: &[Part], place: Place, sink: &mut dyn Sink) -> Run {
        for part in parts {
            match part {
                Part::Lit(t) if place.quoted => sink.quoted(t),
                Part::Lit(t) if place.operand => sink.expanded(t),
                Part::Lit(t) => sink.literal(t),
                Part::Escaped(c) => sink.quoted(&[*c]),
                Part::Single(t) => sink.quoted(t),
                Part::Double(inner) if inner.is_empty() => sink.quoted(b""),
                Part::Double(inner) if inner.iter().any(fields::is_list) => {
                    let mut piece = QuotedSink::new(sink, inner.iter().any(fields::is_at));
                    self.walk(inner, Place::QUOTED, &mut piece)?;
                    piece.finish();
                }
                Part::Double(inner) => self.walk(inner, Place::QUOTED, sink)?,
                Part::Param(p) => {
                    if let Err(unwind) = self.param(p, place, sink) {
                        return Err(self.blame(parts, unwind));
                    }
                }
                _ => self.walk_rare(part, place, sink)?,
            }
        }
        Ok(())
    }

    /// A bad substitution is reported with all of the word around it.
    #[cold]
    fn blame(&mut self, parts: &[Part], unwind: Unwind) -> Unwind {
        if std::mem::take(&mut self.bad_substitution) {
            let text = print::pieces(parts);
            self.complain_parts(&[&text, b": bad substitution"]);
        }
        unwind
    }

    #[inline(never)]
    fn walk_rare(&mut self, part: &Part, place: Place, sink: &mut dyn Sink) -> Run {
        match part {
            Part::Arith(a) => {
                let n = self.arithmetic(&a.text)?;
                let mut digits = [0; 20];
                sink.value(decimal(n, &mut digits), place.quoted);
            }
            Part::Command(c) => {
                let text = self.command_substitution(&c.list)?;
                sink.value(&text, place.quoted);
            }
            Part::Backquote(b) => {
                let text = self.backquoted(b)?;
                sink.value(&text, place.quoted);
            }
            Part::Process(p) => {
                let path = self.process_substitution(p)?;
                sink.quoted(&path);
            }
            Part::Tilde(name) => match self.tilde(name) {
                Some(path) => sink.quoted(&path),
                None => {
                    sink.literal(b"~");
                    sink.literal(name);
                }
            },
            Part::Lit(_) | Part::Escaped(_) | Part::Single(_) | Part::Double(_) | Part::Param(_) => {}
        }
        Ok(())
    }

    /// Expands a word to one text: no splitting, no matching of files.
    pub fn expand_string(&mut self, word: &Word) -> Run<Vec<u8>> {
        let mut out = Vec::new();
        self.expand_into(word, &mut out)?;
        Ok(out)
    }

    /// [`Shell::expand_string`], appending.
    pub fn expand_into(&mut self, word: &Word, out: &mut Vec<u8>) -> Run {
        if let [Part::Lit(t)] = &*word.parts {
            out.extend_from_slice(t);
            return Ok(());
        }
        let ifs = self.ifs();
        let mut sink = StringSink { out, joiner: ifs.joiner(), made: b" " };
        self.walk(&word.parts, Place::PLAIN, &mut sink)
    }

    /// Expands the right side of an assignment, or a here-string.
    pub fn expand_assigned(&mut self, word: &Word, out: &mut Vec<u8>) -> Run {
        if let [Part::Lit(t)] = &*word.parts {
            out.extend_from_slice(t);
            return Ok(());
        }
        let ifs = self.ifs();
        let made = if ifs.joiner().is_empty() { b" " } else { ifs.joiner() };
        let mut sink = StringSink { out, joiner: ifs.joiner(), made };
        self.walk(&word.parts, Place::PLAIN, &mut sink)
    }

    /// Expands a word to the source of a pattern.
    pub fn expand_pattern(&mut self, word: &Word) -> Run<Vec<u8>> {
        let ifs = self.ifs();
        let mut sink = PatternSink { out: Vec::new(), joiner: ifs.joiner(), all: self.opt(Opt::XTrace) };
        self.walk(&word.parts, Place::PLAIN, &mut sink)?;
        Ok(sink.out)
    }

    /// Expands a word to the source of a regular expression.
    pub fn expand_regex(&mut self, word: &Word) -> Run<Vec<u8>> {
        let ifs = self.ifs();
        let mut sink = RegexSink { out: Vec::new(), joiner: ifs.joiner() };
        self.walk(&word.parts, Place::PLAIN, &mut sink)?;
        Ok(sink.out)
    }
}

/// Writes a number into `buf` and gives its text.
#[must_use]
pub fn decimal(n: i64, buf: &mut [u8; 20]) -> &[u8] {
    let mut rest = n.unsigned_abs();
    let mut i = buf.len();
    loop {
        i -= 1;
        buf[i] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    if n < 0 {
        i -= 1;
        buf[i] = b'-';
    }
    &buf[i..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers() {
        let mut buf = [0; 20];
        for n in [0, 7, -1, 1234, i64::MAX, i64::MIN] {
            assert_eq!(decimal(n, &mut buf), n.to_string().as_bytes());
            assert_eq!(to_int(n.to_string().as_bytes()), Some(n));
        }
        assert_eq!(to_int(b" +12 "), Some(12));
        assert_eq!(to_int(b"1x"), None);
        assert_eq!(to_int(b""), None);
        assert_eq!(to_int(b"99999999999999999999"), None);
    }
}
