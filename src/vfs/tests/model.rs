//! Random operations: old snapshots never change, diffs are right and complete, usage is exact, the tree stays consistent.

use super::*;
use proptest::collection::vec;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

/// One random call. Paths are numbers into a small set, so that they meet.
#[derive(Clone, Debug)]
pub(super) enum Op {
    Mkdir(usize),
    Rmdir(usize),
    Unlink(usize),
    Put(usize, u16, u8),
    Write(usize, u64, u16, u8),
    Truncate(usize, u64),
    Symlink(usize, usize),
    Link(usize, usize),
    Rename(usize, usize),
    Chmod(usize, u16),
    Pin(usize),
    Unpin(usize),
    Snapshot,
    Fork(usize),
}

const NAMES: [&str; 4] = ["a", "b", "c", "d"];

/// Paths of up to three names.
pub(super) fn path(n: usize) -> String {
    let name = |n: usize| NAMES[n % 4];
    match n % 3 {
        0 => name(n / 3).to_string(),
        1 => format!("{}/{}", name(n / 3), name(n / 12)),
        _ => format!("{}/{}/{}", name(n / 3), name(n / 12), name(n / 48)),
    }
}

pub(super) fn op() -> impl Strategy<Value = Op> {
    let n = 0..192usize;
    // Offsets near the ends of chunks.
    let offset = prop_oneof![0..200u64, 65_500..65_600u64, 130_000..132_000u64, Just(1 << 33)];
    prop_oneof![
        3 => n.clone().prop_map(Op::Mkdir),
        1 => n.clone().prop_map(Op::Rmdir),
        2 => n.clone().prop_map(Op::Unlink),
        3 => (n.clone(), any::<u16>(), any::<u8>()).prop_map(|(n, l, b)| Op::Put(n, l % 300, b)),
        3 => (n.clone(), offset.clone(), any::<u16>(), any::<u8>()).prop_map(|(n, o, l, b)| Op::Write(n, o, l, b)),
        1 => (n.clone(), offset).prop_map(|(n, o)| Op::Truncate(n, o)),
        1 => (n.clone(), n.clone()).prop_map(|(a, b)| Op::Symlink(a, b)),
        2 => (n.clone(), n.clone()).prop_map(|(a, b)| Op::Link(a, b)),
        3 => (n.clone(), n.clone()).prop_map(|(a, b)| Op::Rename(a, b)),
        1 => (n.clone(), 0..8u16).prop_map(|(n, m)| Op::Chmod(n, m)),
        1 => n.clone().prop_map(Op::Pin),
        1 => n.clone().prop_map(Op::Unpin),
        1 => Just(Op::Snapshot),
        1 => n.prop_map(Op::Fork),
    ]
}

/// Runs one operation; errors are expected.
pub(super) fn run(f: &mut Fixture, pins: &mut Vec<Loc>, op: &Op) -> Sys<()> {
    f.clock.advance(1);
    match op {
        Op::Mkdir(n) => f.mkdir(&path(*n)),
        Op::Rmdir(n) => f.rmdir(&path(*n)),
        Op::Unlink(n) => f.unlink(&path(*n)),
        Op::Put(n, length, byte) => f.put(&path(*n), vec![*byte; usize::from(*length)]),
        Op::Write(n, offset, length, byte) => {
            let loc = f.open(&path(*n), "wc", 0o644)?;
            f.vfs.write_at(loc, *offset, &vec![*byte; usize::from(*length)]).map(drop)
        }
        Op::Truncate(n, size) => {
            let loc = f.loc(&path(*n))?;
            f.vfs.truncate(loc, *size)
        }
        Op::Symlink(to, n) => f.symlink(&path(*to), &path(*n)),
        Op::Link(from, to) => f.link(&path(*from), &path(*to)),
        Op::Rename(from, to) => f.rename(&path(*from), &path(*to)),
        Op::Chmod(n, mode) => f.chmod(&path(*n), 0o700 | mode),
        Op::Pin(n) => {
            let loc = f.loc(&path(*n))?;
            f.vfs.pin(loc)?;
            pins.push(loc);
            Ok(())
        }
        Op::Unpin(n) if pins.is_empty() => f.stat(&path(*n)).map(drop),
        Op::Unpin(n) => {
            f.vfs.unpin(pins.swap_remove(n % pins.len()));
            Ok(())
        }
        Op::Snapshot | Op::Fork(_) => Ok(()),
    }
}

/// Everything a path shows, but times of directories.
pub(super) type Dump = BTreeMap<Vec<u8>, (Attr, Vec<u8>)>;

