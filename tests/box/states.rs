//! The states that execs leave: log, differences, snapshots, forks, merges.

use serde_json::{Value, json};

use crate::house::{Place, changed, pairs};

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
