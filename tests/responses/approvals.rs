//! Policies and approvals as a client sees them: what waits for a person, what they say, and that exactly what was shown happens, once.

use std::sync::Arc;

use coquina::agent::model::{Models, Script, Scripted};
use coquina::agent::{Policy, PolicyConfig};
use coquina::api::{ApiConfig, Key, Keys, NewKey, Quotas, Scope};
use serde_json::{Value, json};

use super::client::Client;
use super::server::Server;

/// Runs what the user says after `run `, then says what came of it.
const SCRIPT: &str = r#"
[[turn]]
when = { user = "approved", output = "*" }
text = "after approval: done"
[[turn]]
when = { user = "[The call that waited for approval was approved" }
text = "after approval: go on"
[[turn]]
when = { user = "was refused" }
text = "it was refused"
[[turn]]
when = { user = "patch", step = 1 }
patch = [{ type = "create_file", path = "note", diff = "+patched" }]
[[turn]]
when = { user = "for ever" }
shell = ["true"]
[[turn]]
when = { user = "write", step = 1 }
shell = ["echo two >> note; echo written"]
[[turn]]
when = { user = "remove", step = 1 }
shell = ["rm -f note; echo run >> runs"]
[[turn]]
when = { user = "scratch", step = 1 }
shell = ["echo x > /tmp/x; cat /tmp/x"]
[[turn]]
when = { user = "look", step = 1 }
shell = ["cat note runs 2>&1; true"]
[[turn]]
when = { output = "*" }
text = "done"
[[turn]]
text = "nothing to do"
"#;

fn server(config: ApiConfig, keys: impl IntoIterator<Item = Key>) -> Server {
    let mut models = Models::new();
    models.insert("m", Arc::new(Scripted::new("m", Script::parse(SCRIPT).expect("it is a script"))));
    Server::asking(models, config, keys)
}

fn policy(text: &str) -> PolicyConfig {
    toml::from_str(text).expect("it is a policy")
}

fn container(client: &mut Client) -> String {
    let made = client.post("/v1/containers", &json!({ "name": "c" })).ok();
    let id = made["id"].as_str().expect("an id").to_owned();
    let body = json!({ "command": "echo one > /mnt/data/note" });
    client.post(&format!("/v1/containers/{id}/exec"), &body).ok();
    id
}

/// One conversation in a container.
struct Talk<'a> {
    client: &'a mut Client,
    container: String,
    policy: Value,
    last: Option<String>,
}

impl<'a> Talk<'a> {
    fn new(client: &'a mut Client, policy: Value) -> Talk<'a> {
        let container = container(client);
        Talk { client, container, policy, last: None }
    }

    fn say(&mut self, input: Value) -> Value {
        let environment = json!({ "type": "container_reference", "container_id": self.container });
        let tools = json!([{ "type": "shell", "environment": environment }, { "type": "apply_patch" }]);
        let body = json!({ "model": "m", "input": input, "tools": tools, "policy": self.policy,
            "previous_response_id": self.last });
        let response = self.client.post("/v1/responses", &body).ok();
        self.last = Some(response["id"].as_str().expect("an id").to_owned());
        response
    }

    /// What a person answers to the last request.
    fn answer(&mut self, id: &str, approve: bool) -> Value {
        self.say(json!([{ "type": "mcp_approval_response", "approval_request_id": id, "approve": approve, "reason": "because" }]))
    }

    fn files(&mut self) -> String {
        let body = json!({ "command": "cd /mnt/data; tail -n +1 note runs 2> /dev/null" });
        let answer = self.client.post(&format!("/v1/containers/{}/exec", self.container), &body).ok();
        answer["stdout"].as_str().expect("text").to_owned()
    }
}

fn kinds(response: &Value) -> Vec<&str> {
    response["output"].as_array().expect("a list").iter().map(|item| item["type"].as_str().expect("text")).collect()
}

fn item<'a>(response: &'a Value, kind: &str) -> &'a Value {
    let found = response["output"].as_array().expect("a list").iter().find(|item| item["type"] == kind);
    found.unwrap_or_else(|| panic!("no {kind}: {response:#}"))
}

/// The request for approval that ends a response, and what it shows.
fn asked(response: &Value) -> (String, Value) {
    assert_eq!(response["status"], "completed", "{response:#}");
    let last = response["output"].as_array().and_then(|output| output.last()).expect("an item");
    assert_eq!((&last["type"], &last["server_label"]), (&json!("mcp_approval_request"), &json!("coquina")));
    let shown = last["arguments"].as_str().expect("text");
    (last["id"].as_str().expect("an id").to_owned(), serde_json::from_str(shown).expect("JSON"))
}

