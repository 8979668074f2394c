//! Archives: there and back, to and from GNU tar, and everything that can be wrong with one.

use super::model::{Dump, dump, op, run};
use super::*;
use proptest::collection::vec;
use proptest::prelude::*;
use std::io::{self, Read, Write as _};
use std::process::{Command, Stdio};

fn options() -> ImportOptions {
    ImportOptions { limits: Limits::default(), owner: None, now: 77 }
}

fn packed(tree: &Tree, path: &str) -> Vec<u8> {
    let mut archive = Vec::new();
    export(tree, path.as_bytes(), &mut archive).unwrap();
    archive
}

fn unpacked(archive: &[u8], options: &ImportOptions) -> Result<Tree, ImportError> {
    let mut tree = Tree::new();
    let before = dump(&tree);
    let result = import(&mut tree, b"/", &mut &*archive, options);
    tree.check();
    if result.is_err() {
        assert_eq!(dump(&tree), before, "a tree that refuses an archive is as it was");
    }
    result.map(|_| tree)
}

/// What an archive keeps: no inode numbers, and of times only the content's.
fn kept(tree: &Tree) -> Dump {
    let mut dump = dump(tree);
    for (path, (attr, _)) in &mut dump {
        let mtime = tree_mtime(tree, path);
        (attr.ino, attr.atime, attr.ctime, attr.mtime) = (0, 0, 0, mtime);
    }
    dump
}

/// The time of a path itself, directories included.
fn tree_mtime(tree: &Tree, path: &[u8]) -> i64 {
    let mut vfs = Vfs::new(tree.clone(), &Limits::default());
    vfs.stat(&ROOT, vfs.root(), path, Follow::NoLast).unwrap().1.mtime
}

/// Names that are one file, as sets.
fn linked(tree: &Tree) -> Vec<Vec<Vec<u8>>> {
    let mut names = std::collections::BTreeMap::<u64, Vec<Vec<u8>>>::new();
    for (path, (attr, _)) in dump(tree) {
        if attr.kind != Kind::Dir && attr.nlink > 1 {
            names.entry(attr.ino).or_default().push(path);
        }
    }
    let mut sets: Vec<_> = names.into_values().collect();
    sets.sort();
    sets
}

/// One of everything.
fn sample() -> Tree {
    let mut tree = Tree::new();
    let long = "n".repeat(200);
    tree.put_file(b"/file", "text\n".into(), 0o640, 7, 8, 1_234_567_890_123_456_789, None).unwrap();
    tree.put_file(b"/empty", "".into(), 0o4755, 3_000_000, 4_000_000_000, -1_500_000_000, None).unwrap();
    tree.put_file(b"/sub/big", vec![5; 200_000].into(), 0o600, 0, 0, 5, None).unwrap();
    tree.put_file(format!("/sub/{long}/{long}").as_bytes(), "x".into(), 0o644, 0, 0, 0, None).unwrap();
    tree.put_file("/sub/größe \n\"".as_bytes(), "y".into(), 0o644, 0, 0, 0, None).unwrap();
    tree.put_link(b"/file", b"/sub/link").unwrap();
    tree.put_link(b"/file", b"/zlink").unwrap();
    tree.put_symlink(b"/sym", b"../no where", 9_000_000_000).unwrap();
    tree.put_symlink(b"/longsym", "t/".repeat(300).as_bytes(), 0).unwrap();
    tree.put_dir(b"/sub/dir", 0o2711, 5, 6, 3_000_000_000).unwrap();
    let mut f = Fixture::with(tree, &Limits::default());
    f.as_user(0, 0);
    f.vfs.mkfifo(&ROOT, f.cwd, b"/fifo", 0o620).unwrap();
    for (path, data, size) in [("/hole", 300_000, 1 << 40), ("/holes", 200_000, 200_003), ("/nothing", 0, 100_000)] {
        let loc = f.open(path, "wc", 0o644).unwrap();
        f.vfs.truncate(loc, size).unwrap();
        if data > 0 {
            f.vfs.write_at(loc, data, b"abc").unwrap();
        }
    }
    f.vfs.into_tree()
}

