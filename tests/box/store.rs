//! `coquina store`, and stores that are none.

use serde_json::{Value, json};

use crate::house::Place;

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
