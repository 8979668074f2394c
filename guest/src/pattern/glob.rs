//! Pathname expansion over a directory reader that the shell provides.

use super::{Flags, Pattern, has_magic, unescape};

/// What kind of thing an entry is, as far as the directory tells.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum EntryKind {
    /// A directory.
    Dir,
    /// A symbolic link, whose target is asked for when it matters.
    Symlink,
    /// Not known, but no symbolic link: the file itself is asked when it matters.
    Unknown,
    /// Anything else.
    Other,
}

/// One name of a directory.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DirEntry {
    /// The name.
    pub name: Vec<u8>,
    /// Its kind.
    pub kind: EntryKind,
}

/// The files that pathname expansion sees.
pub trait DirReader {
    /// The names in a directory, `.` and `..` included or not; `path` is as the pattern spells it (it may end in slashes),
    /// `.` for the current one. `None` when it cannot be read.
    fn read_dir(&mut self, path: &[u8]) -> Option<Vec<DirEntry>>;
    /// Does the path exist (a dangling link does)?
    fn exists(&mut self, path: &[u8]) -> bool;
    /// Is it a directory, links followed?
    fn is_dir(&mut self, path: &[u8]) -> bool;
}

/// The shell options that bear on pathname expansion.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct GlobOptions {
    /// `*` matches a leading dot too.
    pub dotglob: bool,
    /// `**` matches through directories.
    pub globstar: bool,
    /// Case does not matter.
    pub nocaseglob: bool,
    /// Extended globs.
    pub extglob: bool,
    /// `.` and `..` never match (`globskipdots`, on by default in bash 5.2).
    pub skipdots: bool,
}

impl Default for GlobOptions {
    fn default() -> GlobOptions {
        GlobOptions { dotglob: false, globstar: false, nocaseglob: false, extglob: false, skipdots: true }
    }
}

/// The paths that match, sorted as bash does in the C.UTF-8 locale; empty when none does.
pub fn glob(source: &[u8], options: GlobOptions, files: &mut dyn DirReader) -> Vec<Vec<u8>> {
    let (root, components) = split(source);
    let mut globber = Globber { options, files };
    let mut paths = vec![root];
    // A path that a pattern has found is known to exist; one that was spelled out is not.
    let mut found = false;
    let mut index = 0;
    while let Some(component) = components.get(index) {
        let rest = &components[index + 1..];
        let last = rest.is_empty();
        let double = |component: &Component| options.globstar && component.source == b"**";
        if double(component) && rest.first().is_some_and(double) {
            // One after another they mean the same as one.
            found = true;
            index += 1;
            continue;
        }
        paths = if double(component) {
            let only_dirs = matches!(rest, [rest] if rest.source.is_empty());
            index += usize::from(only_dirs);
            globber.all_below(&paths, component, last, only_dirs, found)
        } else if has_magic(&component.source) {
            globber.matching(&paths, component, last)
        } else {
            globber.literal(paths, component, last)
        };
        found |= has_magic(&component.source);
        index += 1;
    }
    paths.sort_unstable();
    paths
}

/// A part of a path between slashes, and the slashes behind it.
struct Component {
    source: Vec<u8>,
    slashes: Vec<u8>,
}

/// Splits a pattern at its slashes; the first value is the slashes it begins with.
fn split(source: &[u8]) -> (Vec<u8>, Vec<Component>) {
    let mut at = source.iter().take_while(|&&c| c == b'/').count();
    let root = source[..at].to_vec();
    let mut components = Vec::new();
    let mut current = Vec::new();
    while at < source.len() {
        let escaped = source[at] == b'\\' && at + 1 < source.len();
        let c = source[at + usize::from(escaped)];
        if c == b'/' {
            at += usize::from(escaped);
            let slashes = source[at..].iter().take_while(|&&c| c == b'/').count();
            components.push(Component { source: std::mem::take(&mut current), slashes: vec![b'/'; slashes] });
            at += slashes;
            continue;
        }
        let length = 1 + usize::from(escaped);
        current.extend_from_slice(&source[at..at + length]);
        at += length;
    }
    if !source.is_empty() && at > root.len() {
        // After a last slash this one is empty: only directories are wanted.
        components.push(Component { source: current, slashes: Vec::new() });
    }
    let mut magic = false;
    for component in &mut components {
        magic |= has_magic(&component.source);
        if magic {
            component.slashes.truncate(1);
        }
    }
    (root, components)
}

