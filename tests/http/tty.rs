//! Interactive shells over WebSockets, with clients that behave and clients that do not.

use std::net::SocketAddr;
use std::time::Duration;

use coquina::api::{ApiConfig, Key, Keys, NewKey, Quotas, Scope};
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error, Message};

use super::client::Client;
use super::server::Server;

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(60);

/// One terminal, as a client sees it.
struct Tty {
    runtime: Runtime,
    socket: WebSocketStream<TcpStream>,
    /// What was printed and not asked for yet.
    printed: Vec<u8>,
    /// Text frames that came.
    told: Vec<Value>,
}

impl Tty {
    /// Opens one; the status and body of the answer if it is none.
    fn open(address: SocketAddr, key: Option<&str>, path: &str) -> Result<Tty, (u16, String)> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime starts");
        let mut request = format!("ws://{address}{path}").into_client_request().expect("it is a URL");
        if let Some(key) = key {
            let value = format!("Bearer {key}").parse().expect("it is a header");
            request.headers_mut().insert("authorization", value);
        }
        let opened = runtime.block_on(async {
            let stream = TcpStream::connect(address).await.expect("the service listens");
            // This end sends whatever it is told to.
            let config = WebSocketConfig::default().max_frame_size(None).max_message_size(None);
            tokio_tungstenite::client_async_with_config(request, stream, Some(config)).await
        });
        match opened {
            Ok((socket, _)) => Ok(Tty { runtime, socket, printed: Vec::new(), told: Vec::new() }),
            Err(Error::Http(answer)) => {
                let body = answer.body().clone().unwrap_or_default();
                Err((answer.status().as_u16(), String::from_utf8_lossy(&body).into_owned()))
            }
            Err(error) => panic!("{error}"),
        }
    }

    /// A terminal in a fresh container, at its prompt.
    fn fresh(server: &Server) -> (Tty, String) {
        let id = container(&mut server.client());
        let mut tty = Tty::open(server.address, None, &format!("/v1/containers/{id}/tty")).expect("it opens");
        assert_eq!(tty.until("$ "), "$ ");
        assert_eq!(tty.told, [json!({ "type": "ready", "container_id": id })]);
        (tty, id)
    }

    fn send(&mut self, message: Message) {
        // That the service has hung up shows when it is listened to.
        let _ = self.runtime.block_on(self.socket.send(message));
    }

    fn type_in(&mut self, text: impl AsRef<[u8]>) {
        self.send(Message::Binary(text.as_ref().to_vec().into()));
    }

    fn control(&mut self, what: &Value) {
        self.send(Message::Text(what.to_string().into()));
    }

    /// The next frame that is no ping; a close frame's code and reason once it is over.
    fn frame(&mut self) -> Result<Message, (u16, String)> {
        loop {
            let next = self.runtime.block_on(async { tokio::time::timeout(PATIENCE, self.socket.next()).await });
            match next.expect("something comes in time") {
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                Some(Ok(Message::Close(Some(close)))) => return Err((close.code.into(), close.reason.to_string())),
                Some(Ok(message @ (Message::Binary(_) | Message::Text(_)))) => return Ok(message),
                Some(Ok(_)) | Some(Err(_)) | None => return Err((1006, String::new())),
            }
        }
    }

    fn listen(&mut self) -> Result<(), (u16, String)> {
        match self.frame()? {
            Message::Binary(bytes) => self.printed.extend(bytes),
            Message::Text(text) => self.told.push(serde_json::from_str(&text).expect("it is JSON")),
            _ => {}
        }
        Ok(())
    }

    /// What is printed up to and with `end`.
    #[track_caller]
    fn until(&mut self, end: &str) -> String {
        let end = end.as_bytes();
        loop {
            if let Some(at) = self.printed.windows(end.len()).position(|part| part == end) {
                let rest = self.printed.split_off(at + end.len());
                let found = std::mem::replace(&mut self.printed, rest);
                return String::from_utf8_lossy(&found).into_owned();
            }
            if let Err(end) = self.listen() {
                panic!("{end:?} after {:?}", self.printed.escape_ascii().to_string());
            }
        }
    }

    /// What a command prints between the line it is typed in and the next prompt.
    #[track_caller]
    fn run(&mut self, command: &str) -> String {
        self.type_in(format!("{command}\r"));
        let echo = format!("{command}\r\n");
        assert_eq!(self.until("\n"), echo);
        self.until("$ ").strip_suffix("$ ").expect("it ends so").to_owned()
    }

    /// How it ends: the close code and reason.
    fn end(&mut self) -> (u16, String) {
        loop {
            if let Err(end) = self.listen() {
                return end;
            }
        }
    }
}