fn text(response: &Value) -> &str {
    item(response, "message")["content"][0]["text"].as_str().expect("text")
}

#[test]
fn a_step_that_changes_files_waits_and_is_applied_as_shown() {
    let server = server(ApiConfig::default(), []);
    let mut client = server.client();
    let mut talk = Talk::new(&mut client, json!({ "profile": "propose-writes" }));
    let response = talk.say(json!("write"));
    assert_eq!(kinds(&response), ["shell_call", "shell_call_output", "mcp_approval_request"]);
    let (id, shown) = asked(&response);
    assert_eq!(item(&response, "mcp_approval_request")["name"], "shell");
    assert_eq!(shown["commands"], json!(["echo two >> note; echo written"]));
    assert_eq!((&shown["changes"][0]["path"], &shown["changes_total"]), (&json!("/mnt/data/note"), &json!(1)));
    assert!(shown["diff"].as_str().expect("text").contains("+two"), "{shown:#}");
    assert!(shown["proposal_id"].as_str().expect("text").starts_with("prop_"));
    assert!(!talk.files().contains("two"), "nothing has happened yet");
    let waiting = talk.client.get("/v1/approvals?status=pending").ok();
    assert_eq!((&waiting["data"][0]["id"], &waiting["data"][0]["arguments"]), (&json!(id), &shown));
    let response = talk.answer(&id, true);
    assert_eq!(text(&response), "after approval: go on");
    assert!(talk.files().contains("one\ntwo\n"), "{}", talk.files());
    let decided = talk.client.get(&format!("/v1/approvals/{id}")).ok();
    assert_eq!((&decided["status"], &decided["note"]), (&json!("approved"), &json!("because")));
    let again = talk.client.post(&format!("/v1/approvals/{id}"), &json!({ "approve": false })).error();
    assert_eq!((again.0, again.1.as_str()), (409, "already_decided"));
}

#[test]
fn what_is_declined_is_undone_and_what_changes_nothing_needs_nobody() {
    let server = server(ApiConfig::default(), []);
    let mut client = server.client();
    let mut talk = Talk::new(&mut client, json!({ "profile": "propose-writes" }));
    let (id, shown) = asked(&talk.say(json!("write")));
    assert_eq!(text(&talk.answer(&id, false)), "it was refused");
    assert!(!talk.files().contains("two"));
    let proposal = shown["proposal_id"].as_str().expect("an id");
    let proposal = talk.client.get(&format!("/v1/containers/{}/proposals/{proposal}", talk.container)).ok();
    assert_eq!(proposal["status"], "discarded");
    for quiet in ["look", "scratch"] {
        let response = talk.say(json!(quiet));
        assert_eq!(kinds(&response), ["shell_call", "shell_call_output", "message"], "{quiet}");
    }
    let (id, shown) = asked(&talk.say(json!("patch")));
    assert_eq!(shown["operation"]["path"], "note");
    talk.answer(&id, true);
    assert!(talk.files().contains("patched"));
}

#[test]
fn somebody_else_may_decide_and_the_next_request_goes_on() {
    let server = server(ApiConfig::default(), []);
    let mut client = server.client();
    for (approve, says) in [(true, "after approval: go on"), (false, "it was refused")] {
        let mut talk = Talk::new(&mut client, json!({ "profile": "propose-writes" }));
        let (id, _) = asked(&talk.say(json!("write")));
        let decided = talk.client.post(&format!("/v1/approvals/{id}"), &json!({ "approve": approve })).ok();
        assert_eq!(decided["status"], if approve { "approved" } else { "declined" });
        assert_eq!(talk.files().contains("two"), approve);
        assert_eq!(text(&talk.say(json!([]))), says);
    }
    // Nobody has decided: what the model is told stays true.
    let mut talk = Talk::new(&mut client, json!({ "profile": "propose-writes" }));
    let (id, _) = asked(&talk.say(json!("write")));
    talk.say(json!("look"));
    assert_eq!(talk.client.get(&format!("/v1/approvals/{id}")).ok()["status"], "lapsed");
    assert_eq!(talk.client.post(&format!("/v1/approvals/{id}"), &json!({ "approve": true })).status, 409);
    assert!(!talk.files().contains("two"));
    let mut page = |query: &str| {
        let list = client.get(&format!("/v1/approvals?{query}")).ok();
        let all = list["data"].as_array().expect("a list").iter();
        let statuses: Vec<String> = all.map(|one| one["status"].as_str().expect("text").to_owned()).collect();
        (statuses.join(" "), list["has_more"] == true, list["last_id"].as_str().unwrap_or_default().to_owned())
    };
    let (first, has_more, last) = page("limit=2");
    assert_eq!((first.as_str(), has_more), ("lapsed declined", true));
    assert_eq!(page(&format!("limit=2&after={last}")).0, "approved");
    assert_eq!(page("order=asc").0, "approved declined lapsed");
    assert_eq!(page("status=declined&limit=1"), ("declined".to_owned(), false, last));
    assert_eq!(page("status=pending").0, "");
}

