//! Copy on write over a host directory: what shows through, what is copied, and that below nothing changes.

use super::*;
use Errno::*;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};

/// An overlay mounted at `/m` over a directory with files, links and directories.
fn overlaid(limits: &Limits) -> (Fixture, Scratch, MountId) {
    let scratch = Scratch::new("overlay").with("in/d/e").with("in/empty");
    let inside = |path: &str| scratch.at("in").join(path);
    fs::set_permissions(scratch.at("in"), fs::Permissions::from_mode(0o755)).unwrap();
    fs::write(inside("f"), "lower f").unwrap();
    fs::write(inside("d/g"), "lower g").unwrap();
    fs::write(inside("d/e/h"), "lower h").unwrap();
    symlink("/etc/passwd", inside("abs")).unwrap();
    symlink("d", inside("ld")).unwrap();
    let mut tree = Tree::new();
    tree.put_file(b"/etc/passwd", "guest's".into(), 0o644, 0, 0, 0, None).unwrap();
    tree.put_dir(b"/m", 0o755, 0, 0, 0).unwrap();
    let mut f = Fixture::with(tree, &Limits::default());
    let mount = mount_over(&mut f, &scratch, Tree::new(), limits);
    (f, scratch, mount)
}

fn mount_over(f: &mut Fixture, scratch: &Scratch, upper: Tree, limits: &Limits) -> MountId {
    let dir = cap_std::fs::Dir::open_ambient_dir(scratch.at("in"), ambient_authority()).unwrap();
    let lower = HostDir::new(dir, true).unwrap();
    let overlay = Overlay::with_clock(lower, upper, limits, f.clock.clone()).unwrap();
    f.vfs.mount(b"/m", Box::new(overlay), Rights::READ_WRITE).unwrap()
}

fn upper(f: &Fixture, mount: MountId) -> Tree {
    f.vfs.changes(mount).unwrap()
}

#[test]
fn reading_copies_nothing() {
    let (mut f, _scratch, mount) = overlaid(&Limits::default());
    assert_eq!(
        (f.text("m/f"), f.text("m/ld/e/h"), f.text("m/abs")),
        ("lower f".into(), "lower h".into(), "guest's".into())
    );
    assert_eq!((f.sorted("m"), f.sorted("m/d")), ("abs d empty f ld".into(), "e g".into()));
    assert_eq!(f.path_of("m/ld/e").unwrap(), "/m/d/e");
    assert_eq!(f.stat("m/d").unwrap().uid, 1000);
    let loc = f.open("m/f", "rw", 0).unwrap();
    f.vfs.pin(loc).unwrap();
    f.vfs.unpin(loc);
    assert_eq!(upper(&f, mount).usage(), Usage::default());
}

#[test]
fn a_copy_keeps_what_the_file_was() {
    let (mut f, scratch, mount) = overlaid(&Limits::default());
    let path = scratch.at("in/d/e/h");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    fs::File::options().write(true).open(&path).unwrap().set_modified(std::time::UNIX_EPOCH).unwrap();
    let (before, dir) = (f.stat("m/d/e/h").unwrap(), f.stat("m/d/e").unwrap());
    f.set("m/d/e/h", SetAttr { atime: Some(SetTime::At(5)), ..SetAttr::default() }).unwrap();
    let after = f.stat("m/d/e/h").unwrap();
    assert_eq!((after.mtime, after.atime, after.mode, after.ino), (0, 5, 0o640, before.ino));
    let dir_after = f.stat("m/d/e").unwrap();
    assert_eq!(
        (dir_after.mtime, dir_after.ctime, dir_after.ino),
        (dir.mtime, dir.ctime, dir.ino),
        "copying leaves no trace"
    );
    assert_eq!(f.text("m/d/e/h"), "lower h");
    assert_eq!(upper(&f, mount).usage(), Usage { bytes: 4096, files: 3 });
    f.chmod("m/d/e/h", 0o6755).unwrap();
    assert_eq!(f.stat("m/d/e/h").unwrap().mode, 0o6755, "above everything is allowed");
    f.as_user(0, 0).chown("m/d/e/h", 5, 6).unwrap();
    assert_eq!(f.stat("m/d/e/h").unwrap().uid, 5);
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, 0o640);
}

#[test]
fn writes_go_above_and_open_files_see_them() {
    let (mut f, scratch, _) = overlaid(&Limits::default());
    let reader = f.open("m/f", "r", 0).unwrap();
    f.vfs.pin(reader).unwrap();
    let ino = f.vfs.attr(reader).unwrap().ino;
    let loc = f.open("m/f", "rw", 0).unwrap();
    f.vfs.write_at(loc, 0, b"UPPER").unwrap();
    assert_eq!(f.text("m/f"), "UPPER f");
    assert_eq!(&f.vfs.bytes(reader).unwrap()[..], b"UPPER f", "the number it was opened under goes on");
    assert_eq!((f.vfs.attr(reader).unwrap().ino, f.stat("m/f").unwrap().ino), (ino, ino));
    f.unlink("m/f").unwrap();
    assert_eq!(f.vfs.attr(reader).unwrap().nlink, 0);
    f.vfs.write_at(reader, 5, b"!").unwrap();
    assert_eq!(&f.vfs.bytes(reader).unwrap()[..], b"UPPER!f");
    f.vfs.unpin(reader);
    assert_eq!(f.vfs.attr(reader).unwrap_err(), NoEnt);
    assert_eq!(f.stat("m/f").unwrap_err(), NoEnt);
    assert_eq!(fs::read(scratch.at("in/f")).unwrap(), b"lower f");
    // Truncating copies nothing of what is cut off.
    f.put("m/d/g", "").unwrap();
    assert_eq!(f.stat("m/d/g").unwrap().size, 0);
}

