//! Reading an archive into a tree: all of it or nothing.

use super::members::{Member, MemberKind, Members};
use crate::base::{BlobError, Errno, Limits, Sys};
use crate::vfs::types::{Attr, Cred, Follow, Kind, NewNode, NodeId, SetAttr};
use crate::vfs::{FileSystem as _, ManualClock, Tree, TreeFs, Vfs};
use std::collections::{HashMap, HashSet};
use std::io::{self, Read};
use std::sync::Arc;

/// Bytes of content read at a time.
const PIECE: u64 = 64 * 1024;

/// Longest text of a symlink, in bytes.
const TARGET_MAX: usize = 4095;

/// How an archive is imported.
#[derive(Clone, Debug)]
pub struct ImportOptions {
    /// What the tree may hold afterwards (`tree_bytes`, `tree_files`) and how long paths and names may be.
    pub limits: Limits,
    /// User and group of everything made; the archive's if `None`.
    pub owner: Option<(u32, u32)>,
    /// The time it is, in nanoseconds since 1970: when what is made was last changed (`ctime`).
    pub now: i64,
}

/// What was imported.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Imported {
    /// Members of the archive.
    pub members: u64,
    /// Bytes of file content in it.
    pub bytes: u64,
}

/// Why an archive was refused: the tree is as it was.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the fields are named in the messages")]
pub enum ImportError {
    /// `at` is no directory.
    #[error("import: {}: {errno}", String::from_utf8_lossy(.at))]
    At { at: Vec<u8>, errno: Errno },
    /// The reader failed.
    #[error("import: {0}")]
    Read(#[from] io::Error),
    /// It does not begin with a header.
    #[error("import: this is no tar archive; a compressed one must be unpacked first")]
    NotTar,
    /// Where a header should be there is none.
    #[error("import: the archive is damaged after member {}", String::from_utf8_lossy(.after))]
    Header { after: Vec<u8> },
    /// It ends without its end.
    #[error("import: the archive is cut off after member {:?}", String::from_utf8_lossy(.after))]
    Truncated { after: Vec<u8> },
    /// A member that is not taken in.
    #[error("import: member {}: {what}", String::from_utf8_lossy(.member))]
    Member { member: Vec<u8>, what: Problem },
    /// The tree would hold more than `tree_bytes`.
    #[error("import: member {}: more than tree_bytes = {limit} bytes; raise the limit or remove files", String::from_utf8_lossy(.member))]
    Bytes { member: Vec<u8>, limit: u64 },
    /// The tree would hold more than `tree_files`, or the archive has more members.
    #[error("import: member {}: more than tree_files = {limit} names; raise the limit or remove files", String::from_utf8_lossy(.member))]
    Files { member: Vec<u8>, limit: u64 },
    /// A stored part of the tree cannot be read.
    #[error("import: {0}")]
    Damaged(BlobError),
}

/// What is wrong with a member.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say it")]
pub enum Problem {
    #[error("an absolute path; archives must be of relative ones")]
    Absolute,
    #[error("`..` in its path")]
    DotDot,
    #[error("an empty path")]
    Empty,
    #[error("a NUL in its path or target")]
    Nul,
    #[error("its path, a name in it or its target is too long")]
    NameTooLong,
    #[error("a device; devices are not imported")]
    Device,
    #[error("a member of type {:?}, which is not known", *.0 as char)]
    Type(u8),
    #[error("the symlink {} is on its way", String::from_utf8_lossy(.0))]
    ThroughSymlink(Vec<u8>),
    #[error(
        "something that is no directory is on its way, or it is a directory and what is there is not, or the other way round"
    )]
    Clash,
    #[error("a link to {}, which is no file of this archive", String::from_utf8_lossy(.0))]
    Link(Vec<u8>),
    #[error("its {0} is no number that can be")]
    Number(&'static str),
    #[error("its extended header is damaged or larger than a MiB")]
    Header,
    #[error("a sparse file with a map that is wrong or of another format than 1.0")]
    Sparse,
    #[error("{0}")]
    Errno(Errno),
}

