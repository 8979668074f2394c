//! Changes that wait for a decision.

use serde_json::json;

use crate::house::{Place, changed, pairs};

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
