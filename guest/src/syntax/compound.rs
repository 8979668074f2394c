//! Compound commands.

use super::ast::{CaseEnd, CaseItem, Command, Compound, Kind, List, Text, Word};
use super::error::ErrorKind;
use super::parser::{END, Parse, Parser, is_meta};
use super::words::QuoteEnd;
use std::rc::Rc;

impl Parser {
    /// The compound command whose reserved word is at the position, with its redirections.
    pub(super) fn compound_start(&mut self) -> Parse<Option<Command>> {
        let line = self.line;
        let kind = match self.here() {
            b'i' if self.eat_word(b"if") => self.if_rest()?,
            b'w' if self.eat_word(b"while") => self.while_rest(false)?,
            b'u' if self.eat_word(b"until") => self.while_rest(true)?,
            b'f' if self.eat_word(b"for") => self.for_rest(line)?,
            b'f' if self.eat_word(b"function") => return self.function_keyword(line).map(Some),
            b's' if self.eat_word(b"select") => {
                let (name, words, body) = self.names_rest()?;
                Kind::Select { name, words, body }
            }
            b'c' if self.eat_word(b"case") => self.case_rest()?,
            b'c' if self.eat_word(b"coproc") => return self.coproc(line).map(Some),
            b'{' if self.eat_word(b"{") => {
                let list = self.compound_list()?;
                self.expect_word(b"}")?;
                Kind::Brace(list)
            }
            b'[' if self.eat_word(b"[[") => Kind::Cond(self.conditional()?),
            _ => return Ok(None),
        };
        self.with_redirections(line, kind).map(Some)
    }

    fn with_redirections(&mut self, line: u32, kind: Kind) -> Parse<Command> {
        let mut redirs = Vec::new();
        loop {
            self.skip_blanks();
            match self.redirection()? {
                Some(r) => redirs.push(r),
                None => break,
            }
        }
        Ok(Command::Compound(Box::new(Compound { line, kind, redirs })))
    }

    /// `(…)` or `((…))`.
    pub(super) fn parenthesis(&mut self) -> Parse<Command> {
        let line = self.line;
        let start = self.pos;
        if self.at(1) == b'(' {
            self.pos += 2;
            if let Some(text) = self.double_parens(line)? {
                return self.with_redirections(line, Kind::Arith(text));
            }
            self.rewind(start, line)?;
        }
        self.pos += 1;
        let list = self.compound_list()?;
        self.skip_blanks();
        if self.here() != b')' {
            return Err(self.unexpected());
        }
        self.pos += 1;
        self.with_redirections(line, Kind::Subshell(Rc::new(list)))
    }

    fn if_rest(&mut self) -> Parse<Kind> {
        let cond = self.compound_list()?;
        self.expect_word(b"then")?;
        let then = self.compound_list()?;
        self.skip_blanks();
        let line = self.line;
        let otherwise = if self.eat_word(b"elif") {
            // The inner one takes the `fi`.
            let kind = self.nested(Self::if_rest)?;
            return Ok(Kind::If { cond, then, otherwise: Some(one(line, kind)) });
        } else if self.eat_word(b"else") {
            Some(self.compound_list()?)
        } else {
            None
        };
        self.expect_word(b"fi")?;
        Ok(Kind::If { cond, then, otherwise })
    }

    fn while_rest(&mut self, until: bool) -> Parse<Kind> {
        let cond = self.compound_list()?;
        let body = self.do_group()?;
        Ok(Kind::While { cond, body, until })
    }

    fn do_group(&mut self) -> Parse<List> {
        self.expect_word(b"do")?;
        let body = self.compound_list()?;
        self.expect_word(b"done")?;
        Ok(body)
    }

    fn for_rest(&mut self, line: u32) -> Parse<Kind> {
        self.skip_blanks();
        if self.here() == b'(' && self.at(1) == b'(' {
            return self.arithmetic_for(line);
        }
        let (name, words, body) = self.names_rest()?;
        Ok(Kind::For { name, words, body })
    }

    /// `NAME [in word …;] do … done`.
    fn names_rest(&mut self) -> Parse<(Text, Option<Vec<Word>>, List)> {
        self.skip_blanks();
        let b = self.here();
        if b == END || is_meta(b) {
            return Err(self.missing_word());
        }
        let start = self.pos;
        self.word()?;
        let name: Text = self.buf[start..self.pos].into();
        self.skip_lines_if_more()?;
        let mut words = None;
        if self.eat_word(b"in") {
            let mut list = Vec::new();
            loop {
                self.skip_blanks();
                let b = self.here();
                let process = matches!(b, b'<' | b'>') && self.at(1) == b'(';
                if b == END || (is_meta(b) && !process) {
                    break;
                }
                list.push(self.word()?);
            }
            words = Some(list);
            match self.here() {
                b';' if self.at(1) != b';' => self.pos += 1,
                b'\n' => {}
                _ => return Err(self.unexpected()),
            }
        } else if self.here() == b';' && self.at(1) != b';' {
            self.pos += 1;
        }
        self.skip_lines()?;
        let body = self.body()?;
        Ok((name, words, body))
    }

