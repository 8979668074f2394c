//! `coquina box` and `coquina store` as a person or a script uses them: every call is a process of its own, over one store.

mod common;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use common::image_dir;
use serde_json::{Value, json};
use tempfile::TempDir;

/// A store of its own, and a place on the host beside it.
struct Place(TempDir);

/// What a call said.
struct Said {
    stdout: String,
    stderr: String,
    status: i32,
}

impl Place {
    fn new() -> Place {
        Place(tempfile::tempdir().expect("a scratch directory"))
    }

    /// A path on the host.
    fn host(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_coquina"));
        command.args(words).env("COQUINA_IMAGE", image_dir()).env("COQUINA_STORE", self.host("store"));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Runs `coquina` with some standard input.
    fn fed(&self, words: &[&str], stdin: &[u8]) -> Said {
        let mut child = self.command(words).spawn().expect("it starts");
        let mut input = child.stdin.take().expect("its input is a pipe");
        let bytes = stdin.to_vec();
        // What is not read stays in the pipe, which may close before all is written.
        let writer = std::thread::spawn(move || drop(input.write_all(&bytes)));
        let said = finished(child);
        writer.join().expect("no panic");
        said
    }

    fn said(&self, words: &[&str]) -> Said {
        self.fed(words, b"")
    }

    /// What a call prints that must succeed without a complaint.
    fn out(&self, words: &[&str]) -> String {
        let said = self.said(words);
        assert_eq!((said.stderr.as_str(), said.status), ("", 0), "{words:?} said {}", said.stdout);
        said.stdout
    }

    /// The JSON that `box …` answers with.
    fn json(&self, words: &[&str]) -> Value {
        let text = self.out(&[&["box"], words, &["--json"]].concat());
        serde_json::from_str(&text).unwrap_or_else(|e| panic!("{words:?}: {e}: {text}"))
    }

    fn create(&self, name: &str) {
        self.out(&["box", "create", name]);
    }

    /// Runs a script in a box that must succeed; what it printed.
    fn run(&self, name: &str, script: &str) -> String {
        self.out(&["box", "exec", name, "-c", script])
    }

    /// A call that must fail: its status and its complaint.
    fn refused(&self, words: &[&str]) -> (i32, String) {
        let said = self.said(words);
        assert_eq!(said.stdout, "", "{words:?}: {}", said.stderr);
        (said.status, said.stderr)
    }
}

fn finished(child: Child) -> Said {
    let output = child.wait_with_output().expect("it ends");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let status = output.status.code().expect("no signal ended it");
    Said { stdout: text(&output.stdout), stderr: text(&output.stderr), status }
}

fn text(path: impl AsRef<Path>) -> String {
    std::fs::read_to_string(path).expect("it can be read")
}

/// The paths and kinds of a list of changes.
fn changed(changes: &Value) -> Vec<(String, String)> {
    let word = |value: &Value| value.as_str().expect("text").to_owned();
    changes.as_array().expect("a list").iter().map(|c| (word(&c["change"]), word(&c["path"]))).collect()
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect()
}

#[test]
fn what_an_exec_did_is_there_for_the_next() {
    let place = Place::new();
    let id = place.out(&["box", "create", "work"]);
    assert!(id.starts_with("cntr_") && id.trim().len() == 53, "{id}");
    assert_eq!(place.run("work", "echo hi > note; mkdir d; chmod 700 d"), "");
    assert_eq!(place.run("work", "cat note; stat -c %a d"), "hi\n700\n");
    assert_eq!(place.run(id.trim(), "cat note"), "hi\n", "a box has its id for a name, too");
    let failed = place.said(&["box", "exec", "work", "-c", "echo out; echo err >&2; exit 3"]);
    assert_eq!((failed.stdout.as_str(), failed.stderr.as_str(), failed.status), ("out\n", "err\n", 3));
    let fed = place.fed(&["box", "exec", "work", "-c", "cat > fed; wc -c < fed"], b"from outside");
    assert_eq!((fed.stdout.as_str(), fed.status), ("12\n", 0));
}

#[test]
fn exec_takes_the_words_of_exec() {
    let place = Place::new();
    place.create("work");
    let script = place.host("script.sh");
    std::fs::write(&script, "#!/bin/bash\necho \"$# $2\"\n").expect("a script");
    assert_eq!(place.out(&["box", "exec", "work", &script.display().to_string(), "one", "two"]), "2 two\n");
    let piped = place.fed(&["box", "exec", "work", "--stdin-script", "arg"], b"echo \"got $1\"\n");
    assert_eq!((piped.stdout.as_str(), piped.status), ("got arg\n", 0));
    assert_eq!(
        place.out(&["box", "exec", "work", "--env", "A=1 2", "--cwd", "/tmp", "-c", "echo $A; pwd"]),
        "1 2\n/tmp\n"
    );
    let limited = place.said(&["box", "exec", "work", "--fuel", "500000000", "-c", "while :; do :; done"]);
    assert_eq!(limited.status, 137);
    assert!(limited.stderr.starts_with("coquina: limit exceeded: fuel"), "{}", limited.stderr);
    let late = place.said(&["box", "exec", "work", "--timeout", "500ms", "-c", "echo before; sleep 1000"]);
    assert_eq!((late.stdout.as_str(), late.status), ("before\n", 124));
    let metered = place.said(&["box", "exec", "work", "--metering", "-c", "echo hi | cat"]);
    assert!(metered.stderr.contains("cat") && metered.stderr.contains("in all"), "{}", metered.stderr);
    assert_eq!(place.refused(&["box", "exec", "work"]).0, 2);
    assert_eq!(place.refused(&["box", "exec", "work", "--env", "A", "-c", "true"]).0, 2);
}

#[test]
fn exec_answers_in_json() {
    let place = Place::new();
    place.create("work");
    let script = "echo out; echo err >&2; echo x > made; exit 3";
    let said = place.said(&["box", "exec", "work", "--json", "-c", script]);
    assert_eq!((said.stderr.as_str(), said.status), ("", 3));
    let report: Value = serde_json::from_str(&said.stdout).expect("one document and nothing else");
    assert_eq!(report["outcome"], json!({"type": "exit", "exit_code": 3}));
    assert_eq!((&report["stdout"], &report["stderr"]), (&json!("out\n"), &json!("err\n")));
    assert_eq!(changed(&report["changes"]), pairs(&[("added", "/home/user/made")]));
    let made = &report["changes"][0];
    assert_eq!(made["before"], json!(null));
    assert_eq!(
        (&made["after"]["type"], &made["after"]["mode"], &made["after"]["size"]),
        (&json!("file"), &json!("0644"), &json!(2))
    );
    assert_eq!(report["log"]["kind"], json!("exec"));
    assert_eq!(report["log"]["outcome"]["outcome"]["exit_code"], json!(3));
    assert!(report["metering"]["fuel"].as_u64() > Some(0), "{report}");
}

#[test]
fn a_session_goes_on_and_says_what_it_leaves() {
    let place = Place::new();
    place.create("work");
    let session = |script: &str| place.said(&["box", "exec", "work", "--session", "-c", script]);
    assert_eq!(session("cd /tmp; export V=kept; f() { echo \"f: $1\"; }").status, 0);
    assert_eq!(session("pwd; echo $V; f x").stdout, "/tmp\nkept\nf: x\n");
    assert_eq!(place.run("work", "pwd; echo $V"), "/home/user\n\n", "others know nothing of it");
    assert_eq!(session("sleep 1000 & echo started").stdout, "started\n");
    assert_eq!(session("jobs; echo on").stdout, "[1]+  Hangup                  sleep 1000\non\n");
    let log = place.json(&["log", "work"]);
    let ended = log.as_array().expect("a list").iter().find(|entry| entry["kind"] == json!("hibernate"));
    assert!(ended.is_some_and(|entry| entry.to_string().contains("sleep")), "{log}");
}

#[test]
fn a_shell_is_a_session() {
    let place = Place::new();
    place.create("work");
    let talk = "cd /tmp\nx=1\n\nfor i in a b; do\necho $i\ndone\necho $x $PWD\nsleep 1000 &\njobs\nexit 4\n";
    let said = place.fed(&["box", "shell", "work"], talk.as_bytes());
    assert!(said.stdout.contains("a\nb\n1 /tmp\n"), "{}", said.stdout);
    assert!(said.stdout.contains("sleep 1000"), "jobs go on between commands: {}", said.stdout);
    assert!(said.stderr.contains("ending background process") && said.stderr.contains("sleep"), "{}", said.stderr);
    assert_eq!(said.status, 4);
    let again = place.fed(&["box", "shell", "work"], b"echo $x $PWD\n");
    assert!(again.stdout.contains("1 /tmp\n"), "{}", again.stdout);
}

#[test]
fn boxes_are_listed_shown_and_removed() {
    let place = Place::new();
    place.create("alpha");
    place.out(&["box", "create", "beta", "--expires-after", "7d", "--env", "A=b", "--disk", "1M"]);
    let unnamed = place.out(&["box", "create"]);
    let list = place.json(&["ls"]);
    assert_eq!(list.as_array().map(Vec::len), Some(3));
    assert_eq!(place.json(&["ls", "--owner", "ann"]), json!([]));
    assert_eq!(place.json(&["ls", "alp"])[0]["name"], json!("alpha"));
    let table = place.out(&["box", "ls"]);
    let beta = table.lines().find(|line| line.starts_with("beta")).expect("it is listed");
    assert!(beta.contains("active") && beta.contains("in 7 days"), "{table}");
    assert!(!table.contains('\x1b'), "colour is for terminals");
    let shown = place.out(&["box", "show", "beta"]);
    for part in ["beta", "1.0M", "A=b", "sync", "full", "in 7 days"] {
        assert!(shown.contains(part), "{part} in:\n{shown}");
    }
    assert_eq!(place.run("beta", "echo $A"), "b\n");

    place.out(&[
        "box",
        "set",
        "beta",
        "--rename",
        "gamma",
        "--env",
        "A=c",
        "--cwd",
        "/tmp",
        "--expires-after",
        "never",
    ]);
    assert_eq!(place.out(&["box", "exec", "gamma", "-c", "echo $A; pwd"]), "c\n/tmp\n");
    assert_eq!(place.json(&["show", "gamma"])["settings"]["expires_after_ms"], json!(null));
    place.out(&["box", "rm", "alpha", unnamed.trim()]);
    assert_eq!(place.json(&["ls"]).as_array().map(Vec::len), Some(1));
    let (status, said) = place.refused(&["box", "exec", "alpha", "-c", "true"]);
    assert!(status == 125 && said.contains("alpha"), "{said}");
    assert_eq!(place.refused(&["box", "rm", "alpha"]).0, 125);
}

#[test]
fn names_are_checked_and_not_shared() {
    let place = Place::new();
    place.create("work");
    assert!(place.refused(&["box", "create", "work"]).1.contains("taken"));
    for name in ["", "a b", "../a", "a@1", "image", "cntr_x", "snap_1", "a\nb", &"x".repeat(65)] {
        let (status, said) = place.refused(&["box", "create", "--", name]);
        assert!(status == 125 && !said.is_empty(), "{name:?}: {status} {said}");
    }
    for state in ["a b", "work@", "work@x", "@1", "snap_1@2"] {
        assert_eq!(place.refused(&["box", "fork", state]).0, 2, "{state:?}");
    }
    for state in ["nosuch", "work@99", "snap_00", "prop_00", "cntr_00"] {
        let (status, said) = place.refused(&["box", "fork", state]);
        assert!(
            status == 125 && said.starts_with("coquina: ") && said.lines().count() == 1,
            "{state:?}: {status} {said}"
        );
    }
}

#[test]
fn every_exec_leaves_a_state() {
    let place = Place::new();
    place.create("work");
    for n in 1..=3 {
        place.run("work", &format!("echo {n} > n"));
    }
    let log = place.json(&["log", "work"]);
    let seqs: Vec<u64> = log.as_array().expect("a list").iter().filter_map(|entry| entry["seq"].as_u64()).collect();
    assert_eq!(seqs, [1, 2, 3, 4]);
    let table = place.out(&["box", "log", "work", "-n", "2"]);
    assert_eq!(table.lines().count(), 3, "{table}");
    assert!(table.ends_with("echo 3 > n\n"), "{table}");

    let difference = place.json(&["diff", "work@2", "work"]);
    assert_eq!(changed(&difference), pairs(&[("modified", "/home/user/n")]));
    assert_eq!(changed(&place.json(&["diff", "work@2"])), pairs(&[("added", "/home/user/n")]));
    assert_eq!(changed(&place.json(&["diff", "work"])), pairs(&[("added", "/home/user/n")]));
    let shown = place.out(&["box", "diff", "work@2", "work@4", "--text"]);
    for line in ["--- a/home/user/n", "+++ b/home/user/n", "-1", "+3"] {
        assert!(shown.lines().any(|l| l == line), "{line} in:\n{shown}");
    }
    assert_eq!(place.out(&["box", "restore", "work", "work@2"]), "work@5\n");
    assert_eq!(place.run("work", "cat n"), "1\n");
    assert_eq!(place.out(&["box", "restore", "work", "work@4"]), "work@7\n");
    assert_eq!(place.run("work", "cat n"), "3\n");

    place.out(&["box", "prune", "work", "--keep", "2"]);
    let (status, said) = place.refused(&["box", "restore", "work", "work@3"]);
    assert!(status == 125 && said.contains("work@3"), "{said}");
    assert_eq!(place.run("work", "cat n"), "3\n");
}

#[test]
fn a_diff_tells_kinds_modes_and_links() {
    let place = Place::new();
    place.create("work");
    place.run("work", "echo 1 > kept; echo 2 > gone; mkdir d; echo 3 > d/f; echo 4 > mode; chmod 644 mode");
    place.run("work", "echo more >> kept; rm gone; rm -r d; ln -s kept link; chmod 755 mode; mkfifo pipe");
    let table = place.out(&["box", "diff", "work@2", "work@3"]);
    let line = |path: &str| {
        let found = table.lines().find(|line| line.split("  ").any(|field| field == path));
        found.unwrap_or_else(|| panic!("{path} in:\n{table}"))
    };
    assert!(line("/home/user/kept").starts_with('M') && line("/home/user/kept").contains("2 → 7"), "{table}");
    assert!(line("/home/user/gone").starts_with('D'), "{table}");
    assert!(line("/home/user/d").starts_with("D  drwxr-xr-x"), "{table}");
    assert!(line("/home/user/mode").starts_with("a  -rw-r--r-- → -rwxr-xr-x"), "{table}");
    assert!(line("/home/user/link -> kept").starts_with("A  l"), "{table}");
    assert!(line("/home/user/pipe").starts_with("A  p"), "{table}");
    let below = place.json(&["diff", "work@2", "work@3", "--path", "/home/user/d"]);
    assert_eq!(changed(&below), pairs(&[("removed", "/home/user/d"), ("removed", "/home/user/d/f")]));
    let text = place.out(&["box", "diff", "work@2", "work@3", "--text"]);
    assert!(
        text.contains("Mode of /home/user/mode: -rw-r--r-- → -rwxr-xr-x\n") && text.contains("\n+kept\n"),
        "{text}"
    );
    assert_eq!(place.out(&["box", "diff", "work", "work", "--text"]), "");
    assert_eq!(place.refused(&["box", "diff", "image"]).0, 2);
}

#[test]
fn forks_and_snapshots_go_their_own_way() {
    let place = Place::new();
    place.create("work");
    place.run("work", "echo 1 > n");
    let snapshot = place.out(&["box", "snapshot", "work", "first"]);
    assert!(snapshot.starts_with("snap_"), "{snapshot}");
    place.run("work", "echo 2 > n");
    place.out(&["box", "fork", "work", "copy"]);
    place.out(&["box", "fork", "first", "older"]);
    place.out(&["box", "fork", "work@1", "oldest"]);
    place.run("copy", "echo 3 > n");
    let read = |name: &str| place.run(name, "cat n 2>/dev/null || echo none");
    assert_eq!([read("work"), read("copy"), read("older"), read("oldest")].concat(), "2\n3\n1\nnone\n");

    assert_eq!(place.json(&["snapshots"]).as_array().map(Vec::len), Some(1));
    assert_eq!(place.json(&["snapshots", "work"])[0]["name"], json!("first"));
    assert_eq!(place.json(&["snapshots", "copy"]), json!([]));
    assert!(place.out(&["box", "snapshots"]).contains("work"));
    place.out(&["box", "rm", "work"]);
    place.out(&["box", "create", "again", "--from", snapshot.trim()]);
    assert_eq!(read("again"), "1\n", "a snapshot outlives its box");
    let (status, said) = place.refused(&["box", "restore", "copy", "oldest"]);
    assert!(status == 125 && said.contains("not a state of"), "{said}");
    place.out(&["box", "rm", snapshot.trim()]);
    assert_eq!(place.json(&["snapshots"]), json!([]));
}

#[test]
fn forks_are_merged_or_conflicts_named() {
    let place = Place::new();
    place.create("work");
    place.run("work", "echo base > both; echo base > theirs; mkdir d");
    place.out(&["box", "fork", "work", "try"]);
    place.run("try", "echo try > theirs; echo try > d/new");
    place.run("work", "echo work > ours");
    assert_eq!(place.out(&["box", "merge", "work", "try"]), "work@4\n");
    assert_eq!(place.run("work", "cat ours theirs d/new"), "work\ntry\ntry\n");

    place.run("try", "echo try > both; echo try > clash");
    place.run("work", "echo work > both; echo work > clash");
    let (status, said) = place.refused(&["box", "merge", "work", "try"]);
    assert_eq!(status, 1, "{said}");
    assert!(said.contains("/home/user/both") && said.contains("/home/user/clash"), "{said}");
    let told = place.said(&["box", "merge", "work", "try", "--json"]);
    let told: Value = serde_json::from_str(&told.stdout).expect("JSON");
    let both = json!({"path": "/home/user/both", "here": "modified", "there": "modified"});
    assert_eq!(told["conflicts"][0], both, "{told}");
    assert_eq!(place.run("work", "cat both clash"), "work\nwork\n", "nothing is merged then");
    place.create("stranger");
    assert_eq!(place.refused(&["box", "merge", "work", "stranger"]).0, 125);
}

#[test]
fn a_proposal_waits_for_a_decision() {
    let place = Place::new();
    place.create("work");
    place.run("work", "echo precious > data");
    let propose = |script: &str| {
        let report = place.json(&["exec", "work", "--propose", "-c", script]);
        report["proposal"]["id"].as_str().expect("an id").to_owned()
    };
    let said = place.said(&["box", "exec", "work", "--propose", "-c", "rm data; echo gone"]);
    assert_eq!((said.stdout.as_str(), said.status), ("gone\n", 0));
    assert!(
        said.stderr.contains("/home/user/data") && said.stderr.contains("coquina box apply prop_"),
        "{}",
        said.stderr
    );
    assert_eq!(place.run("work", "cat data"), "precious\n");

    let open = place.json(&["proposals", "work"]);
    let first = open[0]["id"].as_str().expect("an id").to_owned();
    let shown = place.out(&["box", "proposal", &first]);
    assert!(shown.contains("rm data; echo gone") && shown.contains("/home/user/data"), "{shown}");
    assert!(place.out(&["box", "proposal", &first, "--text"]).contains("-precious\n"));
    assert_eq!(changed(&place.json(&["diff", &first])), pairs(&[("removed", "/home/user/data")]));
    place.out(&["box", "discard", &first]);
    assert_eq!(place.refused(&["box", "apply", &first]).0, 125);
    assert_eq!(place.json(&["proposals"]), json!([]));
    assert_eq!(place.json(&["proposals", "--all"])[0]["state"], json!("discarded"));

    let moved = propose("echo added > new");
    place.run("work", "echo other > elsewhere");
    assert_eq!(place.out(&["box", "apply", &moved]), "work@5\n", "the base has moved, the paths have not");
    assert_eq!(place.run("work", "cat new elsewhere"), "added\nother\n");
    let clash = propose("echo theirs > data");
    place.run("work", "echo ours > data");
    let (status, said) = place.refused(&["box", "apply", &clash]);
    assert!(status == 1 && said.contains("/home/user/data"), "{status} {said}");
    assert_eq!(place.run("work", "cat data"), "ours\n");
    assert_eq!(place.refused(&["box", "apply", "prop_00"]).0, 125);
}

#[test]
fn access_is_enforced_by_path() {
    let place = Place::new();
    let access = |rule: &'static str| ["--access", rule];
    let words = [access("propose-writes"), access("/home/user/out=full"), access("/tmp=read-only")].concat();
    place.out(&[&["box", "create", "careful"][..], &words].concat());
    let setting = place.json(&["show", "careful"])["settings"]["profile"].clone();
    assert_eq!(setting["default"], json!("propose-writes"));
    let first = place.json(&["exec", "careful", "-c", "echo x > data; mkdir out"]);
    let id = first["proposal"]["id"].as_str().unwrap_or_else(|| panic!("a proposal: {first}")).to_owned();
    assert_eq!(place.run("careful", "ls"), "");
    place.out(&["box", "apply", &id]);
    let free = place.json(&["exec", "careful", "-c", "echo y > out/f"]);
    assert!(free["log"]["seq"].is_u64(), "{free}");
    let refused = place.said(&["box", "exec", "careful", "-c", "echo z > /tmp/f"]);
    assert_ne!(refused.status, 0);
    assert_eq!(place.run("careful", "cat data out/f; ls /tmp"), "x\ny\n");
}

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

#[test]
fn two_processes_take_turns_in_a_box() {
    let place = Place::new();
    place.create("work");
    let append = |word: &str| {
        let script = format!("for i in 1 2 3 4 5; do echo {word} >> out; done");
        place.command(&["box", "exec", "work", "-c", &script]).spawn().expect("it starts")
    };
    let children = ["a", "b", "c", "d"].map(append);
    for child in children {
        let said = finished(child);
        assert_eq!((said.status, said.stderr.as_str()), (0, ""));
    }
    assert_eq!(place.run("work", "sort out | uniq -c | tr -s ' '"), " 5 a\n 5 b\n 5 c\n 5 d\n");
}

#[test]
fn a_live_box_is_given_up_when_wanted() {
    let place = Place::new();
    place.create("work");
    let mut shell = place.command(&["box", "shell", "work"]).spawn().expect("it starts");
    let mut input = shell.stdin.take().expect("a pipe");
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(shell.stdout.take().expect("a pipe")));
    input.write_all(b"x=1; echo ready > f; cat f\n").expect("it reads");
    assert!(lines.any(|line| line.expect("text").ends_with("ready")));
    assert_eq!(place.run("work", "cat f; echo more >> f"), "ready\n");
    place.out(&["box", "hibernate", "work"]);
    input.write_all(b"echo $x; tail -n 1 f\n").expect("it reads");
    let mut said: Vec<String> = Vec::new();
    while said.last().is_none_or(|line| !line.ends_with("more")) {
        said.push(lines.next().expect("a line").expect("text"));
    }
    assert!(said.iter().any(|line| line.ends_with('1')), "{said:?}");
    drop(input);
    assert!(shell.wait().expect("it ends").success());
}