/// The tree's whole content, read through its public face. Of content only what is not zero.
pub(super) fn dump(tree: &Tree) -> Dump {
    let mut vfs = Vfs::new(tree.clone(), &Limits::default());
    let (mut found, mut todo) = (Dump::new(), vec![b"/".to_vec()]);
    while let Some(path) = todo.pop() {
        let (loc, mut attr) = vfs.stat(&ROOT, vfs.root(), &path, Follow::NoLast).unwrap();
        let mut content = Vec::new();
        match attr.kind {
            Kind::Dir => {
                (attr.mtime, attr.ctime, attr.nlink) = (0, 0, 0);
                let prefix = if path == b"/" { &b""[..] } else { &path };
                vfs.read_dir(loc, 0, &mut |entry| {
                    todo.push([prefix, b"/", &entry.name].concat());
                    true
                })
                .unwrap();
            }
            Kind::Symlink => content = vfs.readlink(&ROOT, vfs.root(), &path).unwrap(),
            _ => content = data(&mut vfs, loc),
        }
        found.insert(path, (attr, content));
    }
    found
}

/// Content without holes and zeros, with the offsets.
fn data(vfs: &mut Vfs, loc: Loc) -> Vec<u8> {
    let (mut at, mut all) = (0, Vec::new());
    while let Ok(start) = vfs.seek_data(loc, at) {
        at = vfs.seek_hole(loc, start).unwrap();
        let mut buffer = vec![0; (at - start) as usize];
        assert_eq!(vfs.read_at(loc, start, &mut buffer), Ok(buffer.len()));
        for (offset, byte) in (start..).zip(buffer).filter(|(_, byte)| *byte != 0) {
            all.extend(offset.to_le_bytes());
            all.push(byte);
        }
    }
    all
}

/// The paths at which two dumps differ as `Tree::diff` counts it.
pub(super) fn expected_diff(old: &Dump, new: &Dump) -> BTreeSet<Change> {
    let mut changes = BTreeSet::new();
    for path in old.keys().chain(new.keys()) {
        let kind_of = |attr: &Attr| attr.kind == Kind::Dir;
        let change = match (old.get(path), new.get(path)) {
            (Some((a, _)), None) => Some((ChangeKind::Removed, kind_of(a))),
            (None, Some((b, _))) => Some((ChangeKind::Added, kind_of(b))),
            (Some((a, x)), Some((b, y))) => {
                let is_modified = a.kind != b.kind || a.size != b.size || x != y;
                let is_touched = a.mtime != b.mtime && a.kind == Kind::File;
                if is_modified {
                    Some((ChangeKind::Modified, kind_of(b)))
                } else if (a.mode, a.uid, a.gid) != (b.mode, b.uid, b.gid) || is_touched {
                    Some((ChangeKind::Attributes, kind_of(b)))
                } else {
                    None
                }
            }
            (None, None) => None,
        };
        changes.extend(change.map(|(kind, is_dir)| Change { path: path.clone(), kind, is_dir }));
    }
    changes
}

pub(super) fn check_diff(old: &(Tree, Dump), new: &(Tree, Dump)) {
    let found: Vec<Change> = old.0.diff(&new.0).unwrap();
    assert!(found.is_sorted());
    let expected: Vec<Change> = expected_diff(&old.1, &new.1).into_iter().collect();
    assert_eq!(found, expected);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, max_shrink_iters: 2000, ..ProptestConfig::default() })]

    #[test]
    fn snapshots_stand_still_and_diffs_are_right(ops in vec(op(), 1..120)) {
        let mut f = Fixture::new();
        let mut snapshots: Vec<(Tree, Dump)> = Vec::new();
        let mut pins = Vec::new();
        for op in &ops {
            match op {
                Op::Snapshot => {
                    let tree = f.vfs.snapshot();
                    let content = dump(&tree);
                    snapshots.push((tree, content));
                }
                Op::Fork(n) if !snapshots.is_empty() => {
                    // Go on from an earlier state: the same inode numbers are given to other files.
                    let (tree, _) = &snapshots[n % snapshots.len()];
                    let clock = f.clock.now();
                    f = Fixture::with(tree.clone(), &Limits::default());
                    f.clock.advance(clock);
                    pins.clear();
                }
                op => drop(run(&mut f, &mut pins, op)),
            }
        }
        pins.drain(..).for_each(|loc| f.vfs.unpin(loc));
        let tree = f.vfs.snapshot();
        tree.check();
        prop_assert_eq!(f.vfs.usage(), tree.total_usage());
        let now = (tree.clone(), dump(&tree));
        for snapshot in &snapshots {
            snapshot.0.check();
            prop_assert_eq!(&dump(&snapshot.0), &snapshot.1);
            check_diff(snapshot, &now);
            check_diff(&now, snapshot);
        }
    }

    /// A quota is never passed, and what it leaves of an operation is consistent.
    #[test]
    fn quotas_hold(ops in vec(op(), 1..120), bytes in 0..200_000u64, files in 0..20u64) {
        let mut tree = Tree::new();
        tree.put_file(b"/a/b", vec![1; 70_000].into(), 0o666, 1000, 1000, 0, None).unwrap();
        tree.put_dir(b"/a", 0o777, 0, 0, 0).unwrap();
        tree.seal_base();
        let mut f = Fixture::with(tree, &Limits { tree_bytes: bytes, tree_files: files, ..Limits::default() });
        let mut pins = Vec::new();
        for op in &ops {
            let before = f.vfs.usage();
            let result = run(&mut f, &mut pins, op);
            let after = f.vfs.usage();
            prop_assert!(after.bytes <= bytes && after.files <= files, "{:?} {:?}", op, after);
            if result == Err(Errno::NoSpc) {
                // Creating a file and then failing to fill it leaves the file.
                prop_assert!(after.files <= before.files + 1);
            }
        }
        pins.drain(..).for_each(|loc| f.vfs.unpin(loc));
        f.vfs.snapshot().check();
        prop_assert_eq!(f.vfs.usage(), f.vfs.snapshot().usage());
        for name in NAMES {
            let name = format!("/{name}");
            let mut tree = f.vfs.snapshot();
            if tree.remove(name.as_bytes()).is_ok() {
                tree.check();
            }
        }
    }
}

