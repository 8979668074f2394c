//! Preview 1 on descriptors: what the public conformance programs ask for, and what C libraries rely on.

use std::time::{Duration, Instant};

use super::super::abi::{fdflags, oflags, rights};
use super::{Lab, Puppet, args};
use crate::base::Errno;
use crate::wasi::{ExitRequest, Killed};

pub(super) const READ_WRITE: u64 = rights::FD_READ | rights::FD_WRITE | rights::FD_SEEK | rights::FD_TELL;

pub(super) fn raw(errno: Errno) -> i32 {
    errno.raw().into()
}

impl Puppet<'_> {
    /// `path_open` without following a last symlink: the descriptor, or the errno.
    pub(super) fn open(&mut self, dirfd: i32, path: &str, oflags: u32, rights: u64) -> Result<i32, i32> {
        self.open_with(dirfd, 0, path, oflags, rights, 0)
    }

    pub(super) fn open_with(
        &mut self,
        dirfd: i32,
        lookup: u32,
        path: &str,
        oflags: u32,
        rights: u64,
        fdflags: u32,
    ) -> Result<i32, i32> {
        let (ptr, len) = self.put(path);
        let out = self.room(4);
        let all = u64::MAX;
        match self.p1("path_open", args![dirfd, lookup, ptr, len, oflags, rights, all, fdflags, out]) {
            0 => Ok(self.peek_u32(out) as i32),
            errno => Err(errno),
        }
    }

    /// A call whose last argument is where it writes: `len` bytes of it.
    pub(super) fn out(&mut self, name: &str, before: &[wasmtime::Val], len: u32) -> Result<Vec<u8>, i32> {
        let out = self.room(len);
        let arguments = [before, args![out]].concat();
        match self.p1(name, &arguments) {
            0 => Ok(self.peek(out, len)),
            errno => Err(errno),
        }
    }

    pub(super) fn seek(&mut self, fd: i32, delta: i64, whence: i32) -> Result<u64, i32> {
        self.out("fd_seek", args![fd, delta, whence], 8).map(|b| u64::from_le_bytes(b.try_into().unwrap()))
    }

    /// Size, and access and modification times.
    pub(super) fn filestat(&mut self, fd: i32) -> Filestat {
        Filestat(self.out("fd_filestat_get", args![fd], 64).unwrap())
    }

    fn fdstat(&mut self, fd: i32) -> Result<Fdstat, i32> {
        self.out("fd_fdstat_get", args![fd], 24).map(|b| Fdstat {
            filetype: b[0],
            flags: u32::from(b[2]),
            base: u64::from_le_bytes(b[8..16].try_into().unwrap()),
            inheriting: u64::from_le_bytes(b[16..24].try_into().unwrap()),
        })
    }
}

pub(super) struct Filestat(pub(super) Vec<u8>);

impl Filestat {
    fn long(&self, at: usize) -> u64 {
        u64::from_le_bytes(self.0[at..at + 8].try_into().unwrap())
    }
    pub(super) fn ino(&self) -> u64 {
        self.long(8)
    }
    pub(super) fn filetype(&self) -> u8 {
        self.0[16]
    }
    pub(super) fn nlink(&self) -> u64 {
        self.long(24)
    }
    pub(super) fn size(&self) -> u64 {
        self.long(32)
    }
    pub(super) fn atime(&self) -> u64 {
        self.long(40)
    }
    pub(super) fn mtime(&self) -> u64 {
        self.long(48)
    }
}

struct Fdstat {
    filetype: u8,
    flags: u32,
    base: u64,
    inheriting: u64,
}

/// A legacy program with `/data` preopened as `/` at descriptor 3.
pub(super) fn confined(lab: &Lab) -> Puppet<'_> {
    lab.legacy_puppet(Some(&[("/data", "/")]))
}

#[test]
fn arguments_and_environment() {
    let lab = Lab::new();
    let mut puppet = lab.puppet();
    for (what, strings) in [("args", &b"puppet\0two words\0\0"[..]), ("environ", b"PATH=/bin\0EMPTY=\0")] {
        let count = strings.iter().filter(|&&b| b == 0).count() as u32;
        let sizes = puppet.room(8);
        assert_eq!(puppet.p1(&format!("{what}_sizes_get"), args![sizes, sizes + 4]), 0);
        assert_eq!((puppet.peek_u32(sizes), puppet.peek_u32(sizes + 4)), (count, strings.len() as u32));
        let (list, buf) = (puppet.room(4 * count), puppet.room(64));
        assert_eq!(puppet.p1(&format!("{what}_get"), args![list, buf]), 0);
        assert_eq!(puppet.peek(buf, strings.len() as u32), strings);
        let mut at = buf;
        for (n, string) in (0..).zip(strings.split_inclusive(|&b| b == 0)) {
            assert_eq!(puppet.peek_u32(list + 4 * n), at);
            at += string.len() as u32;
        }
    }
}

