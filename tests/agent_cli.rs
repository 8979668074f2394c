//! `coquina agent` and `coquina approvals` as a person uses them: the main job with the scripted model, on a real export.

mod common;

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use common::{image, image_dir, root};
use coquina::agent::Question;
use coquina::agent::approval::Approvals;
use coquina::agent::item::Item;
use coquina::container::{Containers, ContainersConfig, Create, ExecOptions, Landed, Ref};
use coquina::sandbox::Exec;
use coquina::storage::{Store, StoreConfig};
use serde_json::{Value, json};

const TASK: &str = "Clean this export of flights, check it, and write a report";

/// A folder with the export, and a configuration with the scripted model beside it.
fn export(script: &Path) -> tempfile::TempDir {
    let scratch = tempfile::tempdir().expect("a scratch directory");
    fs::create_dir(scratch.path().join("export")).expect("it is made");
    for entry in fs::read_dir(root().join("examples/data")).expect("the data is there") {
        let from = entry.expect("it can be listed").path();
        fs::copy(&from, scratch.path().join("export").join(from.file_name().expect("a name"))).expect("it is copied");
    }
    for dir in ["old/sub", "swap"] {
        fs::create_dir_all(scratch.path().join("export").join(dir)).expect("it is made");
        fs::write(scratch.path().join("export").join(dir).join("file"), dir).expect("it is written");
    }
    let config = format!("[models.demo]\nkind = \"scripted\"\nscript = {script:?}\n");
    fs::write(scratch.path().join("config.toml"), config).expect("it is written");
    scratch
}

