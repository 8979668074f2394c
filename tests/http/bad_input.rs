//! What clients should not send, over all calls: fields, file names, bodies that lie, expired containers, two at once, and clients that go away.

use std::sync::Arc;
use std::time::Duration;

use coquina::agent::model::Models;
use coquina::api::{ApiConfig, Keys, NewKey, Quotas, Scope};
use coquina::container::ContainersConfig;
use coquina::storage::{Store, StoreConfig};
use coquina::vfs::{Clock as _, ManualClock, SystemClock};
use serde_json::{Value, json};

use super::client::Client;
use super::containers::{create, exec};
use super::server::Server;

const JSON: (&str, &str) = ("content-type", "application/json");

#[test]
fn every_field_of_every_call_is_checked() {
    let server = Server::start();
    let mut client = server.client();
    let id = create(&mut client, "fields");
    let wrong = [
        ("", json!({ "name": 1 }), "invalid_type"),
        ("", json!({ "name": "x", "expires_after": { "anchor": "created_at", "minutes": 5 } }), "invalid_value"),
        ("", json!({ "name": "x", "expires_after": { "anchor": "last_active_at", "minutes": 1e3 } }), "invalid_type"),
        ("", json!({ "name": "x", "file_ids": "file-1" }), "invalid_type"),
        ("", json!({ "name": "x", "file_ids": [1] }), "invalid_type"),
        ("", json!({ "name": "x", "skills": {} }), "invalid_type"),
        ("/ID/files", json!({ "file_id": 1 }), "invalid_type"),
        ("/ID/files", json!({ "file": "x" }), "unknown_parameter"),
        ("/ID/exec", json!({ "command": ["ls"] }), "invalid_type"),
        ("/ID/exec", json!({ "command": "", "env": [] }), "invalid_type"),
        ("/ID/exec", json!({ "command": "", "env": { "A=B": "" } }), "invalid_value"),
        ("/ID/exec", json!({ "command": "", "stdin": { "base64": "!" } }), "invalid_value"),
        ("/ID/exec", json!({ "command": "", "cwd": "\0" }), "invalid_value"),
        ("/ID/exec", json!({ "command": "", "timeout_ms": 0 }), "invalid_value"),
        ("/ID/exec", json!({ "command": "", "limits": { "tree_bytes": 1 } }), "invalid_value"),
        ("/ID/exec", json!({ "command": "", "limits": { "fuel": -1 } }), "invalid_value"),
        ("/ID/exec", json!({ "command": "", "session": 1 }), "invalid_type"),
        ("/ID/exec", json!({ "command": "", "propose": "true" }), "invalid_type"),
        ("/ID/exec", json!({ "command": "", "Stream": true }), "unknown_parameter"),
        ("/ID/snapshots", json!({ "name": [] }), "invalid_type"),
        ("/ID/snapshots", json!({ "name": "a b" }), "invalid_value"),
        ("/ID/snapshots", json!({ "name": "x".repeat(5000) }), "invalid_value"),
        ("/ID/fork", json!({ "from": 1 }), "invalid_type"),
        ("/ID/fork", json!({ "from": "" }), "invalid_value"),
        ("/ID/restore", json!({}), "missing_required_parameter"),
        ("/ID/restore", json!({ "from": "a@b@c" }), "invalid_value"),
        ("/ID/merge", json!({ "from": null }), "invalid_type"),
        ("/ID/merge", json!({ "from": "image", "by": "me" }), "unknown_parameter"),
    ];
    for (path, body, expected) in wrong {
        let (status, code, message) = client.post(&format!("/v1/containers{path}").replace("ID", &id), &body).error();
        assert_eq!((status, code.as_str()), (400, expected), "{path} {body:.100}: {message}");
    }
    let deep = format!("{{\"a\":{}", "[".repeat(200_000));
    for path in ["", "/ID/exec", "/ID/fork", "/ID/snapshots", "/ID/restore", "/ID/merge", "/ID/files"] {
        let path = format!("/v1/containers{path}").replace("ID", &id);
        for body in [&b""[..], b"[]", b"\"\"", b"{\"a\"", b"\xff", b"{}{}", deep.as_bytes()] {
            let status = client.request("POST", &path, &[JSON], body).error().0;
            assert_eq!(status, 400, "{path} {:.20}", body.escape_ascii());
        }
    }
    for query in ["limit=0", "limit=x", "limit=101", "limit=-1", "order=up", "limit=1&limit=2", "colour=red", "a=%zz"] {
        for path in ["", "/ID/files", "/ID/log", "/ID/snapshots", "/ID/proposals"] {
            let path = format!("/v1/containers{path}?{query}").replace("ID", &id);
            assert_eq!(client.get(&path).error().0, 400, "{path}");
        }
    }
    for query in ["from=%00", "from=../x", "text=maybe", "from=image&from=image", "colour=red"] {
        assert_eq!(client.get(&format!("/v1/containers/{id}/diff?{query}")).error().0, 400, "{query}");
    }
}

