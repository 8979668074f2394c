//! Rows about the HTTP service: the program serving on loopback, the load beside it on the same processors.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use axum::Router;
use axum::routing::post;
use serde_json::{Value, json};

use crate::client::Client;
use crate::harness::{Bench, beside, build_dir, image_dir, median, micros, millis, native};

/// Connections of the load.
const CLIENTS: usize = 32;

/// How long a rate is measured.
const RATE_TIME: Duration = Duration::from_secs(5);

/// How long it is soaked before that counts.
const WARM_UP: Duration = Duration::from_secs(10);

/// How long the soak lasts.
const SOAK_TIME: Duration = Duration::from_secs(60);

/// Bytes of the file that goes in and out.
const UPLOAD_BYTES: usize = 100_000_000;

/// The program, serving.
pub struct Served {
    child: Child,
    address: SocketAddr,
}

impl Served {
    pub fn start(words: &[&str]) -> Served {
        let mut child = Command::new(env!("CARGO_BIN_EXE_coquina"))
            .args(["serve", "--listen", "127.0.0.1:0"])
            .args(words)
            .env("COQUINA_IMAGE", image_dir())
            .env("RUST_LOG", "error")
            .stdout(Stdio::piped())
            .spawn()
            .expect("it starts");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("a pipe")).read_line(&mut line).expect("it says where");
        let address = line.trim().strip_prefix("http://").expect("a URL").parse().expect("an address");
        Served { child, address }
    }

    pub fn client(&self, key: Option<&str>) -> Client {
        let mut client = Client::connect(self.address);
        client.key = key.map(str::to_owned);
        client
    }

    /// Memory of the service that is in RAM, in bytes, and how many files it has open.
    fn holds(&self) -> (u64, usize) {
        // The service sees a moment later that connections have been closed.
        std::thread::sleep(Duration::from_millis(500));
        let process = Path::new("/proc").join(self.child.id().to_string());
        let status = std::fs::read_to_string(process.join("status")).unwrap_or_default();
        let resident = status.lines().find_map(|l| l.strip_prefix("VmRSS:")).unwrap_or_default();
        let kib = resident.trim().trim_end_matches("kB").trim().parse::<u64>().unwrap_or(0);
        (kib * 1024, std::fs::read_dir(process.join("fd")).map_or(0, Iterator::count))
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Bench {
    pub fn http(&mut self) {
        if self.wants("serve_start") {
            self.start_of_service();
        }
        if self.wants("http_run") {
            let served = Served::start(&["--in-memory"]);
            let client = std::cell::RefCell::new(served.client(None));
            let (ours, theirs) = beside(60, 10, || echo(&mut client.borrow_mut()), || native("echo hi"));
            self.versus("http_run", "us", 0.25, "bash -c 'echo hi'", micros(ours), micros(theirs));
        }
        if self.wants("http_rate") || self.wants("http_p99") || self.wants("soak") {
            self.rates();
        }
        if self.wants("http_exec_stream") {
            self.first_byte();
        }
        if self.wants("http_fair") {
            self.fairness();
        }
        if self.wants("upload") {
            self.upload();
        }
    }

    /// From the start of the process, over a store that is there, to the answer of a first run.
    fn start_of_service(&mut self) {
        let dir = tempfile::tempdir_in(build_dir()).expect("the build folder can be written");
        let place = dir.path().to_str().expect("it is text");
        let first = || {
            let started = Instant::now();
            let served = Served::start(&["--store", place]);
            echo(&mut served.client(None));
            started.elapsed()
        };
        first();
        let times = (0..21).map(|_| first()).collect();
        self.at_most("serve_start", "ms", 50.0, millis(median(times)));
    }

    /// As many runs as there is time for; then half as many, looked at one by one.
    fn rates(&mut self) {
        let served = Served::start(&["--in-memory"]);
        let answer = served.client(None).post("/v1/run", &json!({ "script": "echo hi" }));
        assert_eq!(answer.status, 200, "{}", answer.text());
        let ours = rate(served.address, "/v1/run", RATE_TIME);
        if self.wants("http_rate") {
            let bare = self.bare(answer.body);
            let theirs = rate(bare, "/v1/run", RATE_TIME);
            self.versus("http_rate", "us", 5.0, "a bare handler's answer", 1e6 / ours, 1e6 / theirs);
        }
        if self.wants("http_p99") {
            let (p50, p99) = latencies(served.address, ours / 2.0, RATE_TIME);
            self.versus("http_p99", "us", 5.0, "p50 at half the rate", p99, p50);
        }
        if self.wants("soak") {
            self.soak("soak", &served, ours / 2.0);
            drop(served);
            let dir = tempfile::tempdir_in(build_dir()).expect("the build folder can be written");
            let served = Served::start(&["--store", dir.path().to_str().expect("it is text")]);
            let ours = rate(served.address, "/v1/run", RATE_TIME);
            self.soak("soak_disk", &served, ours / 2.0);
        }
    }

    /// So many runs a second for a minute: memory in RAM after it against that after the ten seconds before, in which buffers grow and
    /// the audit trail reaches its bound.
    fn soak(&mut self, row: &'static str, served: &Served, rate: f64) {
        paced(served, rate, WARM_UP);
        let (memory, files) = served.holds();
        let runs = paced(served, rate, SOAK_TIME);
        let (memory_after, files_after) = served.holds();
        assert!(files_after <= files, "{files} files were open before, {files_after} after {runs} runs");
        left_behind(served);
        self.versus(row, "KiB", 1.05, "memory before", memory_after as f64 / 1024.0, memory as f64 / 1024.0);
    }

    /// A server of the same library that answers any POST with these bytes.
    fn bare(&self, body: Vec<u8>) -> SocketAddr {
        let body = bytes::Bytes::from(body);
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("there is a port");
        let address = listener.local_addr().expect("it is bound");
        listener.set_nonblocking(true).expect("it can be");
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime starts");
            runtime.block_on(async {
                let listener = tokio::net::TcpListener::from_std(listener).expect("it is one");
                let answer = move |_: bytes::Bytes| {
                    let body = body.clone();
                    async move { ([("content-type", "application/json")], body) }
                };
                let router = Router::new().route("/v1/run", post(answer));
                let service = hyper_util::service::TowerToHyperService::new(router);
                loop {
                    let Ok((stream, _)) = listener.accept().await else { continue };
                    let service = service.clone();
                    tokio::spawn(async move {
                        let io = hyper_util::rt::TokioIo::new(stream);
                        let _ = hyper::server::conn::http1::Builder::new().serve_connection(io, service).await;
                    });
                }
            });
        });
        address
    }

    /// From the request to the first byte of output.
    fn first_byte(&mut self) {
        let served = Served::start(&["--in-memory"]);
        let body = json!({ "script": "echo hi; sleep 1", "stream": true }).to_string();
        let first = || {
            let mut client = served.client(None);
            let started = Instant::now();
            client.send("POST", "/v1/run", &[("content-type", "application/json")], body.as_bytes());
            client.head();
            while !client.chunk().is_some_and(|chunk| String::from_utf8_lossy(&chunk).contains("hi")) {}
            started.elapsed()
        };
        first();
        let times = (0..11).map(|_| first()).collect();
        self.at_most("http_exec_stream", "ms", 2.0, millis(median(times)));
    }

    /// One key's commands while another's keep the processors busy, against the same alone.
    fn fairness(&mut self) {
        let dir = tempfile::tempdir_in(build_dir()).expect("the build folder can be written");
        let place = dir.path().to_str().expect("it is text");
        let key = |name: &str| {
            let words = ["keys", "--store", place, "--json", "create", name];
            let made = Command::new(env!("CARGO_BIN_EXE_coquina")).args(words).output().expect("it runs");
            let made: Value = serde_json::from_slice(&made.stdout).expect("it is JSON");
            made["secret"].as_str().unwrap_or_else(|| panic!("{made}")).to_owned()
        };
        let (busy, quick) = (key("busy"), key("quick"));
        let served = Served::start(&["--store", place]);
        let mut client = served.client(Some(&quick));
        let times = |client: &mut Client| median((0..100).map(|_| time(|| echo(client))).collect());
        echo(&mut client);
        let alone = times(&mut client);
        let loops: Vec<Client> = (0..16)
            .map(|_| {
                let mut client = served.client(Some(&busy));
                let body = br#"{"script": "while :; do :; done"}"#;
                client.send("POST", "/v1/run", &[("content-type", "application/json")], body);
                client
            })
            .collect();
        std::thread::sleep(Duration::from_millis(500));
        let beside = times(&mut client);
        drop(loops);
        self.versus("http_fair", "us", 5.0, "alone", micros(beside), micros(alone));
    }

    /// A large file in and out, against a program that does with the bytes what must be done.
    fn upload(&mut self) {
        let dir = tempfile::tempdir_in(build_dir()).expect("the build folder can be written");
        let place = dir.path().join("store");
        let served = Served::start(&["--store", place.to_str().expect("it is text")]);
        let made = served.client(None).post("/v1/containers", &json!({ "name": "upload" })).ok();
        let files = format!("/v1/containers/{}/files", made["id"].as_str().expect("an id"));
        let mut round = 0_u64;
        let mut content = || {
            round += 1;
            let line = |n: usize| format!("{round},{n},{:x}\n", (n as u64 ^ round).wrapping_mul(0x9e37_79b9_7f4a_7c15));
            let mut text: Vec<u8> = (0..).flat_map(|n| line(n).into_bytes()).take(UPLOAD_BYTES).collect();
            text.truncate(UPLOAD_BYTES);
            text
        };
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for _ in 0..3 {
            let bytes = content();
            theirs.push(time(|| plain(dir.path(), &bytes)));
            // A connection that says nothing for as long as the bytes take to be made is closed.
            let mut client = served.client(None);
            ours.push(time(|| {
                let file = client.form(&files, &[("file", Some("big.csv"), &bytes)]).ok();
                let path = format!("{files}/{}/content", file["id"].as_str().expect("an id"));
                assert!(client.get(&path).body == bytes, "what came out is not what went in");
            }));
        }
        self.versus(
            "upload",
            "ms",
            1.5,
            "hash, compress, write, sync, read",
            millis(median(ours)),
            millis(median(theirs)),
        );
    }
}

