//! Words: cutting text into literal, quoted and expanded pieces.

use super::ast::{ArithSub, ArithText, Backquote, CmdSub, Part, ProcSub, Subscript, Text, Word};
use super::parser::{END, Parse, Parser, is_meta};
use crate::names::is_name;
use crate::text::ansi_c;
use std::cell::OnceCell;
use std::rc::Rc;

/// What ends a word.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Stop {
    /// An unquoted metacharacter.
    Meta,
    /// The same, but `@(…)` and kin are always part of the word: the right side of `[[ == ]]`.
    Pattern,
    /// The same, but `(…)` and `|` are part of the word: the right side of `[[ =~ ]]`.
    Regex,
    /// The `}` of a parameter expansion.
    Brace,
    /// That, or a `/`.
    Slash,
    /// Only the end of the text.
    Eof,
}

/// What ends text that is quoted like a double-quoted string.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum QuoteEnd {
    /// The closing `"`.
    Quote,
    /// The end of the text: a here-document.
    Eof,
    /// The end of the text, but `"` quotes inside it: arithmetic.
    EofArith,
    /// The `}` of a parameter expansion inside double quotes.
    Brace,
    /// Arithmetic up to an unmatched `)`.
    Paren,
    /// Arithmetic up to an unmatched `]`.
    Bracket,
    /// Arithmetic up to an unmatched `;` or `)`.
    Semicolon,
    /// Arithmetic up to a `:` that is not part of `?:`, or the `}`.
    Colon,
}

impl QuoteEnd {
    /// Do double quotes quote inside it, and single quotes protect brackets?
    fn is_arith(self) -> bool {
        matches!(self, Self::EofArith | Self::Paren | Self::Bracket | Self::Semicolon | Self::Colon)
    }

    /// The byte whose absence is reported when the text ends.
    fn closer(self) -> u8 {
        match self {
            Self::Quote => b'"',
            Self::Paren | Self::Semicolon => b')',
            Self::Bracket => b']',
            Self::Brace | Self::Colon => b'}',
            Self::Eof | Self::EofArith => 0,
        }
    }
}

/// Brackets open in arithmetic text.
#[derive(Default)]
struct Nesting {
    parens: u32,
    brackets: u32,
    questions: u32,
}

impl Nesting {
    /// Counts `b`; true if it ends the text.
    fn ends(&mut self, b: u8, end: QuoteEnd) -> bool {
        let open = self.parens > 0 || self.brackets > 0;
        match (b, end) {
            (b'(', _) if end != QuoteEnd::Bracket => self.parens += 1,
            (b')', QuoteEnd::Paren | QuoteEnd::Semicolon) if self.parens == 0 => return true,
            (b')', _) if end != QuoteEnd::Bracket => self.parens = self.parens.saturating_sub(1),
            (b'[', QuoteEnd::Bracket | QuoteEnd::Colon) => self.brackets += 1,
            (b']', QuoteEnd::Bracket) if self.brackets == 0 => return true,
            (b']', QuoteEnd::Bracket | QuoteEnd::Colon) => self.brackets = self.brackets.saturating_sub(1),
            (b';', QuoteEnd::Semicolon) => return !open,
            (b'}', QuoteEnd::Colon) => return !open,
            (b'?', QuoteEnd::Colon) => self.questions += 1,
            (b':', QuoteEnd::Colon) if !open => {
                if self.questions == 0 {
                    return true;
                }
                self.questions -= 1;
            }
            _ => {}
        }
        false
    }
}

/// Collects pieces, joining literal bytes.
#[derive(Default)]
pub(super) struct Pieces {
    parts: Vec<Part>,
    lit: Vec<u8>,
}

impl Pieces {
    pub(super) fn byte(&mut self, b: u8) {
        self.lit.push(b);
    }

    pub(super) fn push(&mut self, part: Part) {
        if !self.lit.is_empty() {
            self.parts.push(Part::Lit(std::mem::take(&mut self.lit).into()));
        }
        self.parts.push(part);
    }

    fn is_empty(&self) -> bool {
        self.parts.is_empty() && self.lit.is_empty()
    }

