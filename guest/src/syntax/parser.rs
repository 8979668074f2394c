//! The parser: scannerless recursive descent over bytes, one complete command (a line with everything it opens) at a time.
//!
//! Why not a separate tokeniser: what a character means in a shell depends on the grammar around it (reserved words,
//! assignments, patterns, `[[ =~`), aliases rewrite the text as it is read, and here-documents interrupt it. Working on the
//! text itself keeps those rules where they apply, and the bytes need not be UTF-8.
//!
//! This file has the buffer, blanks, aliases, reserved words and error positions; the grammar is in the files beside it.

use super::ast::{HereDoc, List};
use super::error::{ErrorKind, SyntaxError};
use super::input::Source;
use std::collections::HashMap;
use std::rc::Rc;

/// Alias names and their texts.
pub type AliasMap = HashMap<Vec<u8>, Vec<u8>>;

/// How deep commands and expansions may be nested in one another.
const MAX_DEPTH: u32 = 250;

/// What the shell's options change about parsing; may change between commands.
#[derive(Clone, Default)]
pub struct Settings {
    pub extglob: bool,
    pub posix: bool,
    /// Aliases, if they are expanded.
    pub aliases: Option<Rc<AliasMap>>,
    /// `set -v`: lines are kept for echoing.
    pub verbose: bool,
}

/// A warning about a script that was parsed nevertheless.
#[derive(Debug, PartialEq, Eq)]
pub struct Warning {
    pub line: u32,
    pub text: Vec<u8>,
}

pub(super) type Parse<T> = Result<T, SyntaxError>;

/// An alias whose text ends at `end`; it is not expanded again before that.
struct AliasGuard {
    name: Vec<u8>,
    end: usize,
}

/// Parses a script, command by command.
pub struct Parser {
    source: Box<dyn Source>,
    pub(super) buf: Vec<u8>,
    pub(super) pos: usize,
    /// The line `pos` is on.
    pub(super) line: u32,
    eof: bool,
    pub(super) settings: Settings,
    guards: Vec<AliasGuard>,
    /// The word that starts here is checked for an alias too: the alias before it ended in a blank.
    alias_next: Option<usize>,
    /// Here-documents whose bodies begin after the current line.
    pub(super) pending: Vec<Rc<HereDoc>>,
    depth: u32,
    /// Bytes that were read more than once: see `rewind`.
    pub(super) repeated: usize,
    /// How many command substitutions we are inside.
    pub(super) substitutions: u32,
    /// Inside `name=( … )`.
    pub(super) in_array: bool,
    pub warnings: Vec<Warning>,
    /// Lines read under `set -v` and not echoed yet.
    pub echo: Vec<u8>,
}

/// The end of a script's text looks like this byte; it cannot occur in one.
pub(super) const END: u8 = 0;

impl Parser {
    /// A parser whose first line has the number `line`.
    #[must_use]
    pub fn new(source: Box<dyn Source>, line: u32, settings: Settings) -> Self {
        Self {
            source,
            buf: Vec::new(),
            pos: 0,
            line,
            eof: false,
            settings,
            guards: Vec::new(),
            alias_next: None,
            pending: Vec::new(),
            depth: 0,
            repeated: 0,
            substitutions: 0,
            in_array: false,
            warnings: Vec::new(),
            echo: Vec::new(),
        }
    }

    /// A parser for a piece of text that came out of this one's.
    pub(super) fn sub(&self, text: &[u8], line: u32) -> Self {
        let mut sub = Self::new(Box::new(Nothing), line, self.settings.clone());
        sub.settings.aliases = None;
        sub.buf = text.to_vec();
        sub.eof = true;
        sub.depth = self.depth;
        sub.repeated = self.repeated;
        sub.substitutions = self.substitutions;
        sub
    }

    /// Changes what options say, from the next command on.
    pub fn set(&mut self, settings: Settings) {
        self.settings = settings;
    }

    /// Is the script known to have nothing more?
    #[must_use]
    pub fn is_at_end(&self) -> bool {
        let rest = self.buf.get(self.pos..).unwrap_or(&[]);
        rest.iter().all(u8::is_ascii_whitespace) && (self.eof || self.source.is_at_end())
    }

    /// The number of the line to be read next.
    #[must_use]
    pub fn line(&self) -> u32 {
        self.line
    }

    /// The next complete command, `None` at the end of the script.
    ///
    /// # Errors
    /// The text is no command. The rest of the line is skipped.
    pub fn next_command(&mut self) -> Parse<Option<List>> {
        self.buf.drain(..self.pos.min(self.buf.len()));
        self.pos = 0;
        self.guards.clear();
        self.alias_next = None;
        let result = self.complete_command();
        if result.is_err() {
            self.skip_line();
            self.pending.clear();
            self.depth = 0;
            self.repeated = 0;
            self.substitutions = 0;
            self.in_array = false;
        }
        result
    }

