//! Containers, their files, and what happens in them.

use coquina::api::{ApiConfig, Key, Keys, NewKey, Quotas, Scope};
use serde_json::{Value, json};

use super::client::{Client, events};
use super::server::Server;

pub fn create(client: &mut Client, name: &str) -> String {
    let container = client.post("/v1/containers", &json!({ "name": name })).ok();
    container["id"].as_str().expect("an id").to_owned()
}

pub fn exec(client: &mut Client, id: &str, command: &str) -> Value {
    client.post(&format!("/v1/containers/{id}/exec"), &json!({ "command": command })).ok()
}

#[test]
fn a_container_has_every_field_of_the_reference() {
    let server = Server::start();
    let mut client = server.client();
    let made = client.post(
        "/v1/containers",
        &json!({ "name": "My Container", "memory_limit": "4g", "expires_after": { "anchor": "last_active_at", "minutes": 5 },
            "network_policy": { "type": "disabled" }, "file_ids": [], "skills": null }),
    );
    let made = made.ok();
    let id = made["id"].as_str().expect("an id");
    assert!(id.starts_with("cntr_") && id.len() == 53, "{id}");
    let (created, active) =
        (made["created_at"].as_i64().expect("a time"), made["last_active_at"].as_i64().expect("a time"));
    assert!(created > 1_700_000_000 && active >= created);
    let expected = json!({ "id": id, "object": "container", "name": "My Container", "created_at": created, "status": "running",
        "last_active_at": active, "expires_after": { "anchor": "last_active_at", "minutes": 5 }, "memory_limit": "4g",
        "network_policy": { "type": "disabled" } });
    assert_eq!(made, expected);
    assert_eq!(client.get(&format!("/v1/containers/{id}")).ok(), expected);
    let other = client.post("/v1/containers", &json!({ "name": "My Container" })).ok();
    assert_eq!(
        (&other["memory_limit"], &other["expires_after"]["minutes"]),
        (&json!("1g"), &json!(20)),
        "names may be shared"
    );
    let path = format!("/v1/containers/{id}");
    assert_eq!(client.delete(&path).ok(), json!({ "id": id, "object": "container.deleted", "deleted": true }));
    for answer in
        [client.get(&path), client.delete(&path), client.post(&format!("{path}/exec"), &json!({ "command": "" }))]
    {
        assert_eq!(answer.error().0, 404);
    }
}

#[test]
fn containers_are_listed_a_page_at_a_time() {
    let server = Server::start();
    let mut client = server.client();
    assert_eq!(
        client.get("/v1/containers").ok(),
        json!({ "object": "list", "data": [], "first_id": null, "last_id": null, "has_more": false })
    );
    let ids: Vec<String> = (0..5).map(|n| create(&mut client, if n == 2 { "two" } else { "other" })).collect();
    let mut page = |query: &str| {
        let list = client.get(&format!("/v1/containers?{query}")).ok();
        let found: Vec<usize> = list["data"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|c| ids.iter().position(|id| *id == c["id"]).expect("it was made here"))
            .collect();
        (found, list["has_more"].as_bool().expect("a boolean"))
    };
    assert_eq!(page("order=asc"), (vec![0, 1, 2, 3, 4], false));
    assert_eq!(page("limit=2"), (vec![4, 3], true));
    assert_eq!(page(&format!("limit=3&after={}", ids[3])), (vec![2, 1, 0], false));
    assert_eq!(page(&format!("limit=1&order=asc&after={}", ids[0])), (vec![1], true));
    assert_eq!(page("name=two"), (vec![2], false));
    assert_eq!(page("name=other&limit=3&order=asc"), (vec![0, 1, 3], true));
    assert_eq!(page("name=nobody"), (vec![], false));
    for query in ["limit=0", "limit=101", "limit=x", "order=up", "before=x"] {
        assert_eq!(client.get(&format!("/v1/containers?{query}")).error().0, 400, "{query}");
    }
}

