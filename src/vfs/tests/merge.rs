//! Merging: rows by hand, and random edits on both sides against a model by path.

use super::model::{Dump, Op, dump, op, run};
use super::stored::Store;
use super::*;
use crate::base::{BlobError, Hash};
use proptest::collection::vec;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

/// What a step of an edit does to a tree.
type Edit = fn(&mut Fixture) -> Sys<()>;

/// The base of the rows.
fn base() -> Tree {
    let mut tree = Tree::new();
    for (path, text) in [("/a", "a\n"), ("/b", "b\n"), ("/d/x", "x\n"), ("/d/y", "y\n"), ("/d/deep/z", "z\n")] {
        tree.put_file(path.as_bytes(), text.into(), 0o644, 0, 0, 0, None).unwrap();
    }
    tree.put_dir(b"/empty", 0o755, 0, 0, 0).unwrap();
    tree.put_symlink(b"/l", b"a", 0).unwrap();
    tree.put_file(b"/h1", "h\n".into(), 0o644, 0, 0, 0, None).unwrap();
    tree.put_link(b"/h1", b"/h2").unwrap();
    tree
}

/// A fork of `tree`, edited at a time of its own.
fn edited(tree: &Tree, at: i64, edits: &[Edit]) -> Tree {
    let mut f = Fixture::with(tree.clone(), &Limits::default());
    f.as_user(0, 0);
    f.clock.advance(at);
    for (n, edit) in edits.iter().enumerate() {
        edit(&mut f).unwrap_or_else(|errno| panic!("edit {n}: {errno:?}"));
    }
    f.vfs.into_tree()
}

fn merged(ours: &[Edit], theirs: &[Edit]) -> Result<Tree, MergeError> {
    let base = edited(&base(), 0, &[]);
    let (ours, theirs) = (edited(&base, 1_000, ours), edited(&base, 2_000, theirs));
    let result = merge(&base, &ours, &theirs);
    if let Ok(tree) = &result {
        tree.check();
    }
    result
}

/// All paths with their texts, directories with a slash, symlinks with an arrow.
fn show(tree: &Tree) -> String {
    let text = |(path, (attr, _)): (&Vec<u8>, &(Attr, Vec<u8>))| {
        let name = String::from_utf8_lossy(path).into_owned();
        match attr.kind {
            Kind::Dir => format!("{name}/"),
            Kind::Symlink => format!("{name}->{}", String::from_utf8_lossy(&tree.read_link(path).unwrap())),
            _ => format!("{name}={}", String::from_utf8_lossy(&tree.read_path(path).unwrap()).trim_end()),
        }
    };
    dump(tree).iter().skip(1).map(text).collect::<Vec<_>>().join(" ")
}

const BASE: &str = "/a=a /b=b /d/ /d/deep/ /d/deep/z=z /d/x=x /d/y=y /empty/ /h1=h /h2=h /l->a";

#[track_caller]
fn merges(ours: &[Edit], theirs: &[Edit], expected: &str) {
    let expected = expected.replace("BASE", BASE);
    match merged(ours, theirs) {
        Ok(tree) => assert_eq!(show(&tree), expected),
        Err(error) => panic!("{error}"),
    }
    match merged(theirs, ours) {
        Ok(tree) => assert_eq!(show(&tree), expected, "the other way round"),
        Err(error) => panic!("the other way round: {error}"),
    }
}