#[test]
fn clocks_run() {
    let lab = Lab::new();
    let mut puppet = lab.puppet();
    let mut time =
        |id: i32| puppet.out("clock_time_get", args![id, 0_i64], 8).map(|b| u64::from_le_bytes(b.try_into().unwrap()));
    assert!(time(0).unwrap() > 1_700_000_000_000_000_000);
    // Programs take it for granted that a nanosecond passes between two calls.
    let mut before = time(1).unwrap();
    for _ in 0..1000 {
        let now = time(1).unwrap();
        assert!(now > before);
        before = now;
    }
    assert!(time(2).is_ok() && time(3).is_ok());
    assert_eq!(time(4), Err(raw(Errno::Inval)));
    assert!(puppet.out("clock_res_get", args![0], 8).is_ok());
    assert_eq!(puppet.out("clock_res_get", args![9], 8), Err(raw(Errno::Inval)));
}

#[test]
fn standard_streams() {
    let lab = Lab::new();
    let mut puppet = lab.puppet();
    assert_eq!(puppet.write(1, &[b"a", b"", b"bc"]), Ok(3));
    assert_eq!(puppet.write(2, &[b"!"]), Ok(1));
    assert_eq!(puppet.write(1, &[]), Ok(0));
    assert_eq!(lab.stdout.take(), b"abc!");
    assert_eq!(puppet.read(0, 10), Ok(vec![]));
    assert_eq!(puppet.write(-31337, &[]), Err(raw(Errno::BadF)));
    assert_eq!(puppet.write(17, &[b"x"]), Err(raw(Errno::BadF)));
    for fd in 0..3 {
        assert_ne!(puppet.fdstat(fd).unwrap().filetype, 2, "not a terminal");
    }
}

#[test]
fn a_large_write_is_whole() {
    let lab = Lab::new();
    let mut puppet = lab.puppet();
    let big = vec![b'x'; 150_000];
    assert_eq!(puppet.write(1, &[&big]), Ok(150_000));
    assert_eq!(lab.stdout.take(), big);
}

#[test]
fn reading_writing_and_seeking_a_file() {
    for lab in Lab::each() {
        let mut puppet = confined(&lab);
        let fd = puppet.open(3, "file", oflags::CREAT, READ_WRITE).unwrap();
        assert_eq!(puppet.out("fd_tell", args![fd], 8).unwrap(), [0; 8]);
        assert_eq!(puppet.write(fd, &[&[1; 60], &[2; 40]]), Ok(100));
        assert_eq!(puppet.out("fd_tell", args![fd], 8).unwrap()[0], 100);
        assert_eq!(puppet.seek(fd, -50, 1), Ok(50));
        assert_eq!(puppet.seek(fd, 0, 0), Ok(0));
        assert_eq!(puppet.seek(fd, 1000, 1), Ok(1000));
        assert_eq!(puppet.seek(fd, -2000, 1), Err(raw(Errno::Inval)));
        assert_eq!(puppet.seek(fd, -1, 0), Err(raw(Errno::Inval)));
        assert_eq!(puppet.seek(fd, 0, 7), Err(raw(Errno::Inval)));
        assert_eq!(puppet.seek(fd, 0, 2), Ok(100));
        assert_eq!(puppet.seek(fd, 58, 0), Ok(58));
        assert_eq!(puppet.read(fd, 4), Ok(vec![1, 1, 2, 2]));
        assert_eq!(puppet.seek(1, 0, 1), Err(raw(Errno::SPipe)));
    }
}

