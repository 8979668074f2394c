//! Files that a response's commands have made, and where its text speaks of them.

use std::collections::BTreeMap;

use super::item::Annotation;
use crate::container::file_id;
use crate::vfs::{FileChange, Kind};

/// Where the files are that clients see.
pub(super) const DATA: &str = "/mnt/data";

/// Files of one response that are cited.
const FILES: usize = 100;

/// Bytes of a text that are searched for names of files.
const SEARCHED_BYTES: usize = 1 << 20;

/// The files below `/mnt/data` that a response has made or changed, and whether its text has spoken of them.
#[derive(Default)]
pub(super) struct Artifacts {
    container: String,
    made: BTreeMap<String, bool>,
}

impl Artifacts {
    /// Takes in what a call has changed.
    pub fn note(&mut self, container: &str, changes: &[FileChange]) {
        self.container = container.to_owned();
        for change in changes {
            let Ok(path) = str::from_utf8(&change.path) else { continue };
            if !path.strip_prefix(DATA).is_some_and(|rest| rest.starts_with('/')) {
                continue;
            }
            match &change.after {
                Some(after) if after.kind == Kind::File && self.made.len() < FILES => {
                    self.made.entry(path.to_owned()).or_default();
                }
                Some(_) => {}
                None => drop(self.made.remove(path)),
            }
        }
    }

    /// What a text speaks of. The last text of a response also speaks, at its end, of what no text has spoken of before.
    pub fn cite(&mut self, text: &str, is_last: bool) -> Vec<Annotation> {
        let end = text.chars().count();
        let mut cited = Vec::new();
        for (path, was_cited) in &mut self.made {
            let span = mention(text, path).or_else(|| (is_last && !*was_cited).then_some((end, end)));
            let Some((start, end)) = span else { continue };
            *was_cited = true;
            cited.push(Annotation::ContainerFileCitation {
                container_id: self.container.clone(),
                file_id: file_id(&self.container, path.as_bytes()),
                filename: path.rsplit('/').next().unwrap_or(path).to_owned(),
                start_index: start as u64,
                end_index: end as u64,
            });
        }
        cited
    }
}

/// Where a text first speaks of a file, in characters: by a link, by its path, or by its path below `/mnt/data`.
fn mention(text: &str, path: &str) -> Option<(usize, usize)> {
    let searched = &text[..text.floor_char_boundary(SEARCHED_BYTES)];
    let link = format!("sandbox:{path}");
    let below = path.strip_prefix(DATA).map(|rest| rest.trim_start_matches('/')).filter(|name| !name.is_empty());
    let (at, length) = [Some(link.as_str()), Some(path), below].into_iter().flatten().find_map(|name| {
        let found = searched.match_indices(name).find(|(at, _)| is_whole(searched, *at, name.len()));
        found.map(|(at, _)| (at, name.len()))
    })?;
    let start = text[..at].chars().count();
    Some((start, start + text[at..at + length].chars().count()))
}

/// Whether what is at a place is a name of its own and no part of a longer one.
fn is_whole(text: &str, at: usize, length: usize) -> bool {
    let is_name = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '/');
    let before = text[..at].chars().next_back();
    let mut after = text[at + length..].chars();
    let goes_on = match after.next() {
        Some('.') => after.next().is_some_and(char::is_alphanumeric),
        Some(c) => is_name(c),
        None => false,
    };
    !before.is_some_and(|c| is_name(c) || c == '.') && !goes_on
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vfs::{ChangeKind, FileState};

    fn change(path: &str, is_there: bool) -> FileChange {
        let state = FileState { kind: Kind::File, mode: 0o644, uid: 0, gid: 0, size: 1, mtime: 0, target: None };
        let (kind, after) = if is_there { (ChangeKind::Added, Some(state)) } else { (ChangeKind::Removed, None) };
        FileChange { path: path.into(), kind, before: None, after }
    }

    fn cited(artifacts: &mut Artifacts, text: &str, is_last: bool) -> Vec<(String, u64, u64)> {
        let citations = artifacts.cite(text, is_last).into_iter().map(|annotation| match annotation {
            Annotation::ContainerFileCitation { filename, start_index, end_index, container_id, file_id } => {
                assert!(container_id == "cntr_1" && file_id.starts_with("cfile_"));
                (filename, start_index, end_index)
            }
            other => panic!("{other:?}"),
        });
        citations.collect()
    }

    #[test]
    fn files_are_cited_where_the_text_speaks_of_them() {
        let mut artifacts = Artifacts::default();
        let made = ["/mnt/data/a.csv", "/mnt/data/out/b.txt", "/mnt/data/gone", "/home/user/x"];
        artifacts.note("cntr_1", &made.map(|path| change(path, true)));
        artifacts.note("cntr_1", &[change("/mnt/data/gone", false)]);
        let first = cited(&mut artifacts, "é [a](sandbox:/mnt/data/a.csv)", false);
        assert_eq!(first, [("a.csv".into(), 6, 29)]);
        let last = cited(&mut artifacts, "Not data.csv nor a.csv.gz.", true);
        assert_eq!(last, [("b.txt".into(), 26, 26)], "not spoken of before");
        assert_eq!(
            cited(&mut artifacts, "See a.csv. And out/b.txt", true),
            [("a.csv".into(), 4, 9), ("b.txt".into(), 15, 24)]
        );
        assert_eq!(cited(&mut artifacts, "Nothing.", true), []);
    }
}
