//! How a tree is spelled in blobs.
//!
//! A map's node becomes a blob, its links the nodes below it and the chunks of files; what is small is written into the blob above
//! instead, so that a small tree is one blob and a small file none. The spelling depends on nothing but the tree: equal trees
//! have equal hashes.
//!
//! ```text
//! root    = version last_ino used base map(inode)
//! map     = EMPTY | slot
//! slot    = LEAF (key - prefix of the node it is in) value
//!         | INLINE node
//!         | LINKED span, and a link to the blob of the node
//! node    = span, count of slots, slots
//! span    = shift, prefix >> (shift + 5)
//! inode   = kind mode uid gid mtime (atime - mtime) (ctime - mtime) names body
//! names   = count (directory cookie)*
//! body    = file: size allocated program? map(chunk) | directory: last_cookie subdirs origin? map(entry) | symlink: text | device: major minor | fifo
//! entry   = name ino kind (major minor)?
//! chunk   = INLINE bytes | LINKED length, and a link to the blob of the bytes
//! ```

use super::Tree;
use super::code::{Damage, Decoder, Encoder};
use super::dir::{Dir, Entry};
use super::file::{CHUNK, Chunk, File, StoredChunk};
use super::inode::{Body, Inode, Links, Meta};
use super::load::{Cells, TreeLoader};
use super::save::Saver;
use crate::vfs::map::{BITS, Map, Node, Read, Slot, Span};
use crate::vfs::types::{Kind, ProgramId, Usage};
use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::sync::Arc;

/// The version of the format above, the first byte of a root blob. Another one is refused.
const VERSION: u8 = 1;

/// Up to this size, in bytes, a node or a chunk is written into the blob above it.
pub(super) const INLINE_MAX: usize = 512;

/// Largest inode number, cookie and count: one that can still be counted up.
const NUMBER_MAX: u64 = i64::MAX as u64;

const LEAF: u8 = 0;
const INLINE: u8 = 1;
const LINKED: u8 = 2;
const EMPTY: u8 = 3;

/// What is stored in maps.
pub(super) trait Value: Clone + Send + Sync + 'static {
    /// The keys it can have.
    const KEYS: RangeInclusive<u64>;
    fn put(&self, to: &mut Encoder, saver: &mut Saver) -> Read<()>;
    fn take(from: &mut Decoder<'_>, loader: &Arc<TreeLoader>) -> Result<Self, Damage>;
    /// The cells of maps of it.
    fn cells(loader: &TreeLoader) -> &Cells<Self>;
}

pub(super) fn put_tree(tree: &Tree, to: &mut Encoder, saver: &mut Saver) -> Read<()> {
    to.byte(VERSION);
    to.number(tree.last_ino);
    for usage in [tree.used, tree.base] {
        to.number(usage.bytes);
        to.number(usage.files);
    }
    put_map(&tree.inodes, to, saver)
}

pub(super) fn take_tree(from: &mut Decoder<'_>, loader: &Arc<TreeLoader>) -> Result<Tree, Damage> {
    if from.byte()? != VERSION {
        return Err("it is not the root of a tree in a format that this program reads");
    }
    let last_ino = from.at_most(NUMBER_MAX)?;
    let (used, base) = (take_usage(from)?, take_usage(from)?);
    let inodes = take_map(from, loader)?;
    from.end()?;
    Ok(Tree::of(inodes, last_ino, used, base))
}

fn take_usage(from: &mut Decoder<'_>) -> Result<Usage, Damage> {
    let (bytes, files) = (from.at_most(NUMBER_MAX / 2)?, from.at_most(NUMBER_MAX / 2)?);
    Ok(Usage { bytes, files })
}

fn put_map<V: Value>(map: &Map<V>, to: &mut Encoder, saver: &mut Saver) -> Read<()> {
    match map.root() {
        Some(slot) => put_slot(slot, 0, to, saver),
        None => {
            to.byte(EMPTY);
            Ok(())
        }
    }
}

fn take_map<V: Value>(from: &mut Decoder<'_>, loader: &Arc<TreeLoader>) -> Result<Map<V>, Damage> {
    let tag = from.byte()?;
    let root = if tag == EMPTY { None } else { Some(take_slot(tag, 0, from, loader)?) };
    Ok(Map::of(root))
}