/// What must be done with bytes that are to be kept, done plainly: hashed, compressed, written, synced, read back.
fn plain(dir: &Path, bytes: &[u8]) {
    let path = dir.join("plain");
    let mut file = std::fs::File::create(&path).expect("it is made");
    let mut lengths = Vec::new();
    for chunk in bytes.chunks(64 << 10) {
        std::hint::black_box(blake3::hash(chunk));
        let packed = zstd::bulk::compress(chunk, 1).expect("it is compressed");
        file.write_all(&packed).expect("it is written");
        lengths.push(packed.len());
    }
    file.sync_all().expect("it is synced");
    let packed = std::fs::read(&path).expect("it is read");
    let (mut at, mut read) = (0, Vec::with_capacity(bytes.len()));
    for length in lengths {
        let chunk = zstd::bulk::decompress(&packed[at..at + length], 64 << 10).expect("it is what was written");
        std::hint::black_box(blake3::hash(&chunk));
        read.extend(chunk);
        at += length;
    }
    assert!(read == bytes, "what came out is not what went in");
}

/// Fails if a command still runs or waits, a connection is open, or one of the runs did not end well.
fn left_behind(served: &Served) {
    let figures = served.client(None).get("/metrics");
    let has = |start: &str| figures.text().lines().any(|line| line.starts_with(start));
    for none in ["coquina_execs_running 0", "coquina_execs_waiting 0", "coquina_http_connections 1"] {
        assert!(has(none), "not {none}: {}", figures.text());
    }
    for outcome in ["failure", "signal", "limit", "cancelled"] {
        assert!(!has(&format!("coquina_execs_total{{outcome=\"{outcome}\"}}")), "a run ended so: {outcome}");
    }
}

