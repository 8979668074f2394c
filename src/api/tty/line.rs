//! What a terminal's driver does with the bytes that are typed: echo, editing of the line, and the keys that are more than characters.

use std::collections::VecDeque;

use crate::kernel::Signal;

/// Longest line, in bytes; of a longer one the rest is not taken, and the bell rings.
const LINE_BYTES: usize = 64 << 10;

/// Most that may be typed ahead of what is read, in bytes.
const AHEAD_BYTES: usize = 1 << 20;

const BELL: u8 = 0x07;
const ERASE: &[u8] = b"\x08 \x08";

/// Something typed that is complete.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Typed {
    /// A line with its newline, or what there was of it before Ctrl-D.
    Line(Vec<u8>),
    /// Ctrl-D on an empty line.
    End,
    /// Ctrl-C or Ctrl-\.
    Signal(Signal),
}

impl Typed {
    /// What it counts for while it waits.
    fn bytes(&self) -> usize {
        match self {
            Typed::Line(line) => line.len(),
            Typed::End => 1,
            // There is never more than one.
            Typed::Signal(_) => 0,
        }
    }
}

/// More was typed than may wait.
#[derive(Debug)]
pub(super) struct TooMuch;

/// The line that is being typed, and what was typed before and is not read yet.
#[derive(Default)]
pub(super) struct Terminal {
    line: Vec<u8>,
    /// The next byte is taken as it is (after Ctrl-V).
    literal: bool,
    ahead: VecDeque<Typed>,
    ahead_bytes: usize,
}

impl Terminal {
    /// Takes bytes as they are typed; returns what is shown for them.
    pub fn take(&mut self, bytes: &[u8]) -> Result<Vec<u8>, TooMuch> {
        let mut shown = Vec::with_capacity(bytes.len());
        for &byte in bytes {
            self.key(byte, &mut shown);
            if self.ahead_bytes > AHEAD_BYTES {
                return Err(TooMuch);
            }
        }
        Ok(shown)
    }

    /// The oldest that was typed.
    pub fn next(&mut self) -> Option<Typed> {
        let next = self.ahead.pop_front()?;
        self.ahead_bytes -= next.bytes();
        Some(next)
    }

    /// A signal, if one was typed: it comes before everything else.
    pub fn signal(&mut self) -> Option<Signal> {
        let Some(Typed::Signal(signal)) = self.ahead.front() else { return None };
        let signal = *signal;
        self.ahead.pop_front();
        Some(signal)
    }

    /// Whether something waits to be read.
    pub fn is_waiting(&self) -> bool {
        !self.ahead.is_empty()
    }

    fn key(&mut self, byte: u8, shown: &mut Vec<u8>) {
        if std::mem::take(&mut self.literal) {
            return self.put(byte, shown);
        }
        match byte {
            // Ctrl-C, Ctrl-\
            0x03 => self.interrupt(Signal::INT, b"^C", shown),
            0x1c => self.interrupt(Signal::QUIT, b"^\\", shown),
            // Ctrl-D
            0x04 if self.line.is_empty() => self.complete(Typed::End),
            0x04 => self.end_line(),
            b'\r' | b'\n' => {
                self.line.push(b'\n');
                shown.extend(b"\r\n");
                self.end_line();
            }
            0x08 | 0x7f => self.erase(shown),
            // Ctrl-U
            0x15 => {
                while !self.line.is_empty() {
                    self.erase(shown);
                }
            }
            // Ctrl-W
            0x17 => {
                while self.line.last().is_some_and(u8::is_ascii_whitespace) {
                    self.erase(shown);
                }
                while self.line.last().is_some_and(|byte| !byte.is_ascii_whitespace()) {
                    self.erase(shown);
                }
            }
            // Ctrl-V
            0x16 => self.literal = true,
            _ => self.put(byte, shown),
        }
    }

    fn put(&mut self, byte: u8, shown: &mut Vec<u8>) {
        if self.line.len() >= LINE_BYTES {
            return shown.push(BELL);
        }
        self.line.push(byte);
        match byte {
            b'\t' => shown.push(b' '),
            0..0x20 => shown.extend([b'^', byte + b'@']),
            0x7f => shown.extend(b"^?"),
            _ => shown.push(byte),
        }
    }

    /// Takes the last character back.
    fn erase(&mut self, shown: &mut Vec<u8>) {
        let width = match self.line.pop() {
            None => return,
            Some(b'\t') => 1,
            Some(0..0x20 | 0x7f) => 2,
            Some(mut byte) => {
                // The bytes that go on with a character of UTF-8, and the one that begins it.
                while (0x80..0xc0).contains(&byte) {
                    let Some(before) = self.line.pop_if(|byte| *byte >= 0x80) else { break };
                    byte = before;
                }
                1
            }
        };
        shown.extend(ERASE.repeat(width));
    }

