//! What was done is there, and is found again: logs, sessions, snapshots, forks, merges, proposals.

use coquina::base::Errno;
use coquina::container::{ContainerError, ExecOptions, Ref, Settings};
use coquina::sandbox::Exec;
use coquina::storage::{ContainerStatus, ProposalState, SnapshotQuery};
use coquina::vfs::ChangeKind;

use super::house::{House, START_MS, committed, kinds, parallel, proposed, text};

#[tokio::test]
async fn what_an_exec_did_is_there_after_a_restart() {
    let house = House::new();
    let made = house.create().await;
    let done = house.done(&made.id, "echo kept > note; mkdir d; ln note d/hard", ExecOptions::default()).await;
    assert_eq!(committed(done.landed).seq, 2);
    let house = house.reopened().await;
    let found = house.containers.get(&made.id).await.expect("it is there");
    assert_eq!((found.seq, found.status, &found.image), (2, ContainerStatus::Active, &made.image));
    assert_eq!(house.run(&made.id, "cat note; stat -c %h d/hard").await, "kept\n2\n");
    assert_eq!(house.run(&made.name, "pwd").await, "/home/user\n", "a name does as well as an id");
}

#[tokio::test]
async fn an_exec_says_what_it_changed_and_the_log_what_ran() {
    let house = House::new();
    let made = house.create().await;
    house.pass(5);
    let done = house.done(&made.id, "echo x > a; exit 3", ExecOptions::default()).await;
    assert_eq!(
        done.changes().expect("all can be read").iter().map(|c| c.path.clone()).collect::<Vec<_>>(),
        [b"/home/user/a"]
    );
    let log = house.log(&made.id).await;
    assert_eq!(kinds(&log), [(1, "create"), (2, "exec")]);
    assert_eq!(log[1].command, "echo x > a; exit 3");
    assert_eq!(log[1].outcome["outcome"]["exit_code"], 3);
    assert_eq!(log[1].ended_at_ms, START_MS + 5000);
    let found = house.containers.get(&made.id).await.expect("it is there");
    assert_eq!((found.last_active_at_ms, found.root), (log[1].ended_at_ms, log[1].root));
}

#[tokio::test]
async fn environment_and_directory_are_the_execs_the_containers_and_the_callers_in_this_order() {
    let house = House::new();
    let env = [("A", "container"), ("B", "container")].map(|(k, v)| (k.to_owned(), v.to_owned())).into();
    let made = house.create_with(Settings { env, cwd: Some("/tmp".into()), ..Settings::default() }).await;
    let script = "echo $A $B $HOME $PWD";
    assert_eq!(house.run(&made.id, script).await, "container container /home/user /tmp\n");
    let options = ExecOptions {
        env: vec![(b"B".to_vec(), b"caller".to_vec())],
        cwd: Some(b"/usr".to_vec()),
        command: Some("as asked".into()),
        ..ExecOptions::default()
    };
    assert_eq!(text(&house.done(&made.id, script, options).await), "container caller /home/user /usr\n");
    assert_eq!(house.log(&made.id).await[2].command, "as asked");
}

#[tokio::test]
async fn every_state_can_be_looked_at_compared_and_restored() {
    let house = House::new();
    let made = house.create().await;
    let id = &made.id;
    house.run(id, "echo one > f").await;
    house.run(id, "echo two > f; echo new > g").await;
    assert_eq!(house.read(&format!("{id}@2"), "/home/user/f").await, Ok("one\n".into()));
    assert_eq!(house.read(id, "/home/user/f").await, Ok("two\n".into()));
    assert_eq!(house.read("image", "/home/user/f").await, Err(Errno::NoEnt));
    let f = ("/home/user/f".to_owned(), ChangeKind::Modified);
    assert_eq!(house.changes(&format!("{id}@2"), id).await, [f.clone(), ("/home/user/g".into(), ChangeKind::Added)]);
    assert_eq!(house.changes(&format!("{id}@1"), "image").await, []);

    let restored = house.containers.restore(id, &Ref::At(id.clone(), 2)).await.expect("it can be restored");
    assert_eq!((restored.seq, restored.kind.as_str()), (4, "restore"));
    assert_eq!(restored.root, house.log(id).await[1].root);
    assert_eq!(house.run(id, "cat f; ls").await, "one\nf\n");
    assert_eq!(house.read(&format!("{id}@3"), "/home/user/g").await, Ok("new\n".into()), "the past stays");
}

