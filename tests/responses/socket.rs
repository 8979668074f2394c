//! Responses over a WebSocket, with clients that behave and clients that do not.

use std::net::SocketAddr;
use std::time::Duration;

use coquina::api::{ApiConfig, Keys, NewKey, Quotas, Scope};
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::{Error, Message};

use super::sdk::models;
use super::server::Server;

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(60);

/// A connection.
struct Socket {
    runtime: Runtime,
    stream: WebSocketStream<TcpStream>,
}

impl Socket {
    /// Opens one; the status of the answer if it is none.
    fn open(address: SocketAddr, key: Option<&str>) -> Result<Socket, u16> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime starts");
        let mut request = format!("ws://{address}/v1/responses").into_client_request().expect("it is a URL");
        if let Some(key) = key {
            request.headers_mut().insert("authorization", format!("Bearer {key}").parse().expect("it is a header"));
        }
        let opened = runtime.block_on(async {
            let stream = TcpStream::connect(address).await.expect("the service listens");
            tokio_tungstenite::client_async(request, stream).await
        });
        match opened {
            Ok((stream, _)) => Ok(Socket { runtime, stream }),
            Err(Error::Http(answer)) => Err(answer.status().as_u16()),
            Err(error) => panic!("{error}"),
        }
    }

    fn send(&mut self, message: Message) {
        self.runtime.block_on(self.stream.send(message)).expect("it can be sent");
    }

    /// Asks for a response.
    fn ask(&mut self, fields: Value) {
        let mut create = json!({ "type": "response.create", "model": "m", "store": false });
        create.as_object_mut().expect("an object").extend(fields.as_object().expect("an object").clone());
        self.send(Message::Text(create.to_string().into()));
    }

    /// The next event; the close code if there is none any more.
    fn next(&mut self) -> Result<Value, Option<u16>> {
        let next = self.runtime.block_on(async { tokio::time::timeout(PATIENCE, self.stream.next()).await });
        match next.expect("something comes") {
            Some(Ok(Message::Text(text))) => Ok(serde_json::from_str(&text).expect("it is JSON")),
            Some(Ok(Message::Close(frame))) => Err(frame.map(|frame| frame.code.into())),
            Some(Ok(other)) => panic!("{other:?}"),
            Some(Err(_)) | None => Err(None),
        }
    }

    /// The response at the end of its events, which are numbered; or the error.
    fn answer(&mut self) -> Value {
        for number in 0.. {
            let event = self.next().expect("an event");
            assert_eq!(event["sequence_number"], number, "{event}");
            match event["type"].as_str().expect("text") {
                "response.completed" | "response.failed" | "response.incomplete" => return event["response"].clone(),
                "error" => return event,
                _ => {}
            }
        }
        unreachable!("events end")
    }
}

fn server() -> Server {
    Server::asking(models(), ApiConfig::default(), [])
}

fn text(response: &Value) -> &Value {
    &response["output"][0]["content"][0]["text"]
}

#[test]
fn responses_follow_each_other() {
    let server = server();
    let mut socket = Socket::open(server.address, None).expect("it opens");
    socket.ask(json!({ "input": "Say hello" }));
    socket.ask(json!({ "input": "As JSON", "store": true }));
    let first = socket.answer();
    assert_eq!((text(&first), &first["store"]), (&json!("Hello, world."), &json!(false)));
    let second = socket.answer();
    assert_eq!(text(&second), &json!("{\"name\": \"Ada\", \"age\": 36}"));
    let id = second["id"].as_str().expect("an id");
    assert_eq!(server.client().get(&format!("/v1/responses/{id}")).ok(), second);
    assert_eq!(server.client().get(&format!("/v1/responses/{}", first["id"].as_str().expect("an id"))).error().0, 404);
    for previous in [&first, &second] {
        socket.ask(json!({ "input": "Say hello", "store": true, "previous_response_id": previous["id"] }));
        let next = socket.answer();
        assert_eq!((text(&next), &next["previous_response_id"]), (&json!("Hello, world."), &previous["id"]));
    }
}