#[test]
fn an_open_file_outlives_its_name_below() {
    let (mut f, scratch, mount) = overlaid(&Limits::default());
    let loc = f.open("m/d/g", "rw", 0).unwrap();
    f.vfs.pin(loc).unwrap();
    f.vfs.pin(loc).unwrap();
    f.unlink("m/d/g").unwrap();
    assert_eq!((f.vfs.attr(loc).unwrap().nlink, f.sorted("m/d")), (0, "e".into()));
    assert_eq!(&f.vfs.bytes(loc).unwrap()[..], b"lower g");
    f.put("m/d/g", "another").unwrap();
    f.vfs.write_at(loc, 0, b"LOWER").unwrap();
    assert_eq!(&f.vfs.bytes(loc).unwrap()[..], b"LOWER g");
    assert_eq!(f.text("m/d/g"), "another");
    assert_eq!(f.sorted("m"), "abs d empty f ld");
    f.vfs.unpin(loc);
    assert_eq!(f.vfs.attr(loc).unwrap().nlink, 0);
    f.vfs.unpin(loc);
    assert!(f.vfs.attr(loc).is_err());
    upper(&f, mount).check();
    assert_eq!(fs::read(scratch.at("in/d/g")).unwrap(), b"lower g");
}

#[test]
fn a_removed_working_directory_shows_nothing() {
    let (mut f, _scratch, mount) = overlaid(&Limits::default());
    // One that was only below, and one that was copied up and emptied.
    for dir in ["m/empty", "m/d/e"] {
        let loc = f.loc(dir).unwrap();
        f.vfs.pin(loc).unwrap();
        f.unlink(&format!("{dir}/h")).ok();
        f.rmdir(dir).unwrap();
        f.cwd = loc;
        assert!(f.ls(".").is_empty());
        assert_eq!(f.stat("h").unwrap_err(), NoEnt);
        assert_eq!(f.put("new", "").unwrap_err(), NoEnt);
        assert_eq!(f.vfs.path_of(loc).unwrap_err(), NoEnt);
        assert_eq!(f.stat(".").unwrap().nlink, 0);
        let parent = f.loc("..").unwrap();
        assert_eq!(f.vfs.path_of(parent).unwrap(), format!("/{dir}").rsplit_once('/').unwrap().0.as_bytes());
        f.cwd = f.vfs.root();
        f.mkdir(dir).unwrap();
        assert!(f.ls(dir).is_empty(), "made anew it is empty");
        f.vfs.unpin(loc);
    }
    upper(&f, mount).check();
}

#[test]
fn renaming_a_directory_copies_no_content() {
    let (mut f, scratch, mount) = overlaid(&Limits::default());
    let h = f.loc("m/d/e/h").unwrap();
    f.vfs.pin(h).unwrap();
    let e = f.loc("m/d/e").unwrap();
    f.vfs.pin(e).unwrap();
    f.rename("m/d", "m/moved").unwrap();
    assert_eq!(upper(&f, mount).usage(), Usage { bytes: 0, files: 2 }, "a directory and a whiteout");
    assert_eq!((f.text("m/moved/e/h"), f.sorted("m")), ("lower h".into(), "abs empty f ld moved".into()));
    assert_eq!(f.vfs.path_of(e).unwrap(), b"/m/moved/e");
    f.vfs.write_at(h, 0, b"UPPER").unwrap();
    assert_eq!(f.text("m/moved/e/h"), "UPPER h");
    // What takes its place is new, and the moved one can be moved into it.
    f.mkdir("m/d").unwrap();
    assert_eq!(f.sorted("m/d"), "");
    f.rename("m/moved/e", "m/d/e").unwrap();
    f.rename("m/moved", "m/d/x").unwrap();
    assert_eq!((f.text("m/d/e/h"), f.text("m/d/x/g")), ("UPPER h".into(), "lower g".into()));
    assert_eq!(f.stat("m/d/x/e").unwrap_err(), NoEnt);
    assert_eq!(f.rename("m/d", "m/d/x/y").unwrap_err(), Inval);
    assert_eq!(f.rename("m/d/e", "m/d").unwrap_err(), NotEmpty);
    f.rename("m/d/e", "m/empty").unwrap();
    assert_eq!(f.text("m/empty/h"), "UPPER h");
    // All of that survives in the upper tree alone.
    let tree = upper(&f, mount);
    tree.check();
    mount_over(&mut f, &scratch, tree, &Limits::default());
    assert_eq!((f.text("m/empty/h"), f.text("m/d/x/g")), ("UPPER h".into(), "lower g".into()));
    assert_eq!(f.sorted("m"), "abs d empty f ld");
    assert_eq!(fs::read(scratch.at("in/d/e/h")).unwrap(), b"lower h");
}