fn echo(client: &mut Client) {
    let answer = client.post("/v1/run", &json!({ "script": "echo hi" }));
    assert!(answer.status == 200 && answer.text().contains("hi\\n"), "{}", answer.text());
}

fn time(f: impl FnOnce()) -> Duration {
    let started = Instant::now();
    f();
    started.elapsed()
}

/// Answers a second that `wrk` gets.
fn rate(address: SocketAddr, path: &str, how_long: Duration) -> f64 {
    let said = wrk(address, path, how_long, "");
    let rate = said.lines().find_map(|line| line.strip_prefix("Requests/sec:"));
    rate.and_then(|rate| rate.trim().parse().ok()).unwrap_or_else(|| panic!("{said}"))
}

/// The median and the 99th percentile of answers, in microseconds, when `wrk` asks so many times a second. Its timers are good to a
/// millisecond: several clients ask at once.
fn latencies(address: SocketAddr, rate: f64, how_long: Duration) -> (f64, f64) {
    // A client's turn comes after a pause and an answer, of half a millisecond as it turns out.
    let pause = CLIENTS as f64 / rate * 1e3;
    let delay = format!("function delay() return math.random(0, {:.0}) end", 2.0 * pause - 1.0);
    let said = wrk(address, "/v1/run", how_long, &delay);
    let percentile = |name: &str| {
        let time =
            said.lines().find_map(|line| line.trim().strip_prefix(name)).unwrap_or_else(|| panic!("{said}")).trim();
        let (number, scale) = match time.strip_suffix("us") {
            Some(number) => (number, 1.0),
            None => (time.strip_suffix("ms").unwrap_or_else(|| panic!("{said}")), 1e3),
        };
        number.parse::<f64>().unwrap_or_else(|_| panic!("{said}")) * scale
    };
    (percentile("50%"), percentile("99%"))
}

