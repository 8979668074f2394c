//! Boxes as things with names: made, listed, set, removed, expired; and what the command line says of itself.

use std::process::Command;

use serde_json::json;

use crate::common::image_dir;
use crate::house::Place;

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
fn an_expired_box_is_gone_but_its_snapshots() {
    let place = Place::new();
    place.out(&["box", "create", "brief", "--expires-after", "1ms"]);
    let (status, said) = place.refused(&["box", "exec", "brief", "-c", "true"]);
    assert!(status == 125 && said.contains("expired"), "{said}");
    place.out(&["store", "gc"]);
    assert_eq!(place.json(&["show", "brief"])["status"], json!("expired"));
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