/// Unpacks a tar archive (ustar, pax or GNU; not compressed) below the directory `at`: all of it or nothing.
///
/// Modes, owners, times, links and holes are kept. A member replaces what is there unless one of them is a directory and the other is not;
/// of members of one name the last wins. Directories that members are in are made (0755) where they are missing. No symlink is
/// followed but on the way to `at`.
///
/// # Errors
/// Anything wrong with the archive, named with the member; the tree's limits; the reader's errors. Then the tree is as it was.
pub fn import(
    tree: &mut Tree,
    at: &[u8],
    reader: &mut dyn Read,
    options: &ImportOptions,
) -> Result<Imported, ImportError> {
    let top = directory(tree, at).map_err(|errno| ImportError::At { at: at.to_vec(), errno })?;
    let clock = Arc::new(ManualClock::new(options.now));
    let fs = TreeFs::new(tree.clone(), &options.limits, clock);
    let (made, times, imported) = (HashSet::new(), HashMap::new(), Imported::default());
    let mut unpacker = Unpacker { fs, top, at, options, made, times, imported };
    let result = unpacker.unpack(reader);
    if let Some(fault) = unpacker.fs.fault() {
        return Err(ImportError::Damaged(fault));
    }
    result?;
    *tree = unpacker.fs.into_tree();
    Ok(unpacker.imported)
}

/// The directory at a path in a tree.
fn directory(tree: &Tree, path: &[u8]) -> Sys<NodeId> {
    let mut vfs = Vfs::new(tree.clone(), &Limits::default());
    let (loc, attr) = vfs.stat(&Cred::ROOT, vfs.root(), path, Follow::Last)?;
    if attr.kind == Kind::Dir { Ok(loc.node) } else { Err(Errno::NotDir) }
}

struct Unpacker<'a> {
    fs: TreeFs,
    top: NodeId,
    at: &'a [u8],
    options: &'a ImportOptions,
    /// What was made and is no directory: all that hard links may lead to.
    made: HashSet<NodeId>,
    /// When directories were last changed: set when nothing more will be made in them.
    times: HashMap<NodeId, i64>,
    imported: Imported,
}