    pub(super) fn finish(mut self) -> Box<[Part]> {
        if !self.lit.is_empty() {
            self.parts.push(Part::Lit(self.lit.into()));
        }
        self.parts.into()
    }
}

/// State of reading one unquoted word.
struct Reading {
    stop: Stop,
    out: Pieces,
    /// Depth of `(` inside an extended pattern or a regular expression.
    parens: u32,
    /// A tilde may follow `:` and `=`.
    assign: bool,
    /// An unquoted `{` was seen, and after it a `,` or `..`.
    open_brace: bool,
    brace: bool,
}

impl Parser {
    /// A word that ends at a metacharacter. It may be empty if none starts here.
    pub(super) fn word(&mut self) -> Parse<Word> {
        self.word_until(Stop::Meta, false)
    }

    /// A word that ends at `stop`. With `assign`, tildes follow colons too.
    pub(super) fn word_until(&mut self, stop: Stop, assign: bool) -> Parse<Word> {
        let mut r = Reading { stop, out: Pieces::default(), parens: 0, assign, open_brace: false, brace: false };
        while self.word_piece(&mut r)? {}
        Ok(Word { parts: r.out.finish(), brace: r.brace })
    }

    /// Reads one piece; false at the word's end.
    fn word_piece(&mut self, r: &mut Reading) -> Parse<bool> {
        let b = self.here();
        match b {
            END => return self.word_end_of_text(r),
            b'\\' => self.backslash(&mut r.out),
            b'\'' => {
                let text = self.single_quoted()?;
                r.out.push(Part::Single(text));
            }
            b'"' => {
                let line = self.line;
                self.bump();
                let parts = self.nested(|p| p.quoted(QuoteEnd::Quote, line))?;
                r.out.push(Part::Double(parts));
            }
            b'`' => {
                let part = self.backquote(false)?;
                r.out.push(part);
            }
            b'$' => self.dollar(&mut r.out, false)?,
            b'<' | b'>' if self.at(1) == b'(' && !matches!(r.stop, Stop::Brace | Stop::Slash | Stop::Eof) => {
                let part = self.process_substitution(b == b'<')?;
                r.out.push(part);
            }
            _ => return self.word_byte(r, b),
        }
        Ok(true)
    }

    fn word_end_of_text(&mut self, r: &Reading) -> Parse<bool> {
        if r.parens > 0 {
            let line = self.line;
            return Err(self.unmatched(line, b')'));
        }
        Ok(false)
    }

    /// An unquoted byte without a meaning of its own at this level.
    fn word_byte(&mut self, r: &mut Reading, b: u8) -> Parse<bool> {
        if r.parens > 0 {
            match b {
                b'(' => r.parens += 1,
                b')' => r.parens -= 1,
                _ => {}
            }
            self.bump();
            r.out.byte(b);
            return Ok(true);
        }
        let ends = match r.stop {
            Stop::Eof => false,
            Stop::Brace => b == b'}',
            Stop::Slash => matches!(b, b'}' | b'/'),
            Stop::Regex if matches!(b, b'(' | b'|') => {
                r.parens += u32::from(b == b'(');
                false
            }
            Stop::Meta | Stop::Pattern | Stop::Regex => is_meta(b),
        };
        if ends {
            return Ok(false);
        }
        match b {
            b'~' if self.tilde(r) => return Ok(true),
            b'=' if !r.assign && r.stop == Stop::Meta && r.out.parts.is_empty() && is_name(&r.out.lit) => {
                r.assign = true
            }
            b'{' => r.open_brace = true,
            b',' if r.open_brace => r.brace = true,
            b'.' if r.open_brace && self.at(1) == b'.' => r.brace = true,
            b'?' | b'*' | b'+' | b'@' | b'!' if self.at(1) == b'(' && self.extglob_here(r.stop) => {
                self.pos += 2;
                r.out.byte(b);
                r.out.byte(b'(');
                r.parens = 1;
                return Ok(true);
            }
            _ => {}
        }
        self.bump();
        r.out.byte(b);
        Ok(true)
    }

    fn extglob_here(&self, stop: Stop) -> bool {
        match stop {
            Stop::Meta | Stop::Brace | Stop::Slash => self.settings.extglob,
            Stop::Pattern => true,
            Stop::Regex | Stop::Eof => false,
        }
    }