#[test]
fn reading_and_writing_at_an_offset() {
    for lab in Lab::each() {
        let mut puppet = confined(&lab);
        let fd = puppet.open(3, "file", oflags::CREAT, READ_WRITE).unwrap();
        let (iovs, _) = puppet.iovecs(&[&[0, 1], &[2, 3]]);
        assert_eq!(puppet.out("fd_pwrite", args![fd, iovs, 2, 0_i64], 4).unwrap(), [4, 0, 0, 0]);
        let (iovs, buffers) = puppet.iovecs(&[&[9; 3], &[9; 3]]);
        assert_eq!(puppet.out("fd_pread", args![fd, iovs, 2, 0_i64], 4).unwrap(), [4, 0, 0, 0]);
        assert_eq!((puppet.peek(buffers[0], 3), puppet.peek(buffers[1], 3)), (vec![0, 1, 2], vec![3, 9, 9]));
        assert_eq!(puppet.out("fd_pread", args![fd, iovs, 2, 2_i64], 4).unwrap(), [2, 0, 0, 0]);
        assert_eq!(puppet.out("fd_pread", args![fd, iovs, 2, 1_i64 << 40], 4).unwrap(), [0; 4]);
        assert_eq!(puppet.out("fd_pread", args![fd, iovs, 2, -1_i64], 4).ok(), None);
        assert_eq!(puppet.out("fd_tell", args![fd], 8).unwrap(), [0; 8]);
        assert_eq!(puppet.out("fd_pread", args![0, iovs, 2, 0_i64], 4), Err(raw(Errno::SPipe)));
    }
}

#[test]
fn appending_can_be_turned_off() {
    for lab in Lab::each() {
        let mut puppet = confined(&lab);
        let fd = puppet.open_with(3, 0, "file", oflags::CREAT, READ_WRITE, fdflags::APPEND | fdflags::SYNC).unwrap();
        assert_eq!(puppet.fdstat(fd).unwrap().flags, fdflags::APPEND | fdflags::SYNC);
        for _ in 0..2 {
            puppet.seek(fd, 0, 0).unwrap();
            assert_eq!(puppet.write(fd, &[&[1; 100]]), Ok(100));
        }
        assert_eq!(puppet.p1("fd_fdstat_set_flags", args![fd, 0]), 0);
        puppet.seek(fd, 0, 0).unwrap();
        assert_eq!(puppet.write(fd, &[&[2; 100]]), Ok(100));
        assert_eq!(puppet.filestat(fd).size(), 200);
        assert_eq!(puppet.p1("fd_fdstat_set_flags", args![fd, 32]), raw(Errno::Inval));
    }
}

#[test]
fn sizes_and_times() {
    for lab in Lab::each() {
        let mut puppet = confined(&lab);
        let fd = puppet.open(3, "file", oflags::CREAT, READ_WRITE).unwrap();
        assert_eq!(puppet.p1("fd_filestat_set_size", args![fd, 100_i64]), 0);
        assert_eq!(puppet.p1("fd_advise", args![fd, 10_i64, 50_i64, 0]), 0);
        assert_eq!(puppet.filestat(fd).size(), 100);
        assert_eq!(puppet.p1("fd_allocate", args![fd, 10_i64, 10_i64]), 0);
        assert_eq!(puppet.filestat(fd).size(), 100);
        assert_eq!(puppet.p1("fd_allocate", args![fd, 90_i64, 20_i64]), 0);
        assert_eq!(puppet.filestat(fd).size(), 110);
        let before = puppet.filestat(fd);
        let mtime = before.mtime() - 100;
        assert_eq!(puppet.p1("fd_filestat_set_times", args![fd, mtime, mtime, 4]), 0);
        assert_eq!((puppet.filestat(fd).mtime(), puppet.filestat(fd).atime()), (mtime, before.atime()));
        for both in [3, 12] {
            assert_eq!(puppet.p1("fd_filestat_set_times", args![fd, 100_i64, 200_i64, both]), raw(Errno::Inval));
        }
        assert_eq!(puppet.filestat(fd).mtime(), mtime);
        assert_eq!(puppet.p1("fd_sync", args![fd]), 0);
        assert_eq!(puppet.p1("fd_datasync", args![fd]), 0);
    }
}

