//! The same random calls on this tree and on the kernel that runs the test: both must answer alike.
//!
//! Runs as any user; permission bits are left alone. The host directory is several levels deep, so that no `..` leaves it.

use super::*;
use proptest::collection::vec;
use proptest::prelude::*;
use std::fs;
use std::io;
use std::os::unix::fs::{FileExt as _, MetadataExt as _, symlink};
use std::path::{Path, PathBuf};

#[derive(Clone, Debug)]
enum Op {
    Mkdir(String),
    Rmdir(String),
    Unlink(String),
    Symlink(String, String),
    Link(String, String),
    Rename(String, String),
    Open(String, Flags),
    Write(String, u64, u8),
    Truncate(String, u64),
    Stat(String),
    Lstat(String),
    Readlink(String),
}

#[derive(Clone, Copy, Debug)]
struct Flags {
    read: bool,
    write: bool,
    create: bool,
    excl: bool,
    trunc: bool,
}

/// Relative paths over few names, with everything that makes a path odd.
fn path() -> impl Strategy<Value = String> {
    let name = prop_oneof![4 => "[abc]", 1 => Just(".".to_string()), 1 => Just("..".to_string())];
    (vec(name, 1..4), prop_oneof![5 => Just(""), 1 => Just("/"), 1 => Just("//")])
        .prop_map(|(names, end)| names.join("/") + end)
}

fn op() -> impl Strategy<Value = Op> {
    let flags =
        any::<[bool; 5]>().prop_map(|[read, write, create, excl, trunc]| Flags { read, write, create, excl, trunc });
    prop_oneof![
        3 => path().prop_map(Op::Mkdir),
        1 => path().prop_map(Op::Rmdir),
        1 => path().prop_map(Op::Unlink),
        2 => (path(), path()).prop_map(|(a, b)| Op::Symlink(a, b)),
        2 => (path(), path()).prop_map(|(a, b)| Op::Link(a, b)),
        4 => (path(), path()).prop_map(|(a, b)| Op::Rename(a, b)),
        4 => (path(), flags).prop_map(|(p, f)| Op::Open(p, f)),
        2 => (path(), 0..200_000u64, any::<u8>()).prop_map(|(p, o, b)| Op::Write(p, o, b)),
        1 => (path(), 0..200_000u64).prop_map(|(p, s)| Op::Truncate(p, s)),
        1 => path().prop_map(Op::Stat),
        1 => path().prop_map(Op::Lstat),
        1 => path().prop_map(Op::Readlink),
    ]
}

/// What a call answered: an errno's name or what it told.
type Answer = Result<String, String>;

fn errno_name(number: i32) -> String {
    let known = [
        (1, Errno::Perm),
        (2, Errno::NoEnt),
        (13, Errno::Acces),
        (16, Errno::Busy),
        (17, Errno::Exist),
        (18, Errno::XDev),
        (20, Errno::NotDir),
        (21, Errno::IsDir),
        (22, Errno::Inval),
        (36, Errno::NameTooLong),
        (39, Errno::NotEmpty),
        (40, Errno::Loop),
    ];
    known.iter().find(|(n, _)| *n == number).map_or(format!("{number}"), |(_, errno)| format!("{errno:?}"))
}