#[test]
fn reading_a_directory_is_stable_while_it_is_copied_up() {
    let (mut f, scratch, _) = overlaid(&Limits::default());
    for n in 0..40 {
        fs::write(scratch.at(&format!("in/d/low{n:02}")), "x").unwrap();
        f.put(&format!("m/d/up{n:02}"), "x").unwrap();
    }
    let dir = f.loc("m/d").unwrap();
    f.vfs.pin(dir).unwrap();
    let (mut cookie, mut seen): (u64, Vec<String>) = (0, Vec::new());
    loop {
        let (mut batch, from) = (Vec::new(), cookie);
        let sink = &mut |entry: DirEntry| {
            if batch.len() == 3 {
                return false;
            }
            cookie = entry.next;
            batch.push(String::from_utf8(entry.name).unwrap());
            true
        };
        f.vfs.read_dir(dir, from, sink).unwrap();
        if batch.is_empty() {
            break;
        }
        // As `chmod -R` and `sed -i` do.
        for (n, name) in batch.iter().enumerate() {
            f.chmod(&format!("m/d/{name}"), 0o700).unwrap();
            f.chmod(&format!("m/d/low{:02}", (seen.len() + 7 * n) % 40), 0o700).unwrap();
        }
        seen.extend(batch);
    }
    assert_eq!(seen.len(), 82, "each once");
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 82);
}

#[test]
fn a_full_overlay_still_lets_remove() {
    let limits = Limits { tree_bytes: 4096 + 10, tree_files: 2, ..Limits::default() };
    let (mut f, scratch, mount) = overlaid(&limits);
    f.put("m/new", "0123456789").unwrap();
    assert_eq!(f.put("m/d/g", "content").unwrap_err(), NoSpc, "no room for bytes");
    let h = f.loc("m/d/e/h").unwrap();
    assert_eq!(f.vfs.write_at(h, 0, b"x").unwrap_err(), NoSpc);
    assert_eq!(f.text("m/d/e/h"), "lower h", "a copy that failed leaves nothing");
    assert_eq!(f.symlink("x", "m/s").unwrap_err(), NoSpc);
    f.unlink("m/d/e/h").unwrap();
    f.rmdir("m/d/e").unwrap();
    f.unlink("m/f").unwrap();
    assert_eq!(f.symlink("0123456789a", "m/f").unwrap_err(), NoSpc);
    assert_eq!(f.stat("m/f").unwrap_err(), NoEnt, "what hid it is back");
    assert_eq!(f.sorted("m"), "abs d empty ld new");
    upper(&f, mount).check();
    assert!(scratch.at("in/d/e/h").exists());
}

#[test]
fn the_host_below_may_change() {
    let (mut f, scratch, _) = overlaid(&Limits::default());
    f.put("m/d/mine", "x").unwrap();
    let g = f.loc("m/d/g").unwrap();
    // A directory that shows through turns into a way out.
    fs::rename(scratch.at("in/d"), scratch.at("gone")).unwrap();
    fs::create_dir(scratch.at("out")).unwrap();
    fs::write(scratch.at("out/secret"), "SECRET").unwrap();
    symlink(scratch.at("out"), scratch.at("in/d")).unwrap();
    assert!(f.get("m/d/secret").is_err());
    assert_eq!(f.text("m/d/mine"), "x");
    f.put("m/d/more", "y").unwrap();
    f.vfs.write_at(g, 0, b"x").ok();
    mount_over(&mut f, &scratch, Tree::new(), &Limits::default());
    assert!(f.get("m/d/secret").is_err());
    assert_eq!(f.readlink("m/d").unwrap(), scratch.at("out").to_str().unwrap());
    assert_eq!(fs::read_dir(scratch.at("out")).unwrap().count(), 1);
    assert_eq!(fs::read(scratch.at("out/secret")).unwrap(), b"SECRET");
}

#[test]
fn sparse_and_large_files_are_copied_right() {
    let (mut f, scratch, mount) = overlaid(&Limits::default());
    let file = fs::File::create(scratch.at("in/big")).unwrap();
    std::os::unix::fs::FileExt::write_at(&file, b"end", 5_000_000).unwrap();
    let expected = fs::read(scratch.at("in/big")).unwrap();
    let loc = f.loc("m/big").unwrap();
    f.vfs.write_at(loc, 100_000, b"mid").unwrap();
    let mut changed = expected;
    changed[100_000..100_003].copy_from_slice(b"mid");
    assert!(f.get("m/big").unwrap() == changed);
    assert!(upper(&f, mount).usage().bytes < 200_000, "holes stay holes");
    f.vfs.truncate(loc, 50).unwrap();
    assert_eq!(f.get("m/big").unwrap(), [0; 50]);
}
