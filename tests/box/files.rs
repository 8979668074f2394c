//! Files in and out: tar archives, copies, quotas.

use std::process::Command;

use serde_json::json;

use crate::house::{Place, text};

#[test]
fn tars_come_in_and_go_out() {
    let place = Place::new();
    let from = place.host("from");
    std::fs::create_dir_all(from.join("sub")).expect("it is made");
    std::fs::write(from.join("sub/file"), "content").expect("it is written");
    std::os::unix::fs::symlink("sub/file", from.join("link")).expect("it is made");
    let tar = place.host("in.tar").display().to_string();
    let packed = Command::new("tar").args(["-C", &from.display().to_string(), "-cf", &tar, "."]).status();
    assert!(packed.expect("tar runs").success());

    place.out(&["box", "create", "work", "--tar", &tar, "--at", "/home/user"]);
    assert_eq!(place.run("work", "cat link; stat -c %U sub/file"), "contentuser\n");
    place.create("other");
    let fed = place.fed(&["box", "import", "other", "--at", "/home/user"], &std::fs::read(&tar).expect("it is there"));
    assert_eq!((fed.status, fed.stderr.as_str()), (0, ""));
    assert_eq!(place.run("other", "readlink link; cat sub/file"), "sub/file\ncontent");

    let out = place.host("out.tar").display().to_string();
    let exported = place.json(&["export", "other", "/home/user/sub", "-o", &out]);
    assert_eq!(exported["bytes"], json!(7));
    let listed = Command::new("tar").args(["-tf", &out]).output().expect("tar runs");
    assert!(listed.stdout.ends_with(b"\n./file\n"), "{}", String::from_utf8_lossy(&listed.stdout));
    let streamed = place.command(&["box", "export", "other@1"]).output().expect("it runs");
    assert!(streamed.status.success() && streamed.stdout.len().is_multiple_of(512));

    let (status, said) =
        place.refused(&["box", "create", "bad", "--tar", &place.host("from/sub/file").display().to_string()]);
    assert!(status == 125 && said.starts_with("coquina: "), "{said}");
    assert_eq!(place.refused(&["box", "import", "other", "/nosuch.tar"]).0, 125);
    assert_eq!(place.refused(&["box", "export", "other", "/nosuch"]).0, 125);
    assert_eq!(place.json(&["ls", "bad"]), json!([]), "nothing is left of it");
}

#[test]
fn files_are_copied_as_cp_does() {
    let place = Place::new();
    place.create("work");
    let host = |name: &str| place.host(name).display().to_string();
    let cp = |from: &str, to: &str| place.out(&["box", "cp", from, to]);
    std::fs::create_dir_all(place.host("dir/sub")).expect("it is made");
    std::fs::write(place.host("dir/sub/f"), "nested").expect("it is written");
    std::fs::write(place.host("one"), "1").expect("it is written");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o640);
    std::fs::set_permissions(place.host("one"), mode).expect("it is set");

    cp(&host("one"), "work:/home/user");
    cp(&host("one"), "work:renamed");
    cp(&host("dir"), "work:");
    cp(&host("dir"), "work:/home/user/dir2");
    cp(&format!("{}/.", host("dir/sub")), "work:/tmp");
    assert_eq!(
        place.run("work", "cat one renamed; find dir dir2 -type f; cat /tmp/f; stat -c '%U %a' one"),
        "11dir/sub/f\ndir2/sub/f\nnesteduser 640\n"
    );
    let missing = place.refused(&["box", "cp", &host("one"), "work:/no/such/dir"]);
    assert!(missing.0 == 125 && missing.1.contains("/no/such/"), "{missing:?}");
    assert_eq!(place.refused(&["box", "cp", &host("nosuch"), "work:"]).0, 125);

    cp("work:dir", &host("back"));
    assert_eq!(text(place.host("back/sub/f")), "nested");
    cp("work:dir", &host(""));
    cp("work:renamed", &host("back"));
    assert_eq!(text(place.host("back/renamed")), "1");
    place.run("work", "echo changed > one; echo dot > .hidden");
    cp("work:.hidden", &host("back"));
    assert_eq!(text(place.host("back/.hidden")), "dot\n");
    cp("work@2:one", &host("earlier"));
    assert_eq!(text(place.host("earlier")), "1");
    assert_eq!(place.out(&["box", "cp", "work:one", "-"]), "changed\n");
    assert_eq!(place.fed(&["box", "cp", "-", "work:streamed"], b"bytes\0\xff").status, 0);
    assert_eq!(place.run("work", "od -An -tx1 streamed"), " 62 79 74 65 73 00 ff\n");

    place.create("other");
    cp("work:dir", "other:/home/user");
    cp("work@2:one", "other:/home/user/two");
    assert_eq!(place.run("other", "cat dir/sub/f two"), "nested1");
    for (from, to) in [("a", "b"), ("-", "-"), ("work:one", "work@1:x"), ("-", "snap_1:x")] {
        assert_eq!(place.refused(&["box", "cp", from, to]).0, 2, "{from} {to}");
    }
    assert_eq!(place.refused(&["box", "cp", "work:nosuch", &host("x")]).0, 125);
    assert!(!place.host("x").exists());
}

#[test]
fn a_box_is_held_to_its_limits() {
    let place = Place::new();
    place.out(&["box", "create", "small", "--disk", "1M", "--files", "10"]);
    let full = place.said(&["box", "exec", "small", "-c", "head -c 2000000 /dev/zero > big"]);
    assert!(full.status != 0 && full.stderr.contains("No space left"), "{}", full.stderr);
    std::fs::write(place.host("big"), vec![b'x'; 2 << 20]).expect("it is written");
    let big = place.host("big").display().to_string();
    let (status, said) = place.refused(&["box", "cp", &big, "small:"]);
    assert!(status == 125 && !said.is_empty(), "{said}");
    assert_eq!(place.fed(&["box", "cp", "-", "small:big2"], &vec![b'x'; 2 << 20]).status, 125);
    assert_eq!(place.run("small", "ls big2 2>/dev/null | wc -l"), "0\n");
}