#[test]
fn what_is_not_stored_is_known_to_its_connection_alone_and_until_something_goes_wrong() {
    let server = server();
    let mut socket = Socket::open(server.address, None).expect("it opens");
    let missing = |error: &Value| {
        assert_eq!((&error["type"], &error["status"]), (&json!("error"), &json!(400)), "{error}");
        assert_eq!(error["error"]["code"], "previous_response_not_found", "{error}");
        assert_eq!(error["error"]["param"], "previous_response_id");
    };
    socket.ask(json!({ "input": "Say hello" }));
    let first = socket.answer();
    let mut other = Socket::open(server.address, None).expect("it opens");
    other.ask(json!({ "input": "Say hello", "previous_response_id": first["id"] }));
    missing(&other.answer());
    other.ask(json!({ "input": "Say hello" }));
    assert_eq!(text(&other.answer()), "Hello, world.", "it goes on");
    socket.ask(json!({ "input": "Say hello", "previous_response_id": first["id"] }));
    let second = socket.answer();
    assert_eq!(second["status"], "completed");
    let unknown = json!([{ "type": "function_call_output", "call_id": "call_x", "output": "x" }]);
    socket.ask(json!({ "input": unknown, "previous_response_id": second["id"] }));
    assert_eq!(socket.answer()["type"], "error");
    socket.ask(json!({ "input": "Say hello", "previous_response_id": second["id"] }));
    missing(&socket.answer());
}

