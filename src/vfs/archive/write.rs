//! Writing an archive: ustar members, with pax records where ustar's fields do not suffice.

use super::format::{BLOCK, USTAR, checksum, field, put_number, put_record, time_text};
use crate::base::{BlobError, Errno, Limits, Sys};
use crate::vfs::types::{Attr, Cred, Follow, Kind, NodeId};
use crate::vfs::{FileSystem as _, Tree, TreeFs, Vfs};
use std::collections::HashMap;
use std::io::{self, BufWriter, Write};

/// Bytes of content written at a time.
const PIECE: u64 = 64 * 1024;

/// What was written.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Exported {
    /// Members written.
    pub members: u64,
    /// Bytes of file content written.
    pub bytes: u64,
    /// Paths of devices, which are left out.
    pub skipped: Vec<Vec<u8>>,
}

/// Why an archive was not written, or not wholly.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the fields are named in the messages")]
pub enum ExportError {
    /// Nothing is there, or it cannot be read.
    #[error("export: {}: {errno}", String::from_utf8_lossy(.path))]
    Path { path: Vec<u8>, errno: Errno },
    /// The writer failed.
    #[error("export: {0}")]
    Write(#[from] io::Error),
    /// A stored part of the tree cannot be read.
    #[error("export: {0}")]
    Damaged(BlobError),
}

/// Writes what is at `path` (a directory with all below it) as a tar archive that GNU tar reads.
///
/// Names in it are relative to `path` (`./…`), or for anything but a directory its last name. A symlink as the last name is not followed
/// unless a slash comes after. Modes, owners, times to the nanosecond, hard links, symlinks, FIFOs and holes are kept; devices
/// are left out and listed. The same tree gives the same bytes.
///
/// # Errors
/// There is nothing at `path`, the writer failed, or a stored part of the tree cannot be read; then what was written is no whole archive.
pub fn export(tree: &Tree, path: &[u8], writer: &mut dyn Write) -> Result<Exported, ExportError> {
    let failed = |errno| ExportError::Path { path: path.to_vec(), errno };
    let mut vfs = Vfs::new(tree.clone(), &Limits::default());
    let (loc, attr) = vfs.stat(&Cred::ROOT, vfs.root(), path, Follow::NoLast).map_err(failed)?;
    let name = match attr.kind {
        Kind::Dir => b".".to_vec(),
        _ => path.rsplit(|byte| *byte == b'/').next().unwrap_or_default().to_vec(),
    };
    let out = BufWriter::with_capacity(PIECE as usize, writer);
    let fs = TreeFs::unbounded(tree);
    let mut packer = Packer { fs, out, names: HashMap::new(), exported: Exported::default() };
    let result = packer.pack(name, loc.node);
    if let Some(fault) = packer.fs.fault() {
        return Err(ExportError::Damaged(fault));
    }
    result?;
    Ok(packer.exported)
}

struct Packer<'a> {
    fs: TreeFs,
    out: BufWriter<&'a mut dyn Write>,
    /// Files with several names that were written, and under which.
    names: HashMap<NodeId, Vec<u8>>,
    exported: Exported,
}

impl Packer<'_> {
    fn pack(&mut self, name: Vec<u8>, node: NodeId) -> Result<(), ExportError> {
        let mut todo = vec![(name, node)];
        while let Some((name, node)) = todo.pop() {
            let failed = |errno| ExportError::Path { path: name.clone(), errno };
            let attr = self.fs.attr(node).map_err(failed)?;
            self.member(&name, node, &attr)?;
            if attr.kind == Kind::Dir {
                let first = todo.len();
                let entry = |entry: crate::vfs::DirEntry| {
                    todo.push(([&name[..], b"/", &entry.name].concat(), entry.node));
                    true
                };
                self.fs.read_dir(node, 0, &mut { entry }).map_err(failed)?;
                // The first to be written is the last of the stack.
                todo[first..].sort_by(|a, b| b.cmp(a));
            }
        }
        self.out.write_all(&[0; 2 * BLOCK])?;
        Ok(self.out.flush()?)
    }

    fn member(&mut self, name: &[u8], node: NodeId, attr: &Attr) -> Result<(), ExportError> {
        let failed = |errno| ExportError::Path { path: name.to_vec(), errno };
        let mut header = Header::new(name, attr);
        if attr.kind != Kind::Dir && attr.nlink > 1 {
            if let Some(first) = self.names.get(&node) {
                header.link(b'1', first);
                return self.begin(header);
            }
            self.names.insert(node, name.to_vec());
        }
        match attr.kind {
            Kind::File => return self.file(header, name, node, attr),
            Kind::Dir => header.block[field::TYPE] = b'5',
            Kind::Symlink => header.link(b'2', &self.fs.readlink(node).map_err(failed)?),
            Kind::Fifo => header.block[field::TYPE] = b'6',
            Kind::CharDevice { .. } => {
                self.exported.skipped.push(name.to_vec());
                return Ok(());
            }
        }
        self.begin(header)
    }

    fn begin(&mut self, header: Header) -> Result<(), ExportError> {
        self.exported.members += 1;
        Ok(header.write(&mut self.out)?)
    }

    fn file(&mut self, mut header: Header, name: &[u8], node: NodeId, attr: &Attr) -> Result<(), ExportError> {
        let failed = |errno| ExportError::Path { path: name.to_vec(), errno };
        let pieces = self.pieces(node, attr.size).map_err(failed)?;
        let mut stored: u64 = pieces.iter().map(|(_, length)| length).sum();
        let mut map = Vec::new();
        if stored < attr.size {
            map = sparse_map(&pieces);
            stored += map.len() as u64;
            header.sparse(name, attr.size);
        }
        header.size(stored);
        self.begin(header)?;
        self.out.write_all(&map)?;
        let mut buffer = [0; PIECE as usize];
        for (start, length) in pieces {
            let mut done = 0;
            while done < length {
                let buffer = &mut buffer[..(length - done).min(PIECE) as usize];
                let count = self.fs.read_at(node, start + done, buffer).map_err(failed)?;
                if count < buffer.len() {
                    return Err(failed(Errno::Io));
                }
                self.out.write_all(buffer)?;
                done += count as u64;
            }
            self.exported.bytes += length;
        }
        self.out.write_all(&[0; BLOCK][..padding(stored)])?;
        Ok(())
    }

    /// Where there is content: offsets and lengths, with an empty piece at the end if that is a hole.
    fn pieces(&mut self, node: NodeId, size: u64) -> Sys<Vec<(u64, u64)>> {
        let (mut pieces, mut at) = (Vec::new(), 0);
        while at < size {
            let start = match self.fs.seek_data(node, at) {
                Err(Errno::NxIo) => break,
                other => other?.min(size),
            };
            at = self.fs.seek_hole(node, start)?.min(size);
            pieces.push((start, at - start));
        }
        if at < size {
            pieces.push((size, 0));
        }
        Ok(pieces)
    }
}

