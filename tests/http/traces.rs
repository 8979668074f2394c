//! Traces: what a collector gets, and that nothing is there for one when there is none.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::sync::mpsc;

use serde_json::json;

use super::program::Program;

/// What was posted to a collector.
struct Posted {
    head: String,
    body: Vec<u8>,
}

impl Posted {
    fn has(&self, bytes: &[u8]) -> bool {
        self.body.windows(bytes.len()).any(|window| window == bytes)
    }
}

/// A collector that takes all it is given, and says what it was.
fn collector() -> (String, mpsc::Receiver<Posted>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let url = format!("http://{}", listener.local_addr().expect("it is bound"));
    let (sender, posted) = mpsc::channel();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut stream = BufReader::new(stream);
            let mut head = String::new();
            while !head.ends_with("\r\n\r\n") && stream.read_line(&mut head).is_ok_and(|read| read > 0) {}
            head = head.to_lowercase();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            let mut body = vec![0; length.and_then(|length| length.trim().parse().ok()).unwrap_or(0)];
            stream.read_exact(&mut body).expect("it sends what it says");
            let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
            stream.get_mut().write_all(answer).expect("it listens");
            if sender.send(Posted { head, body }).is_err() {
                return;
            }
        }
    });
    (url, posted)
}

/// The names of a process's threads.
fn threads(program: &Program) -> Vec<String> {
    let tasks = Path::new("/proc").join(program.child.id().to_string()).join("task");
    let tasks = std::fs::read_dir(tasks).expect("it runs").flatten();
    tasks.filter_map(|task| std::fs::read_to_string(task.path().join("comm")).ok()).collect()
}

#[test]
fn requests_and_commands_are_spans_for_a_collector() {
    let (url, posted) = collector();
    let words =
        ["--in-memory", "--telemetry", &url, "--telemetry-headers", "x-token=hush", "--telemetry-service", "box"];
    let mut program = Program::start(&words);
    let mut client = program.client();
    let body = json!({ "script": "exit 3" }).to_string();
    let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let headers = [("content-type", "application/json"), ("traceparent", parent)];
    assert_eq!(client.request("POST", "/v1/run", &headers, body.as_bytes()).status, 200);
    let body = json!({ "script": "echo hi", "stream": true }).to_string();
    client.request("POST", "/v1/run", &headers[..1], body.as_bytes());
    assert_eq!(program.stop(), Some(0));

    let all: Vec<Posted> = posted.try_iter().collect();
    assert!(!all.is_empty(), "they are sent before it ends");
    for one in &all {
        assert!(one.head.starts_with("post /v1/traces http/1.1\r\n"), "{}", one.head);
        assert!(one.head.contains("x-token: hush") && one.head.contains("application/x-protobuf"), "{}", one.head);
    }
    let trace = 0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c_u128.to_be_bytes();
    for said in [
        &b"POST /v1/run"[..],
        b"exec",
        b"coquina.outcome",
        b"failure",
        b"success",
        b"http.response.status_code",
        b"box",
        &trace,
        &0xb7ad_6b71_6920_3331_u64.to_be_bytes(),
    ] {
        assert!(all.iter().any(|one| one.has(said)), "{:?} was not told", String::from_utf8_lossy(said));
    }
    assert!(!all.iter().any(|one| one.has(b"exit 3")), "what was run is not told");
}

/// A span's own id and that of the one above it, by its name: fields 2, 4 and 5 of its message.
fn span(all: &[Posted], name: &str) -> Option<([u8; 8], [u8; 8])> {
    let named = [&[0x2a, name.len() as u8], name.as_bytes()].concat();
    let fits = |span: &&[u8]| span.starts_with(&[0x12, 8]) && span[10..12] == [0x22, 8] && span[20..] == named;
    let found = all.iter().find_map(|one| one.body.windows(20 + named.len()).find(fits))?;
    Some((found[2..10].try_into().ok()?, found[12..20].try_into().ok()?))
}

#[test]
fn a_model_s_commands_are_spans_below_their_response_s() {
    let folder = tempfile::tempdir().expect("a scratch directory");
    let (config, (url, posted)) = (folder.path().join("c.toml"), collector());
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/responses/script.toml");
    let text = format!("in_memory = true\n[models.m]\nkind = \"scripted\"\nscript = {script:?}\n");
    std::fs::write(&config, text).expect("it can be written");
    let mut program = Program::start(&["--config", config.to_str().expect("it is text"), "--telemetry", &url]);
    let shell = json!([{ "type": "shell", "environment": { "type": "container_auto" } }]);
    let body = json!({ "model": "m", "input": "List the files", "tools": shell }).to_string();
    let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let headers = [("content-type", "application/json"), ("traceparent", parent)];
    assert_eq!(program.client().request("POST", "/v1/responses", &headers, body.as_bytes()).status, 200);
    assert_eq!(program.stop(), Some(0));

    let all: Vec<Posted> = posted.try_iter().collect();
    let [request, response, exec] =
        ["POST /v1/responses", "response", "exec"].map(|name| span(&all, name).unwrap_or_else(|| panic!("{name}")));
    assert_eq!(request.1, 0xb7ad_6b71_6920_3331_u64.to_be_bytes());
    assert_eq!((response.1, exec.1), (request.0, response.0));
    for said in [&b"completed"[..], b"failure", b"coquina.fuel"] {
        assert!(all.iter().any(|one| one.has(said)), "{:?} was not told", String::from_utf8_lossy(said));
    }
    assert!(!all.iter().any(|one| one.has(b"echo a.csv")), "what was run is not told");
}

#[test]
fn without_a_collector_there_is_nothing_for_one() {
    let mut program = Program::start(&["--in-memory"]);
    assert_eq!(program.client().get("/healthz").status, 200);
    let threads = threads(&program);
    assert!(!threads.iter().any(|name| name.to_lowercase().contains("telemetry")), "{threads:?}");
    assert_eq!(program.stop(), Some(0));
}
