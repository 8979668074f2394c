//! Diffs told to people: what is there, and the text.

use super::*;
use proptest::collection::vec;
use proptest::prelude::*;

fn with(files: &[(&str, &[u8])]) -> Tree {
    let mut tree = Tree::new();
    for (path, content) in files {
        tree.put_file(path.as_bytes(), content.to_vec().into(), 0o644, 0, 0, 0, None).unwrap();
    }
    tree
}

#[track_caller]
fn diff(old: &[(&str, &[u8])], new: &[(&str, &[u8])], path: &str) -> String {
    match unified(&with(old), &with(new), path.as_bytes(), &TextLimits::default()).unwrap() {
        TextDiff::Text(text) => String::from_utf8_lossy(&text).into_owned(),
        other => format!("{other:?}"),
    }
}

#[test]
fn texts_differ_as_git_says() {
    let (old, new) = (b"one\ntwo\nthree\n", b"one\n2\nthree");
    let expected =
        "--- a/d/f\n+++ b/d/f\n@@ -1,3 +1,3 @@\n one\n-two\n-three\n+2\n+three\n\\ No newline at end of file\n";
    assert_eq!(diff(&[("/d/f", old)], &[("/d/f", new)], "/d/f"), expected);
    assert_eq!(diff(&[], &[("/f", b"x\n")], "/f"), "--- /dev/null\n+++ b/f\n@@ -0,0 +1 @@\n+x\n");
    assert_eq!(diff(&[("/f", b"x\n")], &[], "/f"), "--- a/f\n+++ /dev/null\n@@ -1 +0,0 @@\n-x\n");
    assert_eq!(diff(&[("/f", b"x\n")], &[("/f", b"x\n")], "/f"), "");
    assert_eq!(diff(&[], &[], "/f"), "");
    assert_eq!(diff(&[], &[("/f", b"a\0b")], "/f"), "Binary");
    assert_eq!(diff(&[("/f", b"\xff\n")], &[], "/f"), "--- a/f\n+++ /dev/null\n@@ -1 +0,0 @@\n-\u{fffd}\n");
    let odd = "/a\"\\\nb";
    assert_eq!(diff(&[(odd, b"x\n")], &[], odd), "--- \"a/a\\\"\\\\\\012b\"\n+++ /dev/null\n@@ -1 +0,0 @@\n-x\n");
}

#[test]
fn a_symlink_is_its_target() {
    let (mut old, mut new) = (with(&[("/a", b"x\n")]), with(&[("/a", b"y\n")]));
    old.put_symlink(b"/l", b"a", 0).unwrap();
    new.put_symlink(b"/l", b"b", 0).unwrap();
    let none = "\\ No newline at end of file\n";
    let expected = format!("--- a/l\n+++ b/l\n@@ -1 +1 @@\n-a\n{none}+b\n{none}");
    assert_eq!(unified(&old, &new, b"/l", &TextLimits::default()), Ok(TextDiff::Text(expected.into())));
    assert_eq!(unified(&old, &new, b"/l/x", &TextLimits::default()), Ok(TextDiff::Text(Vec::new())));
}

#[test]
fn what_is_too_large_is_said_to_be() {
    let limits = TextLimits { file_bytes: 1000, lines: 100, output_bytes: 300, context: 3 };
    let compare =
        |old: &[u8], new: &[u8]| unified(&with(&[("/f", old)]), &with(&[("/f", new)]), b"/f", &limits).unwrap();
    assert_eq!(compare(&[b'x'; 1001], b""), TextDiff::TooLarge);
    assert_eq!(compare(b"", &[b'\n'; 101]), TextDiff::TooLarge);
    assert_eq!(compare(b"", &[b'x'; 400]), TextDiff::TooLarge);
    assert!(matches!(compare(b"a", b"b"), TextDiff::Text(_)));
    let mut tree = Tree::new();
    let mut huge = Fixture::with(Tree::new(), &Limits::default());
    huge.put("/f", "x").unwrap();
    let loc = huge.loc("/f").unwrap();
    huge.vfs.truncate(loc, 1 << 50).unwrap();
    assert_eq!(unified(&tree, &huge.vfs.snapshot(), b"/f", &limits), Ok(TextDiff::TooLarge));
    tree.put_dir(b"/f", 0o755, 0, 0, 0).unwrap();
    assert_eq!(unified(&tree, &tree, b"/f", &limits), Ok(TextDiff::Text(Vec::new())), "a directory has no text");
}