#[test]
fn wrong_containers_are_refused() {
    let server = Server::start();
    let mut client = server.client();
    for body in [
        json!({}),
        json!({ "name": "" }),
        json!({ "name": 1 }),
        json!({ "name": "x", "memory_limit": "2g" }),
        json!({ "name": "x", "expires_after": { "minutes": 5 } }),
        json!({ "name": "x", "expires_after": { "anchor": "created_at", "minutes": 5 } }),
        json!({ "name": "x", "expires_after": { "anchor": "last_active_at", "minutes": 0 } }),
        json!({ "name": "x", "expires_after": { "anchor": "last_active_at", "minutes": -1 } }),
        json!({ "name": "x", "network_policy": { "type": "allowlist", "allowed_domains": ["a.example"] } }),
        json!({ "name": "x", "network_policy": { "type": "open" } }),
        json!({ "name": "x", "network_policy": {} }),
        json!({ "name": "x", "skills": [{ "type": "inline", "name": "a", "description": "b" }] }),
        json!({ "name": "x", "skills": [{ "type": "other" }] }),
        json!({ "name": "x", "nonsense": 1 }),
    ] {
        assert_eq!(client.post("/v1/containers", &body).error().0, 400, "{body}");
    }
    for body in [
        json!({ "name": "x", "file_ids": ["file-nope"] }),
        json!({ "name": "x", "skills": [{ "type": "skill_reference", "skill_id": "skill_nope" }] }),
    ] {
        assert_eq!(client.post("/v1/containers", &body).error().0, 404, "{body}");
    }
    for id in ["cntr_", "x", "..%2f..", "%00", "cntr_000000000000000000000000000000000000000000000000"] {
        assert_eq!(client.get(&format!("/v1/containers/{id}")).error().0, 404, "{id}");
    }
    assert_eq!(client.get("/v1/containers/%ff").error().0, 400);
    assert_eq!(client.get("/v1/containers").ok()["data"], json!([]), "nothing was left behind");
}

#[test]
fn files_are_put_in_found_and_taken_out() {
    let server = Server::start();
    let mut client = server.client();
    let id = create(&mut client, "files");
    let files = format!("/v1/containers/{id}/files");
    let uploaded = client.form(&files, &[("file", Some("a/b.bin"), b"\x00\xff\n")]).ok();
    let expected = json!({ "id": uploaded["id"], "object": "container.file", "created_at": uploaded["created_at"], "bytes": 3,
        "container_id": id, "path": "/mnt/data/a/b.bin", "source": "user" });
    assert_eq!(uploaded, expected);
    client.form(&files, &[("file", Some("empty"), b"")]).ok();
    exec(
        &mut client,
        &id,
        "cd /mnt/data && cat a/b.bin a/b.bin > made && mkdir -p deep/er && echo 1 > deep/er/x && echo no > ~/elsewhere",
    );
    let list = client.get(&format!("{files}?order=asc&limit=100")).ok();
    let mut found: Vec<(&str, &str)> = list["data"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|f| (f["path"].as_str().expect("text"), f["source"].as_str().expect("text")))
        .collect();
    found.sort_unstable();
    let expected = [
        ("/mnt/data/a/b.bin", "user"),
        ("/mnt/data/deep/er/x", "assistant"),
        ("/mnt/data/empty", "user"),
        ("/mnt/data/made", "assistant"),
    ];
    assert_eq!(found, expected);
    let made = list["data"]
        .as_array()
        .expect("a list")
        .iter()
        .find(|f| f["path"] == "/mnt/data/made")
        .expect("it is there")
        .clone();
    let one = format!("{files}/{}", made["id"].as_str().expect("an id"));
    assert_eq!(client.get(&one).ok(), made);
    let content = client.get(&format!("{one}/content"));
    assert_eq!((content.status, &content.body[..]), (200, &b"\x00\xff\n\x00\xff\n"[..]));
    assert_eq!(
        client.delete(&one).ok(),
        json!({ "id": made["id"], "object": "container.file.deleted", "deleted": true })
    );
    assert_eq!(client.get(&one).error().0, 404);
    assert_eq!(exec(&mut client, &id, "ls /mnt/data")["stdout"], "a\ndeep\nempty\n");
    let mut seen = 0;
    let mut after = String::new();
    loop {
        let page = client.get(&format!("{files}?limit=1{after}")).ok();
        seen += page["data"].as_array().expect("a list").len();
        if page["has_more"] == false {
            break;
        }
        after = format!("&after={}", page["last_id"].as_str().expect("an id"));
    }
    assert_eq!(seen, 3);
    let long = "x".repeat(300);
    for name in ["..", "../x", "a/../../x", "/etc/passwd", "", "a/", &long, "a\u{0}b"] {
        assert_eq!(client.form(&files, &[("file", Some(name), b"x")]).error().0, 400, "{name}");
    }
    for parts in [
        &[][..],
        &[("other", Some("x"), &b""[..])],
        &[("file", None, b"x")],
        &[("file", Some("a"), b""), ("file", Some("b"), b"")],
    ] {
        assert_eq!(client.form(&files, parts).error().0, 400);
    }
    assert_eq!(client.form(&files, &[("file", Some("deep"), b"x")]).error().0, 400, "a directory is there");
    assert_eq!(client.post(&files, &json!({ "file_id": "file-nope" })).error().0, 404);
    assert_eq!(client.post(&files, &json!({})).error().0, 400);
}

