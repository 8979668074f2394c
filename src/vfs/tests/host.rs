//! A host directory: what it shows, what it refuses, and that nothing leads out of it.

use super::*;
use Errno::*;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{FileExt as _, MetadataExt as _, PermissionsExt as _, symlink};
use std::path::Path;

/// A host directory mounted at `/m`, beside it one that holds a secret, and a guest that is user 1000.
fn mounted(rights: Rights) -> (Fixture, Scratch) {
    let scratch = Scratch::new("host").with("in").with("out");
    fs::write(scratch.at("out/secret"), "SECRET").unwrap();
    let mut tree = Tree::new();
    tree.put_file(b"/etc/passwd", "guest's".into(), 0o644, 0, 0, 0, None).unwrap();
    tree.put_dir(b"/m", 0o755, 0, 0, 0).unwrap();
    let mut f = Fixture::with(tree, &Limits::default());
    let dir = cap_std::fs::Dir::open_ambient_dir(scratch.at("in"), ambient_authority()).unwrap();
    fs::set_permissions(scratch.at("in"), fs::Permissions::from_mode(0o755)).unwrap();
    f.vfs.mount(b"/m", Box::new(HostDir::new(dir, rights.write).unwrap()), rights).unwrap();
    (f, scratch)
}

fn host_mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().mode() & 0o7777
}

#[test]
fn host_and_guest_see_each_other() {
    let (mut f, scratch) = mounted(Rights::READ_WRITE);
    let inside = |path: &str| scratch.at("in").join(path);
    fs::write(inside("from_host"), "hello").unwrap();
    fs::set_permissions(inside("from_host"), fs::Permissions::from_mode(0o604)).unwrap();
    let attr = f.stat("m/from_host").unwrap();
    let metadata = fs::metadata(inside("from_host")).unwrap();
    assert_eq!((attr.uid, attr.gid, attr.mode, attr.size, attr.ino), (1000, 1000, 0o604, 5, metadata.ino()));
    assert_eq!(attr.mtime, metadata.mtime() * 1_000_000_000 + metadata.mtime_nsec());
    assert_eq!(f.text("m/from_host"), "hello");
    let loc = f.open("m/new", "wcx", 0o666).unwrap();
    assert_eq!(f.vfs.append(loc, b"guest").unwrap(), (5, 5));
    assert_eq!(fs::read(inside("new")).unwrap(), b"guest");
    assert_eq!(host_mode(&inside("new")), 0o666, "the host's umask does not count");
    f.vfs.mkdir(&USER, f.cwd, b"m/dir", 0o1777).unwrap();
    assert_eq!(host_mode(&inside("dir")), 0o1777);
    f.chmod("m/new", 0o6755).unwrap();
    assert_eq!(host_mode(&inside("new")), 0o755, "set-id bits do not cross");
    f.chmod("m/dir", 0o700).unwrap();
    assert_eq!(host_mode(&inside("dir")), 0o700);
    let at = |time| SetAttr { mtime: Some(SetTime::At(time)), atime: Some(SetTime::Now), ..SetAttr::default() };
    f.set("m/new", at(1_500_000_000_123_456_789)).unwrap();
    f.set("m/dir", at(-5_000_000_001)).unwrap();
    assert_eq!(f.stat("m/new").unwrap().mtime, 1_500_000_000_123_456_789);
    assert_eq!(f.stat("m/dir").unwrap().mtime, -5_000_000_001);
    assert!(f.stat("m/dir").unwrap().atime > 1_500_000_000_000_000_000);
    f.symlink("/etc/passwd", "m/link").unwrap();
    assert_eq!(fs::read_link(inside("link")).unwrap(), Path::new("/etc/passwd"));
    let link = f.vfs.resolve(&USER, f.cwd, b"m/link", Follow::NoLast).unwrap();
    f.vfs.set_attr(&USER, link, at(-1_500_000_001)).unwrap();
    assert_eq!(f.lstat("m/link").unwrap().mtime, -1_500_000_001);
    let one = SetAttr { atime: Some(SetTime::At(7)), ..SetAttr::default() };
    f.vfs.set_attr(&USER, link, one).unwrap();
    let attr = f.lstat("m/link").unwrap();
    assert_eq!((attr.atime, attr.mtime), (7, -1_500_000_001), "the other stays");
    f.rename("m/new", "m/dir/moved").unwrap();
    f.put("m/dir/moved", "x").unwrap();
    assert_eq!(fs::read(inside("dir/moved")).unwrap(), b"x");
    assert_eq!(f.sorted("m"), "dir from_host link");
    assert_eq!(f.path_of("m/dir").unwrap(), "/m/dir");
    for (result, errno) in [
        (f.chown("m/from_host", 0, 0), Perm),
        (f.vfs.mkfifo(&USER, f.cwd, b"m/p", 0o600), Perm),
        (f.rename("m/from_host", "x"), XDev),
        (f.link("m/dir", "m/d2"), Perm),
    ] {
        assert_eq!(result.unwrap_err(), errno);
    }
    f.as_user(0, 0);
    assert_eq!(f.chown("m/from_host", 0, 0).unwrap_err(), Perm, "not even the guest's root gives files away");
    f.chown("m/from_host", 1000, 1000).unwrap();
}