#[test]
fn a_command_that_is_asked_about_runs_after_approval_and_only_once() {
    let server = server(ApiConfig::default(), []);
    let mut client = server.client();
    let rules = json!({ "rules": [{ "decision": "ask", "command": "rm", "reason": "it is gone then" }] });
    let mut talk = Talk::new(&mut client, rules);
    let response = talk.say(json!("remove"));
    assert_eq!(kinds(&response), ["shell_call", "mcp_approval_request"]);
    let (id, shown) = asked(&response);
    assert_eq!(shown["proposal_id"], Value::Null);
    assert!(shown["reason"].as_str().expect("text").contains("it is gone then"));
    assert!(!talk.files().contains("run"));
    let asking = talk.last.clone();
    let response = talk.answer(&id, true);
    assert_eq!(kinds(&response), ["shell_call_output", "message"], "{response:#}");
    assert!(talk.files().contains("run\n") && !talk.files().contains("one"));
    // Another branch of the conversation does not run it again, and neither does what follows.
    talk.say(json!("look"));
    talk.last = asking;
    talk.answer(&id, true);
    assert_eq!(talk.files().matches("run\n").count(), 1, "{}", talk.files());
}

#[test]
fn a_question_needs_not_the_call_that_it_is_about() {
    let server = server(ApiConfig::default(), []);
    let mut client = server.client();
    let tools = json!([{ "type": "shell", "environment": { "type": "container_auto" } }, { "type": "mcp", "server_label": "coquina" }]);
    let rules = json!({ "rules": [{ "decision": "ask", "command": "rm" }] });
    let mut say = |input: &[Value]| {
        let body = json!({ "model": "m", "input": input, "tools": tools, "policy": rules, "store": false });
        client.post("/v1/responses", &body).ok()
    };
    let user = |text: &str| json!({ "role": "user", "content": text });
    let output = |response: &Value| response["output"].as_array().expect("a list").clone();
    // Some clients leave calls without outputs out of what they send. Then the last call is another one, and ran elsewhere.
    let elsewhere = say(&[user("look")]);
    let response = say(&[user("remove")]);
    let (id, shown) = asked(&response);
    let mut history = [&[user("look")], output(&elsewhere).as_slice(), &[user("remove")]].concat();
    history.push(item(&response, "mcp_approval_request").clone());
    history.push(json!({ "type": "mcp_approval_response", "approval_request_id": id, "approve": true }));
    let after = say(&history);
    assert_eq!(kinds(&after), ["shell_call_output", "message"], "{after:#}");
    // Now the call has its output, and is sent too.
    history.insert(history.len() - 2, item(&response, "shell_call").clone());
    history.extend(output(&after));
    let again = say(&[history, vec![user("look")]].concat());
    let container = shown["container_id"].as_str().expect("an id");
    let body = json!({ "command": "cat /mnt/data/runs" });
    let answer = client.post(&format!("/v1/containers/{container}/exec"), &body).ok();
    assert_eq!(answer["stdout"], "run\n", "it ran where it was shown, once: {again:#}");
}

#[test]
fn what_was_approved_runs_in_no_other_container() {
    let server = server(ApiConfig::default(), []);
    let mut client = server.client();
    let mut talk = Talk::new(&mut client, json!({ "rules": [{ "decision": "ask", "command": "rm" }] }));
    let (id, _) = asked(&talk.say(json!("remove")));
    let shown = std::mem::replace(&mut talk.container, container(talk.client));
    let response = talk.answer(&id, true);
    assert_eq!(item(&response, "shell_call_output")["output"][0]["outcome"]["exit_code"], 126, "{response:#}");
    for place in [shown, talk.container.clone()] {
        talk.container = place;
        assert!(!talk.files().contains("run"));
    }
}