#[tokio::test]
async fn a_session_goes_on_after_hibernation_and_is_restored_with_its_state() {
    let house = House::new();
    let made = house.create().await;
    house.session(&made.id, "x=1; cd /tmp; f() { echo f$x; }").await;
    assert!(house.containers.hibernate(&made.id).await.expect("it hibernates"));
    assert!(!house.containers.hibernate(&made.id).await.expect("it sleeps already"));
    assert_eq!(house.session(&made.id, "x=2; f; pwd").await, "f2\n/tmp\n");
    house.containers.restore(&made.id, &Ref::At(made.id.clone(), 2)).await.expect("it can be restored");
    assert_eq!(house.session(&made.id, "f").await, "f1\n");
    assert_eq!(kinds(&house.log(&made.id).await)[2..], [(3, "exec"), (4, "restore"), (5, "exec")]);
}

#[tokio::test]
async fn background_jobs_go_on_until_hibernation_which_says_so() {
    let house = House::new();
    let made = house.create().await;
    house.session(&made.id, "sleep 1000 & sleep 1000 &").await;
    let running = house.containers.background(&made.id).await.expect("it is there");
    assert_eq!(running.iter().map(|(_, name)| name.as_str()).collect::<Vec<_>>(), ["sleep", "sleep"]);
    assert_eq!(house.session(&made.id, "kill %1; wait %1; echo $?").await, "143\n");
    house.containers.hibernate(&made.id).await.expect("it hibernates");
    let log = house.log(&made.id).await;
    assert_eq!(kinds(&log)[3..], [(4, "hibernate")]);
    assert_eq!(log[3].outcome["ended"], serde_json::json!(["sleep"]));
    assert_eq!(house.containers.background(&made.id).await.expect("it is there"), []);
}

#[tokio::test]
async fn background_jobs_go_on_while_others_changes_come_in() {
    let house = House::new();
    let made = house.create().await;
    let id = &made.id;
    house.run(id, "mkfifo gate; echo old > f").await;
    let fork = house.fork(id).await;
    house.run(&fork.id, "echo merged > m").await;
    // It holds `log` open, whose name is gone, and a file that the proposal replaces.
    house.session(id, "exec 3> log 4< f; rm log; { read x < gate; echo $x >&3; cat <&4 > result; } &").await;
    let proposal = house.propose(id, "rm f; echo new > f; echo more > g").await;
    house.containers.apply(&proposal.id).await.expect("it can be applied");
    house.containers.merge(id, &Ref::Container(fork.id)).await.expect("it can be merged");
    let running = house.containers.background(id).await.expect("it is there");
    assert_eq!(running.len(), 1, "{running:?}");
    let script = "echo go > gate; until [ -s result ]; do :; done; cat result f g m";
    assert_eq!(text(&house.done(id, script, parallel()).await), "old\nnew\nmore\nmerged\n");
}

#[tokio::test]
async fn a_snapshot_outlives_its_container() {
    let house = House::new();
    let made = house.create().await;
    house.run(&made.id, "echo kept > f").await;
    let snapshot = house.containers.snapshot(&made.id, Some("milestone")).await.expect("it can be taken");
    house.run(&made.id, "rm f").await;
    house.containers.remove(&made.id).await.expect("it can be removed");
    assert!(matches!(house.containers.get(&made.id).await, Err(ContainerError::NotFound { .. })));
    house.containers.store().collect().await.expect("garbage is collected");
    for state in ["milestone", &snapshot.id] {
        assert_eq!(house.read(state, "/home/user/f").await, Ok("kept\n".into()), "{state}");
        let fork = house.fork(state).await;
        assert_eq!(house.run(&fork.id, "cat f").await, "kept\n");
    }
    let listed = house.containers.snapshots(&SnapshotQuery::default()).await.expect("they can be listed");
    assert_eq!(listed, std::slice::from_ref(&snapshot));
    house.containers.remove_snapshot("milestone").await.expect("it can be removed");
    assert!(house.containers.remove_snapshot(&snapshot.id).await.is_err());
}

#[tokio::test]
async fn a_fork_goes_its_own_way_and_is_merged_back() {
    let house = House::new();
    let made = house.create().await;
    let id = &made.id;
    house.run(id, "echo base > shared; mkdir d").await;
    let fork = house.fork(id).await;
    house.run(&fork.id, "echo theirs > d/theirs; chmod 700 shared").await;
    house.run(id, "echo ours > d/ours").await;
    let merged = house.containers.merge(id, &Ref::Container(fork.id.clone())).await.expect("nothing conflicts");
    assert_eq!(merged.kind, "merge");
    assert_eq!(house.run(id, "cat d/*; stat -c %a shared").await, "ours\ntheirs\n700\n");
    assert_eq!(house.run(&fork.id, "ls d").await, "theirs\n", "the fork is as it was");

    // The next merge starts from the last: what was merged and removed here stays removed.
    house.run(id, "rm d/theirs").await;
    house.run(&fork.id, "echo more > more").await;
    house.containers.merge(id, &Ref::Container(fork.id.clone())).await.expect("nothing conflicts");
    assert_eq!(house.run(id, "ls d; cat more").await, "ours\nmore\n");

    // And the other way round.
    house.containers.merge(&fork.id, &Ref::Container(id.clone())).await.expect("nothing conflicts");
    assert_eq!(house.run(&fork.id, "ls d").await, "ours\n");
}