    fn skip_line(&mut self) {
        while self.pos < self.buf.len() {
            let b = self.buf[self.pos];
            self.pos += 1;
            if b == b'\n' {
                self.line += 1;
                return;
            }
        }
    }

    fn fill(&mut self) -> bool {
        if self.eof {
            return false;
        }
        let start = self.buf.len();
        if !self.source.next_line(&mut self.buf) {
            self.eof = true;
            return false;
        }
        if self.buf[start..].contains(&0) {
            let mut keep = start;
            for i in start..self.buf.len() {
                if self.buf[i] != 0 {
                    self.buf[keep] = self.buf[i];
                    keep += 1;
                }
            }
            self.buf.truncate(keep);
        }
        if self.settings.verbose {
            self.echo.extend_from_slice(&self.buf[start..]);
        }
        true
    }

    /// The byte `ahead` of the position, [`END`] behind the end.
    #[inline]
    pub(super) fn at(&mut self, ahead: usize) -> u8 {
        loop {
            if let Some(b) = self.buf.get(self.pos + ahead) {
                return *b;
            }
            if !self.fill() {
                return END;
            }
        }
    }

    #[inline]
    pub(super) fn here(&mut self) -> u8 {
        self.at(0)
    }

    /// Steps over one byte.
    #[inline]
    pub(super) fn bump(&mut self) {
        if self.buf.get(self.pos) == Some(&b'\n') {
            self.line += 1;
        }
        self.pos += 1;
    }

    /// Steps over `text` if it is next.
    pub(super) fn eat(&mut self, text: &[u8]) -> bool {
        if self.looking_at(text) {
            self.pos += text.len();
            return true;
        }
        false
    }

    pub(super) fn looking_at(&mut self, text: &[u8]) -> bool {
        (0..text.len()).all(|i| self.at(i) == text[i])
    }

    /// Skips blanks, escaped newlines, and a comment.
    pub(super) fn skip_blanks(&mut self) {
        loop {
            match self.here() {
                b' ' | b'\t' => self.pos += 1,
                b'\\' if self.at(1) == b'\n' => {
                    self.pos += 2;
                    self.line += 1;
                }
                b'#' if self.comment_may_start() => {
                    while !matches!(self.here(), b'\n' | END) {
                        self.pos += 1;
                    }
                }
                _ => return,
            }
        }
    }

    fn comment_may_start(&self) -> bool {
        match self.pos.checked_sub(1).map(|i| self.buf[i]) {
            None => true,
            Some(b) => is_meta(b),
        }
    }

    /// Steps over a newline and the here-documents that follow it.
    ///
    /// # Errors
    /// A here-document's body holds a malformed expansion.
    pub(super) fn newline(&mut self) -> Parse<()> {
        self.bump();
        if self.pending.is_empty() { Ok(()) } else { self.read_here_documents() }
    }

    /// Skips blanks, comments and newlines.
    pub(super) fn skip_lines(&mut self) -> Parse<()> {
        loop {
            self.skip_blanks();
            if self.here() != b'\n' {
                return Ok(());
            }
            self.newline()?;
        }
    }

    /// Counts one more level of nesting for as long as `inner` runs.
    pub(super) fn nested<T>(&mut self, inner: impl FnOnce(&mut Self) -> Parse<T>) -> Parse<T> {
        if self.depth >= MAX_DEPTH {
            return Err(self.too_deep());
        }
        self.depth += 1;
        let result = inner(self);
        self.depth -= 1;
        result
    }

    pub(super) fn too_deep(&self) -> SyntaxError {
        let text = b"commands and expansions are nested too deeply".to_vec();
        self.error(self.line, ErrorKind::MessageAtEnd(text))
    }

    /// The reserved word at the position, if there is one: plain text up to a metacharacter.
    pub(super) fn plain_word(&mut self) -> Option<&[u8]> {
        let mut n = 0;
        loop {
            let b = self.at(n);
            if b == END || is_meta(b) {
                break;
            }
            if matches!(b, b'\\' | b'\'' | b'"' | b'`' | b'$') {
                return None;
            }
            n += 1;
        }
        if n == 0 { None } else { Some(&self.buf[self.pos..self.pos + n]) }
    }

    pub(super) fn at_word(&mut self, word: &[u8]) -> bool {
        let len = word.len();
        self.looking_at(word) && {
            let b = self.at(len);
            b == END || is_meta(b)
        }
    }

    pub(super) fn eat_word(&mut self, word: &[u8]) -> bool {
        let found = self.at_word(word);
        if found {
            self.pos += word.len();
        }
        found
    }

