//! Pathname expansion over the shell's files.

use crate::names::Sym;
use crate::options::Shopt;
use crate::pattern::{self, DirEntry, DirReader, EntryKind, Flags, GlobOptions, Pattern};
use crate::shell::{Run, Shell};
use crate::system::{FileKind, System};

/// The shell's files as pathname expansion sees them.
pub struct Files<'a>(pub &'a dyn System);

impl DirReader for Files<'_> {
    fn read_dir(&mut self, path: &[u8]) -> Option<Vec<DirEntry>> {
        let entries = self.0.read_dir(path).ok()?;
        let kind = |k| match k {
            FileKind::Dir => EntryKind::Dir,
            FileKind::Symlink => EntryKind::Symlink,
            FileKind::Unknown => EntryKind::Unknown,
            _ => EntryKind::Other,
        };
        Some(entries.into_iter().map(|e| DirEntry { name: e.name, kind: kind(e.kind) }).collect())
    }

    fn exists(&mut self, path: &[u8]) -> bool {
        self.0.stat(path, false).is_ok()
    }

    fn is_dir(&mut self, path: &[u8]) -> bool {
        self.0.stat(path, true).is_ok_and(|s| s.kind == FileKind::Dir)
    }
}

impl Shell {
    /// Appends the files a pattern matches, or what the options say when there is none.
    pub(super) fn match_files(&mut self, source: &[u8], text: Vec<u8>, out: &mut Vec<Vec<u8>>) -> Run {
        let found = self.glob(source);
        if !found.is_empty() {
            out.extend(found);
        } else if self.shopt(Shopt::FailGlob) {
            self.complain_parts(&[b"no match: ", &text]);
            return Err(self.discard(1));
        } else if !self.shopt(Shopt::NullGlob) {
            out.push(text);
        }
        Ok(())
    }

    /// The files a pattern matches, sorted.
    pub fn glob(&mut self, source: &[u8]) -> Vec<Vec<u8>> {
        let ignore = self.text(Sym::GLOBIGNORE).filter(|t| !t.is_empty());
        let options = GlobOptions {
            dotglob: self.shopt(Shopt::DotGlob) || ignore.is_some(),
            globstar: self.shopt(Shopt::GlobStar),
            nocaseglob: self.shopt(Shopt::NoCaseGlob),
            extglob: self.shopt(Shopt::ExtGlob),
            skipdots: self.shopt(Shopt::GlobSkipDots) || ignore.is_some(),
        };
        let mut found = pattern::glob(source, options, &mut Files(&*self.sys));
        if let Some(ignore) = ignore {
            let flags = Flags { extglob: options.extglob, nocase: false };
            for part in ignore.split(|b| *b == b':') {
                let pattern = Pattern::new(part, flags);
                found.retain(|path| !pattern.matches(path));
            }
        }
        found
    }
}
