//! What is in something is reached through that and nothing else: each route below a container, a skill or a conversation asked through another one.

use serde_json::json;

use super::client::{Answer, Client};
use super::containers::create;
use super::server::Server;

fn id(answer: Answer) -> String {
    answer.ok()["id"].as_str().expect("an id").to_owned()
}

/// Asks for what is below `theirs` as if it were below `other`: nobody finds it there, and nothing becomes of it.
fn only_there(client: &mut Client, theirs: &str, other: &str, asked: &[(&str, &str)]) {
    for (method, below) in asked {
        let answer = client.request(method, &format!("{other}{below}"), &[], b"");
        assert_eq!(answer.error().0, 404, "{method} {below}");
    }
    for (method, below) in asked {
        let answer = client.request(method, &format!("{theirs}{below}"), &[], b"");
        assert_eq!(answer.status, 200, "{method} {below}: {}", answer.text());
    }
}

#[test]
fn what_is_a_containers_is_no_others() {
    let server = Server::start();
    let mut client = server.client();
    let [theirs, other] = ["theirs", "other"].map(|name| format!("/v1/containers/{}", create(&mut client, name)));
    let snapshot = id(client.post(&format!("{theirs}/snapshots"), &json!({})));
    let file = id(client.form(&format!("{theirs}/files"), &[("file", Some("a"), b"x")]));
    let mut propose = |what: &str| {
        let asked = json!({ "command": format!("echo {what} > /mnt/data/{what}"), "propose": true });
        let done = client.post(&format!("{theirs}/exec"), &asked).ok();
        done["proposal"]["id"].as_str().expect("an id").to_owned()
    };
    let (first, second) = (propose("first"), propose("second"));
    let (first, second) = (format!("/proposals/{first}"), format!("/proposals/{second}"));
    only_there(
        &mut client,
        &theirs,
        &other,
        &[
            ("GET", &format!("/files/{file}")),
            ("GET", &format!("/files/{file}/content")),
            ("DELETE", &format!("/files/{file}")),
            ("GET", &first),
            ("GET", &format!("{first}/diff")),
            ("POST", &format!("{first}/apply")),
            ("POST", &format!("{second}/discard")),
            ("DELETE", &format!("/snapshots/{snapshot}")),
        ],
    );
}

#[test]
fn the_snapshots_of_a_container_that_is_gone_can_be_removed() {
    let server = Server::start();
    let mut client = server.client();
    let container = format!("/v1/containers/{}", create(&mut client, "gone"));
    let snapshot = id(client.post(&format!("{container}/snapshots"), &json!({})));
    assert_eq!(client.delete(&container).status, 200);
    assert_eq!(client.delete(&format!("{container}/snapshots/{snapshot}")).status, 200);
    assert_eq!(client.delete(&format!("{container}/snapshots/{snapshot}")).error().0, 404);
}

#[test]
fn what_is_a_skills_is_no_others() {
    let server = Server::start();
    let mut client = server.client();
    let manual = b"---\nname: made-up\ndescription: Something.\n---\n";
    let file: [(&str, Option<&str>, &[u8]); 1] = [("files[]", Some("made-up/SKILL.md"), manual)];
    let [theirs, other] = [(); 2].map(|()| format!("/v1/skills/{}", id(client.form("/v1/skills", &file))));
    assert_eq!(client.form(&format!("{theirs}/versions"), &file).ok()["version"], "2");
    let asked = [("GET", "/versions/2"), ("GET", "/versions/2/content"), ("DELETE", "/versions/2")];
    only_there(&mut client, &theirs, &other, &asked);
}

#[test]
fn what_is_a_conversations_is_no_others() {
    let server = Server::start();
    let mut client = server.client();
    let [theirs, other] =
        [(); 2].map(|()| format!("/v1/conversations/{}", id(client.post("/v1/conversations", &json!({})))));
    let items = json!({ "items": [{ "role": "user", "content": "mine" }] });
    let added = client.post(&format!("{theirs}/items"), &items).ok();
    let item = format!("/items/{}", added["data"][0]["id"].as_str().expect("an id"));
    only_there(&mut client, &theirs, &other, &[("GET", &item), ("DELETE", &item)]);
}