struct Globber<'a> {
    options: GlobOptions,
    files: &'a mut dyn DirReader,
}

impl Globber<'_> {
    /// Appends a component that is no pattern to every path.
    fn literal(&mut self, mut paths: Vec<Vec<u8>>, component: &Component, last: bool) -> Vec<Vec<u8>> {
        let name = unescape(&component.source);
        for path in &mut paths {
            path.extend_from_slice(&name);
            path.extend_from_slice(&component.slashes);
        }
        if last && name.is_empty() {
            paths.retain(|path| self.files.is_dir(path));
        } else if last {
            paths.retain(|path| self.files.exists(path));
        }
        paths
    }

    /// Extends every path by the names in it that match.
    fn matching(&mut self, paths: &[Vec<u8>], component: &Component, last: bool) -> Vec<Vec<u8>> {
        let flags = Flags { extglob: self.options.extglob, nocase: self.options.nocaseglob };
        let pattern = Pattern::new(&component.source, flags);
        let mut found = Vec::new();
        for path in paths {
            let Some(mut entries) = self.read_dir(path) else {
                continue;
            };
            let dots = matches!(component.source.as_slice(), [b'.', ..] | [b'\\', b'.', ..]);
            if dots && !self.options.skipdots {
                entries.extend([&b"."[..], b".."].map(|name| DirEntry { name: name.to_vec(), kind: EntryKind::Dir }));
            }
            for entry in entries {
                let useful = last || entry.kind != EntryKind::Other;
                if useful && pattern.matches_name(&entry.name, self.options.dotglob) {
                    found.push([path, &entry.name[..], &component.slashes].concat());
                }
            }
        }
        found
    }

    /// `**`: every path, and everything below it (`last`) or every directory below it. `only_dirs`: it is `**/` at the
    /// end. `found`: the paths have been found, not spelled out.
    fn all_below(
        &mut self,
        paths: &[Vec<u8>],
        component: &Component,
        last: bool,
        only_dirs: bool,
        found: bool,
    ) -> Vec<Vec<u8>> {
        let mut all = Vec::new();
        let ends = last || only_dirs;
        for path in paths {
            // Links to directories count as directories (into which it does not go) but for a `**/` at the beginning.
            let links = only_dirs || (!last && !path.is_empty());
            if !ends {
                all.push(path.clone());
            } else if !path.is_empty() && self.files.is_dir(path) {
                let bare = path.len() - path.iter().rev().take_while(|&&c| c == b'/').count();
                all.push(if found && last { path[..bare].to_vec() } else { path.clone() });
            }
            let mut open = vec![path.clone()];
            while let Some(dir) = open.pop() {
                for entry in self.read_dir(&dir).unwrap_or_default() {
                    if entry.name.first() == Some(&b'.') && !self.options.dotglob {
                        continue;
                    }
                    let name = [&dir[..], &entry.name].concat();
                    let (is_dir, is_link) = self.kind(&name, entry.kind, links);
                    let slashes: &[u8] = if component.slashes.is_empty() { b"/" } else { &component.slashes };
                    let below = [&name[..], slashes].concat();
                    if last {
                        all.push(name);
                    } else if is_dir && (links || !is_link) {
                        all.push(below.clone());
                    }
                    if is_dir && !is_link {
                        open.push(below);
                    }
                }
            }
        }
        all
    }

    /// Is it a directory, and is it one through a link (asked only when `links` matter)?
    fn kind(&mut self, path: &[u8], kind: EntryKind, links: bool) -> (bool, bool) {
        match kind {
            EntryKind::Dir => (true, false),
            EntryKind::Symlink => (links && self.files.is_dir(path), true),
            EntryKind::Unknown => (self.files.is_dir(path), false),
            EntryKind::Other => (false, false),
        }
    }

    /// The entries of a directory but `.` and `..`.
    fn read_dir(&mut self, path: &[u8]) -> Option<Vec<DirEntry>> {
        let path = if path.is_empty() { b"." } else { path };
        let mut entries = self.files.read_dir(path)?;
        entries.retain(|entry| !matches!(entry.name.as_slice(), b"." | b".."));
        Some(entries)
    }
}
