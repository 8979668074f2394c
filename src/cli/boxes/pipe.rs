//! A pipe between threads that carries failure, too: who reads half of something learns that it is half.

use std::io::{self, Read, Write};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

/// Bytes handed over at a time.
const CHUNK_BYTES: usize = 64 << 10;

/// Chunks under way.
const CHUNKS: usize = 16;

/// The end that is read. An error that the writer gave comes instead of the end.
pub struct Reader {
    chunks: Receiver<io::Result<Vec<u8>>>,
    chunk: Vec<u8>,
    at: usize,
}

/// The end that is written; dropping it is the end.
pub struct Writer {
    chunks: Option<SyncSender<io::Result<Vec<u8>>>>,
    chunk: Vec<u8>,
}

/// A pipe.
pub fn pipe() -> (Reader, Writer) {
    let (send, receive) = sync_channel(CHUNKS);
    (Reader { chunks: receive, chunk: Vec::new(), at: 0 }, Writer { chunks: Some(send), chunk: Vec::new() })
}

impl Writer {
    /// Lets the reader fail; what is written afterwards goes nowhere.
    pub fn fail(&mut self, error: io::Error) {
        if let Some(chunks) = self.chunks.take() {
            let _ = chunks.send(Err(error));
        }
    }
}

impl Write for Writer {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.chunk.extend_from_slice(data);
        if self.chunk.len() >= CHUNK_BYTES {
            self.flush()?;
        }
        Ok(data.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let chunk = std::mem::take(&mut self.chunk);
        match &self.chunks {
            Some(chunks) if !chunk.is_empty() => {
                chunks.send(Ok(chunk)).map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))
            }
            _ => Ok(()),
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        let _ = self.flush();
    }
}

impl Read for Reader {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.at == self.chunk.len() {
            match self.chunks.recv() {
                Ok(chunk) => (self.chunk, self.at) = (chunk?, 0),
                Err(_) => return Ok(0),
            }
        }
        let n = (self.chunk.len() - self.at).min(into.len());
        into[..n].copy_from_slice(&self.chunk[self.at..self.at + n]);
        self.at += n;
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_arrive_whole() {
        let (mut reader, mut writer) = pipe();
        let sent: Vec<u8> = (0..3_000_000_u32).map(|n| (n % 251) as u8).collect();
        let expected = sent.clone();
        let thread = std::thread::spawn(move || sent.chunks(1000).try_for_each(|part| writer.write_all(part)));
        let mut got = Vec::new();
        reader.read_to_end(&mut got).expect("nothing fails");
        thread.join().expect("no panic").expect("all is read");
        assert!(got == expected);
    }

    #[test]
    fn a_failure_is_not_an_end() {
        let (mut reader, mut writer) = pipe();
        writer.write_all(b"half").expect("there is room");
        writer.fail(io::Error::other("unreadable"));
        writer.write_all(b"more").expect("it goes nowhere");
        drop(writer);
        let error = reader.read_to_end(&mut Vec::new()).expect_err("it was told");
        assert_eq!(error.to_string(), "unreadable");
    }

    #[test]
    fn writing_to_nobody_fails() {
        let (reader, mut writer) = pipe();
        drop(reader);
        writer.write_all(b"x").expect("it is kept");
        assert_eq!(writer.flush().map_err(|e| e.kind()), Err(io::ErrorKind::BrokenPipe));
    }
}
