//! Rights below a path: no way leads around a bind.

use super::*;

/// `/ro` read-only with files in it, `/ro/deep/rw` writable again, `/out` outside, and links from there into it.
fn bound() -> Fixture {
    bound_in(&[("/ro", Rights::READ_ONLY), ("/ro/deep/rw", Rights::READ_WRITE)])
}

fn bound_in(binds: &[(&str, Rights)]) -> Fixture {
    let mut tree = Tree::new();
    for dir in ["/ro", "/ro/sub", "/ro/empty", "/ro/deep", "/ro/deep/rw", "/ro/deep/rw/in", "/out"] {
        tree.put_dir(dir.as_bytes(), 0o777, 1000, 1000, 0).unwrap();
    }
    for file in ["/ro/f", "/ro/sub/f", "/ro/deep/rw/in/f", "/out/f"] {
        tree.put_file(file.as_bytes(), "text".into(), 0o666, 1000, 1000, 0, None).unwrap();
    }
    tree.put_symlink(b"/out/tofile", b"../ro/f", 0).unwrap();
    tree.put_symlink(b"/out/todir", b"/ro/sub", 0).unwrap();
    let mut f = Fixture::with(tree, &Limits::default());
    for (path, rights) in binds {
        f.vfs.bind(path.as_bytes(), *rights).unwrap();
    }
    f
}

/// Every call that changes something, in the directory `d`, with a file there.
fn attempts(f: &mut Fixture, d: &str, file: &str) -> Vec<(&'static str, Sys<()>)> {
    let new = format!("{d}/new");
    let time = SetAttr { mtime: Some(SetTime::Now), atime: Some(SetTime::Now), ..SetAttr::default() };
    let opened = f.open(file, "r", 0).unwrap();
    vec![
        ("create", f.put(&new, "x")),
        ("write", f.open(file, "w", 0).map(drop)),
        ("truncate at open", f.open(file, "rt", 0).map(drop)),
        ("mkdir", f.mkdir(&new)),
        ("mkfifo", f.vfs.mkfifo(&USER, f.cwd, new.as_bytes(), 0o644)),
        ("symlink", f.symlink("x", &new)),
        ("chmod", f.chmod(file, 0o600)),
        ("chmod of the directory", f.chmod(d, 0o700)),
        ("chown", f.chown(file, 1000, 1000)),
        ("utimens", f.set(file, time)),
        ("utimens of the directory", f.set(d, time)),
        ("truncate", f.vfs.truncate_path(&USER, f.cwd, file.as_bytes(), 0)),
        ("ftruncate", f.vfs.truncate(opened, 0)),
        ("write to what is open", f.vfs.write_at(opened, 0, b"x").map(drop)),
        ("append to what is open", f.vfs.append(opened, b"x").map(drop)),
        ("access", f.vfs.access(&USER, opened, 2)),
        ("link within", f.link(file, &new)),
        ("rename within", f.rename(file, &new)),
        ("unlink", f.unlink(file)),
    ]
}

#[test]
fn nothing_below_is_changed() {
    let ways = [
        ("/", "/ro", "/ro/f"),
        ("/", "/ro/sub", "/ro/sub/f"),
        ("/", "/out/../ro", "/out/../ro/f"),
        ("/", "/ro/sub/..", "/ro/sub/../f"),
        ("/", "/ro/deep/rw/../..", "/ro/deep/rw/../../f"),
        ("/", "/ro/deep/rw/in/../../../sub", "/ro/deep/rw/in/../../../sub/f"),
        ("/", "/out/todir", "/out/todir/f"),
        ("/", "/out/todir/..", "/out/todir/../f"),
        ("/ro/sub", ".", "f"),
        ("/ro/sub", "..", "../f"),
        ("/ro/deep/rw", "../../sub", "../../f"),
        ("/ro/deep/rw/in", "../../../../ro", "../../../f"),
        ("/out/todir", ".", "f"),
    ];
    for (cwd, dir, file) in ways {
        let mut f = bound();
        let before = f.vfs.snapshot();
        f.cwd = f.loc(cwd).unwrap();
        for (what, result) in attempts(&mut f, dir, file) {
            assert_eq!(result, Err(Errno::RoFs), "{what} of {file} in {dir} from {cwd}");
        }
        assert_eq!(before.diff(&f.vfs.snapshot()), Ok(vec![]), "{dir} from {cwd}");
    }
}

