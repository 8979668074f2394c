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
    for path in [
        "d/g",
        "/d/g",
        "./d/./g",
        "d//g",
        "//d///g",
        "d/../d/g",
        "/../../d/g",
        "ld/g",
        "ld/../d/g",
        "labs/../g",
    ] {
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
