//! Where an exec's output goes and its input comes from: bounded capture, live streams, and standard input from the host.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

use bytes::{Bytes, BytesMut};
use futures_util::FutureExt as _;

use crate::base::{Errno, Sys};
use crate::kernel::{Sink, Source};

/// Bytes that wait in a [`Stream`] before its writer has to.
const STREAM_BYTES: usize = 1 << 20;

/// What was kept of one output stream: all of it, or head and tail when it was longer than the limit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Captured {
    /// The kept bytes, head and tail joined.
    pub bytes: Vec<u8>,
    /// Bytes dropped between head and tail.
    pub truncated_bytes: u64,
}

/// Keeps the first and the last half of what is written to it.
struct Capture {
    half: usize,
    head: Vec<u8>,
    tail: VecDeque<u8>,
    dropped: u64,
}

impl Capture {
    fn write(&mut self, mut data: &[u8]) {
        let room = (self.half - self.head.len()).min(data.len());
        self.head.extend_from_slice(&data[..room]);
        data = &data[room..];
        if data.len() >= self.half {
            self.dropped += (self.tail.len() + data.len() - self.half) as u64;
            self.tail.clear();
            data = &data[data.len() - self.half..];
        } else if self.tail.len() + data.len() > self.half {
            let excess = self.tail.len() + data.len() - self.half;
            self.dropped += excess as u64;
            self.tail.drain(..excess);
        }
        self.tail.extend(data);
    }
}

/// A [`Sink`] that captures, and its reading end.
#[derive(Clone)]
pub(super) struct Capturing(Arc<Mutex<Capture>>);

impl Capturing {
    /// Keeps at most `limit` bytes.
    pub fn new(limit: u64) -> Capturing {
        let half = usize::try_from(limit / 2).unwrap_or(usize::MAX / 2);
        Capturing(Arc::new(Mutex::new(Capture { half, head: Vec::new(), tail: VecDeque::new(), dropped: 0 })))
    }

    pub fn take(&self) -> Captured {
        let mut capture = lock(&self.0);
        let mut bytes = std::mem::take(&mut capture.head);
        bytes.extend(std::mem::take(&mut capture.tail));
        Captured { bytes, truncated_bytes: capture.dropped }
    }
}

impl Sink for Capturing {
    fn poll_write(&mut self, data: &[u8], _: &Waker) -> Poll<Sys<usize>> {
        lock(&self.0).write(data);
        Poll::Ready(Ok(data.len()))
    }
}

/// A bounded queue of bytes between a guest and the host: the guest waits when it is full or empty.
#[derive(Default)]
struct Queue {
    chunks: VecDeque<Bytes>,
    bytes: usize,
    /// No more will be written.
    ended: bool,
    /// Nobody will read any more.
    abandoned: bool,
    guest: Option<Waker>,
    host: Option<Waker>,
    /// Columns and rows of the terminal that output goes to, if it does.
    terminal: Option<(u32, u32)>,
}

/// The host's end of a live output stream of an exec. Dropping it makes the guest's writes fail as on a broken pipe.
pub struct OutputStream(Arc<Mutex<Queue>>);

/// The guest's end of an [`OutputStream`].
pub(super) struct StreamSink(Arc<Mutex<Queue>>);

/// A live output stream: the guest's end and the host's. `terminal` is its columns and rows, if it leads to one.
pub(super) fn output_stream(terminal: Option<(u32, u32)>) -> (StreamSink, OutputStream) {
    let queue = Arc::new(Mutex::new(Queue { terminal, ..Queue::default() }));
    (StreamSink(queue.clone()), OutputStream(queue))
}

impl Sink for StreamSink {
    fn poll_write(&mut self, data: &[u8], waker: &Waker) -> Poll<Sys<usize>> {
        let mut queue = lock(&self.0);
        if queue.abandoned {
            return Poll::Ready(Err(Errno::Pipe));
        }
        let room = STREAM_BYTES.saturating_sub(queue.bytes).min(data.len());
        if room == 0 && !data.is_empty() {
            queue.guest = Some(waker.clone());
            return Poll::Pending;
        }
        queue.bytes += room;
        queue.chunks.push_back(Bytes::copy_from_slice(&data[..room]));
        wake(&mut queue.host);
        Poll::Ready(Ok(room))
    }

