//! What a Unix program relies on, checked on the root tree. Expected errors are Linux's.

use super::*;
use Errno::*;

/// A tree with a file, a directory with a file, and links of every kind.
fn sample() -> Fixture {
    let mut f = Fixture::new();
    f.put("f", "file").unwrap();
    f.mkdir("d").unwrap();
    f.mkdir("d/e").unwrap();
    f.put("d/g", "inner").unwrap();
    f.symlink("f", "lf").unwrap();
    f.symlink("d", "ld").unwrap();
    f.symlink("/d/e", "labs").unwrap();
    f.symlink("nothing", "dangling").unwrap();
    f.symlink("loop2", "loop1").unwrap();
    f.symlink("loop1", "loop2").unwrap();
    f
}

#[test]
fn paths_resolve() {
    let mut f = sample();
    for path in
        ["d/g", "/d/g", "./d/./g", "d//g", "//d///g", "d/../d/g", "/../../d/g", "ld/g", "ld/../d/g", "labs/../g"]
    {
        assert_eq!(f.text(path), "inner", "{path}");
    }
    assert_eq!(f.text("lf"), "file");
    assert_eq!(f.stat("/").unwrap().ino, f.stat("/..").unwrap().ino);
    assert_eq!(f.stat("d/e/..").unwrap().ino, f.stat("d").unwrap().ino);
    let (d, e) = (f.loc("d").unwrap(), f.stat("d/e").unwrap());
    f.cwd = d;
    assert_eq!(f.stat("e").unwrap(), e);
    assert_eq!(f.stat("../labs").unwrap(), e);
    assert_eq!(f.text("../f"), "file");
}

#[test]
fn paths_are_refused_as_by_linux() {
    let mut f = sample();
    let long_name = "n".repeat(256);
    let long_path = "d/../".repeat(819) + "f"; // 4,096 bytes
    for (path, errno) in [
        ("", NoEnt),
        ("nothing", NoEnt),
        ("nothing/f", NoEnt),
        ("f/", NotDir),
        ("f/.", NotDir),
        ("f/..", NotDir),
        ("f/x", NotDir),
        ("lf/", NotDir),
        ("dangling", NoEnt),
        ("loop1", Loop),
        ("loop1/x", Loop),
        ("d/\0", Inval),
        (&long_name, NameTooLong),
        (&long_path, NameTooLong),
    ] {
        assert_eq!(f.stat(path).unwrap_err(), errno, "{path}");
    }
    assert_eq!(f.text(&long_path[5..]), "file", "4,091 bytes are a path");
    assert_eq!(f.stat(&"n".repeat(255)).unwrap_err(), NoEnt);
    assert_eq!(f.lstat("lf").unwrap().kind, Kind::Symlink);
    assert_eq!(f.lstat("ld/").unwrap().kind, Kind::Dir, "a slash follows");
    assert_eq!(f.lstat("loop1").unwrap().size, 5);
    assert_eq!(f.lstat("lf/").unwrap_err(), NotDir);
    assert_eq!(f.lstat("dangling/").unwrap_err(), NoEnt);
}

#[test]
fn forty_symlinks_are_followed_and_no_more() {
    let mut f = sample();
    f.symlink("f", "s1").unwrap();
    for n in 2..=41 {
        f.symlink(&format!("s{}", n - 1), &format!("s{n}")).unwrap();
    }
    assert_eq!(f.text("s40"), "file");
    assert_eq!(f.stat("s41").unwrap_err(), Loop);
    assert_eq!(f.text(&("ld/../".repeat(40) + "f")), "file");
    assert_eq!(f.stat(&("ld/../".repeat(41) + "f")).unwrap_err(), Loop);
}