#[test]
fn everything_comes_back() {
    let tree = sample();
    let archive = packed(&tree, "/");
    assert!(archive.len() < 1_000_000, "holes are not written");
    let back = unpacked(&archive, &options()).unwrap();
    assert_eq!(kept(&back), kept(&tree));
    assert_eq!(linked(&back), linked(&tree));
    assert_eq!(back.stat(b"/hole").unwrap().blocks, tree.stat(b"/hole").unwrap().blocks);
    assert_eq!(back.stat(b"/file").unwrap().ctime, 77);
    assert_eq!(packed(&back, "/"), archive, "the same tree gives the same bytes");
}

#[test]
fn a_part_goes_elsewhere() {
    let mut tree = sample();
    let archive = packed(&tree, "/sub");
    tree.put_dir(b"/other", 0o755, 0, 0, 0).unwrap();
    let owner = ImportOptions { owner: Some((1000, 100)), ..options() };
    let imported = import(&mut tree, b"/other", &mut &*archive, &owner).unwrap();
    assert_eq!(imported, Imported { members: 7, bytes: 200_000 + 1 + 1 + 5 });
    let attr = tree.stat(b"/other/dir").unwrap();
    assert_eq!((attr.mode, attr.uid, attr.gid, attr.mtime), (0o2711, 1000, 100, 3_000_000_000));
    assert_eq!(tree.read_path(b"/other/link").unwrap(), "text\n");
    let archive = packed(&tree, "/other/link");
    let back = unpacked(&archive, &options()).unwrap();
    assert_eq!(back.read_path(b"/link").unwrap(), "text\n");
    let archive = packed(&tree, "/sym");
    assert_eq!(unpacked(&archive, &options()).unwrap().read_link(b"/sym").unwrap(), b"../no where");
    assert!(matches!(export(&tree, b"/nosuch", &mut Vec::new()), Err(ExportError::Path { errno: Errno::NoEnt, .. })));
}