#[test]
fn the_store_is_checked_collected_and_backed_up() {
    let place = Place::new();
    place.create("work");
    place.run("work", "head -c 300000 /dev/urandom > junk; echo kept > f");
    place.run("work", "rm junk");
    place.out(&["box", "prune", "work", "--keep", "1"]);
    let collected: Value = serde_json::from_str(&place.out(&["store", "gc", "--json"])).expect("JSON");
    assert!(collected["collected"]["removed_blobs"].as_u64() > Some(0), "{collected}");
    assert!(place.out(&["store", "gc"]).contains("are in use"));
    assert!(place.out(&["store", "check"]).contains("all is well"));
    let stats: Value = serde_json::from_str(&place.out(&["store", "stats", "--json"])).expect("JSON");
    assert_eq!(stats["containers"], json!(1));
    assert!(place.out(&["store", "stats"]).contains("boxes"));

    let copy = place.host("copy").display().to_string();
    place.out(&["store", "backup", &copy]);
    place.run("work", "echo later > f");
    assert_eq!(place.out(&["box", "--store", &copy, "exec", "work", "-c", "cat f"]), "kept\n");
    assert_eq!(place.refused(&["store", "backup", &copy]).0, 125, "it is not empty any more");
    assert_eq!(place.run("work", "cat f"), "later\n");
}