#[test]
fn open_creates_and_truncates() {
    let mut f = sample();
    f.clock.advance(5);
    let loc = f.open("new", "wc", 0o640).unwrap();
    let attr = f.vfs.attr(loc).unwrap();
    assert_eq!((attr.mode, attr.uid, attr.gid, attr.nlink, attr.size), (0o640, 1000, 1000, 1, 0));
    assert_eq!((attr.atime, attr.mtime, attr.ctime), (1_005, 1_005, 1_005));
    assert_eq!(f.stat("/").unwrap().mtime, 1_005);
    assert_eq!(f.open("new", "wc", 0).unwrap(), loc, "an existing file is opened");
    assert_eq!(f.open("new", "wcx", 0o600).unwrap_err(), Exist);
    assert_eq!(f.open("lf", "wcx", 0o600).unwrap_err(), Exist);
    assert_eq!(f.open("dangling", "wcx", 0o600).unwrap_err(), Exist, "O_EXCL follows no link");
    f.put("dangling", "through").unwrap();
    assert_eq!(f.text("nothing"), "through", "O_CREAT follows a dangling link");
    assert_eq!(f.lstat("dangling").unwrap().kind, Kind::Symlink);
    f.open("f", "wt", 0).unwrap();
    assert_eq!(f.stat("f").unwrap().size, 0);
}

#[test]
fn open_is_refused_as_by_linux() {
    let mut f = sample();
    for (path, flags, errno) in [
        ("d", "w", IsDir),
        ("d", "rc", IsDir),
        ("d/", "rc", IsDir),
        ("ld", "rw", IsDir),
        ("f", "rd", NotDir),
        ("lf", "rd", NotDir),
        ("lf", "rn", Loop),
        ("ld", "rdn", NotDir),
        ("f/", "r", NotDir),
        ("nope", "r", NoEnt),
        ("nope/", "wc", IsDir),
        ("f/", "wc", IsDir),
        ("nope/x", "wc", NoEnt),
        ("f/x", "wc", NotDir),
        (".", "w", IsDir),
        ("/", "w", IsDir),
    ] {
        assert_eq!(f.open(path, flags, 0o644).unwrap_err(), errno, "{path} {flags}");
    }
    assert_eq!(f.open("d", "r", 0).unwrap(), f.open("ld", "rd", 0).unwrap());
    assert_eq!(f.open("ld/", "rdn", 0).unwrap(), f.loc("d").unwrap());
}

#[test]
fn directories_come_and_go() {
    let mut f = sample();
    assert_eq!(f.stat("d").unwrap().nlink, 3);
    for (path, errno) in [
        ("d", Exist),
        (".", Exist),
        ("..", Exist),
        ("/", Exist),
        ("dangling", Exist),
        ("dangling/", Exist),
        ("f", Exist),
        ("x/y", NoEnt),
        ("f/y", NotDir),
    ] {
        assert_eq!(f.mkdir(path).unwrap_err(), errno, "mkdir {path}");
    }
    f.mkdir("d/new/").unwrap();
    assert_eq!(f.stat("d").unwrap().nlink, 4);
    for (path, errno) in [
        ("d", NotEmpty),
        ("f", NotDir),
        ("ld", NotDir),
        ("labs/", NotDir),
        ("d/e/.", Inval),
        ("d/e/..", NotEmpty),
        ("/", Busy),
        ("nope", NoEnt),
    ] {
        assert_eq!(f.rmdir(path).unwrap_err(), errno, "rmdir {path}");
    }
    f.rmdir("d/new/").unwrap();
    f.rmdir("d/e").unwrap();
    assert_eq!(f.stat("d").unwrap().nlink, 2);
}

