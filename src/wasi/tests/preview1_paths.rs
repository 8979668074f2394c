//! Preview 1 on paths: what the public conformance programs ask for.

use super::super::abi::{oflags, rights};
use super::preview1::{Filestat, READ_WRITE, confined, raw};
use super::{Lab, Puppet, args};
use crate::base::Errno;

impl Puppet<'_> {
    fn create(&mut self, path: &str) {
        let fd = self.open(3, path, oflags::CREAT, 0).unwrap();
        assert_eq!(self.p1("fd_close", args![fd]), 0);
    }

    fn mkdir(&mut self, path: &str) -> i32 {
        self.on_path("path_create_directory", 3, path)
    }

    fn rmdir(&mut self, path: &str) -> i32 {
        self.on_path("path_remove_directory", 3, path)
    }

    fn unlink(&mut self, path: &str) -> i32 {
        self.on_path("path_unlink_file", 3, path)
    }

    fn symlink(&mut self, target: &str, path: &str) -> i32 {
        let ((t, t_len), (p, p_len)) = (self.put(target), self.put(path));
        self.p1("path_symlink", args![t, t_len, 3, p, p_len])
    }

    fn rename(&mut self, from: &str, to: &str) -> i32 {
        let ((f, f_len), (t, t_len)) = (self.put(from), self.put(to));
        self.p1("path_rename", args![3, f, f_len, 3, t, t_len])
    }

    fn link(&mut self, flags: u32, from: &str, to: &str) -> i32 {
        let ((f, f_len), (t, t_len)) = (self.put(from), self.put(to));
        self.p1("path_link", args![3, flags, f, f_len, 3, t, t_len])
    }

    fn stat(&mut self, flags: u32, path: &str) -> Result<Filestat, i32> {
        let (ptr, len) = self.put(path);
        self.out("path_filestat_get", args![3, flags, ptr, len], 64).map(Filestat)
    }

    fn readlink(&mut self, path: &str, room: u32) -> Result<Vec<u8>, i32> {
        let (ptr, len) = self.put(path);
        let buf = self.put(vec![0xee; 16]).0;
        let used = self.out("path_readlink", args![3, ptr, len, buf, room], 4)?[0];
        assert_eq!(self.peek(buf + u32::from(used), 1), [0xee]);
        Ok(self.peek(buf, used.into()))
    }

    fn set_mtime(&mut self, flags: u32, path: &str, mtime: u64, fst: u32) -> i32 {
        let (ptr, len) = self.put(path);
        self.p1("path_filestat_set_times", args![3, flags, ptr, len, 0_i64, mtime, fst])
    }
}

const FOLLOW: u32 = 1;
const DIR: u8 = 3;
const FILE: u8 = 4;
const SYMLINK: u8 = 7;

#[test]
fn opening_what_is_and_what_is_not_there() {
    for lab in Lab::each() {
        let mut puppet = confined(&lab);
        assert_eq!(puppet.open(3, "file", 0, READ_WRITE), Err(raw(Errno::NoEnt)));
        puppet.create("file");
        assert_eq!(puppet.open(3, "file", oflags::CREAT | oflags::EXCL, 0), Err(raw(Errno::Exist)));
        let file = puppet.open(3, "file", 0, READ_WRITE).unwrap();
        assert!([Err(raw(Errno::NotDir)), Err(raw(Errno::BadF))].contains(&puppet.open(file, "foo", oflags::CREAT, 0)));
        puppet.write(file, &[b"content"]).unwrap();
        let again = puppet.open(3, "file", oflags::CREAT | oflags::TRUNC, READ_WRITE).unwrap();
        assert_eq!(puppet.read(again, 10), Ok(vec![]));
        assert_eq!(puppet.open(3, "file", 16, 0), Err(raw(Errno::Inval)));
        assert_eq!(puppet.open_with(3, 0, "file", 0, 0, 32), Err(raw(Errno::Inval)));
        assert_eq!(puppet.open_with(3, 2, "file", 0, 0, 0), Err(raw(Errno::Inval)));
        assert_eq!(puppet.open(3, "", 0, 0), Err(raw(Errno::NoEnt)));
        assert_eq!(puppet.stat(0, "").err(), Some(raw(Errno::NoEnt)));
    }
}

#[test]
fn a_file_without_a_name_stays_open() {
    for lab in Lab::each() {
        let mut puppet = confined(&lab);
        let fd = puppet.open(3, "file", oflags::CREAT, READ_WRITE).unwrap();
        assert_eq!(puppet.unlink("file"), 0);
        assert_eq!(puppet.write(fd, &[b"still"]), Ok(5));
        assert_eq!((puppet.filestat(fd).size(), puppet.filestat(fd).nlink()), (5, 0));
        puppet.create("file");
        assert_eq!(puppet.stat(0, "file").unwrap().size(), 0);
        assert_eq!((puppet.mkdir("dir"), puppet.rmdir("dir"), puppet.mkdir("dir")), (0, 0, 0));
    }
}