#[test]
fn a_descriptor_reads_and_writes_as_it_was_opened() {
    for lab in Lab::each() {
        let mut puppet = confined(&lab);
        let writer = puppet.open(3, "file", oflags::CREAT, rights::FD_WRITE).unwrap();
        let reader = puppet.open(3, "file", 0, rights::FD_READ).unwrap();
        let neither = puppet.open(3, "file", 0, 0).unwrap();
        assert_eq!(puppet.write(writer, &[b"1"]), Ok(1));
        assert_eq!(puppet.read(reader, 9), Ok(b"1".to_vec()));
        for (fd, read, write) in [(writer, false, true), (reader, true, false), (neither, false, false)] {
            let base = puppet.fdstat(fd).unwrap().base;
            assert_eq!((base & rights::FD_READ != 0, base & rights::FD_WRITE != 0), (read, write));
            if !read {
                assert_eq!(puppet.read(fd, 1), Err(raw(Errno::BadF)));
            }
            if !write {
                assert_eq!(puppet.write(fd, &[b"1"]), Err(raw(Errno::BadF)));
            }
        }
        assert_eq!(puppet.p1("fd_fdstat_set_rights", args![reader, 0_i64, 0_i64]), raw(Errno::NotSup));
        assert_eq!(puppet.p1("fd_fdstat_set_rights", args![99, 0_i64, 0_i64]), raw(Errno::BadF));
        let null = lab.puppet().open(-2, "/dev/null", 0, READ_WRITE);
        assert!(null.is_ok());
    }
}

#[test]
fn directories_are_no_files() {
    for lab in Lab::each() {
        let mut puppet = confined(&lab);
        let fd = puppet.open(3, ".", oflags::DIRECTORY, rights::FD_SEEK | rights::FD_READ).unwrap();
        let stat = puppet.fdstat(fd).unwrap();
        assert_eq!((stat.filetype, stat.flags, stat.base & rights::FD_SEEK), (3, 0, 0));
        assert_eq!(stat.inheriting & READ_WRITE, READ_WRITE);
        let not_for_directories = [Errno::BadF, Errno::IsDir, Errno::Inval].map(|e| Some(raw(e)));
        assert!(not_for_directories.contains(&puppet.read(fd, 1).err()));
        assert!(not_for_directories.contains(&puppet.write(fd, &[b"1"]).err()));
        let (iovs, _) = puppet.iovecs(&[b"1"]);
        assert!(not_for_directories.contains(&puppet.out("fd_pread", args![fd, iovs, 1, 0_i64], 4).err()));
        assert!(not_for_directories.contains(&puppet.out("fd_pwrite", args![fd, iovs, 1, 0_i64], 4).err()));
        for whence in 0..3 {
            assert_eq!(puppet.seek(fd, 0, whence), Err(raw(Errno::BadF)));
        }
        assert_eq!(puppet.out("fd_tell", args![fd], 8), Err(raw(Errno::BadF)));
        assert!(not_for_directories.contains(&Some(puppet.p1("fd_allocate", args![fd, 0_i64, 1_i64]))));
        assert!(not_for_directories.contains(&Some(puppet.p1("fd_filestat_set_size", args![fd, 0_i64]))));
        assert_eq!(puppet.open(3, ".", oflags::DIRECTORY, READ_WRITE), Err(raw(Errno::IsDir)));
        for rights in [0, rights::FD_READ, stat.base & !rights::FD_WRITE] {
            assert!(puppet.open(3, ".", 0, rights).is_ok());
        }
        assert!(puppet.open_with(3, 0, ".", 0, 0, fdflags::NONBLOCK).is_ok());
    }
}

#[test]
fn renumbering() {
    for lab in Lab::each() {
        let mut puppet = confined(&lab);
        let from = puppet.open(3, "file1", oflags::CREAT, READ_WRITE).unwrap();
        let to = puppet.open(3, "file2", oflags::CREAT, READ_WRITE).unwrap();
        let ino = puppet.filestat(from).ino();
        assert_eq!(puppet.p1("fd_renumber", args![from, to]), 0);
        assert_eq!(puppet.filestat(to).ino(), ino);
        assert_eq!(puppet.p1("fd_close", args![from]), raw(Errno::BadF));
        assert_eq!(puppet.p1("fd_renumber", args![to, from]), raw(Errno::BadF));
        for stream in 0..3 {
            let fd = puppet.open(3, "file", oflags::CREAT, 0).unwrap();
            assert_eq!(puppet.p1("fd_renumber", args![stream, fd]), 0);
            assert!(puppet.fdstat(fd).is_ok());
            assert_eq!(puppet.fdstat(stream).err(), Some(raw(Errno::BadF)));
        }
    }
}