#[test]
fn unlink_and_link() {
    let mut f = sample();
    for (path, errno) in [
        ("d", IsDir),
        ("d/", IsDir),
        ("f/", NotDir),
        ("ld/", NotDir),
        (".", IsDir),
        ("..", IsDir),
        ("nope", NoEnt),
        ("nope/", NoEnt),
    ] {
        assert_eq!(f.unlink(path).unwrap_err(), errno, "unlink {path}");
    }
    for (from, to, errno) in [
        ("d", "h", Perm),
        ("nope", "h", NoEnt),
        ("f", "d", Exist),
        ("f", "h/", NoEnt),
        ("f", "dangling", Exist),
        ("f/", "h", NotDir),
    ] {
        assert_eq!(f.link(from, to).unwrap_err(), errno, "link {from} {to}");
    }
    f.clock.advance(1);
    f.link("f", "d/h").unwrap();
    f.link("lf", "hl").unwrap();
    assert_eq!(f.lstat("hl").unwrap().kind, Kind::Symlink, "link does not follow");
    assert_eq!(f.stat("d/h").unwrap().nlink, 2);
    assert_eq!(f.stat("d/h").unwrap().ctime, 1_001);
    assert_eq!(f.stat("f").unwrap(), f.stat("d/h").unwrap());
    f.put("f", "both").unwrap();
    f.unlink("f").unwrap();
    assert_eq!(f.text("d/h"), "both");
    assert_eq!(f.stat("d/h").unwrap().nlink, 1);
    f.unlink("ld").unwrap();
    assert_eq!(f.text("d/h"), "both", "a symlink goes alone");
}

#[test]
fn symlinks_hold_text() {
    let mut f = sample();
    assert_eq!(f.readlink("labs").unwrap(), "/d/e");
    assert_eq!(f.readlink("f").unwrap_err(), Inval);
    assert_eq!(f.symlink("", "s").unwrap_err(), NoEnt);
    assert_eq!(f.symlink("x", "f").unwrap_err(), Exist);
    assert_eq!(f.symlink("x", "s/").unwrap_err(), NoEnt);
    assert_eq!(f.symlink(&"x".repeat(4096), "s").unwrap_err(), NameTooLong);
    f.symlink(&"x/".repeat(2047), "s").unwrap();
    assert_eq!(f.lstat("s").unwrap().size, 4094);
    f.symlink("d/", "slash").unwrap();
    assert_eq!(f.text("slash/g"), "inner");
    f.symlink("f/", "fslash").unwrap();
    assert_eq!(f.stat("fslash").unwrap_err(), NotDir);
}

#[test]
fn rename_replaces() {
    let mut f = sample();
    f.put("a", "a").unwrap();
    let ino = f.stat("a").unwrap().ino;
    f.rename("a", "f").unwrap();
    assert_eq!((f.text("f"), f.stat("f").unwrap().ino), ("a".into(), ino));
    assert_eq!(f.stat("a").unwrap_err(), NoEnt);
    f.mkdir("empty").unwrap();
    f.rename("d", "empty").unwrap();
    assert_eq!(f.text("empty/g"), "inner");
    assert_eq!(f.path_of("empty/e").unwrap(), "/empty/e");
    assert_eq!(f.path_of("empty/g").unwrap(), "/empty/g");
    assert_eq!(f.stat("/").unwrap().nlink, 3);
    f.rename("empty/", "d/").unwrap();
    f.rename("lf", "lg").unwrap();
    assert_eq!(f.readlink("lg").unwrap(), "f", "the link itself is renamed");
    f.rename("f", "lg").unwrap();
    assert_eq!(f.lstat("lg").unwrap().kind, Kind::File, "and replaced");
    f.rename("d/e", "e").unwrap();
    assert_eq!((f.stat("d").unwrap().nlink, f.stat("/").unwrap().nlink), (2, 4));
    assert_eq!(f.stat("e/..").unwrap().ino, f.stat("/").unwrap().ino);
}

#[test]
fn rename_is_refused_as_by_linux() {
    let mut f = sample();
    f.link("f", "same").unwrap();
    f.mkdir("d2").unwrap();
    for (from, to, errno) in [
        ("nope", "x", NoEnt),
        ("f", "d", IsDir),
        ("d", "f", NotDir),
        ("d2", "d", NotEmpty),
        ("d", "d/e/x", Inval),
        ("d", "d/x", Inval),
        ("d/e", "d", NotEmpty),
        ("f", "x/", NotDir),
        ("f/", "x", NotDir),
        ("f", "lf/", NotDir),
        (".", "x", Busy),
        ("d", "..", Busy),
        ("/", "x", Busy),
        ("ld/", "x", NotDir),
    ] {
        assert_eq!(f.rename(from, to).unwrap_err(), errno, "rename {from} {to}");
    }
    f.rename("f", "same").unwrap();
    assert_eq!(f.stat("f").unwrap().nlink, 2, "two names of one file stay");
    f.rename("d", "d").unwrap();
    f.rename("d2", "d2new/").unwrap();
}