fn put_slot<V: Value>(slot: &Slot<V>, prefix: u64, to: &mut Encoder, saver: &mut Saver) -> Read<()> {
    match slot {
        Slot::Leaf(key, value) => {
            to.byte(LEAF);
            to.number(key - prefix);
            value.put(to, saver)
        }
        Slot::Node(node) => put_node(node, to, saver),
        Slot::Stored(lazy) if saver.has(lazy) => {
            put_link(lazy.span, to);
            to.link(lazy.hash);
            Ok(())
        }
        Slot::Stored(lazy) => put_node(lazy.node()?, to, saver),
    }
}

fn put_link(span: Span, to: &mut Encoder) {
    to.byte(LINKED);
    put_span(span, to);
}

/// A node, as a link if it is in the store or large.
fn put_node<V: Value>(node: &Arc<Node<V>>, to: &mut Encoder, saver: &mut Saver) -> Read<()> {
    if let Some(hash) = saver.known(&node.mark) {
        put_link(node.span(), to);
        to.link(hash);
        return Ok(());
    }
    let arrived = saver.arrive();
    let before = to.position();
    to.byte(INLINE);
    let start = to.position();
    put_span(node.span(), to);
    to.byte(node.slots().len() as u8);
    for slot in node.slots() {
        put_slot(slot, node.span().prefix, to, saver)?;
    }
    if to.size_since(start) > INLINE_MAX {
        let blob = to.split_off(start).into_blob();
        to.truncate(before);
        put_link(node.span(), to);
        to.link(saver.give_node(blob, node, arrived));
    }
    Ok(())
}

/// A slot in a node with this prefix, or outside of one.
fn take_slot<V: Value>(
    tag: u8,
    prefix: u64,
    from: &mut Decoder<'_>,
    loader: &Arc<TreeLoader>,
) -> Result<Slot<V>, Damage> {
    match tag {
        LEAF => {
            let key = prefix.checked_add(from.number()?).ok_or("a key in it is too large")?;
            if !V::KEYS.contains(&key) {
                return Err("it holds an impossible key");
            }
            Ok(Slot::Leaf(key, V::take(from, loader)?))
        }
        INLINE => Ok(Slot::Node(Arc::new(take_node(from, loader)?))),
        LINKED => {
            let span = take_span(from)?;
            Ok(Slot::Stored(loader.cell(from.link()?, span)?))
        }
        _ => Err("it holds a slot of an unknown kind"),
    }
}

pub(super) fn take_node<V: Value>(from: &mut Decoder<'_>, loader: &Arc<TreeLoader>) -> Result<Node<V>, Damage> {
    let span = take_span(from)?;
    let count = from.byte()?;
    if count > 1 << BITS {
        return Err("a node in it has too many slots");
    }
    let mut slots = Vec::with_capacity(count.into());
    for _ in 0..count {
        let tag = from.byte()?;
        if tag == INLINE && u32::from(from.peek()?) >= span.shift {
            return Err("a node in it is within a smaller one");
        }
        slots.push(take_slot(tag, span.prefix, from, loader)?);
    }
    Node::of(span, slots).ok_or("a node in it is malformed")
}

fn put_span(span: Span, to: &mut Encoder) {
    to.byte(span.shift as u8);
    to.number(span.prefix.checked_shr(span.shift + BITS).unwrap_or(0));
}

fn take_span(from: &mut Decoder<'_>) -> Result<Span, Damage> {
    let shift = u32::from(from.byte()?);
    let high = from.number()?;
    let prefix = high.checked_shl(shift + BITS).unwrap_or(0);
    let is_whole = prefix.checked_shr(shift + BITS).unwrap_or(0) == high;
    if shift % BITS == 0 && shift < u64::BITS && is_whole {
        Ok(Span { prefix, shift })
    } else {
        Err("a node in it has an impossible place")
    }
}