impl Unpacker<'_> {
    fn unpack(&mut self, reader: &mut dyn Read) -> Result<(), ImportError> {
        let mut members = Members::new(reader);
        while let Some(member) = members.next()? {
            self.imported.members += 1;
            if self.imported.members > self.options.limits.tree_files {
                return Err(ImportError::Files { member: member.path, limit: self.options.limits.tree_files });
            }
            let names = self.names(&member.path).map_err(|what| member.problem(what))?;
            match &member.kind {
                MemberKind::File { size, pieces } => {
                    let node = self.replace(&member, &names, Kind::File, b"")?;
                    self.fill(&mut members, &member, node, *size, pieces)?;
                    self.stamp(&member, node)?;
                }
                MemberKind::Dir => self.directory(&member, &names)?,
                MemberKind::Symlink(target) => {
                    check_target(target).map_err(|what| member.problem(what))?;
                    let node = self.replace(&member, &names, Kind::Symlink, target)?;
                    self.stamp(&member, node)?;
                }
                MemberKind::Link(target) => self.link(&member, &names, target)?,
                MemberKind::Fifo => {
                    let node = self.replace(&member, &names, Kind::Fifo, b"")?;
                    self.stamp(&member, node)?;
                }
            }
        }
        members.finish();
        for (dir, mtime) in std::mem::take(&mut self.times) {
            self.set_times(dir, mtime).map_err(|errno| ImportError::At { at: self.at.to_vec(), errno })?;
        }
        Ok(())
    }

    /// The names that a member's path is made of.
    fn names<'p>(&self, path: &'p [u8]) -> Result<Vec<&'p [u8]>, Problem> {
        let limits = &self.options.limits;
        match path.first() {
            None => return Err(Problem::Empty),
            Some(b'/') => return Err(Problem::Absolute),
            _ if path.contains(&0) => return Err(Problem::Nul),
            _ if self.at.len() + path.len() + 1 >= limits.path_bytes as usize => return Err(Problem::NameTooLong),
            _ => {}
        }
        let names: Vec<_> = path.split(|byte| *byte == b'/').filter(|name| !matches!(*name, b"" | b".")).collect();
        if names.contains(&&b".."[..]) {
            return Err(Problem::DotDot);
        }
        if names.iter().any(|name| name.len() > limits.name_bytes as usize) {
            return Err(Problem::NameTooLong);
        }
        Ok(names)
    }

    /// The directory that holds the last of `names`, made if it is missing, and that name.
    fn parent<'n>(&mut self, member: &Member, names: &[&'n [u8]]) -> Result<(NodeId, &'n [u8]), ImportError> {
        let Some((name, dirs)) = names.split_last() else {
            return Err(member.problem(Problem::Clash)); // `at` itself, as a file
        };
        let mut dir = self.top;
        for (depth, name) in dirs.iter().enumerate() {
            dir = match self.find(dir, name).map_err(|errno| self.failed(member, errno))? {
                Some((node, Kind::Dir)) => node,
                Some((_, Kind::Symlink)) => {
                    return Err(member.problem(Problem::ThroughSymlink(dirs[..=depth].join(&b'/'))));
                }
                Some(_) => return Err(member.problem(Problem::Clash)),
                None => {
                    let (uid, gid) = self.options.owner.unwrap_or((0, 0));
                    let new = NewNode { kind: Kind::Dir, mode: 0o755, uid, gid, target: b"" };
                    self.fs.create(dir, name, new).map_err(|errno| self.failed(member, errno))?
                }
            };
        }
        Ok((dir, name))
    }

    fn find(&mut self, dir: NodeId, name: &[u8]) -> Sys<Option<(NodeId, Kind)>> {
        match self.fs.lookup(dir, name) {
            Ok((node, attr)) => Ok(Some((node, attr.kind))),
            Err(Errno::NoEnt) => Ok(None),
            Err(errno) => Err(errno),
        }
    }

    /// Makes room for a name: removes what has it, unless that is a directory.
    fn clear(&mut self, member: &Member, dir: NodeId, name: &[u8]) -> Result<(), ImportError> {
        match self.find(dir, name).map_err(|errno| self.failed(member, errno))? {
            Some((_, Kind::Dir)) => Err(member.problem(Problem::Clash)),
            Some(_) => self.fs.unlink(dir, name).map_err(|errno| self.failed(member, errno)),
            None => Ok(()),
        }
    }

    /// Makes a node that is no directory, in the place of what is there.
    fn replace(&mut self, member: &Member, names: &[&[u8]], kind: Kind, target: &[u8]) -> Result<NodeId, ImportError> {
        let (dir, name) = self.parent(member, names)?;
        self.clear(member, dir, name)?;
        let (uid, gid) = self.owner(member);
        let mode = if kind == Kind::Symlink { 0o777 } else { member.mode };
        let new = NewNode { kind, mode, uid, gid, target };
        let node = self.fs.create(dir, name, new).map_err(|errno| self.failed(member, errno))?;
        self.made.insert(node);
        Ok(node)
    }

    fn directory(&mut self, member: &Member, names: &[&[u8]]) -> Result<(), ImportError> {
        let ((uid, gid), mode) = (self.owner(member), member.mode);
        let node = if names.is_empty() {
            self.top
        } else {
            let (dir, name) = self.parent(member, names)?;
            match self.find(dir, name).map_err(|errno| self.failed(member, errno))? {
                Some((node, Kind::Dir)) => node,
                Some(_) => return Err(member.problem(Problem::Clash)),
                None => {
                    let new = NewNode { kind: Kind::Dir, mode, uid, gid, target: b"" };
                    self.fs.create(dir, name, new).map_err(|errno| self.failed(member, errno))?
                }
            }
        };
        let set = SetAttr { mode: Some(mode), uid: Some(uid), gid: Some(gid), ..SetAttr::default() };
        self.fs.set_attr(node, set).map_err(|errno| self.failed(member, errno))?;
        self.times.insert(node, member.mtime);
        Ok(())
    }

    fn link(&mut self, member: &Member, names: &[&[u8]], target: &[u8]) -> Result<(), ImportError> {
        let no_target = || member.problem(Problem::Link(target.to_vec()));
        let path = self.names(target).map_err(|what| member.problem(what))?;
        let mut node = self.top;
        for name in path {
            node = match self.find(node, name) {
                Ok(Some((node, _))) => node,
                Ok(None) | Err(Errno::NotDir) => return Err(no_target()),
                Err(errno) => return Err(self.failed(member, errno)),
            };
        }
        if !self.made.contains(&node) {
            return Err(no_target());
        }
        let (dir, name) = self.parent(member, names)?;
        let there = self.find(dir, name).map_err(|errno| self.failed(member, errno))?;
        if there.is_some_and(|(there, _)| there == node) {
            return Ok(());
        }
        self.clear(member, dir, name)?;
        self.fs.link(node, dir, name).map_err(|errno| self.failed(member, errno))
    }

    /// Reads a file's content.
    fn fill(
        &mut self,
        members: &mut Members<'_>,
        member: &Member,
        node: NodeId,
        size: u64,
        pieces: &[(u64, u64)],
    ) -> Result<(), ImportError> {
        if i64::try_from(size).is_err() {
            return Err(member.problem(Problem::Number("size")));
        }
        let mut buffer = [0; PIECE as usize];
        for &(start, length) in pieces {
            let mut done = 0;
            while done < length {
                let buffer = &mut buffer[..(length - done).min(PIECE) as usize];
                members.read(buffer)?;
                let written = self.fs.write_at(node, start + done, buffer);
                if written.map_err(|errno| self.failed(member, errno))? < buffer.len() {
                    return Err(self.failed(member, Errno::NoSpc));
                }
                done += buffer.len() as u64;
            }
            self.imported.bytes += length;
        }
        let set = SetAttr { size: Some(size), ..SetAttr::default() };
        self.fs.set_attr(node, set).map_err(|errno| self.failed(member, errno))
    }

    fn owner(&self, member: &Member) -> (u32, u32) {
        self.options.owner.unwrap_or((member.uid, member.gid))
    }

    fn stamp(&mut self, member: &Member, node: NodeId) -> Result<(), ImportError> {
        self.set_times(node, member.mtime).map_err(|errno| self.failed(member, errno))
    }

    fn set_times(&mut self, node: NodeId, mtime: i64) -> Sys<()> {
        let attr = self.fs.attr(node)?;
        self.fs.set_times(node, &Attr { atime: mtime, mtime, ctime: self.options.now, ..attr })
    }

    /// What an error of the tree means here.
    fn failed(&self, member: &Member, errno: Errno) -> ImportError {
        let Limits { tree_files, tree_bytes, .. } = self.options.limits;
        match errno {
            Errno::NoSpc if self.fs.usage().files >= tree_files => {
                ImportError::Files { member: member.path.clone(), limit: tree_files }
            }
            Errno::NoSpc => ImportError::Bytes { member: member.path.clone(), limit: tree_bytes },
            errno => member.problem(Problem::Errno(errno)),
        }
    }
}

impl Member {
    fn problem(&self, what: Problem) -> ImportError {
        ImportError::Member { member: self.path.clone(), what }
    }
}

fn check_target(target: &[u8]) -> Result<(), Problem> {
    match target {
        b"" => Err(Problem::Link(Vec::new())),
        _ if target.contains(&0) => Err(Problem::Nul),
        _ if target.len() > TARGET_MAX => Err(Problem::NameTooLong),
        _ => Ok(()),
    }
}