#[test]
fn devices_are_left_out_and_said_to_be() {
    let mut tree = sample();
    tree.put_device(b"/dev/null", 1, 3, 0o666).unwrap();
    let exported = export(&tree, b"/", &mut Vec::new()).unwrap();
    assert_eq!(exported.skipped, [b"./dev/null"]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn what_is_exported_is_imported(ops in vec(op(), 0..150)) {
        let mut f = Fixture::new();
        for op in &ops {
            run(&mut f, &mut Vec::new(), op).ok();
        }
        let tree = f.vfs.into_tree();
        let back = unpacked(&packed(&tree, "/"), &options()).unwrap();
        prop_assert_eq!(kept(&back), kept(&tree));
        prop_assert_eq!(linked(&back), linked(&tree));
    }

    /// No bytes make it panic, and none leave half a tree.
    #[test]
    fn damaged_archives_are_refused_or_read(places in vec((0..40_000usize, any::<u8>()), 1..8), cut in 0..60_000usize) {
        let mut archive = packed(&sample(), "/");
        for (place, byte) in places {
            let place = place % archive.len();
            archive[place] = byte;
            reseal(&mut archive, place);
        }
        archive.truncate(cut.max(1));
        let limits = Limits { tree_bytes: 1 << 20, ..Limits::default() };
        drop(unpacked(&archive, &ImportOptions { limits, ..options() }));
    }
}

/// Makes the checksum of the block that holds a place right, if it may be a header.
fn reseal(archive: &mut [u8], place: usize) {
    let start = place / 512 * 512;
    let block = &mut archive[start..start + 512];
    if block[257..262] == *b"ustar" {
        block[148..156].fill(b' ');
        let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
        block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    }
}

/// A header by hand.
fn header(name: &[u8], kind: u8, size: u64, link: &[u8]) -> Vec<u8> {
    let mut block = vec![0; 512];
    block[..name.len()].copy_from_slice(name);
    for (at, text) in
        [(100, "0000644".into()), (108, "0000000".into()), (116, "0000000".into()), (124, format!("{size:011o}"))]
    {
        block[at..at + text.len()].copy_from_slice(text.as_bytes());
    }
    block[136..147].copy_from_slice(b"00000000000");
    block[156] = kind;
    block[157..157 + link.len()].copy_from_slice(link);
    block[257..265].copy_from_slice(b"ustar\x0000");
    reseal(&mut block, 0);
    block
}

/// An archive of members (name, type, link or content), with its end.
fn archive(members: &[(&str, u8, &str)]) -> Vec<u8> {
    let mut all = Vec::new();
    for (name, kind, text) in members {
        let is_link = matches!(kind, b'1' | b'2');
        let (size, link) = if is_link { (0, *text) } else { (text.len() as u64, "") };
        all.extend(header(name.as_bytes(), *kind, size, link.as_bytes()));
        if !is_link && !text.is_empty() {
            all.extend(text.as_bytes());
            all.resize(all.len().next_multiple_of(512), 0);
        }
    }
    all.resize(all.len() + 1024, 0);
    all
}

#[track_caller]
fn refused(archive: &[u8], message: &str) {
    match unpacked(archive, &options()) {
        Err(error) => assert_eq!(error.to_string(), format!("import: {message}")),
        Ok(tree) => panic!("it was read: {:?}", dump(&tree).keys()),
    }
}

#[test]
fn members_that_lead_astray_are_refused() {
    let absolute = "an absolute path; archives must be of relative ones";
    refused(&archive(&[("ok", b'0', "x"), ("/etc/passwd", b'0', "x")]), &format!("member /etc/passwd: {absolute}"));
    for path in ["../x", "a/../../x", "a/..", "..", "./../x"] {
        refused(&archive(&[(path, b'0', "x")]), &format!("member {path}: `..` in its path"));
    }
    let device = "a device; devices are not imported";
    refused(&archive(&[("null", b'3', "")]), &format!("member null: {device}"));
    refused(&archive(&[("sda", b'4', "")]), &format!("member sda: {device}"));
    refused(&archive(&[("l", b'2', "/etc"), ("l/passwd", b'0', "x")]), "member l/passwd: the symlink l is on its way");
    refused(
        &archive(&[("d", b'5', ""), ("d/l", b'2', ".."), ("d/l/x", b'5', "")]),
        "member d/l/x: the symlink d/l is on its way",
    );
    refused(&archive(&[("f", b'0', "x"), ("f/x", b'0', "x")]), &format!("member f/x: {CLASH}"));
    refused(&archive(&[("l", b'1', "nosuch")]), "member l: a link to nosuch, which is no file of this archive");
    refused(&archive(&[("l", b'1', "../../x")]), "member l: `..` in its path");
    refused(&archive(&[("l", b'1', "/etc/passwd")]), &format!("member l: {absolute}"));
    refused(&archive(&[("d", b'5', ""), ("l", b'1', "d")]), "member l: a link to d, which is no file of this archive");
    refused(
        &archive(&[("s", b'2', "d"), ("d", b'5', ""), ("d/f", b'0', ""), ("l", b'1', "s/f")]),
        "member l: a link to s/f, which is no file of this archive",
    );
    refused(&archive(&[("l", b'2', "")]), "member l: a link to , which is no file of this archive");
    refused(&archive(&[("", b'0', "x")]), "member : an empty path");
    refused(&archive(&[("x", b'M', "")]), "member x: a member of type 'M', which is not known");
    refused(&archive(&[(".", b'0', "x")]), &format!("member .: {CLASH}"));
}

const CLASH: &str = "something that is no directory is on its way, or it is a directory and what is there is not, or the other way round";

#[test]
fn nothing_but_the_archives_own_files_is_linked_or_passed_through() {
    let mut tree = sample();
    tree.put_symlink(b"/sub/out", b"/", 0).unwrap();
    let before = dump(&tree);
    let cases: &[&[(&str, u8, &str)]] =
        &[&[("l", b'1', "file")], &[("sub/out/x", b'0', "x")], &[("sub", b'0', "x")], &[("file", b'5', "")]];
    for members in cases {
        let result = import(&mut tree, b"/", &mut &*archive(members), &options());
        assert!(matches!(result, Err(ImportError::Member { .. })), "{result:?}");
        assert_eq!(dump(&tree), before);
    }
    let missing = import(&mut tree, b"/nosuch", &mut &*archive(&[]), &options());
    assert!(matches!(missing, Err(ImportError::At { errno: Errno::NoEnt, .. })));
    let file = import(&mut tree, b"/file", &mut &*archive(&[]), &options());
    assert!(matches!(file, Err(ImportError::At { errno: Errno::NotDir, .. })));
}

#[test]
fn the_last_of_a_name_wins() {
    let members = [
        ("f", b'0', "old"),
        ("g", b'1', "f"),
        ("f", b'0', "new"),
        ("s", b'0', "x"),
        ("s", b'2', "f"),
        ("d", b'5', ""),
        ("d", b'5', ""),
        ("g", b'1', "g"),
    ];
    let tree = unpacked(&archive(&members), &options()).unwrap();
    assert_eq!(tree.read_path(b"/f").unwrap(), "new");
    assert_eq!(tree.read_path(b"/g").unwrap(), "old", "a link keeps what it was to");
    assert_eq!(tree.read_link(b"/s").unwrap(), b"f");
}

#[test]
fn what_is_there_is_replaced_and_links_to_it_are_not_changed() {
    let mut tree = sample();
    import(&mut tree, b"/", &mut &*archive(&[("file", b'0', "new"), ("deep/er/x", b'0', "x")]), &options()).unwrap();
    assert_eq!(
        (tree.read_path(b"/file").unwrap(), tree.read_path(b"/zlink").unwrap()),
        ("new".into(), "text\n".into())
    );
    assert_eq!(tree.stat(b"/deep/er").map(|attr| (attr.mode, attr.mtime)), Ok((0o755, 77)));
}

#[test]
fn archives_that_are_cut_off_or_lie_are_refused() {
    refused(b"", "the archive is cut off after member \"\"");
    refused(&[b'x'; 2000], "this is no tar archive; a compressed one must be unpacked first");
    let whole = archive(&[("a", b'0', "text"), ("b", b'0', "more")]);
    for length in [100, 511, 512, 514, 515, 1024, 1030, 1536, 1540, 2048, 2100] {
        let after = if length < 512 {
            ""
        } else if length < 1536 {
            "a"
        } else {
            "b"
        };
        refused(&whole[..length], &format!("the archive is cut off after member {after:?}"));
    }
    assert!(unpacked(&whole[..2560], &options()).is_ok(), "one empty block is an end");
    let mut damaged = whole.clone();
    damaged[1024] ^= 1;
    refused(&damaged, "the archive is damaged after member a");
    let mut lie = header(b"huge", b'0', 0o77_777_777_777, b"");
    lie.extend([b'x'; 4096]);
    refused(&lie, "the archive is cut off after member \"huge\"");
    let mut lie = header(b"odd", b'0', 0, b"");
    lie[124..136].copy_from_slice(b"99999999999\0");
    reseal(&mut lie, 0);
    refused(&lie, "member odd: its size is no number that can be");
    let mut lie = header(b"negative", b'0', 0, b"");
    lie[124..136].fill(0xff);
    reseal(&mut lie, 0);
    refused(&lie, "member negative: its size is no number that can be");
    refused(&header(b"./x", b'x', 1 << 30, b""), "member ./x: its extended header is damaged or larger than a MiB");
    refused(&header(b"./l", b'L', 1 << 33, b""), "member ./l: its extended header is damaged or larger than a MiB");
}

/// The records before a file called `f`.
fn pax(records: &[(&str, &str)], content: &str) -> Vec<u8> {
    let record = |(key, value): &(&str, &str)| {
        let rest = key.len() + value.len() + 3;
        let length = (rest..).find(|length| *length == rest + length.to_string().len()).unwrap();
        format!("{length} {key}={value}\n")
    };
    let data: String = records.iter().map(record).collect();
    archive(&[("h", b'x', &data), ("f", b'0', content)])
}

#[test]
fn extended_headers_are_read_and_checked() {
    let tree = unpacked(
        &pax(&[("path", "d/long"), ("mtime", "1.5"), ("uid", "5"), ("comment", "x"), ("mode", "x")], "text"),
        &options(),
    );
    let attr = tree.unwrap().stat(b"/d/long").unwrap();
    assert_eq!((attr.mtime, attr.uid, attr.size), (1_500_000_000, 5, 4));
    let wrong = "is no number that can be";
    refused(&pax(&[("size", "9223372036854775808")], ""), &format!("member f: its size {wrong}"));
    refused(&pax(&[("size", "-1")], ""), &format!("member h: its size {wrong}"));
    refused(&pax(&[("size", "5000")], "short"), "the archive is cut off after member \"f\"");
    refused(&pax(&[("uid", "4294967296")], ""), &format!("member f: its uid {wrong}"));
    refused(&pax(&[("mtime", "soon")], ""), &format!("member h: its mtime {wrong}"));
    refused(&pax(&[("path", "a\0b")], ""), "member a\0b: a NUL in its path or target");
    refused(&pax(&[("path", "/x")], ""), "member /x: an absolute path; archives must be of relative ones");
    let name = "n".repeat(256);
    refused(&pax(&[("path", &name)], ""), &format!("member {name}: its path, a name in it or its target is too long"));
    let path = "n/".repeat(2048);
    refused(&pax(&[("path", &path)], ""), &format!("member {path}: its path, a name in it or its target is too long"));
    for data in ["5 a=b\n", "99 a=b\n", "nonsense", "6 a b\n"] {
        refused(&archive(&[("h", b'x', data)]), "member h: its extended header is damaged or larger than a MiB");
    }
    let sparse = [("GNU.sparse.major", "1"), ("GNU.sparse.minor", "0"), ("GNU.sparse.realsize", "1000")];
    let map = |text: &str, data: &str| format!("{text:\0<512}{data}");
    let tree = unpacked(&pax(&sparse, &map("1\n990\n2\n", "xy")), &options()).unwrap();
    assert_eq!(tree.read_path(b"/f").unwrap()[989..993], *b"\0xy\0");
    for (text, data) in [
        ("1\n999\n2\n", "xy"),
        ("2\n5\n1\n5\n1\n", "xy"),
        ("1\n0\n3\n", "xy"),
        ("9\n0\n", "xy"),
        ("x\n", ""),
        ("99999999999\n", ""),
        ("1\n18446744073709551615\n2\n", "xy"),
    ] {
        refused(
            &pax(&sparse, &map(text, data)),
            "member f: a sparse file with a map that is wrong or of another format than 1.0",
        );
    }
}

#[test]
fn limits_are_kept() {
    let many = archive(&[("a", b'0', "x"), ("b", b'0', "x"), ("c", b'0', "x"), ("d", b'5', "")]);
    let with = |files, bytes| ImportOptions {
        limits: Limits { tree_files: files, tree_bytes: bytes, ..Limits::default() },
        ..options()
    };
    assert!(unpacked(&many, &with(4, 3 * 4096)).is_ok());
    assert!(
        matches!(unpacked(&many, &with(3, 1 << 20)), Err(ImportError::Files { limit: 3, member }) if member == b"d")
    );
    assert!(
        matches!(unpacked(&many, &with(9, 2 * 4096)), Err(ImportError::Bytes { limit: 8192, member }) if member == b"c")
    );
    let same = archive(&[("a", b'0', "x"); 5]);
    assert!(
        matches!(unpacked(&same, &with(4, 1 << 20)), Err(ImportError::Files { limit: 4, .. })),
        "members count as well"
    );
    let big = archive(&[("big", b'0', &"x".repeat(100_000))]);
    assert!(matches!(unpacked(&big, &with(9, 50_000)), Err(ImportError::Bytes { limit: 50_000, .. })));
    let mut tree = sample();
    tree.seal_base();
    assert!(import(&mut tree, b"/", &mut &*many, &with(4, 3 * 4096)).is_ok(), "what the image holds does not count");
}

#[test]
fn a_reader_that_fails_leaves_all_as_it_was() {
    struct Failing<'a>(&'a [u8]);
    impl Read for Failing<'_> {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            let count = into.len().min(100).min(self.0.len());
            into[..count].copy_from_slice(&self.0[..count]);
            self.0 = &self.0[count..];
            if count == 0 { Err(io::Error::other("the line is dead")) } else { Ok(count) }
        }
    }
    let whole = archive(&[("a", b'0', "text"), ("b", b'0', "more")]);
    let mut tree = Tree::new();
    let result = import(&mut tree, b"/", &mut Failing(&whole[..1600]), &options());
    assert!(matches!(result, Err(ImportError::Read(_))), "{result:?}");
    assert_eq!(dump(&tree).len(), 1);
    import(&mut tree, b"/", &mut Failing(&whole), &options()).unwrap();
    assert_eq!(dump(&tree).len(), 3);
}