    /// A tilde prefix, if one is possible here.
    fn tilde(&mut self, r: &mut Reading) -> bool {
        let starts = r.out.is_empty();
        let follows = r.assign && matches!(r.out.lit.last(), Some(b':' | b'='));
        let first_equals = r.out.lit.iter().filter(|b| **b == b'=').count() <= 1;
        if !(starts || follows && (first_equals || r.out.lit.last() == Some(&b':'))) {
            return false;
        }
        let mut n = 1;
        while matches!(self.at(n), b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'_' | b'+' | b'-') {
            n += 1;
        }
        let after = self.at(n);
        let ends = after == b'/'
            || after == END
            || is_meta(after)
            || after == b':'
            || (after == b'}' && matches!(r.stop, Stop::Brace | Stop::Slash));
        if ends {
            let name: Text = self.buf[self.pos + 1..self.pos + n].into();
            self.pos += n;
            r.out.push(Part::Tilde(name));
        }
        ends
    }

    /// A backslash outside quotes.
    fn backslash(&mut self, out: &mut Pieces) {
        match self.at(1) {
            b'\n' => {
                self.pos += 2;
                self.line += 1;
            }
            END => {
                self.pos += 1;
                out.byte(b'\\');
            }
            c => {
                self.pos += 2;
                out.push(Part::Escaped(c));
            }
        }
    }

    /// `'…'`.
    pub(super) fn single_quoted(&mut self) -> Parse<Text> {
        let line = self.line;
        self.bump();
        let start = self.pos;
        loop {
            match self.here() {
                END => return Err(self.unmatched(line, b'\'')),
                b'\'' => break,
                _ => self.bump(),
            }
        }
        let text = self.buf[start..self.pos].into();
        self.bump();
        Ok(text)
    }

    /// `$'…'`, at the `$`.
    fn ansi_quoted(&mut self) -> Parse<Text> {
        let line = self.line;
        self.pos += 2;
        let start = self.pos;
        loop {
            match self.here() {
                END => return Err(self.unmatched(line, b'\'')),
                b'\'' => break,
                b'\\' => {
                    self.bump();
                    if self.here() != END {
                        self.bump();
                    }
                }
                _ => self.bump(),
            }
        }
        let text = ansi_c::dollar_single(&self.buf[start..self.pos]).into();
        self.bump();
        Ok(text)
    }

    /// Text quoted like a double-quoted string, up to `end`, which is consumed if it is a quote.
    pub(super) fn quoted(&mut self, end: QuoteEnd, line: u32) -> Parse<Box<[Part]>> {
        let mut out = Pieces::default();
        let mut nesting = Nesting::default();
        let arith = end.is_arith();
        loop {
            let b = self.here();
            match b {
                END => {
                    if end.closer() != 0 {
                        return Err(self.unmatched(line, end.closer()));
                    }
                    break;
                }
                b'"' if end == QuoteEnd::Quote => {
                    self.bump();
                    break;
                }
                b'}' if end == QuoteEnd::Brace => break,
                b'"' if arith || end == QuoteEnd::Brace => {
                    let line = self.line;
                    self.bump();
                    let parts = self.nested(|p| p.quoted(QuoteEnd::Quote, line))?;
                    out.push(Part::Double(parts));
                }
                b'\'' if (arith && end != QuoteEnd::EofArith) || end == QuoteEnd::Brace => {
                    let start = self.pos;
                    self.single_quoted()?;
                    for i in start..self.pos {
                        out.byte(self.buf[i]);
                    }
                }
                b'\\' => self.quoted_backslash(&mut out, end),
                b'`' => {
                    let part = self.backquote(true)?;
                    out.push(part);
                }
                b'$' if end == QuoteEnd::Brace && self.at(1) == b'\'' => {
                    let text = self.ansi_quoted()?;
                    out.push(Part::Single(text));
                }
                b'$' => self.dollar(&mut out, true)?,
                _ => {
                    if arith && nesting.ends(b, end) {
                        break;
                    }
                    self.bump();
                    out.byte(b);
                }
            }
        }
        Ok(out.finish())
    }

