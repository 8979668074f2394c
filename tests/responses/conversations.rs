//! Conversations: items that are added, listed, taken out, by whom they belong to.

use coquina::api::{ApiConfig, Key, Keys, NewKey, Quotas, Scope};
use serde_json::{Value, json};

use super::server::Server;

fn user(text: &str) -> Value {
    json!({ "role": "user", "content": text })
}

#[test]
fn a_conversation_has_items_in_order() {
    let server = Server::start();
    let mut client = server.client();
    let made = client.post("/v1/conversations", &json!({ "items": [user("a")], "metadata": { "topic": "x" } })).ok();
    assert_eq!((&made["object"], &made["metadata"]), (&json!("conversation"), &json!({ "topic": "x" })));
    assert!(made["created_at"].is_i64());
    let path = format!("/v1/conversations/{}", made["id"].as_str().expect("an id"));
    let items = format!("{path}/items");
    let added = client
        .post(
            &format!("{items}?include[]=reasoning.encrypted_content"),
            &json!({ "items": [user("b"), {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"}] }),
        )
        .ok();
    assert_eq!((added["data"].as_array().map(Vec::len), &added["has_more"]), (Some(2), &json!(false)));
    let all = client.get(&format!("{items}?order=asc")).ok();
    let kinds: Vec<&Value> = all["data"].as_array().expect("a list").iter().map(|item| &item["type"]).collect();
    assert_eq!(kinds, ["message", "message", "function_call"]);
    assert_eq!(all["data"][0]["content"], json!([{ "type": "input_text", "text": "a" }]));
    assert_eq!(all["data"][2]["status"], "completed");
    let newest = client.get(&format!("{items}?limit=1")).ok();
    assert_eq!((&newest["last_id"], &newest["has_more"]), (&added["last_id"], &json!(true)));
    let next = client.get(&format!("{items}?limit=2&after={}", newest["last_id"].as_str().expect("an id"))).ok();
    assert_eq!((next["data"].as_array().map(Vec::len), &next["has_more"]), (Some(2), &json!(false)));
    let second = format!("{items}/{}", added["first_id"].as_str().expect("an id"));
    assert_eq!(client.get(&second).ok(), added["data"][0]);
    assert_eq!(client.delete(&second).ok()["object"], "conversation", "the conversation, not a stub");
    assert_eq!(client.get(&second).error().0, 404);
    assert_eq!(client.delete(&second).error().0, 404);
    assert_eq!(client.get(&items).ok()["data"].as_array().map(Vec::len), Some(2));
    let changed = client.post(&path, &json!({ "metadata": { "topic": "y" } })).ok();
    assert_eq!((&changed["metadata"], &changed["id"]), (&json!({ "topic": "y" }), &made["id"]));
    assert_eq!(client.get(&path).ok(), changed);
    assert_eq!(client.get(&items).ok()["data"].as_array().map(Vec::len), Some(2), "items stay");
    let gone = client.delete(&path).ok();
    assert_eq!(gone, json!({ "id": made["id"], "object": "conversation.deleted", "deleted": true }));
    for answer in [client.get(&path), client.get(&items), client.delete(&path)] {
        assert_eq!(answer.error().0, 404);
    }
}

#[test]
fn what_makes_no_sense_is_refused() {
    let server = Server::start();
    let mut client = server.client();
    let made = client.post("/v1/conversations", &json!({})).ok();
    let path = format!("/v1/conversations/{}", made["id"].as_str().expect("an id"));
    let empty = client.get(&format!("{path}/items")).ok();
    assert_eq!((&empty["data"], &empty["first_id"], &empty["has_more"]), (&json!([]), &Value::Null, &json!(false)));
    let many = |n: usize| json!({ "items": vec![user("x"); n] });
    assert_eq!(client.post(&format!("{path}/items"), &many(20)).ok()["data"].as_array().map(Vec::len), Some(20));
    for (to, body, code, param) in [
        (&*format!("{path}/items"), many(21), "invalid_value", json!("items")),
        ("/v1/conversations", many(21), "invalid_value", json!("items")),
        (&*format!("{path}/items"), json!({}), "missing_required_parameter", json!("items")),
        (
            &*format!("{path}/items"),
            json!({ "items": [{ "role": "user" }] }),
            "missing_required_parameter",
            json!("items[0].content"),
        ),
        (
            &*format!("{path}/items"),
            json!({ "items": [{ "type": "compaction_trigger" }] }),
            "invalid_value",
            json!("items[0].type"),
        ),
        ("/v1/conversations", json!({ "metadata": { "k": "x".repeat(513) } }), "invalid_value", json!("metadata.k")),
        ("/v1/conversations", json!({ "metadata": { "k": 5 } }), "invalid_type", json!("metadata.k")),
        ("/v1/conversations", json!({ "colour": 1 }), "unknown_parameter", json!("colour")),
        (&*path, json!({}), "missing_required_parameter", json!("metadata")),
    ] {
        let answer = client.post(to, &body);
        assert_eq!((answer.status, &answer.json()["error"]["code"]), (400, &json!(code)), "{to} {}", answer.text());
        assert_eq!(answer.json()["error"]["param"], param, "{}", answer.text());
    }
    for id in ["conv_x", "x", "resp_0", "%00", "..%2f.."] {
        assert_eq!(client.get(&format!("/v1/conversations/{id}")).error().0, 404, "{id}");
    }
    assert_eq!(client.get(&format!("{path}/items?limit=101")).error().0, 400);
}

#[test]
fn others_do_not_see_it() {
    let key = |name: &str| {
        let new = NewKey { name: name.into(), owner: None, scope: Scope::Exec, quotas: Quotas::default() };
        Keys::make(new, 0).expect("a good name")
    };
    let ((mine, my_secret), (other, other_secret)): ((Key, String), (Key, String)) = (key("mine"), key("other"));
    let server = Server::with(ApiConfig::default(), [mine, other]);
    let mut client = server.client();
    client.key = Some(my_secret);
    let made = client.post("/v1/conversations", &json!({ "items": [user("secret")] })).ok();
    let path = format!("/v1/conversations/{}", made["id"].as_str().expect("an id"));
    client.key = Some(other_secret);
    for answer in [
        client.get(&path),
        client.get(&format!("{path}/items")),
        client.post(&path, &json!({ "metadata": {} })),
        client.post(&format!("{path}/items"), &json!({ "items": [user("x")] })),
        client.delete(&path),
    ] {
        assert_eq!(answer.error().0, 404);
    }
}