#[test]
fn fields_of_forms_are_checked() {
    let server = Server::start();
    let mut client = server.client();
    let file: (&str, Option<&str>, &[u8]) = ("file", Some("a"), b"x");
    let purpose: (&str, Option<&str>, &[u8]) = ("purpose", None, b"user_data");
    for parts in [
        &[][..],
        &[file],
        &[purpose],
        &[file, file, purpose],
        &[file, purpose, purpose],
        &[file, ("purpose", None, b"")],
        &[file, ("purpose", None, b"\xff")],
        &[file, ("purpose", Some("a"), b"user_data")],
        &[file, purpose, ("colour", None, b"red")],
        &[file, purpose, ("expires_after[seconds]", None, b"3600")],
        &[file, purpose, ("expires_after[anchor]", None, b"created_at")],
        &[file, purpose, ("expires_after[anchor]", None, b"created_at"), ("expires_after[seconds]", None, b"1e9")],
        &[file, purpose, ("expires_after[anchor]", None, b"created_at"), ("expires_after[seconds]", None, b"-1")],
        &[("file", None, b"x"), purpose],
    ] {
        assert_eq!(client.form("/v1/files", parts).error().0, 400, "{parts:?}");
    }
    for body in
        ["", "--cut", "--cut\r\n\r\nx\r\n--cut--", "--cut\r\ncontent-disposition: form-data\r\n\r\nx\r\n--cut--\r\n"]
    {
        let form = [("content-type", "multipart/form-data; boundary=cut")];
        for path in ["/v1/files", "/v1/skills", "/v1/run"] {
            assert_eq!(client.request("POST", path, &form, body.as_bytes()).error().0, 400, "{path} {body:?}");
        }
    }
    assert_eq!(client.get("/v1/files").ok()["data"], json!([]), "nothing was left behind");
}