#[test]
fn a_file_lives_while_it_is_open() {
    let mut f = sample();
    let loc = f.open("f", "rw", 0).unwrap();
    f.vfs.pin(loc).unwrap();
    f.vfs.pin(loc).unwrap();
    f.unlink("f").unwrap();
    assert_eq!(f.stat("f").unwrap_err(), NoEnt);
    assert_eq!(f.vfs.attr(loc).unwrap().nlink, 0);
    f.vfs.write_at(loc, 4, b"!!").unwrap();
    assert_eq!(&f.vfs.bytes(loc).unwrap()[..], b"file!!");
    f.vfs.unpin(loc);
    assert_eq!(&f.vfs.bytes(loc).unwrap()[..], b"file!!");
    f.vfs.unpin(loc);
    assert_eq!(f.vfs.attr(loc).unwrap_err(), NoEnt);
    let mut f = sample();
    let loc = f.open("f", "r", 0).unwrap();
    f.vfs.pin(loc).unwrap();
    f.rename("d/g", "f").unwrap();
    assert_eq!(&f.vfs.bytes(loc).unwrap()[..], b"file", "renamed over");
    assert!(f.vfs.snapshot().diff(&f.vfs.snapshot()).unwrap().is_empty());
}

#[test]
fn a_removed_working_directory() {
    let mut f = sample();
    let e = f.loc("d/e").unwrap();
    f.vfs.pin(e).unwrap();
    f.rmdir("d/e").unwrap();
    f.cwd = e;
    assert_eq!(f.vfs.path_of(e).unwrap_err(), NoEnt);
    assert_eq!(f.put("x", "").unwrap_err(), NoEnt);
    assert_eq!(f.mkdir("x").unwrap_err(), NoEnt);
    assert_eq!(f.stat("x").unwrap_err(), NoEnt);
    assert_eq!(f.stat(".").unwrap().nlink, 0);
    assert!(f.ls(".").is_empty());
    assert_eq!(f.text("/f"), "file");
    // It still leads to where it was, until that is gone too.
    assert_eq!(f.stat("..").unwrap().ino, f.stat("/d").unwrap().ino);
    f.unlink("/d/g").unwrap();
    f.rmdir("/d").unwrap();
    assert_eq!(f.stat("..").unwrap_err(), NoEnt);
}

#[test]
fn content_is_sparse() {
    let mut f = Fixture::new();
    f.put("s", "").unwrap();
    let loc = f.loc("s").unwrap();
    let big = 1u64 << 40;
    assert_eq!(f.vfs.write_at(loc, big, b"end").unwrap(), 3);
    let attr = f.vfs.attr(loc).unwrap();
    assert_eq!((attr.size, attr.blocks), (big + 3, 8));
    let mut buffer = [1; 100];
    assert_eq!(f.vfs.read_at(loc, big - 50, &mut buffer).unwrap(), 53);
    assert_eq!((&buffer[..50], &buffer[50..53]), (&[0; 50][..], &b"end"[..]));
    assert_eq!(f.vfs.read_at(loc, big + 3, &mut buffer).unwrap(), 0);
    assert_eq!(f.vfs.read_at(loc, u64::MAX, &mut buffer).unwrap(), 0);
    assert_eq!(f.vfs.seek_data(loc, 0).unwrap(), big);
    assert_eq!(f.vfs.seek_hole(loc, 0).unwrap(), 0);
    assert_eq!(f.vfs.seek_hole(loc, big + 1).unwrap(), big + 3);
    assert_eq!(f.vfs.seek_data(loc, big + 3).unwrap_err(), NxIo);
    f.vfs.truncate(loc, 10).unwrap();
    assert_eq!((f.stat("s").unwrap().blocks, f.get("s").unwrap()), (0, vec![0; 10]));
    f.put("t", "0123456789").unwrap();
    let loc = f.loc("t").unwrap();
    f.vfs.truncate(loc, 5).unwrap();
    f.vfs.truncate(loc, 8).unwrap();
    assert_eq!(f.get("t").unwrap(), b"01234\0\0\0", "what was cut off does not come back");
    assert_eq!(f.vfs.write_at(loc, i64::MAX as u64, b"x").unwrap_err(), FBig);
    assert_eq!(f.vfs.write_at(loc, u64::MAX, b"x").unwrap_err(), FBig);
    assert_eq!(f.vfs.truncate(loc, 1 << 63).unwrap_err(), FBig);
    assert_eq!(f.vfs.bytes(f.cwd).unwrap_err(), IsDir);
    f.vfs.truncate(loc, i64::MAX as u64).unwrap();
    assert_eq!(f.vfs.bytes(loc).unwrap_err(), FBig);
}