#[test]
fn odd_paths() {
    for lab in Lab::each() {
        let mut puppet = confined(&lab);
        assert_eq!((puppet.mkdir("dir"), puppet.mkdir("dir/nested")), (0, 0));
        puppet.create("dir/nested/file");
        assert_eq!(puppet.open(3, "/dir/nested/file", 0, 0), Err(raw(Errno::Perm)));
        assert!(puppet.open(3, "dir/.//nested/../../dir/nested/../nested///./file", 0, 0).is_ok());
        assert_eq!(puppet.open(3, "dir/nested/file\0", 0, 0), Err(raw(Errno::Inval)));
        for slashes in ["/", "///"] {
            assert_eq!(puppet.open(3, &format!("dir/nested/file{slashes}"), 0, 0), Err(raw(Errno::NotDir)));
            assert!(puppet.open(3, &format!("dir/nested{slashes}"), 0, 0).is_ok());
        }
        assert_eq!(puppet.open(3, "dir/nested/../../../data/dir/nested/file", 0, 0), Err(raw(Errno::Perm)));
        assert_eq!(puppet.open(3, "..", 0, 0), Err(raw(Errno::Perm)));
        assert_eq!(puppet.symlink("/", "absolute"), raw(Errno::Perm));
        let long = "x".repeat(256);
        assert_eq!(puppet.open(3, &long, oflags::CREAT, 0), Err(raw(Errno::NameTooLong)));
        let long = "x/".repeat(3000);
        assert_eq!(puppet.open(3, &long, oflags::CREAT, 0), Err(raw(Errno::NameTooLong)));
    }
}

#[test]
fn symlinks_are_followed_when_asked() {
    for lab in Lab::each() {
        let mut puppet = confined(&lab);
        assert_eq!(puppet.symlink("target", "symlink"), 0);
        let not_followed = [Err(raw(Errno::Loop)), Err(raw(Errno::NotDir))];
        // Dangling.
        assert!(not_followed.contains(&puppet.open(3, "symlink", oflags::DIRECTORY, 0)));
        assert_eq!(puppet.open(3, "symlink", 0, 0), Err(raw(Errno::Loop)));
        // To a directory.
        assert_eq!(puppet.mkdir("target"), 0);
        assert!(not_followed.contains(&puppet.open(3, "symlink", oflags::DIRECTORY, 0)));
        assert_eq!(puppet.open(3, "symlink", 0, 0), Err(raw(Errno::Loop)));
        assert!(puppet.open_with(3, FOLLOW, "symlink", oflags::DIRECTORY, 0, 0).is_ok());
        // To a file.
        assert_eq!(puppet.rmdir("target"), 0);
        puppet.create("target");
        assert!(not_followed.contains(&puppet.open(3, "symlink", oflags::DIRECTORY, 0)));
        assert_eq!(puppet.open_with(3, FOLLOW, "symlink", oflags::DIRECTORY, 0, 0), Err(raw(Errno::NotDir)));
        assert!(puppet.open_with(3, FOLLOW, "symlink", 0, 0, 0).is_ok());
        // To itself.
        assert_eq!(puppet.symlink("loop", "loop"), 0);
        assert_eq!(puppet.open(3, "loop", 0, 0), Err(raw(Errno::Loop)));
        assert_eq!(puppet.open_with(3, FOLLOW, "loop", 0, 0, 0), Err(raw(Errno::Loop)));
    }
}

#[test]
fn reading_symlinks() {
    for lab in Lab::each() {
        let mut puppet = confined(&lab);
        puppet.create("file");
        assert_eq!(puppet.symlink("target", "symlink"), 0);
        assert_eq!(puppet.readlink("symlink", 10), Ok(b"target".to_vec()));
        assert_eq!(puppet.readlink("symlink", 4), Ok(b"targ".to_vec()));
        assert_eq!(puppet.readlink("file", 10), Err(raw(Errno::Inval)));
    }
}

#[test]
fn attributes_of_paths() {
    for lab in Lab::each() {
        let mut puppet = confined(&lab);
        assert_eq!(puppet.mkdir("subdir"), 0);
        puppet.create("subdir/file");
        assert_eq!((puppet.symlink("subdir/file", "link1"), puppet.symlink("subdir", "link2")), (0, 0));
        for (path, here, there) in
            [("subdir", DIR, DIR), ("subdir/file", FILE, FILE), ("link1", SYMLINK, FILE), ("link2", SYMLINK, DIR)]
        {
            assert_eq!(puppet.stat(0, path).unwrap().filetype(), here);
            assert_eq!(puppet.stat(FOLLOW, path).unwrap().filetype(), there);
        }
    }
}