#[test]
fn names_of_files_lead_nowhere_else() {
    let server = Server::start();
    let mut client = server.client();
    let id = create(&mut client, "names");
    let files = format!("/v1/containers/{id}/files");
    let long = "x".repeat(4 << 10);
    let longest = format!("{}/x", "d/".repeat(2 << 10));
    let leading = [
        "..",
        ".",
        "/",
        "../x",
        "a/../x",
        "a/..",
        "/etc/passwd",
        "//etc/passwd",
        "/mnt/data/../x",
        "a/",
        "a\0b",
        &long,
        &longest,
    ];
    for name in leading {
        assert_eq!(client.form(&files, &[("file", Some(name), b"x")]).error().0, 400, "{name:.30}");
    }
    // Nothing that is one name to a file system is two to another.
    for name in ["%2e%2e%2fx", "..%2fx", "..\\x", "C:\\x", "~", "$(id)", "-rf", " ", "…", "é/ü"] {
        let made = client.form(&files, &[("file", Some(name), b"x")]);
        let path = made.ok()["path"].as_str().expect("text").to_owned();
        assert!(path.starts_with("/mnt/data/") && !path.contains("/../"), "{name}: {path}");
    }
    let runs =
        [("..", 400), ("../x", 400), ("a/../../x", 400), ("a\0", 400), (&long, 400), (&longest, 400), ("..%2fx", 200)];
    for (name, status) in runs {
        let body = json!({ "script": "find / -newer /proc/1 -type f 2> /dev/null", "files": { name: "x" } });
        assert_eq!(client.post("/v1/run", &body).status, status, "{name:.30}");
        assert_eq!(
            client.form("/v1/run", &[("script", None, b":"), ("files", Some(name), b"x")]).status,
            status,
            "{name:.30}"
        );
    }
    for name in ["a\0b", "a\nb", "\x1b[2J", ""] {
        assert_eq!(
            client.form("/v1/files", &[("purpose", None, b"user_data"), ("file", Some(name), b"x")]).status,
            400
        );
    }
    // A file keeps the name it came with; whether that can be a path is looked at where it is to be one.
    let up = client.form("/v1/files", &[("purpose", None, b"user_data"), ("file", Some("../../etc/up"), b"x")]).ok();
    assert_eq!(client.post(&files, &json!({ "file_id": up["id"] })).error().0, 400);
    assert_eq!(exec(&mut client, &id, "ls /mnt; ls /etc/up /x 2>&1 | grep -c 'No such'")["stdout"], "data\n2\n");
    for name in ["/v1/containers/ID/files/..", "/v1/containers/ID/files/%2e%2e/content", "/v1/containers/ID/files/%00"]
    {
        assert_eq!(client.get(&name.replace("ID", &id)).error().0, 404, "{name}");
    }
}

/// A tar archive with one member.
fn archive(kind: tar::EntryType, name: &[u8], link: &str) -> Vec<u8> {
    let mut header = tar::Header::new_ustar();
    header.set_entry_type(kind);
    header.set_size(0);
    header.set_mode(0o777);
    // As it is: the library's own calls would refuse it.
    header.as_old_mut().name[..name.len()].copy_from_slice(name);
    header.as_old_mut().linkname[..link.len()].copy_from_slice(link.as_bytes());
    header.set_cksum();
    [header.as_bytes().as_slice(), &[0; 1024]].concat()
}

#[test]
fn archives_lead_nowhere_else() {
    use tar::EntryType;
    let server = Server::start();
    let mut client = server.client();
    let id = create(&mut client, "archives");
    let path = format!("/v1/containers/{id}/archive?path=/mnt/data");
    let kind = [("content-type", "application/x-tar")];
    exec(&mut client, &id, "ln -s /etc /mnt/data/away");
    for (entry, name, link) in [
        (EntryType::Regular, &b"../up"[..], ""),
        (EntryType::Regular, b"a/../../up", ""),
        (EntryType::Regular, b"away/up", ""),
        (EntryType::Link, b"hard", "../../etc/passwd"),
        (EntryType::Link, b"hard", "/etc/passwd"),
        (EntryType::Directory, b"..", ""),
        (EntryType::Regular, b"", ""),
        (EntryType::Char, b"device", ""),
        (EntryType::new(b'?'), b"unknown", ""),
        (EntryType::Symlink, b"link", ""),
    ] {
        let answer = client.request("POST", &path, &kind, &archive(entry, name, link));
        assert!(
            answer.status == 200 || answer.error().0 == 400,
            "{:?} {}: {}",
            entry,
            name.escape_ascii(),
            answer.status
        );
        let run = client.request("POST", "/v1/run?script=:", &kind, &archive(entry, name, link));
        assert!(run.status == 200 || run.error().0 == 400, "{:?} {}: {}", entry, name.escape_ascii(), run.status);
    }
    let seen = exec(&mut client, &id, "ls -d /up /mnt/up /etc/up /mnt/data/hard 2>/dev/null; grep -c . /etc/passwd");
    assert!(!seen["stdout"].as_str().expect("text").contains("up"), "{seen}");
    let mut cut = archive(EntryType::Regular, b"file", "");
    cut[124..136].copy_from_slice(b"77777777777\0");
    assert_eq!(client.request("POST", &path, &kind, &cut).error().0, 400, "a member larger than the archive");
}