/// What `coquina agent` prints, and its exit status.
fn agent(scratch: &Path, more: &[&str]) -> (String, i32) {
    let output = Command::new(env!("CARGO_BIN_EXE_coquina"))
        .args(["agent", "--dir"])
        .arg(scratch.join("export"))
        .args(more)
        .env("COQUINA_IMAGE", image_dir())
        .env("COQUINA_CONFIG", scratch.join("config.toml"))
        .env_remove("COQUINA_MODEL_URL")
        .stdin(Stdio::null())
        .output()
        .expect("it runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    (text, output.status.code().expect("no signal ended it"))
}

fn policy() -> String {
    root().join("examples/agent/policy.toml").display().to_string()
}

#[test]
fn the_main_job_writes_the_report_that_native_bash_writes() {
    let scratch = export(&root().join("examples/agent/script.toml"));
    let (said, status) = agent(scratch.path(), &["--policy", &policy(), "--yes", TASK]);
    assert_eq!(status, 0, "{said}");
    for expected in [
        "$ sha256sum -c SHA256SUMS",
        "flights.csv: OK",
        "This waits for you:",
        "+airports,398,DVT",
        "3 of 3 changes applied",
    ] {
        assert!(said.contains(expected), "{expected}:\n{said}");
    }
    let report = fs::read_to_string(scratch.path().join("export/report.md")).expect("it was written");
    assert_eq!(report, fs::read_to_string(root().join("examples/agent/expected.md")).expect("it is there"));
    let planes = |dir: &Path| fs::read(dir.join("planes.csv")).expect("it is there");
    assert_eq!(planes(&scratch.path().join("export")), planes(&root().join("examples/data")));
}

#[test]
fn what_nobody_approves_changes_nothing() {
    let scratch = export(&root().join("examples/agent/script.toml"));
    let (said, status) = agent(scratch.path(), &["--policy", &policy(), TASK]);
    assert_eq!(status, 0, "{said}");
    assert!(said.contains("nobody is at the terminal") && said.contains("No file was changed."), "{said}");
    assert!(!scratch.path().join("export/report.md").exists());
}

#[test]
fn changes_of_all_kinds_arrive_and_nothing_leaves_the_folder() {
    let scratch = tempfile::tempdir().expect("a scratch directory");
    let script = scratch.path().join("script.toml");
    let commands = "mkdir -p new/deep; echo x > new/deep/file; rm weather.csv; ln -s /etc out; chmod 700 planes.csv; \
        mv airlines.csv renamed.csv; echo more >> SHA256SUMS; rm flights.csv; mkdir flights.csv; echo y > flights.csv/z; mkdir -p /elsewhere; echo q > /elsewhere/f; \
        rm -r old swap; echo s > swap";
    let turns = format!("[[turn]]\nwhen = {{ step = 1 }}\nshell = [{commands:?}]\n[[turn]]\ntext = \"done\"\n");
    fs::write(&script, turns).expect("it is written");
    let export = export(&script);
    let (said, status) = agent(export.path(), &["--yes", "go"]);
    assert_eq!(status, 0, "{said}");
    let dir = export.path().join("export");
    let read = |name: &str| fs::read_to_string(dir.join(name)).unwrap_or_else(|e| panic!("{name}: {e}\n{said}"));
    assert_eq!((read("new/deep/file"), read("flights.csv/z")), ("x\n".into(), "y\n".into()));
    assert!(read("SHA256SUMS").ends_with("more\n") && read("renamed.csv").starts_with("carrier,name"));
    assert!(!dir.join("weather.csv").exists() && !dir.join("airlines.csv").exists());
    assert_eq!(fs::read_link(dir.join("out")).expect("a link"), Path::new("/etc"));
    assert_eq!((read("swap"), dir.join("old").exists()), ("s\n".into(), false));
    let (_, changed) = said.split_once("What was changed").expect("it is shown");
    assert!(!changed.contains("elsewhere"), "{changed}");
}

#[test]
fn each_call_of_a_step_that_waits_is_asked_about() {
    let scratch = tempfile::tempdir().expect("a scratch directory");
    let script = scratch.path().join("script.toml");
    let turns = "[[turn]]\nwhen = { output = \"two\" }\ntext = \"Both.\"\n[[turn]]\nshell = [\"rm -f x; echo one\", \"rm -f y; echo two\"]\n";
    fs::write(&script, turns).expect("it is written");
    let export = export(&script);
    let rules = export.path().join("rules.toml");
    fs::write(&rules, "[[rules]]\ndecision = \"ask\"\ncommand = \"rm\"\n").expect("it is written");
    let (said, status) = agent(export.path(), &["--policy", &rules.display().to_string(), "--yes", "go"]);
    assert_eq!((status, said.matches("This waits for you:").count()), (0, 2), "{said}");
    assert!(said.contains("one\ntwo\n") && said.contains("Both."), "{said}");
}

#[test]
fn without_a_model_it_says_what_to_do() {
    let scratch = tempfile::tempdir().expect("a scratch directory");
    fs::create_dir(scratch.path().join("export")).expect("it is made");
    fs::write(scratch.path().join("config.toml"), "").expect("it is written");
    let (said, status) = agent(scratch.path(), &["x"]);
    assert!(status == 2 && said.contains("COQUINA_MODEL_URL"), "{status}: {said}");
    let (said, status) = agent(scratch.path(), &["--model", "m", "x"]);
    assert!(status == 2 && said.contains("there is no such model"), "{status}: {said}");
}

/// Runs a program at a terminal and answers the first question mark after WORDS with a key: prints what it said, and exits as it did.
const AT_A_TERMINAL: &str = r#"
import os, pty, signal, sys
words, key, program = sys.argv[1].encode(), sys.argv[2].encode(), sys.argv[3:]
signal.alarm(60)
pid, fd = pty.fork()
if pid == 0:
    os.execv(program[0], program)
said, answered = b"", False
while True:
    try:
        piece = os.read(fd, 4096)
    except OSError:
        break
    said += piece
    if not answered and words in said and b"[y/N]" in said:
        answered = bool(os.write(fd, key))
sys.stdout.buffer.write(said)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"#;

#[test]
fn ctrl_c_at_a_question_ends_it_and_applies_nothing() {
    let scratch = tempfile::tempdir().expect("a scratch directory");
    let script = scratch.path().join("script.toml");
    let turns = "[[turn]]\nwhen = { step = 1 }\nshell = [\"echo x > made\"]\n[[turn]]\ntext = \"Done.\"\n";
    fs::write(&script, turns).expect("it is written");
    let export = export(&script);
    let at = |key: &str| {
        let output = Command::new("python3")
            .args(["-c", AT_A_TERMINAL, "Apply it?", key, env!("CARGO_BIN_EXE_coquina"), "agent", "x", "--dir"])
            .arg(export.path().join("export"))
            .env("COQUINA_IMAGE", image_dir())
            .env("COQUINA_CONFIG", export.path().join("config.toml"))
            .env_remove("COQUINA_MODEL_URL")
            .stdin(Stdio::null())
            .output()
            .expect("python3 is there");
        (String::from_utf8_lossy(&output.stdout).into_owned(), output.status.code())
    };
    let (said, status) = at("\x03");
    assert!(status == Some(130) && said.contains("Nothing was applied."), "{status:?}: {said}");
    assert!(!export.path().join("export/made").exists());
    let (said, status) = at("y\n");
    assert!(status == Some(0) && said.contains("1 of 1 changes applied."), "{status:?}: {said}");
    assert!(export.path().join("export/made").exists());
}

/// What `coquina approvals` answers in JSON.
fn approvals(store: &Path, words: &[&str]) -> (Value, i32) {
    let output = Command::new(env!("CARGO_BIN_EXE_coquina"))
        .args(["approvals", "--json", "--store"])
        .arg(store)
        .args(words)
        .env("COQUINA_IMAGE", image_dir())
        .output()
        .expect("it runs");
    (serde_json::from_slice(&output.stdout).unwrap_or(Value::Null), output.status.code().expect("no signal"))
}

#[test]
fn a_person_decides_at_the_command_line() {
    let scratch = tempfile::tempdir().expect("a scratch directory");
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("it starts");
    let (container, ids) = runtime.block_on(async {
        let store = Store::open(StoreConfig::directory(scratch.path())).expect("a store opens");
        let containers = Containers::open(image().clone(), store, ContainersConfig::default());
        let made = containers.create(Create::default()).await.expect("it is made");
        let approvals = Approvals::new(containers.clone());
        let mut ids = Vec::new();
        for file in ["a", "b"] {
            let command = format!("echo {file} > /home/user/{file}");
            let options = ExecOptions { propose: true, ..ExecOptions::default() };
            let done = containers.exec(&made.id, Exec::bash(command.as_str()), options).await.expect("it runs");
            let Landed::Proposed(proposal) = done.landed else { panic!("{:?}", done.landed) };
            let call = json!({ "type": "shell_call", "call_id": "c", "action": { "commands": [command] } });
            let item: Item = serde_json::from_value(call).expect("it is a call");
            let (container, reason) = (made.id.clone(), "It changes files.".to_owned());
            let question = Question { item, container, reason, proposal: Some(proposal.id), output: Vec::new() };
            ids.push(approvals.ask(question, None, "resp_1").await.expect("it is kept").id);
        }
        containers.shutdown().await.expect("it is closed");
        (made.id, ids)
    });
    let (waiting, _) = approvals(scratch.path(), &["ls"]);
    assert_eq!(waiting.as_array().map(Vec::len), Some(2), "{waiting}");
    let (shown, _) = approvals(scratch.path(), &["show", &ids[0]]);
    assert!(shown["shown"]["diff"].as_str().expect("text").contains("+a"), "{shown}");
    let (decided, status) = approvals(scratch.path(), &["approve", &ids[0]]);
    assert_eq!((&decided["status"], status), (&json!("approved"), 0));
    let (decided, _) = approvals(scratch.path(), &["decline", &ids[1], "--reason", "no"]);
    assert_eq!(decided["status"], "declined");
    assert_eq!(approvals(scratch.path(), &["approve", &ids[1]]).1, 125);
    assert_eq!(approvals(scratch.path(), &["ls"]).0, json!([]));
    runtime.block_on(async {
        let store = Store::open(StoreConfig::directory(scratch.path())).expect("a store opens");
        let containers = Containers::open(image().clone(), store, ContainersConfig::default());
        let state = Ref::Container(container);
        assert_eq!(&containers.read_file(&state, b"/home/user/a").await.expect("it is there")[..], b"a\n");
        assert!(containers.read_file(&state, b"/home/user/b").await.is_err());
    });
}