#[test]
fn an_expired_box_is_gone_but_its_snapshots() {
    let place = Place::new();
    place.out(&["box", "create", "brief", "--expires-after", "1ms"]);
    let (status, said) = place.refused(&["box", "exec", "brief", "-c", "true"]);
    assert!(status == 125 && said.contains("expired"), "{said}");
    place.out(&["store", "gc"]);
    assert_eq!(place.json(&["show", "brief"])["status"], json!("expired"));
}

#[test]
fn a_store_that_cannot_be_is_said_so() {
    let place = Place::new();
    std::fs::write(place.host("file"), "x").expect("it is written");
    let file = place.host("file").display().to_string();
    let (status, said) = place.refused(&["box", "ls", "--store", &file]);
    assert!(status == 125 && said.contains("file"), "{said}");
    place.out(&["box", "create", "work"]);
    let store = place.host("store").display().to_string();
    let quota = place.said(&[
        "box",
        "exec",
        "work",
        "--store",
        &store,
        "--store-quota",
        "1K",
        "-c",
        "head -c 100000 /dev/urandom > f",
    ]);
    assert!(quota.status == 125 && quota.stderr.contains("may hold 1024"), "{}", quota.stderr);
    assert_eq!(place.run("work", "ls"), "", "it is as it was");
}

