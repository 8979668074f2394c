//! One inode: attributes, names, and what it holds.

use super::dir::Dir;
use super::file::File;
use crate::vfs::types::{Attr, Kind, NewNode};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Most names one file can have (ext4's number).
pub(super) const LINKS_MAX: u64 = 65_000;

/// One inode. Cheap to clone: contents are shared.
#[derive(Clone)]
pub(crate) struct Inode {
    pub(crate) meta: Meta,
    /// Which directory entries name it: the way back to its paths.
    pub(crate) links: Links,
    pub(crate) body: Body,
}

/// Attributes that are set, not derived.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Meta {
    pub(crate) mode: u16,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) atime: i64,
    pub(crate) mtime: i64,
    pub(crate) ctime: i64,
}

/// What an inode holds.
#[derive(Clone)]
pub(crate) enum Body {
    File(File),
    Dir(Box<Dir>),
    Symlink(Arc<[u8]>),
    Device { major: u32, minor: u32 },
    Fifo,
}

/// A directory entry: the directory's inode and the entry's cookie in it.
pub(crate) type Link = (u64, u64);

/// The entries that name an inode.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) enum Links {
    /// The root, or removed.
    #[default]
    None,
    One(Link),
    /// At least two.
    Many(Arc<BTreeSet<Link>>),
}

impl Links {
    /// Of these, in order.
    pub(super) fn of(links: BTreeSet<Link>) -> Links {
        match links.len() {
            0 => Links::None,
            1 => links.first().map_or(Links::None, |link| Links::One(*link)),
            _ => Links::Many(Arc::new(links)),
        }
    }

    pub(crate) fn count(&self) -> u64 {
        match self {
            Links::None => 0,
            Links::One(_) => 1,
            Links::Many(links) => links.len() as u64,
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = Link> {
        let (one, many) = match self {
            Links::None => (None, None),
            Links::One(link) => (Some(*link), None),
            Links::Many(links) => (None, Some(links)),
        };
        one.into_iter().chain(many.into_iter().flat_map(|links| links.iter().copied()))
    }

    pub(super) fn add(&mut self, link: Link) {
        match self {
            Links::None => *self = Links::One(link),
            Links::One(first) => *self = Links::Many(Arc::new(BTreeSet::from([*first, link]))),
            Links::Many(links) => drop(Arc::make_mut(links).insert(link)),
        }
    }

    pub(super) fn remove(&mut self, link: Link) {
        match self {
            Links::One(only) if *only == link => *self = Links::None,
            Links::Many(links) => {
                let links = Arc::make_mut(links);
                links.remove(&link);
                if links.len() == 1
                    && let Some(last) = links.pop_first()
                {
                    *self = Links::One(last);
                }
            }
            _ => {}
        }
    }
}

impl Inode {
    /// Whether both are known to be the same without reading anything.
    pub(super) fn is_same(self: &Arc<Inode>, other: &Arc<Inode>) -> bool {
        let is_body_same = || match (&self.body, &other.body) {
            (Body::File(a), Body::File(b)) => a.is_same(b),
            (Body::Dir(a), Body::Dir(b)) => a.is_same(b),
            (Body::Symlink(a), Body::Symlink(b)) => a == b,
            _ => self.kind() == other.kind(),
        };
        Arc::ptr_eq(self, other) || (self.meta == other.meta && self.links == other.links && is_body_same())
    }

    /// A new inode without names.
    pub(super) fn new(new: &NewNode<'_>, now: i64) -> Inode {
        let body = match new.kind {
            Kind::File => Body::File(File::default()),
            Kind::Dir => Body::Dir(Box::default()),
            Kind::Symlink => Body::Symlink(new.target.into()),
            Kind::CharDevice { major, minor } => Body::Device { major, minor },
            Kind::Fifo => Body::Fifo,
        };
        let meta = Meta { mode: new.mode & 0o7777, uid: new.uid, gid: new.gid, atime: now, mtime: now, ctime: now };
        Inode { meta, links: Links::None, body }
    }

    pub(crate) fn kind(&self) -> Kind {
        match self.body {
            Body::File(_) => Kind::File,
            Body::Dir(_) => Kind::Dir,
            Body::Symlink(_) => Kind::Symlink,
            Body::Device { major, minor } => Kind::CharDevice { major, minor },
            Body::Fifo => Kind::Fifo,
        }
    }

    /// Bytes it counts for in [`crate::vfs::Usage`].
    pub(crate) fn bytes(&self) -> u64 {
        match &self.body {
            Body::File(file) => file.allocated(),
            Body::Symlink(target) => target.len() as u64,
            _ => 0,
        }
    }

    pub(crate) fn attr(&self, ino: u64) -> Attr {
        let Meta { mode, uid, gid, atime, mtime, ctime } = self.meta;
        let (size, blocks) = match &self.body {
            Body::File(file) => (file.size(), file.allocated() / 512),
            Body::Symlink(target) => (target.len() as u64, 0),
            Body::Dir(_) => (4096, 8),
            _ => (0, 0),
        };
        let nlink = match &self.body {
            // A removed directory has none.
            Body::Dir(dir) if ino == super::ROOT || self.links.count() > 0 => 2 + dir.subdirs(),
            _ => self.links.count(),
        };
        Attr { kind: self.kind(), mode, uid, gid, nlink, size, blocks, atime, mtime, ctime, ino, dev: 0 }
    }
}