#[test]
fn names_are_bytes() {
    let (mut f, scratch) = mounted(Rights::READ_WRITE);
    let name = b"\xff\n \\ \x01";
    let path = [b"m/", &name[..]].concat();
    let flags = OpenFlags { write: true, create: true, ..OpenFlags::default() };
    f.vfs.open(&USER, f.cwd, &path, flags, 0o644).unwrap();
    assert!(scratch.at("in").join(std::ffi::OsStr::from_bytes(name)).exists());
    f.vfs.unlink(&USER, f.cwd, &path).unwrap();
}

#[test]
fn read_only_means_it() {
    // Both the mount's rights and the directory's own flag refuse.
    for rights in [Rights::READ_ONLY, Rights { read: true, write: true }] {
        let (mut f, scratch) = mounted(rights);
        fs::write(scratch.at("in/f"), "old").unwrap();
        fs::create_dir(scratch.at("in/d")).unwrap();
        if rights.write {
            let dir = cap_std::fs::Dir::open_ambient_dir(scratch.at("in"), ambient_authority()).unwrap();
            let fs = HostDir::new(dir, true).unwrap().read_only();
            f.vfs.mount(b"/m", Box::new(fs), rights).unwrap();
        }
        f.as_user(0, 0);
        let loc = f.open("m/f", "r", 0).unwrap();
        f.vfs.pin(loc).unwrap();
        for result in [
            f.put("m/f", "new"),
            f.put("m/new", ""),
            f.mkdir("m/new"),
            f.rmdir("m/d"),
            f.unlink("m/f"),
            f.rename("m/f", "m/g"),
            f.link("m/f", "m/g"),
            f.symlink("x", "m/g"),
            f.chmod("m/f", 0o777),
            f.vfs.truncate(loc, 0),
            f.vfs.write_at(loc, 0, b"new").map(drop),
        ] {
            assert_eq!(result.unwrap_err(), RoFs);
        }
        assert_eq!(f.text("m/f"), "old");
    }
}

#[test]
fn no_symlink_leads_out() {
    let (mut f, scratch) = mounted(Rights::READ_WRITE);
    let inside = |path: &str| scratch.at("in").join(path);
    let out = scratch.at("out");
    symlink("/etc/passwd", inside("abs")).unwrap();
    symlink(&out, inside("absdir")).unwrap();
    symlink("../out", inside("up")).unwrap();
    symlink("../out/secret", inside("upfile")).unwrap();
    symlink("../../../../../../../../etc/passwd", inside("far")).unwrap();
    symlink("/proc/self/root/etc/passwd", inside("proc")).unwrap();
    symlink("abs", inside("twice")).unwrap();
    fs::create_dir(inside("d")).unwrap();
    symlink("../../out/secret", inside("d/deep")).unwrap();
    // What a link says is taken in the guest's name space.
    for path in ["m/abs", "m/far", "m/twice", "m/../etc/passwd", "m/d/../../etc/passwd"] {
        assert_eq!(f.text(path), "guest's", "{path}");
    }
    for path in
        ["m/absdir/secret", "m/up/secret", "m/upfile", "m/proc", "m/d/deep", "m/../out/secret", "m/d/../../out/secret"]
    {
        assert_eq!(f.get(path).unwrap_err(), NoEnt, "{path}");
    }
    // Nor does making, changing or removing through one.
    assert_eq!(f.put("m/up/new", "x").unwrap_err(), NoEnt);
    assert_eq!(f.mkdir("m/absdir/new").unwrap_err(), NoEnt);
    assert_eq!(f.rename("m/d", "m/up/d").unwrap_err(), NoEnt);
    assert_eq!(f.unlink("m/up/secret").unwrap_err(), NoEnt);
    assert_eq!(f.chmod("m/upfile", 0o777).unwrap_err(), NoEnt);
    f.as_user(0, 0);
    assert_eq!(f.put("m/upfile", "x").unwrap_err(), NoEnt, "no directory /out in the guest");
    f.link("m/upfile", "m/hard").unwrap();
    assert_eq!(f.readlink("m/hard").unwrap(), "../out/secret", "the link, not what it names");
    f.unlink("m/up").unwrap();
    assert_eq!(fs::read(out.join("secret")).unwrap(), b"SECRET");
    assert_eq!(fs::read_dir(&out).unwrap().count(), 1);
}