#[test]
fn what_one_side_changed_is_taken() {
    merges(&[], &[], "BASE");
    merges(&[|f| f.put("/a", "new")], &[], &BASE.replace("/a=a", "/a=new"));
    merges(&[|f| f.put("/a", "new")], &[|f| f.put("/b", "too")], &BASE.replace("/a=a /b=b", "/a=new /b=too"));
    merges(&[|f| f.put("/n", "n")], &[|f| f.unlink("/a")], &BASE.replace("/a=a ", "").replace("/l->a", "/l->a /n=n"));
    merges(&[|f| f.mkdir("/n")], &[|f| f.rmdir("/empty")], &BASE.replace("/empty/ ", "").replace("/l->a", "/l->a /n/"));
    merges(
        &[|f| f.unlink("/l"), |f| f.symlink("b", "/l")],
        &[|f| f.put("/d/x", "1")],
        &BASE.replace("/l->a", "/l->b").replace("x=x", "x=1"),
    );
    merges(
        &[|f| f.rename("/d", "/e")],
        &[|f| f.put("/a", "1")],
        "/a=1 /b=b /e/ /e/deep/ /e/deep/z=z /e/x=x /e/y=y /empty/ /h1=h /h2=h /l->a",
    );
}

#[test]
fn what_both_did_alike_is_agreed() {
    merges(&[|f| f.put("/n", "n")], &[|f| f.put("/n", "n")], &BASE.replace("/l->a", "/l->a /n=n"));
    merges(&[|f| f.unlink("/a")], &[|f| f.unlink("/a"), |f| f.put("/b", "1")], &BASE.replace("/a=a /b=b", "/b=1"));
    merges(
        &[|f| f.mkdir("/n"), |f| f.put("/n/1", "1")],
        &[|f| f.mkdir("/n"), |f| f.put("/n/2", "2")],
        &BASE.replace("/l->a", "/l->a /n/ /n/1=1 /n/2=2"),
    );
    merges(&[|f| f.chmod("/a", 0o600)], &[|f| f.chmod("/a", 0o600)], "BASE");
    merges(
        &[|f| f.rename("/d/x", "/x")],
        &[|f| f.rename("/d/x", "/x")],
        &BASE.replace("/d/x=x ", "").replace("/l->a", "/l->a /x=x"),
    );
}

#[test]
fn times_never_conflict() {
    let touch: Edit = |f| f.set("/a", SetAttr { mtime: Some(SetTime::Now), ..SetAttr::default() });
    merges(&[touch], &[touch], "BASE");
    merges(&[touch], &[|f| f.put("/a", "new")], &BASE.replace("/a=a", "/a=new"));
    merges(&[touch], &[|f| f.unlink("/a")], &BASE.replace("/a=a ", ""));
    let tree = merged(&[|f| f.put("/d/n", "")], &[|f| f.put("/d/m", "")]).unwrap();
    assert_eq!(tree.stat(b"/d").unwrap().mtime, 3_000, "the later of both");
    let tree = merged(&[], &[|f| f.put("/d/m", ""), touch]).unwrap();
    let (file, untouched) = (tree.stat(b"/d/m").unwrap(), tree.stat(b"/d/x").unwrap());
    assert_eq!((file.mtime, file.ctime, untouched.mtime), (3_000, 3_000, 0));
    assert_eq!(tree.stat(b"/a").unwrap().mtime, 3_000);
}

#[test]
fn modes_and_owners_are_merged() {
    let tree = merged(&[|f| f.chmod("/a", 0o600)], &[|f| f.chown("/b", 7, 8), |f| f.chmod("/d", 0o711)]).unwrap();
    assert_eq!(tree.stat(b"/a").unwrap().mode, 0o600);
    assert_eq!((tree.stat(b"/b").unwrap().uid, tree.stat(b"/b").unwrap().gid), (7, 8));
    assert_eq!(tree.stat(b"/d").unwrap().mode, 0o711);
    assert_eq!(show(&tree), BASE);
}

/// What was done, as a letter.
fn letter(kind: ChangeKind) -> char {
    match kind {
        ChangeKind::Added => '+',
        ChangeKind::Removed => '-',
        ChangeKind::Modified => 'M',
        ChangeKind::Attributes => 'A',
    }
}