    /// The text read since `start`, without escaped newlines.
    pub(super) fn source_from(&self, start: usize) -> Vec<u8> {
        let text = &self.buf[start..self.pos];
        if !text.windows(2).any(|w| w == b"\\\n") {
            return text.to_vec();
        }
        let mut out = Vec::with_capacity(text.len());
        let mut i = 0;
        while i < text.len() {
            match (text[i], text.get(i + 1)) {
                (b'\\', Some(b'\n')) => i += 1,
                (b'\\', Some(c)) => {
                    out.extend_from_slice(&[b'\\', *c]);
                    i += 1;
                }
                (c, _) => out.push(c),
            }
            i += 1;
        }
        out
    }

    /// Arithmetic text up to `end`, which is not consumed.
    pub(super) fn arith_until(&mut self, end: QuoteEnd, line: u32) -> Parse<ArithText> {
        let start = self.pos;
        let parts = self.nested(|p| p.quoted(end, line))?;
        let source = self.source_from(start).into();
        Ok(ArithText { source, word: Word { parts, brace: false }, expr: OnceCell::new() })
    }

    /// The subscript behind a `[`, up to behind its `]`.
    pub(super) fn subscript_here(&mut self) -> Parse<Rc<Subscript>> {
        let line = self.line;
        let arith = self.arith_until(QuoteEnd::Bracket, line)?;
        self.pos += 1;
        Ok(Rc::new(Subscript { arith, key: OnceCell::new() }))
    }

    /// Goes back to read the same text in another way. The work that repeats is bounded.
    pub(super) fn rewind(&mut self, pos: usize, line: u32) -> Parse<()> {
        const MAX_REPEATED: usize = 1 << 24;
        self.repeated += self.pos.saturating_sub(pos);
        if self.repeated > MAX_REPEATED {
            return Err(self.too_deep());
        }
        self.pos = pos;
        self.line = line;
        Ok(())
    }

    fn quoted_backslash(&mut self, out: &mut Pieces, end: QuoteEnd) {
        let c = self.at(1);
        match c {
            b'\n' => {
                self.pos += 2;
                self.line += 1;
            }
            b'$' | b'`' | b'\\' => {
                self.pos += 2;
                out.push(Part::Escaped(c));
            }
            b'"' if end != QuoteEnd::Eof => {
                self.pos += 2;
                out.push(Part::Escaped(c));
            }
            b'}' if end == QuoteEnd::Brace => {
                self.pos += 2;
                out.push(Part::Escaped(c));
            }
            _ => {
                self.pos += 1;
                out.byte(b'\\');
            }
        }
    }

    /// What begins with `$`.
    pub(super) fn dollar(&mut self, out: &mut Pieces, quoted: bool) -> Parse<()> {
        match self.at(1) {
            b'(' if self.at(2) == b'(' => {
                if let Some(part) = self.arithmetic_substitution()? {
                    out.push(part);
                } else {
                    let part = self.command_substitution()?;
                    out.push(part);
                }
            }
            b'(' => {
                let part = self.command_substitution()?;
                out.push(part);
            }
            b'[' => {
                let line = self.line;
                self.pos += 2;
                let text = self.arith_until(QuoteEnd::Bracket, line)?;
                self.pos += 1;
                out.push(Part::Arith(Rc::new(ArithSub { text, bracket: true })));
            }
            b'{' => {
                let part = self.nested(|p| p.braced_parameter(quoted))?;
                out.push(part);
            }
            b'\'' if !quoted => {
                let text = self.ansi_quoted()?;
                out.push(Part::Single(text));
            }
            b'"' if !quoted => {
                let line = self.line;
                self.pos += 2;
                let parts = self.nested(|p| p.quoted(QuoteEnd::Quote, line))?;
                out.push(Part::Double(parts));
            }
            _ => {
                self.pos += 1;
                match self.simple_parameter() {
                    Some(part) => out.push(part),
                    None => out.byte(b'$'),
                }
            }
        }
        Ok(())
    }

    /// `$(…)`, at the `$`.
    fn command_substitution(&mut self) -> Parse<Part> {
        self.pos += 2;
        let list = self.substituted_list()?;
        Ok(Part::Command(Rc::new(CmdSub { list: Rc::new(list) })))
    }

