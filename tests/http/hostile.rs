//! Requests that are wrong in every way: the right status, the reference's form, and never a 500.

use std::time::Duration;

use coquina::api::ApiConfig;
use serde_json::{Value, json};

use super::client::Client;
use super::server::Server;

#[test]
fn every_field_is_checked() {
    let server = Server::start();
    let mut client = server.client();
    let long = "x".repeat(5000);
    let wrong = [
        (json!({}), "missing_required_parameter"),
        (json!({ "script": 1 }), "invalid_type"),
        (json!({ "script": null }), "invalid_type"),
        (json!({ "script": "a\0b" }), "invalid_value"),
        (json!({ "script": "", "nonsense": 1 }), "unknown_parameter"),
        (json!({ "script": "", "files": { "../x": "" } }), "invalid_value"),
        (json!({ "script": "", "files": { "a/../../x": "" } }), "invalid_value"),
        (json!({ "script": "", "files": { "": "" } }), "invalid_value"),
        (json!({ "script": "", "files": { "a\0": "" } }), "invalid_value"),
        (json!({ "script": "", "files": { &long: "" } }), "invalid_value"),
        (json!({ "script": "", "files": { "a": "", "a/b": "" } }), "invalid_value"),
        (json!({ "script": "", "files": { "/tmp": "" } }), "invalid_value"),
        (json!({ "script": "", "files": { "a": { "base64": "!" } } }), "invalid_value"),
        (json!({ "script": "", "files": { "a": { "hex": "00" } } }), "unknown_parameter"),
        (json!({ "script": "", "files": { "a": 1 } }), "invalid_type"),
        (json!({ "script": "", "files": [] }), "invalid_type"),
        (json!({ "script": "", "outputs": ["../*"] }), "invalid_value"),
        (json!({ "script": "", "outputs": [""] }), "invalid_value"),
        (json!({ "script": "", "outputs": "a" }), "invalid_type"),
        (json!({ "script": "", "outputs": vec!["a"; 1001] }), "invalid_value"),
        (json!({ "script": "", "env": { "": "" } }), "invalid_value"),
        (json!({ "script": "", "env": { "A=B": "" } }), "invalid_value"),
        (json!({ "script": "", "env": { "A": "\0" } }), "invalid_value"),
        (json!({ "script": "", "env": { "A": 1 } }), "invalid_type"),
        (json!({ "script": "", "cwd": "relative" }), "invalid_value"),
        (json!({ "script": "", "cwd": "/etc/passwd/x" }), "invalid_value"),
        (json!({ "script": "", "timeout_ms": 0 }), "invalid_value"),
        (json!({ "script": "", "timeout_ms": -1 }), "invalid_value"),
        (json!({ "script": "", "timeout_ms": 1.5 }), "invalid_type"),
        (json!({ "script": "", "timeout_ms": "1" }), "invalid_type"),
        (json!({ "script": "", "limits": { "fuel": 0 } }), "invalid_value"),
        (json!({ "script": "", "limits": { "wine": 1 } }), "unknown_parameter"),
        (json!({ "script": "", "stream": "yes" }), "invalid_type"),
    ];
    for (body, expected) in wrong {
        let (status, code, message) = client.post("/v1/run", &body).error();
        assert_eq!((status, code.as_str()), (400, expected), "{body:.100}: {message}");
    }
    for body in [json!([]), json!(null), json!("x"), json!(1)] {
        assert_eq!(client.post("/v1/run", &body).error().0, 400);
    }
    let tree = json!({ "script": "", "files": { "a": "x".repeat(100_000) }, "limits": { "tree_bytes": 1000 } });
    assert_eq!(client.post("/v1/run", &tree).error().0, 400);
    assert_eq!(client.post("/v1/run", &json!({ "script": "x".repeat(3 << 20) })).error().0, 400, "over argument_bytes");
}

#[test]
fn null_is_as_good_as_absent() {
    let nulls = ["files", "outputs", "stdin", "env", "cwd", "timeout_ms", "limits", "stream"];
    let mut body: Value =
        nulls.iter().map(|name| ((*name).to_owned(), Value::Null)).collect::<serde_json::Map<_, _>>().into();
    body["script"] = json!("echo hi");
    assert_eq!(Server::start().client().post("/v1/run", &body).ok()["stdout"], "hi\n");
}

