//! Keys: who is let in, to what, and how often.

use coquina::api::{ApiConfig, Key, Keys, NewKey, Quotas, Scope};
use serde_json::json;

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