#[test]
fn bodies_that_lie_about_their_length() {
    let server = Server::start();
    let head = "POST /v1/run HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n";
    let body = r#"{"script":"echo hi"}"#;
    for lie in [
        format!("content-length: 20\r\ncontent-length: 21\r\n\r\n{body}"),
        format!("content-length: -1\r\n\r\n{body}"),
        format!("content-length: 0x14\r\n\r\n{body}"),
        format!("content-length: 99999999999999999999999\r\n\r\n{body}"),
        format!("content-length: 20, 20\r\n\r\n{body}"),
        format!("transfer-encoding: chunked, identity\r\n\r\n{body}"),
        format!("transfer-encoding: gzip\r\n\r\n{body}"),
        format!("transfer-encoding: chunked\r\n\r\n-1\r\n{body}"),
        format!("transfer-encoding: chunked\r\n\r\nfffffffffffffffff\r\n{body}"),
        format!("transfer-encoding: chunked\r\n\r\n5\r\n{body}\r\n0\r\n\r\n"),
        format!("transfer-encoding: chunked\r\n\r\n14;{}\r\n{body}\r\n0\r\n\r\n", "x".repeat(100_000)),
    ] {
        let mut client = server.client();
        client.raw(format!("{head}{lie}").as_bytes());
        let (status, _, _) = client.answer().error();
        assert!([400, 413].contains(&status), "{lie:.80}: {status}");
        assert!(client.is_closed(), "nothing after it is taken for a request: {lie:.80}");
    }
    // Said both ways, the length is that of the chunks; what follows is no second request in disguise.
    let mut client = server.client();
    let smuggled = "0\r\n\r\nGET /metrics HTTP/1.1\r\nhost: localhost\r\n\r\n";
    client.raw(
        format!("{head}content-length: {}\r\ntransfer-encoding: chunked\r\n\r\n{smuggled}", smuggled.len()).as_bytes(),
    );
    assert_eq!(client.answer().error().0, 400);
    assert!(client.is_closed() || client.answer().status != 200, "one of the two is refused");
    // A body shorter than it says ends with its connection, and with it the request.
    for half in
        [format!("content-length: 100\r\n\r\n{body}"), format!("transfer-encoding: chunked\r\n\r\n14\r\n{body}\r\n")]
    {
        let mut client = server.client();
        client.raw(format!("{head}{half}").as_bytes());
        client.finish();
        assert!(client.is_closed() || client.answer().status == 400, "{half}");
    }
    server.until("coquina_http_connections 1");
}

#[test]
fn an_expired_container_is_a_memory() {
    let clock = Arc::new(ManualClock::new(SystemClock.now()));
    let containers = ContainersConfig { clock: clock.clone(), ..ContainersConfig::default() };
    let store = Store::open(StoreConfig::memory()).expect("a store opens");
    let server = Server::over(store, containers, Models::new(), ApiConfig::default(), []);
    let mut client = server.client();
    let id = create(&mut client, "short");
    let path = format!("/v1/containers/{id}");
    let file = client.form(&format!("{path}/files"), &[("file", Some("a"), b"x")]).ok();
    let snapshot = client.post(&format!("{path}/snapshots"), &json!({})).ok();
    clock.advance(Duration::from_secs(21 * 60).as_nanos() as i64);
    let expired = |answer: super::client::Answer| {
        let (status, _, message) = answer.error();
        assert_eq!((status, message.as_str()), (400, "Container is expired."));
    };
    expired(client.post(&format!("{path}/exec"), &json!({ "command": "echo hi" })));
    expired(client.post(&format!("{path}/exec"), &json!({ "command": "echo hi", "stream": true })));
    expired(client.post(&format!("{path}/exec"), &json!({ "command": "echo hi", "propose": true })));
    expired(client.form(&format!("{path}/files"), &[("file", Some("b"), b"x")]));
    expired(client.get(&format!("{path}/files")));
    expired(client.get(&format!("{path}/files/{}/content", file["id"].as_str().expect("an id"))));
    expired(client.post(&format!("{path}/snapshots"), &json!({})));
    assert_eq!(client.get(&path).ok()["status"], "expired");
    let forked = client.post(&format!("{path}/fork"), &json!({ "from": snapshot["id"] })).ok();
    assert_eq!(exec(&mut client, forked["id"].as_str().expect("an id"), "cat /mnt/data/a")["stdout"], "x");
    client.delete(&path).ok();
    assert_eq!(client.get(&path).error().0, 404);
}