#[test]
fn writing_stamps_and_reading_does_not() {
    let mut f = sample();
    f.clock.advance(10);
    let loc = f.loc("f").unwrap();
    f.vfs.read_at(loc, 0, &mut [0; 4]).unwrap();
    assert_eq!(f.stat("f").unwrap().atime, 1_000);
    f.vfs.write_at(loc, 0, b"").unwrap();
    assert_eq!(f.stat("f").unwrap().mtime, 1_000);
    assert_eq!(f.vfs.append(loc, b"+").unwrap(), (5, 1));
    let attr = f.stat("f").unwrap();
    assert_eq!((attr.atime, attr.mtime, attr.ctime), (1_000, 1_010, 1_010));
    f.clock.advance(10);
    f.set("f", SetAttr { mtime: Some(SetTime::At(-5)), atime: Some(SetTime::Now), ..SetAttr::default() }).unwrap();
    let attr = f.stat("f").unwrap();
    assert_eq!((attr.atime, attr.mtime, attr.ctime), (1_020, -5, 1_020));
}

#[test]
fn permission_bits_bind_users_and_not_root() {
    let mut f = sample();
    f.chmod("f", 0o640).unwrap();
    f.chmod("d", 0o710).unwrap();
    f.as_user(2000, 1000);
    assert_eq!(f.text("f"), "file");
    assert_eq!(f.open("f", "w", 0).unwrap_err(), Acces);
    assert_eq!(f.text("d/g"), "inner", "the group may search");
    assert_eq!(f.open("d", "r", 0).unwrap_err(), Acces, "and not list");
    assert_eq!(f.put("d/x", "").unwrap_err(), Acces);
    assert_eq!(f.unlink("d/g").unwrap_err(), Acces);
    assert_eq!(f.rename("d/g", "x").unwrap_err(), Acces);
    assert_eq!(f.rename("f", "d/x").unwrap_err(), Acces);
    assert_eq!(f.link("f", "d/x").unwrap_err(), Acces);
    assert_eq!(f.chmod("f", 0o777).unwrap_err(), Perm);
    f.as_user(3000, 3000);
    assert_eq!(f.open("f", "r", 0).unwrap_err(), Acces);
    assert_eq!(f.stat("d/g").unwrap_err(), Acces, "others may not search");
    assert_eq!(f.stat("d/nothing").unwrap_err(), Acces);
    assert_eq!(f.stat("d/../f").unwrap_err(), Acces);
    assert_eq!(f.stat("f").unwrap().mode, 0o640, "stat needs search only");
    assert_eq!(f.put("d/x", "").unwrap_err(), Acces);
    f.as_user(1000, 1000).chmod("f", 0).unwrap();
    assert_eq!(f.open("f", "r", 0).unwrap_err(), Acces, "the owner's class counts alone");
    f.as_user(0, 0);
    assert_eq!(f.text("f"), "file");
    let loc = f.loc("f").unwrap();
    assert_eq!(f.vfs.access(&ROOT, loc, 1).unwrap_err(), Acces, "root executes what somebody may");
    f.chmod("f", 0o001).unwrap();
    f.vfs.access(&ROOT, loc, 7).unwrap();
    assert_eq!(f.vfs.access(&USER, loc, 1).unwrap_err(), Acces);
    f.vfs.access(&Cred { uid: 9, gid: 9 }, loc, 1).unwrap();
    f.vfs.access(&USER, loc, 0).unwrap();
}

