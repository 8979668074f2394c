//! Here-documents: their bodies follow the line their operator is on.

use super::ast::{HereDoc, Part, Word};
use super::parser::{END, Parse, Parser, Warning};
use super::words::QuoteEnd;

impl Parser {
    /// Reads the bodies of all pending here-documents; the position is at the start of a line.
    pub(super) fn read_here_documents(&mut self) -> Parse<()> {
        for doc in std::mem::take(&mut self.pending) {
            self.read_body(&doc)?;
        }
        Ok(())
    }

    fn read_body(&mut self, doc: &HereDoc) -> Parse<()> {
        let first = self.line;
        let mut body = Vec::new();
        loop {
            if self.here() == END {
                let text = [
                    b"here-document at line ",
                    (first - 1).max(1).to_string().as_bytes(),
                    b" delimited by end-of-file (wanted `",
                    &doc.plain,
                    b"')",
                ]
                .concat();
                self.warnings.push(Warning { line: self.line, text });
                break;
            }
            let start = body.len();
            self.body_line(doc, &mut body);
            let line = body[start..].strip_suffix(b"\n").unwrap_or(&body[start..]);
            if line == &*doc.plain {
                body.truncate(start);
                break;
            }
        }
        let parts = if doc.quoted {
            if body.is_empty() { Box::default() } else { Box::new([Part::Single(body.into())]) as Box<[Part]> }
        } else {
            let mut sub = self.sub(&body, first);
            sub.quoted(QuoteEnd::Eof, first)?
        };
        let _ = doc.body.set(Word { parts, brace: false });
        Ok(())
    }

    /// Appends one logical line: in an unquoted document a backslash joins the next one to it.
    fn body_line(&mut self, doc: &HereDoc, body: &mut Vec<u8>) {
        if doc.strip_tabs {
            while self.here() == b'\t' {
                self.pos += 1;
            }
        }
        loop {
            match self.here() {
                END => {
                    body.push(b'\n');
                    return;
                }
                b'\n' => {
                    self.bump();
                    body.push(b'\n');
                    return;
                }
                b'\\' if !doc.quoted && self.at(1) == b'\n' => {
                    // Kept: the expansion removes it, and line numbers stay right.
                    body.extend_from_slice(b"\\\n");
                    self.bump();
                    self.bump();
                    if doc.strip_tabs {
                        while self.here() == b'\t' {
                            self.pos += 1;
                        }
                    }
                }
                b'\\' if !doc.quoted => {
                    body.push(b'\\');
                    self.pos += 1;
                    let c = self.here();
                    if c != END && c != b'\n' {
                        body.push(c);
                        self.pos += 1;
                    }
                }
                c => {
                    body.push(c);
                    self.pos += 1;
                }
            }
        }
    }
}