/// Bytes up to the next whole block.
fn padding(length: u64) -> usize {
    (length.wrapping_neg() % BLOCK as u64) as usize
}

/// The map before a sparse file's content, as GNU's format 1.0 has it.
fn sparse_map(pieces: &[(u64, u64)]) -> Vec<u8> {
    let mut map = format!("{}\n", pieces.len());
    for (start, length) in pieces {
        map.push_str(&format!("{start}\n{length}\n"));
    }
    let mut map = map.into_bytes();
    map.resize(map.len() + padding(map.len() as u64), 0);
    map
}

/// A member's header with the records that come before it.
struct Header {
    block: [u8; BLOCK],
    records: Vec<u8>,
}

impl Header {
    fn new(name: &[u8], attr: &Attr) -> Header {
        let mut header = Header { block: [0; BLOCK], records: Vec::new() };
        header.block[field::TYPE] = b'0';
        header.block[field::MAGIC].copy_from_slice(USTAR);
        header.text(field::NAME, "path", name);
        header.number(field::MODE, "mode", u64::from(attr.mode));
        header.number(field::UID, "uid", u64::from(attr.uid));
        header.number(field::GID, "gid", u64::from(attr.gid));
        header.size(0);
        let seconds = u64::try_from(attr.mtime / 1_000_000_000).unwrap_or(0);
        let fits = put_number(&mut header.block[field::MTIME], seconds);
        if !fits || attr.mtime < 0 || attr.mtime % 1_000_000_000 != 0 {
            put_record(&mut header.records, "mtime", time_text(attr.mtime).as_bytes());
        }
        header
    }

    /// Sets a text, with a record if it is too long.
    fn text(&mut self, at: std::ops::Range<usize>, key: &str, text: &[u8]) {
        let field = &mut self.block[at];
        let fits = text.len().min(field.len());
        field[..fits].copy_from_slice(&text[..fits]);
        if fits < text.len() {
            put_record(&mut self.records, key, text);
        }
    }

    /// Sets a number, with a record if it is too large.
    fn number(&mut self, at: std::ops::Range<usize>, key: &str, number: u64) {
        if !put_number(&mut self.block[at.clone()], number) {
            put_number(&mut self.block[at], 0);
            put_record(&mut self.records, key, number.to_string().as_bytes());
        }
    }

    fn size(&mut self, size: u64) {
        self.number(field::SIZE, "size", size);
    }

    fn link(&mut self, kind: u8, target: &[u8]) {
        self.block[field::TYPE] = kind;
        self.text(field::LINK, "linkpath", target);
    }

    fn sparse(&mut self, name: &[u8], size: u64) {
        for (key, value) in [("major", "1".into()), ("minor", "0".into()), ("realsize", size.to_string())] {
            put_record(&mut self.records, &format!("GNU.sparse.{key}"), value.as_bytes());
        }
        put_record(&mut self.records, "GNU.sparse.name", name);
    }

    fn write(mut self, out: &mut dyn Write) -> io::Result<()> {
        if !self.records.is_empty() {
            let mut extended = [0; BLOCK];
            let name = b"././@PaxHeader";
            extended[..name.len()].copy_from_slice(name);
            extended[field::MAGIC].copy_from_slice(USTAR);
            extended[field::TYPE] = b'x';
            put_number(&mut extended[field::MODE], 0o644);
            put_number(&mut extended[field::SIZE], self.records.len() as u64);
            seal(&mut extended);
            out.write_all(&extended)?;
            out.write_all(&self.records)?;
            out.write_all(&[0; BLOCK][..padding(self.records.len() as u64)])?;
        }
        seal(&mut self.block);
        out.write_all(&self.block)
    }
}

/// Sets the checksum.
fn seal(block: &mut [u8; BLOCK]) {
    let sum = checksum(block);
    block[field::CHECKSUM].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
}