/// The host replaces what a node stood for by a way out: the node must not follow.
#[test]
fn replaced_by_a_symlink() {
    let (mut f, scratch) = mounted(Rights::READ_WRITE);
    let inside = |path: &str| scratch.at("in").join(path);
    fs::create_dir_all(inside("a/b")).unwrap();
    fs::write(inside("a/b/secret"), "inner").unwrap();
    fs::write(inside("file"), "inner").unwrap();
    let (a, b, secret) = (f.loc("m/a").unwrap(), f.loc("m/a/b").unwrap(), f.loc("m/a/b/secret").unwrap());
    let file = f.loc("m/file").unwrap();
    // Push the directories out of the cache of open ones.
    for n in 0..40 {
        fs::create_dir(inside(&format!("x{n}"))).unwrap();
        f.ls(&format!("m/x{n}"));
    }
    fs::rename(inside("a/b"), inside("moved")).unwrap();
    symlink(scratch.at("out"), inside("a/b")).unwrap();
    fs::remove_file(inside("file")).unwrap();
    symlink(scratch.at("out/secret"), inside("file")).unwrap();
    let mut buffer = [0; 10];
    for loc in [secret, file] {
        assert!(f.vfs.read_at(loc, 0, &mut buffer).is_err());
        assert!(f.vfs.write_at(loc, 0, b"x").is_err());
        assert!(f.vfs.truncate(loc, 0).is_err());
        assert!(f.vfs.pin(loc).is_err());
        assert!(f.vfs.attr(loc).is_err());
        assert!(f.vfs.set_attr(&USER, loc, SetAttr { mode: Some(0o777), ..SetAttr::default() }).is_err());
    }
    f.cwd = b;
    assert!(f.get("secret").is_err());
    assert!(f.put("new", "").is_err());
    assert!(f.mkdir("new").is_err());
    assert!(f.unlink("secret").is_err());
    assert!(f.vfs.pin(b).is_err());
    f.cwd = a;
    assert_eq!(f.get("b/secret").unwrap_err(), NoEnt, "walked anew, the link leads to the guest's own");
    assert_eq!(fs::read(scratch.at("out/secret")).unwrap(), b"SECRET");
    assert_eq!(fs::read_dir(scratch.at("out")).unwrap().count(), 1);
    // A pinned directory is the directory, wherever the host has moved it.
    f.cwd = f.vfs.root();
    let moved = f.loc("m/moved").unwrap();
    f.vfs.pin(moved).unwrap();
    fs::rename(inside("moved"), inside("again")).unwrap();
    f.cwd = moved;
    assert_eq!(f.text("secret"), "inner");
}

