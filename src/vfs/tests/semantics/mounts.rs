//! File systems mounted over directories, and their rights.

use super::*;

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