#[test]
fn bodies_that_are_not_what_they_say() {
    let server = Server::start();
    let mut client = server.client();
    let json = ("content-type", "application/json");
    let deep = format!("{{\"script\":{}", "[".repeat(1_000_000));
    for body in [&b""[..], b"{", b"\xff\xfe", b"{\"script\": \"\xff\"}", b"{\"script\":\"\\ud800\"}", deep.as_bytes()] {
        assert_eq!(client.request("POST", "/v1/run", &[json], body).error().0, 400);
    }
    for (kind, expected) in [
        ("text/plain", 415),
        ("application/x-www-form-urlencoded", 415),
        ("multipart/form-data", 400),
        ("multipart/form-data; boundary=", 400),
        ("multipart/form-data; boundary=nowhere", 400),
        ("application/json; charset=latin1; x", 400),
        ("\u{7f}", 400),
    ] {
        let answer = client.request("POST", "/v1/run", &[("content-type", kind)], b"script=echo");
        assert_eq!(answer.error().0, expected, "{kind}");
        if answer.headers.contains_key("connection") {
            // What is no header at all is refused before there is a request, and ends the connection.
            client = server.client();
        }
    }
    for parts in [
        &[("script", None, &b"\xff"[..])][..],
        &[("script", None, b"a"), ("script", None, b"b")],
        &[("script", None, b"a"), ("other", None, b"b")],
        &[("script", None, b"a"), ("other", Some("x"), b"b")],
        &[("script", None, b"a"), ("timeout_ms", None, b"soon")],
        &[("script", None, b"a"), ("files", Some("../../x"), b"b")],
        &[("files", Some("x"), b"b")],
    ] {
        assert_eq!(client.form("/v1/run", parts).error().0, 400);
    }
}

#[test]
fn paths_and_methods_that_there_are_not() {
    let server = Server::start();
    let mut client = server.client();
    let long = format!("/{}", "x".repeat(10_000));
    for path in ["/", "/v1", "/v1/run/", "/v1/nothing", "/v1/../healthz", "//healthz", "/%00", &long] {
        assert_eq!(client.get(path).error().0, 404, "{path:.20}");
    }
    for method in ["PUT", "DELETE", "PATCH", "TRACE", "OPTIONS", "BREW"] {
        let (status, code, _) = client.request(method, "/v1/run", &[], b"").error();
        assert_eq!((status, code.as_str()), (405, "method_not_supported"), "{method}");
    }
    assert_eq!(client.get("/v1/run").error().0, 405);
    for query in ["x=1", "%", "a=%ff"] {
        let path = format!("/v1/run?{query}");
        assert_eq!(client.post(&path, &json!({ "script": "" })).error().0, 400, "{query}");
    }
}

#[test]
fn pages_of_other_sites_are_refused() {
    let server = Server::start();
    let mut client = server.client();
    let port = server.address.port();
    for host in ["localhost", "LOCALHOST:1", "127.0.0.1", &format!("127.0.0.1:{port}"), "[::1]", "[::1]:80"] {
        client.raw(format!("GET /healthz HTTP/1.1\r\nhost: {host}\r\n\r\n").as_bytes());
        assert_eq!(client.answer().status, 200, "{host}");
    }
    for host in
        ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "localhost@evil", "", ":80", "127.0.0.2"]
    {
        client.raw(format!("GET /healthz HTTP/1.1\r\nhost: {host}\r\n\r\n").as_bytes());
        assert_eq!(client.answer().error().1, "host_not_allowed", "{host}");
    }
    for (origin, status) in [
        ("http://localhost:3000", 200),
        ("https://127.0.0.1", 200),
        ("null", 403),
        ("http://evil.example", 403),
        ("file://", 403),
    ] {
        assert_eq!(client.request("GET", "/healthz", &[("origin", origin)], b"").status, status, "{origin}");
    }
    client.raw(b"GET /healthz HTTP/1.1\r\n\r\n");
    assert_eq!(client.answer().error().0, 400, "no host");
    let named = Server::with(ApiConfig { hosts: vec!["box.example".into()], ..ApiConfig::default() }, []);
    let mut client = named.client();
    client.raw(b"GET /healthz HTTP/1.1\r\nhost: Box.Example:443\r\n\r\n");
    assert_eq!(client.answer().status, 200);
}

#[test]
fn headers_and_bodies_have_limits() {
    let config = ApiConfig { body_bytes: 1000, ..ApiConfig::default() };
    let server = Server::with(config, []);
    let name = |n: usize| format!("x-{n}: y\r\n");
    for (count, bytes) in [(101, 0), (10_000, 0), (0, 100_000)] {
        let mut client = server.client();
        let many: String = (0..count).map(name).collect();
        let large = if bytes > 0 { format!("x: {}\r\n", "y".repeat(bytes)) } else { String::new() };
        client.raw(format!("GET /healthz HTTP/1.1\r\nhost: localhost\r\n{many}{large}\r\n").as_bytes());
        assert_eq!(client.answer().error().0, 431, "{count} {bytes}");
    }
    let many: String = (0..99).map(name).collect();
    let mut client = server.client();
    client.raw(format!("GET /healthz HTTP/1.1\r\nhost: localhost\r\n{many}\r\n").as_bytes());
    assert_eq!(client.answer().status, 200);

    let json = "content-type: application/json";
    client.raw(
        format!("POST /v1/run HTTP/1.1\r\nhost: localhost\r\n{json}\r\ncontent-length: 99999999999\r\n\r\n").as_bytes(),
    );
    let (status, code, _) = client.answer().error();
    assert_eq!((status, code.as_str()), (413, "request_too_large"), "by what it says");
    let mut client = server.client();
    let chunk = format!("400\r\n{}\r\n", "x".repeat(0x400));
    client.raw(
        format!("POST /v1/run HTTP/1.1\r\nhost: localhost\r\n{json}\r\ntransfer-encoding: chunked\r\n\r\n{chunk}")
            .as_bytes(),
    );
    assert_eq!(client.answer().error().0, 413, "by what it sends");
}