fn container(client: &mut Client) -> String {
    let made = client.post("/v1/containers", &json!({ "name": "tty" })).ok();
    made["id"].as_str().expect("an id").to_owned()
}

fn key(name: &str, scope: Scope, quotas: Quotas) -> (Key, String) {
    Keys::make(NewKey { name: name.into(), owner: Some("one".into()), scope, quotas }, 0).expect("a good name")
}

#[test]
fn a_shell_is_typed_into() {
    let server = Server::start();
    let (mut tty, id) = Tty::fresh(&server);
    assert_eq!(tty.run("echo hi"), "hi\r\n");
    assert_eq!(tty.run("x=5; cd /mnt/data; echo $x > note"), "");
    assert_eq!(tty.run("pwd; cat note; echo $x"), "/mnt/data\r\n5\r\n5\r\n");
    assert_eq!(
        tty.run("echo 1; echo 2 >&2; echo 3; ls nowhere; echo 4"),
        "1\r\n2\r\n3\r\nls: cannot access 'nowhere': No such file or directory\r\n4\r\n"
    );
    assert_eq!(tty.run("[ -t 0 ] && [ -t 1 ] && [ -t 2 ] && echo terminal"), "terminal\r\n");
    tty.type_in("for i in 1 2\r");
    assert_eq!(tty.until("> "), "for i in 1 2\r\n> ");
    tty.type_in("do echo \"$i\r");
    assert_eq!(tty.until("> "), "do echo \"$i\r\n> ");
    tty.type_in("x\"; done\r");
    assert_eq!(tty.until("$ "), "x\"; done\r\n1\r\nx\r\n2\r\nx\r\n$ ");
    tty.type_in("echo one\\\r");
    assert_eq!(tty.until("> "), "echo one\\\r\n> ");
    assert_eq!(tty.run("two"), "onetwo\r\n");
    assert_eq!(tty.run(""), "");
    assert_eq!(
        tty.run("echo )"),
        "bash: -c: line 1: syntax error near unexpected token `)'\r\nbash: -c: line 1: `echo )'\r\n"
    );
    let mut client = server.client();
    let seen =
        client.post(&format!("/v1/containers/{id}/exec"), &json!({ "command": "cat $PWD/note", "session": true }));
    assert_eq!(seen.ok()["stdout"], "5\n", "the container and its session are everybody's");
    let log = client.get(&format!("/v1/containers/{id}/log?limit=1&order=desc")).ok();
    assert!(log["data"][0]["seq"].as_u64().expect("a number") > 8, "every command is on record: {log}");
    tty.type_in("exit 3\r");
    assert_eq!(tty.end(), (1000, String::new()));
    assert_eq!(tty.told.last(), Some(&json!({ "type": "exit", "code": 3 })));
    server.until("coquina_websockets 0");
}

#[test]
fn commands_read_what_is_typed() {
    let server = Server::start();
    let (mut tty, _) = Tty::fresh(&server);
    tty.type_in("read -p 'name? ' name; echo \"<$name>\"\r");
    tty.until("\r\nname? ");
    tty.type_in("Adx\x7fa\r");
    assert_eq!(tty.until("$ "), "Adx\x08 \x08a\r\n<Ada>\r\n$ ");
    tty.type_in("cat; cat | tr a-z A-Z\rone\r\x04");
    assert!(tty.until("tr a-z A-Z\r\n").ends_with("\r\n"));
    tty.until("one\r\none\r\n");
    tty.type_in("two\r\x04");
    assert_eq!(tty.until("$ "), "two\r\nTWO\r\n$ ");
    assert_eq!(tty.run("read -t 0.01 never || echo in time"), "in time\r\n");
    tty.type_in("sleep 0; echo first\recho second\r");
    assert!(tty.until("first\r\n$ ").len() > 10);
    assert_eq!(tty.until("second\r\n$ "), "second\r\n$ ", "what no command reads is the next command");
    tty.type_in("\x04");
    assert_eq!(tty.until("exit\r\n"), "exit\r\n");
    assert_eq!(tty.end().0, 1000);
}

