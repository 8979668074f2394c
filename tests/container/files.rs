//! Files that come and go from outside: one by one, and as tar.

use bytes::Bytes;
use coquina::base::{Errno, Limits};
use coquina::container::{ContainerError, Create, ExecOptions, Origin, Ref, Settings};
use coquina::sandbox::{Exec, Output};

use super::house::{House, committed, kinds};

#[tokio::test]
async fn files_are_written_read_listed_and_removed_from_outside() {
    let house = House::new();
    let made = house.create().await;
    let (c, id) = (&house.containers, made.id.as_str());
    let now = Ref::Container(made.id.clone());
    let landed =
        c.write_file(id, b"/home/user/a/b/f", Bytes::from_static(b"content"), 0o640).await.expect("it is written");
    assert_eq!(committed(landed).kind, "write");
    let attr = c.stat(&now, b"/home/user/a/b/f").await.expect("it is there");
    assert_eq!((attr.mode, attr.uid, attr.gid, attr.size), (0o640, 1000, 1000, 7));
    assert_eq!(c.stat(&now, b"/home/user/a").await.expect("it is there").uid, 1000);
    assert_eq!(house.run(id, "cat a/b/f; echo more >> a/b/f; chmod 600 a/b/f").await, "content");
    c.write_file(id, b"/home/user/a/b/f", Bytes::from_static(b"new"), 0o777).await.expect("it is replaced");
    assert_eq!(house.run(id, "cat a/b/f; stat -c %a a/b/f").await, "new600\n");
    c.make_dir(id, b"/home/user/a/c/d").await.expect("it is made");
    let listed = c.list_dir(&now, b"/home/user/a").await.expect("it is there");
    assert_eq!(listed.iter().map(|(name, _)| name.as_slice()).collect::<Vec<_>>(), [b"b", b"c"]);
    c.remove_file(id, b"/home/user/a").await.expect("it is removed");
    assert_eq!(house.run(id, "ls").await, "");
    assert_eq!(
        kinds(&house.log(id).await)[1..],
        [(2, "write"), (3, "exec"), (4, "write"), (5, "exec"), (6, "mkdir"), (7, "remove"), (8, "exec")]
    );
    for (path, errno) in [("/none", Errno::NoEnt), ("/", Errno::Busy), ("relative", Errno::Inval)] {
        match c.remove_file(id, path.as_bytes()).await {
            Err(ContainerError::Path { errno: found, .. }) => assert_eq!(found, errno, "{path}"),
            other => panic!("{path}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn files_from_outside_count_against_the_limits() {
    let house = House::new();
    let limits = Limits { tree_bytes: 1 << 20, tree_files: 10, ..Limits::default() };
    let made = house.create_with(Settings { limits, ..Settings::default() }).await;
    let big = house.containers.write_file(&made.id, b"/home/user/big", vec![1; 2 << 20].into(), 0o644).await;
    assert!(matches!(big, Err(ContainerError::Path { errno: Errno::NoSpc, .. })), "{big:?}");
    assert_eq!(house.run(&made.id, "ls").await, "", "half of it is none of it");
    let deep = house.containers.make_dir(&made.id, b"/home/user/1/2/3/4/5/6/7/8/9/10/11").await;
    assert!(matches!(deep, Err(ContainerError::Path { errno: Errno::NoSpc, .. })), "{deep:?}");
}

#[tokio::test]
async fn files_change_from_outside_beside_what_runs() {
    let house = House::new();
    let made = house.create().await;
    let exec = Exec { output: Output::Stream, ..Exec::bash("echo started; until [ -e flag ]; do :; done; cat flag") };
    let (mut streams, running) =
        house.containers.start(&made.id, exec, ExecOptions::default()).await.expect("it starts");
    let stdout = streams.stdout.as_mut().expect("it is streamed");
    assert_eq!(stdout.next().await.as_deref(), Some(b"started\n".as_slice()));
    house
        .containers
        .write_file(&made.id, b"/home/user/flag", Bytes::from_static(b"up"), 0o644)
        .await
        .expect("it is written");
    assert_eq!(stdout.next().await.as_deref(), Some(b"up".as_slice()));
    running.finish().await.expect("it ends");
}

#[tokio::test]
async fn a_tree_goes_out_and_in_as_tar() {
    let house = House::new();
    let made = house.create().await;
    house.run(&made.id, "mkdir d; echo hi > d/f; ln d/f d/hard; ln -s f d/sym; chmod 751 d").await;
    let (state, tar) = (Ref::Container(made.id.clone()), house.dir.path().join("d.tar"));
    let file = std::fs::File::create(&tar).expect("it can be made");
    house.containers.export(&state, b"/home/user/d", file).await.expect("it can be written");
    let archive = || std::fs::File::open(&tar).expect("it is there");

    let other = house.create().await;
    house.run(&other.id, "mkdir in").await;
    let (imported, landed) =
        house.containers.import(&other.id, b"/home/user/in", archive(), None).await.expect("it can be read");
    assert!(imported.members >= 3);
    assert_eq!(committed(landed).kind, "import");
    let script = "stat -c '%a %n' in; cat in/f in/sym; stat -c %h in/hard";
    assert_eq!(house.run(&other.id, script).await, "751 in\nhi\nhi\n2\n");

    let from = Origin::Tar { archive: Box::new(archive()), at: b"/home/user".to_vec() };
    let third = house.containers.create(Create { from, ..Create::default() }).await.expect("it can be made");
    assert_eq!(house.run(&third.id, "cat sym").await, "hi\n");

    let bad =
        house.containers.import(&other.id, b"/home/user", std::io::Cursor::new(b"no tar at all".repeat(100)), None);
    assert!(matches!(bad.await, Err(ContainerError::Import(_))));
    assert_eq!(house.log(&other.id).await.len(), 4, "a refused archive leaves no trace");
}