fn on_host(root: &Path, op: &Op) -> Answer {
    // Joined as text: `Path` would drop a trailing slash or dot.
    let at = |path: &String| PathBuf::from(format!("{}/{path}", root.display()));
    let told = |metadata: fs::Metadata| {
        let kind = if metadata.is_symlink() { 'l' } else { 'f' };
        let numbers = (metadata.nlink(), metadata.len());
        if metadata.is_dir() { "d".to_string() } else { format!("{kind}{numbers:?}") }
    };
    let done = |()| String::new();
    let result: io::Result<String> = match op {
        Op::Mkdir(p) => fs::create_dir(at(p)).map(done),
        Op::Rmdir(p) => fs::remove_dir(at(p)).map(done),
        Op::Unlink(p) => fs::remove_file(at(p)).map(done),
        Op::Symlink(to, p) => symlink(to, at(p)).map(done),
        Op::Link(a, b) => fs::hard_link(at(a), at(b)).map(done),
        Op::Rename(a, b) => fs::rename(at(a), at(b)).map(done),
        Op::Open(p, flags) => {
            let mut options = fs::OpenOptions::new();
            options.read(flags.read).write(flags.write).truncate(flags.trunc);
            options.create(flags.create && !flags.excl).create_new(flags.create && flags.excl);
            options.open(at(p)).map(|_| String::new())
        }
        Op::Write(p, offset, byte) => fs::OpenOptions::new()
            .write(true)
            .open(at(p))
            .and_then(|file| file.write_at(&[*byte; 300], *offset))
            .map(|n| n.to_string()),
        Op::Truncate(p, size) => {
            fs::OpenOptions::new().write(true).open(at(p)).and_then(|file| file.set_len(*size)).map(done)
        }
        Op::Stat(p) => fs::metadata(at(p)).map(told),
        Op::Lstat(p) => fs::symlink_metadata(at(p)).map(told),
        Op::Readlink(p) => fs::read_link(at(p)).map(|text| text.display().to_string()),
    };
    result.map_err(|error| errno_name(error.raw_os_error().unwrap_or(0)))
}

fn on_tree(f: &mut Fixture, op: &Op) -> Answer {
    let told = |attr: Attr| match attr.kind {
        Kind::Dir => "d".to_string(),
        Kind::Symlink => format!("l{:?}", (attr.nlink, attr.size)),
        _ => format!("f{:?}", (attr.nlink, attr.size)),
    };
    let done = |()| String::new();
    let result: Sys<String> = match op {
        Op::Mkdir(p) => f.mkdir(p).map(done),
        Op::Rmdir(p) => f.rmdir(p).map(done),
        Op::Unlink(p) => f.unlink(p).map(done),
        Op::Symlink(to, p) => f.symlink(to, p).map(done),
        Op::Link(a, b) => f.link(a, b).map(done),
        Op::Rename(a, b) => f.rename(a, b).map(done),
        Op::Open(p, flags) => {
            let Flags { read, write, create, excl, trunc } = *flags;
            let flags = OpenFlags { read, write, create, excl, trunc, ..OpenFlags::default() };
            f.vfs.open(&f.cred, f.cwd, p.as_bytes(), flags, 0o644).map(|_| String::new())
        }
        Op::Write(p, offset, byte) => {
            f.open(p, "w", 0).and_then(|loc| f.vfs.write_at(loc, *offset, &[*byte; 300])).map(|n| n.to_string())
        }
        Op::Truncate(p, size) => f.open(p, "w", 0).and_then(|loc| f.vfs.truncate(loc, *size)).map(done),
        Op::Stat(p) => f.stat(p).map(told),
        Op::Lstat(p) => f.lstat(p).map(told),
        Op::Readlink(p) => f.readlink(p),
    };
    result.map_err(|errno| format!("{errno:?}"))
}

/// Whether std itself refuses these flags before the kernel sees them.
fn std_refuses(op: &Op) -> bool {
    let Op::Open(_, Flags { read, write, create, excl, trunc }) = *op else {
        return false;
    };
    match (read, write) {
        (false, false) => true,
        (true, false) if create || trunc => true,
        _ => excl && (trunc || !create),
    }
}

const DEEP: &str = "r/r/r/r/r/r/r/r/r";

fn compare(f: &mut Fixture, root: &Path, ops: &[Op]) {
    for (number, op) in ops.iter().filter(|op| !std_refuses(op)).enumerate() {
        let (theirs, ours) = (on_host(root, op), on_tree(f, op));
        assert_eq!(ours, theirs, "{number}: {op:?} of {ops:?}");
    }
    compare_dirs(f, root, ".");
}

