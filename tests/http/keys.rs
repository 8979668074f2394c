//! Keys: who is let in, to what, and how often.

use coquina::api::{ApiConfig, Key, Keys, NewKey, Quotas, Scope};
use serde_json::json;

use super::client::{Answer, Client};
use super::server::Server;

fn key(name: &str, scope: Scope, quotas: Quotas) -> (Key, String) {
    Keys::make(NewKey { name: name.into(), owner: None, scope, quotas }, 0).expect("a good name")
}

#[test]
fn once_there_is_a_key_every_request_needs_one() {
    let (read, reads) = key("reader", Scope::Read, Quotas::default());
    let (exec, execs) = key("runner", Scope::Exec, Quotas::default());
    let (admin, admins) = key("boss", Scope::Admin, Quotas::default());
    let (gone, revoked) = key("gone", Scope::Admin, Quotas::default());
    let server = Server::with(ApiConfig::default(), [read, exec, admin, Key { revoked_at_ms: Some(1), ..gone }]);
    let mut client = server.client();
    let run = json!({ "script": "echo hi" });
    for given in [None, Some(""), Some("x"), Some(revoked.as_str()), Some(&execs[1..])] {
        client.key = given.map(str::to_owned);
        let answer = client.post("/v1/run", &run);
        assert_eq!(answer.headers["www-authenticate"], "Bearer");
        let (status, code, _) = answer.error();
        assert_eq!((status, code.as_str()), (401, "invalid_api_key"), "{given:?}");
        assert_eq!(client.get("/v1/nothing").error().0, 401, "what there is is not told either");
        assert_eq!(client.get("/healthz").status, 200);
    }
    for (secret, on_run, on_metrics) in [(&reads, 403, 403), (&execs, 200, 403), (&admins, 200, 200)] {
        client.key = Some(secret.clone());
        assert_eq!(client.post("/v1/run", &run).status, on_run);
        assert_eq!(client.get("/metrics").status, on_metrics);
        assert_eq!(client.get("/v1/nothing").status, 404);
    }
}

#[test]
fn quotas_are_a_key_s_own() {
    let quotas = Quotas { requests_per_minute: Some(3), ..Quotas::default() };
    let (few, few_secret) = key("few", Scope::Exec, quotas);
    let quotas = Quotas { fuel_per_minute: Some(1_000_000), ..Quotas::default() };
    let (lean, lean_secret) = key("lean", Scope::Exec, quotas);
    let server = Server::with(ApiConfig::default(), [few, lean]);
    let mut client = server.client();
    client.key = Some(few_secret);
    let statuses: Vec<u16> = (0..4).map(|_| client.get("/v1/nothing").status).collect();
    assert_eq!(statuses, [404, 404, 404, 429]);
    client.key = Some(lean_secret);
    let run = json!({ "script": "for ((i = 0; i < 100000; i++)); do :; done" });
    assert_eq!(client.post("/v1/run", &run).status, 200);
    let answer = client.post("/v1/run", &run);
    assert!(answer.headers["retry-after"].parse::<u64>().expect("seconds") > 1);
    assert_eq!(answer.error().1, "rate_limit_exceeded");
}

#[test]
fn what_is_stored_has_a_quota() {
    let quotas = Quotas { stored_bytes: Some(10_000), ..Quotas::default() };
    let (small, secret) = key("small", Scope::Exec, quotas);
    let (other, other_secret) = key("other", Scope::Exec, Quotas::default());
    let server = Server::with(ApiConfig::default(), [small, other]);
    let mut client = server.client();
    client.key = Some(other_secret);
    upload(&mut client, 9_000).ok();
    client.key = Some(secret);
    let file = upload(&mut client, 6_000).ok();
    let answer = upload(&mut client, 6_000);
    assert_eq!(answer.headers["x-should-retry"], "false");
    let (status, code, message) = answer.error();
    assert_eq!((status, code.as_str()), (413, "stored_quota_exceeded"));
    assert!(message.contains("10000") && message.contains("6000 are in use, 6"), "{message}");

    let container = client.post("/v1/containers", &json!({ "name": "c" })).ok();
    let path = format!("/v1/containers/{}", container["id"].as_str().expect("an id"));
    let exec =
        |client: &mut Client, command: &str| client.post(&format!("{path}/exec"), &json!({ "command": command }));
    let form = [("file", Some("a"), [b'x'; 5_000].as_slice())];
    assert_eq!(client.form(&format!("{path}/files"), &form).error().0, 413);
    assert_eq!(
        exec(&mut client, "head -c 8000 /dev/zero > /mnt/data/z").status,
        200,
        "a command may go beyond it once"
    );
    // The count that allowed it is good for seconds; an upload that it refuses counts again.
    assert_eq!(upload(&mut client, 6_000).error().0, 413);
    assert_eq!(exec(&mut client, "true").error().1, "stored_quota_exceeded");
    assert_eq!(client.post("/v1/containers", &json!({ "name": "d" })).error().0, 429);
    client.delete(&format!("/v1/files/{}", file["id"].as_str().expect("an id"))).ok();
    assert_eq!(exec(&mut client, "rm /mnt/data/z").status, 200, "what was removed counts no more");
    upload(&mut client, 9_000).ok();
}

fn upload(client: &mut Client, bytes: usize) -> Answer {
    client.form("/v1/files", &[("purpose", None, b"user_data"), ("file", Some("a.txt"), &vec![b'x'; bytes])])
}

#[test]
fn keys_without_a_quota_have_the_service_s() {
    let quotas = Quotas { requests_per_minute: Some(2), ..Quotas::default() };
    let own = Quotas { requests_per_minute: Some(4), ..Quotas::default() };
    let (plain, plain_secret) = key("plain", Scope::Exec, Quotas::default());
    let (own, own_secret) = key("own", Scope::Exec, own);
    let server = Server::with(ApiConfig { quotas, ..ApiConfig::default() }, [plain, own]);
    for (secret, many) in [(plain_secret, 2), (own_secret, 4)] {
        let mut client = server.client();
        client.key = Some(secret);
        let answered = (0..6).take_while(|_| client.get("/v1/nothing").status == 404).count();
        assert_eq!(answered, many);
    }
}