#[test]
fn commands_change_a_container_and_say_what() {
    let server = Server::start();
    let mut client = server.client();
    let id = create(&mut client, "exec");
    let path = format!("/v1/containers/{id}/exec");
    let answer = exec(&mut client, &id, "echo hi | tee note; exit 3");
    assert_eq!((&answer["stdout"], &answer["outcome"]["exit_code"]), (&json!("hi\n"), &json!(3)));
    assert_eq!((&answer["log"]["kind"], &answer["log"]["seq"]), (&json!("exec"), &json!(2)), "{answer}");
    let changed: Vec<&Value> =
        answer["changes"].as_array().expect("a list").iter().filter(|c| c["path"] == "/home/user/note").collect();
    assert_eq!((&changed[0]["change"], &changed[0]["after"]["size"]), (&json!("added"), &json!(3)), "{answer}");
    let session = |command: &str| json!({ "command": command, "session": true });
    client.post(&path, &session("x=5; cd /tmp")).ok();
    assert_eq!(client.post(&path, &session("echo $x; pwd")).ok()["stdout"], "5\n/tmp\n");
    let full = json!({ "command": "cat; echo $A; pwd", "stdin": "in\n", "env": { "A": "b" }, "cwd": "/tmp", "timeout_ms": 10_000,
        "limits": { "fuel": 1_000_000_000, "output_bytes": 1000 }, "session": false, "propose": false, "parallel": true });
    assert_eq!(client.post(&path, &full).ok()["stdout"], "in\nb\n/tmp\n");
    let limit = client.post(&path, &json!({ "command": "sleep 100", "timeout_ms": 20 })).ok();
    assert_eq!(limit["outcome"]["limit"], "wall_time");
    for body in [
        json!({}),
        json!({ "command": "a\0" }),
        json!({ "command": "", "cwd": "x" }),
        json!({ "command": "", "limits": { "memory_bytes": 5 } }),
        json!({ "command": "", "timeout_ms": 0 }),
        json!({ "command": "", "script": "" }),
        json!({ "command": "", "cwd": "/nowhere" }),
    ] {
        assert_eq!(client.post(&path, &body).error().0, 400, "{body}");
    }
    let stream = client.post(&path, &json!({ "command": "echo a; echo b >&2; touch streamed", "stream": true }));
    let events = events(stream.text());
    let (name, last) = events.last().expect("there are events");
    assert_eq!((name.as_str(), &last["log"]["kind"]), ("exec.completed", &json!("exec")), "{last}");
    assert!(last["changes_total"].as_u64().expect("a number") >= 1);
    client.send(
        "POST",
        &path,
        &[("content-type", "application/json")],
        br#"{"command": "touch begun; while :; do :; done"}"#,
    );
    server.until("coquina_execs_running 1");
    drop(client);
    server.until("coquina_execs_running 0");
    let mut client = server.client();
    assert_eq!(exec(&mut client, &id, "ls ~")["stdout"], "begun\nnote\nstreamed\n");
}