#[test]
fn two_writers_do_not_lose_each_other_s_work() {
    let server = Server::start();
    let id = create(&mut server.client(), "two");
    let path = format!("/v1/containers/{id}");
    std::thread::scope(|scope| {
        for writer in 0..4 {
            let (mut client, path) = (server.client(), &path);
            scope.spawn(move || {
                for turn in 0..10 {
                    let parallel = turn % 2 == 0;
                    let command = format!("echo {writer} {turn} >> /mnt/data/log; echo > /mnt/data/{writer}-{turn}");
                    client.post(&format!("{path}/exec"), &json!({ "command": command, "parallel": parallel })).ok();
                    let name = format!("up-{writer}-{turn}");
                    client.form(&format!("{path}/files"), &[("file", Some(&name), b"x")]).ok();
                }
            });
        }
    });
    let seen = exec(&mut server.client(), &id, "cd /mnt/data; sort -u log | wc -l; ls | wc -l");
    assert_eq!(seen["stdout"], "40\n81\n");
}

#[test]
fn a_container_in_use_by_another_service_is_busy() {
    let dir = tempfile::tempdir().expect("a folder is made");
    let open = || {
        let store = Store::open(StoreConfig::directory(dir.path())).expect("a store opens");
        let containers = ContainersConfig { lease_wait: Duration::from_millis(1), ..ContainersConfig::default() };
        Server::over(store, containers, Models::new(), ApiConfig::default(), [])
    };
    let (one, two) = (open(), open());
    let id = create(&mut one.client(), "shared");
    let mut using = one.client();
    let body = json!({ "command": "echo be''gun; while :; do :; done", "stream": true }).to_string();
    using.send("POST", &format!("/v1/containers/{id}/exec"), &[JSON], body.as_bytes());
    using.head();
    // An exec counts as running before it has the container.
    let is_told = |chunk: &Vec<u8>| String::from_utf8_lossy(chunk).contains("begun");
    std::iter::from_fn(|| using.chunk()).find(is_told).expect("it says so");
    let answer = two.client().post(&format!("/v1/containers/{id}/exec"), &json!({ "command": "echo hi" }));
    let (status, code, _) = answer.error();
    assert_eq!((status, code.as_str()), (409, "container_busy"));
    drop(using);
    one.until("coquina_execs_running 0");
    // The other gives it up when it is asked to, which may take more than one try.
    let mut client = two.client();
    let done = (0..10_000).find_map(|_| {
        let answer = client.post(&format!("/v1/containers/{id}/exec"), &json!({ "command": "echo hi" }));
        (answer.status == 200).then(|| answer.json()["stdout"].clone())
    });
    assert_eq!(done, Some(Value::from("hi\n")));
}