#[test]
fn preopened_directories() {
    let lab = Lab::new();
    let mut puppet = lab.legacy_puppet(Some(&[("/data", "/"), ("/tmp", "work")]));
    assert_eq!(puppet.out("fd_prestat_get", args![3], 8).unwrap(), [0, 0, 0, 0, 1, 0, 0, 0]);
    assert_eq!(puppet.out("fd_prestat_get", args![4], 8).unwrap()[4], 4);
    assert_eq!(puppet.out("fd_prestat_get", args![5], 8), Err(raw(Errno::BadF)));
    assert_eq!(puppet.out("fd_prestat_get", args![1], 8), Err(raw(Errno::BadF)));
    let name = puppet.room(8);
    assert_eq!(puppet.p1("fd_prestat_dir_name", args![4, name, 3]), raw(Errno::NameTooLong));
    assert_eq!(puppet.p1("fd_prestat_dir_name", args![4, name, 8]), 0);
    assert_eq!(puppet.peek(name, 4), b"work");
    let stat = puppet.fdstat(3).unwrap();
    assert_eq!((stat.base, stat.inheriting), (rights::PREOPEN_BASE, rights::PREOPEN_INHERITING));
    // The working directory has no name for such a program.
    assert_eq!(puppet.open(-2, "x", oflags::CREAT, READ_WRITE), Err(raw(Errno::BadF)));

    // One is replaced, the other closed.
    let fd = puppet.open(3, ".", oflags::DIRECTORY, 0).unwrap();
    let ino = puppet.filestat(fd).ino();
    assert_eq!(puppet.p1("fd_renumber", args![fd, 3]), 0);
    assert_eq!(puppet.filestat(3).ino(), ino);
    assert_eq!(puppet.fdstat(fd).err(), Some(raw(Errno::BadF)));
    assert_eq!(puppet.p1("fd_close", args![4]), 0);
    assert_eq!(puppet.out("fd_prestat_get", args![4], 8), Err(raw(Errno::BadF)));
}

#[test]
fn a_legacy_program_finds_the_whole_tree() {
    let lab = Lab::new();
    let mut puppet = lab.legacy_puppet(None);
    let mut names = Vec::new();
    for fd in 3.. {
        let Ok(stat) = puppet.out("fd_prestat_get", args![fd], 8) else {
            break;
        };
        let name = puppet.room(16);
        assert_eq!(puppet.p1("fd_prestat_dir_name", args![fd, name, 16]), 0);
        names.push(String::from_utf8(puppet.peek(name, stat[4].into())).unwrap());
    }
    assert_eq!(names, ["/", "/bin", "/data", "/dev", "/home", "/tmp", "."]);
    let cwd = 3 + names.len() as i32 - 1;
    assert!(puppet.open(cwd, "file", oflags::CREAT, READ_WRITE).is_ok());
    assert!(puppet.open(3, "home/user/file", 0, rights::FD_READ).is_ok());
}

#[test]
fn without_directories_there_are_no_preopens() {
    let lab = Lab::new();
    let mut puppet = lab.legacy_puppet(Some(&[]));
    assert_eq!(puppet.out("fd_prestat_get", args![3], 8), Err(raw(Errno::BadF)));
    let mut puppet = lab.puppet();
    assert_eq!(puppet.out("fd_prestat_get", args![3], 8), Err(raw(Errno::BadF)));
}

#[test]
fn no_descriptor_is_a_socket() {
    let lab = Lab::new();
    let mut puppet = lab.puppet();
    for (fd, errno) in [(1, Errno::NotSock), (9, Errno::BadF)] {
        assert_eq!(puppet.p1("sock_shutdown", args![fd, 1]), raw(errno));
        assert_eq!(puppet.p1("sock_accept", args![fd, 0, 0]), raw(errno));
        assert_eq!(puppet.p1("sock_recv", args![fd, 0, 0, 0, 0, 0]), raw(errno));
        assert_eq!(puppet.p1("sock_send", args![fd, 0, 0, 0, 0]), raw(errno));
    }
}

/// Subscriptions: userdata, tag, then a descriptor or a clock with its timeout and flags.
fn subscribe(puppet: &mut Puppet<'_>, subscriptions: &[(u64, u8, i32, u64, u8)]) -> (u32, u32) {
    let mut table = Vec::new();
    for &(userdata, tag, id, timeout, flags) in subscriptions {
        let mut s = [0; 48];
        s[..8].copy_from_slice(&userdata.to_le_bytes());
        s[8] = tag;
        s[16..20].copy_from_slice(&id.to_le_bytes());
        s[24..32].copy_from_slice(&timeout.to_le_bytes());
        s[40] = flags;
        table.extend_from_slice(&s);
    }
    let (at, _) = puppet.put(table);
    (at, puppet.room(32 * subscriptions.len() as u32))
}

