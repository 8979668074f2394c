//! Names come, go and move: open, mkdir, link, symlink, rename, and reading a directory meanwhile.

use super::*;

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
