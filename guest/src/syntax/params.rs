//! Parameter expansions.

use super::ast::{Index, Op, Param, ParamName, Part, Word};
use super::parser::{END, Parse, Parser};
use super::words::{QuoteEnd, Stop};
use crate::names::Sym;

fn is_special(b: u8) -> bool {
    matches!(b, b'@' | b'*' | b'#' | b'?' | b'-' | b'$' | b'!')
}

/// An expansion without braces.
fn plain(name: ParamName) -> Part {
    Part::Param(Box::new(Param::plain(name)))
}

impl Parser {
    /// `$name`, `$1`, `$?` behind the `$`.
    pub(super) fn simple_parameter(&mut self) -> Option<Part> {
        let b = self.here();
        if b.is_ascii_digit() {
            self.pos += 1;
            return Some(plain(ParamName::Positional(u32::from(b - b'0'))));
        }
        if is_special(b) {
            self.pos += 1;
            return Some(plain(ParamName::Special(b)));
        }
        let len = self.name_length();
        if len == 0 {
            return None;
        }
        let name = Sym::of_parameter(&self.buf[self.pos..self.pos + len]);
        self.pos += len;
        Some(plain(ParamName::Var(name)))
    }

    /// The length of the variable name at the position.
    pub(super) fn name_length(&mut self) -> usize {
        let mut n = 0;
        loop {
            let b = self.at(n);
            if b == b'_' || b.is_ascii_alphabetic() || (n > 0 && b.is_ascii_digit()) {
                n += 1;
            } else {
                return n;
            }
        }
    }

    /// `${…}`, at the `$`.
    pub(super) fn braced_parameter(&mut self, quoted: bool) -> Parse<Part> {
        let line = self.line;
        self.pos += 2;
        let start = self.pos;
        let mut param = self.parameter_body(quoted, line)?;
        if self.here() != b'}' {
            // Not an expansion: an error, but only when it is run.
            self.rewind(start, line)?;
            self.skip_matched(b'{', b'}', line)?;
            self.pos -= 1;
            param.op = Op::Bad;
        }
        param.source = Some(self.source_from(start).into());
        self.pos += 1;
        Ok(Part::Param(Box::new(param)))
    }

    fn parameter_body(&mut self, quoted: bool, line: u32) -> Parse<Param> {
        let mut param = Param {
            name: ParamName::Special(b'#'),
            index: None,
            indirect: false,
            op: Op::None,
            source: None,
            line,
            quoted,
        };
        if self.here() == b'#' && self.parameter_length(&mut param)? {
            return Ok(param);
        }
        if self.here() == b'!' && self.indirection_follows() {
            self.pos += 1;
            param.indirect = true;
        }
        if !self.parameter_name(&mut param)? {
            param.op = Op::Bad;
            return Ok(param);
        }
        if param.indirect && self.indirect_lists(&mut param) {
            return Ok(param);
        }
        let start = self.pos;
        param.op = self.operation(&param)?;
        if self.is_refused(&param, start) {
            param.op = Op::Bad;
        }
        Ok(param)
    }

    /// `#name}` and `#name[…]}` are lengths; anything else that begins with `#` is the parameter `#`.
    fn parameter_length(&mut self, param: &mut Param) -> Parse<bool> {
        let start = self.pos;
        self.pos += 1;
        if self.here() != b'}' && self.parameter_name(param)? && self.here() == b'}' {
            param.op = Op::Length;
            return Ok(true);
        }
        self.pos = start;
        param.name = ParamName::Special(b'#');
        param.index = None;
        Ok(false)
    }

    fn indirection_follows(&mut self) -> bool {
        let b = self.at(1);
        b == b'_'
            || b == b'#'
            || b.is_ascii_alphanumeric()
            || (matches!(b, b'@' | b'*' | b'?' | b'!' | b'-') && self.at(2) == b'}')
    }

    /// A name with its subscript, or a number, or a special parameter.
    fn parameter_name(&mut self, param: &mut Param) -> Parse<bool> {
        let b = self.here();
        if b.is_ascii_digit() {
            let mut n: u32 = 0;
            while self.here().is_ascii_digit() {
                n = n.saturating_mul(10).saturating_add(u32::from(self.here() - b'0'));
                self.pos += 1;
            }
            param.name = ParamName::Positional(n);
            return Ok(true);
        }
        if is_special(b) {
            self.pos += 1;
            param.name = ParamName::Special(b);
            return Ok(true);
        }
        let len = self.name_length();
        if len == 0 {
            return Ok(false);
        }
        param.name = ParamName::Var(Sym::of_parameter(&self.buf[self.pos..self.pos + len]));
        self.pos += len;
        if self.here() == b'[' {
            self.pos += 1;
            let subscript = self.subscript_here()?;
            param.index = Some(match &*subscript.arith.source {
                b"@" => Index::At,
                b"*" => Index::Star,
                _ => Index::Sub(subscript),
            });
        }
        Ok(true)
    }