/// The conflicts as paths with what ours and theirs did.
#[track_caller]
fn conflicts(ours: &[Edit], theirs: &[Edit], expected: &str) {
    match merged(ours, theirs) {
        Err(MergeError::Conflicts(found)) => {
            assert!(found.is_sorted());
            let text =
                |c: &Conflict| format!("{}:{}{}", String::from_utf8_lossy(&c.path), letter(c.ours), letter(c.theirs));
            assert_eq!(found.iter().map(text).collect::<Vec<_>>().join(" "), expected);
        }
        Err(other) => panic!("{other}"),
        Ok(tree) => panic!("merged: {}", show(&tree)),
    }
}

#[test]
fn what_differs_is_a_conflict_and_all_are_named() {
    conflicts(&[|f| f.put("/a", "1")], &[|f| f.put("/a", "2")], "/a:MM");
    conflicts(
        &[|f| f.put("/a", "1"), |f| f.put("/b", "1"), |f| f.put("/d/x", "1")],
        &[|f| f.put("/d/x", "2"), |f| f.put("/a", "2"), |f| f.put("/d/y", "2")],
        "/a:MM /d/x:MM",
    );
    conflicts(&[|f| f.unlink("/a")], &[|f| f.put("/a", "2")], "/a:-M");
    conflicts(&[|f| f.put("/a", "2")], &[|f| f.unlink("/a")], "/a:M-");
    conflicts(&[|f| f.chmod("/a", 0o600)], &[|f| f.chmod("/a", 0o640)], "/a:AA");
    conflicts(&[|f| f.chmod("/a", 0o600)], &[|f| f.put("/a", "2")], "/a:AM");
    conflicts(&[|f| f.chmod("/d", 0o700)], &[|f| f.chmod("/d", 0o711)], "/d:AA");
    conflicts(&[|f| f.put("/n", "1")], &[|f| f.put("/n", "2")], "/n:++");
    conflicts(&[|f| f.symlink("1", "/n")], &[|f| f.symlink("2", "/n")], "/n:++");
    conflicts(&[|f| f.put("/n", "1")], &[|f| f.mkdir("/n"), |f| f.put("/n/m", "2")], "/n:++");
    conflicts(&[|f| f.mkdir("/n"), |f| f.put("/n/m", "2")], &[|f| f.put("/n", "1")], "/n:++");
}

const REMOVE_D: &[Edit] =
    &[|f| f.unlink("/d/x"), |f| f.unlink("/d/y"), |f| f.unlink("/d/deep/z"), |f| f.rmdir("/d/deep"), |f| f.rmdir("/d")];

#[test]
fn changes_below_what_the_other_removed_are_conflicts() {
    let replace_d = [REMOVE_D, &[|f: &mut Fixture| f.put("/d", "file")]].concat();
    for (gone, letter) in [(REMOVE_D, '-'), (&replace_d, 'M')] {
        conflicts(gone, &[|f| f.put("/d/new", "n")], &format!("/d/new:{letter}+"));
        conflicts(&[|f| f.put("/d/new", "n")], gone, &format!("/d/new:+{letter}"));
        let deep: &[Edit] = &[|f| f.put("/d/deep/new", "n"), |f| f.put("/d/x", "1")];
        conflicts(gone, deep, &format!("/d/deep/new:{first}+ /d/x:-M", first = letter));
        conflicts(deep, gone, &format!("/d/deep/new:+{first} /d/x:M-", first = letter));
        conflicts(gone, &[|f| f.chmod("/d", 0o700), |f| f.put("/d/new", "n")], &format!("/d:{letter}A"));
        conflicts(&[|f| f.chmod("/d", 0o700), |f| f.put("/d/new", "n")], gone, &format!("/d:A{letter}"));
    }
}

fn ino(tree: &Tree, path: &str) -> u64 {
    tree.stat(path.as_bytes()).unwrap().ino
}