#[test]
fn every_byte_can_be_typed_and_printed() {
    let server = Server::start();
    let (mut tty, _) = Tty::fresh(&server);
    tty.type_in("printf '\\0\\377\\001\\n\\t'\r");
    tty.until("t'\r\n");
    while !tty.printed.ends_with(b"$ ") {
        tty.listen().expect("more comes");
    }
    assert_eq!(tty.printed, b"\0\xff\x01\r\n\t$ ");
    tty.printed.clear();
    tty.type_in("od -An -v -tx1\r");
    tty.until("\n");
    let bytes: Vec<u8> = (0..=255).filter(|byte| !b"\n\r".contains(byte)).collect();
    tty.type_in(bytes.iter().flat_map(|byte| [0x16, *byte]).collect::<Vec<u8>>());
    tty.type_in("\x04\x04");
    // The first row follows what was shown of the bytes in the same line.
    assert!(tty.until("\n").ends_with(" 00 01 02 03 04 05 06 07 08 09 0b 0c 0e 0f 10 11\r\n"));
    let rows = tty.until("$ ");
    let expected: Vec<String> = bytes[16..].iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(rows.trim_end_matches("$ ").split_whitespace().collect::<Vec<_>>(), expected);
}

#[test]
fn keys_and_signals_end_commands() {
    let server = Server::start();
    let (mut tty, _) = Tty::fresh(&server);
    tty.type_in("echo begun; sleep 1000\r");
    tty.until("begun\r\n");
    tty.type_in("\x03");
    assert_eq!(tty.until("$ "), "^C\r\n$ ");
    tty.type_in("echo begun; while :; do :; done\r");
    tty.until("begun\r\n");
    tty.control(&json!({ "type": "signal", "signal": "TERM" }));
    assert_eq!(tty.until("$ "), "\r\n$ ");
    tty.type_in("trap 'echo caught' INT; echo begun; while :; do :; done\r");
    tty.until("begun\r\n");
    tty.type_in("\x03");
    assert_eq!(tty.until("caught\r\n"), "^Ccaught\r\n");
    tty.type_in("\x1c");
    tty.until("$ ");
    tty.type_in("echo 'half a line\r");
    tty.until("> ");
    tty.type_in("\x03");
    assert_eq!(tty.until("$ "), "^C\r\n$ ");
    assert_eq!(tty.run("echo whole"), "whole\r\n");
}

#[test]
fn a_terminal_has_a_size() {
    let server = Server::start();
    let id = container(&mut server.client());
    let mut tty =
        Tty::open(server.address, None, &format!("/v1/containers/{id}/tty?cols=20&rows=5")).expect("it opens");
    tty.until("$ ");
    tty.run("cd /tmp; touch aaaaaaaa bbbbbbbb cccccccc");
    assert_eq!(tty.run("ls"), "aaaaaaaa  cccccccc\r\nbbbbbbbb\r\n");
    tty.control(&json!({ "type": "resize", "cols": 100, "rows": 30 }));
    assert_eq!(tty.run("ls"), "aaaaaaaa  bbbbbbbb  cccccccc\r\n");
    tty.type_in("trap 'ls; exit' WINCH; echo begun; while :; do :; done\r");
    tty.until("begun\r\n");
    tty.control(&json!({ "type": "resize", "cols": 10, "rows": 30 }));
    assert_eq!(tty.until("$ "), "aaaaaaaa\r\nbbbbbbbb\r\ncccccccc\r\n$ ", "while a command runs, too");
    for query in ["cols=0", "rows=10001", "cols=x", "cols=-1", "cols=1&cols=2", "size=1"] {
        let answer = Tty::open(server.address, None, &format!("/v1/containers/{id}/tty?{query}")).err();
        assert_eq!(answer.map(|(status, _)| status), Some(400), "{query}");
    }
}