#[tokio::test]
async fn conflicts_are_all_named_and_nothing_is_merged() {
    let house = House::new();
    let made = house.create().await;
    house.run(&made.id, "echo base > a; echo base > b; echo base > c").await;
    let fork = house.fork(&made.id).await;
    house.run(&fork.id, "echo theirs > a; rm b; echo theirs > c").await;
    house.run(&made.id, "echo ours > a; echo ours > b").await;
    let seq = house.containers.get(&made.id).await.expect("it is there").seq;
    match house.containers.merge(&made.id, &Ref::Container(fork.id)).await {
        Err(ContainerError::Conflicts(conflicts)) => {
            let paths: Vec<_> = conflicts.iter().map(|c| String::from_utf8_lossy(&c.path).into_owned()).collect();
            assert_eq!(paths, ["/home/user/a", "/home/user/b"]);
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(house.containers.get(&made.id).await.expect("it is there").seq, seq);
    assert_eq!(house.run(&made.id, "cat a b c").await, "ours\nours\nbase\n");
    let stranger = house.create().await;
    let merged = house.containers.merge(&made.id, &Ref::Container(stranger.id)).await;
    assert!(matches!(merged, Err(ContainerError::NothingInCommon { .. })), "{merged:?}");
}

#[tokio::test]
async fn a_proposal_is_applied_as_it_was_shown() {
    let house = House::new();
    let made = house.create().await;
    let id = &made.id;
    house.run(id, "echo old > f").await;
    let proposal = house.propose(id, "echo new > f; rm -rf .bashrc; exit 0").await;
    assert_eq!(
        (proposal.state, proposal.command.as_str()),
        (ProposalState::Open, "echo new > f; rm -rf .bashrc; exit 0")
    );
    assert_eq!(house.run(id, "cat f").await, "old\n", "nothing has happened yet");
    let difference = house.containers.proposal_diff(&proposal.id).await.expect("it is there");
    let shown = difference.old.diff(&difference.new).expect("both can be read");
    assert!(shown.iter().any(|c| c.path == b"/home/user/f"));

    let applied = house.containers.apply(&proposal.id).await.expect("nothing has changed since");
    assert_eq!((applied.kind.as_str(), applied.root), ("apply", proposal.root));
    assert_eq!(applied.outcome["merged"], false);
    assert_eq!(house.run(id, "cat f").await, "new\n");
    for decided in
        [house.containers.apply(&proposal.id).await.map(drop), house.containers.discard(&proposal.id).await.map(drop)]
    {
        assert!(matches!(decided, Err(ContainerError::Decided { state: "applied", .. })), "{decided:?}");
    }
}

#[tokio::test]
async fn a_proposal_whose_base_has_moved_is_merged_or_conflicts() {
    let house = House::new();
    let made = house.create().await;
    let id = &made.id;
    house.run(id, "echo base > a; echo base > b").await;
    let (first, second) = (house.propose(id, "echo p1 > a").await, house.propose(id, "echo p2 > a").await);
    let listed = house.containers.proposals(id).await.expect("they can be listed");
    assert_eq!(listed.len(), 2);
    house.run(id, "echo moved > b").await;
    let applied = house.containers.apply(&first.id).await.expect("it can be merged");
    assert_eq!(applied.outcome["merged"], true);
    assert_eq!(house.run(id, "cat a b").await, "p1\nmoved\n");
    let conflict = house.containers.apply(&second.id).await;
    assert!(matches!(conflict, Err(ContainerError::Conflicts(_))), "{conflict:?}");
    assert_eq!(house.containers.proposal(&second.id).await.expect("it is there").state, ProposalState::Open);
    let discarded = house.containers.discard(&second.id).await.expect("it can be discarded");
    assert_eq!(discarded.state, ProposalState::Discarded);
    assert_eq!(house.run(id, "cat a").await, "p1\n");
}

#[tokio::test]
async fn a_proposal_of_a_session_brings_its_variables() {
    let house = House::new();
    let made = house.create().await;
    house.session(&made.id, "x=1").await;
    let exec = Exec { session: true, ..Exec::bash("x=2; touch f") };
    let options = ExecOptions { propose: true, ..ExecOptions::default() };
    let proposal = proposed(house.containers.exec(&made.id, exec, options).await.expect("it runs").landed);
    assert_eq!(house.session(&made.id, "echo $x; rm -f nothing").await, "1\n");
    house.containers.apply(&proposal.id).await.expect("it can be applied");
    // The session went on meanwhile, though the files did not change: it stays.
    assert_eq!(house.session(&made.id, "echo $x; ls f").await, "1\nf\n");
}
