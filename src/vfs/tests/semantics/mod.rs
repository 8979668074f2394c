//! What a Unix program relies on, checked on the root tree. Expected errors are Linux's.

mod contents;
mod mounts;
mod names;
mod paths;
mod permissions;

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
