//! The expression of `[[ … ]]`.

use super::ast::{Cond, Word};
use super::parser::{END, Parse, Parser, is_meta};
use super::words::Stop;

/// The letters of the unary tests.
const UNARY: &[u8] = b"abcdefghknoprstuvwxzGLNORS";

fn is_binary(op: &[u8]) -> bool {
    matches!(
        op,
        b"=" | b"==" | b"!=" | b"=~" | b"-nt" | b"-ot" | b"-ef" | b"-eq" | b"-ne" | b"-lt" | b"-le" | b"-gt" | b"-ge"
    )
}

impl Parser {
    /// The expression and the closing `]]`, behind the `[[`.
    pub(super) fn conditional(&mut self) -> Parse<Cond> {
        let cond = self.cond_or()?;
        self.skip_lines()?;
        if self.eat_word(b"]]") {
            return Ok(cond);
        }
        if self.here() == END {
            let line = self.line;
            let text = b"unexpected EOF while looking for `]]'".to_vec();
            return Err(self.error(line, super::ErrorKind::MessageAtEnd(text)));
        }
        if is_meta(self.here()) {
            let token = self.token_text();
            let text = [b"syntax error in conditional expression: unexpected token `", &token[..], b"'"].concat();
            return Err(self.message(text));
        }
        Err(self.message(b"syntax error in conditional expression".to_vec()))
    }

    /// ``unexpected token `x'…``, or end of file.
    fn cond_error(&mut self, expected: &[u8], at_end: &[u8]) -> super::SyntaxError {
        let token = self.cond_token();
        if token == b"EOF" && expected.is_empty() {
            let line = self.end_line();
            let text = b"unexpected token `EOF' in conditional command".to_vec();
            return self.error(line, super::ErrorKind::MessageAtEnd(text));
        }
        let _ = at_end;
        let tail: &[u8] = if expected.is_empty() { b" in conditional command" } else { b"" };
        self.message([b"unexpected token `", &token[..], b"'", expected, tail].concat())
    }

    /// A message about what is at the position.
    fn message_here(&mut self, text: Vec<u8>, at_end: bool) -> super::SyntaxError {
        let line = self.line;
        self.error(line, if at_end { super::ErrorKind::MessageAtEnd(text) } else { super::ErrorKind::Message(text) })
    }

    fn cond_token(&mut self) -> Vec<u8> {
        self.skip_blanks();
        if self.here() == END { b"EOF".to_vec() } else { self.token_text() }
    }

    fn cond_or(&mut self) -> Parse<Cond> {
        let left = self.cond_and()?;
        self.skip_lines()?;
        if self.eat(b"||") {
            let right = self.nested(Self::cond_or)?;
            return Ok(Cond::Or(Box::new(left), Box::new(right)));
        }
        Ok(left)
    }

    fn cond_and(&mut self) -> Parse<Cond> {
        let left = self.cond_term()?;
        self.skip_lines()?;
        if self.eat(b"&&") {
            let right = self.nested(Self::cond_and)?;
            return Ok(Cond::And(Box::new(left), Box::new(right)));
        }
        Ok(left)
    }

    fn cond_term(&mut self) -> Parse<Cond> {
        self.skip_lines()?;
        match self.here() {
            b'(' => {
                self.pos += 1;
                let inner = self.nested(Self::cond_or)?;
                self.skip_lines()?;
                if self.here() != b')' {
                    return Err(self.cond_error(b", expected `)'", b""));
                }
                self.pos += 1;
                return Ok(Cond::Group(Box::new(inner)));
            }
            b'!' if self.eat_word(b"!") => return Ok(Cond::Not(Box::new(self.nested(Self::cond_term)?))),
            b'-' if (is_meta(self.at(2)) || self.at(2) == END) && UNARY.contains(&self.at(1)) => {
                let letter = self.at(1);
                self.pos += 2;
                return self.cond_unary(letter);
            }
            b if b == END || is_meta(b) => return Err(self.cond_error(b"", b"")),
            _ => {}
        }
        if self.at_word(b"]]") {
            // Bash says nothing here.
            return Err(self.message(Vec::new()));
        }
        self.cond_binary()
    }

    fn cond_unary(&mut self, letter: u8) -> Parse<Cond> {
        self.skip_blanks();
        let b = self.here();
        if b == END || is_meta(b) || self.at_word(b"]]") {
            let token = if b == END { b"newline".to_vec() } else { self.token_text() };
            let text = [b"unexpected argument `", &token[..], b"' to conditional unary operator"].concat();
            return Err(self.message_here(text, b == END));
        }
        let mut word = self.word()?;
        word.brace = false;
        Ok(Cond::Unary(letter, word))
    }

    fn cond_binary(&mut self) -> Parse<Cond> {
        let mut left = self.word()?;
        left.brace = false;
        self.skip_blanks();
        let op = match self.here() {
            b @ (b'<' | b'>') if self.at(1) != b'(' => {
                self.pos += 1;
                vec![b]
            }
            b')' => return Ok(Cond::Word(left)),
            b'&' if self.at(1) == b'&' => return Ok(Cond::Word(left)),
            b'|' if self.at(1) == b'|' => return Ok(Cond::Word(left)),
            b'\n' if self.newlines_then_end()? => return Ok(Cond::Word(left)),
            b if b == END || is_meta(b) => {
                let token = if b == END { b"newline".to_vec() } else { self.token_text() };
                let text = [b"unexpected token `", &token[..], b"', conditional binary operator expected"].concat();
                return Err(self.message_here(text, b == END));
            }
            _ if self.at_word(b"]]") => return Ok(Cond::Word(left)),
            _ => match self.plain_word().map(<[u8]>::to_vec) {
                Some(op) if is_binary(&op) => {
                    self.pos += op.len();
                    op
                }
                _ => return Err(self.message(b"conditional binary operator expected".to_vec())),
            },
        };
        let right = self.cond_right(&op)?;
        Ok(Cond::Binary(left, op.into(), right))
    }

    /// A newline after a word: skips newlines, true if the expression may end there.
    fn newlines_then_end(&mut self) -> Parse<bool> {
        self.skip_lines()?;
        Ok(true)
    }

    fn cond_right(&mut self, op: &[u8]) -> Parse<Word> {
        self.skip_blanks();
        let b = self.here();
        let regex_paren = b == b'(' && op == b"=~";
        if b == END
            || (is_meta(b) && !regex_paren && !(matches!(b, b'<' | b'>') && self.at(1) == b'('))
            || self.at_word(b"]]")
        {
            let token = if b == END { b"newline".to_vec() } else { self.token_text() };
            let text = [b"unexpected argument `", &token[..], b"' to conditional binary operator"].concat();
            return Err(self.message_here(text, b == END));
        }
        let stop = match op {
            b"=~" => Stop::Regex,
            b"=" | b"==" | b"!=" => Stop::Pattern,
            _ => Stop::Meta,
        };
        let line = self.line;
        let mut word = self.word_until(stop, false).map_err(|mut e| {
            if let super::ErrorKind::Unmatched(c) = e.kind {
                e.kind = super::ErrorKind::UnmatchedInCond(c, self.end_line());
                e.line = line;
            }
            e
        })?;
        word.brace = false;
        Ok(word)
    }
}