const FILE: u8 = 0;
const DIR: u8 = 1;
const SYMLINK: u8 = 2;
const DEVICE: u8 = 3;
const FIFO: u8 = 4;
/// Added to `FILE` that is a program and `DIR` with an origin.
const MORE: u8 = 0x80;

fn kind_tag(kind: Kind) -> u8 {
    match kind {
        Kind::File => FILE,
        Kind::Dir => DIR,
        Kind::Symlink => SYMLINK,
        Kind::CharDevice { .. } => DEVICE,
        Kind::Fifo => FIFO,
    }
}

impl Value for Arc<Inode> {
    const KEYS: RangeInclusive<u64> = 1..=NUMBER_MAX;

    fn put(&self, to: &mut Encoder, saver: &mut Saver) -> Read<()> {
        let has_more = match &self.body {
            Body::File(file) => file.program.is_some(),
            Body::Dir(dir) => dir.origin.is_some(),
            _ => false,
        };
        to.byte(kind_tag(self.kind()) | if has_more { MORE } else { 0 });
        put_meta(&self.meta, to);
        to.number(self.links.count());
        for (dir, cookie) in self.links.iter() {
            to.number(dir);
            to.number(cookie);
        }
        match &self.body {
            Body::File(file) => put_file(file, to, saver)?,
            Body::Dir(dir) => put_dir(dir, to, saver)?,
            Body::Symlink(target) => to.bytes(target),
            Body::Device { major, minor } => {
                to.number((*major).into());
                to.number((*minor).into());
            }
            Body::Fifo => {}
        }
        Ok(())
    }

    fn take(from: &mut Decoder<'_>, loader: &Arc<TreeLoader>) -> Result<Self, Damage> {
        let tag = from.byte()?;
        let meta = take_meta(from)?;
        let links = take_links(from)?;
        let body = match tag & !MORE {
            FILE => Body::File(take_file(tag & MORE != 0, from, loader)?),
            DIR => Body::Dir(Box::new(take_dir(tag & MORE != 0, from, loader)?)),
            SYMLINK if tag & MORE == 0 => Body::Symlink(from.bytes()?.into()),
            DEVICE if tag & MORE == 0 => Body::Device { major: from.u32()?, minor: from.u32()? },
            FIFO if tag & MORE == 0 => Body::Fifo,
            _ => return Err("it holds an inode of an unknown kind"),
        };
        Ok(Arc::new(Inode { meta, links, body }))
    }

    fn cells(loader: &TreeLoader) -> &Cells<Self> {
        &loader.inodes
    }
}

fn put_meta(meta: &Meta, to: &mut Encoder) {
    to.number(meta.mode.into());
    to.number(meta.uid.into());
    to.number(meta.gid.into());
    to.raw(&meta.mtime.to_le_bytes());
    to.signed(meta.atime.wrapping_sub(meta.mtime));
    to.signed(meta.ctime.wrapping_sub(meta.mtime));
}

fn take_meta(from: &mut Decoder<'_>) -> Result<Meta, Damage> {
    let mode = from.at_most(0o7777)? as u16;
    let (uid, gid) = (from.u32()?, from.u32()?);
    let mtime = i64::from_le_bytes(from.array()?);
    let (atime, ctime) = (mtime.wrapping_add(from.signed()?), mtime.wrapping_add(from.signed()?));
    Ok(Meta { mode, uid, gid, atime, mtime, ctime })
}

fn take_links(from: &mut Decoder<'_>) -> Result<Links, Damage> {
    let count = from.number()?;
    let mut links = BTreeSet::new();
    for _ in 0..count {
        let link = (from.number()?, from.number()?);
        if links.last().is_some_and(|last| *last >= link) {
            return Err("the names of an inode in it are out of order");
        }
        links.insert(link);
    }
    Ok(Links::of(links))
}

fn put_file(file: &File, to: &mut Encoder, saver: &mut Saver) -> Read<()> {
    to.number(file.size);
    to.number(file.allocated);
    if let Some(program) = &file.program {
        to.raw(&program.0);
    }
    put_map(&file.chunks, to, saver)
}