    fn terminal_size(&self) -> Option<(u32, u32)> {
        lock(&self.0).terminal
    }
}

impl Drop for StreamSink {
    fn drop(&mut self) {
        let mut queue = lock(&self.0);
        queue.ended = true;
        wake(&mut queue.host);
    }
}

impl OutputStream {
    /// The next bytes the guest wrote, or `None` once all who could write are gone.
    pub async fn next(&mut self) -> Option<Bytes> {
        std::future::poll_fn(|cx| {
            let mut queue = lock(&self.0);
            if let Some(chunk) = queue.chunks.pop_front() {
                queue.bytes -= chunk.len();
                if queue.bytes <= STREAM_BYTES / 2 {
                    wake(&mut queue.guest);
                }
                return Poll::Ready(Some(chunk));
            }
            if queue.ended {
                return Poll::Ready(None);
            }
            queue.host = Some(cx.waker().clone());
            Poll::Pending
        })
        .await
    }

    /// Says that the terminal which output goes to has another size now. Whoever runs is to be sent SIGWINCH besides.
    pub fn resize(&self, columns: u32, rows: u32) {
        lock(&self.0).terminal = Some((columns, rows));
    }
}

impl Drop for OutputStream {
    fn drop(&mut self) {
        let mut queue = lock(&self.0);
        queue.abandoned = true;
        wake(&mut queue.guest);
    }
}

/// An output stream read as text: what it gives is cut so that characters of UTF-8 stay whole.
pub struct Characters {
    stream: OutputStream,
    /// The beginning of a character.
    begun: Bytes,
    has_ended: bool,
}

impl Characters {
    /// The text of a stream.
    pub fn new(stream: OutputStream) -> Characters {
        Characters { stream, begun: Bytes::new(), has_ended: false }
    }

    /// What the guest wrote, as much as is there up to about `most` bytes, or `None` once all who could write are gone. It can be dropped while
    /// it waits.
    pub async fn next(&mut self, most: usize) -> Option<Bytes> {
        while !self.has_ended {
            let Some(first) = self.stream.next().await else {
                self.has_ended = true;
                break;
            };
            let mut bytes = BytesMut::from(std::mem::take(&mut self.begun));
            bytes.extend_from_slice(&first);
            while bytes.len() < most
                && let Some(Some(more)) = self.stream.next().now_or_never()
            {
                bytes.extend_from_slice(&more);
            }
            let mut bytes = bytes.freeze();
            self.begun = bytes.split_off(bytes.len() - begun_character(&bytes));
            if !bytes.is_empty() {
                return Some(bytes);
            }
        }
        Some(std::mem::take(&mut self.begun)).filter(|rest| !rest.is_empty())
    }
}

/// Bytes at the end of `bytes` that begin a character of UTF-8 whose rest may be to come.
fn begun_character(bytes: &[u8]) -> usize {
    for back in 1..=bytes.len().min(3) {
        let needs = match bytes[bytes.len() - back] {
            0xc2..=0xdf => 2,
            0xe0..=0xef => 3,
            0xf0..=0xf4 => 4,
            0x80..=0xbf => continue,
            _ => 0,
        };
        return if needs > back { back } else { 0 };
    }
    0
}

/// The host's end of an exec's standard input. Dropping it is the end of the input.
pub struct InputStream(Arc<Mutex<Queue>>);

/// The guest's end of an [`InputStream`].
pub(super) struct StreamSource {
    queue: Arc<Mutex<Queue>>,
    terminal: bool,
}

/// A live input stream: the guest's end and the host's. `terminal` is what the guest's `isatty` says.
pub(super) fn input_stream(terminal: bool) -> (StreamSource, InputStream) {
    let queue = Arc::new(Mutex::new(Queue::default()));
    (StreamSource { queue: queue.clone(), terminal }, InputStream(queue))
}

impl InputStream {
    /// Hands `data` to the guest; waits while it has not read what came before. False when it reads no more.
    pub async fn send(&mut self, data: Bytes) -> bool {
        std::future::poll_fn(|cx| {
            let mut queue = lock(&self.0);
            if queue.abandoned {
                return Poll::Ready(false);
            }
            if queue.bytes >= STREAM_BYTES {
                queue.host = Some(cx.waker().clone());
                return Poll::Pending;
            }
            if !data.is_empty() {
                queue.bytes += data.len();
                queue.chunks.push_back(data.clone());
                wake(&mut queue.guest);
            }
            Poll::Ready(true)
        })
        .await
    }

