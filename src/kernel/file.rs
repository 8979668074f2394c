//! Open files: what descriptors refer to. An open file has an offset and flags of its own and refers to an object: a node of the file tree, a pipe,
//! a host stream, a device.

use super::calls_file::{FdFlags, FdRights};
use super::device::Device;
use super::pipe::Pipe;
use super::slab::Key;
use super::stream::Stream;
use super::{Kernel, Pid};
use crate::vfs::{Loc, MountId, NodeId};

/// What an open file reads and writes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Object {
    /// A file, pinned.
    File(Loc),
    /// A directory, pinned.
    Dir(Loc),
    /// An end of a pipe, or both. The open file's `read` and `write` say which. A FIFO's node is pinned.
    Pipe(Key<Pipe>, Option<Loc>),
    /// Streams of the host to read from and write to.
    Stream { input: Option<Key<Stream>>, output: Option<Key<Stream>> },
    /// A device; its node is pinned.
    Device(Device, Loc),
}

/// What one or more descriptors refer to.
pub(super) struct OpenFile {
    pub(super) object: Object,
    pub(super) read: bool,
    pub(super) write: bool,
    pub(super) flags: FdFlags,
    pub(super) rights: FdRights,
    pub(super) offset: u64,
    /// Descriptors, and other holders.
    pub(super) holders: u32,
    /// Has a `flock` lock, or waits for one.
    pub(super) locks: bool,
    /// The path it was opened by, from this directory. For `/proc/<pid>/fd` only; not pinned, since it may be out of date anyway.
    pub(super) opened_as: Option<(Loc, Box<[u8]>)>,
}

/// A FIFO that is being opened: the open file is there already, and waits for the other side.
#[derive(Clone, Copy, Debug)]
pub(super) struct Opening {
    pub(super) file: Key<OpenFile>,
    pub(super) cloexec: bool,
    /// How often the other side had been opened before.
    pub(super) others: u32,
}

impl OpenFile {
    /// For reading, writing or both, with nothing special, held once.
    pub(super) fn new(object: Object, read: bool, write: bool) -> OpenFile {
        OpenFile {
            object,
            read,
            write,
            flags: FdFlags::default(),
            rights: FdRights::ALL,
            offset: 0,
            holders: 1,
            locks: false,
            opened_as: None,
        }
    }

    /// The node it refers to, if any.
    pub(super) fn loc(&self) -> Option<Loc> {
        match self.object {
            Object::File(loc) | Object::Dir(loc) | Object::Device(_, loc) => Some(loc),
            Object::Pipe(_, fifo) => fifo,
            Object::Stream { .. } => None,
        }
    }

    /// What its locks are on: the node, or a place that stands for its pipe or stream.
    pub(super) fn lock_place(&self) -> Loc {
        let place = |kind, number| Loc { mount: MountId(u32::MAX - kind), node: NodeId(u64::from(number)) };
        match self.object {
            Object::File(loc) | Object::Dir(loc) | Object::Device(_, loc) => loc,
            Object::Pipe(pipe, fifo) => fifo.unwrap_or(place(0, pipe.raw())),
            Object::Stream { input, output } => place(1, input.or(output).map_or(0, |stream| stream.raw())),
        }
    }

    #[cfg(test)]
    pub(super) fn test_key() -> Key<OpenFile> {
        super::slab::Slab::default().insert(OpenFile::new(Object::Stream { input: None, output: None }, false, false))
    }
}

impl Kernel {
    /// An open file, and the ends of pipes and streams that it holds.
    pub(super) fn new_file(&mut self, file: OpenFile) -> Key<OpenFile> {
        match file.object {
            Object::Pipe(pipe, _) => {
                self.pipes[pipe].opened(file.read, file.write);
                let pipe = &mut self.pipes[pipe];
                if file.read {
                    self.procs.wake_all(&mut pipe.waiting_writers);
                }
                if file.write {
                    self.procs.wake_all(&mut pipe.waiting_readers);
                }
            }
            Object::Stream { input, output } => {
                for stream in [input, output].into_iter().flatten() {
                    self.streams[stream].holders += 1;
                }
            }
            Object::File(_) | Object::Dir(_) | Object::Device(..) => {}
        }
        self.files.insert(file)
    }

    /// One holder less; the last one closes the file.
    pub(super) fn release(&mut self, key: Key<OpenFile>) {
        let file = &mut self.files[key];
        file.holders -= 1;
        if file.holders > 0 {
            return;
        }
        let file = self.files.remove(key);
        if file.locks {
            self.unlock_closed(key, file.lock_place());
        }
        match file.object {
            Object::File(loc) | Object::Dir(loc) | Object::Device(_, loc) => self.vfs.unpin(loc),
            Object::Pipe(pipe, fifo) => {
                self.close_pipe(pipe, file.read, file.write);
                if let Some(loc) = fifo {
                    self.vfs.unpin(loc);
                }
            }
            Object::Stream { input, output } => {
                for stream in [input, output].into_iter().flatten() {
                    self.release_stream(stream);
                }
            }
        }
    }

    /// One side of a pipe less. Whoever waits for the other side learns of it.
    fn close_pipe(&mut self, key: Key<Pipe>, read: bool, write: bool) {
        let pipe = &mut self.pipes[key];
        pipe.closed(read, write);
        if pipe.writers == 0 {
            self.procs.wake_all(&mut pipe.waiting_readers);
        }
        if pipe.readers == 0 {
            self.procs.wake_all(&mut pipe.waiting_writers);
        }
        if pipe.readers == 0 && pipe.writers == 0 {
            let pipe = self.pipes.remove(key);
            self.charge(pipe.charged, 0);
            if let Some(loc) = pipe.fifo {
                self.fifos.remove(&loc);
            }
        }
    }

    pub(super) fn release_stream(&mut self, key: Key<super::stream::Stream>) {
        let stream = &mut self.streams[key];
        stream.holders -= 1;
        if stream.holders == 0 {
            self.streams.remove(key);
        }
    }

    /// Closes everything in a process's descriptor table.
    pub(super) fn close_all(&mut self, pid: Pid) {
        let Ok(process) = self.procs.get_mut(pid) else {
            return;
        };
        let fds = std::mem::take(&mut process.fds);
        let opening = process.opening.take();
        for file in fds.iter().map(|(_, d)| d.file).chain(opening.map(|o| o.file)) {
            self.release(file);
        }
    }
}