#[test]
fn a_link_from_outside_lends_no_rights() {
    let mut f = bound();
    for (what, result) in attempts(&mut f, "/ro", "/out/tofile") {
        let is_of_the_link = ["link within", "rename within", "unlink"].contains(&what);
        assert_eq!(result.is_ok(), what == "unlink", "{what}");
        assert!(is_of_the_link || result == Err(Errno::RoFs), "{what}: {result:?}");
    }
    assert_eq!(f.text("/ro/f"), "text");
}

#[test]
fn names_do_not_cross() {
    let mut f = bound();
    let before = f.vfs.snapshot();
    for (from, to) in
        [("/out/f", "/ro/new"), ("/ro/f", "/out/new"), ("/ro/f", "/ro/deep/rw/new"), ("/ro/sub", "/out/new")]
    {
        assert_eq!(f.rename(from, to), Err(Errno::XDev), "{from} {to}");
    }
    assert_eq!(f.link("/ro/f", "/out/new"), Err(Errno::XDev));
    assert_eq!(f.link("/out/f", "/ro/new"), Err(Errno::XDev));
    assert_eq!(f.link("/ro/deep/rw/in/f", "/out/new"), Err(Errno::XDev));
    assert_eq!(f.rmdir("/ro/empty"), Err(Errno::RoFs));
    assert_eq!(before.diff(&f.vfs.snapshot()), Ok(vec![]));
}

#[test]
fn what_leads_to_a_bind_stays() {
    let mut f = bound_in(&[("/ro/deep/rw", Rights::READ_ONLY)]);
    let before = f.vfs.snapshot();
    for path in ["/ro", "/ro/deep", "/ro/deep/rw"] {
        assert_eq!(f.rename(path, "/moved"), Err(Errno::Busy), "{path}");
    }
    f.mkdir("/new").unwrap();
    assert_eq!(f.rename("/new", "/ro/deep/rw"), Err(Errno::Busy));
    assert_eq!(f.rmdir("/ro/deep/rw"), Err(Errno::Busy));
    assert_eq!(f.unlink("/ro/deep/rw"), Err(Errno::IsDir));
    f.rmdir("/new").unwrap();
    assert_eq!(before.diff(&f.vfs.snapshot()), Ok(vec![]));
    assert_eq!(f.rename("/ro/sub", "/moved"), Ok(()), "what leads to none may move");
}

#[test]
fn the_innermost_holds_in_any_order() {
    let binds =
        [("/ro", Rights::READ_ONLY), ("/ro/deep/rw", Rights::READ_WRITE), ("/ro/deep/rw/in", Rights::READ_ONLY)];
    for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0], [0, 2, 1]] {
        let mut f = bound_in(&order.map(|n| binds[n]));
        assert_eq!(f.put("/ro/deep/rw/new", "x"), Ok(()), "{order:?}");
        for path in ["/ro/new", "/ro/deep/new", "/ro/deep/rw/../new", "/ro/deep/rw/in/new", "/ro/deep/rw/in/../../new"]
        {
            assert_eq!(f.put(path, "x"), Err(Errno::RoFs), "{order:?}: {path}");
        }
        assert_eq!(f.put("/ro/deep/rw/in/../new", "x"), Ok(()), "{order:?}");
        assert_eq!(f.path_of("/ro/deep/rw/in/../../../sub").unwrap(), "/ro/sub");
        assert_eq!(f.path_of("/ro/deep/rw/in").unwrap(), "/ro/deep/rw/in");
    }
}