/// The host swaps a directory and a symlink out of the tree as fast as it can while the guest walks through.
#[test]
fn swapped_under_a_walk() {
    use std::sync::atomic::AtomicBool;
    let (mut f, scratch) = mounted(Rights::READ_WRITE);
    let inside = |path: &str| scratch.at("in").join(path);
    fs::create_dir(inside("d")).unwrap();
    fs::write(inside("d/secret"), "inner").unwrap();
    symlink(scratch.at("out"), inside("l")).unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let swapper = {
        let (d, l, t, stop) = (inside("d"), inside("l"), inside("t"), stop.clone());
        std::thread::spawn(move || {
            while !stop.load(Ordering::Relaxed) {
                fs::rename(&d, &t).unwrap();
                fs::rename(&l, &d).unwrap();
                fs::rename(&d, &l).unwrap();
                fs::rename(&t, &d).unwrap();
            }
        })
    };
    let (mut good, mut bad) = (0, 0);
    for n in 0..5_000 {
        let result = if n % 3 == 0 { f.put("m/d/made", "x").map(|()| b"inner".to_vec()) } else { f.get("m/d/secret") };
        match result {
            Ok(content) => {
                assert_eq!(content, b"inner");
                good += 1;
            }
            Err(_) => bad += 1,
        }
        if n % 7 == 0 {
            f.ls("m");
        }
    }
    stop.store(true, Ordering::Relaxed);
    swapper.join().unwrap();
    assert_eq!(fs::read_dir(scratch.at("out")).unwrap().count(), 1, "nothing was made outside");
    assert!(good > 0, "{good} {bad}");
}

#[test]
fn what_is_no_file_is_not_opened() {
    let (mut f, scratch) = mounted(Rights::READ_WRITE);
    let inside = |path: &str| scratch.at("in").join(path);
    let made = std::process::Command::new("mkfifo").arg(inside("p")).status().unwrap();
    assert!(made.success());
    let _socket = std::os::unix::net::UnixListener::bind(inside("s")).unwrap();
    assert_eq!(f.stat("m/p").unwrap().kind, Kind::Fifo);
    assert_eq!(f.stat("m/s").unwrap().kind, Kind::CharDevice { major: 0, minor: 0 });
    f.as_user(0, 0);
    let p = f.open("m/p", "r", 0).unwrap();
    f.vfs.pin(p).unwrap();
    assert_eq!(f.vfs.read_at(p, 0, &mut [0]).unwrap_err(), Inval);
    f.unlink("m/p").unwrap();
    assert_eq!(f.vfs.attr(p).unwrap().nlink, 0);
    f.vfs.unpin(p);
    assert_eq!(f.vfs.attr(p).unwrap_err(), NoEnt);
    // A file that becomes a FIFO between being found and being opened must not hang us.
    fs::write(inside("f"), "x").unwrap();
    let loc = f.loc("m/f").unwrap();
    fs::remove_file(inside("f")).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(inside("f")).status().unwrap().success());
    assert!(f.vfs.read_at(loc, 0, &mut [0]).is_err());
    assert!(f.vfs.pin(loc).is_err());
}

#[test]
fn an_open_file_outlives_its_name() {
    let (mut f, scratch) = mounted(Rights::READ_WRITE);
    f.put("m/f", "content").unwrap();
    let loc = f.open("m/f", "rw", 0).unwrap();
    f.vfs.pin(loc).unwrap();
    f.unlink("m/f").unwrap();
    assert!(!scratch.at("in/f").exists());
    f.put("m/f", "another").unwrap();
    f.vfs.write_at(loc, 0, b"C").unwrap();
    let mut buffer = [0; 10];
    assert_eq!(f.vfs.read_at(loc, 0, &mut buffer), Ok(7));
    assert_eq!(&buffer[..7], b"Content");
    assert_eq!(f.vfs.attr(loc).unwrap().nlink, 0);
    f.vfs.set_attr(&USER, loc, SetAttr { size: Some(1), mode: Some(0o600), ..SetAttr::default() }).unwrap();
    assert_eq!(f.vfs.attr(loc).unwrap().size, 1);
    assert_eq!(f.text("m/f"), "another");
    f.vfs.unpin(loc);
    assert!(f.vfs.read_at(loc, 0, &mut buffer).is_err());
    // The host removes it, the guest renames over it.
    let loc = f.open("m/f", "r", 0).unwrap();
    f.vfs.pin(loc).unwrap();
    fs::remove_file(scratch.at("in/f")).unwrap();
    assert_eq!(f.vfs.read_at(loc, 0, &mut buffer), Ok(7));
    f.put("m/a", "a").unwrap();
    f.put("m/b", "b").unwrap();
    let b = f.open("m/b", "r", 0).unwrap();
    f.vfs.pin(b).unwrap();
    f.rename("m/a", "m/b").unwrap();
    assert_eq!(&f.vfs.bytes(b).unwrap()[..], b"b");
    assert_eq!(f.text("m/b"), "a");
    // A removed working directory.
    f.mkdir("m/d").unwrap();
    let d = f.loc("m/d").unwrap();
    f.vfs.pin(d).unwrap();
    f.rmdir("m/d").unwrap();
    f.cwd = d;
    assert_eq!(f.vfs.path_of(d).unwrap_err(), NoEnt);
    assert_eq!(f.put("x", "").unwrap_err(), NoEnt);
    assert!(f.ls(".").is_empty());
}