#[test]
fn times_of_a_symlink_are_its_own() {
    // In the tree only: a host directory does not set a symlink's times.
    let lab = Lab::new();
    let mut puppet = confined(&lab);
    puppet.create("file");
    let file = puppet.stat(0, "file").unwrap().mtime();
    assert_eq!(puppet.symlink("file", "symlink"), 0);
    let symlink = puppet.stat(0, "symlink").unwrap().mtime();
    assert_eq!(puppet.set_mtime(0, "symlink", symlink - 200, 4), 0);
    assert_eq!(puppet.stat(0, "symlink").unwrap().mtime(), symlink - 200);
    assert_eq!(puppet.stat(FOLLOW, "symlink").unwrap().mtime(), file);
}

#[test]
fn times_of_a_file_are_set_through_a_symlink() {
    for lab in Lab::each() {
        let mut puppet = confined(&lab);
        puppet.create("file");
        assert_eq!(puppet.symlink("file", "symlink"), 0);
        assert_eq!(puppet.set_mtime(FOLLOW, "symlink", 12345, 4), 0);
        assert_eq!(puppet.stat(0, "file").unwrap().mtime(), 12345);
        assert_eq!(puppet.set_mtime(0, "file", 1, 12), raw(Errno::Inval));
        assert_eq!(puppet.stat(0, "file").unwrap().mtime(), 12345);
    }
}

#[test]
fn hard_links() {
    for lab in Lab::each() {
        let mut puppet = confined(&lab);
        puppet.create("file");
        assert_eq!(
            (puppet.mkdir("subdir"), puppet.link(0, "file", "link"), puppet.link(0, "file", "subdir/link")),
            (0, 0, 0)
        );
        let (a, b) = (puppet.stat(0, "file").unwrap(), puppet.stat(0, "subdir/link").unwrap());
        assert_eq!(a.0, b.0);
        assert_eq!(a.nlink(), 3);
        assert_eq!(puppet.link(0, "file", "link"), raw(Errno::Exist));
        assert_eq!(puppet.link(0, "file", "file"), raw(Errno::Exist));
        assert_eq!(puppet.link(0, "file", "subdir"), raw(Errno::Exist));
        assert!([raw(Errno::Perm), raw(Errno::Acces)].contains(&puppet.link(0, "subdir", "new")));
        assert_eq!(puppet.link(0, "file", "new/"), raw(Errno::NoEnt));
        // Links to symlinks: dangling, a loop; then onto one.
        assert_eq!((puppet.symlink("nowhere", "dangling"), puppet.symlink("loop", "loop")), (0, 0));
        assert_eq!((puppet.link(0, "dangling", "new1"), puppet.link(0, "loop", "new2")), (0, 0));
        assert_eq!(puppet.stat(0, "new1").unwrap().filetype(), SYMLINK);
        assert_eq!(puppet.link(0, "file", "dangling"), raw(Errno::Exist));
        assert!([raw(Errno::Inval), raw(Errno::NoEnt)].contains(&puppet.link(FOLLOW, "dangling", "new3")));
    }
}

#[test]
fn renaming() {
    for lab in Lab::each() {
        let mut puppet = confined(&lab);
        assert_eq!((puppet.mkdir("source"), puppet.rename("source", "target")), (0, 0));
        assert_eq!(puppet.open(3, "source", oflags::DIRECTORY, 0), Err(raw(Errno::NoEnt)));
        assert!(puppet.open(3, "target", oflags::DIRECTORY, 0).is_ok());
        // Onto an empty directory, one that is not empty, a file.
        assert_eq!((puppet.mkdir("source"), puppet.rename("source", "target")), (0, 0));
        assert_eq!(puppet.mkdir("source"), 0);
        puppet.create("target/file");
        assert_eq!(puppet.rename("source", "target"), raw(Errno::NotEmpty));
        assert_eq!(puppet.rename("source", "target/file"), raw(Errno::NotDir));
        assert_eq!((puppet.rmdir("source"), puppet.unlink("target/file"), puppet.rmdir("target")), (0, 0, 0));
        // Files: to a new name, onto a file, onto a directory.
        puppet.create("source");
        assert_eq!(puppet.rename("source", "target"), 0);
        assert_eq!(puppet.open(3, "source", 0, 0), Err(raw(Errno::NoEnt)));
        puppet.create("source");
        assert_eq!((puppet.rename("source", "target"), puppet.unlink("target")), (0, 0));
        puppet.create("source");
        assert_eq!((puppet.mkdir("target"), puppet.rename("source", "target")), (0, raw(Errno::IsDir)));
    }
}

