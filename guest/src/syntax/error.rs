//! Syntax errors and how bash words them.

/// Why a script could not be parsed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyntaxError {
    /// The line the message names.
    pub line: u32,
    pub kind: ErrorKind,
    /// Inside `name=( … )`: only that command fails.
    pub in_array: bool,
    /// Inside `$( … )`.
    pub in_substitution: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ErrorKind {
    /// Near a token, with the line it is on.
    Unexpected { token: Vec<u8>, text: Vec<u8> },
    /// The script ended inside a compound command.
    EndOfFile,
    /// The script ended inside quotes or brackets; the closing character.
    Unmatched(u8),
    /// Unmatched inside a compound assignment, which reports the end of file too.
    UnmatchedInArray(u8, u32),
    /// Unmatched inside `[[ =~ ]]`; the line the script ends on.
    UnmatchedInCond(u8, u32),
    /// A message of its own (conditional commands).
    Message(Vec<u8>),
    /// The same at the end of the script, or where it cannot go on.
    MessageAtEnd(Vec<u8>),
    /// Two lines: a message, then the offending text on a second line.
    ArithFor { message: &'static str, text: Vec<u8> },
}

impl SyntaxError {
    /// The lines of the message, each after `prefix` (`bash: -c: `) and `line N: `.
    #[must_use]
    pub fn render(&self, prefix: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        let mut line = |number: u32, parts: &[&[u8]]| {
            out.extend_from_slice(prefix);
            out.extend_from_slice(format!("line {number}: ").as_bytes());
            for part in parts {
                out.extend_from_slice(part);
            }
            out.push(b'\n');
        };
        match &self.kind {
            ErrorKind::Unexpected { token, text } => {
                line(self.line, &[b"syntax error near unexpected token `", token, b"'"]);
                line(self.line, &[b"`", text, b"'"]);
            }
            ErrorKind::EndOfFile => line(self.line, &[b"syntax error: unexpected end of file"]),
            ErrorKind::Unmatched(c) => line(self.line, &[b"unexpected EOF while looking for matching `", &[*c], b"'"]),
            ErrorKind::UnmatchedInArray(c, end) => {
                line(self.line, &[b"unexpected EOF while looking for matching `", &[*c], b"'"]);
                line(*end, &[b"syntax error: unexpected end of file"]);
            }
            ErrorKind::UnmatchedInCond(c, end) => {
                line(self.line, &[b"unexpected EOF while looking for matching `", &[*c], b"'"]);
                line(*end, &[b"unexpected argument to conditional binary operator"]);
            }
            ErrorKind::Message(text) if text.is_empty() => {}
            ErrorKind::Message(text) | ErrorKind::MessageAtEnd(text) => line(self.line, &[text]),
            ErrorKind::ArithFor { message, text } => {
                line(self.line, &[b"syntax error: ", message.as_bytes()]);
                line(self.line, &[b"syntax error: `", text, b"'"]);
            }
        }
        out
    }
}