#[test]
fn a_sticky_directory_protects_its_users() {
    let mut f = Fixture::new();
    f.as_user(0, 0).mkdir("tmp").unwrap();
    f.chmod("tmp", 0o1777).unwrap();
    f.as_user(1000, 1000).put("tmp/mine", "1").unwrap();
    f.as_user(2000, 2000).put("tmp/theirs", "2").unwrap();
    assert_eq!(f.unlink("tmp/mine").unwrap_err(), Perm);
    assert_eq!(f.rename("tmp/mine", "tmp/x").unwrap_err(), Perm);
    assert_eq!(f.rename("tmp/theirs", "tmp/mine").unwrap_err(), Perm);
    f.rename("tmp/theirs", "tmp/y").unwrap();
    f.unlink("tmp/y").unwrap();
    f.as_user(0, 0).unlink("tmp/mine").unwrap();
}

#[test]
fn owners_and_modes_change_by_the_rules() {
    let mut f = sample();
    assert_eq!(f.chown("f", 0, 1000).unwrap_err(), Perm);
    assert_eq!(f.chown("f", 1000, 5).unwrap_err(), Perm);
    f.chown("f", 1000, 1000).unwrap();
    f.chmod("f", 0o6755).unwrap();
    assert_eq!(f.stat("f").unwrap().mode, 0o6755);
    f.chown("f", 1000, 1000).unwrap();
    assert_eq!(f.stat("f").unwrap().mode, 0o755, "chown clears set-id bits");
    f.as_user(0, 0).chown("f", 1000, 7).unwrap();
    f.as_user(1000, 1000).chmod("f", 0o2755).unwrap();
    assert_eq!(f.stat("f").unwrap().mode, 0o755, "a foreign group's set-group-id is not to be had");
    f.as_user(0, 0).chown("d", 1000, 7).unwrap();
    f.chmod("d", 0o2777).unwrap();
    f.as_user(2000, 2000).put("d/x", "").unwrap();
    f.mkdir("d/y").unwrap();
    assert_eq!(f.stat("d/x").unwrap().gid, 7);
    assert_eq!((f.stat("d/y").unwrap().gid, f.stat("d/y").unwrap().mode), (7, 0o2755));
}

#[test]
fn times_and_sizes_change_by_the_rules() {
    let mut f = sample();
    let times = |atime, mtime| SetAttr { atime, mtime, ..SetAttr::default() };
    let size = SetAttr { size: Some(0), ..SetAttr::default() };
    let (now, then) = (Some(SetTime::Now), Some(SetTime::At(1)));
    let link = f.vfs.resolve(&USER, f.cwd, b"lf", Follow::NoLast).unwrap();
    let mode = SetAttr { mode: Some(0), ..SetAttr::default() };
    assert_eq!(f.vfs.set_attr(&USER, link, mode).unwrap_err(), NotSup);
    f.vfs.set_attr(&USER, link, times(then, then)).unwrap();
    assert_eq!((f.lstat("lf").unwrap().mtime, f.stat("lf").unwrap().mtime), (1, 1_000));
    f.chmod("f", 0o666).unwrap();
    f.as_user(2000, 2000).set("f", times(now, now)).unwrap();
    assert_eq!(f.set("f", times(None, now)).unwrap_err(), Perm, "what a write does sets both");
    assert_eq!(f.set("f", times(now, then)).unwrap_err(), Perm);
    f.as_user(1000, 1000).chmod("f", 0o644).unwrap();
    f.as_user(2000, 2000);
    assert_eq!(f.set("f", times(now, now)).unwrap_err(), Acces);
    assert_eq!(f.set("f", size).unwrap_err(), Acces);
    assert_eq!(f.set("d", size).unwrap_err(), IsDir);
    f.as_user(1000, 1000).set("f", times(then, None)).unwrap();
    f.set("f", size).unwrap();
    assert_eq!((f.stat("f").unwrap().atime, f.stat("f").unwrap().size), (1, 0));
}