/// Userdata, errno and type of each event.
pub(super) fn poll(
    puppet: &mut Puppet<'_>,
    subscriptions: &[(u64, u8, i32, u64, u8)],
) -> Result<Vec<(u64, u16, u8)>, i32> {
    let (subs, events) = subscribe(puppet, subscriptions);
    let n = puppet.out("poll_oneoff", args![subs, events, subscriptions.len() as i32], 4)?[0];
    Ok((0..u32::from(n))
        .map(|n| puppet.peek(events + 32 * n, 32))
        .map(|e| (u64::from_le_bytes(e[..8].try_into().unwrap()), u16::from_le_bytes([e[8], e[9]]), e[10]))
        .collect())
}

#[test]
fn polling() {
    let lab = Lab::new();
    let mut puppet = lab.puppet();
    let long = 60_000_000_000;
    assert_eq!(poll(&mut puppet, &[]), Err(raw(Errno::Inval)));
    assert_eq!(poll(&mut puppet, &[(7, 1, 0, 0, 0), (8, 0, 1, long, 0)]), Ok(vec![(7, 0, 1)]));
    let both = poll(&mut puppet, &[(1, 2, 1, 0, 0), (2, 2, 2, 0, 0), (3, 0, 1, long, 0)]);
    assert_eq!(both, Ok(vec![(1, 0, 2), (2, 0, 2)]));
    assert_eq!(poll(&mut puppet, &[(1, 1, 99, 0, 0)]), Ok(vec![(1, raw(Errno::BadF) as u16, 1)]));
    assert_eq!(poll(&mut puppet, &[(1, 3, 0, 0, 0)]), Err(raw(Errno::Inval)));
    assert_eq!(poll(&mut puppet, &[(1, 0, 2, 0, 0)]), Err(raw(Errno::Inval)));
}

#[test]
fn sleeping() {
    let lab = Lab::new();
    let mut puppet = lab.puppet();
    let started = Instant::now();
    for clock in [0, 1] {
        assert_eq!(poll(&mut puppet, &[(1, 0, clock, 20_000_000, 0)]), Ok(vec![(1, 0, 0)]));
    }
    assert!(started.elapsed() >= Duration::from_millis(40));
    // The earliest of two, and a time that has passed already.
    assert_eq!(poll(&mut puppet, &[(1, 0, 1, u64::MAX, 0), (2, 0, 1, 1_000_000, 0)]), Ok(vec![(2, 0, 0)]));
    assert_eq!(poll(&mut puppet, &[(3, 0, 0, 1, 1)]), Ok(vec![(3, 0, 0)]));
}

#[test]
fn yielding_comes_back() {
    let lab = Lab::new();
    assert_eq!(lab.puppet().p1("sched_yield", args![]), 0);
}

#[test]
fn random_bytes_are_not_zeros() {
    let lab = Lab::new();
    let mut puppet = lab.puppet();
    assert_eq!(puppet.p1("random_get", args![0x2000, 0]), 0);
    assert_eq!(puppet.p1("random_get", args![0x2000, 0x3_0000]), 0);
    let bytes = puppet.peek(0x2000, 0x3_0000);
    assert!(bytes.chunks(64).all(|chunk| chunk.iter().any(|&b| b != 0)));
}

#[test]
fn exiting_with_any_status() {
    let lab = Lab::new();
    for status in [0, 1, 33, 125, 126, 255, 256, -1] {
        let error = lab.puppet().raw("wasi_snapshot_preview1.proc_exit", args![status]).unwrap_err();
        assert_eq!(error.downcast_ref(), Some(&ExitRequest(status)));
    }
}

#[test]
fn raising_a_signal() {
    let lab = Lab::new();
    let mut puppet = lab.puppet();
    assert_eq!(puppet.p1("proc_raise", args![0]), 0);
    assert_eq!(puppet.p1("proc_raise", args![99]), raw(Errno::Inval));
    let error = puppet.raw("wasi_snapshot_preview1.proc_raise", args![6]).unwrap_err();
    assert!(error.is::<Killed>());
}
