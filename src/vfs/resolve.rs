//! The only place that walks a path: components, `.` and `..`, mounts, symbolic links, search permission.
//!
//! Everything a guest can name goes through [`Vfs::walk`]. It hands single names to a file system and never a path, and a
//! symlink is followed here, within the guest's own name space, wherever it is stored: nothing a link says can leave it.

use super::mounts::Vfs;
use super::perm::{self, EXEC};
use super::types::{Attr, Cred, Follow, Kind, Loc};
use crate::base::{Errno, Sys};

/// Where a walk ended.
pub(super) struct Walk {
    /// The directory that holds (or would hold) the last name.
    pub(super) dir: Loc,
    /// Its attributes.
    pub(super) dir_attr: Attr,
    /// What the path ended with.
    pub(super) last: Last,
    /// Whether a slash followed the last name: only a directory will do.
    pub(super) slash: bool,
    /// What is there, if anything.
    pub(super) found: Option<(Loc, Attr)>,
}

/// How a path ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Last {
    /// With a name, which is only told when the entry is meant or nothing was found.
    Name(Vec<u8>),
    Dot,
    DotDot,
    Root,
}

/// What to do at the last name.
#[derive(Clone, Copy)]
pub(super) struct End {
    /// Follow a symlink.
    pub(super) follow: bool,
    /// Follow a symlink that a slash comes after, and take nothing but a directory there.
    pub(super) follow_slash: bool,
    /// A file may be made: a slash after its name is an error.
    pub(super) is_file: bool,
}

impl End {
    /// The entry itself is meant (make, remove, rename): nothing is followed.
    pub(super) const ENTRY: End = End { follow: false, follow_slash: false, is_file: false };
}

impl From<Follow> for End {
    fn from(follow: Follow) -> End {
        End { follow: follow == Follow::Last, follow_slash: true, is_file: false }
    }
}

/// One name and what follows it.
struct Step<'a> {
    name: &'a [u8],
    rest: &'a [u8],
    slash: bool,
}

/// Splits off the first name; leading slashes are skipped. `None` at the end.
fn step(path: &[u8]) -> Option<Step<'_>> {
    let start = path.iter().position(|byte| *byte != b'/')?;
    let path = &path[start..];
    let end = path.iter().position(|byte| *byte == b'/').unwrap_or(path.len());
    let (name, rest) = path.split_at(end);
    let after = rest.iter().position(|byte| *byte != b'/').unwrap_or(rest.len());
    Some(Step { name, rest: &rest[after..], slash: after > 0 })
}

impl Vfs {
    /// Walks `path` from `base`, or from the root if it is absolute.
    ///
    /// Every directory on the way must grant search. The last name may be missing (`found` is `None`); one before it is `NoEnt`.
    pub(super) fn walk(&mut self, cred: &Cred, base: Loc, path: &[u8], end: End) -> Sys<Walk> {
        if path.is_empty() {
            return Err(Errno::NoEnt);
        }
        if path.len() >= self.path_max {
            return Err(Errno::NameTooLong);
        }
        if path.contains(&0) {
            return Err(Errno::Inval);
        }
        let start = if path[0] == b'/' { self.root() } else { base };
        let attr = self.attr(start)?;
        let walk = Walk { dir: start, dir_attr: attr, last: Last::Root, slash: false, found: None };
        let mut walker = Walker { cred, end, at: start, attr, links: 0, walk };
        // What is left of the path once a symlink was put in.
        let mut text = None;
        while let Flow::Follow(new) = walker.run(self, text.as_deref().unwrap_or(path))? {
            if new[0] == b'/' {
                walker.enter(self, self.root())?;
            }
            text = Some(new);
        }
        Ok(walker.walk)
    }
}

/// How a walk goes on after a name.
enum Flow {
    /// With the next name.
    On,
    /// Not: `Walker::walk` tells where it ended.
    Done,
    /// With this path, which a symlink (not empty) and the rest make.
    Follow(Vec<u8>),
}

struct Walker<'a> {
    cred: &'a Cred,
    end: End,
    at: Loc,
    /// Of `at`.
    attr: Attr,
    links: u32,
    walk: Walk,
}