#[test]
fn hard_links_are_one_node() {
    let (mut f, scratch) = mounted(Rights::READ_WRITE);
    fs::create_dir(scratch.at("in/d")).unwrap();
    fs::write(scratch.at("in/f"), "x").unwrap();
    fs::hard_link(scratch.at("in/f"), scratch.at("in/d/g")).unwrap();
    assert_eq!(f.loc("m/f").unwrap(), f.loc("m/d/g").unwrap());
    assert_eq!((f.stat("m/f").unwrap().nlink, f.stat("m/d/g").unwrap().nlink), (2, 2));
    f.rename("m/f", "m/d/g").unwrap();
    assert_eq!(f.stat("m/f").unwrap().nlink, 2, "one file: nothing happens");
    f.unlink("m/f").unwrap();
    assert_eq!(f.text("m/d/g"), "x");
    f.link("m/d/g", "m/f").unwrap();
    f.put("m/f", "y").unwrap();
    assert_eq!((f.text("m/d/g"), f.stat("m/d/g").unwrap().nlink), ("y".into(), 2));
}

#[test]
fn listings_are_stable_for_several_readers() {
    let (mut f, scratch) = mounted(Rights::READ_WRITE);
    for n in 0..50 {
        fs::write(scratch.at(&format!("in/stays{n:02}")), "").unwrap();
        fs::write(scratch.at(&format!("in/goes{n:02}")), "").unwrap();
    }
    let dir = f.loc("m").unwrap();
    f.vfs.pin(dir).unwrap();
    let mut readers = [(0, Vec::new()), (0, Vec::new()), (0, Vec::new())];
    for round in 0..200 {
        let (cookie, seen) = &mut readers[round % 3];
        if round < 3 * (round % 3) {
            continue; // they begin at different times
        }
        let (mut count, from) = (0, *cookie);
        let sink = &mut |entry: DirEntry| {
            count += 1;
            if count <= 2 {
                seen.push(String::from_utf8(entry.name).unwrap());
                *cookie = entry.next;
            }
            count <= 2
        };
        f.vfs.read_dir(dir, from, sink).unwrap();
        fs::remove_file(scratch.at(&format!("in/goes{:02}", round / 4))).ok();
        fs::write(scratch.at(&format!("in/new{round}")), "").unwrap();
    }
    for (_, seen) in readers {
        let stays: Vec<_> = seen.iter().filter(|name| name.starts_with("stays")).collect();
        assert_eq!(stays.len(), 50);
        assert!(stays.is_sorted());
    }
}

#[test]
fn deep_and_wide() {
    let (mut f, scratch) = mounted(Rights::READ_WRITE);
    // More nodes than are remembered; those pinned stay.
    f.mkdir("m/p").unwrap();
    f.put("m/p/kept", "kept").unwrap();
    let kept = f.open("m/p/kept", "rw", 0).unwrap();
    f.vfs.pin(kept).unwrap();
    let p = f.loc("m/p").unwrap();
    for n in 0..2000 {
        fs::write(scratch.at(&format!("in/f{n}")), n.to_string()).unwrap();
        assert_eq!(f.text(&format!("m/f{n}")), n.to_string());
    }
    assert_eq!(&f.vfs.bytes(kept).unwrap()[..], b"kept");
    assert_eq!(f.loc("m/p/kept").unwrap(), kept);
    assert_eq!(f.vfs.path_of(p).unwrap(), b"/m/p", "what leads to a pinned node stays");
    assert!(f.vfs.attr(f.vfs.root()).is_ok());
    // Deeper than directories are held open.
    let deep = vec!["n"; 60].join("/");
    fs::create_dir_all(scratch.at("in").join(&deep)).unwrap();
    f.put(&format!("m/{deep}/f"), "deep").unwrap();
    let loc = f.loc(&format!("m/{deep}/f")).unwrap();
    f.ls("m/p");
    for n in 0..20 {
        f.mkdir(&format!("m/p/{n}")).unwrap();
        f.ls(&format!("m/p/{n}"));
    }
    assert_eq!(&f.vfs.bytes(loc).unwrap()[..], b"deep");
    assert_eq!(f.path_of(&format!("m/{deep}")).unwrap(), format!("/m/{deep}"));
}

