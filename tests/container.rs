//! Containers from end to end: durable execs, snapshots and forks, proposals, profiles, queues, expiry, what is refused.

mod common;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use common::{image, status};
use coquina::base::{Errno, Limits};
use coquina::container::{
    Access, Container, ContainerError, Containers, ContainersConfig, Create, Done, Durability, ExecOptions, Landed,
    Origin, Profile, Ref, Retention, Settings, Update,
};
use coquina::sandbox::{Exec, Output, Stdin};
use coquina::storage::{
    ContainerQuery, ContainerStatus, LogQuery, LogRecord, Order, ProposalRecord, ProposalState, SnapshotQuery, Store,
    StoreConfig, StoreError,
};
use coquina::vfs::{ChangeKind, ManualClock};

/// The time that houses are built at, in milliseconds since 1970.
const START_MS: i64 = 1_700_000_000_000;

/// Containers in a store of their own, gone with the test.
struct House {
    containers: Containers,
    clock: Arc<ManualClock>,
    dir: tempfile::TempDir,
}

impl House {
    fn new() -> House {
        House::with(|_| ())
    }

    fn with(change: impl FnOnce(&mut StoreConfig)) -> House {
        let dir = tempfile::tempdir().expect("a directory can be made");
        let mut config = StoreConfig::directory(dir.path());
        change(&mut config);
        let clock = Arc::new(ManualClock::new(START_MS * 1_000_000));
        let containers = open(config, &clock);
        House { containers, clock, dir }
    }

    /// A second process on the same store, as far as the store can tell.
    fn neighbour(&self) -> Containers {
        open(StoreConfig::directory(self.dir.path()), &self.clock)
    }

    /// Ends the service and starts it again.
    async fn reopened(self) -> House {
        self.containers.shutdown().await.expect("it shuts down");
        self.containers.store().close().await;
        let containers = open(StoreConfig::directory(self.dir.path()), &self.clock);
        House { containers, ..self }
    }

    /// Lets time pass.
    fn pass(&self, seconds: i64) {
        self.clock.advance(seconds * 1_000_000_000);
    }

    async fn create(&self) -> Container {
        self.containers.create(Create::default()).await.expect("it can be made")
    }

    async fn create_with(&self, settings: Settings) -> Container {
        self.containers.create(Create { settings, ..Create::default() }).await.expect("it can be made")
    }

    async fn fork(&self, of: &str) -> Container {
        let from = Origin::State(of.parse().expect("it names a state"));
        self.containers.create(Create { from, ..Create::default() }).await.expect("it can be forked")
    }

    async fn done(&self, id: &str, script: &str, options: ExecOptions) -> Done {
        self.containers.exec(id, Exec::bash(script), options).await.expect("it runs")
    }

    /// Runs a script that must succeed; what it printed.
    async fn run(&self, id: &str, script: &str) -> String {
        text(&self.done(id, script, ExecOptions::default()).await)
    }

    async fn session(&self, id: &str, script: &str) -> String {
        let exec = Exec { session: true, ..Exec::bash(script) };
        text(&self.containers.exec(id, exec, ExecOptions::default()).await.expect("it runs"))
    }

    async fn propose(&self, id: &str, script: &str) -> ProposalRecord {
        let done = self.done(id, script, ExecOptions { propose: true, ..ExecOptions::default() }).await;
        proposed(done.landed)
    }

    async fn read(&self, state: &str, path: &str) -> Result<String, Errno> {
        let read = self.containers.read_file(&state.parse().expect("it names a state"), path.as_bytes()).await;
        match read {
            Ok(content) => Ok(String::from_utf8(content.to_vec()).expect("it is text")),
            Err(ContainerError::Path { errno, .. }) => Err(errno),
            Err(other) => panic!("{state}: {other}"),
        }
    }

    async fn log(&self, id: &str) -> Vec<LogRecord> {
        let query = LogQuery { order: Order::Ascending, ..LogQuery::default() };
        self.containers.log(id, &query).await.expect("it has a log")
    }

    async fn changes(&self, old: &str, new: &str) -> Vec<(String, ChangeKind)> {
        let parse = |state: &str| state.parse::<Ref>().expect("it names a state");
        let difference = self.containers.diff(&parse(old), &parse(new)).await.expect("both are there");
        changes(difference.old.diff(&difference.new).expect("both can be read"))
    }
}

fn open(config: StoreConfig, clock: &Arc<ManualClock>) -> Containers {
    let store = Store::open(config).expect("the store opens");
    let config = ContainersConfig { clock: clock.clone(), ..ContainersConfig::default() };
    Containers::open(image().clone(), store, config)
}

fn text(done: &Done) -> String {
    let stderr = String::from_utf8_lossy(&done.finished.stderr.bytes);
    assert_eq!((status(&done.finished.outcome), stderr.as_ref()), (0, ""));
    String::from_utf8(done.finished.stdout.bytes.clone()).expect("the output is text")
}

fn committed(landed: Landed) -> LogRecord {
    match landed {
        Landed::Committed(record) => record,
        Landed::Proposed(proposal) => panic!("proposed: {proposal:?}"),
    }
}

fn proposed(landed: Landed) -> ProposalRecord {
    match landed {
        Landed::Proposed(proposal) => proposal,
        Landed::Committed(record) => panic!("committed: {record:?}"),
    }
}

fn changes(changes: Vec<coquina::vfs::Change>) -> Vec<(String, ChangeKind)> {
    changes.into_iter().map(|c| (String::from_utf8(c.path).expect("it is text"), c.kind)).collect()
}

fn kinds(log: &[LogRecord]) -> Vec<(u64, &str)> {
    log.iter().map(|r| (r.seq, r.kind.as_str())).collect()
}

fn profile(default: Access, paths: &[(&str, Access)]) -> Settings {
    let paths: BTreeMap<_, _> = paths.iter().map(|(p, a)| ((*p).to_owned(), *a)).collect();
    Settings { profile: Profile { default, paths }, ..Settings::default() }
}

fn parallel() -> ExecOptions {
    ExecOptions { parallel: true, ..ExecOptions::default() }
}

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
    let made = house.create_with(Settings { expires_after_ms: Some(1000), ..Settings::default() }).await;
    house.pass(2);
    let used = house.containers.exec(&made.id, Exec::bash("true"), ExecOptions::default()).await;
    assert!(matches!(used, Err(ContainerError::Expired { .. })), "{used:?}");
}

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
