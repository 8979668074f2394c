//! Where commands of a conversation run: one container along all of it, which is given what each request brings.

use std::sync::Arc;

use coquina::agent::model::{Models, Script, Scripted};
use coquina::api::ApiConfig;
use serde_json::{Value, json};

use super::server::Server;

/// Runs what the user says.
const SCRIPT: &str = r#"
[[turn]]
when = { step = 1, user = "*" }
shell = ["cd /mnt; cat data/*; head -qn 2 skills/*/SKILL.md 2>/dev/null | grep name; echo changed >> data/a.csv"]
[[turn]]
text = "done"
"#;

#[test]
fn a_container_is_given_what_is_new() {
    let mut models = Models::new();
    models.insert("m", Arc::new(Scripted::new("m", Script::parse(SCRIPT).expect("it is a script"))));
    let server = Server::asking(models, ApiConfig::default(), []);
    let mut client = server.client();
    let mut upload = |path: &str, name: &str, content: &str| -> Value {
        let field = if path == "/v1/files" { "file" } else { "files[]" };
        let parts: [(&str, Option<&str>, &[u8]); 2] =
            [("purpose", None, b"user_data"), (field, Some(name), content.as_bytes())];
        let parts = if path == "/v1/files" { &parts[..] } else { &parts[1..] };
        client.form(path, parts).ok()["id"].clone()
    };
    let (a, b) = (upload("/v1/files", "a.csv", "first\n"), upload("/v1/files", "b.csv", "second\n"));
    let other = upload("/v1/files", "a.csv", "another\n");
    let skill = |name: &str| format!("---\nname: {name}\ndescription: What {name} is for.\n---\nDo it.\n");
    let [one, two] = ["one", "two"].map(|name| upload("/v1/skills", &format!("{name}/SKILL.md"), &skill(name)));
    let mut last = Value::Null;
    let mut say = |files: Vec<&Value>, skills: Vec<&Value>| -> (String, Value) {
        let skills: Vec<Value> = skills.iter().map(|id| json!({"type": "skill_reference", "skill_id": id})).collect();
        let environment = json!({"type": "container_auto", "file_ids": files, "skills": skills});
        let body = json!({"model": "m", "input": "go", "previous_response_id": last,
            "tools": [{"type": "shell", "environment": environment}]});
        let response = client.post("/v1/responses", &body).ok();
        last = response["id"].clone();
        let printed = response["output"][1]["output"][0]["stdout"].as_str().expect("text").to_owned();
        (printed, response["output"][0]["environment"]["container_id"].clone())
    };
    let (printed, container) = say(vec![&a], vec![]);
    assert_eq!(printed, "first\n");
    // What was given before is as commands have left it.
    let (printed, same) = say(vec![&a, &b], vec![&one]);
    assert_eq!((printed.as_str(), &same), ("first\nchanged\nsecond\nname: one\n", &container));
    let (printed, same) = say(vec![&a, &b], vec![&one, &two]);
    assert_eq!((printed.as_str(), &same), ("first\nchanged\nchanged\nsecond\nname: one\nname: two\n", &container));
    // Another file of the same name takes its place.
    let (printed, same) = say(vec![&other], vec![]);
    assert_eq!((printed.as_str(), &same), ("another\nsecond\nname: one\nname: two\n", &container));
}