#[test]
fn one_more_at_the_same_place_narrows() {
    let mut f = bound_in(&[("/ro", Rights::READ_ONLY), ("/ro", Rights::READ_WRITE), ("/ro/.", Rights::READ_WRITE)]);
    assert_eq!(f.put("/ro/new", "x"), Err(Errno::RoFs));
    let mut f = bound_in(&[("/ro", Rights::READ_WRITE)]);
    f.vfs.narrow(MountId(0), Rights::READ_ONLY).unwrap();
    assert_eq!(f.put("/ro/new", "x"), Err(Errno::RoFs), "a bind is no wider than its file system");
}

#[test]
fn a_bind_without_reading_shows_nothing() {
    let mut f = bound_in(&[("/ro", Rights { read: false, write: false })]);
    assert_eq!(f.get("/ro/f"), Err(Errno::Acces));
    assert_eq!(f.stat("/ro/f").map(drop), Err(Errno::Acces));
    assert_eq!(f.open("/ro", "rd", 0).map(drop), Err(Errno::Acces));
}

#[test]
fn mounts_within_stay_and_keep_their_rights() {
    for bind_first in [true, false] {
        let mut tree = Tree::new();
        tree.put_dir(b"/a/m", 0o777, 0, 0, 0).unwrap();
        let mut f = Fixture::with(tree, &Limits::default());
        let mut inner = Tree::new();
        inner.put_dir(b"/", 0o777, 0, 0, 0).unwrap();
        let fs = || Box::new(TreeFs::new(inner.clone(), &Limits::default(), Arc::new(SystemClock)));
        let mount = if bind_first {
            f.vfs.bind(b"/", Rights::READ_ONLY).unwrap();
            f.vfs.mount(b"/a/m", fs(), Rights::READ_WRITE).unwrap()
        } else {
            let mount = f.vfs.mount(b"/a/m", fs(), Rights::READ_WRITE).unwrap();
            f.vfs.bind(b"/", Rights::READ_ONLY).unwrap();
            mount
        };
        assert_eq!(f.put("/a/m/x", "x"), Ok(()));
        for path in ["/x", "/a/x", "/a/m/../x", "/a/m/../../x"] {
            assert_eq!(f.put(path, "x"), Err(Errno::RoFs), "{path}");
        }
        assert_eq!(f.path_of("/a/m/x").unwrap(), "/a/m/x");
        assert_eq!(f.vfs.bind(b"/a/m", Rights::READ_ONLY), Ok(mount), "the mount itself is narrowed");
        assert_eq!(f.put("/a/m/y", "x"), Err(Errno::RoFs));
    }
}

#[test]
fn binds_are_of_directories() {
    let mut f = bound();
    assert_eq!(f.vfs.bind(b"/out/f", Rights::READ_ONLY), Err(Errno::NotDir));
    assert_eq!(f.vfs.bind(b"/nosuch", Rights::READ_ONLY), Err(Errno::NoEnt));
    let mut inner = Tree::new();
    inner.put_dir(b"/sub", 0o777, 0, 0, 0).unwrap();
    let fs = TreeFs::new(inner, &Limits::default(), Arc::new(SystemClock));
    f.vfs.mount(b"/out", Box::new(fs), Rights::READ_WRITE).unwrap();
    assert_eq!(f.vfs.bind(b"/out/sub", Rights::READ_ONLY), Err(Errno::NotSup));
}

#[test]
fn a_bind_looks_like_the_tree() {
    let mut f = bound();
    let (ro, out) = (f.stat("/ro").unwrap(), f.stat("/out").unwrap());
    assert_eq!(ro.dev, out.dev);
    assert_eq!(f.sorted("/ro"), "deep empty f sub");
    assert_eq!(f.text("/ro/sub/../f"), "text");
    let mut names = f.ls("/");
    names.sort();
    assert_eq!(names, ["out", "ro"]);
}