#[test]
fn a_container_has_a_past_and_relatives() {
    let server = Server::start();
    let mut client = server.client();
    let id = create(&mut client, "history");
    let path = format!("/v1/containers/{id}");
    exec(&mut client, &id, "echo 1 > /mnt/data/a");
    let snapshot = client.post(&format!("{path}/snapshots"), &json!({ "name": "first" })).ok();
    assert_eq!((&snapshot["object"], &snapshot["container_id"]), (&json!("container.snapshot"), &json!(id)));
    exec(&mut client, &id, "echo 2 > /mnt/data/a; echo b > /mnt/data/b");
    let log = client.get(&format!("{path}/log?order=asc")).ok();
    let kinds: Vec<&Value> = log["data"].as_array().expect("a list").iter().map(|l| &l["kind"]).collect();
    assert_eq!(kinds, ["create", "exec", "exec"]);
    let newest = client.get(&format!("{path}/log?limit=1")).ok();
    assert_eq!((&newest["data"][0]["seq"], &newest["has_more"]), (&json!(3), &json!(true)));
    let after = format!("{path}/log?after={}", newest["last_id"].as_str().expect("an id"));
    assert_eq!(client.get(&after).ok()["data"][0]["seq"], 2);

    let snap = snapshot["id"].as_str().expect("an id");
    let diff = client.get(&format!("{path}/diff?from={snap}&text=true")).ok();
    let paths: Vec<&Value> =
        diff["changes"].as_array().expect("a list").iter().map(|c| &c["path"]).filter(|p| *p != "/mnt/data").collect();
    assert_eq!(paths, ["/mnt/data/a", "/mnt/data/b"]);
    let text =
        diff["changes"].as_array().expect("a list").iter().find(|c| c["path"] == "/mnt/data/a").expect("it is there");
    assert!(text["text"].as_str().expect("text").contains("-1\n+2\n"), "{text}");

    let fork = client.post(&format!("{path}/fork"), &json!({ "name": "fork", "from": snap })).ok();
    let fork_id = fork["id"].as_str().expect("an id").to_owned();
    assert_eq!(
        (&fork["name"], exec(&mut client, &fork_id, "cat /mnt/data/a")["stdout"].clone()),
        (&json!("fork"), json!("1\n"))
    );
    exec(&mut client, &fork_id, "echo c > /mnt/data/c");
    let merged = client.post(&format!("{path}/merge"), &json!({ "from": fork_id })).ok();
    assert_eq!(merged["kind"], "merge");
    assert_eq!(exec(&mut client, &id, "cat /mnt/data/[abc]")["stdout"], "2\nb\nc\n");
    exec(&mut client, &fork_id, "echo ours > /mnt/data/c; rm /mnt/data/a");
    exec(&mut client, &id, "echo theirs > /mnt/data/c; echo 3 > /mnt/data/a");
    let answer = client.post(&format!("{path}/merge"), &json!({ "from": fork_id }));
    assert_eq!(answer.headers["x-should-retry"], "false");
    let (status, code, message) = answer.error();
    assert_eq!((status, code.as_str()), (409, "merge_conflict"));
    assert!(message.contains("2 paths"), "{message}");
    let conflicts = json!([
        { "path": "/mnt/data/a", "ours": "modified", "theirs": "removed" },
        { "path": "/mnt/data/c", "ours": "modified", "theirs": "modified" },
    ]);
    assert_eq!(answer.json()["conflicts"], conflicts);

    client.post(&format!("{path}/restore"), &json!({ "from": format!("{id}@2") })).ok();
    assert_eq!(exec(&mut client, &id, "cat /mnt/data/*")["stdout"], "1\n");
    let list = client.get(&format!("{path}/snapshots")).ok();
    assert_eq!(list["data"], json!([snapshot]));
    client.delete(&format!("{path}/snapshots/{snap}")).ok();
    assert_eq!(client.post(&format!("{path}/fork"), &json!({ "from": snap })).error().0, 404);
    for from in ["", "history", "../x", "snap_x", "prop_x", "cntr_x@1", &format!("{id}@99")] {
        let status = client.post(&format!("{path}/restore"), &json!({ "from": from })).error().0;
        assert!(status == 400 || status == 404, "{from}: {status}");
    }
}