fn take_file(is_program: bool, from: &mut Decoder<'_>, loader: &Arc<TreeLoader>) -> Result<File, Damage> {
    let (size, allocated) = (from.at_most(NUMBER_MAX)?, from.at_most(NUMBER_MAX)?);
    let program = if is_program { Some(Arc::new(ProgramId(from.array()?))) } else { None };
    Ok(File { size, allocated, chunks: take_map(from, loader)?, program })
}

fn put_dir(dir: &Dir, to: &mut Encoder, saver: &mut Saver) -> Read<()> {
    to.number(dir.last_cookie);
    to.number(dir.subdirs);
    if let Some(origin) = &dir.origin {
        to.bytes(origin);
    }
    put_map(&dir.entries, to, saver)
}

fn take_dir(has_origin: bool, from: &mut Decoder<'_>, loader: &Arc<TreeLoader>) -> Result<Dir, Damage> {
    let (last_cookie, subdirs) = (from.at_most(NUMBER_MAX)?, from.at_most(NUMBER_MAX)?);
    let origin = if has_origin { Some(from.bytes()?.into()) } else { None };
    Ok(Dir::stored(last_cookie, subdirs, take_map(from, loader)?, origin))
}

impl Value for Entry {
    const KEYS: RangeInclusive<u64> = 1..=NUMBER_MAX;

    fn put(&self, to: &mut Encoder, _: &mut Saver) -> Read<()> {
        to.bytes(&self.name);
        to.number(self.ino);
        to.byte(kind_tag(self.kind));
        if let Kind::CharDevice { major, minor } = self.kind {
            to.number(major.into());
            to.number(minor.into());
        }
        Ok(())
    }

    fn take(from: &mut Decoder<'_>, _: &Arc<TreeLoader>) -> Result<Self, Damage> {
        let name = from.bytes()?;
        if name.is_empty()
            || name.len() > 255
            || name == b"."
            || name == b".."
            || name.iter().any(|b| b"/\0".contains(b))
        {
            return Err("it holds an impossible name");
        }
        let ino = from.number()?;
        let kind = match from.byte()? {
            FILE => Kind::File,
            DIR => Kind::Dir,
            SYMLINK => Kind::Symlink,
            DEVICE => Kind::CharDevice { major: from.u32()?, minor: from.u32()? },
            FIFO => Kind::Fifo,
            _ => return Err("it holds an entry of an unknown kind"),
        };
        Ok(Entry { name: name.into(), ino, kind })
    }

    fn cells(loader: &TreeLoader) -> &Cells<Self> {
        &loader.entries
    }
}

impl Value for Chunk {
    const KEYS: RangeInclusive<u64> = 0..=i64::MAX as u64 / CHUNK as u64;

    fn put(&self, to: &mut Encoder, saver: &mut Saver) -> Read<()> {
        match self {
            Chunk::Memory(data) if data.bytes().len() <= INLINE_MAX => {
                to.byte(INLINE);
                to.bytes(data.bytes());
            }
            Chunk::Memory(data) => {
                to.byte(LINKED);
                to.number(data.bytes().len() as u64);
                to.link(match saver.known(&data.mark) {
                    Some(hash) => hash,
                    None => saver.give_chunk(data),
                });
            }
            Chunk::Stored(stored) => {
                to.byte(LINKED);
                to.number(stored.length as u64);
                if !saver.is_from(stored.tag) {
                    saver.give_stored(stored)?;
                }
                to.link(stored.hash);
            }
        }
        Ok(())
    }

    fn take(from: &mut Decoder<'_>, loader: &Arc<TreeLoader>) -> Result<Self, Damage> {
        let tag = from.byte()?;
        let length = from.at_most(CHUNK as u64)? as usize;
        match tag {
            _ if length == 0 => Err("it holds file content of no length"),
            INLINE => Ok(Chunk::new(from.raw(length)?.to_vec())),
            LINKED => {
                let (hash, source) = (from.link()?, loader.source.clone());
                Ok(Chunk::Stored(Arc::new(StoredChunk { hash, length, source, tag: loader.tag })))
            }
            _ => Err("it holds file content of an unknown kind"),
        }
    }

    fn cells(loader: &TreeLoader) -> &Cells<Self> {
        &loader.chunks
    }
}
