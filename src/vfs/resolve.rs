//! The only place that walks a path: components, `.` and `..`, mounts, symbolic links, search permission.
//!
//! Everything a guest can name goes through [`Vfs::walk`]. It hands single names to a file system and never a path, and a
//! symlink is followed here, within the guest's own name space, wherever it is stored: nothing a link says can leave it.

use super::perm::{self, EXEC};
use super::types::{Attr, Cred, Follow, Kind, Loc};
use super::vfs::Vfs;
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
    pub(super) const ENTRY: End = End {
        follow: false,
        follow_slash: false,
        is_file: false,
    };
}

impl From<Follow> for End {
    fn from(follow: Follow) -> End {
        End {
            follow: follow == Follow::Last,
            follow_slash: true,
            is_file: false,
        }
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
    let end = path
        .iter()
        .position(|byte| *byte == b'/')
        .unwrap_or(path.len());
    let (name, rest) = path.split_at(end);
    let after = rest
        .iter()
        .position(|byte| *byte != b'/')
        .unwrap_or(rest.len());
    Some(Step {
        name,
        rest: &rest[after..],
        slash: after > 0,
    })
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
        let mut walker = Walker {
            cred,
            at: base,
            attr: None,
            links: 0,
        };
        // `text` is what is left of the path once a symlink was put in.
        let mut text = None;
        loop {
            match walker.run(self, text.as_deref().unwrap_or(path), end)? {
                Next::Done(walk) => return Ok(walk),
                Next::Follow(new) => text = Some(new),
            }
        }
    }
}

enum Next {
    Done(Walk),
    /// A symlink was met: go on with this path.
    Follow(Vec<u8>),
}

struct Walker<'a> {
    cred: &'a Cred,
    at: Loc,
    /// Attributes of `at`, once known.
    attr: Option<Attr>,
    links: u32,
}

impl Walker<'_> {
    /// Walks until the end or the next symlink to follow.
    fn run(&mut self, vfs: &mut Vfs, path: &[u8], end: End) -> Sys<Next> {
        if path.first() == Some(&b'/') {
            (self.at, self.attr) = (vfs.root(), None);
        }
        let mut path = path;
        loop {
            let attr = match self.attr {
                Some(attr) => attr,
                None => *self.attr.insert(vfs.attr(self.at)?),
            };
            let Some(step) = step(path) else {
                return Ok(self.done(self.at, attr, Last::Root, false, Some((self.at, attr))));
            };
            let is_last = step.rest.is_empty();
            if attr.kind != Kind::Dir {
                return Err(Errno::NotDir);
            }
            perm::check(self.cred, &attr, EXEC)?;
            let dotted = match step.name {
                b"." => Some((Last::Dot, self.at)),
                b".." => Some((Last::DotDot, vfs.parent(self.at)?)),
                _ => None,
            };
            if let Some((last, to)) = dotted {
                let dir = self.at;
                if to != self.at {
                    (self.at, self.attr) = (to, Some(vfs.attr(to)?));
                }
                if is_last {
                    return Ok(self.done(
                        dir,
                        attr,
                        last,
                        step.slash,
                        self.attr.map(|attr| (self.at, attr)),
                    ));
                }
                path = step.rest;
                continue;
            }
            if step.name.len() > vfs.name_max {
                return Err(Errno::NameTooLong);
            }
            if is_last && end.is_file && step.slash {
                return Err(Errno::IsDir);
            }
            let found = match vfs.lookup(self.at, step.name) {
                Err(Errno::NoEnt) if is_last => None,
                other => Some(other?),
            };
            if let Some((link, link_attr)) = found
                && link_attr.kind == Kind::Symlink
                && (!is_last || end.follow || (end.follow_slash && step.slash))
            {
                if let Some(next) = self.follow(vfs, link, &step)? {
                    return Ok(Next::Follow(next));
                }
                if is_last {
                    let found = self.attr.map(|attr| (self.at, attr));
                    return Ok(self.done(self.at, attr, Last::Root, step.slash, found));
                }
            } else if is_last {
                if step.slash
                    && end.follow_slash
                    && found.is_some_and(|(_, attr)| attr.kind != Kind::Dir)
                {
                    return Err(Errno::NotDir);
                }
                return Ok(self.done(
                    self.at,
                    attr,
                    Last::Name(step.name.to_vec()),
                    step.slash,
                    found,
                ));
            } else if let Some((to, to_attr)) = found {
                (self.at, self.attr) = (to, Some(to_attr));
            }
            path = step.rest;
        }
    }

    /// Follows a symlink: the path to go on with, or `None` after a jump to where it leads directly.
    fn follow(&mut self, vfs: &mut Vfs, link: Loc, step: &Step<'_>) -> Sys<Option<Vec<u8>>> {
        self.links += 1;
        if self.links > vfs.symlinks_max {
            return Err(Errno::Loop);
        }
        if let Some(to) = vfs.jump(link) {
            (self.at, self.attr) = (to, Some(vfs.attr(to)?));
            return Ok(None);
        }
        let mut text = vfs.read_link(link)?;
        if text.is_empty() {
            return Err(Errno::NoEnt);
        }
        if step.slash {
            text.push(b'/');
        }
        text.extend_from_slice(step.rest);
        Ok(Some(text))
    }

    fn done(
        &self,
        dir: Loc,
        dir_attr: Attr,
        last: Last,
        slash: bool,
        found: Option<(Loc, Attr)>,
    ) -> Next {
        Next::Done(Walk {
            dir,
            dir_attr,
            last,
            slash,
            found,
        })
    }
}