#[test]
fn proposals_wait_for_a_decision() {
    let server = Server::start();
    let mut client = server.client();
    let id = create(&mut client, "proposals");
    let path = format!("/v1/containers/{id}");
    let propose = |client: &mut Client, command: &str| {
        let answer = client.post(&format!("{path}/exec"), &json!({ "command": command, "propose": true })).ok();
        answer["proposal"]["id"].as_str().expect("an id").to_owned()
    };
    let (one, two) = (propose(&mut client, "echo 1 > /mnt/data/one"), propose(&mut client, "echo 2 > /mnt/data/two"));
    assert_eq!(exec(&mut client, &id, "ls /mnt/data")["stdout"], "");
    let list = client.get(&format!("{path}/proposals?order=asc")).ok();
    assert_eq!((list["data"].as_array().map(Vec::len), &list["data"][0]["status"]), (Some(2), &json!("open")));
    let diff = client.get(&format!("{path}/proposals/{one}/diff")).ok();
    assert!(diff["changes"].as_array().expect("a list").iter().any(|c| c["path"] == "/mnt/data/one"), "{diff}");
    client.post(&format!("{path}/proposals/{one}/apply"), &json!({})).ok();
    assert_eq!(client.post(&format!("{path}/proposals/{two}/discard"), &json!({})).ok()["status"], "discarded");
    assert_eq!(client.post(&format!("{path}/proposals/{two}/apply"), &json!({})).error().0, 400);
    assert_eq!(client.get(&format!("{path}/proposals/{one}")).ok()["status"], "applied");
    assert_eq!(exec(&mut client, &id, "cat /mnt/data/*")["stdout"], "1\n");
    let other = create(&mut client, "other");
    assert_eq!(client.get(&format!("/v1/containers/{other}/proposals/{one}")).error().0, 404);
}

#[test]
fn one_owner_s_things_are_nobody_else_s() {
    let key = |name: &str| {
        Keys::make(NewKey { name: name.into(), owner: None, scope: Scope::Exec, quotas: Quotas::default() }, 0)
            .expect("a good name")
    };
    let ((alice, alices), (bob, bobs)): ((Key, String), (Key, String)) = (key("alice"), key("bob"));
    let server = Server::with(ApiConfig::default(), [alice, bob]);
    let (mut alice, mut bob) = (server.client(), server.client());
    (alice.key, bob.key) = (Some(alices), Some(bobs));
    let id = create(&mut alice, "hers");
    let file = alice.form(&format!("/v1/containers/{id}/files"), &[("file", Some("a"), b"1")]).ok();
    let cfile = file["id"].as_str().expect("an id");
    let snapshot = alice.post(&format!("/v1/containers/{id}/snapshots"), &json!({})).ok();
    let uploaded = alice.form("/v1/files", &[("file", Some("a"), b"1"), ("purpose", None, b"user_data")]).ok();
    let uploaded = uploaded["id"].as_str().expect("an id").to_owned();
    let mine = create(&mut bob, "his");
    let nothing = bob.get("/v1/containers/cntr_000000000000000000000000000000000000000000000000").error();
    let hers = bob.get(&format!("/v1/containers/{id}")).error();
    assert_eq!((hers.0, hers.1), (nothing.0, nothing.1), "as if there were none");
    for path in
        ["", "/files", "/log", "/snapshots", "/diff", "/proposals", "/archive", &format!("/files/{cfile}/content")]
    {
        assert_eq!(bob.get(&format!("/v1/containers/{id}{path}")).error().0, 404, "{path}");
    }
    assert_eq!(bob.get(&format!("/v1/files/{uploaded}")).error().0, 404);
    assert_eq!(bob.post(&format!("/v1/containers/{id}/exec"), &json!({ "command": "cat /mnt/data/a" })).error().0, 404);
    assert_eq!(bob.delete(&format!("/v1/containers/{id}")).error().0, 404);
    for from in [id.as_str(), &format!("{id}@1"), snapshot["id"].as_str().expect("an id")] {
        assert_eq!(bob.post(&format!("/v1/containers/{mine}/fork"), &json!({ "from": from })).error().0, 404, "{from}");
        assert_eq!(bob.get(&format!("/v1/containers/{mine}/diff?from={from}")).error().0, 404, "{from}");
    }
    assert_eq!(bob.post("/v1/containers", &json!({ "name": "x", "file_ids": [uploaded] })).error().0, 404);
    assert_eq!(bob.get("/v1/containers").ok()["data"].as_array().map(Vec::len), Some(1));
    assert_eq!(bob.get("/v1/files").ok()["data"], json!([]));
    assert_eq!(alice.get(&format!("/v1/files/{uploaded}/content")).text(), "1");
}