    /// `${!name[@]}`, `${!prefix*}`.
    fn indirect_lists(&mut self, param: &mut Param) -> bool {
        let b = self.here();
        match (&param.index, b) {
            (Some(Index::At | Index::Star), b'}') => {
                param.op = Op::Keys { star: matches!(param.index, Some(Index::Star)) };
            }
            (None, b'@' | b'*') if self.at(1) == b'}' => {
                self.pos += 1;
                param.op = Op::Names { star: b == b'*' };
            }
            _ => return false,
        }
        param.indirect = false;
        true
    }

    /// Expansions that read well but that bash refuses; the operator began at `start`.
    fn is_refused(&self, param: &Param, start: usize) -> bool {
        let text = &self.buf[start..self.pos];
        match (&param.op, param.name) {
            (Op::Case { .. }, ParamName::Special(b'?' | b'#' | b'-')) => true,
            (Op::Trim { .. } | Op::Replace { .. }, ParamName::Special(b'#')) => text.len() == 1,
            (Op::Test { .. }, ParamName::Special(b'#')) => matches!(text, b"+" | b"="),
            (Op::Substring { .. }, _) => text.len() == 1,
            _ => matches!(&param.index, Some(Index::Sub(s)) if s.arith.source.is_empty()),
        }
    }

    fn operation(&mut self, param: &Param) -> Parse<Op> {
        let b = self.here();
        match b {
            b'}' => Ok(Op::None),
            b':' if matches!(self.at(1), b'-' | b'=' | b'?' | b'+') => {
                let op = self.at(1);
                self.pos += 2;
                Ok(Op::Test { op, colon: true, word: self.test_word(param)? })
            }
            b':' => {
                self.pos += 1;
                self.substring()
            }
            b'-' | b'=' | b'?' | b'+' => {
                self.pos += 1;
                Ok(Op::Test { op: b, colon: false, word: self.test_word(param)? })
            }
            b'#' | b'%' => {
                self.pos += 1;
                let longest = self.here() == b;
                self.pos += usize::from(longest);
                let pattern = self.pattern_word(Stop::Brace)?;
                Ok(Op::Trim { suffix: b == b'%', longest, pattern })
            }
            b'/' => {
                self.pos += 1;
                self.replacement()
            }
            b'^' | b',' | b'~' => {
                self.pos += 1;
                let all = self.here() == b;
                self.pos += usize::from(all);
                Ok(Op::Case { op: b, all, pattern: self.pattern_word(Stop::Brace)? })
            }
            b'@' if self.at(2) == b'}'
                && matches!(self.at(1), b'U' | b'u' | b'L' | b'Q' | b'E' | b'P' | b'A' | b'K' | b'k' | b'a') =>
            {
                let op = self.at(1);
                self.pos += 2;
                Ok(Op::Transform(op))
            }
            b'@' => {
                while !matches!(self.here(), b'}' | END) {
                    self.bump();
                }
                Ok(Op::Transform(0))
            }
            _ => Ok(Op::Bad),
        }
    }

    /// The word of `${x:-word}`: quoted like its surroundings.
    fn test_word(&mut self, param: &Param) -> Parse<Word> {
        if param.quoted {
            let line = self.line;
            return Ok(Word { parts: self.quoted(QuoteEnd::Brace, line)?, brace: false });
        }
        self.pattern_word(Stop::Brace)
    }

    fn pattern_word(&mut self, stop: Stop) -> Parse<Word> {
        let line = self.line;
        let mut word = self.word_until(stop, false)?;
        word.brace = false;
        if self.here() == END {
            return Err(self.unmatched(line, b'}'));
        }
        Ok(word)
    }

    fn replacement(&mut self) -> Parse<Op> {
        let anchor = match self.here() {
            b @ (b'/' | b'#' | b'%') => {
                self.pos += 1;
                b
            }
            _ => 0,
        };
        let slash = anchor == b'/' && self.here() == b'/';
        self.pos += usize::from(slash);
        let mut pattern = self.pattern_word(Stop::Slash)?;
        if slash {
            // A slash directly behind `//` belongs to the pattern.
            let parts = std::mem::take(&mut pattern.parts);
            pattern.parts = std::iter::once(Part::Lit((*b"/").into())).chain(parts).collect();
        }
        let with = if self.here() == b'/' {
            self.pos += 1;
            self.pattern_word(Stop::Brace)?
        } else {
            Word::default()
        };
        Ok(Op::Replace { anchor, pattern, with })
    }

    fn substring(&mut self) -> Parse<Op> {
        let line = self.line;
        let offset = self.arith_until(QuoteEnd::Colon, line)?;
        let length = if self.here() == b':' {
            self.pos += 1;
            Some(self.arith_until(QuoteEnd::Colon, line)?)
        } else {
            None
        };
        Ok(Op::Substring { offset, length })
    }
}