    fn process_substitution(&mut self, read: bool) -> Parse<Part> {
        self.pos += 2;
        let list = self.substituted_list()?;
        Ok(Part::Process(Rc::new(ProcSub { list: Rc::new(list), read })))
    }

    /// `$((…))` at the `$`, or `None` (and nothing consumed) if the parentheses do not pair up that way.
    fn arithmetic_substitution(&mut self) -> Parse<Option<Part>> {
        let line = self.line;
        let start = self.pos;
        self.pos += 3;
        match self.double_parens(line)? {
            Some(text) => Ok(Some(Part::Arith(Rc::new(ArithSub { text, bracket: false })))),
            None => {
                self.rewind(start, line)?;
                Ok(None)
            }
        }
    }

    /// The text up to `))`, which is consumed; `None` if the inner parenthesis closes earlier.
    pub(super) fn double_parens(&mut self, line: u32) -> Parse<Option<ArithText>> {
        let text = self.arith_until(QuoteEnd::Paren, line)?;
        if self.at(1) != b')' {
            return Ok(None);
        }
        self.pos += 2;
        Ok(Some(text))
    }

    /// A backquoted command.
    fn backquote(&mut self, quoted: bool) -> Parse<Part> {
        let line = self.line;
        self.bump();
        let start = self.pos;
        let mut command = Vec::new();
        loop {
            match self.here() {
                END => return Err(self.unmatched(line, b'`')),
                b'`' => break,
                b'\\' => {
                    let c = self.at(1);
                    if matches!(c, b'$' | b'`' | b'\\') || (quoted && c == b'"') {
                        self.pos += 1;
                    } else if c == b'\n' {
                        self.bump();
                        self.bump();
                        continue;
                    } else {
                        command.push(b'\\');
                        self.pos += 1;
                    }
                    if c != END {
                        command.push(c);
                        self.bump();
                    }
                }
                c => {
                    command.push(c);
                    self.bump();
                }
            }
        }
        let source = self.source_from(start).into();
        self.bump();
        Ok(Part::Backquote(Rc::new(Backquote { source, command: command.into(), list: OnceCell::new() })))
    }

    /// Skips to behind the `close` that matches an `open` just consumed, over quotes and expansions.
    pub(super) fn skip_matched(&mut self, open: u8, close: u8, line: u32) -> Parse<()> {
        let mut depth = 1u32;
        loop {
            let b = self.here();
            match b {
                END => return Err(self.unmatched(line, close)),
                b'\\' => {
                    self.bump();
                    if self.here() != END {
                        self.bump();
                    }
                    continue;
                }
                b'\'' => {
                    self.single_quoted()?;
                    continue;
                }
                b'"' => {
                    let line = self.line;
                    self.bump();
                    self.nested(|p| p.quoted(QuoteEnd::Quote, line))?;
                    continue;
                }
                b'`' => {
                    self.backquote(false)?;
                    continue;
                }
                _ if b == close => depth -= 1,
                _ if b == open => depth += 1,
                _ => {}
            }
            self.bump();
            if depth == 0 {
                return Ok(());
            }
        }
    }

    /// A word from text that stands alone (brace expansion's results, values given at run time).
    ///
    /// # Errors
    /// An expansion in it is malformed.
    pub fn whole_word(&mut self) -> Parse<Word> {
        self.word_until(Stop::Eof, false)
    }

    /// Arithmetic from text that stands alone.
    pub fn whole_arithmetic(&mut self) -> ArithText {
        match self.arith_until(QuoteEnd::EofArith, 0) {
            Ok(text) => text,
            Err(_) => {
                ArithText { source: self.buf.as_slice().into(), word: Word::literal(&self.buf), expr: OnceCell::new() }
            }
        }
    }

    /// Text that stands alone and is quoted like a here-document.
    pub fn whole_quoted(&mut self) -> Word {
        let parts = match self.quoted(QuoteEnd::Eof, 0) {
            Ok(parts) => parts,
            Err(_) => Box::new([Part::Lit(self.buf.as_slice().into())]),
        };
        Word { parts, brace: false }
    }
}
