//! What files hold: sparse contents, times, devices, limits, and files that are open without a name.

use super::*;

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
