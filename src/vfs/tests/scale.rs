//! Size must not matter: large trees, deep trees, many forks. What is compared is one tree with another; the benches measure.

use super::*;
use std::time::{Duration, Instant};

fn large() -> Tree {
    let mut tree = Tree::new();
    for dir in 0..100 {
        for file in 0..1000 {
            let path = format!("/usr/share/d{dir}/file{file}");
            tree.put_file(path.as_bytes(), path.clone().into(), 0o644, 0, 0, 0, None).unwrap();
        }
    }
    tree.seal_base();
    tree
}

/// The fastest of several runs: the machine may be busy.
fn fastest(mut f: impl FnMut()) -> Duration {
    (0..20)
        .map(|_| {
            let start = Instant::now();
            f();
            start.elapsed()
        })
        .min()
        .unwrap()
}

/// Forks a tree, changes three files in the fork, and finds what has changed; the time that takes.
fn fork_change_diff(tree: &Tree) -> Duration {
    let limits = Limits::default();
    let mut changes = Vec::new();
    let time = fastest(|| {
        let mut vfs = Vfs::new(tree.clone(), &limits);
        let flags = OpenFlags { write: true, create: true, ..OpenFlags::default() };
        let new = vfs.open(&ROOT, vfs.root(), b"/usr/share/d50/new", flags, 0o644).unwrap();
        vfs.write_at(new, 0, b"x").unwrap();
        let old = vfs.open(&ROOT, vfs.root(), b"/usr/share/d7/file3", flags, 0o644).unwrap();
        vfs.write_at(old, 0, b"X").unwrap();
        vfs.unlink(&ROOT, vfs.root(), b"/usr/share/d99/file999").unwrap();
        changes = tree.diff(&vfs.snapshot()).unwrap();
    });
    let change = |path: &[u8], kind| Change { path: path.to_vec(), kind, is_dir: false };
    let expected = [
        change(b"/usr/share/d50/new", ChangeKind::Added),
        change(b"/usr/share/d7/file3", ChangeKind::Modified),
        change(b"/usr/share/d99/file999", ChangeKind::Removed),
    ];
    assert_eq!(changes, expected);
    time
}

#[test]
fn a_fork_of_a_large_tree_costs_what_it_changes() {
    let large = large();
    assert_eq!(large.total_usage().files, 100_102);
    assert_eq!(large.usage(), Usage::default());
    let mut small = Tree::new();
    for path in ["/usr/share/d50/file0", "/usr/share/d7/file3", "/usr/share/d99/file999"] {
        small.put_file(path.as_bytes(), path.into(), 0o644, 0, 0, 0, None).unwrap();
    }
    let (small, large) = (fork_change_diff(&small), fork_change_diff(&large));
    // Thirty thousand times the files; depth and caches may cost a little.
    assert!(large < 100 * small, "{large:?} for the large tree, {small:?} for the small one");
}

#[test]
fn a_deep_tree_ends() {
    let mut f = Fixture::new();
    let depth = 20_000;
    for _ in 0..depth {
        f.mkdir("d").unwrap();
        f.cwd = f.loc("d").unwrap();
    }
    f.put("f", "x").unwrap();
    let tree = f.vfs.snapshot();
    assert_eq!(f.vfs.path_of(f.cwd).unwrap_err(), Errno::NameTooLong);
    assert_eq!(f.rename("/d", "/d/d/d").unwrap_err(), Errno::Inval);
    assert!(!Tree::new().diff(&tree).unwrap().is_empty());
    let mut tree = tree;
    tree.remove(b"/d").unwrap();
    tree.check();
    assert_eq!(tree.usage(), Usage::default());
}

#[test]
fn everything_is_send() {
    fn is_send<T: Send>() {}
    fn is_shared<T: Send + Sync>() {}
    is_shared::<Tree>();
    is_send::<Vfs>();
    is_send::<HostDir>();
    is_send::<Overlay>();
}