#[test]
fn only_who_may_run_commands_has_a_terminal() {
    let (read, reads) = key("reader", Scope::Read, Quotas::default());
    let (exec, execs) = key("runner", Scope::Exec, Quotas { requests_per_minute: Some(5), ..Quotas::default() });
    let (other, others) = {
        let new = NewKey { name: "o".into(), owner: None, scope: Scope::Exec, quotas: Quotas::default() };
        Keys::make(new, 0).expect("a good name")
    };
    let server = Server::with(ApiConfig { sockets: 1, ..ApiConfig::default() }, [read, exec.clone(), other]);
    let mut client = server.client();
    client.key = Some(execs.clone());
    let path = format!("/v1/containers/{}/tty", container(&mut client));
    let refused = |key: Option<&str>| Tty::open(server.address, key, &path).err().map(|(status, _)| status);
    assert_eq!(refused(None), Some(401));
    assert_eq!(refused(Some(&reads)), Some(403));
    assert_eq!(refused(Some(&others)), Some(404));
    assert_eq!(client.get(&path).error().0, 400, "no WebSocket");
    let mut tty = Tty::open(server.address, Some(&execs), &path).expect("it opens");
    tty.until("$ ");
    assert_eq!(refused(Some(&execs)), Some(429), "one is what there may be");
    assert_eq!(tty.run("echo hi"), "hi\r\n");
    assert!(tty.run("echo hi").starts_with("coquina: Rate limit reached"));
    server.replace_keys([Key { revoked_at_ms: Some(1), ..exec }]);
    tty.type_in("echo hi\r");
    assert_eq!(tty.end(), (1008, "the key has been revoked".into()));
}

#[test]
fn who_hangs_up_takes_the_command_along() {
    let server = Server::start();
    for ends in [false, true] {
        let (mut tty, id) = Tty::fresh(&server);
        tty.type_in("touch begun; echo begun; while :; do :; done\r");
        tty.until("begun\r\n");
        if ends {
            tty.send(Message::Close(None));
        } else {
            drop(tty);
        }
        server.until("coquina_execs_running 0");
        server.until("coquina_websockets 0");
        let done = server.client().post(&format!("/v1/containers/{id}/exec"), &json!({ "command": "ls" })).ok();
        assert_eq!(done["stdout"], "begun\n");
    }
    let (mut tty, _) = Tty::fresh(&server);
    tty.type_in("yes\r");
    tty.until("y\r\n");
    drop(tty);
    server.until("coquina_execs_running 0");
}

#[test]
fn one_waits_for_another_and_need_not() {
    let server = Server::start();
    let (mut one, id) = Tty::fresh(&server);
    let mut two = Tty::open(server.address, None, &format!("/v1/containers/{id}/tty")).expect("it opens");
    two.until("$ ");
    one.type_in("echo begun; read line\r");
    one.until("begun\r\n");
    two.type_in("echo turn\r");
    two.until("turn\r\n");
    two.type_in("\x03");
    assert_eq!(two.until("$ "), "^C\r\n$ ", "it gives up waiting");
    two.type_in("echo turn\r");
    two.until("turn\r\n");
    one.type_in("x\r");
    assert_eq!(two.until("$ "), "turn\r\n$ ");
}

