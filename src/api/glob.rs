//! File name patterns, and the files of a tree that match one.

use std::collections::BTreeSet;

use crate::vfs::{Kind, Tree};

/// A pattern of an absolute path, a part for each name.
#[derive(Debug)]
pub(super) struct Pattern(Vec<Part>);

#[derive(Debug, PartialEq)]
enum Part {
    /// Just this name.
    Name(Vec<u8>),
    /// Names that match.
    Like(Vec<Item>),
    /// `**`: any number of directories.
    Any,
}

#[derive(Debug, PartialEq)]
enum Item {
    Byte(u8),
    One,
    Many,
    Class { not: bool, ranges: Vec<(u8, u8)> },
}

impl Pattern {
    /// Reads a pattern: `*`, `?`, `[…]`, `[!…]`, `**` for directories, `\` before what is meant as it is. `None` if it has a part `..`.
    pub fn new(text: &[u8]) -> Option<Pattern> {
        let names = text.split(|b| *b == b'/').filter(|name| !name.is_empty() && *name != b".");
        let parts = names.map(|name| if name == b".." { None } else { Some(Part::new(name)) });
        parts.collect::<Option<Vec<_>>>().map(Pattern)
    }
}

impl Part {
    fn new(name: &[u8]) -> Part {
        if name == b"**" {
            return Part::Any;
        }
        let mut items = Vec::new();
        let mut rest = name;
        while let Some((&byte, after)) = rest.split_first() {
            rest = after;
            items.push(match byte {
                b'?' => Item::One,
                b'*' if items.last() == Some(&Item::Many) => continue,
                b'*' => Item::Many,
                b'[' => match class(after) {
                    Some((item, after)) => {
                        rest = after;
                        item
                    }
                    None => Item::Byte(b'['),
                },
                b'\\' if !after.is_empty() => {
                    rest = &after[1..];
                    Item::Byte(after[0])
                }
                byte => Item::Byte(byte),
            });
        }
        let plain = items.iter().map(|item| if let Item::Byte(byte) = item { Some(*byte) } else { None });
        match plain.collect::<Option<Vec<u8>>>() {
            Some(name) => Part::Name(name),
            None => Part::Like(items),
        }
    }
}

/// Reads what follows `[`; `None` if nothing closes it.
fn class(text: &[u8]) -> Option<(Item, &[u8])> {
    let (not, mut rest) = match text.first()? {
        b'!' | b'^' => (true, &text[1..]),
        _ => (false, text),
    };
    let mut ranges = Vec::new();
    loop {
        let (&first, after) = rest.split_first()?;
        if first == b']' && !ranges.is_empty() {
            return Some((Item::Class { not, ranges }, after));
        }
        if let [b'-', last, after @ ..] = after
            && *last != b']'
        {
            ranges.push((first, *last));
            rest = after;
        } else {
            ranges.push((first, first));
            rest = after;
        }
    }
}

/// Whether a name matches; a leading dot only matches itself.
fn matches(items: &[Item], name: &[u8]) -> bool {
    if name.first() == Some(&b'.') && items.first() != Some(&Item::Byte(b'.')) {
        return false;
    }
    // Where the last `*` was, and what it has taken so far: only that has to be tried again.
    let (mut i, mut n, mut star) = (0, 0, None);
    while n < name.len() {
        let fits = match items.get(i) {
            Some(Item::Many) => {
                star = Some((i, n));
                i += 1;
                continue;
            }
            Some(Item::Byte(byte)) => *byte == name[n],
            Some(Item::One) => true,
            Some(Item::Class { not, ranges }) => ranges.iter().any(|(a, b)| (*a..=*b).contains(&name[n])) != *not,
            None => false,
        };
        if fits {
            (i, n) = (i + 1, n + 1);
        } else if let Some((at, taken)) = star {
            (i, n, star) = (at + 1, taken + 1, Some((at, taken + 1)));
        } else {
            return false;
        }
    }
    items[i..].iter().all(|item| *item == Item::Many)
}

/// Finds files; looks at a bounded number of names.
pub(super) struct Search<'a> {
    tree: &'a Tree,
    /// Names it may still look at.
    left: usize,
    found: BTreeSet<Vec<u8>>,
}

