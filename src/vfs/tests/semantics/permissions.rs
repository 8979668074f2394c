//! Who may do what: permission bits, owners, times.

use super::*;

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