/// What `wrk` says of posting `echo hi` over [`CLIENTS`] connections; `more` is added to its script.
fn wrk(address: SocketAddr, path: &str, how_long: Duration, more: &str) -> String {
    let script = build_dir().join("wrk.lua");
    let text = r#"wrk.method = "POST"
wrk.body = '{"script": "echo hi"}'
wrk.headers["content-type"] = "application/json"
"#;
    std::fs::write(&script, [text, more].concat()).expect("the build folder can be written");
    let done = Command::new("wrk")
        .args(["-t1", &format!("-c{CLIENTS}"), &format!("-d{}s", how_long.as_secs()), "--latency", "-s"])
        .arg(&script)
        .arg(format!("http://{address}{path}"))
        .output()
        .expect("wrk is there (Debian: wrk)");
    let said = String::from_utf8_lossy(&done.stdout).into_owned();
    assert!(!said.contains("Non-2xx"), "{said}");
    said
}

/// Runs started evenly, so many a second, whatever becomes of those before; how many there were.
fn paced(served: &Served, rate: f64, how_long: Duration) -> usize {
    let between = Duration::from_secs_f64(CLIENTS as f64 / rate);
    let started = Instant::now();
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..CLIENTS)
            .map(|number| {
                scope.spawn(move || {
                    let mut client = served.client(None);
                    let mut due = started + between.mul_f64(number as f64 / CLIENTS as f64);
                    let mut runs = 0;
                    while due < started + how_long {
                        std::thread::sleep(due.saturating_duration_since(Instant::now()));
                        echo(&mut client);
                        runs += 1;
                        due += between;
                    }
                    runs
                })
            })
            .collect();
        workers.into_iter().map(|worker| worker.join().expect("every run is answered")).sum()
    })
}