#[test]
fn links_stay_links_where_their_names_moved_together() {
    let edit: Edit = |f| f.put("/b", "1");
    let check = |theirs: &[Edit], linked: &[&str], apart: &[&str]| {
        let tree = merged(&[edit], theirs).unwrap();
        assert!(linked.windows(2).all(|w| ino(&tree, w[0]) == ino(&tree, w[1])), "{linked:?}: {}", show(&tree));
        assert!(apart.iter().all(|path| ino(&tree, path) != ino(&tree, linked[0])), "{apart:?}");
        assert_eq!(tree.stat(linked[0].as_bytes()).unwrap().nlink, linked.len() as u64);
    };
    check(&[|f| f.put("/h1", "new")], &["/h1", "/h2"], &[]);
    check(&[|f| f.chmod("/h1", 0o600)], &["/h1", "/h2"], &[]);
    check(
        &[|f| f.put("/n1", "n"), |f| f.link("/n1", "/n2"), |f| f.link("/n1", "/d/n3")],
        &["/n1", "/n2", "/d/n3"],
        &[],
    );
    check(&[|f| f.link("/h1", "/h3")], &["/h1", "/h2", "/h3"], &[]);
    check(&[|f| f.link("/a", "/n")], &["/a", "/n"], &[]);
    check(&[|f| f.unlink("/h2"), |f| f.put("/h2", "other"), |f| f.link("/h2", "/h3")], &["/h2", "/h3"], &["/h1"]);
    check(&[|f| f.rename("/h1", "/r1"), |f| f.rename("/h2", "/r2")], &["/r1", "/r2"], &[]);
    check(&[|f| f.rename("/h1", "/r1")], &["/r1", "/h2"], &[]);
}

#[test]
fn a_link_made_to_what_the_other_changed_is_a_file_of_its_own() {
    let tree = merged(&[|f| f.put("/a", "ours")], &[|f| f.link("/a", "/n")]).unwrap();
    assert_eq!((tree.read_path(b"/a").unwrap(), tree.read_path(b"/n").unwrap()), ("ours".into(), "a\n".into()));
    let tree = merged(&[|f| f.link("/a", "/n")], &[|f| f.put("/a", "theirs")]).unwrap();
    assert_eq!((tree.read_path(b"/a").unwrap(), tree.read_path(b"/n").unwrap()), ("theirs".into(), "a\n".into()));
    assert_eq!(tree.stat(b"/n").unwrap().nlink, 1);
}

#[test]
fn kinds_change() {
    let to_file = [REMOVE_D, &[|f: &mut Fixture| f.put("/d", "file")]].concat();
    merges(&to_file, &[|f| f.put("/a", "1")], "/a=1 /b=b /d=file /empty/ /h1=h /h2=h /l->a");
    let to_dir: &[Edit] = &[|f| f.unlink("/a"), |f| f.mkdir("/a"), |f| f.put("/a/n", "n")];
    merges(to_dir, &[|f| f.put("/b", "1")], &BASE.replace("/a=a /b=b", "/a/ /a/n=n /b=1"));
    merges(to_dir, &to_file, "/a/ /a/n=n /b=b /d=file /empty/ /h1=h /h2=h /l->a");
    merges(&[|f| f.unlink("/l"), |f| f.mkdir("/l")], &to_file, "/a=a /b=b /d=file /empty/ /h1=h /h2=h /l/");
}

#[test]
fn fifos_and_big_files_are_merged_and_content_is_shared() {
    let tree = merged(&[], &[|f| f.vfs.mkfifo(&ROOT, f.cwd, b"/fifo", 0o640)]).unwrap();
    assert_eq!(tree.stat(b"/fifo").map(|attr| (attr.kind, attr.mode)), Ok((Kind::Fifo, 0o640)));
    let hole: Edit = |f| {
        f.put("/big", vec![7; 200_000])?;
        let loc = f.loc("/big")?;
        f.vfs.truncate(loc, 1 << 40)
    };
    let tree = merged(&[|f| f.put("/a", "1")], &[hole]).unwrap();
    let attr = tree.stat(b"/big").unwrap();
    assert_eq!((attr.size, attr.blocks * 512), (1 << 40, 200_704));
}

