//! `apply_patch`, here and at the client's.

use coquina::agent::model::CallKind;
use coquina::agent::response::Status;
use coquina::agent::{Environment, Request, Tool};
use serde_json::{Value, json};

use crate::house::{House, answered, bash, call, kinds, outputs, say};

fn patch(operation: Value) -> Vec<Result<coquina::agent::model::Delta, coquina::agent::model::ModelError>> {
    call(CallKind::ApplyPatch, &json!({ "operation": operation }).to_string())
}

#[tokio::test]
async fn patches_are_applied_in_the_shells_container() {
    let house = House::new(|prompt| match answered(prompt) {
        0 => patch(json!({"type": "create_file", "path": "src/a.txt", "diff": "+one\n+two\n"})),
        1 => patch(json!({"type": "update_file", "path": "/mnt/data/src/a.txt", "diff": "@@\n one\n-two\n+2\n"})),
        2 => patch(json!({"type": "update_file", "path": "src/a.txt", "diff": "@@\n-three\n+3\n"})),
        3 => patch(json!({"type": "update_file", "path": "none", "diff": "@@\n-a\n+b\n"})),
        4 => patch(json!({"type": "create_file", "path": "/etc/passwd", "diff": "+x\n"})),
        5 => bash("cat src/a.txt; stat -c %U src/a.txt"),
        6 => patch(json!({"type": "delete_file", "path": "src/a.txt"})),
        7 => bash("ls src"),
        _ => say("done"),
    })
    .await;
    let mut request = house.request(json!("Go"));
    request.tools.push(Tool::ApplyPatch);
    let (response, events) = house.run(request).await;
    assert_eq!(response.status, Status::Completed);
    let patched: Vec<Value> = response
        .output
        .iter()
        .filter(|item| item.kind() == "apply_patch_call_output")
        .map(|item| {
            let item = serde_json::to_value(item).expect("JSON");
            assert!(item["id"].as_str().expect("text").starts_with("apco_"));
            json!([item["status"], item["output"]])
        })
        .collect();
    assert_eq!(patched[0], json!(["completed", "/mnt/data/src/a.txt: done"]));
    assert_eq!(patched[1][0], "completed");
    assert!(patched[2][0] == "failed" && patched[2][1].as_str().expect("text").contains("\"three\""), "{patched:?}");
    assert!(
        patched[3][0] == "failed" && patched[3][1].as_str().expect("text").contains("/mnt/data/none"),
        "{patched:?}"
    );
    assert!(
        patched[4][0] == "failed" && patched[4][1].as_str().expect("text").contains("ermission denied"),
        "{patched:?}"
    );
    assert_eq!(patched[5][0], "completed");
    let printed: Vec<_> = outputs(&response).into_iter().map(|(stdout, ..)| stdout).collect();
    assert_eq!(printed, ["one\n2\nuser\n", ""]);
    let begun = events.iter().find(|event| event["item"]["type"] == "apply_patch_call").expect("it is told");
    assert_eq!(
        (&begun["type"], &begun["item"]["status"]),
        (&json!("response.output_item.added"), &json!("in_progress"))
    );
}

#[tokio::test]
async fn without_a_shell_here_patches_are_the_clients() {
    for tools in
        [vec![Tool::ApplyPatch], vec![Tool::ApplyPatch, Tool::Shell(Environment::Local { skills: Vec::new() })]]
    {
        let house = House::new(|_| patch(json!({"type": "delete_file", "path": "a"}))).await;
        let (response, _) = house.run(Request { tools, ..house.request(json!("Go")) }).await;
        assert_eq!((response.status, kinds(&response)), (Status::Completed, vec!["apply_patch_call"]));
    }
}