#[test]
fn what_is_denied_is_not_run_and_is_on_record() {
    let config = ApiConfig {
        policy: Policy::new(policy("[[rules]]\ndecision = \"deny\"\ncommand = \"rm\"")).expect("it is a policy"),
        ..ApiConfig::default()
    };
    let server = server(config, []);
    let mut client = server.client();
    // The request cannot widen what the service says.
    let mut talk = Talk::new(&mut client, json!({ "rules": [{ "decision": "allow", "command": "rm" }] }));
    let response = talk.say(json!("remove"));
    assert_eq!(kinds(&response), ["shell_call", "shell_call_output", "message"]);
    let output = &item(&response, "shell_call_output")["output"][0];
    assert_eq!(output["outcome"], json!({ "type": "exit", "exit_code": 126 }));
    assert!(output["stderr"].as_str().expect("text").contains("rule 1 command `rm`"), "{output}");
    assert!(talk.files().contains("one"));
    let trail = talk.client.get(&format!("/v1/audit?container_id={}&limit=100", talk.container)).ok();
    let events = trail["data"].as_array().expect("a list").iter().map(|record| &record["event"]);
    assert!(events.clone().any(|event| event["type"] == "tool_call_denied"), "{trail:#}");
}

#[test]
fn read_only_is_read_only_and_budgets_end_a_response() {
    let server = server(ApiConfig::default(), []);
    let mut client = server.client();
    let mut talk = Talk::new(&mut client, json!({ "profile": "read-only" }));
    let response = talk.say(json!("write"));
    assert_eq!(kinds(&response), ["shell_call", "shell_call_output", "message"], "{response:#}");
    assert!(!talk.files().contains("two"));
    let scratch = talk.say(json!("scratch"));
    assert_eq!(item(&scratch, "shell_call_output")["output"][0]["stdout"], "x\n");
    let mut talk = Talk::new(&mut client, json!({ "steps": 3 }));
    let response = talk.say(json!("for ever"));
    assert_eq!((&response["status"], kinds(&response).len()), (&json!("incomplete"), 6), "{response:#}");
    let mut talk = Talk::new(&mut client, json!({ "fuel": 1 }));
    let response = talk.say(json!("for ever"));
    assert_eq!(response["status"], "failed");
    assert!(response["error"]["message"].as_str().expect("text").contains("`fuel`"), "{response:#}");
    for wrong in
        [json!({ "profile": "all" }), json!({ "rules": [{ "decision": "deny", "path": "x" }] }), json!({ "step": 1 })]
    {
        let answer = client.post("/v1/responses", &json!({ "model": "m", "input": "x", "policy": wrong }));
        assert_eq!(answer.status, 400, "{}", answer.text());
    }
}

#[test]
fn keys_have_policies_and_see_their_own_approvals() {
    let key = |name: &str, policy: Option<PolicyConfig>| {
        let new = NewKey { name: name.into(), owner: None, scope: Scope::Exec, quotas: Quotas::default() };
        let (key, secret) = Keys::make(new, 0).expect("a good name");
        (Key { policy, ..key }, secret)
    };
    let (bound, secret) = key("bound", Some(policy("profile = \"propose-writes\"")));
    let (other, others) = key("other", None);
    let server = server(ApiConfig::default(), [bound, other]);
    let mut client = server.client();
    client.key = Some(secret);
    let mut talk = Talk::new(&mut client, json!({ "profile": "full" }));
    let (id, _) = asked(&talk.say(json!("write")));
    let mut stranger = server.client();
    stranger.key = Some(others);
    assert_eq!(stranger.get(&format!("/v1/approvals/{id}")).status, 404);
    assert_eq!(stranger.post(&format!("/v1/approvals/{id}"), &json!({ "approve": true })).status, 404);
    assert_eq!(stranger.get("/v1/approvals").ok()["data"], json!([]));
    talk.answer(&id, true);
    assert!(talk.files().contains("two"));
}

#[test]
fn what_cannot_be_applied_any_more_is_not() {
    let server = server(ApiConfig::default(), []);
    let mut client = server.client();
    let mut talk = Talk::new(&mut client, json!({ "profile": "propose-writes" }));
    let (id, _) = asked(&talk.say(json!("write")));
    let body = json!({ "command": "echo other > /mnt/data/note" });
    talk.client.post(&format!("/v1/containers/{}/exec", talk.container), &body).ok();
    let refused = talk.client.post(&format!("/v1/approvals/{id}"), &json!({ "approve": true })).error();
    assert_eq!((refused.0, refused.1.as_str()), (409, "merge_conflict"));
    assert_eq!(talk.client.get(&format!("/v1/approvals/{id}")).ok()["status"], "pending");
    talk.answer(&id, true);
    assert_eq!(talk.client.get(&format!("/v1/approvals/{id}")).ok()["status"], "lapsed");
    assert!(talk.files().contains("other") && !talk.files().contains("two"));
    for wrong in ["/v1/approvals/mcpr_x", "/v1/approvals/"] {
        assert_eq!(talk.client.get(wrong).status, 404);
    }
    assert_eq!(talk.client.get("/v1/approvals?status=open").status, 400);
}