/// What counts at each path: everything but times and inode numbers.
type Model = BTreeMap<Vec<u8>, (Kind, u16, u32, u32, u64, Vec<u8>)>;

fn model(tree: &Tree) -> Model {
    let dump: Dump = dump(tree);
    let plain = |(path, (attr, content)): (Vec<u8>, (Attr, Vec<u8>))| {
        (path, (attr.kind, attr.mode, attr.uid, attr.gid, attr.size, content))
    };
    dump.into_iter().map(plain).collect()
}

/// The directory a path is in.
fn parent(path: &[u8]) -> &[u8] {
    let slash = path.iter().rposition(|byte| *byte == b'/').unwrap();
    if slash == 0 { b"/" } else { &path[..slash] }
}

/// Merges the models: the result, or the paths in conflict.
fn merge_models(trees: [&Tree; 3]) -> Result<Model, BTreeSet<Vec<u8>>> {
    let [base, ours, theirs] = trees.map(model);
    let (mut result, mut conflicts) = (Model::new(), BTreeSet::new());
    for path in base.keys().chain(ours.keys()).chain(theirs.keys()) {
        let (b, o, t) = (base.get(path), ours.get(path), theirs.get(path));
        let merged = match (o == b, t == b) {
            (_, true) => o,
            (true, _) => t,
            _ if o == t => o,
            _ => {
                conflicts.insert(path.clone());
                continue;
            }
        };
        result.extend(merged.map(|node| (path.clone(), node.clone())));
    }
    // What is left without a directory is in conflict too; below a conflict about a directory none is named.
    let is_dir = |tree: &Model, dir: &[u8]| tree.get(dir).is_some_and(|node| node.0 == Kind::Dir);
    let dirs = |path: &[u8]| -> Vec<Vec<u8>> {
        std::iter::successors(Some(path), |path| (*path != b"/").then(|| parent(path)))
            .skip(1)
            .map(<[u8]>::to_vec)
            .collect()
    };
    for path in result.keys() {
        let lost = dirs(path).iter().any(|dir| !conflicts.contains(dir) && !is_dir(&result, dir));
        conflicts.extend(lost.then(|| path.clone()));
    }
    let walls: BTreeSet<_> =
        conflicts.iter().filter(|path| !(is_dir(&ours, path) && is_dir(&theirs, path))).cloned().collect();
    conflicts.retain(|path| !dirs(path).iter().any(|dir| walls.contains(dir)));
    if conflicts.is_empty() { Ok(result) } else { Err(conflicts) }
}

fn fork(tree: &Tree, at: i64, ops: &[Op]) -> Tree {
    let mut f = Fixture::with(tree.clone(), &Limits::default());
    f.clock.advance(at);
    for op in ops {
        run(&mut f, &mut Vec::new(), op).ok();
    }
    f.vfs.into_tree()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, max_shrink_iters: 5000, ..ProptestConfig::default() })]

    #[test]
    fn merges_are_those_of_the_model(start in vec(op(), 0..80), ours in vec(op(), 0..20), theirs in vec(op(), 0..20)) {
        let base = fork(&Tree::new(), 0, &start);
        let (ours, theirs) = (fork(&base, 1_000, &ours), fork(&base, 2_000, &theirs));
        let before = [&base, &ours, &theirs].map(dump);
        match (merge(&base, &ours, &theirs), merge_models([&base, &ours, &theirs])) {
            (Ok(tree), Ok(expected)) => {
                tree.check();
                prop_assert_eq!(model(&tree), expected);
            }
            (Err(MergeError::Conflicts(found)), Err(expected)) => {
                prop_assert!(found.is_sorted());
                let found: BTreeSet<_> = found.into_iter().map(|conflict| conflict.path).collect();
                prop_assert_eq!(found, expected);
            }
            (found, expected) => prop_assert!(false, "{:?} and not {:?}", found, expected),
        }
        prop_assert_eq!([&base, &ours, &theirs].map(dump), before);
    }
}

