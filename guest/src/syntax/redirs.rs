//! Redirections.

use super::ast::{HereDoc, Redir, RedirFd, RedirOp, Target, Text};
use super::parser::{END, Parse, Parser, is_meta};
use std::cell::OnceCell;
use std::rc::Rc;

/// Operators, longest first.
const OPERATORS: [(&[u8], RedirOp); 12] = [
    (b"<<<", RedirOp::HereString),
    (b"<<-", RedirOp::HereDoc),
    (b"&>>", RedirOp::AppendBoth),
    (b"<<", RedirOp::HereDoc),
    (b"<&", RedirOp::DupIn),
    (b"<>", RedirOp::ReadWrite),
    (b">>", RedirOp::Append),
    (b">&", RedirOp::DupOut),
    (b">|", RedirOp::Clobber),
    (b"&>", RedirOp::Both),
    (b"<", RedirOp::Read),
    (b">", RedirOp::Write),
];

impl Parser {
    /// A redirection, if one starts here.
    pub(super) fn redirection(&mut self) -> Parse<Option<Redir>> {
        let mut len = 0;
        let fd = match self.here() {
            b'0'..=b'9' => {
                while self.at(len).is_ascii_digit() {
                    len += 1;
                }
                let text = std::str::from_utf8(&self.buf[self.pos..self.pos + len]).unwrap_or("");
                match text.parse() {
                    Ok(n) => RedirFd::Number(n),
                    Err(_) => return Ok(None),
                }
            }
            b'{' => {
                len = self.braced_name();
                if len == 0 {
                    return Ok(None);
                }
                RedirFd::Variable(self.buf[self.pos + 1..self.pos + len - 1].into())
            }
            b'<' | b'>' | b'&' => RedirFd::Default,
            _ => return Ok(None),
        };
        if len > 0 && !matches!(self.at(len), b'<' | b'>') {
            return Ok(None);
        }
        if self.at(len) == b'&' && (len > 0 || self.at_if_not_newline(1) != b'>') {
            return Ok(None);
        }
        if len == 0 && self.at(1) == b'(' {
            return Ok(None);
        }
        self.pos += len;
        for (text, op) in OPERATORS {
            if self.looking_at(text) {
                let strip_tabs = text == b"<<-";
                self.pos += text.len();
                let target = self.target(op, strip_tabs)?;
                return Ok(Some(Redir { fd, op, target }));
            }
        }
        Err(self.unexpected())
    }

    /// The length of `{name}` or `{name[subscript]}` at the position, or 0.
    fn braced_name(&mut self) -> usize {
        let mut n = 1;
        while self.at(n) == b'_' || self.at(n).is_ascii_alphanumeric() {
            n += 1;
        }
        if n == 1 || self.at(1).is_ascii_digit() {
            return 0;
        }
        if self.at(n) == b'[' {
            while !matches!(self.at(n), b']' | b'\n' | b' ' | END) {
                n += 1;
            }
            n += 1;
        }
        if self.at(n) == b'}' && matches!(self.at(n + 1), b'<' | b'>') { n + 1 } else { 0 }
    }

    fn target(&mut self, op: RedirOp, strip_tabs: bool) -> Parse<Target> {
        self.skip_blanks();
        let b = self.here();
        let process = matches!(b, b'<' | b'>') && self.at(1) == b'(';
        if b == END || (is_meta(b) && !process) {
            if b == END {
                // A missing word is reported as a missing word even at the script's very end.
                let line = self.line;
                let text = self.current_line();
                let kind = super::ErrorKind::Unexpected { token: b"newline".to_vec(), text };
                return Err(self.error(line, kind));
            }
            return Err(self.unexpected());
        }
        if op != RedirOp::HereDoc {
            return Ok(Target::Word(self.word()?));
        }
        let start = self.pos;
        self.word()?;
        let delimiter: Text = self.buf[start..self.pos].into();
        let (plain, quoted) = remove_quotes(&delimiter);
        let doc = Rc::new(HereDoc { delimiter, plain, quoted, strip_tabs, body: OnceCell::new() });
        self.pending.push(doc.clone());
        Ok(Target::Here(doc))
    }
}

/// A here-document's delimiter without its quotes, and whether it had any.
fn remove_quotes(text: &[u8]) -> (Text, bool) {
    let mut out = Vec::new();
    let mut quoted = false;
    let mut quote = 0;
    let mut i = 0;
    while i < text.len() {
        let b = text[i];
        match (quote, b) {
            (0, b'$') if matches!(text.get(i + 1), Some(b'\'' | b'"')) => {}
            (0, b'\'' | b'"') => {
                quote = b;
                quoted = true;
            }
            (q, _) if q == b && q != 0 => quote = 0,
            (0, b'\\') => {
                quoted = true;
                i += 1;
                out.extend(text.get(i));
            }
            (b'"', b'\\') if matches!(text.get(i + 1), Some(b'"' | b'\\' | b'$' | b'`')) => {
                i += 1;
                out.push(text[i]);
            }
            _ => out.push(b),
        }
        i += 1;
    }
    (out.into(), quoted)
}