#[test]
fn reading_a_directory_is_stable() {
    let mut f = Fixture::new();
    f.mkdir("d").unwrap();
    let expected: std::collections::BTreeSet<String> = (0..100).map(|n| format!("stays{n}")).collect();
    for n in 0..100 {
        f.put(&format!("d/stays{n}"), "").unwrap();
        f.put(&format!("d/goes{n}"), "").unwrap();
    }
    let dir = f.loc("d").unwrap();
    let (mut cookie, mut seen, mut round) = (0, Vec::new(), 0);
    loop {
        let (mut count, before, from) = (0, seen.len(), cookie);
        let sink = &mut |entry: DirEntry| {
            count += 1;
            if count > 3 {
                return false;
            }
            seen.push(String::from_utf8(entry.name).unwrap());
            cookie = entry.next;
            true
        };
        f.vfs.read_dir(dir, from, sink).unwrap();
        if seen.len() == before {
            break;
        }
        // Meanwhile names come, go, and are renamed; this must neither disturb nor prolong the reading.
        f.put(&format!("d/comes{round}"), "").unwrap();
        f.unlink(&format!("d/goes{round}")).ok();
        f.rename(&format!("d/goes{}", 99 - round), &format!("d/went{round}")).ok();
        round += 1;
    }
    let stayed: Vec<_> = seen.iter().filter(|name| name.starts_with("stays")).cloned().collect();
    assert_eq!(stayed.len(), 100);
    assert_eq!(stayed.into_iter().collect::<std::collections::BTreeSet<_>>(), expected);
    assert!(!seen.iter().any(|name| name.starts_with("comes")));
    assert_eq!(f.ls("d").first().unwrap(), &format!("comes{}", round - 1), "newest first");
}

/// A small tree to mount.
fn other() -> Tree {
    let mut other = Tree::new();
    other.put_file(b"/sub/inside", "x".into(), 0o644, 1000, 1000, 0, None).unwrap();
    other.put_symlink(b"/out", b"/f", 0).unwrap();
    other.put_symlink(b"/up", b"../f", 0).unwrap();
    other
}

fn fs(tree: Tree) -> Box<TreeFs> {
    Box::new(TreeFs::new(tree, &Limits::default(), Arc::new(ManualClock::new(7))))
}

#[test]
fn mounts_cover() {
    let mut f = sample();
    f.vfs.mount(b"/d/e", fs(other()), Rights::READ_WRITE).unwrap();
    assert_eq!(f.text("d/e/sub/inside"), "x");
    assert_eq!(f.text("labs/sub/inside"), "x");
    assert_eq!(f.text("d/e/sub/../../g"), "inner", ".. leaves a mount");
    assert_eq!((f.text("d/e/out"), f.readlink("d/e/up").unwrap()), ("file".into(), "../f".into()));
    assert_eq!(f.stat("d/e/up").unwrap_err(), NoEnt, "relative to where the link is: /d/f");
    assert_eq!(f.path_of("d/e/sub").unwrap(), "/d/e/sub");
    assert_eq!(f.path_of("d/e").unwrap(), "/d/e");
    assert_ne!(f.stat("d/e").unwrap().dev, f.stat("d").unwrap().dev);
    assert_eq!(f.rmdir("d/e").unwrap_err(), Busy);
    assert_eq!(f.rename("d/e", "x").unwrap_err(), Busy);
    assert_eq!(f.rename("f", "d/e/sub/f").unwrap_err(), XDev);
    assert_eq!(f.link("f", "d/e/sub/f").unwrap_err(), XDev);
    // A mount over a mount, and one over the root.
    f.vfs.mount(b"/d/e", fs(Tree::new()), Rights::READ_WRITE).unwrap();
    assert_eq!(f.sorted("d/e"), "");
    assert_eq!((f.path_of("d/e").unwrap(), f.text("d/e/../g")), ("/d/e".into(), "inner".into()));
    f.vfs.mount(b"/", fs(other()), Rights::READ_ONLY).unwrap();
    f.cwd = f.vfs.root();
    assert_eq!((f.text("/sub/inside"), f.text("/../sub/inside")), ("x".into(), "x".into()));
    assert_eq!(f.path_of("/sub").unwrap(), "/sub");
    assert_eq!(f.vfs.mount(b"/sub/inside", fs(other()), Rights::READ_ONLY).unwrap_err(), NotDir);
}