#[test]
fn frames_that_make_no_sense_do_no_harm() {
    let server = Server::start();
    let (mut tty, _) = Tty::fresh(&server);
    for text in [
        "",
        "{",
        "[]",
        "null",
        "{}",
        r#"{"type": "resize"}"#,
        r#"{"type": "resize", "cols": 0, "rows": 1}"#,
        r#"{"type": "resize", "cols": -1, "rows": 1}"#,
        r#"{"type": "resize", "cols": 1, "rows": 1, "x": 1}"#,
        r#"{"type": "signal", "signal": "NONE"}"#,
        r#"{"type": "signal", "signal": 9}"#,
        r#"{"type": "reboot"}"#,
    ] {
        tty.told.clear();
        tty.send(Message::Text(text.into()));
        tty.listen().expect("it goes on");
        assert_eq!(tty.told.first().map(|told| &told["type"]), Some(&json!("error")), "{text}");
    }
    tty.control(&json!({ "type": "signal", "signal": "KILL" }));
    assert_eq!(tty.run("echo still here"), "still here\r\n", "nothing ran that could be killed");
    tty.type_in([b'x'; 0]);
    tty.type_in(vec![0; 100]);
    tty.type_in("\x03");
    tty.until("^C\r\n$ ");
    let (mut large, _) = Tty::fresh(&server);
    large.type_in(vec![b'x'; (64 << 10) + 1]);
    assert_eq!(large.end().0, 1002);
    let (mut ahead, _) = Tty::fresh(&server);
    ahead.type_in("sleep 1000\r");
    ahead.until("\n");
    for _ in 0..40 {
        ahead.type_in("y\r".repeat(16 << 10));
    }
    assert_eq!(ahead.end(), (1008, "too much was typed ahead of what is read".into()));
    server.until("coquina_execs_running 0");
    assert_eq!(tty.run("echo still here"), "still here\r\n");
}

#[test]
fn bytes_that_are_no_frames_end_it() {
    let server = Server::start();
    let id = container(&mut server.client());
    let handshake = format!(
        "GET /v1/containers/{id}/tty HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
         sec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    );
    for bytes in [
        &b"\x82\x01x"[..],                                              // not masked
        b"\xf2\x81\0\0\0\0x",                                           // reserved bits
        b"\x83\x81\0\0\0\0x",                                           // an opcode that there is not
        b"\x80\x81\0\0\0\0x",                                           // goes on with what was not begun
        b"\x81\x82\0\0\0\0\xff\xfe",                                    // a text that is none
        &[b"\x89\xfe\x01\0\0\0\0\0".as_slice(), &[b'x'; 256]].concat(), // a ping that is too long
        b"\x82\xff\xff\xff\xff\xff\xff\xff\xff\xff\0\0\0\0",            // a frame larger than anything
        b"\x88\x81\0\0\0\0x",                                           // a close frame cut short
        b"GET / HTTP/1.1\r\n\r\n",
    ] {
        let mut client = server.client();
        client.raw(handshake.as_bytes());
        assert_eq!(client.head().0, 101);
        client.raw(bytes);
        while !client.is_closed() {
            client.skip();
        }
    }
    server.until("coquina_websockets 0");
    for (missing, status) in [("sec-websocket-key", 400), ("sec-websocket-version", 400), ("upgrade: ", 400)] {
        let partial: String = handshake.split_inclusive("\r\n").filter(|line| !line.starts_with(missing)).collect();
        let mut client = server.client();
        client.raw(partial.as_bytes());
        assert_eq!(client.answer().error().0, status, "{missing}");
    }
}

#[test]
fn a_terminal_does_not_stay_for_ever() {
    let soon = Duration::from_millis(20);
    let config = ApiConfig { terminal_idle: soon, keep_alive: Duration::from_millis(5), ..ApiConfig::default() };
    let server = Server::with(config, []);
    let id = container(&mut server.client());
    let mut tty = Tty::open(server.address, None, &format!("/v1/containers/{id}/tty")).expect("it opens");
    assert_eq!(tty.end(), (1008, "nothing happened for 0 s".into()));
    let mut server = Server::start();
    let (mut idle, _) = Tty::fresh(&server);
    let (mut busy, _) = Tty::fresh(&server);
    busy.type_in("while :; do :; done\r");
    server.until("coquina_execs_running 1");
    server.stop();
    assert_eq!(idle.end(), (1001, "the service is stopping".into()));
    assert_eq!(busy.end(), (1001, "the service is stopping".into()));
}