#[test]
fn a_client_may_go_at_any_time() {
    let server = Server::with(ApiConfig { execs: 1, ..ApiConfig::default() }, []);
    let id = create(&mut server.client(), "gone");
    let large =
        server.client().form(&format!("/v1/containers/{id}/files"), &[("file", Some("large"), &vec![b'x'; 8 << 20])]);
    let large = large.ok()["id"].as_str().expect("an id").to_owned();
    let busy = |command: &str, more: Value| {
        let mut client = server.client();
        let mut body = json!({ "command": command });
        body.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        client.send("POST", &format!("/v1/containers/{id}/exec"), &[JSON], body.to_string().as_bytes());
        client
    };
    let raw = |text: String| {
        let mut client = server.client();
        client.raw(text.as_bytes());
        client
    };
    let head = "POST /v1/run HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n";
    // Before, in, and after the header; in the body.
    for text in [
        "",
        "PO",
        head,
        &format!("{head}content-length: 100\r\n\r\n"),
        &format!("{head}content-length: 100\r\n\r\n{{\"scr"),
    ] {
        drop(raw(text.to_owned()));
    }
    // In an upload.
    let form = "content-type: multipart/form-data; boundary=cut\r\ncontent-length: 1000000\r\n\r\n--cut\r\ncontent-disposition: form-data; name=\"file\"; filename=\"half\"\r\n\r\nxxx";
    drop(raw(format!("POST /v1/containers/{id}/files HTTP/1.1\r\nhost: localhost\r\n{form}")));
    // In a download.
    let mut reading = server.client();
    reading.send("GET", &format!("/v1/containers/{id}/files/{large}/content"), &[], b"");
    reading.head();
    drop(reading);
    // While it runs, and while the next waits for its turn.
    let running = busy("while :; do :; done", json!({}));
    server.until("coquina_execs_running 1");
    let waiting = busy("echo never > /mnt/data/never", json!({}));
    server.until("coquina_execs_waiting 1");
    drop(waiting);
    // Those who wait are looked through when the next one comes.
    drop(busy("echo never > /mnt/data/never", json!({})));
    drop(running);
    server.until("coquina_execs_running 0");
    server.until("coquina_execs_waiting 0");
    // In the stream of its answer.
    let mut streaming = busy("yes", json!({ "stream": true }));
    streaming.head();
    assert!(streaming.chunk().is_some());
    drop(streaming);
    server.until("coquina_execs_running 0");
    server.until("coquina_http_connections 1");
    let seen = exec(&mut server.client(), &id, "ls /mnt/data");
    assert_eq!(seen["stdout"], "large\n", "what was not asked for to its end was not begun");
}

#[test]
fn ids_of_others_answer_as_ids_of_nothing() {
    let make = |name: &str| {
        let new = NewKey { name: name.into(), owner: None, scope: Scope::Exec, quotas: Quotas::default() };
        Keys::make(new, 0).expect("a good name")
    };
    let ((alice, alices), (bob, bobs)) = (make("alice"), make("bob"));
    let server = Server::with(ApiConfig::default(), [alice, bob]);
    let (mut alice, mut bob) = (server.client(), server.client());
    (alice.key, bob.key) = (Some(alices), Some(bobs));
    let container = create(&mut alice, "hers");
    let file = alice.form("/v1/files", &[("purpose", None, b"user_data"), ("file", Some("a"), b"x")]).ok();
    let skill = [("files[]", Some("a/SKILL.md"), b"---\nname: a\ndescription: b\n---\n".as_slice())];
    let skill = alice.form("/v1/skills", &skill).ok();
    let ids = [container.as_str(), file["id"].as_str().expect("an id"), skill["id"].as_str().expect("an id")];
    let tell = |client: &mut Client, method: &str, path: &str, id: &str| {
        let body = if method == "POST" { b"{\"command\":\"ls\"}".as_slice() } else { b"" };
        let answer = client.request(method, &path.replace("ID", id), &[JSON], body);
        let (status, code, message) = answer.error();
        (status, code, message.replace(id, "ID"))
    };
    for (id, paths) in ids.into_iter().zip([
        &[
            "GET /v1/containers/ID",
            "DELETE /v1/containers/ID",
            "POST /v1/containers/ID/exec",
            "GET /v1/containers/ID/files",
            "GET /v1/containers/ID/log",
            "GET /v1/containers/ID/archive",
            "GET /v1/containers/ID/diff",
        ][..],
        &["GET /v1/files/ID", "GET /v1/files/ID/content", "DELETE /v1/files/ID"],
        &["GET /v1/skills/ID", "GET /v1/skills/ID/content", "GET /v1/skills/ID/versions", "DELETE /v1/skills/ID"],
    ]) {
        let digits = id.len() - 1;
        let nothing = format!("{}{}", &id[..digits], if id.ends_with('0') { '1' } else { '0' });
        for path in paths {
            let (method, path) = path.split_once(' ').expect("two words");
            let (hers, none) = (tell(&mut bob, method, path, id), tell(&mut bob, method, path, &nothing));
            assert_eq!((hers.0, &hers), (404, &none), "{method} {path}");
        }
    }
}