#[test]
fn moved_into_one_another_by_the_host() {
    let (mut f, scratch) = mounted(Rights::READ_WRITE);
    let inside = |path: &str| scratch.at("in").join(path);
    fs::create_dir_all(inside("a/b")).unwrap();
    let (a, b) = (f.loc("m/a").unwrap(), f.loc("m/a/b").unwrap());
    f.ls("m/a/b");
    fs::rename(inside("a/b"), inside("b")).unwrap();
    fs::rename(inside("a"), inside("b/a")).unwrap();
    // `b` still is thought to be in `a`; now `a` is found in `b`.
    f.cwd = b;
    assert!(f.stat("a").is_ok());
    for n in 0..40 {
        fs::create_dir(inside(&format!("x{n}"))).unwrap();
        f.cwd = f.vfs.root();
        f.ls(&format!("m/x{n}"));
    }
    f.cwd = a;
    assert!(f.stat("nothing").is_err(), "ends");
    assert!(f.vfs.path_of(a).is_err(), "ends");
    f.cwd = f.vfs.root();
    assert!(f.stat("m/b/a").is_ok());
}

#[test]
fn content_by_position() {
    let (mut f, scratch) = mounted(Rights::READ_WRITE);
    f.put("m/f", "0123456789").unwrap();
    let loc = f.loc("m/f").unwrap();
    assert_eq!(f.vfs.write_at(loc, 20, b"end"), Ok(3));
    assert_eq!(f.get("m/f").unwrap(), b"0123456789\0\0\0\0\0\0\0\0\0\0end");
    fs::File::options().write(true).open(scratch.at("in/f")).unwrap().write_at(b"HOST", 0).unwrap();
    assert_eq!(&f.get("m/f").unwrap()[..6], b"HOST45");
    assert_eq!(f.vfs.write_at(loc, u64::MAX, b"x").unwrap_err(), FBig);
    assert_eq!(f.vfs.truncate(loc, u64::MAX).unwrap_err(), FBig);
    assert_eq!(f.vfs.read_at(loc, u64::MAX, &mut [0]), Ok(0));
    assert_eq!(f.vfs.read_at(loc, 1 << 40, &mut [0]), Ok(0));
    f.vfs.truncate(loc, 3).unwrap();
    assert_eq!(f.text("m/f"), "HOS");
    let root = f.loc("m").unwrap();
    assert_eq!(f.vfs.read_at(root, 0, &mut [0]).unwrap_err(), IsDir);
    f.vfs.sync(loc).unwrap();
    assert!(f.vfs.statfs(loc).unwrap().blocks > 0);
}

#[test]
fn what_the_host_refuses_is_refused_at_open() {
    // A user that may not write the file on the host, as far as a test that may run as root can tell.
    let (mut f, scratch) = mounted(Rights::READ_WRITE);
    let loc = f.open("m/sealed", "wcx", 0o444).unwrap();
    f.vfs.pin(loc).unwrap();
    assert_eq!(f.vfs.write_at(loc, 0, b"once"), Ok(4), "who makes a file may write it whatever its mode");
    f.vfs.unpin(loc);
    assert_eq!(host_mode(&scratch.at("in/sealed")), 0o444);
    assert_eq!(f.open("m/sealed", "w", 0).unwrap_err(), Acces);
    fs::remove_file(scratch.at("in/sealed")).unwrap();
    assert_eq!(f.open("m/sealed", "r", 0).unwrap_err(), NoEnt);
    // One file made after the other: at most one is held open without a pin.
    for n in 0..50 {
        f.open(&format!("m/n{n}"), "wcx", 0o644).unwrap();
    }
    let target = scratch.at("in/n0");
    let is_n0 = |fd: fs::DirEntry| fs::read_link(fd.path()).is_ok_and(|to| to == target);
    if let Ok(mut fds) = fs::read_dir("/proc/self/fd") {
        assert!(!fds.any(|fd| is_n0(fd.unwrap())));
    }
}