    /// Skips newlines if there is more script at all.
    fn skip_lines_if_more(&mut self) -> Parse<()> {
        self.skip_lines()
    }

    pub(super) fn missing_word(&mut self) -> super::SyntaxError {
        if self.here() == END {
            let text = self.current_line();
            let line = self.line;
            return self.error(line, ErrorKind::Unexpected { token: b"newline".to_vec(), text });
        }
        self.unexpected()
    }

    /// `do … done` or `{ … }`.
    fn body(&mut self) -> Parse<List> {
        if self.eat_word(b"{") {
            let list = self.compound_list()?;
            self.expect_word(b"}")?;
            return Ok(list);
        }
        self.do_group()
    }

    fn arithmetic_for(&mut self, line: u32) -> Parse<Kind> {
        let start = self.pos;
        self.pos += 2;
        let mut parts = Vec::new();
        loop {
            while matches!(self.here(), b' ' | b'\t' | b'\n') {
                self.bump();
            }
            parts.push(self.arith_until(QuoteEnd::Semicolon, line)?);
            if self.here() == b')' {
                break;
            }
            self.pos += 1;
        }
        if self.at(1) != b')' {
            self.rewind(start, line)?;
            return Err(self.unexpected());
        }
        self.pos += 2;
        if parts.len() != 3 {
            let message = if parts.len() < 3 { "arithmetic expression required" } else { "`;' unexpected" };
            let text = self.buf[start..self.pos].to_vec();
            return Err(self.error(line, ErrorKind::ArithFor { message, text }));
        }
        let mut compiled = parts.into_iter();
        self.skip_blanks();
        if self.here() == b';' {
            self.pos += 1;
        }
        self.skip_lines()?;
        let body = self.body()?;
        let mut next = || compiled.next().unwrap_or_default();
        Ok(Kind::ArithFor { init: next(), cond: next(), step: next(), body })
    }

    fn case_rest(&mut self) -> Parse<Kind> {
        self.skip_blanks();
        let b = self.here();
        let process = matches!(b, b'<' | b'>') && self.at(1) == b'(';
        if b == END || (is_meta(b) && !process) {
            return Err(self.missing_word());
        }
        let mut word = self.word()?;
        word.brace = false;
        self.skip_lines()?;
        self.expect_word(b"in")?;
        let mut items = Vec::new();
        self.nested(|p| {
            loop {
                p.skip_lines()?;
                if p.eat_word(b"esac") {
                    return Ok(());
                }
                let item = p.case_item()?;
                items.push(item);
            }
        })?;
        Ok(Kind::Case { word, items })
    }

    fn case_item(&mut self) -> Parse<CaseItem> {
        if self.here() == b'(' {
            self.pos += 1;
        }
        let mut patterns = Vec::new();
        loop {
            self.skip_blanks();
            let b = self.here();
            if b == END || is_meta(b) {
                return Err(self.unexpected());
            }
            let mut word = self.word()?;
            word.brace = false;
            patterns.push(word);
            self.skip_blanks();
            match self.here() {
                b'|' => self.pos += 1,
                b')' => {
                    self.pos += 1;
                    break;
                }
                _ => return Err(self.unexpected()),
            }
        }
        self.skip_lines()?;
        let body = if self.case_ends() { List::default() } else { self.compound_list()? };
        self.skip_lines()?;
        let end = if self.eat(b";;&") {
            CaseEnd::Continue
        } else if self.eat(b";;") {
            CaseEnd::Break
        } else if self.eat(b";&") {
            CaseEnd::FallThrough
        } else if self.at_word(b"esac") {
            CaseEnd::Break
        } else {
            return Err(self.unexpected());
        };
        Ok(CaseItem { patterns, body, end })
    }

    fn case_ends(&mut self) -> bool {
        (self.here() == b';' && matches!(self.at(1), b';' | b'&')) || self.at_word(b"esac")
    }

    /// `function NAME [()] body`, behind the word.
    fn function_keyword(&mut self, line: u32) -> Parse<Command> {
        self.skip_blanks();
        let b = self.here();
        if b == END || is_meta(b) {
            return Err(self.missing_word());
        }
        let start = self.pos;
        self.word()?;
        let name = self.buf[start..self.pos].to_vec();
        self.skip_blanks();
        if self.here() == b'(' && self.at(1) == b')' {
            self.pos += 2;
        } else if self.here() == b'(' && matches!(self.at(1), b' ' | b'\t') {
            let mut n = 1;
            while matches!(self.at(n), b' ' | b'\t') {
                n += 1;
            }
            if self.at(n) == b')' {
                self.pos += n + 1;
            }
        }
        self.function_rest(&name, line)
    }
}

/// A list of one compound command.
fn one(line: u32, kind: Kind) -> List {
    use super::ast::{AndOr, Item, Pipeline};
    let stages = vec![Command::Compound(Box::new(Compound { line, kind, redirs: Vec::new() }))];
    let first = Pipeline { negate: false, timed: None, stages };
    List { items: vec![Item { chain: AndOr { first, rest: Vec::new() }, background: false, newline: false }] }
}