    /// Skips blanks, then requires a reserved word.
    pub(super) fn expect_word(&mut self, word: &[u8]) -> Parse<()> {
        self.skip_blanks();
        if self.eat_word(word) { Ok(()) } else { Err(self.unexpected()) }
    }

    /// Replaces an alias at the position by its text, as often as that gives another one.
    pub(super) fn expand_alias(&mut self) {
        let Some(aliases) = self.settings.aliases.clone() else { return };
        loop {
            let pos = self.pos;
            self.guards.retain(|g| g.end > pos);
            let Some(word) = self.plain_word() else { return };
            let word = word.to_vec();
            let Some(text) = aliases.get(&word) else { return };
            if self.guards.iter().any(|g| g.name == word) {
                return;
            }
            self.buf.splice(pos..pos + word.len(), text.iter().copied());
            for guard in &mut self.guards {
                guard.end = guard.end + text.len() - word.len();
            }
            if let Some(next) = &mut self.alias_next {
                *next = *next + text.len() - word.len();
            }
            let end = pos + text.len();
            self.guards.push(AliasGuard { name: word, end: end.max(pos + 1) });
            if matches!(text.last(), Some(b' ' | b'\t')) {
                self.alias_next = Some(end);
            }
            self.skip_blanks();
        }
    }

    /// Expands an alias in an argument if the word before came from an alias that ends in a blank.
    pub(super) fn expand_next_alias(&mut self) {
        if let Some(end) = self.alias_next
            && self.pos >= end
        {
            self.alias_next = None;
            self.expand_alias();
        }
    }

    /// An error with a text of its own on the current line.
    pub(super) fn message(&self, text: Vec<u8>) -> SyntaxError {
        self.error(self.line, ErrorKind::Message(text))
    }

    pub(super) fn error(&self, line: u32, kind: ErrorKind) -> SyntaxError {
        SyntaxError { line, kind, in_array: self.in_array, in_substitution: self.substitutions > 0 }
    }

    /// The end of the script came inside something that `close` would have closed.
    pub(super) fn unmatched(&mut self, line: u32, close: u8) -> SyntaxError {
        let end = self.end_line();
        let kind = if self.in_array { ErrorKind::UnmatchedInArray(close, end) } else { ErrorKind::Unmatched(close) };
        self.error(line, kind)
    }

    /// The line number reported for the end of the script.
    pub(super) fn end_line(&mut self) -> u32 {
        while self.here() != END {
            self.bump();
        }
        if self.buf.last().is_none_or(|b| *b == b'\n') { self.line } else { self.line + 1 }
    }

    /// The error for what is at the position.
    pub(super) fn unexpected(&mut self) -> SyntaxError {
        self.skip_blanks();
        if self.here() == END {
            let line = self.end_line();
            let kind = if self.substitutions > 0 { ErrorKind::Unmatched(b')') } else { ErrorKind::EndOfFile };
            return self.error(line, kind);
        }
        let line = self.line;
        let start = self.pos;
        let text = self.current_line();
        let token = self.token_text();
        self.pos = start;
        self.error(line, ErrorKind::Unexpected { token, text })
    }

    /// The line the position is on, without its newline.
    pub(super) fn current_line(&self) -> Vec<u8> {
        let at = self.pos.min(self.buf.len());
        let start = self.buf[..at].iter().rposition(|b| *b == b'\n').map_or(0, |i| i + 1);
        let end = self.buf[at..].iter().position(|b| *b == b'\n').map_or(self.buf.len(), |i| i + at);
        self.buf[start..end].to_vec()
    }

    /// The token at the position as error messages show it.
    pub(super) fn token_text(&mut self) -> Vec<u8> {
        const OPERATORS: [&[u8]; 23] = [
            b";;&", b"<<<", b"<<-", b"&>>", b"&&", b"||", b";;", b";&", b"|&", b"&>", b"<<", b">>", b"<&", b">&",
            b"<>", b">|", b"|", b"&", b";", b"(", b")", b"<", b">",
        ];
        if matches!(self.here(), b'\n' | END) {
            return b"newline".to_vec();
        }
        if let Some(op) = OPERATORS.iter().find(|op| self.looking_at(op)) {
            return op.to_vec();
        }
        let start = self.pos;
        let mark = (self.line, self.in_array);
        let ok = self.word().is_ok();
        let end = if ok { self.pos } else { self.buf.len() };
        (self.line, self.in_array) = mark;
        self.buf[start..end].to_vec()
    }
}

/// A source with no lines.
struct Nothing;

impl Source for Nothing {
    fn next_line(&mut self, _into: &mut Vec<u8>) -> bool {
        false
    }
}

/// Does this byte end a word when it is not quoted?
#[inline]
pub(super) fn is_meta(b: u8) -> bool {
    matches!(b, b' ' | b'\t' | b'\n' | b'|' | b'&' | b';' | b'(' | b')' | b'<' | b'>')
}
