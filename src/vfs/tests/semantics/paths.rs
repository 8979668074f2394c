//! How paths resolve: links, `..`, slashes, what Linux refuses.

use super::*;

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