#[test]
fn what_is_no_request_is_told_so_in_the_envelope() {
    let server = Server::start();
    for (sent, status) in [
        (&b"nonsense\r\n\r\n"[..], 400),
        (b"GET / HTTP/3.9\r\n\r\n", 400),
        (b"GET /healthz HTTP/1.1\r\nhost localhost\r\n\r\n", 400),
        (b"GET /\x00 HTTP/1.1\r\nhost: localhost\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 hello, TLS", 400),
    ] {
        let mut client = server.client();
        client.raw(sent);
        let answer = client.answer();
        assert_eq!(answer.headers["connection"], "close");
        assert_eq!(answer.error().0, status, "{sent:?}");
        assert!(client.is_closed());
        // The same after requests that were fine.
        let mut client = server.client();
        assert_eq!(client.get("/healthz").status, 200);
        client.raw(sent);
        assert_eq!(client.answer().error().0, status, "{sent:?}");
    }
    let mut client = server.client();
    client.raw(format!("GET /{} HTTP/1.1\r\nhost: localhost\r\n\r\n", "x".repeat(70_000)).as_bytes());
    assert!([414, 431].contains(&client.answer().error().0));
}

#[test]
fn what_looks_like_an_answer_is_a_file_like_any_other() {
    let server = Server::start();
    let mut client = server.client();
    let text = b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
    let file = client.form("/v1/files", &[("purpose", None, b"user_data"), ("file", Some("a"), text)]).ok();
    let path = format!("/v1/files/{}/content", file["id"].as_str().expect("an id"));
    assert_eq!(client.get(&path).body, text);
}

#[test]
fn bodies_in_memory_have_a_limit_together() {
    let server = Server::with(ApiConfig { bodies_bytes: 100_000, ..ApiConfig::default() }, []);
    let (mut holding, mut other) = (server.client(), server.client());
    let begun = format!(
        "POST /v1/run HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 90002\r\n\r\n\"{}",
        "x".repeat(90_000)
    );
    holding.raw(begun.as_bytes());
    let body = json!({ "script": ":", "stdin": "x".repeat(50_000) });
    server.until("coquina_request_body_bytes 90001");
    let answer = other.post("/v1/run", &body);
    assert_eq!(answer.headers["retry-after"], "1");
    assert_eq!((answer.error().0, answer.error().1.as_str()), (429, "rate_limit_exceeded"));
    holding.raw(b"\"");
    assert_eq!(holding.answer().error().0, 400, "a text is no run");
    assert_eq!(server.client().post("/v1/run", &body).status, 200, "there is room again");
}

#[test]
fn who_sends_too_slowly_is_not_waited_for() {
    let soon = Duration::from_millis(50);
    let server = Server::with(ApiConfig { header_timeout: soon, body_timeout: soon, ..ApiConfig::default() }, []);
    for begun in ["", "GET /hea", "GET /healthz HTTP/1.1\r\nhost: localhost\r\nx: "] {
        let mut client = server.client();
        client.raw(begun.as_bytes());
        assert!(client.is_closed(), "{begun:?}");
    }
    let head = "POST /v1/run HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n";
    for rest in ["content-length: 100\r\n\r\n{\"scr", "transfer-encoding: chunked\r\n\r\n5\r\n{\"s"] {
        let mut client = server.client();
        client.raw(format!("{head}{rest}").as_bytes());
        assert_eq!(client.answer().error().0, 408, "{rest}");
    }
    let mut client = server.client();
    client.raw(format!("{head}transfer-encoding: chunked\r\n\r\nzz\r\n").as_bytes());
    assert_eq!(client.answer().status, 400, "chunks that lie");
}

#[test]
fn too_much_at_a_time_is_told_to_come_again() {
    let config = ApiConfig { execs: 1, queue: 0, ..ApiConfig::default() };
    let server = Server::with(config, []);
    let mut busy = server.client();
    busy.send("POST", "/v1/run", &[("content-type", "application/json")], br#"{"script": "while :; do :; done"}"#);
    server.until("coquina_execs_running 1");
    let mut client: Client = server.client();
    let answer = client.post("/v1/run", &json!({ "script": "echo hi" }));
    assert_eq!(answer.headers["retry-after"], "1");
    let (status, code, _) = answer.error();
    assert_eq!((status, code.as_str()), (429, "rate_limit_exceeded"));
    drop(busy);
    server.until("coquina_execs_running 0");
    assert_eq!(client.post("/v1/run", &json!({ "script": "echo hi" })).ok()["stdout"], "hi\n");
}
