//! Where script text comes from: a line at a time, so that a command runs before the next one is read.

/// Gives a script's lines, each with its newline (the last one may lack it).
pub trait Source {
    /// Appends the next line to `into`; false at the end.
    fn next_line(&mut self, into: &mut Vec<u8>) -> bool;

    /// Is nothing but blank left? False if that cannot be known without reading.
    fn is_at_end(&self) -> bool {
        false
    }
}

/// A script that is all there.
pub struct Lines {
    text: Vec<u8>,
    pos: usize,
}

impl Lines {
    /// The lines of `text`.
    #[must_use]
    pub fn new(text: Vec<u8>) -> Self {
        Self { text, pos: 0 }
    }
}

impl Source for Lines {
    fn next_line(&mut self, into: &mut Vec<u8>) -> bool {
        let rest = &self.text[self.pos..];
        if rest.is_empty() {
            return false;
        }
        let end = rest.iter().position(|b| *b == b'\n').map_or(rest.len(), |n| n + 1);
        into.extend_from_slice(&rest[..end]);
        self.pos += end;
        true
    }

    fn is_at_end(&self) -> bool {
        self.text[self.pos..].iter().all(u8::is_ascii_whitespace)
    }
}
