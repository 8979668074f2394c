//! Commands in a box: one by one, in a session, from several processes at once.

use std::io::Write as _;

use serde_json::{Value, json};

use crate::house::{Place, changed, finished, pairs};

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