#[test]
fn usage_is_exact() {
    const PAGE: u64 = 4096;
    let limits = Limits { tree_bytes: 50 * PAGE, tree_files: 4, ..Limits::default() };
    let mut f = Fixture::with(Tree::new(), &limits);
    let usage = |f: &Fixture| (f.vfs.usage().bytes, f.vfs.usage().files);
    f.put("a", vec![1; 100_000]).unwrap();
    assert_eq!(usage(&f), (25 * PAGE, 1));
    assert_eq!(f.stat("a").unwrap().blocks, 25 * PAGE / 512);
    f.put("a", vec![2; 50_000]).unwrap();
    assert_eq!(usage(&f), (13 * PAGE, 1), "overwritten");
    f.link("a", "b").unwrap();
    assert_eq!(usage(&f), (13 * PAGE, 2));
    f.symlink("12345", "s").unwrap();
    assert_eq!(usage(&f), (13 * PAGE + 5, 3));
    f.mkdir("d").unwrap();
    assert_eq!(f.mkdir("e").unwrap_err(), Errno::NoSpc);
    assert_eq!(f.link("a", "e").unwrap_err(), Errno::NoSpc);
    f.rename("b", "d/b").unwrap();
    assert_eq!(usage(&f), (13 * PAGE + 5, 4));
    let loc = f.loc("a").unwrap();
    f.vfs.pin(loc).unwrap();
    f.unlink("a").unwrap();
    f.unlink("d/b").unwrap();
    assert_eq!(usage(&f), (13 * PAGE + 5, 3), "open, so it still counts");
    // Space runs out midway: 49 pages and the five bytes fit.
    let big = vec![3; 300_000];
    assert_eq!(f.vfs.write_at(loc, 50_000, &big), Ok(49 * 4096 - 50_000));
    assert_eq!(f.vfs.write_at(loc, 49 * PAGE, &[3]), Err(Errno::NoSpc));
    assert_eq!(f.vfs.write_at(loc, 0, &big[..1000]), Ok(1000), "overwriting needs no space");
    assert_eq!(f.symlink(&"x".repeat(4092), "t").unwrap_err(), Errno::NoSpc);
    f.vfs.truncate(loc, 1 << 40).unwrap();
    assert_eq!(usage(&f), (49 * PAGE + 5, 3));
    // A chunk cut to a page, and one byte in each of many chunks.
    f.vfs.truncate(loc, 65_536 + 1).unwrap();
    assert_eq!(usage(&f), (17 * PAGE + 5, 3));
    f.vfs.truncate(loc, 65_536).unwrap();
    assert_eq!(usage(&f), (16 * PAGE + 5, 3));
    for chunk in 1..34 {
        assert_eq!(f.vfs.write_at(loc, chunk << 16, b"x"), Ok(1));
    }
    assert_eq!(f.vfs.write_at(loc, 34 << 16, b"x"), Err(Errno::NoSpc));
    assert_eq!(usage(&f), (49 * PAGE + 5, 3));
    f.vfs.unpin(loc);
    assert_eq!(usage(&f), (5, 2));
    f.rmdir("d").unwrap();
    f.unlink("s").unwrap();
    assert_eq!(usage(&f), (0, 0));
}

#[test]
fn names_that_hash_alike_would_still_differ() {
    // Thousands of names in one directory, through splits and merges of its maps.
    let mut f = Fixture::new();
    f.mkdir("d").unwrap();
    for n in 0..3000 {
        f.put(&format!("d/{n}"), "").unwrap();
    }
    let full = f.vfs.snapshot();
    for n in (0..3000).step_by(2) {
        f.rename(&format!("d/{n}"), &format!("d/x{n}")).unwrap();
    }
    for n in 0..3000 {
        assert_eq!(f.stat(&format!("d/{n}")).is_ok(), n % 2 == 1);
        assert_eq!(f.unlink(&format!("d/{}{n}", if n % 2 == 0 { "x" } else { "" })), Ok(()));
    }
    assert_eq!(f.stat("d").unwrap().nlink, 2);
    f.rmdir("d").unwrap();
    f.vfs.snapshot().check();
    full.check();
    assert_eq!(full.list(b"/d").unwrap().len(), 3000);
}