fn compare_dirs(f: &mut Fixture, root: &Path, dir: &str) {
    let mut theirs: Vec<String> =
        fs::read_dir(root.join(dir)).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    theirs.sort();
    assert_eq!(f.sorted(dir), theirs.join(" "));
    for name in theirs {
        let path = format!("{dir}/{name}");
        let op = Op::Lstat(path.clone());
        assert_eq!(on_tree(f, &op), on_host(root, &op));
        match f.lstat(&path).unwrap().kind {
            Kind::Dir => compare_dirs(f, root, &path),
            Kind::File => assert_eq!(f.get(&path).unwrap(), fs::read(root.join(&path)).unwrap()),
            _ => {}
        }
    }
}

/// A fixture whose working directory is an empty one, as deep in the file system that `mount` puts at `/m` as the host's.
fn deep(mount: impl FnOnce(&mut Fixture)) -> Fixture {
    let mut tree = Tree::new();
    tree.put_dir(b"/m", 0o777, 0, 0, 0).unwrap();
    let mut f = Fixture::with(tree, &Limits::default());
    f.as_user(0, 0);
    mount(&mut f);
    let mut path = "/m".to_string();
    for name in DEEP.split('/') {
        path = format!("{path}/{name}");
        f.mkdir(&path).ok();
    }
    f.cwd = f.loc(&path).unwrap();
    f.vfs.pin(f.cwd).unwrap();
    f
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, max_shrink_iters: 500, ..ProptestConfig::default() })]

    #[test]
    fn a_tree_answers_as_linux_does(ops in vec(op(), 1..60)) {
        let theirs = Scratch::new("linux").with(DEEP);
        let mut f = deep(|_| {});
        compare(&mut f, &theirs.at(DEEP), &ops);
    }

    #[test]
    fn a_host_directory_answers_as_linux_does(ops in vec(op(), 1..60)) {
        let (theirs, ours) = (Scratch::new("linux").with(DEEP), Scratch::new("host"));
        let mut f = deep(|f| f.mount(Box::new(ours.host_dir())));
        compare(&mut f, &theirs.at(DEEP), &ops);
    }

    /// Over a directory that has something in it already, which must not change; and forked midway.
    #[test]
    fn an_overlay_answers_as_linux_does(
        before in vec(op(), 1..40), ops in vec(op(), 1..60), later in vec(op(), 1..30),
    ) {
        let (theirs, ours) = (Scratch::new("linux").with(DEEP), Scratch::new("lower").with(DEEP));
        // A link count does not survive copying up.
        for op in before.iter().filter(|op| !matches!(op, Op::Link(..)) && !std_refuses(op)) {
            assert_eq!(on_host(&ours.at(DEEP), op), on_host(&theirs.at(DEEP), op));
        }
        let lower = dump(&ours.0);
        let over = |upper| Box::new(Overlay::new(ours.host_dir(), upper, &Limits::default()).unwrap());
        let mut mount = None;
        let mut f = deep(|f| mount = f.vfs.mount(b"/m", over(Tree::new()), Rights::READ_WRITE).ok());
        compare(&mut f, &theirs.at(DEEP), &ops);
        let upper = f.vfs.changes(mount.unwrap()).unwrap();
        upper.check();
        let mut fork = deep(|f| f.mount(over(upper)));
        compare(&mut fork, &theirs.at(DEEP), &later);
        assert_eq!(dump(&ours.0), lower, "what is below was only read");
    }
}

/// Everything about a host directory that must not change.
fn dump(dir: &Path) -> Vec<(PathBuf, i64, i64, u64, Vec<u8>)> {
    let mut found = Vec::new();
    let mut todo = vec![dir.to_path_buf()];
    while let Some(path) = todo.pop() {
        let metadata = fs::symlink_metadata(&path).unwrap();
        let content = if metadata.is_file() { fs::read(&path).unwrap() } else { Vec::new() };
        if metadata.is_dir() {
            todo.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        }
        let changed = (metadata.mtime_nsec(), metadata.ctime() * 1_000_000_000 + metadata.ctime_nsec());
        found.push((path, changed.0, changed.1, metadata.nlink(), content));
    }
    found.sort();
    found
}