/// A directory so deep that no path tells it.
fn deep(f: &mut Fixture) -> Sys<()> {
    for _ in 0..20 {
        f.mkdir(&"n".repeat(250))?;
        f.cwd = f.loc(&"n".repeat(250))?;
    }
    f.put("file", "deep")
}

#[test]
fn what_is_too_deep_to_be_told_is_not_lost_in_silence() {
    let edit: Edit = |f| f.put("/b", "1");
    assert!(matches!(merged(&[edit], &[deep]), Err(MergeError::Failed { errno: Errno::NameTooLong, .. })));
    let base = edited(&base(), 0, &[]);
    let (changes, rest) = base.diff_and_rest(&edited(&base, 1, &[deep])).unwrap();
    assert_eq!((changes.len(), rest.len()), (16, 1));
    assert_eq!(changes.last().map(|change| &change.path), rest.first());
}

/// The trees as they come from a store, each by itself or all from one loader.
fn stored(store: &Arc<Store>, roots: [Hash; 3], is_shared: bool) -> Result<[Tree; 3], BlobError> {
    let one = store.loader();
    let load = |root| Tree::load(&if is_shared { one.clone() } else { store.loader() }, root);
    let [a, b, c] = roots.map(load);
    Ok([a?, b?, c?])
}

#[test]
fn what_cannot_be_read_is_never_merged_told_or_packed() {
    let base = edited(&base(), 0, &[|f| f.put("/big", vec![b'x'; 200_000])]);
    let ours = edited(&base, 1_000, &[|f| f.put("/a", "ours"), |f| f.put("/d/n", "n"), |f| f.unlink("/d/x")]);
    let theirs =
        edited(&base, 2_000, &[|f| f.put("/b", "theirs"), |f| f.put("/h1", "linked"), |f| f.rename("/d/deep", "/e")]);
    let store = Store::new();
    let roots = [&base, &ours, &theirs].map(|tree| store.save(tree).0);
    let work = |[base, ours, theirs]: &[Tree; 3]| -> Result<_, String> {
        let text = |error: &dyn std::fmt::Display| error.to_string();
        let merged = merge(base, ours, theirs).map_err(|error| text(&error))?;
        let described = base.describe(theirs).map_err(|error| text(&error))?;
        let told = unified(base, ours, b"/a", &TextLimits::default()).map_err(|error| text(&error))?;
        let (mut archive, mut tree) = (Vec::new(), ours.clone());
        export(&merged, b"/", &mut archive).map_err(|error| text(&error))?;
        let options = ImportOptions { limits: Limits::default(), owner: None, now: 0 };
        import(&mut tree, b"/", &mut &*archive, &options).map_err(|error| text(&error))?;
        Ok((dump(&merged).len(), described, told, archive, tree.total_usage()))
    };
    let expected = work(&[base, ours, theirs]).unwrap();
    for is_shared in [true, false] {
        assert_eq!(work(&stored(&store, roots, is_shared).unwrap()), Ok(expected.clone()));
    }
    let all: Vec<Hash> = store.blobs.lock().unwrap().keys().copied().collect();
    let mut refused = 0;
    for id in all {
        let blob = store.blobs.lock().unwrap().remove(&id).unwrap();
        match stored(&store, roots, true).map_err(|error| error.to_string()).and_then(|trees| work(&trees)) {
            Ok(found) => assert!(found == expected, "without {id} it is something else"),
            Err(message) => {
                assert!(message.contains(&id.to_string()), "{message}");
                refused += 1;
            }
        }
        store.blobs.lock().unwrap().insert(id, blob);
    }
    assert!(refused > 5, "{refused}");
}