#[test]
fn rights_of_a_mount_only_narrow() {
    let mut f = sample();
    let mount = f.vfs.mount(b"/d/e", fs(other()), Rights::READ_WRITE).unwrap();
    f.chmod("d/e/sub/inside", 0o600).unwrap();
    f.vfs.narrow(mount, Rights::READ_ONLY).unwrap();
    f.vfs.narrow(mount, Rights::READ_WRITE).unwrap();
    assert_eq!(f.text("d/e/sub/inside"), "x");
    f.as_user(0, 0);
    assert_eq!(f.mkdir("d/e/sub").unwrap_err(), Exist);
    let loc = f.loc("d/e/sub/inside").unwrap();
    for result in [
        f.put("d/e/sub/inside", ""),
        f.put("d/e/sub/new", ""),
        f.mkdir("d/e/sub/new"),
        f.symlink("x", "d/e/sub/new"),
        f.unlink("d/e/sub/inside"),
        f.rmdir("d/e/sub"),
        f.rename("d/e/sub", "d/e/x"),
        f.link("d/e/sub/inside", "d/e/x"),
        f.chmod("d/e/sub", 0),
        f.vfs.write_at(loc, 0, b"x").map(drop),
        f.vfs.append(loc, b"x").map(drop),
        f.vfs.truncate(loc, 0),
        f.vfs.access(&ROOT, loc, 2),
    ] {
        assert_eq!(result.unwrap_err(), RoFs);
    }
    f.vfs.narrow(mount, Rights { read: false, write: false }).unwrap();
    assert_eq!(f.vfs.read_at(loc, 0, &mut [0]).unwrap_err(), Acces);
    assert_eq!(f.stat("d/e/sub").unwrap_err(), Acces);
    assert_eq!(f.vfs.narrow(MountId(9), Rights::READ_ONLY).unwrap_err(), Inval);
}

#[test]
fn devices_and_fifos_are_nodes() {
    let mut tree = Tree::new();
    tree.put_device(b"/dev/null", 1, 3, 0o666).unwrap();
    let mut f = Fixture::with(tree, &Limits::default());
    f.vfs.mkfifo(&USER, f.cwd, b"p", 0o600).unwrap();
    assert_eq!(f.stat("p").unwrap().kind, Kind::Fifo);
    let null = f.open("dev/null", "rwct", 0).unwrap();
    assert_eq!(f.vfs.attr(null).unwrap().kind, Kind::CharDevice { major: 1, minor: 3 });
    assert_eq!(f.vfs.read_at(null, 0, &mut [0]).unwrap_err(), Inval);
    f.vfs.narrow(MountId(0), Rights::READ_ONLY).unwrap();
    f.open("dev/null", "rw", 0).unwrap();
    assert_eq!(f.open("p", "rw", 0).map(drop), Ok(()));
}

#[test]
fn limits_can_be_set_anew() {
    let mut f = sample();
    let limits =
        Limits { tree_bytes: 0, tree_files: 0, path_bytes: 10, name_bytes: 3, symlinks: 0, ..Limits::default() };
    f.vfs.set_limits(&limits);
    assert_eq!(f.text("f"), "file");
    assert_eq!(f.put("n", "").unwrap_err(), NoSpc);
    assert_eq!(f.stat("name").unwrap_err(), NameTooLong);
    assert_eq!(f.stat("d/./././e/").unwrap_err(), NameTooLong);
    assert_eq!(f.stat("lf").unwrap_err(), Loop);
}