impl<'a> Search<'a> {
    /// In `tree`, looking at no more than `names`.
    pub fn new(tree: &'a Tree, names: usize) -> Search<'a> {
        Search { tree, left: names, found: BTreeSet::new() }
    }

    /// Adds the files that match. False if there were more names than it may look at.
    pub fn add(&mut self, pattern: &Pattern) -> bool {
        let mut todo: Vec<(Vec<u8>, &[Part])> = vec![(Vec::new(), &pattern.0)];
        while let Some((path, parts)) = todo.pop() {
            let Some((part, rest)) = parts.split_first() else {
                if self.tree.stat(&path).is_ok_and(|attr| attr.kind == Kind::File) {
                    self.found.insert(path);
                }
                continue;
            };
            let Some(left) = self.left.checked_sub(1) else { return false };
            self.left = left;
            if let Part::Name(name) = part {
                todo.push((join(&path, name), rest));
                continue;
            }
            if *part == Part::Any {
                todo.push((path.clone(), rest));
            }
            let dir = if path.is_empty() { &b"/"[..] } else { &path };
            let names = self.tree.list(dir).unwrap_or_default();
            let Some(left) = self.left.checked_sub(names.len()) else { return false };
            self.left = left;
            for (name, attr) in names {
                match part {
                    Part::Like(items) if matches(items, &name) => todo.push((join(&path, &name), rest)),
                    Part::Any if attr.kind == Kind::Dir && !name.starts_with(b".") => {
                        todo.push((join(&path, &name), parts));
                    }
                    _ => {}
                }
            }
        }
        true
    }

    /// Names it may still look at.
    pub fn left(&self) -> usize {
        self.left
    }

    /// The files, sorted by path.
    pub fn found(self) -> BTreeSet<Vec<u8>> {
        self.found
    }
}

fn join(dir: &[u8], name: &[u8]) -> Vec<u8> {
    [dir, b"/", name].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    fn tree() -> Tree {
        let mut tree = Tree::new();
        for path in ["/a.txt", "/b.csv", "/.hidden", "/d/a.txt", "/d/e/f.txt", "/d/.g/h.txt", "/d/[x].txt", "/é"] {
            tree.put_file(path.as_bytes(), Bytes::from_static(b"x"), 0o644, 0, 0, 0, None).expect("a file");
        }
        tree.put_symlink(b"/link.txt", b"d/a.txt", 0).expect("a link");
        tree.put_symlink(b"/loop", b"/", 0).expect("a link");
        tree
    }

    fn found(pattern: &str) -> Vec<String> {
        let tree = tree();
        let mut search = Search::new(&tree, 1000);
        assert!(search.add(&Pattern::new(pattern.as_bytes()).expect("a pattern")));
        search.found().into_iter().map(|p| String::from_utf8(p).expect("text")).collect()
    }

    #[test]
    fn patterns_find_files() {
        assert_eq!(found("/a.txt"), ["/a.txt"]);
        assert_eq!(found("//./d//a.txt"), ["/d/a.txt"]);
        assert_eq!(found("/*.txt"), ["/a.txt", "/link.txt"]);
        assert_eq!(found("/?.[!t]*"), ["/b.csv"]);
        assert_eq!(found("/[ab].*"), ["/a.txt", "/b.csv"]);
        assert_eq!(found("/*/*.txt"), ["/d/[x].txt", "/d/a.txt", "/loop/a.txt", "/loop/link.txt"]);
        assert_eq!(found("/**/f.txt"), ["/d/e/f.txt"]);
        assert_eq!(found("/d/**"), [""; 0], "directories are not returned");
        assert_eq!(found("/d/**/*"), ["/d/[x].txt", "/d/a.txt", "/d/e/f.txt"]);
        assert_eq!(found("/.h*"), ["/.hidden"]);
        assert_eq!(found(r"/d/\[x\].txt"), ["/d/[x].txt"]);
        assert_eq!(found("/nothing"), [""; 0]);
        assert_eq!(found("/é"), ["/é"]);
        assert!(Pattern::new(b"/a/../b").is_none());
    }

    #[test]
    fn many_stars_take_no_time_and_many_names_are_given_up() {
        let items = match Part::new(&b"*a".repeat(200)) {
            Part::Like(items) => items,
            part => panic!("{part:?}"),
        };
        assert!(!matches(&items, &[b'a'; 199]));
        assert!(matches(&items, &[b'a'; 200]));
        let tree = tree();
        assert!(!Search::new(&tree, 3).add(&Pattern::new(b"/**/*").expect("a pattern")));
    }
}