    /// Ends the input for one read, as Ctrl-D on a terminal: what is read after it waits for more.
    pub fn end_once(&mut self) {
        let mut queue = lock(&self.0);
        queue.chunks.push_back(Bytes::new());
        wake(&mut queue.guest);
    }

    /// Waits until the guest wants input that is not there yet. False when it reads no more.
    ///
    /// With it a host reads its own input no sooner than the guest does.
    pub async fn wanted(&mut self) -> bool {
        std::future::poll_fn(|cx| {
            let mut queue = lock(&self.0);
            if queue.abandoned || queue.guest.is_some() {
                return Poll::Ready(!queue.abandoned);
            }
            queue.host = Some(cx.waker().clone());
            Poll::Pending
        })
        .await
    }
}

impl Drop for InputStream {
    fn drop(&mut self) {
        let mut queue = lock(&self.0);
        queue.ended = true;
        wake(&mut queue.guest);
    }
}

impl Source for StreamSource {
    fn poll_read(&mut self, buf: &mut [u8], waker: &Waker) -> Poll<Sys<usize>> {
        let mut queue = lock(&self.queue);
        let Some(mut chunk) = queue.chunks.pop_front() else {
            if queue.ended {
                return Poll::Ready(Ok(0));
            }
            queue.guest = Some(waker.clone());
            wake(&mut queue.host);
            return Poll::Pending;
        };
        let n = chunk.len().min(buf.len());
        buf[..n].copy_from_slice(&chunk.split_to(n));
        if !chunk.is_empty() {
            queue.chunks.push_front(chunk);
        }
        queue.bytes -= n;
        wake(&mut queue.host);
        Poll::Ready(Ok(n))
    }

    fn poll_ready(&mut self, waker: &Waker) -> Poll<()> {
        let mut queue = lock(&self.queue);
        if !queue.chunks.is_empty() || queue.ended {
            return Poll::Ready(());
        }
        queue.guest = Some(waker.clone());
        wake(&mut queue.host);
        Poll::Pending
    }

    fn is_terminal(&self) -> bool {
        self.terminal
    }
}

impl Drop for StreamSource {
    fn drop(&mut self) {
        let mut queue = lock(&self.queue);
        queue.abandoned = true;
        wake(&mut queue.host);
    }
}

/// Standard input that is known beforehand.
pub(super) struct BytesSource(pub Bytes);

impl Source for BytesSource {
    fn poll_read(&mut self, buf: &mut [u8], _: &Waker) -> Poll<Sys<usize>> {
        let n = self.0.len().min(buf.len());
        buf[..n].copy_from_slice(&self.0.split_to(n));
        Poll::Ready(Ok(n))
    }
}

fn wake(waker: &mut Option<Waker>) {
    if let Some(waker) = waker.take() {
        waker.wake();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_are_not_cut() {
        for (bytes, begun) in [
            (&b""[..], 0),
            (b"abc", 0),
            ("é".as_bytes(), 0),
            (&"aé".as_bytes()[..2], 1),
            (&"€".as_bytes()[..2], 2),
            (&"😀".as_bytes()[..3], 3),
            ("😀".as_bytes(), 0),
            (b"\xff", 0),
            (b"\x80\x80\x80\x80", 0),
        ] {
            assert_eq!(begun_character(bytes), begun, "{bytes:?}");
        }
    }

    #[test]
    fn text_comes_in_whole_characters_and_its_rest_at_the_end() {
        let (mut sink, stream) = output_stream(None);
        let mut text = Characters::new(stream);
        let mut write = |bytes: &[u8]| assert!(sink.poll_write(bytes, Waker::noop()).is_ready());
        let next = |text: &mut Characters| text.next(1 << 10).now_or_never();
        write(b"a\xe2\x82");
        assert_eq!(next(&mut text), Some(Some(Bytes::from_static(b"a"))));
        assert_eq!(next(&mut text), None, "the rest of the character may come");
        write(b"\xac");
        write(b"b\xe2");
        assert_eq!(next(&mut text), Some(Some("€b".into())));
        drop(sink);
        assert_eq!(next(&mut text), Some(Some(Bytes::from_static(b"\xe2"))));
        assert_eq!(next(&mut text), Some(None));
    }
}