    fn end_line(&mut self) {
        let line = std::mem::take(&mut self.line);
        self.complete(Typed::Line(line));
    }

    fn complete(&mut self, typed: Typed) {
        self.ahead_bytes += typed.bytes();
        self.ahead.push_back(typed);
    }

    /// A signal drops what was typed before it.
    fn interrupt(&mut self, signal: Signal, text: &[u8], shown: &mut Vec<u8>) {
        self.line.clear();
        self.ahead.clear();
        self.ahead_bytes = 0;
        self.ahead.push_back(Typed::Signal(signal));
        shown.extend(text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &[u8]) -> Typed {
        Typed::Line(text.to_vec())
    }

    /// What is shown and what is read when `bytes` are typed, whole or byte by byte.
    fn type_in(bytes: &[u8]) -> (Vec<u8>, Vec<Typed>) {
        let (mut whole, mut single) = (Terminal::default(), Terminal::default());
        let shown = whole.take(bytes).expect("it is not much");
        let piecewise: Vec<u8> = bytes.iter().flat_map(|byte| single.take(&[*byte]).expect("it is not much")).collect();
        assert_eq!(shown, piecewise);
        let read: Vec<Typed> = std::iter::from_fn(|| whole.next()).collect();
        assert_eq!(read, std::iter::from_fn(|| single.next()).collect::<Vec<_>>());
        assert_eq!((whole.ahead_bytes, single.ahead_bytes), (0, 0));
        (shown, read)
    }

    #[test]
    fn lines_are_edited_and_echoed() {
        for (typed, shown, read) in [
            (&b"ls\r"[..], &b"ls\r\n"[..], vec![line(b"ls\n")]),
            (b"a\nb\n", b"a\r\nb\r\n", vec![line(b"a\n"), line(b"b\n")]),
            (b"lx\x7fs\n", b"lx\x08 \x08s\r\n", vec![line(b"ls\n")]),
            ("né\x08\n".as_bytes(), "né\x08 \x08\r\n".as_bytes(), vec![line(b"n\n")]),
            ("a😀\x7f\x7f\x7f\n".as_bytes(), "a😀\x08 \x08\x08 \x08\r\n".as_bytes(), vec![line(b"\n")]),
            (b"\x80\x80\x7f\n", b"\x80\x80\x08 \x08\r\n", vec![line(b"\n")]),
            (b"one two\x17\n", b"one two\x08 \x08\x08 \x08\x08 \x08\r\n", vec![line(b"one \n")]),
            (b"ab\x15c\n", b"ab\x08 \x08\x08 \x08c\r\n", vec![line(b"c\n")]),
            (b"\x16\x03\x16\x16\n", b"^C^V\r\n", vec![line(b"\x03\x16\n")]),
            (b"\x01\x7f\n", b"^A\x08 \x08\x08 \x08\r\n", vec![line(b"\n")]),
            (b"a\tb\n", b"a b\r\n", vec![line(b"a\tb\n")]),
            (b"\x04", b"", vec![Typed::End]),
            (b"ab\x04\x04", b"ab", vec![line(b"ab"), Typed::End]),
        ] {
            let (said, got) = type_in(typed);
            assert_eq!((&*said.escape_ascii().to_string(), got), (&*shown.escape_ascii().to_string(), read));
        }
    }

    #[test]
    fn a_signal_drops_what_came_before() {
        let mut terminal = Terminal::default();
        let shown = terminal.take(b"one\ntw\x03three\n").expect("it is not much");
        assert_eq!(shown, b"one\r\ntw^Cthree\r\n");
        assert_eq!(terminal.signal(), Some(Signal::INT));
        assert_eq!(terminal.signal(), None);
        assert_eq!((terminal.next(), terminal.is_waiting()), (Some(line(b"three\n")), false));
        assert_eq!(type_in(b"x\x1c").1, [Typed::Signal(Signal::QUIT)]);
    }

    #[test]
    fn nothing_grows_without_end() {
        let mut terminal = Terminal::default();
        let shown = terminal.take(&vec![b'x'; LINE_BYTES + 2]).expect("one line");
        assert!(shown.ends_with(b"x\x07\x07"));
        assert_eq!(terminal.line.len(), LINE_BYTES);
        terminal.take(b"\n").expect("the line ends all the same");
        let mut lines = std::iter::repeat_with(|| terminal.take(&[b"y".repeat(1000), b"\n".to_vec()].concat()));
        assert!(lines.by_ref().take(AHEAD_BYTES / 1000 + 1).any(|taken| taken.is_err()));
        assert!(Terminal::default().take(&b"\x04".repeat(AHEAD_BYTES + 1)).is_err(), "neither of ends");
    }
}