/// Runs GNU tar with an input; its output.
fn tar(args: &[&str], dir: &Scratch, input: &[u8]) -> Vec<u8> {
    let mut command = Command::new("tar");
    command.args(args).current_dir(dir.at("")).env("LC_ALL", "C").stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().expect("GNU tar is installed");
    let (mut stdin, input) = (child.stdin.take().unwrap(), input.to_vec());
    let writer = std::thread::spawn(move || stdin.write_all(&input).ok());
    let done = child.wait_with_output().unwrap();
    writer.join().unwrap();
    assert!(done.status.success(), "tar {args:?}");
    done.stdout
}

/// The sample without what an ordinary user cannot make.
fn plain_sample() -> Tree {
    let mut tree = sample();
    tree.remove(b"/fifo").unwrap();
    tree.remove(b"/hole").unwrap();
    tree
}

#[test]
fn gnu_tar_reads_what_is_written() {
    let dir = Scratch::new("tar-read");
    let tree = plain_sample();
    tar(&["-xf", "-", "--no-same-owner", "-p"], &dir, &packed(&tree, "/"));
    let back = tar(&["-cf", "-", "--format=pax", "--sparse", "."], &dir, b"");
    let owner = |tree: &Tree| -> Dump {
        let mut dump = kept(tree);
        dump.values_mut().for_each(|(attr, _)| (attr.uid, attr.gid, attr.blocks) = (0, 0, 0));
        dump
    };
    let back = unpacked(&back, &options()).unwrap();
    assert_eq!(owner(&back), owner(&tree));
    assert_eq!(linked(&back), linked(&tree));
}