#[test]
fn what_was_and_what_is_there_is_described() {
    let (mut old, mut new) = (with(&[("/a", b"x"), ("/b", b"old")]), with(&[("/b", b"newer")]));
    old.put_symlink(b"/k", b"a", 0).unwrap();
    new.put_dir(b"/k", 0o750, 7, 8, 0).unwrap();
    let changes = old.describe(&new).unwrap();
    let text = |change: &FileChange| {
        let state = |state: &Option<FileState>| {
            state.as_ref().map_or("-".to_owned(), |s| format!("{:?}{:o}/{}", s.kind, s.mode, s.size))
        };
        format!("{:?} {} {}", change.kind, state(&change.before), state(&change.after))
    };
    let expected = ["Removed File644/1 -", "Modified File644/3 File644/5", "Modified Symlink777/1 Dir750/4096"];
    assert_eq!(changes.iter().map(text).collect::<Vec<_>>(), expected);
    assert_eq!(changes[2].before.as_ref().unwrap().target, Some(b"a".to_vec()));
    assert_eq!(changes[2].after.as_ref().map(|s| (s.uid, s.gid)), Some((7, 8)));
}

/// The new text that a diff makes of the old one.
fn patch(old: &[u8], diff: &[u8]) -> Vec<u8> {
    let old: Vec<&[u8]> = old.split_inclusive(|byte| *byte == b'\n').collect();
    let (mut new, mut at) = (Vec::new(), 0);
    let mut lines = diff.split_inclusive(|byte| *byte == b'\n').skip(2).peekable();
    while let Some(line) = lines.next() {
        let (mark, rest) = line.split_at(1);
        let has_end = lines.peek().is_none_or(|next| !next.starts_with(b"\\"));
        let rest = if has_end { rest } else { &rest[..rest.len() - 1] };
        match mark {
            b"@" => {
                let text = String::from_utf8_lossy(line);
                let range = text.split(' ').nth(1).unwrap().trim_start_matches('-').to_owned();
                let (start, count) = range.split_once(',').unwrap_or((&range, "1"));
                let start: usize = start.parse().unwrap();
                let start = if count == "0" { start } else { start - 1 };
                old[at..start].iter().for_each(|line| new.extend_from_slice(line));
                at = start;
            }
            b" " | b"-" => {
                assert_eq!(old[at], rest);
                if mark == b" " {
                    new.extend_from_slice(rest);
                }
                at += 1;
            }
            b"+" => new.extend_from_slice(rest),
            b"\\" => {}
            _ => panic!("{}", String::from_utf8_lossy(line)),
        }
    }
    old[at..].iter().for_each(|line| new.extend_from_slice(line));
    new
}

proptest! {
    #[test]
    fn a_diff_makes_the_new_of_the_old(old in vec(0..6u8, 0..60), new in vec(0..6u8, 0..60), ends in any::<(bool, bool)>()) {
        let text = |lines: &[u8], has_end: bool| {
            let mut text: Vec<u8> = lines.iter().flat_map(|line| [b'a' + line, b'\n']).collect();
            if !has_end {
                text.pop();
            }
            text
        };
        let (old, new) = (text(&old, ends.0), text(&new, ends.1));
        let diff = unified(&with(&[("/f", &old)]), &with(&[("/f", &new)]), b"/f", &TextLimits::default());
        match diff {
            Ok(TextDiff::Text(diff)) if diff.is_empty() => prop_assert_eq!(old, new),
            Ok(TextDiff::Text(diff)) => prop_assert_eq!(patch(&old, &diff), new),
            other => prop_assert!(false, "{:?}", other),
        }
    }
}