#[test]
fn trailing_slashes() {
    for lab in Lab::each() {
        let mut puppet = confined(&lab);
        assert_eq!(puppet.mkdir("a"), 0);
        for (from, to) in [("a/", "b"), ("b", "a/"), ("a/", "b/"), ("b", "a")] {
            assert_eq!(puppet.rename(from, to), 0, "{from} {to}");
        }
        assert_eq!(puppet.rmdir("a/"), 0);

        puppet.create("file");
        assert_eq!((puppet.rmdir("file"), puppet.rmdir("file/")), (raw(Errno::NotDir), raw(Errno::NotDir)));
        assert_eq!(puppet.unlink("file/"), raw(Errno::NotDir));
        assert!([raw(Errno::NotDir), raw(Errno::Exist)].contains(&puppet.symlink("source", "file/")));
        assert_eq!(puppet.symlink("source", "file"), raw(Errno::Exist));
        assert_eq!(puppet.unlink("file"), 0);

        assert_eq!(puppet.symlink("source", "target/"), raw(Errno::NoEnt));
        assert_eq!((puppet.symlink("source", "target"), puppet.unlink("target")), (0, 0));
        assert_eq!(puppet.mkdir("target"), 0);
        assert_eq!((puppet.unlink("target"), puppet.unlink("target/")), (raw(Errno::IsDir), raw(Errno::IsDir)));
        assert_eq!(
            (puppet.symlink("source", "target"), puppet.symlink("source", "target/")),
            (raw(Errno::Exist), raw(Errno::Exist))
        );
        assert_eq!(puppet.mkdir("target/nested"), 0);
        assert_eq!(puppet.rmdir("target"), raw(Errno::NotEmpty));
    }
}

/// Names and cookies that fit into a buffer of `len` bytes, and whether that was all.
fn readdir(puppet: &mut Puppet<'_>, fd: i32, len: u32, cookie: u64) -> (Vec<(String, u64, u64)>, bool) {
    let buf = puppet.room(len);
    let used = puppet.out("fd_readdir", args![fd, buf, len, cookie], 4).unwrap();
    let used = u32::from_le_bytes(used.try_into().unwrap());
    let bytes = puppet.peek(buf, used);
    let (mut entries, mut rest) = (Vec::new(), &bytes[..]);
    while let Some((header, after)) = rest.split_at_checked(24) {
        let name_len = u32::from_le_bytes(header[16..20].try_into().unwrap()) as usize;
        let Some((name, after)) = after.split_at_checked(name_len) else {
            break;
        };
        let long = |at: usize| u64::from_le_bytes(header[at..at + 8].try_into().unwrap());
        entries.push((String::from_utf8(name.to_vec()).unwrap(), long(0), long(8)));
        rest = after;
    }
    (entries, used < len)
}

#[test]
fn listing_a_directory() {
    for lab in Lab::each() {
        let mut puppet = confined(&lab);
        assert_eq!(puppet.mkdir("dir"), 0);
        let dir = puppet.open(3, "dir", oflags::DIRECTORY, rights::FD_READDIR).unwrap();
        let ino = puppet.filestat(dir).ino();
        let (entries, all) = readdir(&mut puppet, dir, 256, 0);
        assert!(all);
        assert_eq!((&entries[0].0[..], entries[0].2, &entries[1].0[..], entries.len()), (".", ino, "..", 2));

        puppet.create("dir/file");
        let (entries, _) = readdir(&mut puppet, dir, 256, 0);
        assert_eq!((&entries[2].0[..], entries.len()), ("file", 3));
        assert_eq!(entries[2].2, puppet.stat(0, "dir/file").unwrap().ino());
        let (rest, all) = readdir(&mut puppet, dir, 256, entries[1].1);
        assert!(all);
        assert_eq!(rest, entries[2..]);
        assert_eq!(readdir(&mut puppet, dir, 256, entries[2].1), (vec![], true));

        for n in 0..1000 {
            puppet.create(&format!("dir/file.{n}"));
        }
        let (mut names, mut cookie) = (Vec::new(), 0);
        loop {
            let (entries, all) = readdir(&mut puppet, dir, 256, cookie);
            cookie = entries.last().map_or(cookie, |e| e.1);
            names.extend(entries.into_iter().map(|e| e.0));
            if all {
                break;
            }
        }
        assert_eq!(names.len(), 1003);
        names.sort();
        names.dedup();
        assert_eq!(names.len(), 1003);
        let file = puppet.open(3, "dir/file", 0, READ_WRITE).unwrap();
        assert_eq!(puppet.out("fd_readdir", args![file, 0, 64, 0_i64], 4), Err(raw(Errno::NotDir)));
    }
}