#[test]
fn what_is_read_by_nobody_is_no_fault() {
    let place = Place::new();
    place.create("work");
    let program = env!("CARGO_BIN_EXE_coquina");
    let line = format!("'{program}' box log work | true; echo ${{PIPESTATUS[0]}}");
    let mut command = Command::new("bash");
    command.args(["-c", &line]).env("COQUINA_IMAGE", image_dir()).env("COQUINA_STORE", place.host("store"));
    let done = command.output().expect("bash starts");
    assert_eq!(String::from_utf8_lossy(&done.stderr), "");
}

#[test]
fn help_and_completion_are_printed() {
    let place = Place::new();
    let help = place.out(&["box", "--help"]);
    for word in [
        "create", "ls", "exec", "shell", "snapshot", "fork", "diff", "merge", "restore", "log", "export", "import",
        "cp", "rm", "Examples", "NAME@7",
    ] {
        assert!(help.contains(word), "{word} in:\n{help}");
    }
    for shell in ["bash", "zsh", "fish"] {
        assert!(place.out(&["completion", shell]).contains("snapshot"), "{shell}");
    }
    let script = place.out(&["completion", "bash"]);
    let checked = Command::new("bash").args(["-n", "-c", &script]).status();
    assert!(checked.expect("bash starts").success());
    assert!(!place.host("store").exists(), "asking for help makes no store");
}