impl Walker<'_> {
    /// Walks until the end or the next symlink to follow.
    fn run(&mut self, vfs: &mut Vfs, mut path: &[u8]) -> Sys<Flow> {
        while let Some(step) = step(path) {
            if self.attr.kind != Kind::Dir {
                return Err(Errno::NotDir);
            }
            perm::check(self.cred, &self.attr, EXEC)?;
            let flow = match step.name {
                b"." => self.dots(vfs, &step, Last::Dot, self.at)?,
                b".." => {
                    let parent = vfs.parent(self.at)?;
                    self.dots(vfs, &step, Last::DotDot, parent)?
                }
                _ => self.name(vfs, &step)?,
            };
            match flow {
                Flow::On => path = step.rest,
                other => return Ok(other),
            }
        }
        // Nothing but slashes was left.
        self.done_here(Last::Root, true);
        Ok(Flow::Done)
    }

    fn enter(&mut self, vfs: &mut Vfs, to: Loc) -> Sys<()> {
        (self.at, self.attr) = (to, vfs.attr(to)?);
        Ok(())
    }

    /// Ends where the walk has got to.
    fn done_here(&mut self, last: Last, slash: bool) {
        let found = Some((self.at, self.attr));
        self.walk = Walk { dir: self.at, dir_attr: self.attr, last, slash, found };
    }

    /// Takes a step over `.` or `..`, which leads to `to`.
    fn dots(&mut self, vfs: &mut Vfs, step: &Step<'_>, last: Last, to: Loc) -> Sys<Flow> {
        if to != self.at {
            self.enter(vfs, to)?;
        }
        if !step.rest.is_empty() {
            return Ok(Flow::On);
        }
        self.done_here(last, step.slash);
        Ok(Flow::Done)
    }

    /// Takes a step over a name.
    fn name(&mut self, vfs: &mut Vfs, step: &Step<'_>) -> Sys<Flow> {
        if step.name.len() > vfs.name_max {
            return Err(Errno::NameTooLong);
        }
        let (is_last, end) = (step.rest.is_empty(), self.end);
        if is_last && end.is_file && step.slash {
            return Err(Errno::IsDir);
        }
        let found = match vfs.lookup(self.at, step.name) {
            Err(Errno::NoEnt) if is_last => None,
            other => Some(other?),
        };
        match found {
            Some((link, attr))
                if attr.kind == Kind::Symlink && (!is_last || end.follow || (end.follow_slash && step.slash)) =>
            {
                self.follow(vfs, link, step)
            }
            Some((to, attr)) if !is_last => {
                (self.at, self.attr) = (to, attr);
                Ok(Flow::On)
            }
            _ => self.done_at(step, found),
        }
    }

    /// Ends at a name in the directory the walk has got to.
    fn done_at(&mut self, step: &Step<'_>, found: Option<(Loc, Attr)>) -> Sys<Flow> {
        let is_entry = !self.end.follow && !self.end.follow_slash;
        if let Some((_, attr)) = found
            && step.slash
            && !is_entry
            && attr.kind != Kind::Dir
        {
            return Err(Errno::NotDir);
        }
        let name = if is_entry || found.is_none() { step.name.to_vec() } else { Vec::new() };
        self.walk = Walk { dir: self.at, dir_attr: self.attr, last: Last::Name(name), slash: step.slash, found };
        Ok(Flow::Done)
    }

    /// Follows a symlink.
    fn follow(&mut self, vfs: &mut Vfs, link: Loc, step: &Step<'_>) -> Sys<Flow> {
        self.links += 1;
        if self.links > vfs.symlinks_max {
            return Err(Errno::Loop);
        }
        if let Some(to) = vfs.jump(link) {
            self.enter(vfs, to)?;
            if !step.rest.is_empty() {
                return Ok(Flow::On);
            }
            if step.slash && self.attr.kind != Kind::Dir {
                return Err(Errno::NotDir);
            }
            self.done_here(Last::Root, step.slash);
            return Ok(Flow::Done);
        }
        let mut text = vfs.read_link(link)?;
        if text.is_empty() {
            return Err(Errno::NoEnt);
        }
        if step.slash {
            text.push(b'/');
        }
        text.extend_from_slice(step.rest);
        Ok(Flow::Follow(text))
    }
}
