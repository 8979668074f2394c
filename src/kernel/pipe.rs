//! Pipes: bytes between processes, with back pressure.
//!
//! A pipe holds [`CAPACITY`], and [`CAPACITY_STREAMING`] once a lot has gone through it: fewer switches between its two sides.
//! A writer that found it full is woken only when half of it is free, so that the two sides do not take turns byte by byte.

use super::Pid;
use crate::vfs::Loc;
use std::collections::VecDeque;

/// Bytes a pipe holds at first, as on Linux.
pub(super) const CAPACITY: usize = 64 << 10;
/// Bytes a pipe holds when both of its sides stream.
pub(super) const CAPACITY_STREAMING: usize = 1 << 20;
/// A write of up to this many bytes is not torn apart (`PIPE_BUF`).
pub(super) const ATOMIC: usize = 4096;
/// The smallest buffer: most pipes carry a line or two.
const ALLOCATION_MIN: usize = 512;
/// How often a writer must have found the pipe full before the pipe grows; a waiting writer looks at least twice.
const FULL_BEFORE_GROWING: u32 = 8;
/// The reads must be this large on average for a pipe to grow; a reader of single bytes gains nothing.
const READ_SIZE_STREAMING: u64 = 1024;

/// A pipe or FIFO with its two sides.
pub(super) struct Pipe {
    bytes: VecDeque<u8>,
    capacity: usize,
    full: u32,
    reads: u64,
    read_bytes: u64,
    /// Bytes of memory it has been charged for.
    pub(super) charged: usize,
    /// Open files on each side.
    pub(super) readers: u32,
    pub(super) writers: u32,
    /// How often each side was opened: a FIFO's opener may meet an other side that has come and gone.
    pub(super) readers_ever: u32,
    pub(super) writers_ever: u32,
    pub(super) waiting_readers: Vec<Pid>,
    pub(super) waiting_writers: Vec<Pid>,
    /// The node, if it has a name.
    pub(super) fifo: Option<Loc>,
}

impl Pipe {
    pub(super) fn new(fifo: Option<Loc>) -> Pipe {
        Pipe {
            bytes: VecDeque::new(),
            capacity: CAPACITY,
            full: 0,
            reads: 0,
            read_bytes: 0,
            charged: 0,
            readers: 0,
            writers: 0,
            readers_ever: 0,
            writers_ever: 0,
            waiting_readers: Vec::new(),
            waiting_writers: Vec::new(),
            fifo,
        }
    }

    pub(super) fn opened(&mut self, read: bool, write: bool) {
        self.readers += u32::from(read);
        self.writers += u32::from(write);
        self.readers_ever = self.readers_ever.wrapping_add(u32::from(read));
        self.writers_ever = self.writers_ever.wrapping_add(u32::from(write));
    }

    pub(super) fn closed(&mut self, read: bool, write: bool) {
        self.readers -= u32::from(read);
        self.writers -= u32::from(write);
    }

    /// Bytes to be read.
    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Bytes that can be written.
    pub(super) fn free(&self) -> usize {
        self.capacity.saturating_sub(self.bytes.len())
    }

    /// Bytes of memory it has.
    pub(super) fn allocated(&self) -> usize {
        self.bytes.capacity()
    }

    /// How many of `len` bytes a write can take now; `None`: it has to wait.
    pub(super) fn room_for(&self, len: usize) -> Option<usize> {
        let free = self.free();
        if free == 0 || (len <= ATOMIC && free < len) { None } else { Some(free.min(len)) }
    }

    /// The memory it needs to take `more` bytes.
    pub(super) fn allocation_for(&self, more: usize) -> usize {
        let need = self.bytes.len() + more;
        if need <= self.allocated() { self.allocated() } else { need.next_power_of_two().max(ALLOCATION_MIN) }
    }

    /// Gets that memory.
    pub(super) fn allocate(&mut self, bytes: usize) {
        self.bytes.reserve_exact(bytes.saturating_sub(self.bytes.len()));
    }

    /// Takes bytes for which there is room.
    pub(super) fn write(&mut self, from: &[u8]) {
        self.bytes.extend(from);
    }

    /// A writer found no room: after some times of that the pipe grows. Whether it has just done so.
    pub(super) fn found_full(&mut self) -> bool {
        self.full += 1;
        let grows = self.capacity < CAPACITY_STREAMING
            && self.full > FULL_BEFORE_GROWING
            && self.read_bytes >= self.reads * READ_SIZE_STREAMING;
        if grows {
            self.capacity = CAPACITY_STREAMING;
        }
        grows
    }

    /// Gives bytes away; how many.
    pub(super) fn read(&mut self, into: &mut [u8]) -> usize {
        let count = into.len().min(self.bytes.len());
        let (front, back) = self.bytes.as_slices();
        let first = front.len().min(count);
        into[..first].copy_from_slice(&front[..first]);
        into[first..count].copy_from_slice(&back[..count - first]);
        self.bytes.drain(..count);
        self.reads += 1;
        self.read_bytes += count as u64;
        count
    }

    /// Whether waiting writers are to be woken.
    pub(super) fn half_free(&self) -> bool {
        self.bytes.len() <= self.capacity / 2
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_out_as_they_went_in() {
        let mut pipe = Pipe::new(None);
        let mut next_in = 0u8;
        let mut next_out = 0u8;
        for round in 0..1000 {
            let data: Vec<u8> = (0..(round * 37 % 5000).min(pipe.free()))
                .map(|_| {
                    next_in = next_in.wrapping_add(1);
                    next_in
                })
                .collect();
            pipe.allocate(pipe.allocation_for(data.len()));
            pipe.write(&data);
            let mut out = vec![0; round * 53 % 7000];
            let count = pipe.read(&mut out);
            for byte in &out[..count] {
                next_out = next_out.wrapping_add(1);
                assert_eq!(*byte, next_out);
            }
        }
    }

    #[test]
    fn small_writes_are_not_torn() {
        let mut pipe = Pipe::new(None);
        pipe.write(&vec![0; CAPACITY - 100]);
        assert_eq!(pipe.room_for(101), None);
        assert_eq!(pipe.room_for(ATOMIC), None);
        assert_eq!(pipe.room_for(100), Some(100));
        assert_eq!(pipe.room_for(ATOMIC + 1), Some(100));
    }

    #[test]
    fn memory_follows_what_is_in_it() {
        let mut pipe = Pipe::new(None);
        assert_eq!(pipe.allocated(), 0);
        assert_eq!(pipe.allocation_for(3), ALLOCATION_MIN);
        pipe.allocate(pipe.allocation_for(3));
        pipe.write(b"hi\n");
        assert_eq!(pipe.allocated(), ALLOCATION_MIN);
        assert_eq!(pipe.allocation_for(CAPACITY - 3), CAPACITY);
    }

    #[test]
    fn grows_when_it_streams() {
        let mut pipe = Pipe::new(None);
        let mut out = vec![0; CAPACITY];
        for turn in 0.. {
            pipe.write(&vec![0; pipe.free()]);
            let grew = pipe.found_full();
            assert_eq!(grew, turn == FULL_BEFORE_GROWING);
            if grew {
                break;
            }
            pipe.read(&mut out);
        }
        assert_eq!(pipe.free(), CAPACITY_STREAMING - CAPACITY);
    }
}
