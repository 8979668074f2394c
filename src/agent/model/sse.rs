//! Server-sent events out of bytes, as they come: any line ends, comments, several data lines, pieces cut anywhere.

/// Bytes of one event; more is nonsense.
const LONGEST: usize = 8 << 20;

/// Takes bytes, gives the data of whole events. Names and ids of events are not kept: what models send says in its data what it is.
#[derive(Default)]
pub(super) struct Parser {
    /// The line so far.
    line: Vec<u8>,
    /// The event's data so far; none if it has no data line yet.
    data: Option<String>,
    /// Bytes of the event so far.
    length: usize,
    /// Whether the last byte was a carriage return: a line feed after it ends no second line.
    returned: bool,
}

/// An event is longer than any should be.
#[derive(Debug, PartialEq, thiserror::Error)]
#[error("an event of more than {LONGEST} bytes")]
pub(super) struct TooLong;

impl Parser {
    /// The data of the events that end in these bytes.
    pub fn push(&mut self, mut bytes: &[u8]) -> Result<Vec<String>, TooLong> {
        let mut events = Vec::new();
        if std::mem::take(&mut self.returned) {
            bytes = bytes.strip_prefix(b"\n").unwrap_or(bytes);
        }
        while let Some(at) = bytes.iter().position(|b| matches!(b, b'\n' | b'\r')) {
            self.extend(&bytes[..at])?;
            events.extend(self.line_ended());
            let (end, rest) = (bytes[at], &bytes[at + 1..]);
            self.returned = end == b'\r' && rest.is_empty();
            bytes = if end == b'\r' { rest.strip_prefix(b"\n").unwrap_or(rest) } else { rest };
        }
        self.extend(bytes)?;
        Ok(events)
    }

    /// The data of an event that the end of the stream cut short of its empty line: some services leave that out.
    pub fn end(&mut self) -> Option<String> {
        let _ = self.line_ended();
        self.data.take().filter(|data| !data.is_empty())
    }

    fn extend(&mut self, bytes: &[u8]) -> Result<(), TooLong> {
        self.length += bytes.len();
        if self.length > LONGEST {
            return Err(TooLong);
        }
        self.line.extend_from_slice(bytes);
        Ok(())
    }

    fn line_ended(&mut self) -> Option<String> {
        let line = std::mem::take(&mut self.line);
        if line.is_empty() {
            self.length = 0;
            return self.data.take();
        }
        let line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&line);
        let value = line.strip_prefix(b"data")?;
        let value = match value {
            [] => value,
            [b':', b' ', value @ ..] | [b':', value @ ..] => value,
            _ => return None,
        };
        let value = String::from_utf8_lossy(value);
        match &mut self.data {
            Some(data) => {
                data.push('\n');
                data.push_str(&value);
            }
            None => self.data = Some(value.into_owned()),
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STREAM: &[u8] = "\u{feff}data: one\n\n: comment\r\ndata:two\r\ndata: lines\r\n\r\nevent: x\rdata: {\"é\": 1}\r\rid: 7\n\ndata\n\ndatum: no\n\ndata:  end".as_bytes();
    const EVENTS: [&str; 4] = ["one", "two\nlines", "{\"é\": 1}", ""];

    #[test]
    fn events_are_whole_wherever_the_bytes_are_cut() {
        for size in 1..=STREAM.len() {
            let mut parser = Parser::default();
            let events: Vec<_> = STREAM.chunks(size).flat_map(|b| parser.push(b).expect("short")).collect();
            assert_eq!(events, EVENTS, "in pieces of {size}");
            assert_eq!(parser.end().as_deref(), Some(" end"));
        }
    }

    #[test]
    fn an_event_that_never_ends_is_refused() {
        let mut parser = Parser::default();
        let piece = vec![b'a'; 1 << 20];
        let refused = (0..=LONGEST / piece.len()).map(|_| parser.push(&piece)).find(Result::is_err);
        assert_eq!(refused, Some(Err(TooLong)));
        let mut lines = Parser::default();
        let line = format!("data:{}\n", "a".repeat(1000));
        let refused = (0..=LONGEST).step_by(1000).map(|_| lines.push(line.as_bytes())).find(Result::is_err);
        assert_eq!(refused, Some(Err(TooLong)));
    }
}