#[test]
fn what_gnu_tar_writes_is_read() {
    let dir = Scratch::new("tar-write");
    let mut tree = plain_sample();
    tar(&["-xf", "-", "--no-same-owner", "-p"], &dir, &packed(&tree, "/"));
    for (format, is_exact) in [("pax", true), ("posix", true), ("gnu", false), ("oldgnu", false)] {
        for sparse in [&["--sparse"][..], &[]] {
            let args = [&["-cf", "-", "--format", format], sparse, &["."]].concat();
            let back = unpacked(&tar(&args, &dir, b""), &options()).unwrap();
            let (mut found, mut expected) = (kept(&back), kept(&tree));
            for (attr, _) in found.values_mut().chain(expected.values_mut()) {
                (attr.uid, attr.gid, attr.blocks) = (0, 0, 0);
                attr.mtime = if is_exact { attr.mtime } else { attr.mtime.div_euclid(1_000_000_000) };
            }
            assert_eq!(found, expected, "{format} {sparse:?}");
            assert_eq!(linked(&back), linked(&tree), "{format}");
        }
    }
    // What ustar and v7 cannot hold is left out.
    std::fs::remove_dir_all(dir.at("sub")).unwrap();
    std::fs::remove_file(dir.at("longsym")).unwrap();
    std::fs::remove_file(dir.at("empty")).unwrap();
    for path in [&b"/sub"[..], b"/longsym", b"/empty"] {
        tree.remove(path).unwrap();
    }
    for format in ["ustar", "v7"] {
        let back = unpacked(&tar(&["-cf", "-", "--format", format, "."], &dir, b""), &options()).unwrap();
        assert_eq!(dump(&back).keys().collect::<Vec<_>>(), dump(&tree).keys().collect::<Vec<_>>(), "{format}");
        assert_eq!(back.read_path(b"/file").unwrap(), "text\n");
    }
}
