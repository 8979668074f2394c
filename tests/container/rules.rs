//! Who may do what, and when: profiles, turns, expiry, batches, limits, names, whose a state is.

use std::time::Duration;

use bytes::Bytes;
use coquina::base::{Errno, Limits};
use coquina::container::{
    Access, ContainerError, Containers, ContainersConfig, Create, Durability, ExecOptions, Ref, Retention, Settings,
    Update,
};
use coquina::sandbox::{Exec, Output, Stdin};
use coquina::storage::{ContainerQuery, ContainerStatus, Store, StoreConfig, StoreError};

use super::common::{image, status};
use super::house::{House, committed, kinds, parallel, profile, proposed, text};

#[tokio::test]
async fn what_a_profile_forbids_is_undone() {
    let house = House::new();
    let made = house.create_with(profile(Access::Full, &[("/home/user/locked", Access::ReadOnly)])).await;
    let id = &made.id;
    house.run(id, "echo ok > free").await;
    // The directory is not there yet, so that no mount can keep it from being made.
    let made_it =
        house.containers.exec(id, Exec::bash("mkdir locked; echo x > locked/f; rm free"), ExecOptions::default());
    match made_it.await {
        Err(ContainerError::NotKept { finished, why }) => {
            assert_eq!(status(&finished.outcome), 0);
            assert!(matches!(*why, ContainerError::ReadOnly(ref paths) if paths.len() == 2), "{why}");
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(house.run(id, "cat free; ls").await, "ok\nfree\n");

    let made = house.create_with(profile(Access::Full, &[("/home", Access::ReadOnly)])).await;
    let done = house
        .done(&made.id, "echo x > f; echo $? $(cat f 2>&1 | wc -l); echo y > /tmp/f", ExecOptions::default())
        .await;
    assert!(String::from_utf8_lossy(&done.finished.stderr.bytes).contains("Read-only file system"));
    let written = house.containers.write_file(&made.id, b"/home/user/f", Bytes::from_static(b"x"), 0o644).await;
    assert!(written.is_err(), "{written:?}");
    assert_eq!(house.read(&made.id, "/tmp/f").await, Ok("y\n".into()));

    // Nothing but one directory may be written.
    let made = house.create_with(profile(Access::ReadOnly, &[("/home/user", Access::Full)])).await;
    assert_eq!(house.run(&made.id, "echo x > f; { echo y > /tmp/f; } 2> err; wc -l < err; cat f").await, "1\nx\n");
    assert_eq!(house.read(&made.id, "/tmp/f").await, Err(Errno::NoEnt));
    // Nothing at all.
    let made = house.create_with(profile(Access::ReadOnly, &[])).await;
    assert_eq!(house.run(&made.id, "{ echo x > f; } 2> /dev/null; echo $?; cat << END\nhere\nEND").await, "1\nhere\n");
}

#[tokio::test]
async fn where_a_profile_wants_proposals_execs_become_some() {
    let house = House::new();
    let settings = profile(Access::Full, &[("/home/user/src", Access::ProposeWrites)]);
    let made = house.create_with(settings).await;
    let id = &made.id;
    let first = house.done(id, "mkdir src; echo 1 > src/a; echo log > out", ExecOptions::default()).await;
    let proposal = proposed(first.landed);
    assert_eq!(house.run(id, "echo free > other; ls").await, "other\n", "all of it is proposed, nothing done");
    house.containers.apply(&proposal.id).await.expect("it can be applied");
    assert_eq!(house.run(id, "ls . src").await, ".:\nother\nout\nsrc\n\nsrc:\na\n");
    let written = house.containers.write_file(id, b"/home/user/src/b", Bytes::from_static(b"b"), 0o644).await;
    proposed(written.expect("it can be proposed"));
    let written = house.containers.write_file(id, b"/home/user/c", Bytes::from_static(b"c"), 0o644).await;
    committed(written.expect("it can be written"));
    assert_eq!(house.run(id, "ls . src").await, ".:\nc\nother\nout\nsrc\n\nsrc:\na\n");
}

#[tokio::test]
async fn execs_take_turns_in_the_order_they_came_and_parallel_ones_do_not_wait() {
    let house = House::new();
    let made = house.create().await;
    house.run(&made.id, "mkfifo gate").await;
    let (_streams, first) = house
        .containers
        .start(&made.id, Exec::bash("read x < gate; echo 1 >> order"), ExecOptions::default())
        .await
        .expect("it starts");
    let mut queued = Vec::new();
    for n in 2..5 {
        let (containers, id) = (house.containers.clone(), made.id.clone());
        queued.push(tokio::spawn(async move {
            containers.exec(&id, Exec::bash(format!("echo {n} >> order")), ExecOptions::default()).await
        }));
        tokio::task::yield_now().await;
    }
    // It runs beside the first, and lets it go on.
    let done = house.done(&made.id, "ls order 2>&1; echo go > gate", parallel()).await;
    assert!(String::from_utf8_lossy(&done.finished.stdout.bytes).contains("No such file"));
    first.finish().await.expect("it ends");
    for exec in queued {
        exec.await.expect("it does not panic").expect("it runs");
    }
    assert_eq!(house.run(&made.id, "cat order").await, "1\n2\n3\n4\n");
    assert_eq!(house.log(&made.id).await.len(), 8, "each has left a state");
}

#[tokio::test]
async fn parallel_execs_all_land() {
    let house = House::new();
    let made = house.create().await;
    let execs: Vec<_> = (0..20)
        .map(|n| {
            let (containers, id) = (house.containers.clone(), made.id.clone());
            tokio::spawn(async move { containers.exec(&id, Exec::bash(format!("echo {n} > f{n}")), parallel()).await })
        })
        .collect();
    let mut seqs = Vec::new();
    for exec in execs {
        seqs.push(committed(exec.await.expect("it does not panic").expect("it runs").landed).seq);
    }
    seqs.sort_unstable();
    assert_eq!(seqs, (2..22).collect::<Vec<_>>());
    let house = house.reopened().await;
    assert_eq!(house.run(&made.id, "ls | wc -l; cat f19").await, "20\n19\n");
}

#[tokio::test]
async fn an_exec_that_nobody_waits_for_is_committed_and_a_cancelled_one_too() {
    let house = House::new();
    let made = house.create().await;
    let started = house.containers.start(&made.id, Exec::bash("echo kept > f"), ExecOptions::default()).await;
    drop(started.expect("it starts"));
    assert_eq!(house.run(&made.id, "cat f").await, "kept\n");

    let exec = Exec { output: Output::Stream, ..Exec::bash("echo half > g; echo started; sleep 1000") };
    let (mut streams, running) =
        house.containers.start(&made.id, exec, ExecOptions::default()).await.expect("it starts");
    streams.stdout.as_mut().expect("it is streamed").next().await;
    running.cancel();
    let done = running.finish().await.expect("it ends");
    assert_eq!(status(&done.finished.outcome), 130);
    assert_eq!(house.run(&made.id, "cat g").await, "half\n");
    assert_eq!(house.log(&made.id).await[3].outcome["outcome"]["type"], "cancelled");
}

#[tokio::test]
async fn restoring_waits_for_what_runs_and_removing_ends_it() {
    let house = House::new();
    let made = house.create().await;
    let exec = || Exec { stdin: Stdin::Stream { terminal: false }, ..Exec::bash("read x; echo done > f") };
    let (streams, running) = house.containers.start(&made.id, exec(), ExecOptions::default()).await.expect("it starts");
    let (containers, id) = (house.containers.clone(), made.id.clone());
    let restoring = tokio::spawn(async move { containers.restore(&id, &Ref::Image).await });
    tokio::task::yield_now().await;
    assert!(!restoring.is_finished());
    drop(streams);
    running.finish().await.expect("it ends");
    restoring.await.expect("it does not panic").expect("it is restored");
    assert_eq!(house.run(&made.id, "ls").await, "");
    assert_eq!(house.read(&format!("{}@2", made.id), "/home/user/f").await, Ok("done\n".into()));

    let (_streams, running) =
        house.containers.start(&made.id, exec(), ExecOptions::default()).await.expect("it starts");
    house.containers.remove(&made.id).await.expect("it can be removed");
    assert_eq!(status(&running.finish().await.expect("it ends").finished.outcome), 130);
    assert!(matches!(house.containers.get(&made.id).await, Err(ContainerError::NotFound { .. })));
}

#[tokio::test]
async fn a_container_expires_and_says_so_from_then_on() {
    let house = House::new();
    let settings = Settings { expires_after_ms: Some(60_000), ..Settings::default() };
    let (made, other) = (house.create_with(settings).await, house.create().await);
    house.run(&made.id, "echo x > f").await;
    let snapshot = house.containers.snapshot(&made.id, None).await.expect("it can be taken");
    house.pass(59);
    assert_eq!(house.containers.tick().await.expect("it ticks").expired, Vec::<String>::new());
    house.run(&made.id, "true").await;
    house.pass(59);
    assert_eq!(house.containers.tick().await.expect("it ticks").expired, Vec::<String>::new(), "it was used");
    house.pass(2);
    assert_eq!(house.containers.tick().await.expect("it ticks").expired, std::slice::from_ref(&made.id));

    let found = house.containers.get(&made.id).await.expect("its record stays");
    assert_eq!(found.status, ContainerStatus::Expired);
    let used = house.containers.exec(&made.id, Exec::bash("true"), ExecOptions::default()).await;
    assert!(matches!(used, Err(ContainerError::Expired { .. })), "{used:?}");
    let read = house.containers.read_file(&Ref::At(made.id.clone(), 2), b"/home/user/f").await;
    assert!(matches!(read, Err(ContainerError::Expired { .. })), "{read:?}");
    assert!(matches!(house.containers.snapshot(&made.id, None).await, Err(ContainerError::Expired { .. })));
    assert_eq!(house.log(&made.id).await, []);
    house.containers.store().collect().await.expect("garbage is collected");
    assert_eq!(house.read(&snapshot.id, "/home/user/f").await, Ok("x\n".into()));
    house.run(&other.id, "true").await;
    house.containers.remove(&made.id).await.expect("its record can be removed");
}

#[tokio::test]
async fn an_expired_container_is_refused_before_anybody_ticks() {
    let house = House::new();
    let settings = Settings { expires_after_ms: Some(1000), ..Settings::default() };
    let (made, other) = (house.create_with(settings.clone()).await, house.create_with(settings).await);
    house.pass(2);
    let found = house.containers.get(&other.id).await.expect("its record stays");
    assert_eq!(found.status, ContainerStatus::Expired, "whoever asks is told so");
    let used = house.containers.exec(&made.id, Exec::bash("true"), ExecOptions::default()).await;
    assert!(matches!(used, Err(ContainerError::Expired { .. })), "{used:?}");
}

#[tokio::test]
async fn batched_commits_come_soon_and_before_anything_that_must_see_them() {
    let house = House::new();
    let settings = Settings { durability: Durability::Batched(60_000), ..Settings::default() };
    let made = house.create_with(settings.clone()).await;
    for n in 0..5 {
        house.run(&made.id, &format!("echo {n} > f")).await;
    }
    let stored = house.containers.get(&made.id).await.expect("it is there");
    assert_eq!(stored.seq, 1, "nothing was committed yet");
    assert_eq!(house.log(&made.id).await.len(), 6, "the log is whole");
    assert_eq!(house.read(&format!("{}@4", made.id), "/home/user/f").await, Ok("2\n".into()));
    house.run(&made.id, "echo last > f").await;
    let house = house.reopened().await;
    assert_eq!(house.read(&made.id, "/home/user/f").await, Ok("last\n".into()));

    let quick = Settings { durability: Durability::Batched(1), ..settings };
    let made = house.create_with(quick).await;
    house.run(&made.id, "echo x > f").await;
    while house.containers.get(&made.id).await.expect("it is there").seq < 2 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn what_cannot_be_stored_is_refused_and_the_container_is_as_before() {
    let house = House::with(|store| store.quota_bytes = 64 << 20);
    let made = house.create().await;
    house.run(&made.id, "echo safe > f").await;
    let script = "head -c 200M /dev/urandom > big; echo lost > f; echo ran";
    match house.containers.exec(&made.id, Exec::bash(script), ExecOptions::default()).await {
        Err(ContainerError::NotKept { finished, why }) => {
            assert_eq!(finished.stdout.bytes, b"ran\n");
            assert!(matches!(*why, ContainerError::Store(StoreError::Quota { .. })), "{why}");
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(house.run(&made.id, "cat f; ls").await, "safe\nf\n");
    assert_eq!(kinds(&house.log(&made.id).await), [(1, "create"), (2, "exec"), (3, "exec")]);
}

#[tokio::test]
async fn what_was_reported_done_and_is_lost_is_said_once() {
    let house = House::with(|store| store.quota_bytes = 64 << 20);
    let settings = Settings { durability: Durability::Batched(60_000), ..Settings::default() };
    let made = house.create_with(settings).await;
    house.run(&made.id, "echo safe > f").await;
    house.log(&made.id).await;
    house.run(&made.id, "head -c 200M /dev/urandom > big").await;
    house.run(&made.id, "echo lost > f").await;
    assert_eq!(house.log(&made.id).await.len(), 2, "the log is what is stored");
    match house.containers.exec(&made.id, Exec::bash("true"), ExecOptions::default()).await {
        Err(ContainerError::Lost { first, last, kept, .. }) => assert_eq!((first, last, kept), (3, 4, 2)),
        other => panic!("{other:?}"),
    }
    assert_eq!(house.run(&made.id, "cat f; ls").await, "safe\nf\n");
}

#[tokio::test]
async fn logs_are_pruned_but_for_their_beginning() {
    let house = House::new();
    let made = house.create().await;
    for n in 0..6 {
        house.pass(10);
        house.run(&made.id, &format!("echo {n} > f")).await;
    }
    let keep = Retention { entries: 100, age: Some(Duration::from_secs(25)) };
    assert_eq!(house.containers.prune(&made.id, &keep).await.expect("it is pruned"), 3);
    assert_eq!(house.log(&made.id).await.iter().map(|r| r.seq).collect::<Vec<_>>(), [1, 5, 6, 7]);
    assert_eq!(house.containers.prune(&made.id, &keep).await.expect("it is pruned"), 0);
    let keep = Retention { entries: 1, age: None };
    assert_eq!(house.containers.prune(&made.id, &keep).await.expect("it is pruned"), 2);
    let gone = house.containers.restore(&made.id, &Ref::At(made.id.clone(), 5)).await;
    assert!(matches!(gone, Err(ContainerError::NotFound { .. })), "{gone:?}");
    house.containers.restore(&made.id, &Ref::At(made.id.clone(), 1)).await.expect("the beginning stays");
}

#[tokio::test]
async fn names_and_settings_change_and_nonsense_is_refused() {
    let house = House::new();
    let named = |name: &str| Create { name: Some(name.into()), ..Create::default() };
    let made = house.containers.create(named("build")).await.expect("it can be made");
    assert_eq!(made.name, "build");
    let again = house.containers.create(named("build")).await;
    assert!(matches!(again, Err(ContainerError::NameTaken { .. })), "{again:?}");
    for name in ["", "a b", "../x", "cntr_1", "image", "-x", "a@1", &"x".repeat(65), "a\0b", "ü"] {
        let made = house.containers.create(named(name)).await;
        assert!(matches!(made, Err(ContainerError::Name { .. })), "{name}");
        let snapshot = house.containers.snapshot("build", Some(name)).await;
        assert!(matches!(snapshot, Err(ContainerError::Name { .. })), "{name}");
        assert!(house.containers.get(name).await.is_err(), "{name}");
    }
    house.session("build", "x=1").await;
    let settings = Settings { limits: Limits { tree_bytes: 1 << 20, ..Limits::default() }, ..Settings::default() };
    let update = Update { name: Some("small".into()), settings: Some(settings.clone()) };
    let updated = house.containers.update("build", update).await.expect("it can be changed");
    assert_eq!((updated.name.as_str(), &updated.settings), ("small", &settings));
    assert!(house.containers.get("build").await.is_err());
    assert_eq!(
        house.session("small", "echo $x; head -c 2M /dev/zero 2>&1 > f; stat -c %s f").await.lines().next(),
        Some("1")
    );
    assert_eq!(house.containers.get(&made.id).await.expect("it is there").settings, settings);
    let listed = house.containers.list(&ContainerQuery::default()).await.expect("they can be listed");
    assert_eq!(listed.iter().map(|c| &c.id).collect::<Vec<_>>(), [&made.id]);
}

#[tokio::test]
async fn states_that_are_not_there_or_anothers_are_refused() {
    let house = House::new();
    let (made, other) = (house.create().await, house.create().await);
    let snapshot = house.containers.snapshot(&other.id, Some("theirs")).await.expect("it can be taken");
    for state in [Ref::Snapshot(snapshot.id), Ref::Container("theirs".into()), Ref::At(other.id.clone(), 1)] {
        let restored = house.containers.restore(&made.id, &state).await;
        assert!(matches!(restored, Err(ContainerError::NotItsOwn { .. })), "{state}: {restored:?}");
    }
    for state in
        ["none", "none@1", "snap_00", "prop_00", "cntr_00", &format!("{}@0", made.id), &format!("{}@2", made.id)]
    {
        let state: Ref = state.parse().expect("it is well formed");
        let restored = house.containers.restore(&made.id, &state).await;
        assert!(matches!(restored, Err(ContainerError::NotFound { .. })), "{state}: {restored:?}");
    }
    let used = house.containers.exec("cntr_00", Exec::bash("true"), ExecOptions::default()).await;
    assert!(matches!(used, Err(ContainerError::NotFound { .. })), "{used:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_container_moves_to_the_process_that_asks_for_it() {
    let house = House::new();
    let neighbour = house.neighbour();
    let made = house.create().await;
    for n in 0..6 {
        let containers = if n % 2 == 0 { &house.containers } else { &neighbour };
        let script = format!("echo {n} >> f; wc -l < f");
        let done = containers.exec(&made.id, Exec::bash(script), ExecOptions::default()).await.expect("it runs");
        assert_eq!(text(&done), format!("{}\n", n + 1));
    }
    assert_eq!(house.log(&made.id).await.len(), 7);
}

#[tokio::test]
async fn idle_containers_leave_memory_and_come_back() {
    let dir = tempfile::tempdir().expect("a directory can be made");
    let store = Store::open(StoreConfig::directory(dir.path())).expect("the store opens");
    let config = ContainersConfig { idle_after: Duration::ZERO, ..ContainersConfig::default() };
    let containers = Containers::open(image().clone(), store, config);
    let made = containers.create(Create::default()).await.expect("it can be made");
    let exec = |script: &str| Exec { session: true, ..Exec::bash(script) };
    containers.exec(&made.id, exec("x=1; echo hi > f"), ExecOptions::default()).await.expect("it runs");
    assert_eq!(containers.tick().await.expect("it ticks").hibernated, std::slice::from_ref(&made.id));
    assert_eq!(containers.tick().await.expect("it ticks").hibernated, Vec::<String>::new());
    let done = containers.exec(&made.id, exec("echo $x; cat f"), ExecOptions::default()).await.expect("it runs");
    assert_eq!(text(&done), "1\nhi\n");
    containers.shutdown().await.expect("it shuts down");
    let refused = containers.exec(&made.id, exec("true"), ExecOptions::default()).await;
    assert!(matches!(refused, Err(ContainerError::ShuttingDown)), "{refused:?}");
}