#[test]
fn nonsense_is_answered_and_the_connection_goes_on() {
    let server = server();
    let mut socket = Socket::open(server.address, None).expect("it opens");
    for (said, code) in [
        ("", "invalid_json"),
        ("{", "invalid_json"),
        ("{}", "missing_required_parameter"),
        (r#"{"type":"response.cancel"}"#, "invalid_value"),
        (r#"{"type":"response.create","input":"x"}"#, "missing_required_parameter"),
        (r#"{"type":"response.create","model":"m","input":"x","colour":1}"#, "unknown_parameter"),
        (r#"{"type":"response.create","model":"m","input":"x","background":true}"#, "invalid_value"),
        (r#"{"type":"response.create","model":"x","input":"x"}"#, "model_not_found"),
    ] {
        socket.send(Message::Text(said.into()));
        let error = socket.answer();
        assert_eq!(error["error"]["code"], code, "{said}: {error}");
    }
    socket.send(Message::Text(r#"{"type":"response.steer","previous_response_id":"resp_x","input":"Stop"}"#.into()));
    let failed = socket.next().expect("an event");
    assert_eq!(
        (&failed["type"], &failed["error"]["code"]),
        (&json!("response.steer.failed"), &json!("steering_not_supported"))
    );
    assert_eq!(
        failed["steer"],
        json!({ "previous_response_id": "resp_x", "input": "Stop" }),
        "the client gets it back"
    );
    socket.send(Message::Ping("x".into()));
    assert!(matches!(socket.runtime.block_on(socket.stream.next()), Some(Ok(Message::Pong(_)))));
    socket.ask(json!({ "input": "Say hello" }));
    assert_eq!(text(&socket.answer()), "Hello, world.");
    socket.send(Message::Binary(b"{}".as_slice().into()));
    assert_eq!(socket.next(), Err(Some(1003)));
}

#[test]
fn what_is_said_beforehand_is_gone_on_from_and_no_model_is_asked() {
    let server = server();
    let mut socket = Socket::open(server.address, None).expect("it opens");
    for said in [json!([]), json!("I am Ada.")] {
        socket.ask(json!({ "input": said, "generate": false }));
        let first = socket.answer();
        assert_eq!((&first["status"], &first["output"]), (&json!("completed"), &json!([])), "{first}");
        assert_eq!(first["usage"]["total_tokens"], 0, "{first}");
        socket.ask(json!({ "input": "Who am I", "generate": false, "previous_response_id": first["id"] }));
        let second = socket.answer();
        socket.ask(json!({ "input": "Say hello", "previous_response_id": second["id"] }));
        assert_eq!(text(&socket.answer()), "Hello, world.");
    }
    // What is stored is known elsewhere too, with all that was said.
    socket.ask(json!({ "input": "Say hello", "generate": false, "store": true }));
    let stored = socket.answer();
    let made = server
        .client()
        .post("/v1/responses", &json!({ "model": "m", "input": [], "previous_response_id": stored["id"] }));
    assert_eq!(text(&made.ok()), "Hello, world.");
    for (fields, param) in [
        (json!({ "input": [{ "type": "compaction_trigger" }], "generate": false }), "input"),
        (json!({ "input": "x", "generate": "no" }), "generate"),
    ] {
        socket.ask(fields);
        assert_eq!(socket.answer()["error"]["param"], param);
    }
    let posted = json!({ "model": "m", "input": "x", "generate": false });
    let (status, code, _) = server.client().post("/v1/responses", &posted).error();
    assert_eq!((status, code.as_str()), (400, "unknown_parameter"), "only a WebSocket has it");
}

#[test]
fn what_is_stored_is_gone_on_from_where_that_is_known_which_is_not() {
    let server = server();
    let mut socket = Socket::open(server.address, None).expect("it opens");
    socket.ask(json!({ "input": "One" }));
    let mut id = socket.answer()["id"].clone();
    for store in [true, true, false, true] {
        socket.ask(json!({ "input": "Say hello", "store": store, "previous_response_id": id }));
        let next = socket.answer();
        assert_eq!(text(&next), "Hello, world.", "{next}");
        id = next["id"].clone();
    }
    let mut other = Socket::open(server.address, None).expect("it opens");
    other.ask(json!({ "input": "Say hello", "previous_response_id": id }));
    assert_eq!(other.answer()["error"]["code"], "previous_response_not_found", "what is not stored is missing");
}

#[test]
fn lanes_take_turns_and_have_a_memory_each() {
    let server = server();
    let mut socket = Socket::open(server.address, None).expect("it opens");
    for lane in ["a", "b"] {
        socket.ask(json!({ "input": "One", "stream_id": lane }));
    }
    let mut ids = Vec::new();
    for lane in ["a", "b"] {
        loop {
            let event = socket.next().expect("an event");
            assert_eq!(event["stream_id"], lane, "{event}");
            if event["type"] == "response.completed" {
                ids.push(event["response"]["id"].clone());
                break;
            }
        }
    }
    let mut on = |lane, id: &Value| {
        socket.ask(json!({ "input": "Say hello", "stream_id": lane, "previous_response_id": id }));
        let answer = socket.answer();
        answer["error"]["code"].as_str().unwrap_or("none").to_owned()
    };
    assert_eq!(on("c", &ids[0]), "none", "a lane begins with what was said in another,");
    assert_eq!(on("b", &ids[1]), "none", "which is still there; each has its own,");
    assert_eq!(on("a", &ids[0]), "none");
    assert_eq!(on("a", &ids[0]), "previous_response_not_found", "and only the latest");
    for lane in 0..9 {
        socket.ask(json!({ "input": "One", "stream_id": format!("lane_{lane}") }));
        ids.push(socket.answer()["id"].clone());
    }
    let mut on = |at: usize| {
        socket.ask(json!({ "input": "Say hello", "stream_id": "later", "previous_response_id": ids[at] }));
        socket.answer()["error"]["code"].clone()
    };
    assert_eq!(on(2), "previous_response_not_found", "so many are remembered");
    assert_eq!(on(10), Value::Null);
    for lane in [json!(""), json!("a b"), json!("\"a"), json!(1), json!("x".repeat(257))] {
        socket.ask(json!({ "input": "One", "stream_id": lane }));
        let error = socket.answer();
        assert_eq!((&error["error"]["param"], &error["stream_id"]), (&json!("stream_id"), &Value::Null), "{error}");
    }
    socket.ask(json!({ "input": "One", "stream_id": "a", "colour": 1 }));
    assert_eq!(socket.answer()["stream_id"], "a", "errors have one too");
}

#[test]
fn a_message_too_large_and_a_connection_too_old_are_told_why_they_end() {
    let config = ApiConfig { body_bytes: 2000, ..ApiConfig::default() };
    let server = Server::asking(models(), config, []);
    let mut socket = Socket::open(server.address, None).expect("it opens");
    socket.ask(json!({ "input": "x".repeat(1000) }));
    assert_eq!(socket.answer()["status"], "completed");
    socket.ask(json!({ "input": "x".repeat(2000) }));
    assert_eq!(socket.next(), Err(Some(1009)));
    let config = ApiConfig { response_socket: Duration::from_millis(1), ..ApiConfig::default() };
    let server = Server::asking(models(), config, []);
    let mut socket = Socket::open(server.address, None).expect("it opens");
    let error = socket.answer();
    assert_eq!((&error["type"], &error["status"]), (&json!("error"), &json!(400)), "{error}");
    assert_eq!(error["error"]["code"], "websocket_connection_limit_reached");
    assert_eq!(socket.next(), Err(Some(1001)));
}

#[test]
fn a_container_is_gone_on_with_over_several_connections() {
    let server = server();
    let tools = json!([{ "type": "shell", "environment": { "type": "container_auto" } }]);
    let mut first = Socket::open(server.address, None).expect("it opens");
    first.ask(json!({ "input": "Write the note", "tools": tools, "store": true }));
    let written = first.answer();
    first
        .ask(json!({ "input": "Read the note", "tools": tools, "store": true, "previous_response_id": written["id"] }));
    let read = first.answer();
    assert_eq!(read["output"][2]["content"][0]["text"], "It says kept.", "{read}");
    drop(first);
    let mut second = Socket::open(server.address, None).expect("it opens");
    second.ask(json!({ "input": "Read the note", "tools": tools, "previous_response_id": read["id"] }));
    let again = second.answer();
    assert_eq!(again["output"][2]["content"][0]["text"], "It says kept.", "{again}");
}

#[test]
fn a_silent_client_is_asked_whether_it_is_there() {
    let config = ApiConfig { keep_alive: Duration::from_millis(1), ..ApiConfig::default() };
    let server = Server::asking(models(), config, []);
    let mut socket = Socket::open(server.address, None).expect("it opens");
    let next = socket.runtime.block_on(async { tokio::time::timeout(PATIENCE, socket.stream.next()).await });
    assert!(matches!(next, Ok(Some(Ok(Message::Ping(_))))), "{next:?}");
}

#[test]
fn a_client_that_goes_away_takes_its_response_along() {
    let server = server();
    let mut socket = Socket::open(server.address, None).expect("it opens");
    socket.ask(
        json!({ "input": "Never end", "tools": [{ "type": "shell", "environment": { "type": "container_auto" } }] }),
    );
    server.until("coquina_execs_running 1");
    drop(socket);
    server.until("coquina_execs_running 0");
    server.until("coquina_responses_running 0");
}

#[test]
fn keys_and_quotas_hold() {
    let key =
        |scope, quotas| Keys::make(NewKey { name: "k".into(), owner: None, scope, quotas }, 0).expect("a good name");
    let (reader, reads) = key(Scope::Read, Quotas::default());
    let (runner, runs) = key(Scope::Exec, Quotas { requests_per_minute: Some(2), ..Quotas::default() });
    let server = Server::asking(models(), ApiConfig::default(), [reader, runner]);
    assert_eq!(Socket::open(server.address, None).err(), Some(401));
    assert_eq!(Socket::open(server.address, Some(&reads)).err(), Some(403), "it is there to run things");
    let mut socket = Socket::open(server.address, Some(&runs)).expect("it opens");
    let asked = |socket: &mut Socket| {
        socket.ask(json!({ "input": "Say hello" }));
        socket.answer()
    };
    assert_eq!(asked(&mut socket)["status"], "completed");
    assert_eq!(asked(&mut socket)["status"], 429, "each is a request");
    server.replace_keys([]);
    socket.ask(json!({ "input": "Say hello" }));
    assert_eq!(socket.next(), Err(Some(1008)), "a key that is gone ends it");
}
